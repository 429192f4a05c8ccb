"""The lecture's job: train five networks and tell how long it took and how good they are.

Everything that ``python -m pymlp`` does behind its command line: the data and their split, the
networks, the training and the table.
"""

from __future__ import annotations

import sys
import time
import warnings
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import sklearn
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier as SklearnMLPClassifier
from threadpoolctl import threadpool_limits

import pymlp
from pymlp.datasets import load_mnist

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

SPLIT_SEED = 4487  # the lecture's; --seed does not touch the split, so seeds can be compared
EVERY = 10  # the lecture trains on every tenth image
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


@dataclass(frozen=True, eq=False)
class Split:
    """Data ready for training: X (n, n_in) float32, centred; y (n,) integer labels."""

    title: str
    X_train: NDArray[np.float32]
    y_train: NDArray[Any]
    X_val: NDArray[np.float32]
    y_val: NDArray[Any]
    X_test: NDArray[np.float32]
    y_test: NDArray[Any]
    mean: NDArray[np.float32]  # (n_in,), what was taken off each row
    image_shape: tuple[int, int]  # of a row

    @property
    def n_in(self) -> int:
        return int(self.X_train.shape[1])

    @property
    def n_classes(self) -> int:
        return len(np.unique(self.y_train))


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


# --- data ---------------------------------------------------------------------------------------


def digits_split() -> Split:
    """The handwritten digits that ship with scikit-learn: 8 x 8 pixels, grey levels 0 to 16."""
    X, y = load_digits(return_X_y=True)
    X_train, X_test, y_train, y_test = train_test_split(
        X, y, test_size=0.25, stratify=y, random_state=SPLIT_SEED
    )
    title = "scikit-learn's digits"
    return _split(X_train, y_train, X_test, y_test, title=title, white=16, image_shape=(8, 8))


def mnist_split(folder: Path, full: bool = False) -> Split:
    """MNIST as the lecture splits it, from a folder with the four IDX files."""
    mnist = load_mnist(folder)
    step = 1 if full else EVERY
    title = "MNIST, all training images" if full else "MNIST, every tenth training image"
    X_train, y_train = mnist.X_train[::step], mnist.y_train[::step]
    return _split(
        X_train,
        y_train,
        mnist.X_test,
        mnist.y_test,
        title=title,
        white=255,
        image_shape=mnist.image_shape,
    )


def _split(
    X: NDArray[Any],
    y: NDArray[Any],
    X_test: NDArray[Any],
    y_test: NDArray[Any],
    *,
    title: str,
    white: int,
    image_shape: tuple[int, int],
) -> Split:
    """Scale grey levels to [0, 1], centre by the training mean, hold out 10 % for validation.

    The mean of each pixel is taken before the validation set is held out, as in the lecture.
    """
    X = X.astype(np.float32) / np.float32(white)
    X_test = X_test.astype(np.float32) / np.float32(white)
    mean = X.mean(axis=0, dtype=np.float64).astype(np.float32)
    X -= mean
    X_test -= mean
    X_train, X_val, y_train, y_val = train_test_split(X, y, train_size=0.9, random_state=SPLIT_SEED)
    return Split(title, X_train, y_train, X_val, y_val, X_test, y_test, mean, image_shape)


# --- training -----------------------------------------------------------------------------------


def train_all(job: Job, results: list[Result]) -> None:
    """Train the lecture's networks; each finished one is appended to `results` at once.

    So the caller has the rows done so far when a KeyboardInterrupt ends the work.
    """
    with _progress(len(NETWORKS) * (1 + job.compare)) as announce:
        for number, network in enumerate(NETWORKS, start=1):
            architecture = "-".join(
                str(width) for width in (job.split.n_in, *network.hidden, job.split.n_classes)
            )
            step = f"training {number}/{len(NETWORKS)}: {architecture}"
            announce(step)
            row = Result(network, architecture, train_ours(network, job))
            results.append(row)
            if job.compare:
                announce(f"{step} with scikit-learn")
                results[-1] = replace(row, sklearn=train_sklearn(network, job, row.ours.epochs))


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


