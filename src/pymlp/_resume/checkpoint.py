"""Checkpoints: the state of a fit between two epochs, in a file from which the same fit goes on."""

from __future__ import annotations

import errno
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from numbers import Integral, Real
from typing import Any

import numpy as np

from .. import _core
from .._files import container
from .._files.values import decoded, encoded
from .._fit.fit import Fit
from .._fit.observer import Observer
from .._system.arrays import Array
from .._system.messages import warn
from .callback_state import Stateful, callback_states, restore_callbacks
from .fingerprint import differences


@dataclass(frozen=True)
class Checkpoint:
    """Where, and how often, a fit stores its state: what ``fit`` takes as `resume`.

    A checkpoint is written when an epoch ends that is due by both `every` and `seconds`, and when
    the fit ends by itself, not by divergence or Ctrl-C. It is a safetensors file, replaced when the
    new one is complete: whenever the process ends, there is a whole one. The fit that is resumed
    begins with the epoch after it. A file that cannot be written amid a fit is a warning: the fit
    goes on.

    Parameters
    ----------
    path : str or path-like
        The file; its folder must exist. One file a fit: the fits of a GridSearchCV or of
        cross_val_score cannot share one, nor can one ``warm_start`` after another.
    every : int, default=1
        Epochs from one to the next, at least 1.
    seconds : float, default=10.0
        Seconds from one to the next, at least 0: as much work may be lost, and an epoch's.

    Raises
    ------
    ValueError
        If a parameter is out of range.

    See Also
    --------
    pymlp.callbacks.ModelCheckpoint : Saves models to predict with, such as the best one.

    Examples
    --------
    >>> import os, tempfile
    >>> from pymlp import Checkpoint, MLPClassifier
    >>> from sklearn.datasets import load_digits
    >>> X, y = load_digits(return_X_y=True)
    >>> clf = MLPClassifier((20,), max_iter=50, tol=0.01, n_iter_no_change=3, random_state=0)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     each_minute = Checkpoint(folder + "/digits.checkpoint", seconds=60)
    ...     clf = clf.fit(X, y, resume=each_minute)
    ...     os.listdir(folder)
    ['digits.checkpoint']
    """

    path: str | os.PathLike[str]
    every: int = 1
    seconds: float = 10.0

    def __post_init__(self) -> None:
        _check("path", self.path, isinstance(self.path, (str, os.PathLike)), "a path")
        _check("path", self.path, bool(os.fspath(self.path)), "a path that is not empty")
        sound = _is_number(self.every, Integral) and self.every >= 1
        _check("every", self.every, sound, "an integer of at least 1")
        sound = _is_number(self.seconds, Real) and 0 <= self.seconds <= sys.float_info.max
        _check("seconds", self.seconds, sound, "a finite number of at least 0")


