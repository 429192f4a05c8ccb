"""Predictions of collections: lazy, with the right meta, chunks and index, and the local bits."""

from __future__ import annotations

import copy
import pickle
import sys
from typing import Any

import dask
import dask.array as da
import dask.dataframe as dd
import numpy as np
import pandas as pd
import pytest
from dask.sizeof import sizeof
from distributed import Client
from scipy import sparse
from sklearn.exceptions import NotFittedError

import pymlp.dask as on_dask
from pymlp import (
    MLPClassifier,
    MLPEnsembleClassifier,
    MLPEnsembleRegressor,
    MLPRegressor,
    TabularClassifier,
    TabularRegressor,
)
from pymlp.dask import _model

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 4))
FRAME = pd.DataFrame(X, columns=list("abcd"), index=RNG.permutation(60))
LABELS = np.array(["ant", "bee", "cat"])[np.digitize(X[:, 0], [-0.5, 0.5])]
SHORT: dict[str, Any] = {"max_iter": 5, "tol": 9, "n_iter_no_change": 1, "random_state": 0}
CLF = MLPClassifier((5,), **SHORT)
REG = MLPRegressor("squared_error", (5,), **SHORT)
ENSEMBLE: dict[str, Any] = {"n_estimators": 2, "random_state": 0}
TABLE: dict[str, Any] = {"n_estimators": 2, "max_iter": 2, "random_state": 0}
INDICATOR = np.column_stack([X[:, 0] > 0, X[:, 1] > 0, X[:, 2] > 1]).astype(int)
KINDS = {
    "labels": (CLF, LABELS),
    "two classes": (CLF, X[:, 0] > 0),
    "one class": (CLF, np.zeros(60, int)),
    "multi-label": (CLF, INDICATOR),
    "multi-output": (CLF, np.column_stack([LABELS, LABELS == "ant"])),
    "hinge": (MLPClassifier((5,), loss="hinge", **SHORT), LABELS),
    "float32": (MLPClassifier((5,), precision="float32", **SHORT), LABELS),
    "target": (REG, X[:, 0]),
    "two targets": (REG, X[:, :2]),
    "quantiles": (MLPRegressor("pinball", (5,), quantile=[0.1, 0.9], **SHORT), X[:, 0]),
    "ensemble": (MLPEnsembleClassifier(CLF, **ENSEMBLE), LABELS),
    "ensemble of targets": (MLPEnsembleRegressor(REG, **ENSEMBLE), X[:, :2]),
    "table": (TabularClassifier(**TABLE), LABELS),
    "table of targets": (TabularRegressor(**TABLE), X[:, :2]),
}
METHODS = ("predict", "predict_proba", "transform")


@pytest.fixture(params=KINDS)
def fitted(request: pytest.FixtureRequest) -> Any:
    estimator, y = KINDS[request.param]
    return copy.deepcopy(estimator).fit(X, y), y


def methods(estimator: Any) -> list[str]:
    return [method for method in METHODS if hasattr(estimator, method)]


def same(found: Any, expected: Any) -> None:
    assert found.shape == expected.shape
    assert np.array_equal(np.asarray(found), np.asarray(expected))


@pytest.mark.parametrize("scheduler", ["synchronous", "threads"])
def test_of_arrays(fitted: Any, scheduler: str) -> None:
    estimator, _ = fitted
    parts = da.from_array(X, chunks=((17, 0, 30, 13), 4))  # one of them empty
    for method in methods(estimator):
        local = getattr(estimator, method)(X)
        lazy = getattr(on_dask, method)(estimator, parts)
        assert isinstance(lazy, list) == isinstance(local, list)
        for one, expected in (
            zip(lazy, local, strict=True) if isinstance(local, list) else [(lazy, local)]
        ):
            assert one.shape == expected.shape
            assert one.chunks[0] == parts.chunks[0]
            found = one.compute(scheduler=scheduler)
            assert one.dtype == found.dtype == expected.dtype
            assert type(one._meta) is type(found)
            same(found, expected)


