"""What ``verbose`` prints: one line an epoch, live where that is possible."""

from __future__ import annotations

import time
from dataclasses import KW_ONLY, dataclass
from typing import Self

from .._system.live import live_line
from .._system.messages import say
from .fit import Fit
from .observer import Observer


@dataclass
class Progress(Observer):
    """Tells how a fit goes on; a context manager around the epochs.

    With rich, on a terminal or in a notebook it is a live line, of which the last state stays.
    Otherwise, and where another live display is on already, each epoch prints a line: without a
    validation set scikit-learn's, which scripts read, and with one more behind its words.

    Parameters
    ----------
    unit : {'epoch', 'iteration'}
    n_epochs : int
        So many at most. If it is one, as in ``partial_fit``, no line is live.
    verbose : bool or int
        Whether anything is told.
    first : int, default=0
        Epochs done before, of a resumed fit.
    may_be_live : bool, default=True
    """

    unit: str
    n_epochs: int
    _: KW_ONLY
    verbose: bool | int
    first: int = 0
    may_be_live: bool = True

    def __enter__(self) -> Self:
        self._start = time.perf_counter()
        self._first_rate: float | None = None
        self._n, self._values = self.first, dict[str, float]()
        is_live = self.verbose and self.n_epochs > 1 and self.may_be_live
        self._live = live_line(self.n_epochs) if is_live else None
        self._show()
        return self

    def __exit__(self, *_: object) -> None:
        # in a notebook stopping does not draw
        self._show(f"in {_duration(time.perf_counter() - self._start)}", refresh=True)
        if self._live is not None:
            self._live.stop()

    def end_epoch(self, fit: Fit) -> bool:
        """Tell of an epoch's losses, scores and a learning rate that changes."""
        if self.verbose:
            self.report(fit.records.n_iter, fit.records.row)
        return False

    def report(self, n: int, epoch: dict[str, float]) -> None:
        """Tell of the n-th epoch."""
        rate = epoch.get("learning_rate")
        self._first_rate = self._first_rate or rate
        scores = {name: value for name, value in epoch.items() if name.startswith("val_")}
        changed = {} if rate is None or rate == self._first_rate else {"learning_rate": rate}
        self._n, self._values = n, {"loss": epoch["loss"], **changed, **scores}
        left = (time.perf_counter() - self._start) * (self.n_epochs - n) / (n - self.first)
        if self._live is not None:
            self._show(f"max {_duration(left)} left")
            return
        parts = [f"Iteration {n}, loss = {epoch['loss']:.8f}"]
        if scores:
            parts += [f"{name} = {value:.6g}" for name, value in (scores | changed).items()]
            if n < self.n_epochs:  # no more than that: early stopping or `tol` may end the fit
                parts.append(f"at most {_duration(left)} left")
        elif self.unit == "iteration":
            return  # scikit-learn's lbfgs is silent
        say(", ".join(parts))

    def _show(self, *end: str, refresh: bool = False) -> None:
        """Bring the live line, if there is one, to the present state."""
        if self._live is None:
            return
        values = [f"{name} {value:#.4g}" for name, value in self._values.items()]
        words = [f"{self.unit} {self._n}/{self.n_epochs}", *values, *end]
        self._live.show(words, self._n, refresh=refresh)


def _duration(seconds: float) -> str:
    """Two digits in the unit that suits: an estimate knows no more."""
    value, unit = seconds, "s"
    for size, larger in ((60, "min"), (3600, "h")):
        if seconds > 1.5 * size:
            value, unit = seconds / size, larger
    return f"{value:.{1 if value < 10 else 0}f} {unit}"
