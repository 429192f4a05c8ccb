"""What is printed and warned of, beside other threads and fits."""

from __future__ import annotations

import contextlib
import os
import sys
import warnings
from collections.abc import Iterator, Sequence
from contextvars import ContextVar
from typing import NamedTuple

import sklearn

# Files between a warning and whose call it is about: pymlp's own, scikit-learn's (its decorators,
# pipelines and searches) and the context managers'.
_WITHIN = (
    os.path.dirname(os.path.dirname(__file__)) + os.sep,
    os.path.dirname(sklearn.__file__) + os.sep,
    contextlib.__file__,
)


def say(line: str) -> None:
    """Print a line at once and in one piece, for readers of a pipe and beside other threads."""
    # named, stdout stays alive in print while another thread puts rich's in its place: CPython's
    # issue 130163
    stdout = sys.stdout
    # what people put there to catch lines may have nothing but `write`
    print(f"{line}\n", end="", file=stdout, flush=hasattr(stdout, "flush"))


def missing(what: str, package: str) -> ImportError:
    """Say what needs a package. Who has built pymlp from its source need not build it again."""
    return ImportError(f"{what} needs {package}: pip install {package}")


class Warned(NamedTuple):
    """A warning that was not given yet."""

    category: type[Warning]
    message: str


# Where this thread's warnings go; None: to Python's. `warnings.catch_warnings` would catch those of
# all threads, and where two of them overlap, for good.
_collected: ContextVar[list[Warned] | None] = ContextVar("collected", default=None)


@contextlib.contextmanager
def collected_warnings() -> Iterator[list[Warned]]:
    """Collect the warnings of this thread, for whoever fits several estimators side by side."""
    warned: list[Warned] = []
    token = _collected.set(warned)
    try:
        yield warned
    finally:
        _collected.reset(token)


# Those of this thread's warnings that a filter has made errors; None: they are raised at once.
_held_back: ContextVar[list[Warning] | None] = ContextVar("held_back", default=None)


@contextlib.contextmanager
def errors_held_back() -> Iterator[list[Warning]]:
    """Hold warnings back that a filter makes errors: to be raised when nothing is lost by it."""
    errors: list[Warning] = []
    token = _held_back.set(errors)
    try:
        yield errors
    finally:
        _held_back.reset(token)


def raise_first(errors: Sequence[BaseException]) -> None:
    """Raise the first of some errors, if there are any, with a note of each of the others."""
    if errors:
        for other in errors[1:]:
            errors[0].add_note(f"{type(other).__name__}: {other}")
        raise errors[0]


def warn(message: str, category: type[Warning] = UserWarning) -> None:
    """Warn of the first line outside pymlp and scikit-learn, or leave that to who collects."""
    collected = _collected.get()
    if collected is not None:
        collected.append(Warned(category, message))
        return
    frame, level = sys._getframe(1), 2
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_WITHIN):
        frame, level = frame.f_back, level + 1
    try:
        warnings.warn(message, category, stacklevel=level)
    except Warning as error:
        held_back = _held_back.get()
        if held_back is None:
            raise
        held_back.append(error)
