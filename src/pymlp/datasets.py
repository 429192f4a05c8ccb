"""Readers for IDX files, the format that MNIST comes in.

An IDX file is ``00 00 <type code> <number of dimensions>``, then one big-endian uint32 for each
dimension, then the values in C order, big-endian. Files from the network are not to be trusted:
a header can promise sizes that the file does not hold, and a small gzipped file can unpack to
gigabytes. So the data are counted before memory is taken for them, and a gzipped file's no further
than the caller allows.
"""

from __future__ import annotations

import gzip
import math
import os
import struct
import sys
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from numbers import Integral
from pathlib import Path
from typing import Any, BinaryIO, cast

import numpy as np
from numpy.typing import NDArray
from sklearn.utils._param_validation import Interval, validate_parameter_constraints

__all__ = ["MNIST", "load_idx", "load_mnist"]

GZIP_MAGIC = b"\x1f\x8b"
MAX_BYTES = 1 << 30  # of a gzipped file's values; MNIST's largest file has 47 million
CHUNK = 1 << 20  # bytes held at a time while counting and copying
MAX_DIMENSIONS = 32  # what every NumPy can hold; the format's own limit is 255
PATH = [str, os.PathLike]
DTYPES: dict[int, np.dtype[Any]] = {
    0x08: np.dtype(np.uint8),
    0x09: np.dtype(np.int8),
    0x0B: np.dtype(np.int16),
    0x0C: np.dtype(np.int32),
    0x0D: np.dtype(np.float32),
    0x0E: np.dtype(np.float64),
}


@dataclass(frozen=True, eq=False)
class MNIST:
    """The four arrays of MNIST, as stored: no scaling, original order.

    Attributes
    ----------
    X_train : ndarray of shape (60000, 784), uint8
        Training images, one a row; grey levels, 0 (background) to 255.
    y_train : ndarray of shape (60000,), uint8
        The digit on each training image.
    X_test : ndarray of shape (10000, 784), uint8
        Test images.
    y_test : ndarray of shape (10000,), uint8
        The digit on each test image.
    image_shape : tuple of int
        (rows, columns) of an image, in pixels: (28, 28).
    """

    X_train: NDArray[np.uint8]
    y_train: NDArray[np.uint8]
    X_test: NDArray[np.uint8]
    y_test: NDArray[np.uint8]
    image_shape: tuple[int, int]


def load_idx(path: str | os.PathLike[str], *, max_bytes: int = MAX_BYTES) -> NDArray[Any]:
    """Read an IDX file, gzipped or not.

    Parameters
    ----------
    path : str or path-like
        The file. Whether it is gzipped is told by its content, not by its name.
    max_bytes : int, default=2**30
        How many bytes of values a gzipped file may unpack to, at least 1; what it holds beyond
        them is not unpacked. A file that is not gzipped is as large as its values and has no limit.

    Returns
    -------
    ndarray
        The values, in the shape that the header gives, in native byte order: uint8, int8, int16,
        int32, float32 or float64.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If the magic number is not that of an IDX file, the file holds fewer or more values than
        its header says, or the gzip stream is damaged or holds more than `max_bytes`. The message
        names the file, what was expected and what was found.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from pymlp.datasets import load_idx
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "labels-idx1-ubyte")
    ...     _ = path.write_bytes(bytes([0, 0, 0x08, 1, 0, 0, 0, 3, 5, 0, 4]))
    ...     load_idx(path)
    array([5, 0, 4], dtype=uint8)
    """
    validate_parameter_constraints(
        {"path": PATH, "max_bytes": [Interval(Integral, 1, None, closed="left")]},
        {"path": path, "max_bytes": max_bytes},
        "load_idx",
    )
    path = Path(path)
    with _open(path) as stream:
        dtype, shape = _read_header(stream, path)
        start = stream.tell()
        limit = max_bytes if isinstance(stream, gzip.GzipFile) else math.inf
        _check_length(stream, path, dtype, shape, limit)
        stream.seek(start)
        return _read_values(stream, path, dtype, shape)


