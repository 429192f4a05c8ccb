"""Callbacks that set the learning rate."""

from __future__ import annotations

from collections.abc import Callable
from inspect import signature
from numbers import Integral, Real
from typing import Any, ClassVar

from sklearn.utils._param_validation import Interval

from .._estimators.base import BaseMLP
from .._system.elsewhere import elsewhere
from .._system.messages import say
from ..schedules import Schedule
from ._callback import Callback
from ._monitor import MonitorCallback


class LearningRateScheduler(Callback):
    """Set the learning rate of each epoch by a function.

    Parameters
    ----------
    schedule : callable or Schedule
        ``schedule(epoch, lr) -> float``: `epoch` counts this fit's epochs from 0, `lr` is the
        present learning rate. One of `pymlp.schedules` is planned over ``max_iter`` epochs and
        multiplies ``learning_rate_init``.
    verbose : bool or int, default=False
        Whether to print each epoch's rate.

    Raises
    ------
    ValueError
        If a function does not take epoch and rate; in ``fit``, if the rate is not a finite number
        > 0, or the estimator's ``learning_rate`` is a schedule.
    AttributeError
        In ``fit`` with ``solver='lbfgs'``, which has no learning rate.

    See Also
    --------
    pymlp.schedules : What the estimators' parameter ``learning_rate`` may be; a function there
        knows the epoch only.

    Examples
    --------
    >>> from pymlp import MLPClassifier
    >>> from pymlp.callbacks import LearningRateScheduler
    >>> def halve_later(epoch, lr):
    ...     return lr if epoch < 10 else lr / 2
    >>> clf = MLPClassifier().set_callbacks(LearningRateScheduler(halve_later))
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "schedule": [callable],
        "verbose": ["verbose"],
    }

    @elsewhere(policy="schedule is a function or one of pymlp.schedules")
    def __init__(
        self, schedule: Callable[[int, float], float] | Schedule, *, verbose: bool | int = False
    ) -> None:
        self.schedule = schedule
        self.verbose = verbose
        self.check_params()

    def check_params(self) -> None:
        """Check that a function takes what it will be given, too."""
        super().check_params()
        if isinstance(self.schedule, Schedule):
            self.schedule.check_params()
            return
        try:
            signature(self.schedule).bind(0, 0.1)
        except TypeError as error:
            raise ValueError(
                "The 'schedule' parameter of LearningRateScheduler must be callable as "
                f"schedule(epoch, lr): {error}. Got {self.schedule!r} instead."
            ) from None
        except ValueError:  # a builtin, which does not tell
            return

    def on_epoch_begin(self, estimator: BaseMLP) -> None:
        """Set the epoch's rate."""
        epoch = estimator.n_iter_
        if isinstance(self.schedule, Schedule):
            factor = self.schedule(epoch, estimator.max_iter)
            estimator.learning_rate_ = estimator.learning_rate_init * factor
        else:
            estimator.learning_rate_ = self.schedule(epoch, estimator.learning_rate_)
        if self.verbose:
            say(f"Epoch {epoch + 1}: setting learning rate to {estimator.learning_rate_:g}.")


class ReduceLROnPlateau(MonitorCallback):
    """Lower the learning rate when a column of ``history_`` no longer improves.

    Parameters
    ----------
    monitor : str, default='val_loss'
        The column, as in `EarlyStopping`.
    factor : float, default=0.1
        By which the rate is multiplied, in (0, 1).
    patience : int, default=10
        Epochs in a row without an improvement, at least 0, after which the rate is lowered; 0 is as
        1.
    min_delta : float, default=0.0001
        A value is an improvement if it is better than the best one by more than this, at least 0.
    cooldown : int, default=0
        After the rate was lowered, the epochs before the `cooldown`-th are not counted; at least 0,
        and 0 is as 1.
    min_lr : float, default=0.0
        The rate is not lowered beyond this one, at least 0.
    mode : {'auto', 'min', 'max'}, default='auto'
        Whether less or more of the column is better, as in `EarlyStopping`.
    verbose : bool or int, default=False
        Whether to print each new rate.

    Raises
    ------
    ValueError
        If a parameter is out of range; in ``fit``, if ``history_`` has no such column, its first
        value is nan or the estimator's ``learning_rate`` is a schedule.
    AttributeError
        In ``fit`` with ``solver='lbfgs'``, which has no learning rate.

    Notes
    -----
    The rules are those of Keras's callback.

    The estimator's own rule goes on beside it: by default a training loss that has stalled for 10
    epochs ends the training. ``n_iter_no_change=numpy.inf`` switches it off.

    Examples
    --------
    >>> import numpy as np
    >>> from pymlp import MLPClassifier
    >>> from pymlp.callbacks import ReduceLROnPlateau
    >>> clf = MLPClassifier(n_iter_no_change=np.inf)
    >>> clf = clf.set_callbacks(ReduceLROnPlateau("loss", factor=0.5, patience=3))
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **MonitorCallback._parameter_constraints,
        "factor": [Interval(Real, 0, 1, closed="neither")],
        "patience": [Interval(Integral, 0, None, closed="left")],
        "min_delta": [Interval(Real, 0, None, closed="left")],
        "cooldown": [Interval(Integral, 0, None, closed="left")],
        "min_lr": [Interval(Real, 0, None, closed="left")],
        "verbose": ["verbose"],
    }
    _wait: int
    _cooling: int

    @elsewhere(
        epsilon="the least improvement is min_delta",
        threshold="the least improvement is min_delta",
        threshold_mode="min_delta is absolute",
    )
    def __init__(
        self,
        monitor: str = "val_loss",
        *,
        factor: float = 0.1,
        patience: int = 10,
        min_delta: float = 1e-4,
        cooldown: int = 0,
        min_lr: float = 0.0,
        mode: str = "auto",
        verbose: bool | int = False,
    ) -> None:
        self.monitor = monitor
        self.factor = factor
        self.patience = patience
        self.min_delta = min_delta
        self.cooldown = cooldown
        self.min_lr = min_lr
        self.mode = mode
        self.verbose = verbose
        self.check_params()

    def on_fit_begin(self, estimator: BaseMLP) -> None:
        """Begin with nothing seen."""
        # an estimator whose rate cannot be set says so now, not at the first plateau
        estimator.learning_rate_ = estimator.learning_rate_
        self._forget_best()
        self._wait = self._cooling = 0

    def on_epoch_end(self, estimator: BaseMLP) -> None:
        """Count the epochs without an improvement."""
        if self._cooling > 0:
            self._cooling -= 1
        if self._improves(self._latest(estimator)):
            self._wait = 0
        elif self._cooling == 0:
            self._wait += 1
            if self._wait >= self.patience:
                self._lower(estimator)

    def _lower(self, estimator: BaseMLP) -> None:
        if estimator.learning_rate_ <= self.min_lr:
            return
        rate = max(estimator.learning_rate_ * self.factor, self.min_lr)
        estimator.learning_rate_ = rate
        if self.verbose:
            say(f"{self._stalled(self._wait)} Setting learning rate to {rate:g}")
        self._cooling = self.cooldown
        self._wait = 0
