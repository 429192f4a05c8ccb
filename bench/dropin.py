"""Where scikit-learn goes another way than mini-batches of dense rows: lbfgs and sparse matrices.

``python -m bench.dropin`` runs each fit in a process of its own, ours and scikit-learn's in turn,
and prints times and, for the sparse one, the growth of the process's memory.
"""

import argparse
import importlib
import time
import warnings
from statistics import median

import numpy as np
from scipy import sparse
from sklearn.exceptions import ConvergenceWarning

from bench.data import like_mnist
from bench.memory import Peak
from bench.worker import Worker, available_cpus

MODULES = {"pymlp": "pymlp", "scikit-learn": "sklearn.neural_network"}
MEBIBYTE = 2**20
LBFGS_ITERATIONS = 30
ROWS, FEATURES, VALUES, HIDDEN = 20_000, 50_000, 100, 100


class Fits:
    """One package's fits; built and called in a process of its own."""

    def __init__(self, module: str) -> None:
        self._estimator = importlib.import_module(module).MLPClassifier

    def lbfgs(self, dtype: str) -> float:
        """Seconds an iteration, 784-200-10."""
        data = like_mnist()
        model = self._estimator(
            (200,), solver="lbfgs", max_iter=LBFGS_ITERATIONS, tol=0.0, random_state=0
        )
        X = data.X.astype(dtype)
        self._fit(model, X, data.y)  # threads and caches
        return self._fit(model, X, data.y) / model.n_iter_

    def sparse(self, dtype: str) -> tuple[float, float, float]:
        """Seconds an epoch; mebibytes used by fit and data; those of data, weights and moments."""
        X, y = like_text(dtype)
        model = self._estimator((HIDDEN,), max_iter=1, random_state=0)
        data = sum(part.nbytes for part in (X.data, X.indices, X.indptr, y))
        with Peak() as peak:
            seconds = self._fit(model, X, y)
        parameters = sum(a.nbytes for a in model.coefs_ + model.intercepts_)
        # Adam, the default, holds two moments of the weights' size
        return seconds, (peak.growth + data) / MEBIBYTE, (data + 3 * parameters) / MEBIBYTE

    @staticmethod
    def _fit(model: object, X: object, y: object) -> float:
        start = time.perf_counter()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            model.fit(X, y)  # type: ignore[attr-defined]
        return time.perf_counter() - start


def like_text(dtype: str) -> tuple[sparse.csr_matrix, np.ndarray]:
    """Rows of 100 TF-IDF-like values in 50,000 columns, rare and frequent ones, and two classes."""
    rng = np.random.default_rng(0)
    popularity = 1.0 / np.arange(1, FEATURES + 1)
    columns = rng.choice(FEATURES, size=(ROWS, 2 * VALUES), p=popularity / popularity.sum())
    columns = np.array([rng.permutation(np.unique(row))[:VALUES] for row in columns], dtype=object)
    starts = np.cumsum([0, *map(len, columns)])
    values = rng.random(starts[-1]).astype(dtype)
    X = sparse.csr_matrix((values, np.concatenate(columns).astype(np.int32), starts))
    X.resize((ROWS, FEATURES))
    X.sort_indices()
    frequent = np.asarray(X[:, :200].sum(axis=1)).ravel()
    return X, frequent > np.median(frequent)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.dropin", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    threads = min(2, len(available_cpus()))
    for dtype in ("float32", "float64"):
        for job in ("lbfgs", "sparse"):
            turns: dict[str, list] = {name: [] for name in MODULES}
            for _ in range(arguments.rounds):
                for name, module in MODULES.items():
                    worker = Worker(Fits, module, threads=threads)  # a new one: its memory counts
                    turns[name].append(worker.call(job, dtype))
                    worker.close()
            print(f"{job}, {dtype}, {threads} threads")
            report(job, turns)


def report(job: str, turns: dict[str, list]) -> None:
    seconds = {
        name: [turn[0] if job == "sparse" else turn for turn in turns[name]] for name in turns
    }
    for name, values in seconds.items():
        unit = "an epoch" if job == "sparse" else "an iteration"
        print(f"  {name:13} {1e3 * median(values):9.1f} ms {unit}", end="")
        if job == "sparse":
            used, needed = (median(turn[i] for turn in turns[name]) for i in (1, 2))
            print(
                f", {used:6.0f} MiB at most, {used / needed:.2f}x data, weights and moments", end=""
            )
        print()
    pairs = zip(seconds["scikit-learn"], seconds["pymlp"], strict=True)
    print(f"  ratio {median(theirs / ours for theirs, ours in pairs):.1f}x\n", flush=True)


if __name__ == "__main__":
    main()
