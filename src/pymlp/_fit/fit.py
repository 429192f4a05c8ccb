"""The course of a fit as an object: all that its next epoch depends on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from .._data.samples import Samples
from .._data.streamed import StreamedRows
from .._data.targets import Target
from .._files.values import decoded, encoded
from .._network.parameters import Parameters
from .._system.arrays import Array
from .engine import Engine
from .optimizer import N_MOMENTS
from .records import Records
from .validation import Validation


@dataclass(frozen=True)
class Limits:
    """What ends a fit, in the words of the estimators' parameters.

    Parameters
    ----------
    max_iter : int
        Epochs, or iterations.
    tol : float
    n_iter_no_change : float or 'wave'
        Epochs without progress, or a wave of the learning rate whose fall brought none.
    max_fun : int
        Of 'lbfgs'.
    n_planned : int
        Epochs over which a schedule is planned: with those before this fit that it goes on from.
    warns : bool
        Is it worth a warning that they were reached?
    verbose : bool
        Is a lack of progress told?
    """

    max_iter: int
    tol: float
    n_iter_no_change: float | str
    max_fun: int
    n_planned: int
    warns: bool
    verbose: bool


@dataclass
class Fit:
    """A fit between two epochs.

    Parameters
    ----------
    engine : Engine
        Holds the weights, their average and the optimizer.
    target : Target
        What the network's outputs mean.
    train : Samples
    rows : ndarray of shape (n,) or range
        Rows of `train` that are trained on, in the order of the last epoch; of samples that lie in
        shards only how many.
    validation : Validation or None
        Measured after each epoch.
    best : list of Parameters or None
        Early stopping's best weights, and their average; None without it.
    records : Records
    random_state : RandomState
        What shuffles draw from.
    limits : Limits
    shuffle : bool, default=True
    has_ended : bool, default=False
        There is no further epoch.
    """

    engine: Engine
    target: Target
    train: Samples
    rows: Array | range
    validation: Validation | None
    best: list[Parameters] | None
    records: Records
    random_state: np.random.RandomState
    limits: Limits
    shuffle: bool = True
    has_ended: bool = False

    def permuted_rows(self) -> Array:
        """Draw the order of an epoch."""
        assert not isinstance(self.rows, range)  # shards draw theirs
        if isinstance(self.train.X, StreamedRows):
            return self.train.X.permuted(self.rows, self.engine.batch_size, self.random_state)
        return self.random_state.permutation(self.rows)  # what scikit-learn's shuffle draws

    def finish(self) -> None:
        """End the fit: the optimizer has the engine's state, the weights are the best ones."""
        self.engine.close()
        if self.engine.average is not None:
            self.records.n_averaged = self.engine.averaged_steps
        for kept, current in zip(self.best or [], self.engine.kept(), strict=False):
            current.assign(kept)

    def state(self) -> tuple[dict[str, Any], dict[str, Array]]:
        """Tell all that the rest of the fit depends on, as JSON and arrays, for `restore`."""
        engine, optimizer = self.engine, self.engine.optimizer
        records, arrays = self.records.to_data()
        if not isinstance(self.rows, range):
            arrays["rows"] = self.rows
        parts = {"kept": engine.kept(), "moment": engine.moments(), "best": self.best or []}
        for name, several in parts.items():
            for k, parameters in enumerate(several):
                arrays |= parameters.to_arrays(f"{name}.{k}.")
        under_way, of_epoch = engine.under_way()
        state = {
            "has_ended": self.has_ended,
            "steps": engine.steps,
            "epochs": optimizer.epochs,
            "learning_rate": optimizer.learning_rate,
            "records": records,
            "random": encoded(self.random_state.get_state(legacy=False)),
        }
        if under_way:
            state["under_way"] = under_way
        return state, arrays | of_epoch

    def restore(self, state: dict[str, Any], arrays: dict[str, Array]) -> None:
        """Go on from what `state` has told of a fit that began as this one has.

        Raises
        ------
        Exception
            Of whatever kind, if it is not what `state` makes.
        """
        engine, optimizer = self.engine, self.engine.optimizer
        like = engine.parameters
        for k, parameters in enumerate(engine.kept()):
            parameters.assign(Parameters.from_arrays(arrays, f"kept.{k}.", like=like))
        optimizer.moments = [
            Parameters.from_arrays(arrays, f"moment.{k}.", like=like)
            for k in range(N_MOMENTS[optimizer.solver])
        ]
        optimizer.steps, optimizer.epochs = int(state["steps"]), int(state["epochs"])
        optimizer.learning_rate = float(state["learning_rate"])
        if self.best is not None:
            self.best[:] = [
                Parameters.from_arrays(arrays, f"best.{k}.", like=like)
                for k in range(len(self.best))
            ]
        records = Records.from_data(state["records"], arrays)
        engine.go_on(state.get("under_way", {}), arrays)
        if not ("under_way" not in state) <= records.n_iter <= self.limits.max_iter:
            raise ValueError(f"it is of epoch {records.n_iter} of {self.limits.max_iter}")
        engine.load(records.n_averaged or 0)
        vars(self.records).update(vars(records))
        self.random_state.set_state(decoded(state["random"]))
        self.has_ended = state["has_ended"] is True
        if isinstance(self.rows, range):
            return
        order = arrays.pop("rows")
        if not np.array_equal(np.sort(order), np.sort(self.rows)):
            raise ValueError("it names other rows of X")
        self.rows = order
