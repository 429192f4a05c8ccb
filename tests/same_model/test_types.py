"""What a fit has measured and counted is of scikit-learn's types, however the model came here."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn import neural_network

import pymlp

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

rng = np.random.default_rng(0)
X = rng.normal(size=(60, 3))
LABELS = np.arange(60) % 3
NAMES = (
    *("loss_", "best_loss_", "best_validation_score_", "loss_curve_", "validation_scores_"),
    *("n_iter_", "t_", "n_layers_", "n_outputs_", "n_features_in_", "out_activation_", "coefs_"),
)
FITS: dict[str, dict[str, Any]] = {
    "adam": {},
    "early stopping": {"early_stopping": True},
    "sgd": {"solver": "sgd"},
    "lbfgs": {"solver": "lbfgs"},
}


def types_of(model: Any) -> dict[str, Any]:
    found = {name: getattr(model, name) for name in NAMES if hasattr(model, name)}
    return {
        name: (type(value), {type(item) for item in value} if isinstance(value, list) else None)
        for name, value in found.items()
    }


@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize("case", FITS)
@pytest.mark.parametrize("name", ["MLPClassifier", "MLPRegressor"])
def test_types_of_what_was_measured(name: str, case: str, dtype: str, tmp_path: Path) -> None:
    params = {"hidden_layer_sizes": (3,), "max_iter": 2, "random_state": 0} | FITS[case]
    expected = getattr(neural_network, name)(**params).fit(X, LABELS)
    kind = getattr(pymlp, name)
    model = kind(**params).fit(X.astype(dtype), LABELS)
    assert types_of(model) == types_of(expected)
    model.save(tmp_path / "model")
    warm = kind(**params, warm_start=True).fit(X, LABELS).fit(X, LABELS)
    others = [pickle.loads(pickle.dumps(model)), pymlp.load(tmp_path / "model"), warm]
    if case != "lbfgs":
        others += [kind(**params).fit(X, LABELS, resume=tmp_path / "fit") for _ in range(2)]
    for other in others:
        assert types_of(other) == types_of(model)
        assert other.loss_.round(2) == round(float(other.loss_), 2)
        assert all(type(v) is float for column in other.history_.values() for v in column)


def test_types_after_partial_fit() -> None:
    params = {"hidden_layer_sizes": (3,), "random_state": 0}
    models = [m.MLPRegressor(**params).partial_fit(X, LABELS) for m in (pymlp, neural_network)]
    ours, theirs = map(types_of, models)
    assert ours == theirs
