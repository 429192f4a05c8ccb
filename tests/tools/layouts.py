"""Ways in which the numbers of an array may lie in memory."""

from collections.abc import Callable

import numpy as np


def unaligned(rows: np.ndarray) -> np.ndarray:
    """A copy whose values start one byte off."""
    raw = np.zeros(rows.nbytes + 1, dtype=np.uint8)
    copy = raw[1:].view(rows.dtype).reshape(rows.shape)
    copy[...] = rows
    assert not copy.flags.aligned or rows.itemsize == 1
    return copy


LAYOUTS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "Fortran order": np.asfortranarray,
    "every other row": lambda rows: np.repeat(rows, 2, axis=0)[::2],
    "every other column": lambda rows: np.repeat(rows, 2, axis=-1)[..., ::2],
    "negative strides": lambda rows: np.flip(np.flip(rows).copy()),
    "unaligned": unaligned,
}
