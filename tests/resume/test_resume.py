"""A fit that was cut short and resumed ends, to the last bit, as one that was not."""

from __future__ import annotations

import contextlib
import errno
import io
import os
import re
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fits import assert_same_fit, assert_same_state, state_of
from scipy import sparse
from sklearn.exceptions import ConvergenceWarning
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from pymlp import Checkpoint, MLPClassifier, MLPRegressor, load
from pymlp._resume.fingerprint import as_text
from pymlp.callbacks import Callback, CSVLogger, EarlyStopping, ModelCheckpoint, ReduceLROnPlateau
from pymlp.schedules import OneCycle

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

RNG = np.random.RandomState(0)
X = RNG.randn(120, 6)
LABELS = RNG.randint(3, size=120)
TARGETS = np.column_stack([X[:, 0] * X[:, 1], np.sin(X[:, 2])]) + 0.1 * RNG.randn(120, 2)


class CrashError(Exception):
    """What ends the process, in these tests without ending it."""


class CrashAfter(Callback):
    """Ends the fit when its nth epoch has ended, whose checkpoint is not yet written."""

    def __init__(self, n_epochs: int) -> None:
        self.n_epochs = n_epochs

    def settings(self) -> dict[str, str]:
        return {}  # it is not there when no process ends

    def on_epoch_end(self, estimator: Any) -> None:
        if estimator.n_iter_ == self.n_epochs:
            raise CrashError


def every_epoch(folder: Path, **options: Any) -> Checkpoint:
    return Checkpoint(folder / "fit", seconds=0, **options)


def cut_short(
    build: Callable[[], Any], fit: Callable[[Any, Checkpoint], Any], checkpoint: Checkpoint, at: int
) -> None:
    """Fit until the epoch `at` has ended."""
    model = build()
    callbacks = getattr(model, "_skl_callbacks", [])
    model.set_callbacks(*callbacks, CrashAfter(at))
    with pytest.raises(CrashError):
        fit(model, checkpoint)


OPTIONS = {
    "plain": {},
    "dropout": {"dropout": [0.3, 0.1]},
    "without shuffling": {"shuffle": False},
    "early stopping": {"early_stopping": True, "validation_fraction": 0.2},
    "early stopping, dropout, average": {
        "early_stopping": True,
        "dropout": 0.2,
        "ema_decay": 0.9,
        "scoring": "loss",
    },
    "average": {"ema_decay": 0.95},
    "clipped, monitored": {"clip_norm": 0.5, "monitor_gradients": True},
    "one cycle": {"learning_rate": OneCycle(rise=0.4)},
    "float32": {"precision": "float32"},
    "bfloat16": {"precision": "bfloat16"},
}
SOLVERS = ("sgd", "adam", "adamw", "nadam", "rmsprop", "adagrad", "lion")


def check_every_epoch(
    folder: Path, build: Callable[[], Any], fit: Callable[[Any, Any], Any], n_epochs: int
) -> None:
    """Cut a fit short after each epoch in turn, in one file, and compare with the whole fit."""
    whole = fit(build(), None)
    assert whole.n_iter_ == n_epochs
    for at in range(1, n_epochs + 1):
        cut_short(build, fit, every_epoch(folder), at)
    # CrashAfter is a callback of the cut fits; the one that is resumed has it, too
    model = build()
    model.set_callbacks(*getattr(model, "_skl_callbacks", []), CrashAfter(0))
    assert_same_fit(fit(model, every_epoch(folder)), whole)


@pytest.mark.parametrize("solver", SOLVERS)
def test_every_solver_goes_on(solver: str, tmp_path: Path) -> None:
    def build() -> MLPClassifier:
        return MLPClassifier(
            (8, 5),
            solver=solver,
            learning_rate_init=0.01,
            batch_size=32,
            dropout=0.2,
            max_iter=5,
            random_state=3,
        )

    check_every_epoch(tmp_path, build, lambda m, r: m.fit(X, LABELS, resume=r), 5)


