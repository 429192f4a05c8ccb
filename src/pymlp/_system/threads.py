"""Fits side by side: their threads, their warnings and how they are stopped."""

import ctypes
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from contextvars import copy_context
from functools import cache, partial
from threading import Event, Lock
from typing import Any, NamedTuple

import numpy as np
from numpy.linalg import _umath_linalg
from scipy.linalg import cython_blas
from sklearn import get_config, set_config
from threadpoolctl import ThreadpoolController  # scikit-learn requires it

from .._core import StopFlag
from .messages import Warned, collected_warnings


class Fitted(NamedTuple):
    """What came out of a fit."""

    estimator: Any
    warned: list[Warned]


def fit_side_by_side(
    fits: Sequence[Callable[[], Any]], *, n_workers: int, n_threads: int
) -> tuple[list[Fitted], bool]:
    """Run fits on threads of their own, which wait for nothing but the GIL between two epochs.

    Parameters
    ----------
    fits : sequence of callables
        Each returns a fitted estimator; the earlier begin first.
    n_workers : int
        Fits at a time.
    n_threads : int
        Threads of each, unless its estimator says how many.

    Returns
    -------
    fitted : list of Fitted
        In their order, without those that had not begun when Ctrl-C came.
    interrupted : bool
        Ctrl-C came, and ended them as it ends a single fit.

    Raises
    ------
    BaseException
        What a fit has raised; the others are stopped then.
    """
    stop = StopFlag()
    begin = Event()  # Ctrl-C amid `submit` may lose what has begun

    def run(fit: Callable[[], Any]) -> Fitted:
        begin.wait()
        with collected_warnings() as warned, stop, limited_threads(n_threads):
            return Fitted(fit(), warned)

    futures: list[Future[Fitted]] = []
    interrupted = False
    # L-BFGS limits BLAS for the whole process and restores what it found; were that another fit's
    # limit, it would stay.
    with (
        one_blas_thread,
        ThreadPoolExecutor(n_workers, initializer=_as_in_the_caller()) as pool,
    ):
        try:
            # scorers and callbacks find the variables of the caller's context
            futures.extend(pool.submit(copy_context().run, run, fit) for fit in fits)
            begin.set()
            _wait(futures)
        except KeyboardInterrupt:
            interrupted = True
        finally:
            stop.set()
            begin.set()
            pool.shutdown(cancel_futures=True)
    ended = [future for future in futures if not future.cancelled()]
    errors = [error for future in ended if (error := future.exception()) is not None]
    # the other fits were only stopped because of one that has failed, or because of Ctrl-C
    failed = [error for error in errors if not isinstance(error, KeyboardInterrupt)]
    if failed or (errors and not interrupted):
        raise (failed or errors)[0]
    return [future.result() for future in ended if future.exception() is None], interrupted


def _wait(futures: Sequence[Future[Any]]) -> None:
    """Wait until all have ended or one has raised.

    Now and then the interpreter looks for signals: a lock that is waited for does not always.
    """
    waiting: Iterable[Future[Any]] = futures
    while waiting:
        ended, waiting = wait(waiting, timeout=0.2, return_when=FIRST_EXCEPTION)
        if any(future.exception() is not None for future in ended):
            return


def _as_in_the_caller() -> Callable[[], None]:
    """Tell a thread what else would be as in this one if there were only one."""
    config, errors = get_config(), np.geterr()

    def initialize() -> None:
        set_config(**config)
        np.seterr(**errors)  # of NumPy 1; since then it is in the context

    return initialize


@contextmanager
def limited_threads(n_threads: int | None) -> Iterator[None]:
    """Limit the teams that this thread starts, but for those that are told their size."""
    if n_threads is None:
        yield
        return
    with _thread_pools().limit(limits=n_threads, user_api="openmp"):
        yield


class _OneBlasThread:
    """A context in which BLAS, in the whole process, works on one thread.

    From the first that enters it to the last that leaves: of two limits that overlap in threads the
    later would restore the other's, for good.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._users = 0
        self._restore: list[Callable[[], Any]] = []

    def __enter__(self) -> None:
        with self._lock:
            if self._users == 0:
                self._restore = _limit_blas()
            self._users += 1

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._users -= 1
            if self._users == 0:
                for restore in self._restore:
                    restore()


one_blas_thread = _OneBlasThread()


def _limit_blas() -> list[Callable[[], Any]]:
    """Let BLAS work on one thread; returns what restores the number of before."""
    functions = _of_openblas()
    if not functions:
        return [_thread_pools().limit(limits=1, user_api="blas").restore_original_limits]
    restore: list[Callable[[], Any]] = [
        partial(set_number, get_number()) for get_number, set_number in functions
    ]
    for _, set_number in functions:
        set_number(1)
    return restore


@cache
def _of_openblas() -> list[tuple[Callable[[], int], Callable[[int], None]]]:
    """Find what gets and sets the number of threads of SciPy's BLAS and NumPy's, if OpenBLAS.

    Without a look through all libraries, which would take longer than a small fit.
    """
    found = []
    for extension in (cython_blas, _umath_linalg):
        library = ctypes.CDLL(extension.__file__)  # symbols may be of what it is linked with
        names = [
            f"{p}openblas_{{}}_num_threads{s}" for p in ("", "scipy_") for s in ("", "64_", "_64")
        ]
        name = next((name for name in names if hasattr(library, name.format("get"))), None)
        if name is None:
            return []
        found.append(tuple(getattr(library, name.format(verb)) for verb in ("get", "set")))
    return found


@cache
def _thread_pools() -> ThreadpoolController:
    return ThreadpoolController()  # which looks through all loaded libraries: milliseconds
