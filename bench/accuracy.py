"""The lecture's accuracies on MNIST over several seeds: ``python -m bench.accuracy --data DIR``.

The last row is an ensemble of 8 networks of the last kind, with one seed.
"""

import argparse
from pathlib import Path
from statistics import fmean, stdev

from pymlp import MLPEnsembleClassifier
from pymlp._lecture.job import NETWORKS, Job, mnist_split, train_ours


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.accuracy", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of MNIST's IDX files")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--precision", choices=("float32", "float64", "bfloat16"))
    arguments = parser.parse_args()
    split = mnist_split(arguments.data)
    print("| network | pymlp, mean | standard deviation | epochs | lecture |")
    print("|---|---:|---:|---:|---:|")
    for network in NETWORKS:
        jobs = [
            Job(split, seed=seed, precision=arguments.precision, lecture=True)
            for seed in range(arguments.seeds)
        ]
        trainings = [train_ours(network, job) for job in jobs]
        scores = [training.accuracy for training in trainings]
        epochs = fmean(training.epochs for training in trainings)
        spread = stdev(scores) if len(scores) > 1 else 0.0
        name = "-".join(map(str, (split.n_in, *network.hidden, split.n_classes)))
        row = (f"{fmean(scores):.4f}", f"{spread:.4f}", f"{epochs:.0f}")
        print(f"| {name} | {' | '.join(row)} | {network.lecture_accuracy:.4f} |")
    ensemble = MLPEnsembleClassifier(trainings[0].classifier, n_members=8, random_state=0)
    ensemble.fit(split.X_train, split.y_train, X_val=split.X_val, y_val=split.y_val)
    print(f"| 8 x {name} | {ensemble.score(split.X_test, split.y_test):.4f} | | | |")


if __name__ == "__main__":
    main()
