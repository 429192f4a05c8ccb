"""However X is stored: never copied whole, and the bits of a copy in the arithmetic's type."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from layouts import LAYOUTS

import pymlp
from pymlp import MLPClassifier, MLPRegressor, _core
from pymlp._network.network import loss_of_output

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

N, N_FEATURES = 157, 37
RNG = np.random.default_rng(0)
INTEGERS = RNG.integers(0, 2, (N, N_FEATURES))
SIGNS = 3 * RNG.normal(size=(N, N_FEATURES))
LABELS = RNG.integers(0, 3, N)
TARGETS = np.tanh(SIGNS[:, :2])

DTYPES = ["bool", "uint8", "int8", "uint16", "int16", "uint32", "int32", "uint64", "int64"]
DTYPES += ["float16", "float32", "float64"]
EVERY_PRECISION = pytest.mark.parametrize("precision", ["float32", "float64"])


ORDERS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "C order": np.ascontiguousarray,
    "negative strides, Fortran order": lambda X: np.flip(np.flip(np.asfortranarray(X)).copy("K")),
    **LAYOUTS,
}


def stored(dtype: str) -> np.ndarray:
    """Values that fill the type's digits, yet can be trained on."""
    if dtype == "bool":
        return INTEGERS.astype(bool)
    return np.abs(SIGNS).astype(dtype) if dtype.startswith("u") else SIGNS.astype(dtype)


def assert_same_fit(actual: Any, desired: Any) -> None:
    for a, b in zip(
        actual.coefs_ + actual.intercepts_, desired.coefs_ + desired.intercepts_, strict=True
    ):
        np.testing.assert_array_equal(a, b, strict=True)
    assert {k: v for k, v in actual.history_.items() if k != "seconds"} == {
        k: v for k, v in desired.history_.items() if k != "seconds"
    }


def outputs(X: Any, precision: str) -> np.ndarray:
    """X itself, as the engine reads it: the outputs of a layer that changes nothing."""
    eye = np.eye(X.shape[1], dtype=precision)
    zero = np.zeros(X.shape[1], precision)
    return _core.predict([eye], [zero], X, [], loss_of_output("identity"), 1, False)


@EVERY_PRECISION
@pytest.mark.parametrize(
    ("dtype", "layout"),
    [(dtype, "Fortran order") for dtype in DTYPES if dtype != "float32"]
    + [("float32", layout) for layout in ORDERS],
)
def test_a_fit_has_the_bits_of_one_on_a_copy(dtype: str, layout: str, precision: str) -> None:
    X = stored(dtype)
    fits = []
    for rows in (ORDERS[layout](X), np.ascontiguousarray(X, precision)):
        clf = MLPClassifier(
            (9,), precision=precision, batch_size=20, max_iter=2, random_state=0, n_threads=2
        )
        clf.fit(rows, LABELS, X_val=rows[::3], y_val=LABELS[::3])
        assert {c.dtype.name for c in clf.coefs_ + clf.intercepts_} == {precision}
        fits.append(
            (clf, clf.predict_proba(rows), clf.predict_proba(rows[:3]), clf.transform(rows))
        )
    assert_same_fit(fits[0][0], fits[1][0])
    for actual, desired in zip(fits[0][1:], fits[1][1:], strict=True):
        np.testing.assert_array_equal(actual, desired, strict=True)


@pytest.mark.parametrize(
    ("dtype", "layout"),
    [("uint8", "C order"), ("float16", "Fortran order"), ("float64", "negative strides")],
)
@pytest.mark.parametrize(
    "params",
    [
        {"solver": "lbfgs"},
        {"solver": "adam", "early_stopping": True},
        {"solver": "sgd", "early_stopping": True, "scoring": "r2", "shuffle": False},
        {"solver": "sgd", "clip_norm": 1.0, "batch_size": 1},
        {"loss": "pinball", "quantile": [0.2, 0.8], "early_stopping": True},
    ],
    ids=str,
)
def test_so_has_every_way_of_training(params: dict[str, Any], dtype: str, layout: str) -> None:
    X, weight = stored(dtype), RNG.uniform(1, 2, N)
    params = {"batch_size": 20, "max_iter": 3, "precision": "float32", "random_state": 0} | params
    fits = [
        MLPRegressor(hidden_layer_sizes=(5,), **params).fit(rows, TARGETS, weight)
        for rows in (ORDERS[layout](X), X.astype(np.float32))
    ]
    assert_same_fit(*fits)


