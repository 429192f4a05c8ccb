"""The lecture's accuracies on MNIST over several seeds: ``python -m bench.accuracy --data DIR``.

The last row is an ensemble of 8 networks of the last kind, with one seed.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path
from statistics import fmean, stdev

from bench.report import print_table
from pymlp import MLPEnsembleClassifier
from pymlp._lecture.data import Split, mnist_split
from pymlp._lecture.job import NETWORKS, Job, train_ours


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.accuracy", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of MNIST's IDX files")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--precision", choices=("float32", "float64", "bfloat16"))
    arguments = parser.parse_args()
    header = ["network", "pymlp, mean", "standard deviation", "epochs", "lecture"]
    split = mnist_split(arguments.data)
    print_table(header, rows(split, arguments.seeds, arguments.precision), "<>>>>")


def rows(split: Split, seeds: int, precision: str | None) -> Iterator[list[str]]:
    for network in NETWORKS:
        jobs = [Job(split, seed=seed, precision=precision) for seed in range(seeds)]
        trainings = [train_ours(network, job) for job in jobs]
        scores = [training.accuracy for training in trainings]
        epochs = fmean(training.epochs for training in trainings)
        spread = stdev(scores) if len(scores) > 1 else 0.0
        name = split.architecture(network.hidden)
        row = [name, f"{fmean(scores):.4f}", f"{spread:.4f}", f"{epochs:.0f}"]
        yield [*row, f"{network.lecture_accuracy:.4f}"]
    ensemble = MLPEnsembleClassifier(trainings[0].classifier, n_estimators=8, random_state=0)
    ensemble.fit(split.X_train, split.y_train, X_val=split.X_val, y_val=split.y_val)
    yield [f"8 x {name}", f"{ensemble.score(split.X_test, split.y_test):.4f}", "", "", ""]


if __name__ == "__main__":
    main()
