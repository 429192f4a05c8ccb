"""Tables of whatever package as columns."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

import narwhals.stable.v2 as nw
import numpy as np
from scipy import sparse
from sklearn.utils import check_array
from sklearn.utils.validation import _check_categorical_features, validate_data

from .._data.checks import refuse_masked
from .._data.frames import columns_of, is_frame, native, widened
from .._system.arrays import Array


def checked_table(X: Any, owner: Any) -> Any:
    """Check the form of a table: a frame, or an array of two dimensions; for an estimator."""
    X = native(X)
    if sparse.issparse(X):
        raise TypeError(
            f"X must be a dense table, and is a sparse matrix of shape {X.shape}: pass "
            "X.toarray(), or fit pymlp's MLPClassifier or MLPRegressor, which take sparse ones."
        )
    if nw.dependencies.is_polars_lazyframe(X):
        raise TypeError("X must be a table in memory, and is a LazyFrame: pass X.collect().")
    refuse_masked(X, "X")
    if not is_frame(X):
        if not hasattr(X, "__array__"):
            found = np.asarray(X)
            X = np.asarray(X, object) if found.dtype.kind in "US" else found  # not all are strings
        checked: Array = check_array(
            widened(X), dtype=None, ensure_all_finite=False, input_name="X", estimator=owner
        )
        return checked
    names = names_of(X)
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise ValueError(f"X must have columns of different names. These occur twice: {twice}.")
    for axis, what in enumerate(("sample", "feature")):
        if not X.shape[axis]:
            raise ValueError(
                f"Found array with 0 {what}(s) (shape={tuple(X.shape)}) while a minimum of 1 is "
                f"required by {type(owner).__name__}."
            )
    return X


def table_as_fitted(X: Any, owner: Any) -> Any:
    """Check that a table has the columns that an estimator has been fitted to."""
    X = checked_table(X, owner)
    validate_data(owner, X, reset=False, skip_check_array=True)
    return X


def names_of(frame: Any) -> list[Any]:
    """Names of a frame's columns; they may occur twice."""
    is_pandas = hasattr(frame, "iloc")
    return list(frame.columns if is_pandas else nw.from_native(frame).columns)


def columns(X: Any) -> Iterable[tuple[Any, Any]]:
    """Names, or numbers, and columns of a table."""
    return columns_of(X) if is_frame(X) else enumerate(X.T)


def categorical_mask(X: Any, categorical_features: Any) -> Array:
    """Tell which columns a person wants to be categories, as scikit-learn's boosting does."""
    mask = _check_categorical_features(X, categorical_features)
    return np.zeros(X.shape[1], bool) if mask is None else np.asarray(mask, bool)


def is_plain(X: Any) -> bool:
    """Tell whether it is an array of numbers of at most 64 bits."""
    return isinstance(X, np.ndarray) and X.dtype.kind in "iuf" and X.dtype.itemsize <= 8
