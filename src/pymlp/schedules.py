"""Learning rates that follow a plan, epoch by epoch: values of the parameter `learning_rate`.

The rate of an epoch is `learning_rate_init` times the schedule's factor. A name ('cosine',
'exponential', 'step', 'one_cycle', 'log_cosine', 'warm_up') stands for the class with its
defaults. A schedule is planned over `max_iter` epochs; a fit that stops early has gone only part
of the way.
"""

import math
from abc import ABC, abstractmethod
from copy import deepcopy
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any, ClassVar, Self

from sklearn.utils._param_validation import Interval

from ._system.params import HasParams

__all__ = ["Cosine", "Exponential", "LogCosine", "OneCycle", "Schedule", "Step", "WarmUp"]

SHARE = [Interval(Real, 0, 1, closed="right")]
EPOCHS = [Interval(Integral, 1, None, closed="left")]


class Schedule(HasParams, ABC):
    """A learning rate as a share of `learning_rate_init`; the base of the schedules.

    A search reaches its parameters as ``learning_rate__final`` and the like.
    """

    def __post_init__(self) -> None:
        self.check_params()

    def __sklearn_clone__(self) -> Self:
        return deepcopy(self)  # whatever its constructor makes of its arguments

    @abstractmethod
    def __call__(self, epoch: int, n_epochs: int) -> float:
        """Tell an epoch's learning rate.

        Parameters
        ----------
        epoch : int
            From 0; may exceed `n_epochs` when a fit is continued.
        n_epochs : int
            `max_iter`.

        Returns
        -------
        float
            The factor of `learning_rate_init`.
        """


@dataclass
class Cosine(Schedule):
    """Half a cosine wave from 1 down to `final`.

    Parameters
    ----------
    final : float, default=0.01
        The factor that is approached, in (0, 1].

    References
    ----------
    Loshchilov & Hutter, "SGDR: Stochastic gradient descent with warm restarts", ICLR 2017.

    Examples
    --------
    >>> from pymlp.schedules import Cosine
    >>> [round(Cosine(final=0.1)(epoch, 4), 2) for epoch in range(5)]
    [1.0, 0.87, 0.55, 0.23, 0.1]
    """

    final: float = 0.01
    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {"final": SHARE}

    def __call__(self, epoch: int, n_epochs: int) -> float:
        """Tell an epoch's factor."""
        return _half_wave(1.0, self.final, epoch / n_epochs)


@dataclass
class Exponential(Schedule):
    """Multiplied by `decay` after each epoch.

    Parameters
    ----------
    decay : float, default=0.95
        In (0, 1].

    Examples
    --------
    >>> from pymlp.schedules import Exponential
    >>> [Exponential(decay=0.5)(epoch, 4) for epoch in range(4)]
    [1.0, 0.5, 0.25, 0.125]
    """

    decay: float = 0.95
    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {"decay": SHARE}

    def __call__(self, epoch: int, n_epochs: int) -> float:  # noqa: ARG002
        """Tell an epoch's factor."""
        return float(self.decay**epoch)


