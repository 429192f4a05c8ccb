"""A round's two pure functions, for engines other than Dask: `train` on a shard, and `mean`."""

from __future__ import annotations

from typing import Any

import numpy as np

from .._data.samples import Given
from .._estimators.described import checked
from .._estimators.shards import Shard, joined, settled, state_of, with_state
from .._fit.rounds import Ended, Round, State
from .._fit.rounds import mean as _mean

__all__ = ["adopt", "mean", "shard", "start", "train"]


def start(estimator: Any) -> State:
    """Tell what the first round starts from.

    Parameters
    ----------
    estimator : MLPClassifier or MLPRegressor
        With weights: a call of ``partial_fit`` draws them.

    Returns
    -------
    State
        Weights and the optimizer's moments: arrays, which can be pickled.
    """
    return state_of(estimator)


def shard(estimator: Any, X: Any, y: Any, sample_weight: Any = None, *, seed: int = 0) -> Shard:
    """Make a shard of some samples, which stays where it is made.

    Parameters
    ----------
    estimator : MLPClassifier or MLPRegressor
        That of `start`.
    X : array-like of shape (n_samples, n_features)
        The shard's rows.
    y : array-like of shape (n_samples,) or (n_samples, n_outputs)
        Their labels or targets.
    sample_weight : array-like of shape (n_samples,), default=None
        Their weights.
    seed : int, default=0
        Of the rows' orders and the dropout; another one for each shard.

    Returns
    -------
    Shard

    Raises
    ------
    TypeError, ValueError
        If X, y or the weights are not what ``fit`` takes.
    """
    given, facts = checked(settled(estimator), Given(X, y, sample_weight))
    if facts.error is not None:
        raise facts.error
    made = joined(settled(estimator), estimator.coefs_[0].dtype, [given])
    return made.begin(np.random.RandomState(seed).get_state(legacy=False), 0.0)


def train(
    samples: Shard, state: State, epoch: int, number: int = 0, n_rounds: int = 1, *, rate: float
) -> Ended:
    """Train on a shard for a round: a pure function.

    Parameters
    ----------
    samples : Shard
    state : State
        That of `start`, or of the last round's mean.
    epoch : int
        From 0.
    number, n_rounds : int
        It is the epoch's `number`-th round, from 0, out of `n_rounds`.
    rate : float
        The learning rate.

    Returns
    -------
    Ended
        Its `state`, and the `loss`.
    """
    return samples.train(state, Round(epoch, number, n_rounds, rate), None)


def mean(*ends: Ended) -> Ended:
    """Average what the shards have come to, in this order: a pure function.

    Parameters
    ----------
    *ends : Ended

    Returns
    -------
    Ended
        Its `state` is what the next round starts from.
    """
    return _mean(ends)


def adopt(estimator: Any, state: State) -> Any:
    """Make an estimator of a state.

    Parameters
    ----------
    estimator : MLPClassifier or MLPRegressor
        That of `start`.
    state : State

    Returns
    -------
    MLPClassifier or MLPRegressor
        A copy with the state's weights.

    Examples
    --------
    >>> from pymlp import MLPClassifier
    >>> from pymlp.dask import rounds
    >>> from sklearn.datasets import load_digits
    >>> X, y = load_digits(return_X_y=True)
    >>> first = MLPClassifier((30,), batch_size=20, random_state=0)
    >>> first = first.partial_fit(X[:20] / 16, y[:20], classes=range(10))
    >>> shards = [rounds.shard(first, X[k::2] / 16, y[k::2], seed=k) for k in range(2)]
    >>> state = rounds.start(first)
    >>> for epoch in range(10):
    ...     state = rounds.mean(*(rounds.train(s, state, epoch, rate=0.01) for s in shards)).state
    >>> rounds.adopt(first, state).score(X / 16, y) > 0.95
    True
    """
    return with_state(estimator, state)
