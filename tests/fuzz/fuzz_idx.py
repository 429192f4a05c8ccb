"""Any bytes make the IDX reader return what they hold, or raise an error that names the file.

    pip install atheris && python tests/fuzz/fuzz_idx.py -runs=1000000 tests/fuzz/corpus/idx

The bytes lie in a file as they are, or gzipped if the first of them says so: a fuzzer does not
come upon checksums by itself.
"""

import gzip
import struct
import sys
import tempfile
from pathlib import Path
from types import FunctionType

import numpy as np

CODES = {"u1": 0x08, "i1": 0x09, "i2": 0x0B, "i4": 0x0C, "f4": 0x0D, "f8": 0x0E}
PACKED = 0x50  # first byte of an input that is gzipped for the reader


def idx(array: np.ndarray) -> bytes:
    """The IDX file of an array."""
    code = CODES[array.dtype.str[1:]]
    header = struct.pack(f">HBB{array.ndim}I", 0, code, array.ndim, *array.shape)
    return header + array.astype(array.dtype.newbyteorder(">")).tobytes()


def check(data: bytes, path: Path) -> None:
    """Read `data` by way of the file `path`."""
    from pymlp.datasets import load_idx

    if data[:1] == bytes([PACKED]):
        data = gzip.compress(data[1:], 1)
    path.unlink(missing_ok=True)  # ext4 writes at once what replaces a file's content
    path.write_bytes(data)
    try:
        array = load_idx(path, max_bytes=2**14)
    except ValueError as error:
        if not str(error).startswith(f"{path}: expected "):
            raise
        return
    assert idx(array) == (gzip.decompress(data) if data.startswith(b"\x1f\x8b") else data)


def main() -> None:
    import atheris

    import pymlp.datasets

    # after the import: atheris does not know the finder of an editable installation
    for name, value in vars(pymlp.datasets).items():
        if isinstance(value, FunctionType) and value.__module__ == "pymlp.datasets":
            setattr(pymlp.datasets, name, atheris.instrument_func(value))
    pymlp.datasets.CHUNK = 2**10  # so that inputs have several
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "values-idx")
        limits = ["-rss_limit_mb=2048", "-timeout=10"]
        atheris.Setup([*sys.argv, *limits], lambda data: check(data, path))
        atheris.Fuzz()


if __name__ == "__main__":
    main()
