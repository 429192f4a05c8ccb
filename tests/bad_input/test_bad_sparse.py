"""Sparse matrices whose parts do not fit together, which SciPy's constructors would have refused.

SciPy's compiled routines follow such indices out of the arrays: without a check before them most of
these cases end the process.
"""

from copy import copy
from functools import cache
from typing import Any

import joblib
import numpy as np
import pytest
from scipy import sparse
from unchanged import state_of

from pymlp import MLPClassifier, MLPEnsembleRegressor, MLPRegressor

pytestmark = pytest.mark.filterwarnings(
    "ignore:.*Stochastic Optimizer. Maximum iterations:sklearn.exceptions.ConvergenceWarning"
)

N = 30
rng = np.random.default_rng(0)
DENSE = rng.integers(-8, 9, size=(N, 5)) / 4 * (rng.random((N, 5)) < 0.6)
LABELS = np.arange(N) % 3
INDICATOR = np.eye(3, dtype=int)[LABELS]
CSR = sparse.csr_matrix(DENSE)
CSC, BSR, COO = CSR.tocsc(), CSR.tobsr((1, 1)), CSR.tocoo()
DIA, LIL = CSR.todia(), CSR.tolil()
LAST = len(CSR.data)


def with_parts(matrix: Any, shape: tuple[int, ...] | None = None, **parts: Any) -> Any:
    """A copy, some of whose attributes are replaced without a check."""
    matrix = matrix.copy()
    for name, value in parts.items():
        setattr(matrix, name, value)
    if shape is not None:
        matrix._shape = shape
    return matrix


def put(values: np.ndarray, at: int, value: Any, dtype: Any = None) -> np.ndarray:
    values = values.astype(dtype or values.dtype)
    values[at] = value
    return values


def unsorted(matrix: Any) -> Any:
    """With each row's entries in reverse."""
    matrix = matrix.copy()
    for start, end in zip(matrix.indptr[:-1], matrix.indptr[1:], strict=True):
        for part in (matrix.indices, matrix.data):
            part[start:end] = part[start:end][::-1].copy()
    return matrix


def claiming(matrix: Any) -> Any:
    """What says falsely that it is sorted and without duplicates."""
    matrix.has_sorted_indices = matrix.has_canonical_format = True
    return matrix


