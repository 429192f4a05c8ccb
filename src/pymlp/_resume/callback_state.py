"""What callbacks know of the epochs so far, as JSON and arrays for a checkpoint."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from .._files.values import NotDataError, decoded, encoded
from .._system.arrays import Array
from .fingerprint import as_text

BIT_GENERATORS = (
    np.random.PCG64,
    np.random.PCG64DXSM,
    np.random.MT19937,
    np.random.Philox,
    np.random.SFC64,
)
WITHOUT_EFFECT = ("verbose", "path", "log_dir", "separator", "append")  # on the training


def callback_states(callbacks: list[Any]) -> tuple[list[Any], dict[str, Array]]:
    """Name, settings and state of each callback of a running fit, and the states' arrays.

    scikit-learn's own are left out: they steer nothing.
    """
    states: list[Any] = []
    arrays: dict[str, Array] = {}
    for k, callback in enumerate(callbacks):
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
        states.append([name, _settings(callback), state])
    return states, arrays


def restore_callbacks(callbacks: list[Any], states: list[Any], arrays: dict[str, Array]) -> None:
    """Give the callbacks of a fit that has begun what `callback_states` has found."""
    names, now = [name for name, _, _ in states], [type(c).__name__ for c in callbacks]
    if names != now:
        raise ValueError(f"it is of a fit with the callbacks {names}. Got {now}")
    for callback, (name, before, _) in zip(callbacks, states, strict=True):
        settings = _settings(callback)
        if settings != before:
            changed = (k for k in before | settings if before.get(k) != settings.get(k))
            raise ValueError(
                f"it is of a fit with another {name}: "
                + ", ".join(f"{k} was {before.get(k)}, now {settings.get(k)}" for k in changed)
            )
    for callback, (_, _, state) in zip(callbacks, states, strict=True):
        callback._restore({name: _restored(value, arrays) for name, value in state.items()})


def _settings(callback: Any) -> dict[str, str]:
    """Texts of the parameters that decide what a callback does to the training."""
    return {
        name: as_text(getattr(callback, name, None))
        for name in callback._parameter_constraints
        if name not in WITHOUT_EFFECT
    }


def _stored(value: Any, name: str, arrays: dict[str, Array]) -> Any:  # noqa: PLR0911
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
    if type(value) is set:
        return {"set": [encoded(item) for item in value]}
    if type(value) is np.random.RandomState:
        return {"random_state": encoded(value.get_state(legacy=False))}
    if type(value) is np.random.Generator and type(value.bit_generator) in BIT_GENERATORS:
        return {"generator": encoded(value.bit_generator.state)}
    return {"value": encoded(value)}


def _restored(value: Any, arrays: dict[str, Array]) -> Any:  # noqa: PLR0911
    if isinstance(value, list):
        return [_restored(item, arrays) for item in value]
    ((kind, content),) = value.items()
    if kind == "stored":
        return arrays[content]
    if kind == "items":
        return {key: _restored(item, arrays) for key, item in content}
    if kind == "set":
        return {decoded(item) for item in content}
    if kind == "random_state":
        random_state = np.random.RandomState()
        random_state.set_state(decoded(content))
        return random_state
    if kind == "generator":
        state = decoded(content)
        kinds = {kind.__name__: kind for kind in BIT_GENERATORS}
        generator = np.random.Generator(kinds[state["bit_generator"]]())
        generator.bit_generator.state = state
        return generator
    return Path(content) if kind == "path" else decoded(content)
