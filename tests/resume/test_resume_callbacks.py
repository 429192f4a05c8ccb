"""Callbacks of a fit that is resumed: what they kept comes back, what has changed is refused."""

from __future__ import annotations

import operator
import pickle
from collections import defaultdict, deque, namedtuple
from collections.abc import Callable
from enum import IntEnum
from functools import lru_cache, partial
from pathlib import Path
from random import Random
from typing import Any, ClassVar

import numpy as np
import pytest
from scipy import sparse
from sklearn.metrics import make_scorer

from pymlp import Checkpoint, MLPClassifier
from pymlp._resume.fingerprint import as_text
from pymlp.callbacks import Callback, EarlyStopping, ModelCheckpoint
from pymlp.schedules import Schedule

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
RNG = np.random.RandomState(0)
X, LABELS = RNG.randn(60, 4), RNG.randint(2, size=60)


class CrashError(Exception):
    pass


class Crash(Callback):
    """Ends the fit when an epoch has ended, whose checkpoint is not yet written."""

    at: ClassVar[int] = 0

    def on_epoch_end(self, estimator: Any) -> None:
        if estimator.n_iter_ == self.at:
            raise CrashError


def fit(folder: Path, *callbacks: Callback, **options: Any) -> Any:
    est = MLPClassifier((4,), **{"max_iter": 5, "random_state": 0} | options)
    est.set_callbacks(*callbacks, Crash())
    return est.fit(X, LABELS, resume=Checkpoint(folder / "fit", seconds=0))


