"""How callbacks follow a column of ``history_``."""

from __future__ import annotations

import math
from typing import Any, ClassVar

from .._estimators.base import BaseMLP
from .._system.meant import meant
from .._system.params import one_of
from ._callback import Callback

MONITORED = ("gradient_norm_", "activation_norm_", "dead_share_")
LOWER_IS_BETTER = ("gradient_norm_", "dead_share_")  # and the losses


class MonitorCallback(Callback):
    """Base of the callbacks that follow a column of ``history_``; they have its parameters.

    Parameters
    ----------
    monitor : str
        The column.
    mode : {'auto', 'min', 'max'}
        Is less or more of it better?
    min_delta : float
        Only what is better by more than this is an improvement.
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "monitor": [str],
        "mode": [one_of("auto", "min", "max")],
    }
    monitor: str
    mode: str
    min_delta: float = 0.0
    _best: float  # in this fit; inf or -inf before there is one

    def _forget_best(self) -> None:
        self._best = -self._sign() * math.inf

    def _improves(self, value: float) -> bool:
        """Tell whether a value is the best so far; nan never is."""
        improves = self._is_better(value, self._best)
        if improves:
            self._best = value
        return improves

    def _is_better(self, value: float, other: float) -> bool:
        sign = self._sign()
        return sign * value - self.min_delta > sign * other

    def _sign(self) -> int:
        if self.mode != "auto":
            return 1 if self.mode == "max" else -1
        is_loss = self.monitor in ("loss", "val_loss")
        return -1 if is_loss or self.monitor.startswith(LOWER_IS_BETTER) else 1

    def _stalled(self, n_epochs: int) -> str:
        """Say that nothing has improved for some epochs."""
        return (
            f"{self.monitor} did not improve more than min_delta={self.min_delta:g} for "
            f"{n_epochs} consecutive epochs."
        )

    def _latest(self, estimator: BaseMLP) -> float:
        """Value of the epoch that has ended.

        Raises
        ------
        ValueError
            If there is no such column, or nothing in it in a fit's first epoch.
        """
        history = estimator.history_
        monitors = f"{type(self).__name__} monitors '{self.monitor}', which is"
        pass_it = "validation set: fit(X, y, X_val=..., y_val=...)."
        if self.monitor not in history:
            needs = ""
            if self.monitor.startswith("val_") and "val_loss" not in history:
                needs = f" The columns 'val_...' need a {pass_it}"
            elif self.monitor.startswith(MONITORED):
                needs = " The estimator's parameter monitor_gradients=True adds it."
            needs += meant(self.monitor, history)
            raise ValueError(
                f"{monitors} not a column of history_: there are {', '.join(map(repr, history))}."
                f"{needs}"
            )
        value = history[self.monitor][-1]
        # a loss of nan is the estimator's to report
        if math.isnan(value) and estimator.n_iter_ == 1 and math.isfinite(estimator.loss_):
            raise ValueError(
                f"{monitors} nan in the first epoch: an earlier fit had this column, this one has "
                f"not, or the score is not defined. Use another column or another {pass_it}"
            )
        return value