@pytest.mark.parametrize("name", OPTIONS)
def test_every_option_goes_on(name: str, tmp_path: Path) -> None:
    def build() -> MLPRegressor:
        options = {"solver": "adam", "learning_rate_init": 0.02, "batch_size": 16} | OPTIONS[name]
        return MLPRegressor(hidden_layer_sizes=(8, 5), max_iter=6, random_state=1, **options)

    weight = np.linspace(0, 2, len(X))
    check_every_epoch(tmp_path, build, lambda m, r: m.fit(X, TARGETS, weight, resume=r), 6)


@pytest.mark.parametrize("learning_rate", ["adaptive", "invscaling"])
def test_the_schedules_of_sgd_go_on(learning_rate: str, tmp_path: Path) -> None:
    def build() -> MLPClassifier:
        return MLPClassifier(
            (8,),
            solver="sgd",
            learning_rate=learning_rate,
            learning_rate_init=0.5,
            tol=0.02,
            n_iter_no_change=1,
            max_iter=10,
            random_state=0,
        )

    fit = build().fit(X, LABELS)
    assert learning_rate != "adaptive" or fit.learning_rate_ < 0.5
    check_every_epoch(tmp_path, build, lambda m, r: m.fit(X, LABELS, resume=r), fit.n_iter_)


def test_a_fit_that_early_stopping_ends_goes_on_and_ends_there(tmp_path: Path) -> None:
    def build() -> MLPClassifier:
        return MLPClassifier(
            (8,), early_stopping=True, n_iter_no_change=2, tol=0.05, random_state=0, max_iter=50
        )

    n_epochs = build().fit(X, LABELS).n_iter_
    assert 3 < n_epochs < 50
    check_every_epoch(tmp_path, build, lambda m, r: m.fit(X, LABELS, resume=r), n_epochs)


def test_callbacks_go_on(tmp_path: Path) -> None:
    class Counter(Callback):
        def __init__(self) -> None:
            self.n_seen = 0

        def on_epoch_end(self, estimator: Any) -> None:
            self.n_seen += 1
            self.n_seen_ = self.n_seen

    def build() -> MLPClassifier:
        model = MLPClassifier((8,), learning_rate_init=0.05, max_iter=9, random_state=0)
        return model.set_callbacks(
            ReduceLROnPlateau("val_loss", factor=0.5, patience=1, min_delta=0.01),
            EarlyStopping("val_loss", patience=9, restore_best_weights=True),
            ModelCheckpoint(tmp_path / "best", save_best_only=True),
            Counter(),
            CSVLogger(tmp_path / "log.csv"),
        )

    def fit(model: Any, resume: Any) -> Any:
        return model.fit(X[:80], LABELS[:80], X_val=X[80:], y_val=LABELS[80:], resume=resume)

    whole = build()
    fit(whole, None)
    table = (tmp_path / "log.csv").read_text()
    check_every_epoch(tmp_path, build, fit, 9)
    again = build()
    again.set_callbacks(*again._skl_callbacks, CrashAfter(0))
    fit(again, every_epoch(tmp_path))
    for one, other in zip(again._skl_callbacks[:4], whole._skl_callbacks, strict=False):
        assert one._results() == other._results()
    assert again._skl_callbacks[3].n_seen_ == 9
    assert whole.learning_rate_ < 0.05
    columns = [line.rsplit(",", 1)[0] for line in (tmp_path / "log.csv").read_text().splitlines()]
    assert columns == [line.rsplit(",", 1)[0] for line in table.splitlines()]


def test_the_fit_has_the_bits_of_one_without_a_checkpoint(tmp_path: Path) -> None:
    model = MLPClassifier((8,), dropout=0.1, max_iter=4, random_state=0)
    whole = MLPClassifier(**model.get_params()).fit(X, LABELS)
    assert_same_fit(model.fit(X, LABELS, resume=tmp_path / "fit"), whole)


def test_the_same_call_again_returns_the_model_at_once(tmp_path: Path) -> None:
    class NoMoreEpochs(Callback):
        def on_epoch_begin(self, estimator: Any) -> None:
            assert not resumed

    def fit() -> MLPClassifier:
        model = MLPClassifier((8,), max_iter=3, random_state=0).set_callbacks(NoMoreEpochs())
        with pytest.warns(ConvergenceWarning, match="Maximum iterations"):  # both times
            return model.fit(X, LABELS, resume=tmp_path / "fit")

    resumed = False
    first = fit()
    resumed = True
    assert_same_fit(fit(), first)


