"""Paired rounds: in each, every peer runs the same job once, one after the other."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from statistics import geometric_mean, median

from bench.ceiling import Ceiling
from bench.contests import Contest
from bench.data import Data
from bench.jobs import LECTURE, PIXELS, Fit, Job
from bench.peers import Peer
from bench.quiet import Bystanders
from bench.worker import Worker

PAUSE = 0.2  # seconds before a turn, in which the last peer's threads stop spinning
TURN = 0.25  # seconds that a turn takes at least: fits or calls are repeated until then
QUIET = 0.1  # share of the CPUs that others may take while a turn is timed


@dataclass(frozen=True)
class Turn:
    """seconds: per epoch or call; others: share of the CPUs that other processes took."""

    seconds: float
    others: float | None

    @property
    def disturbed(self) -> bool:
        return self.others is not None and self.others > QUIET


class Runner:
    """One peer, in its own process: prepares a job and times turns of it."""

    def __init__(self, peer: Peer, data: Mapping[str, Data], threads: int):
        self._peer, self._data, self._threads = peer, data, threads
        self._wake: Callable[[], object]
        self._run: Callable[[], object]
        self._units: int  # epochs or calls in a run
        # where there is no such precision or instruction set, this raises
        peer.build(LECTURE[0], data[PIXELS].head(50), 50, threads).epoch(1)

    def prepare(self, job: Job) -> None:
        """Build the model and run the job once, so that everything is compiled."""
        batch = job.batch if isinstance(job, Fit) else 50
        data = self._data[job.data]
        model = self._peer.build(job.network, data, batch, self._threads)
        model.epoch(1)
        if isinstance(job, Fit):
            self._wake = partial(model.epoch, 1)
            self._run, self._units = partial(model.epoch, job.epochs), job.epochs
        else:
            rows = model.array(data.rows(job.rows))
            self._wake = partial(model.predict_proba, rows)
            self._run, self._units = self._wake, 1
        self._wake()

    def turn(self) -> Turn:
        self._wake()  # threads and caches
        with Bystanders() as bystanders:
            seconds = seconds_of(self._run)
        return Turn(seconds / self._units, bystanders.share)


def seconds_of(run: Callable[[], object]) -> float:
    """The mean of as many runs as a turn holds."""
    runs = 0
    start = now = time.perf_counter()
    while runs == 0 or now - start < TURN:
        run()
        runs += 1
        now = time.perf_counter()
    return (now - start) / runs


@dataclass(frozen=True)
class Result:
    """Every peer's turns, one a round, and meanwhile the ceiling of its threads and precision."""

    contest: Contest
    job: Job
    turns: Mapping[str, tuple[Turn, ...]]
    ceilings: Mapping[str, Ceiling]

    @property
    def reference(self) -> str:
        return self.contest.reference.name

    @property
    def traffic(self) -> int:
        """Bytes that the reference moves in an epoch or a call, by the jobs' model."""
        return self.job.traffic(self.contest.reference.precision)

    def seconds(self, peer: str) -> list[float]:
        return [turn.seconds for turn in self.turns[peer]]

    @property
    def disturbed(self) -> int:
        """How many turns were timed while other processes were busy."""
        return sum(turn.disturbed for turns in self.turns.values() for turn in turns)

    def median(self, peer: str) -> float:
        return median(self.seconds(peer))

    def best(self, peer: str) -> float:
        return min(self.seconds(peer))

    def ratio(self, peer: str) -> float | None:
        """How many times the reference's time the peer takes: the median of the rounds' ratios."""
        if self.reference not in self.turns:
            return None
        pairs = zip(self.seconds(peer), self.seconds(self.reference), strict=True)
        return median(theirs / ours for theirs, ours in pairs)

    def share(self, peer: str) -> float | None:
        """Part of the machine's multiply-add rate that the job's useful arithmetic reaches."""
        if peer not in self.ceilings:
            return None
        return self.job.flops / self.median(peer) / self.ceilings[peer].flops


def geometric_means(results: Sequence[Result]) -> dict[str, float]:
    """Of each peer's ratios in one contest; without the reference there are none."""
    peers = results[0].turns if results else ()
    ratios = {peer: [result.ratio(peer) for result in results] for peer in peers}
    return {
        peer: geometric_mean(values)
        for peer, values in ratios.items()
        if peer != results[0].reference and None not in values
    }


def paired_rounds(
    workers: Mapping[str, Worker], job: Job, rounds: int, retries: int
) -> dict[str, tuple[Turn, ...]]:
    """Time `job` with every worker in `rounds` rounds, every second one in the other direction."""
    for worker in workers.values():
        worker.call("prepare", job)
    turns: dict[str, list[Turn]] = {name: [] for name in workers}
    for number in range(rounds):
        for name in list(workers)[:: -1 if number % 2 else 1]:
            turns[name].append(quiet_turn(workers[name], retries))
    return {name: tuple(values) for name, values in turns.items()}


def quiet_turn(worker: Worker, retries: int) -> Turn:
    """A turn that nothing disturbed, or after `retries` more the least disturbed."""
    tried: list[Turn] = []
    while not tried or (tried[-1].disturbed and len(tried) <= retries):
        time.sleep(PAUSE)
        tried.append(worker.call("turn"))
    return min(tried, key=lambda turn: turn.others or 0.0)


def paired_seconds(runs: Sequence[Callable[[], object]], rounds: int) -> tuple[list[float], ...]:
    """Seconds of each of `runs`, one after the other in this process, in every round."""
    seconds: tuple[list[float], ...] = tuple([] for _ in runs)
    for number in range(rounds):
        for place in range(len(runs))[:: -1 if number % 2 else 1]:
            start = time.perf_counter()
            runs[place]()
            seconds[place].append(time.perf_counter() - start)
    return seconds
