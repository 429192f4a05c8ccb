"""Callbacks that log each epoch."""

from __future__ import annotations

import csv
import math
import os
import socket
import time
from contextlib import suppress
from io import FileIO, StringIO
from pathlib import Path
from typing import Any, ClassVar

from .._estimators.base import BaseMLP
from .._system.elsewhere import elsewhere
from .._system.messages import missing, warn
from ._callback import row
from ._files import PATH, FileCallback

MAX_HEAD = 2**16  # characters of a table's first line, of a file that may be anything
MAX_SHOWN = 300  # of it in an error


class LogCallback(FileCallback):
    """Base of the callbacks whose state is in the files that they write."""

    def settings(self) -> dict[str, str]:
        """Describe what a fit must have again when it is resumed: nothing."""
        return {}

    def state(self) -> dict[str, Any]:
        """Get what a checkpoint must hold: nothing."""
        return {}


class CSVLogger(LogCallback):
    """Write a table with a row an epoch: its number, then the columns of ``history_``.

    Each row is in the file when its epoch ends. If it cannot be written (a full disk), that is a
    warning: the fit goes on, and the row is written with the next one that can.

    Parameters
    ----------
    filename : str or path-like
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
    OSError
        In ``fit``, if the file cannot be opened.
    RuntimeError
        In ``fit``, if several fits at once in threads share a path without ``'{fit}'``. Fits in
        processes need it, too, but nobody notices.

    Warns
    -----
    RuntimeWarning
        In ``fit``, if a row cannot be written.

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

    _target = "filename"
    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "filename": PATH,
        "separator": [str],
        "append": ["boolean"],
    }
    _file: FileIO
    _head: list[str]  # of the file that is there
    _unwritten: StringIO
    _table: csv.DictWriter[str]

    def __init__(
        self, filename: str | os.PathLike[str], *, separator: str = ",", append: bool = False
    ) -> None:
        self.filename = filename
        self.separator = separator
        self.append = append
        self.check_params()

    def check_params(self) -> None:
        """Check that a table can have the separator, too."""
        super().check_params()
        if len(self.separator) != 1 or self.separator in '"\r\n':
            raise ValueError(
                "The 'separator' parameter of CSVLogger must be one character, not a quote nor the "
                f"end of a line. Got {self.separator!r} instead."
            )

    def on_fit_begin(self, estimator: BaseMLP) -> None:
        """Open the file."""
        path = self._filled()
        path.parent.mkdir(parents=True, exist_ok=True)
        self._head = _head(path, self.separator) if self.append else []
        # no buffer that would have to be written when it is closed
        self._file = path.open("ab" if self.append else "wb", buffering=0)
        self._unwritten = StringIO()
        if not self.append:  # a resumed fit has epochs that a new file lacks
            for n_later in reversed(range(estimator.n_iter_)):
                self._write(estimator, row(estimator) - n_later)

    def on_epoch_end(self, estimator: BaseMLP) -> None:
        """Write a row."""
        self._write(estimator, row(estimator))

    def close(self) -> None:
        """Close the file."""
        if hasattr(self, "_file"):
            self._file.close()

    def _write(self, estimator: BaseMLP, epoch: int) -> None:
        values = {name: column[epoch - 1] for name, column in estimator.history_.items()}
        values = {"epoch": epoch} | values
        if not hasattr(self, "_table"):
            self._begin_table(list(values))
        self._table.writerow(values)
        try:
            _write_whole(self._file, self._unwritten.getvalue().encode())
        except OSError as error:  # no reason to lose the model
            warn(
                f"CSVLogger could not write epoch {epoch} to '{self._filled()}': {error}; the fit "
                "goes on.",
                RuntimeWarning,
            )
        else:
            self._unwritten.seek(0)
            self._unwritten.truncate()

    def _begin_table(self, columns: list[str]) -> None:
        """Write the head, or go on with the one that is there."""
        head = self._head or columns
        if missing := [name for name in columns if name not in head]:
            found = ", ".join(map(repr, head))[:MAX_SHOWN]
            raise ValueError(
                f"CSVLogger cannot append to '{self._filled()}': it has no column "
                f"{', '.join(map(repr, missing))}. Got {found}."
            )
        self._table = csv.DictWriter(
            self._unwritten, head, delimiter=self.separator, lineterminator="\n"
        )
        if not self._head:
            self._table.writeheader()


def _head(path: Path, separator: str) -> list[str]:
    """Columns of a table that is there."""
    if not path.is_file():  # nor anything that could be read without end
        return []
    with path.open(newline="", encoding="utf-8", errors="replace") as file:
        line = file.readline(MAX_HEAD)
    return next(csv.reader([line], delimiter=separator), []) if line else []


def _write_whole(file: FileIO, content: bytes) -> None:
    """Write at a file's end all or, with an error, nothing."""
    end, rest = file.seek(0, os.SEEK_END), memoryview(content)
    try:
        while rest:
            rest = rest[file.write(rest) :]
    except OSError:
        file.truncate(end)
        raise


