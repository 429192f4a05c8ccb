"""The parameters of the estimators: what each may be, and which go together."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Set
from functools import lru_cache
from inspect import signature
from numbers import Integral, Real
from operator import is_
from sys import float_info
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator
from sklearn.metrics import get_scorer_names
from sklearn.utils._param_validation import (
    Interval,
    Options,
)

from .._fit.optimizer import N_MOMENTS
from .._fit.records import Goal
from .._fit.validation import scoring_column
from .._network import initializers as _initializers
from .._system.meant import meant
from .._system.messages import warn
from .._system.params import check_params, one_of
from ..schedules import NAMED, Schedule

ACTIVATIONS = (
    "identity",
    "logistic",
    "tanh",
    "relu",
    "leaky_relu",
    "elu",
    "selu",
    "gelu",
    "silu",
    "mish",
    "softplus",
    "hard_sigmoid",
)

PRECISIONS = ("float32", "float64", "bfloat16")
COUNTS = ("batch_size", "max_iter", "n_iter_no_change", "max_fun", "n_threads")  # any integer
_ARGUMENTS = {
    "learning_rate": ("epoch",),
    "init": ("n_in", "n_out", "random_state"),
    "scoring": ("estimator", "X", "y"),
}


class EstimatorOptions(BaseEstimator):
    """The parameters that classifier and regressor share."""

    hidden_layer_sizes: ArrayLike
    activation: str | list[str]
    solver: str
    alpha: float
    batch_size: int | str
    learning_rate: str | Callable[..., float]
    learning_rate_init: float
    power_t: float
    max_iter: int
    shuffle: bool
    random_state: int | np.random.RandomState | None
    tol: float
    verbose: bool | int
    warm_start: bool | str
    momentum: float
    nesterovs_momentum: bool
    early_stopping: bool
    validation_fraction: float
    beta_1: float
    beta_2: float
    epsilon: float
    n_iter_no_change: float | str
    max_fun: int
    dropout: float | list[float]
    init: str | Callable[..., Any]
    weight_decay: float
    clip_norm: float | None
    ema_decay: float | None
    scoring: str | Callable[..., float] | None
    monitor_gradients: bool
    n_threads: int | None
    precision: str | None

    _sound: tuple[Any, ...] = ()  # parameters that were checked
    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "hidden_layer_sizes": ["array-like", Interval(Integral, 1, None, closed="left")],
        "activation": [one_of(*ACTIVATIONS), "array-like"],
        "solver": [one_of(*N_MOMENTS, "lbfgs")],
        "alpha": [Interval(Real, 0, None, closed="left")],
        "batch_size": [one_of("auto"), Interval(Integral, 1, None, closed="left")],
        "learning_rate": [
            one_of("constant", "invscaling", "adaptive", *NAMED),
            Schedule,
            callable,
        ],
        "learning_rate_init": [Interval(Real, 0, None, closed="neither")],
        "power_t": [Interval(Real, 0, None, closed="left")],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "shuffle": ["boolean"],
        "random_state": ["random_state"],
        "tol": [Interval(Real, 0, None, closed="left")],
        "verbose": ["verbose"],
        "warm_start": ["boolean", one_of("full")],
        "momentum": [Interval(Real, 0, 1, closed="both")],
        "nesterovs_momentum": ["boolean"],
        "early_stopping": ["boolean"],
        "validation_fraction": [Interval(Real, 0, 1, closed="left")],
        "beta_1": [Interval(Real, 0, 1, closed="left")],
        "beta_2": [Interval(Real, 0, 1, closed="left")],
        "epsilon": [Interval(Real, 0, None, closed="neither")],
        "n_iter_no_change": [
            Interval(Integral, 1, None, closed="left"),
            Options(Real, {np.inf}),
            one_of("wave"),
        ],
        "max_fun": [Interval(Integral, 1, None, closed="left")],
        "dropout": [Interval(Real, 0, 1, closed="left"), "array-like"],
        "init": [one_of(*_initializers.NAMES), callable],
        "weight_decay": [Interval(Real, 0, None, closed="left")],
        "clip_norm": [None, Interval(Real, 0, None, closed="neither")],
        "ema_decay": [None, Interval(Real, 0, 1, closed="neither")],
        "scoring": [None, one_of("loss", *get_scorer_names()), callable],
        "monitor_gradients": ["boolean"],
        "n_threads": [None, Interval(Integral, 1, None, closed="left")],
        "precision": [None, one_of(*PRECISIONS)],
    }

    def _set_parameters(self, given: dict[str, Any]) -> None:
        """Set what a constructor was given: its local variables."""
        self.__dict__.update({name: value for name, value in given.items() if name != "self"})

    def _check_options(self) -> None:
        """Check the parameters that constraints of single ones cannot."""
        self._check_callables()
        if isinstance(self.learning_rate, type):
            raise ValueError(
                "The 'learning_rate' parameter must be an object, such as Cosine(), not a class. "
                f"Got {self.learning_rate!r} instead."
            )
        if isinstance(self.learning_rate, Schedule):
            self.learning_rate.check_params()  # they may have been set since
        if self.solver == "lbfgs":
            if callable(self.learning_rate) or self.learning_rate in NAMED:
                raise ValueError(
                    "The 'learning_rate' parameter cannot be a schedule with solver='lbfgs', which "
                    f"has no learning rate. Got {self.learning_rate!r} instead."
                )
            if self._in_bf16():
                raise ValueError(
                    "The 'precision' parameter needs a stochastic solver for 'bfloat16': the line "
                    "search of solver='lbfgs' would be lost in the rounding errors."
                )
            of_mini_batches = {"dropout": 0.0, "clip_norm": None, "ema_decay": None}
            for name, off in {**of_mini_batches, "monitor_gradients": False}.items():
                value = getattr(self, name)
                if np.any(value):
                    raise ValueError(
                        f"The '{name}' parameter needs a stochastic solver: with solver='lbfgs' "
                        f"it must be {off}. Got {value!r} instead."
                    )

    def _idle(self, *, is_validated: bool) -> dict[str, str]:
        """What each of the parameters that scikit-learn lacks would need to have an effect.

        Only those that have none. Of scikit-learn's own, which searches and scripts set as they
        please, it says nothing itself.
        """
        idle = {}
        if self.weight_decay and self.solver not in ("adamw", "lion"):
            idle["weight_decay"] = "solver='adamw' or 'lion'"
        if not self._hidden_units() and np.any(self.dropout):
            idle["dropout"] = "hidden layers"
        if not is_validated and not self._stops_early():
            held_out = "" if self.solver == "lbfgs" else " or early_stopping=True"
            idle["scoring"] = f"a validation set: X_val{held_out}"
        return idle

    def _warn_of_idle(self, *, is_validated: bool) -> None:
        """Warn, once, of parameters that have been set and have no effect."""
        defaults = _defaults(type(self).__init__)
        found = [
            f"{name}={value!r} has no effect without {need}"
            for name, need in self._idle(is_validated=is_validated).items()
            if np.any((value := getattr(self, name)) != defaults.get(name, value))
        ]
        if found:
            warn(f"{type(self).__name__}: {'; '.join(found)}.")

    def _validate_changed_params(self) -> None:
        """Check each parameter unless all are those that were found sound before.

        For ``partial_fit``: scikit-learn looks at an estimator's parameters in the first call only.
        """
        values = tuple(getattr(self, name) for name in self._parameter_constraints)
        if len(values) != len(self._sound) or not all(map(is_, values, self._sound)):
            self._validate_params()
            self._sound = values

    def _validate_params(self) -> None:
        """Check each parameter; first what scikit-learn's check of numbers does not survive."""
        for name in self._parameter_constraints:
            value = getattr(self, name)
            if not isinstance(value, (int, float, np.number, np.bool_)) and isinstance(value, Real):
                raise ValueError(
                    f"The '{name}' parameter of {type(self).__name__} must be a number of Python's "
                    f"int or float, or of NumPy. Got {value!r} instead."
                )
            if isinstance(value, int) and abs(value) > float_info.max and name not in COUNTS:
                raise ValueError(
                    f"The '{name}' parameter of {type(self).__name__} must be a float, at most "
                    f"{float_info.max}. Got an integer of {value.bit_length()} bits."
                )
        check_params(self)

    def _check_callables(self) -> None:
        """Check that functions take what they will be given."""
        for name, arguments in _ARGUMENTS.items():
            value = getattr(self, name)
            if not callable(value) or isinstance(value, Schedule | type):
                continue
            try:
                signature(value).bind(*arguments)
            except TypeError as error:
                raise ValueError(
                    f"The callable '{name}' must be callable as {name}({', '.join(arguments)}): "
                    f"{error}. Got {value!r} instead."
                ) from None
            except ValueError:  # a builtin, which does not tell
                continue

    def _stops_early(self) -> bool:
        """Early stopping is for epochs; scikit-learn's 'lbfgs' ignores it, too."""
        return bool(self.early_stopping) and self.solver != "lbfgs"

    def _ends_as_planned(self) -> bool:
        """Tell whether a fit goes through all epochs, or a schedule, and keeps the best of it."""
        named = isinstance(self.learning_rate, str) and self.learning_rate in NAMED
        is_planned = named or isinstance(self.learning_rate, Schedule)
        return self._stops_early() and (is_planned or self.n_iter_no_change in (np.inf, "wave"))

    def _followed(self, score_column: str) -> Goal:
        """What decides whether training goes on."""
        if not self._stops_early():
            return Goal("loss", -1)
        if self.scoring is None:
            return Goal(score_column, 1)
        if self.scoring == "loss":
            return Goal("val_loss", -1)
        return Goal(scoring_column(self.scoring), 1)

    def _hidden_units(self) -> list[int]:
        try:
            sizes = np.atleast_1d(np.asarray(self.hidden_layer_sizes))
        except ValueError:  # ragged
            sizes = np.array([None])
        if sizes.ndim != 1 or not all(_is_count(size) for size in sizes):
            raise ValueError(
                "hidden_layer_sizes must be an integer or a sequence of integers, "
                f"got {self.hidden_layer_sizes!r}."
            )
        if (sizes <= 0).any():
            raise ValueError(f"hidden_layer_sizes must be > 0, got {sizes.tolist()}.")
        return [int(size) for size in sizes]

    def _activations(self, n_hidden: int) -> list[str]:
        """Name of each hidden layer's activation."""
        if isinstance(self.activation, str):
            return [self.activation] * n_hidden
        names = _values("activation", self.activation)
        for name in names:
            if not isinstance(name, str) or name not in ACTIVATIONS:
                raise ValueError(
                    f"The names in the 'activation' parameter must be among {list(ACTIVATIONS)}."
                    f"{meant(name, ACTIVATIONS)} Got {name!r} instead."
                )
        _check_count("activation", len(names), n_hidden)
        return [str.__str__(name) for name in names]  # of an enumeration's member not its name

    def _dropout_rates(self, n_hidden: int) -> list[float]:
        """Rate of each hidden layer."""
        if isinstance(self.dropout, Real):
            return [float(self.dropout)] * n_hidden
        rates = _values("dropout", self.dropout)
        for rate in rates:
            if not isinstance(rate, Real) or not 0 <= float(rate) < 1:
                raise ValueError(
                    "The rates in the 'dropout' parameter must be numbers in the range [0.0, 1.0). "
                    f"Got {rate!r} instead."
                )
        _check_count("dropout", len(rates), n_hidden)
        return [float(rate) for rate in rates]

    def _in_bf16(self) -> bool:
        """Do products read numbers rounded to bfloat16? What they add up to is float32."""
        precision = self.precision
        if precision is None:
            return False
        if not isinstance(precision, str) or precision not in PRECISIONS:  # set after the fit
            check_params(self, "precision")
        return precision == "bfloat16"

    def _threads(self) -> int:
        """``n_threads`` for the engine, which takes 0 for OpenMP's number and a C int."""
        n_threads = self.n_threads
        if n_threads is None:
            return 0
        if type(n_threads) is not int or n_threads < 1:  # set after the fit, or of NumPy
            check_params(self, "n_threads")
        return min(n_threads, 2**31 - 1)


@lru_cache
def _defaults(init: Callable[..., None]) -> dict[str, Any]:
    """The parameters' defaults."""
    return {name: p.default for name, p in signature(init).parameters.items()}


def _is_count(size: Any) -> bool:
    return isinstance(size, Integral) and not isinstance(size, (bool, np.timedelta64))


def _values(parameter: str, given: Any) -> list[Any]:
    """Values of the layers, which need an order."""
    if isinstance(given, Set | Mapping) or np.ndim(given) == 0:
        raise ValueError(
            f"The '{parameter}' parameter must be one value or a list with one a hidden layer. "
            f"Got {given!r} instead."
        )
    return list(given)


def _check_count(parameter: str, given: int, n_hidden: int) -> None:
    if given != n_hidden:
        raise ValueError(
            f"The '{parameter}' parameter must have one value a hidden layer. Got {given} for "
            f"{n_hidden} hidden layers."
        )


def is_stochastic(estimator: Any) -> bool:
    """Tell whether the solver works by mini-batches, as partial_fit needs."""
    if getattr(estimator, "solver", None) == "lbfgs":
        raise AttributeError(
            "partial_fit is only available for stochastic optimizers. lbfgs is not stochastic."
        )
    return True
