"""Sparse X: the model of its dense twin, whatever the format."""

from typing import Any

import numpy as np
import pytest
from scipy import sparse

from pymlp import MLPClassifier, MLPRegressor

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

rng = np.random.default_rng(0)
X = rng.normal(size=(80, 12)) * (rng.random((80, 12)) < 0.3)
X[5] = 0  # a row and a column without an entry
X[:, 7] = 0
Y = X[:, 0] - X[:, 1] + X[:, 2] ** 2
LABELS = np.digitize(Y, [-0.4, 0.4])
CONTAINERS = {
    f"{kind}_{what}": getattr(sparse, f"{kind}_{what}")
    for kind in ("csr", "csc", "coo", "lil")
    for what in ("matrix", "array")
}


def build(estimator: Any = MLPClassifier, **params: Any) -> Any:
    defaults = {"hidden_layer_sizes": (7,), "batch_size": 16, "max_iter": 6, "random_state": 0}
    return estimator(**defaults | params)


def disordered(index: type) -> Any:
    """Columns in descending order, and an entry in two parts, as SciPy allows them."""
    canonical = sparse.csr_array(X)
    starts, columns, values = [0], [], []
    for r in range(len(X)):
        row = slice(canonical.indptr[r], canonical.indptr[r + 1])
        at, entries = canonical.indices[row][::-1], canonical.data[row][::-1]
        columns += [*at, *at[:1]]
        values += [*entries[:1] / 2, *entries[1:], *entries[:1] / 2]
        starts.append(len(columns))
    arrays = (np.array(values), np.array(columns, index), np.array(starts, index))
    return sparse.csr_array(arrays, shape=X.shape)


def assert_same(model: Any, dense: Any) -> None:
    for a, b in zip(
        model.coefs_ + model.intercepts_, dense.coefs_ + dense.intercepts_, strict=True
    ):
        assert a.dtype == b.dtype
        np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("container", CONTAINERS)
@pytest.mark.parametrize("solver", ["sgd", "adam", "lbfgs"])
def test_formats(solver: str, container: str) -> None:
    rows = CONTAINERS[container](X)
    model = build(solver=solver).fit(rows, LABELS)
    assert_same(model, build(solver=solver).fit(X, LABELS))
    np.testing.assert_allclose(model.predict_proba(rows), model.predict_proba(X), rtol=1e-9)


@pytest.mark.parametrize("index", [np.int32, np.int64])
def test_what_the_caller_gave_is_put_in_order_in_a_copy(index: type) -> None:
    rows = disordered(index)
    assert not rows.has_sorted_indices
    before = [a.copy() for a in (rows.data, rows.indices, rows.indptr)]
    reg = build(MLPRegressor).fit(rows, Y)
    assert_same(reg, build(MLPRegressor).fit(X, Y))
    np.testing.assert_allclose(reg.predict(rows), reg.predict(X))
    for array, old in zip((rows.data, rows.indices, rows.indptr), before, strict=True):
        np.testing.assert_array_equal(array, old)


@pytest.mark.parametrize(
    ("given", "used"),
    [("float32", "float32"), ("float64", "float64"), ("int16", "float64"), ("bool", "float64")],
)
def test_types(given: str, used: str) -> None:
    rows = sparse.csr_array(X).astype(given)
    model = build().fit(rows, LABELS)
    assert {a.dtype.name for a in model.coefs_ + model.intercepts_} == {used}
    close = {"rtol": 1e-3, "atol": 1e-5} if used == "float32" else {"rtol": 1e-7}
    dense = build().fit(rows.toarray(), LABELS)
    np.testing.assert_allclose(
        model.predict_proba(rows), dense.predict_proba(X.astype(given)), **close
    )


def test_partial_fit() -> None:
    model, dense = build(batch_size="auto"), build(batch_size="auto")
    for part in (slice(0, 40), slice(40, 80)):
        model.partial_fit(sparse.csc_matrix(X[part]), LABELS[part], classes=[0, 1, 2])
        dense.partial_fit(X[part], LABELS[part], classes=[0, 1, 2])
    assert_same(model, dense)


@pytest.mark.parametrize("scoring", [None, "loss", "accuracy"])
def test_validation(scoring: str | None) -> None:
    for given in ({}, {"X_val": X[:30], "y_val": LABELS[:30]}):
        kwargs = {k: sparse.csr_matrix(v) if k == "X_val" else v for k, v in given.items()}
        model = build(early_stopping=True, scoring=scoring)
        model.fit(sparse.csr_matrix(X), LABELS, **kwargs)
        dense = build(early_stopping=True, scoring=scoring).fit(X, LABELS, **given)
        assert_same(model, dense)
        np.testing.assert_allclose(model.validation_scores_, dense.validation_scores_, rtol=1e-6)


def test_wrong_values() -> None:
    rows = sparse.csr_array(X)
    rows.data[3] = np.nan
    with pytest.raises(ValueError, match="NaN"):
        build().fit(rows, LABELS)
    with pytest.raises(ValueError, match="3 features"):
        build().fit(X, LABELS).predict(sparse.csr_array(X[:, :3]))


def test_indices_and_values_as_they_may_lie_in_memory() -> None:
    plain = sparse.csr_matrix(X)
    expected = MLPRegressor(hidden_layer_sizes=(6,), max_iter=3, random_state=0).fit(plain, Y)
    views = plain.copy()
    views.data, views.indices = (np.repeat(a, 2)[::2] for a in (plain.data, plain.indices))
    mixed = plain.copy()
    mixed.indptr = plain.indptr.astype(np.int64)
    swapped = plain.copy()
    swapped.indices = plain.indices.astype(plain.indices.dtype.newbyteorder())
    for odd in (views, mixed, swapped):
        before = odd.indices, odd.indptr, odd.data
        reg = MLPRegressor(hidden_layer_sizes=(6,), max_iter=3, random_state=0).fit(odd, Y)
        np.testing.assert_array_equal(reg.coefs_[0], expected.coefs_[0])
        np.testing.assert_array_equal(reg.predict(odd), expected.predict(plain))
        assert all(a is b for a, b in zip(before, (odd.indices, odd.indptr, odd.data), strict=True))