WIDE = {"indptr": CSR.indptr.astype(np.int64)}
LISTS = np.array([[0]] * N + [None], object)[:N]
BAD: dict[str, tuple[Any, str]] = {
    "column n": (with_parts(CSR, indices=put(CSR.indices, 3, 5)), "indices goes from 0 to 5"),
    "column far beyond": (with_parts(CSR, indices=put(CSR.indices, 3, 2**31 - 1)), "indices goes"),
    "negative column": (with_parts(CSR, indices=put(CSR.indices, 3, -1)), "from -1 to"),
    "64-bit column": (
        with_parts(CSR, indices=put(CSR.indices, 3, 2**40, np.int64), **WIDE),
        "indices goes",
    ),
    "columns of floats": (with_parts(CSR, indices=CSR.indices * 1.0), "indices is no"),
    "columns in two dimensions": (with_parts(CSR, indices=CSR.indices[:, None]), "indices is no"),
    "no indices": (with_parts(CSR, indices=CSR.indices[:0]), "indptr ends at"),
    "columns missing": (with_parts(CSR, indices=CSR.indices[:-5]), "indptr ends at"),
    "values missing": (with_parts(CSR, data=CSR.data[:-5]), "indptr ends at"),
    "no values": (with_parts(CSR, data=None), "data is no array"),
    "a list of values": (with_parts(CSR, data=CSR.data.tolist()), "data is no array"),
    "values in two dimensions": (with_parts(CSR, data=CSR.data[:, None]), "data is no array"),
    "start far beyond": (with_parts(CSR, indptr=put(CSR.indptr, 5, 10**9)), "does not ascend"),
    "end beyond": (with_parts(CSR, indptr=put(CSR.indptr, -1, LAST + 1)), "indptr ends at"),
    "end far beyond": (with_parts(CSR, indptr=put(CSR.indptr, -1, 10**9)), "indptr ends at"),
    "starts that fall": (with_parts(CSR, indptr=put(CSR.indptr, 5, 0)), "does not ascend"),
    "negative start": (with_parts(CSR, indptr=put(CSR.indptr, 5, -7)), "does not ascend"),
    "first start": (with_parts(CSR, indptr=put(CSR.indptr, 0, 1)), "does not ascend from 0"),
    "negative first start": (with_parts(CSR, indptr=put(CSR.indptr, 0, -5)), "does not ascend"),
    "starts missing": (with_parts(CSR, indptr=CSR.indptr[:-5]), f"expected {N + 1}"),
    "starts too many": (with_parts(CSR, indptr=np.r_[CSR.indptr, LAST]), f"expected {N + 1}"),
    "no starts": (with_parts(CSR, indptr=None), "indptr is no"),
    "starts of floats": (with_parts(CSR, indptr=CSR.indptr * 1.0), "indptr is no"),
    "fewer columns": (with_parts(CSR, shape=(N, 2)), "indices goes from 0 to 4, allowed is 0 to 1"),
    "more rows": (with_parts(CSR, shape=(10**9, 5)), "expected 1000000001"),
    "CSC row beyond": (with_parts(CSC, indices=put(CSC.indices, 3, 10**6)), "indices goes"),
    "CSC negative row": (with_parts(CSC, indices=put(CSC.indices, 3, -(10**6))), "indices goes"),
    "CSC start beyond": (with_parts(CSC, indptr=put(CSC.indptr, 3, 10**9)), "does not ascend"),
    "CSC starts missing": (with_parts(CSC, indptr=CSC.indptr[:-2]), "expected 6"),
    "CSC values missing": (with_parts(CSC, data=CSC.data[:-9]), "indptr ends at"),
    "BSR column beyond": (with_parts(BSR, indices=put(BSR.indices, 3, 10**6)), "indices goes"),
    "BSR start beyond": (with_parts(BSR, indptr=put(BSR.indptr, 3, 10**9)), "does not ascend"),
    "BSR values missing": (with_parts(BSR, data=BSR.data[:-3]), "indptr ends at"),
    "COO row beyond": (with_parts(COO, coords=(put(COO.row, 3, N), COO.col)), "row goes"),
    "COO column beyond": (with_parts(COO, coords=(COO.row, put(COO.col, 3, 5))), "col goes"),
    "COO negative row": (with_parts(COO, coords=(put(COO.row, 3, -(10**6)), COO.col)), "row goes"),
    "COO rows missing": (with_parts(COO, coords=(COO.row[:-3], COO.col)), "row has"),
    "COO rows of floats": (with_parts(COO, coords=(COO.row * 1.0, COO.col)), "row is no"),
    "COO values missing": (with_parts(COO, data=COO.data[:-9]), "row has"),
    "DIA offsets missing": (with_parts(DIA, offsets=DIA.offsets[:-1]), "data has shape"),
    "DIA offset beyond": (with_parts(DIA, offsets=put(DIA.offsets, 0, 10**6)), "offsets plus"),
    "LIL column beyond": (with_parts(LIL, rows=put(LIL.rows, 0, [9]), data=LISTS), "rows"),
    "LIL values missing": (with_parts(LIL, data=put(LIL.data, 0, [1.0] * 9)), "rows has not"),
}
BAD_VALUES: dict[str, tuple[Any, str]] = {
    "NaN": (with_parts(CSR, data=put(CSR.data, 2, np.nan)), "input X contains NaN"),
    "infinity": (with_parts(CSR, data=put(CSR.data, 2, np.inf)), "input X contains infinity"),
    "NaN in CSC": (with_parts(CSC, data=put(CSC.data, 2, np.nan)), "input X contains NaN"),
    "complex": (with_parts(CSR, data=CSR.data * 1j), "complex data not supported"),
    "words": (with_parts(CSR, data=np.full(LAST, "a")), "could not convert string"),
    "one dimension": (sparse.coo_array(DENSE[:, 0]), "expected 2d|a 1d sparse array"),
    "no rows": (sparse.csr_matrix((0, 5)), r"0 sample\(s\)"),
    "no columns": (sparse.csr_matrix((N, 0)), r"0 feature\(s\)"),
    "falsely sorted": (claiming(unsorted(CSR)), "sorted, unique column indices"),
    "2^31 columns": (sparse.csr_array((N, 2**31)), "A network of 2147483648|has 2147483648 feat"),
    "2^40 columns": (sparse.csr_array((N, 2**40)), "A network of 1099511627776|has 1099511627776"),
}


@cache
def fitted(estimator: Any) -> Any:
    return build(estimator).fit(DENSE, LABELS)


def build(estimator: Any) -> Any:
    params: dict[str, Any] = {"hidden_layer_sizes": (4,), "max_iter": 2, "random_state": 0}
    if estimator is MLPEnsembleRegressor:
        return estimator(MLPRegressor(**params), n_estimators=2, random_state=0)
    return estimator(**params)


