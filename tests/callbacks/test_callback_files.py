"""The callbacks that write files."""

import csv
import os
import struct
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest
from sklearn.datasets import make_moons
from sklearn.model_selection import GridSearchCV

from pymlp import MLPClassifier, MLPRegressor
from pymlp.callbacks import Callback, CSVLogger, ModelCheckpoint, TensorBoard

X, y = make_moons(120, noise=0.3, random_state=0)
X_VAL, Y_VAL = make_moons(60, noise=0.3, random_state=1)
VALIDATION: dict[str, Any] = {"X_val": X_VAL, "y_val": Y_VAL}
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def small(*callbacks: Callback, **options: Any) -> MLPClassifier:
    options = {"learning_rate_init": 0.05, "max_iter": 6, "random_state": 0} | options
    return MLPClassifier((20,), **options).set_callbacks(*callbacks)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def table(path: Path, separator: str = ",") -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file, delimiter=separator))


# Checkpoints


@pytest.mark.parametrize(
    "options", [{}, {"solver": "lbfgs"}, {"ema_decay": 0.9}, {"warm_start": "full"}], ids=str
)
def test_a_checkpoint_is_the_fit_up_to_there(tmp_path: Path, options: dict[str, Any]) -> None:
    checkpoint = ModelCheckpoint(tmp_path / "new" / "{epoch:02d}.joblib", every=2)
    small(checkpoint, **options).fit(X, y)
    assert names(tmp_path / "new") == ["02.joblib", "04.joblib", "06.joblib"]
    assert checkpoint.filepath_ == tmp_path / "new" / "06.joblib"
    kept = joblib.load(tmp_path / "new" / "04.joblib")
    shorter = small(**options | {"max_iter": 4}).fit(X, y)
    np.testing.assert_array_equal(kept.predict_proba(X), shorter.predict_proba(X))
    assert kept.history_["loss"] == shorter.history_["loss"]
    assert set(vars(kept)) == set(vars(shorter))


def test_the_best_checkpoint(tmp_path: Path) -> None:
    path = tmp_path / "best.joblib"
    checkpoint = ModelCheckpoint(path, monitor="val_accuracy", save_best_only=True)
    est = small(checkpoint, learning_rate_init=0.3, max_iter=12).fit(X, y, **VALIDATION)
    kept = joblib.load(path)
    assert kept.n_iter_ == 1 + np.argmax(est.history_["val_accuracy"]) < 12
    assert kept.score(X_VAL, Y_VAL) == max(est.history_["val_accuracy"])
    assert names(tmp_path) == ["best.joblib"]


def test_columns_in_the_path(tmp_path: Path) -> None:
    est = small(ModelCheckpoint(tmp_path / "{epoch}-{val_loss:.3f}", every=6), warm_start=True)
    est.fit(X, y, **VALIDATION).fit(X, y, **VALIDATION)
    losses = est.history_["val_loss"]
    assert names(tmp_path) == sorted(f"{epoch}-{losses[epoch - 1]:.3f}" for epoch in (6, 12))


def test_an_ending_compresses(tmp_path: Path) -> None:
    small(ModelCheckpoint(tmp_path / "net.joblib.gz")).fit(X, y)
    assert (tmp_path / "net.joblib.gz").read_bytes()[:2] == b"\x1f\x8b"
    assert joblib.load(tmp_path / "net.joblib.gz").n_iter_ == 6


@pytest.mark.parametrize("error", [OSError("disk full"), KeyboardInterrupt()])
@pytest.mark.filterwarnings("ignore:Training interrupted")
def test_the_old_file_stays_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    path = tmp_path / "net.joblib"
    est = small(ModelCheckpoint(path)).fit(X, y)
    before = path.read_bytes()

    def fail(*_: Any) -> None:
        raise error

    monkeypatch.setattr(os, "fsync", fail)
    if isinstance(error, OSError):
        with pytest.warns(RuntimeWarning, match="could not be saved to .*net.joblib': disk full"):
            est.fit(-X, y)
        assert est.n_iter_ == 6
    else:
        est.fit(-X, y)
    assert path.read_bytes() == before
    assert names(tmp_path) == ["net.joblib"]


