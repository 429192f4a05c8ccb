"""Weights of samples by their classes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np

from .._system.arrays import Array
from .label_arrays import as_labels, positions

ClassWeight = dict[Any, float] | list[dict[Any, float]] | Literal["balanced"]


def weights_by_class(class_weight: ClassWeight, numbers: Array, classes: Array) -> Array:
    """Weight of each sample, which has one label: (n_samples,).

    Parameters
    ----------
    class_weight : dict or 'balanced'
        Of a dict, classes that are left out weigh 1, and those that no sample has weigh nothing.
    numbers : ndarray of int of shape (n_samples,)
        Positions of the labels in `classes`.
    classes : ndarray of shape (n_classes,)
    """
    if isinstance(class_weight, list):
        raise ValueError(
            "The 'class_weight' parameter must be 'balanced' or a dict, where a sample has one "
            f"label. Got {class_weight!r} instead."
        )
    if not isinstance(class_weight, dict):
        return balanced(np.bincount(numbers, minlength=len(classes)))[numbers]
    weights = np.ones(len(classes))
    if class_weight:
        where = _positions(list(class_weight), classes)
        unknown = [name for name, k in zip(class_weight, where, strict=True) if k < 0]
        if unknown and len(classes) > len(class_weight) - len(unknown):
            raise ValueError(
                f"The 'class_weight' parameter names {unknown}, not among the classes "
                f"{classes.tolist()}, of which it leaves out some. Classes left out weigh 1."
            )
        values = np.array([*class_weight.values()], float)
        weights[where[where >= 0]] = values[where >= 0]
    return weights[numbers]


def balanced(counts: Array) -> Array:
    """Weight of each class by its number of samples."""
    n_present = np.count_nonzero(counts)
    with np.errstate(divide="ignore"):  # of a class that no sample has
        weights: Array = counts.sum() / (n_present * counts.astype(float))
    return weights


def _positions(names: list[Any], classes: Array) -> Array:
    try:
        return positions(as_labels(names), classes)
    except (TypeError, ValueError):  # of another type than the classes, or of several
        return np.full(len(names), -1)


def weights_by_classes(
    class_weight: ClassWeight, numbers: Array, classes: Sequence[Array]
) -> Array:
    """Product over the labels of a sample, (n_samples,), of `numbers` (n_samples, n_labels)."""
    n_columns = len(classes)
    given = class_weight if isinstance(class_weight, list) else [class_weight] * n_columns
    if isinstance(class_weight, dict) or len(given) != n_columns:
        raise ValueError(
            f"The 'class_weight' parameter must be 'balanced' or a list of {n_columns} dicts, one "
            f"a column of y; a list of dicts by class. Got {class_weight!r} instead."
        )
    factors = map(weights_by_class, given, numbers.T, classes)
    return np.prod([*factors], axis=0)  # type: ignore[no-any-return]
