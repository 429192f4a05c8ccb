"""Callbacks that end the training."""

from __future__ import annotations

import math
from numbers import Integral, Real
from typing import Any, ClassVar

from sklearn.exceptions import ConvergenceWarning
from sklearn.utils._param_validation import Interval

from .._estimators.base import BaseMLP
from .._estimators.tasks import copied_weights
from .._system.arrays import Array
from .._system.elsewhere import elsewhere
from .._system.messages import say, warn
from ._callback import Callback, row
from ._monitor import MonitorCallback


class EarlyStopping(MonitorCallback):
    """End the training when a column of ``history_`` no longer improves.

    Parameters
    ----------
    monitor : str, default='val_loss'
        The column. Those that begin with ``val_`` need a validation set (``X_val`` of ``fit``, or
        the estimator's ``early_stopping``).
    min_delta : float, default=0.0
        At least 0. A value is an improvement if it is better than the best one by more than this;
        nan is none.
    patience : int, default=0
        The training ends after so many epochs in a row without an improvement, at least 0; 0 ends
        it after the first, as 1 does.
    mode : {'auto', 'min', 'max'}, default='auto'
        Whether less or more of the column is better. 'auto' is 'min' for 'loss', 'val_loss',
        'gradient_norm_k' and 'dead_share_k', and 'max' for all others: scikit-learn's scorers are
        the greater the better.
    baseline : float or None, default=None
        What is to be reached: until a value is better than this one, by more than `min_delta`,
        improvements do not count for `patience`.
    restore_best_weights : bool, default=False
        Whether the fitted estimator has the weights of the best epoch instead of the last one,
        however the training ended. The estimator's ``best_epoch_`` tells the epoch.
    start_from_epoch : int, default=0
        So many epochs of the fit are not looked at first, at least 0: the best one is none of them.
    verbose : bool or int, default=False
        Whether to print why the training ended.

    Attributes
    ----------
    best_ : float
        The best value; inf or -inf if there was none. All three are of the last fit that ended.
    best_epoch_ : int or None
        Its epoch: the row of ``history_``, from 1.
    stopped_epoch_ : int or None
        The epoch that was made the last one; None if this callback did not end the training.

    Raises
    ------
    ValueError
        If a parameter is out of range; in ``fit``, if ``history_`` has no such column or its first
        value is nan.

    Notes
    -----
    As Keras's callback, which warns where this one raises, and counts ``stopped_epoch`` from 0.

    The estimator's own rule goes on beside it: by default a training loss that has stalled for 10
    epochs ends the training, too. ``n_iter_no_change=numpy.inf`` leaves it to the callback.

    Examples
    --------
    >>> from sklearn.datasets import make_moons
    >>> from sklearn.model_selection import train_test_split
    >>> from pymlp import MLPClassifier
    >>> from pymlp.callbacks import EarlyStopping
    >>> X, y = make_moons(300, noise=0.3, random_state=0)
    >>> X_train, X_val, y_train, y_val = train_test_split(X, y, random_state=0)
    >>> stopping = EarlyStopping(patience=5, restore_best_weights=True)
    >>> clf = MLPClassifier((50, 50), learning_rate_init=0.03, max_iter=500, random_state=0)
    >>> clf = clf.set_callbacks(stopping).fit(X_train, y_train, X_val=X_val, y_val=y_val)
    >>> clf.best_epoch_ == stopping.best_epoch_ == stopping.stopped_epoch_ - 5
    True
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **MonitorCallback._parameter_constraints,
        "min_delta": [Interval(Real, 0, None, closed="left")],
        "patience": [Interval(Integral, 0, None, closed="left")],
        "baseline": [Interval(Real, None, None, closed="neither"), None],
        "restore_best_weights": ["boolean"],
        "start_from_epoch": [Interval(Integral, 0, None, closed="left")],
        "verbose": ["verbose"],
    }
    best_: float
    best_epoch_: int | None
    stopped_epoch_: int | None
    _best_weights: dict[str, list[Array]]
    _wait: int

    @elsewhere(
        threshold="the least improvement is min_delta",
        threshold_mode="min_delta is absolute",
        lower_is_better="use mode='min' or mode='max'",
        load_best="use restore_best_weights",
        sink="verbose=True prints",
    )
    def __init__(
        self,
        monitor: str = "val_loss",
        *,
        min_delta: float = 0.0,
        patience: int = 0,
        mode: str = "auto",
        baseline: float | None = None,
        restore_best_weights: bool = False,
        start_from_epoch: int = 0,
        verbose: bool | int = False,
    ) -> None:
        self.monitor = monitor
        self.min_delta = min_delta
        self.patience = patience
        self.mode = mode
        self.baseline = baseline
        self.restore_best_weights = restore_best_weights
        self.start_from_epoch = start_from_epoch
        self.verbose = verbose
        self.check_params()

    def on_fit_begin(self, estimator: BaseMLP) -> None:
        """Begin with nothing seen."""
        self._forget_best()
        self._best_weights = {}
        self._wait = 0
        self.best_ = self._best
        self.best_epoch_ = self.stopped_epoch_ = None

    def on_epoch_end(self, estimator: BaseMLP) -> bool:
        """Count the epochs without an improvement."""
        value = self._latest(estimator)
        if estimator.n_iter_ in range(1, self.start_from_epoch + 1):
            return False
        self._wait += 1
        if self._improves(value):
            self.best_ = value
            self.best_epoch_ = row(estimator)
            if self.restore_best_weights:
                self._best_weights = copied_weights(estimator)
            if self.baseline is None or self._is_better(value, self.baseline):
                self._wait = 0
            return False
        if self._wait < self.patience:
            return False
        self.stopped_epoch_ = row(estimator)
        if self.verbose:
            say(f"{self._reason()} Stopping.")
        return True

    def _reason(self) -> str:
        if self.baseline is None or self._is_better(self._best, self.baseline):
            return self._stalled(self._wait)
        return f"{self.monitor} is not better than baseline={self.baseline:g}."

    def on_fit_end(self, estimator: BaseMLP) -> None:
        """Put the best weights back."""
        if self.restore_best_weights and self.best_epoch_ is not None:
            for name, weights in (self._best_weights | {"best_epoch_": self.best_epoch_}).items():
                setattr(estimator, name, weights)
            if self.verbose:
                say(f"The weights of epoch {self.best_epoch_} are kept.")


class TerminateOnNaN(Callback):
    """End the training when the loss is nan or infinite, or the validation loss becomes so.

    A training loss that is not finite ends every fit, with or without this callback: with the
    weights of the last finite epoch and a `ConvergenceWarning`, or in the first epoch with a
    ValueError. The callback does so, with that warning but the last weights, for the validation
    loss, too, which may overflow while the training loss is still finite.

    Notes
    -----
    Keras's callback looks at the training loss only, after each mini-batch.

    Examples
    --------
    >>> from pymlp import MLPClassifier
    >>> from pymlp.callbacks import TerminateOnNaN
    >>> clf = MLPClassifier().set_callbacks(TerminateOnNaN())
    """

    _was_finite: bool

    def on_fit_begin(self, estimator: BaseMLP) -> None:
        """Begin with nothing seen."""
        self._was_finite = False

    def on_epoch_end(self, estimator: BaseMLP) -> bool:
        """Look at the losses."""
        if not math.isfinite(estimator.loss_):
            return True  # the estimator warns
        # a warm start keeps the column of an earlier fit, filled with nan
        value = estimator.history_.get("val_loss", [math.nan])[-1]
        if math.isfinite(value):
            self._was_finite = True
        elif self._was_finite:
            warn(
                f"The validation loss of epoch {row(estimator)} is {value}: training stopped.",
                ConvergenceWarning,
            )
            return True
        return False
