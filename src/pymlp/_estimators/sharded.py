"""A fit whose samples lie in shards elsewhere: the estimator's part of it, which sees none."""

from __future__ import annotations

import os
from abc import abstractmethod
from numbers import Integral, Real
from typing import Any, NamedTuple, Protocol, Self

import numpy as np
from sklearn.utils._param_validation import Interval

from .._data.samples import Given, Samples
from .._fit.engine import Engine
from .._fit.fit import Fit
from .._fit.records import Records
from .._fit.sharded import OuterStep, ShardedEngine, ShardedValidation
from .._fit.sharded import Shards as Trained
from .._fit.validation import Validation
from .._network.parameters import Parameters
from .._resume.checkpoint import Checkpoint, Resumable
from .._resume.fingerprint import fingerprint
from .._system.arrays import Array
from .._system.params import one_of
from .base import BaseMLP
from .described import Facts, balanced_by_class, representative
from .shards import settled
from .tasks import Tasks

CONSTRAINTS: dict[str, Any] = {  # of the parameters that the local estimators lack
    "client": "no_validation",  # fit says more
    "n_shards": [None, Interval(Integral, 1, None, closed="left")],
    "sync_every": [Interval(Integral, 1, None, closed="left")],
    "moments": [one_of("average", "reset")],
    "outer_learning_rate": [Interval(Real, 0, None, closed="neither")],
    "outer_momentum": [Interval(Real, 0, 1, closed="left")],
    "max_retries": [Interval(Integral, 0, None, closed="left")],
}


class Sizes(NamedTuple):
    """Rows of each shard: all of them, and those that are trained on and held out."""

    n_rows: list[int]
    n_trained: list[int]
    n_held_out: list[int]


class Shards(Trained, Protocol):
    """Samples in shards, as a fit asks for them."""

    facts: Facts  # of all samples
    facts_val: Facts | None  # of the validation set, if one is given
    n_shards: int

    def place(
        self, template: Any, dtype: Any, draws: list[dict[str, Any]], fraction: float
    ) -> Sizes:
        """Make the shards.

        Parameters
        ----------
        template : MLPClassifier or MLPRegressor
            What the fit has settled, without weights.
        dtype : dtype
            Of the arithmetic.
        draws : list of dict
            State of each shard's RandomState.
        fraction : float
            Of a shard's rows to hold out for validation.
        """

    def identity(self) -> dict[str, str]:
        """What a checkpoint knows the samples by."""


