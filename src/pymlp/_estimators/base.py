"""What classifier and regressor share: the course of a fit."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from typing import Any, Self

import numpy as np
from sklearn.callback import CallbackSupportMixin
from sklearn.utils import check_random_state

from .._core import Loss
from .._data.samples import Given, Samples
from .._data.validation import arithmetic_type
from .._fit.engine import Engine
from .._fit.epochs import run_epochs
from .._fit.fit import Fit, Limits
from .._fit.lbfgs import Objective, run_lbfgs
from .._fit.observer import Observer
from .._fit.optimizer import N_MOMENTS, Optimizer
from .._fit.progress import Progress
from .._fit.records import ATTRIBUTES, Records
from .._fit.scoring import Validation, hold_out, score_of
from .._network.initializers import initialize
from .._network.parameters import Parameters
from .._resume.checkpoint import Checkpoint, Resumable, resumable
from .._resume.fingerprint import fingerprint
from .._system.arrays import ENGINE_LAYOUT, Array
from .._system.memory import check_memory
from .._system.messages import warn
from .inputs import LabelledInput
from .tasks import DURING_FIT, Tasks


class BaseMLP(CallbackSupportMixin, LabelledInput, ABC):
    """Base of the estimators; use `MLPClassifier` or `MLPRegressor`."""

    history_: dict[str, list[float]]
    loss_curve_: list[float]

    @abstractmethod
    def _engine_loss(self) -> Loss:
        """The engine's loss."""

    # --- the course of a fit ---------------------------------------------------------------------

    def _fit(
        self,
        given: Given,
        given_val: Given | None = None,
        *,
        resume: str | os.PathLike[str] | Checkpoint | None = None,
        incremental: bool = False,
    ) -> Self:
        """Validate, initialise, split, run the epochs, keep the best.

        Parameters
        ----------
        given : Given
            The training set.
        given_val : Given or None, default=None
            The validation set.
        resume : str, path-like, Checkpoint or None, default=None
        incremental : bool, default=False
            One epoch only, as ``partial_fit`` does; the callbacks do not hear of it.
        """
        with self._all_or_nothing(), resumable(resume, self.solver) as checkpoint:
            self._check_call(incremental=incremental)
            context = None if incremental else self._init_callback_context("fit", 0, self.max_iter)
            tasks = Tasks(self, given, context if hasattr(self, "_skl_callbacks") else None)

            is_first = not hasattr(self, "coefs_") or not (self.warm_start or incremental)
            train, plain, dtype = self._prepared(given, is_first=is_first, incremental=incremental)
            self._seed(checkpoint)
            units = [train.X.shape[1], *self._hidden_units(), self.n_outputs_]
            records = self._start(units, dtype, is_first=is_first, incremental=incremental)
            rows, validation = self._split(train, plain, given, given_val)
            fit = self._new_fit(train, rows, validation, records, incremental=incremental)
            if checkpoint is not None:
                checkpoint.begin(fit, self._fingerprint(fit))
            records.begin()
            self._publish(records)

            tasks.begin_fit()
            if checkpoint is not None:
                checkpoint.restore_callbacks(tasks.callbacks())
            run = run_lbfgs if self.solver == "lbfgs" else run_epochs
            with self._progress(fit, may_be_live=not tasks.draw_progress) as progress:
                observers = [_Publisher(self), progress, tasks]
                observers += [] if checkpoint is None else [checkpoint]
                try:
                    run(fit, observers)
                except KeyboardInterrupt:
                    records.drop_uncounted()
                    fit.remark("Training interrupted by user.")
                    if self.solver != "lbfgs":  # there the engine may be amid a line search
                        fit.engine.keep()
            fit.finish()
            self._publish(records)
            tasks.end_fit()
        for remark in fit.remarks:  # the model is kept where one of them is made an error
            warn(remark.message, remark.category)
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

    def _check_call(self, *, incremental: bool) -> None:
        if incremental:
            self._validate_changed_params()
        self._check_options()
        if incremental and self.early_stopping:
            raise ValueError("partial_fit does not support early_stopping=True")

    def _publish(self, records: Records) -> None:
        """Set the fitted attributes that count and measure."""
        for name in ATTRIBUTES:
            self.__dict__.pop(name, None)
        self.__dict__.update(records.attributes())

    # --- validate --------------------------------------------------------------------------------

    def _prepared(
        self, given: Given, *, is_first: bool, incremental: bool
    ) -> tuple[Samples, Samples, Any]:
        """`_training_set`, and the type of the arithmetic; set what the outputs are."""
        hidden = self._hidden_units()
        types = self._arithmetic_types()
        if not is_first and self.precision is None:
            types = [self._fitted_parameters().coefs[0].dtype]  # a model keeps its type
        if is_first and isinstance(given.X, np.ndarray) and given.X.ndim == 2:
            self._check_memory([given.X.shape[1], *hidden, 1])  # before all of X is looked at
        train, plain = self._training_set(given, types, reset=is_first, incremental=incremental)
        self.n_outputs_ = self._target.n_outputs
        self.n_layers_ = len(hidden) + 2
        self.out_activation_ = self._engine_loss().output
        return train, plain, arithmetic_type(train.X, types)

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

    # --- initialise ------------------------------------------------------------------------------

    def _seed(self, checkpoint: Resumable | None) -> None:
        self._random_state = check_random_state(self.random_state)
        if checkpoint is not None:
            checkpoint.seed(self._random_state)

    def _start(self, units: list[int], dtype: Any, *, is_first: bool, incremental: bool) -> Records:
        """Draw the parameters, or copy those of the last fit, and what goes on from it."""
        if is_first:
            self._check_memory(units)
            self._draw(units, dtype)
            records = Records()
        else:
            records = Records.of_attributes(self.__dict__)
            records.n_iter = 0
            if not self._stops_early():
                records.best_epoch = None  # a callback's
        if self.solver != "lbfgs":
            goal = self._followed(self._target.score_column)
            if records.goal != goal:  # another one than in the last fit
                records.follow(goal, early_stopping=self._stops_early())
            if records.loss_curve is None:
                records.loss_curve = []
        self._copy_parameters(units, dtype)
        if self.ema_decay is None:
            records.n_averaged = None
        elif records.n_averaged is None:
            records.n_averaged = 0
        self._start_optimizer(is_first=is_first, incremental=incremental)
        return records

    def _start_optimizer(self, *, is_first: bool, incremental: bool) -> None:
        optimizer = None
        if incremental or (self.warm_start == "full" and not is_first):
            optimizer = getattr(self, "_optimizer", None)
        rates = self.learning_rate_init, self.learning_rate, self.power_t
        if optimizer is None or not optimizer.matches(self.solver, self.coefs_):
            optimizer = self._new_optimizer()
        # scikit-learn's partial_fit keeps the rates of its first call
        self._optimizer = optimizer.continued(
            self.coefs_[0].dtype, rates=None if incremental else rates, is_pickled=incremental
        )

    def _draw(self, units: list[int], dtype: Any) -> None:
        """Draw the parameters and forget the last fit."""
        activations = self._activations(len(units) - 2)
        # scikit-learn's factor for the output layer is that of the hidden ones
        default = self.activation if isinstance(self.activation, str) else "relu"
        activations.append(activations[-1] if activations else default)
        drawn = initialize(self.init, units, activations, self._random_state, dtype)
        self.coefs_: list[Array] = drawn.coefs
        self.intercepts_: list[Array] = drawn.intercepts
        self._forget_average()

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
        mean = mean.cast(dtype).copy()
        self.averaged_coefs_: list[Array] = mean.coefs
        self.averaged_intercepts_: list[Array] = mean.intercepts

    def _forget_average(self) -> None:
        for name in ("averaged_coefs_", "averaged_intercepts_"):
            self.__dict__.pop(name, None)

    # --- split -----------------------------------------------------------------------------------

    def _split(
        self, train: Samples, plain: Samples, given: Given, given_val: Given | None
    ) -> tuple[Array, Validation | None]:
        """Rows to train on, and the validation set: the one that was given, or some of the rows."""
        rows = np.arange(train.X.shape[0], dtype=np.int64)
        has_scorer = self.scoring is not None and self.scoring != "loss"
        if given_val is not None:
            samples = self._validation_set(given_val, self.coefs_[0].dtype)
            score = None
            if has_scorer:
                score = score_of(self, self.scoring, self._asked(given_val, samples.weight))
            return rows, Validation(samples, self._target, score=score)
        if not self._stops_early():
            return rows, None
        strata = self._target.strata(train.y)
        fraction = self.validation_fraction
        rows, held_out = hold_out(rows, train.weight, strata, fraction, self._random_state)
        score = None
        if has_scorer:  # only for it are rows copied
            score = score_of(self, self.scoring, self._asked(given, plain.weight, held_out))
        # weighed as a person would who scores these rows: without their classes' weights
        return rows, Validation(plain, self._target, held_out, score)

    # --- epochs ----------------------------------------------------------------------------------

    def _new_fit(
        self,
        train: Samples,
        rows: Array,
        validation: Validation | None,
        records: Records,
        *,
        incremental: bool,
    ) -> Fit:
        engine = self._new_engine(len(rows), records.n_averaged or 0)
        limits = Limits(
            max_iter=1 if incremental else self.max_iter,
            tol=self.tol,
            n_iter_no_change=self.n_iter_no_change,
            max_fun=self.max_fun,
            n_planned=self.max_iter + (0 if incremental else self._optimizer.epochs),
            warns=not incremental,
            verbose=bool(self.verbose),
        )
        return Fit(
            engine=engine,
            target=self._target,
            train=train,
            rows=rows,
            validation=validation,
            best=[p.copy() for p in engine.kept()] if self._stops_early() else None,
            records=records,
            random_state=self._random_state,
            limits=limits,
            shuffle=bool(self.shuffle),
            monitors=bool(self.monitor_gradients),
        )

    def _new_engine(self, n_samples: int, averaged_steps: int) -> Engine:
        average = None
        if self.ema_decay is not None:
            average = Parameters(self.averaged_coefs_, self.averaged_intercepts_)
        dropout = self._dropout_rates(self.n_layers_ - 2)
        return Engine(
            Parameters(self.coefs_, self.intercepts_),
            self._optimizer,
            average=average,
            averaged_steps=averaged_steps,
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

    def _progress(self, fit: Fit, *, may_be_live: bool) -> Progress:
        return Progress(
            "iteration" if self.solver == "lbfgs" else "epoch",
            fit.limits.max_iter,
            verbose=self.verbose,
            first=fit.records.n_iter,
            may_be_live=may_be_live,
        )

    def _fingerprint(self, fit: Fit) -> dict[str, str]:
        """What a checkpoint knows the fit by."""
        parameters = self.get_params(deep=False) | {"hidden_layer_sizes": self._hidden_units()}
        classes = getattr(self, "classes_", None)
        return fingerprint(type(self).__name__, parameters, classes, fit)

    # --- the learning rate -----------------------------------------------------------------------

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

    def _loss_grad_lbfgs(
        self, packed: Array, X: Array, y: Array, sample_weight: Array | None, *_buffers: Any
    ) -> tuple[float, Array]:
        """Loss and gradient at packed parameters, as scikit-learn's tests ask for them.

        ``y`` is binarized: (n_samples, n_outputs).
        """
        y = y.argmax(axis=1).astype(np.int32) if self.out_activation_ == "softmax" else y
        if y.ndim == 2:
            y = np.require(y, X.dtype, ENGINE_LAYOUT)
        engine = self._new_engine(len(X), 0)
        return Objective(engine, Samples(X, y, sample_weight))(packed)


class _Publisher(Observer):
    """Lets the estimator, and whoever looks at it, know what the epoch has brought."""

    def __init__(self, estimator: BaseMLP) -> None:
        self._estimator = estimator

    def end_epoch(self, fit: Fit) -> bool:
        self._estimator.__dict__.update(fit.records.attributes())
        return False
