"""Several shards: the same bits wherever they are trained, and means as they should be."""

from __future__ import annotations

import gc
import pickle
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from clusters import digits, in_parts, local_cluster, n_tasks, sha
from distributed import Client, LocalCluster
from sklearn.base import clone

import pymlp
from pymlp import MLPClassifier
from pymlp._fit.rounds import Ended, Round, State, mean
from pymlp._network.parameters import Parameters
from pymlp.callbacks import EarlyStopping
from pymlp.dask import DaskMLPClassifier, DaskMLPRegressor

pytestmark = pytest.mark.filterwarnings("ignore:Stochastic Optimizer")
OPTIONS: dict[str, Any] = {"max_iter": 2, "random_state": 0, "batch_size": 50}


def fitted(client: Client, *, persists: bool = False, **options: Any) -> DaskMLPClassifier:
    given: dict[str, Any] = OPTIONS | {"n_shards": 4, "sync_every": 3} | options
    X, y = in_parts(*digits())
    if persists:
        X, y = client.persist([X, y])
    return DaskMLPClassifier((20,), client=client, **given).fit(X, y)


@pytest.fixture(scope="module")
def there(workers: Client) -> DaskMLPClassifier:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return fitted(workers)


def test_bits_do_not_depend_on_workers_threads_and_persistence(
    workers: Client, there: DaskMLPClassifier
) -> None:
    assert sha(fitted(workers, persists=True)) == sha(there)
    with (
        LocalCluster(
            n_workers=1, threads_per_worker=2, processes=False, dashboard_address=":0"
        ) as one,
        Client(one, set_as_default=False) as client,
    ):
        assert sha(fitted(client)) == sha(there)
    assert there.n_shards_ == 4
    assert there.shard_sizes_ == [500, 500, 500, 297]
    assert there.n_rounds_ == 2 * 4  # ten mini-batches in rounds of at most three
    assert there.loss_curve_[-1] < there.loss_curve_[0]


@pytest.mark.long
def test_bits_of_one_two_and_four_workers() -> None:
    found = {}
    for n_workers, n_threads in ((1, 1), (1, 2), (2, 1), (2, 2), (4, 1)):
        with local_cluster(n_workers, n_threads) as client:
            for persists in (False, True):
                for solver in ("sgd", "adam"):
                    options = {"solver": solver, "dropout": 0.1, "ema_decay": 0.9}
                    model = fitted(client, persists=persists, **options)
                    found.setdefault(solver, set()).add(sha(model))
    assert [len(each) for each in found.values()] == [1, 1]


def test_sync_at_each_step_is_a_large_batch(workers: Client) -> None:
    """K shards of batches B with alpha are batches of K B with K alpha."""
    X, y = digits()
    X, y = X[:800], y[:800]
    n_shards, batch_size, alpha = 4, 25, 0.01
    options = {"solver": "sgd", "shuffle": False, "random_state": 0, "max_iter": 2}
    # partition i is of shard i % 4: each has one partition here
    there = DaskMLPClassifier(
        (20,),
        client=workers,
        n_shards=n_shards,
        sync_every=1,
        batch_size=batch_size,
        alpha=alpha,
        **options,
    ).fit(*in_parts(X, y, rows=200))
    steps = np.arange(800).reshape(n_shards, -1, batch_size).transpose(1, 0, 2).ravel()
    here = MLPClassifier(
        (20,), batch_size=n_shards * batch_size, alpha=n_shards * alpha, **options
    ).fit(X[steps], y[steps])
    assert there.n_rounds_ == 2 * 8
    for one, other in zip(there.coefs_, here.coefs_, strict=True):
        np.testing.assert_allclose(one, other, rtol=0, atol=1e-13)


