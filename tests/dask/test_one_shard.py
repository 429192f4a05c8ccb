"""One shard on a cluster is the fit of one machine, to the last bit."""

from __future__ import annotations

from typing import Any

import dask.array as da
import numpy as np
import pytest
from clusters import digits, in_parts, sha
from distributed import Client
from scipy import sparse

from pymlp import MLPClassifier, MLPRegressor
from pymlp.dask import DaskMLPClassifier, DaskMLPRegressor

pytestmark = pytest.mark.filterwarnings("ignore:Stochastic Optimizer")
RECORDS = ("loss_curve_", "n_iter_", "t_", "best_loss_", "validation_scores_", "best_epoch_")


def same(one: Any, other: Any) -> bool:
    found = [(getattr(one, name, None), getattr(other, name, None)) for name in RECORDS]
    history = all(
        one.history_[name] == other.history_[name] for name in one.history_ if name != "seconds"
    )
    return sha(one) == sha(other) and history and all(a == b for a, b in found)


@pytest.mark.parametrize(
    "options",
    [
        {"solver": "sgd", "learning_rate": "adaptive", "tol": 0.1, "n_iter_no_change": 1},
        {"solver": "adam", "dropout": 0.2, "alpha": 0.1},
        {"solver": "nadam", "ema_decay": 0.9, "batch_size": 64, "learning_rate": "cosine"},
        {"early_stopping": True, "n_iter_no_change": 1, "tol": 0.05, "max_iter": 30},
        {"precision": "float32", "shuffle": False, "clip_norm": 1.0},
        {"precision": "bfloat16"},
        {"class_weight": "balanced", "loss": "focal"},
    ],
    ids=lambda options: "-".join(map(str, options.values())),
)
def test_a_classifier(workers: Client, options: dict[str, Any]) -> None:
    X, y = digits()
    options = {"max_iter": 4, "random_state": 1} | options
    there = DaskMLPClassifier((20,), client=workers, n_shards=1, **options).fit(*in_parts(X, y))
    here = MLPClassifier((20,), **options).fit(X, y)
    assert same(there, here)
    assert sha(there.to_local()) == sha(here)
    np.testing.assert_array_equal(there.to_local().predict_proba(X), here.predict_proba(X))


def test_a_validation_set_weights_and_float32(workers: Client) -> None:
    X, y = digits(np.float32)
    weight = np.random.default_rng(0).random(len(y))
    options = {"max_iter": 4, "random_state": 0, "early_stopping": True}
    there = DaskMLPClassifier((20,), client=workers, n_shards=1, **options)
    parts, parts_val = in_parts(X[:1500], y[:1500], weight[:1500]), in_parts(X[1500:], y[1500:])
    there.fit(*parts, X_val=parts_val[0], y_val=parts_val[1])
    here = MLPClassifier((20,), **options)
    here.fit(X[:1500], y[:1500], weight[:1500], X_val=X[1500:], y_val=y[1500:])
    assert same(there, here)
    assert there.coefs_[0].dtype == np.float32


def test_a_regressor(workers: Client) -> None:
    rng = np.random.default_rng(0)
    X = rng.standard_normal((600, 5))
    y = X[:, :2] ** 2
    options = {"max_iter": 5, "random_state": 0, "early_stopping": True}
    there = DaskMLPRegressor(hidden_layer_sizes=(10,), client=workers, n_shards=1, **options)
    here = MLPRegressor(hidden_layer_sizes=(10,), **options)
    assert same(there.fit(*in_parts(X, y)), here.fit(X, y))


def test_sparse_rows(workers: Client) -> None:
    X, y = digits()
    rows = in_parts(X, y)
    there = DaskMLPClassifier((20,), client=workers, n_shards=1, max_iter=3, random_state=0)
    there.fit(rows[0].map_blocks(sparse.csr_matrix), rows[1])
    here = MLPClassifier((20,), max_iter=3, random_state=0).fit(sparse.csr_matrix(X), y)
    assert same(there, here)


def test_several_labels_and_strings(workers: Client) -> None:
    X, y = digits()
    options = {"max_iter": 3, "random_state": 0}
    names = np.array(["zero", "one", "two", "3", "4", "5", "6", "7", "8", "nine"])[y]
    both = np.stack([y, y % 3], axis=1)
    indicator = (y[:, None] == np.arange(5)).astype(int)
    for labels in (names, both, indicator):
        there = DaskMLPClassifier((9,), client=workers, n_shards=1, **options)
        there.fit(*in_parts(X, labels))
        here = MLPClassifier((9,), **options).fit(X, labels)
        assert same(there, here)
        assert np.array_equal(there.to_local().predict(X), here.predict(X))


def test_warm_starts_go_on(workers: Client) -> None:
    X, y = digits()
    for warm_start in (True, "full"):
        options = {"max_iter": 2, "random_state": 0, "warm_start": warm_start}
        there = DaskMLPClassifier((9,), client=workers, n_shards=1, **options)
        here = MLPClassifier((9,), **options)
        for _ in range(2):
            there.fit(*in_parts(X, y))
            here.fit(X, y)
            assert same(there, here)


def test_data_of_another_kind_than_arrays(workers: Client) -> None:
    """Integers, and a part in another order of memory."""
    X = da.from_array(np.arange(60).reshape(20, 3), chunks=(7, 3))
    y = da.from_array(np.arange(20) % 2, chunks=5)
    there = DaskMLPClassifier((4,), client=workers, n_shards=1, max_iter=2, random_state=0)
    here = MLPClassifier((4,), max_iter=2, random_state=0).fit(X.compute(), y.compute())
    assert same(there.fit(X, y), here)
