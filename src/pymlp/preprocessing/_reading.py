"""Columns of frames and arrays, of whatever package and type, by what they hold."""

from __future__ import annotations

import datetime as dt
import reprlib
from decimal import Decimal
from numbers import Real
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import narwhals.stable.v2 as nw
import numpy as np

from .._data.frames import widened
from .._data.label_arrays import MISSING, as_labels, type_of
from .._system.arrays import Array, unwatched

DAY = 86_400_000_000  # microseconds
WIDE = (nw.Decimal, nw.Int128, nw.UInt128)
KINDS = ("number", "category", "date", "duration", "empty")


class Column(NamedTuple):
    """What a column of n_samples holds.

    Attributes
    ----------
    name : object
    kind : str
        'number', 'date', 'duration', 'category', or 'empty' where all are missing.
    known : ndarray
        Without the missing ones: numbers and seconds of durations are float64, dates microseconds
        since 1970 as int64, categories labels.
    missing : ndarray of shape (n_samples,)
        Which are missing.
    zone : str or None
        Time zone of dates, which are those of its clocks.
    """

    name: Any
    kind: str
    known: Array
    missing: Array
    zone: str | None = None

    @property
    def holds(self) -> str:
        """What there is in it, for errors."""
        what = type_of(self.known) if self.kind == "category" else self.kind
        return f"{what}s, such as {self.known[0]!r}"

    def numbers(self) -> Array:
        """Its known values as numbers, NaN where missing: (n_samples,)."""
        return self.spread(self.known, np.nan)

    def spread(self, known: Array, other: float) -> Array:
        """Numbers of the known ones, and another for the missing ones: (n_samples,)."""
        if len(known) == len(self.missing):
            return known.astype(np.float64, copy=False)
        numbers: Array = np.full(len(self.missing), other)
        numbers[~self.missing] = known
        return numbers


def read(name: Any, values: Any, *, as_category: bool, zone: str | None = None) -> Column:
    """Read a column.

    Parameters
    ----------
    name : object
        For errors.
    values : series or ndarray of shape (n_samples,)
    as_category : bool
        Whether numbers and dates are to be categories, too.
    zone : str, default=None
        By whose clocks dates that have a time zone are told; None: their own.

    Raises
    ------
    TypeError, ValueError
        If it holds what is none of these, values that cannot be compared, or infinite ones.
    """
    found = None
    if nw.dependencies.is_pandas_series(values) and isinstance(values.dtype, np.dtype):
        values = values.to_numpy()  # at a tenth of what narwhals takes
    if isinstance(values, np.ndarray):
        known, missing = values, np.zeros(len(values), bool)
    else:
        known, missing, found = _of_series(name, values, zone)
    known = widened(known)
    if known.dtype.kind in "OT":
        known, missing, in_objects = _of_objects(name, known.tolist(), missing, zone)
        found = found or in_objects
    return _of_array(name, known, missing, found, as_category)


def _of_series(name: Any, values: Any, zone: str | None) -> tuple[Array, Array, str | None]:
    """Known values as an array, which are missing, and the time zone."""
    series = nw.from_native(values, series_only=True)
    dtype, found = series.dtype, None
    if dtype == nw.Unknown:
        array = np.asarray(values)
        return array, np.zeros(len(array), bool), None
    if dtype == nw.Datetime and dtype.time_zone:
        found = zone or dtype.time_zone
        if found != dtype.time_zone:
            series = series.dt.convert_time_zone(found)
        series = series.dt.replace_time_zone(None)
    if dtype in WIDE:
        series = series.cast(nw.Float64)
    missing = np.asarray(series.is_null().to_numpy(), bool)
    if missing.any():
        series = series.drop_nulls()
    try:
        array = np.asarray(series.to_numpy())
    except Exception as error:  # of whatever package
        raise TypeError(f"X has column {name!r} of type {dtype}, which cannot be read.") from error
    if array.ndim != 1:
        raise TypeError(f"X has column {name!r} of type {dtype}, with several values a row.")
    if dtype in (nw.Categorical, nw.Enum) and type(next(iter(array), 0)).__name__ == "Interval":
        array = np.array(list(map(str, array)), object)  # of pandas.cut
    return array, missing, found


