"""Small ensembles, their data, and the single fits that they must equal."""

from typing import Any

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.utils import check_random_state

from pymlp import MLPClassifier, MLPEnsembleClassifier, MLPEnsembleRegressor, MLPRegressor

QUIET = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

rng = np.random.default_rng(0)
X = rng.normal(size=(90, 4))
Y = 2 * X[:, 0] - X[:, 1] ** 2
LABELS = np.digitize(Y, [-2, 0.5])
TWO_LABELS = np.c_[Y > 0, X[:, 2] > 0].astype(int)
MIXED = np.c_[np.array(["low", "middle", "high"])[LABELS], np.where(X[:, 2] > 0, "x", "y")]
WEIGHT = rng.uniform(0.1, 3, 90)


def ensemble(n_estimators: int = 3, n_threads: int | None = None, **params: Any) -> Any:
    regresses = params.pop("regresses", False)
    bootstrap = params.pop("bootstrap", False)
    member = (MLPRegressor if regresses else MLPClassifier)(
        **{"hidden_layer_sizes": (5,), "batch_size": 20, "max_iter": 6} | params
    )
    return (MLPEnsembleRegressor if regresses else MLPEnsembleClassifier)(
        member, n_estimators=n_estimators, bootstrap=bootstrap, random_state=0, n_threads=n_threads
    )


def weights(model: Any) -> np.ndarray:
    return np.concatenate([a.ravel() for a in (*model.coefs_, *model.intercepts_)])


def assert_same(fitted: Any, singles: list[Any]) -> None:
    for member, single in zip(fitted.estimators_, singles, strict=True):
        np.testing.assert_array_equal(weights(member), weights(single))


def singles_of(fitted: Any, *data: Any, **params: Any) -> list[Any]:
    rng = check_random_state(fitted.random_state)
    seeds = [rng.randint(np.iinfo(np.int32).max) for _ in range(fitted.n_estimators)]
    template = fitted.estimator
    return [clone(template).set_params(random_state=s).fit(*data, **params) for s in seeds]
