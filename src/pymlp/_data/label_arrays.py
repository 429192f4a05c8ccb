"""Labels as arrays in which each is what it was, and where they stand among the classes.

NumPy makes strings of ``[1, "a"]``, numbers of ``[True, 2]``, and other integers of large ones that
stand beside floats. Here labels are of types that may be equal, or an error names two that are not.
"""

from __future__ import annotations

import reprlib
from collections.abc import Iterable, Sequence
from contextlib import suppress
from numbers import Integral
from typing import Any

import numpy as np

from .._files.values import MAX_TEXT
from .._system.arrays import Array
from .._system.memory import SMALL, check_memory
from .frames import columns_of, is_frame, native, widened

TYPES = {"b": "boolean", "U": "string", "O": "string", "M": "date", "m": "duration"}  # or a number
SCALARS: tuple[tuple[str, Any], ...] = (
    ("boolean", (bool, np.bool_)),
    ("date", np.datetime64),
    ("duration", np.timedelta64),  # which is an Integral as well
    ("integer", Integral),
    ("float", (float, np.floating)),
    ("string", str),
)
MISSING = ("NoneType", "NAType", "NaTType")
NO_BYTES = (
    "{}: support for labels represented as bytes is not supported. Convert the labels to a string "
    "or integer format."
)


def as_labels(y: Any, name: str = "y") -> Any:
    """Labels as an array: what stands in it is equal to what was given, and compares as that does.

    Parameters
    ----------
    y : array-like or sparse matrix
        One label a sample, or several.
    name : str, default="y"
        What they are, for errors.

    Returns
    -------
    ndarray or sparse matrix
        Of booleans, numbers of at most 64 bits, dates, durations or strings, which may be objects.
        Several labels a sample are objects if their types differ. What has another form is returned
        as it is, for scikit-learn's checks.

    Raises
    ------
    TypeError, ValueError
        If labels are missing, of a type that is none of these, or of two of them.
    """
    y = native(y)
    if is_frame(y):
        columns = [as_labels(column, f"{name}[{label!r}]") for label, column in columns_of(y)]
        return joined(columns) if columns else y
    if isinstance(y, Sequence) and not isinstance(y, (str, bytes, memoryview)):
        return _of_sequence(y, name) if len(y) else y
    return _of_array(_as_array(y, name), name) if hasattr(y, "__array__") else y


def column_of(y: Array, k: int) -> Array:
    """One label a sample, out of several that `as_labels` has made: (n_samples,)."""
    column: Array = y[:, k]
    is_mixed = column.dtype.kind == "O"
    return _of_values(column.tolist(), f"y[:, {k}]", object) if is_mixed else column


def joined(columns: Sequence[Array]) -> Array:
    """Columns of labels as a matrix, of objects if their types differ."""
    if have_one_type(columns):
        return np.stack(columns, axis=1)
    if all(map(is_binary, columns)):
        return np.stack([column.astype(np.int64) for column in columns], axis=1)
    return np.stack([as_objects(column) for column in columns], axis=1)


def have_one_type(arrays: Iterable[Array]) -> bool:
    """Tell whether an array has room for the labels of each, as they are."""
    types = {array.dtype for array in arrays}
    kinds = {dtype.kind for dtype in types}
    return len(kinds) == 1 and (len(types) == 1 or not kinds & set("mM"))


def as_objects(labels: Array) -> Array:
    """Labels as objects: Python's, but for dates, of which it has no such fine ones."""
    objects = np.empty(len(labels), object)
    objects[:] = list(labels) if labels.dtype.kind in "mM" else labels.tolist()
    return objects


def is_binary(labels: Array) -> bool:
    """Tell whether labels are booleans, or numbers that are 0 or 1."""
    return type_of(labels) in ("boolean", "number") and bool(((labels == 0) | (labels == 1)).all())


def distinct(labels: Array) -> Array:
    """The labels that occur, in ascending order."""
    if labels.dtype.kind != "O":
        return np.unique(labels)
    return np.array(sorted(set(labels.tolist())), object)


def as_text(classes: Array) -> Array:
    """Objects as an array of strings, unless most of that would be empty."""
    if classes.dtype.kind != "O" or 4 * max(map(len, classes)) * len(classes) > MAX_TEXT:
        return classes
    return classes.astype(str)


def check_room(tables: Sequence[Array], n_samples: int) -> None:
    """Raise a MemoryError if labels of so many samples take more than there is."""
    if tables[0].dtype.kind == "U":
        longest = max(table.itemsize for table in tables) // 4
        _check_text(longest, n_samples * len(tables), "predictions")


