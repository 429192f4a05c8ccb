"""The C++ trainer for the length of a fit, fed from and emptied into NumPy arrays."""

from collections.abc import Callable
from typing import Any

import numpy as np

from .._core import Trainer32, Trainer64, TrainerBf16
from .._data.samples import Samples
from .._data.streamed import StreamedRows
from .._network.parameters import Parameters
from .._system.arrays import Array
from .optimizer import N_MOMENTS, Optimizer

# the trainer's names of the optimizer's moments
MOMENTS = ("first_moments", "second_moments")


class Engine:
    """Trains one network.

    Parameters
    ----------
    parameters : Parameters
        Where the fit starts; every successful epoch writes its result into these arrays, which
        therefore never hold anything but finite numbers.
    optimizer : Optimizer
        Its state is read here and written back by `close`.
    average : Parameters or None, default=None
        The moving average of the parameters, if there is one; kept like `parameters`.
    averaged_steps : int, default=0
        Mini-batches that it has followed.
    bf16 : bool, default=False
        Products read bfloat16; parameters and everything else are float32.
    **options
        The C++ trainer's: ``activations`` of the hidden layers, ``n_threads`` (0 for OpenMP's
        number) and so on.
    """

    def __init__(
        self,
        parameters: Parameters,
        optimizer: Optimizer,
        *,
        average: Parameters | None = None,
        averaged_steps: int = 0,
        bf16: bool = False,
        **options: Any,
    ) -> None:
        self.parameters = parameters
        self.average = average
        self.optimizer = optimizer
        self.activations: list[str] = options["activations"]
        self.batch_size: int = options["batch_size"]
        self.n_threads: int = options["n_threads"]
        self.monitors: bool = options["monitor"]
        coefs = parameters.coefs
        single = TrainerBf16 if bf16 else Trainer32
        trainer_class = single if coefs[0].dtype == np.float32 else Trainer64
        units = [coefs[0].shape[0], *(c.shape[1] for c in coefs)]
        # full-batch gradients need no optimizer; that of plain descent has the smallest state
        solver = "sgd" if optimizer.solver == "lbfgs" else optimizer.solver
        self._trainer = trainer_class(units, solver=solver, **options)
        self._rejected = False
        self.load(averaged_steps)

    def load(self, averaged_steps: int) -> None:
        """Start from what parameters, their average and the optimizer hold now."""
        trainer = self._trainer
        trainer.load("parameters", self.parameters.coefs, self.parameters.intercepts)
        if self.average is not None:
            trainer.load("average", self.average.coefs, self.average.intercepts)
        trainer.averaged_steps = averaged_steps
        trainer.steps = self.optimizer.steps
        for part, moment in zip(MOMENTS, self.optimizer.moments, strict=False):
            trainer.load(part, moment.coefs, moment.intercepts)

    def run_epoch(
        self, samples: Samples, order: Array | range | None, learning_rate: float
    ) -> tuple[float, float]:
        """Train on all samples once.

        Parameters
        ----------
        samples : Samples
        order : int64 ndarray of shape (n,), range or None
            The rows to use and their order; None takes all as they stand.
        learning_rate : float

        Returns
        -------
        loss, accuracy : float
            Means over the epoch's mini-batches, of the parameters as they were at each. If the
            loss or a parameter ceased to be finite the loss is not finite, and `parameters`
            stay as they were.
        """
        rows = np.arange(order.stop) if isinstance(order, range) else order
        if isinstance(samples.X, StreamedRows):
            loss, accuracy = self._run_windows(samples, rows, learning_rate)
        else:
            loss, accuracy = self._trainer.run_epoch(*samples, rows, learning_rate)
        if np.isfinite(loss) and not self.keep():
            loss = np.inf
        self._rejected = not np.isfinite(loss)
        return loss, accuracy

    def _run_windows(
        self, samples: Samples, order: Array | None, learning_rate: float
    ) -> tuple[float, float]:
        """Train on windows of whole mini-batches: the steps of one epoch, read as they come."""
        if order is None:
            order = np.arange(len(samples.y))
        loss = hits = total = 0.0
        for rows, X in samples.X.windows(order, self.batch_size):
            weight = None if samples.weight is None else samples.weight[rows]
            window = Samples(X, samples.y[rows], weight)
            of_window, accuracy = self._trainer.run_epoch(*window, None, learning_rate)
            n = len(rows) if weight is None else float(weight.sum(dtype=np.float64))
            loss, hits, total = loss + of_window * len(rows), hits + accuracy * n, total + n
            if not np.isfinite(of_window):
                break
        return loss / len(order), hits / total if total > 0 else 0.0

    def monitored(self) -> dict[str, float]:
        """Columns of ``history_`` that ``monitor_gradients`` adds for the last epoch."""
        if not self.monitors:
            return {}
        return {
            f"{name}_{k}": value
            for name, values in self._trainer.monitored.items()
            for k, value in enumerate(values)
            if name != "dead_share" or self.activations[k] == "relu"
        }

    @property
    def averaged_steps(self) -> int:
        """Mini-batches that the average has followed."""
        return self._trainer.averaged_steps

    @property
    def steps(self) -> int:
        """Mini-batches that the optimizer has done."""
        return self._trainer.steps

    def moments(self) -> list[Parameters]:
        """Copy the optimizer's moments."""
        return self._new_moments(self._trainer.store)

    def _new_moments(
        self, hand_over: Callable[[str, list[Array], list[Array]], None]
    ) -> list[Parameters]:
        # the old arrays may be another estimator's, or memory-mapped
        moments = [self.parameters.empty() for _ in range(N_MOMENTS[self.optimizer.solver])]
        for part, moment in zip(MOMENTS, moments, strict=False):
            hand_over(part, moment.coefs, moment.intercepts)
        return moments

    def keep(self) -> bool:
        """Write the trainer's parameters into ours, unless one of them is not finite."""
        if not self._trainer.is_finite():
            return False
        self._trainer.store("parameters", self.parameters.coefs, self.parameters.intercepts)
        if self.average is not None:
            self._trainer.store("average", self.average.coefs, self.average.intercepts)
        return True

    def kept(self) -> list[Parameters]:
        """What `keep` writes: the parameters, and their average if there is one."""
        return [self.parameters] if self.average is None else [self.parameters, self.average]

    def assign(self, parameters: Parameters) -> None:
        """Go on from other parameters."""
        self.parameters.assign(parameters)
        self._trainer.load("parameters", self.parameters.coefs, self.parameters.intercepts)

    def gradient(self, samples: Samples, at: Parameters, into: Parameters) -> float:
        """Mean loss of all samples with the penalty at given parameters, and its gradient."""
        self._trainer.load("parameters", at.coefs, at.intercepts)
        return self._trainer.gradient(*samples, into.coefs, into.intercepts)

    def evaluate(self, samples: Samples, rows: Array | None = None) -> tuple[float, float]:
        """Mean loss without the penalty, and accuracy, of the current network on some rows."""
        return self._trainer.evaluate(*samples, rows, self.n_threads)

    def predict(self, X: Any, rows: Array | None = None) -> Array:
        """Outputs of the current network for some rows, or all: (n, n_outputs)."""
        return self._trainer.predict(X, rows, self.n_threads)

    def under_way(self) -> tuple[dict[str, Any], dict[str, Array]]:
        """What there is of an epoch that has not ended, as JSON and arrays: here always nothing."""
        return {}, {}

    def go_on(self, state: dict[str, Any], arrays: dict[str, Array]) -> None:
        """Take what `under_way` has told."""

    def close(self) -> None:
        """Write the optimizer's state back.

        After an epoch whose result was rejected it stays as it was before the fit: the moments
        that led there would lead there again. One that is not finite starts afresh.
        """
        optimizer = self.optimizer
        if optimizer.solver == "lbfgs" or self._rejected:
            return
        optimizer.moments = self._new_moments(self._trainer.take)
        optimizer.steps = self._trainer.steps
        if not all(moment.is_finite() for moment in optimizer.moments):
            optimizer.reset()
