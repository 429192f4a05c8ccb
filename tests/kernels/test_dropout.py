"""What dropout drops: Threefry's words decide, at the given rate, each element on its own."""

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from matrices import ISAS
from numpy.typing import NDArray
from threefry import threefry, words

from pymlp import _core

kernels = _core.kernels
Array = NDArray[Any]

FASTEST = ISAS[-1]

every_kernel = [
    pytest.mark.parametrize("isa", ISAS),
    pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["f32", "f64"]),
]


def for_every_kernel(test: Any) -> Any:
    for mark in every_kernel:
        test = mark(test)
    return test


def kept(key: int, rate: float, rows: int, columns: int) -> Array:
    """The kernel's decisions for a whole layer: 1 for kept, 0 for dropped."""
    x = np.ones((rows, columns), np.float32)
    return kernels.drop(FASTEST, x, x, key, rate)[0] != 0


def test_known_answers() -> None:
    """kat_vectors of Random123, threefry2x32 with 13 rounds: counter, key, result."""
    for counter, key, result in [
        ((0x00000000, 0x00000000), (0x00000000, 0x00000000), (0x9D1C5EC6, 0x8BD50731)),
        ((0xFFFFFFFF, 0xFFFFFFFF), (0xFFFFFFFF, 0xFFFFFFFF), (0xFD36D048, 0x2D17272C)),
        ((0x243F6A88, 0x85A308D3), (0x13198A2E, 0x03707344), (0xBA3E4725, 0xF27D669E)),
    ]:
        assert threefry(key, *(np.array(c) for c in counter)) == result


@for_every_kernel
@pytest.mark.parametrize("rate", [0.0, 0.1, 0.5, 0.9])
def test_decisions_and_values(isa: str, dtype: Any, rate: float) -> None:
    rng = np.random.default_rng(0)
    for rows, columns in [(1, 1), (2, 3), (5, 4), (3, 8), (7, 17), (50, 33), (4, 200)]:
        key = int(rng.integers(0, 2**64, dtype=np.uint64))
        first_row, first_column = (int(i) for i in rng.integers(0, 10**6, 2))
        x, slope = rng.normal(size=(2, rows, columns)).astype(dtype)
        at = (first_row, first_column)
        keep = words(key, rows, columns, *at) >= round(rate * 2**32)
        factor = keep * dtype(1 / (1 - rate))
        for before, after in zip(
            (x, slope), kernels.drop(isa, x, slope, key, rate, *at), strict=True
        ):
            assert after.dtype == dtype
            np.testing.assert_array_equal(after, before * factor)


@for_every_kernel
def test_rate_counts_to_the_last_bit_of_a_word(isa: str, dtype: Any) -> None:
    x = np.ones((6, 40), dtype)
    word = words(7, 6, 40)
    for r, c in [(0, 0), (3, 39), (5, 16)]:
        for threshold, survives in [(word[r, c], True), (word[r, c] + 1, False)]:
            after, _ = kernels.drop(isa, x, x, 7, threshold / 2**32)
            assert (after[r, c] != 0) == survives
    after, _ = kernels.drop(isa, x, x, 7, 1 - 2.0**-40)  # 2^32 would be no word
    assert not after.any()


@for_every_kernel
def test_blocks_of_a_layer_are_the_layer(isa: str, dtype: Any) -> None:
    rng = np.random.default_rng(0)
    x, slope = rng.normal(size=(2, 23, 64)).astype(dtype)
    whole = kernels.drop(isa, x, slope, 99, 0.3)
    for _ in range(5):
        row_cuts = [0, *sorted(rng.choice(np.arange(1, 23), 4, replace=False)), 23]
        for rows in pairwise(row_cuts):
            for columns in [(0, 16), (16, 48), (48, 64)]:
                block = (slice(*rows), slice(*columns))
                parts = (np.ascontiguousarray(a[block]) for a in (x, slope))
                after = kernels.drop(isa, *parts, 99, 0.3, rows[0], columns[0])
                for actual, expected in zip(after, whole, strict=True):
                    np.testing.assert_array_equal(actual, expected[block])


@for_every_kernel
def test_nan_is_not_dropped(isa: str, dtype: Any) -> None:
    x = np.full((4, 20), np.nan, dtype)
    for after in kernels.drop(isa, x, x, 1, 0.5):
        assert np.isnan(after).all()


# --- statistics of a million elements a key: fixed keys, bounds of 4 to 5 standard deviations ---


@pytest.mark.parametrize("rate", [0.02, 0.1, 0.5, 0.8])
def test_rate(rate: float) -> None:
    keep = np.stack([kept(key, rate, 1000, 1000) for key in range(3)])
    sigma = np.sqrt(rate * (1 - rate))
    assert abs(keep.mean() - (1 - rate)) < 4 * sigma / np.sqrt(keep.size)
    for axes in [(1, 2), (0, 2), (0, 1)]:  # each key, each row, each column
        means = keep.mean(axis=axes)
        z = (means - (1 - rate)) * np.sqrt(keep.size / len(means)) / sigma
        assert np.abs(z).max() < 5
        assert abs((z**2).mean() - 1) < 5 * np.sqrt(2 / len(z))


def correlation(a: Array, b: Array) -> float:
    """In standard deviations of that of independent elements."""
    return float(np.corrcoef(a.ravel(), b.ravel())[0, 1] * np.sqrt(a.size))


@pytest.mark.parametrize("rate", [0.1, 0.5])
def test_elements_are_independent(rate: float) -> None:
    first, second = (kept(2**40 + key, rate, 1000, 1000) for key in (0, 1))
    pairs = [(first, second), (first, kept(2**41, rate, 1000, 1000))]  # keys one bit apart
    for lag in [1, 2, 3, 4, 8, 16, 32, 64]:
        pairs += [
            (first[lag:], first[:-lag]),
            (first[:, lag:], first[:, :-lag]),
            (first[lag:, lag:], first[:-lag, :-lag]),
            (first[lag:], second[:-lag]),
            (first[:, lag:], second[:, :-lag]),
        ]
    pairs.append((first[::2], first[1::2]))  # the two words of one counter
    pairs.append((first, first.T))
    assert max(abs(correlation(a, b)) for a, b in pairs) < 4.5