def test_of_frames(fitted: Any) -> None:
    """Frames and series with the index; probabilities by class; no meta guessed."""
    estimator, y = fitted
    estimator = copy.deepcopy(estimator).fit(FRAME, y)
    parts = dd.from_pandas(FRAME, npartitions=3, sort=False)
    for method in methods(estimator):
        local = getattr(estimator, method)(FRAME)
        lazy = getattr(on_dask, method)(estimator, parts)
        several = isinstance(local, list)
        for k, (one, expected) in enumerate(
            zip(lazy, local, strict=True) if several else [(lazy, local)]
        ):
            found = one.compute(scheduler="synchronous")
            assert type(found) is (pd.DataFrame if expected.ndim == 2 else pd.Series)
            assert found.index.equals(FRAME.index)
            assert one.npartitions == 3
            same(found, expected)
            if found.ndim == 2:
                assert list(found.columns) == list(one.columns)
                assert list(found.dtypes) == list(one.dtypes)
            else:
                assert found.dtype == one.dtype
            if method == "predict_proba":
                classes = estimator.classes_[k] if several else estimator.classes_
                assert list(found.columns) == list(classes)
            if method == "transform":
                assert list(found.columns) == list(estimator.get_feature_names_out())


def test_nothing_is_computed_before_it_is_asked_for() -> None:
    def fails(block: Any) -> Any:
        raise AssertionError("computed")

    clf = copy.deepcopy(CLF).fit(X, LABELS)
    lazy = da.from_array(X, chunks=(20, 4)).map_blocks(fails, meta=np.empty((0, 4)))
    for method in methods(clf):
        found = getattr(on_dask, method)(clf, lazy)
        with pytest.raises(AssertionError, match="computed"):
            found.compute(scheduler="synchronous")
    frame = dd.from_pandas(FRAME, npartitions=2).map_partitions(fails, meta=FRAME.iloc[:0])
    on_dask.predict(clf.fit(FRAME, LABELS), frame)
    on_dask.score(clf, frame, LABELS, compute=False)


def test_lengths_may_be_unknown() -> None:
    clf = copy.deepcopy(CLF).fit(X, LABELS)
    parts = da.from_array(X, chunks=(20, 4))
    some = parts[parts[:, 0] > 0]
    found = on_dask.predict_proba(clf, some)
    assert np.isnan(found.shape[0])
    assert found.shape[1] == 3
    same(found.compute(), clf.predict_proba(X[X[:, 0] > 0]))
    assert on_dask.predict(clf, parts[parts[:, 0] > 99]).compute().shape == (0,)


def test_parts_without_rows_of_a_frame() -> None:
    clf = copy.deepcopy(CLF).fit(FRAME, LABELS)
    parts = dd.from_pandas(FRAME, npartitions=4, sort=False)
    some = parts[parts.a > 1.5]
    found = on_dask.predict(clf, some).compute()
    expected = FRAME[FRAME.a > 1.5]
    assert 0 < len(expected) < 8
    assert found.index.equals(expected.index)
    same(found, clf.predict(expected))


def test_sparse_blocks_and_sparse_predictions() -> None:
    clf = copy.deepcopy(CLF).fit(sparse.csr_matrix(X), sparse.csr_matrix(INDICATOR))
    parts = da.from_array(X, chunks=(25, 4)).map_blocks(sparse.csr_matrix)
    lazy = on_dask.predict(clf, parts)
    assert sparse.issparse(lazy._meta)
    assert (lazy.compute() != clf.predict(sparse.csr_matrix(X))).nnz == 0
    same(on_dask.predict_proba(clf, parts).compute(), clf.predict_proba(sparse.csr_matrix(X)))
    framed = on_dask.predict(clf, dd.from_array(X, chunksize=25)).compute()
    same(framed, clf.predict(X).toarray())


@pytest.mark.parametrize("weighted", [False, True])
def test_scores_have_the_local_bits(fitted: Any, weighted: bool) -> None:
    """Also where y is cut in other places than X."""
    estimator, y = fitted
    weight = RNG.random(60) if weighted else None
    expected = estimator.score(X, y, weight)
    parts = da.from_array(X, chunks=(25, 4))
    of_y = da.from_array(y, chunks=(17, -1) if y.ndim == 2 else 17)
    of_weight = None if weight is None else da.from_array(weight, chunks=60)
    assert on_dask.score(estimator, parts, of_y, of_weight) == expected
    assert on_dask.score(estimator, parts, y, weight) == expected
    lazy = on_dask.score(estimator, parts, of_y, of_weight, compute=False)
    assert dask.is_dask_collection(lazy)
    assert lazy.compute(scheduler="synchronous") == expected


