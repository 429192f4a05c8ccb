"""The cluster of a fit: its client, where shards are to lie, and what has gone wrong there."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from queue import Empty, SimpleQueue
from threading import Event, Thread
from typing import Any

import dask.config
from distributed import Client, KilledWorker, get_client, get_worker, worker_client
from distributed.client import FutureCancelledError, FuturesCancelledError

from .._core import StopFlag
from .._system.messages import warn

LOOK_SECONDS = 2.0  # for workers, while none answers
WATCH_SECONDS = 0.5  # between two looks whether a task is still wanted
NO_WORKERS = "pymlp.no-workers-timeout"  # in Dask's configuration, seconds
NO_WORKERS_SECONDS = 300.0


class WorkersLostError(Exception):
    """All workers that tasks had places at are lost.

    Tasks for which there was no worker at all are never run again if they have a place, whose
    worker will not come back, not even where others are allowed (distributed 2026.8).
    """


class KilledWorkers(KilledWorker):
    """Workers were lost with the same task again and again; it says what the task was about.

    Parameters
    ----------
    error : KilledWorker
    about : str
    """

    def __init__(self, error: KilledWorker, about: str) -> None:
        super().__init__(*error.args)
        self._about = about

    def __reduce__(self) -> Any:
        return KilledWorkers, (KilledWorker(*self.args), self._about)

    def __str__(self) -> str:
        return f"{self._about} {super().__str__()}"


@contextmanager
def client_of_fit(client: Client | None) -> Iterator[Client]:
    """Find the client: the one that is given, that of the task that this is in, or the current one.

    Raises
    ------
    ValueError
        If there is none, or it is an asynchronous one.
    """
    if client is None and _in_task():
        with worker_client() as found:  # whose place another task may take meanwhile
            yield found
        return
    if client is None:
        try:
            client = get_client()
        except ValueError:
            raise ValueError(
                "A fit on Dask needs a client of a cluster, and there is none: "
                "distributed.Client() starts one of this machine's processes; or pass client=..."
            ) from None
    if not isinstance(client, Client):
        raise ValueError(
            f"The 'client' parameter must be a distributed.Client or None. Got {client!r} instead."
        )
    if client.asynchronous:
        raise ValueError(
            "The 'client' parameter must not be an asynchronous client, which a fit that returns "
            "an estimator cannot wait for: make one by Client(..., asynchronous=False), and call "
            "fit in a thread (asyncio.to_thread)."
        )
    yield client


def _in_task() -> bool:
    try:
        get_worker()
    except ValueError:
        return False
    return True


def places(n_shards: int, workers: Sequence[str], before: Sequence[str]) -> list[str]:
    """Choose a worker for each shard, evenly; one that has a place keeps it if that may be.

    Parameters
    ----------
    n_shards : int
    workers : sequence of str
        Addresses.
    before : sequence of str
        The former places, or none.
    """
    if not workers:
        return list(before)
    room = dict.fromkeys(sorted(workers), -(-n_shards // len(workers)))
    found: dict[int, str] = {}
    for k, address in enumerate(before):
        if room.get(address, 0):
            room[address] -= 1
            found[k] = address
    for k in range(n_shards):
        if k not in found:
            found[k] = max(room, key=lambda address: room[address])
            room[found[k]] -= 1
    return [found[k] for k in range(n_shards)]


def threads_of_shard(n_sharing: int) -> int:
    """Threads for one of the shards that share this worker: its nanny says one to OpenMP."""
    n_threads: int = get_worker().state.nthreads
    return max(1, n_threads // n_sharing)


@contextmanager
def ending_if_unwanted() -> Iterator[None]:
    """End the training in this task soon after nobody wants its result any more."""
    worker = get_worker()
    key, stop, done = worker.get_current_task(), StopFlag(), Event()

    def watch() -> None:
        while not done.wait(WATCH_SECONDS):
            task = worker.state.tasks.get(key)
            if task is None or task.state in ("cancelled", "resumed"):
                stop.set()

    watcher = Thread(target=watch, daemon=True)
    watcher.start()
    try:
        with stop:
            yield
    except KeyboardInterrupt as error:
        raise RuntimeError("The fit that wanted this has ended.") from error
    finally:
        done.set()


def results(
    client: Client,
    futures: Sequence[Any],
    at: tuple[Sequence[str], Sequence[str]],
    explain: Callable[[BaseException], Exception | None],
) -> list[Any]:
    """Wait for results; if that ends otherwise, nothing goes on running for them.

    Parameters
    ----------
    client : Client
    futures : sequence of Future
    at : pair of sequence of str
        Workers at which their tasks have places; and what is in these tasks' keys, one or another.
    explain : callable
        Makes a better error of one of the cluster's, or returns None.

    Raises
    ------
    WorkersLostError
        If other workers have come instead of all these, and none of them has such a task.
    TimeoutError
        If there are no workers for too long.
    """
    try:
        _wait(client, futures, *at)
        found: list[Any] = client.gather(list(futures))
    except BaseException as error:
        client.cancel(list(futures), force=True)
        if isinstance(error, (KilledWorker, FutureCancelledError, FuturesCancelledError)):
            better = explain(error)
            if better is not None:
                raise better from error
        raise
    return found


def _wait(
    client: Client, futures: Sequence[Any], places: Sequence[str], tokens: Sequence[str]
) -> None:
    gone: float | None = None  # when the last worker had gone
    limit = dask.config.get(NO_WORKERS, NO_WORKERS_SECONDS)
    # distributed.wait asks the current client, which only one thread of a process can set
    ended = SimpleQueue[Any]()
    for future in futures:
        future.add_done_callback(ended.put)
    left = len(futures)
    while left:
        with suppress(Empty):
            if ended.get(timeout=LOOK_SECONDS).status == "error":
                return
            left -= 1
            continue
        workers = client.nthreads()
        if workers and places and not workers.keys() & set(places):
            under_way = [str(key) for keys in client.processing().values() for key in keys]
            if not any(token in key for key in under_way for token in tokens):
                raise WorkersLostError
        if workers:
            gone = None
            continue
        now = time.monotonic()
        if gone is None:
            gone = now
            warn(f"The cluster has no workers: the fit waits {limit:g} s for one.", RuntimeWarning)
        if now - gone > limit:
            raise TimeoutError(
                f"The cluster has had no workers for {limit:g} s ('{NO_WORKERS}' in Dask's "
                "configuration)."
            )
