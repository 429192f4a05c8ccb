"""The score of a regressor, or of an ensemble's mean: R^2, or D^2 of the quantiles."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy import sparse
from sklearn.base import RegressorMixin
from sklearn.metrics import d2_pinball_score, r2_score
from sklearn.utils.validation import check_is_fitted

from .._data.validation import checked_y, weight_of_a_mean
from .._system.arrays import Array


class TargetsMixin(RegressorMixin):
    """How well targets are predicted; how they are predicted is the estimator's own."""

    _levels: list[float] | None = None  # the quantiles that a target's outputs estimate

    @abstractmethod
    def predict(self, X: ArrayLike) -> Any:
        """Predict targets, or their quantiles."""

    def score(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> float:
        """Compute R^2; for ``loss='pinball'`` the mean of the quantiles' D^2 pinball scores.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Data.
        y : array-like of shape (n_samples,) or (n_samples, n_targets)
            Their targets.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the samples.

        Returns
        -------
        float
            At most 1; 0 is as good as a constant.

        Raises
        ------
        NotFittedError
            Before `fit`.
        ValueError
            If X, y or the weights are not what `fit` takes, or if the weights' sum is infinite.
        """
        check_is_fitted(self)
        targets = checked_targets(checked_y(y, y_numeric=True))
        outputs = self.predict(X)
        weight = weight_of_a_mean(sample_weight, outputs)
        if self._levels is None:
            return float(r2_score(targets, outputs, sample_weight=weight))
        return pinball_score(targets, outputs, weight, self._levels)


def checked_targets(y: Any) -> Array:
    """Check that y holds numbers."""
    if sparse.issparse(y):
        raise TypeError("A sparse y is for labels: targets must be an array. Use y.toarray().")
    if y.dtype.kind not in "fiub":
        raise ValueError(f"y must be numeric, got dtype {y.dtype}.")
    targets: Array = y
    return targets


def pinball_score(y: Array, outputs: Array, sample_weight: Any, levels: list[float]) -> float:
    """Mean D^2 of the quantiles in outputs, (n_samples, n_targets * n_quantiles) in this order."""
    quantiles = by_target(outputs, len(levels))
    scores = [
        d2_pinball_score(y, quantiles[:, :, q], sample_weight=sample_weight, alpha=level)
        for q, level in enumerate(levels)
    ]
    return float(np.mean(scores))


def by_target(outputs: Array, n_quantiles: int) -> Array:
    """Ascending quantiles: (n_samples, n_targets, n_quantiles)."""
    return np.sort(outputs.reshape(len(outputs), -1, n_quantiles), axis=2)
