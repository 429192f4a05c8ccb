"""Ensembles: warnings, errors, Ctrl-C and threads of fits side by side."""

import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any

import numpy as np
import pytest
import sklearn
from ensembles import LABELS, QUIET, WEIGHT, X, ensemble
from sklearn.exceptions import ConvergenceWarning
from threadpoolctl import ThreadpoolController, threadpool_info

import pymlp
from pymlp import MLPClassifier, MLPEnsembleClassifier, MLPEnsembleRegressor, MLPRegressor
from pymlp._system import threads as _threads
from pymlp._system.threads import one_blas_thread

# Warnings


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({}, r"3 of 3 members: Stochastic Optimizer: Maximum iterations \(6\) reached"),
        ({"solver": "lbfgs"}, "3 of 3 members: lbfgs failed to converge after 6 iteration"),
    ],
)
def test_a_warning_comes_once(params: dict[str, Any], message: str) -> None:
    with pytest.warns(ConvergenceWarning, match=message) as caught:
        ensemble(**params).fit(X, LABELS)
    assert len(caught) == 1
    assert caught[0].filename == __file__


def test_who_warns_is_counted() -> None:
    fitted = ensemble(8, max_iter=500, learning_rate_init=0.05, tol=0.02, n_iter_no_change=2)
    epochs = [m.n_iter_ for m in fitted.fit(X, LABELS).estimators_]  # without a warning
    limit = int(np.median(epochs))
    late = sum(n > limit for n in epochs)
    assert 0 < late < 8
    with pytest.warns(ConvergenceWarning, match=f"^{late} of 8 members: ") as caught:
        fitted.set_params(estimator__max_iter=limit).fit(X, LABELS)
    assert len(caught) == 1


def test_ensembles_in_threads_keep_their_warnings_apart(recwarn: pytest.WarningsRecorder) -> None:
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda n: ensemble(n, max_iter=20 + n).fit(X, LABELS), [2, 3]))
    texts = {str(w.message).split(" reached")[0] for w in recwarn}
    start = "members: Stochastic Optimizer: Maximum iterations"
    assert texts == {f"{n} of {n} {start} ({20 + n})" for n in (2, 3)}


# Errors


@pytest.mark.parametrize(
    ("make", "wrong", "right"),
    [
        (MLPEnsembleClassifier, MLPRegressor(), "MLPClassifier"),
        (MLPEnsembleClassifier, MLPClassifier, "MLPClassifier"),
        (MLPEnsembleRegressor, sklearn.linear_model.Ridge(), "MLPRegressor"),
    ],
)
def test_a_wrong_estimator(make: Any, wrong: Any, right: str) -> None:
    with pytest.raises(ValueError, match=rf"'estimator' .* must be an instance of '.*{right}'"):
        make(wrong).fit(X, LABELS)


@pytest.mark.parametrize(
    ("params", "fit_params", "message"),
    [
        ({"alpha": -1}, {}, "The 'alpha' parameter of MLPClassifier"),
        ({"dropout": [0.1, 0.2]}, {}, "one value a hidden layer"),
        ({}, {"X_val": X}, "X_val and y_val must be given together"),
        ({}, {"X_val": X * np.nan, "y_val": LABELS}, "X_val, y_val: .*NaN"),
        ({}, {"sample_weight": -WEIGHT}, "Negative values"),
        ({"bootstrap": True}, {"sample_weight": -WEIGHT}, "Negative values"),
    ],
)
def test_bad_input(params: Any, fit_params: Any, message: str) -> None:
    fitted = ensemble(**params)
    with pytest.raises(ValueError, match=f"(?s){message}"):
        fitted.fit(X, LABELS, **fit_params)
    assert not [name for name in vars(fitted) if name.endswith("_")]


def test_an_error_in_a_member_ends_all() -> None:
    before = set(threading.enumerate())
    lock, calls = threading.Lock(), 0

    def fail(est: Any, *data: Any) -> float:
        nonlocal calls
        with lock:
            calls += 1
            if calls == 20:
                raise RuntimeError("no more")
        return 0.0

    endless = {"max_iter": 10**9, "n_iter_no_change": np.inf}
    fitted = ensemble(8, n_threads=2, **endless, scoring=fail)
    with pytest.raises(RuntimeError, match="no more") as caught:
        fitted.fit(X, LABELS, X_val=X, y_val=LABELS)
    assert "random_state=" in caught.value.__notes__[0]
    assert not hasattr(fitted, "estimators_")
    assert set(threading.enumerate()) <= before


CTRL_C = """
import os, signal, threading, warnings
import numpy as np
from pymlp._system import threads as _threads
from pymlp._system.threads import one_blas_thread
from pymlp import MLPClassifier, MLPEnsembleClassifier

class Watch:
    lock, epochs, sent = threading.Lock(), {}, False
    def setup(self, estimator, context): pass
    def teardown(self, estimator, context): pass
    def on_fit_task_begin(self, estimator, context): pass
    def on_fit_task_end(self, estimator, context):
        with self.lock:
            if context.task_name == "fit":
                return None
            self.epochs[estimator] = self.epochs.get(estimator, 0) + 1
            if len(self.epochs) == 4 and min(self.epochs.values()) >= 3 and not self.sent:
                self.sent = True
                os.kill(os.getpid(), signal.SIGINT)
            return self.epochs[estimator] == 5 and estimator in list(self.epochs)[:2]

rng = np.random.default_rng(0)
X = rng.normal(size=(200, 8)).astype(np.float32)
y = (X[:, 0] > 0).astype(int)
net = MLPClassifier((5,), max_iter=10**9, n_iter_no_change=np.inf)
clf = MLPEnsembleClassifier(net.set_callbacks(Watch()), random_state=0, n_threads=2)
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    clf.fit(X, y)
print(*(w.message for w in caught), sep="; ")
print(len(clf.estimators_), sum(m.n_iter_ == 5 for m in clf.estimators_) >= 2, clf.predict(X).shape)

# one epoch would take seconds
big = MLPEnsembleClassifier(MLPClassifier((1000, 1000), batch_size=50, max_iter=1), n_threads=2)
threading.Timer(0.25, os.kill, (os.getpid(), signal.SIGINT)).start()
try:
    big.fit(np.tile(X, (1000, 1)), np.tile(y, 1000))
except KeyboardInterrupt:
    print("KeyboardInterrupt", hasattr(big, "estimators_"))
"""


