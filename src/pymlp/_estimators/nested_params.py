"""Parameters of the callbacks and of a schedule as parameters of the estimator that has them."""

from __future__ import annotations

from collections import defaultdict
from typing import Any, Self

from sklearn.base import clone
from sklearn.callback import CallbackSupportMixin
from sklearn.pipeline import _name_estimators

from .._system.params import with_copied_parts
from .answers import OF_NETWORK

PREFIX = "callbacks__"


class NestedParams(CallbackSupportMixin):
    """An estimator whose search reaches its callbacks: ``callbacks__earlystopping__patience``.

    scikit-learn's clones of an estimator have its callbacks, the same objects. So nothing is ever
    set in a callback or a schedule: the estimator gets a changed copy, and others keep theirs.
    """

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Get the parameters of this estimator.

        Parameters
        ----------
        deep : bool, default=True
            Whether the callbacks, as ``callbacks__earlystopping``, and their parameters and a
            schedule's are among them.

        Returns
        -------
        dict of str to any
        """
        params: dict[str, Any] = super().get_params(deep)
        if deep:
            for name, callback in self._named_callbacks().items():
                params[PREFIX + name] = callback
                if hasattr(callback, "get_params"):
                    of_callback = callback.get_params().items()
                    params |= {f"{PREFIX}{name}__{k}": value for k, value in of_callback}
        return params

    def set_params(self, **params: Any) -> Self:
        """Set parameters of this estimator, of its callbacks and of a schedule.

        Parameters
        ----------
        **params : any
            By their names in ``get_params``. Callbacks are called by their class in lower case,
            several of one class 'earlystopping-1', 'earlystopping-2'; None in the place of one
            takes it away. Callbacks and schedules are not changed: the estimator has copies.

        Returns
        -------
        self : object

        Raises
        ------
        ValueError
            If there is no such parameter, or one of a callback or schedule is out of range.
        """
        of_callbacks = {k: v for k, v in params.items() if k.startswith(PREFIX)}
        own = {k: v for k, v in params.items() if k not in of_callbacks}
        for name in own.keys() & OF_NETWORK.keys():
            if name not in self._get_param_names():
                answer = OF_NETWORK[name]
                raise ValueError(f"{type(self).__name__} has no parameter {name!r}: {answer}.")
        changed = self._changed_callbacks(of_callbacks) if of_callbacks else None  # or it raises
        super().set_params(**with_copied_parts(self, own))
        if changed is not None:
            self.set_callbacks(*changed)
        return self

    def _named_callbacks(self) -> dict[str, Any]:
        return dict(_name_estimators(getattr(self, "_skl_callbacks", [])))

    def _changed_callbacks(self, params: dict[str, Any]) -> list[Any]:
        callbacks = self._named_callbacks()
        changes: dict[str, dict[str, Any]] = defaultdict(dict)
        for key, value in params.items():
            name, delimiter, of_callback = key.removeprefix(PREFIX).partition("__")
            if name not in callbacks:
                raise ValueError(
                    f"Invalid parameter {PREFIX + name!r} for {type(self).__name__}. Its callbacks "
                    f"are {', '.join(callbacks) or 'none: call set_callbacks first'}."
                )
            if delimiter:
                changes[name][of_callback] = value
            else:
                callbacks[name] = value
        for name, changed in changes.items():
            callback = callbacks[name]
            if not hasattr(callback, "set_params"):
                raise ValueError(
                    f"The callback {name!r} has no parameters that could be set: "
                    f"{', '.join(map(repr, changed))}. Got {callback!r}."
                )
            before = callback.get_params()
            if any(before.get(k, self) is not value for k, value in changed.items()):
                callbacks[name] = clone(callback).set_params(**changed)
        return [callback for callback in callbacks.values() if callback is not None]
