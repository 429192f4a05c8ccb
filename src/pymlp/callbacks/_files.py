"""Callbacks that write files."""

from __future__ import annotations

import csv
import math
import os
from copy import copy
from numbers import Integral
from pathlib import Path
from typing import Any, ClassVar, TextIO
from uuid import uuid4
from weakref import WeakKeyDictionary

import joblib  # scikit-learn requires it
from sklearn.callback import CallbackContext
from sklearn.utils._param_validation import Interval

from .._estimators.base import BaseMLP
from ._callback import MODE, Best, Callback, row

PATH = [str, os.PathLike]
# what '{fit}' stands for: one id for all callbacks of a fit, which has one context
FIT_IDS: WeakKeyDictionary[CallbackContext, str] = WeakKeyDictionary()


class FileCallback(Callback):
    """Base of the callbacks that write to a path, which may have fields to be filled in."""

    _path: str
    _fit_id: str

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
        self._fits[id(estimator)]._fit_id = FIT_IDS.setdefault(context, uuid4().hex[:8])
        if len(self._fits) > 1 and "{fit" not in self._path:
            raise RuntimeError(
                f"{type(self).__name__} is used by several fits at once, which would all write to "
                f"'{self._path}': give each its own by '{{fit}}' in the path."
            )

    def _filled(self, **fields: Any) -> Path:
        """Path with its fields filled in."""
        fields["fit"] = self._fit_id
        try:
            return Path(self._path.format(**fields))
        except (IndexError, KeyError) as error:
            raise ValueError(
                f"{type(self).__name__} cannot fill in '{self._path}': {error}. The fields may be "
                f"{', '.join(map(repr, fields))}."
            ) from error


class ModelCheckpoint(FileCallback):
    """Save the estimator after an epoch, for ``joblib.load``.

    What is loaded predicts as if the fit had ended there; it has no callbacks, nor the optimizer's
    memory of past gradients. A file is replaced when the new one is complete: whenever the process
    ends, there is a whole one.

    Parameters
    ----------
    path : str or path-like
        The file. It may have fields, as in ``str.format``: ``'{epoch}'``, the columns of
        ``history_`` (``'{epoch:03d}-{val_loss:.3f}.joblib'``), and ``'{fit}'``, eight hexadecimal
        digits that each fit has its own of, the same for all its callbacks. Without fields there is
        one file, of the last epoch that was saved. Endings such as '.gz' compress it.
    monitor : str, default='val_loss'
        The column that decides what is best, as in `EarlyStopping`.
    save_best_only : bool, default=False
        Whether only an epoch that is better than all that were looked at before is saved.
    mode : {'auto', 'min', 'max'}, default='auto'
        Whether less or more of the column is better, as in `EarlyStopping`.
    every : int, default=1
        Only every so many epochs of the fit are looked at, at least 1.

    Attributes
    ----------
    path_ : pathlib.Path or None
        The file that the last fit that ended saved last.

    Raises
    ------
    ValueError
        If a parameter is out of range; in ``fit``, if ``history_`` lacks the monitored column or
        one that the path names.
    RuntimeError
        In ``fit``, if several fits at once in threads share a path without ``'{fit}'``; in
        processes nobody notices, and the last one to save wins, as it does when one fit comes after
        another.

    Notes
    -----
    As Keras's callback, without ``verbose``, ``save_weights_only`` and
    ``initial_value_threshold``; ``every`` counts epochs, ``save_freq`` mini-batches. For a fit that
    goes on after a crash, as with Keras's ``BackupAndRestore``, see `pymlp.Checkpoint`.

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

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "path": PATH,
        "monitor": [str],
        "save_best_only": ["boolean"],
        "mode": MODE,
        "every": [Interval(Integral, 1, None, closed="left")],
    }
    path_: Path | None
    _best: Best

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        monitor: str = "val_loss",
        save_best_only: bool = False,
        mode: str = "auto",
        every: int = 1,
    ) -> None:
        self.path = path
        self.monitor = monitor
        self.save_best_only = save_best_only
        self.mode = mode
        self.every = every
        self._validate()
        self._path = os.fspath(path)

    def on_fit_begin(self, estimator: BaseMLP) -> None:
        """Begin with nothing seen."""
        self._best = Best(self, self.monitor, self.mode)
        self.path_ = None

    def on_epoch_end(self, estimator: BaseMLP) -> None:
        """Save the estimator, if it is time."""
        columns = {name: column[-1] for name, column in estimator.history_.items()}
        path = self._filled(epoch=row(estimator), **columns)
        if self.save_best_only:
            self._best.latest(estimator)  # in the first epoch, whatever `every`: is there one?
        if estimator.n_iter_ % self.every:
            return
        if not self.save_best_only or self._best.improves(estimator):
            save(copy(estimator).set_callbacks(), path)
            self.path_ = path


def save(estimator: BaseMLP, path: Path) -> None:
    """Put an estimator into a file that is, at every moment, the old one or the new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    # with the same ending, by which joblib compresses
    temporary = path.with_name(f".{uuid4().hex[:8]}-{path.name}")
    try:
        joblib.dump(estimator, temporary)
        with temporary.open("r+b") as file:
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


