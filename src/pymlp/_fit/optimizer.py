"""The optimizers' state and learning rates; their arithmetic lies in the C++ kernels."""

import math
from collections.abc import Callable
from copy import copy
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import DTypeLike
from sklearn.utils._param_validation import validate_parameter_constraints

from .. import schedules
from .._files.values import decoded, encoded
from .._network.parameters import Parameters
from .._system.arrays import Array

# arrays of the weights' shapes that a solver keeps between steps
N_MOMENTS = {
    "sgd": 1,  # velocity
    "adam": 2,  # mean of the gradients and of their squares
    "adamw": 2,
    "nadam": 2,
    "rmsprop": 1,  # mean of the squares
    "adagrad": 1,  # sum of the squares
    "lion": 1,  # mean of the gradients
}
LearningRate = str | Callable[..., float]


class Optimizer:
    """The state of a stochastic solver and its learning rate.

    Parameters
    ----------
    solver : str
    learning_rate_init : float
    learning_rate : str, Schedule or callable
        As the estimators' parameter. scikit-learn's 'invscaling' and 'adaptive' are for 'sgd'.
    power_t : float
        Exponent of 'invscaling'.

    Attributes
    ----------
    moments : list of Parameters
        Empty before they are known: all zeros.
    steps, epochs : int
        Mini-batches and epochs done.
    learning_rate : float
        The present one.
    is_pickled : bool
        Do the moments go into files, for a ``partial_fit`` that goes on?
    """

    def __init__(
        self,
        solver: str,
        learning_rate_init: float,
        learning_rate: LearningRate = "constant",
        power_t: float = 0.5,
    ) -> None:
        self.solver = solver
        self._set_rates(learning_rate_init, learning_rate, power_t)
        self.epochs = 0
        self.is_pickled = False
        self.reset()

    def _set_rates(
        self, learning_rate_init: float, learning_rate: LearningRate, power_t: float
    ) -> None:
        self.rates = learning_rate_init, learning_rate, power_t
        self.learning_rate_init = float(learning_rate_init)
        self.learning_rate = self.learning_rate_init
        self.power_t = power_t
        if isinstance(learning_rate, str) and learning_rate in schedules.NAMED:
            learning_rate = schedules.NAMED[learning_rate]()
        self.rule = learning_rate

    def set_learning_rate(self, value: Any) -> None:
        """Go on with another learning rate, unless a schedule would overrule it."""
        if callable(self.rule) or (self.solver == "sgd" and self.rule == "invscaling"):
            raise ValueError(
                "learning_rate_ cannot be set where a schedule sets it: use "
                f"learning_rate='constant'. Got learning_rate={self.rates[1]!r}."
            )
        self.learning_rate = _checked(value, "learning_rate_ must be", "")

    def reset(self) -> None:
        """Forget the past; the learning rate stays."""
        self.moments: list[Parameters] = []
        self.steps = 0

    def matches(self, solver: str, coefs: list[Array]) -> bool:
        """Tell whether a fit with this solver and these weights can go on with the state."""
        shapes = [c.shape for c in coefs]
        return solver == self.solver and all(
            [m.shape for m in moment.coefs] == shapes for moment in self.moments
        )

    def continued(
        self,
        dtype: DTypeLike,
        *,
        rates: tuple[float, LearningRate, float] | None,
        is_pickled: bool,
    ) -> "Optimizer":
        """Copy for a fit that may yet be refused.

        Its moments are of this type. Other `rates` (learning_rate_init, learning_rate, power_t)
        than the present ones are followed from now on; None keeps these.
        """
        optimizer = copy(self)
        if rates is not None and rates != self.rates:
            optimizer._set_rates(*rates)
        optimizer.moments = [moment.cast(dtype) for moment in self.moments]
        optimizer.is_pickled = is_pickled
        return optimizer

    def without_moments(self) -> "Optimizer":
        """Copy all but the memory of past gradients."""
        optimizer = copy(self)
        optimizer.reset()
        return optimizer

    def begin_epoch(self, n_epochs: int) -> float:
        """Set the learning rate of the next epoch, out of `n_epochs`, and return it."""
        of_epoch = f" for epoch {self.epochs}"
        if isinstance(self.rule, schedules.Schedule):
            rule = f"The schedule {type(self.rule).__name__} must return"
            factor = _checked(self.rule(self.epochs, n_epochs), rule, of_epoch)
            self.learning_rate = self.learning_rate_init * factor
        elif callable(self.rule):
            rule = "The callable 'learning_rate' must return"
            self.learning_rate = _checked(self.rule(self.epochs), rule, of_epoch)
        return self.learning_rate

    def rises(self, n_epochs: int) -> bool:
        """Tell whether the next epoch's schedule lies above the present one's."""
        rule = self.rule
        return isinstance(rule, schedules.Schedule) and bool(
            rule(self.epochs + 1, n_epochs) > rule(self.epochs, n_epochs)
        )

    def end_epoch(self, samples_seen: int) -> None:
        """Follow scikit-learn's schedule after an epoch."""
        self.epochs += 1
        if self.solver == "sgd" and self.rule == "invscaling":
            try:
                rate = self.learning_rate_init / (samples_seen + 1) ** self.power_t
            except OverflowError:
                rate = 0.0
            rule = f"learning_rate='invscaling' with power_t={self.power_t!r} must give"
            self.learning_rate = _checked(rate, rule, f" for epoch {self.epochs}")

    def give_up(self) -> tuple[bool, str]:
        """Answer a lack of progress: stop, or with 'adaptive' go on at a fifth of the rate.

        Returns
        -------
        stops : bool
        verdict : str
            In scikit-learn's words.
        """
        if self.solver != "sgd" or self.rule != "adaptive":
            return True, "Stopping."
        if self.learning_rate <= 1e-6:
            return True, "Learning rate too small. Stopping."
        self.learning_rate /= 5.0
        return False, f"Setting learning rate to {self.learning_rate:f}"

    # --- files -----------------------------------------------------------------------------------

    def to_data(self) -> tuple[dict[str, Any], dict[str, Array]]:
        """Tell all as JSON and arrays; `from_data` is the way back.

        Raises
        ------
        NotDataError
            If the learning rate is a function.
        """
        data = _Data(
            self.solver,
            encoded([self.learning_rate_init, self.rates[1], float(self.power_t)]),
            self.learning_rate,
            self.epochs,
            self.steps,
            self.is_pickled,
        )
        arrays: dict[str, Array] = {}
        for k, moment in enumerate(self.moments):
            arrays |= moment.to_arrays(_prefix(k))
        return data._asdict(), arrays

    @classmethod
    def from_data(
        cls,
        data: dict[str, Any],
        arrays: dict[str, Array],
        weights: Parameters,
        constraints: dict[str, Any],
    ) -> "Optimizer":
        """Read what `to_data` has told, which may be anybody's; the arrays are taken out.

        Parameters
        ----------
        data : dict
        arrays : dict of str to ndarray
        weights : Parameters
            Of whose shapes moments must be.
        constraints : dict of str to list
            What scikit-learn's validation is to ask of the rates and the solver.
        """
        found = _Data(**data)
        first, rule, power_t = decoded(found.rates)
        given = {"solver": found.solver, "learning_rate_init": first, "learning_rate": rule}
        given["power_t"] = power_t
        constraints = {name: constraints[name] for name in given}
        validate_parameter_constraints(constraints, given, caller_name="the optimizer")
        rate = found.learning_rate
        if not (type(rate) is float and 0 < rate < np.inf):
            raise ValueError(f"its optimizer has the learning rate {rate!r}")
        for name, count in (("epochs", found.epochs), ("steps", found.steps)):
            if type(count) is not int or not 0 <= count < 2**53:
                raise ValueError(f"its optimizer counts {name}: {count!r}")
        if type(found.is_pickled) is not bool:
            raise ValueError(f"it holds {found.is_pickled!r} where there should be bool")
        optimizer = cls(found.solver, first, rule, power_t)
        optimizer.learning_rate, optimizer.is_pickled = rate, found.is_pickled
        optimizer.epochs, optimizer.steps = found.epochs, found.steps
        if _prefix(0) + "coefs.0" in arrays:
            n_moments = N_MOMENTS.get(optimizer.solver, 0)
            optimizer.moments = [
                Parameters.from_arrays(arrays, _prefix(k), like=weights) for k in range(n_moments)
            ]
        return optimizer


class _Data(NamedTuple):
    """What a file holds of an optimizer, beside its moments."""

    solver: Any
    rates: Any
    learning_rate: Any
    epochs: Any
    steps: Any
    is_pickled: Any


def _prefix(k: int) -> str:
    """Beginning of the names of a moment's arrays."""
    return f"optimizer.{k}."


def _checked(rate: Any, rule: str, of_epoch: str) -> float:
    try:
        value = float(rate)
    except (TypeError, ValueError):
        value = math.nan
    if not (np.isfinite(value) and value > 0):
        raise ValueError(f"{rule} a finite number > 0. Got {rate!r}{of_epoch} instead.")
    return value
