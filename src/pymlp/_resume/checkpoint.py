"""Checkpoints: the state of a fit between two epochs, in a file from which the same fit goes on."""

from __future__ import annotations

import errno
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from numbers import Integral, Real
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import _core
from .._estimators.saving import COUNTS, MEASURES, RECORDS, named
from .._files import container as _safetensors
from .._files.values import decoded, encoded
from .._fit.optimizer import N_MOMENTS
from .._network.parameters import Parameters
from .._system.arrays import Array
from .._system.messages import warn
from .callback_state import Stateful, callback_states, restore_callbacks
from .fingerprint import differences, fingerprint

if TYPE_CHECKING:
    from .._estimators.base import BaseMLP
    from .._fit.engine import Engine, Samples
    from .._fit.scoring import Validation

# what a fit counts and compares; an attribute that a fit does not have is left out
COUNTED = (*COUNTS, *MEASURES)


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


class Resumable:
    """A fit with a checkpoint; it goes on from the file if there is one.

    Parameters
    ----------
    resume : str, path-like or Checkpoint

    Attributes
    ----------
    has_ended : bool
        The checkpoint was the last of a fit that stopped by itself.
    """

    def __init__(self, resume: str | os.PathLike[str] | Checkpoint) -> None:
        self._when = resume if isinstance(resume, Checkpoint) else Checkpoint(resume)
        self._path = os.fspath(self._when.path)
        self._random_state: np.random.RandomState | None = None
        self._arrays: dict[str, Array] = {}
        self._state: dict[str, Any] | None = None
        try:
            self._arrays, description = _safetensors.read(self._path)
        except FileNotFoundError:
            if not Path(self._path).parent.is_dir():  # then there will be no file, either
                raise
        else:
            with _safetensors.refusing(self._path):
                if "model" in description:
                    raise ValueError("it is a model, for pymlp.load, not the checkpoint of a fit")
                if not isinstance(description.get("fit"), dict):
                    raise ValueError("it is not the checkpoint of a fit")
                self._state = description["fit"]
        if not self.has_ended:
            _check_writable(os.path.dirname(os.path.realpath(self._path)))

    @property
    def has_ended(self) -> bool:
        """Tell whether there is nothing left to train."""
        return self._state is not None and self._state["has_ended"] is True

    def seed(self, random_state: np.random.RandomState) -> None:
        """Bring the random numbers to where the fit began: it draws what it drew then."""
        self._random_state, self._found = random_state, random_state.get_state(legacy=False)
        if self._state is not None:
            with _safetensors.refusing(self._path):
                random_state.set_state(decoded(self._state["random_begin"]))
        self._begin = encoded(random_state.get_state(legacy=False))

    def put_back(self) -> None:
        """Undo `seed`, of a fit that raises: the random numbers may be NumPy's own."""
        if self._random_state is not None:
            self._random_state.set_state(self._found)

    def begin(
        self,
        est: BaseMLP,
        engine: Engine,
        rows: Array,
        best: list[Parameters] | None,
        *,
        train: Samples,
        validation: Validation | None,
    ) -> Array:
        """Restore the state, if there is a file, of a fit that is about to begin.

        Parameters
        ----------
        est : BaseMLP
            Its weights, records and random state are set.
        engine : Engine
            As it starts.
        rows : ndarray of shape (n,)
            Rows that are trained on.
        best : list of Parameters or None
            What early stopping keeps; set.
        train : Samples
        validation : Validation or None

        Returns
        -------
        ndarray of shape (n,)
            The rows, in the last epoch's order.

        Raises
        ------
        ValueError
            If the file is of another fit, or not as `end_epoch` writes it.
        """
        self._time, self._epoch = time.monotonic(), 0
        self._fingerprint = fingerprint(est, train, validation)
        if self._state is None:
            return rows
        with _safetensors.refusing(self._path):
            changed = differences(self._state["fingerprint"], self._fingerprint)
            if changed:
                raise ValueError(
                    "it is of another fit, with another " + ", ".join(changed) + ". Fit "
                    "with what it was written with, or remove the file to train anew"
                )
            return self._restore(est, engine, rows, best, self._state)

    def _restore(
        self,
        est: BaseMLP,
        engine: Engine,
        rows: Array,
        best: list[Parameters] | None,
        state: dict[str, Any],
    ) -> Array:
        for k, parameters in enumerate(engine.kept()):
            parameters.assign(self._taken(f"kept.{k}", parameters))
        like = engine.parameters
        optimizer = engine.optimizer
        n_moments = N_MOMENTS[optimizer.solver]
        optimizer.moments = [self._taken(f"moment.{k}", like) for k in range(n_moments)]
        optimizer.steps, optimizer.epochs = int(state["steps"]), int(state["epochs"])
        optimizer.learning_rate = float(state["learning_rate"])
        counted = _checked_counts(decoded(state["counted"]), est.max_iter)
        engine.load(int(counted.get("n_averaged_", 0)))
        if best is not None:
            best[:] = [self._taken(f"best.{k}", kept) for k, kept in enumerate(best)]
        for name in COUNTED:
            est.__dict__.pop(name, None)
        est.__dict__.update({name: counted[name] for name in COUNTED if name in counted})
        for name in RECORDS:
            if name in self._arrays:
                setattr(est, name, self._arrays[name].tolist())
        est.history_ = {name: self._arrays[f"history.{name}"].tolist() for name in state["history"]}
        est._random_state.set_state(decoded(state["random"]))
        self._epoch = est.n_iter_
        order = self._arrays["rows"]
        if not np.array_equal(np.sort(order), np.sort(rows)):
            raise ValueError("it names other rows of X")
        return order

    def _taken(self, name: str, like: Parameters) -> Parameters:
        """Arrays of a file, which must have these shapes and this type."""

        def take(name: str, like: Array) -> Array:
            array = self._arrays[name]
            if array.shape != like.shape or array.dtype != like.dtype:
                raise ValueError(
                    f"{name} is {array.dtype} of shape {array.shape}, the network's is "
                    f"{like.dtype} of shape {like.shape}"
                )
            return array

        taken = Parameters(
            [take(f"{name}.coefs.{k}", c) for k, c in enumerate(like.coefs)],
            [take(f"{name}.intercepts.{k}", b) for k, b in enumerate(like.intercepts)],
        )
        if not taken.is_finite():
            raise ValueError(f"{name} holds infinity or NaN")
        return taken

    def restore_callbacks(self, callbacks: list[Stateful]) -> None:
        """Give the callbacks, whose fit has begun, what they knew."""
        self._callbacks = callbacks
        callback_states(callbacks)  # one whose state is no data says so now
        if self._state is not None:
            with _safetensors.refusing(self._path):
                restore_callbacks(callbacks, self._state["callbacks"], self._arrays)

    def end_epoch(
        self,
        est: BaseMLP,
        engine: Engine,
        rows: Array,
        best: list[Parameters] | None,
        *,
        has_ended: bool,
    ) -> None:
        """Write the state after an epoch, if it is due or the fit's last.

        Parameters
        ----------
        est : BaseMLP
        engine : Engine
        rows : ndarray of shape (n,)
            In the order in which they were trained, which the next shuffle starts from.
        best : list of Parameters or None
            What early stopping keeps.
        has_ended : bool
            The fit stops by itself after this epoch.

        Warns
        -----
        RuntimeWarning
            If the file cannot be written, or a callback now keeps what is no data.
        """
        is_due = (
            est.n_iter_ - self._epoch >= self._when.every
            and time.monotonic() - self._time >= self._when.seconds
        )
        if not (is_due or has_ended or est.n_iter_ == est.max_iter):
            return
        try:
            self._write(est, engine, rows, best, has_ended=has_ended)
        except Exception as error:  # no reason to lose the model
            warn(
                f"The checkpoint '{self._path}' could not be written: {error}; the fit goes on, an "
                "older file is whole.",
                RuntimeWarning,
            )
        self._time, self._epoch = time.monotonic(), est.n_iter_

    def _write(
        self,
        est: BaseMLP,
        engine: Engine,
        rows: Array,
        best: list[Parameters] | None,
        *,
        has_ended: bool,
    ) -> None:
        arrays: dict[str, Array] = {"rows": rows}
        for name, several in (
            ("kept", engine.kept()),
            ("moment", engine.moments()),
            ("best", best or []),
        ):
            for k, parameters in enumerate(several):
                arrays |= named(parameters, f"{name}.{k}.", "")
        for name in RECORDS:
            if getattr(est, name, None) is not None:
                arrays[name] = np.array(getattr(est, name), dtype=np.float64)
        for name, column in est.history_.items():
            arrays[f"history.{name}"] = np.array(column, dtype=np.float64)
        callbacks, of_callbacks = callback_states(self._callbacks)
        optimizer = engine.optimizer
        state = {
            "fingerprint": self._fingerprint,
            "has_ended": has_ended,
            "steps": engine.steps,
            "epochs": optimizer.epochs,
            "learning_rate": optimizer.learning_rate,
            "counted": encoded({n: getattr(est, n) for n in COUNTED if hasattr(est, n)}),
            "history": list(est.history_),  # the order of the columns
            "random_begin": self._begin,
            "random": encoded(est._random_state.get_state(legacy=False)),
            "callbacks": callbacks,
        }
        description = {"pymlp": _core.__version__, "fit": state}
        _safetensors.write(self._path, arrays | of_callbacks, description)


