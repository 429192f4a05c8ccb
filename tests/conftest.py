"""What holds for every test."""

from __future__ import annotations

import numpy as np
import pytest


@pytest.fixture(autouse=True)
def _seed() -> None:
    """``random_state=None`` draws from here: without it a test may fail one time in fifty."""
    np.random.seed(0)  # noqa: NPY002