@pytest.mark.parametrize("dtype", ["int16", "float64"])
def test_partial_fit_warm_start_and_ensembles(dtype: str) -> None:
    X = stored(dtype)
    fits = []
    for rows in (np.asfortranarray(X), X.astype(np.float32)):
        clf = MLPClassifier((5,), precision="float32", max_iter=2, warm_start=True, random_state=0)
        clf.fit(rows, LABELS).fit(rows, LABELS).partial_fit(rows, LABELS)
        fits.append(clf)
        member = MLPClassifier((5,), precision="float32", max_iter=2)
        ensemble = pymlp.MLPEnsembleClassifier(member, n_estimators=2, random_state=0)
        fits.append(ensemble.fit(rows, LABELS, X_val=rows, y_val=LABELS).estimators_[1])
    assert_same_fit(fits[0], fits[2])
    assert_same_fit(fits[1], fits[3])


def test_fortran_order_is_read_in_windows() -> None:
    """Of 32 MiB: here three for an epoch, the last of them a part."""
    X = np.asfortranarray(RNG.integers(0, 9, (1000, 80_000), dtype=np.uint8))
    y = X[:, 0] > 4
    fits = []
    for rows in (X, np.ascontiguousarray(X)):
        clf = MLPClassifier((1,), precision="float32", batch_size=30, max_iter=2, random_state=0)
        fits.append(clf.fit(rows, y))
    assert_same_fit(*fits)


@pytest.mark.parametrize("dtype", DTYPES)
@EVERY_PRECISION
@settings(deadline=None, max_examples=20)
@given(data=st.data())
def test_numbers_are_converted_as_by_numpy(dtype: str, precision: str, data: Any) -> None:
    elements = None
    if dtype.startswith("float"):
        largest = float(min(np.finfo(dtype).max, np.finfo(precision).max))
        width = 8 * np.dtype(dtype).itemsize
        elements = st.floats(-largest, largest, width=width)  # type: ignore[arg-type]
    X = data.draw(hnp.arrays(dtype, (2, 40), elements=elements))
    if dtype in ("float32", "float64"):  # what is subnormal in one of the two types counts as 0
        X[np.abs(X) < max(np.finfo(t).tiny for t in (dtype, precision))] = 0
    # each output is one number: sums of the others' products with 0 change nothing
    for rows in (X, np.asfortranarray(X)):
        np.testing.assert_array_equal(outputs(rows, precision), X.astype(precision), strict=True)


def test_every_half_number() -> None:
    halves = np.arange(2**16, dtype=np.uint16).view(np.float16)
    halves = halves[np.isfinite(halves)]
    X = halves.reshape(-1, 16)
    for precision in ("float32", "float64"):
        np.testing.assert_array_equal(outputs(X, precision), X.astype(precision), strict=True)


# --- what is refused, and what is converted whole -------------------------------------------------


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_numbers_that_are_not_finite_are_found(value: float, dtype: str, order: Any) -> None:
    X = np.ones((3000, 300), dtype, order=order)  # several blocks
    y = np.arange(3000) % 3
    clf = MLPClassifier((1,), max_iter=1, precision="float32").fit(X, y)
    X[-1, -1] = value
    message = "contains NaN" if np.isnan(value) else "contains infinity or a value too large"
    with pytest.raises(ValueError, match=f"Input X {message}"):
        clf.predict(X)
    with pytest.raises(ValueError, match=f"Input X {message}"):
        clf.fit(X, y)


def test_large_halves_are_finite() -> None:
    X = np.full((100, 100), np.finfo(np.float16).max)  # their sum is not, in half precision
    MLPClassifier((1,), max_iter=1, learning_rate_init=1e-9).fit(X, np.arange(100) % 2)


def test_numbers_beyond_float32_are_refused_there() -> None:
    X = np.full((10, 2), 1e39)
    with pytest.raises(ValueError, match=r"too large for dtype\('float32'\)"):
        MLPClassifier(precision="float32").fit(X, np.arange(10) % 2)


@pytest.mark.filterwarnings("ignore:y has values of about")
@pytest.mark.parametrize("name", ["y", "sample_weight", "y_val", "sample_weight_val"])
def test_targets_and_weights_beyond_float32_are_refused_there(name: str) -> None:
    fine = np.linspace(0.5, 1, 10)
    given = {"y": fine, "X_val": fine[:, None], "y_val": fine, name: np.full(10, 1e39)}
    reg = MLPRegressor(max_iter=1, early_stopping=True, precision="float64")
    reg.fit(fine[:, None], **given)
    message = rf"({name}: )?Input {name.removesuffix('_val')} contains .* for dtype\('float32'\)"
    with pytest.raises(ValueError, match=message):
        reg.set_params(precision="float32").fit(fine[:, None], **given)
    assert reg.coefs_[0].dtype == np.float64  # the model is kept