def test_sample_weights_weigh_the_means(workers: Client) -> None:
    """Of two shards, one twice as heavy, a step of the mean is that of the large batch."""
    X, y = digits()
    X, y, weight = X[:800], y[:800], np.repeat([1.0, 3.0], 400)
    options = {"solver": "sgd", "shuffle": False, "random_state": 0, "max_iter": 2, "alpha": 0.0}
    there = DaskMLPClassifier(
        (20,), client=workers, n_shards=2, sync_every=1, batch_size=40, **options
    ).fit(*in_parts(X, y, weight, rows=400))
    steps = np.arange(800).reshape(2, -1, 40).transpose(1, 0, 2).ravel()
    here = MLPClassifier((20,), batch_size=80, **options).fit(X[steps], y[steps], weight[steps])
    for one, other in zip(there.coefs_, here.coefs_, strict=True):
        np.testing.assert_allclose(one, other, rtol=0, atol=1e-13)


def ended(value: float, weight: float, n_rows: int = 10, loss: float = 1.0) -> Ended:
    parameters = Parameters([np.full((2, 1), value, np.float32)], [np.full(1, value, np.float32)])
    return Ended(State([parameters], [parameters], 3, 0), loss, 0.5, n_rows, weight)


def test_means() -> None:
    assert mean([ended(1 / 3, 7.0)]).state.kept[0].coefs[0][0, 0] == np.float32(1 / 3)
    assert mean([ended(0.0, 1.0), ended(4.0, 3.0)]).state.kept[0].coefs[0][0, 0] == 3
    assert mean([ended(0.0, 0.0), ended(4.0, 0.0)]).state.moments[0].intercepts[0][0] == 2
    tenths = [ended(0.1, 10.0)] * 7
    assert mean(tenths).state.kept[0].coefs[0][0, 0] == np.float32(0.1)
    assert mean([ended(5.0, 0.0, n_rows=0), ended(4.0, 2.0)]).state.kept[0].coefs[0][0, 0] == 4
    assert np.isinf(mean([ended(1.0, 1.0), ended(1.0, 1.0, loss=np.inf)]).loss)


@pytest.mark.parametrize(
    ("n_rows", "batch_size", "n_rounds"), [(95, 10, 3), (5, 10, 4), (64, 8, 8)]
)
def test_rounds_pass_each_row_once(n_rows: int, batch_size: int, n_rounds: int) -> None:
    rows = np.arange(n_rows)
    parts = [rows[Round(0, k, n_rounds, 0.1).rows(n_rows, batch_size)] for k in range(n_rounds)]
    np.testing.assert_array_equal(np.concatenate(parts), rows)
    assert all(len(part) % batch_size == 0 for part in parts[:-1])


@pytest.mark.parametrize(
    "options",
    [
        {"moments": "reset", "dropout": 0.2},
        {"outer_learning_rate": 0.7, "outer_momentum": 0.5, "solver": "sgd"},
        {"early_stopping": True, "n_iter_no_change": 1, "max_iter": 9, "tol": 0.2},
        {"n_shards": 1, "outer_momentum": 0.3, "moments": "reset"},
    ],
    ids=lambda options: next(iter(options)),
)
def test_other_ways_to_the_mean(
    workers: Client, there: DaskMLPClassifier, options: dict[str, Any]
) -> None:
    model = fitted(workers, **options)
    assert sha(model) != sha(there)
    if "moments" in options:
        assert sha(model) == sha(fitted(workers, **options))
    assert model.loss_curve_[-1] < model.loss_curve_[0]
    if "early_stopping" in options:
        assert model.n_iter_ < 9
        assert model.best_validation_score_ == max(model.history_["val_accuracy"])


