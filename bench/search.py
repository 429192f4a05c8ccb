"""Search over models in threads: ``python -m bench.search``.

GridSearchCV with two jobs on joblib's threading backend against one, `n_threads=1` in both, timed
in turn in one process.
"""

import argparse
import warnings
from collections.abc import Iterator
from functools import partial
from statistics import median
from typing import Any

from joblib import parallel_config
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV

from bench.data import Data, digits, like_mnist
from bench.report import print_table
from bench.timing import paired_seconds
from pymlp import MLPClassifier

GRID = {"alpha": [0.0, 1e-4], "learning_rate_init": [0.02, 0.05, 0.1, 0.2]}
FOLDS = 3


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.search", description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    arguments = parser.parse_args()
    fits = FOLDS * len(GRID["alpha"]) * len(GRID["learning_rate_init"])
    print(f"{fits} fits, sgd with momentum, batch 50; medians of {arguments.rounds} rounds\n")
    header = ["network", "data", "epochs", "n_jobs=1", "n_jobs=2", "times"]
    print_table(header, rows(arguments.rounds), "<<>>>>")


def rows(rounds: int) -> Iterator[list[str]]:
    for data, hidden, epochs in [
        (digits(), 50, 50),
        (like_mnist(), 50, 10),
        (like_mnist(), 200, 5),
    ]:
        runs = [partial(search, data, hidden, epochs, n_jobs) for n_jobs in (1, 2)]
        one, two = paired_seconds(runs, rounds)
        times = median(a / b for a, b in zip(one, two, strict=True))
        network = f"{data.X.shape[1]}-{hidden}-10"
        seconds = [f"{median(one):.3f} s", f"{median(two):.3f} s"]
        yield [network, data.title, str(epochs), *seconds, f"{times:.2f}"]


def search(data: Data, hidden: int, epochs: int, n_jobs: int) -> None:
    """One search, without the fit of the best at its end, which no second job can share."""
    options: dict[str, Any] = {"solver": "sgd", "batch_size": 50, "tol": 0.0, "random_state": 0}
    net = MLPClassifier((hidden,), max_iter=epochs, n_threads=1, **options)
    with parallel_config(backend="threading"):
        GridSearchCV(net, GRID, cv=FOLDS, n_jobs=n_jobs, refit=False).fit(data.X, data.y)


if __name__ == "__main__":
    warnings.simplefilter("ignore", ConvergenceWarning)
    main()
