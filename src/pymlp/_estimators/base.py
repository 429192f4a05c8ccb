"""What classifier and regressor share: the course of a fit."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from typing import Any, Self

import numpy as np
from sklearn.utils import check_random_state

from .._core import Loss
from .._data.validation import arithmetic_type, checked_weight, converted, naming, validated
from .._fit.engine import Engine, Samples
from .._fit.epochs import drop_uncounted, hold_out, record_lengths, run_epochs
from .._fit.lbfgs import Objective, run_lbfgs
from .._fit.optimizer import N_MOMENTS, Optimizer
from .._fit.progress import Progress
from .._fit.scoring import Validation, goal
from .._network.initializers import initialize
from .._network.parameters import Parameters
from .._resume.checkpoint import Checkpoint, Resumable, resumable
from .._system.arrays import ENGINE_LAYOUT, Array
from .._system.memory import check_memory
from .._system.messages import warn
from .fitted import FittedNetwork
from .nested_params import NestedParams
from .tasks import DURING_FIT, Tasks


class BaseMLP(NestedParams, FittedNetwork, ABC):
    """Base of the estimators; use `MLPClassifier` or `MLPRegressor`."""

    history_: dict[str, list[float]]
    loss_curve_: list[float]

    # --- what differs between classifier and regressor -----------------------------------------

    _y_numeric = False

    @abstractmethod
    def _score_column(self) -> str:
        """Name in ``history_`` of the estimator's score of the validation set."""

    @abstractmethod
    def _validate_target(self, y: Any) -> Any:
        """Check the kind and the values of y."""

    @abstractmethod
    def _set_target(self, y: Any, *, incremental: bool) -> None:
        """Set ``n_outputs_`` (and ``classes_``), or check y against them in a later pass."""

    @abstractmethod
    def _check_known(self, y: Any, name: str) -> None:
        """Check that the fitted targets cover those of y."""

    @abstractmethod
    def _encode(self, y: Any, dtype: Any) -> Array:
        """Targets as `Samples.y`."""

    @abstractmethod
    def _engine_loss(self) -> Loss:
        """The engine's loss."""

    def _weigh(self, sample_weight: Array | None, y: Any, *, incremental: bool) -> Array | None:  # noqa: ARG002
        """Training weights of the samples, with those of their classes."""
        return sample_weight

    def _stratify(self, train: Samples) -> Array | None:  # noqa: ARG002
        """Labels by which the validation split is stratified."""
        return None

    def _training_metrics(self, accuracy: float) -> dict[str, float]:  # noqa: ARG002
        """Further columns of ``history_`` for the training set."""
        return {}

    @abstractmethod
    def _validation_metrics(
        self, engine: Engine, samples: Samples, rows: Array | None
    ) -> dict[str, float]:
        """Columns of ``history_`` for the validation set: some rows of the samples, or all."""

    # --- input -----------------------------------------------------------------------------------

    def _arithmetic_types(self) -> list[Any]:
        """Types that a new model computes in: X's own if it is one of them, else the first."""
        if self.precision is None:
            return [np.float64, np.float32]
        return ["float32" if self._in_bf16() else self.precision]

    def _validate_X_y(self, X: Any, y: Any, types: list[Any], *, reset: bool) -> tuple[Any, Any]:  # noqa: N802
        """Check X, to be computed in one of the types, and y, which is left as it is."""
        X, y = validated(
            self, X, y, types=types, reset=reset, multi_output=True, y_numeric=self._y_numeric
        )
        return X, self._validate_target(y)

    def _samples(self, X: Any, y: Any, sample_weight: Array | None, dtype: Any) -> Samples:
        return Samples(X, self._encode(y, dtype), self._laid_out_weight(sample_weight, dtype))

    @staticmethod
    def _laid_out_weight(sample_weight: Array | None, dtype: Any) -> Array | None:
        if sample_weight is None:
            return None
        # the engine counts numbers below the smallest normal one as 0
        if not (sample_weight >= np.finfo(dtype).tiny).any():
            raise ValueError(
                f"Sample weights must contain at least one non-zero number in {np.dtype(dtype)}."
            )
        return converted(sample_weight, dtype, "sample_weight")

    def _validate_X_y_val(self, X_val: Any, y_val: Any, dtype: Any) -> tuple[Any, Any]:  # noqa: N802
        """`_validate_X_y` of a validation set."""
        with naming("X_val, y_val"):
            return self._validate_X_y(X_val, y_val, [dtype], reset=False)

    def _validation_set(self, X_val: Any, y_val: Any, sample_weight: Any, dtype: Any) -> Validation:
        X, y = self._validate_X_y_val(X_val, y_val, dtype)
        self._check_known(y, "y_val")
        with naming("sample_weight_val"):
            if sample_weight is not None:
                sample_weight = checked_weight(sample_weight, X, "sample_weight_val")
            sample_weight = self._laid_out_weight(sample_weight, dtype)
        with naming("y_val"):
            targets = self._encode(y, dtype)
        return Validation(Samples(X, targets, sample_weight), X_val, y_val)

    # --- fitting ---------------------------------------------------------------------------------

    @property
    def learning_rate_(self) -> float:
        """Learning rate of the next step; a callback may set it, or who goes on by partial_fit.

        ``fit`` begins with ``learning_rate_init``.

        Raises
        ------
        AttributeError
            When it is asked for before a fit, and with 'lbfgs', which has none.
        ValueError
            When it is set where a schedule sets it, or to what is not a finite number > 0.
        """
        if not hasattr(self, "_optimizer"):
            raise AttributeError("learning_rate_ is there after fit has been called.")
        return self._stochastic_optimizer().learning_rate

    @learning_rate_.setter
    def learning_rate_(self, value: float) -> None:
        self._stochastic_optimizer().set_learning_rate(value)

    def _stochastic_optimizer(self) -> Optimizer:
        if self.solver == "lbfgs":
            raise AttributeError("solver='lbfgs' has no learning rate.")
        if not hasattr(self, "_optimizer"):
            self._optimizer = self._new_optimizer()
        return self._optimizer

    def _new_optimizer(self) -> Optimizer:
        return Optimizer(self.solver, self.learning_rate_init, self.learning_rate, self.power_t)

    def _fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any,
        *,
        X_val: Any = None,
        y_val: Any = None,
        sample_weight_val: Any = None,
        resume: str | os.PathLike[str] | Checkpoint | None = None,
        incremental: bool = False,
    ) -> Self:
        with self._all_or_nothing(), resumable(resume, self.solver) as checkpoint:
            if incremental:
                self._validate_changed_params()
            self._check_options()
            if incremental and self.early_stopping:
                raise ValueError("partial_fit does not support early_stopping=True")
            if (X_val is None) != (y_val is None):
                raise ValueError("X_val and y_val must be given together.")
            if sample_weight_val is not None and X_val is None:
                raise ValueError("sample_weight_val needs X_val and y_val.")
            tasks = Tasks(self, X, y, sample_weight, silent=incremental)
            train, weight = self._prepare(
                X, y, sample_weight, incremental=incremental, checkpoint=checkpoint
            )
            validation = None
            if X_val is not None:
                dtype = self.coefs_[0].dtype
                validation = self._validation_set(X_val, y_val, sample_weight_val, dtype)
            rows = np.arange(train.X.shape[0], dtype=np.int64)
            if self._stops_early() and validation is None:
                rows, held_out = hold_out(self, rows, train)
                # weighed as a person would who scores these rows: without their classes' weights
                plain = train._replace(weight=weight)
                validation = Validation.held_out(self, plain, X, y, held_out)
            engine = self._new_engine(len(rows))
            best = [p.copy() for p in engine.kept()] if self._stops_early() else None
            self.n_iter_ = 0
            if checkpoint is not None:
                rows = checkpoint.begin(
                    self, engine, rows, best, train=train, validation=validation
                )
            lengths = record_lengths(self)
            tasks.begin_fit()
            if checkpoint is not None:
                checkpoint.restore_callbacks(tasks.stateful_callbacks())
            try:
                with Progress(self, incremental=incremental) as progress:
                    if self.solver == "lbfgs":
                        run_lbfgs(self, engine, train, validation, tasks=tasks, progress=progress)
                    else:
                        run_epochs(
                            self,
                            engine,
                            train,
                            rows,
                            validation=validation,
                            best=best,
                            tasks=tasks,
                            progress=progress,
                            incremental=incremental,
                            checkpoint=checkpoint,
                        )
            except KeyboardInterrupt:
                drop_uncounted(self, lengths)
                warn("Training interrupted by user.")
                if self.solver != "lbfgs":  # there the engine may be amid a line search
                    engine.keep()
            self._end_fit(engine, best)
            tasks.end_fit()
        return self

    @contextmanager
    def _all_or_nothing(self) -> Iterator[None]:
        """Leave the estimator as it was if the body raises: a fit trains copies of everything."""
        before = dict(self.__dict__)
        try:
            yield
        except BaseException:
            before |= {name: self.__dict__[name] for name in DURING_FIT if name in self.__dict__}
            self.__dict__.clear()
            self.__dict__.update(before)
            raise

    def _end_fit(self, engine: Engine, best: list[Parameters] | None) -> None:
        """End a fit: the engine's state becomes the estimator's, the best weights its own."""
        engine.close()
        if self.ema_decay is not None:
            self.n_averaged_ = engine.averaged_steps
        for kept, current in zip(best or [], engine.kept(), strict=False):
            current.assign(kept)

    def _prepare(
        self,
        X: Any,
        y: Any,
        sample_weight: Any,
        *,
        incremental: bool,
        checkpoint: Resumable | None,
    ) -> tuple[Samples, Array | None]:
        """Validate the training set; set the attributes that a fit starts from.

        Returns the samples, and their weights without those of their classes.
        """
        hidden = self._hidden_units()
        first_pass = not hasattr(self, "coefs_") or not (self.warm_start or incremental)
        types = self._arithmetic_types()
        if not first_pass and self.precision is None:
            types = [self._fitted_parameters().coefs[0].dtype]  # a model keeps its type
        if first_pass and isinstance(X, np.ndarray) and X.ndim == 2:
            self._check_memory([X.shape[1], *hidden, 1])  # before all of X is looked at

        X, y = self._validate_X_y(X, y, types, reset=first_pass)
        dtype = arithmetic_type(X, types)
        self._set_target(y, incremental=incremental)
        units = [X.shape[1], *hidden, self.n_outputs_]
        if first_pass:
            self._check_memory(units)
        if sample_weight is not None:
            sample_weight = checked_weight(sample_weight, X, "sample_weight")
        train = self._samples(X, y, self._weigh(sample_weight, y, incremental=incremental), dtype)
        weight = self._laid_out_weight(sample_weight, dtype)

        self.n_layers_ = len(units)
        self.out_activation_ = self._engine_loss().output
        self._random_state = check_random_state(self.random_state)
        if checkpoint is not None:
            checkpoint.seed(self._random_state)
        if not self._stops_early():
            self.__dict__.pop("best_epoch_", None)  # a callback's
        if first_pass:
            self._initialize(units, dtype)
        elif self.solver != "lbfgs":
            if getattr(self, "_goal", None) != goal(self):  # another one than in the last fit
                self._reset_progress()
            if not hasattr(self, "loss_curve_"):  # that was by lbfgs
                self.loss_curve_ = []
        self._copy_parameters(units, dtype)
        self._copy_records()
        optimizer = None
        if incremental or (self.warm_start == "full" and not first_pass):
            optimizer = getattr(self, "_optimizer", None)
        rates = self.learning_rate_init, self.learning_rate, self.power_t
        if optimizer is None or not optimizer.matches(self.solver, self.coefs_):
            optimizer = self._new_optimizer()
        # scikit-learn's partial_fit keeps the rates of its first call
        self._optimizer = optimizer.continued(
            dtype, rates=None if incremental else rates, is_pickled=incremental
        )
        return train, weight

    def _check_memory(self, units: list[int]) -> None:
        """Raise unless there is room for a new network of so many units, and for training it."""
        size = 8 if self.precision == "float64" else 4  # bytes of a number, at least
        line = 64 // size  # the trainer's arrays are of whole cache lines
        copies = 2 + N_MOMENTS.get(self.solver, 0)  # the estimator's, the trainer's, the moments
        copies += 2 * (self.ema_decay is not None) + (self.clip_norm is not None)
        if self.solver == "lbfgs":
            copies += 24 * 8 // size  # SciPy's ten last steps and gradients, in float64
        padded = sum((n + 1) * -(-m // line) * line for n, m in pairwise(units))
        drawn = sum((n + 1) * m for n, m in pairwise(units)) * 8  # in float64
        layers = " - ".join(str(n) for n in units)
        check_memory(max(drawn, copies * size * padded), f"A network of {layers} units")

    def _initialize(self, units: list[int], dtype: Any) -> None:
        """Draw the parameters and forget the last fit."""
        self.n_iter_ = 0
        self.t_ = 0
        activations = self._activations(len(units) - 2)
        # scikit-learn's factor for the output layer is that of the hidden ones
        default = self.activation if isinstance(self.activation, str) else "relu"
        activations.append(activations[-1] if activations else default)
        drawn = initialize(self.init, units, activations, self._random_state, dtype)
        self.coefs_: list[Array] = drawn.coefs
        self.intercepts_: list[Array] = drawn.intercepts
        self._forget_average()
        self.history_ = {}
        if self.solver != "lbfgs":
            self.loss_curve_ = []
            self._reset_progress()

    def _reset_progress(self) -> None:
        """Set what early stopping, or the loss without it, is compared with."""
        self._goal = goal(self)
        self.__dict__.pop("best_epoch_", None)  # another goal's
        early = self._stops_early()
        self._no_improvement_count = 0
        self.best_loss_: float | None = None if early else np.inf
        self.validation_scores_: list[float] | None = [] if early else None
        self.best_validation_score_: float | None = -self._goal.sign * np.inf if early else None

    def _copy_parameters(self, units: list[int], dtype: Any) -> None:
        """Copy the parameters, so that nobody else's arrays are trained, and their average."""
        start = Parameters.checked(self.coefs_, self.intercepts_, units).cast(dtype).copy()
        start.check_finite()
        self.coefs_, self.intercepts_ = start.coefs, start.intercepts
        if self.ema_decay is None:
            self._forget_average()
            return
        mean = start
        if hasattr(self, "averaged_coefs_"):
            mean = Parameters.checked(self.averaged_coefs_, self.averaged_intercepts_, units)
        else:
            self.n_averaged_ = 0
        mean = mean.cast(dtype).copy()
        self.averaged_coefs_: list[Array] = mean.coefs
        self.averaged_intercepts_: list[Array] = mean.intercepts

    def _copy_records(self) -> None:
        """Copy what grows by the epoch."""
        self.history_ = {
            name: list(column) for name, column in getattr(self, "history_", {}).items()
        }
        for name in ("loss_curve_", "validation_scores_"):
            if getattr(self, name, None) is not None:
                setattr(self, name, list(getattr(self, name)))

    def _forget_average(self) -> None:
        for name in ("averaged_coefs_", "averaged_intercepts_", "n_averaged_"):
            self.__dict__.pop(name, None)

    def _new_engine(self, n_samples: int) -> Engine:
        parameters = Parameters(self.coefs_, self.intercepts_)
        average = None
        if self.ema_decay is not None:
            average = Parameters(self.averaged_coefs_, self.averaged_intercepts_)
        dropout = self._dropout_rates(self.n_layers_ - 2)
        return Engine(
            parameters,
            self._optimizer,
            average=average,
            averaged_steps=self.n_averaged_ if average is not None else 0,
            loss=self._engine_loss(),
            activations=self._activations(self.n_layers_ - 2),
            alpha=float(self.alpha),
            batch_size=self._batch_size(n_samples),
            momentum=float(self.momentum),
            nesterov=bool(self.nesterovs_momentum),
            beta_1=float(self.beta_1),
            beta_2=float(self.beta_2),
            epsilon=float(self.epsilon),
            weight_decay=float(self.weight_decay),
            clip_norm=float(self.clip_norm or 0.0),
            dropout=dropout,
            # drawn only if needed: scikit-learn draws nothing here
            seed=int(self._random_state.randint(2**31 - 1)) if any(dropout) else 0,
            ema_decay=float(self.ema_decay or 0.0),
            monitor=bool(self.monitor_gradients),
            n_threads=self._threads(),
            bf16=self._in_bf16(),
        )

    def _batch_size(self, n_samples: int) -> int:
        if self.batch_size == "auto" or self.solver == "lbfgs":
            return min(200, n_samples)
        batch_size = int(self.batch_size)
        if batch_size > n_samples:
            warn(
                "Got `batch_size` less than 1 or larger than sample size. It is going to be clipped"
            )
        return min(batch_size, n_samples)

    def _loss_grad_lbfgs(
        self, packed: Array, X: Array, y: Array, sample_weight: Array | None, *_buffers: Any
    ) -> tuple[float, Array]:
        """Loss and gradient at packed parameters, as scikit-learn's tests ask for them.

        ``y`` is binarized: (n_samples, n_outputs).
        """
        y = y.argmax(axis=1).astype(np.int32) if self.out_activation_ == "softmax" else y
        if y.ndim == 2:
            y = np.require(y, X.dtype, ENGINE_LAYOUT)
        engine = self._new_engine(len(X))
        return Objective(engine, Samples(X, y, sample_weight))(packed)