@dataclass
class Step(Schedule):
    """Multiplied by `decay` after every so many epochs.

    Parameters
    ----------
    decay : float, default=0.1
        In (0, 1].
    every : int or None, default=None
        Epochs at one rate, at least 1; None is a third of them all.

    Examples
    --------
    >>> from pymlp.schedules import Step
    >>> [Step(decay=0.5, every=2)(epoch, 6) for epoch in range(6)]
    [1.0, 1.0, 0.5, 0.5, 0.25, 0.25]
    """

    decay: float = 0.1
    every: int | None = None
    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "decay": SHARE,
        "every": [*EPOCHS, None],
    }

    def __call__(self, epoch: int, n_epochs: int) -> float:
        """Tell an epoch's factor."""
        return float(self.decay ** (epoch // (self.every or max(1, math.ceil(n_epochs / 3)))))


@dataclass
class OneCycle(Schedule):
    """Up from `start` to 1 and down to `final`, each along half a cosine wave.

    Parameters
    ----------
    rise : float, default=0.3
        Share of the epochs on the way up, in [0, 1].
    start : float, default=0.04
        Factor of the first epoch, in (0, 1].
    final : float, default=1e-4
        Factor of the last epoch, in (0, 1].

    References
    ----------
    Smith & Topin, "Super-convergence: very fast training of neural networks using large
    learning rates", arXiv:1708.07120 (2017).

    Examples
    --------
    >>> from pymlp.schedules import OneCycle
    >>> [round(OneCycle(rise=0.5, start=0.1)(epoch, 5), 2) for epoch in range(5)]
    [0.1, 0.55, 1.0, 0.5, 0.0]
    """

    rise: float = 0.3
    start: float = 0.04
    final: float = 1e-4
    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "rise": [Interval(Real, 0, 1, closed="both")],
        "start": SHARE,
        "final": SHARE,
    }

    def __call__(self, epoch: int, n_epochs: int) -> float:
        """Tell an epoch's factor."""
        last = max(1, n_epochs - 1)
        peak = self.rise * last
        if epoch < peak:
            return _half_wave(self.start, 1.0, epoch / peak)
        return _half_wave(1.0, self.final, (epoch - peak) / max(last - peak, 1e-9))


@dataclass
class LogCosine(Schedule):
    """Waves between 0 and 1, each twice as long as the one before.

    Each wave ends with small steps, after which early stopping finds good weights: with four waves
    after 1/15 of the epochs, where a network soon overfits, after 1/5, 7/15 or all of them.

    Parameters
    ----------
    waves : int or None, default=None
        From 1 to 64; None: so many that the first takes some two epochs, 4 of 32 epochs, 5 of 64.

    References
    ----------
    Holzmueller, Grinsztajn & Steinwart, "Better by default: Strong pre-tuned MLPs and boosted
    trees on tabular data", NeurIPS 2024, whose coslog4 it is.

    Examples
    --------
    >>> from pymlp.schedules import LogCosine
    >>> [round(LogCosine(waves=2)(epoch, 9), 2) for epoch in range(9)]
    [0.41, 0.93, 0.15, 0.13, 0.72, 1.0, 0.76, 0.32, 0.04]
    """

    waves: int | None = None
    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "waves": [Interval(Integral, 1, 64, closed="both"), None]
    }

    def __call__(self, epoch: int, n_epochs: int) -> float:
        """Tell an epoch's factor."""
        at = min((epoch + 0.5) / n_epochs, 1.0)  # of the middle of an epoch, so that none is 0
        waves = self.waves or max(1, round(math.log2(1 + n_epochs / 2)))
        wave = math.log2(1 + (2**waves - 1) * at)
        return max((1 - math.cos(2 * math.pi * wave)) / 2, 1e-3)


@dataclass
class WarmUp(Schedule):
    """A straight rise to 1 in the first epochs, and then 1 or another schedule.

    Parameters
    ----------
    epochs : int, default=5
        Length of the rise, at least 1; its last epoch has the full rate.
    then : Schedule or None, default=None
        What the remaining epochs follow; None stays at 1.

    Examples
    --------
    >>> from pymlp.schedules import Step, WarmUp
    >>> [WarmUp(epochs=4, then=Step(decay=0.5, every=1))(epoch, 7) for epoch in range(7)]
    [0.25, 0.5, 0.75, 1.0, 1.0, 0.5, 0.25]
    """

    epochs: int = 5
    then: Schedule | None = None
    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "epochs": EPOCHS,
        "then": [Schedule, None],
    }

    def __call__(self, epoch: int, n_epochs: int) -> float:
        """Tell an epoch's factor."""
        if epoch < self.epochs:
            return (epoch + 1) / self.epochs
        if self.then is None:
            return 1.0
        return self.then(epoch - self.epochs, max(1, n_epochs - self.epochs))


NAMED: dict[str, type[Schedule]] = {
    "cosine": Cosine,
    "exponential": Exponential,
    "step": Step,
    "one_cycle": OneCycle,
    "log_cosine": LogCosine,
    "warm_up": WarmUp,
}


def _half_wave(start: float, end: float, at: float) -> float:
    """From `start` (at 0) to `end` (at 1 and beyond) along half a cosine wave."""
    return end + (start - end) * (1 + math.cos(math.pi * min(at, 1.0))) / 2
