"""Whatever parameters and names a fit takes, a file holds; what it gives back means the same."""

from __future__ import annotations

import enum
from array import array
from collections import Counter, OrderedDict, defaultdict, deque, namedtuple
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest

import pymlp
from pymlp import MLPClassifier, MLPEnsembleRegressor, MLPRegressor, schedules

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

rng = np.random.default_rng(0)
X = rng.normal(size=(40, 3))
LABELS = np.arange(40) % 3


class Text(str, enum.Enum):  # noqa: UP042 - whose str() is the name
    ADAM = "adam"
    RELU = "relu"
    AUTO = "auto"
    FULL = "full"
    SKLEARN = "sklearn"


class Two(enum.IntEnum):
    TWO = 2


Sizes = namedtuple("Sizes", ["first", "second"])


class Numbers(list):  # type: ignore[type-arg]
    pass


def numbers(value: float) -> list[Any]:
    kinds = (np.float16, np.float32, np.float64, np.longdouble)
    return [*(kind(value) for kind in kinds), np.longdouble(value) + np.longdouble(1e-19)]


SETTINGS: dict[str, list[Any]] = {
    "hidden_layer_sizes": [
        *(5, np.int32(5), np.uint8(5), Two.TWO, (), [], (5, 4), [5, np.int64(4)], (Two.TWO,)),
        *(np.array([5, 4]), np.array(5), np.array([5], ">i4"), np.array([5], "u8")),
        *(range(3, 5), deque([5, 4]), array("i", [5, 4]), Sizes(5, 4), Numbers([5])),
        *(pd.Series([5, 4]), pd.Index([5]), pd.array([5, 4], "Int64"), pl.Series([5, 4])),
        *(np.ma.array([5, 4]), np.array([5, 4]).view(np.recarray)),
    ],
    "activation": [
        *(Text.RELU, np.str_("tanh"), ["relu"], ("tanh",), [Text.RELU], [np.str_("mish")]),
        *(np.array(["relu"]), np.array(["relu"], object), deque(["relu"])),
        *(pd.Series(["gelu"]), pd.Categorical(["relu"]), pl.Series(["elu"])),
    ],
    "dropout": [
        *numbers(0.25),
        *([0.1], (0.1,), [Fraction(1, 3)], pd.Series([0.1]), 0, False),
        *(np.array([0.1], dtype) for dtype in ("f2", "f4", "f8", np.longdouble)),
    ],
    "solver": [Text.ADAM, np.str_("sgd")],
    "batch_size": [Text.AUTO, np.int8(3), Two.TWO, True],
    "warm_start": [Text.FULL, np.True_],
    "init": [Text.SKLEARN],
    "learning_rate": [
        schedules.Cosine(np.float32(0.1)),
        schedules.Step(np.float32(0.5), np.int64(3)),
    ],
    "learning_rate_init": numbers(0.01),
    "power_t": numbers(0.5),
    "tol": numbers(0.5),
    "ema_decay": numbers(0.5),
    "n_iter_no_change": [np.inf, np.float32(np.inf), np.int8(4)],
    "random_state": [np.uint32(4)],
    "class_weight": [
        OrderedDict({0: 1.0}),
        Counter({0: 2, 1: 1, 2: 1}),
        defaultdict(float, {0: 1.0, 1: Fraction(1, 3), 2: 1}),
        {np.int64(0): np.longdouble(1) / 3},
    ],
}


def plain(value: Any) -> Any:
    """Value in types of Python's, to compare."""
    if isinstance(value, dict):
        return {int(key): float(weight) for key, weight in value.items()}
    if isinstance(value, schedules.Schedule):
        return repr({k: plain(v) for k, v in value.get_params().items()})
    if isinstance(value, str) or value is None:
        return str.__str__(value) if value else value
    if isinstance(value, list):
        return [plain(item) for item in value]
    if np.ndim(value) == 0:
        return float(value)
    return [plain(item) for item in np.asarray(value).tolist()]


@pytest.mark.parametrize("estimator", [MLPClassifier, MLPRegressor])
@pytest.mark.parametrize("name", SETTINGS)
def test_settings_of_every_kind(name: str, estimator: Any, tmp_path: Path) -> None:
    if estimator is MLPRegressor and name == "class_weight":
        return
    for value in SETTINGS[name]:
        params = {"hidden_layer_sizes": (5,), "max_iter": 1, "random_state": 0} | {name: value}
        model = estimator(**params).fit(X, LABELS)
        model.save(tmp_path / "model", optimizer=True)
        loaded = pymlp.load(tmp_path / "model")
        assert plain(getattr(loaded, name)) == plain(value)
        np.testing.assert_array_equal(loaded.predict(X), model.predict(X))
        again = loaded.set_params(warm_start=False).fit(X, LABELS)
        np.testing.assert_array_equal(again.coefs_[0], model.coefs_[0])


@pytest.mark.parametrize(
    "quantile", [(0.2,), np.array([0.1], "f4"), [np.float32(0.25), 0.5], pd.Series([0.1, 0.9])]
)
def test_quantiles_of_every_kind(quantile: Any, tmp_path: Path) -> None:
    member = MLPRegressor("pinball", range(3, 5), quantile=quantile, max_iter=1)
    for model in (member, MLPEnsembleRegressor(member, n_estimators=2)):
        model.fit(X, X[:, 0]).save(tmp_path / "model")
        loaded = pymlp.load(tmp_path / "model")
        np.testing.assert_array_equal(loaded.predict(X), model.predict(X))


@pytest.mark.parametrize(
    "names",
    [
        ["\ud800", "\x00", "\u202e"],
        ["é\n", " ", "'\""],
        ["a", "a ", "\ufeff"],
        ["{}", "\\", "</script>"],
        ["0", "1", "z" * 5000],
    ],
    ids=ascii,
)
def test_names_of_every_kind(names: list[str], tmp_path: Path) -> None:
    # as objects: of strings pandas makes pyarrow's, which hold no surrogates
    frame = pd.DataFrame(X, columns=pd.Index(names, dtype=object))
    model = MLPClassifier((5,), max_iter=1).fit(frame, LABELS)
    model.save(tmp_path / "model")
    loaded = pymlp.load(tmp_path / "model")
    assert loaded.feature_names_in_.tolist() == names
    np.testing.assert_array_equal(loaded.predict(frame), model.predict(frame))


@pytest.mark.parametrize("estimator", [MLPClassifier, MLPRegressor])
@pytest.mark.parametrize("name", ["alpha", "dropout", "tol", "power_t"])
def test_numbers_that_are_refused_are_named(name: str, estimator: Any) -> None:
    message = f"'{name}' parameter of {estimator.__name__} must be a number of Python's int or"
    with pytest.raises(ValueError, match=message):
        estimator(**{name: Fraction(1, 3)}).fit(X, LABELS)


def test_durations_are_no_sizes() -> None:
    with pytest.raises(ValueError, match="hidden_layer_sizes must be an integer or a sequence"):
        MLPClassifier(np.array([5], "m8[s]")).fit(X, LABELS)
