"""Answers to arguments that callbacks of Keras, skorch or PyTorch have, and these not."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any


def elsewhere(**answers: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Decorate a constructor that is given arguments of others' callbacks.

    Parameters
    ----------
    **answers : str
        By the name of such an argument, what to use instead.
    """

    def decorated(init: Callable[..., None]) -> Callable[..., None]:
        @wraps(init)
        def answering(self: Any, *args: Any, **kwargs: Any) -> None:
            for name in kwargs:
                if name in answers:
                    raise TypeError(
                        f"{type(self).__name__} has no argument '{name}': {answers[name]}."
                    )
            init(self, *args, **kwargs)

        return answering

    return decorated
