"""Callbacks that write to a path; the one that saves models."""

from __future__ import annotations

import os
import pickle
from contextlib import suppress
from copy import copy
from io import BytesIO
from numbers import Integral
from pathlib import Path
from typing import Any, ClassVar
from uuid import uuid4
from weakref import WeakKeyDictionary

import joblib  # scikit-learn requires it
from sklearn.callback import CallbackContext
from sklearn.utils._param_validation import Interval

from .._estimators.base import BaseMLP
from .._estimators.saving import described
from .._files.container import require_safetensors
from .._files.replace import replace_file
from .._system.elsewhere import elsewhere
from .._system.messages import say, warn
from ._callback import Callback, row
from ._monitor import MonitorCallback

PATH = [str, os.PathLike]
COMPRESSED = {".z": "zlib", ".gz": "gzip", ".bz2": "bz2", ".xz": "xz", ".lzma": "lzma"}  # joblib's
NOT_OURS = (".onnx", ".keras", ".h5", ".hdf5", ".pt", ".pth")
# what '{fit}' stands for: one id for all callbacks of a fit, which has one context
FIT_IDS: WeakKeyDictionary[CallbackContext, str] = WeakKeyDictionary()


class FileCallback(Callback):
    """Base of the callbacks that write to a path, which may have fields to be filled in."""

    _target: ClassVar[str]  # the parameter that is the path

    def setup(self, estimator: BaseMLP, context: CallbackContext) -> None:
        """Begin a fit.

        Parameters
        ----------
        estimator : MLPClassifier or MLPRegressor
        context : CallbackContext

        Raises
        ------
        RuntimeError
            If another fit is about to write to the same path.
        """
        super().setup(estimator, context)
        if len(self._fits) > 1 and "{fit" not in self._path():
            raise RuntimeError(
                f"{type(self).__name__} is used by several fits at once, which would all write to "
                f"'{self._path()}': give each its own by '{{fit}}' in the path."
            )

    def settings(self) -> dict[str, str]:
        """Describe what a fit must have again when it is resumed: not the path."""
        return {name: text for name, text in super().settings().items() if name != self._target}

    def _path(self) -> str:
        path: str = os.fspath(getattr(self, self._target))
        return path

    def _fit_id(self) -> str:
        return FIT_IDS.setdefault(self._of().context, uuid4().hex[:8])

    def _filled(self, **fields: Any) -> Path:
        """Path with its fields filled in."""
        fields["fit"] = self._fit_id()
        try:
            return Path(self._path().format(**fields))
        except (LookupError, ValueError, AttributeError) as error:
            raise ValueError(
                f"{type(self).__name__} cannot fill in '{self._path()}': {error}. The fields may "
                f"be {', '.join(map(repr, fields))}."
            ) from error