class ShardedFit(BaseMLP):
    """The part of an estimator on a cluster that knows how a fit begins and what it keeps."""

    n_shards: int | None
    sync_every: int
    moments: str
    outer_learning_rate: float
    outer_momentum: float
    max_retries: int
    n_shards_: int
    shard_sizes_: list[int]
    n_rounds_: int

    _shards: Shards

    @classmethod
    @abstractmethod
    def _local(cls) -> type[BaseMLP]:
        """The estimator that does the same on one machine."""

    def to_local(self) -> Any:
        """Make the estimator of one machine that this one has become.

        Returns
        -------
        MLPClassifier or MLPRegressor
            With the same parameters, weights and records; the arrays are shared.
        """
        local = self._local()
        own = {*CONSTRAINTS, "n_shards_", "shard_sizes_", "n_rounds_", "client_"}
        made = local.__new__(local)
        made.__dict__.update({k: v for k, v in vars(self).items() if k not in own})
        return made

    def _fit_shards(
        self, shards: Shards, resume: str | os.PathLike[str] | Checkpoint | None
    ) -> Self:
        """Fit to samples that lie in shards.

        What a fit asks of its samples before the first epoch is asked of a few rows that are like
        all of them: of the same type, features, classes or targets.
        """
        self._shards = shards
        given_val = None if shards.facts_val is None else representative(shards.facts_val)
        try:
            return self._fit(representative(shards.facts), given_val, resume=resume)
        finally:
            self.__dict__.pop("_shards", None)

    def _check_options(self) -> None:
        super()._check_options()
        if self.solver == "lbfgs":
            raise ValueError(
                "The 'solver' parameter must be a stochastic one: shards are trained by "
                "mini-batches. Got 'lbfgs' instead."
            )
        if self.scoring not in (None, "loss"):
            raise ValueError(
                "The 'scoring' parameter must be None or 'loss': a scorer needs all of the "
                f"validation set in one place. Got {self.scoring!r} instead."
            )
        if self.monitor_gradients:
            raise ValueError(
                "The 'monitor_gradients' parameter must be False: each shard has gradients of its "
                "own. Got True instead."
            )

    def _split(
        self,
        train: Samples,  # noqa: ARG002
        plain: Samples,  # noqa: ARG002
        given: Given,  # noqa: ARG002
        given_val: Given | None,
    ) -> tuple[Array | range, Validation | None]:
        dtype = self.coefs_[0].dtype
        if given_val is not None:
            self._validation_set(given_val, dtype)  # are its classes known?
        holds_out = self._stops_early() and given_val is None
        if holds_out and self.validation_fraction == 0:
            raise ValueError(
                "early_stopping=True needs validation_fraction > 0 or a validation set (X_val)."
            )
        fraction = self.validation_fraction if holds_out else 0.0
        draws = self._draws(self._shards.n_shards)
        sizes = self._shards.place(self._settled(), dtype, draws, fraction)
        self.n_shards_, self.shard_sizes_ = len(sizes.n_rows), sizes.n_rows
        self._batch_size(min(sizes.n_trained))  # warns of one that is clipped
        asked = 200 if self.batch_size == "auto" else int(self.batch_size)
        n_steps = max(-(-n // asked) for n in sizes.n_trained)
        self._n_rounds = -(-n_steps // min(self.sync_every, n_steps))
        plain_mean = self._outer_step().is_plain and self.moments == "average"
        if self.n_shards_ == 1 and plain_mean:
            self._n_rounds = 1  # the mean of one is that
        validation = None
        if holds_out or given_val is not None:
            validation = ShardedValidation.of(self._shards, self._target)
        return range(sum(sizes.n_trained)), validation

    def _settled(self) -> Any:
        """What a shard needs to know of the fit."""
        made = settled(self.to_local())
        if getattr(made, "class_weight", None) == "balanced":
            made.class_weight = balanced_by_class(self._shards.facts, made._target)
        return made

    def _draws(self, n_shards: int) -> list[dict[str, Any]]:
        """What each shard draws from: the first from what a local fit would go on with."""
        first = self._random_state.get_state(legacy=False)
        seeds = self._random_state.randint(2**31 - 1, size=n_shards)
        others = [np.random.RandomState(seed) for seed in seeds[1:]]
        return [first, *(other.get_state(legacy=False) for other in others)]

    def _outer_step(self) -> OuterStep:
        return OuterStep(float(self.outer_learning_rate), float(self.outer_momentum))

    def _new_engine(self, n_samples: int, averaged_steps: int, seed: int) -> Engine:  # noqa: ARG002
        return ShardedEngine(
            Parameters(self.coefs_, self.intercepts_),
            self._optimizer,
            average=self._average(),
            averaged_steps=averaged_steps,
            shards=self._shards,
            n_rounds=self.__dict__.pop("_n_rounds"),
            forgets=self.moments == "reset",
            outer=self._outer_step(),
        )

    def _new_fit(
        self,
        train: Samples,
        rows: Array | range,
        validation: Validation | None,
        records: Records,
        *,
        incremental: bool,
    ) -> Fit:
        fit = super()._new_fit(train, rows, validation, records, incremental=incremental)
        assert isinstance(fit.engine, ShardedEngine)
        fit.shuffle = False  # the shards do
        fit.engine.records = records
        return fit

    def _train(self, fit: Fit, tasks: Tasks, checkpoint: Resumable | None) -> None:
        engine = fit.engine
        assert isinstance(engine, ShardedEngine)
        if checkpoint is not None:
            engine.after_round = lambda: checkpoint.settle_round(fit)
        super()._train(fit, tasks, checkpoint)
        self.n_rounds_ = engine.n_rounds_done

    def _fingerprint(self, fit: Fit) -> dict[str, str]:
        parameters = self.get_params(deep=False) | {"hidden_layer_sizes": self._hidden_units()}
        for name in ("client", "n_shards", "max_retries"):
            parameters.pop(name)
        classes = getattr(self, "classes_", None)
        parts = fingerprint(type(self).__name__, parameters, classes, fit)
        return parts | self._shards.identity()
