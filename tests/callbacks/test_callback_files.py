"""The callbacks that write files."""

import csv
import os
import resource
import struct
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import joblib
import numpy as np
import pytest
from sklearn.datasets import make_moons
from sklearn.model_selection import GridSearchCV

import pymlp
from pymlp import MLPClassifier, MLPRegressor
from pymlp.callbacks import Callback, CSVLogger, ModelCheckpoint, TensorBoard, _files

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
    ("path", "wrong"),
    [("{loss}-{val_loss}", "'val_loss'"), ("{}", "Replacement index 0"), ("{loss:d}", "Unknown f")],
)
def test_no_such_field(tmp_path: Path, path: str, wrong: str) -> None:
    est = small(ModelCheckpoint(tmp_path / path, every=100))
    with pytest.raises(
        ValueError, match=rf"ModelCheckpoint cannot fill in '.*': {wrong}.*\. .* 'epoch', 'loss'"
    ):
        est.fit(X, y)


@pytest.mark.parametrize("options", [{}, {"ema_decay": 0.9}, {"warm_start": "full"}], ids=str)
def test_a_model_file(tmp_path: Path, options: dict[str, Any]) -> None:
    checkpoint = ModelCheckpoint(tmp_path / "{epoch}.safetensors", every=2)
    est = small(checkpoint, **options).fit(X, y)
    assert names(tmp_path) == ["2.safetensors", "4.safetensors", "6.safetensors"]
    kept = pymlp.load(tmp_path / "4.safetensors")
    shorter = small(**options | {"max_iter": 4}).fit(X, y)
    np.testing.assert_array_equal(kept.predict_proba(X), shorter.predict_proba(X))
    assert kept.history_["loss"] == shorter.history_["loss"]
    assert (kept.n_iter_, kept.get_params()) == (4, est.set_callbacks().get_params())


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("a.safetensors", "'learning_rate' parameter of MLPClassifier must be data to be saved"),
        ("a.joblib", "ModelCheckpoint cannot pickle a parameter of MLPClassifier: .*lambda"),
    ],
)
def test_a_model_that_cannot_be_saved_is_refused_before_the_fit(
    tmp_path: Path, path: str, message: str
) -> None:
    checkpoint = ModelCheckpoint(tmp_path / path, every=100)
    with pytest.raises(ValueError, match=message):
        small(checkpoint, learning_rate=lambda epoch: 0.1).fit(X, y)
    assert names(tmp_path) == []


def test_without_safetensors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "safetensors", None)
    with pytest.raises(ImportError, match="pip install safetensors"):
        small(ModelCheckpoint(tmp_path / "a.safetensors", every=100)).fit(X, y)


def test_it_says_what_it_saves(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    small(ModelCheckpoint(tmp_path / "{epoch}", every=6, verbose=True)).fit(X, y)
    assert capsys.readouterr().out == f"The model of epoch 6 is saved to '{tmp_path / '6'}'.\n"


# A full disk


class NoRoom(Callback):
    """In some epochs a file may not become larger than so many bytes."""

    def __init__(self, epochs: range, n_bytes: int) -> None:
        self.epochs, self.n_bytes = epochs, n_bytes

    def on_epoch_begin(self, estimator: Any) -> None:
        full = estimator.n_iter_ + 1 in self.epochs
        self._limit(self.n_bytes if full else resource.RLIM_INFINITY)

    def close(self) -> None:
        self._limit(resource.RLIM_INFINITY)

    def _limit(self, n_bytes: int) -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (n_bytes, resource.RLIM_INFINITY))


@pytest.mark.parametrize("ending", ["joblib", "safetensors", "joblib.gz"])
def test_a_full_disk_costs_no_model(tmp_path: Path, ending: str) -> None:
    checkpoint = ModelCheckpoint(tmp_path / f"net.{ending}", monitor="loss", save_best_only=True)
    with pytest.warns(RuntimeWarning, match="could not be saved to .*File too large") as warned:
        est = small(NoRoom(range(3, 7), 100), checkpoint).fit(X, y)
    messages = [str(w.message) for w in warned if w.category is RuntimeWarning]
    assert [m.split()[4] for m in messages] == ["3", "4", "5", "6"]
    assert {w.filename for w in warned} == {__file__}
    assert (est.n_iter_, names(tmp_path)) == (6, [f"net.{ending}"])
    load = pymlp.load if ending == "safetensors" else joblib.load
    assert load(tmp_path / f"net.{ending}").n_iter_ == 2
    assert checkpoint.filepath_ == tmp_path / f"net.{ending}"


