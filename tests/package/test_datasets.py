"""IDX files: read back what was written, and refuse what is damaged with a message that helps."""

import gzip
import math
import os
import struct
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from pymlp.datasets import load_idx, load_mnist

CODES = {"u1": 0x08, "i1": 0x09, "i2": 0x0B, "i4": 0x0C, "f4": 0x0D, "f8": 0x0E}


def header(code, *sizes):
    return struct.pack(f">HBB{len(sizes)}I", 0, code, len(sizes), *sizes)


def idx(array):
    """The IDX file of `array`, as bytes."""
    code = CODES[array.dtype.str[1:]]
    return header(code, *array.shape) + array.astype(array.dtype.newbyteorder(">")).tobytes()


def write(folder, content, name="values-idx"):
    path = folder / name
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("dtype", CODES)
def test_reads_back_every_type(tmp_path, dtype, packed):
    array = (np.arange(24).reshape(2, 3, 4) * 5 - 3).astype(dtype)
    content = gzip.compress(idx(array)) if packed else idx(array)
    # Neither name says what is inside: the content decides.
    values = load_idx(write(tmp_path, content, "plain" if packed else "packed.gz"))
    np.testing.assert_array_equal(values, array, strict=True)
    assert values.dtype.isnative
    assert values.flags.c_contiguous
    assert values.flags.writeable


def test_reads_a_file_written_by_hand(tmp_path):
    content = bytes([0, 0, 0x0B, 2, 0, 0, 0, 1, 0, 0, 0, 2, 0x01, 0x02, 0xFF, 0xFE])
    values = load_idx(str(write(tmp_path, content)))
    assert values.tolist() == [[258, -2]]


def test_reads_more_than_one_chunk(tmp_path):
    array = np.random.default_rng(0).integers(0, 256, (3, 1 << 20), dtype=np.uint8)
    array = array[:, : (1 << 20) - 7].copy()  # so that the last chunk is a partial one
    np.testing.assert_array_equal(load_idx(write(tmp_path, gzip.compress(idx(array), 1))), array)
    np.testing.assert_array_equal(load_idx(write(tmp_path, idx(array))), array)


def test_reads_a_gzip_file_of_several_members(tmp_path):
    content = idx(np.arange(5, dtype="i4"))
    path = write(tmp_path, gzip.compress(content[:10]) + gzip.compress(content[10:]))
    assert load_idx(path).tolist() == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("shape", [(0,), (3, 0), (0, 28, 28)])
def test_reads_empty_arrays(tmp_path, shape):
    values = load_idx(write(tmp_path, idx(np.empty(shape, "f4"))))
    assert values.shape == shape
    assert values.dtype == np.float32


@pytest.mark.parametrize(
    ("content", "expected", "found"),
    [
        (b"", "4 bytes of an IDX magic number", "found 0"),
        (b"\0\0\x08", "4 bytes of an IDX magic number", "found 3"),
        (b"\x89PNG\r\n\x1a\n", "00 00, a type code of 08, 09, 0b, 0c, 0d, 0e", "89 50 4e 47"),
        (header(0x0A, 2) + b"ab", "type code", "00 00 0a 01"),
        (header(0x08), "1 to 32 dimensions", "00 00 08 00"),
        (header(0x08, *[1] * 33) + b"a", "1 to 32 dimensions", "00 00 08 21"),
        (header(0x08, 2, 2)[:9], "8 bytes of sizes for 2 dimensions", "found 5"),
        (header(0x08, 2, 3) + b"12345", "6 bytes of uint8 values for shape (2, 3)", "found 5"),
        (header(0x08, 2, 3), "6 bytes of uint8 values for shape (2, 3)", "found 0"),
        (header(0x0E, 2) + b"a" * 15, "16 bytes of float64 values for shape (2,)", "found 15"),
        (header(0x08, 2) + b"123", "2 bytes of uint8 values for shape (2,)", "found at least 3"),
        (header(0x08, 0) + b"1", "0 bytes of uint8 values for shape (0,)", "found at least 1"),
        (header(0x0E, *[2**32 - 1] * 32), f"{(2**32 - 1) ** 32 * 8} bytes", "found 0"),
        (header(0x08, 0, *[2**32 - 1] * 4), "sizes that fit an array", "(0, 4294967295, "),
    ],
)
@pytest.mark.parametrize("packed", [False, True])
def test_damage_is_named(tmp_path, content, expected, found, packed):
    path = write(tmp_path, gzip.compress(content) if packed else content)
    with pytest.raises(ValueError, match="expected") as error:
        load_idx(path)
    message = str(error.value)
    assert message.startswith(f"{path}: expected ")
    assert expected in message
    assert found in message


