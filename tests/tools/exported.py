"""Networks to export, what they learn, and what onnxruntime makes of a model."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pymlp import MLPClassifier, MLPRegressor

rng = np.random.default_rng(0)
X = rng.normal(size=(90, 5))
Y = 2 * X[:, 0] - X[:, 1] ** 2
NUMBERS = np.digitize(Y, [-2, 0.5])
NAMES = np.array(["low", "middle", "high"])[NUMBERS]
TWO_LABELS = np.c_[Y > 0, X[:, 2] > 0].astype(int)
TWO_NAMES = np.c_[NAMES, np.where(X[:, 2] > 0, "x", "y")]
QUIET = {"max_iter": 3, "batch_size": 30, "random_state": 0}
TOLERANCE = {"float32": 1e-5, "float64": 1e-12}


def run(model: Path | bytes, rows: Any) -> dict[str, Any]:
    """Outputs of a model by name, of an array or of columns by name.

    What onnxruntime warns of goes nowhere.
    """
    onnxruntime = pytest.importorskip("onnxruntime")
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    if not isinstance(rows, dict):
        (features,) = session.get_inputs()
        rows = {features.name: rows}
    return dict(zip(names, session.run(names, rows), strict=True))


def classifier(**params: Any) -> Any:
    return MLPClassifier(**{"hidden_layer_sizes": (8,)} | QUIET | params)


def regressor(**params: Any) -> Any:
    return MLPRegressor(**{"hidden_layer_sizes": (8,)} | QUIET | params)


LABELS: dict[str, Any] = {
    "integers": NUMBERS * 10 - 7,
    "unsigned bytes": NUMBERS.astype(np.uint8),
    "two integers": (Y > 0) * 5,
    "strings": NAMES,
    "two strings": TWO_NAMES[:, 1],
    "strings as objects": NAMES.astype(object),
    "booleans": Y > 0,
    "floats": NUMBERS.astype(float),
    "one class": np.full(90, "only"),
    "indicator matrix": TWO_LABELS,
    "labels of several strings": TWO_NAMES,
    "labels of several integers": np.c_[NUMBERS, NUMBERS % 2 + 3],
}

TARGETS: dict[str, Any] = {
    "one": (Y, {}),
    "two": (np.c_[Y, X[:, 2]], {}),
    "exp": (np.abs(Y), {"loss": "poisson"}),
    "one quantile": (Y, {"loss": "pinball", "quantile": 0.3}),
    "quantiles": (Y, {"loss": "pinball", "quantile": [0.1, 0.5, 0.9]}),
    "quantiles of two": (np.c_[Y, X[:, 2]], {"loss": "pinball", "quantile": [0.1, 0.9]}),
}
