"""X as the engine reads it: checked in scikit-learn's words, copied whole only if it must be."""

import re
import reprlib
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from contextlib import contextmanager, suppress
from typing import Any

import numpy as np
from scipy import sparse
from sklearn.utils import assert_all_finite, check_array
from sklearn.utils.validation import (
    _check_feature_names,
    _check_n_features,
    _check_sample_weight,
    _check_y,
    check_consistent_length,
    validate_data,
)

from .._core import ExpandedRows
from .._system.arrays import ENGINE_LAYOUT, Array, unwatched
from .._system.memory import check_memory
from .frames import columns_of, has_times, is_frame, is_of_time, is_structured, native, widened
from .sparse import check_sparse
from .streamed import Streamed, StreamedRows

DATES = "X must hold numbers, of dates for instance (dates - first) / Timedelta('1 day'). Got"
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
    X : {array-like, sparse matrix, ExpandedRows, StreamedRows} of shape (n_samples, n_features)
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
    X = native(X)
    if isinstance(X, ExpandedRows):  # whose numbers are sound
        _check_n_features(est, X, reset=reset)
        return (X, checked_y(*y, y_numeric=options["y_numeric"])) if y else X
    if isinstance(X, StreamedRows):  # checked when they are read
        _check_feature_names(est, X.no_rows, reset=reset)
        _check_n_features(est, X, reset=reset)
        checked = checked_y(*y, y_numeric=options["y_numeric"])
        check_consistent_length(X, checked)
        return X, checked
    for values, name in zip((X, *y), ("X", "y"), strict=False):
        _check_form(values, name)
    X = widened(X)
    as_it_is = isinstance(X, np.ndarray) and _is_read_by_the_engine(X.dtype)
    with _saying_what_is_allowed(X):
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


def stored_type(rows: Any, types: Sequence[Any]) -> tuple[np.dtype[Any], np.dtype[Any]]:
    """In which type to store rows for `validated`, whose bits stay the same; and the arithmetic's.

    Parameters
    ----------
    rows : array, sparse matrix or frame of shape (n, n_features)
        There may be none.
    types : sequence of dtype
        Of the arithmetic.
    """
    if isinstance(rows, np.ndarray) and _is_read_by_the_engine(rows.dtype):
        arithmetic = arithmetic_type(rows, [np.dtype(t) for t in types])
        return (rows.dtype if rows.itemsize <= arithmetic.itemsize else arithmetic), arithmetic
    none = rows.iloc[:0] if hasattr(rows, "iloc") else rows[:0]
    with _saying_what_is_allowed(none):
        dtype: np.dtype[Any] = _converted(none, list(types)).dtype
    return dtype, dtype


def rows_in(rows: Any, dtype: np.dtype[Any]) -> Any:
    """Rows as `validated` converts them, but for what they hold: an array or a CSR matrix."""
    _check_form(rows, "X")
    rows = widened(rows)
    with _saying_what_is_allowed(rows):
        return _laid_out(_converted(rows, dtype))


def _converted(rows: Any, dtype: Any) -> Any:
    return check_array(
        rows,
        accept_sparse="csr",
        dtype=dtype,
        order="C",
        ensure_all_finite=False,
        ensure_min_samples=0,
        input_name="X",
    )


def finite_rows(rows: Any, dtype: np.dtype[Any]) -> Any:
    """Check that rows are finite in the arithmetic's type, and return them."""
    _check_finite(rows.data if sparse.issparse(rows) else rows, dtype, "")
    return rows


def checked_y(y: Any, *, y_numeric: bool) -> Any:
    """Check a y by the rules of `validated`, for a score."""
    _check_form(y, "y")
    with _saying_what_is_allowed():
        return _check_y(y, multi_output=True, y_numeric=y_numeric)


@contextmanager
def _saying_what_is_allowed(X: Any = None) -> Iterator[None]:
    """Let the errors of a conversion to numbers say of what."""
    try:
        with unwatched():  # it is refused as infinite
            yield
    except OverflowError as error:
        raise ValueError(f"X and y must hold numbers within float64's range: {error}") from error
    except Warning:
        raise
    except Exception as error:  # also of whatever package's frames
        kind = ValueError if isinstance(error, ValueError) else TypeError
        column = None if _is_of_a_text(error, X) else _refused_column(X)
        if column is not None:
            raise kind(f"X must hold numbers, unlike {column}: {error}") from error
        if str(error).startswith(("float() argument", "boolean value of NA")):
            raise kind(f"X and y must hold numbers, y possibly labels: {error}") from error
        raise


def _is_of_a_text(error: Exception, X: Any) -> bool:
    """Tell whether an error is of a string in an array, which scikit-learn's words show."""
    return isinstance(X, np.ndarray) and str(error).startswith("could not convert string")


