"""Random numbers that a person has handed over."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np


@contextmanager
def undrawn(random_state: Any) -> Iterator[None]:
    """Leave a RandomState, if it is one, as it was if the body raises.

    NumPy's own, which None stands for, is everybody's: others may draw from it meanwhile.
    """
    if not isinstance(random_state, np.random.RandomState):
        yield
        return
    before = random_state.get_state(legacy=False)
    try:
        yield
    except BaseException:
        random_state.set_state(before)
        raise
