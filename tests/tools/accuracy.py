"""How far results are from the exact ones, and where to look."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


def ulps(actual: Array, exact: Array, dtype: Any) -> float:
    """Largest distance from the exact values, in units in the last place of ``dtype``."""
    spacing = np.spacing(np.maximum(np.abs(exact), np.finfo(dtype).tiny).astype(dtype))
    return float(np.max(np.abs(actual.astype(np.longdouble) - exact) / spacing))


def grid(dtype: Any, limit: float) -> Array:
    """Both signs, dense where it matters, every magnitude down to the smallest normal number."""
    rng = np.random.default_rng(0)
    tiny = np.geomspace(np.finfo(dtype).tiny * 4, limit, 20_000)
    return np.concatenate([rng.uniform(-limit, limit, 40_000), tiny, -tiny, [0.0]]).astype(dtype)
