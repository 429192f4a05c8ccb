"""How a fit starts: the network and its optimizer, drawn or taken over from the last one."""

from __future__ import annotations

from abc import ABC, abstractmethod
from itertools import pairwise
from typing import Any

import numpy as np
from sklearn.utils import check_random_state

from .._core import Loss
from .._data.checks import arithmetic_type
from .._data.samples import Given, Samples
from .._fit.engine import Engine
from .._fit.optimizer import N_MOMENTS, Optimizer
from .._fit.records import Records
from .._network.initializers import initialize
from .._network.parameters import Parameters
from .._resume.checkpoint import Resumable
from .._system.arrays import Array
from .._system.memory import check_memory
from .._system.messages import warn
from .inputs import LabelledInput


class StartOfFit(LabelledInput, ABC):
    """The part of the estimators that a fit begins with."""

    @abstractmethod
    def _engine_loss(self) -> Loss:
        """The engine's loss."""

    # --- validate --------------------------------------------------------------------------------

    def _prepared(
        self, given: Given, *, is_first: bool, incremental: bool
    ) -> tuple[Samples, Samples, Any]:
        """Check the training set, and set what the outputs are.

        Returns it with and without its classes' weights, and the type of the arithmetic.
        """
        hidden = self._hidden_units()
        types = self._arithmetic_types(is_first=is_first)
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

    def _average(self) -> Parameters | None:
        """The moving average of the parameters, if one is kept."""
        if self.ema_decay is None:
            return None
        return Parameters(self.averaged_coefs_, self.averaged_intercepts_)

    def _drawn_seed(self, random_state: np.random.RandomState) -> int:
        """Draw the seed of the dropout, only if it is needed: scikit-learn draws nothing here."""
        has_dropout = any(self._dropout_rates(self.n_layers_ - 2))
        return int(random_state.randint(2**31 - 1)) if has_dropout else 0

    def _new_engine(self, n_samples: int, averaged_steps: int, seed: int) -> Engine:
        return Engine(
            Parameters(self.coefs_, self.intercepts_),
            self._optimizer,
            average=self._average(),
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
            dropout=self._dropout_rates(self.n_layers_ - 2),
            seed=seed,
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
        optimizer = self._stochastic_optimizer()
        optimizer.set_learning_rate(value)
        self._optimizer = optimizer

    def _stochastic_optimizer(self) -> Optimizer:
        """The one with which the next step begins."""
        if self.solver == "lbfgs":
            raise AttributeError("solver='lbfgs' has no learning rate.")
        optimizer: Optimizer | None = getattr(self, "_optimizer", None)
        if optimizer is None or optimizer.solver != self.solver:
            return self._new_optimizer()
        return optimizer

    def _new_optimizer(self) -> Optimizer:
        return Optimizer(self.solver, self.learning_rate_init, self.learning_rate, self.power_t)
