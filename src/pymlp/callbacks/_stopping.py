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
from .._system.messages import say, warn
from ._callback import MODE, Best, Callback, row


class EarlyStopping(Callback):
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
    restore_best_weights : bool, default=False
        Whether the fitted estimator has the weights of the best epoch instead of the last one,
        however the training ended. The estimator's ``best_epoch_`` tells the epoch.
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
    As Keras's callback, without ``baseline`` and ``start_from_epoch``. Keras warns where this one
    raises, and counts ``stopped_epoch`` from 0.

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
        "monitor": [str],
        "min_delta": [Interval(Real, 0, None, closed="left")],
        "patience": [Interval(Integral, 0, None, closed="left")],
        "mode": MODE,
        "restore_best_weights": ["boolean"],
        "verbose": ["verbose"],
    }
    best_: float
    best_epoch_: int | None
    stopped_epoch_: int | None
    _best: Best
    _best_weights: dict[str, list[Array]]
    _wait: int

    def __init__(
        self,
        monitor: str = "val_loss",
        *,
        min_delta: float = 0.0,
        patience: int = 0,
        mode: str = "auto",
        restore_best_weights: bool = False,
        verbose: bool | int = False,
    ) -> None:
        self.monitor = monitor
        self.min_delta = min_delta
        self.patience = patience
        self.mode = mode
        self.restore_best_weights = restore_best_weights
        self.verbose = verbose
        self._validate()

    def on_fit_begin(self, estimator: BaseMLP) -> None:
        """Begin with nothing seen."""
        self._best = Best(self, self.monitor, self.mode, self.min_delta)
        self._best_weights = {}
        self._wait = 0
        self.best_ = self._best.value
        self.best_epoch_ = self.stopped_epoch_ = None

    def on_epoch_end(self, estimator: BaseMLP) -> bool:
        """Count the epochs without an improvement."""
        if self._best.improves(estimator):
            self._wait = 0
            self.best_ = self._best.value
            self.best_epoch_ = row(estimator)
            if self.restore_best_weights:
                self._best_weights = copied_weights(estimator)
            return False
        self._wait += 1
        if self._wait < self.patience:
            return False
        self.stopped_epoch_ = row(estimator)
        if self.verbose:
            say(f"{self._best.stalled(self._wait)} Stopping.")
        return True

    def on_fit_end(self, estimator: BaseMLP) -> None:
        """Put the best weights back."""
        if self.restore_best_weights and self.best_epoch_ is not None:
            estimator.__dict__.update(self._best_weights)
            estimator.best_epoch_ = self.best_epoch_
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
