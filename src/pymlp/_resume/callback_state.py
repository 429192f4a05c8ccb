"""What callbacks know of the epochs so far, as JSON and arrays for a checkpoint."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from .._files.values import decoded, encoded
from .._system.arrays import Array

PREFIX = "callback."  # of the arrays' names


class Stateful(Protocol):
    """A callback, or a running fit's copy of one, that a checkpoint stores."""

    def settings(self) -> dict[str, str]:
        """Describe what a fit must have again when it is resumed."""

    def state(self) -> dict[str, Any]:
        """Get what the hooks have set or changed."""

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from what `state` returned."""


def callback_states(callbacks: Sequence[Stateful]) -> tuple[list[Any], dict[str, Array]]:
    """Name, settings and state of each callback of a fit, and the states' arrays.

    Parameters
    ----------
    callbacks : sequence of Stateful
        The fit's own copies.

    Raises
    ------
    ValueError
        If a state is no data.
    """
    aside: dict[str, Array] = {}
    states = [
        [type(callback).__name__, callback.settings(), _encoded_state(callback, aside)]
        for callback in callbacks
    ]
    return states, {PREFIX + name: array for name, array in aside.items()}


def restore_callbacks(
    callbacks: Sequence[Stateful], states: Sequence[Any], arrays: dict[str, Array]
) -> None:
    """Give the callbacks of a fit that has begun what `callback_states` has found.

    Parameters
    ----------
    callbacks : sequence of Stateful
        The fit's own copies.
    states : sequence
    arrays : dict of str to ndarray
        The states' ones, and others.

    Raises
    ------
    ValueError
        If they are other callbacks, or have other settings.
    """
    names, now = [name for name, _, _ in states], [type(c).__name__ for c in callbacks]
    if names != now:
        raise ValueError(f"it is of a fit with the callbacks {names}. Got {now}")
    for callback, (name, before, state) in zip(callbacks, states, strict=True):
        found = callback.settings()
        # what has changed in place since the fit began is in the state
        names = [k for k in before | found if k in before or k not in state]
        if changed := [k for k in names if before.get(k) != found.get(k)]:
            raise ValueError(
                f"it is of a fit with another {name}: "
                + ", ".join(f"{k} was {before.get(k)}, now {found.get(k)}" for k in changed)
            )
    aside = {
        name.removeprefix(PREFIX): array
        for name, array in arrays.items()
        if name.startswith(PREFIX)
    }
    for callback, (_, _, state) in zip(callbacks, states, strict=True):
        callback.restore({name: decoded(value, aside=aside) for name, value in state.items()})


def _encoded_state(callback: Stateful, aside: dict[str, Array]) -> dict[str, Any]:
    state = {}
    for name, value in callback.state().items():
        try:
            state[name] = encoded(value, aside=aside)
        except ValueError as error:
            raise ValueError(
                f"A fit with a {type(callback).__name__} cannot be resumed, for its attribute "
                f"'{name}' is no data that a checkpoint could hold: {error}."
            ) from error
    return state
