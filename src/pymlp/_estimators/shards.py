"""A shard of a fit's samples, where it lies: its parts joined, trained on and measured."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from scipy import sparse

from .._data.checks import converted
from .._data.samples import Given, Samples
from .._fit.rounds import Ended, Round, State
from .._fit.sharded import Evaluated
from .._fit.validation import hold_out
from .._network.parameters import Parameters
from .._system.arrays import Array, unwatched
from .described import Facts

# what a fit has settled before the first epoch, beside the parameters
SETTLED = ("_target", "classes_", "n_outputs_", "n_layers_", "out_activation_", "n_features_in_")


@dataclass
class Shard:
    """Samples of a fit, checked and encoded, with all that the fit has settled.

    Parameters
    ----------
    template : MLPClassifier or MLPRegressor
        What the fit's estimator is before its first epoch, without weights.
    samples : Samples
        `weight` is that of the training, with the classes' weights.
    plain : ndarray or None
        Weights without those of the classes, as validation takes them.
    """

    template: Any
    samples: Samples
    plain: Array | None = None
    rows: Array = field(default_factory=lambda: np.empty(0, np.int64))
    held_out: Array | None = None
    seed: int = 0
    n_filled: int = 0
    _order: tuple[int, Array, dict[str, Any]] | None = None  # of an epoch; and what draws the next
    _begin: dict[str, Any] = field(default_factory=dict)

    def __sizeof__(self) -> int:
        X = self.samples.X
        arrays = [X.data, X.indices, X.indptr] if sparse.issparse(X) else [X]
        arrays += [self.samples.y, self.samples.weight, self.plain, self.rows, self.held_out]
        return int(object.__sizeof__(self) + sum(a.nbytes for a in arrays if a is not None))

    def __getstate__(self) -> dict[str, Any]:
        return vars(self) | {"_order": None}

    def train(self, state: State, what: Round, n_threads: int | None) -> Ended:
        """Train on a round's mini-batches from a state, which stays as it is.

        Parameters
        ----------
        state : State
        what : Round
        n_threads : int or None
            Unless the estimator says how many.
        """
        if what.forgets:
            state = State(state.kept, [], 0, state.averaged_steps)
        order = self._order_of(what.epoch)
        batch_size = self.template._batch_size(len(order))
        rows = order[what.rows(len(order), batch_size)]
        if not len(rows):
            return Ended(state, 0.0, 0.0, 0, 0.0)
        seed = self.seed
        if what.forgets:  # masks are drawn by the step, of which each round has the same
            seed = (seed + 7919 * (what.epoch * what.n_rounds + what.number)) % (2**31 - 1)
        engine = self._engine(state, seed, n_threads)
        loss, accuracy = engine.run_epoch(self.samples, rows, what.learning_rate)
        weight = self.samples.weight
        total = len(rows) if weight is None else weight[rows].sum(dtype=np.float64)
        found = State(engine.kept(), engine.moments(), engine.steps, engine.averaged_steps)
        return Ended(found, loss, accuracy, len(rows), float(total))

    def evaluate(self, kept: list[Parameters], n_threads: int | None) -> Evaluated:
        """Measure a network on the rows that are held out, or without such on all."""
        engine = self._engine(State(kept, []), 0, n_threads)
        samples, rows = self.samples._replace(weight=self.plain), self.held_out
        loss, accuracy = engine.evaluate(samples, rows)
        y, weight = (
            a if rows is None or a is None else a[rows] for a in (samples.y, samples.weight)
        )
        n_rows = samples.X.shape[0] if rows is None else len(rows)
        total = float(n_rows if weight is None else weight.sum(dtype=np.float64))
        if hasattr(self.template, "classes_"):
            return Evaluated(loss, accuracy, total)
        return Evaluated(loss, accuracy, total, y, engine.predict(samples.X, rows), weight)

    def _engine(self, state: State, seed: int, n_threads: int | None) -> Any:
        """A trainer of its own, with copies of what the state holds."""
        blank = copy(self.template)
        blank._optimizer = blank._new_optimizer()
        est = with_state(blank, state)
        est.n_threads = est.n_threads or n_threads
        n_rows = len(self.rows) or self.samples.X.shape[0]
        return est._new_engine(n_rows, state.averaged_steps, seed)

    def _order_of(self, epoch: int) -> Array:
        """Rows in an epoch's order: what that many shuffles make of them.

        The last one is kept, so that a round costs none or one; a shard that was lost repeats them.
        """
        if not self.template.shuffle:
            return self.rows
        known = self._order  # taken at once, for another thread may train on this shard, too
        if known is None or known[0] > epoch:
            known = -1, self.rows, self._begin
        done, order, drawn = known
        random_state = np.random.RandomState()
        random_state.set_state(drawn)
        for _ in range(epoch - done):
            order = random_state.permutation(order)
        self._order = epoch, order, random_state.get_state(legacy=False)
        return order

    # --- how it is made --------------------------------------------------------------------------

    def fill(self, part: Given) -> Shard:
        """Encode the next part and put it into the rows after those that have been filled."""
        encoded, plain = _encoded(self.template, part, self.samples.y.dtype, self.samples.weight)
        rows = slice(self.n_filled, self.n_filled + len(encoded.y))
        if not self.samples.y.flags.writeable:  # it has been elsewhere meanwhile
            X, y, weight = self.samples
            self.samples = Samples(np.array(X), np.array(y), _copied(weight))
            self.plain = _copied(self.plain)
        self.samples.X[rows], self.samples.y[rows] = encoded.X, encoded.y
        if self.samples.weight is not None:
            self.samples.weight[rows] = encoded.weight
        if self.plain is not None:
            self.plain[rows] = plain
        made = copy(self)
        made.n_filled = rows.stop
        return made

    def begin(self, draws: dict[str, Any], fraction: float) -> Shard:
        """Choose the rows that are trained on, and draw what a fit draws before its first epoch.

        Parameters
        ----------
        draws : dict
            State of the RandomState.
        fraction : float
            Of the rows to hold out for validation.
        """
        made = copy(self)
        random_state = np.random.RandomState()
        random_state.set_state(draws)
        n = self.samples.X.shape[0]
        made.rows = np.arange(n)
        if fraction:
            weights = self.samples.weight, self.plain
            strata = self.template._target.strata(self.samples.y)
            made.rows, made.held_out = hold_out(n, weights, strata, fraction, random_state)
        made.seed = self.template._drawn_seed(random_state)
        made._begin = random_state.get_state(legacy=False)
        made.template = copy(self.template)
        if made.template.batch_size != "auto":  # of which the client warns
            made.template.batch_size = min(int(made.template.batch_size), len(made.rows))
        return made


def settled(estimator: Any) -> Any:
    """Copy what a fit has settled before its first epoch, without weights and records.

    Parameters
    ----------
    estimator : MLPClassifier or MLPRegressor
    """
    made: Any = object.__new__(type(estimator))
    names = (*estimator._parameter_constraints, *SETTLED)
    made.__dict__.update({k: v for k, v in vars(estimator).items() if k in names})
    # which may be functions or generators, and are for the fit's beginning or the client
    own = {"random_state": None, "scoring": None, "learning_rate": "constant", "init": "sklearn"}
    made.__dict__.update(own)
    return made


def without_class_weight(template: Any) -> Any:
    """Copy what `settled` has made, for a validation set: classes weigh in the training only."""
    made = copy(template)
    if hasattr(made, "class_weight"):
        made.class_weight = None
    return made


def _copied(array: Array | None) -> Array | None:
    return None if array is None else array.copy()


def new_shard(template: Any, n_rows: int, dtype: Any, like: Facts) -> Shard:
    """Make room for a shard.

    Parameters
    ----------
    template : MLPClassifier or MLPRegressor
    n_rows : int
    dtype : dtype
        Of the arithmetic.
    like : Facts
        Of all samples: type and columns of X, and whether there are weights.
    """
    of_y, n_columns = _layout_of_y(template, dtype)
    y = np.empty((n_rows, *n_columns), of_y)
    has_weight = "sample_weight" in like.lengths
    weighs = has_weight or getattr(template, "class_weight", None) is not None
    X = np.empty((n_rows, like.shape[1]), like.dtype)
    weight, plain = (np.empty(n_rows, dtype) if has else None for has in (weighs, has_weight))
    return Shard(template, Samples(X, y, weight), plain)


def joined(template: Any, dtype: Any, parts: Sequence[Given]) -> Shard:
    """Make a shard of parts at once: of one that need not be copied, or of sparse ones."""
    of_y, _ = _layout_of_y(template, dtype)
    weighs = getattr(template, "class_weight", None) is not None or parts[0].weight is not None
    like = np.empty(0, dtype) if weighs else None
    encoded, plains = zip(*(_encoded(template, part, of_y, like) for part in parts), strict=True)
    X, y, weight = zip(*encoded, strict=True)
    stacked = X[0] if len(X) == 1 else sparse.vstack(X, "csr")
    weights = (None if w[0] is None else np.concatenate(w) for w in (weight, plains))
    trained, plain = weights
    return Shard(template, Samples(stacked, np.concatenate(y), trained), plain)


def _layout_of_y(template: Any, dtype: Any) -> tuple[Any, tuple[int, ...]]:
    """Type and columns of encoded targets."""
    target = template._target
    if not hasattr(template, "classes_"):
        return dtype, (target.n_outputs,)
    if target.family == "softmax":
        return np.int32, (len(target.groups) - 1,) if target.groups else ()
    return dtype, (target.n_outputs,)


def _encoded(
    template: Any, part: Given, of_y: Any, weight: Array | None
) -> tuple[Samples, Array | None]:
    """A part as the engine reads it, and its weights without those of the classes.

    Parameters
    ----------
    template : MLPClassifier or MLPRegressor
    part : Given
        As `checked` returns it.
    of_y : dtype
    weight : ndarray or None
        Of the type of the weights, if there are any.
    """
    template._target.check(part.y, "y")
    dtype = of_y if weight is None else weight.dtype
    y = template._encoded(part.y, of_y if np.dtype(of_y).kind == "f" else np.float64)
    plain = None if part.weight is None else np.asarray(part.weight)
    trained = plain
    if getattr(template, "class_weight", None) is not None:
        with unwatched():
            by_class = template._target.class_weights(template.class_weight, part.y)
            trained = by_class if plain is None else plain * by_class
    laid_out = (
        None if w is None else converted(w, dtype, "sample_weight") for w in (trained, plain)
    )
    weights, plain = laid_out
    return Samples(part.X, y, weights), plain


def state_of(estimator: Any) -> State:
    """Copy what an estimator that has weights would go on from."""
    weights = [estimator._fitted_parameters()]
    if hasattr(estimator, "averaged_coefs_"):
        weights.append(Parameters(estimator.averaged_coefs_, estimator.averaged_intercepts_))
    optimizer = estimator._optimizer
    moments = [moment.copy() for moment in optimizer.moments]
    n_averaged = getattr(estimator, "n_averaged_", 0)
    return State([p.copy() for p in weights], moments, optimizer.steps, n_averaged)


def with_state(estimator: Any, state: State) -> Any:
    """Copy an estimator with the weights of a state."""
    made = copy(estimator)
    parameters, *average = (p.copy() for p in state.kept)
    made.coefs_, made.intercepts_ = parameters.coefs, parameters.intercepts
    if average:
        made.averaged_coefs_, made.averaged_intercepts_ = average[0].coefs, average[0].intercepts
        made.n_averaged_ = state.averaged_steps
    made._optimizer = copy(estimator._optimizer)
    made._optimizer.moments, made._optimizer.steps = state.moments, state.steps
    return made
