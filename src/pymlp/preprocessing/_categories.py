"""Categories as numbers: of levels, or of the targets' means."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from sklearn.model_selection import KFold
from sklearn.preprocessing import TargetEncoder

from .._data.label_arrays import distinct, positions, type_of
from .._data.label_data import classes_from_data, classes_to_data
from .._files.values import decoded, encoded
from .._system.arrays import Array, unwatched
from ._numbers import NONE, Recipe, number_source
from ._reading import Column
from ._sources import Source

N_FOLDS = 5
UNKNOWN = -1  # among positions


class Targets(NamedTuple):
    """What the means of many levels are taken of.

    Attributes
    ----------
    y : ndarray of shape (n_samples, n_outputs)
    is_classes : bool
        Whether these are indicators, one a class.
    seed : int
        Of the folds.
    """

    y: Array
    is_classes: bool
    seed: int

    @property
    def told(self) -> Array:
        """Those that the others do not tell: of two classes one."""
        return self.y[:, 1:] if self.is_classes and self.y.shape[1] == 2 else self.y


class Levels(NamedTuple):
    """Categories by the number of their level, or two as -1 and 1."""

    levels: Array
    is_pair: bool

    @property
    def n_sources(self) -> int:
        """Columns of numbers made of it."""
        return 1

    def raw(self, column: Column) -> list[Array]:
        """Numbers of a column."""
        found = _positions(column, self.levels)
        if self.is_pair:  # an unknown one is neither: 0
            found = np.where(found == UNKNOWN, 0, 2 * found - 1)
        return [column.spread(found, np.nan)]

    def names(self, name: str, sources: list[Source]) -> list[str]:
        """Names of the features."""
        texts = self.texts()
        if self.is_pair:
            return [f"{name}{suffix or '=' + texts[1]}" for suffix in sources[0].suffixes()]
        return [f"{name}{suffix}" for suffix in sources[0].suffixes(texts)]

    def texts(self) -> list[str]:
        """Levels as text."""
        is_of_time = self.levels.dtype.kind in "mM"
        return list(map(str, self.levels if is_of_time else self.levels.tolist()))

    def to_data(self) -> dict[str, Any]:
        """What of it goes into a file; `from_data` is the way back."""
        return {"levels": classes_to_data(self.levels), "is_pair": self.is_pair}

    @classmethod
    def from_data(cls, data: dict[str, Any]) -> Levels:
        """Read what `to_data` has told, which may be anybody's."""
        levels = classes_from_data(data["levels"])
        if data["is_pair"] and len(levels) != 2:
            raise ValueError(f"it has a pair of {len(levels)} levels")
        return cls(levels, bool(data["is_pair"]))


class LevelMeans(NamedTuple):
    """Categories by the means of the targets: (n_levels, n_means), and those of an unknown one."""

    levels: Array
    means: Array
    overall: Array

    @property
    def n_sources(self) -> int:
        """Columns of numbers made of it."""
        return len(self.overall)

    def raw(self, column: Column) -> list[Array]:
        """Numbers of a column."""
        found = _positions(column, self.levels)
        pairs = zip(self.means.T, self.overall, strict=True)
        return [
            column.spread(np.where(found == UNKNOWN, overall, means[found]), np.nan)
            for means, overall in pairs
        ]

    def names(self, name: str, sources: list[Source]) -> list[str]:
        """Names of the features."""
        numbers = [""] if len(sources) == 1 else list(map(str, range(len(sources))))
        return [
            f"{name}_mean{number}{suffix}"
            for number, source in zip(numbers, sources, strict=True)
            for suffix in source.suffixes()
        ]

    def to_data(self) -> dict[str, Any]:
        """What of it goes into a file; `from_data` is the way back."""
        numbers = {"means": encoded(self.means), "overall": encoded(self.overall)}
        return {"levels": classes_to_data(self.levels), **numbers}

    @classmethod
    def from_data(cls, data: dict[str, Any]) -> LevelMeans:
        """Read what `to_data` has told, which may be anybody's."""
        levels = classes_from_data(data["levels"])
        means, overall = (np.asarray(decoded(data[n]), np.float64) for n in ("means", "overall"))
        if overall.ndim != 1 or means.shape != (len(levels), len(overall)):
            raise ValueError(f"it has means of shape {means.shape} for {len(levels)} levels")
        if not (np.isfinite(means).all() and np.isfinite(overall).all()):
            raise ValueError("it has means that are not finite")
        return cls(levels, means, overall)


def _positions(column: Column, levels: Array) -> Array:
    """Number of the level of each known row, or `UNKNOWN`."""
    if column.kind == "empty":
        return np.empty(0, np.intp)
    types = {type_of(column.known), type_of(levels)}
    if len(types) > 1 and types != {"boolean", "number"}:
        raise ValueError(
            f"X must hold what it held in fit. Column {column.name!r} had {type_of(levels)}s, such "
            f"as {levels[0]!r}, and has {column.holds}."
        )
    return positions(column.known, levels, f"Column {column.name!r} of X")


def fit_levels(column: Column, max_levels: int, targets: Targets | None) -> Levels | Array | None:
    """Find the levels of a column: as many as there may be, all of them for means, or None.

    Returns
    -------
    Levels, or ndarray of all levels, for `fit_means`, or None if it tells nothing
    """
    levels = distinct(column.known)
    has_missing = bool(column.missing.any())
    if len(levels) == 1 and not has_missing:
        return None
    if len(levels) > max_levels:
        if targets is not None:
            return levels
        counts = np.bincount(positions(column.known, levels))
        levels = levels[np.sort(np.argsort(-counts, kind="stable")[:max_levels])]
    return Levels(levels, len(levels) == 2)


def level_source(levels: Levels, has_missing: bool) -> Source:
    """What becomes of level numbers: a feature a level, or of -1 and 1 a single one."""
    if levels.is_pair:
        return Source(0.0, 0.0, 1.0, NONE, NONE, has_missing)
    numbers = np.arange(len(levels.levels), dtype=np.float64)
    return Source(0.0, 0.0, 0.0, NONE, numbers, has_missing)


def fit_means(
    column: Column, levels: Array, targets: Targets, recipe: Recipe
) -> tuple[LevelMeans, list[Source], list[Array]] | None:
    """Targets' means of levels as scikit-learn's `TargetEncoder` has them.

    Returns
    -------
    reading : LevelMeans
    sources : list of Source
    raw : list of ndarray of shape (n_samples,)
        Of the training rows, each by rows of other folds. None, for all, if that tells nothing.
    """
    numbers = positions(column.known, levels)[:, None]
    known = targets.told[~column.missing]
    folds = KFold(min(N_FOLDS, len(numbers)), shuffle=True, random_state=targets.seed)
    means, overall, raw = [], [], []
    sources: list[Source] = []
    for y in known.T:
        encoder = TargetEncoder(target_type="continuous", cv=folds)
        with unwatched():
            crossed = column.spread(encoder.fit_transform(numbers, y)[:, 0], np.nan)
        source = number_source(crossed, recipe, tells_missing=not sources)
        if source is not None:
            means.append(encoder.encodings_[0])
            overall.append(encoder.target_mean_)
            sources.append(source)
            raw.append(crossed)
    if not sources:
        return None
    return LevelMeans(levels, np.stack(means, axis=1), np.array(overall)), sources, raw