def test_a_warm_start_and_partial_fit_go_on_from_a_resumed_fit(tmp_path: Path) -> None:
    def build() -> MLPClassifier:
        return MLPClassifier(
            (8,), solver="adam", max_iter=4, warm_start="full", random_state=5, ema_decay=0.9
        )

    whole = build().fit(X, LABELS).fit(X, LABELS).partial_fit(X, LABELS)
    model = build()
    cut_short(build, lambda m, r: m.fit(X, LABELS, resume=r), every_epoch(tmp_path), 3)
    model.set_callbacks(CrashAfter(0)).fit(X, LABELS, resume=every_epoch(tmp_path))
    again = tmp_path / "again"
    again.mkdir()
    for at in (2, 0):  # the second of the fits is cut short and goes on, too
        second = build().set_callbacks(CrashAfter(0))
        second.fit(X, LABELS, resume=every_epoch(tmp_path)).set_callbacks(CrashAfter(at))
        if at:
            with pytest.raises(CrashError):
                second.fit(X, LABELS, resume=every_epoch(again))
            continue
        second.fit(X, LABELS, resume=every_epoch(again)).partial_fit(X, LABELS)
        assert_same_fit(second, whole)
    with pytest.raises(ValueError, match="another start"):
        whole.fit(X, LABELS, resume=every_epoch(again))


@pytest.mark.parametrize("kind", ["global", "instance", "pcg64"])
def test_the_random_state_goes_on(kind: str, tmp_path: Path) -> None:
    def build() -> MLPClassifier:
        if kind == "global":
            np.random.seed(7)  # noqa: NPY002
            return MLPClassifier((8,), max_iter=4, dropout=0.2, early_stopping=True)
        bits = np.random.PCG64(7) if kind == "pcg64" else np.random.MT19937(7)
        state = np.random.RandomState(bits)
        return MLPClassifier((8,), max_iter=4, dropout=0.2, early_stopping=True, random_state=state)

    before = np.random.get_state()  # noqa: NPY002
    whole = state_of(build().fit(X, LABELS))
    cut_short(build, lambda m, r: m.fit(X, LABELS, resume=r), every_epoch(tmp_path), 3)
    model = build().set_callbacks(CrashAfter(0))
    np.random.random_sample(3)  # noqa: NPY002
    resumed = model.fit(X, LABELS, resume=every_epoch(tmp_path))
    assert_same_state(state_of(resumed), whole)
    np.random.set_state(before)  # noqa: NPY002


@pytest.mark.parametrize("form", [np.asfortranarray, sparse.csr_array, np.ndarray.tolist])
def test_every_form_of_x_goes_on(form: Callable[..., Any], tmp_path: Path) -> None:
    def build() -> MLPClassifier:
        return MLPClassifier((8,), max_iter=4, random_state=0)

    data = form(np.where(X > 0, X, 0))
    check_every_epoch(tmp_path, build, lambda m, r: m.fit(data, LABELS, resume=r), 4)


def test_a_pipeline_passes_the_checkpoint_on(tmp_path: Path) -> None:
    model = make_pipeline(StandardScaler(), MLPClassifier((8,), max_iter=3, random_state=0))
    model.fit(X, LABELS, mlpclassifier__resume=tmp_path / "fit")
    assert (tmp_path / "fit").exists()


# When it is written


def written(monkeypatch: pytest.MonkeyPatch, checkpoint: Checkpoint, ticks: float) -> list[int]:
    """Epochs of a fit of 10 after which a file was written, an epoch taking so many seconds."""
    from pymlp._resume import checkpoint as _checkpoint

    epochs: list[int] = []
    now = 0.0

    class Clock(Callback):
        def on_epoch_end(self, estimator: Any) -> None:
            nonlocal now
            now += ticks

    def write(path: str, arrays: Any, description: Any) -> None:
        epochs.append(description["fit"]["records"]["counts"]["n_iter_"])

    monkeypatch.setattr(_checkpoint.time, "monotonic", lambda: now)
    monkeypatch.setattr(_checkpoint.container, "write", write)
    model = MLPClassifier((2,), max_iter=10, random_state=0).set_callbacks(Clock())
    model.fit(X, LABELS, resume=checkpoint)
    return epochs