def test_a_validation_set_in_shards(workers: Client) -> None:
    """What is measured on it is what the local estimator measures on all of it."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((500, 4))
    y, weight = X[:, 0] ** 2, rng.random(500)
    given = dict(zip(("X_val", "y_val", "sample_weight_val"), in_parts(X, y, weight), strict=True))
    for loss in ("squared_error", "pinball"):
        reg = DaskMLPRegressor(loss, (10,), client=workers, n_shards=2, max_iter=2, random_state=0)
        reg.fit(*in_parts(X, y), **given)
        column = "val_r2" if loss == "squared_error" else "val_d2_pinball"
        score = reg.to_local().score(X, y, weight)
        assert reg.history_[column][-1] == pytest.approx(score, rel=1e-12)


def test_a_state_of_several_messages(workers: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pymlp.dask._rounds.PART_BYTES", 5000)
    split = fitted(workers, n_shards=2, max_iter=1)
    monkeypatch.undo()
    assert sha(split) == sha(fitted(workers, n_shards=2, max_iter=1))


def test_nothing_is_left_on_the_cluster(workers: Client) -> None:
    before = n_tasks(workers)
    model = fitted(workers, max_iter=1)
    deadline = time.monotonic() + 10
    while n_tasks(workers) > before and time.monotonic() < deadline:
        gc.collect()
        time.sleep(0.05)  # they are released when somebody has time
    assert n_tasks(workers) <= before
    assert model.client_ is workers


def test_copies_pickles_and_files(
    workers: Client, there: DaskMLPClassifier, tmp_path: Path
) -> None:
    model = there
    X, y = digits()
    kept = pickle.loads(pickle.dumps(model))
    assert kept.client is None
    assert not hasattr(kept, "client_")
    assert (kept.n_shards_, kept.shard_sizes_) == (4, model.shard_sizes_)
    np.testing.assert_array_equal(kept.predict(X), model.predict(X))
    assert clone(model).client is workers
    assert clone(model).get_params() == model.get_params()
    local = model.to_local()
    assert type(local) is MLPClassifier
    assert not hasattr(local, "n_shards_")
    assert model.score(X, y) == local.score(X, y)
    model.save(tmp_path / "model.safetensors")
    loaded = pymlp.load(tmp_path / "model.safetensors")
    assert type(loaded) is MLPClassifier
    np.testing.assert_array_equal(loaded.predict_proba(X), model.predict_proba(X))
    assert "n_shards=4" in repr(model)


def test_predictions_of_collections_are_lazy(workers: Client, there: DaskMLPClassifier) -> None:
    rows, labels = digits()
    X, y = in_parts(rows, labels)
    with workers.as_current():
        for method in ("predict", "predict_proba", "transform"):
            lazy = getattr(there, method)(X)
            assert lazy.npartitions == X.npartitions
            here = getattr(there.to_local(), method)(rows)
            np.testing.assert_array_equal(workers.compute(lazy).result(), here)
        assert there.score(X, y) == there.score(rows, labels)


def test_other_methods_do_not_load_a_collection(there: DaskMLPClassifier) -> None:
    rows, _ = digits()
    (X,) = in_parts(rows)
    assert there.predict_log_proba(rows).shape == (1797, 10)
    with pytest.raises(TypeError, match="predict, predict_proba, transform and score"):
        there.hidden_activations(X)


def test_callbacks_hear_of_each_epoch(workers: Client) -> None:
    stops = EarlyStopping(monitor="loss", patience=1, min_delta=10.0)
    X, y = in_parts(*digits())
    model = DaskMLPClassifier((9,), client=workers, n_shards=2, max_iter=9, random_state=0)
    model.set_callbacks(stops).fit(X, y)
    assert model.n_iter_ < 9


def test_balanced_classes_weigh_as_here(workers: Client) -> None:
    X, y = digits()
    kept = (y > 2) | (np.arange(len(y)) % 3 == 0)
    options = {"class_weight": "balanced", "max_iter": 2, "random_state": 0, "shuffle": False}
    there = DaskMLPClassifier(
        (9,),
        client=workers,
        n_shards=2,
        sync_every=1,
        batch_size=50,
        solver="sgd",
        alpha=0.0,
        **options,
    )
    parts = in_parts(X[kept][:1400], y[kept][:1400], rows=700)
    steps = np.arange(1400).reshape(2, -1, 50).transpose(1, 0, 2).ravel()
    here = MLPClassifier((9,), batch_size=100, solver="sgd", alpha=0.0, **options)
    here.fit(X[kept][steps], y[kept][steps])
    np.testing.assert_allclose(there.fit(*parts).coefs_[0], here.coefs_[0], rtol=0, atol=1e-13)
