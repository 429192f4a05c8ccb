"""What ``verbose`` prints: one line an epoch, live where that is possible."""

from __future__ import annotations

import multiprocessing
import sys
import threading
import time
from importlib.util import find_spec
from typing import TYPE_CHECKING, Self

from sklearn.callback import ProgressBar

from .._system.messages import say

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress as LiveLine
    from rich.progress import ProgressColumn

    from .._estimators.base import BaseMLP

BAR_WIDTH = 20
NARROW = 110  # columns of a terminal below which the numbers need the bar's place


class Progress:
    """Tells how a fit goes on if its estimator is verbose; a context manager around the epochs.

    With rich, on a terminal or in a notebook it is a live line, of which the last state stays.
    Otherwise, and where another live display is on already, each epoch prints a line that begins
    with scikit-learn's words.

    Parameters
    ----------
    est : BaseMLP
    incremental : bool
        One epoch only, as ``partial_fit`` does: a plain line without the time left.
    """

    def __init__(self, est: BaseMLP, *, incremental: bool) -> None:
        self._est = est
        self._unit = "iteration" if est.solver == "lbfgs" else "epoch"
        self._n_epochs = 1 if incremental else est.max_iter
        self._live: LiveLine | None = None
        self._start = 0.0
        self._first = 0
        self._first_rate: float | None = None
        self._values: dict[str, float] = {}

    def __enter__(self) -> Self:
        self._start = time.perf_counter()
        self._first = self._est.n_iter_  # of a resumed fit
        if self._est.verbose and self._n_epochs > 1:
            self._live = _live_line(self._est, f"{self._unit} 0/{self._n_epochs}")
        return self

    def __exit__(self, *_: object) -> None:
        if self._live is None:
            return
        taken = f"in {_duration(time.perf_counter() - self._start)}"
        self._show(self._est.n_iter_, taken, refresh=True)  # in a notebook stopping does not draw
        self._live.stop()

    def report(self, epoch: dict[str, float]) -> None:
        """Tell an epoch's row of ``history_``: losses, scores, and a learning rate that changes."""
        if not self._est.verbose:
            return
        rate = epoch.get("learning_rate")
        self._first_rate = self._first_rate or rate
        self._values = {
            name: value
            for name, value in epoch.items()
            if name.startswith("val_") or (name == "learning_rate" and rate != self._first_rate)
        }
        n = self._est.n_iter_
        left = (time.perf_counter() - self._start) * (self._n_epochs - n) / (n - self._first)
        if self._live is not None:
            self._show(n, f"max {_duration(left)} left")
            return
        parts = [f"Iteration {n}, loss = {self._est.loss_:.8f}"]
        parts += [f"{name} = {value:.6g}" for name, value in self._values.items()]
        if n < self._n_epochs:  # no more than that: early stopping or `tol` may end the fit
            parts.append(f"at most {_duration(left)} left")
        say(", ".join(parts))

    def _show(self, n: int, end: str, *, refresh: bool = False) -> None:
        """Bring the live line to the state after n epochs."""
        assert self._live is not None
        parts = [f"{self._unit} {n}/{self._n_epochs}"]
        if n > 0:
            values = {"loss": self._est.loss_, **self._values}
            parts += [f"{name} {value:#.4g}" for name, value in values.items()]
        text = "  ".join([*parts, end])
        self._live.update(self._live.task_ids[0], completed=n, description=text, refresh=refresh)


def _live_line(est: BaseMLP, text: str) -> LiveLine | None:
    """Start a live line; None where there cannot be one."""
    try:
        import rich
        from rich.errors import LiveError
        from rich.progress import BarColumn, TextColumn
        from rich.progress import Progress as LiveLine
        from rich.table import Column
    except ImportError:
        return None
    console = rich.get_console()
    if not _may_be_live(est, console):
        return None
    # too long a line is broken rather than cut
    columns: list[ProgressColumn] = [TextColumn("{task.description}", table_column=Column())]
    if console.width >= NARROW:
        columns.insert(0, BarColumn(BAR_WIDTH))
    # few refreshes: drawing takes time from the threads that train
    line = LiveLine(*columns, console=console, refresh_per_second=4)
    line.add_task(text, total=est.max_iter)
    try:
        line.start()
    except LiveError:  # one is on already
        return None
    return line


def _may_be_live(est: BaseMLP, console: Console) -> bool:
    from rich.file_proxy import FileProxy

    # fits of a parallel search or an ensemble would draw over each other
    beside_others = (
        multiprocessing.parent_process() is not None
        or threading.current_thread() is not threading.main_thread()
    )
    # a live display stands in for stdout while it is on; a console has room for one
    if beside_others or isinstance(sys.stdout, FileProxy):
        return False
    if any(isinstance(callback, ProgressBar) for callback in getattr(est, "_skl_callbacks", [])):
        return False  # it draws a line of its own
    if console.is_jupyter:
        return find_spec("ipywidgets") is not None  # rich needs it there
    isatty = getattr(sys.stdout, "isatty", None)  # not everything that replaces stdout has it
    return isatty is not None and isatty() and console.is_interactive


def _duration(seconds: float) -> str:
    """Two digits in the unit that suits: an estimate knows no more."""
    value, unit = seconds, "s"
    for size, larger in ((60, "min"), (3600, "h")):
        if seconds > 1.5 * size:
            value, unit = seconds / size, larger
    return f"{value:.{1 if value < 10 else 0}f} {unit}"
