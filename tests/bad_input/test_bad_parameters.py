"""Parameters out of range or of the wrong type: errors name parameter, value and what is allowed.

What single parameters may be is taken from the declared constraints, so that none is forgotten;
what the constraints cannot say has words of its own.
"""

import re
from collections.abc import Callable
from copy import copy
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.utils._param_validation import make_constraint
from unchanged import state_of

from pymlp import (
    MLPClassifier,
    MLPEnsembleClassifier,
    MLPEnsembleRegressor,
    MLPRegressor,
    callbacks,
    schedules,
)
from pymlp.datasets import load_idx, load_mnist

pytestmark = pytest.mark.filterwarnings(
    "ignore:.*Stochastic Optimizer. Maximum iterations:sklearn.exceptions.ConvergenceWarning"
)

rng = np.random.default_rng(0)
X = rng.integers(-8, 9, size=(30, 5)) / 4
LABELS, TARGETS = np.arange(30) % 3, X[:, 0]
NAN, INF = np.nan, np.inf


def build(estimator: Any, /, **params: Any) -> Any:
    if estimator in (MLPEnsembleClassifier, MLPEnsembleRegressor):
        member = build(MLPClassifier if estimator is MLPEnsembleClassifier else MLPRegressor)
        return estimator(**{"estimator": member, "n_estimators": 2, "random_state": 0} | params)
    defaults = {"hidden_layer_sizes": (4,), "max_iter": 2, "random_state": 0, "batch_size": 20}
    return estimator(**defaults | params)


def target(estimator: Any) -> np.ndarray:
    return LABELS if "Classifier" in estimator.__name__ else TARGETS


def assert_refused(model: Any, call: Callable[[Any], Any], message: str) -> None:
    """It is a ValueError with this message, and the estimator is as it was."""
    before = state_of(model)
    with pytest.raises(ValueError, match=message):
        call(model)
    assert state_of(model) == before


# --- what the declared constraints refuse ---------------------------------------------------------

POSITIVE = [0, -0.1, NAN, INF, "1", None, [0.1], 1j]
NOT_NEGATIVE = [-0.1, NAN, INF, "0", None, np.array(0.1)]
COUNT = [0, -1, 1.5, NAN, "5", None, [3]]
BOOLEAN = [2, "yes", None, 0.0]
OPTIONAL_COUNT = [0, -3, 1.5, "two", [2]]
BAD: dict[str, list[Any]] = {
    "hidden_layer_sizes": [0, -1, 1.5, None, "9", b"9", iter([3])],
    "activation": ["gelus", "RELU", b"relu", None, 3, max],
    "solver": ["SGD", b"adam", None, 3, ["adam"], np.array("adam")],
    "alpha": NOT_NEGATIVE,
    "batch_size": [*COUNT, "AUTO", INF],
    "learning_rate": ["Constant", None, 0.1, ["constant"]],
    "learning_rate_init": POSITIVE,
    "power_t": NOT_NEGATIVE,
    "max_iter": [*COUNT, INF],
    "shuffle": BOOLEAN,
    "random_state": ["seed", -1, 1.5, 2**32, [1], np.random.default_rng(0)],
    "tol": NOT_NEGATIVE,
    "verbose": ["loud", -1, None, 1.5],
    "warm_start": [*BOOLEAN, "Full"],
    "momentum": [-0.1, 1.1, NAN, None, "0.9"],
    "nesterovs_momentum": BOOLEAN,
    "early_stopping": BOOLEAN,
    "validation_fraction": [-0.1, 1.0, NAN, None, "0.1"],
    "beta_1": [-0.1, 1.0, NAN, None, "0.9"],
    "beta_2": [-0.1, 1.0, NAN, None, "0.9"],
    "epsilon": POSITIVE,
    "n_iter_no_change": [0, -1, 1.5, NAN, -INF, None, "9"],
    "max_fun": [0, -1, 1.5, NAN, INF, None, "9"],
    "dropout": [1.0, -0.1, NAN, "0.5", b"1", None],
    "init": ["he", None, 3, np.zeros((5, 4))],
    "weight_decay": NOT_NEGATIVE,
    "clip_norm": [0, -1, NAN, INF, "1", [1.0]],
    "ema_decay": [0, 1, -0.5, NAN, "0.9", [0.9]],
    "scoring": ["nope", 3, ["accuracy"], NAN],
    "monitor_gradients": BOOLEAN,
    "n_threads": OPTIONAL_COUNT,
    "precision": ["half", 32, np.float32, "FLOAT32"],
}
BAD_CLASSIFIER = BAD | {
    "loss": ["logloss", "squared_error", None, 3],
    "focal_gamma": NOT_NEGATIVE,
    "label_smoothing": [1.0, -0.1, NAN, None, "0.1"],
    "class_weight": ["Balanced", 3, (), np.ones(3)],
}
BAD_REGRESSOR = BAD | {
    "loss": ["mse", "log_loss", None, 3],
    "quantile": [0, 1, -0.5, NAN, None, "0.5"],
    "huber_delta": POSITIVE,
}
BAD_ENSEMBLE: dict[str, list[Any]] = {
    "estimator": [3, "MLP", MLPClassifier, MLPRegressor, object()],
    "n_estimators": COUNT,
    "bootstrap": BOOLEAN,
    "random_state": ["seed", -1, 1.5],
    "n_threads": OPTIONAL_COUNT,
}
EVERY_TABLE = {
    MLPClassifier: BAD_CLASSIFIER,
    MLPRegressor: BAD_REGRESSOR,
    MLPEnsembleClassifier: BAD_ENSEMBLE,
    MLPEnsembleRegressor: BAD_ENSEMBLE,
}
CASES = [
    pytest.param(estimator, name, value, id=f"{estimator.__name__}-{name}-{str(value)[:20]}")
    for estimator, table in EVERY_TABLE.items()
    for name, values in table.items()
    for value in values
]


