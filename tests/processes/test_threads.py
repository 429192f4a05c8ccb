"""Estimators used by several threads of a process at once: the bits that they have alone."""

import copy
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from pymlp import MLPClassifier, MLPRegressor

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

LIMIT = 60  # seconds, after which something waits for ever

rng = np.random.default_rng(0)
X = rng.normal(size=(600, 30))
LABELS = rng.integers(0, 3, 600)
Y = X[:, 0] - X[:, 1] ** 2


def classifier(**params: Any) -> Any:
    """Wide enough, and told, to work in teams."""
    defaults = {"hidden_layer_sizes": (70, 40), "max_iter": 3, "n_threads": 2, "random_state": 0}
    return MLPClassifier(**defaults | params)


def weights(model: Any) -> np.ndarray:
    return np.concatenate([a.ravel() for a in (*model.coefs_, *model.intercepts_)])


def assert_all_end(works: list[Callable[[], None]]) -> None:
    """Each in a thread of its own, all at once; raises what one of them raised."""
    start = threading.Barrier(len(works), timeout=LIMIT)

    def run(work: Callable[[], None]) -> None:
        start.wait()
        work()

    with ThreadPoolExecutor(len(works)) as pool:
        for future in [pool.submit(run, work) for work in works]:
            future.result(LIMIT)


READ_AS: dict[str, Callable[[np.ndarray], Any]] = {
    "array": np.asarray,
    "Fortran order": np.asfortranarray,
    "sparse": sparse.csr_array,
    "data frame": pd.DataFrame,
    "list": np.ndarray.tolist,
}


@pytest.mark.parametrize("precision", ["float64", "float32", "bfloat16"])
def test_sixteen_threads_predict_on_one_estimator(precision: str) -> None:
    clf = classifier(precision=precision).fit(X, LABELS)
    whole = {name: read(X) for name, read in READ_AS.items()}
    expected = {name: clf.predict_proba(rows) for name, rows in whole.items()}
    names = list(READ_AS)

    def predict(k: int) -> None:
        for i in range(k, k + 5):
            name = names[i % len(names)]
            np.testing.assert_array_equal(clf.predict_proba(whole[name]), expected[name])
            np.testing.assert_array_equal(
                clf.predict_proba(X[i : i + 3]), expected["array"][i : i + 3]
            )

    assert_all_end([lambda k=k: predict(k) for k in range(16)])


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy])
@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_a_fit_while_others_predict_on_a_copy(method: str, copied: Callable[[Any], Any]) -> None:
    """Even of a shallow one, whose weights are the very arrays that the fit starts from."""
    clf = classifier(warm_start=True).fit(X, LABELS)
    other = copied(clf)
    expected = other.predict_proba(X)
    done = threading.Event()

    def fit() -> None:
        try:
            for _ in range(5):
                getattr(clf, method)(X, LABELS)
        finally:
            done.set()

    def predict() -> None:
        while not done.is_set():
            np.testing.assert_array_equal(other.predict_proba(X), expected)

    assert_all_end([fit, predict, predict])
    assert (clf.predict_proba(X) != expected).any()


def test_fits_of_every_kind_at_once() -> None:
    models: list[Any] = [
        classifier(),
        classifier(solver="lbfgs", max_iter=10),
        classifier(precision="bfloat16", dropout=0.2),
        classifier(clip_norm=0.1, ema_decay=0.9),
        MLPRegressor(hidden_layer_sizes=(70,), max_iter=3, n_threads=2, random_state=0),
        MLPRegressor(hidden_layer_sizes=(70,), max_iter=3, early_stopping=True, random_state=0),
    ]
    data = [(sparse.csr_array(X), LABELS), *[(X, LABELS)] * 3, (X, Y), (X, Y)]
    alone = [weights(copy.copy(m).fit(*d)) for m, d in zip(models, data, strict=True)]

    def fit(k: int) -> None:
        for _ in range(2):
            np.testing.assert_array_equal(weights(copy.copy(models[k]).fit(*data[k])), alone[k])

    assert_all_end([lambda k=k: fit(k) for k in range(len(models))])
