"""Shapes and numbers for the tests of kernels on matrices."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pymlp import _core

# these have kernels of their own for products of bfloat16 only
ISAS = [isa for isa in _core.available_isas() if isa not in ("avx512_bf16", "amx")]

# one below, at and one above every tile and vector size: 1, 4, 6, 8, 14, 16, 32
SIZES = [1, 2, 3, 4, 5, 6, 7, 8, 9, 13, 14, 15, 16, 17, 27, 28, 29, 31, 32, 33, 50, 65]


def integers(rng: np.random.Generator, shape: tuple[int, ...], dtype: Any) -> NDArray[Any]:
    """Small integers: their sums of products are exact in either type, in any order."""
    return rng.integers(-4, 5, shape).astype(dtype)
