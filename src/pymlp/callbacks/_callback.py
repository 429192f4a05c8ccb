"""The base of the callbacks."""

from __future__ import annotations

from collections import deque
from contextlib import suppress
from copy import copy, deepcopy
from dataclasses import dataclass
from functools import cached_property
from inspect import signature
from random import Random
from typing import Any, NamedTuple, Self

import joblib  # scikit-learn requires it
import numpy as np
from sklearn.callback import CallbackContext

from .._estimators.base import BaseMLP
from .._estimators.tasks import EPOCH
from .._resume.fingerprint import as_text
from .._system.params import HasParams

KERAS_HOOKS = {
    "on_train_begin": "on_fit_begin(self, estimator)",
    "on_train_end": "on_fit_end(self, estimator)",
    **dict.fromkeys(
        ("on_train_batch_begin", "on_train_batch_end", "on_batch_begin", "on_batch_end"),
        "on_epoch_end(self, estimator): no hook is called within an epoch",
    ),
}
HOOKS = ("on_fit_begin", "on_epoch_begin", "on_epoch_end", "on_fit_end")
CHANGED_IN_PLACE = (
    *(list, dict, set, deque, bytearray),
    *(np.ndarray, np.random.Generator, np.random.RandomState, Random),
)
INTERNAL = ("_fits", "_fit")  # attributes that are no subclass's


class Callback(HasParams):
    """Base of the callbacks; a subclass overrides the hooks that it needs.

    In the hooks the estimator's ``coefs_``, ``intercepts_``, ``history_``, ``loss_`` and
    ``n_iter_`` (epochs of this fit that have ended) are current; ``learning_rate_`` may be set.
    Parameters are read when the fit begins: what a hook sets in them is for the next one.

    Each fit calls the hooks of a copy of the callback, so fits may share a callback, one after
    another or at once in threads: what a hook sets on ``self`` is this fit's own. When a fit ends
    without an error, the attributes whose name ends in an underscore become the callback's, and
    only these. The next fit goes on from them unless `on_fit_begin` begins them anew. Fits in other
    processes (joblib's loky) have their own callback, of which nothing comes back.

    The arguments of the constructor, kept under their names, are the callback's parameters. The
    estimator has them as ``callbacks__earlystopping__patience`` and the like, where a search
    reaches them.

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

    _fit: _Fit  # of a fit's copy

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        for name, ours in KERAS_HOOKS.items():
            if hasattr(cls, name):
                raise TypeError(f"{cls.__name__}.{name} is a hook of Keras's; here it is {ours}.")
        for name in HOOKS:
            try:
                signature(getattr(cls, name)).bind("self", "estimator")
            except TypeError as error:
                raise TypeError(
                    f"{cls.__name__}.{name} must take one argument, the estimator: {error}."
                ) from None

    def __repr__(self) -> str:
        defaults = signature(type(self)).parameters
        params = self.get_params(deep=False).items()
        given = (f"{k}={v!r}" for k, v in params if repr(v) != repr(defaults[k].default))
        return f"{type(self).__name__}({', '.join(given)})"

    @property
    def _fits(self) -> dict[int, Self]:
        """Each fit's copy of the callback, by the id of the estimator."""
        # not made in a constructor, which subclasses need not call
        fits: dict[int, Self] = vars(self).setdefault("_fits", {})
        return fits

    def __getstate__(self) -> dict[str, Any]:
        state = dict(vars(self))  # at once: a fit may end in another thread meanwhile
        for name in INTERNAL:
            state.pop(name, None)
        return state

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

    # --- for a fit that is resumed ----------------------------------------------------------------

    def of_fit(self, estimator: BaseMLP) -> Self | None:
        """Get the copy whose hooks a fit calls.

        Parameters
        ----------
        estimator : MLPClassifier or MLPRegressor

        Returns
        -------
        Callback or None
            None if `estimator` is not being fitted with this callback.
        """
        return self._fits.get(id(estimator))

    def settings(self) -> dict[str, str]:
        """Describe what a fit must have again when it is resumed.

        By default all attributes but the results and ``verbose``, as they were when the fit began;
        without those that `state` holds because their content has changed.

        Returns
        -------
        dict of str to str
            Texts by name; an error shows those that differ.
        """
        fit = self._of()
        return {
            name: began.text
            for name, began in fit.began.items()
            if name != "verbose"
            and not (began.digest and fit.differs(name, getattr(self, name, None)))
        }

    def state(self) -> dict[str, Any]:
        """Get what the hooks have set or changed in a fit, for a checkpoint.

        By default the results, and each attribute that is another object than when the fit began,
        or a list, dict, set, array or generator whose content has changed. That other objects have
        changed nobody knows: override `state` and `restore` for these.

        Returns
        -------
        dict of str to any
            Data: numbers, strings, paths, arrays, generators of NumPy, and lists, tuples, dicts and
            sets of these.
        """
        fit = self._of()
        return {name: value for name, value in vars(self).items() if fit.differs(name, value)}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a state, after `on_fit_begin`.

        Parameters
        ----------
        state : dict of str to any
            What `state` returned.
        """
        for name, value in state.items():
            setattr(self, name, value)

    def _of(self) -> _Fit:
        return vars(self).get("_fit") or _Fit(self, None)

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
            If the callback is set twice on the estimator, or a parameter was set out of range.
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
        self.check_params()
        fit = copy(self)
        for name, value in self._results().items():  # which may be lists that the hooks append to
            with suppress(Exception):  # what cannot be copied, such as a lock, is shared
                setattr(fit, name, deepcopy(value))
        fit._fit = _Fit(self, context)
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

    def hand_over(self) -> None:
        """Give the results of a fit's copy to the callback: the fit has ended without an error."""
        vars(self._fit.callback).update(self._results())

    def _results(self) -> dict[str, Any]:
        """What a fit has found out."""
        return {name: value for name, value in vars(self).items() if name.endswith("_")}


class _Began(NamedTuple):
    """An attribute when a fit began."""

    value: Any
    text: str
    digest: str | None  # of the content, which may change in place


@dataclass
class _Fit:
    """What a fit's copy of a callback knows of the fit.

    Parameters
    ----------
    callback : Callback
        Whose copy it is; the fit changes its results only, when it ends, and, in place, what it
        holds.
    context : CallbackContext or None
    """

    callback: Callback
    context: CallbackContext

    @cached_property
    def began(self) -> dict[str, _Began]:
        """The attributes at the beginning, when a checkpoint asks first; nobody else does."""
        attributes = dict(vars(self.callback))  # at once: another fit may end meanwhile
        return {
            name: _Began(value, as_text(value), _digest(value))
            for name, value in attributes.items()
            if not (name in INTERNAL or name.endswith("_"))
        }

    def differs(self, name: str, value: Any) -> bool:
        """Tell whether an attribute is a result, or hooks have set or changed it."""
        if name in INTERNAL or name.endswith("_"):
            return name not in INTERNAL
        began = self.began.get(name)
        return began is None or value is not began.value or _digest(value) != began.digest


def _digest(value: Any) -> str | None:
    """Hash of a value's content, the same in this process, if that may change in place."""
    if not isinstance(value, CHANGED_IN_PLACE):
        return None
    try:
        found: str = joblib.hash(value)
    except Exception:  # of whatever cannot be pickled
        return as_text(value)
    return found


def row(estimator: BaseMLP) -> int:
    """Number of the epoch that has ended: its row of ``history_``, from 1."""
    return len(estimator.history_["loss"])
