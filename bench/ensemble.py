"""What an ensemble takes: 8 members side by side, as times of 8 fits one after another.

``python -m bench.ensemble`` times both in turn, in one process, and compares their weights.
"""

import argparse
import warnings
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning

from bench.data import Data, digits, like_mnist, mnist
from bench.report import print_table
from bench.timing import paired_seconds
from pymlp import MLPClassifier, MLPEnsembleClassifier

MEMBERS = 8
COMMON: dict[str, Any] = {
    "solver": "sgd",
    "learning_rate_init": 0.05,
    "batch_size": 50,
    "alpha": 0.0,
    "tol": 0.0,
    "n_iter_no_change": np.inf,
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.ensemble", description=__doc__)
    parser.add_argument("--data", type=Path, metavar="DIR", help="folder of MNIST's IDX files")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--threads", type=int, help="all by default")
    arguments = parser.parse_args()
    large = mnist(arguments.data) if arguments.data else like_mnist()
    print(f"{MEMBERS} members, sgd with momentum, batch 50; medians of {arguments.rounds} rounds\n")
    header = ["network", "data", "epochs", "one after another", "side by side", "times"]
    print_table(header, rows(large, arguments.rounds, arguments.threads), "<<>>>>")


def rows(large: Data, rounds: int, n_threads: int | None) -> Iterator[list[str]]:
    for data, hidden, epochs in [(digits(), 50, 200), (large, 200, 5)]:
        single, ensemble, ratio = seconds_of_both(
            data, hidden, epochs=epochs, rounds=rounds, n_threads=n_threads
        )
        network = f"{data.X.shape[1]}-{hidden}-10"
        times = [f"{single:.3f} s", f"{ensemble:.3f} s", f"{ratio:.2f}"]
        yield [network, data.title, str(epochs), *times]


def seconds_of_both(
    data: Data, hidden: int, *, epochs: int, rounds: int, n_threads: int | None
) -> tuple[float, float, float]:
    """The medians of the single fits' seconds, of the ensemble's, and of their ratio by round."""
    net = MLPClassifier((hidden,), max_iter=epochs, **COMMON)
    ensemble = MLPEnsembleClassifier(
        net, n_estimators=MEMBERS, random_state=0, n_threads=n_threads
    ).fit(data.X[:100], data.y[:100])
    singles = [clone(member).set_params(n_threads=n_threads) for member in ensemble.estimators_]

    def one_after_another() -> None:
        for single in singles:
            single.fit(data.X, data.y)

    def side_by_side() -> None:
        ensemble.fit(data.X, data.y)

    singly, together = paired_seconds([one_after_another, side_by_side], rounds)
    for single, member in zip(singles, ensemble.estimators_, strict=True):
        np.testing.assert_array_equal(single.coefs_[0], member.coefs_[0])
    ratios = [b / a for a, b in zip(singly, together, strict=True)]
    return median(singly), median(together), median(ratios)


if __name__ == "__main__":
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        main()
