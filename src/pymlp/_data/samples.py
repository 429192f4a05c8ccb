"""Labelled samples: as they were given, and as the engine reads them."""

from typing import Any, NamedTuple

from .._system.arrays import Array


class Given(NamedTuple):
    """Labelled data as a person gives them; `classes` are all that will ever occur."""

    X: Any
    y: Any
    weight: Any = None
    classes: Any = None


class Samples(NamedTuple):
    """Labelled samples as the engine takes them.

    Parameters
    ----------
    X : ndarray, CSR matrix or array or ExpandedRows of shape (n_samples, n_features)
        Real numbers of at most 64 bits, with any strides; or values of the weights' dtype with
        sorted indices and no duplicates; or a table's raw rows to be expanded to that dtype.
    y : ndarray
        int32 class numbers of shape (n_samples,) or (n_samples, n_groups) where outputs make up
        softmaxes, otherwise targets of the weights' dtype and of shape (n_samples, n_outputs).
    weight : ndarray of shape (n_samples,) of the weights' dtype, or None
    """

    X: Any
    y: Array
    weight: Array | None = None
