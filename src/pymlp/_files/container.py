"""Arrays and a description of them in one safetensors file, written whole and read with care."""

from __future__ import annotations

import hashlib
import json
import os
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np

from .._system.arrays import Array
from .._system.memory import check_memory
from .._system.messages import missing
from .replace import replace_file

FORMAT = 1  # a reader understands all up to its own
MAX_HEADER = 2**24  # bytes; room for a million names
ENTRY = 2**8  # bytes of a header's entry for an array, about
MAX_REASON = 500  # characters of an error, some of which may be the file's
DTYPES = {"F32": "<f4", "F64": "<f8", "I64": "<i8"}  # little-endian on every machine

# How a header begins: the description is JSON in the only entry of the metadata, and the checksum
# its first item. It is the SHA-256 of the whole file with zeros in its place.
START = rb'{"__metadata__":{"pymlp":"{\"sha256\":\"'
DIGEST = slice(8 + len(START), 8 + len(START) + 64)
ZEROS = b"0" * 64


def write(
    path: str | os.PathLike[str], arrays: Mapping[str, Array], description: Mapping[str, Any]
) -> None:
    """Write arrays and their description into a file that is, at every moment, the old or the new.

    Parameters
    ----------
    path : str or path-like
        A link stays one: what it leads to is replaced. A new file keeps the old one's permissions.
    arrays : dict of str to ndarray
        Of float32, float64 or int64.
    description : dict
        Of what JSON knows, without NaN and infinity; 'sha256' and 'format' are added.

    Raises
    ------
    ImportError
        Without safetensors.
    OSError
        If the file cannot be written, or is no regular one. The old one is then as it was, unless
        it was the last step that failed, which is to tell the disk of the new one's name.
    MemoryError
        If there is less memory than the file needs.
    ValueError
        If the description is too long.
    """
    require_safetensors()
    from safetensors.numpy import save

    described = {"sha256": ZEROS.decode(), "format": FORMAT, **description}
    text = json.dumps(described, allow_nan=False, separators=(",", ":"))
    # safetensors would abort the process; it copies all, and some versions the copy once more
    n_bytes = 3 * (sum(a.nbytes for a in arrays.values()) + 2 * len(text) + ENTRY * len(arrays))
    check_memory(n_bytes, f"Writing '{os.fspath(path)}'")
    content = save({name: _little_endian(a) for name, a in arrays.items()}, {"pymlp": text})
    n_bytes = int.from_bytes(content[:8], "little")
    if n_bytes > MAX_HEADER:
        raise ValueError(
            f"'{os.fspath(path)}' cannot be written: parameters, names and the like take {n_bytes} "
            f"bytes, and a file has room for {MAX_HEADER}."
        )
    if content[8 : DIGEST.start] != START:  # rather no file than one that cannot be read
        raise RuntimeError("This version of safetensors writes headers in another order.")
    view = memoryview(content)  # of which a part is no copy
    replace_file(path, view[: DIGEST.start], _checksum(content), view[DIGEST.stop :])


def read(path: str | os.PathLike[str]) -> tuple[dict[str, Array], dict[str, Any]]:
    """Read what `write` has written, in time and memory in proportion to the file's size.

    Parameters
    ----------
    path : str or path-like

    Returns
    -------
    arrays : dict of str to ndarray
        Their values may be infinite or NaN.
    description : dict
        Whoever uses it must check it: anybody can write a file with a right checksum.

    Raises
    ------
    ImportError
        Without safetensors.
    OSError
        If the file cannot be opened or read.
    ValueError
        If it is no such file, is damaged, or has a newer format.
    """
    require_safetensors()
    from safetensors import deserialize

    path = os.fspath(path)  # a number would be an open file's
    with refusing(path):
        content = _content(path)
        n_bytes = int.from_bytes(content[:8], "little")
        header = _parsed(content[8 : 8 + n_bytes].decode())
        description = _parsed(header["__metadata__"]["pymlp"])
        found = description.get("format")
        if type(found) is not int or found < 1:
            raise ValueError(f"its format is {found!r}, not a number from 1 to {FORMAT}")
        if found > FORMAT:
            raise ValueError(
                f"its format is {found}, this version of pymlp reads up to {FORMAT}: it was "
                f"written by a newer one ({description.get('pymlp')!r})"
            )
        if _checksum(content) != content[DIGEST]:
            raise ValueError("its checksum is wrong: it was damaged or altered")
        return {name: _native(**tensor) for name, tensor in deserialize(content)}, description