class Resumable(Observer):
    """A fit with a checkpoint; it goes on from the file if there is one.

    Parameters
    ----------
    when : Checkpoint

    Attributes
    ----------
    has_ended : bool
        The checkpoint was the last of a fit that stopped by itself.
    """

    def __init__(self, when: Checkpoint) -> None:
        self._when = when
        self._path = os.fspath(when.path)
        self._random_state: np.random.RandomState | None = None
        self._arrays: dict[str, Array] = {}
        self._state: dict[str, Any] | None = None
        try:
            self._arrays, description = container.read(self._path)
        except FileNotFoundError:
            if not os.path.isdir(_folder(self._path)):  # then there will be no file, either
                raise
        else:
            with container.refusing(self._path):
                if "model" in description:
                    raise ValueError("it is a model, for pymlp.load, not the checkpoint of a fit")
                if not isinstance(description.get("fit"), dict):
                    raise ValueError("it is not the checkpoint of a fit")
                self._state = description["fit"]
        if not self.has_ended:
            _check_writable(self._path)

    @property
    def has_ended(self) -> bool:
        """Tell whether there is nothing left to train."""
        return self._state is not None and self._state["has_ended"] is True

    def seed(self, random_state: np.random.RandomState) -> None:
        """Bring the random numbers to where the fit began: it draws what it drew then."""
        self._random_state, self._found = random_state, random_state.get_state(legacy=False)
        if self._state is not None:
            with container.refusing(self._path):
                random_state.set_state(decoded(self._state["random_begin"]))
        self._begin = encoded(random_state.get_state(legacy=False))

    def put_back(self) -> None:
        """Undo `seed`, of a fit that raises: the random numbers may be NumPy's own."""
        if self._random_state is not None:
            self._random_state.set_state(self._found)

    def begin(self, fit: Fit, identity: dict[str, str]) -> None:
        """Restore the state, if there is a file, of a fit that is about to begin.

        Parameters
        ----------
        fit : Fit
            As it starts.
        identity : dict of str to str
            Its `fingerprint`.

        Raises
        ------
        ValueError
            If the file is of another fit, or not as `settle_epoch` writes it.
        """
        self._time, self._epoch = time.monotonic(), 0
        self._identity = identity
        if self._state is None:
            return
        with container.refusing(self._path):
            changed = differences(self._state["fingerprint"], identity)
            if changed:
                raise ValueError(
                    "it is of another fit, with another " + ", ".join(changed) + ". Fit "
                    "with what it was written with, or remove the file to train anew"
                )
            fit.restore(self._state, self._arrays)
        self._epoch = fit.records.n_iter

    def begin_callbacks(self, callbacks: list[Stateful]) -> None:
        """Give the callbacks, whose fit has begun, what they knew."""
        self._callbacks = callbacks
        callback_states(callbacks)  # one whose state is no data says so now
        if self._state is not None:
            with container.refusing(self._path):
                restore_callbacks(callbacks, self._state["callbacks"], self._arrays)

    def settle_round(self, fit: Fit) -> None:
        """Write the state amid an epoch, if that is due: as often as epochs may be."""
        if self._when.every == 1 and time.monotonic() - self._time >= self._when.seconds:
            self._write_or_warn(fit)

    def settle_epoch(self, fit: Fit) -> None:
        """Write the state after an epoch, if it is due or the fit's last.

        Warns
        -----
        RuntimeWarning
            If the file cannot be written, or a callback now keeps what is no data.
        """
        n_iter = fit.records.n_iter
        is_due = (
            n_iter - self._epoch >= self._when.every
            and time.monotonic() - self._time >= self._when.seconds
        )
        if is_due or fit.has_ended or n_iter == fit.limits.max_iter:
            self._write_or_warn(fit)

    def _write_or_warn(self, fit: Fit) -> None:
        try:
            self._write(fit)
        except Exception as error:  # no reason to lose the model
            warn(
                f"The checkpoint '{self._path}' could not be written: {error}; the fit goes on, an "
                "older file is whole.",
                RuntimeWarning,
            )
        self._time, self._epoch = time.monotonic(), fit.records.n_iter

    def _write(self, fit: Fit) -> None:
        state, arrays = fit.state()
        callbacks, of_callbacks = callback_states(self._callbacks)
        state |= {
            "fingerprint": self._identity,
            "random_begin": self._begin,
            "callbacks": callbacks,
        }
        description = {"pymlp": _core.__version__, "fit": state}
        container.write(self._path, arrays | of_callbacks, description)


def identity_in(resume: str | os.PathLike[str] | Checkpoint) -> dict[str, str]:
    """What a checkpoint that may exist knows its fit by; nothing if there is none to go on from."""
    path = resume.path if isinstance(resume, Checkpoint) else resume
    try:
        _, description = container.read(os.fspath(path))
        found: dict[str, str] = description["fit"]["fingerprint"]
    except (OSError, ValueError, LookupError, TypeError):  # which the fit will tell of
        return {}
    return found


@contextmanager
def resumable(resume: Any, solver: str) -> Iterator[Resumable | None]:
    """What ``fit``'s parameter `resume` says; a fit that raises leaves the random state alone."""
    if resume is None:
        yield None
        return
    checkpoint = Resumable(_as_checkpoint(resume, solver))
    try:
        yield checkpoint
    except BaseException:
        checkpoint.put_back()
        raise


def checkpoints_of_members(resume: Any, solver: str, n: int) -> list[Checkpoint | None]:
    """What `resume` says to each of several fits: a file of its own, its number behind the path."""
    if resume is None:
        return [None] * n
    of_all = _as_checkpoint(resume, solver)
    path = os.fsdecode(of_all.path)
    return [replace(of_all, path=f"{path}.{k}") for k in range(n)]


def _as_checkpoint(resume: Any, solver: str) -> Checkpoint:
    """What ``fit``'s parameter `resume` stands for."""
    if not isinstance(resume, (str, os.PathLike, Checkpoint)):
        raise ValueError(
            "The 'resume' parameter of fit must be a path, a Checkpoint or None. "
            f"Got {resume!r} instead."
        )
    if solver == "lbfgs":
        raise ValueError(
            "The 'resume' parameter of fit needs a stochastic solver: the memory of "
            "solver='lbfgs' lies within SciPy, where no checkpoint can reach it."
        )
    return resume if isinstance(resume, Checkpoint) else Checkpoint(resume)


def _folder(path: str) -> str:
    """Where the file is, or will be."""
    return os.path.dirname(os.path.realpath(path))


def _check_writable(path: str) -> None:
    """Raise before the fit, not after its first epochs."""
    effective = os.access in os.supports_effective_ids
    if not os.access(_folder(path), os.W_OK | os.X_OK, effective_ids=effective):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)


def _is_number(value: object, kind: type) -> bool:
    return isinstance(value, kind) and not isinstance(value, bool)


def _check(name: str, value: object, sound: bool, allowed: str) -> None:
    if not sound:
        raise ValueError(
            f"The '{name}' parameter of Checkpoint must be {allowed}. Got {value!r} instead."
        )