def test_it_is_written_when_epochs_and_seconds_say_so(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path = tmp_path / "fit"
    assert written(monkeypatch, Checkpoint(path, seconds=0), 1) == list(range(1, 11))
    assert written(monkeypatch, Checkpoint(path, every=4, seconds=0), 1) == [4, 8, 10]
    assert written(monkeypatch, Checkpoint(path, seconds=3), 1) == [3, 6, 9, 10]
    assert written(monkeypatch, Checkpoint(path, every=4, seconds=9), 2) == [5, 10]
    assert written(monkeypatch, Checkpoint(path), 4) == [3, 6, 9, 10]


# What is refused


def changed(**parameters: Any) -> dict[str, Any]:
    """Arguments of a fit, some of them changed."""
    arguments: dict[str, Any] = {"X": X, "y": LABELS, "sample_weight": np.ones(120)}
    arguments |= {"X_val": X[:20], "y_val": LABELS[:20], "sample_weight_val": np.ones(20)}
    return arguments | parameters


nearly = X.copy()
nearly[-1, -1] = np.nextafter(nearly[-1, -1], 1)


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (changed(X=nearly), "another X\\."),
        (changed(X=X.astype(np.float32)), "another X,"),
        (changed(y=LABELS[::-1]), "another y\\."),
        (changed(y=LABELS + 1, y_val=LABELS[:20] + 1), "another classes_\\."),
        (changed(sample_weight=np.arange(120)), "another sample_weight\\."),
        (changed(sample_weight=None), "another sample_weight\\."),
        (changed(X_val=X[20:40]), "another X_val\\."),
        (changed(y_val=LABELS[20:40]), "another y_val\\."),
        (changed(sample_weight_val=np.arange(20)), "another sample_weight_val\\."),
    ],
)
def test_other_data_are_refused(arguments: dict[str, Any], word: str, tmp_path: Path) -> None:
    model = MLPClassifier((8,), max_iter=3, random_state=0)
    model.fit(**changed(), resume=tmp_path / "fit")
    before = dict(vars(model))
    with pytest.raises(ValueError, match=word):
        model.fit(**arguments, resume=tmp_path / "fit")
    assert vars(model) == before


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({"alpha": 0.1}, r"'alpha' parameter \(it was 0.0001, now 0.1\)"),
        ({"max_iter": 9}, r"'max_iter' parameter \(it was 3, now 9\)"),
        ({"random_state": 1}, r"'random_state' parameter \(it was 0, now 1\)"),
        ({"hidden_layer_sizes": (9,)}, r"'hidden_layer_sizes' parameter \(it was \[8\], now \[9\]"),
        ({"learning_rate": OneCycle()}, "'learning_rate' parameter"),
        ({"learning_rate": every_epoch}, "now test_resume.every_epoch"),
    ],
)
def test_other_parameters_are_refused(
    parameters: dict[str, Any], words: str, tmp_path: Path
) -> None:
    MLPClassifier((8,), max_iter=3, random_state=0).fit(X, LABELS, resume=tmp_path / "fit")
    model = MLPClassifier((8,), max_iter=3, random_state=0).set_params(**parameters)
    with pytest.raises(ValueError, match=words):
        model.fit(X, LABELS, resume=tmp_path / "fit")
    assert not hasattr(model, "coefs_")


def test_functions_are_compared_by_what_they_do(tmp_path: Path) -> None:
    def init(scale: float) -> Callable[..., Any]:
        return lambda n_in, n_out, random_state: scale * random_state.randn(n_in, n_out)

    def other(scale: float) -> Callable[..., Any]:
        return lambda n_in, n_out, random_state: -scale * random_state.randn(n_in, n_out)

    other(1.0).__qualname__ = init(1.0).__qualname__
    assert as_text(init(1.0)) == as_text(init(1.0))
    texts = {as_text(f) for f in (init(1.0), init(2.0), other(1.0))}
    texts |= {as_text(partial(init, scale=scale)) for scale in (1.0, 2.0)}
    texts |= {as_text(f) for f in (lambda x: -np.sin(x), lambda x: -np.cos(x), lambda x, y=1: x)}
    assert len(texts) == 8
    model = MLPClassifier((8,), max_iter=3, random_state=0, init=init(1.0))
    model.fit(X, LABELS, resume=tmp_path / "fit")
    with pytest.raises(ValueError, match="'init' parameter"):
        model.set_params(init=init(2.0)).fit(X, LABELS, resume=tmp_path / "fit")


