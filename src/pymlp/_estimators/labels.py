"""Labels, probabilities and scores out of a network's outputs, or an ensemble's mean of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import ClassifierMixin
from sklearn.utils import Tags, check_consistent_length
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from .._data.checks import checked_y, weight_of_a_mean
from .._data.label_arrays import as_labels
from .._data.label_checks import check_labels
from .._data.labels import Labels
from .._system.arrays import Array, unwatched


def _outputs_scores(estimator: Any) -> bool:
    fitted = getattr(estimator, "out_activation_", None)
    return estimator._loss_name() == "hinge" if fitted is None else bool(fitted == "identity")


def gives_probabilities(estimator: Any) -> bool:
    """Tell whether outputs are probabilities; an AttributeError says why not."""
    if _outputs_scores(estimator):
        raise AttributeError(
            "Probabilities are not available with loss='hinge', whose outputs are scores; use "
            "decision_function or another loss."
        )
    return True


def _gives_scores(estimator: Any) -> bool:
    if not _outputs_scores(estimator):
        raise AttributeError(
            "decision_function is only available with loss='hinge'; use predict_proba with the "
            "other losses."
        )
    return True


class LabelsMixin(ClassifierMixin):
    """What a classifier predicts; how it gets at the outputs is its own."""

    classes_: Array | list[Array]
    out_activation_: str
    _target: Labels
    _outputs: Callable[..., Array]  # of X: (n_samples, n_outputs)

    def predict(self, X: ArrayLike) -> Any:
        """Predict the most probable classes.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Data, computed in the type of the weights.

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_labels)
            Labels out of `classes_`; for labels that were an indicator matrix, zeros and ones
            (sparse if that was).

        Raises
        ------
        NotFittedError
            Before `fit`.
        ValueError
            If X does not have the fitted features or is not finite, or if an output is NaN.
        """
        outputs = self._outputs(X)
        return self._target.decode(outputs, 0.5 if self.out_activation_ == "logistic" else 0.0)

    @available_if(gives_probabilities)
    def predict_proba(self, X: ArrayLike) -> Any:
        """Predict the probability of each class; not available with ``loss='hinge'``.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Data, computed in the type of the weights.

        Returns
        -------
        ndarray of shape (n_samples, n_classes), or list of such
            Probabilities in the order of `classes_`; with several labels a sample a list by
            label. For an indicator matrix, the probability of each label: (n_samples, n_labels).
            A row does not depend on the other rows of the call, to the last bit.

        Raises
        ------
        NotFittedError
            Before `fit`.
        ValueError
            If X does not have the fitted features or is not finite, or if an output is NaN.
        """
        outputs = self._outputs(X)
        return self._target.probabilities(outputs)

    @available_if(gives_probabilities)
    def predict_log_proba(self, X: ArrayLike) -> Any:
        """Predict the logarithm of each class's probability; not with ``loss='hinge'``.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Data, computed in the type of the weights.

        Returns
        -------
        ndarray of shape (n_samples, n_classes), or list of such
            ``log(predict_proba(X))``; -inf where a probability is too small for its type.

        Raises
        ------
        NotFittedError
            Before `fit`.
        ValueError
            If X does not have the fitted features or is not finite, or if an output is NaN.
        """
        probabilities = self.predict_proba(X)
        with unwatched():
            if isinstance(probabilities, list):
                return [np.log(p) for p in probabilities]
            return np.log(probabilities, out=probabilities)

    @available_if(_gives_scores)
    def decision_function(self, X: ArrayLike) -> Any:
        """Compute the score of each class; only with ``loss='hinge'``.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Data, computed in the type of the weights.

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_classes), or list of such
            Scores in the order of `classes_`: the highest wins. With two classes, the second
            one's, which wins above 0; likewise for each label of an indicator matrix.

        Raises
        ------
        NotFittedError
            Before `fit`.
        ValueError
            If X does not have the fitted features or is not finite, or if an output is NaN.
        """
        outputs = self._outputs(X)
        return self._target.scores(outputs)

    def score(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> float:
        """Compute the accuracy: the share of samples whose labels are all right.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Data.
        y : array-like of shape (n_samples,) or (n_samples, n_labels)
            Their labels.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the samples in the mean.

        Returns
        -------
        float
            Between 0 and 1.

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
        labels = check_labels(checked_y(as_labels(y), y_numeric=False))
        predicted = predict()
        check_consistent_length(labels, predicted)
        weight = weight_of_a_mean(sample_weight, predicted)
        with np.errstate(under="ignore"):
            return float(np.average(self._target.right(labels, predicted), weights=weight))

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags
