"""Rows that do not lie in memory, read block by block: of Dask, zarr, h5py and Parquet."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from .._system.arrays import Array

BLOCK_BYTES = 2**22  # of rows that are read at a time where their owner does not say
STORES = ("h5py", "zarr")  # arrays in files, of which slices are read


@dataclass(frozen=True)
class Blocks:
    """Blocks of rows.

    Parameters
    ----------
    load : callable
        Reads the k-th block: an array, a sparse matrix or a frame.
    n_blocks : int
    n_columns : int
    lengths : sequence of int or None
        Rows of each block, if that is known.
    """

    load: Callable[[int], Any]
    n_blocks: int
    n_columns: int
    lengths: Sequence[int] | None = None


def is_elsewhere(values: Any) -> bool:
    """Tell whether values are of a kind that is read block by block."""
    return _is_of_dask(values) or _is_stored(values) or is_dataset(values)


def loaded(values: Any) -> Any:
    """Values in memory, such as labels, of whatever kind."""
    if _is_of_dask(values):
        return values.compute()
    return values[...] if _is_stored(values) else values


def blocks_of(values: Any, columns: Sequence[str] | None = None) -> Blocks:
    """Blocks of rows that are elsewhere, or of an array in memory or mapped into it.

    Parameters
    ----------
    values : dask array or frame, array of zarr or h5py, pyarrow dataset, ndarray
        Of two dimensions.
    columns : sequence of str or None, default=None
        Of a dataset; None: all.
    """
    if is_dataset(values):
        return _of_dataset(values, values.schema.names if columns is None else columns)
    if hasattr(values, "columns"):
        return _of_frame(values)
    if len(values.shape) != 2:
        raise ValueError(
            f"X must have two dimensions, (n_samples, n_features). Got {len(values.shape)}."
        )
    return _of_dask_array(values) if _is_of_dask(values) else _of_stored(values)


def is_dataset(values: Any) -> bool:
    """Tell whether it is a dataset of pyarrow: Parquet files, mostly."""
    return type(values).__module__ == "pyarrow._dataset" and hasattr(values, "get_fragments")


def column_of_dataset(values: Any, name: str) -> Array:
    """A column of a dataset, in the order of its blocks: (n_samples,)."""
    parts = (f.to_table(schema=values.schema, columns=[name]) for f in _fragments(values))
    column: Array = np.concatenate([part[name].to_pandas() for part in parts])
    return column


def _is_of_dask(values: Any) -> bool:
    return type(values).__module__.startswith("dask.") and hasattr(values, "ndim")


def _is_stored(values: Any) -> bool:
    package = type(values).__module__.partition(".")[0]
    return package in STORES and hasattr(values, "shape") and hasattr(values, "dtype")


def _of_dask_array(array: Any) -> Blocks:
    if array.numblocks[1] > 1:
        array = array.rechunk({1: -1})
    parts = array.to_delayed().ravel()
    chunks = array.chunks[0]
    lengths = None if np.isnan(chunks).any() else list(map(int, chunks))
    return Blocks(lambda k: parts[k].compute(), len(parts), array.shape[1], lengths)


def _of_frame(frame: Any) -> Blocks:
    # all partitions at once: what is optimised for some of them may be cut at other rows
    parts = frame.to_delayed()
    return Blocks(lambda k: parts[k].compute(), len(parts), len(frame.columns))


def _of_stored(array: Any) -> Blocks:
    """Chunks of rows of what slices can be read of."""
    n, n_columns = array.shape
    chunks = getattr(array, "chunks", None)
    row_bytes = max(1, n_columns * array.dtype.itemsize)
    rows = chunks[0] if chunks else max(1, BLOCK_BYTES // row_bytes)
    starts = range(0, n, rows)
    lengths = [min(rows, n - first) for first in starts]
    return Blocks(lambda k: array[starts[k] : starts[k] + rows], len(starts), n_columns, lengths)


def _fragments(dataset: Any) -> list[Any]:
    """Row groups of Parquet, or whole files of what has none."""
    found: list[Any] = []
    for fragment in dataset.get_fragments():
        split = getattr(fragment, "split_by_row_group", None)
        found += [fragment] if split is None else split()
    return found


def _of_dataset(dataset: Any, columns: Sequence[str]) -> Blocks:
    fragments = _fragments(dataset)
    groups = [getattr(fragment, "row_groups", None) for fragment in fragments]
    lengths = [
        fragment.count_rows() if group is None else sum(part.num_rows for part in group)
        for fragment, group in zip(fragments, groups, strict=True)
    ]

    def load(fragment: Any) -> Any:
        return fragment.to_table(schema=dataset.schema, columns=list(columns)).to_pandas()

    loads = [partial(load, fragment) for fragment in fragments]
    return Blocks(lambda k: loads[k](), len(loads), len(columns), lengths)
