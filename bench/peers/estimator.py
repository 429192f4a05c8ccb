"""What pymlp and scikit-learn share: one estimator, whose whole ``fit`` is timed."""

from __future__ import annotations

import warnings
from typing import Any

from sklearn.exceptions import ConvergenceWarning

from bench.data import Data
from bench.jobs import MOMENTUM, Network


class EstimatorModel:
    """An MLPClassifier set up so that only `max_iter` ends the fit."""

    def __init__(self, estimator: type, network: Network, data: Data, batch: int, **extra: Any):
        self._data = data
        self._estimator = estimator(
            network.hidden,
            solver="sgd",
            learning_rate_init=network.learning_rate,
            batch_size=batch,
            momentum=MOMENTUM,
            nesterovs_momentum=True,
            alpha=0.0,
            tol=0.0,
            n_iter_no_change=10**9,
            random_state=0,
            **extra,
        )

    def epoch(self, n: int) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # that it used all of max_iter
            self._estimator.set_params(max_iter=n).fit(self._data.X, self._data.y)
        if self._estimator.n_iter_ != n:
            raise RuntimeError(f"the fit ended after {self._estimator.n_iter_} of {n} epochs")

    def array(self, X: Any) -> Any:
        return X

    def predict_proba(self, X: Any) -> Any:
        return self._estimator.predict_proba(X)
