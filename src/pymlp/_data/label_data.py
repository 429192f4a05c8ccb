"""Classes as JSON, for files, and back."""

from __future__ import annotations

from typing import Any

import numpy as np

from .._files.values import MAX_TEXT, NotDataError, decoded, encoded
from .._system.arrays import Array
from .label_arrays import as_labels, distinct


def classes_to_data(classes: Array | list[Array]) -> Any:
    """Classes, or those of each column."""
    if isinstance(classes, list):
        return [classes_to_data(column) for column in classes]
    is_wide = classes.dtype.kind == "U" and classes.nbytes > MAX_TEXT  # who reads gets objects
    try:
        return encoded(classes.astype(object) if is_wide else classes)
    except NotDataError as error:  # they were set by hand
        raise ValueError(
            f"classes_ must be numbers, strings or dates to be saved: {error}."
        ) from error


def classes_from_data(data: Any) -> Array:
    """Read what `classes_to_data` has told of one array, which may be anybody's."""
    found = decoded(data)
    if type(found) is not np.ndarray:
        raise ValueError(f"it holds {found!r} where there should be ndarray")
    return sorted_classes(found, "its classes are")


def sorted_classes(classes: Any, beginning: str = "classes_ is") -> Array:
    """Check that classes which no fit has found are such as it finds; how an error begins."""
    array: Array = as_labels(classes, "classes_")
    if array.ndim != 1 or not len(array) or not np.array_equal(distinct(array), array):
        raise ValueError(f"{beginning} not a list of distinct ones in ascending order")
    return array
