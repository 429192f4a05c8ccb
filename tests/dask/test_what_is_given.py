"""What a fit is given: frames, files, empty and odd partitions, and errors that say which."""

from __future__ import annotations

import re
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import dask.array as da
import dask.dataframe as dd
import numpy as np
import pandas as pd
import pytest
from clusters import digits, in_parts, sha
from distributed import Client

from pymlp import MLPClassifier
from pymlp.dask import DaskMLPClassifier, DaskMLPRegressor

pytestmark = pytest.mark.filterwarnings("ignore:Stochastic Optimizer")


def classifier(client: Client, **options: Any) -> DaskMLPClassifier:
    given = {"n_shards": 2, "max_iter": 2, "random_state": 0} | options
    return DaskMLPClassifier((9,), client=client, **given)


def frame(n: int = 800) -> pd.DataFrame:
    X, y = digits()
    columns = {f"pixel {k}": X[:n, k] for k in range(8, 16)}
    return pd.DataFrame({**columns, "digit": y[:n]})


def test_columns_of_one_parquet_set(workers: Client, tmp_path: Path) -> None:
    """X and y come in different partitions, for y reads few columns: all rows are used."""
    whole = frame()
    for k in range(8):
        whole[100 * k : 100 * k + 100].to_parquet(tmp_path / f"{k}.parquet")
    read = dd.read_parquet(tmp_path)
    names = [*whole.columns[:-1]]
    X, y = read[names], read["digit"]
    assert X.optimize().npartitions != y.optimize().npartitions
    here = MLPClassifier((9,), max_iter=2, random_state=0).fit(whole[names], whole["digit"])
    there = classifier(workers, n_shards=1).fit(X, y)
    assert sha(there) == sha(here)
    assert list(there.feature_names_in_) == names
    arrays = classifier(workers, n_shards=1).fit(X.values, y.values)
    assert sha(arrays) == sha(here)
    assert sum(classifier(workers).fit(X, y).shard_sizes_) == 800


def test_frames_with_unknown_lengths_and_empty_partitions(workers: Client) -> None:
    whole = frame()
    whole["group"] = np.arange(len(whole)) // 100
    parts = dd.from_pandas(whole, npartitions=8, sort=False)
    chosen = parts[(parts["digit"] < 5) & (parts["group"] % 3 != 1)].drop(columns="group")
    X, y = chosen.drop(columns="digit"), chosen["digit"]
    rows = whole[(whole["digit"] < 5) & (whole["group"] % 3 != 1)].drop(columns="group")
    here = MLPClassifier((9,), max_iter=2, random_state=0)
    here.fit(rows.drop(columns="digit"), rows["digit"])
    assert sha(classifier(workers, n_shards=1).fit(X, y)) == sha(here)
    model = classifier(workers, n_shards=3).fit(X.values, y.values)
    assert len(model.shard_sizes_) == 3
    assert sum(model.shard_sizes_) == len(rows)


def test_partitions_of_one_class_each(workers: Client) -> None:
    X, y = digits()
    order = np.argsort(y, kind="stable")
    model = classifier(workers, n_shards=4, max_iter=8).fit(*in_parts(X[order], y[order], rows=90))
    assert list(model.classes_) == list(range(10))
    assert model.loss_curve_[-1] < model.loss_curve_[0]


def test_other_chunks_of_y(workers: Client) -> None:
    X, y = digits()
    parts = in_parts(X, rows=300)[0], in_parts(y, rows=500)[0]
    assert sha(classifier(workers).fit(*parts)) == sha(
        classifier(workers).fit(*in_parts(X, y, rows=300))
    )


def test_more_shards_than_partitions(workers: Client) -> None:
    parts = in_parts(*digits(), rows=900)
    with pytest.warns(UserWarning, match=r"2 partitions with rows for n_shards=5"):
        model = classifier(workers, n_shards=5).fit(*parts)
    assert model.n_shards_ == 2
    workers.wait_for_workers(2, timeout=60)  # another test may have killed one
    assert classifier(workers, n_shards=None).fit(*parts).n_shards_ == 2


ROWS, LABELS = digits()


@pytest.fixture(scope="module")
def fitted(workers: Client) -> DaskMLPClassifier:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return classifier(workers).fit(*in_parts(ROWS, LABELS))