def test_ctrl_c() -> None:
    run = subprocess.run(
        [sys.executable, "-c", CTRL_C], capture_output=True, text=True, timeout=60, check=False
    )
    assert run.stderr == ""
    assert run.stdout.splitlines() == [
        "Training interrupted by user: 4 of 8 members are kept.; "
        "2 of 8 members: Training interrupted by user.",
        "4 True (200,)",
        "KeyboardInterrupt False",
    ]


# Threads


@QUIET
@pytest.mark.parametrize(
    ("n_estimators", "n_threads", "own", "at_once", "team"),
    [(4, 2, None, 2, 1), (2, 7, None, 2, 3), (3, 1, None, 1, 1), (4, 4, 2, 2, 2), (3, 1, 2, 1, 1)],
)
def test_members_and_threads(
    n_estimators: int, n_threads: int, own: int | None, at_once: int, team: int
) -> None:
    """How many members are trained at a time, and how many threads each may use."""
    lock, workers, teams = threading.Lock(), set[int](), set[int]()
    meeting = threading.Barrier(at_once)

    def look(est: Any, *data: Any) -> float:
        with lock:
            workers.add(threading.get_ident())
            teams.add(pymlp._core.max_threads())
        if est.n_iter_ == 1:
            meeting.wait(timeout=30)  # as many as that do run at once
        return 0.0

    before = pymlp._core.max_threads()
    member = MLPClassifier((5,), max_iter=2, scoring=look, n_threads=own)
    fitted = MLPEnsembleClassifier(member, n_estimators=n_estimators, n_threads=n_threads)
    fitted.fit(X, LABELS, X_val=X, y_val=LABELS)
    assert len(workers) == at_once
    assert teams == {team}
    assert pymlp._core.max_threads() == before
    assert {m.n_threads for m in fitted.estimators_} == {own}


@QUIET
def test_blas_has_its_threads_back() -> None:
    def blas() -> list[int]:
        return [lib["num_threads"] for lib in threadpool_info() if lib["user_api"] == "blas"]

    before = blas()
    ensemble(4, n_threads=2, solver="lbfgs").fit(X, LABELS)
    assert blas() == before
    first, second = ExitStack(), ExitStack()
    first.enter_context(one_blas_thread)
    second.enter_context(one_blas_thread)  # as in another thread
    assert set(blas()) == {1}
    first.close()
    assert set(blas()) == {1}
    second.close()
    assert blas() == before


@pytest.mark.parametrize("is_openblas", [True, False])
def test_what_limits_blas(is_openblas: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """OpenBLAS itself, without a look through all libraries; of others threadpoolctl knows."""
    looks: list[str] = []

    def pools() -> ThreadpoolController:
        looks.append("through all libraries")
        return ThreadpoolController()

    def blas() -> list[int]:
        return [lib["num_threads"] for lib in threadpool_info() if lib["user_api"] == "blas"]

    before = blas()
    found = {lib["internal_api"] for lib in threadpool_info() if lib["user_api"] == "blas"}
    monkeypatch.setattr(_threads, "_thread_pools", pools)
    if not is_openblas:
        monkeypatch.setattr(_threads, "_of_openblas", list)
    elif found != {"openblas"}:
        pytest.skip(f"BLAS is {found}")
    with _threads.one_blas_thread:
        assert set(blas()) == {1}
    assert blas() == before
    assert bool(looks) != is_openblas


@QUIET
def test_members_have_the_configuration_of_the_caller() -> None:
    seen = []

    def look(est: Any, *data: Any) -> float:
        seen.append(sklearn.get_config()["working_memory"])
        return 0.0

    with sklearn.config_context(working_memory=7):
        ensemble(scoring=look, max_iter=1).fit(X, LABELS, X_val=X, y_val=LABELS)
    assert seen == [7, 7, 7]


@QUIET
def test_callbacks_hear_of_every_member() -> None:
    class Listener:
        def __init__(self) -> None:
            self.heard: list[str] = []

        def setup(self, estimator: Any, context: Any) -> None: ...

        def teardown(self, estimator: Any, context: Any) -> None: ...

        def on_fit_task_begin(self, estimator: Any, context: Any) -> None: ...

        def on_fit_task_end(self, estimator: Any, context: Any) -> None:
            self.heard.append(context.task_name)

    listener = Listener()
    fitted = ensemble(4, n_threads=2)
    fitted.estimator.set_callbacks(listener)
    fitted.fit(X, LABELS)
    assert (listener.heard.count("fit"), listener.heard.count("epoch")) == (4, 24)
