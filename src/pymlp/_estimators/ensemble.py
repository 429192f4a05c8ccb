"""Ensembles: networks that differ by their seeds, and what they predict together."""

from __future__ import annotations

from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import _fit_context
from sklearn.utils.metaestimators import available_if

from .._data.samples import Given
from .._system.arrays import Array
from .._system.elsewhere import elsewhere
from .answers import OF_PARTIAL_FIT
from .classifier import MLPClassifier
from .ensemble_base import Ensemble, has_stochastic_members
from .inputs import given_validation_set
from .labels import LabelsMixin, gives_probabilities
from .regressor import MLPRegressor
from .targets import TargetsMixin


class MLPEnsembleClassifier(LabelsMixin, Ensemble):
    """Several multi-layer perceptrons, trained side by side, whose probabilities are averaged.

    The members differ by their initial weights and the order of the samples, with `bootstrap`
    also by the samples. Their mean is mostly better than each of them, and where they disagree
    the ensemble is unsure [1]_.

    Parameters
    ----------
    estimator : MLPClassifier or None, default=None
        What the members are clones of; None is ``MLPClassifier()``. Its `random_state` does not
        count. A search over ``estimator__alpha``, or callbacks, need one here.
    n_estimators : int, default=8
        Networks to train, at least 1.
    bootstrap : bool, default=False
        Train each member on as many samples as there are, drawn with replacement: the weight of
        a sample is multiplied by how often it was drawn. So members hold all classes, and what
        early stopping holds out was not trained on.
    random_state : int, RandomState instance or None, default=None
        Seed of the members' seeds.
    n_threads : int or None, default=None
        Threads, at least 1; None follows OpenMP. As many members are trained at a time; if
        `estimator` has `n_threads`, as many as there are such teams. Results do not depend on it,
        to the last bit.

    Attributes
    ----------
    estimators_ : list of MLPClassifier
        The members. Each has the weights, to the last bit, of a clone of `estimator` with the
        member's `random_state` that was fitted alone.
    classes_ : ndarray of shape (n_classes,), or list of such
        Class labels, in a list by label for multi-output.
    history_ : dict of str to list of float
        Columns of the members' ``history_``, by epoch their mean over those members that have run
        it; ``estimators_[k].history_`` are those of one.
    n_outputs_ : int
        Outputs of each network.
    out_activation_ : str
        Output activation.
    n_features_in_ : int
        Features seen in `fit`.
    feature_names_in_ : ndarray of shape (n_features,)
        Their names, if X had any.

    See Also
    --------
    MLPEnsembleRegressor : The same for real-valued targets.

    Notes
    -----
    The members' seeds are ``rng.randint(np.iinfo(np.int32).max)``, drawn in their order from
    ``rng = check_random_state(random_state)``. A bootstrap's weights are
    ``np.bincount(check_random_state(seed).randint(n, size=n), minlength=n)``.

    Members are trained by at most `n_threads` threads at once; a callback that `estimator` has
    is called from all of them.

    References
    ----------
    .. [1] Lakshminarayanan, Pritzel & Blundell, "Simple and scalable predictive uncertainty
       estimation using deep ensembles", NeurIPS 2017.

    Examples
    --------
    >>> from pymlp import MLPClassifier, MLPEnsembleClassifier
    >>> from sklearn.datasets import load_digits
    >>> X, y = load_digits(return_X_y=True)
    >>> net = MLPClassifier((20,), max_iter=20, tol=0.1, n_iter_no_change=3)
    >>> clf = MLPEnsembleClassifier(net, n_estimators=4, random_state=0)
    >>> clf.fit(X[:1500] / 16, y[:1500]).predict(X[1500:1505] / 16)
    array([1, 7, 4, 6, 3])
    >>> mean, std = clf.predict_proba(X[1500:1505] / 16, return_std=True)
    >>> mean.shape, std.shape
    ((5, 10), (5, 10))
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **Ensemble._parameter_constraints,
        "estimator": [MLPClassifier, None],
    }

    def _template(self) -> MLPClassifier:
        return MLPClassifier() if self.estimator is None else self.estimator

    def _adopt(self, member: Any) -> None:
        super()._adopt(member)
        self.classes_ = member.classes_
        self.out_activation_ = member.out_activation_

    def _loss_name(self) -> str:
        return self._template().loss

    @available_if(has_stochastic_members)
    @_fit_context(prefer_skip_nested_validation=True)  # of the members: once, in fit
    @elsewhere(**OF_PARTIAL_FIT)
    def partial_fit(
        self,
        X: ArrayLike,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        classes: Any = None,
        *,
        X_val: ArrayLike | None = None,
        y_val: ArrayLike | None = None,
        sample_weight_val: ArrayLike | None = None,
    ) -> Self:
        """Train each member for one epoch, going on from its weights and optimizer state.

        The first call makes the members: later ones do not read `n_estimators` and `random_state`.
        With `bootstrap` a call's samples are drawn as ``fit`` draws them: the same in each call
        with as many samples, so that calls with the same data are epochs of one fit.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Training data.
        y : {array-like, sparse matrix} of shape (n_samples,) or (n_samples, n_labels)
            Class labels.
        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative weights; None weighs all samples 1.
        classes : array-like of shape (n_classes,) or list of such, default=None
            All classes that will ever occur, in a list by column of y if that has several;
            needed in the first call.
        X_val : {array-like, sparse matrix} of shape (n_validation, n_features), default=None
            Validation set: scored after the epoch, into the members' `history_`.
        y_val : array-like of shape (n_validation,) or (n_validation, n_outputs), default=None
            Its labels or targets.
        sample_weight_val : array-like of shape (n_validation,), default=None
            Weights of the validation set.

        Returns
        -------
        self : object
            The fitted ensemble.

        Raises
        ------
        ValueError
            As the members' ``partial_fit`` raises it. The ensemble is then as it was before the
            call, which also holds of Ctrl-C.
        """
        given_val = given_validation_set(X_val, y_val, sample_weight_val)
        return self._fit(Given(X, y, sample_weight, classes), given_val, incremental=True)

    def _outputs(self, X: Any) -> Array:
        return _mean(self._of_members(X))

    @available_if(gives_probabilities)
    def predict_proba(self, X: ArrayLike, return_std: bool = False) -> Any:
        """Predict the probability of each class, the mean over the members.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows of any kind that `fit` takes, computed in the type of the weights.
        return_std : bool, default=False
            Return also how much the members differ.

        Returns
        -------
        mean : ndarray of shape (n_samples, n_classes), or list of such
            Probabilities in the order of `classes_`; with several labels a sample a list by
            label. For an indicator matrix, the probability of each label: (n_samples, n_labels).
        std : ndarray or list of the same shape
            Standard deviation over the members, if asked for.

        Raises
        ------
        NotFittedError
            Before `fit`.
        ValueError
            If X is not what `fit` takes or has other features, or if an output is NaN.
        """
        outputs = self._of_members(X)
        mean = self._target.probabilities(_mean(outputs))
        if not return_std:
            return mean
        members = [self._target.probabilities(of_one) for of_one in outputs]
        if isinstance(mean, list):
            return mean, [_spread(label) for label in zip(*members, strict=True)]
        return mean, _spread(members)


class MLPEnsembleRegressor(TargetsMixin, Ensemble):
    """Several multi-layer perceptrons, trained side by side, whose predictions are averaged.

    The members differ by their initial weights and the order of the samples, with `bootstrap`
    also by the samples. Their mean is mostly better than each of them, and where they disagree
    the ensemble is unsure [1]_.

    Parameters
    ----------
    estimator : MLPRegressor or None, default=None
        What the members are clones of; None is ``MLPRegressor()``. Its `random_state` does not
        count. A search over ``estimator__alpha``, or callbacks, need one here.
    n_estimators : int, default=8
        Networks to train, at least 1.
    bootstrap : bool, default=False
        Train each member on as many samples as there are, drawn with replacement: the weight of
        a sample is multiplied by how often it was drawn. So what early stopping holds out was
        not trained on.
    random_state : int, RandomState instance or None, default=None
        Seed of the members' seeds.
    n_threads : int or None, default=None
        Threads, at least 1; None follows OpenMP. As many members are trained at a time; if
        `estimator` has `n_threads`, as many as there are such teams. Results do not depend on it,
        to the last bit.

    Attributes
    ----------
    estimators_ : list of MLPRegressor
        The members. Each has the weights, to the last bit, of a clone of `estimator` with the
        member's `random_state` that was fitted alone.
    history_ : dict of str to list of float
        Columns of the members' ``history_``, by epoch their mean over those members that have run
        it; ``estimators_[k].history_`` are those of one.
    n_outputs_ : int
        Outputs of each network.
    n_features_in_ : int
        Features seen in `fit`.
    feature_names_in_ : ndarray of shape (n_features,)
        Their names, if X had any.

    See Also
    --------
    MLPEnsembleClassifier : The same for labels; its notes hold here, too.

    References
    ----------
    .. [1] Lakshminarayanan, Pritzel & Blundell, "Simple and scalable predictive uncertainty
       estimation using deep ensembles", NeurIPS 2017.

    Examples
    --------
    >>> import numpy as np
    >>> from pymlp import MLPEnsembleRegressor, MLPRegressor
    >>> X = np.linspace(-1, 1, 200).reshape(-1, 1)
    >>> net = MLPRegressor(hidden_layer_sizes=(20,), batch_size=20, learning_rate_init=0.01)
    >>> reg = MLPEnsembleRegressor(net, n_estimators=4, random_state=0).fit(X, X.ravel() ** 2)
    >>> mean, std = reg.predict([[0.6], [3.0]], return_std=True)
    >>> print(mean[0].round(1), std[1] > 10 * std[0])  # far from the data they disagree
    0.4 True
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **Ensemble._parameter_constraints,
        "estimator": [MLPRegressor, None],
    }

    def _template(self) -> MLPRegressor:
        return MLPRegressor() if self.estimator is None else self.estimator

    @available_if(has_stochastic_members)
    @_fit_context(prefer_skip_nested_validation=True)  # of the members: once, in fit
    @elsewhere(**OF_PARTIAL_FIT)
    def partial_fit(
        self,
        X: ArrayLike,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        *,
        X_val: ArrayLike | None = None,
        y_val: ArrayLike | None = None,
        sample_weight_val: ArrayLike | None = None,
    ) -> Self:
        """Train each member for one epoch, going on from its weights and optimizer state.

        The first call makes the members: later ones do not read `n_estimators` and `random_state`.
        With `bootstrap` a call's samples are drawn as ``fit`` draws them: the same in each call
        with as many samples, so that calls with the same data are epochs of one fit.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Training data.
        y : array-like of shape (n_samples,) or (n_samples, n_targets)
            Targets.
        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative weights; None weighs all samples 1.
        X_val : {array-like, sparse matrix} of shape (n_validation, n_features), default=None
            Validation set: scored after the epoch, into the members' `history_`.
        y_val : array-like of shape (n_validation,) or (n_validation, n_outputs), default=None
            Its labels or targets.
        sample_weight_val : array-like of shape (n_validation,), default=None
            Weights of the validation set.

        Returns
        -------
        self : object
            The fitted ensemble.

        Raises
        ------
        ValueError
            As the members' ``partial_fit`` raises it. The ensemble is then as it was before the
            call, which also holds of Ctrl-C.
        """
        given_val = given_validation_set(X_val, y_val, sample_weight_val)
        return self._fit(Given(X, y, sample_weight), given_val, incremental=True)

    def predict(self, X: ArrayLike, return_std: bool = False) -> Any:
        """Predict targets, the mean over the members.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Data, computed in the type of the weights.
        return_std : bool, default=False
            Return also how much the members differ. That says nothing of the noise in y.

        Returns
        -------
        mean : ndarray of shape (n_samples,) or (n_samples, n_targets)
            Predictions; with a list of quantiles (n_samples, n_quantiles) or
            (n_samples, n_targets, n_quantiles).
        std : ndarray of the same shape
            Standard deviation over the members, if asked for.

        Raises
        ------
        NotFittedError
            Before `fit`.
        ValueError
            If X does not have the fitted features or is not finite, or if an output is NaN.
        """
        predictions = [self._target.decode(outputs) for outputs in self._of_members(X)]
        mean = _mean(predictions)
        return (mean, _spread(predictions)) if return_std else mean


def _mean(of_members: Any) -> Array:
    with np.errstate(under="ignore"):
        mean: Array = np.mean(of_members, axis=0)
        return mean


def _spread(of_members: Any) -> Array:
    """Standard deviation."""
    with np.errstate(over="ignore", under="ignore"):
        deviation: Array = np.std(of_members, axis=0)
        if np.isfinite(deviation).all():
            return deviation
        largest = np.abs(of_members).max()
        if np.isfinite(largest):  # only its square is not
            deviation = largest * np.std(np.divide(of_members, largest), axis=0)
        return deviation