@contextmanager
def _progress(n_steps: int) -> Iterator[Callable[[str], None]]:
    """Yield a function that announces the next step: a live line with rich, or a plain one."""
    try:
        from rich import progress
    except ImportError:
        progress = None  # type: ignore[assignment]
    if progress is None or not sys.stdout.isatty():
        yield lambda text: print(text, flush=True)
        return
    columns = (
        progress.SpinnerColumn(),
        progress.BarColumn(bar_width=20),
        progress.TextColumn("{task.description}"),
        progress.TimeElapsedColumn(),
    )
    # Few refreshes: drawing takes time from the threads that train.
    with progress.Progress(*columns, transient=True, refresh_per_second=4) as live:
        task = live.add_task("", total=n_steps, completed=-1)
        yield lambda text: live.update(task, description=text, advance=1, refresh=True)


# --- the report ---------------------------------------------------------------------------------


def describe(job: Job) -> str:
    """What runs on what: the machine's facts, then the data's."""
    facts = pymlp.show_config(display=False)
    split = job.split
    return (
        f"pymlp {facts['version']}: {facts['isa']} (of {', '.join(facts['isas'])}), "
        f"threads {job.n_threads or facts['threads']}, BLAS {facts['blas']}, "
        f"CUDA {'yes' if facts['cuda'] else 'no'}\n"
        f"{split.title}: {len(split.X_train)} for training, {len(split.X_val)} for validation, "
        f"{len(split.X_test)} for testing; float32, seed {job.seed}"
    )


def table(job: Job, results: Sequence[Result]) -> str:
    """The results as aligned text, and below it what the columns mean."""
    rows = cells(job, results)
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = [
        "  ".join(
            cell.ljust(width) if column == 0 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    ]
    lines.insert(1, "-" * len(lines[0]))
    return "\n".join([*lines, *notes(job, results)])


def cells(job: Job, results: Sequence[Result]) -> list[list[str]]:
    """The table's cells by row; the first row is its header."""
    header = ["network", "parameters", "epochs", "seconds", "test accuracy"]
    header += ["lecture"] if job.lecture else []
    header += ["scikit-learn s", "its accuracy", "ratio"] if job.compare else []
    return [header, *(_row(job, result) for result in results)]


def _row(job: Job, result: Result) -> list[str]:
    ours, peer = result.ours, result.sklearn
    row = [
        result.architecture,
        f"{ours.n_parameters:,}",
        f"{ours.epochs}*" if ours.at_limit else f"{ours.epochs}",
        f"{ours.seconds:.2f}",
        f"{ours.accuracy:.4f}",
    ]
    if job.lecture:
        row.append(f"{result.network.lecture_accuracy:.4f}")
    if job.compare and peer is not None:
        row += [f"{peer.seconds:.2f}", f"{peer.accuracy:.4f}", f"{peer.seconds / ours.seconds:.1f}"]
    elif job.compare:  # interrupted before scikit-learn was done
        row += ["-", "-", "-"]
    return row


def notes(job: Job, results: Sequence[Result]) -> list[str]:
    """What the table's columns mean, and what the fits warned of."""
    notes = []
    if any(result.ours.at_limit for result in results):
        notes.append(f"* stopped by the limit of {MAX_EPOCHS} epochs, not by validation accuracy")
    for result in results:
        notes += [f"{result.architecture}: {remark}" for remark in result.ours.remarks]
        if result.sklearn is not None:
            notes += [
                f"{result.architecture}, scikit-learn: {remark}"
                for remark in result.sklearn.remarks
            ]
    if job.lecture and job.full:
        notes.append("lecture: its networks saw every tenth training image, these saw all")
    if job.compare:
        notes += [
            f"scikit-learn {sklearn.__version__}: same rows, seed and number of epochs as pymlp, "
            "without early stopping;",
            "  its accuracy is that of the last epoch, pymlp's that of the best on the validation "
            "set.",
            "ratio: scikit-learn's seconds by pymlp's, which include scoring the validation set "
            "every epoch.",
        ]
    return notes