def load_mnist(folder: str | os.PathLike[str]) -> MNIST:
    """Read MNIST, or a data set in the same four files, from a folder.

    Parameters
    ----------
    folder : str or path-like
        Holds ``train-images-idx3-ubyte``, ``train-labels-idx1-ubyte``, ``t10k-images-idx3-ubyte``
        and ``t10k-labels-idx1-ubyte``; ``.idx`` may stand for ``-idx``, and ``.gz`` may follow.

    Returns
    -------
    MNIST
        Images as rows of uint8, labels as uint8, and the shape of an image.

    Raises
    ------
    FileNotFoundError
        If the folder or one of the files is missing.
    NotADirectoryError
        If `folder` is a file.
    ValueError
        If a file is damaged (see `load_idx`), or the files do not fit together.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from pymlp.datasets import load_mnist
    >>> image = bytes([0, 0, 0x08, 3, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 2, 0, 128, 255, 0])
    >>> label = bytes([0, 0, 0x08, 1, 0, 0, 0, 1, 7])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     for part in ("train", "t10k"):
    ...         _ = Path(folder, f"{part}-images-idx3-ubyte").write_bytes(image)
    ...         _ = Path(folder, f"{part}-labels-idx1-ubyte").write_bytes(label)
    ...     mnist = load_mnist(folder)
    >>> mnist.X_train, mnist.y_train, mnist.image_shape
    (array([[  0, 128, 255,   0]], dtype=uint8), array([7], dtype=uint8), (2, 2))
    """
    validate_parameter_constraints({"folder": PATH}, {"folder": folder}, "load_mnist")
    folder = Path(folder)
    if not folder.exists():
        raise FileNotFoundError(f"{folder}: expected a folder with MNIST's files, found nothing")
    if not folder.is_dir():
        raise NotADirectoryError(f"{folder}: expected a folder with MNIST's files, found a file")
    X_train, y_train, train_shape = _load_pair(folder, "train")
    X_test, y_test, test_shape = _load_pair(folder, "t10k")
    if train_shape != test_shape:
        raise ValueError(
            f"{folder}: expected test images of {_by(train_shape)} pixels, as the training images, "
            f"found {_by(test_shape)}"
        )
    return MNIST(X_train, y_train, X_test, y_test, train_shape)


@contextmanager
def _open(path: Path) -> Iterator[BinaryIO]:
    """Open `path` for reading, unpacked; a damaged gzip stream becomes a ValueError."""
    try:
        file = path.open("rb")
    except FileNotFoundError:
        raise FileNotFoundError(f"{path}: expected an IDX file, found nothing") from None
    with file:
        gzipped = file.read(len(GZIP_MAGIC)) == GZIP_MAGIC
        file.seek(0)
        if not gzipped:
            yield file
            return
        try:
            # GzipFile has all that is asked of a BinaryIO here: read, readinto, seek and tell.
            with gzip.GzipFile(fileobj=file) as unpacked:
                yield cast("BinaryIO", unpacked)
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise ValueError(f"{path}: expected an intact gzip file, found: {error}") from error


def _read_header(stream: BinaryIO, path: Path) -> tuple[np.dtype[Any], tuple[int, ...]]:
    """Type and shape of the values; leaves `stream` at the first value."""
    magic = stream.read(4)
    if len(magic) < 4:
        raise ValueError(f"{path}: expected the 4 bytes of an IDX magic number, found {len(magic)}")
    zeros, code, n_dimensions = struct.unpack(">HBB", magic)
    if zeros != 0 or code not in DTYPES or not 1 <= n_dimensions <= MAX_DIMENSIONS:
        codes = ", ".join(f"{allowed:02x}" for allowed in DTYPES)
        raise ValueError(
            f"{path}: expected an IDX magic number (00 00, a type code of {codes}, "
            f"1 to {MAX_DIMENSIONS} dimensions), found {magic.hex(' ')}"
        )
    sizes = stream.read(4 * n_dimensions)
    if len(sizes) < 4 * n_dimensions:
        raise ValueError(
            f"{path}: expected {4 * n_dimensions} bytes of sizes for {n_dimensions} dimensions, "
            f"found {len(sizes)}"
        )
    return DTYPES[code], struct.unpack(f">{n_dimensions}I", sizes)


