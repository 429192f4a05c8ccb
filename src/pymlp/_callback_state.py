"""What callbacks know of the epochs so far, as JSON and arrays for a checkpoint."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ._parameters import Array
from ._values import NotDataError, decoded, encoded

if TYPE_CHECKING:
    from ._base import BaseMLP
    from .callbacks import Callback


def callback_states(est: BaseMLP) -> tuple[list[Any], dict[str, Array]]:
    """Name and state of each callback of a running fit, and the arrays in the states.

    scikit-learn's own are left out: they steer nothing.
    """
    states: list[Any] = []
    arrays: dict[str, Array] = {}
    for k, callback in enumerate(_callbacks(est)):
        name = type(callback).__name__
        state = {}
        for attribute, value in callback._state().items():
            try:
                state[attribute] = _stored(value, f"callback.{k}.{attribute}", arrays)
            except NotDataError as error:
                raise ValueError(
                    f"A fit with a {name} cannot be resumed, for its attribute '{attribute}' is no "
                    f"data that a checkpoint could hold: {error}."
                ) from error
        states.append([name, state])
    return states, arrays


def restore_callbacks(est: BaseMLP, states: list[Any], arrays: dict[str, Array]) -> None:
    """Give the callbacks of a fit that has begun what `callback_states` has found."""
    callbacks = _callbacks(est)
    names, now = [name for name, _ in states], [type(c).__name__ for c in callbacks]
    if names != now:
        raise ValueError(f"it is of a fit with the callbacks {names}. Got {now}")
    for callback, (_, state) in zip(callbacks, states, strict=True):
        callback._restore({name: _restored(value, arrays) for name, value in state.items()})


def _callbacks(est: BaseMLP) -> list[Callback]:
    """Copies of the callbacks that the running fit has of its own."""
    fits = [getattr(callback, "_fits", {}) for callback in getattr(est, "_skl_callbacks", [])]
    return [of_fits[id(est)] for of_fits in fits if id(est) in of_fits]


def _stored(value: Any, name: str, arrays: dict[str, Array]) -> Any:
    """JSON of a value; arrays go to the others, under a name."""
    if type(value) is np.ndarray and value.dtype in (np.float32, np.float64, np.int64):
        arrays[name] = value
        return {"stored": name}
    if type(value) is list:
        return [_stored(item, f"{name}.{k}", arrays) for k, item in enumerate(value)]
    if type(value) is dict and all(type(key) is str for key in value):
        return {"items": [[k, _stored(item, f"{name}.{k}", arrays)] for k, item in value.items()]}
    if isinstance(value, Path):
        return {"path": str(value)}
    return {"value": encoded(value)}


def _restored(value: Any, arrays: dict[str, Array]) -> Any:
    if isinstance(value, list):
        return [_restored(item, arrays) for item in value]
    ((kind, content),) = value.items()
    if kind == "stored":
        return arrays[content]
    if kind == "items":
        return {key: _restored(item, arrays) for key, item in content}
    return Path(content) if kind == "path" else decoded(content)
