"""Small networks to draw, and what was drawn of them."""

from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.colors import to_hex

from pymlp import MLPClassifier, MLPRegressor
from pymlp.plotting._style import NEGATIVE, POSITIVE

N_FEATURES = 12
LABELS = ["ant", "bee", "cat"]
QUICK: dict[str, Any] = {"tol": 1e9, "n_iter_no_change": 1, "random_state": 0}  # 3 epochs


@pytest.fixture(autouse=True)
def figures():
    """Draw into memory, and close what was drawn after each test."""
    with mpl.rc_context({"backend": "Agg"}):
        yield
    plt.close("all")


def fitted(hidden=(6,), labels=LABELS, **params: Any) -> MLPClassifier:
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(60, N_FEATURES)), np.resize(labels, 60)
    return MLPClassifier(hidden, **QUICK, **params).fit(X, y)


def regressor(n_outputs=2, hidden=(6,)) -> MLPRegressor:
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(60, N_FEATURES)), rng.normal(size=(60, n_outputs))
    model = MLPRegressor(hidden_layer_sizes=hidden, **QUICK)
    return model.fit(X, y if n_outputs > 1 else y.ravel())


def several_labels() -> MLPClassifier:
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(60, N_FEATURES)), rng.integers(3, size=(60, 2))
    return MLPClassifier((6,), **QUICK).fit(X, y)


def texts(display: Any) -> list[str]:
    return [text.get_text() for text in display.texts_]


def hexes(colors: Any) -> list[str]:
    return [to_hex(color) for color in colors]


def signs(weights: Any) -> list[str]:
    return [POSITIVE if w >= 0 else NEGATIVE for w in np.ravel(weights)]
