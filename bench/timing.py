"""Paired rounds: in each, every peer runs the same job once, one after the other."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from statistics import median

from bench.ceiling import Ceiling
from bench.data import Data
from bench.jobs import Fit, Job
from bench.peers import Peer
from bench.worker import Worker

PAUSE = 0.2  # seconds before a turn, in which the last peer's threads stop spinning
TURN = 0.2  # seconds that the calls of a predict_proba turn take together


class Runner:
    """One peer, in its own process: prepares a job and times turns of it."""

    def __init__(self, peer: Peer, data: Data, threads: int):
        self._peer, self._data, self._threads = peer, data, threads
        self._run: Callable[[int], object]
        self._times: int

    def prepare(self, job: Job, epochs: int) -> None:
        """Build the model and run the job until everything is compiled."""
        batch = job.batch if isinstance(job, Fit) else 50
        model = self._peer.build(job.network, self._data, batch, self._threads)
        model.epoch(1)
        if isinstance(job, Fit):
            self._run = model.epoch
            self._times = epochs
            return

        rows = model.array(self._data.rows(job.rows))

        def predict(times: int) -> None:
            for _ in range(times):
                model.predict_proba(rows)

        predict(3)
        self._run = predict
        self._times = math.ceil(TURN / _seconds(predict, 3))

    def turn(self) -> float:
        """Seconds per epoch, or per call."""
        self._run(1)  # wakes threads and caches
        return _seconds(self._run, self._times)


def _seconds(run: Callable[[int], object], times: int) -> float:
    start = time.perf_counter()
    run(times)
    return (time.perf_counter() - start) / times


@dataclass(frozen=True)
class Result:
    """Seconds per epoch or call of every peer, one value a round, and the ceiling meanwhile."""

    job: Job
    seconds: Mapping[str, tuple[float, ...]]
    ceiling: Ceiling | None

    def median(self, peer: str) -> float:
        return median(self.seconds[peer])

    def best(self, peer: str) -> float:
        return min(self.seconds[peer])

    def ratio(self, peer: str, reference: str) -> float | None:
        """How many times the reference's time the peer takes: the median of the rounds' ratios."""
        if reference not in self.seconds:
            return None
        pairs = zip(self.seconds[peer], self.seconds[reference], strict=True)
        return median(theirs / ours for theirs, ours in pairs)

    def share(self, peer: str) -> float | None:
        """Part of the machine's multiply-add rate that the job's useful arithmetic reaches."""
        if self.ceiling is None:
            return None
        return self.job.flops / self.median(peer) / self.ceiling.flops


def paired_rounds(
    workers: Mapping[str, Worker], job: Job, rounds: int, epochs: int
) -> dict[str, tuple[float, ...]]:
    """Time `job` with every worker in `rounds` rounds, every second one in the other direction."""
    for worker in workers.values():
        worker.call("prepare", job, epochs)
    seconds: dict[str, list[float]] = {name: [] for name in workers}
    for turn in range(rounds):
        for name in list(workers)[:: -1 if turn % 2 else 1]:
            time.sleep(PAUSE)
            seconds[name].append(workers[name].call("turn"))
    return {name: tuple(values) for name, values in seconds.items()}