def assert_refused(model: Any, call: Any, message: str, matrix: Any) -> None:
    parts = [getattr(matrix, p, None) for p in ("data", "indices", "indptr", "rows", "offsets")]
    before = state_of(model), joblib.hash(parts)
    with pytest.raises((ValueError, MemoryError), match=f"(?i){message}"):
        call(model)
    assert (state_of(model), joblib.hash(parts)) == before


@pytest.mark.parametrize("estimator", [MLPClassifier, MLPEnsembleRegressor])
@pytest.mark.parametrize("case", BAD | BAD_VALUES)
def test_x(case: str, estimator: Any) -> None:
    X, message = (BAD | BAD_VALUES)[case]
    if case in BAD:
        message = f"A sparse X must have indices that fit its values and its shape .*{message}"
    assert_refused(build(estimator), lambda m: m.fit(X, LABELS), f"{message}|inconsistent", X)
    model = copy(fitted(estimator))
    assert_refused(model, lambda m: m.predict(X), message, X)
    assert_refused(model, lambda m: m.fit(DENSE, LABELS, X_val=X, y_val=LABELS), message, X)
    if hasattr(model, "partial_fit"):
        assert_refused(model, lambda m: m.partial_fit(X, LABELS), f"{message}|inconsistent", X)


Y = sparse.csr_matrix(INDICATOR)
BAD_Y: dict[str, tuple[Any, str]] = {
    "column beyond": (with_parts(Y, indices=put(Y.indices, 3, 10**6)), "indices goes"),
    "negative column": (with_parts(Y, indices=put(Y.indices, 3, -(10**6))), "indices goes"),
    "start beyond": (with_parts(Y, indptr=put(Y.indptr, 5, 10**9)), "does not ascend"),
    "values missing": (with_parts(Y, data=Y.data[:-5]), "indptr ends at"),
    "CSC row beyond": (
        with_parts(Y.tocsc(), indices=put(Y.tocsc().indices, 3, 10**6)),
        "indices goes",
    ),
    "COO row beyond": (
        with_parts(Y.tocoo(), coords=(put(Y.tocoo().row, 3, 10**6), Y.tocoo().col)),
        "row goes",
    ),
    "twos": (Y * 2, "label indicator matrix of zeros and ones"),
    "NaN": (with_parts(Y, data=put(Y.data, 2, np.nan, float)), "y contains NaN"),
    "complex": (Y * 1j, "complex data not supported"),
    "one dimension": (sparse.coo_array(LABELS), "label indicator matrix|a 1d sparse array"),
    "too short": (Y[:-1], "inconsistent"),
}


@pytest.mark.parametrize("case", BAD_Y)
def test_y(case: str) -> None:
    y, message = BAD_Y[case]
    for model in (build(MLPClassifier), copy(fitted(MLPClassifier))):
        assert_refused(model, lambda m: m.fit(DENSE, y), message, y)
    if any(word in case for word in ("beyond", "missing", "negative")):  # the others are metrics'
        model = build(MLPClassifier).fit(DENSE, Y)
        assert_refused(model, lambda m: m.score(DENSE, y), message, y)


def test_a_regressor_takes_no_sparse_y() -> None:
    with pytest.raises(TypeError, match="A sparse y is for labels"):
        build(MLPRegressor).fit(DENSE, Y)


SOUND = {
    "unsorted": unsorted(CSR),
    "64-bit indices": with_parts(CSR, indices=CSR.indices.astype(np.int64), **WIDE),
    "indices of two widths": with_parts(CSR, indices=CSR.indices.astype(np.int64)),
    "16-bit indices": with_parts(CSR, indices=CSR.indices.astype(np.int16)),
    "unsigned indices": with_parts(CSR, indices=CSR.indices.astype(np.uint32)),
    "indices in other byte order": with_parts(CSR, indices=CSR.indices.astype(">i4")),
    "values in other byte order": with_parts(CSR, data=CSR.data.astype(">f8")),
    "more values than are used": with_parts(
        CSR, data=np.r_[CSR.data, 7.0], indices=np.r_[CSR.indices, 99]
    ),
}


@pytest.mark.parametrize("case", SOUND)
def test_what_is_odd_but_sound(case: str) -> None:
    model = build(MLPClassifier).fit(SOUND[case], LABELS)
    expected = build(MLPClassifier).fit(DENSE, LABELS)
    np.testing.assert_array_equal(model.coefs_[0], expected.coefs_[0])
    np.testing.assert_array_equal(model.predict_proba(SOUND[case]), expected.predict_proba(DENSE))
