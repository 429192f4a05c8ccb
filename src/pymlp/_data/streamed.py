"""Rows that are read anew in each epoch, a buffer at a time, and shuffled on two levels."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from numbers import Integral
from typing import Any

import numpy as np
from scipy import sparse

from .._system.arrays import Array


class Streamed:
    """Rows for a ``fit`` that reads them anew in each epoch, a buffer at a time.

    Each epoch takes the blocks in a random order and shuffles the rows within the buffer: the
    two-level shuffle of CorgiPile [1]_. How close that comes to a shuffle of all rows depends on
    how many blocks the buffer holds: tens of them, or a tenth of the rows, mostly do.

    Parameters
    ----------
    X : dask array or frame, array of zarr or h5py, pyarrow dataset, or ndarray
        Training data of shape (n_samples, n_features). Its chunks, partitions or row groups are
        the blocks; of an ndarray, which may be memory-mapped, 4 MiB of rows.
    buffer_rows : int
        Rows of the buffer, at least 1; rounded down to whole mini-batches, of which it holds one
        at least.

    See Also
    --------
    pymlp.MLPClassifier.fit : Takes it in the place of X.

    Notes
    -----
    The fit has the bits of one to rows in memory in the same order; with a buffer for all rows, or
    with ``shuffle=False``, those of the usual ``fit``. In memory are the buffer, a block or two,
    and y and the weights whole. Each member of an ensemble that is trained has a buffer.

    References
    ----------
    .. [1] Xu et al., "In-database machine learning with CorgiPile: stochastic gradient descent
       without full data shuffle", SIGMOD 2022.

    Examples
    --------
    >>> import dask.array as da
    >>> from sklearn.datasets import load_digits
    >>> from pymlp import MLPClassifier
    >>> from pymlp.dask import Streamed
    >>> X, y = load_digits(return_X_y=True)
    >>> clf = MLPClassifier((50,), learning_rate_init=0.01, tol=0.01, random_state=0)
    >>> clf = clf.fit(Streamed(da.from_array(X / 16, chunks=(50, -1)), buffer_rows=500), y)
    >>> clf.score(X / 16, y) > 0.95
    True
    """

    def __init__(self, X: Any, *, buffer_rows: int) -> None:
        if not isinstance(buffer_rows, Integral) or buffer_rows < 1:
            raise ValueError(
                f"The 'buffer_rows' parameter of Streamed must be an int >= 1. Got {buffer_rows!r} "
                "instead."
            )
        self.X: Any = X
        self.buffer_rows: int = int(buffer_rows)

    def __repr__(self) -> str:
        return f"Streamed({self.X!r}, buffer_rows={self.buffer_rows})"


class StreamedRows:
    """Rows of which the engine gets a window at a time.

    Parameters
    ----------
    load : callable
        Reads the k-th block: an array or a CSR matrix, sound and of the engine's layout.
    lengths : sequence of int
        Rows of the blocks.
    no_rows : array, CSR matrix or frame of shape (0, n_features)
        Columns and names.
    dtype : dtype
        Of the blocks.
    buffer_rows : int
    """

    def __init__(
        self,
        load: Callable[[int], Any],
        lengths: Sequence[int],
        no_rows: Any,
        dtype: np.dtype[Any],
        buffer_rows: int,
    ) -> None:
        self._load = load
        self._starts = np.cumsum([0, *lengths])
        self._buffer_rows = buffer_rows
        self.no_rows = no_rows
        self.dtype = dtype
        self.shape = (int(self._starts[-1]), no_rows.shape[1])

    def blocks(self) -> Iterator[Any]:
        """Read all blocks in their order."""
        return map(self._read, range(len(self._starts) - 1))

    def permuted(self, rows: Array, batch_size: int, rng: np.random.RandomState) -> Array:
        """Permute all rows: blocks, and the rows within each window."""
        n, window = len(rows), self._window(batch_size)
        if window >= n:
            return rng.permutation(rows)  # as of rows in memory
        blocks = rng.permutation(len(self._starts) - 1)
        order = np.concatenate([np.arange(*self._starts[b : b + 2]) for b in blocks])
        for first in range(0, n, window):
            rng.shuffle(order[first : first + window])
        return order

    def windows(self, order: Array, batch_size: int) -> Iterator[tuple[Array, Any]]:
        """Read the rows of an order: their numbers, and they themselves, a window at a time.

        Each is of whole mini-batches, but for the last, and an array is the last one's place.
        """
        window = self._window(batch_size)
        left = np.diff(self._starts)  # rows of each block that are still to come
        held: dict[int, Any] = {}  # blocks of which there are some
        is_sparse = sparse.issparse(self.no_rows)
        buffer = np.empty((0 if is_sparse else min(window, len(order)), self.shape[1]), self.dtype)
        for first in range(0, len(order), window):
            rows = order[first : first + window]
            parts = self._parts(rows, left, held)
            if is_sparse:
                where, found = zip(*parts, strict=True)
                yield rows, sparse.vstack(found, format="csr")[np.argsort(np.concatenate(where))]
                continue
            for here, part in parts:
                buffer[here] = part
            yield rows, buffer[: len(rows)]

    def _parts(self, rows: Array, left: Array, held: dict[int, Any]) -> Iterator[tuple[Array, Any]]:
        """Those of some rows that each block has, and where among them they stand."""
        of_row = np.searchsorted(self._starts, rows, side="right") - 1
        by_block = np.argsort(of_row, kind="stable")
        blocks, firsts = np.unique(of_row[by_block], return_index=True)
        for b, here in zip(blocks.tolist(), np.split(by_block, firsts[1:]), strict=True):
            block = held.pop(b) if b in held else self._read(b)
            left[b] -= len(here)
            if left[b] > 0:
                held[b] = block
            yield here, block[rows[here] - self._starts[b]]
            del block

    def _window(self, batch_size: int) -> int:
        """Rows of the buffer that are used: whole mini-batches, or all rows there are."""
        if self._buffer_rows >= self.shape[0]:
            return self.shape[0]
        return max(1, self._buffer_rows // batch_size) * batch_size

    def _read(self, k: int) -> Any:
        block = self._load(k)
        n = int(self._starts[k + 1] - self._starts[k])
        if block.shape[0] != n:
            raise ValueError(
                f"X must stay as it is: its block {k} has had {n} rows, and has {block.shape[0]}."
            )
        return block
