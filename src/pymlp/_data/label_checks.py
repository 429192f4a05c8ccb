"""Labels, and the classes that are announced for them, checked."""

from __future__ import annotations

import contextlib
from typing import Any

import numpy as np
from scipy import sparse
from sklearn.utils import column_or_1d
from sklearn.utils.multiclass import check_classification_targets, type_of_target

from .._system.arrays import Array
from .frames import is_frame, is_series
from .label_arrays import as_labels, as_text, column_of, distinct, is_binary


def checked_labels(y: Any) -> Any:
    """Check that y holds labels to be learned; a single column becomes one-dimensional."""
    y = check_labels(y, warns=True)
    if not _is_mixed(y):
        with np.errstate(invalid="ignore"):  # of large floats
            check_classification_targets(y)  # which warns of nearly as many as samples
    return y


def check_labels(y: Any, *, warns: bool = False) -> Any:
    """Check labels that `as_labels` has made; a single column becomes one-dimensional.

    Parameters
    ----------
    y : ndarray or sparse matrix
    warns : bool, default=False
        Of a single column.
    """
    if sparse.issparse(y):
        y = _checked_sparse(y)
    if y.ndim == 2 and y.shape[1] == 1:
        y = column_or_1d(dense(y), warn=warns)
    if not sparse.issparse(y):
        for column in [y] if not _is_mixed(y) else [column_of(y, k) for k in range(y.shape[1])]:
            if column.dtype.kind in "mM" and np.isnat(column).any():
                raise ValueError("Input y contains NaT.")
            if column.dtype.kind == "f" and (column != np.rint(column)).any():
                check_classification_targets(column)  # whose words tell of a regression
    return y


def checked_classes(classes: Any) -> Any:
    """Check the classes of ``partial_fit``, whatever the labels are: an array, or a list of such.

    None is returned as it is.
    """
    if classes is None:
        return None
    nested, arrays = False, []
    with contextlib.suppress(TypeError, ValueError):  # no length, ragged, not to be sorted
        nested = len(classes) > 0 and all(np.ndim(column) == 1 for column in classes)
        arrays = [as_labels(column, "classes") for column in (classes if nested else [classes])]
    if not arrays or any(np.ndim(one) != 1 or not len(one) for one in arrays):
        raise ValueError(
            "`classes` must be an array-like of sortable labels, or a list of such, one a "
            f"column of y. Got {classes!r} instead."
        )
    distinct_ones = [as_text(distinct(check_labels(one))) for one in arrays]
    return distinct_ones if nested else distinct_ones[0]


def as_scored(y: Any) -> Any:
    """Labels for scikit-learn's metrics; series and frames as they are, if these read them so."""
    labels = check_labels(as_labels(y))
    if (is_series(y) or is_frame(y)) and np.asarray(y).dtype == labels.dtype:
        with contextlib.suppress(TypeError, ValueError), np.errstate(invalid="ignore"):
            return y if type_of_target(y) == type_of_target(labels) else labels
    return labels


def dense(y: Any) -> Array:
    """An indicator matrix as an array."""
    array: Array = y.toarray() if sparse.issparse(y) else y
    return array


def _checked_sparse(y: Any) -> Any:
    if y.ndim == 2:
        y = y.tocsr()
        if not y.has_canonical_format:  # entries to be added up
            y = y.copy()
            y.sum_duplicates()
    if y.ndim != 2 or not is_binary(y.data):
        raise ValueError(
            "A sparse y must be a label indicator matrix of zeros and ones. Use y.toarray() for "
            "several labels a sample."
        )
    return y


def _is_mixed(y: Any) -> bool:
    """Tell whether columns may hold labels of different types, which scikit-learn does not know."""
    return bool(y.ndim == 2 and y.dtype.kind == "O")