@pytest.mark.parametrize("estimator", EVERY_TABLE)
def test_the_table_has_every_parameter(estimator: Any) -> None:
    assert EVERY_TABLE[estimator].keys() == estimator().get_params(deep=False).keys()
    assert EVERY_TABLE[estimator].keys() == estimator._parameter_constraints.keys()


def test_there_are_many_cases() -> None:
    assert len(CASES) >= 150


@cache
def fitted(estimator: Any) -> Any:
    return build(estimator).fit(X, target(estimator))


@pytest.mark.parametrize(("estimator", "name", "value"), CASES)
def test_what_the_constraints_refuse(estimator: Any, name: str, value: Any) -> None:
    constraints = map(make_constraint, estimator._parameter_constraints[name])
    allowed = "".join(f"(?=.*{re.escape(str(c))})" for c in constraints if not c.hidden)
    start = re.escape(f"The {name!r} parameter of {estimator.__name__} must be ")
    message = f"(?s)^{allowed}{start}.+{re.escape(f' Got {value!r} instead.')}$"
    y = target(estimator)
    assert_refused(build(estimator, **{name: value}), lambda m: m.fit(X, y), message)
    model = copy(fitted(estimator)).set_params(**{name: value})
    assert_refused(model, lambda m: m.fit(X, y), message)
    if hasattr(estimator, "partial_fit") and name != "solver":
        assert_refused(model, lambda m: m.partial_fit(X, y), message)


# --- what the constraints cannot say --------------------------------------------------------------


def no_arguments() -> float:
    return 0.1


SIZES = "hidden_layer_sizes must be an integer or a sequence of integers, got"
RATES = r"rates in the 'dropout' parameter must be numbers in the range \[0.0, 1.0\). Got"
ONE_EACH = "parameter must be one value or a list with one a hidden layer. Got"
RATE = "callable 'learning_rate' must return a finite number > 0. Got"
INIT = r"callable 'init' must return a finite array of shape \(5, 4\) = \(n_in, n_out\). Got"
HUGE = 2**1100
OWN: dict[str, tuple[Any, dict[str, Any], str]] = {}


