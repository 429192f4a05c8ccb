"""Make the model files of this version, which every later version must load.

Run once before each release, from the top folder, and never again for the same version::

    python -m tests.files.released.make_models

It writes ``<version>/<name>.safetensors`` beside itself, and with each an ``.npz`` of rows, the
outputs and the labels that the model gave for them.
"""

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import pymlp
from pymlp import MLPClassifier, MLPEnsembleClassifier, MLPEnsembleRegressor, MLPRegressor
from pymlp.schedules import Cosine, WarmUp

RELEASED = Path(__file__).parent


def models() -> dict[str, tuple[Any, Any]]:
    """Fitted estimators, and rows for them to predict."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(90, 4))
    y = X[:, 0] * X[:, 1] + X[:, 2]
    names = np.array(["low", "middle", "high"])[np.digitize(y, [-1, 1])]
    frame = pd.DataFrame(X, columns=["width", "height", "depth", "größe"])
    mixed = np.array([names, X[:, 3] > 0], dtype=object).T
    small = {"hidden_layer_sizes": (6,), "max_iter": 3, "random_state": 0}

    of_strings = MLPClassifier(
        (8, 5), ["tanh", "gelu"], learning_rate=WarmUp(3, then=Cosine(0.1)), ema_decay=0.9
    )
    of_strings.set_params(class_weight={"high": 2.0, "middle": 1.0, "low": 1.0}, random_state=0)
    for _ in range(4):
        of_strings.partial_fit(X.astype("float32"), names, classes=np.unique(names))
    early = MLPClassifier((6,), early_stopping=True, scoring="f1_macro", max_iter=4, random_state=0)
    quantiles = MLPRegressor("pinball", quantile=[0.1, 0.5, 0.9], solver="sgd", **small)
    ensemble = MLPEnsembleClassifier(
        MLPClassifier((5,), max_iter=3), n_estimators=2, random_state=0
    )
    targets = np.stack([y, -y], axis=1)
    of_regressors = MLPEnsembleRegressor(
        MLPRegressor(hidden_layer_sizes=(5,), max_iter=2), n_estimators=2, random_state=0
    )
    return {
        "classifier": (of_strings, X.astype("float32")),
        "early_stopping": (early.fit(frame, y > 0), frame),
        "multi_output": (MLPClassifier(**small).fit(X, mixed), X),
        "indicator": (MLPClassifier(**small).fit(X, (X[:, :3] > 0).astype(int)), X),
        "hinge": (MLPClassifier((), loss="hinge", max_iter=3, random_state=0).fit(X, names), X),
        "bfloat16": (MLPClassifier(precision="bfloat16", **small).fit(X, names), X),
        "regressor": (quantiles.partial_fit(frame, y), frame),
        "lbfgs": (MLPRegressor("poisson", solver="lbfgs", **small).fit(X, np.exp(y)), X),
        "ensemble": (ensemble.fit(X, names), X),
        "ensemble_regressor": (of_regressors.fit(X, targets), X),
    }


def outputs(est: Any, X: Any) -> np.ndarray:
    """What an estimator predicts, as one array of numbers."""
    if hasattr(est, "predict_proba"):
        found = est.predict_proba(X)
        return np.hstack(found) if isinstance(found, list) else np.asarray(found)
    return np.asarray(est.decision_function(X) if hasattr(est, "classes_") else est.predict(X))


def main() -> None:
    """Write the files of this version."""
    folder = RELEASED / pymlp.__version__
    folder.mkdir()  # fails where they exist: files of a released version stay as they are
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name, (est, X) in models().items():
            est.save(folder / f"{name}.safetensors")
            rows = X[:10]
            labels = np.asarray(est.predict(rows)).astype(str)
            expected = {"outputs": outputs(est, rows), "labels": labels}
            np.savez_compressed(folder / f"{name}.npz", X=np.asarray(rows), **expected)


if __name__ == "__main__":
    main()