def test_a_function_has_the_same_text_in_every_process() -> None:
    # constants that are sets have another order in each, and a function may close over itself
    code = (
        "from pymlp._resume.fingerprint import as_text\n"
        "def outer():\n"
        "    def f(x): return f(x) if x in {'a', 'b', 'c', 'd'} else (lambda: x)\n"
        "    return f\n"
        "class Mine:\n"
        "    def __init__(self): self.parts = {'a', 'b', 'c', 'd'}, {'d': [self], 'e': {1, 'f'}}\n"
        "    def __call__(self): return 'a' in {'a', 'b', 'c', 'd'}\n"
        "print(as_text(outer()), as_text(Mine()), as_text(Mine().__init__))"
    )
    with contextlib.redirect_stdout(io.StringIO()) as here:
        exec(code, {"__name__": "__main__"})
    seed = "2" if os.environ.get("PYTHONHASHSEED") == "1" else "1"
    there = subprocess.check_output(
        [sys.executable, "-c", code], env=os.environ | {"PYTHONHASHSEED": seed}, text=True
    )
    assert here.getvalue() == there


def test_other_words_for_the_same_parameters_go_on(tmp_path: Path) -> None:
    weights = {0: 1.0, 1: 2.0, 2: 3.0}
    model = MLPClassifier((8,), max_iter=3, random_state=0, class_weight=weights)
    model.fit(X, LABELS, resume=tmp_path / "fit")
    backwards = dict(reversed(weights.items()))
    again = MLPClassifier(8, max_iter=3, random_state=0, class_weight=backwards)
    again.fit(X, LABELS, resume=tmp_path / "fit")
    assert again.history_ == model.history_  # with the seconds: nothing was trained