def damaged_gzip():
    good = gzip.compress(idx(np.arange(1000, dtype="i4")))
    flipped = bytearray(good)
    flipped[len(good) // 2] ^= 0xFF
    wrong_checksum = good[:-8] + bytes(4) + good[-4:]
    return {
        "cut": good[:-20],
        "only the magic": good[:2],
        "cut in the header": good[:6],
        "flipped byte": bytes(flipped),
        "wrong checksum": wrong_checksum,
        "garbage after the end": good + b"garbage",
    }


@pytest.mark.parametrize(("damage", "content"), damaged_gzip().items())
def test_damaged_gzip_is_named(tmp_path, damage, content):
    path = write(tmp_path, content)
    with pytest.raises(ValueError, match=r"expected an intact gzip file, found: .+") as error:
        load_idx(path)
    assert str(error.value).startswith(f"{path}: ")


def test_missing_file_is_named(tmp_path):
    path = tmp_path / "nowhere"
    with pytest.raises(FileNotFoundError) as error:
        load_idx(path)
    assert str(error.value) == f"{path}: expected an IDX file, found nothing"


def test_a_folder_is_no_file(tmp_path):
    with pytest.raises(OSError, match=str(tmp_path.name)):
        load_idx(tmp_path)


@pytest.mark.parametrize("promised", [(2**31,), (2**32 - 1,) * 3, (64 << 20, 2)])
def test_memory_is_bounded_whatever_the_header_promises(tmp_path, promised):
    # Unpacks to 64 MiB of zeros, less than promised: neither may be held in memory.
    path = write(tmp_path, gzip.compress(header(0x08, *promised) + bytes(64 << 20), 1))
    assert math.prod(promised) > 64 << 20
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match=f"found {64 << 20}$"):
            load_idx(path)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 8 << 20


def test_counting_stops_when_there_is_too_much(tmp_path):
    path = write(tmp_path, gzip.compress(header(0x08, 1) + bytes(64 << 20), 1))
    with pytest.raises(ValueError, match=r"expected 1 bytes .*found at least (\d+)$") as error:
        load_idx(path)
    assert int(str(error.value).split()[-1]) < 8 << 20


@given(
    array=st.sampled_from(sorted(CODES)).flatmap(
        lambda dtype: hnp.arrays(dtype, hnp.array_shapes(max_dims=5, min_side=0, max_side=4))
    ),
    packed=st.booleans(),
)
def test_any_array_comes_back(tmp_path_factory, array, packed):
    content = gzip.compress(idx(array)) if packed else idx(array)
    path = write(tmp_path_factory.getbasetemp(), content, "any")
    np.testing.assert_array_equal(load_idx(path), array, strict=True)


@given(
    start=st.sampled_from([b"", b"\0\0", b"\0\0\x08\x01", b"\0\0\x0d\x02\0\0\0", b"\x1f\x8b\x08"]),
    rest=st.binary(max_size=64),
    packed=st.booleans(),
)
def test_any_bytes_give_an_array_or_a_named_error(tmp_path_factory, start, rest, packed):
    content = gzip.compress(start + rest) if packed else start + rest
    path = write(tmp_path_factory.getbasetemp(), content, "fuzz")
    try:
        outcome = idx(load_idx(path))
    except ValueError as error:
        outcome = str(error)
    if isinstance(outcome, str):
        assert outcome.startswith(f"{path}: expected ")
    else:
        assert outcome == start + rest


# --- MNIST's four files -------------------------------------------------------------------------


def images(n, rows=3, columns=2, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (n, rows, columns), dtype=np.uint8)


def labels(n):
    return (np.arange(n) % 10).astype(np.uint8)


def write_mnist(folder, dot="-", packed="", **replaced):
    """Write four small files; returns their paths by part and kind."""
    arrays = {
        "train-images": images(20),
        "train-labels": labels(20),
        "t10k-images": images(5, seed=1),
        "t10k-labels": labels(5),
    } | {name.replace("_", "-"): array for name, array in replaced.items()}
    paths = {}
    for name, array in arrays.items():
        content = gzip.compress(idx(array)) if packed else idx(array)
        kind = "idx3" if "images" in name else "idx1"
        paths[name] = write(folder, content, f"{name}{dot}{kind}-ubyte{packed}")
    return paths


