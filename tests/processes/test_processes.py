"""Fits and predictions in other processes, however started: the parent's bits, and no hang."""

import itertools
import multiprocessing
import os
import subprocess
import sys
from typing import Any

import joblib
import numpy as np
import pytest
from sklearn.model_selection import cross_val_score

from pymlp import MLPClassifier

LIMIT = 60  # seconds, after which something waits for ever

pytestmark = [
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
    pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning"),
]

rng = np.random.default_rng(0)
X = rng.normal(size=(200, 20))
LABELS = rng.integers(0, 3, 200)


def classifier(seed: int = 0) -> Any:
    return MLPClassifier((30,), max_iter=5, n_threads=2, random_state=seed)


def fitted_probabilities(seed: int) -> np.ndarray:
    probabilities: np.ndarray = classifier(seed).fit(X, LABELS).predict_proba(X)
    return probabilities


def quick(names: list[str], *others: str) -> list[Any]:
    """Parameters; those that start Python anew, or import it all again, are for the long run."""
    slow = [pytest.param(name, marks=pytest.mark.long) for name in others]
    return [*names, *slow]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork")
@pytest.mark.parametrize("method", quick(["fork"], "spawn", "forkserver"))
def test_multiprocessing(method: str) -> None:
    """A pool made after this process has used a team; and this process uses one again."""
    expected = [fitted_probabilities(seed) for seed in range(4)]
    model = classifier().fit(X, LABELS)
    with multiprocessing.get_context(method).Pool(2) as pool:
        fitted = pool.map_async(fitted_probabilities, range(4))
        predicted = pool.map_async(model.predict_proba, [X, X])
        np.testing.assert_array_equal(fitted.get(LIMIT), expected)
        np.testing.assert_array_equal(predicted.get(LIMIT), [expected[0]] * 2)
    np.testing.assert_array_equal(fitted_probabilities(0), expected[0])


@pytest.mark.parametrize("backend", quick(["threading", "multiprocessing"], "loky"))
def test_joblib(backend: str) -> None:
    expected = cross_val_score(classifier(), X, LABELS, cv=4, scoring="neg_log_loss")
    with joblib.parallel_backend(backend, n_jobs=2):
        scores = cross_val_score(classifier(), X, LABELS, cv=4, scoring="neg_log_loss")
    np.testing.assert_array_equal(scores, expected)


def output_of(source: str) -> str:
    """What a program prints, which must end by itself and without a word of complaint."""
    run = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", source],
        capture_output=True,
        text=True,
        timeout=LIMIT,
        check=False,
    )
    assert run.stderr == ""
    assert run.returncode == 0
    return run.stdout


FORKS = """
import ctypes, os, sys, threading, zlib
import numpy as np
from pymlp import MLPClassifier

rng = np.random.default_rng(0)
X = rng.normal(size=(200, 20))
y = rng.integers(0, 3, 200)

def fit():
    return MLPClassifier((30,), max_iter=5, n_threads=2, random_state=0).fit(X, y)

def bits(model):
    return zlib.crc32(model.predict_proba(X).tobytes())

def in_child(work):
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writing, str(work()).encode())
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as answer:
        text = answer.read()
    assert os.waitpid(child, 0)[1] == 0
    return int(text)

def other_team():
    # another library's, of which a child waits for no thread, but has a team of its own
    gomp = ctypes.CDLL("libgomp.so.1")  # which it shares
    member = ctypes.CFUNCTYPE(None, ctypes.c_void_p)(lambda _: None)
    gomp.GOMP_parallel(member, None, 2, 0)
    same = in_child(lambda: bits(fit())) == bits(fit())
    return 10 * same + in_child(threads_of_a_fit)

def threads_of_a_fit():
    before = len(os.listdir("/proc/self/task"))
    fit()
    return len(os.listdir("/proc/self/task")) - before

if sys.platform == "linux" and "torch" not in sys.modules:  # it needs libgomp and /proc
    assert in_child(other_team) == 11

before = in_child(lambda: bits(fit()))
model = fit()
found = [before, bits(model)]
found.append(in_child(lambda: bits(model)))
found.append(in_child(lambda: bits(fit())))
found.append(bits(fit()))
found.append(in_child(lambda: in_child(lambda: bits(fit()))))  # a grandchild
going_on = threading.Event()
end = threading.Event()

def keep_fitting():
    while not end.is_set():
        fit()
        going_on.set()

other = threading.Thread(target=keep_fitting)
other.start()
going_on.wait()
found += [in_child(lambda: bits(fit())) for _ in range(3)]  # while a team is at work
end.set()
other.join()
found.append(bits(fit()))
print(len(found), len(set(found)))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork")
def test_fork_before_after_and_during_a_fit() -> None:
    """Also after another library has used a team."""
    assert output_of(FORKS) == "10 1\n"


# Each uses threads of its own, of OpenMP or of BLAS: of which library there may be several.
USES = {
    "pymlp": """
from pymlp import MLPClassifier
clf = MLPClassifier((50,), batch_size=50, max_iter=5, n_threads=2, random_state=0).fit(X, y)
results["pymlp"] = clf.predict_proba(X)
""",
    "sklearn": """
from sklearn.ensemble import HistGradientBoostingClassifier
gbm = HistGradientBoostingClassifier(max_iter=3, early_stopping=False, random_state=0).fit(X, y)
results["sklearn"] = gbm.predict_proba(X)
""",
    "torch": """
import torch
torch.set_num_threads(2)
a = torch.from_numpy(X)
results["torch"] = (a.T @ a).relu().numpy()
""",
}
ORDERS = """
import numpy as np
rng = np.random.default_rng(0)
X = rng.normal(size=(500, 40))
y = rng.integers(0, 3, 500)
results = {}
{uses}
{uses}
print([(name, float(np.abs(results[name]).sum().round(6))) for name in sorted(results)])
"""
LIBRARIES = [("pymlp", "sklearn"), ("pymlp", "sklearn", "torch")]


def results_of(libraries: tuple[str, ...]) -> str:
    """Of using them in this order, imports included, and then once more."""
    uses = "".join(USES[name] for name in libraries)
    return output_of(ORDERS.replace("{uses}", uses))


def single_results(libraries: tuple[str, ...]) -> str:
    """The same of each library alone in its process."""
    lists = (results_of((name,)).strip()[1:-1] for name in sorted(libraries))
    return f"[{', '.join(lists)}]\n"


@pytest.mark.long
@pytest.mark.parametrize("libraries", LIBRARIES, ids=["without torch", "with torch"])
def test_imported_in_every_order(libraries: tuple[str, ...]) -> None:
    if "torch" in libraries:
        pytest.importorskip("torch")
    expected = single_results(libraries)
    for order in itertools.permutations(libraries):
        assert results_of(order) == expected, order


@pytest.mark.long
def test_torch_and_pymlp_in_forked_children() -> None:
    pytest.importorskip("torch")
    in_children = FORKS.replace("import ctypes,", "import torch, ctypes,").replace(
        "    return MLP", "    torch.ones(300, 300) @ torch.ones(300, 300)\n    return MLP"
    )
    assert output_of(in_children) == "10 1\n"
