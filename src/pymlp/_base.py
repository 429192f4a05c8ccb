"""What classifier and regressor share: parameters, validation, initialisation, the fit."""

from __future__ import annotations

import warnings
from abc import ABC, abstractmethod
from itertools import pairwise
from numbers import Integral, Real
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, Options, StrOptions
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from . import _core
from ._engine import Engine, Samples
from ._optimizers import SGD, Adam, Optimizer
from ._parameters import ENGINE_LAYOUT, Array, Parameters
from ._training import hold_out, run_epochs

# loss of the engine -> output activation, by scikit-learn's name
OUT_ACTIVATIONS = {
    "softmax_cross_entropy": "softmax",
    "logistic_cross_entropy": "logistic",
    "squared_error": "identity",
    "poisson": "exp",
}


class BaseMLP(BaseEstimator, ABC):
    """Base of the estimators; use `MLPClassifier` or `MLPRegressor`."""

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "hidden_layer_sizes": ["array-like", Interval(Integral, 1, None, closed="left")],
        "activation": [StrOptions({"identity", "logistic", "tanh", "relu"})],
        "solver": [StrOptions({"lbfgs", "sgd", "adam"})],
        "alpha": [Interval(Real, 0, None, closed="left")],
        "batch_size": [StrOptions({"auto"}), Interval(Integral, 1, None, closed="left")],
        "learning_rate": [StrOptions({"constant", "invscaling", "adaptive"})],
        "learning_rate_init": [Interval(Real, 0, None, closed="neither")],
        "power_t": [Interval(Real, 0, None, closed="left")],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "shuffle": ["boolean"],
        "random_state": ["random_state"],
        "tol": [Interval(Real, 0, None, closed="left")],
        "verbose": ["verbose"],
        "warm_start": ["boolean"],
        "momentum": [Interval(Real, 0, 1, closed="both")],
        "nesterovs_momentum": ["boolean"],
        "early_stopping": ["boolean"],
        "validation_fraction": [Interval(Real, 0, 1, closed="left")],
        "beta_1": [Interval(Real, 0, 1, closed="left")],
        "beta_2": [Interval(Real, 0, 1, closed="left")],
        "epsilon": [Interval(Real, 0, None, closed="neither")],
        "n_iter_no_change": [
            Interval(Integral, 1, None, closed="left"),
            Options(Real, {np.inf}),
        ],
        "max_fun": [Interval(Integral, 1, None, closed="left")],
        "n_threads": [None, Interval(Integral, 1, None, closed="left")],
        "precision": [None, StrOptions({"float32", "float64"})],
    }

    def __init__(
        self,
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
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.solver = solver
        self.alpha = alpha
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.learning_rate_init = learning_rate_init
        self.power_t = power_t
        self.max_iter = max_iter
        self.shuffle = shuffle
        self.random_state = random_state
        self.tol = tol
        self.verbose = verbose
        self.warm_start = warm_start
        self.momentum = momentum
        self.nesterovs_momentum = nesterovs_momentum
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon
        self.n_iter_no_change = n_iter_no_change
        self.max_fun = max_fun
        self.n_threads = n_threads
        self.precision = precision

    # --- what differs between classifier and regressor -----------------------------------------

    _validation_score: ClassVar[str]  # the column of history_ that early stopping follows
    _y_numeric = False

    @abstractmethod
    def _validate_target(self, y: Array) -> Array:
        """Check the kind and the values of y."""

    @abstractmethod
    def _set_target(self, y: Array, *, incremental: bool) -> None:
        """Set ``n_outputs_`` (and ``classes_``), or check y against them in a later pass."""

    @abstractmethod
    def _check_known(self, y: Array, name: str) -> None:
        """Check that the fitted targets cover those of y."""

    @abstractmethod
    def _encode(self, y: Array, dtype: Any) -> Array:
        """Targets as `Samples.y`."""

    @abstractmethod
    def _engine_loss(self) -> str:
        """Name of the engine's loss."""

    def _stratify(self, train: Samples) -> Array | None:  # noqa: ARG002
        """Labels by which the validation split is stratified."""
        return None

    def _training_metrics(self, accuracy: float) -> dict[str, float]:  # noqa: ARG002
        """Further columns of ``history_`` for the training set."""
        return {}

    @abstractmethod
    def _validation_metrics(self, engine: Engine, samples: Samples) -> dict[str, float]:
        """Columns of ``history_`` for the validation set."""

    # --- input -----------------------------------------------------------------------------------

    def _validate_X(self, X: Any, dtype: Any) -> Array:  # noqa: N802
        """Check X against the fitted features; returns it in the engine's layout."""
        X = validate_data(self, X, dtype=dtype, order="C", reset=False)
        return np.require(X, requirements=ENGINE_LAYOUT)

    def _validate_X_y(self, X: Any, y: Any, dtype: Any, *, reset: bool) -> tuple[Array, Array]:  # noqa: N802
        """Check X and y; returns X in the engine's layout and y as it is."""
        X, y = validate_data(
            self,
            X,
            y,
            dtype=dtype,
            order="C",
            reset=reset,
            multi_output=True,
            y_numeric=self._y_numeric,
        )
        return np.require(X, requirements=ENGINE_LAYOUT), self._validate_target(y)

    def _samples(self, X: Array, y: Array, sample_weight: Any = None) -> Samples:
        if sample_weight is not None:
            sample_weight = _check_sample_weight(sample_weight, X, ensure_non_negative=True)
            sample_weight = np.require(sample_weight, X.dtype, ENGINE_LAYOUT)
        return Samples(X, self._encode(y, X.dtype), sample_weight)

    def _hidden_units(self) -> list[int]:
        try:
            sizes = np.atleast_1d(np.asarray(self.hidden_layer_sizes))
        except ValueError:  # ragged
            sizes = np.array([None])
        if sizes.size and (sizes.ndim != 1 or not np.issubdtype(sizes.dtype, np.integer)):
            raise ValueError(
                "hidden_layer_sizes must be an integer or a sequence of integers, "
                f"got {self.hidden_layer_sizes!r}."
            )
        if (sizes <= 0).any():
            raise ValueError(f"hidden_layer_sizes must be > 0, got {sizes.tolist()}.")
        return [int(size) for size in sizes]

    # --- state -----------------------------------------------------------------------------------

    def _initialize(self, units: list[int], dtype: Any) -> None:
        """Draw the parameters as scikit-learn does (Glorot & Bengio 2010, uniform)."""
        self.n_iter_ = 0
        self.t_ = 0
        factor = 2.0 if self.activation == "logistic" else 6.0
        self.coefs_: list[Array] = []
        self.intercepts_: list[Array] = []
        for n_in, n_out in pairwise(units):
            bound = np.sqrt(factor / (n_in + n_out))
            coefs = self._random_state.uniform(-bound, bound, (n_in, n_out))
            intercepts = self._random_state.uniform(-bound, bound, n_out)
            self.coefs_.append(coefs.astype(dtype, copy=False))
            self.intercepts_.append(intercepts.astype(dtype, copy=False))
        self.loss_curve_: list[float] = []
        self.history_: dict[str, list[float]] = {}
        self._follow_afresh()

    def _follow_afresh(self) -> None:
        """Set what early stopping, or the loss without it, is compared with."""
        self._no_improvement_count = 0
        self.best_loss_: float | None = None if self.early_stopping else np.inf
        self.validation_scores_: list[float] | None = [] if self.early_stopping else None
        self.best_validation_score_: float | None = -np.inf if self.early_stopping else None

    def _new_optimizer(self, parameters: Parameters) -> Optimizer:
        if self.solver == "sgd":
            return SGD(parameters, self.learning_rate_init, self.learning_rate, self.power_t)
        return Adam(parameters, self.learning_rate_init, self.beta_1, self.beta_2)

    # --- fitting ---------------------------------------------------------------------------------

    def _fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any,
        X_val: Any = None,
        y_val: Any = None,
        *,
        incremental: bool = False,
    ) -> Self:
        before = dict(self.__dict__)
        try:
            train, validation = self._prepare(
                X, y, sample_weight, X_val, y_val, incremental=incremental
            )
            rows = np.arange(len(train.X), dtype=np.int64)
            if self.early_stopping and validation is None:
                rows, held_out = hold_out(self, rows, train)
                validation = train.take(held_out)
            engine = self._new_engine(len(rows))
        except BaseException:
            # a call that is refused leaves the estimator as it was
            self.__dict__.clear()
            self.__dict__.update(before)
            raise
        best = engine.parameters.copy() if self.early_stopping else None
        try:
            run_epochs(
                self,
                engine,
                train,
                rows,
                validation=validation,
                best=best,
                incremental=incremental,
            )
        except KeyboardInterrupt:
            warnings.warn("Training interrupted by user.", stacklevel=4)
            engine.keep()
        finally:
            engine.close()
            if best is not None:
                self.coefs_, self.intercepts_ = best.coefs, best.intercepts
        return self

    def _prepare(
        self, X: Any, y: Any, sample_weight: Any, X_val: Any, y_val: Any, *, incremental: bool
    ) -> tuple[Samples, Samples | None]:
        """Validate everything; set the attributes that a fit starts from."""
        if self.solver == "lbfgs":
            raise NotImplementedError(
                "solver='lbfgs' is not available in this version of pymlp; use 'adam' or 'sgd'."
            )
        if incremental and self.early_stopping:
            raise ValueError("partial_fit does not support early_stopping=True")
        if (X_val is None) != (y_val is None):
            raise ValueError("X_val and y_val must be given together.")
        hidden = self._hidden_units()
        first_pass = not hasattr(self, "coefs_") or not (self.warm_start or incremental)
        dtype: Any = self.precision or (np.float64, np.float32)
        if not first_pass and self.precision is None:
            dtype = self._fitted_parameters().coefs[0].dtype  # a model keeps its type

        X, y = self._validate_X_y(X, y, dtype, reset=first_pass)
        self._set_target(y, incremental=incremental)
        train = self._samples(X, y, sample_weight)
        validation = None
        if X_val is not None:
            try:
                X_val, y_val = self._validate_X_y(X_val, y_val, X.dtype, reset=False)
            except (TypeError, ValueError) as error:
                raise type(error)(f"X_val, y_val: {error}") from error
            self._check_known(y_val, "y_val")
            validation = self._samples(X_val, y_val)

        units = [X.shape[1], *hidden, self.n_outputs_]
        self.n_layers_ = len(units)
        self.out_activation_ = OUT_ACTIVATIONS[self._engine_loss()]
        self._random_state = check_random_state(self.random_state)
        if first_pass:
            self._initialize(units, X.dtype)
        elif (getattr(self, "best_loss_", None) is None) != self.early_stopping:  # switched since
            self._follow_afresh()
        # copied, so that nobody else's arrays are trained
        parameters = Parameters.checked(self.coefs_, self.intercepts_, units).cast(X.dtype).copy()
        self.coefs_, self.intercepts_ = parameters.coefs, parameters.intercepts
        self.history_ = getattr(self, "history_", {})
        optimizer = getattr(self, "_optimizer", None) if incremental else None
        if optimizer is None or optimizer.solver != self.solver:
            self._optimizer = self._new_optimizer(parameters)
        self._optimizer.cast(X.dtype)
        return train, validation

    def _new_engine(self, n_samples: int) -> Engine:
        return Engine(
            Parameters(self.coefs_, self.intercepts_),
            self._optimizer,
            activations=[self.activation] * (self.n_layers_ - 2),
            loss=_core.Loss(self._engine_loss()),
            alpha=float(self.alpha),
            weight_decay=0.0,
            clip_norm=0.0,
            ema_decay=0.0,
            dropout=[0.0] * (self.n_layers_ - 2),
            seed=0,
            batch_size=self._batch_size(n_samples),
            momentum=float(self.momentum),
            nesterov=bool(self.nesterovs_momentum),
            beta_1=float(self.beta_1),
            beta_2=float(self.beta_2),
            epsilon=float(self.epsilon),
            n_threads=self._threads(),
        )

    def _threads(self) -> int:
        """``n_threads`` for the engine, which takes 0 for all and a C int."""
        return min(self.n_threads or 0, 2**31 - 1)

    def _batch_size(self, n_samples: int) -> int:
        if self.batch_size == "auto":
            return min(200, n_samples)
        batch_size = int(self.batch_size)
        if batch_size > n_samples:
            warnings.warn(
                "Got `batch_size` less than 1 or larger than sample size. "
                "It is going to be clipped",
                stacklevel=6,
            )
        return min(batch_size, n_samples)

    # --- prediction ------------------------------------------------------------------------------

    def _outputs(self, X: Any) -> Array:
        """Outputs of the network: (n_samples, n_outputs)."""
        check_is_fitted(self)
        parameters = self._fitted_parameters()
        X = self._validate_X(X, parameters.coefs[0].dtype)
        return _core.predict(
            parameters.coefs,
            parameters.intercepts,
            X,
            [self.activation] * (self.n_layers_ - 2),
            _core.Loss(self._engine_loss()),
            self._threads(),
        )

    def _fitted_parameters(self) -> Parameters:
        """``coefs_`` and ``intercepts_``, which may have been set by hand."""
        hidden = [0] * (self.n_layers_ - 2)
        units = [getattr(self, "n_features_in_", 0), *hidden, self.n_outputs_]
        return Parameters.checked(self.coefs_, self.intercepts_, units)
