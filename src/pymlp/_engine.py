"""The C++ trainer for the length of a fit, fed from and emptied into NumPy arrays."""

from typing import Any, NamedTuple

import numpy as np

from ._core import Trainer32, Trainer64
from ._optimizers import Optimizer
from ._parameters import Array, Parameters


class Samples(NamedTuple):
    """Labelled samples as the engine takes them.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features), float32 or float64, C order
        Or a SciPy CSR array or matrix with sorted, unique indices of 32 or 64 bits.
    y : ndarray
        int32 class numbers of shape (n_samples, n_groups) for the softmax losses, otherwise targets
        of X's dtype and of shape (n_samples, n_outputs).
    weight : ndarray of shape (n_samples,) of X's dtype, or None
    """

    X: Any
    y: Array
    weight: Array | None = None

    def take(self, rows: Array) -> "Samples":
        """Copy some rows."""
        return Samples(
            self.X[rows], self.y[rows], None if self.weight is None else self.weight[rows]
        )


class Engine:
    """Trains one network.

    Parameters
    ----------
    parameters : Parameters
        Where the fit starts; every successful epoch writes its result into these arrays, which
        therefore never hold anything but finite numbers.
    optimizer : Optimizer
        Its state is read here and written back by `close`.
    average : Parameters or None
        The moving average of the parameters, read and written likewise; None without
        ``ema_decay``.
    n_threads : int
        0 for all.
    **options
        Passed on to the C++ trainer.
    """

    def __init__(
        self,
        parameters: Parameters,
        optimizer: Optimizer,
        *,
        average: Parameters | None = None,
        n_threads: int,
        **options: Any,
    ) -> None:
        self.parameters = parameters
        self.optimizer = optimizer
        self.average = average
        self.n_threads = n_threads
        self._trainer = new_trainer(
            parameters, solver=optimizer.solver, n_threads=n_threads, **options
        )
        self._trainer.steps = optimizer.steps
        loads = (self._trainer.load_first_moments, self._trainer.load_second_moments)
        for load, moment in zip(loads, optimizer.moments, strict=False):
            load(moment.coefs, moment.intercepts)
        if average is not None:
            self._trainer.load_average(average.coefs, average.intercepts)

    def run_epoch(self, samples: Samples, order: Array | None) -> tuple[float, float]:
        """Train on all samples once.

        Parameters
        ----------
        samples : Samples
        order : int64 ndarray of shape (n,) or None
            The rows to use and their order; None takes all as they stand.

        Returns
        -------
        loss, accuracy : float
            Means over the epoch's mini-batches, of the parameters as they were at each. If the
            loss or a parameter ceased to be finite the loss is not finite, and `parameters`
            stay as they were.
        """
        loss, accuracy = self._trainer.run_epoch(
            *samples, order, self.optimizer.epoch_learning_rate
        )
        self.optimizer.steps = self._trainer.steps
        if np.isfinite(loss) and not self.keep():
            loss = np.inf
        return loss, accuracy

    def keep(self) -> bool:
        """Write the trainer's parameters into ours, unless one of them is not finite."""
        if not self._trainer.is_finite():
            return False
        self._trainer.store_parameters(self.parameters.coefs, self.parameters.intercepts)
        if self.average is not None:
            self._trainer.store_average(self.average.coefs, self.average.intercepts)
        return True

    def evaluate(self, samples: Samples) -> tuple[float, float]:
        """Mean loss without the penalty, and accuracy, of the current network."""
        return self._trainer.evaluate(*samples, self.n_threads)

    def predict(self, X: Array) -> Array:
        """Outputs of the current network: (n_samples, n_outputs)."""
        return self._trainer.predict(X, self.n_threads)

    def close(self) -> None:
        """Write the optimizer's state back; one that is not finite starts afresh."""
        self.optimizer.steps = self._trainer.steps  # an interrupt ends an epoch before it is noted
        stores = (self._trainer.store_first_moments, self._trainer.store_second_moments)
        for store, moment in zip(stores, self.optimizer.moments, strict=False):
            store(moment.coefs, moment.intercepts)
        if not all(moment.is_finite() for moment in self.optimizer.moments):
            self.optimizer.reset()


def new_trainer(parameters: Parameters, **options: Any) -> Trainer32 | Trainer64:
    """Make a C++ trainer of the parameters' shapes and type that starts from them."""
    coefs = parameters.coefs
    units = [coefs[0].shape[0], *(c.shape[1] for c in coefs)]
    trainer_class = Trainer32 if coefs[0].dtype == np.float32 else Trainer64
    trainer = trainer_class(units, **options)
    trainer.load_parameters(coefs, parameters.intercepts)
    return trainer
