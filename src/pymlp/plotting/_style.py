"""How the displays of weights show signs, and how large their labels may be."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from .._system.arrays import Array

# In grey the first is light, the second dark.
POSITIVE = "#35b04a"
NEGATIVE = "#b0122b"
DASHED = (0, (2.0, 1.0))  # in line widths; of what is negative

SMALLEST_FONT = 5.5  # points: below, a label is left out


def sign_colors(weights: Array) -> list[str]:
    """Colour of each weight's sign."""
    return [NEGATIVE if w < 0 else POSITIVE for w in weights]


def sign_styles(weights: Array) -> list[Any]:
    """Line style of each weight's sign."""
    return [DASHED if w < 0 else "-" for w in weights]


def strengths(weights: Array) -> Array:
    """Sizes of the weights as shares of the largest."""
    sizes = np.abs(weights)
    largest = max(sizes.max(), np.finfo(sizes.dtype).tiny)
    return np.asarray(sizes / largest)


def text_width(labels: Iterable[str], size: float) -> float:
    """Width of the longest label in points, about: a character is 0.62 em wide on average."""
    return 0.62 * size * max(1, *map(len, labels))


def font_size(labels: Iterable[str], width: float, largest: float = 10) -> float:
    """Font size in points at which the longest label has a width, given in points."""
    return min(largest, width / text_width(labels, 1.0))
