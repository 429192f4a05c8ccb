"""Ensembles over a cluster: members as tasks, with the bits of a local fit."""

from __future__ import annotations

import asyncio
import copy
import os
import signal
import threading
import time
import warnings
from pathlib import Path
from typing import Any

import dask.array as da
import dask.dataframe as dd
import numpy as np
import pandas as pd
import pytest
from distributed import Client, LocalCluster, get_client, wait
from sklearn.exceptions import ConvergenceWarning

import pymlp.dask as on_dask
from pymlp import (
    MLPClassifier,
    MLPEnsembleClassifier,
    MLPEnsembleRegressor,
    MLPRegressor,
    TabularClassifier,
    TabularRegressor,
)

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 4))
LABELS = np.array(["ant", "bee", "cat"])[np.digitize(X[:, 0], [-0.5, 0.5])]
TABLE = pd.DataFrame(X, columns=list("abcd")).assign(kind=LABELS)
WEIGHT = RNG.random(60)
NET = MLPClassifier((5,), max_iter=5, tol=9, n_iter_no_change=1)
REG = MLPRegressor("squared_error", (5,), max_iter=5, tol=9, n_iter_no_change=1)
CLF = MLPEnsembleClassifier(NET, n_estimators=3, bootstrap=True, random_state=0)


def same(one: Any, other: Any) -> None:
    """The same members and attributes, to the bit."""
    assert vars(one).keys() == vars(other).keys()
    assert len(one.estimators_) == len(other.estimators_)
    for a, b in zip(one.estimators_, other.estimators_, strict=True):
        assert a.random_state == b.random_state
        assert a.n_iter_ == b.n_iter_
        assert a.history_["loss"] == b.history_["loss"]
        for x, y in zip(a.coefs_ + a.intercepts_, b.coefs_ + b.intercepts_, strict=True):
            assert x.dtype == y.dtype
            assert np.array_equal(x, y)


def parts(values: Any, rows: int) -> Any:
    return da.from_array(values, chunks=(rows, *values.shape[1:]))


@pytest.mark.parametrize("weighted", [False, True])
def test_networks(client: Client, weighted: bool) -> None:
    weight = WEIGHT if weighted else None
    local = copy.deepcopy(CLF).fit(X, LABELS, weight)
    of_weight = None if weight is None else parts(weight, 60)
    found = copy.deepcopy(CLF)
    assert on_dask.fit(found, parts(X, 25), parts(LABELS, 33), of_weight) is found
    same(found, local)
    assert np.array_equal(found.predict_proba(X), local.predict_proba(X))
    same(on_dask.fit(copy.deepcopy(CLF), X, LABELS, weight, client=client), local)


@pytest.mark.usefixtures("client")
def test_targets_and_a_validation_set() -> None:
    reg = MLPEnsembleRegressor(
        clone_with(REG, early_stopping=True), n_estimators=2, random_state=np.random.RandomState(3)
    )
    validation = {"X_val": X[:20], "y_val": X[:20, :2]}
    local, found = copy.deepcopy(reg), copy.deepcopy(reg)
    local.fit(X, X[:, :2], **validation)
    of_val = {"X_val": parts(X[:20], 7), "y_val": parts(X[:20, :2], 20)}
    on_dask.fit(found, parts(X, 25), parts(X[:, :2], 25), **of_val)
    same(found, local)
    # both have drawn as much
    assert found.random_state.randint(10**9) == local.random_state.randint(10**9)


def clone_with(estimator: Any, **params: Any) -> Any:
    return copy.deepcopy(estimator).set_params(**params)


@pytest.mark.usefixtures("client")
@pytest.mark.parametrize("kind", [TabularClassifier, TabularRegressor])
def test_tables(kind: Any) -> None:
    est = kind(n_estimators=2, max_iter=3, random_state=0)
    y = LABELS if kind is TabularClassifier else X[:, 1]
    local = copy.deepcopy(est).fit(TABLE, y)
    frame = dd.from_pandas(TABLE.assign(y=y), npartitions=3)
    found = on_dask.fit(copy.deepcopy(est), frame[list(TABLE.columns)], frame.y)
    same(found, local)
    assert np.array_equal(found.predict(TABLE), local.predict(TABLE))
    assert str(found.summary()) == str(local.summary())


@pytest.mark.usefixtures("client")
def test_a_second_fit_forgets_the_first() -> None:
    est = on_dask.fit(copy.deepcopy(CLF), TABLE[list("abcd")], LABELS)
    assert hasattr(est, "feature_names_in_")
    on_dask.fit(est, X[:, :3], X[:, 0] > 0)
    same(est, copy.deepcopy(CLF).fit(X[:, :3], X[:, 0] > 0))
    assert not hasattr(est, "feature_names_in_")


@pytest.mark.usefixtures("client")
def test_warnings_are_those_of_a_local_fit() -> None:
    est = MLPEnsembleClassifier(MLPClassifier((5,), max_iter=2), n_estimators=3, random_state=0)
    told = []
    for fit in (est.fit, lambda X, y: on_dask.fit(est, X, y)):
        with warnings.catch_warnings(record=True) as record:
            warnings.simplefilter("always")
            fit(X, LABELS)
        told.append([(w.category, str(w.message)) for w in record])
    assert told[0] == told[1]
    assert told[0][0][0] is ConvergenceWarning
    assert told[0][0][1].startswith("3 of 3 members: ")