def test_who_reads_the_old_file_reads_it_whole(tmp_path: Path) -> None:
    path = tmp_path / "net.joblib"
    est = small(ModelCheckpoint(path)).fit(X, y)
    before = path.read_bytes()
    with path.open("rb") as file:
        est.fit(-X, y)
        assert file.read() == before != path.read_bytes()


@pytest.mark.parametrize(
    ("path", "wrong"), [("{loss}-{val_loss}", "'val_loss'"), ("{}", "Replacement index 0")]
)
def test_no_such_field(tmp_path: Path, path: str, wrong: str) -> None:
    est = small(ModelCheckpoint(tmp_path / path, every=100))
    with pytest.raises(
        ValueError, match=rf"ModelCheckpoint cannot fill in '.*': {wrong}.*\. .* 'epoch', 'loss'"
    ):
        est.fit(X, y)


# Tables


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_a_row_an_epoch(tmp_path: Path, solver: str) -> None:
    path = tmp_path / "new" / "log.csv"
    est = small(CSVLogger(path), solver=solver).fit(X, y, **VALIDATION)
    est.fit(X, y, **VALIDATION)  # replaces the first fit's
    rows = table(path)
    assert list(rows[0]) == ["epoch", *est.history_]
    assert [row["epoch"] for row in rows] == ["1", "2", "3", "4", "5", "6"]
    for name, column in est.history_.items():
        assert [float(row[name]) for row in rows] == column


class Reader(Callback):
    def __init__(self, path: Path) -> None:
        self.path = path
        self.lengths: list[int] = []

    def on_epoch_end(self, estimator: Any) -> None:
        self.lengths.append(len(table(self.path)))


def test_a_row_can_be_read_at_once(tmp_path: Path) -> None:
    reader = Reader(tmp_path / "log.csv")
    small(CSVLogger(reader.path), reader).fit(X, y)
    assert reader.lengths == [1, 2, 3, 4, 5, 6]


