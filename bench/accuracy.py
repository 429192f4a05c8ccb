"""The lecture's accuracies on MNIST over several seeds: ``python -m bench.accuracy --data DIR``."""

import argparse
from pathlib import Path
from statistics import fmean, stdev

from pymlp._lecture import NETWORKS, Job, mnist_split, train_ours


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.accuracy", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of MNIST's IDX files")
    parser.add_argument("--seeds", type=int, default=5)
    arguments = parser.parse_args()
    split = mnist_split(arguments.data)
    print("| network | pymlp, mean | standard deviation | epochs | lecture |")
    print("|---|---:|---:|---:|---:|")
    for network in NETWORKS:
        jobs = [Job(split, seed=seed, lecture=True) for seed in range(arguments.seeds)]
        trainings = [train_ours(network, job) for job in jobs]
        scores = [training.accuracy for training in trainings]
        epochs = fmean(training.epochs for training in trainings)
        spread = stdev(scores) if len(scores) > 1 else 0.0
        name = "-".join(map(str, (split.n_in, *network.hidden, split.n_classes)))
        row = (f"{fmean(scores):.4f}", f"{spread:.4f}", f"{epochs:.0f}")
        print(f"| {name} | {' | '.join(row)} | {network.lecture_accuracy:.4f} |")


if __name__ == "__main__":
    main()