def test_scores_of_frames() -> None:
    clf = copy.deepcopy(CLF).fit(FRAME, LABELS)
    frame = dd.from_pandas(FRAME.assign(y=LABELS), npartitions=3, sort=False)
    expected = clf.score(FRAME, LABELS)
    assert on_dask.score(clf, frame[list("abcd")], frame.y) == expected
    assert on_dask.score(clf, frame[list("abcd")], frame.y.astype("category")) == expected
    multi = copy.deepcopy(CLF).fit(FRAME, INDICATOR)
    assert on_dask.score(multi, frame[list("abcd")], INDICATOR) == multi.score(FRAME, INDICATOR)


def test_parquet_by_column_projection(tmp_path: Any) -> None:
    """X and y of one set, projected, may be cut at different rows: every row still counts."""
    wide = FRAME.assign(y=LABELS, **{f"filler{k}": "x" * 50 for k in range(20)})
    for k in range(6):  # small files, which Dask reads together where few columns are wanted
        wide.iloc[10 * k : 10 * k + 10].to_parquet(tmp_path / f"{k}.parquet")
    frame = dd.read_parquet(tmp_path)
    parts, y = frame[list("abcd")], frame.y
    assert (y + "").optimize().npartitions < 6  # or this test proves nothing
    clf = copy.deepcopy(CLF).fit(FRAME, LABELS)
    found = on_dask.predict(clf, parts).compute()
    assert found.index.equals(FRAME.index)
    same(found, clf.predict(FRAME))
    assert on_dask.score(clf, parts, y) == clf.score(FRAME, LABELS)
    assert on_dask.score(clf, frame[list("abcd")], LABELS) == clf.score(FRAME, LABELS)


def test_categories_may_differ_from_part_to_part() -> None:
    table = FRAME.assign(kind=LABELS)
    clf = TabularClassifier(**TABLE).fit(table, X[:, 1] > 0)
    parts = [table.iloc[:20], table.iloc[20:40], table.iloc[40:]]
    frame = dd.from_map(lambda k: parts[k].astype({"kind": "category"}), range(3))
    codes = [set(parts[k].astype({"kind": "category"}).kind.cat.categories) for k in range(3)]
    assert codes  # of each part its own
    same(on_dask.predict_proba(clf, frame).compute(), clf.predict_proba(table))


def test_tables_with_all_they_may_hold() -> None:
    table = FRAME.assign(kind=LABELS, day=pd.date_range("2026", periods=60), hole=None)
    reg = TabularRegressor(**TABLE).fit(table, X[:, 1])
    frame = dd.from_pandas(table, npartitions=3, sort=False)
    same(on_dask.predict(reg, frame).compute(scheduler="synchronous"), reg.predict(table))


def test_errors() -> None:
    clf = copy.deepcopy(CLF).fit(X, LABELS)
    parts = da.from_array(X, chunks=(20, 4))
    with pytest.raises(ValueError, match=r"of \(2, 2\) columns: pass X.rechunk\(\{1: -1\}\)"):
        on_dask.predict(clf, parts.rechunk((20, 2)))
    with pytest.raises(TypeError, match=r"a dask array or frame, got a ndarray: estimator.predict"):
        on_dask.predict(clf, X)
    with pytest.raises(ValueError, match=r"two dimensions, \(n_samples, n_features\). Got 1"):
        on_dask.predict(clf, parts[:, 0])
    with pytest.raises(ValueError, match="3 features, but MLPClassifier is expecting 4"):
        on_dask.predict(clf, parts[:, :3])
    with pytest.raises(NotFittedError):
        on_dask.predict(copy.deepcopy(CLF), parts)
    with pytest.raises(AttributeError, match="no attribute 'predict_proba'"):
        on_dask.predict_proba(copy.deepcopy(KINDS["hinge"][0]).fit(X, LABELS), parts)
    with pytest.raises(AttributeError, match="'predict_proba'"):
        on_dask.predict_proba(copy.deepcopy(REG).fit(X, X[:, 0]), parts)
    frame = dd.from_pandas(FRAME, npartitions=2)
    with pytest.raises(ValueError, match="feature names"):
        on_dask.predict(clf.fit(FRAME, LABELS), frame.rename(columns={"a": "z"}))
    with pytest.raises(ValueError, match=r"'a' of type .* with 'x'"):
        on_dask.predict(clf, frame.assign(a="x")).compute()
    reg = copy.deepcopy(KINDS["quantiles"][0]).fit(FRAME, X[:, :2])
    with pytest.raises(ValueError, match=r"3 dimensions .* X.to_dask_array\(lengths=True\)"):
        on_dask.predict(reg, frame)