def test_rows_are_appended(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    logger = CSVLogger(path, separator=";", append=True)
    est = small(logger, max_iter=2, warm_start=True).fit(X, y, **VALIDATION)
    est.fit(X, y)
    rows = table(path, ";")
    assert [row["epoch"] for row in rows] == ["1", "2", "3", "4"]
    assert [row["val_loss"] for row in rows[2:]] == ["nan", "nan"]
    small(logger, max_iter=1).fit(X, y)
    assert table(path, ";")[4]["val_loss"] == ""


def test_columns_that_the_file_lacks(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    est = small(CSVLogger(path, append=True), max_iter=2, warm_start=True).fit(X, y)
    before = path.read_text()
    with pytest.raises(ValueError, match=r"cannot append to .* no column 'val_loss', 'val_acc"):
        est.fit(X, y, **VALIDATION)
    assert path.read_text() == before
    assert len(est.history_["loss"]) == 2


class Failing(Callback):
    def on_epoch_end(self, estimator: Any) -> None:
        if estimator.n_iter_ == 3:
            raise RuntimeError("no more")


def test_a_failing_fit_leaves_its_rows(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    logger = CSVLogger(path)
    with pytest.raises(RuntimeError, match="no more"):  # a file left open would be a warning
        small(logger, Failing()).fit(X, y)
    assert len(table(path)) == 3


def test_a_fit_that_cannot_begin(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="NaN"):
        small(CSVLogger(tmp_path / "log.csv")).fit(np.full_like(X, np.nan), y)
    assert names(tmp_path) == []


@pytest.mark.parametrize("separator", ["", "::", None])
def test_a_bad_separator(separator: Any) -> None:
    with pytest.raises(ValueError, match="The 'separator' parameter of CSVLogger must be"):
        CSVLogger("log.csv", separator=separator)


def test_fields_that_a_log_has_not() -> None:
    with pytest.raises(ValueError, match=r"CSVLogger cannot fill in .* may be 'fit'\."):
        small(CSVLogger("{epoch}.csv")).fit(X, y)


# Several fits


class Meanwhile(Callback):
    """Fits another estimator in each epoch."""

    def __init__(self, other: Any) -> None:
        self.other = other

    def on_epoch_end(self, estimator: Any) -> None:
        self.other.fit(X, y)


@pytest.mark.parametrize("kind", [ModelCheckpoint, CSVLogger, TensorBoard])
def test_several_fits_at_once(tmp_path: Path, kind: Any) -> None:
    if kind is TensorBoard:
        pytest.importorskip("tensorboardX")
    shared = kind(tmp_path / "file")
    with pytest.raises(
        RuntimeError, match=rf"{kind.__name__} is used by several fits .* '{{fit}}'"
    ):
        small(shared, Meanwhile(small(shared))).fit(X, y)
    assert shared._fits == {}


def test_a_file_for_each_fit(tmp_path: Path) -> None:
    callbacks = CSVLogger(tmp_path / "{fit}.csv"), ModelCheckpoint(tmp_path / "{fit}.joblib")
    nets = [small(*callbacks, max_iter=epochs) for epochs in range(1, 9)]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda net: net.fit(X, y), nets))
    assert len(names(tmp_path)) == 16
    logs = {path.stem: table(path) for path in tmp_path.glob("*.csv")}
    assert sorted(map(len, logs.values())) == list(range(1, 9))
    for path in tmp_path.glob("*.joblib"):
        assert joblib.load(path).loss_ == float(logs[path.stem][-1]["loss"])


def test_a_search_one_after_another(tmp_path: Path) -> None:
    logger = CSVLogger(tmp_path / "log.csv", append=True)
    GridSearchCV(small(logger), {"alpha": [0, 1]}, cv=2).fit(X, y)
    assert [row["epoch"] for row in table(tmp_path / "log.csv")] == [*"123456"] * 5


# TensorBoard


def scalars(folder: Path) -> list[tuple[str, int, float]]:
    """Sorted tags, steps and values in the files of a folder."""
    event_pb2 = pytest.importorskip("tensorboardX.proto.event_pb2")
    found = []
    for path in folder.iterdir():
        data = path.read_bytes()
        while data:  # a TFRecord: length, its checksum, event, its checksum
            (length,) = struct.unpack("<Q", data[:8])
            event = event_pb2.Event.FromString(data[12 : 12 + length])
            found += [(v.tag, event.step, v.simple_value) for v in event.summary.value]
            data = data[16 + length :]
    return sorted(found)


def test_tensorboard(tmp_path: Path) -> None:
    pytest.importorskip("tensorboardX")
    reg = MLPRegressor(hidden_layer_sizes=(5,), max_iter=3, random_state=0, warm_start=True)
    reg.set_callbacks(TensorBoard(tmp_path)).fit(X, y, **VALIDATION)
    reg.fit(X, y)
    assert names(tmp_path) == ["train", "validation"]
    history = reg.history_
    for run, columns, epochs in (
        ("train", {"loss": "loss", "learning_rate": "learning_rate", "seconds": "seconds"}, 6),
        ("validation", {"loss": "val_loss", "r2": "val_r2"}, 3),
    ):
        written = scalars(tmp_path / run)
        assert {tag for tag, _, _ in written} == set(columns)
        for tag, column in columns.items():
            expected = [(i + 1, np.float32(history[column][i])) for i in range(epochs)]
            assert [(step, value) for name, step, value in written if name == tag] == expected


def test_without_tensorboard(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tensorboardX", None)
    with pytest.raises(ImportError, match=r'pip install "pymlp\[tensorboard\]"'):
        TensorBoard("logs")