def test_threads_and_verbosity_may_change(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = MLPClassifier((8,), max_iter=3, random_state=0)
    model.fit(X, LABELS, resume=tmp_path / "fit")
    again = MLPClassifier([8], max_iter=3, random_state=0, n_threads=2, verbose=True)
    assert_same_fit(again.fit(X, LABELS, resume=tmp_path / "fit"), model)


def test_other_callbacks_are_refused(tmp_path: Path) -> None:
    model = MLPClassifier((8,), max_iter=3, random_state=0)
    model.fit(X, LABELS, resume=tmp_path / "fit")
    model.set_callbacks(EarlyStopping("loss"))
    with pytest.raises(ValueError, match=r"with the callbacks \[\]. Got \['EarlyStopping'\]"):
        model.fit(X, LABELS, resume=tmp_path / "fit")


def test_a_callback_with_other_settings_is_refused(tmp_path: Path) -> None:
    def build(**settings: Any) -> MLPClassifier:
        model = MLPClassifier((8,), max_iter=9, random_state=0)
        return model.set_callbacks(EarlyStopping("loss", **settings))

    model = build(patience=1, min_delta=9).fit(X, LABELS, resume=tmp_path / "fit")
    with pytest.raises(ValueError, match="with another EarlyStopping: patience was 1, now 20"):
        build(patience=20, min_delta=9).fit(X, LABELS, resume=tmp_path / "fit")
    chatty = build(patience=1, min_delta=9, verbose=True)
    assert_same_fit(chatty.fit(X, LABELS, resume=tmp_path / "fit"), model)


def test_what_hooks_change_in_place_goes_on(tmp_path: Path) -> None:
    class Diary(Callback):
        def __init__(self) -> None:
            self.losses: list[float] = []
            self.seen: set[int] = set()
            self.by_epoch: dict[str, float] = {}
            self.total = np.zeros(2)
            self.rng = np.random.default_rng(0)
            self.old_rng = np.random.RandomState(0)
            self.unused = [np.mean, print]  # no data, nor changed

        def on_epoch_end(self, estimator: Any) -> None:
            self.losses.append(estimator.loss_)
            self.seen.add(estimator.n_iter_)
            self.by_epoch[f"{estimator.n_iter_}"] = estimator.loss_
            self.total += estimator.loss_
            drawn = self.rng.random(), self.old_rng.rand()
            self.diary_ = [*self.losses, *self.seen, *self.by_epoch, *self.total.tolist(), *drawn]

    def build() -> MLPClassifier:
        return MLPClassifier((8,), max_iter=5, random_state=0).set_callbacks(Diary())

    def fit(model: MLPClassifier, resume: Any) -> MLPClassifier:
        return model.fit(X, LABELS, resume=resume)

    whole = fit(build(), None)._skl_callbacks[0].diary_
    cut_short(build, fit, every_epoch(tmp_path), at=4)
    again = build()
    again.set_callbacks(*again._skl_callbacks, CrashAfter(0))
    assert fit(again, every_epoch(tmp_path))._skl_callbacks[0].diary_ == whole


def test_a_callback_that_keeps_what_is_no_data_is_refused(tmp_path: Path) -> None:
    class Keeper(Callback):
        def on_fit_begin(self, estimator: Any) -> None:
            self.models = {estimator}

    model = MLPClassifier((8,), max_iter=3).set_callbacks(Keeper())
    with pytest.raises(ValueError, match=r"A fit with a Keeper cannot be resumed.*'models'"):
        model.fit(X, LABELS, resume=tmp_path / "fit")


@pytest.mark.parametrize(
    ("resume", "words"),
    [
        (3, "The 'resume' parameter of fit must be a path, a Checkpoint or None. Got 3"),
        (True, "The 'resume' parameter of fit must be"),
    ],
)
def test_what_is_no_path_is_refused(resume: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        MLPClassifier().fit(X, LABELS, resume=resume)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"path": 3}, "'path' parameter of Checkpoint must be a path. Got 3"),
        ({"path": ""}, "'path' parameter of Checkpoint must be a path that is not empty. Got ''"),
        ({"every": True}, "'every' parameter"),
        ({"seconds": True}, "'seconds' parameter"),
        ({"seconds": 10**400}, "'seconds' parameter"),
        ({"every": 0}, "'every' parameter of Checkpoint must be an integer of at least 1. Got 0"),
        ({"every": 1.5}, "'every' parameter"),
        ({"seconds": -1}, "'seconds' parameter of Checkpoint must be a finite number of at least"),
        ({"seconds": np.inf}, "'seconds' parameter"),
        ({"seconds": "1"}, "'seconds' parameter"),
    ],
)
def test_bad_checkpoints_are_refused(options: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Checkpoint(**({"path": "fit"} | options))


def test_lbfgs_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="needs a stochastic solver"):
        MLPClassifier(solver="lbfgs").fit(X, LABELS, resume=tmp_path / "fit")


def test_other_files_are_refused_and_left_as_they_are(tmp_path: Path) -> None:
    model = MLPClassifier((8,), max_iter=3, random_state=0).fit(X, LABELS)
    path = tmp_path / "model"
    model.save(path)
    content = path.read_bytes()
    with pytest.raises(ValueError, match=r"it is a model, .* not the checkpoint of a fit"):
        model.fit(X, LABELS, resume=path)
    assert path.read_bytes() == content
    path.write_bytes(b"")
    with pytest.raises(ValueError, match="not written by pymlp"):
        model.fit(X, LABELS, resume=path)
    model.fit(X, LABELS, resume=tmp_path / "fit")
    with pytest.raises(ValueError, match="the checkpoint of a fit, for fit's parameter 'resume'"):
        load(tmp_path / "fit")
    with pytest.raises(FileNotFoundError):
        model.fit(X, LABELS, resume=Checkpoint(tmp_path / "nowhere" / "fit", every=9))


