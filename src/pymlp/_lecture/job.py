"""The lecture's job: its five networks, and how they are trained."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import count
from typing import Any

from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier as SklearnMLPClassifier
from threadpoolctl import threadpool_limits

import pymlp

from .._system.live import live_line
from .._system.messages import say
from .data import Split

MAX_EPOCHS = 200  # a guard: early stopping ends these networks after 10 to 40 epochs
INTERRUPTED = "Training interrupted by user"  # how an MLP's fit reports Ctrl-C, keeping its model


@dataclass(frozen=True)
class Network:
    """One network of the lecture: ReLU layers of these widths, then softmax."""

    hidden: tuple[int, ...]
    learning_rate: float
    lecture_accuracy: float  # on MNIST's test images, as the lecture prints it


NETWORKS = (
    Network((), 0.05, 0.8911),
    Network((50,), 0.1, 0.9380),
    Network((200,), 0.1, 0.9437),
    Network((1000,), 0.1, 0.9462),
    Network((500, 500), 0.1, 0.9529),
)


@dataclass(frozen=True)
class Job:
    """What to do: the data, and how the person asked for it."""

    split: Split
    seed: int = 0
    n_threads: int | None = None  # None: all
    precision: str | None = None  # None: that of the images, float32
    compare: bool = False  # train scikit-learn's MLP as well
    lecture: bool = False  # the data are MNIST, so the lecture's accuracies apply
    full: bool = False  # all training images, where the lecture took every tenth


@dataclass(frozen=True)
class Training:
    """How one fit went."""

    classifier: Any  # the fitted estimator
    n_parameters: int
    epochs: int
    seconds: float  # wall time of the whole fit
    accuracy: float  # on the test set, 0 to 1
    at_limit: bool = False  # max_iter ended the fit
    remarks: tuple[str, ...] = ()  # what the fit warned of


@dataclass(frozen=True)
class Result:
    """A row of the table."""

    network: Network
    architecture: str
    ours: Training
    sklearn: Training | None = None


def train_all(job: Job, results: list[Result]) -> None:
    """Train the lecture's networks; each finished one is appended to `results` at once.

    So the caller has the rows done so far when a KeyboardInterrupt ends the work.
    """
    with _announcer(len(NETWORKS) * (1 + job.compare)) as announce:
        for number, network in enumerate(NETWORKS, start=1):
            architecture = job.split.architecture(network.hidden)
            step = f"training {number}/{len(NETWORKS)}: {architecture}"
            announce(step)
            row = Result(network, architecture, train_ours(network, job))
            results.append(row)
            if job.compare:
                announce(f"{step} with scikit-learn")
                results[-1] = replace(row, sklearn=train_sklearn(network, job, row.ours.epochs))


@contextmanager
def _announcer(n_steps: int) -> Iterator[Callable[[str], None]]:
    """Yield a function that tells the next step: by a live line, or a plain one each."""
    line = live_line(n_steps, transient=True)
    if line is None:
        yield say
        return
    done = count()
    try:
        yield lambda step: line.show([step], next(done), refresh=True)
    finally:
        line.stop()


def train_ours(network: Network, job: Job) -> Training:
    """Train `network` with pymlp, stopping early on the accuracy on the validation set."""
    classifier = pymlp.MLPClassifier(
        **_settings(network, job),
        max_iter=MAX_EPOCHS,
        early_stopping=True,
        tol=1e-4,
        n_iter_no_change=5,
        n_threads=job.n_threads,
        precision=job.precision,
    )
    return _train(classifier, job.split, X_val=job.split.X_val, y_val=job.split.y_val)


def train_sklearn(network: Network, job: Job, epochs: int) -> Training:
    """Train `network` with scikit-learn on the same rows for the same number of epochs.

    Its early stopping can only split off a validation set of its own, which would leave it fewer
    rows; so it is switched off, and `n_iter_no_change` out of reach keeps the fit from ending.
    """
    classifier = SklearnMLPClassifier(
        **_settings(network, job), max_iter=epochs, tol=0.0, n_iter_no_change=epochs
    )
    with threadpool_limits(limits=job.n_threads):
        return _train(classifier, job.split)


def _settings(network: Network, job: Job) -> dict[str, Any]:
    """The lecture's hyperparameters, which pymlp and scikit-learn name alike."""
    return {
        "hidden_layer_sizes": network.hidden,
        "activation": "relu",
        "solver": "sgd",
        "alpha": 0.0,
        "batch_size": min(50, len(job.split.X_train)),
        "learning_rate_init": network.learning_rate,
        "momentum": 0.9,
        "nesterovs_momentum": True,
        "random_state": job.seed,
    }


def _train(classifier: Any, split: Split, **validation: Any) -> Training:
    """Fit and score `classifier`; an interrupted fit becomes an interrupt again."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", ConvergenceWarning)
        warnings.filterwarnings("always", message=INTERRUPTED)
        start = time.perf_counter()
        classifier.fit(split.X_train, split.y_train, **validation)
        seconds = time.perf_counter() - start
    if any(str(warning.message).startswith(INTERRUPTED) for warning in caught):
        raise KeyboardInterrupt
    at_limit = classifier.n_iter_ >= classifier.max_iter
    # At the limit a fit warns that it has not converged, which `at_limit` says already.
    remarks = [w for w in caught if not (at_limit and issubclass(w.category, ConvergenceWarning))]
    return Training(
        classifier=classifier,
        n_parameters=sum(array.size for array in (*classifier.coefs_, *classifier.intercepts_)),
        epochs=classifier.n_iter_,
        seconds=seconds,
        accuracy=float(classifier.score(split.X_test, split.y_test)),
        at_limit=at_limit,
        remarks=tuple(dict.fromkeys(str(warning.message) for warning in remarks)),
    )
