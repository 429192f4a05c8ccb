"""Nothing is left behind: memory, threads and files stay as they are, however often one calls."""

import ctypes
import ctypes.util
import gc
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pymlp import MLPClassifier, MLPEnsembleClassifier, MLPRegressor

pytestmark = [
    pytest.mark.long,
    pytest.mark.filterwarnings("ignore"),  # of epochs that did not suffice
    pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="needs Linux's /proc"),
]

MEGABYTE = 2**20
rng = np.random.default_rng(0)
X = rng.normal(size=(200, 20)).astype(np.float32)
LABELS, TARGETS = np.arange(200) % 3, X[:, 0]


def resident() -> int:
    """Bytes of memory in use, after what can be given back was given back."""
    gc.collect()
    if name := ctypes.util.find_library("c"):
        trim = getattr(ctypes.CDLL(name), "malloc_trim", None)  # glibc's
        if trim is not None:
            trim(0)
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def threads_and_files() -> tuple[int, int]:
    return len(os.listdir("/proc/self/task")), len(os.listdir("/proc/self/fd"))


def assert_nothing_grows(call: Callable[[], Any], times: int) -> None:
    """Memory by its slope over ten readings, so that a single one that is off does not count."""
    for _ in range(times // 10):  # buffers, pools and caches that stay
        call()
    before, readings = threads_and_files(), [resident()]
    for _ in range(10):
        for _ in range(times // 10):
            call()
        readings.append(resident())
    growth = np.polyfit(np.linspace(0, 1, len(readings)), readings, 1)[0]  # over all calls
    for _ in range(100):  # a thread's end is not waited for by who joined it
        if (after := threads_and_files()) <= before:
            break
        time.sleep(0.01)
    print(f"{times} calls: {growth / 1024:+.0f} KiB, {after} threads and files")
    assert growth < MEGABYTE
    assert after[0] <= before[0]
    assert after[1] <= before[1]


SMALL: dict[str, Any] = {"hidden_layer_sizes": (16,), "max_iter": 3, "random_state": 0}
FITS: dict[str, Callable[[], Any]] = {
    "adam": lambda: MLPClassifier(**SMALL).fit(X, LABELS),
    "two threads": lambda: MLPClassifier(**SMALL, n_threads=2).fit(X, LABELS),
    "lbfgs": lambda: MLPRegressor(**SMALL, solver="lbfgs").fit(X, TARGETS),
    "everything": lambda: MLPClassifier(
        **SMALL,
        dropout=0.5,
        clip_norm=1.0,
        ema_decay=0.9,
        early_stopping=True,
        monitor_gradients=True,
        precision="bfloat16",
    ).fit(X.astype("float64"), LABELS),
    "refused": lambda: refused(lambda: MLPClassifier(**SMALL).fit(X, LABELS[:-1])),
    "diverged": lambda: refused(
        lambda: MLPRegressor(**SMALL, solver="sgd", learning_rate_init=1e300).fit(X, TARGETS)
    ),
}


def refused(call: Callable[[], Any]) -> None:
    with pytest.raises(ValueError, match=r"."):
        call()


@pytest.mark.parametrize("case", FITS)
def test_a_thousand_fits(case: str) -> None:
    assert_nothing_grows(FITS[case], 1000)


def test_a_thousand_partial_fits_of_one_estimator() -> None:
    model = MLPClassifier(**SMALL).fit(X, LABELS)

    def call() -> None:
        model.partial_fit(X, LABELS)
        model.history_.clear()  # which grow by design
        model.loss_curve_.clear()

    assert_nothing_grows(call, 1000)


def test_a_hundred_ensembles() -> None:
    member = MLPClassifier(**SMALL)
    assert_nothing_grows(lambda: MLPEnsembleClassifier(member, n_estimators=4).fit(X, LABELS), 100)


@pytest.mark.parametrize("rows", ["as it is", "converted"])
def test_a_hundred_thousand_predictions_of_one_row(rows: str) -> None:
    model = MLPClassifier(**SMALL).fit(X, LABELS)
    row = X[:1] if rows == "as it is" else X[:1].astype(np.float64)
    assert_nothing_grows(lambda: model.predict_proba(row), 100_000)
