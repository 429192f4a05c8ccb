"""Rounds of a fit whose samples lie in shards: each trains for itself, then the mean is taken.

A round is one pure function of each shard and one of their results, wherever they are computed:
from the same shards come the same bits. Local SGD, as in Stich, "Local SGD converges fast and
communicates little", ICLR 2019.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from .._network.parameters import Parameters
from .._system.arrays import Array, unwatched


@dataclass
class State:
    """What a round starts from and ends with.

    Parameters
    ----------
    kept : list of Parameters
        The network's, and their moving average if there is one.
    moments : list of Parameters
        The optimizer's; empty for zeros.
    steps, averaged_steps : int
        Mini-batches that the optimizer has done, and that the average has followed.
    """

    kept: list[Parameters]
    moments: list[Parameters]
    steps: int = 0
    averaged_steps: int = 0

    def arrays(self) -> list[Array]:
        """All arrays, in a fixed order."""
        return [a for p in (*self.kept, *self.moments) for a in (*p.coefs, *p.intercepts)]

    def __sizeof__(self) -> int:
        """Count the arrays' bytes, by which a scheduler decides what to move."""
        return object.__sizeof__(self) + sum(a.nbytes for a in self.arrays())


class Round(NamedTuple):
    """Which of an epoch's mini-batches a round trains on, and how.

    Parameters
    ----------
    epoch : int
        Epochs of this fit before it.
    number, n_rounds : int
        It is the epoch's `number`-th, from 0, out of `n_rounds`: each shard's mini-batches are
        shared out evenly.
    learning_rate : float
    forgets : bool
        Do the optimizer's moments start from zeros?
    """

    epoch: int
    number: int
    n_rounds: int
    learning_rate: float
    forgets: bool = False

    def rows(self, n_rows: int, batch_size: int) -> slice:
        """Tell which of a shard's rows, in the epoch's order, are its: whole mini-batches."""
        n_steps = -(-n_rows // batch_size)
        first, last = (k * n_steps // self.n_rounds for k in (self.number, self.number + 1))
        return slice(first * batch_size, last * batch_size)


@dataclass
class Ended:
    """A round's end: of one shard, or of all.

    Parameters
    ----------
    state : State
    loss, accuracy : float
        Means over the round's mini-batches.
    n_rows : int
        Rows passed.
    weight : float
        Sum of the rows' weights, by which a mean of several weighs it.
    """

    state: State
    loss: float
    accuracy: float
    n_rows: int
    weight: float

    def __sizeof__(self) -> int:
        return self.state.__sizeof__()


def mean(ends: Sequence[Ended]) -> Ended:
    """Average what the shards have come to in a round, each by its rows' weights.

    Of one shard it is that itself, to the bit. The sums are taken in float64 and in the shards'
    order.

    Parameters
    ----------
    ends : sequence of Ended

    Returns
    -------
    Ended
        If a loss is not finite, with that loss, and the state is of no use.
    """
    moved = [end for end in ends if end.n_rows]
    lost = [end for end in moved if not np.isfinite(end.loss)]
    if lost or len(moved) == 1:
        return (lost or moved)[0]
    weights = [end.weight for end in moved]
    if not any(weights):
        weights = [float(end.n_rows) for end in moved]
    states = [end.state for end in moved]
    average = State(
        _mean_of([state.kept for state in states], weights),
        _mean_of([state.moments for state in states], weights),
        max(state.steps for state in states),
        max(state.averaged_steps for state in states),
    )
    loss, accuracy = means_of(moved)
    return Ended(average, loss, accuracy, sum(end.n_rows for end in moved), sum(weights))


def means_of(ends: Sequence[Ended]) -> tuple[float, float]:
    """Loss, by rows as within an epoch, and accuracy, by weights, of several rounds or shards."""
    if len(ends) == 1:
        return ends[0].loss, ends[0].accuracy
    n_rows, weight = sum(end.n_rows for end in ends), sum(end.weight for end in ends)
    loss = sum(end.loss * end.n_rows for end in ends) / n_rows
    return loss, sum(end.accuracy * end.weight for end in ends) / weight if weight else 0.0


def _mean_of(several: Sequence[list[Parameters]], weights: Sequence[float]) -> list[Parameters]:
    return [
        Parameters(
            [_mean([p.coefs[layer] for p in ps], weights) for layer in range(len(ps[0].coefs))],
            [
                _mean([p.intercepts[layer] for p in ps], weights)
                for layer in range(len(ps[0].coefs))
            ],
        )
        for ps in zip(*several, strict=True)
    ]


def _mean(arrays: Sequence[Array], weights: Sequence[float]) -> Array:
    """Mean of arrays of one shape; equal weights are not multiplied in, which would round."""
    alike = len(set(weights)) == 1
    total = np.zeros(arrays[0].shape)
    with unwatched():
        for array, weight in zip(arrays, weights, strict=True):
            total += array if alike else array * np.float64(weight)
        total /= len(arrays) if alike else sum(weights)
        result: Array = total.astype(arrays[0].dtype)
    return result