@pytest.mark.parametrize("dot", ["-", "."])
@pytest.mark.parametrize("packed", ["", ".gz"])
def test_load_mnist(tmp_path, dot, packed):
    write_mnist(tmp_path, dot, packed)
    mnist = load_mnist(str(tmp_path))
    np.testing.assert_array_equal(mnist.X_train, images(20).reshape(20, 6), strict=True)
    np.testing.assert_array_equal(mnist.X_test, images(5, seed=1).reshape(5, 6), strict=True)
    np.testing.assert_array_equal(mnist.y_train, labels(20), strict=True)
    np.testing.assert_array_equal(mnist.y_test, labels(5), strict=True)
    assert mnist.image_shape == (3, 2)


def test_files_may_be_named_and_packed_differently(tmp_path):
    paths = write_mnist(tmp_path)
    old = paths["train-labels"]
    old.unlink()
    write(tmp_path, gzip.compress(idx(labels(20))), "train-labels.idx1-ubyte.gz")
    assert load_mnist(tmp_path).y_train.tolist() == labels(20).tolist()


def test_missing_folder(tmp_path):
    folder = tmp_path / "nowhere"
    with pytest.raises(FileNotFoundError, match=r"expected a folder .* found nothing") as error:
        load_mnist(folder)
    assert str(folder) in str(error.value)


def test_file_in_place_of_the_folder(tmp_path):
    path = write(tmp_path, b"")
    with pytest.raises(NotADirectoryError, match=r"expected a folder .* found a file") as error:
        load_mnist(path)
    assert str(path) in str(error.value)


def test_empty_folder(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"train-images-idx3-ubyte, .* found no files"):
        load_mnist(tmp_path)


@pytest.mark.parametrize("name", ["train-images", "train-labels", "t10k-images", "t10k-labels"])
def test_each_missing_file_is_named(tmp_path, name):
    paths = write_mnist(tmp_path)
    paths[name].unlink()
    with pytest.raises(FileNotFoundError) as error:
        load_mnist(tmp_path)
    expected, found = str(error.value).split("found ")
    assert expected.startswith(f"{tmp_path}: expected one of {paths[name].name}, ")
    assert found == ", ".join(sorted(path.name for key, path in paths.items() if key != name))


def test_a_long_listing_is_cut(tmp_path):
    for number in range(30):
        write(tmp_path, b"", f"file{number:02}")
    with pytest.raises(FileNotFoundError, match=r"found file00, .*file07, \.\.\.$"):
        load_mnist(tmp_path)


@pytest.mark.parametrize(
    ("replaced", "message"),
    [
        ({"train_labels": labels(19)}, "train-labels.*expected 20 labels.*train-images.*found 19"),
        ({"t10k_labels": labels(6)}, "t10k-labels.*expected 5 labels.*t10k-images.*found 6"),
        ({"t10k_images": images(5, 2, 3)}, "test images of 3 x 2 pixels.*found 2 x 3"),
        ({"train_images": images(20)[0]}, "images of type uint8 in 3 dim.*found uint8 in 2"),
        ({"train_images": images(20).astype("i4")}, "images of type uint8 .*found int32 in 3"),
        (
            {"train_labels": images(20)},
            "train-labels.*labels of type uint8 in 1 .*found uint8 in 3",
        ),
        (
            {"t10k_images": images(0), "t10k_labels": labels(0)},
            r"t10k-images.*expected images, found an empty array \(0, 3, 2\)",
        ),
    ],
)
def test_files_that_do_not_fit_together(tmp_path, replaced, message):
    write_mnist(tmp_path, **replaced)
    with pytest.raises(ValueError, match=message) as error:
        load_mnist(tmp_path)
    assert str(tmp_path) in str(error.value)


def test_a_damaged_file_is_named(tmp_path):
    path = write_mnist(tmp_path)["t10k-images"]
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(ValueError, match=r"expected 30 bytes .* found 29") as error:
        load_mnist(tmp_path)
    assert str(path) in str(error.value)


@pytest.mark.skipif("PYMLP_MNIST" not in os.environ, reason="PYMLP_MNIST names no MNIST folder")
def test_real_mnist():
    mnist = load_mnist(Path(os.environ["PYMLP_MNIST"]))
    assert mnist.X_train.shape == (60000, 784)
    assert mnist.X_test.shape == (10000, 784)
    assert mnist.y_train[:10].tolist() == [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]
    assert mnist.y_test[:5].tolist() == [7, 2, 1, 0, 4]
    assert np.bincount(mnist.y_train).tolist() == [
        *(5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949),
    ]
    assert mnist.X_train.mean() / 255 == pytest.approx(0.1307, abs=1e-4)
