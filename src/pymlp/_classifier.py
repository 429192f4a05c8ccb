"""The classifier."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import ClassifierMixin, _fit_context
from sklearn.preprocessing import LabelBinarizer
from sklearn.utils import column_or_1d
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import (
    _check_partial_fit_first_call,
    check_classification_targets,
    type_of_target,
    unique_labels,
)

from ._base import BaseMLP
from ._engine import Engine, Samples
from ._optimizers import is_stochastic
from ._parameters import Array


class MLPClassifier(ClassifierMixin, BaseMLP):
    """Multi-layer perceptron classifier, trained on the log-loss by fused C++ kernels.

    With the same parameters, data and seed it learns the model that scikit-learn's `MLPClassifier`
    learns, to rounding.

    Parameters
    ----------
    hidden_layer_sizes : int or array-like of int of shape (n_hidden_layers,), default=(100,)
        Width of each hidden layer. ``()`` leaves them out: multinomial logistic regression.
    activation : {'identity', 'logistic', 'tanh', 'relu'}, default='relu'
        Activation of the hidden layers.
    solver : {'adam', 'sgd'}, default='adam'
        'sgd' is stochastic gradient descent with momentum, 'adam' the method of [2]_.
        scikit-learn's 'lbfgs' is not available yet.
    alpha : float, default=0.0001
        Strength of the L2 penalty on the weights, divided by the weight of the mini-batch.
    batch_size : int or 'auto', default='auto'
        Samples in a mini-batch; 'auto' is ``min(200, n_samples)``.
    learning_rate : {'constant', 'invscaling', 'adaptive'}, default='constant'
        Schedule for 'sgd': constant; ``learning_rate_init / (t_ + 1) ** power_t``; or divided by 5
        whenever progress stops.
    learning_rate_init : float, default=0.001
        Initial learning rate.
    power_t : float, default=0.5
        Exponent of the 'invscaling' schedule.
    max_iter : int, default=200
        Maximum number of epochs.
    shuffle : bool, default=True
        Draw a new order of the samples before each epoch.
    random_state : int, RandomState instance or None, default=None
        Seed of the initial weights [1]_, the validation split and the order of the samples. The
        same seed draws what scikit-learn draws.
    tol : float, default=1e-4
        Improvement of the loss (of the validation score with early stopping) that counts.
    verbose : bool, default=False
        Print the loss of each epoch.
    warm_start : bool, default=False
        Start `fit` from the previous solution.
    momentum : float, default=0.9
        Momentum of 'sgd', between 0 and 1.
    nesterovs_momentum : bool, default=True
        Use Nesterov's momentum in 'sgd'.
    early_stopping : bool, default=False
        Stop when the accuracy on a validation set no longer improves, and keep the best weights.
        The set is `X_val` if given to `fit`, otherwise a part of the training set.
    validation_fraction : float, default=0.1
        Part of the training set held out for early stopping.
    beta_1, beta_2 : float, default=0.9, 0.999
        Decay of the moments in 'adam', in [0, 1).
    epsilon : float, default=1e-8
        Added to the denominator in 'adam'.
    n_iter_no_change : int, default=10
        Epochs without improvement by `tol` that are tolerated.
    max_fun : int, default=15000
        Accepted for compatibility with scikit-learn; only 'lbfgs' uses it.
    n_threads : int or None, default=None
        Threads; None follows OpenMP (``OMP_NUM_THREADS``, threadpoolctl). Results do not depend
        on it, to the last bit.
    precision : {'float32', 'float64'} or None, default=None
        Type of the arithmetic and of the weights; None follows X.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Class labels.
    coefs_ : list of ndarray of shape (n_in, n_out)
        Weights of each layer.
    intercepts_ : list of ndarray of shape (n_out,)
        Biases of each layer.
    history_ : dict of str to list of float
        One value an epoch: 'loss' (with the penalty), 'accuracy', 'learning_rate', 'seconds', and
        with a validation set 'val_loss' (without the penalty) and 'val_accuracy'.
    loss_ : float
        Loss of the last epoch.
    loss_curve_ : list of float
        Loss of each epoch.
    best_loss_ : float or None
        Lowest loss; None with early stopping.
    validation_scores_ : list of float or None
        Validation accuracy of each epoch; None without early stopping.
    best_validation_score_ : float or None
        The best of them.
    n_iter_ : int
        Epochs run.
    t_ : int
        Training samples seen.
    n_layers_, n_outputs_ : int
        Layers, input included, and outputs.
    out_activation_ : str
        Output activation.
    n_features_in_ : int
        Features seen in `fit`.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Their names, if X had any.

    See Also
    --------
    MLPRegressor : The same for real-valued targets.

    References
    ----------
    .. [1] Glorot & Bengio, "Understanding the difficulty of training deep feedforward neural
       networks", AISTATS 2010 (the initial weights).
    .. [2] Kingma & Ba, "Adam: A method for stochastic optimization", arXiv:1412.6980 (2015).

    Examples
    --------
    >>> from pymlp import MLPClassifier
    >>> from sklearn.datasets import load_digits
    >>> X, y = load_digits(return_X_y=True)
    >>> clf = MLPClassifier((50,), max_iter=20, tol=0.1, n_iter_no_change=3, random_state=0)
    >>> clf.fit(X[:1500] / 16, y[:1500]).predict(X[1500:1505] / 16)
    array([1, 7, 4, 6, 3])
    """

    classes_: Array
    _validation_score = "val_accuracy"

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(
        self,
        X: ArrayLike,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        *,
        X_val: ArrayLike | None = None,
        y_val: ArrayLike | None = None,
    ) -> Self:
        """Train from new weights, or with ``warm_start`` from the present ones.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Training data; float32 is trained in float32, anything else in float64, unless
            `precision` says otherwise.
        y : array-like of shape (n_samples,)
            Class labels of any type.
        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative weights; None weighs all samples 1.
        X_val : array-like of shape (n_validation, n_features), default=None
            Validation set: scored after every epoch, and used by early stopping.
        y_val : array-like of shape (n_validation,), default=None
            Its targets.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        ValueError
            If a parameter or the data are not valid, or if the first epoch diverges (without
            early stopping).
        NotImplementedError
            If ``solver='lbfgs'``.

        Warns
        -----
        ConvergenceWarning
            If `max_iter` is reached, or if a loss stops being finite: training then ends and
            the weights of the last finite epoch are kept.
        """
        return self._fit(X, y, sample_weight, X_val, y_val)

    @available_if(is_stochastic)
    @_fit_context(prefer_skip_nested_validation=True)
    def partial_fit(
        self,
        X: ArrayLike,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        classes: ArrayLike | None = None,
    ) -> Self:
        """Train one epoch, going on from the present weights and optimizer state.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Training data.
        y : array-like of shape (n_samples,)
            Class labels.
        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative weights; None weighs all samples 1.
        classes : array-like of shape (n_classes,), default=None
            All classes that will ever occur; needed in the first call.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        ValueError
            If a parameter or the data are not valid, with ``early_stopping=True``, or if the
            epoch diverges; the weights then stay as they were.
        """
        if _check_partial_fit_first_call(self, classes):
            self._label_binarizer = LabelBinarizer().fit(self.classes_)
        try:
            return self._fit(X, y, sample_weight, incremental=True)
        except BaseException:
            if not hasattr(self, "coefs_"):  # the first call is refused: the classes go, too
                del self.classes_, self._label_binarizer
            raise

    def predict(self, X: ArrayLike) -> Array:
        """Predict the most probable class.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Data, computed in the type of the weights.

        Returns
        -------
        ndarray of shape (n_samples,)
            Labels out of `classes_`.

        Raises
        ------
        NotFittedError
            Before `fit`.
        ValueError
            If X does not have the fitted features or is not finite.
        """
        outputs = self._outputs(X)
        return self._label_binarizer.inverse_transform(  # type: ignore[no-any-return]
            outputs.ravel() if self.n_outputs_ == 1 else outputs
        )

    def predict_proba(self, X: ArrayLike) -> Array:
        """Predict the probability of each class.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Data, computed in the type of the weights.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            Probabilities in the order of `classes_`. A row does not depend on the other rows of
            the call, to the last bit.

        Raises
        ------
        NotFittedError
            Before `fit`.
        ValueError
            If X does not have the fitted features or is not finite.
        """
        outputs = self._outputs(X)
        return np.hstack([1 - outputs, outputs]) if self.n_outputs_ == 1 else outputs

    def predict_log_proba(self, X: ArrayLike) -> Array:
        """Predict the logarithm of each class's probability.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Data, computed in the type of the weights.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            ``log(predict_proba(X))``; -inf where a probability is too small for its type.

        Raises
        ------
        NotFittedError
            Before `fit`.
        ValueError
            If X does not have the fitted features or is not finite.
        """
        probabilities = self.predict_proba(X)
        with np.errstate(divide="ignore"):
            return np.log(probabilities, out=probabilities)

    # --- hooks of BaseMLP ------------------------------------------------------------------------

    def _validate_target(self, y: Array) -> Array:
        check_classification_targets(y)
        kind = type_of_target(y)
        if kind not in ("binary", "multiclass"):
            raise ValueError(
                f"y must hold one label a sample (binary or multiclass), got {kind} targets, which "
                "this version of pymlp does not support."
            )
        labels: Array = column_or_1d(y, warn=True)
        return labels

    def _set_target(self, y: Array, *, incremental: bool) -> None:
        if not hasattr(self, "classes_") or not (self.warm_start or incremental):
            self._label_binarizer = LabelBinarizer().fit(y)
            self.classes_ = self._label_binarizer.classes_
        elif self.warm_start and set(unique_labels(y)) != set(self.classes_):
            raise ValueError(
                "warm_start can only be used where `y` has the same classes as in the previous "
                f"call to fit. Previously got {self.classes_}, `y` has {unique_labels(y)}"
            )
        else:
            self._check_known(y, "y")
        self.n_outputs_ = 1 if len(self.classes_) <= 2 else len(self.classes_)

    def _check_known(self, y: Array, name: str) -> None:
        classes: Array = unique_labels(y)
        if len(np.setdiff1d(classes, self.classes_, assume_unique=True)):
            raise ValueError(
                f"`{name}` has classes not in `self.classes_`. `self.classes_` has "
                f"{self.classes_}. '{name}' has {classes}."
            )

    def _encode(self, y: Array, dtype: Any) -> Array:
        numbers = np.searchsorted(self.classes_, y)
        if self.n_outputs_ == 1:
            return numbers.astype(dtype).reshape(-1, 1)
        return numbers.astype(np.int32)

    def _engine_loss(self) -> str:
        return "logistic_cross_entropy" if self.n_outputs_ == 1 else "softmax_cross_entropy"

    def _stratify(self, train: Samples) -> Array | None:
        # scikit-learn's rule: it stratifies by its one-column targets, that is with two classes
        return train.y.astype(bool) if self.n_outputs_ == 1 else None

    def _training_metrics(self, accuracy: float) -> dict[str, float]:
        return {"accuracy": accuracy}

    def _validation_metrics(self, engine: Engine, samples: Samples) -> dict[str, float]:
        loss, accuracy = engine.evaluate(samples)
        return {"val_loss": loss, "val_accuracy": accuracy}