def own(estimator: Any, name: str, values: list[Any], message: str, **params: Any) -> None:
    """Add cases of one parameter with one message to the table."""
    for value in values:
        key = f"{estimator.__name__}-{name}-{len(OWN)}"
        OWN[key] = (estimator, params | {name: value}, message)


own(MLPClassifier, "hidden_layer_sizes", [{3: 4}, {3}, (1.5,), ("a",), (None,), True], SIZES)
own(MLPRegressor, "hidden_layer_sizes", [[[3]], [[]], [[1], [2, 3]], (NAN,), np.array(3.0)], SIZES)
own(
    MLPRegressor,
    "hidden_layer_sizes",
    [(0,), (4, -3), range(3)],
    "hidden_layer_sizes must be > 0",
)
own(MLPClassifier, "activation", [["gelus"], [None], [NAN], [b"relu"]], "names in the 'activation'")
own(MLPClassifier, "activation", [[], ["relu"] * 2], "'activation' .* one value a hidden layer")
own(
    MLPRegressor,
    "activation",
    [{"relu"}, {"relu": 1}, np.array("relu")],
    f"'activation' {ONE_EACH}",
)
own(MLPClassifier, "dropout", [[1.0], [NAN], ["a"], [[0.1]], [None], [True]], RATES)
own(MLPClassifier, "dropout", [[], [0.5] * 2], "'dropout' .* one value a hidden layer")
own(MLPRegressor, "dropout", [{0.1}, {0.1: 0}, np.array(0.5)], ONE_EACH)
for name in ("alpha", "learning_rate_init", "power_t", "tol", "epsilon", "weight_decay"):
    own(MLPClassifier, name, [HUGE], f"'{name}' parameter of MLPClassifier must be a float")
for value in ("a", NAN, -1, 0, INF, None, [0.1, 0.2]):
    own(MLPRegressor, "learning_rate", [lambda epoch, value=value: value], f"{RATE} ")
own(MLPRegressor, "learning_rate", [no_arguments], r"must be callable as learning_rate\(epoch\)")
own(MLPRegressor, "learning_rate", [schedules.Cosine, int], "must be an object, such as Cosine")
own(MLPRegressor, "power_t", [400.0], "power_t=400.0", learning_rate="invscaling", solver="sgd")
for drawn in (np.zeros(3), np.full((5, 4), NAN), np.full((5, 4), 1e39), np.full((5, 4), 1j), "a"):
    own(MLPClassifier, "init", [lambda *_, drawn=drawn: drawn], INIT, precision="float32")
own(MLPClassifier, "init", [no_arguments], r"as init\(n_in, n_out, random_state\)")
for score in (None, "a", 1j, [1, 2], np.ones(2)):
    own(
        MLPClassifier,
        "scoring",
        [lambda *_, score=score: score],
        "'scoring' must return a number",
        early_stopping=True,
    )
own(MLPClassifier, "scoring", [lambda *_: NAN], "'val_score', which is nan", early_stopping=True)
own(MLPClassifier, "scoring", [no_arguments], r"as scoring\(estimator, X, y\)")
own(MLPClassifier, "class_weight", [{0: "a"}, {0: None}, {0: 1j}, {0: [1]}], "dict of numbers")
own(MLPClassifier, "class_weight", [{5: 1}, {"a": 1}, {NAN: 1}], "names .*, not among the classes")
own(MLPClassifier, "class_weight", [{0: -1}, {0: NAN}, {0: INF}], "must give finite weights >= 0")
own(MLPClassifier, "class_weight", [dict.fromkeys(range(3), 0)], "not all of them 0")
own(MLPClassifier, "class_weight", [[], [3], [{0: 1}]], "'balanced' or a dict")
own(MLPClassifier, "label_smoothing", [0.1], "is for loss='log_loss'", loss="hinge")
own(
    MLPRegressor,
    "quantile",
    [[], [0.1, 0.1], [0.9, 0.1], [NAN], ["a"], [[0.5]], {0.5}, [0, 0.5], [0.5, 1]],
    "a number or a list of ascending numbers",
    loss="pinball",
)
own(MLPRegressor, "quantile", [[0.5]], "can only be a list with loss='pinball'")
own(MLPRegressor, "learning_rate", ["cosine"], "cannot be a schedule", solver="lbfgs")
own(MLPRegressor, "dropout", [0.5], "needs a stochastic solver", solver="lbfgs")
own(MLPRegressor, "clip_norm", [1.0], "needs a stochastic solver", solver="lbfgs")
own(MLPRegressor, "ema_decay", [0.9], "needs a stochastic solver", solver="lbfgs")
own(MLPRegressor, "precision", ["bfloat16"], "needs a stochastic solver", solver="lbfgs")
for name, extreme in (("learning_rate_init", 1e300), ("alpha", 1e308)):
    own(MLPRegressor, name, [extreme], "Solver produced non-finite", solver="sgd")
