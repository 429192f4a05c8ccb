"""Ctrl-C, and signals whose handlers raise: calls end soon and keep what there is."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import interrupts
import numpy as np
import pytest

import pymlp
from pymlp import MLPClassifier, MLPRegressor
from pymlp._estimators import base as _base
from pymlp._fit.progress import Progress
from pymlp.callbacks import Callback

PACKAGE = Path(pymlp.__file__).parent
RNG = np.random.RandomState(0)
X = RNG.randn(200, 8)
LABELS = RNG.randint(3, size=200)
INTERRUPTED = r"Training interrupted by user\."


def weights(model: Any) -> np.ndarray:
    return np.concatenate([a.ravel() for a in model.coefs_ + model.intercepts_])


@contextlib.contextmanager
def signal_after(seconds: float, number: int = signal.SIGINT) -> Iterator[None]:
    """What Ctrl-C does, some seconds from now."""
    timer = threading.Timer(seconds, os.kill, (os.getpid(), number))
    timer.start()
    try:
        yield
    except KeyboardInterrupt:
        pytest.fail("the interrupt left fit")  # pytest itself would stop the whole run
    finally:
        timer.cancel()


def check_records(model: Any, n_samples: int) -> None:
    """Whatever a fit has recorded is of as many epochs as it has counted."""
    assert {len(column) for column in model.history_.values()} <= {model.n_iter_}
    if model.solver == "lbfgs":
        return
    assert len(model.loss_curve_) == model.n_iter_
    assert model.t_ == model.n_iter_ * n_samples
    if not model.early_stopping:
        assert model.best_loss_ == min(model.loss_curve_, default=np.inf)
        return
    assert model.validation_scores_ == model.history_.get("val_accuracy", [])
    assert model.best_validation_score_ == max(model.validation_scores_, default=-np.inf)
    if model.n_iter_ > 0:
        assert model.best_epoch_ == 1 + np.argmax(model.validation_scores_)


@pytest.mark.parametrize("early_stopping", [False, True])
@pytest.mark.parametrize("estimator", [MLPClassifier, MLPRegressor])
def test_an_interrupt_between_epochs_keeps_the_model(
    estimator: type[Any], early_stopping: bool
) -> None:
    model = estimator(
        hidden_layer_sizes=(20,),
        max_iter=300_000,
        n_iter_no_change=np.inf,
        early_stopping=early_stopping,
    )
    with signal_after(0.25), pytest.warns(UserWarning, match=INTERRUPTED):
        model.fit(X, LABELS)
    assert 0 < model.n_iter_ < 300_000
    assert len(model.loss_curve_) == len(model.history_["loss"]) == model.n_iter_
    assert np.isfinite(weights(model)).all()
    assert model.predict(X).shape == (200,)


@pytest.mark.parametrize("n_threads", [1, 2])
def test_an_interrupt_within_an_epoch_keeps_the_model(n_threads: int) -> None:
    """On two cores this first epoch, 1.3e12 floating-point operations, takes seconds."""
    signals = contextlib.ExitStack()

    class InterruptSoon(Callback):
        def on_epoch_begin(self, estimator: Any) -> None:
            signals.enter_context(signal_after(0.25))

    many = np.tile(X.astype(np.float32), (1000, 8))
    clf = MLPClassifier((1000, 1000), batch_size=50, max_iter=1, n_threads=n_threads)
    clf.set_callbacks(InterruptSoon())
    with signals, pytest.warns(UserWarning, match=INTERRUPTED):
        clf.fit(many, np.tile(LABELS, 1000))
    assert clf.n_iter_ == 0
    check_records(clf, len(many))
    assert np.isfinite(weights(clf)).all()
    assert clf.predict(many[:3]).shape == (3,)
    assert interrupts.busy_share(0.3) < 0.5  # no thread goes on


def test_a_signal_whose_handler_raises_ends_a_fit_as_ctrl_c_does() -> None:
    clf = MLPClassifier((20,), max_iter=300_000, n_iter_no_change=np.inf)
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with signal_after(0.25, signal.SIGTERM), pytest.warns(UserWarning, match=INTERRUPTED):
            clf.fit(X, LABELS)
    finally:
        signal.signal(signal.SIGTERM, before)
    assert 0 < clf.n_iter_ < 300_000


def test_another_exception_of_a_handler_leaves_the_estimator_as_it_was() -> None:
    class ShutdownError(Exception):
        pass

    def handler(number: int, frame: FrameType | None) -> None:
        raise ShutdownError

    clf = MLPClassifier((20,), max_iter=300_000, n_iter_no_change=np.inf)
    before = signal.signal(signal.SIGTERM, handler)
    try:
        with signal_after(0.25, signal.SIGTERM), pytest.raises(ShutdownError):
            clf.fit(X, LABELS)
    finally:
        signal.signal(signal.SIGTERM, before)
    assert not hasattr(clf, "coefs_")


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_an_interrupt_ends_a_prediction(precision: str) -> None:
    """Of 4e12 floating-point operations, which take ten seconds and more."""
    many = np.broadcast_to(np.ones(8, dtype=np.float32), (2_000_000, 8))
    reg = MLPRegressor(hidden_layer_sizes=(1000, 1000), max_iter=1, precision=precision)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        reg.fit(X, LABELS)
    begun = time.perf_counter()
    timer = threading.Timer(0.4, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        reg.predict(many)
    taken = time.perf_counter() - begun
    timer.join()
    assert taken < 6
    assert reg.predict(X).shape == (200,)


@pytest.mark.parametrize("early_stopping", [False, True])
@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_an_epoch_that_is_cut_short_while_it_is_scored_does_not_count(
    solver: str, early_stopping: bool
) -> None:
    calls = 0

    def scorer(est: Any, X: Any, y: Any) -> float:
        nonlocal calls
        calls += 1
        if calls == 4:
            raise KeyboardInterrupt
        return float(est.score(X, y))

    clf = MLPClassifier(
        (5,), solver=solver, early_stopping=early_stopping, scoring=scorer, random_state=0
    )
    with pytest.warns(UserWarning, match=INTERRUPTED):
        clf.fit(X, LABELS, X_val=X, y_val=LABELS)
    assert clf.n_iter_ == len(clf.history_["loss"]) == len(clf.history_["val_score"]) == 3
    assert clf.loss_ == clf.history_["loss"][-1]
    if solver == "adam":
        assert len(clf.loss_curve_) == 3
        assert clf.t_ == 600


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("options", [{}, {"early_stopping": True, "ema_decay": 0.9}])
def test_an_interrupt_at_any_line_leaves_whole_epochs(
    options: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One interrupt a fit, at each line in turn that two epochs run through."""
    n_lines = 0

    def fit(at: int) -> MLPClassifier:
        def run(*arguments: Any, **named: Any) -> None:
            nonlocal n_lines
            n_lines = interrupted_at(at, lambda: run_epochs(*arguments, **named))

        monkeypatch.setattr(_base, "run_epochs", run)
        clf = MLPClassifier((5,), max_iter=2, random_state=0, **options)
        return clf.fit(X, LABELS, X_val=X, y_val=LABELS)

    run_epochs = _base.run_epochs
    fit(-1)
    assert n_lines > 100
    for at in range(n_lines):
        clf = fit(at)
        check_records(clf, len(X))
        if options and clf.n_iter_ > 0:
            assert clf.score(X, LABELS) >= clf.best_validation_score_


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_an_interrupt_of_the_last_line_shown_keeps_the_model(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def interrupted(self: Any, *error: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Progress, "__exit__", interrupted)
    with pytest.warns(UserWarning, match=INTERRUPTED):
        clf = MLPClassifier((5,), max_iter=3, tol=0, random_state=0).fit(X, LABELS)
    assert clf.n_iter_ == 3
    check_records(clf, len(X))


class FitsAndPredicts(Callback):
    """In a member's first epoch; predicts when it is fitted. Ctrl-C comes after the second's."""

    heard: list[int] = []  # noqa: RUF012

    def on_epoch_end(self, estimator: Any) -> None:
        if estimator.n_iter_ == 1:
            MLPClassifier((3,), max_iter=1).set_callbacks(Callback()).fit(X, LABELS)
            FitsAndPredicts.heard.append(0)
            if len(FitsAndPredicts.heard) == 2:
                os.kill(os.getpid(), signal.SIGINT)

    def on_fit_end(self, estimator: Any) -> None:
        FitsAndPredicts.heard.append(len(estimator.predict(X)))


@pytest.mark.filterwarnings("ignore:2 of 2 members")
def test_callbacks_of_an_interrupted_ensemble_predict(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(FitsAndPredicts, "heard", [])
    member = MLPClassifier((5,), max_iter=300_000, n_iter_no_change=np.inf)
    member.set_callbacks(FitsAndPredicts())
    clf = pymlp.MLPEnsembleClassifier(member, n_estimators=2, n_threads=2, random_state=0)
    with pytest.warns(UserWarning, match="interrupted by user: 2 of 2 members are kept"):
        clf.fit(X, LABELS)
    assert FitsAndPredicts.heard == [0, 0, 200, 200]
    assert clf.predict(X).shape == (200,)


def interrupted_at(at: int, function: Callable[[], Any]) -> int:
    """Raise KeyboardInterrupt at a line of pymlp; returns how many there were."""
    lines = 0

    def trace(frame: FrameType, event: str, argument: Any) -> Any:
        nonlocal lines
        if PACKAGE not in Path(frame.f_code.co_filename).parents:
            return None
        if event == "line":
            lines += 1
            if lines - 1 == at:
                raise KeyboardInterrupt
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        function()
    finally:
        sys.settrace(before)
    return lines


LOKY = """
import os, signal, threading
import numpy as np
from joblib import Parallel, delayed
from joblib.externals.loky.process_executor import TerminatedWorkerError
from pymlp import MLPClassifier

X, y = np.random.rand(2000, 50), np.arange(2000) % 2

def fit(seed):
    if seed == 0:
        threading.Timer(1.0, os.kill, (os.getpid(), signal.SIGTERM)).start()
    return MLPClassifier((200,), max_iter=100_000, n_iter_no_change=np.inf).fit(X, y)

try:
    Parallel(n_jobs=2)(delayed(fit)(seed) for seed in range(2))
except TerminatedWorkerError:
    print("terminated")
"""


@pytest.mark.long
def test_sigterm_ends_a_worker_of_joblib() -> None:
    done = subprocess.run(
        [sys.executable, "-c", LOKY], capture_output=True, text=True, timeout=180, check=False
    )
    assert done.stdout == "terminated\n", done.stderr


@pytest.mark.long
@pytest.mark.parametrize("call", interrupts.CALLS)
def test_ctrl_c_at_random_moments_ends_a_call_at_once(call: str) -> None:
    done = subprocess.run(
        [sys.executable, interrupts.__file__, call],
        capture_output=True,
        text=True,
        timeout=600,
        check=True,
    )
    *times, _, busy = done.stdout.split()
    print(f"{call}: {done.stdout}")
    milliseconds = 300 if call == "batch 1000" else 100  # a step is not cut short
    assert float(times[len(times) // 2]) < milliseconds
    assert float(busy) < 0.5