def test_a_damaged_checkpoint_is_refused(tmp_path: Path) -> None:
    model = MLPClassifier((8,), max_iter=3, random_state=0)
    model.fit(X, LABELS, resume=tmp_path / "fit")
    content = bytearray((tmp_path / "fit").read_bytes())
    for cut in (content[:-1], content[: len(content) // 2], content[:-9] + b"x" + content[-8:]):
        (tmp_path / "fit").write_bytes(cut)
        with pytest.raises(ValueError, match="cannot be loaded"):
            model.fit(X, LABELS, resume=tmp_path / "fit")


def test_a_fit_that_is_refused_leaves_numpys_random_numbers_alone(tmp_path: Path) -> None:
    MLPClassifier((8,), max_iter=3).fit(X, LABELS, resume=tmp_path / "fit")
    before = np.random.get_state()  # noqa: NPY002
    with pytest.raises(ValueError, match="another X"):
        MLPClassifier((8,), max_iter=3).fit(nearly, LABELS, resume=tmp_path / "fit")
    drawn = np.random.random_sample(3)  # noqa: NPY002
    np.random.set_state(before)  # noqa: NPY002
    np.testing.assert_array_equal(np.random.random_sample(3), drawn)  # noqa: NPY002


def test_whatever_refuses_a_fit_leaves_numpys_random_numbers_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    MLPClassifier((8,), max_iter=3).fit(X, LABELS, resume=tmp_path / "fit")

    def interrupted(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(CrashAfter, "on_fit_begin", interrupted)
    before = np.random.get_state(legacy=False)  # noqa: NPY002
    with pytest.raises(KeyboardInterrupt):
        MLPClassifier((8,), max_iter=3).set_callbacks(CrashAfter(0)).fit(
            X, LABELS, resume=tmp_path / "fit"
        )
    with pytest.raises(ValueError, match="y_val"):
        MLPClassifier((8,), max_iter=3).fit(
            X, LABELS, X_val=X, y_val=LABELS[1:], resume=tmp_path / "fit"
        )
    after = np.random.get_state(legacy=False)  # noqa: NPY002
    np.testing.assert_equal(after, before)


def test_a_folder_that_may_not_be_written_to_is_refused_before_the_fit() -> None:
    root = os.geteuid() == 0
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o555)
        if root:  # who may write everywhere
            os.seteuid(65534)
        try:
            with pytest.raises(PermissionError, match=re.escape(folder)):
                MLPClassifier((8,)).fit(X, LABELS, resume=folder + "/fit")
        finally:
            if root:
                os.seteuid(0)
            os.chmod(folder, 0o700)


def test_a_folder_for_a_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(IsADirectoryError, match=re.escape(str(tmp_path))):
        MLPClassifier((8,)).fit(X, LABELS, resume=tmp_path)


def test_a_full_disk_is_a_warning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = MLPClassifier((8,), max_iter=5, random_state=0).set_callbacks(CrashAfter(2))
    with pytest.raises(CrashError):
        model.fit(X, LABELS, resume=every_epoch(tmp_path))
    content = (tmp_path / "fit").read_bytes()

    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "replace", full)
    model.set_callbacks(CrashAfter(0))
    with pytest.warns(RuntimeWarning, match="could not be written: .*No space left") as caught:
        model.fit(X, LABELS, resume=every_epoch(tmp_path))
    assert {warned.filename for warned in caught} == {__file__}
    assert (tmp_path / "fit").read_bytes() == content
    whole = MLPClassifier((8,), max_iter=5, random_state=0).fit(X, LABELS)
    assert_same_fit(model.set_callbacks(), whole)


def test_a_callback_that_comes_to_keep_no_data_is_a_warning(tmp_path: Path) -> None:
    class Keeper(Callback):
        def on_epoch_end(self, estimator: Any) -> None:
            self.model = estimator

    model = MLPClassifier((8,), max_iter=3, random_state=0).set_callbacks(Keeper())
    with pytest.warns(RuntimeWarning, match="A fit with a Keeper cannot be resumed"):
        model.fit(X, LABELS, resume=tmp_path / "fit")
    assert model.n_iter_ == 3


def test_an_interrupt_leaves_the_last_checkpoint(tmp_path: Path) -> None:
    class Interrupt(CrashAfter):
        def on_epoch_end(self, estimator: Any) -> None:
            if estimator.n_iter_ == self.n_epochs:
                raise KeyboardInterrupt

    def fit(at: int) -> MLPClassifier:
        model = MLPClassifier((8,), max_iter=6, random_state=0).set_callbacks(Interrupt(at))
        return model.fit(X, LABELS, resume=every_epoch(tmp_path))

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert fit(4).n_iter_ == 4
    assert_same_fit(fit(0), MLPClassifier((8,), max_iter=6, random_state=0).fit(X, LABELS))