def wrong(name: str) -> tuple[Any, ...]:
    X, y = in_parts(ROWS, LABELS)
    whole = frame()
    parts = dd.from_pandas(whole, npartitions=4, sort=False)
    with_nan = ROWS.copy()
    with_nan[600, 3] = np.nan
    texts = parts.assign(animal="cat")
    return {
        "NumPy": (ROWS, LABELS),
        "y of NumPy": (X, LABELS),
        "chunks of columns": (X.rechunk({1: 32}), y),
        "one row less": (X, y[:-1]),
        "a partition less": (parts.drop(columns="digit"), parts["digit"].partitions[:3]),
        "a partition shorter": (
            parts.drop(columns="digit"),
            parts["digit"].map_partitions(
                lambda part: part.iloc[int(part.index[0] == 400) :], meta=parts["digit"]._meta
            ),
        ),
        "nan": (da.from_array(with_nan, chunks=(250, 64)), y),
        "texts": (texts.drop(columns="digit"), texts["digit"]),
        "categories": (
            texts.astype({"animal": "category"}).drop(columns="digit"),
            texts["digit"],
        ),
        "no rows": (X[:0], y[:0]),
        "negative weights": (X, y, -da.ones(len(LABELS), chunks=250)),
        "no weights": (X, y, da.zeros(len(LABELS), chunks=250)),
        "one dimension": (y, y),
    }[name]


@pytest.mark.parametrize(
    ("name", "kind", "message"),
    [
        ("NumPy", TypeError, r"X must be a dask array or frame, got a numpy\.ndarray"),
        ("y of NumPy", TypeError, r"y must be a dask array or frame or series, got a numpy"),
        ("chunks of columns", ValueError, r"X\.rechunk\(\{1: -1\}\)"),
        ("one row less", ValueError, r"partition 7 has 47 rows of X, 46 rows of y"),
        ("a partition less", ValueError, r"X has 800 in 4 partitions, y has 600 in 3"),
        ("a partition shorter", ValueError, r"partition 2 has 200 rows of X, 199 rows of y"),
        ("nan", ValueError, r"Partition 2 of X, y: Input X contains NaN"),
        ("texts", ValueError, r"Partition 0 of X, y: X must hold numbers, unlike column 'animal'"),
        ("categories", ValueError, r"X must hold numbers, unlike column 'animal'"),
        ("no rows", ValueError, r"X has no rows, in 1 partitions"),
        (
            "negative weights",
            ValueError,
            r"Partition 0 of X, y: Negative values in .*sample_weight",
        ),
        ("no weights", ValueError, r"weights must contain at least one non-zero"),
        ("one dimension", ValueError, r"X must have two dimensions"),
    ],
)
def test_errors_leave_the_estimator_as_it_was(
    fitted: DaskMLPClassifier, name: str, kind: type[Exception], message: str
) -> None:
    model = fitted
    before = dict(vars(model))
    with pytest.raises(kind, match=message):
        model.fit(*wrong(name))
    assert vars(model) == before


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"solver": "lbfgs"}, "'solver' parameter must be a stochastic one"),
        ({"scoring": "roc_auc"}, "'scoring' parameter must be None or 'loss'"),
        ({"monitor_gradients": True}, "'monitor_gradients' parameter must be False"),
        ({"n_shards": 0}, "'n_shards' parameter of DaskMLPClassifier must be"),
        ({"sync_every": 0.5}, "'sync_every' parameter of DaskMLPClassifier must be"),
        ({"moments": "mean"}, r"'moments' parameter .*'average'"),
        ({"outer_momentum": 1.0}, "'outer_momentum' parameter of DaskMLPClassifier must be"),
        ({"max_retries": -1}, "'max_retries' parameter of DaskMLPClassifier must be"),
        ({"client": "tcp://127.0.0.1:1"}, "'client' parameter must be a distributed.Client"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_wrong_parameters(workers: Client, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        classifier(options.pop("client", workers), **options).fit(*in_parts(ROWS, LABELS))


def test_no_client_and_unknown_arguments(workers: Client) -> None:
    parts = in_parts(ROWS, LABELS)
    with pytest.raises(ValueError, match=r"distributed\.Client\(\) starts one"):
        DaskMLPClassifier((9,)).fit(*parts)
    with pytest.raises(TypeError, match="has no argument 'eval_set': X_val"):
        classifier(workers).fit(*parts, eval_set=1)  # type: ignore[call-arg]
    with pytest.raises(TypeError, match=re.escape("unexpected keyword argument 'n_shard'")):
        DaskMLPClassifier((9,), n_shard=2)
    with pytest.raises(AttributeError, match="warm_start='full'"):
        classifier(workers).partial_fit(*parts)
    reg = DaskMLPRegressor(client=workers)
    with pytest.raises(ValueError, match="y must be numeric"):
        reg.fit(parts[0], parts[1].astype(str))


def test_pymlp_does_not_import_dask() -> None:
    source = "import sys, pymlp; sys.exit('dask' in sys.modules or 'distributed' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", source], check=False).returncode == 0


def test_scores_are_computed_by_the_client_that_is_given(workers: Client) -> None:
    """Which alone knows what lies on its cluster."""
    X, y = (workers.persist(part) for part in in_parts(*digits()))
    clf = classifier(workers).fit(X, y)
    assert clf.score(X, y) == clf.to_local().score(*(workers.compute([X, y], sync=True)))
