"""The base of the callbacks, and how a fit's column is followed."""

from __future__ import annotations

import math
from copy import copy, deepcopy
from inspect import signature
from typing import Any, ClassVar

import joblib  # scikit-learn requires it
import numpy as np
from sklearn.callback import CallbackContext
from sklearn.utils._param_validation import StrOptions, validate_parameter_constraints

from .._estimators.base import BaseMLP
from .._estimators.tasks import EPOCH

MODE = [StrOptions({"auto", "min", "max"})]
MONITORED = ("gradient_norm_", "activation_norm_", "dead_share_")
KERAS_HOOKS = {
    "on_train_begin": "on_fit_begin(self, estimator)",
    "on_train_end": "on_fit_end(self, estimator)",
    "on_train_batch_end": "on_epoch_end(self, estimator): no hook is called within an epoch",
}
CHANGEABLE = (list, dict, set, np.ndarray, np.random.Generator, np.random.RandomState)  # in place
NOT_OF_HOOKS = ("_fits", "_fit_id", "_before", "_hashes")  # attributes of a fit's copy
LOWER_IS_BETTER = ("gradient_norm_", "dead_share_")  # and the losses


class Callback:
    """Base of the callbacks; a subclass overrides the hooks that it needs.

    In the hooks the estimator's ``coefs_``, ``intercepts_``, ``history_``, ``loss_`` and
    ``n_iter_`` (epochs of this fit that have ended) are current; ``learning_rate_`` may be set.

    Each fit calls the hooks of a copy of the callback, so fits may share a callback, one after
    another or at once in threads: what a hook sets on ``self`` is this fit's own. When a fit ends
    without an error, the attributes whose name ends in an underscore become the callback's, and
    only these. The next fit goes on from them unless `on_fit_begin` begins them anew. Fits in other
    processes (joblib's loky) have their own callback, of which nothing comes back.

    Examples
    --------
    >>> import numpy as np
    >>> from pymlp import MLPRegressor
    >>> from pymlp.callbacks import Callback
    >>> class WeightNorms(Callback):
    ...     def on_fit_begin(self, estimator):
    ...         self.norms_ = []
    ...     def on_epoch_end(self, estimator):
    ...         self.norms_.append(np.linalg.norm(estimator.coefs_[0]))
    ...         return estimator.n_iter_ == 3  # enough
    >>> X = np.linspace(-1, 1, 50).reshape(-1, 1)
    >>> norms = WeightNorms()
    >>> reg = MLPRegressor(random_state=0).set_callbacks(norms).fit(X, X.ravel())
    >>> len(norms.norms_)
    3
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {}
    # of a fit's copy: the attributes of the callback, and hashes of those that hooks may change
    _before: dict[str, Any]
    _hashes: dict[str, str | None]

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        for name, ours in KERAS_HOOKS.items():
            if hasattr(cls, name):
                raise TypeError(f"{cls.__name__}.{name} is a hook of Keras's; here it is {ours}.")
        for name in ("on_fit_begin", "on_epoch_begin", "on_epoch_end", "on_fit_end"):
            try:
                signature(getattr(cls, name)).bind("self", "estimator")
            except TypeError as error:
                raise TypeError(
                    f"{cls.__name__}.{name} must take one argument, the estimator: {error}."
                ) from None

    @property
    def _fits(self) -> dict[int, Any]:
        """Each fit's copy of the callback, by the id of the estimator."""
        # not made in a constructor, which subclasses need not call
        fits: dict[int, Any] = vars(self).setdefault("_fits", {})
        return fits

    def __getstate__(self) -> dict[str, Any]:
        state = dict(vars(self))  # at once: a fit may end in another thread meanwhile
        state.pop("_fits", None)
        return state

    def _state(self) -> dict[str, Any]:
        """What this fit's hooks have set or changed so far, for a checkpoint."""
        return {
            name: value.value if isinstance(value, Best) else value
            for name, value in vars(self).items()
            if name not in NOT_OF_HOOKS and (name.endswith("_") or self._has_changed(name, value))
        }

    def _has_changed(self, name: str, value: Any) -> bool:
        if value is not self._before.get(name):
            return True
        if not isinstance(value, CHANGEABLE):
            return False
        before = self._hashes.get(name)
        return before is None or before != _hash(value)

    def _restore(self, state: dict[str, Any]) -> None:
        """Know what `_state` has told, after `on_fit_begin`."""
        for name, value in state.items():
            mine = getattr(self, name, None)
            if isinstance(mine, Best):
                mine.value = value
            else:
                setattr(self, name, value)

    def _validate(self) -> None:
        """Check the parameters, at the end of a constructor."""
        validate_parameter_constraints(self._parameter_constraints, vars(self), type(self).__name__)

    # --- for subclasses --------------------------------------------------------------------------

    def on_fit_begin(self, estimator: BaseMLP) -> None:
        """Called when the weights have been drawn, before the first epoch.

        Parameters
        ----------
        estimator : MLPClassifier or MLPRegressor
        """

    def on_epoch_begin(self, estimator: BaseMLP) -> None:
        """Called before each epoch; with 'lbfgs' before each iteration.

        Parameters
        ----------
        estimator : MLPClassifier or MLPRegressor
        """

    def on_epoch_end(self, estimator: BaseMLP) -> bool | None:
        """Called after each epoch, which is the last row of ``history_``.

        Parameters
        ----------
        estimator : MLPClassifier or MLPRegressor

        Returns
        -------
        bool or None
            True ends the training; the fit goes on to `on_fit_end`.
        """
        return None

    def on_fit_end(self, estimator: BaseMLP) -> None:
        """Called when the estimator is fitted, also after an interrupt; not after an error.

        Parameters
        ----------
        estimator : MLPClassifier or MLPRegressor
            Still the callback's to change.
        """

    def close(self) -> None:
        """Called last, also after an error: close what is open."""

    # --- scikit-learn's protocol -----------------------------------------------------------------

    def setup(self, estimator: BaseMLP, context: CallbackContext) -> None:
        """Begin a fit.

        Parameters
        ----------
        estimator : MLPClassifier or MLPRegressor
        context : CallbackContext

        Raises
        ------
        TypeError
            If the estimator is another one.
        ValueError
            If the callback is set twice on the estimator.
        """
        if not isinstance(estimator, BaseMLP):
            raise TypeError(
                f"{type(self).__name__} is a callback for MLPClassifier and MLPRegressor: set it "
                "on these, also inside a pipeline or a search. "
                f"Got {type(estimator).__name__} instead."
            )
        if id(estimator) in self._fits:
            raise ValueError(
                f"{type(self).__name__} is set twice on one {type(estimator).__name__}: its hooks "
                "would be called twice. Set it once."
            )
        fit = copy(self)
        fit._before = vars(self)
        fit._hashes = {
            name: _hash(value)
            for name, value in dict(vars(self)).items()  # at once: another fit may end meanwhile
            if isinstance(value, CHANGEABLE) and not (name in NOT_OF_HOOKS or name.endswith("_"))
        }
        vars(fit).update(deepcopy(self._results()))  # which may be lists that the hooks append to
        self._fits[id(estimator)] = fit

    def on_fit_task_begin(self, estimator: BaseMLP, context: CallbackContext) -> None:
        """Call `on_fit_begin` or `on_epoch_begin`.

        Parameters
        ----------
        estimator : MLPClassifier or MLPRegressor
        context : CallbackContext
        """
        fit = self._fits[id(estimator)]
        if context.task_name == EPOCH:
            fit.on_epoch_begin(estimator)
        else:
            fit.on_fit_begin(estimator)

    def on_fit_task_end(self, estimator: BaseMLP, context: CallbackContext) -> bool:
        """Call `on_epoch_end` or `on_fit_end`.

        Parameters
        ----------
        estimator : MLPClassifier or MLPRegressor
        context : CallbackContext

        Returns
        -------
        bool
            Whether the training is to end.
        """
        fit = self._fits[id(estimator)]
        if context.task_name == EPOCH:
            return bool(fit.on_epoch_end(estimator))
        fit.on_fit_end(estimator)
        vars(self).update(fit._results())
        return False

    def teardown(self, estimator: BaseMLP, context: CallbackContext) -> None:
        """End a fit, whether or not it failed.

        Parameters
        ----------
        estimator : MLPClassifier or MLPRegressor
        context : CallbackContext
        """
        fit = self._fits.pop(id(estimator), None)
        if fit is not None:
            fit.close()

    def _results(self) -> dict[str, Any]:
        """What a fit has found out."""
        return {name: value for name, value in vars(self).items() if name.endswith("_")}