own(MLPEnsembleClassifier, "estimator", [MLPClassifier(alpha=-1)], "'alpha' .* Got -1 instead")
own(MLPEnsembleRegressor, "estimator", [MLPRegressor(dropout={1})], ONE_EACH)


@pytest.mark.filterwarnings("ignore:overflow encountered:RuntimeWarning")
@pytest.mark.parametrize("case", OWN)
def test_what_constraints_cannot_say(case: str) -> None:
    estimator, params, message = OWN[case]
    y = target(estimator)
    assert_refused(build(estimator, **params), lambda m: m.fit(X, y), f"(?s){message}")
    model = copy(fitted(estimator)).set_params(**params)
    assert_refused(model, lambda m: m.fit(X, y), f"(?s){message}")


SET_LATER: list[tuple[Any, str, Any]] = [
    *((MLPClassifier, "n_threads", v) for v in OPTIONAL_COUNT),
    *((MLPRegressor, "precision", v) for v in ["x", 32, ["float32"], np.array(["a", "b"])]),
    *((MLPEnsembleRegressor, "n_threads", v) for v in OPTIONAL_COUNT),
]


@pytest.mark.parametrize(("estimator", "name", "value"), SET_LATER)
def test_what_predict_reads_is_checked_after_it_was_set(
    estimator: Any, name: str, value: Any
) -> None:
    model = copy(fitted(estimator)).set_params(**{name: value})
    message = f"(?s)The '{name}' parameter of {estimator.__name__} must be .* Got "
    for rows in (X[:1], X, X.tolist()):
        assert_refused(model, lambda m, r=rows: m.predict(r), message)
    sound = 2 if name == "n_threads" else "float64"
    expected = fitted(estimator).predict(X)
    np.testing.assert_array_equal(model.set_params(**{name: sound}).predict(X), expected)


def test_n_threads_may_be_of_numpy() -> None:
    model = copy(fitted(MLPClassifier)).set_params(n_threads=np.int64(2))
    np.testing.assert_array_equal(model.predict(X), fitted(MLPClassifier).predict(X))


# --- schedules, callbacks, data sets, and what is set on a fitted estimator -----------------------

