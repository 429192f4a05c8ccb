"""What is in the samples of a fit, part by part and in all: types, features, classes, weights."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from scipy import sparse

from .._data.checks import arithmetic_type, checked_weight
from .._data.class_weights import balanced
from .._data.label_arrays import (
    as_labels,
    as_objects,
    column_of,
    distinct,
    have_one_type,
    joined,
    positions,
)
from .._data.label_checks import dense
from .._data.labels import Indicator
from .._data.samples import Given
from .._resume.fingerprint import digest
from .._system.arrays import Array


@dataclass
class Facts:
    """What one pass over a part of the samples finds.

    Parameters
    ----------
    lengths : dict of str to int
        Rows of X, y and the weights.
    names : ndarray or None
        Of X's columns.
    shape : tuple of int
        Of X.
    dtype : dtype or None
        Of X as it is kept; None without rows.
    n_bytes : int
    columns : list of pairs of ndarray
        Of labels, by column of y, those that occur and how often; of targets the mean of their
        absolute values, and how many.
    y : tuple of (int, bool)
        Dimensions of y, and whether it is sparse.
    weighs : bool
        Does a row have a weight above 0?
    digest : str
        Hash of all, if it was asked for.
    error : Exception or None
        Why the part cannot be trained on.
    """

    lengths: dict[str, int]
    names: Array | None = None
    shape: tuple[int, ...] = (0, 0)
    dtype: Any = None
    n_bytes: int = 0
    is_sparse: bool = False
    columns: list[tuple[Array, Array]] = field(default_factory=list)
    y: tuple[int, bool] = (1, False)
    weighs: bool = True
    digest: str = ""
    error: Exception | None = None

    @property
    def n_rows(self) -> int:
        """Rows of X."""
        n_rows: int = int(self.lengths["X"])
        return n_rows


def checked(estimator: Any, given: Given, *, hashes: bool = False) -> tuple[Given, Facts]:
    """Check a part of the samples, as `fit` would all, and tell what is in it.

    Parameters
    ----------
    estimator : MLPClassifier or MLPRegressor
        Not fitted: what it is to be fitted to is not known yet.
    given : Given
        X, y and weights, or None, of the part's rows.
    hashes : bool, default=False

    Returns
    -------
    given : Given
        Arrays.
    facts : Facts
    """
    names = ("X", "y", "sample_weight")
    lengths = {n: v.shape[0] for n, v in zip(names, given, strict=False) if v is not None}
    facts = Facts(lengths)
    if len(set(lengths.values())) > 1 or facts.n_rows == 0:
        return given, facts
    estimator = copy(estimator)
    try:
        types = estimator._arithmetic_types(is_first=True)
        X, y = estimator._validated_X_y(given, types, reset=True)
        weight = given.weight
        if weight is not None:
            weight = checked_weight(weight, X, "sample_weight")
    except (TypeError, ValueError) as error:
        facts.error = error
        return given, facts
    facts.names = getattr(estimator, "feature_names_in_", None)
    facts.shape, facts.dtype, facts.is_sparse = X.shape, X.dtype, sparse.issparse(X)
    facts.n_bytes = X.data.nbytes if facts.is_sparse else X.nbytes
    facts.y = y.ndim, sparse.issparse(y)
    facts.columns = _labels(y) if hasattr(estimator, "class_weight") else _scales(y)
    if weight is not None:
        facts.weighs = bool((weight >= np.finfo(arithmetic_type(X, types)).tiny).any())
    if hashes:
        labels = y.astype(str) if y.dtype.kind == "O" else y
        facts.digest = digest(X, labels, weight)
    return Given(X, y, weight), facts


def _labels(y: Any) -> list[tuple[Array, Array]]:
    y = dense(y)
    columns = [y] if y.ndim == 1 else [column_of(y, k) for k in range(y.shape[1])]
    found = []
    for column in columns:
        values = distinct(column)
        found.append((values, np.bincount(positions(column, values), minlength=len(values))))
    return found


def _scales(y: Array) -> list[tuple[Array, Array]]:
    with np.errstate(over="ignore"):
        scale = np.abs(y, dtype=np.float64).reshape(len(y), -1).mean(axis=0)
    return [(np.array([value]), np.array([len(y)])) for value in scale]


def summed(several: Sequence[Facts]) -> Facts:
    """What is in some parts, at least one of which has rows, taken together."""
    parts = [facts for facts in several if facts.n_rows]
    first = parts[0]
    lengths = {name: sum(f.lengths.get(name, 0) for f in several) for name in first.lengths}
    columns = [_joined_column(column) for column in zip(*(f.columns for f in parts), strict=True)]
    return Facts(
        lengths,
        names=first.names,
        shape=(lengths["X"], first.shape[1]),
        dtype=np.result_type(*(f.dtype for f in parts)),
        n_bytes=sum(f.n_bytes for f in parts),
        is_sparse=any(f.is_sparse for f in parts),
        columns=columns,
        y=(first.y[0], any(f.y[1] for f in parts)),
        weighs=any(f.weighs for f in parts),
    )


def _joined_column(found: Sequence[tuple[Array, Array]]) -> tuple[Array, Array]:
    """Values of a column of y, and how often each occurs, from those of its parts."""
    arrays = [values for values, _ in found]
    if have_one_type(arrays) and arrays[0].dtype.kind != "O":
        values = np.concatenate(arrays)
    else:
        values = as_labels([label for array in arrays for label in as_objects(array)])
    known = distinct(values)
    counts = np.zeros(len(known), np.int64)
    np.add.at(counts, positions(values, known), np.concatenate([c for _, c in found]))
    return known, counts


def representative(facts: Facts) -> Given:
    """A few rows like all: of the same type and features, with each class or the targets' scale."""
    if len(facts.columns) > 0 and facts.weighs is False:
        raise ValueError("Sample weights must contain at least one non-zero number.")
    n = max(len(values) for values, _ in facts.columns)
    columns = [values[np.arange(n) % len(values)] for values, _ in facts.columns]
    y: Any = columns[0] if facts.y[0] == 1 else joined(columns)
    if facts.y[1]:
        y = sparse.csr_matrix(y)
    X: Any = np.zeros((n, facts.shape[1]), facts.dtype)
    if facts.names is not None:
        import pandas as pd  # which made the frames

        X = pd.DataFrame(X, columns=facts.names)
    return Given(X, y)


def balanced_by_class(facts: Facts, target: Any) -> Any:
    """What class_weight='balanced' comes to: weights by class, in a list by label if several."""
    weights = [
        dict(zip(as_objects(values).tolist(), balanced(counts).tolist(), strict=True))
        for values, counts in facts.columns
    ]
    if isinstance(target, Indicator):
        return [{int(label): weight for label, weight in by_class.items()} for by_class in weights]
    return weights[0] if facts.y[0] == 1 else weights
