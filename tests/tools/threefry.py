"""The random words of dropout, in NumPy and in Python's integers."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


def threefry(key: tuple[int, int], first: Array, second: Array) -> tuple[Array, Array]:
    """Threefry-2x32-13 (Salmon et al., 2011), written from its definition, in 64-bit integers."""
    mask, rotations = 2**32 - 1, [13, 15, 26, 6, 17, 29, 16, 24]
    keys = [*key, key[0] ^ key[1] ^ 0x1BD11BDA]
    x, y = (first + keys[0]) & mask, (second + keys[1]) & mask
    for i in range(13):
        x = (x + y) & mask
        r = rotations[i % 8]
        y = ((y << r) & mask | y >> (32 - r)) ^ x
        if i % 4 == 3:
            s = i // 4 + 1
            x, y = (x + keys[s % 3]) & mask, (y + keys[(s + 1) % 3] + s) & mask
    return x, y


def words(key: int, rows: int, columns: int, first_row: int = 0, first_column: int = 0) -> Array:
    """The random word of each element: (rows, columns)."""
    r = np.arange(first_row, first_row + rows)[:, None]
    c = np.arange(first_column, first_column + columns)[None, :]
    even, odd = threefry((key & 0xFFFFFFFF, key >> 32), *np.broadcast_arrays(c, r // 2))
    return np.where(r % 2 == 0, even, odd)


def mask_key(seed: int, step: int, layer: int) -> int:
    """SplitMix64 (Steele, Lea & Flood 2014) of the three, in Python's integers."""

    def mix(x: int) -> int:
        x = (x + 0x9E3779B97F4A7C15) % 2**64
        x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9 % 2**64
        x = (x ^ x >> 27) * 0x94D049BB133111EB % 2**64
        return x ^ x >> 31

    return mix((mix((mix(seed) + step) % 2**64) + layer) % 2**64)
