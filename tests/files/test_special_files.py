"""What a file may not replace, what a killed process leaves, and writing in short memory."""

from __future__ import annotations

import os
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pymlp
from pymlp import MLPClassifier, MLPEnsembleRegressor, MLPRegressor
from pymlp._files import replace
from pymlp._files.replace import replace_file

rng = np.random.default_rng(0)
X = rng.normal(size=(40, 5))
REGRESSOR = MLPRegressor(hidden_layer_sizes=(4,), random_state=0).partial_fit(X, X[:, 0])
ENSEMBLE = MLPEnsembleRegressor(
    MLPRegressor(hidden_layer_sizes=(4,), n_iter_no_change=1, tol=9), n_estimators=2
).fit(X, X[:, 0])


def export(path: Any) -> None:
    pytest.importorskip("onnx")
    from pymlp import onnx

    onnx.export(REGRESSOR, path)


WRITERS: dict[str, Callable[[Any], None]] = {
    "save": REGRESSOR.save,
    "save of an ensemble": ENSEMBLE.save,
    "onnx.export": export,
    "replace_file": lambda path: replace_file(path, b"a page"),
}
EVERY_WRITER = pytest.mark.parametrize("writer", WRITERS)


def make_null_device(path: Path) -> None:
    try:
        os.mknod(path, stat.S_IFCHR | 0o666, os.makedev(1, 3))
    except PermissionError:
        pytest.skip("only root can make a device")


def make_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(str(path))


def make_link_to_a_pipe(path: Path) -> None:
    os.mkfifo(f"{path}-itself")
    path.symlink_to(f"{path}-itself")


SPECIAL: dict[str, Callable[[Path], None]] = {
    "device": make_null_device,
    "pipe": os.mkfifo,
    "socket": make_socket,
    "folder": os.mkdir,
    "link to a pipe": make_link_to_a_pipe,
    "link to itself": lambda path: path.symlink_to(path),
}


def state_of(folder: Path) -> dict[str, tuple[int, int]]:
    """Kind and inode of everything in a folder and in the one above."""
    found = [*folder.parent.iterdir(), *folder.iterdir()]
    return {str(p): (p.lstat().st_mode, p.lstat().st_ino) for p in found}


@EVERY_WRITER
@pytest.mark.parametrize("kind", SPECIAL)
def test_only_regular_files_are_replaced(kind: str, writer: str, tmp_path: Path) -> None:
    path = tmp_path / "special"
    SPECIAL[kind](path)
    before = state_of(tmp_path)
    with pytest.raises(OSError, match=str(path)) as caught:
        WRITERS[writer](path)
    assert caught.value.filename == str(path)
    assert ".tmp" not in str(caught.value)
    assert state_of(tmp_path) == before