def _checked_counts(counted: Any, max_iter: int) -> dict[str, Any]:
    """Numbers that a fit counts, as a file holds them."""
    for name, value in counted.items():
        kinds = (int,) if name in COUNTS else (float, type(None))
        if name not in COUNTED or type(value) not in kinds:
            raise ValueError(f"it holds {value!r} as {name}")
    if not 0 < counted["n_iter_"] <= max_iter:
        raise ValueError(f"it is of epoch {counted['n_iter_']} of {max_iter}")
    return dict(counted)


@contextmanager
def resumable(resume: Any, solver: str) -> Iterator[Resumable | None]:
    """What ``fit``'s parameter `resume` says; a fit that raises leaves the random state alone."""
    if resume is None:
        yield None
        return
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
    checkpoint = Resumable(resume)
    try:
        yield checkpoint
    except BaseException:
        checkpoint.put_back()
        raise


def _check_writable(folder: str) -> None:
    """Raise before the fit, not after its first epochs."""
    effective = os.access in os.supports_effective_ids
    if not os.access(folder, os.W_OK | os.X_OK, effective_ids=effective):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), folder)


def _is_number(value: object, kind: type) -> bool:
    return isinstance(value, kind) and not isinstance(value, bool)


def _check(name: str, value: object, sound: bool, allowed: str) -> None:
    if not sound:
        raise ValueError(
            f"The '{name}' parameter of Checkpoint must be {allowed}. Got {value!r} instead."
        )