def _check_length(
    stream: BinaryIO, path: Path, dtype: np.dtype[Any], shape: tuple[int, ...], limit: float
) -> None:
    """Raise unless `stream` holds the values of `shape` and no more; keeps none of them.

    It may hold `limit` bytes.
    """
    expected = math.prod(shape) * dtype.itemsize
    found = 0
    # Stops once there is too much: a small gzip file can unpack to a thousand times its size.
    while found <= expected and (chunk := stream.read(CHUNK)):
        found += len(chunk)
        if limit < found <= expected:
            raise ValueError(
                f"{path}: expected at most max_bytes={limit} bytes of values in a gzip file, found "
                f"more, and shape {shape} of {dtype.name} in its header"
            )
    if found != expected:
        at_least = "at least " if found > expected else ""
        raise ValueError(
            f"{path}: expected {expected} bytes of {dtype.name} values for shape {shape}, "
            f"found {at_least}{found}"
        )


def _read_values(
    stream: BinaryIO, path: Path, dtype: np.dtype[Any], shape: tuple[int, ...]
) -> NDArray[Any]:
    """The values, in native byte order."""
    try:
        values = np.empty(shape, dtype)
    except ValueError as error:  # no values, and yet sizes whose product overflows
        raise ValueError(
            f"{path}: expected sizes that fit an array, found shape {shape}"
        ) from error
    octets = values.reshape(-1).view(np.uint8)
    for start in range(0, octets.size, CHUNK):
        piece = octets[start : start + CHUNK]
        if stream.readinto(piece.data) != piece.size:  # type: ignore[attr-defined]
            raise ValueError(f"{path}: expected {octets.size} bytes of values, found fewer")
    if sys.byteorder == "little":
        values.byteswap(inplace=True)
    return values


def _load_pair(
    folder: Path, part: str
) -> tuple[NDArray[np.uint8], NDArray[np.uint8], tuple[int, int]]:
    """Images of `part` as rows (n, rows * columns), their labels (n,), and (rows, columns)."""
    image_path = _find(folder, f"{part}-images", "idx3-ubyte")
    label_path = _find(folder, f"{part}-labels", "idx1-ubyte")
    images = _load_bytes(image_path, "images", 3)
    labels = _load_bytes(label_path, "labels", 1)
    if len(images) != len(labels):
        raise ValueError(
            f"{label_path}: expected {len(images)} labels, one for each image of "
            f"{image_path.name}, found {len(labels)}"
        )
    if images.size == 0:
        raise ValueError(f"{image_path}: expected images, found an empty array {images.shape}")
    n, rows, columns = images.shape
    return images.reshape(n, rows * columns), labels, (rows, columns)


def _find(folder: Path, stem: str, suffix: str) -> Path:
    """The file of that name in `folder`, in one of the spellings in use."""
    names = [f"{stem}{dot}{suffix}{packed}" for packed in ("", ".gz") for dot in ("-", ".")]
    for name in names:
        if (folder / name).is_file():
            return folder / name
    found = sorted(entry.name for entry in folder.iterdir())
    listing = ", ".join(found[:8]) + (", ..." if len(found) > 8 else "") if found else "no files"
    raise FileNotFoundError(f"{folder}: expected one of {', '.join(names)}, found {listing}")


def _load_bytes(path: Path, what: str, n_dimensions: int) -> NDArray[np.uint8]:
    """Read an IDX file that has to hold uint8 in `n_dimensions` dimensions."""
    values = load_idx(path)
    if values.dtype != np.uint8 or values.ndim != n_dimensions:
        raise ValueError(
            f"{path}: expected {what} of type uint8 in {n_dimensions} dimension(s), "
            f"found {values.dtype} in {values.ndim}"
        )
    return values


def _by(shape: tuple[int, int]) -> str:
    return f"{shape[0]} x {shape[1]}"
