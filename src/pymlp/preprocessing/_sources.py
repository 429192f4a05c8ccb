"""What becomes of a source column: its numbers as features, by piecewise-linear encoding.

Gorishniy, Rubachev & Babenko, "On Embeddings for Numerical Features in Tabular Deep Learning",
NeurIPS 2022 (arXiv 2203.05556), section 3.2; the linear feature, the values and the missing
indicator stand beside it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from .._files.values import decoded, encoded
from .._system.arrays import Array


class Source(NamedTuple):
    """One column of numbers, NaN where missing, and the features made of it, in this order.

    Attributes
    ----------
    fill : float
        Stands for a missing number in the linear feature and the ramps.
    center, scale : float
        The linear feature is u / sqrt(1 + (u / 3)^2) with u = (x - center) / scale; a scale of 0
        means that there is none.
    edges : ndarray of shape (n_ramps + 1,)
        In ascending order; a ramp goes from 0 to 1 between two of them. May be empty.
    values : ndarray of shape (n_values,)
        In ascending order; a feature each is 1 where x is equal to it. None of them is missing.
    has_missing : bool
        A last feature is 1 where x is missing.
    """

    fill: float
    center: float
    scale: float
    edges: Array
    values: Array
    has_missing: bool

    @property
    def n_features(self) -> int:
        """Number of features."""
        n_ramps = max(0, len(self.edges) - 1)
        return int(self.scale != 0) + n_ramps + len(self.values) + int(self.has_missing)

    def suffixes(self, values: Sequence[str] | None = None) -> list[str]:
        """What distinguishes the features, behind the column's name; `values` as text."""
        texts = [str(v).removesuffix(".0") for v in self.values] if values is None else values
        return [
            *([""] if self.scale else []),
            *(f"_ramp{k}" for k in range(1, len(self.edges))),
            *(f"={text}" for text in texts),
            *(["_missing"] if self.has_missing else []),
        ]

    def to_data(self) -> list[Any]:
        """What of it goes into a file; `source_from_data` is the way back."""
        return [encoded(part) for part in self]


def source_from_data(data: Any) -> Source:
    """Read what `Source.to_data` has told, which may be anybody's."""
    fill, center, scale, edges, values, has_missing = (decoded(part) for part in data)
    for array in (edges, values):
        is_sound = isinstance(array, np.ndarray) and array.dtype == np.float64 and array.ndim == 1
        if not is_sound or not np.isfinite(array).all() or not (array[:-1] < array[1:]).all():
            raise ValueError("its edges or values are not finite numbers in ascending order")
    numbers = float(fill), float(center), float(scale)
    if not np.isfinite(numbers).all() or scale < 0 or len(edges) == 1:
        raise ValueError(f"a column cannot be filled, centred and scaled by {numbers}")
    return Source(*numbers, edges=edges, values=values, has_missing=bool(has_missing))
