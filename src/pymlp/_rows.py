"""X as the engine reads it: checked in scikit-learn's words, copied whole only if it must be."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
from scipy import sparse
from sklearn.utils import assert_all_finite
from sklearn.utils.validation import validate_data

from ._parameters import ENGINE_LAYOUT, Array

BLOCK_BYTES = 2**20  # of X, checked at a time: stays in the cache


def validated(est: Any, X: Any, *y: Any, types: Sequence[Any], reset: bool, **options: Any) -> Any:
    """Check X, and y if it is given; `arithmetic_type` says in which type X is to be computed.

    An array of real numbers of at most 64 bits in native byte order stays as it is, with whatever
    strides: the engine widens its rows a mini-batch at a time. Everything else is converted whole
    by scikit-learn's ``check_array``: lists, objects, data frames, sparse matrices, other byte
    orders and longer numbers.

    Parameters
    ----------
    est : estimator
        Its features are set, or compared.
    X : {array-like, sparse matrix} of shape (n_samples, n_features)
    *y
        Nothing, or y.
    types : sequence of dtype
        Of the arithmetic: X's own if it is one of them, else the first.
    reset : bool
        Is this the first X?
    **options
        Passed on to ``validate_data``.

    Returns
    -------
    X or (X, y)
        X is an array, or CSR in the engine's layout.
    """
    as_it_is = isinstance(X, np.ndarray) and _is_read_by_the_engine(X.dtype)
    checked = validate_data(
        est,
        X,
        *y,
        accept_sparse="csr",
        dtype=None if as_it_is else list(types),
        order=None if as_it_is else "C",
        ensure_all_finite=not as_it_is,
        reset=reset,
        **options,
    )
    rows = checked[0] if y else checked
    if as_it_is:
        _check_finite(rows, arithmetic_type(rows, types), type(est).__name__)
    rows = _laid_out(rows)
    return (rows, checked[1]) if y else rows


def arithmetic_type(X: Any, types: Sequence[Any]) -> np.dtype[Any]:
    """Type of the arithmetic for a checked X: scikit-learn's rule for a choice of types."""
    chosen: np.dtype[Any] = np.dtype(X.dtype if X.dtype in types else types[0])
    return chosen


def converted(values: Array, dtype: Any, name: str) -> Array:
    """Targets or weights as the engine takes them; too large for their type is an error."""
    with np.errstate(over="ignore", invalid="ignore"):  # of numbers, and of their sum
        array = np.require(values, dtype, ENGINE_LAYOUT)
        assert_all_finite(array, input_name=name)
    return array


@contextmanager
def naming(parameter: str) -> Iterator[None]:
    """Begin the errors of the body, which do not know it, with the parameter's name."""
    try:
        yield
    except (TypeError, ValueError) as error:
        raise type(error)(f"{parameter}: {error}") from error


def _is_read_by_the_engine(dtype: np.dtype[Any]) -> bool:
    return dtype.kind in "biuf" and dtype.itemsize <= 8 and dtype.isnative


def _check_finite(X: Any, dtype: np.dtype[Any], estimator_name: str) -> None:
    """Check that every number of X is finite in the arithmetic's type."""
    if X.dtype.kind != "f":
        return
    n = max(1, BLOCK_BYTES // max(1, X.itemsize * X.shape[1]))
    for first in range(0, len(X), n):
        with np.errstate(over="ignore"):
            block = X[first : first + n].astype(dtype, copy=False)
        assert_all_finite(block, estimator_name=estimator_name, input_name="X")


def _laid_out(X: Any) -> Any:
    """X as the engine takes it; the caller's arrays are not changed."""
    if not sparse.issparse(X):
        return X
    if not X.has_canonical_format:  # unsorted, or with entries to be added up
        X = X.copy()
        X.sum_duplicates()
    wide = np.int64 in (X.indices.dtype, X.indptr.dtype)
    index = np.int64 if wide else np.int32
    parts = X.data, X.indices, X.indptr
    sound = [
        np.require(a, t, ENGINE_LAYOUT) for a, t in zip(parts, (X.dtype, index, index), strict=True)
    ]
    if any(a is not b for a, b in zip(sound, parts, strict=True)):
        X = X.copy()
        X.data, X.indices, X.indptr = sound
    return X