@pytest.mark.parametrize(
    ("X", "message"),
    [
        (SIGNS.astype(complex), "Complex data not supported"),
        (SIGNS.astype(object) * 1j, "Complex data|complex"),
        (np.full((N, 2), "a"), "could not convert string to float"),
        (SIGNS[0], "Expected 2D array"),
        (SIGNS[None], "Found array with dim 3"),
    ],
    ids=["complex", "complex objects", "strings", "1D", "3D"],
)
def test_what_is_no_matrix_of_real_numbers_is_refused(X: np.ndarray, message: str) -> None:
    with pytest.raises((ValueError, TypeError), match=message):
        MLPClassifier().fit(X, LABELS)


@pytest.mark.parametrize("dtype", [">i4", ">f4", "longdouble", "object", "U8"])
def test_other_numbers_are_converted(dtype: str) -> None:
    X = np.round(SIGNS).astype(int)
    fits = [
        MLPClassifier((5,), precision="float32", max_iter=2, random_state=0).fit(rows, LABELS)
        for rows in (X.astype(dtype), X.astype(np.float32))
    ]
    assert_same_fit(*fits)


def test_the_engine_refuses_what_it_cannot_read() -> None:
    for dtype in (">f4", "longdouble", "complex64", "datetime64[s]"):
        with pytest.raises(TypeError, match="X must be CSR or an array of real numbers"):
            outputs(SIGNS.astype(dtype), "float32")


# --- memory ---------------------------------------------------------------------------------------

MEMORY = """
import os, resource, sys, warnings
import numpy as np
from pymlp import MLPClassifier, MLPEnsembleClassifier, MLPRegressor

warnings.simplefilter("ignore")
params = {"hidden_layer_sizes": (4,), "max_iter": 1, "precision": "float32", "n_threads": 2}


def work(X, y, order):
    clf = MLPClassifier(early_stopping=True, **params).fit(X, y)
    clf.score(X, y)
    if order == "F":
        return
    clf.fit(X, y, X_val=X, y_val=y)
    clf.set_params(early_stopping=False).partial_fit(X, y).transform(X)
    MLPClassifier(solver="lbfgs", **params).fit(X, y)
    MLPRegressor(early_stopping=True, **params).fit(X, y.astype(float)).score(X, y)
    MLPEnsembleClassifier(MLPClassifier(**params), n_estimators=2).fit(X, y).predict(X)


for path, dtype, order, room in zip(*[iter(sys.argv[1:])] * 4):
    if os.fork() == 0:  # each as in a process of its own
        X = np.memmap(path, dtype, "r", shape=(40_000, 784), order=order)
        y = np.arange(len(X)) % 10
        work(X[:2000], y[:2000], order)  # now the threads have their stacks
        with open("/proc/self/status") as status:
            used = next(int(line.split()[1]) for line in status if line.startswith("VmData")) << 10
        # a file that is mapped for reading does not count, nor what the system caches of it
        resource.setrlimit(resource.RLIMIT_DATA, (used + int(room), -1))
        work(X, y, order)
        print("done", dtype, order, flush=True)
        os._exit(0)
    os.wait()
"""


WINDOW = """  # of few features, where the places of the samples take more room than their numbers
from pymlp import _core

X = np.zeros((4_000_000, 2), np.uint8, order="F")
y, order = np.zeros(len(X), np.int32), np.arange(len(X))
options = {"solver": "sgd", "momentum": 0.9, "nesterov": True, "beta_1": 0.9, "beta_2": 0.999}
options |= {"epsilon": 1e-8, "alpha": 0.0, "weight_decay": 0.0, "clip_norm": 0.0, "ema_decay": 0.0}
options |= {"dropout": [], "seed": 0, "monitor": False, "batch_size": 2000, "n_threads": 1}
loss = _core.Loss("softmax_cross_entropy")
trainer = _core.Trainer32([2, 2], activations=[], loss=loss, **options)
with open("/proc/self/status") as status:
    used = next(int(line.split()[1]) for line in status if line.startswith("VmData")) << 10
resource.setrlimit(resource.RLIMIT_DATA, (used + (40 << 20), -1))
trainer.run_epoch(X, y, None, order, 0.1)
print("done window")
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="RLIMIT_DATA is Linux's")
def test_mapped_files_larger_than_memory_and_a_window(tmp_path: Path) -> None:
    arguments = []
    for dtype, order in (("uint8", "C"), ("uint16", "F")):
        path = tmp_path / dtype
        size = 40_000 * 784 * np.dtype(dtype).itemsize
        with path.open("wb") as file:
            file.truncate(size)  # zeros that take no room on the disk
        room = {"C": 24, "F": 24 + 32}[order] * 2**20  # bytes
        assert room < size
        arguments += [str(path), dtype, order, str(room)]
    command = [sys.executable, "-c", MEMORY + WINDOW, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout == "done uint8 C\ndone uint16 F\ndone window\n", done.stderr
