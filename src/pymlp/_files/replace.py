"""Files that are, at every moment, the old one or the new one."""

from __future__ import annotations

import errno
import fcntl
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from secrets import token_hex

BEGINNING, END = ".pymlp-", ".tmp"  # of the name under which a file is written


def replace_file(path: str | os.PathLike[str], *parts: bytes | memoryview) -> None:
    """Put a new file where an old one may be, without a moment between the two.

    Killed amid that, it leaves a file ``.pymlp-????????.tmp`` beside, which the next call that
    writes into that folder removes.

    Parameters
    ----------
    path : str or path-like
        A link stays one: what it leads to is replaced. A new file keeps the old one's permissions.
    *parts : bytes or memoryview
        Of the content, in their order.

    Raises
    ------
    OSError
        If the file cannot be written, or is no regular one. The old one is then as it was, unless
        it was the last step that failed, which is to tell the disk of the new one's name.
    """
    path = os.fspath(path)
    try:
        _check_name(path)
        target = Path(os.path.realpath(path))  # what a link leads to
        _remove_left_behind(target.parent)
        with _temporary(target.parent) as (temporary, descriptor):
            _keep_permissions(target, descriptor)
            for part in parts:
                _write(descriptor, memoryview(part))
            os.fsync(descriptor)
            os.replace(temporary, target)
        _sync_folder(target.parent)
    except OSError as error:
        if error.filename is not None:  # the temporary file's, or the folder's
            error.filename, error.filename2 = path, None
        error.add_note(f"Raised while '{path}' was being written.")
        raise


def _check_name(path: str) -> None:
    """Raise unless there is a regular file of that name, or may be a new one."""
    try:
        mode = os.stat(path).st_mode
    except FileNotFoundError:
        if not path:
            raise
        if os.path.basename(path) in ("", os.curdir, os.pardir):  # of no file, as `open` knows
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path) from None
        return
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path)
    if not stat.S_ISREG(mode):
        raise OSError(errno.EINVAL, "Not a regular file, which is all that is replaced", path)


def _keep_permissions(target: Path, descriptor: int) -> None:
    """Give a new file the permissions of the old one, if there is one and the disk knows them."""
    try:
        os.fchmod(descriptor, stat.S_IMODE(target.stat().st_mode))
    except OSError as error:  # ours is the file: the file system itself does not let us
        if error.errno not in (errno.ENOENT, errno.EPERM, errno.ENOTSUP, errno.ENOSYS):
            raise


@contextmanager
def _temporary(folder: Path) -> Iterator[tuple[Path, int]]:
    """Open a new file on the disk where it is to stay; it is removed if the body raises.

    Its lock tells others, also in other processes, that somebody is at work on it.
    """
    while True:
        name = folder / f"{BEGINNING}{token_hex(4)}{END}"
        descriptor = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
        with suppress(OSError):  # a file system without locks, where nothing is tidied up
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        if os.fstat(descriptor).st_nlink:
            break
        os.close(descriptor)  # tidied up by another one between the two
    try:
        yield name, descriptor
    except BaseException:
        name.unlink(missing_ok=True)
        raise
    finally:
        os.close(descriptor)


def _remove_left_behind(folder: Path) -> None:
    """Remove what calls have left that were killed: whose lock nobody holds."""
    for name in folder.glob(f"{BEGINNING}????????{END}"):
        with suppress(OSError):  # somebody holds it, or it is not ours to open or to remove
            descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                name.unlink()
            finally:
                os.close(descriptor)


def _write(descriptor: int, content: memoryview) -> None:
    while content:
        content = content[os.write(descriptor, content) :]


def _sync_folder(folder: Path) -> None:
    """Wait until the disk knows a new name."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno != errno.EINVAL:  # a file system that does not do that for folders
            raise
    finally:
        os.close(descriptor)
