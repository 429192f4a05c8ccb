"""More data than memory: X copied to a file by blocks, or streamed through a buffer."""

from __future__ import annotations

import copy
import errno
import os
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import dask
import dask.array as da
import dask.dataframe as dd
import numpy as np
import pandas as pd
import pyarrow.dataset as arrow
import pytest
import zarr
from distributed import Client
from scipy import sparse
from sklearn.datasets import load_digits

from pymlp import (
    Checkpoint,
    MLPClassifier,
    MLPEnsembleClassifier,
    MLPRegressor,
    TabularClassifier,
)
from pymlp._data import spool
from pymlp._data.streamed import StreamedRows
from pymlp._fit.fit import Fit
from pymlp.callbacks import Callback
from pymlp.dask import Streamed
from pymlp.datasets import load_mnist

RNG = np.random.default_rng(0)
X = RNG.normal(size=(300, 6))
LABELS = np.array(["ant", "bee", "cat"])[np.digitize(X[:, 0], [-0.5, 0.5])]
WEIGHT = RNG.random(300)
NAMES = list("abcdef")
FRAME = pd.DataFrame(X, columns=NAMES).assign(y=LABELS, w=WEIGHT)
SHORT: dict[str, Any] = {"max_iter": 8, "tol": 9, "n_iter_no_change": 2, "random_state": 0}
CLF = MLPClassifier((8,), batch_size=32, **SHORT)
KINDS: dict[str, dict[str, Any]] = {
    "adam": {},
    "sgd": {"solver": "sgd", "learning_rate": "invscaling", "momentum": 0.5},
    "dropout and average": {"dropout": 0.3, "ema_decay": 0.9},
    "clipped": {"clip_norm": 0.1, "solver": "lion"},
    "bfloat16": {"precision": "bfloat16"},
    "float32": {"precision": "float32"},
    "balanced": {"class_weight": "balanced"},
}


def new(estimator: Any = CLF, **params: Any) -> Any:
    return copy.deepcopy(estimator).set_params(**params)


def same(one: Any, other: Any) -> None:
    """The same weights and counts, to the bit; losses of windows are summed in another order."""
    assert vars(one).keys() == vars(other).keys()
    assert one.n_iter_ == other.n_iter_
    assert one.n_features_in_ == other.n_features_in_
    for x, y in zip(one.coefs_ + one.intercepts_, other.coefs_ + other.intercepts_, strict=True):
        assert x.dtype == y.dtype
        assert np.array_equal(x, y)
    np.testing.assert_allclose(one.loss_curve_, other.loss_curve_, rtol=1e-6)


def no_file_is_mapped() -> bool:
    """Temporary files have no name, but a process can tell what it has mapped."""
    maps = Path("/proc/self/maps")
    lines = maps.read_text().splitlines() if maps.exists() else []
    return not any(tempfile.gettempdir() in line and "(deleted)" in line for line in lines)