class TensorBoard(LogCallback):
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

    Warns
    -----
    RuntimeWarning
        In ``fit``, if a file cannot be written (a full disk): the fit goes on without it.

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

    _target = "log_dir"
    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {"log_dir": PATH}
    _writers: dict[str, Any]

    @elsewhere(
        **dict.fromkeys(
            (
                *("histogram_freq", "write_graph", "write_images", "write_steps_per_second"),
                *("profile_batch", "embeddings_freq", "embeddings_metadata", "update_freq"),
            ),
            "it writes the columns of history_, once an epoch",
        )
    )
    def __init__(self, log_dir: str | os.PathLike[str]) -> None:
        self.log_dir = log_dir
        self.check_params()

    def check_params(self) -> None:
        """Check that there is tensorboardX, too."""
        super().check_params()
        _tensorboard()

    def on_fit_begin(self, estimator: BaseMLP) -> None:
        """Begin with nothing seen."""
        self._writers = {}

    def on_epoch_end(self, estimator: BaseMLP) -> None:
        """Write a step of each column."""
        if not hasattr(self, "_writers"):
            return
        steps: dict[str, dict[str, float]] = {"train": {}, "validation": {}}
        for name, column in estimator.history_.items():
            if not math.isnan(column[-1]):
                run = "validation" if name.startswith("val_") else "train"
                steps[run][name.removeprefix("val_")] = column[-1]
        try:
            for run, values in steps.items():
                if values:
                    self._write(run, row(estimator), values)
        except OSError as error:  # no reason to lose the model
            warn(
                f"TensorBoard could not write to '{self._filled()}': {error}; the fit goes on "
                "without it.",
                RuntimeWarning,
            )
            self.close()

    def close(self) -> None:
        """Close the files."""
        for writer in vars(self).pop("_writers", {}).values():
            with suppress(OSError):  # of what could not be written, which was said
                writer.close()

    def _write(self, run: str, step: int, values: dict[str, float]) -> None:
        RecordWriter, Event = _tensorboard()
        if run not in self._writers:
            folder = self._filled() / run
            folder.mkdir(parents=True, exist_ok=True)
            name = f"events.out.tfevents.{int(time.time())}.{socket.gethostname()}.{self._fit_id()}"
            # by itself, not by a thread that a full disk would end and this one would wait for
            self._writers[run] = RecordWriter(str(folder / name))
            version = Event(wall_time=time.time(), file_version="brain.Event:2")
            self._writers[run].write(version.SerializeToString())
        event = Event(wall_time=time.time(), step=step)
        for tag, value in values.items():
            event.summary.value.add(tag=tag, simple_value=value)
        self._writers[run].write(event.SerializeToString())
        self._writers[run].flush()


def _tensorboard() -> tuple[Any, Any]:
    try:
        import tensorboardX  # noqa: F401
        from tensorboardX.proto.event_pb2 import Event
        from tensorboardX.record_writer import RecordWriter
    except ImportError as error:
        raise missing("TensorBoard", "tensorboardX") from error
    return RecordWriter, Event