def test_lengths_that_differ() -> None:
    clf = copy.deepcopy(CLF).fit(X, LABELS)
    with pytest.raises(ValueError, match=r"inconsistent numbers of samples: \[59, 60\]"):
        on_dask.score(clf, da.from_array(X, chunks=(20, 4)), da.from_array(LABELS[:59], chunks=20))


def test_equal_models_have_equal_keys() -> None:
    """A scheduler that has the result of one need not compute it again for the other."""
    parts = da.from_array(X, chunks=(20, 4))
    one, same_one = (copy.deepcopy(CLF).fit(X, LABELS) for _ in range(2))
    assert one.history_["seconds"] != same_one.history_["seconds"]
    key = on_dask.predict(one, parts).name
    assert on_dask.predict(same_one, parts).name == key
    assert on_dask.predict(pickle.loads(pickle.dumps(one)), parts).name == key
    assert on_dask.predict_proba(one, parts).name != key
    other = copy.deepcopy(CLF).set_params(random_state=1).fit(X, LABELS)
    assert on_dask.predict(other, parts).name != key
    renamed = copy.deepcopy(CLF).fit(X, np.char.upper(LABELS))
    assert np.array_equal(renamed.coefs_[0], one.coefs_[0])
    assert on_dask.predict(renamed, parts).name != key


def test_what_is_fitted_afterwards_does_not_matter() -> None:
    clf = copy.deepcopy(CLF).fit(X, LABELS)
    before = clf.predict_proba(X)
    lazy = on_dask.predict_proba(clf, da.from_array(X, chunks=(20, 4)))
    clf.coefs_[0][:] = 0
    same(lazy.compute(), before)


def test_a_model_is_one_task_and_a_large_one_several(monkeypatch: pytest.MonkeyPatch) -> None:
    clf = copy.deepcopy(CLF).fit(X, LABELS)
    parts = da.from_array(X, chunks=(10, 4))
    models = [k for k in on_dask.predict(clf, parts).__dask_graph__() if "model" in str(k)]
    assert len(models) == 2  # its bytes, and what is made of them
    monkeypatch.setattr(_model, "PART_BYTES", 2000)
    lazy = on_dask.predict(clf, parts)
    models = [k for k in lazy.__dask_graph__() if "model" in str(k)]
    assert len(models) == 1 - -len(pickle.dumps(clf)) // 2000
    same(lazy.compute(), clf.predict(X))


def test_sizes_are_those_of_the_arrays() -> None:
    clf = MLPClassifier((500,), **SHORT).fit(X, LABELS)
    n_bytes = sum(a.nbytes for a in clf.coefs_)
    assert 3 * n_bytes < sizeof(clf) < 3 * n_bytes + 2000  # with the two moments
    assert n_bytes < sizeof(pickle.loads(pickle.dumps(clf))) < n_bytes + 2000
    ensemble = MLPEnsembleClassifier(MLPClassifier((500,), **SHORT), n_estimators=3)
    assert sizeof(ensemble.fit(X, LABELS)) > 9 * n_bytes
    assert sys.getsizeof(MLPClassifier()) < 1000


def test_on_processes(client: Client) -> None:
    clf = copy.deepcopy(CLF).fit(FRAME, LABELS)
    frame = dd.from_pandas(FRAME, npartitions=3, sort=False)
    same(on_dask.predict_proba(clf, frame).compute(), clf.predict_proba(FRAME))
    assert on_dask.score(clf, frame, LABELS) == clf.score(FRAME, LABELS)
