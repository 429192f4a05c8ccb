"""A process for each peer, told through a pipe what to do while all the others are idle.

Several OpenMP runtimes and thread pools in one process, spinning while they wait, would be
timed against each other; in processes of their own only one of them is ever awake.
"""

from __future__ import annotations

import multiprocessing
import os
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


class WorkerError(RuntimeError):
    """Something raised in a worker; the message is its traceback."""


def available_cpus() -> list[int]:
    """The CPUs this process may use, one of every core before any core's second."""
    if not hasattr(os, "sched_getaffinity"):
        return list(range(os.cpu_count() or 1))

    def place_in_core(cpu: int) -> int:
        siblings = Path(f"/sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list")
        try:
            listed = siblings.read_text().replace("-", ",").strip().split(",")
        except OSError:
            return 0
        return int(str(cpu) != listed[0])

    return sorted(os.sched_getaffinity(0), key=lambda cpu: (place_in_core(cpu), cpu))


class Worker:
    """Builds ``subject(*arguments)`` in a new process and calls its methods there."""

    def __init__(
        self,
        subject: Callable[..., Any],
        *arguments: Any,
        threads: int,
        environment: Mapping[str, str] | None = None,
    ):
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(
            target=_serve, args=(theirs, subject, arguments), daemon=True
        )
        variables = dict.fromkeys(THREAD_VARIABLES, str(threads))
        with _inherited({**variables, **(environment or {})}, available_cpus()[:threads]):
            self._process.start()
        theirs.close()
        self._receive()  # the subject has been built

    def call(self, method: str, *arguments: Any) -> Any:
        """What the subject's `method` returns."""
        self._pipe.send((method, arguments))
        return self._receive()

    def close(self) -> None:
        self._pipe.close()
        self._process.join()

    def _receive(self) -> Any:
        try:
            result, failure = self._pipe.recv()
        except EOFError:
            self._process.join()
            raise WorkerError(f"the worker ended, exit status {self._process.exitcode}") from None
        if failure:
            raise WorkerError(failure)
        return result


@contextmanager
def _inherited(variables: Mapping[str, str], cpus: list[int]) -> Iterator[None]:
    """Give these to the children started meanwhile: some libraries read them as they load.

    JAX, for one, has no setting for its number of threads, and takes as many as it has CPUs.
    """
    before = dict(os.environ)
    before_cpus = available_cpus()
    os.environ.update(variables)
    _pin(cpus)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
        _pin(before_cpus)


def _pin(cpus: list[int]) -> None:
    if hasattr(os, "sched_setaffinity"):  # Linux
        os.sched_setaffinity(0, cpus)


def _serve(pipe: Connection, subject: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
    """Answer calls until the other end closes."""
    try:
        instance = subject(*arguments)
        pipe.send((None, None))
        while True:
            method, method_arguments = pipe.recv()
            pipe.send((getattr(instance, method)(*method_arguments), None))
    except (EOFError, KeyboardInterrupt):
        return
    except Exception:
        pipe.send((None, traceback.format_exc()))
