"""The tasks of a fit: shards made and trained on, the mean of a round; each a pure function."""

from __future__ import annotations

import pickle
from typing import Any

from distributed import get_worker

from .._data.samples import Given
from .._estimators.described import Facts, checked
from .._estimators.shards import Shard
from .._fit.rounds import Ended, Round, State, mean
from .._fit.sharded import Evaluated
from .._network.parameters import Parameters
from ._client import ending_if_unwanted, threads_of_shard

PART_BYTES = 8_000_000  # of a message to the scheduler, which warns above 10 MB


def check_part(estimator: Any, hashes: bool, *rows: Any) -> tuple[Given, Facts]:
    """Check a part: X, y and maybe weights."""
    return checked(estimator, Given(*rows), hashes=hashes)


def facts_of(checked_part: tuple[Given, Facts]) -> Facts:
    """What a part holds, without the part."""
    return checked_part[1]


def fill_shard(shard: Shard, *parts: tuple[Given, Facts]) -> Shard:
    """Add parts to a shard's rows."""
    for part, _ in parts:
        shard = shard.fill(part)
    return shard


def join_shard(make: Any, template: Any, dtype: Any, *parts: tuple[Given, Facts]) -> Shard:
    """Make a shard of parts at once."""
    shard: Shard = make(template, dtype, [part for part, _ in parts])
    return shard


def begin_shard(shard: Shard, draws: dict[str, Any], fraction: float) -> Shard:
    """Draw what a fit draws before its first epoch."""
    return shard.begin(draws, fraction)


def sizes_of(shard: Shard) -> tuple[int, int, int]:
    """Rows of a shard: all, trained on, held out."""
    held_out = 0 if shard.held_out is None else len(shard.held_out)
    return shard.samples.X.shape[0], len(shard.rows), held_out


def train_shard(shard: Shard, state: State, what: Round, n_sharing: int) -> tuple[Ended, str]:
    """Train on a shard from a state; returns what it comes to, and where that was."""
    with ending_if_unwanted():
        ended = shard.train(state, what, threads_of_shard(n_sharing))
    return ended, get_worker().address


def take_mean(*ends: tuple[Ended, str]) -> tuple[Ended, list[str]]:
    """Average the shards' ends of a round, in the shards' order."""
    return mean([ended for ended, _ in ends]), [address for _, address in ends]


def evaluate_shard(shard: Shard, kept: list[Parameters], n_sharing: int) -> Evaluated:
    """Measure a network on a shard's validation rows."""
    with ending_if_unwanted():
        return shard.evaluate(kept, threads_of_shard(n_sharing))


def pieces(value: Any) -> list[bytes]:
    """What is too large for one message as bytes of several."""
    data = pickle.dumps(value, protocol=5)
    return [data[first : first + PART_BYTES] for first in range(0, len(data), PART_BYTES)]


def from_pieces(*parts: bytes) -> Any:
    """Put `pieces` together."""
    return pickle.loads(b"".join(parts))
