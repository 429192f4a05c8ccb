"""How each column of a table is read again, after fit: numbers and dates; what became of it."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from .._data.label_arrays import distinct
from .._system.arrays import Array
from ._categories import LevelMeans, Levels, Targets, fit_levels, fit_means, level_source
from ._numbers import NONE, Recipe, number_source
from ._reading import DAY, KINDS, Column, read
from ._sources import Source, source_from_data
from ._tables import columns

HOUR = DAY // 24
MONDAY = 3  # days from one to the first of 1970, a Thursday
PARTS = ("days", "year", "month", "weekday", "hour")


class Numbers(NamedTuple):
    """Numbers, or durations in seconds, as they are."""

    kind: str

    @property
    def n_sources(self) -> int:
        """Columns of numbers made of it."""
        return 1

    def raw(self, column: Column) -> list[Array]:
        """Numbers of a column."""
        if self.kind == "number" and _is_of_booleans(column):
            column = column._replace(kind="number", known=column.known.astype(np.float64))
        _check_kind(column, self.kind)
        return [column.numbers()]

    def names(self, name: str, sources: list[Source]) -> list[str]:
        """Names of the features."""
        return [f"{name}{suffix}" for suffix in sources[0].suffixes()]

    def to_data(self) -> dict[str, Any]:
        """What of it goes into a file; `from_data` is the way back."""
        return {"kind": self.kind}

    @classmethod
    def from_data(cls, data: dict[str, Any]) -> Numbers:
        """Read what `to_data` has told, which may be anybody's."""
        if data["kind"] not in ("number", "duration"):
            raise ValueError(f"it has a column of the unknown kind {data['kind']!r}")
        return cls(data["kind"])