@pytest.fixture(scope="module")
def parquet(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("parquet") / "rows.parquet"
    FRAME.to_parquet(path, row_group_size=37)
    return str(path)


def in_zarr(values: Any, chunks: tuple[int, ...]) -> Any:
    array = zarr.create_array({}, shape=values.shape, chunks=chunks, dtype=values.dtype)
    array[:] = values
    return array


# --- exact ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_arrays_train_the_numpy_fit(kind: str) -> None:
    clf = new(**KINDS[kind])
    local = new(clf).fit(X, LABELS, WEIGHT)
    parts = da.from_array(X, chunks=((70, 0, 130, 100), (4, 2)))  # columns in chunks are taken
    weight = da.from_array(WEIGHT, chunks=33)
    same(new(clf).fit(parts, da.from_array(LABELS, chunks=90), weight), local)
    stored = in_zarr(X, (40, 4))
    same(new(clf).fit(stored, LABELS, in_zarr(WEIGHT, (99,))), local)
    assert no_file_is_mapped()


@pytest.mark.parametrize("dtype", [np.uint8, np.float16, np.float32, np.int64, bool])
@pytest.mark.parametrize("precision", [None, "float32"])
def test_types(dtype: Any, precision: str | None) -> None:
    """Each has the arithmetic that it has in memory."""
    values = (np.abs(X) * 3).astype(dtype)
    local = new(precision=precision).fit(values, LABELS)
    same(new(precision=precision).fit(da.from_array(values, chunks=70), LABELS), local)
    streamed = Streamed(in_zarr(values, (50, 6)), buffer_rows=400)
    same(new(precision=precision).fit(streamed, LABELS), local)


def test_frames(parquet: str) -> None:
    local = new().fit(FRAME[NAMES], FRAME.y, FRAME.w)
    frame = dd.read_parquet(parquet, split_row_groups=True)
    assert frame.npartitions > 5
    same(new().fit(frame[NAMES], frame.y, frame.w), local)
    same(new().fit(dd.from_pandas(FRAME[NAMES], npartitions=4), LABELS, WEIGHT), local)
    assert list(local.feature_names_in_) == NAMES
    single = FRAME[NAMES].astype(np.float32)
    found = new().fit(dd.from_pandas(single, npartitions=4), LABELS)
    assert found.coefs_[0].dtype == np.float32
    same(found, new().fit(single, LABELS))
    mixed = FRAME[NAMES].assign(a=FRAME.a > 0, b=FRAME.b.round().astype("Int64"))
    same(new().fit(dd.from_pandas(mixed, npartitions=4), LABELS), new().fit(mixed, LABELS))


def test_parts_without_rows() -> None:
    """At either end, or of a type that nothing tells."""
    frame = dd.from_pandas(FRAME.sort_values("a"), npartitions=6, sort=False)
    some, local = FRAME.sort_values("a"), new()
    some = some[(some.a > 0.5) & (some.a < 0.9)]
    lazy = frame[(frame.a > 0.5) & (frame.a < 0.9)]
    assert 0 in lazy.map_partitions(len).compute().tolist()
    local.fit(some[NAMES], some.y)
    same(new().fit(lazy[NAMES], lazy.y), local)
    same(new().fit(Streamed(lazy[NAMES], buffer_rows=300), lazy.y), local)
    none = FRAME[NAMES].iloc[:0].astype(object)
    parts = dd.from_map(lambda part: part, [FRAME[NAMES], none], meta=FRAME[NAMES].iloc[:0])
    same(new().fit(parts, LABELS), new().fit(FRAME[NAMES], LABELS))


def test_parquet_of_pyarrow(parquet: str) -> None:
    """Columns of it may be named as y and weights."""
    local = new().fit(FRAME[NAMES], FRAME.y, FRAME.w)
    same(new().fit(arrow.dataset(parquet), "y", "w"), local)
    streamed = Streamed(arrow.dataset(parquet), buffer_rows=300)
    same(new().fit(streamed, "y", "w"), local)
    columns = arrow.dataset(parquet, schema=arrow.dataset(parquet).schema.remove(6).remove(6))
    same(new().fit(columns, LABELS, WEIGHT), local)


def test_parquet_by_column_projection(tmp_path: Path) -> None:
    """Dask cuts X and y of one set at different rows; all are used, each with its own label."""
    wide = FRAME.assign(**{f"filler{k}": "x" * 50 for k in range(20)})
    for k in range(10):
        wide.iloc[30 * k : 30 * k + 30].to_parquet(tmp_path / f"{k}.parquet")
    frame = dd.read_parquet(tmp_path)
    assert len(frame.y.to_delayed()) < len(frame[NAMES].to_delayed()) or (
        (frame.y + "").optimize().npartitions < 10
    )
    local = new().fit(FRAME[NAMES], FRAME.y, FRAME.w)
    same(new().fit(frame[NAMES], frame.y, frame.w), local)
    same(new().fit(Streamed(frame[NAMES], buffer_rows=300), frame.y, frame.w), local)


def test_sparse_blocks() -> None:
    values = np.where(X > 0.5, X, 0)
    local = new().fit(sparse.csr_matrix(values), LABELS)
    parts = da.from_array(values, chunks=(70, -1)).map_blocks(sparse.csr_matrix)
    same(new().fit(parts, LABELS), local)
    same(new().fit(Streamed(parts, buffer_rows=300), LABELS), local)
    ordered = new(shuffle=False).fit(sparse.csr_matrix(values), LABELS)
    same(new(shuffle=False).fit(Streamed(parts, buffer_rows=100), LABELS), ordered)


def test_validation_sets_and_early_stopping() -> None:
    parts = da.from_array(X, chunks=(70, 6))
    local = new(early_stopping=True).fit(X, LABELS)
    same(new(early_stopping=True).fit(parts, LABELS), local)
    validation = {"X_val": X[:50], "y_val": LABELS[:50], "sample_weight_val": WEIGHT[:50]}
    of_val = {
        "X_val": parts[:50],
        "y_val": da.from_array(LABELS[:50], chunks=20),
        "sample_weight_val": da.from_array(WEIGHT[:50], chunks=20),
    }
    local = new(early_stopping=True).fit(X, LABELS, **validation)
    same(new(early_stopping=True).fit(parts, LABELS, **of_val), local)
    streamed = new(early_stopping=True).fit(Streamed(parts, buffer_rows=300), LABELS, **of_val)
    same(streamed, local)
    assert streamed.history_["val_loss"] == local.history_["val_loss"]


def test_other_estimators() -> None:
    parts = da.from_array(X, chunks=(70, 6))
    reg = MLPRegressor("squared_error", (8,), solver="lbfgs", max_iter=500, random_state=0)
    local, found = new(reg).fit(X, X[:, :2]), new(reg).fit(parts, parts[:, :2])
    assert np.array_equal(found.coefs_[0], local.coefs_[0])
    ensemble = MLPEnsembleClassifier(CLF, n_estimators=3, bootstrap=True, random_state=0)
    local = new(ensemble).fit(X, LABELS, WEIGHT)
    found = new(ensemble).fit(parts, da.from_array(LABELS, chunks=50), WEIGHT)
    streamed = new(ensemble).fit(Streamed(parts, buffer_rows=300), LABELS, WEIGHT)
    for k in range(3):
        same(found.estimators_[k], local.estimators_[k])
        same(streamed.estimators_[k], local.estimators_[k])


def test_warm_start_and_names() -> None:
    frame = dd.from_pandas(FRAME[NAMES], npartitions=4)
    found, local = new(warm_start=True), new(warm_start=True)
    for _ in range(2):
        same(found.fit(frame, LABELS), local.fit(FRAME[NAMES], LABELS))
    same(found.fit(Streamed(frame, buffer_rows=300), LABELS), local.fit(FRAME[NAMES], LABELS))
    with pytest.raises(ValueError, match="feature names"):
        found.fit(frame.rename(columns={"a": "z"}), LABELS)
    with pytest.raises(ValueError, match="feature names"):
        found.fit(Streamed(frame.rename(columns={"a": "z"}), buffer_rows=300), LABELS)


class Watched:
    """An array that counts which of its blocks are read, and how many are alive at once."""

    def __init__(self) -> None:
        self.read: Counter[int] = Counter()

    def collection(self) -> Any:
        parts = da.from_array(X, chunks=(30, 6))

        def watched(block: Any, block_info: Any = None) -> Any:
            self.read[block_info[0]["chunk-location"][0]] += 1
            return block

        return parts.map_blocks(watched, dtype=X.dtype, meta=np.empty((0, 6)))


def test_each_block_is_read_once_an_epoch_or_once() -> None:
    watched = Watched()
    new().fit(watched.collection(), LABELS)
    assert watched.read == Counter(range(10))
    watched = Watched()
    clf = new().fit(Streamed(watched.collection(), buffer_rows=100), LABELS)
    assert watched.read == Counter(dict.fromkeys(range(10), clf.n_iter_))


def test_a_file_is_mapped_meanwhile_and_gone_afterwards(tmp_path: Path) -> None:
    seen = []

    def init(n_in: int, n_out: int, rng: np.random.RandomState) -> np.ndarray:
        seen.append(no_file_is_mapped())
        return rng.normal(size=(n_in, n_out))

    parts = da.from_array(X, chunks=(70, 6))
    clf = new(init=init).fit(parts, LABELS)
    with pytest.raises(ValueError, match="contains NaN"):
        new(init=init).fit(da.full_like(parts, np.nan), LABELS)
    assert clf.n_iter_ > 0
    assert no_file_is_mapped()
    if Path("/proc/self/maps").exists():
        assert not any(seen)


def test_a_full_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    class Full:
        def __enter__(self) -> Any:
            return self

        def __exit__(self, *_: Any) -> None: ...

        def write(self, data: Any) -> None:
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(spool.tempfile, "TemporaryFile", lambda **_: Full())
    clf = new()
    with pytest.raises(OSError, match=r"no room for X among the temporary files in .*TMPDIR"):
        clf.fit(da.from_array(X, chunks=70), LABELS)
    assert not hasattr(clf, "coefs_")


def test_on_processes(client: Client) -> None:
    """Blocks are computed where the collection's are; the fit is here."""
    parts = da.from_array(X, chunks=(70, 6))
    local = new().fit(X, LABELS)
    same(new().fit(parts, LABELS), local)
    same(new().fit(Streamed(client.persist(parts), buffer_rows=300), LABELS), local)


def test_a_fit_goes_on_after_a_crash(tmp_path: Path) -> None:
    parts = da.from_array(X, chunks=(30, 6))
    for k, rows in enumerate((parts, Streamed(parts, buffer_rows=100))):
        clf = new(n_iter_no_change=5)
        whole = new(clf).fit(rows, LABELS)
        path = tmp_path / f"{k}"
        crashing = new(clf).set_callbacks(Crash())
        with pytest.raises(ZeroDivisionError):
            crashing.fit(rows, LABELS, resume=Checkpoint(path, seconds=0))
        same(new(clf).fit(rows, LABELS, resume=Checkpoint(path, seconds=0)), whole)
        with pytest.raises(ValueError, match="another fit"):
            new(clf).fit(rows.X * 2 if k else rows * 2, LABELS, resume=path)


class Crash(Callback):
    def on_epoch_end(self, *_: Any) -> None:
        raise ZeroDivisionError


# --- streamed ------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("case", ["a buffer for all", "in order", "shuffled"])
def test_streams_train_the_fit_to_their_order(
    kind: str, case: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    clf = new(**KINDS[kind], shuffle=case != "in order")
    rows = Streamed(da.from_array(X, chunks=(23, 6)), buffer_rows=300 if "all" in case else 100)
    streamed = new(clf).fit(rows, LABELS, WEIGHT)
    if case == "shuffled":  # the fit in memory is given the stream's orders
        lengths = [*[23] * 13, 1]
        order = StreamedRows(lambda k: None, lengths, X[:0], X.dtype, 100)
        monkeypatch.setattr(
            Fit, "permuted_rows", lambda fit: order.permuted(fit.rows, 32, fit.random_state)
        )
    local = new(clf).fit(X, LABELS, WEIGHT)
    same(streamed, local)
    np.testing.assert_allclose(streamed.history_["accuracy"], local.history_["accuracy"])


def test_orders() -> None:
    """Every row once; each window out of few blocks, which follow each other at random."""
    lengths = [10, 0, 25, 1, 14, 10, 30, 10]
    starts = np.cumsum([0, *lengths])
    rows = StreamedRows(lambda k: None, lengths, X[:0], X.dtype, buffer_rows=23)
    rng = np.random.RandomState(0)
    first = set()
    for _ in range(20):
        order = rows.permuted(np.arange(100), 10, rng)
        assert np.array_equal(np.sort(order), np.arange(100))
        first.add(int(np.searchsorted(starts, order[0], side="right")))
        for k in range(0, 100, 20):
            blocks = np.unique(np.searchsorted(starts, order[k : k + 20], side="right"))
            whole = sum(lengths[b - 1] for b in blocks)
            assert whole <= 20 + 2 * 30
        assert (np.diff(order[:20]) != 1).any()
    assert len(first) > 3


@pytest.mark.parametrize("buffer_rows", [1, 50, 64, 299])
def test_windows(buffer_rows: int) -> None:
    """Whole mini-batches, at least one, and no more than the buffer."""
    read: Counter[int] = Counter()

    def load(k: int) -> Any:
        read[k] += 1
        return X[30 * k : 30 * k + 30]

    rows = StreamedRows(load, [30] * 10, X[:0], X.dtype, buffer_rows)
    order = rows.permuted(np.arange(300), 32, np.random.RandomState(0))
    sizes = []
    for numbers, window in rows.windows(order, 32):
        assert np.array_equal(window, X[numbers])
        sizes.append(len(numbers))
    assert sum(sizes) == 300
    assert set(sizes[:-1]) <= {max(1, buffer_rows // 32) * 32}
    assert set(read.values()) == {1}


def test_rows_sorted_by_label_are_learned() -> None:
    """A buffer of a tenth of the rows is enough if it holds many blocks, not if it holds one."""
    digits, y = load_digits(return_X_y=True)
    order = np.argsort(y, kind="stable")
    digits, y = digits[order] / 16, y[order]
    clf = MLPClassifier((30,), learning_rate_init=0.01, max_iter=8, n_iter_no_change=99, tol=0)
    clf.set_params(batch_size=30, random_state=0)
    scores = []
    for chunks in (None, 10, 180):
        rows = digits[::2]
        if chunks is not None:
            rows = Streamed(da.from_array(rows, chunks=(chunks, -1)), buffer_rows=90)
        with pytest.warns(match="Maximum iterations"):
            clf.fit(rows, y[::2])
        scores.append(clf.score(digits[1::2], y[1::2]))
    shuffled, many, one = scores
    assert shuffled > 0.93
    assert many > shuffled - 0.02
    assert one < shuffled - 0.1


def test_ctrl_c_amid_a_stream() -> None:
    """The steps that were done are the model's, as in any fit."""
    reads: Counter[int] = Counter()

    def load(block: Any, block_id: Any = None) -> Any:
        reads[block_id[0]] += 1
        if sum(reads.values()) == 25:
            raise KeyboardInterrupt
        return block

    parts = da.from_array(X, chunks=(30, 6)).map_blocks(load, dtype=X.dtype, meta=X[:0])
    clf = new(n_iter_no_change=99)
    with (
        dask.config.set(scheduler="synchronous"),
        pytest.warns(UserWarning, match="interrupted by user"),
    ):
        clf.fit(Streamed(parts, buffer_rows=100), LABELS)
    assert clf.n_iter_ == len(clf.loss_curve_) == 2
    assert clf.predict(X).shape == (300,)


def test_streams_of_arrays_in_memory_or_mapped(tmp_path: Path) -> None:
    np.save(tmp_path / "X.npy", X)
    mapped = np.load(tmp_path / "X.npy", mmap_mode="r")
    local = new(shuffle=False).fit(X, LABELS)
    same(new(shuffle=False).fit(Streamed(mapped, buffer_rows=64), LABELS), local)


# --- what is refused -----------------------------------------------------------------------------


def test_errors(parquet: str) -> None:
    parts = da.from_array(X, chunks=(70, 6))
    rows = Streamed(parts, buffer_rows=100)
    for name, params in {
        "solver='lbfgs'": {"solver": "lbfgs"},
        "early_stopping=True without X_val and y_val": {"early_stopping": True},
        "monitor_gradients=True": {"monitor_gradients": True},
    }.items():
        clf = new(**params)
        with pytest.raises(ValueError, match=f"^{name} needs all rows at once"):
            clf.fit(rows, LABELS)
        assert not hasattr(clf, "coefs_")
    for wrong in (0, 1.5, "100"):
        with pytest.raises(ValueError, match=r"'buffer_rows' parameter of Streamed .* an int >= 1"):
            Streamed(parts, buffer_rows=wrong)
    with pytest.raises(ValueError, match=r"two dimensions, \(n_samples, n_features\). Got 1"):
        new().fit(parts[:, 0], LABELS)
    with pytest.raises(ValueError, match=r"inconsistent numbers of samples: \[300, 200\]"):
        new().fit(parts, LABELS[:200])
    with pytest.raises(ValueError, match=r"inconsistent numbers of samples: \[300, 200\]"):
        new().fit(rows, LABELS[:200])
    with pytest.raises(ValueError, match="0 sample"):
        new().fit(parts[:0], LABELS[:0])
    with pytest.raises(TypeError, match="X_val must be a collection or an array, not Streamed"):
        new().fit(X, LABELS, X_val=rows, y_val=LABELS)
    with pytest.raises(TypeError, match="got a Streamed"):
        new().fit(X, LABELS).predict(rows)
    with pytest.raises(TypeError, match=r"X must be a table in memory, .* X.compute\(\)"):
        TabularClassifier().fit(dd.from_pandas(FRAME[NAMES], npartitions=2), LABELS)
    with pytest.raises(TypeError, match=r"X_val must be a table in memory"):
        TabularClassifier().fit(FRAME[NAMES], LABELS, X_val=rows, y_val=LABELS)
    filtered = arrow.dataset(parquet).filter(arrow.field("a") > 0)
    with pytest.raises(ValueError, match="Remove the filtering"):
        new().fit(filtered, "y", "w")
    with pytest.raises(ValueError, match=r"column 'y' of type .* with 'bee'") as caught:
        new().fit(dd.from_pandas(FRAME, npartitions=2), LABELS)
    assert caught.value.__notes__ == ["In block 0 of X."]


def test_what_is_wrong_within_blocks() -> None:
    hole = X.copy()
    hole[250, 3] = np.nan
    parts = da.from_array(hole, chunks=(70, 6))
    clf = new().fit(X, LABELS)
    before = clf.coefs_[0].copy()
    for rows in (parts, Streamed(parts, buffer_rows=64)):
        with pytest.raises(ValueError, match="NaN"):
            clf.fit(rows, LABELS)
    large = da.from_array(np.where(np.isnan(hole), 1e300, hole), chunks=(70, 6))
    for rows in (large, Streamed(large, buffer_rows=64)):
        with pytest.raises(ValueError, match=r"too large for dtype\('float32'\)"):
            clf.set_params(precision="float32").fit(rows, LABELS)
    assert np.array_equal(clf.coefs_[0], before)

    kinds = da.concatenate([da.from_array(X[:200], chunks=100), da.from_array(X[200:], chunks=100)])
    mixed = kinds.map_blocks(
        lambda block, block_id=None: block.astype(np.float32) if block_id[0] else block,
        dtype=X.dtype,
        meta=np.empty((0, 6)),
    )
    with pytest.raises(ValueError, match="same types in all blocks: float64, and here float32"):
        new().fit(mixed, LABELS)

    calls = Counter[int]()

    def shrinking(block: Any, block_id: Any = None) -> Any:
        calls[block_id[0]] += 1
        return block if calls[block_id[0]] < 3 else block[1:]

    lazy = da.from_array(X, chunks=(100, 6)).map_blocks(shrinking, dtype=X.dtype, meta=X[:0])
    with pytest.raises(ValueError, match=r"its block \d has had 100 rows, and has 99"):
        new(max_iter=9, tol=0, n_iter_no_change=99).fit(Streamed(lazy, buffer_rows=64), LABELS)


@pytest.mark.long
@pytest.mark.skipif("PYMLP_MNIST" not in os.environ, reason="PYMLP_MNIST names no MNIST folder")
def test_mnist_sorted_by_label() -> None:
    """600 blocks, a tenth of them in the buffer: no worse than a shuffle of all rows by 0.005."""
    mnist = load_mnist(Path(os.environ["PYMLP_MNIST"]))
    order = np.argsort(mnist.y_train, kind="stable")
    digits, y = (mnist.X_train[order] / 255).astype(np.float32), mnist.y_train[order]
    rows = Streamed(da.from_array(digits, chunks=(100, -1)), buffer_rows=6000)
    clf = MLPClassifier((200,), solver="sgd", learning_rate_init=0.1, batch_size=50, max_iter=10)
    scores = []
    for train in (digits, rows):
        of_seeds = []
        for seed in range(3):
            with pytest.warns(match="Maximum iterations"):
                fitted = new(clf, random_state=seed).fit(train, y)
            of_seeds.append(fitted.score(mnist.X_test / np.float32(255), mnist.y_test))
        scores.append(np.mean(of_seeds))
    assert scores[1] >= scores[0] - 0.005


MEASURED = """
import resource, sys
import numpy as np, zarr
from pymlp import MLPClassifier
from pymlp.dask import Streamed

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024

n, path = 1_000_000, sys.argv[1]
X = zarr.create_array(path, shape=(n, 100), chunks=(10_000, 100), dtype="f4", compressors=None)
for k in range(0, n, 10_000):
    X[k : k + 10_000] = np.random.default_rng(k).standard_normal((10_000, 100), dtype=np.float32)
y = np.arange(n) % 7 < 3
clf = MLPClassifier((4,), max_iter=2, tol=9, n_iter_no_change=1, batch_size=1000, random_state=0)
before = peak()
clf.fit(Streamed(X, buffer_rows=n // 4), y)
print(peak() - before)
"""


@pytest.mark.long
def test_memory_is_bounded_by_the_buffer(tmp_path: Path) -> None:
    """400 MB through a buffer of 100: the process grows by that and 200 MB at most."""
    command = [sys.executable, "-c", MEASURED, str(tmp_path / "X")]
    ended = subprocess.run(command, capture_output=True, text=True, check=True, timeout=300)
    assert float(ended.stdout) < (100 + 200) / 1.048576  # MiB