def cut_short(
    monkeypatch: pytest.MonkeyPatch, folder: Path, *callbacks: Callback, **options: Any
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(Crash, "at", 3)
        with pytest.raises(CrashError):
            fit(folder, *callbacks, **options)


class Holder(Callback):
    def __init__(self, value: Any) -> None:
        self.value = value


# What has changed


class Scale:
    """Whose own text is its address."""

    def __init__(self, by: float, inner: Any = None) -> None:
        self.by, self.inner = by, inner

    def apply(self, *sizes: Any) -> Any:
        return np.full(sizes[:2], self.by) + 0.1 * sizes[2].randn(*sizes[:2])

    def score(self, est: Any, X: Any, y: Any) -> float:
        return self.by * est.score(X, y)


class CalledScale(Scale):
    def __call__(self, *arguments: Any) -> Any:
        return self.apply(*arguments)


class Shown(CalledScale):
    def __repr__(self) -> str:
        return "Shown()"


class Slotted:
    __slots__ = ("by",)

    def __init__(self, by: float) -> None:
        self.by = by


class ScaledSchedule(Schedule):
    def __init__(self, by: float) -> None:
        self.by = by

    def __call__(self, epoch: int, n_epochs: int) -> float:
        return self.by


def scorer(by: float) -> Any:
    def score(y: Any, predicted: Any) -> float:
        return by * float(np.mean(y == predicted))

    return make_scorer(score)


def called_code(by: float) -> Any:
    """Objects of classes of one name that differ by their code alone."""

    class Called:
        __call__ = (lambda self: 1.0) if by == 1.0 else (lambda self: 2.0)

    return Called()


def cached(by: float) -> Any:
    return lru_cache(lambda epoch: 0.1 * by)


def cycle(by: float) -> Any:
    scale = Scale(by)
    scale.inner = [scale]
    return scale


def frame(by: float) -> Any:
    return pytest.importorskip("pandas").DataFrame({"a": np.arange(300.0), "b": by})


def large_array(by: float) -> Any:
    array = np.zeros(1000)
    array[500] = np.nextafter(0, by)
    return array


MADE: dict[str, Callable[[float], Any]] = {
    "number": lambda by: by,
    "string": lambda by: "a" * 100 + str(by),
    "list": lambda by: [1, [by]],
    "dict": lambda by: {"a": by, "b": 0},
    "set": lambda by: {"a", "b", "c", str(by)},
    "array": lambda by: np.array([1.0, by]),
    "large array": lambda by: large_array(by if by == 1 else -1.0),
    "sparse matrix": lambda by: sparse.csr_array([[by, 0], [0, 1]]),
    "frame": frame,
    "function": lambda by: lambda epoch: by,
    "bound method": lambda by: Scale(by).apply,
    "builtin's method": lambda by: str(by).join,
    "partial of a method": lambda by: partial(Scale(by).apply, 3),
    "callable object": CalledScale,
    "callable object with a text": Shown,
    "callable object's code": called_code,
    "object": Scale,
    "object in an object": lambda by: Scale(1, Scale(1, {"a": [Scale(by)]})),
    "object in itself": cycle,
    "object with slots": Slotted,
    "schedule of one's own": ScaledSchedule,
    "scorer": scorer,
    "cached function": cached,
    "of the operator module": operator.itemgetter,
}


@pytest.mark.parametrize("kind", MADE)
def test_values_are_told_apart(kind: str) -> None:
    make = MADE[kind]
    assert as_text(make(1.0)) == as_text(make(1.0)) != as_text(make(2.0))


@pytest.mark.parametrize("kind", ["number", "list", "bound method", "callable object", "object"])
def test_an_attribute_of_ones_own_callback(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make = MADE[kind]
    cut_short(monkeypatch, tmp_path, Holder(make(1.0)))
    with pytest.raises(ValueError, match=r"another Holder: value was .+, now "):
        fit(tmp_path, Holder(make(2.0)))
    assert fit(tmp_path, Holder(make(1.0))).n_iter_ == 5


@pytest.mark.parametrize(
    ("name", "make"),
    [
        ("init", lambda by: Scale(by).apply),
        ("init", CalledScale),
        ("learning_rate", ScaledSchedule),
        ("scoring", scorer),
        ("scoring", lambda by: Scale(by).score),
    ],
)
def test_a_parameter_of_the_estimator(
    name: str, make: Callable[[float], Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = {"early_stopping": True, "validation_fraction": 0.3}
    cut_short(monkeypatch, tmp_path, **options, **{name: make(0.5)})
    with pytest.raises(ValueError, match=f"another '{name}' parameter"):
        fit(tmp_path, **options, **{name: make(0.6)})
    assert fit(tmp_path, **options, **{name: make(0.5)}).n_iter_ == 5


def test_a_setting_that_hooks_count_down(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Countdown(Callback):
        def __init__(self, limit: int) -> None:
            self.limit = limit

        def on_epoch_end(self, estimator: Any) -> bool:
            self.limit -= 1
            return self.limit == 0

    cut_short(monkeypatch, tmp_path, Countdown(4))
    with pytest.raises(ValueError, match="another Countdown: limit was 4, now 5"):
        fit(tmp_path, Countdown(5))
    assert fit(tmp_path, Countdown(4)).n_iter_ == 4


def test_a_list_that_grows_in_the_callback_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Diary(Callback):
        def __init__(self) -> None:
            self.epochs: list[int] = []

        def on_epoch_end(self, estimator: Any) -> None:
            self.epochs.append(estimator.n_iter_)
            self.diary_ = list(self.epochs)

    diary = Diary()
    cut_short(monkeypatch, tmp_path, diary)
    assert diary.epochs == [1, 2, 3]
    fit(tmp_path, diary)  # as after Ctrl-C
    assert diary.diary_ == [1, 2, 3, 4, 5]  # epoch 3 was not in the checkpoint


def test_paths_and_verbosity_may_change(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def callbacks(path: str, verbose: bool) -> list[Callback]:
        return [
            ModelCheckpoint(tmp_path / path, monitor="loss", save_best_only=True, verbose=verbose),
            EarlyStopping("loss", patience=9, verbose=verbose),
        ]

    cut_short(monkeypatch, tmp_path, *callbacks("a", False))
    fit(tmp_path, *callbacks("b", True))
    with pytest.raises(ValueError, match="another ModelCheckpoint: monitor was 'loss', now 'accu"):
        fit(tmp_path, callbacks("a", False)[0].set_params(monitor="accuracy"), EarlyStopping())


# What comes back


class Kept(Callback):
    def on_fit_begin(self, estimator: Any) -> None:
        self.values: dict[Any, Any] = {
            "scalar": np.float32(0.1),
            "integer": np.int16(3),
            "truth": np.True_,
            "number": 0.1,
            "nan": np.nan,
            "none": None,
            "tuple": (1, [2.0, "b"]),
            3: {4, "c"},
            "path": Path("some") / "where",
            "arrays": [np.zeros((0, 3)), np.arange(3), np.float16([1, 2]), np.array(["a", "bc"])],
            "objects": np.array([np.float32(1), None, "d"], dtype=object),
        }
        self.generators = [
            *(np.random.default_rng(1), np.random.Generator(np.random.Philox(2))),
            *(np.random.RandomState(3), np.random.RandomState(np.random.SFC64(4))),
        ]
        self.drawn_: list[float] = []

    def on_epoch_end(self, estimator: Any) -> None:
        self.drawn_ += [rng.normal() for rng in self.generators]
        self.values_ = self.values


def test_what_is_kept_comes_back_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole, resumed = Kept(), Kept()
    (tmp_path / "whole").mkdir()
    fit(tmp_path / "whole", whole)
    cut_short(monkeypatch, tmp_path, Kept())
    fit(tmp_path, resumed)
    assert resumed.drawn_ == whole.drawn_
    for name, value in whole.values_.items():
        found = resumed.values_[name]
        assert type(found) is type(value), name
        # what pickles of these hold is their own affair
        same = found == value if name in (3, "path") else pickle.dumps(found) == pickle.dumps(value)
        assert same, name


class Phase(IntEnum):
    ONE = 1


Pair = namedtuple("Pair", "a b")
endless: list[Any] = []
endless.append(endless)
deep: list[Any] = []
for _ in range(100):
    deep = [deep]
NOT_DATA: dict[str, Any] = {
    "object": Scale(1),
    "function": lambda: 3,
    "deque": deque([1]),
    "dict with a default": defaultdict(int, a=1),
    "kind of integer": Phase.ONE,
    "kind of tuple": Pair(1, 2),
    "list in itself": endless,
    "deep list": deep,
    "complex array": np.ones(3, dtype=complex),
    "array of lists": np.array([[1], [2], None], dtype=object)[:2],
    "2-D array of strings": np.array([["a", "b"]]),
    "dict of objects": {Scale(1): 1},
}


@pytest.mark.parametrize("kind", NOT_DATA)
def test_what_is_no_data_is_warned_of_and_the_fit_goes_on(kind: str, tmp_path: Path) -> None:
    class Keeper(Callback):
        def on_epoch_end(self, estimator: Any) -> None:
            if estimator.n_iter_ == 3:
                self.found = NOT_DATA[kind]

    with pytest.warns(RuntimeWarning, match="Keeper cannot be resumed, for its attribute 'found'"):
        est = fit(tmp_path, Keeper())
    assert est.n_iter_ == 5


@pytest.mark.parametrize(
    ("made", "change"),
    [
        (deque, lambda found: found.append(1)),
        (bytearray, lambda found: found.append(1)),
        (partial(defaultdict, int), lambda found: found["a"]),
        (Random, lambda found: found.random()),
    ],
)
def test_a_change_in_place_of_what_is_no_data_is_warned_of(
    made: Callable[[], Any], change: Callable[[Any], Any], tmp_path: Path
) -> None:
    class Keeper(Callback):
        def __init__(self) -> None:
            self.found = made()

        def on_epoch_end(self, estimator: Any) -> None:
            change(self.found)

    with pytest.warns(RuntimeWarning, match="Keeper cannot be resumed, for its attribute 'found'"):
        assert fit(tmp_path, Keeper()).n_iter_ == 5


def test_a_state_that_raises_is_warned_of(tmp_path: Path) -> None:
    class Raising(Callback):
        def on_epoch_end(self, estimator: Any) -> None:
            self.n = estimator.n_iter_

        def state(self) -> dict[str, Any]:
            if hasattr(self, "n"):
                raise RuntimeError("no state")
            return {}

    with pytest.warns(RuntimeWarning, match=r"could not be written: no state; the fit goes on"):
        assert fit(tmp_path, Raising()).n_iter_ == 5


def test_a_state_of_ones_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Stats:
        total = 0.0

    class Summing(Callback):
        def __init__(self, note: str) -> None:
            self.note = note
            self.stats = Stats()

        def on_fit_begin(self, estimator: Any) -> None:
            self.stats = Stats()

        def on_epoch_end(self, estimator: Any) -> None:
            self.stats.total += estimator.loss_
            self.total_ = self.stats.total

        def settings(self) -> dict[str, str]:
            return {name: text for name, text in super().settings().items() if name != "note"}

        def state(self) -> dict[str, Any]:
            return {"total": self.stats.total}

        def restore(self, state: dict[str, Any]) -> None:
            self.stats.total = state["total"]

    summing = Summing("second")
    cut_short(monkeypatch, tmp_path, Summing("first"))
    est = fit(tmp_path, summing)
    assert summing.total_ == sum(est.history_["loss"])


def test_outside_of_a_fit() -> None:
    stopping = EarlyStopping("loss", patience=3)
    assert stopping.settings()["patience"] == "3"
    assert stopping.state() == {}
    assert stopping.of_fit(MLPClassifier()) is None
