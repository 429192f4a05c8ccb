"""y as the numbers that edges, values and means are found by."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import _check_y

from .._data.checks import refuse_masked
from .._data.label_arrays import as_labels, distinct, indicators, positions
from .._data.real_targets import standardised
from .._system.arrays import Array, unwatched

MANY_CLASSES = 100  # more different whole numbers are no classes, if nobody says so
LARGEST_EXACT = 2**53  # up to which a float64 is a whole number of its own


def targets_of(y: Any, target_type: str) -> tuple[Array, bool]:
    """Make numbers of y, and tell whether they are indicators of classes.

    Parameters
    ----------
    y : array-like of shape (n_samples,) or (n_samples, n_outputs)
    target_type : {'auto', 'continuous', 'binary', 'multiclass'}

    Returns
    -------
    targets : ndarray of shape (n_samples, n_targets)
        Standardised numbers, or an indicator a class.
    is_classes : bool
    """
    refuse_masked(y, "y")
    if target_type != "continuous":
        y = as_labels(y)
    y = _check_y(y, multi_output=True, y_numeric=target_type == "continuous")
    if y.ndim == 2 and y.shape[1] == 1:
        y = y[:, 0]
    if target_type == "auto":
        target_type = _type_of(y)
    if target_type == "continuous":
        return standardised(_as_float64(y))[0], False
    if y.ndim == 2:
        raise ValueError(f"y must hold a label a sample for target_type={target_type!r}.")
    check_classification_targets(y)
    classes = distinct(y)
    if target_type == "binary" and len(classes) > 2:
        raise ValueError(f"y must have two classes for target_type='binary'. Got {len(classes)}.")
    return indicators(positions(y, classes)), True


def _type_of(y: Array) -> str:
    """Tell whether y, of unknown type, is 'continuous' or 'multiclass'."""
    if y.ndim == 2:
        return "continuous"
    if y.dtype.kind == "f":
        with unwatched():
            is_whole = bool(((y == np.floor(y)) & (np.abs(y) <= LARGEST_EXACT)).all())
        if not is_whole:
            return "continuous"
    is_number = y.dtype.kind in "fiu"
    return "continuous" if is_number and len(distinct(y)) > MANY_CLASSES else "multiclass"


def _as_float64(y: Array) -> Array:
    try:
        return np.asarray(y, np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"Unknown label type: y must hold numbers for target_type='continuous': {error}."
        ) from error
