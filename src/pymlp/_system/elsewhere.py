"""Answers to arguments that Keras, skorch, PyTorch or scikit-learn have elsewhere, and we not."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from inspect import signature
from typing import Any, TypeVar

from .meant import meant

Method = TypeVar("Method", bound=Callable[..., Any])


def elsewhere(**answers: str) -> Callable[[Method], Method]:
    """Decorate a constructor or method that may be called as another library's is.

    Parameters
    ----------
    **answers : str
        By the name of such an argument, what to use instead.
    """

    def decorated(method: Method) -> Method:
        known = [*signature(method).parameters][1:]

        @wraps(method)
        def answering(self: Any, *args: Any, **kwargs: Any) -> Any:
            try:
                return method(self, *args, **kwargs)
            except TypeError as error:
                if error.__traceback__ is None or error.__traceback__.tb_next is not None:
                    raise  # not of this call, but amid it
                message = str(error)
            kind, is_init = type(self), method.__name__ == "__init__"
            caller = kind.__name__ if is_init else f"{kind.__name__}.{method.__name__}"
            name = next((name for name in kwargs if name not in known), None)
            if name is None:  # which names a base that nobody has heard of
                raise TypeError(message.replace(f"{method.__qualname__}()", f"{caller}()"))
            answer = f".{meant(name, known)}"
            if name in answers:
                answer = f": {answers[name]}."
            elif not is_init and name in signature(kind).parameters:
                answer = ": it is a parameter of the constructor."
            raise TypeError(f"{caller} has no argument '{name}'{answer}")

        return answering  # type: ignore[return-value] # with the same signature

    return decorated