@EVERY_WRITER
def test_a_name_of_no_file(writer: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("new/", "new/.", ".", "..", f"{tmp_path}/"):
        with pytest.raises(IsADirectoryError, match=name) as caught:
            WRITERS[writer](name)
        assert caught.value.filename == name
        assert os.listdir() == []


@EVERY_WRITER
def test_the_pipe_behind_a_descriptor(writer: str) -> None:
    reads, writes = os.pipe()
    path = f"/proc/self/fd/{writes}"
    if not os.path.exists(path):
        pytest.skip("this system has no names for descriptors")
    with pytest.raises(OSError, match=path):
        WRITERS[writer](path)
    os.close(reads)
    os.close(writes)


@EVERY_WRITER
def test_errors_name_the_path_that_was_given(
    writer: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "link").symlink_to("nowhere/model")
    (tmp_path / "file").touch()
    for name, kind in {
        "nowhere/model": FileNotFoundError,
        "link": FileNotFoundError,
        "file/model": NotADirectoryError,
        "x" * 300: OSError,
    }.items():
        with pytest.raises(kind) as caught:
            WRITERS[writer](name)
        assert (caught.value.filename, caught.value.filename2) == (name, None)
        assert caught.value.__notes__ == [f"Raised while '{name}' was being written."]


def test_a_checkpoint_does_not_replace_a_device_either(tmp_path: Path) -> None:
    path = tmp_path / "device"
    make_null_device(path)
    with pytest.raises(ValueError, match=f"'{path}' cannot be loaded: it is not a regular file"):
        MLPClassifier().fit(X, X[:, 0] > 0, resume=path)
    assert stat.S_ISCHR(path.stat().st_mode)


# --- what killed processes leave -----------------------------------------------------------------


def leave_behind(path: Path) -> None:
    """Die amid writing, in a child."""
    child = os.fork()
    if child == 0:
        os.fsync = lambda _: os.kill(os.getpid(), signal.SIGKILL)  # type: ignore[assignment]
        try:
            REGRESSOR.save(path)
        finally:
            os._exit(1)
    assert os.WTERMSIG(os.waitpid(child, 0)[1]) == signal.SIGKILL


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_the_next_save_removes_what_a_killed_one_has_left(tmp_path: Path) -> None:
    path = tmp_path / "model"
    for name in ("model", "another", "model"):
        leave_behind(tmp_path / name)
        (left,) = os.listdir(tmp_path)
        assert left.startswith(".pymlp-")
    REGRESSOR.save(path)
    assert os.listdir(tmp_path) == ["model"]
    np.testing.assert_array_equal(pymlp.load(path).predict(X), REGRESSOR.predict(X))


def test_what_others_have_is_left_alone(tmp_path: Path) -> None:
    others = [".pymlp-12345678.tmp.bak", "pymlp-12345678.tmp", ".12345678.tmp", ".pymlp-1234.tmp"]
    for name in others:
        (tmp_path / name).touch()
    (tmp_path / ".pymlp-link0000.tmp").symlink_to(tmp_path / others[0])
    os.mkdir(tmp_path / ".pymlp-folder00.tmp")
    before = set(os.listdir(tmp_path))
    with replace._temporary(tmp_path) as (at_work, _):  # as of another process
        REGRESSOR.save(tmp_path / "model")
        assert at_work.exists()
    assert set(os.listdir(tmp_path)) == before | {"model", at_work.name}
    REGRESSOR.save(tmp_path / "model")
    assert set(os.listdir(tmp_path)) == before | {"model"}


def test_a_file_system_without_locks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_locks(*_: Any) -> None:
        raise OSError(95, "Operation not supported")

    (tmp_path / ".pymlp-12345678.tmp").touch()
    monkeypatch.setattr("fcntl.flock", no_locks)
    REGRESSOR.save(tmp_path / "model")
    assert len(os.listdir(tmp_path)) == 2


# --- short memory --------------------------------------------------------------------------------

SHORT = """
import resource, sys, warnings
from pathlib import Path
import numpy as np
import safetensors.numpy
import pymlp

warnings.simplefilter("ignore")
X = np.random.default_rng(0).random((40, 500))
reg = pymlp.MLPRegressor(hidden_layer_sizes=(2000,), max_iter=1, n_threads=1).fit(X, X[:, 0])
path = Path(sys.argv[1], "model")
found = []
for n_mib in range(0, 45, 3):
    now = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (now + n_mib * 2**20, -1))
    try:
        reg.save(path)
        found.append("written")
    except MemoryError as error:
        assert str(error).startswith(f"Writing '{path}' needs "), error
        found.append("refused")
    resource.setrlimit(resource.RLIMIT_AS, (-1, -1))
assert np.array_equal(pymlp.load(path).predict(X), reg.predict(X))
print(*dict.fromkeys(found), [p.name for p in path.parent.iterdir()])
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the limit and its measure are Linux's")
def test_short_memory_is_an_error(tmp_path: Path) -> None:
    """safetensors would abort the process, or panic."""
    pytest.importorskip("safetensors")
    done = subprocess.run(
        [sys.executable, "-c", SHORT, str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert done.stdout == "refused written ['model']\n", done.stderr


def test_a_checkpoint_in_short_memory_costs_no_fit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pymlp._files.container.check_memory", _nothing_left)
    clf = MLPClassifier((4,), tol=9.0, n_iter_no_change=1)
    with pytest.warns(RuntimeWarning, match="could not be written: nothing is left"):
        clf.fit(X, X[:, 0] > 0, resume=tmp_path / "fit")
    assert clf.n_iter_ == 3


def _nothing_left(*_: Any) -> None:
    raise MemoryError("nothing is left")