@pytest.mark.usefixtures("client")
def test_errors_leave_the_ensemble_as_it_was() -> None:
    est = copy.deepcopy(CLF).fit(X, LABELS)
    before = dict(vars(est))
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        on_dask.fit(est, X, LABELS[:50])
    with pytest.raises(ValueError, match="contains NaN"):
        on_dask.fit(est, np.full((60, 4), np.nan), LABELS)
    with pytest.raises(ValueError, match="X_val and y_val must be given together"):
        on_dask.fit(est, X, LABELS, X_val=X)
    with pytest.raises(ValueError, match="'n_estimators' parameter"):
        on_dask.fit(clone_with(CLF, n_estimators=0), X, LABELS)
    with pytest.raises(ValueError, match="'alpha' parameter"):
        on_dask.fit(clone_with(CLF, estimator__alpha=-1), X, LABELS)
    with pytest.raises(TypeError, match=r"trains ensembles, .* Got MLPClassifier"):
        on_dask.fit(MLPClassifier(), X, LABELS)
    with pytest.raises(ValueError, match=r"must be a distributed\.Client or None. Got 'tcp"):
        on_dask.fit(est, X, LABELS, client="tcp://1.2.3.4:8786")
    with pytest.raises(TypeError, match="a Streamed one is for a local fit"):
        on_dask.fit(est, on_dask.Streamed(X, buffer_rows=10), LABELS)
    assert vars(est) == before


def test_without_a_client() -> None:
    with pytest.raises(ValueError, match="needs a client of a cluster, and there is none"):
        on_dask.fit(copy.deepcopy(CLF), X, LABELS)


def test_asynchronous_clients_are_refused(cluster: LocalCluster) -> None:
    async def fitted() -> None:
        async with Client(cluster.scheduler_address, asynchronous=True) as client:
            on_dask.fit(copy.deepcopy(CLF), X, LABELS, client=client)

    with pytest.raises(ValueError, match="must not be an asynchronous client"):
        asyncio.run(fitted())


@pytest.mark.parametrize("n_complete", [0, 2])
def test_ctrl_c_keeps_the_members_that_were_complete(
    client: Client, monkeypatch: pytest.MonkeyPatch, n_complete: int
) -> None:
    gather, calls = Client.gather, []

    def interrupted(self: Client, futures: Any, *args: Any, **kwargs: Any) -> Any:
        calls.append(futures)
        if len(calls) > 1:
            return gather(self, futures, *args, **kwargs)
        wait(futures[:n_complete]) if n_complete else None
        self.cancel(futures[n_complete:])
        raise KeyboardInterrupt

    monkeypatch.setattr(Client, "gather", interrupted)
    est = copy.deepcopy(CLF)
    if n_complete == 0:
        with pytest.raises(KeyboardInterrupt):
            on_dask.fit(est, X, LABELS)
        assert not hasattr(est, "estimators_")
        return
    with pytest.warns(UserWarning, match="interrupted by user: 2 of 3 members are kept"):
        on_dask.fit(est, X, LABELS)
    local = copy.deepcopy(CLF).fit(X, LABELS)
    assert len(est.estimators_) == n_complete
    for found, expected in zip(est.estimators_, local.estimators_[:2], strict=True):
        assert np.array_equal(found.coefs_[0], expected.coefs_[0])


def test_amid_a_task(client: Client) -> None:
    def fitted(est: Any) -> Any:
        import pymlp.dask

        return pymlp.dask.fit(est, X, LABELS)

    same(client.submit(fitted, copy.deepcopy(CLF)).result(60), copy.deepcopy(CLF).fit(X, LABELS))


def test_a_worker_killed_amid_a_member(client: Client, tmp_path: Path) -> None:
    killed, here = tmp_path / "killed", os.getpid()

    def init(n_in: int, n_out: int, rng: np.random.RandomState) -> np.ndarray:
        if os.getpid() != here and not killed.exists():
            killed.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return rng.normal(size=(n_in, n_out))

    est = clone_with(CLF, estimator__init=init)
    found = on_dask.fit(copy.deepcopy(est), parts(X, 25), parts(LABELS, 60))
    assert killed.exists()
    same(found, est.fit(X, LABELS))
    assert get_client() is client


@pytest.mark.long
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_workers_killed_at_random_moments() -> None:
    """Ten fits, in each of which a worker is killed: the same bits, and none takes a minute."""
    est = clone_with(CLF, n_estimators=6, estimator__max_iter=150, estimator__tol=0)
    est.set_params(estimator__hidden_layer_sizes=(50,), estimator__n_iter_no_change=999)
    rows, y = np.tile(X, (20, 1)), np.tile(LABELS, 20)
    local, seconds = copy.deepcopy(est).fit(rows, y), 0.0
    for k in range(11):
        with Client(n_workers=2, dashboard_address=None) as client:
            client.run(__import__, "pymlp.dask")
            (worker, _) = client.cluster.workers.values()
            killer = threading.Timer(RNG.uniform(0, seconds), os.kill, [worker.pid, signal.SIGKILL])
            if k > 0:  # the first fit tells how long one takes
                killer.start()
            start = time.monotonic()
            same(on_dask.fit(copy.deepcopy(est), parts(rows, 300), y), local)
            killer.cancel()
            seconds = seconds or time.monotonic() - start
            assert time.monotonic() - start < 60
