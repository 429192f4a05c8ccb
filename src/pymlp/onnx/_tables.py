"""A frame's columns as the inputs of an ONNX graph, and the features that an encoder makes of them.

First each column becomes numbers in float64, as its reading makes them, then all of these together
become features, as `Expansion` makes them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from .._data.label_arrays import type_of
from .._estimators.tabular import TabularRegressor
from .._system.arrays import Array, unwatched
from ..preprocessing import TableEncoder
from ..preprocessing._categories import LevelMeans, Levels
from ..preprocessing._columns import Dates, EncodedColumn
from ..preprocessing._sources import Source
from ._dates import add_parts
from ._graph import Graph, Output, cast

ML = "ai.onnx.ml"  # where LabelEncoder is
MISSING_TEXTS = ("", "nan", "None", "<NA>")  # the last: what onnxruntime makes of NaN, None, NA
FAR = 1e9  # so many scales from the centre are as good as infinitely many, and can be squared
TOO_LARGE = 2**53  # from there on not every integer is a float64 of its own


class Input(NamedTuple):
    """What a model takes in: (n_samples, n_columns) of numbers, or `object` for strings."""

    name: str
    dtype: np.dtype[Any]
    n_columns: int


def add_features(graph: Graph, encoder: TableEncoder) -> tuple[list[Input], str]:
    """Add what an encoder makes of columns.

    Parameters
    ----------
    graph : Graph
    encoder : TableEncoder

    Returns
    -------
    inputs : list of Input
        One a column that has features.
    x : str
        Name of the features, of the arithmetic's type.
    """
    names = getattr(encoder, "feature_names_in_", [f"x{k}" for k in range(encoder.n_features_in_)])
    inputs, numbers = [], []
    for column, name in zip(encoder.columns_, names, strict=True):
        if column.reading is not None:
            _check_convertible(column)
            inputs.append(Input(name, np.dtype(object if _is_text(column) else np.float64), 1))
            numbers.append(_numbers(graph, column, name))
    raw = graph.node("Concat", *numbers, axis=1)
    return inputs, cast(graph, _expanded(graph, encoder.sources_, raw), graph.dtype)


def scaled_back(graph: Graph, output: Output, reg: TabularRegressor) -> Output:
    """Predictions of the targets as they were, in float64 as ``predict`` returns them."""
    center, scale = reg.target_mean_, reg.target_scale_
    if len(output.shape) == 2:  # (n_samples, n_targets, n_quantiles)
        center, scale = center[:, None], scale[:, None]
    scaled = graph.node("Mul", cast(graph, output.value, np.float64), scale)
    return output._replace(dtype=np.dtype(float), value=graph.node("Add", scaled, center))


# --- columns as numbers --------------------------------------------------------------------------


def _check_convertible(column: EncodedColumn) -> None:
    """Refuse what numbers in float64 and text do not tell."""
    reading, what = column.reading, None
    if isinstance(reading, Levels | LevelMeans):
        levels = reading.levels
        if type_of(levels) in ("date", "duration"):
            what = f"{type_of(levels)}s as categories"
        elif levels.dtype.kind in "iu" and (abs(levels.astype(np.float64)) >= TOO_LARGE).any():
            what = "integers of 2**53 and beyond as categories"
    elif isinstance(reading, Dates) and reading.zone not in (None, "UTC"):
        what = f"dates of the time zone {reading.zone}"
    if what is not None:
        raise NotImplementedError(
            f"An ONNX model takes numbers in float64 and text. Column {column.name!r} of X holds "
            f"{what}: make text or numbers of it before fit."
        )


def _is_text(column: EncodedColumn) -> bool:
    reading = column.reading
    return isinstance(reading, Levels | LevelMeans) and type_of(reading.levels) == "string"


def _numbers(graph: Graph, column: EncodedColumn, x: str) -> str:
    """Add what a reading makes of a column: (n_samples, n_sources) in float64."""
    reading = column.reading
    if isinstance(reading, Dates):
        return graph.node("Concat", *add_parts(graph, reading, x), axis=1)
    if not isinstance(reading, Levels | LevelMeans):
        return x
    find = _position_of_text if _is_text(column) else _position_of_number
    rows = graph.node("Reshape", find(graph, reading.levels, x), np.array([-1]))
    return graph.node("Gather", _by_position(reading), rows)


def _by_position(reading: Levels | LevelMeans) -> Array:
    """Numbers of each level, of an unknown one and of a missing one: (n_levels + 2, n_sources)."""
    if isinstance(reading, LevelMeans):
        of_levels, unknown = reading.means, reading.overall
    elif reading.is_pair:
        of_levels, unknown = np.array([[-1.0], [1.0]]), np.zeros(1)
    else:
        of_levels, unknown = np.arange(len(reading.levels), dtype=float)[:, None], np.array([-1.0])
    return np.vstack([of_levels, unknown, np.full_like(unknown, np.nan)])


def _position_of_text(graph: Graph, levels: Array, x: str) -> str:
    """Add the number of the level, one more for unknown ones and two more for missing ones."""
    n = len(levels)
    known = levels.tolist()
    missing = [text for text in MISSING_TEXTS if text not in known]
    return graph.node(
        "LabelEncoder",
        x,
        domain=ML,
        keys_strings=known + missing,
        values_int64s=[*range(n), *[n + 1] * len(missing)],
        default_int64=n,
    )


def _position_of_number(graph: Graph, levels: Array, x: str) -> str:
    """Add the same of numbers; one is equal to at most one level, so that the sums are exact."""
    n = len(levels)
    same = cast(graph, graph.node("Equal", x, levels.astype(np.float64)), np.float64)
    steps = graph.node("MatMul", same, np.arange(n, dtype=float)[:, None] - n)
    found = graph.node("Add", steps, np.array([float(n)]))
    found = graph.node("Where", graph.node("IsNaN", x), np.array([n + 1.0]), found)
    return cast(graph, found, np.int64)


# --- numbers as features -------------------------------------------------------------------------


def _expanded(graph: Graph, sources: Sequence[Source], raw: str) -> str:
    """Add what `Expansion` makes of numbers, in float64: each kind of feature for all at once."""
    lines = [k for k, source in enumerate(sources) if source.scale]
    ramps = [k for k, source in enumerate(sources) for _ in source.edges[1:]]
    values = [k for k, source in enumerate(sources) for _ in source.values]
    absent = [k for k, source in enumerate(sources) if source.has_missing]
    missing = graph.node("IsNaN", raw)
    filled = graph.node("Where", missing, np.array([source.fill for source in sources]), raw)
    kinds = []
    if lines:
        center, scale = np.array([[sources[k].center, sources[k].scale] for k in lines]).T
        kinds.append(_line(graph, _columns(graph, filled, lines), center, scale))
    if ramps:
        low = np.concatenate([source.edges[:-1] for source in sources])
        high = np.concatenate([source.edges[1:] for source in sources])
        kinds.append(_ramp(graph, _columns(graph, filled, ramps), low, high))
    if values:
        every = np.concatenate([source.values for source in sources])
        same = graph.node("Equal", _columns(graph, raw, values), every)
        kinds.append(cast(graph, same, np.float64))
    if absent:
        kinds.append(cast(graph, _columns(graph, missing, absent), np.float64))
    by_kind = np.array([*lines, *ramps, *values, *absent])
    order = np.argsort(by_kind, kind="stable")  # by source, within one by kind
    return _columns(graph, graph.node("Concat", *kinds, axis=1), order)


def _line(graph: Graph, x: str, center: Array, scale: Array) -> str:
    u = graph.node("Div", graph.node("Sub", x, center), scale)
    u = graph.node("Max", graph.node("Min", u, np.array([FAR])), np.array([-FAR]))
    third = graph.node("Div", u, np.array([3.0]))
    root = graph.node("Sqrt", graph.node("Add", np.ones(1), graph.node("Mul", third, third)))
    return graph.node("Div", u, root)


def _ramp(graph: Graph, x: str, low: Array, high: Array) -> str:
    with unwatched():
        steps = high - low
    along = graph.node("Div", graph.node("Sub", x, low), steps)
    return graph.node("Max", graph.node("Min", along, np.ones(1)), np.zeros(1))


def _columns(graph: Graph, x: str, which: Any) -> str:
    return graph.node("Gather", x, np.asarray(which, np.int64), axis=1)
