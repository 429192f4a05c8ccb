"""A fit and its epochs as the tasks of which scikit-learn's callbacks hear."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sklearn.callback import ProgressBar

from .._core import StopFlag
from .._data.samples import Given
from .._fit.fit import Fit
from .._fit.observer import Observer
from .._system.arrays import Array
from .._system.messages import raise_first

EPOCH = "epoch"  # the task's name; with lbfgs an iteration
# what scikit-learn keeps on the estimator during a fit, and tears down by
DURING_FIT = ("_callback_fit_ctx", "_skl_callbacks_to_teardown")


class Tasks(Observer):
    """The root task of a fit, with one child task an epoch.

    A task that an interrupt cuts short, or that L-BFGS begins and gives up, has no end.

    Parameters
    ----------
    est : MLPClassifier or MLPRegressor
    given : Given
        The callbacks may ask for it.
    context : CallbackContext or None
        The root task; None if nobody is to be told.
    """

    def __init__(self, est: Any, given: Given, context: Any) -> None:
        metadata = None if given.weight is None else {"sample_weight": given.weight}
        self._arguments = {"estimator": est, "X": given.X, "y": given.y, "metadata": metadata}
        self._fit = context
        self._epoch: Any = None

    @property
    def draw_progress(self) -> bool:
        """Tell whether one of the callbacks draws a live line of its own."""
        callbacks = getattr(self._arguments["estimator"], "_skl_callbacks", [])
        return any(isinstance(callback, ProgressBar) for callback in callbacks)

    def begin_fit(self) -> None:
        """Tell that the weights have been drawn and the epochs begin."""
        if self._fit is not None:
            self._tell(self._fit.call_on_fit_task_begin)

    def end_fit(self) -> None:
        """Tell that the estimator is fitted; it is still the callbacks' to change."""
        if self._fit is not None:
            with StopFlag():  # nobody's: what has stopped the training does not stop what follows
                self._tell(self._fit.call_on_fit_task_end)

    def begin_epoch(self, fit: Fit) -> None:  # noqa: ARG002
        """Tell that an epoch begins, unless that has been told."""
        if self._fit is not None and self._epoch is None:
            self._epoch = self._fit.subcontext(task_name=EPOCH)
            self._tell(self._epoch.call_on_fit_task_begin)

    def end_epoch(self, fit: Fit) -> bool:  # noqa: ARG002
        """Tell that the epoch has ended; returns whether a callback wants to stop."""
        if self._fit is None:
            return False
        epoch, self._epoch = self._epoch, None
        return bool(self._tell(epoch.call_on_fit_task_end))

    def copies_of_callbacks(self) -> list[Any]:
        """The fit's own copies of the callbacks that are pymlp's, not scikit-learn's."""
        if self._fit is None:
            return []
        est = self._arguments["estimator"]
        return [c.of_fit(est) for c in est._skl_callbacks if hasattr(c, "of_fit")]

    def _tell(self, hook: Any) -> Any:
        return hook(**self._arguments, reconstruction_attributes=self._fitted_attributes)

    def _fitted_attributes(self) -> dict[str, list[Array]]:
        """Copy the weights, for a callback that asks for an estimator to keep."""
        return copied_weights(self._arguments["estimator"])


@contextmanager
def tearing_down(est: Any) -> Iterator[None]:
    """Tear down the callbacks that were set up, each of them, whatever the others raise."""
    try:
        yield
    finally:
        errors = []
        for callback in getattr(est, DURING_FIT[1], []):
            try:
                callback.teardown(estimator=est, context=getattr(est, DURING_FIT[0]))
            except BaseException as error:
                errors.append(error)
        for name in DURING_FIT:
            vars(est).pop(name, None)
        raise_first(errors)


def copied_weights(est: Any) -> dict[str, list[Array]]:
    """Copy an estimator's weights and their average, if there is one, by attribute."""
    names = ("coefs_", "intercepts_", "averaged_coefs_", "averaged_intercepts_")
    return {name: [a.copy() for a in getattr(est, name)] for name in names if hasattr(est, name)}