class CSVLogger(FileCallback):
    """Write a table with a row an epoch: its number, then the columns of ``history_``.

    Each row is in the file when its epoch ends.

    Parameters
    ----------
    path : str or path-like
        The file. A ``'{fit}'`` in it is filled in as by `ModelCheckpoint`.
    separator : str, default=','
        One character.
    append : bool, default=False
        Whether the rows go to the end of a file that is already there, instead of replacing it.
        Columns of the file that the fit lacks remain empty.

    Raises
    ------
    ValueError
        If a parameter is out of range; in ``fit``, if rows are appended to a file that lacks some
        of their columns.
    RuntimeError
        In ``fit``, if several fits at once in threads share a path without ``'{fit}'``. Fits in
        processes need it, too, but nobody notices.

    Notes
    -----
    As Keras's callback, but the epochs are rows of ``history_``, from 1: after a warm start they go
    on. The columns are in the order of ``history_``. A resumed fit writes the rows of its earlier
    epochs again, but for ``append=True``: then those after its checkpoint are there twice.

    Examples
    --------
    >>> from pymlp import MLPClassifier
    >>> from pymlp.callbacks import CSVLogger
    >>> clf = MLPClassifier().set_callbacks(CSVLogger("training.csv"))
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "path": PATH,
        "separator": [str],
        "append": ["boolean"],
    }
    _file: TextIO
    _table: csv.DictWriter[str]

    def __init__(
        self, path: str | os.PathLike[str], *, separator: str = ",", append: bool = False
    ) -> None:
        self.path = path
        self.separator = separator
        self.append = append
        self._validate()
        if len(separator) != 1:
            raise ValueError(
                "The 'separator' parameter of CSVLogger must be one character. "
                f"Got {separator!r} instead."
            )
        self._path = os.fspath(path)

    def on_fit_begin(self, estimator: BaseMLP) -> None:
        """Open the file."""
        path = self._filled()
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("a+" if self.append else "w+", newline="", encoding="utf-8")
        if not self.append:  # a resumed fit has epochs that a new file lacks
            for n_later in reversed(range(estimator.n_iter_)):
                self._write(estimator, row(estimator) - n_later)

    def on_epoch_end(self, estimator: BaseMLP) -> None:
        """Write a row."""
        self._write(estimator, row(estimator))

    def _write(self, estimator: BaseMLP, epoch: int) -> None:
        values = {name: column[epoch - 1] for name, column in estimator.history_.items()}
        values = {"epoch": epoch} | values
        if not hasattr(self, "_table"):
            self._begin_table(list(values))
        self._table.writerow(values)
        self._file.flush()

    def _state(self) -> dict[str, Any]:
        return {}  # all is in the file

    def _begin_table(self, columns: list[str]) -> None:
        """Write the head, or go on with the one that is there."""
        self._file.seek(0)
        head = next(csv.reader(self._file, delimiter=self.separator), None)
        self._table = csv.DictWriter(
            self._file, head or columns, delimiter=self.separator, lineterminator="\n"
        )
        if head is None:
            self._table.writeheader()
        elif missing := [name for name in columns if name not in head]:
            raise ValueError(
                f"CSVLogger cannot append to '{self._file.name}': it has no column "
                f"{', '.join(map(repr, missing))}. Got {', '.join(map(repr, head))}."
            )

    def close(self) -> None:
        """Close the file."""
        if hasattr(self, "_file"):
            self._file.close()


class TensorBoard(FileCallback):
    """Write the columns of ``history_`` for TensorBoard, by tensorboardX.

    As with Keras, training and validation are two runs, 'train' and 'validation', whose curves
    share a chart: 'val_loss' is the 'loss' of 'validation'. The rest of Keras's callback
    (histograms, images, profiles) is not there.

    Parameters
    ----------
    log_dir : str or path-like
        The folder. A ``'{fit}'`` in it is filled in as by `ModelCheckpoint`, which makes each fit a
        run of its own.

    Raises
    ------
    ImportError
        Without tensorboardX.
    ValueError
        If the parameter is no path.
    RuntimeError
        In ``fit``, if several fits at once in threads share a folder without ``'{fit}'``.

    Notes
    -----
    Steps are rows of ``history_``, from 1. A nan is left out.

    Examples
    --------
    >>> from pymlp import MLPClassifier
    >>> from pymlp.callbacks import TensorBoard
    >>> clf = MLPClassifier().set_callbacks(TensorBoard("logs/{fit}"))  # doctest: +SKIP

    and in a shell ``tensorboard --logdir logs``.
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {"log_dir": PATH}
    _writers: dict[str, Any]

    def __init__(self, log_dir: str | os.PathLike[str]) -> None:
        self.log_dir = log_dir
        self._validate()
        self._path = os.fspath(log_dir)
        _summary_writer()

    def on_fit_begin(self, estimator: BaseMLP) -> None:
        """Begin with nothing seen."""
        self._writers = {}

    def on_epoch_end(self, estimator: BaseMLP) -> None:
        """Write a step of each column."""
        for name, column in estimator.history_.items():
            if not math.isnan(column[-1]):
                run = "validation" if name.startswith("val_") else "train"
                writer = self._writer(run)
                writer.add_scalar(name.removeprefix("val_"), column[-1], row(estimator))
        for writer in self._writers.values():
            writer.flush()

    def _state(self) -> dict[str, Any]:
        return {}  # all is in the files

    def _writer(self, run: str) -> Any:
        if run not in self._writers:
            folder = self._filled() / run
            # by itself a file's name is of the second: that of a fit just before
            suffix = f".{self._fit_id}"
            self._writers[run] = _summary_writer()(str(folder), filename_suffix=suffix)
        return self._writers[run]

    def close(self) -> None:
        """Close the files."""
        for writer in getattr(self, "_writers", {}).values():
            writer.close()


def _summary_writer() -> Any:
    try:
        from tensorboardX import SummaryWriter
    except ImportError as error:
        raise ImportError(
            'TensorBoard needs tensorboardX: pip install "pymlp[tensorboard]"'
        ) from error
    return SummaryWriter
