"""The regressor."""

from __future__ import annotations

from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import RegressorMixin, _fit_context
from sklearn.metrics import r2_score
from sklearn.utils import column_or_1d
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.metaestimators import available_if

from ._base import BaseMLP
from ._engine import Engine, Samples
from ._optimizers import is_stochastic
from ._parameters import ENGINE_LAYOUT, Array


class MLPRegressor(RegressorMixin, BaseMLP):
    """Multi-layer perceptron regressor, trained on squared error or Poisson deviance.

    With the same parameters, data and seed it learns the model that scikit-learn's `MLPRegressor`
    learns, to rounding.

    Parameters
    ----------
    loss : {'squared_error', 'poisson'}, default='squared_error'
        Half the squared error, or half the Poisson deviance with a log link (``y >= 0``).
    hidden_layer_sizes : int or array-like of int of shape (n_hidden_layers,), default=(100,)
        Width of each hidden layer. ``()`` leaves them out: linear regression.
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
        Stop when the R^2 on a validation set no longer improves, and keep the best weights. The
        set is `X_val` if given to `fit`, otherwise a part of the training set.
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
    coefs_ : list of ndarray of shape (n_in, n_out)
        Weights of each layer.
    intercepts_ : list of ndarray of shape (n_out,)
        Biases of each layer.
    history_ : dict of str to list of float
        One value an epoch: 'loss' (with the penalty), 'learning_rate', 'seconds', and
        with a validation set 'val_loss' (without the penalty) and 'val_r2'.
    loss_ : float
        Loss of the last epoch.
    loss_curve_ : list of float
        Loss of each epoch.
    best_loss_ : float or None
        Lowest loss; None with early stopping.
    validation_scores_ : list of float or None
        Validation R^2 of each epoch; None without early stopping.
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
    MLPClassifier : The same for classes.

    References
    ----------
    .. [1] Glorot & Bengio, "Understanding the difficulty of training deep feedforward neural
       networks", AISTATS 2010 (the initial weights).
    .. [2] Kingma & Ba, "Adam: A method for stochastic optimization", arXiv:1412.6980 (2015).

    Examples
    --------
    >>> import numpy as np
    >>> from pymlp import MLPRegressor
    >>> X = np.linspace(-1, 1, 200).reshape(-1, 1)
    >>> reg = MLPRegressor(hidden_layer_sizes=(20,), batch_size=20, learning_rate_init=0.01,
    ...                    random_state=0)
    >>> round(reg.fit(X, X.ravel() ** 2).score(X, X.ravel() ** 2), 1)
    1.0
    """

    _validation_score = "val_r2"
    _y_numeric = True
    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **BaseMLP._parameter_constraints,
        "loss": [StrOptions({"squared_error", "poisson"})],
    }

    def __init__(
        self,
        loss: str = "squared_error",
        hidden_layer_sizes: ArrayLike = (100,),
        activation: str = "relu",
        *,
        solver: str = "adam",
        alpha: float = 0.0001,
        batch_size: int | str = "auto",
        learning_rate: str = "constant",
        learning_rate_init: float = 0.001,
        power_t: float = 0.5,
        max_iter: int = 200,
        shuffle: bool = True,
        random_state: int | np.random.RandomState | None = None,
        tol: float = 1e-4,
        verbose: bool = False,
        warm_start: bool = False,
        momentum: float = 0.9,
        nesterovs_momentum: bool = True,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        n_iter_no_change: float = 10,
        max_fun: int = 15000,
        n_threads: int | None = None,
        precision: str | None = None,
    ) -> None:
        super().__init__(
            hidden_layer_sizes,
            activation,
            solver=solver,
            alpha=alpha,
            batch_size=batch_size,
            learning_rate=learning_rate,
            learning_rate_init=learning_rate_init,
            power_t=power_t,
            max_iter=max_iter,
            shuffle=shuffle,
            random_state=random_state,
            tol=tol,
            verbose=verbose,
            warm_start=warm_start,
            momentum=momentum,
            nesterovs_momentum=nesterovs_momentum,
            early_stopping=early_stopping,
            validation_fraction=validation_fraction,
            beta_1=beta_1,
            beta_2=beta_2,
            epsilon=epsilon,
            n_iter_no_change=n_iter_no_change,
            max_fun=max_fun,
            n_threads=n_threads,
            precision=precision,
        )
        self.loss = loss

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
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Targets, computed in X's type.
        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative weights; None weighs all samples 1.
        X_val : array-like of shape (n_validation, n_features), default=None
            Validation set: scored after every epoch, and used by early stopping.
        y_val : array-like of shape (n_validation,) or (n_validation, n_outputs), default=None
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
        self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> Self:
        """Train one epoch, going on from the present weights and optimizer state.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Training data.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Targets.
        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative weights; None weighs all samples 1.

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
        return self._fit(X, y, sample_weight, incremental=True)

    def predict(self, X: ArrayLike) -> Array:
        """Predict targets.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Data, computed in the type of the weights.

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_outputs)
            Predictions. A row does not depend on the other rows of the call, to the last bit.

        Raises
        ------
        NotFittedError
            Before `fit`.
        ValueError
            If X does not have the fitted features or is not finite.
        """
        outputs = self._outputs(X)
        return outputs.ravel() if outputs.shape[1] == 1 else outputs

    # --- hooks of BaseMLP ------------------------------------------------------------------------

    def _validate_target(self, y: Array) -> Array:
        if y.dtype.kind not in "fiub":
            raise ValueError(f"y must be numeric, got dtype {y.dtype}.")
        if self.loss == "poisson" and (y < 0).any():
            raise ValueError(f"loss='poisson' requires y >= 0, got a minimum of {y.min()}.")
        return column_or_1d(y, warn=True) if y.ndim == 2 and y.shape[1] == 1 else y

    def _set_target(self, y: Array, *, incremental: bool) -> None:  # noqa: ARG002
        self.n_outputs_ = 1 if y.ndim == 1 else y.shape[1]

    def _check_known(self, y: Array, name: str) -> None:
        n_outputs = 1 if y.ndim == 1 else y.shape[1]
        if n_outputs != self.n_outputs_:
            raise ValueError(f"{name} has {n_outputs} outputs, but y has {self.n_outputs_}.")

    def _encode(self, y: Array, dtype: Any) -> Array:
        return np.require(y.reshape(len(y), -1), dtype=dtype, requirements=ENGINE_LAYOUT)

    def _engine_loss(self) -> str:
        return self.loss

    def _validation_metrics(self, engine: Engine, samples: Samples) -> dict[str, float]:
        predictions = engine.predict(samples.X)
        score = np.nan
        if np.isfinite(predictions).all():
            with np.errstate(over="ignore"):  # a fit on its way to diverge
                score = float(r2_score(samples.y, predictions, sample_weight=samples.weight))
        return {"val_loss": engine.evaluate(samples)[0], "val_r2": score}
