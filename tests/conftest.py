"""Data that more than one test module uses: small, made once, and read-only like a memory map."""

import numpy as np
import pytest
from sklearn.datasets import load_digits


@pytest.fixture(scope="session")
def digits() -> tuple[np.ndarray, np.ndarray]:
    """Handwritten digits: X (1797, 64) float64 in [0, 1] and y (1797,) in 0..9, read-only."""
    X, y = load_digits(return_X_y=True)
    X = X / 16
    X.flags.writeable = y.flags.writeable = False
    return X, y