def _refused_column(X: Any) -> str | None:
    """Find the first column of a frame, or of an array of objects, that holds no numbers."""
    columns: Iterable[tuple[Any, Any]] = ()
    if is_frame(X):
        columns = columns_of(X)
    elif isinstance(X, np.ndarray) and X.ndim == 2 and X.dtype.kind == "O":
        columns = enumerate(X.T)
    for name, column in columns:
        dtype = getattr(column, "dtype", getattr(column, "type", None))  # that is Arrow's
        try:
            np.asarray(column).astype(np.float64)
        except Exception:  # of whatever package
            return f"column {name!r} of type {dtype}{_refused_value(column)}"
    return None


def _refused_value(column: Any) -> str:
    with suppress(Exception):  # the column cannot even be looked through
        for value in np.asarray(column).tolist():
            try:
                float(np.nan if value is None else value)
            except (TypeError, ValueError):
                return f" with {reprlib.repr(value)}, of type {type(value).__name__}"
    return ""


def _check_form(values: Any, name: str) -> None:
    """Refuse what scikit-learn's checks would take for something else, or would not survive."""
    check_sparse(values, name)
    refuse_masked(values, name)
    unordered = isinstance(values, Mapping | Set | Iterator | Streamed)
    unordered = unordered and not sparse.issparse(values)
    if name == "X" and (unordered or callable(values)):
        raise TypeError(
            "X must be an array-like or sparse matrix of shape (n_samples, n_features), got a "
            f"{type(values).__name__}."
        )
    if name == "X" and has_times(values):
        raise ValueError(f"{DATES} columns of dates or times.")
    if isinstance(values, np.ndarray):
        if is_structured(values):
            raise ValueError(f"{name} must not be a structured array, got dtype {values.dtype}.")
        if name == "X" and values.dtype.kind in "mM":
            raise ValueError(f"{DATES} dtype {values.dtype}.")
        if not _is_read_by_the_engine(values.dtype):
            check_memory(8 * values.size, f"Converting {name} of shape {values.shape}")


def refuse_masked(values: Any, name: str) -> None:
    """Refuse masked values: scikit-learn would read what lies behind the mask."""
    if isinstance(values, np.ma.MaskedArray) and np.ma.is_masked(values):
        raise ValueError(
            f"{name} is a masked array with masked values, which are missing. Fill or leave them "
            "out, or pass .data if they are good numbers."
        )


def arithmetic_type(X: Any, types: Sequence[Any]) -> np.dtype[Any]:
    """Type of the arithmetic for a checked X: scikit-learn's rule for a choice of types."""
    chosen: np.dtype[Any] = np.dtype(X.dtype if X.dtype in types else types[0])
    return chosen


def converted(values: Array, dtype: Any, name: str) -> Array:
    """Targets or weights as the engine takes them; too large for their type is an error."""
    with unwatched():  # of numbers, and of their sum
        array = np.require(values, dtype, ENGINE_LAYOUT)
        assert_all_finite(array, input_name=name)
    return array


@contextmanager
def naming(parameter: str) -> Iterator[None]:
    """Begin the errors of the body with the parameter's name, unless they have it."""
    try:
        yield
    except (TypeError, ValueError, OverflowError) as error:
        if re.search(parameter.replace("_", "."), str(error), re.IGNORECASE):
            raise
        kind = type(error) if type(error) in (TypeError, ValueError) else ValueError
        raise kind(f"{parameter}: {error}") from error


def checked_weight(sample_weight: Any, X: Any, name: str) -> Array:
    """Check sample weights: (n_samples,)."""
    refuse_masked(sample_weight, name)
    sample_weight = widened(native(sample_weight))
    dtype = getattr(sample_weight, "dtype", None)
    if is_of_time(dtype) or getattr(dtype, "kind", "") == "V":
        raise ValueError(f"{name} must be numbers, got dtype {dtype}.")
    with naming(name), unwatched():
        weight: Array = _check_sample_weight(sample_weight, X, ensure_non_negative=True)
    return weight


def weight_of_a_mean(sample_weight: Any, y: Any) -> Array | None:
    """Check sample weights for a score: (n_samples,) with a finite sum, or None."""
    if sample_weight is None:
        return None
    weight = checked_weight(sample_weight, y, "sample_weight")
    with unwatched():
        total = weight.sum()
    if not np.isfinite(total):
        raise ValueError(
            f"sample_weight must have a finite sum in {weight.dtype}. Got weights up to "
            f"{weight.max()}."
        )
    return weight


def _is_read_by_the_engine(dtype: np.dtype[Any]) -> bool:
    return dtype.kind in "biuf" and dtype.itemsize <= 8 and dtype.isbuiltin == 1


def _check_finite(X: Any, dtype: np.dtype[Any], estimator_name: str) -> None:
    """Check that every number of X is finite in the arithmetic's type."""
    if X.dtype.kind != "f":
        return
    n = max(1, BLOCK_BYTES // max(1, X.itemsize * (X.shape[1] if X.ndim == 2 else 1)))
    for first in range(0, len(X), n):
        with unwatched():  # of numbers, and of their sum
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
