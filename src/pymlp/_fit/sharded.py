"""The engine of a fit whose samples lie in shards: its epochs are rounds of theirs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np

from .._data.samples import Samples
from .._data.targets import Target
from .._network.parameters import Parameters
from .._system.arrays import Array, unwatched
from .engine import Engine
from .optimizer import Optimizer
from .records import Records
from .rounds import Ended, Round, State, means_of
from .validation import Validation


class Evaluated(NamedTuple):
    """A network measured on a shard of a validation set.

    Parameters
    ----------
    loss, accuracy : float
    weight : float
        Of the rows.
    y, outputs, weights : ndarray or None
        What they were, and what the network puts out, where a score needs all rows at once.
    """

    loss: float
    accuracy: float
    weight: float
    y: Array | None = None
    outputs: Array | None = None
    weights: Array | None = None


class Shards(Protocol):
    """Where the samples are, and who trains on them."""

    def train(self, state: State, what: Round) -> Ended:
        """Train on each shard from a state, and return the mean."""

    def evaluate(self, kept: list[Parameters]) -> Sequence[Evaluated]:
        """Measure a network on each shard of the validation set."""


class OuterStep(NamedTuple):
    """How far the network follows the mean of a round: Nesterov's momentum over rounds.

    As in Douillard et al., "DiLoCo: Distributed low-communication training of language models"
    (2023). With 1 and 0 the network is the mean.
    """

    learning_rate: float = 1.0
    momentum: float = 0.0

    @property
    def is_plain(self) -> bool:
        """Tell whether the mean is taken as it is."""
        return self.learning_rate == 1 and self.momentum == 0


class ShardedEngine(Engine):
    """Trains one network by rounds; between two of them it holds their last mean.

    Parameters
    ----------
    parameters, optimizer, average, averaged_steps
        As for `Engine`.
    shards : Shards
    n_rounds : int
        Of an epoch.
    forgets : bool
        Do the moments start from zeros in each round?
    outer : OuterStep
    """

    monitors = False

    def __init__(
        self,
        parameters: Parameters,
        optimizer: Optimizer,
        *,
        average: Parameters | None,
        averaged_steps: int,
        shards: Shards,
        n_rounds: int,
        forgets: bool,
        outer: OuterStep,
    ) -> None:
        self.parameters, self.average, self.optimizer = parameters, average, optimizer
        self.records = Records()  # of the fit, which counts its epochs
        self._shards, self._n_rounds, self._forgets = shards, n_rounds, forgets
        self._outer, self._velocity = outer, list[Array]()
        self.after_round: Callable[[], None] = lambda: None
        self._rejected = False
        self._ended: list[Ended] = []
        self.load(averaged_steps)

    def load(self, averaged_steps: int) -> None:
        """Start from what parameters, their average and the optimizer hold now."""
        optimizer = self.optimizer
        self._state = State(self.kept(), optimizer.moments, optimizer.steps, averaged_steps)

    def run_epoch(
        self,
        samples: Samples,  # noqa: ARG002
        order: Any,  # noqa: ARG002
        learning_rate: float,
    ) -> tuple[float, float]:
        """Train on all samples once; after a round that fails to be finite all is as before."""
        before = State([p.copy() for p in self.kept()], *self._rest())
        velocity = list(self._velocity)
        for number in range(len(self._ended), self._n_rounds):
            what = Round(self.records.n_iter, number, self._n_rounds, learning_rate, self._forgets)
            ended = self._shards.train(State(self.kept(), *self._rest()), what)
            if np.isfinite(ended.loss) and not self._follow(ended.state):
                ended.loss = np.inf
            if not np.isfinite(ended.loss):
                self._take(before)
                self._velocity, self._ended, self._rejected = velocity, [], True
                return ended.loss, ended.accuracy
            self._ended.append(_numbers_of(ended))
            if number + 1 < self._n_rounds:
                self.after_round()
        self._rejected = False
        result = means_of(self._ended)
        self._ended = []
        return result

    def _rest(self) -> tuple[list[Parameters], int, int]:
        return self._state.moments, self._state.steps, self._state.averaged_steps

    def _follow(self, found: State) -> bool:
        """Go on from a round's mean, or a step towards it, unless a number of it is not finite."""
        if not all(p.is_finite() for p in found.kept):
            return False
        if not self._outer.is_plain:
            found.kept[0], velocity = self._stepped(found.kept[0])
            if not found.kept[0].is_finite():
                return False
            self._velocity = velocity
        self._take(found)
        return True

    def _stepped(self, mean: Parameters) -> tuple[Parameters, list[Array]]:
        rate, momentum = self._outer
        old = [*self.parameters.coefs, *self.parameters.intercepts]
        velocity, new = [], []
        with unwatched():
            for k, (at, to) in enumerate(zip(old, [*mean.coefs, *mean.intercepts], strict=True)):
                way = at - to
                v = momentum * self._velocity[k] + way if self._velocity else way
                velocity.append(v)
                new.append((at - rate * (way + momentum * v)).astype(at.dtype))
        n = len(mean.coefs)
        return Parameters(new[:n], new[n:]), velocity

    def _take(self, state: State) -> None:
        for ours, found in zip(self.kept(), state.kept, strict=True):
            ours.assign(found)
        self._state = State(self.kept(), state.moments, state.steps, state.averaged_steps)

    @property
    def n_rounds_done(self) -> int:
        """Rounds of this fit."""
        return self.records.n_iter * self._n_rounds + len(self._ended)

    def monitored(self) -> dict[str, float]:
        """Tell nothing: `monitor_gradients` is not for shards."""
        return {}

    @property
    def averaged_steps(self) -> int:
        """Mini-batches that the average has followed."""
        return self._state.averaged_steps

    @property
    def steps(self) -> int:
        """Mini-batches that the optimizer has done."""
        return self._state.steps

    def moments(self) -> list[Parameters]:
        """Copy the optimizer's moments."""
        moments = self._state.moments
        if not moments:
            moments = self._new_moments(lambda *_: None)
            for array in State([], moments).arrays():
                array.fill(0)
        return [moment.copy() for moment in moments]

    def keep(self) -> bool:
        """Tell that the parameters are the last mean already."""
        return True

    def evaluate(self, samples: Samples, rows: Array | None = None) -> tuple[float, float]:
        raise NotImplementedError  # see ShardedValidation

    def close(self) -> None:
        """Write the optimizer's state back."""
        if not self._rejected:
            self.optimizer.moments, self.optimizer.steps = self.moments(), self.steps

    # --- amid an epoch, for a checkpoint ---------------------------------------------------------

    def under_way(self) -> tuple[dict[str, Any], dict[str, Array]]:
        """What of an epoch there is at the end of a round, and the outer step's velocity."""
        ended = [[e.loss, e.accuracy, e.n_rows, e.weight] for e in self._ended]
        return {"rounds": ended}, {f"velocity.{k}": v for k, v in enumerate(self._velocity)}

    def go_on(self, state: dict[str, Any], arrays: dict[str, Array]) -> None:
        """Take what `under_way` has told; the arrays are taken out."""
        rounds = [
            Ended(State([], []), float(loss), float(accuracy), int(n), float(weight))
            for loss, accuracy, n, weight in state["rounds"]
        ]
        if len(rounds) >= self._n_rounds:
            raise ValueError(f"it is of round {len(rounds)} of {self._n_rounds}")
        shapes = [a.shape for p in self.kept()[:1] for a in (*p.coefs, *p.intercepts)]
        velocity = [
            arrays.pop(f"velocity.{k}") for k in range(len(shapes)) if f"velocity.{k}" in arrays
        ]
        if velocity and [v.shape for v in velocity] != shapes:
            raise ValueError("its velocity is of another network")
        self._ended, self._velocity = rounds, velocity


