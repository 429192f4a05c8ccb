"""The score of a regressor, or of an ensemble's mean: R^2, or D^2 of the quantiles."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from typing import Any

from numpy.typing import ArrayLike
from sklearn.base import RegressorMixin
from sklearn.utils.validation import check_is_fitted

from .._data.checks import checked_y, weight_of_a_mean
from .._data.real_targets import RealTargets, as_numbers, checked_targets


class TargetsMixin(RegressorMixin):
    """How well targets are predicted; how they are predicted is the estimator's own."""

    _target: RealTargets

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
        return self._score_of(lambda: self.predict(X), y, sample_weight)

    def _score_of(self, predict: Callable[[], Any], y: Any, sample_weight: Any) -> float:
        """Score what is predicted once y is known to be sound."""
        targets = checked_targets(checked_y(as_numbers(y), y_numeric=True))
        outputs = predict()
        weight = weight_of_a_mean(sample_weight, outputs)
        return self._target.score(targets, outputs, weight)