class Dates(NamedTuple):
    """Dates by days since the first one of fit, year, month, weekday (from Monday) and hour."""

    start: int  # microseconds since 1970
    parts: tuple[str, ...]
    zone: str | None

    @property
    def n_sources(self) -> int:
        """Columns of numbers made of it."""
        return len(self.parts)

    def raw(self, column: Column) -> list[Array]:
        """Numbers of a column."""
        _check_kind(column, "date")
        if column.kind == "date" and (column.zone is None) != (self.zone is None):
            had, has = ("no" if z is None else "a" for z in (self.zone, column.zone))
            raise ValueError(
                f"X must hold what it held in fit. Column {column.name!r} had dates with {had} "
                f"time zone, and has dates with {has} time zone."
            )
        return [column.spread(self._part(part, column.known), np.nan) for part in self.parts]

    def _part(self, part: str, since: Array) -> Array:
        if part == "days":
            return (since - float(self.start)) / DAY
        if part == "hour":
            return since % DAY // HOUR
        if part == "weekday":
            return (since // DAY + MONDAY) % 7
        dates = since.astype(np.int64).view("M8[us]")
        if part == "month":
            return dates.astype("M8[M]").astype(np.int64) % 12 + 1
        return dates.astype("M8[Y]").astype(np.int64) + 1970

    def names(self, name: str, sources: list[Source]) -> list[str]:
        """Names of the features."""
        return [
            f"{name}_{part}{suffix}"
            for part, source in zip(self.parts, sources, strict=True)
            for suffix in source.suffixes()
        ]

    def to_data(self) -> dict[str, Any]:
        """What of it goes into a file; `from_data` is the way back."""
        return {"start": self.start, "parts": list(self.parts), "zone": self.zone}

    @classmethod
    def from_data(cls, data: dict[str, Any]) -> Dates:
        """Read what `to_data` has told, which may be anybody's."""
        parts, zone = tuple(data["parts"]), data["zone"]
        if not parts or not set(parts) <= set(PARTS) or not isinstance(zone, str | None):
            raise ValueError(f"it has dates by {parts!r} with the zone {zone!r}")
        return cls(int(data["start"]), parts, zone)


Reading = Numbers | Dates | Levels | LevelMeans
Found = tuple[Reading, list[Source], list[Array]]  # with the numbers of the training rows
READINGS: dict[str, Any] = {kind.__name__: kind for kind in (Numbers, Dates, Levels, LevelMeans)}


class EncodedColumn(NamedTuple):
    """What became of a column of X.

    Attributes
    ----------
    name : object
        Its name, or number.
    kind : str
        'number', 'category', 'date', 'duration', or 'empty'.
    reading : object or None
        How it becomes numbers.
    sources : list of Source
        How they become features.
    dropped : str or None
        Why it has no features: 'constant', 'empty'.
    """

    name: Any
    kind: str
    reading: Reading | None
    sources: list[Source]
    dropped: str | None

    @property
    def n_levels(self) -> int:
        """Number of levels of categories."""
        return len(self.reading.levels) if isinstance(self.reading, Levels | LevelMeans) else 0

    @property
    def n_edges(self) -> int:
        """Number of edges of numbers."""
        return sum(len(source.edges) for source in self.sources)

    @property
    def n_features(self) -> int:
        """Number of features."""
        return sum(source.n_features for source in self.sources)

    @property
    def has_missing(self) -> bool:
        """Whether there is a feature for missing ones."""
        return any(source.has_missing for source in self.sources)

    @property
    def becomes(self) -> str:
        """What its features are, in words."""
        if self.dropped is not None:
            return f"dropped: {self.dropped}"
        parts: list[str] = []
        if isinstance(self.reading, Levels):
            parts = [_counted(self.n_levels, "level")]
        elif isinstance(self.reading, LevelMeans):
            parts = [f"mean target of {self.n_levels} levels"]
        elif isinstance(self.reading, Dates):
            parts = list(self.reading.parts)
        n_pieces = sum(max(0, len(source.edges) - 1) for source in self.sources)
        n_values = sum(len(source.values) for source in self.sources)
        if n_pieces:
            parts.append(f"curve of {_counted(n_pieces, 'piece')}")
        elif not parts and any(source.scale for source in self.sources):
            parts.append("line")
        if n_values and not isinstance(self.reading, Levels):
            parts.append(_counted(n_values, "value"))
        return ", ".join([*parts, "missing"] if self.has_missing else parts)

    def names(self, name: str) -> list[str]:
        """Names of the features; of the column as it is called there."""
        return [] if self.reading is None else self.reading.names(name, self.sources)

    def to_data(self) -> dict[str, Any]:
        """What of it goes into a file; `column_from_data` is the way back."""
        data: dict[str, Any] = {"kind": self.kind, "dropped": self.dropped}
        if self.reading is not None:
            data["reading"] = type(self.reading).__name__
            data |= self.reading.to_data()
            data["sources"] = [source.to_data() for source in self.sources]
        return data


class Raw:
    """Numbers of sources side by side, as they come: collected first they would be there twice.

    Parameters
    ----------
    n_samples : int
    n_sources : int
        How many are expected; there may be others.
    """

    def __init__(self, n_samples: int, n_sources: int) -> None:
        self._numbers: Array = np.empty((n_samples, n_sources))
        self._n = 0

    def add(self, numbers: list[Array]) -> None:
        """Add those of some sources, each (n_samples,)."""
        n_samples, room = self._numbers.shape
        if self._n + len(numbers) > room:
            self._numbers = np.hstack([self._numbers, np.empty((n_samples, len(numbers)))])
        for of_source in numbers:
            self._numbers[:, self._n] = of_source
            self._n += 1

    def added(self) -> Array:
        """All of them: (n_samples, n_sources)."""
        return self._numbers[:, : self._n]


def column_from_data(name: Any, data: dict[str, Any]) -> EncodedColumn:
    """Read what `EncodedColumn.to_data` has told, which may be anybody's."""
    if data["kind"] not in KINDS or not isinstance(data["dropped"], str | None):
        raise ValueError(f"it has a column of the unknown kind {data['kind']!r}")
    if data["dropped"] is not None:
        return EncodedColumn(name, data["kind"], None, [], data["dropped"])
    reading = READINGS[data["reading"]].from_data(data)
    sources = [source_from_data(source) for source in data["sources"]]
    column = EncodedColumn(name, data["kind"], reading, sources, None)
    if len(sources) != reading.n_sources or len(column.names("")) != column.n_features:
        raise ValueError(f"it has {len(sources)} sources of a {data['kind']} that do not fit it")
    return column


def fit_column(
    column: Column, recipe: Recipe, max_levels: int, targets: Targets | None
) -> tuple[EncodedColumn, list[Array]]:
    """Find how a column becomes features.

    Returns
    -------
    encoded : EncodedColumn
    raw : list of ndarray of shape (n_samples,)
        Numbers of the training rows, a means' of rows of other folds.
    """
    if column.kind == "empty":
        return EncodedColumn(column.name, column.kind, None, [], "empty"), []
    found: Found | None = None
    if column.kind == "category":
        levels = fit_levels(column, max_levels, targets)
        if isinstance(levels, Levels):
            source = level_source(levels, bool(column.missing.any()))
            found = levels, [source], levels.raw(column)
        elif levels is not None and targets is not None:
            found = fit_means(column, levels, targets, recipe)
    elif column.kind == "date":
        found = _fit_dates(column, recipe)
    else:
        numbers = column.numbers()
        number = number_source(numbers, recipe)
        found = None if number is None else (Numbers(column.kind), [number], [numbers])
    if found is None:
        return EncodedColumn(column.name, column.kind, None, [], "constant"), []
    reading, sources, raw = found
    return EncodedColumn(column.name, column.kind, reading, sources, None), raw


def with_an_input(
    dropped: list[EncodedColumn], X: Any, mask: Array
) -> tuple[list[EncodedColumn], list[Array]]:
    """Keep the first of the columns that is not empty: a network needs an input."""
    for k, (name, values) in enumerate(columns(X)):
        if dropped[k].dropped == "constant":
            kept, raw = _fit_constant(read(name, values, as_category=bool(mask[k])))
            return [*dropped[:k], kept, *dropped[k + 1 :]], raw
    raise ValueError(
        f"X must have a column with values: all {len(dropped)} are empty, with n_samples = "
        f"{len(X)}."
    )


def _fit_constant(column: Column) -> tuple[EncodedColumn, list[Array]]:
    """Its feature is 1 where a number or a date is missing, or a category is what it was in fit."""
    reading: Reading = Numbers(column.kind)
    source = Source(0.0, 0.0, 0.0, NONE, NONE, True)
    if column.kind == "category":
        reading = Levels(distinct(column.known)[:1], False)
        source = level_source(reading, False)
    elif column.kind == "date":
        reading = Dates(int(column.known[0]), PARTS[:1], column.zone)
    return EncodedColumn(column.name, column.kind, reading, [source], None), reading.raw(column)


def _fit_dates(column: Column, recipe: Recipe) -> Found | None:
    """Find the parts of dates that vary; the first tells of missing ones, too."""
    every = Dates(int(column.known.min()), PARTS, column.zone)
    kept: dict[str, tuple[Source, Array]] = {}
    for part, raw in zip(PARTS, every.raw(column), strict=True):
        source = number_source(raw, recipe, tells_missing=not kept)
        if source is not None:
            kept[part] = source, raw
    if not kept:
        return None
    sources, numbers = map(list, zip(*kept.values(), strict=True))
    return every._replace(parts=tuple(kept)), sources, numbers


def _counted(n: int, what: str) -> str:
    return f"{n} {what}" if n == 1 else f"{n} {what}s"


def _is_of_booleans(column: Column) -> bool:
    return column.kind == "category" and column.known.dtype.kind == "b"


def _check_kind(column: Column, kind: str) -> None:
    if column.kind not in (kind, "empty"):
        raise ValueError(
            f"X must hold what it held in fit. Column {column.name!r} had {kind}s, and has "
            f"{column.holds}."
        )