def _check_text(longest: int, n_labels: int, name: str) -> None:
    """Raise a MemoryError if there is no room for an array of strings as wide as the longest."""
    n_bytes = 4 * longest * n_labels
    if n_bytes > SMALL:  # a row is predicted in microseconds
        what = f"An array of strings for {name}, {n_labels} of {longest} characters each,"
        check_memory(n_bytes, what)


def type_of(labels: Array) -> str:
    """What labels are: those of different types are never equal, but for 0, 1 and booleans."""
    return TYPES.get(labels.dtype.kind, "number")


def positions(labels: Array, classes: Array, name: str = "y") -> Array:
    """Where labels stand among the classes, or -1: (n_samples,) of integers.

    Parameters
    ----------
    labels : ndarray of shape (n_samples,)
    classes : ndarray of shape (n_classes,)
        In ascending order.
    name : str, default="y"
        What the labels are, for the error.

    Raises
    ------
    ValueError
        If they are of types that are never equal.
    """
    if not _may_be_equal(labels, classes):
        raise ValueError(
            f"{name} must hold labels of the type of `classes_`: these are {type_of(classes)}s, "
            f"such as {classes[0]!r}. Got {type_of(labels)}s, such as {labels[0]!r}."
        )
    if "O" in (labels.dtype.kind, classes.dtype.kind):
        numbers = {label: k for k, label in enumerate(classes.tolist())}
        return np.array([numbers.get(label, -1) for label in labels.tolist()], np.intp)
    keys, where = classes, np.arange(len(classes))
    if labels.dtype != classes.dtype and labels.dtype.kind != "U":
        # only classes that the labels' type has: NumPy would make floats of large integers
        keys, same = _cast(classes, labels.dtype)
        keys, where = keys[same], where[same]
    if not len(keys):
        return np.full(len(labels), -1)
    nearest = np.minimum(np.searchsorted(keys, labels), len(keys) - 1)
    return np.where(keys[nearest] == labels, where[nearest], -1)


def indicators(numbers: Array) -> Array:
    """A column a class, 1 where it is: (n_samples, n_classes), of classes that all occur."""
    return np.eye(numbers.max() + 1)[numbers]


def _may_be_equal(labels: Array, classes: Array) -> bool:
    types = {type_of(labels), type_of(classes)}
    if types == {"boolean", "number"}:  # either may stand for the other: 0 for False, True for 1
        return classes.dtype.kind == "b" or is_binary(classes)
    a, b = labels.dtype, classes.dtype  # years have no certain number of days
    return len(types) == 1 and (a.kind not in "mM" or np.can_cast(a, b) or np.can_cast(b, a))


def _cast(values: Array, dtype: Any) -> tuple[Array, Array]:
    """Values in another type, and which of them are the same in it."""
    if dtype.kind in "mM":
        cast = _in_unit(values, dtype)
        return cast, _in_unit(cast, values.dtype) == values
    with np.errstate(over="ignore", invalid="ignore"):
        cast = values.astype(dtype)
    same = [a == b for a, b in zip(cast.tolist(), values.tolist(), strict=True)]
    return cast, np.array(same, bool)


def _in_unit(dates: Array, dtype: Any) -> Array:
    """Dates or durations in another unit; NaT where NumPy (from 2.5 on) finds that it overflows."""
    try:
        return dates.astype(dtype)
    except OverflowError:
        found = np.full(dates.shape, "NaT", dtype)
        for k, date in enumerate(dates):
            with suppress(OverflowError):
                found[k] = date.astype(dtype)
        return found


# --- what is given -------------------------------------------------------------------------------


def _of_sequence(y: Sequence[Any], name: str) -> Any:
    """Labels of a list, or of a list of rows; ragged and deeper ones are left to scikit-learn."""
    types = set(map(type, y))
    scalars = not any(issubclass(t, (list, tuple)) or hasattr(t, "ndim") for t in types)
    widths = {None} if scalars else set(map(_width, y))
    if widths == {None}:
        return _of_values(list(y), name, str)
    if len(widths) > 1:
        return y
    by_column = enumerate(zip(*y, strict=True))
    columns = [_of_values(list(column), f"{name}[:, {k}]", str) for k, column in by_column]
    return joined(columns) if columns else y


def _width(row: Any) -> int | None:
    """Labels in a row; None of what is no row."""
    is_row = isinstance(row, (list, tuple)) or getattr(row, "ndim", 0) == 1
    return len(row) if is_row else None


