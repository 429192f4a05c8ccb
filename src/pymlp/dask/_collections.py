"""X, y and weights as Dask holds them: their parts, which belong together by their rows."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from typing import Any, NamedTuple

import dask.array as da
import dask.dataframe as dd
import numpy as np
import pandas as pd
from dask._task_spec import GraphNode, Task, TaskRef, convert_legacy_graph
from dask.core import flatten
from dask.utils import ensure_dict

from .._estimators.described import Facts

FRAMES = (dd.DataFrame, dd.Series)
NAMES = ("X", "y", "sample_weight")


class Parts(NamedTuple):
    """Tasks that make the parts of some samples, by `NAMES`.

    Parameters
    ----------
    graph : dict of key to task
    keys : list of list of key
        Of X's parts, y's and the weights', if there are any.
    """

    graph: dict[Any, GraphNode]
    keys: list[list[Any]]

    @property
    def are_alike(self) -> bool:
        """Tell whether X, y and weights have as many parts."""
        return len({len(keys) for keys in self.keys}) == 1

    def counts(self, token: str) -> dict[Any, GraphNode]:
        """Tasks that count the rows of each part."""
        keys = [
            (f"pymlp-count-{token}", k, i) for k, ks in enumerate(self.keys) for i in range(len(ks))
        ]
        return {key: Task(key, n_rows_of, TaskRef(self.keys[key[1]][key[2]])) for key in keys}

    def renamed(self, token: str) -> Parts:
        """Give the tasks keys of their own.

        With places they would not be those that others want, nor would they run a second time.
        What is persisted has no tasks here, and keeps its keys.
        """

        def name(key: Any) -> Any:
            if isinstance(key, tuple):
                return (f"{key[0]}-{token}", *key[1:])
            return f"{key}-{token}"

        names = {key: name(key) for key in self.graph}
        graph = {names[k]: task.substitute(names, key=names[k]) for k, task in self.graph.items()}
        return Parts(graph, [[names.get(key, key) for key in keys] for keys in self.keys])

    def of_one_part(self) -> dict[Any, int]:
        """By key the part that is all that needs it: what is to be made where that is."""
        found: dict[Any, int] = {}
        shared = set()
        for part, keys in enumerate(zip(*self.keys, strict=True)):
            waiting, seen = list(keys), set()
            while waiting:
                key = waiting.pop()
                if key in seen or key in shared or key not in self.graph:
                    continue
                seen.add(key)
                if found.setdefault(key, part) != part:
                    shared.add(key)
                    continue
                waiting += self.graph[key].dependencies
        return {key: part for key, part in found.items() if key not in shared}


def parts_of(collections: Sequence[Any], names: Sequence[str] = NAMES) -> Parts:
    """Check the forms of X, y and weights, and find their parts.

    Parameters
    ----------
    collections : sequence of dask array, series or frame
        X, y and weights; the last may be None.
    names : sequence of str
        What they are, for errors.
    """
    given = [c for c in collections if c is not None]
    for name, collection in zip(names, given, strict=False):
        _check_form(collection, name, is_X=name == names[0])
    X = given[0]
    aligned = [X, *(_aligned(c, X) for c in given[1:])]
    graph: dict[Any, Any] = {}
    keys = []
    for collection in aligned:
        # dask.optimize of frames gives Dask 2026.8's parts of other frames
        made = collection.optimize() if isinstance(collection, FRAMES) else collection
        keys.append(list(flatten(made.__dask_keys__())))
        of_one = made.__dask_graph__()
        if made is collection:
            of_one = made.__dask_optimize__(of_one, made.__dask_keys__())
        graph |= ensure_dict(of_one)
    return Parts(convert_legacy_graph(graph), keys)


def _check_form(values: Any, name: str, *, is_X: bool) -> None:
    if not isinstance(values, (da.Array, *FRAMES)) or (is_X and isinstance(values, dd.Series)):
        raise TypeError(
            f"{name} must be a dask array or frame{'' if is_X else ' or series'}, got a "
            f"{type(values).__module__}.{type(values).__name__}. What is in memory is for the "
            f"estimators of one machine, or dask.array.from_array({name}) makes an array of it."
        )
    if isinstance(values, da.Array):
        if values.ndim != 2 and (is_X or values.ndim != 1):
            raise ValueError(f"{name} must have two dimensions. Got an array of {values.ndim}.")
        if values.ndim == 2 and values.numblocks[1] > 1:
            raise ValueError(
                f"{name} must have whole rows in its chunks, which are of {values.chunks[1]} "
                f"columns: pass {name}.rechunk({{1: -1}})."
            )


def _aligned(values: Any, X: Any) -> Any:
    """Cut an array's rows as X's are, where both are known."""
    if not isinstance(values, da.Array) or not isinstance(X, da.Array):
        return values
    total = values.shape[0] == X.shape[0]  # nan is no length
    return values.rechunk({0: X.chunks[0]}) if total else values


def realigned(parts: Parts, lengths: Sequence[Sequence[int]], token: str) -> Parts:
    """Cut y and weights as X is cut, by the order of their rows.

    X and y that are columns of one Parquet set come in different partitions: what reads few columns
    joins files.

    Parameters
    ----------
    parts : Parts
    lengths : sequence of sequence of int
        Rows of each part of X, y and weights; together the same.
    token : str
        Of the new tasks' keys.
    """
    graph = dict(parts.graph)
    ends = [*accumulate(lengths[0])]
    keys = [parts.keys[0]]
    for k, (of_parts, pieces) in enumerate(zip(lengths[1:], parts.keys[1:], strict=True)):
        begins = [0, *accumulate(of_parts)]
        made = []
        for i, (first, last) in enumerate(zip([0, *ends], ends, strict=False)):
            key = (f"pymlp-align-{token}", k, i)
            chosen: list[tuple[Any, int, int]] = []
            for piece, begin, end in zip(pieces, begins, begins[1:], strict=False):
                low, high = max(first, begin), min(last, end)
                if low < high or (first == last and begin <= first <= end and not chosen):
                    chosen.append((piece, low - begin, max(high, low) - begin))
            refs = [TaskRef(piece) for piece, _, _ in chosen]
            graph[key] = Task(key, _cut, [(low, high) for _, low, high in chosen], *refs)
            made.append(key)
        keys.append(made)
    return Parts(graph, keys)


def n_rows_of(values: Any) -> int:
    """Rows of a part of whatever kind."""
    return int(values.shape[0])


def _cut(bounds: Sequence[tuple[int, int]], *pieces: Any) -> Any:
    cut = [
        piece.iloc[low:high] if hasattr(piece, "iloc") else piece[low:high]
        for piece, (low, high) in zip(pieces, bounds, strict=True)
    ]
    if len(cut) == 1:
        return cut[0]
    if hasattr(cut[0], "iloc"):
        return pd.concat(cut)
    return np.concatenate(cut)


def check_facts(found: Sequence[Facts], names: Sequence[str]) -> None:
    """Raise what is wrong with a partition, by its number."""
    for k, facts in enumerate(found):
        if len(set(facts.lengths.values())) > 1:
            said = ", ".join(
                f"{facts.lengths[own]} rows of {name}"
                for own, name in zip(NAMES, names, strict=True)
                if own in facts.lengths
            )
            raise ValueError(
                f"Partitions belong together by their number: partition {k} has {said}."
            )
    for k, facts in enumerate(found):
        if facts.error is not None:
            raise type(facts.error)(f"Partition {k} of {names[0]}, {names[1]}: {facts.error}")
    columns = {facts.shape[1] for facts in found if facts.n_rows}
    if not columns:
        raise ValueError(f"{names[0]} has no rows, in {len(found)} partitions.")
    if len(columns) > 1:
        raise ValueError(
            f"Partitions of {names[0]} differ in columns: they have {sorted(columns)}."
        )
