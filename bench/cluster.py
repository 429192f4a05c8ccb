"""Fits on a cluster of this machine's processes: ``python -m bench.cluster accuracy --data DIR``.

`accuracy` compares shards and one network on MNIST, mixed and sorted by label; `sync` looks for a
`sync_every` where an epoch of a shard has 10,000 mini-batches; `peers` trains the same network by
dask-ml's Incremental around scikit-learn's, on the same partitions, as often.
"""

from __future__ import annotations

import argparse
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from statistics import fmean
from typing import Any

import dask.array as da
import numpy as np
from distributed import Client, LocalCluster
from sklearn.neural_network import MLPClassifier as Theirs

from bench.report import print_table
from pymlp import MLPClassifier, datasets
from pymlp.dask import DaskMLPClassifier

HIDDEN = (200,)
BY_EPOCHS: dict[str, Any] = {"batch_size": 50, "tol": 0.0, "n_iter_no_change": 10_000}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.cluster", description=__doc__)
    parser.add_argument("what", choices=WHAT)
    parser.add_argument("--data", type=Path, help="folder of MNIST's IDX files")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    with (
        LocalCluster(
            n_workers=options.workers, threads_per_worker=1, dashboard_address=":0", silence_logs=50
        ) as cluster,
        Client(cluster) as client,
    ):
        header, rows = WHAT[options.what](client, options)
        print_table(header, rows, "<" + ">" * (len(header) - 1))


def mnist(folder: Path) -> tuple[np.ndarray, ...]:
    found = datasets.load_mnist(folder)
    rows = [(X / 255).astype(np.float32) for X in (found.X_train, found.X_test)]
    return rows[0], found.y_train, rows[1], found.y_test


def in_parts(X: Any, y: Any, n_parts: int) -> tuple[Any, Any]:
    rows = -(-len(y) // n_parts)
    return da.from_array(X, chunks=(rows, X.shape[1])), da.from_array(y, chunks=rows)


def accuracy(client: Client, options: argparse.Namespace) -> tuple[list[str], Iterator[list[str]]]:
    X, y, X_test, y_test = mnist(options.data)
    order = np.argsort(y, kind="stable")
    mixed, by_label = in_parts(X, y, 40), in_parts(X[order], y[order], 40)
    common = BY_EPOCHS | {"solver": "sgd", "max_iter": options.epochs}
    kinds: list[tuple[str, Any, dict[str, Any]]] = [
        *((f"one network, rate {rate}", None, {"learning_rate_init": rate}) for rate in RATES),
        *(
            (f"4 shards, rate 0.1, sync_every={n}", mixed, {"n_shards": 4, "sync_every": n})
            for n in (50, 1000)
        ),
        *(
            (f"... sorted by label, sync_every={n}", by_label, {"n_shards": 4, "sync_every": n})
            for n in (50, 1000)
        ),
    ]

    def rows() -> Iterator[list[str]]:
        for name, parts, further in kinds:
            found = []
            for seed in range(options.seeds):
                given = {"learning_rate_init": 0.1} | common | further | {"random_state": seed}
                if parts is None:
                    model: Any = MLPClassifier(HIDDEN, **given).fit(X, y)
                else:
                    model = DaskMLPClassifier(HIDDEN, client=client, **given).fit(*parts)
                    model = model.to_local()
                found.append(model.score(X_test, y_test))
            yield [name, f"{fmean(found):.4f}", " ".join(f"{score:.4f}" for score in found)]

    return ["784-200-10, sgd, Nesterov", "mean", "by seed"], rows()


RATES = (0.1, 0.05, 0.025)


def sync(client: Client, options: argparse.Namespace) -> tuple[list[str], Iterator[list[str]]]:
    """Of 400,000 rows of 20 numbers, in mini-batches of 10: four shards of 10,000 steps."""
    rng = np.random.default_rng(0)
    teacher = MLPClassifier((30,), max_iter=1, random_state=1)
    X = rng.standard_normal((420_000, 20)).astype(np.float32)
    teacher.fit(X[:200], rng.integers(5, size=200))
    teacher.coefs_ = [2.5 * coef for coef in teacher.coefs_]
    y = teacher.predict(X)
    noisy = np.where(rng.random(len(y)) < 0.1, rng.integers(5, size=len(y)), y)
    parts = in_parts(X[:400_000], noisy[:400_000], 40)
    common = BY_EPOCHS | {"solver": "sgd", "max_iter": options.epochs, "batch_size": 10}

    def scores(rate: float, **cluster: Any) -> tuple[float, float, int]:
        found, seconds, n_rounds = [], [], 0
        for seed in range(options.seeds):
            given = common | {"learning_rate_init": rate, "random_state": seed}
            begin = time.perf_counter()
            if cluster:
                model: Any = DaskMLPClassifier((50,), client=client, **given, **cluster)
                n_rounds = model.fit(*parts).n_rounds_
                model = model.to_local()
            else:
                model = MLPClassifier((50,), **given).fit(X[:400_000], noisy[:400_000])
            seconds.append(time.perf_counter() - begin)
            found.append(model.score(X[400_000:], y[400_000:]))
        return fmean(found), fmean(seconds), n_rounds

    def rows() -> Iterator[list[str]]:
        rates = (0.005, 0.01, 0.02)
        for n in (None, 10_000, 3000, 1000, 300, 100):
            cluster = {} if n is None else {"n_shards": 4, "sync_every": n}
            each = [scores(rate, **cluster) for rate in rates]
            cells = [f"{score:.4f}" for score, _, _ in each]
            seconds = fmean(took for _, took, _ in each)
            yield [str(n or "one network"), *cells, str(each[0][2] or ""), f"{seconds:.1f}"]

    return ["sync_every", "rate 0.005", "rate 0.01", "rate 0.02", "rounds", "seconds"], rows()


def peers(client: Client, options: argparse.Namespace) -> tuple[list[str], Iterator[list[str]]]:
    from dask_ml.wrappers import Incremental

    X, y, X_test, y_test = mnist(options.data)
    given = {"solver": "sgd", "learning_rate_init": 0.05, "batch_size": 50, "random_state": 0}

    def rows() -> Iterator[list[str]]:
        for name, n_parts in (("mixed", 40), ("sorted by label", 40)):
            order = np.argsort(y, kind="stable") if name != "mixed" else slice(None)
            parts = in_parts(X[order], y[order], n_parts)
            incremental = Incremental(Theirs(HIDDEN, **given), shuffle_blocks=True, random_state=0)
            begin = time.perf_counter()
            for _ in range(options.epochs):
                incremental.partial_fit(*parts, classes=list(range(10)))
            seconds = time.perf_counter() - begin
            score = incremental.estimator_.score(X_test, y_test)
            yield ["Incremental of scikit-learn's", name, f"{score:.4f}", f"{seconds:.1f}"]
            ours = DaskMLPClassifier(
                HIDDEN, client=client, n_shards=4, max_iter=options.epochs, **(BY_EPOCHS | given)
            )
            begin = time.perf_counter()
            ours.fit(*parts)
            seconds = time.perf_counter() - begin
            score = ours.to_local().score(X_test, y_test)
            yield ["DaskMLPClassifier, 4 shards", name, f"{score:.4f}", f"{seconds:.1f}"]

    return ["784-200-10", "partitions", "accuracy", "seconds"], rows()


WHAT = {"accuracy": accuracy, "sync": sync, "peers": peers}


if __name__ == "__main__":
    main()