class Best:
    """The best value of a column of ``history_`` so far, in one fit.

    Parameters
    ----------
    callback : Callback
        For whom, in errors.
    monitor : str
        The column.
    mode : {'auto', 'min', 'max'}
        Is less or more of it better?
    min_delta : float, default=0.0
        Only what is better by more than this is an improvement.

    Attributes
    ----------
    value : float
        inf or -inf before there is one. nan never is.
    """

    def __init__(self, callback: Callback, monitor: str, mode: str, min_delta: float = 0.0) -> None:
        self._callback = type(callback).__name__
        self._monitor = monitor
        self._sign = 1 if _mode(monitor, mode) == "max" else -1
        self._min_delta = min_delta
        self.value = -self._sign * math.inf

    def improves(self, estimator: BaseMLP) -> bool:
        """Look at the epoch that has ended; returns whether it is the best so far."""
        value = self.latest(estimator)
        improves = self._sign * value - self._min_delta > self._sign * self.value
        if improves:
            self.value = value
        return improves

    def stalled(self, n_epochs: int) -> str:
        """Say that nothing has improved for some epochs."""
        return (
            f"{self._monitor} did not improve more than min_delta={self._min_delta:g} for "
            f"{n_epochs} consecutive epochs."
        )

    def latest(self, estimator: BaseMLP) -> float:
        """Value of the epoch that has ended.

        Raises
        ------
        ValueError
            If there is no such column, or nothing in it in a fit's first epoch.
        """
        history = estimator.history_
        monitors = f"{self._callback} monitors '{self._monitor}', which is"
        pass_it = "validation set: fit(X, y, X_val=..., y_val=...)."
        if self._monitor not in history:
            needs = ""
            if self._monitor.startswith("val_") and "val_loss" not in history:
                needs = f" The columns 'val_...' need a {pass_it}"
            elif self._monitor.startswith(MONITORED):
                needs = " The estimator's parameter monitor_gradients=True adds it."
            raise ValueError(
                f"{monitors} not a column of history_: there are {', '.join(map(repr, history))}."
                f"{needs}"
            )
        value = history[self._monitor][-1]
        # a loss of nan is the estimator's to report
        if math.isnan(value) and estimator.n_iter_ == 1 and math.isfinite(estimator.loss_):
            raise ValueError(
                f"{monitors} nan in the first epoch: an earlier fit had this column, this one has "
                f"not, or the score is not defined. Use another column or another {pass_it}"
            )
        return value


def _hash(value: Any) -> str | None:
    """Hash of a value's content, the same in this process; None if it has none."""
    try:
        found: str = joblib.hash(value)
    except Exception:  # of whatever cannot be pickled
        return None
    return found


def row(estimator: BaseMLP) -> int:
    """Number of the epoch that has ended: its row of ``history_``, from 1."""
    return len(estimator.history_["loss"])


def _mode(monitor: str, mode: str) -> str:
    if mode != "auto":
        return mode
    lower = monitor in ("loss", "val_loss") or monitor.startswith(LOWER_IS_BETTER)
    return "min" if lower else "max"