def _numbers_of(ended: Ended) -> Ended:
    """A round's end without its state."""
    return Ended(State([], []), ended.loss, ended.accuracy, ended.n_rows, ended.weight)


class ShardedValidation(Validation):
    """A validation set in shards."""

    @classmethod
    def of(cls, shards: Shards, target: Target) -> ShardedValidation:
        """Make the validation set that some shards hold."""
        return cls(Samples(shards, np.empty(0)), target, np.empty(0, np.int64))

    def metrics(self, engine: Engine, loss: float) -> dict[str, float]:  # noqa: ARG002
        """Compute the columns of ``history_`` for the present network."""
        found = _Gathered(self.samples.X.evaluate(engine.kept()))
        return self.target.validation_metrics(found, found.samples(), None)


class _Gathered:
    """What the shards of a validation set have found, as one evaluator of all."""

    def __init__(self, found: Sequence[Evaluated]) -> None:
        self._found = found

    def samples(self) -> Samples:
        y, weight = (self._joined(name) for name in ("y", "weights"))
        return Samples(None, y, weight)  # type: ignore[arg-type] # labels need none

    def evaluate(self, samples: Samples, rows: Array | None) -> tuple[float, float]:  # noqa: ARG002
        found = self._found
        if len(found) == 1:
            return found[0].loss, found[0].accuracy
        total = sum(f.weight for f in found)
        loss, accuracy = (
            sum(value * f.weight for value, f in zip(values, found, strict=True) if f.weight)
            / total
            for values in ([f.loss for f in found], [f.accuracy for f in found])
        )
        return loss, accuracy

    def predict(self, X: Any, rows: Array | None) -> Array:  # noqa: ARG002
        outputs = self._joined("outputs")
        assert outputs is not None
        return outputs

    def _joined(self, name: str) -> Array | None:
        parts = [getattr(f, name) for f in self._found]
        return None if parts[0] is None else np.concatenate(parts)
