"""Python exits while daemon threads compute: the process ends, and at once."""

import random
import subprocess
import sys

import pytest

LIMIT = 60  # seconds, after which something waits for ever

# Of regressors: NumPy's `unique`, which finds a classifier's classes, has the same fault itself.
PROGRAM = """
import sys, threading, time, warnings
import numpy as np
from scipy import sparse
from pymlp import MLPRegressor, _core

warnings.simplefilter("ignore")  # who writes when Python exits may hold a lock that it needs
rng = np.random.default_rng(0)
X, y = rng.random((300, 20)), rng.random(300)
many, rows = np.repeat(X, 20, axis=0), sparse.csr_array(X)
fitted = MLPRegressor(max_iter=1).fit(X, y)

def fit(X=X, **params):
    MLPRegressor(hidden_layer_sizes=(20,), max_iter=3, batch_size=50, **params).fit(X, y)

def watched():
    with _core.StopFlag():
        fit()

calls = {
    "fit": fit,
    "team": lambda: fit(n_threads=2),
    "sparse": lambda: fit(rows),
    "bfloat16": lambda: fit(precision="bfloat16"),
    "evaluate": lambda: fit(early_stopping=True),
    "lbfgs": lambda: fit(solver="lbfgs"),
    "watched": watched,
    "partial_fit": lambda: fitted.partial_fit(X, y),
    "predict": lambda: fitted.predict(many),
    "row": lambda: fitted.predict(X[:1]),
    "measure_fma": lambda: _core.measure_fma("float32", 1, 0.001),
    "measure_memory": lambda: _core.measure_memory(1, 0.001),
    "measure_barrier": lambda: _core.measure_barrier(1, 1000),
}
wait, *names = sys.argv[1:]
ready = threading.Barrier(len(names) + 1)

def repeat(call):
    call()
    ready.wait()
    while True:
        call()

for name in names:
    threading.Thread(target=repeat, args=(calls[name],), daemon=True).start()
ready.wait()
time.sleep(float(wait))
"""
CALLS = ["fit", "team", "sparse", "bfloat16", "evaluate", "lbfgs", "watched", "partial_fit"]
CALLS += ["predict", "row", "measure_fma", "measure_memory", "measure_barrier"]


def exit_amid(*calls: str) -> None:
    """Exit at a random moment."""
    command = [sys.executable, "-c", PROGRAM, str(random.uniform(0, 0.05)), *calls]
    done = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_exit_while_daemon_threads_compute() -> None:
    exit_amid(*CALLS)


@pytest.mark.long
@pytest.mark.parametrize("call", CALLS)
def test_exit_while_a_daemon_thread_computes(call: str) -> None:
    for _ in range(20):
        exit_amid(call)
