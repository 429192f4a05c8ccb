"""The IDX reader against a few thousand altered files; `fuzz_idx.py` tries millions."""

import gzip
import itertools
import struct
import tracemalloc
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from byte_mutations import corpus, mutated
from fuzz_idx import check, idx

from pymlp.datasets import load_idx

INPUTS = corpus("idx")


@pytest.mark.parametrize("number", range(len(INPUTS)))
def test_the_corpus(number: int, tmp_path: Path) -> None:
    check(INPUTS[number], tmp_path / "values-idx")


@pytest.mark.parametrize("seed", range(4))
def test_altered_files(seed: int, tmp_path: Path) -> None:
    small = [data for data in INPUTS if len(data) < 1000]
    for data in itertools.islice(mutated(small, seed), 500):
        check(data, tmp_path / "values-idx")


@cache
def zeros() -> bytes:
    """64 MiB of them, gzipped: a thousandth."""
    return gzip.compress(bytes(2**26), 1)


@pytest.mark.parametrize("sizes", [(2**26,), (2**32 - 1,), (2**20,), (2**32 - 1,) * 3])
def test_bombs_fail_in_bounded_memory(sizes: tuple[int, ...], tmp_path: Path) -> None:
    """Whatever the header promises; also where it promises truly what the file unpacks to."""
    path = tmp_path / "bomb"
    header = struct.pack(f">HBB{len(sizes)}I", 0, 8, len(sizes), *sizes)
    path.write_bytes(gzip.compress(header) + zeros())
    assert path.stat().st_size < 2**19
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match=r"max_bytes=16777216 bytes|found at least \d+$"):
            load_idx(path, max_bytes=2**24)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 8 * 2**20


def test_the_limit_is_for_gzipped_files_only(tmp_path: Path) -> None:
    values = np.arange(3000, dtype=np.uint8)
    packed, plain = tmp_path / "packed", tmp_path / "plain"
    plain.write_bytes(idx(values))
    packed.write_bytes(gzip.compress(idx(values)))
    np.testing.assert_array_equal(load_idx(plain, max_bytes=1), values)
    np.testing.assert_array_equal(load_idx(packed, max_bytes=3000), values)
    with pytest.raises(ValueError, match="at most max_bytes=2999 bytes of values in a gzip file"):
        load_idx(packed, max_bytes=2999)
