"""Sparse matrices are looked through before SciPy's compiled code, which trusts their indices."""

from typing import Any

import numpy as np
from scipy import sparse


def check_sparse(matrix: Any, name: str) -> None:
    """Check that what a sparse matrix consists of fits together; values are not looked at.

    SciPy checks so in its constructors, but not what is put into a matrix's attributes later.

    Parameters
    ----------
    matrix : sparse matrix or array, or anything else, which is passed
        Neither it nor its arrays are changed.
    name : str
        The parameter, for errors.

    Raises
    ------
    ValueError
        If following the indices would lead out of the arrays or of the shape.
    """
    if not sparse.issparse(matrix) or len(matrix.shape) != 2:
        return  # scikit-learn refuses other dimensions
    try:
        _CHECKS.get(matrix.format, _pass)(matrix)
    except _FormError as error:
        raise ValueError(
            f"A sparse {name} must have indices that fit its values and its shape "
            f"{tuple(matrix.shape)}: its {error}."
        ) from None


class _FormError(Exception):
    """What does not fit, beginning with the attribute's name."""


def _pass(matrix: Any) -> None:
    """DOK: a dictionary, which is converted by SciPy's constructor and checked there."""


def _integers(values: Any, part: str) -> Any:
    if not isinstance(values, np.ndarray) or values.ndim != 1 or values.dtype.kind not in "iu":
        raise _FormError(f"{part} is no one-dimensional array of integers")
    return values


def _check_range(indices: Any, part: str, end: int) -> None:
    if indices.size and (indices.min() < 0 or indices.max() >= end):
        raise _FormError(
            f"{part} goes from {indices.min()} to {indices.max()}, allowed is 0 to {end - 1}"
        )


def _check_compressed(matrix: Any) -> None:
    """CSR, CSC, and BSR, whose units are blocks."""
    block = matrix.blocksize if matrix.format == "bsr" else (1, 1)
    n_rows, n_columns = (n // b for n, b in zip(matrix.shape, block, strict=True))
    major, minor = (n_columns, n_rows) if matrix.format == "csc" else (n_rows, n_columns)
    starts, indices = _integers(matrix.indptr, "indptr"), _integers(matrix.indices, "indices")
    values = matrix.data
    if not isinstance(values, np.ndarray) or values.ndim != (3 if matrix.format == "bsr" else 1):
        raise _FormError("data is no array of the format's dimension")
    if len(starts) != major + 1:
        raise _FormError(f"indptr has {len(starts)} numbers, expected {major + 1}")
    if starts[0] != 0 or (starts[1:] < starts[:-1]).any():
        raise _FormError("indptr does not ascend from 0")
    if starts[-1] > min(len(indices), len(values)):
        raise _FormError(
            f"indptr ends at {starts[-1]}, beyond {len(indices)} indices or {len(values)} values"
        )
    _check_range(indices[: starts[-1]], "indices", minor)


def _check_coordinates(matrix: Any) -> None:
    for axis, (values, end) in enumerate(zip(matrix.coords, matrix.shape, strict=True)):
        part = ("row", "col")[axis]
        if len(_integers(values, part)) != len(matrix.data):
            raise _FormError(f"{part} has {len(values)} numbers for {len(matrix.data)} values")
        _check_range(values, part, end)


def _check_diagonals(matrix: Any) -> None:
    offsets = _integers(matrix.offsets, "offsets")
    if matrix.data.ndim != 2 or len(matrix.data) != len(offsets):
        raise _FormError(f"data has shape {matrix.data.shape} for {len(offsets)} offsets")
    n_rows, n_columns = matrix.shape
    _check_range(offsets + np.int64(n_rows), "offsets plus the number of rows", n_rows + n_columns)


def _check_lists(matrix: Any) -> None:
    rows, values = matrix.rows, matrix.data
    if len(rows) != matrix.shape[0] or [len(r) for r in rows] != [len(v) for v in values]:
        raise _FormError("rows has not a list of columns for each row, as long as its values")
    columns = [column for row in rows for column in row]
    _check_range(np.array(columns or [0]), "rows", matrix.shape[1])


_CHECKS = {
    "csr": _check_compressed,
    "csc": _check_compressed,
    "bsr": _check_compressed,
    "coo": _check_coordinates,
    "dia": _check_diagonals,
    "lil": _check_lists,
}