class ModelCheckpoint(FileCallback, MonitorCallback):
    """Save the estimator after an epoch, for `pymlp.load` or ``joblib.load``.

    What is loaded predicts as if the fit had ended there; it has no callbacks, nor the optimizer's
    memory of past gradients. A file is replaced when the new one is complete: whenever the process
    ends, there is a whole one. One that cannot be written (a full disk) is a warning: the fit goes
    on.

    Parameters
    ----------
    filepath : str or path-like
        The file: what ``save`` writes if it ends in '.safetensors', else a pickle by joblib, which
        endings such as '.gz' compress. It may have fields, as in ``str.format``: ``'{epoch}'``, the
        columns of ``history_`` (``'{epoch:03d}-{val_loss:.3f}.joblib'``), and ``'{fit}'``, eight
        hexadecimal digits that each fit has its own of, the same for all its callbacks. Without
        fields there is one file, of the last epoch that was saved.
    monitor : str, default='val_loss'
        The column that decides what is best, as in `EarlyStopping`.
    save_best_only : bool, default=False
        Whether only an epoch that is better than all that were looked at before is saved.
    mode : {'auto', 'min', 'max'}, default='auto'
        Whether less or more of the column is better, as in `EarlyStopping`.
    every : int, default=1
        Only every so many epochs of the fit are looked at, at least 1.
    verbose : bool or int, default=False
        Whether to print what is saved.

    Attributes
    ----------
    filepath_ : pathlib.Path or None
        The file that the last fit that ended saved last.

    Raises
    ------
    ValueError
        If a parameter is out of range; in ``fit``, if ``history_`` lacks the monitored column or
        one that the path names, or the estimator has a parameter that such a file cannot hold.
    RuntimeError
        In ``fit``, if several fits at once in threads share a path without ``'{fit}'``; in
        processes nobody notices, and the last one to save wins, as it does when one fit comes after
        another.

    Warns
    -----
    RuntimeWarning
        In ``fit``, if a file cannot be written.

    Notes
    -----
    As Keras's callback, without ``save_weights_only`` and ``initial_value_threshold``. Its
    ``save_freq`` counts mini-batches; `every`, as that of `pymlp.Checkpoint`, counts epochs. For a
    fit that goes on after a crash, as with Keras's ``BackupAndRestore``, see `pymlp.Checkpoint`.

    Examples
    --------
    >>> import joblib, tempfile
    >>> from sklearn.datasets import make_moons
    >>> from pymlp import MLPClassifier
    >>> from pymlp.callbacks import EarlyStopping, ModelCheckpoint
    >>> X, y = make_moons(200, noise=0.1, random_state=0)
    >>> clf = MLPClassifier((20,), learning_rate_init=0.05, random_state=0)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     checkpoint = ModelCheckpoint(folder + "/{epoch:03d}.joblib", every=10)
    ...     stopping = EarlyStopping("loss", min_delta=1e-3, patience=3)
    ...     clf = clf.set_callbacks(checkpoint, stopping).fit(X, y)
    ...     earlier = joblib.load(folder + "/010.joblib")
    >>> earlier.n_iter_
    10
    """

    _target = "filepath"
    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **MonitorCallback._parameter_constraints,
        "filepath": PATH,
        "save_best_only": ["boolean"],
        "every": [Interval(Integral, 1, None, closed="left")],
        "verbose": ["verbose"],
    }
    filepath_: Path | None

    @elsewhere(
        save_freq="every counts epochs, save_freq mini-batches",
        period="every counts epochs",
        save_weights_only="it saves the whole estimator, whose weights are coefs_ and intercepts_",
        initial_value_threshold="the first epoch that is looked at is the best so far",
        dirname="filepath is the file with its folder",
        f_params="filepath is the file",
        f_pickle="filepath is the file",
    )
    def __init__(
        self,
        filepath: str | os.PathLike[str],
        *,
        monitor: str = "val_loss",
        save_best_only: bool = False,
        mode: str = "auto",
        every: int = 1,
        verbose: bool | int = False,
    ) -> None:
        self.filepath = filepath
        self.monitor = monitor
        self.save_best_only = save_best_only
        self.mode = mode
        self.every = every
        self.verbose = verbose
        self.check_params()

    def check_params(self) -> None:
        """Check that the path's ending is not another format's, too."""
        super().check_params()
        path = Path(self.filepath)
        suffix, of_compressed = path.suffix.lower(), path.with_suffix("").suffix.lower()
        if suffix in NOT_OURS or (suffix in COMPRESSED and of_compressed == ".safetensors"):
            raise ValueError(
                "The 'filepath' parameter of ModelCheckpoint must end in '.safetensors' or as a "
                f"pickle may ('.joblib', '.pkl', '.joblib.gz'). Got {self.filepath!r} instead."
            )

    def on_fit_begin(self, estimator: BaseMLP) -> None:
        """Begin with nothing seen."""
        self._forget_best()
        self.filepath_ = None
        self._check_savable(estimator)
        with suppress(IndexError, KeyError):  # a folder that is not known yet
            folder = Path(self._path()).parent
            Path(str(folder).format(fit=self._fit_id())).mkdir(parents=True, exist_ok=True)

    def on_epoch_end(self, estimator: BaseMLP) -> None:
        """Save the estimator, if it is time."""
        columns = {name: column[-1] for name, column in estimator.history_.items()}
        path = self._filled(epoch=row(estimator), **columns)
        # in the first epoch, whatever `every`: is there such a column?
        value = self._latest(estimator) if self.save_best_only else 0.0
        if estimator.n_iter_ % self.every:
            return
        best_before = self._best
        if self.save_best_only and not self._improves(value):
            return
        try:
            _save(estimator, path)
        except Exception as error:  # no reason to lose the model
            self._best = best_before
            warn(
                f"The model of epoch {row(estimator)} could not be saved to '{path}': {error}; the "
                "fit goes on, an older file is whole.",
                RuntimeWarning,
            )
            return
        self.filepath_ = path
        if self.verbose:
            say(f"The model of epoch {row(estimator)} is saved to '{path}'.")

    def _check_savable(self, estimator: BaseMLP) -> None:
        """Raise before the fit if no model can be saved for its parameters."""
        if self._path().lower().endswith(".safetensors"):
            require_safetensors()
            described(estimator, optimizer=False)
            return
        try:
            pickle.dumps(estimator.get_params(deep=False))
        except Exception as error:
            raise ValueError(
                f"ModelCheckpoint cannot pickle a parameter of {type(estimator).__name__}: {error}."
            ) from error


def _save(estimator: BaseMLP, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    model = copy(estimator).set_callbacks()
    suffix = path.suffix.lower()
    if suffix == ".safetensors":
        model.save(path, optimizer=False)
        return
    content = BytesIO()
    joblib.dump(model, content, compress=COMPRESSED.get(suffix, 0))
    replace_file(path, content.getvalue())