def _as_array(y: Any, name: str) -> Array:
    if isinstance(y, np.ndarray):  # a matrix or a masked array stays one, and is refused
        return y
    try:
        return np.asarray(y)
    except Exception as error:  # of whatever package
        raise TypeError(f"{name} is no array of labels: {error}") from error


def _of_array(y: Array, name: str) -> Array:
    """Labels of an array; those of other dimensions are left to scikit-learn."""
    y = widened(y)
    kind = y.dtype.kind
    if y.ndim not in (1, 2) or isinstance(y, np.matrix):
        return y
    if kind == "S":
        raise TypeError(NO_BYTES.format(name))
    if kind in "OT":  # objects, and NumPy's strings of any length
        if y.ndim == 1:
            return _of_values(y.tolist(), name, object)
        by_column = enumerate(y.T.tolist())
        columns = [_of_values(column, f"{name}[:, {k}]", object) for k, column in by_column]
        return joined(columns) if columns else y
    if kind == "f" and y.dtype.itemsize > 8:
        narrow = y.astype(np.float64)
        if not np.array_equal(narrow, y, equal_nan=True):
            raise ValueError(f"{name} must hold labels of at most 64 bits. Got {y.dtype}.")
        return narrow
    return y if y.dtype.isnative else y.astype(y.dtype.newbyteorder("="))


def _of_values(values: list[Any], name: str, text: type) -> Array:
    """Labels of a list, or of an array of objects; `text` is the type of an array of strings."""
    types = set(map(type, values))
    if np.ndarray in types:
        values = [v[()] if isinstance(v, np.ndarray) and v.ndim == 0 else v for v in values]
        types = set(map(type, values))
    kinds = {_kind_of(next(v for v in values if type(v) is t), name) for t in types}
    if kinds & {"float", "date", "duration"} and any(v != v for v in values):  # noqa: PLR0124
        raise ValueError(f"Input {name} contains {'NaN' if 'float' in kinds else 'NaT'}.")
    if len(kinds) > 1 and kinds != {"integer", "float"}:
        a, b = sorted(types, key=lambda t: t.__name__, reverse=True)[:2]
        examples = [reprlib.repr(next(v for v in values if type(v) is t)) for t in (a, b)]
        raise TypeError(
            f"{name} must hold labels that can be sorted, which is not supported between "
            f"'{a.__name__}' and '{b.__name__}': {', '.join(examples)}. Make strings of "
            "all of them, or numbers."
        )
    if kinds == {"boolean"}:
        return np.array(values, bool)
    if kinds == {"string"}:
        if any(v.endswith("\0") for v in set(values)):
            raise ValueError(f"{name} has labels that end in '\\0', which NumPy would leave out.")
        if text is str:
            _check_text(max(map(len, values)), len(values), name)
        return np.array(values if types == {str} else [str.__str__(v) for v in values], text)
    array = np.array(values)
    if kinds == {"integer"} and array.dtype.kind not in "iu":  # signed and unsigned ones
        for dtype in (np.uint64, np.int64):
            if np.iinfo(dtype).min <= min(values) and max(values) <= np.iinfo(dtype).max:
                array = np.array([int(v) for v in values], dtype)
    if (kinds == {"integer"} and array.dtype.kind not in "iu") or not _are_equal(array, values):
        raise ValueError(f"Unknown label type: {name} has numbers or dates of over 64 bits.")
    return _of_array(array, name)


def _are_equal(array: Array, values: list[Any]) -> bool:
    """Tell whether numbers or dates are still what they were before they became an array."""
    if array.dtype.kind in "mM":
        return all(_in_unit(a[None], v.dtype)[0] == v for a, v in zip(array, values, strict=True))
    if array.dtype.kind == "f":  # of integers, perhaps
        values = [v.item() if isinstance(v, np.generic) else v for v in values]
        return bool(array.tolist() == values)
    return array.dtype.kind in "iu"


def _kind_of(value: Any, name: str) -> str:
    for kind, types in SCALARS:
        if isinstance(value, types):
            return kind
    if isinstance(value, bytes):
        raise TypeError(NO_BYTES.format(name))
    found = "a missing one" if type(value).__name__ in MISSING else f"a {type(value).__name__}"
    raise ValueError(
        f"Unknown label type: {name} must hold labels that can be sorted, which are strings, whole "
        f"numbers, booleans or NumPy's dates. It contains {reprlib.repr(value)}, {found}."
    )