def test_the_best_model_is_the_best_that_could_be_saved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    est = SimpleNamespace(n_iter_=1, loss_=1.0, history_={"loss": [1.0]})
    checkpoint = ModelCheckpoint(tmp_path / "{fit}", monitor="loss", save_best_only=True)
    checkpoint._best = np.inf
    saved = []
    monkeypatch.setattr(ModelCheckpoint, "_filled", lambda self, **_: tmp_path / "net")
    for loss, full in ((3.0, False), (1.0, True), (2.0, False), (2.5, False)):

        def save(est: Any, path: Path, full: bool = full) -> None:
            if full:
                raise OSError("full")
            saved.append(est.history_["loss"][-1])

        monkeypatch.setattr(_files, "_save", save)
        est.history_["loss"].append(loss)
        with pytest.warns(RuntimeWarning) if full else nullcontext():
            checkpoint.on_epoch_end(est)  # type: ignore[arg-type]
    assert saved == [3.0, 2.0]


@pytest.mark.parametrize("n_bytes", [0, 100, 101, 130, 180])
def test_a_full_disk_costs_no_row(tmp_path: Path, n_bytes: int) -> None:
    path = tmp_path / "log.csv"
    reader = Reader(path)
    with pytest.warns(RuntimeWarning, match="CSVLogger could not write epoch .* File too large"):
        est = small(NoRoom(range(2, 5), n_bytes), CSVLogger(path), reader).fit(X, y)
    rows = table(path)
    assert [row["epoch"] for row in rows] == ["1", "2", "3", "4", "5", "6"]
    assert [float(row["loss"]) for row in rows] == est.history_["loss"]
    assert reader.lengths[0] == 1
    assert reader.lengths[4:] == [5, 6]


def test_a_disk_that_stays_full(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    with pytest.warns(RuntimeWarning, match=r"CSVLogger could not write epoch [3-6]"):
        assert small(NoRoom(range(3, 7), 100), CSVLogger(path)).fit(X, y).n_iter_ == 6
    text = path.read_text()
    assert text.endswith("\n")
    assert [row["epoch"] for row in table(path)] == ["1", "2"][: text.count("\n") - 1]


@pytest.mark.parametrize("n_bytes", [0, 300])
def test_a_full_disk_ends_the_board_not_the_fit(tmp_path: Path, n_bytes: int) -> None:
    pytest.importorskip("tensorboardX")
    with pytest.warns(RuntimeWarning, match="TensorBoard could not write to .*without it") as found:
        small(NoRoom(range(3, 5), n_bytes), TensorBoard(tmp_path)).fit(X, y)
    assert len([w for w in found if w.category is RuntimeWarning]) == 1
    (path,) = (tmp_path / "train").iterdir()
    assert path.stat().st_size > 100


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for callback in (
        CSVLogger(tmp_path / "file" / "log.csv"),
        ModelCheckpoint(tmp_path / "file" / "{epoch}", every=100),
        ModelCheckpoint(tmp_path / "file" / "{fit}" / "net", every=100),
    ):
        with pytest.raises(OSError, match="file"):  # before the fit
            small(callback).fit(X, y)


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


@pytest.mark.parametrize("n_bytes", [1, 2**17, 2**40])
def test_a_head_is_read_within_bounds(tmp_path: Path, n_bytes: int) -> None:
    path = tmp_path / "log.csv"
    path.touch()
    os.truncate(path, n_bytes)  # of zeros, without an end of a line
    with pytest.raises(ValueError, match=r"cannot append to .* no column 'epoch', ") as caught:
        small(CSVLogger(path, append=True)).fit(X, y)
    assert len(str(caught.value)) < 1000
    assert path.stat().st_size == n_bytes


def test_what_is_no_file_has_no_head(tmp_path: Path) -> None:
    (tmp_path / "null").symlink_to(os.devnull)
    assert small(CSVLogger(tmp_path / "null", append=True)).fit(X, y).n_iter_ == 6


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


@pytest.mark.parametrize("separator", ["", "::", None, '"', "\n"])
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
    with pytest.raises(ImportError, match="pip install tensorboardX"):
        TensorBoard("logs")
