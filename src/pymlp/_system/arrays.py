"""The type of an array, and how the engine wants it to lie."""

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

ENGINE_LAYOUT: list[Literal["C", "A"]] = ["C", "A"]  # C order, aligned


def unwatched() -> np.errstate:
    """Let numbers underflow, and overflow where that is looked for, whatever ``np.seterr`` says."""
    return np.errstate(all="ignore")
