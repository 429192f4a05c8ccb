"""Whatever happens while a model is saved, its file holds the old model or the new one, whole."""

import errno
import os
import re
import resource
import signal
import stat
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import pytest

import pymlp
from pymlp import MLPRegressor

rng = np.random.default_rng(0)
X = rng.normal(size=(40, 50))
OLD, NEW = (
    MLPRegressor(hidden_layer_sizes=(n,), random_state=n).partial_fit(X, X[:, 0])
    for n in (200, 300)
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    OLD.save(tmp_path / "model")
    return tmp_path / "model"


def holds(path: Path, est: Any) -> bool:
    return np.array_equal(pymlp.load(path).predict(X), est.predict(X))


def full_disk(*_: Any, **__: Any) -> NoReturn:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize("step", ["open", "fchmod", "fsync", "replace"])
def test_a_step_that_fails_leaves_the_old_file(
    step: str, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, step, full_disk)
    with pytest.raises(OSError, match="No space left on device") as caught:
        NEW.save(path)
    monkeypatch.undo()
    assert caught.value.__notes__ == [f"Raised while '{path}' was being written."]
    assert holds(path, OLD)
    assert os.listdir(path.parent) == ["model"]


def test_an_interrupt_leaves_the_old_file(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(_: int) -> NoReturn:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupted)
    with pytest.raises(KeyboardInterrupt):
        NEW.save(path)
    assert holds(path, OLD)
    assert os.listdir(path.parent) == ["model"]


@contextmanager
def room_for(n_bytes: int) -> Iterator[None]:
    """A limit of a file's size, at which a write stops half-way as it does on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (n_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("n_bytes", [0, 1, 4096, 100_000])
def test_a_write_that_stops_half_way_leaves_the_old_file(n_bytes: int, path: Path) -> None:
    with room_for(n_bytes), pytest.raises(OSError, match="File too large"):
        NEW.save(path)
    assert holds(path, OLD)
    assert os.listdir(path.parent) == ["model"]


def test_the_new_file_is_on_the_disk_before_it_has_the_name(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[str] = []
    fsync, replace = os.fsync, os.replace

    def noted_fsync(descriptor: int) -> None:
        is_folder = stat.S_ISDIR(os.fstat(descriptor).st_mode)
        steps.append("sync the folder" if is_folder else "sync the file")
        fsync(descriptor)

    def noted_replace(*paths: Any) -> None:
        steps.append("rename")
        replace(*paths)

    monkeypatch.setattr(os, "fsync", noted_fsync)
    monkeypatch.setattr(os, "replace", noted_replace)
    NEW.save(path)
    assert steps == ["sync the file", "rename", "sync the folder"]
    assert holds(path, NEW)


def test_file_systems_that_do_not_sync_folders(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fsync = os.fsync

    def of_files_only(descriptor: int) -> None:
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", of_files_only)
    NEW.save(path)
    assert holds(path, NEW)


@pytest.mark.parametrize("number", [errno.EPERM, errno.ENOTSUP, errno.ENOSYS])
def test_file_systems_without_permissions(
    number: int, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: Any) -> NoReturn:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fchmod", refused)
    NEW.save(path)
    assert holds(path, NEW)
    assert os.listdir(path.parent) == ["model"]


def saves_for_ever(path: Path) -> NoReturn:
    while True:
        NEW.save(path)
        OLD.save(path)


def killed_amid_saving(path: Path, seconds: float) -> None:
    child = os.fork()
    if child == 0:
        try:
            saves_for_ever(path)
        finally:
            os._exit(1)
    time.sleep(seconds)
    os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    assert os.WTERMSIG(status) == signal.SIGKILL  # not before


def kill_often(path: Path, times: int) -> None:
    begin = time.perf_counter()
    NEW.save(path)
    takes = time.perf_counter() - begin
    found: set[bool] = set()
    for kill in range(20 * times):
        if kill >= times and len(found) == 2:  # on a busy machine a child may not get far
            break
        killed_amid_saving(path, rng.uniform(0, 8 * takes))
        is_old, is_new = holds(path, OLD), holds(path, NEW)
        assert is_old != is_new
        found.add(is_new)
    assert len(found) == 2
    litter = {name for name in os.listdir(path.parent) if name != path.name}
    assert all(re.fullmatch(r"\.pymlp-[0-9a-f]{8}\.tmp", name) for name in litter)


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_kills_amid_saving_leave_a_whole_file(path: Path) -> None:
    kill_often(path, 20)


def test_threads_that_save_and_load_one_file(path: Path) -> None:
    def save_and_load(k: int) -> bool:
        (OLD if k % 2 else NEW).save(path)
        found = pymlp.load(path).predict(X)
        return any(np.array_equal(found, est.predict(X)) for est in (OLD, NEW))

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(save_and_load, range(40)))
    assert os.listdir(path.parent) == ["model"]


@pytest.mark.long
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_hundreds_of_kills_leave_a_whole_file(path: Path) -> None:
    kill_often(path, 500)


# --- where a file goes ---------------------------------------------------------------------------


def test_links_and_permissions_stay(path: Path) -> None:
    link = path.with_name("link")
    link.symlink_to(path.name)
    path.chmod(0o600)
    NEW.save(link)
    assert link.is_symlink()
    assert holds(path, NEW)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_new_file_has_the_usual_permissions(path: Path) -> None:
    path.with_name("plain").touch()
    NEW.save(path.with_name("new"))
    modes = {path.with_name(name).stat().st_mode for name in ("plain", "new")}
    assert len(modes) == 1


def test_paths_of_every_kind(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(path.parent)
    for name in ("relative", Path("of-pathlib"), "große Datei \n.x", "x" * 255):
        NEW.save(name)
        assert holds(path.with_name(str(name)), NEW)
        assert holds(name, NEW)  # type: ignore[arg-type]


def test_where_no_file_can_be(path: Path) -> None:
    with pytest.raises(IsADirectoryError):
        NEW.save(path.parent)
    with pytest.raises(FileNotFoundError):
        NEW.save(path.parent / "nowhere" / "model")
    with pytest.raises(NotADirectoryError):
        NEW.save(path / "model")
    with pytest.raises(FileNotFoundError, match="No such file or directory: ''"):
        NEW.save("")
    assert os.listdir(path.parent) == ["model"]
    assert not [name for name in os.listdir(path.parents[1]) if name.endswith(".tmp")]
