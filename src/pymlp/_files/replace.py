"""Files that are, at every moment, the old one or the new one."""

from __future__ import annotations

import errno
import os
import stat
from contextlib import suppress
from pathlib import Path
from secrets import token_hex


def replace_file(path: str | os.PathLike[str], content: bytes) -> None:
    """Put a new file where an old one may be, without a moment between the two.

    Killed amid that, it leaves a file ``.????????.tmp`` beside.

    Parameters
    ----------
    path : str or path-like
        A link stays one: what it leads to is replaced. A new file keeps the old one's permissions.
    content : bytes

    Raises
    ------
    OSError
        If the file cannot be written. The old one is then as it was, unless it was the last step
        that failed, which is to tell the disk of the new one's name.
    """
    if not os.fspath(path):  # as `open` would; to pathlib it is the current folder
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)
    path = Path(os.path.realpath(path))  # what a link leads to
    temporary = path.with_name(f".{token_hex(4)}.tmp")  # the same disk: a rename suffices
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
        try:
            with open(descriptor, "wb") as file:
                with suppress(FileNotFoundError):
                    os.fchmod(descriptor, stat.S_IMODE(path.stat().st_mode))
                file.write(content)
                file.flush()
                os.fsync(descriptor)
            os.replace(temporary, path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        _sync_folder(path.parent)
    except OSError as error:
        error.add_note(f"Raised while '{path}' was being written.")
        raise


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
