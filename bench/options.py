"""What each option costs: an epoch of 784-200-10 with it, as times of one without.

``python -m bench.options`` times both in turn, in one process and so on one team of threads.
"""

import argparse
import time
import warnings
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

from sklearn.exceptions import ConvergenceWarning

from bench.data import Data, like_mnist, mnist
from bench.report import print_table
from pymlp import MLPClassifier, MLPRegressor

PLAIN: dict[str, Any] = {"solver": "sgd", "learning_rate_init": 0.05, "batch_size": 50}
ADAM: dict[str, Any] = {"solver": "adam", "batch_size": 50}

ACTIVATIONS = ["identity", "logistic", "tanh", "leaky_relu", "elu", "selu", "gelu", "silu"]
ACTIVATIONS += ["mish", "softplus", "hard_sigmoid"]
CLASSIFIER: dict[str, dict[str, Any]] = {
    **{name: {"activation": name} for name in ACTIVATIONS},
    "dropout 0.5": {"dropout": 0.5},
    "clip_norm": {"clip_norm": 1.0},
    "monitor_gradients": {"monitor_gradients": True},
    "ema_decay": {"ema_decay": 0.999},
    "label_smoothing": {"label_smoothing": 0.1},
    "focal": {"loss": "focal"},
    "hinge": {"loss": "hinge"},
    "class_weight": {"class_weight": "balanced"},
    "cosine": {"learning_rate": "cosine"},
    "alpha": {"alpha": 1e-4},
}
SOLVERS = ["adamw", "nadam", "rmsprop", "adagrad", "lion"]
REGRESSOR = ["absolute_error", "huber", "pinball", "log_cosh", "poisson", "gamma"]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.options", description=__doc__)
    parser.add_argument("--data", type=Path, metavar="DIR", help="folder of MNIST's IDX files")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--epochs", type=int, default=10)
    arguments = parser.parse_args()
    data = mnist(arguments.data) if arguments.data else like_mnist()
    ratio = partial(paired_ratio, data=data, rounds=arguments.rounds, epochs=arguments.epochs)
    print(f"{data.title}, 784-200-10, batch 50: an epoch's time, as times of one without\n")
    contests = [
        *((MLPClassifier, name, "sgd", PLAIN, option) for name, option in CLASSIFIER.items()),
        *((MLPClassifier, name, "adam", ADAM, {"solver": name}) for name in SOLVERS),
        *((MLPRegressor, name, "squared_error, adam", ADAM, {"loss": name}) for name in REGRESSOR),
    ]
    rows = (
        [name, against, f"{ratio(estimator, plain, option):.2f}"]
        for estimator, name, against, plain, option in contests
    )
    print_table(["option", "against", "times"], rows, "<<>")


def paired_ratio(
    estimator: type,
    plain: dict[str, Any],
    option: dict[str, Any],
    *,
    data: Data,
    rounds: int,
    epochs: int,
) -> float:
    """The median over the rounds of the option's time by that without it."""
    common = {"alpha": 0.0, "tol": 0.0, "n_iter_no_change": 10**9, "random_state": 0}
    y = data.y if estimator is MLPClassifier else 1.0 + data.y.astype("float32")

    def seconds(parameters: dict[str, Any]) -> float:
        model = estimator(hidden_layer_sizes=(200,), max_iter=epochs, **(common | parameters))
        start = time.perf_counter()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            model.fit(data.X, y)
        if model.n_iter_ != epochs:
            raise RuntimeError(f"{parameters}: the fit ended after {model.n_iter_} epochs")
        return time.perf_counter() - start

    seconds(plain)
    ratios = []
    for number in range(rounds):
        both = [plain, plain | option]
        times = [seconds(parameters) for parameters in both[:: -1 if number % 2 else 1]]
        ratios.append(times[0] / times[1] if number % 2 else times[1] / times[0])
    return median(ratios)


if __name__ == "__main__":
    main()
