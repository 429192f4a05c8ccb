"""Data frames of whatever package, by narwhals, which scikit-learn goes by, too; their types."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import narwhals.stable.v2 as nw
import numpy as np
from scipy import sparse
from sklearn.utils import _safe_indexing

from .._core import ExpandedRows
from .._system.arrays import Array

FOREIGN = 2  # `isbuiltin` of a type that another package has added to NumPy


def native(values: Any) -> Any:
    """Frames and series of narwhals as what they wrap, of which rows can be chosen."""
    return values.to_native() if hasattr(values, "to_native") else values


def is_frame(values: Any) -> bool:
    """Tell whether it is a data frame, of a package that narwhals knows."""
    return hasattr(values, "columns") and bool(nw.dependencies.is_into_dataframe(values))


def is_series(values: Any) -> bool:
    """Tell whether it is a column of a data frame."""
    return bool(nw.dependencies.is_into_series(values))


def rows_of(values: Any, rows: Array | None) -> Any:
    """Choose rows of whatever holds samples; with None all, of what rows can be chosen."""
    values = native(values)
    if isinstance(values, ExpandedRows):
        raw = values.raw if rows is None else values.raw[rows]
        return ExpandedRows(raw, values.expansion, values.dtype)
    if sparse.issparse(values):
        values = values.tocsr()
    elif not (isinstance(values, (np.ndarray, list)) or is_frame(values) or is_series(values)):
        values = np.asarray(values)
    return values if rows is None else _safe_indexing(values, rows)


def columns_of(frame: Any) -> Iterator[tuple[Any, Any]]:
    """Names and columns of a data frame."""
    if hasattr(frame, "iloc"):  # of pandas, whose names may occur twice
        yield from frame.items()
    else:
        yield from ((c.name, c.to_native()) for c in nw.from_native(frame).iter_columns())


def has_times(frame: Any) -> bool:
    """Tell whether it is a data frame with columns of dates, times or durations."""
    types: Any = ()
    if hasattr(frame, "columns"):
        types = getattr(frame, "dtypes", ())
        if not hasattr(frame, "dtypes") and is_frame(frame):
            types = nw.from_native(frame).schema.values()
    return any(map(is_of_time, types))


def is_of_time(dtype: Any) -> bool:
    """Tell whether values are dates, times or durations: of NumPy and pandas, or of others."""
    is_temporal = getattr(dtype, "is_temporal", None)
    return getattr(dtype, "kind", "") in ("m", "M") or (is_temporal is not None and is_temporal())


def widened(values: Any) -> Any:
    """Arrays of other packages' numbers, such as bfloat16, as those of NumPy's that have them."""
    if isinstance(values, np.ndarray) and values.dtype.isbuiltin == FOREIGN:
        for dtype in (np.int64, np.float64):
            if np.can_cast(values.dtype, dtype):
                return values.astype(dtype)
    return values


def is_structured(values: Array) -> bool:
    """Tell whether the elements of an array have parts, or are no numbers at all."""
    return values.dtype.kind == "V" and values.dtype.isbuiltin != FOREIGN