@contextmanager
def refusing(path: str | os.PathLike[str]) -> Iterator[None]:
    """Make one kind of error, which names the file, of all that its content brings about."""
    try:
        yield
    except (OSError, MemoryError):
        raise
    except Exception as error:
        what = str(error)
        if type(error) is not ValueError:
            what = f"it is not as pymlp writes it ({type(error).__name__}: {what})"
        # not from the error, whose text a traceback would show as it is
        raise ValueError(
            f"'{_printable(str(path))}' cannot be loaded: {_printable(what)[:MAX_REASON]}."
        ) from None


def _printable(text: str) -> str:
    """Escape what a terminal would obey."""
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


# --- writing -------------------------------------------------------------------------------------


def _little_endian(array: Array) -> Array:
    dtype = array.dtype.newbyteorder("<")
    if dtype.str not in DTYPES.values():
        raise TypeError(f"There are no files for arrays of {array.dtype}.")
    return np.require(array, dtype, "C")


def _checksum(content: bytes) -> bytes:
    """SHA-256 of a file as it would be with zeros for its checksum, in hexadecimal digits."""
    view = memoryview(content)
    digest = hashlib.sha256(view[: DIGEST.start])
    digest.update(ZEROS)
    digest.update(view[DIGEST.stop :])
    return digest.hexdigest().encode()


# --- reading -------------------------------------------------------------------------------------


def _content(path: str | os.PathLike[str]) -> bytes:
    """All of a file, if its beginning is that of one of ours."""
    # without O_NONBLOCK a named pipe would be waited for
    with open(path, "rb", opener=lambda p, flags: os.open(p, flags | os.O_NONBLOCK)) as file:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise ValueError("it is not a regular file")
        start = file.read(DIGEST.stop)
        n_bytes = int.from_bytes(start[:8], "little")
        if not start[8:].startswith(START):
            raise ValueError(
                "it was not written by pymlp (a pickle is for joblib.load), or its beginning is "
                "damaged"
            )
        if n_bytes > MAX_HEADER:
            raise ValueError(f"its header claims {n_bytes} bytes; {MAX_HEADER} are the most")
        if not DIGEST.stop <= 8 + n_bytes <= status.st_size:
            raise ValueError(
                f"its header claims {n_bytes} bytes, the file has {status.st_size}: it is truncated"
            )
        return start + file.read(status.st_size - len(start))


def _parsed(text: str) -> dict[str, Any]:
    """A JSON object in which no name occurs twice and every number is finite."""
    value = json.loads(text, object_pairs_hook=_unique, parse_constant=_refuse)
    if not isinstance(value, dict):
        raise ValueError(f"it holds JSON of {type(value).__name__}, not an object")
    return value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) < len(pairs):
        raise ValueError("it holds JSON in which a name occurs twice")
    return value


def _refuse(constant: str) -> None:
    raise ValueError(f"it holds {constant}, which is no JSON")


def _native(dtype: str, shape: list[int], data: bytearray) -> Array:
    """An array of its own, in the machine's byte order."""
    if dtype not in DTYPES:
        raise ValueError(f"it holds an array of {dtype}, not of {', '.join(DTYPES)}")
    array = np.frombuffer(data, DTYPES[dtype]).reshape(shape)
    return array.astype(array.dtype.newbyteorder("="))


def require_safetensors() -> None:
    """Raise an ImportError that says how to install it, if it is not there."""
    try:
        import safetensors  # noqa: F401
    except ImportError as error:
        raise missing("A model file", "safetensors") from error
