"""Data that are elsewhere, brought within reach of a fit: in a temporary file, or as a stream."""

from __future__ import annotations

import errno
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import numpy as np
from scipy import sparse

from .._system.arrays import Array
from .blocks import (
    Blocks,
    blocks_of,
    column_of_dataset,
    is_dataset,
    is_elsewhere,
    loaded,
)
from .checks import finite_rows, rows_in, stored_type
from .samples import Given
from .streamed import Streamed, StreamedRows


@contextmanager
def within_reach(
    given: Given, given_val: Given | None, types: Callable[[], Sequence[Any]]
) -> Iterator[tuple[Given, Given | None]]:
    """Bring a training set and a validation set within reach, if they are not.

    X that is elsewhere is copied to a temporary file, a block at a time, or opened as a stream; y
    and the weights are read into memory.

    Parameters
    ----------
    given : Given
    given_val : Given or None
    types : callable
        Tells in which types may be computed, as for ``validated``.
    """
    if given_val is not None and isinstance(given_val.X, Streamed):
        raise TypeError(
            "X_val must be a collection or an array, not Streamed: all of it is read after each "
            "epoch. Pass the collection itself, which is copied to a temporary file."
        )
    with ExitStack() as stack:
        yield (
            _reached(given, types, stack),
            None if given_val is None else _reached(given_val, types, stack),
        )


def refuse_elsewhere(X: Any, name: str, taker: str) -> None:
    """Refuse rows that are elsewhere where all are needed at once."""
    if isinstance(X, Streamed) or is_elsewhere(X):
        raise TypeError(
            f"{name} must be a table in memory, from all of which {taker} learns how to encode "
            f"its columns, and is a {type(X).__name__}: pass {name}.compute() if there is room, or "
            "encode it first, for a network that takes it block by block."
        )


def _reached(given: Given, types: Callable[[], Sequence[Any]], stack: ExitStack) -> Given:
    X, y, weight = given[:3]
    source = X.X if isinstance(X, Streamed) else X
    if source is not X or is_elsewhere(X):
        columns = None
        if is_dataset(source):
            columns = [name for name in source.schema.names if name not in _names(y, weight)]
            y, weight = (
                column_of_dataset(source, v) if isinstance(v, str) else v for v in (y, weight)
            )
        blocks = _Sound(blocks_of(source, columns), types())
        if isinstance(X, Streamed):
            X = blocks.streamed(X.buffer_rows)
        else:
            X = stack.enter_context(blocks.spooled())
    return given._replace(X=X, y=loaded(y), weight=loaded(weight))


def _names(*values: Any) -> list[str]:
    return [value for value in values if isinstance(value, str)]


class _Sound:
    """Blocks as arrays of one type, or CSR matrices of one.

    Parameters
    ----------
    blocks : Blocks
    types : sequence of dtype
        Of the arithmetic.
    """

    def __init__(self, blocks: Blocks, types: Sequence[Any]) -> None:
        self._blocks = blocks
        self._types = types
        self._first: Any = blocks.load(0) if blocks.n_blocks else np.empty((0, blocks.n_columns))
        self._dtype, self._arithmetic = stored_type(self._first, types)

    def load(self, k: int) -> Any:
        """Read a block: an array or a CSR matrix of the type."""
        rows = self._first if k == 0 else None
        if rows is None:
            rows = self._blocks.load(k)
        else:
            self._first = None
        try:
            found = stored_type(rows, self._types)[0] if rows.shape[0] else self._dtype
            if found != self._dtype:
                raise ValueError(
                    f"X must have the same types in all blocks: {self._dtype}, and here {found}. "
                    "Convert it, such as by X.astype('float32')."
                )
            return rows_in(rows, self._dtype)
        except (TypeError, ValueError) as error:
            error.add_note(f"In block {k} of X.")
            raise

    def streamed(self, buffer_rows: int) -> StreamedRows:
        """Rows of which the engine reads a window at a time."""
        no_rows, blocks = self._no_rows(), self._blocks
        lengths = blocks.lengths
        if lengths is None:  # one after the other: there may be no room for two
            lengths = [blocks.load(k).shape[0] for k in range(blocks.n_blocks)]

        def load(k: int) -> Any:
            return finite_rows(self.load(k), self._arithmetic)

        return StreamedRows(load, lengths, no_rows, self._dtype, buffer_rows)

    @contextmanager
    def spooled(self) -> Iterator[Any]:
        """All rows, in a file that no name leads to and that goes with the body, or the process."""
        no_rows = self._no_rows()
        is_sparse = sparse.issparse(no_rows)
        with ExitStack() as stack:
            n_files = 2 if is_sparse else 1
            files = [
                _File(stack.enter_context(tempfile.TemporaryFile(prefix="pymlp-")))
                for _ in range(n_files)
            ]
            n_rows, n_values = 0, [np.zeros(1, np.int64)]
            for k in range(self._blocks.n_blocks):
                rows = self.load(k)
                n_rows += rows.shape[0]
                parts = [rows]
                if is_sparse:
                    parts = [rows.data, rows.indices.astype(np.int64, copy=False)]
                    n_values.append(n_values[-1][-1] + rows.indptr[1:].astype(np.int64))
                for file, part in zip(files, parts, strict=True):
                    file.write(part)
            shape = (n_rows, self._blocks.n_columns)
            if is_sparse:
                X = sparse.csr_matrix(shape, dtype=self._dtype)  # whose constructor would copy
                X.indptr = np.concatenate(n_values)
                X.data = files[0].mapped(self._dtype, (int(X.indptr[-1]),))
                X.indices = files[1].mapped(np.dtype(np.int64), X.data.shape)
                yield X
                return
            X = files[0].mapped(self._dtype, shape)
            if hasattr(no_rows, "iloc"):
                X = type(no_rows)(X, columns=no_rows.columns, copy=False)
            yield X

    def _no_rows(self) -> Any:
        """No rows, with the names of a frame, and sparse if the blocks are."""
        first = self._first
        return first.iloc[:0] if hasattr(first, "iloc") else first[:0]


class _File:
    """A temporary file that arrays are appended to."""

    def __init__(self, file: Any) -> None:
        self._file = file

    def write(self, array: Array) -> None:
        try:
            self._file.write(np.ascontiguousarray(array).data)
            self._file.flush()
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise
            raise OSError(
                error.errno,
                f"There is no room for X among the temporary files in {tempfile.gettempdir()}: "
                "name another folder in the environment variable TMPDIR, or read the rows anew in "
                "each epoch, by pymlp.dask.Streamed",
            ) from error

    def mapped(self, dtype: np.dtype[Any], shape: tuple[int, ...]) -> Array:
        if 0 in shape:
            return np.empty(shape, dtype)
        return np.memmap(self._file, dtype, "r", shape=shape)