C, S = callbacks, schedules
OTHERS: dict[str, tuple[Callable[[], Any], str]] = {}
for made, name, wrong in [
    *((S.Cosine, "final", v) for v in (0, 1.1, -1, NAN, INF, "a", None, [0.5])),
    *((S.Exponential, "decay", v) for v in (0, 1.5, NAN, "a", None)),
    *((S.Step, "decay", v) for v in (0, -1.0, NAN, "a")),
    *((S.Step, "every", v) for v in (0, -1, 1.5, "a")),
    *((S.OneCycle, "rise", v) for v in (-0.1, 2, NAN, "a")),
    *((S.OneCycle, "start", v) for v in (0, 2, NAN, "a")),
    *((S.OneCycle, "final", v) for v in (0, 2, NAN, "a")),
    *((S.WarmUp, "epochs", v) for v in (0, 1.5, "a", None)),
    *((S.WarmUp, "then", v) for v in ("cosine", 3, S.Cosine, lambda epoch: 1.0)),
    *((C.EarlyStopping, "monitor", v) for v in (None, 3, ["loss"])),
    *((C.EarlyStopping, "min_delta", v) for v in (-1, NAN, INF, "a")),
    *((C.EarlyStopping, "patience", v) for v in (-1, 1.5, "a", None)),
    *((C.EarlyStopping, "mode", v) for v in ("least", None)),
    *((C.EarlyStopping, "restore_best_weights", v) for v in (2, "yes")),
    *((C.EarlyStopping, "verbose", v) for v in (-1, "a")),
    *((C.ReduceLROnPlateau, "factor", v) for v in (0, 1, NAN, "a")),
    *((C.ReduceLROnPlateau, "patience", v) for v in (-1, 1.5, "a")),
    *((C.ReduceLROnPlateau, "min_delta", v) for v in (-1, NAN, "a")),
    *((C.ReduceLROnPlateau, "cooldown", v) for v in (-1, 1.5, "a")),
    *((C.ReduceLROnPlateau, "min_lr", v) for v in (-1, NAN, INF, "a")),
    *((C.LearningRateScheduler, "schedule", v) for v in (None, 0.1, "cosine")),
    *((C.ModelCheckpoint, "filepath", v) for v in (None, 3, b"weights")),
    *((C.ModelCheckpoint, "every", v) for v in (0, 1.5, "a")),
    *((C.CSVLogger, "filename", v) for v in (None, 3)),
    *((C.CSVLogger, "separator", v) for v in (None, 3, b",")),
    *((C.CSVLogger, "append", v) for v in (2, "yes")),
    *((C.TensorBoard, "log_dir", v) for v in (None, 3)),
    *((load_idx, "path", v) for v in (None, 3, b"values", ["values"])),
    *((load_idx, "max_bytes", v) for v in (0, -1, 1.5, "a", None)),
    *((load_mnist, "folder", v) for v in (None, 3, b"MNIST")),
]:
    arguments: dict[str, Any] = {name: wrong}
    of_file = {C.ModelCheckpoint: "filepath", C.CSVLogger: "filename", load_idx: "path"}.get(made)
    if of_file is not None:
        arguments = {of_file: "values"} | arguments
    OTHERS[f"{made.__name__}-{name}-{len(OTHERS)}"] = (
        lambda made=made, arguments=arguments: made(**arguments),
        f"(?s)^The '{name}' parameter of {made.__name__} must be .+ Got {re.escape(repr(wrong))}",
    )


@pytest.mark.parametrize("case", OTHERS)
def test_schedules_callbacks_and_data_sets(
    case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    call, message = OTHERS[case]
    with pytest.raises(ValueError, match=message):
        call()
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("rate", [0, -1, NAN, INF, "a", None, [0.1]])
def test_a_learning_rate_that_is_set(rate: Any) -> None:
    def act(model: Any) -> None:
        model.learning_rate_ = rate

    model = build(MLPClassifier).fit(X, LABELS)
    assert_refused(model, act, "learning_rate_ must be a finite number > 0. Got")


@pytest.mark.parametrize("layer", [1, -2, 1.5, "0", None, NAN, 2**70])
def test_a_hidden_layer_that_is_not_there(layer: Any) -> None:
    model = build(MLPClassifier).fit(X, LABELS)
    assert_refused(model, lambda m: m.hidden_activations(X, layer), "layer must be among")


CLASSES = "`classes` must be an array-like of sortable labels"


@pytest.mark.parametrize(
    "classes", [3, "abc", [], {1, 2}, [[], [1]], [{}, {1: 2}], [None, "a"], [[1, "a"], [None, 2]]]
)
def test_classes_that_are_none(classes: Any) -> None:
    model = build(MLPClassifier)
    message = f"{CLASSES}|Expected array-like|classes not in|columns of labels"
    assert_refused(model, lambda m: m.partial_fit(X, LABELS, classes=classes), message)