def _of_objects(
    name: Any, values: list[Any], missing: Array, zone: str | None
) -> tuple[Array, Array, str | None]:
    """Objects that are not missing, as an array of what they are."""
    types = set(map(type, values))
    if any(t.__name__ in MISSING or issubclass(t, _MAY_BE_NAN) for t in types):
        absent = np.array([_is_missing(value) for value in values], bool)
        values = [value for value, is_absent in zip(values, absent, strict=True) if not is_absent]
        types = set(map(type, values))
        missing = missing.copy()
        missing[~missing] = absent

    def are(*kinds: Any, but: Any = ()) -> bool:
        return all(issubclass(t, kinds) and not issubclass(t, but) for t in types)

    if are(str):  # or none
        return np.array(values, object if values else float), missing, None
    if are(Real, Decimal, but=(bool, np.bool_, np.timedelta64)):
        try:
            return np.array(list(map(float, values))), missing, None
        except OverflowError as error:
            raise ValueError(f"Column {name!r} of X must be finite: {error}.") from error
    if are(dt.time):
        values = [dt.datetime.combine(dt.date.min, v.replace(tzinfo=None)) for v in values]
        values = [v - dt.datetime.min for v in values]
        types = {dt.timedelta}
    if are(dt.timedelta, np.timedelta64):
        return np.array(values, "m8[us]"), missing, None
    if are(dt.date, np.datetime64):
        if any(getattr(value, "tzinfo", None) is not None for value in values):
            zone = zone or "UTC"
            values = [v.astimezone(ZoneInfo(zone)).replace(tzinfo=None) for v in values]
            return np.array(values, "M8[us]"), missing, zone
        return np.array(values, "M8[us]"), missing, None
    for value in values:
        if not isinstance(value, (str, Real, np.bool_, Decimal, dt.date, np.datetime64)):
            raise TypeError(
                f"Column {name!r} of X holds {reprlib.repr(value)}, a {type(value).__name__}: an "
                "argument must be a string, a number, a boolean, a date or a duration."
            )
    return as_labels(values, f"Column {name!r} of X"), missing, None


_MAY_BE_NAN = (float, np.floating, Decimal, np.datetime64, np.timedelta64)


def _is_missing(value: Any) -> bool:
    is_nan = isinstance(value, _MAY_BE_NAN) and value != value  # noqa: PLR0124
    return is_nan or type(value).__name__ in MISSING


def _of_array(
    name: Any, known: Array, missing: Array, zone: str | None, as_category: bool
) -> Column:
    """Values of an array whose type says what they are."""
    kind = known.dtype.kind
    if kind not in "biufmMUSO":
        raise TypeError(
            f"X must hold numbers, strings or dates. Column {name!r} has {known.dtype}."
        )
    if kind in "fmM":
        absent = np.isnat(known) if kind in "mM" else np.isnan(known)
        if absent.any():
            missing = missing.copy()
            missing[~missing] = absent
            known = known[~absent]
    if not len(known):
        return Column(name, "empty", np.empty(0), missing, zone)
    if as_category or kind in "bUSO":
        return Column(name, "category", as_labels(known, f"Column {name!r} of X"), missing, zone)
    if kind == "M":
        return Column(name, "date", known.astype("M8[us]").astype(np.int64), missing, zone)
    if kind == "m":
        with unwatched():
            seconds = known.astype("m8[us]").astype(np.int64) / 1e6
        return Column(name, "duration", seconds, missing)
    with unwatched():
        numbers = known.astype(np.float64, copy=False)
    if kind == "f" and np.isinf(numbers).any():
        raise ValueError(
            f"X must hold finite or missing numbers. Column {name!r} has "
            f"{numbers[np.isinf(numbers)][0]}: infinite, or too large for float64."
        )
    return Column(name, "number", numbers, missing)
