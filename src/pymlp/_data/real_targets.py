"""Real numbers as targets, or quantiles of them."""

from __future__ import annotations

from contextlib import suppress
from itertools import pairwise
from numbers import Real
from typing import Any, Self

import numpy as np
from numpy.typing import DTypeLike
from scipy import sparse
from sklearn.metrics import d2_pinball_score, r2_score
from sklearn.utils import column_or_1d

from .._core import Loss
from .._system.arrays import Array, unwatched
from .checks import converted
from .frames import native, widened
from .samples import Samples
from .targets import Evaluator, Target

LOSSES = (
    "squared_error",
    "absolute_error",
    "huber",
    "pinball",
    "log_cosh",
    "poisson",
    "gamma",
)


class RealTargets(Target):
    """One number or more a sample; with a list of quantiles as many outputs for each.

    Parameters
    ----------
    n_targets : int
    loss_name : str
        One of `LOSSES`.
    levels : list of float or None, default=None
        The quantiles that a target's outputs estimate, ascending.
    is_list : bool, default=False
        Were they given as a list? A single one changes no shape.
    """

    output_activations = ("identity", "exp")

    def __init__(
        self,
        n_targets: int,
        loss_name: str,
        levels: list[float] | None = None,
        *,
        is_list: bool = False,
    ) -> None:
        self.n_targets = n_targets
        self.loss_name = loss_name
        self.levels = levels
        self.is_list = is_list
        self.n_quantiles = len(levels) if is_list and levels else 1
        self.n_outputs = n_targets * self.n_quantiles
        self.score_column = "val_r2" if levels is None else "val_d2_pinball"

    @classmethod
    def of(cls, n_targets: int, loss_name: str, quantile: float | list[float]) -> Self:
        """Find the targets of a loss."""
        if loss_name != "pinball":
            return cls(n_targets, loss_name)
        levels = [float(q) for q in np.atleast_1d(quantile)]
        return cls(n_targets, loss_name, levels, is_list=not isinstance(quantile, Real))

    @classmethod
    def of_outputs(cls, n_outputs: int, loss_name: str, quantile: float | list[float]) -> Self:
        """Find the targets of a network whose attributes were set by hand."""
        n_targets, rest = divmod(n_outputs, cls.of(1, loss_name, quantile).n_quantiles)
        if rest:
            raise ValueError(
                f"n_outputs_ is {n_outputs}, which quantile={quantile!r} do not share."
            )
        return cls.of(n_targets, loss_name, quantile)

    def check(self, y: Array, name: str) -> None:
        """Check that y has as many targets."""
        if n_targets_of(y) != self.n_targets:
            raise ValueError(f"{name} has {n_targets_of(y)} outputs, but y has {self.n_targets}.")

    def encode(self, y: Array, dtype: DTypeLike, smoothing: float = 0.0) -> Array:  # noqa: ARG002
        """Targets, each as often as there are quantiles: (n_samples, n_outputs)."""
        columns = np.repeat(y.reshape(len(y), -1), self.n_quantiles, axis=1)
        targets = converted(columns, dtype, "y")
        if self.loss_name == "gamma" and (targets < np.finfo(targets.dtype).tiny).any():
            raise ValueError(  # rounded to 0
                f"loss='gamma' requires y > 0 in {targets.dtype}, got a minimum of {y.min()}."
            )
        return targets

    def loss(self, *, delta: float) -> Loss:
        """Loss of the engine."""
        quantiles = (self.levels or []) * self.n_targets
        return Loss(self.loss_name, delta=float(delta), quantiles=quantiles)

    def decode(self, outputs: Array) -> Array:
        """Predictions: (n_samples,), (n_samples, n_targets) or with the quantiles behind that."""
        if self.is_list:
            quantiles = self._by_target(outputs)
            return quantiles[:, 0] if self.n_targets == 1 else quantiles
        return outputs.ravel() if self.n_outputs == 1 else outputs

    def score(self, y: Array, outputs: Array, weight: Array | None) -> float:
        """R^2, or the mean of the quantiles' D^2 pinball scores."""
        with np.errstate(under="ignore"):
            if self.levels is None:
                return float(r2_score(y, outputs, sample_weight=weight))
            quantiles = self._by_target(outputs)
            scores = [
                d2_pinball_score(y, quantiles[:, :, q], sample_weight=weight, alpha=level)
                for q, level in enumerate(self.levels)
            ]
            return float(np.mean(scores))

    def validation_metrics(
        self, engine: Evaluator, samples: Samples, rows: Array | None
    ) -> dict[str, float]:
        """Columns of ``history_`` for the validation set."""
        y, weight = samples.y[:, :: self.n_quantiles], samples.weight
        if rows is not None:
            y, weight = y[rows], None if weight is None else weight[rows]
        loss = engine.evaluate(samples, rows)[0]
        score = np.nan
        with unwatched():  # a fit on its way to diverge
            if self.loss_name == "squared_error" and self.n_outputs == 1:
                score = _r2_of_loss(y, loss, weight)
            else:
                outputs = engine.predict(samples.X, rows)
                if np.isfinite(outputs).all():
                    score = (_r2 if self.levels is None else self.score)(y, outputs, weight)
        return {"val_loss": loss, self.score_column: score}

    def to_data(self) -> dict[str, Any]:
        """What of it goes into a file; `from_data` is the way back."""
        return {"levels": self.levels, "is_list": self.is_list}

    @classmethod
    def from_data(cls, n_outputs: int, loss_name: str, data: dict[str, Any]) -> Self:
        """Read what `to_data` has told, which may be anybody's."""
        levels, is_list = data["levels"], data["is_list"]
        sound = levels is None or (
            type(levels) is list
            and len(levels) > 0
            and all(type(level) is float for level in levels)
            and all(low < high for low, high in pairwise([0.0, *levels, 1.0]))
        )
        n_quantiles = len(levels) if sound and levels else 1
        one = n_quantiles == 1
        shaped = type(is_list) is bool and (levels is not None if is_list else one)
        if not sound or not shaped or n_outputs % n_quantiles:
            raise ValueError(f"it has the quantiles {levels!r} for {n_outputs} outputs")
        return cls(n_outputs // n_quantiles, loss_name, levels, is_list=is_list)

    def _by_target(self, outputs: Array) -> Array:
        """Ascending quantiles: (n_samples, n_targets, n_quantiles)."""
        return np.sort(outputs.reshape(len(outputs), self.n_targets, self.n_quantiles), axis=2)


def _r2_of_loss(y: Array, loss: float, weight: Array | None) -> float:
    """R^2 of one target by half the mean squared error, which spares a prediction. y: (n, 1)."""
    if len(y) < 2 or not np.isfinite(loss):
        return np.nan
    y = y.ravel().astype(np.float64)
    variance = np.average((y - np.average(y, weights=weight)) ** 2, weights=weight)
    if variance == 0:
        return 0.0 if loss else 1.0
    return float(1 - 2 * loss / variance)


def _r2(y: Array, predicted: Array, weight: Array | None) -> float:
    """Mean R^2 of the targets. y, predicted: (n_samples, n_targets).

    As scikit-learn's `r2_score`, whose checks take longer than an epoch of a small network.
    """
    if len(y) < 2:
        return np.nan
    w = np.ones((1, 1), y.dtype) if weight is None else weight[:, None]
    residual = (w * (y - predicted) ** 2).sum(axis=0)
    total = (w * (y - np.average(y, axis=0, weights=weight)) ** 2).sum(axis=0)
    varies = total != 0
    of_constants = np.where(residual != 0, 0.0, 1.0)
    return float(np.mean(np.where(varies, 1 - residual / np.where(varies, total, 1), of_constants)))


def as_numbers(y: Any) -> Any:
    """Targets as an array of numbers; what has another form is left to scikit-learn's checks."""
    y = widened(native(y))
    if not isinstance(y, (list, tuple)) and not hasattr(y, "__array__"):
        return y
    with suppress(ValueError):  # ragged
        y = y if isinstance(y, np.ndarray) else np.asarray(y)
    if not isinstance(y, np.ndarray) or y.dtype.kind != "O":
        return y
    try:
        return y.astype(np.float64)  # NaN of None
    except TypeError as error:
        raise TypeError(f"y must hold numbers: {error}") from error
    except OverflowError as error:
        raise ValueError(f"y must hold numbers within float64's range: {error}") from error


def checked_targets(y: Any) -> Array:
    """Check that y holds numbers."""
    if sparse.issparse(y):
        raise TypeError("A sparse y is for labels: targets must be an array. Use y.toarray().")
    if y.dtype.kind not in "fiub":
        raise ValueError(f"y must be numeric, got dtype {y.dtype}.")
    targets: Array = y
    return targets


def checked_targets_of(loss_name: str, y: Any) -> Array:
    """Check that y holds numbers that a loss is defined for; one column becomes a vector."""
    y = checked_targets(y)
    if loss_name == "poisson" and (y < 0).any():
        raise ValueError(f"loss='poisson' requires y >= 0, got a minimum of {y.min()}.")
    if loss_name == "gamma" and (y <= 0).any():
        raise ValueError(f"loss='gamma' requires y > 0, got a minimum of {y.min()}.")
    target: Array = column_or_1d(y, warn=True) if y.ndim == 2 and y.shape[1] == 1 else y
    return target


def n_targets_of(y: Array) -> int:
    """Columns of checked targets."""
    return 1 if y.ndim == 1 else int(y.shape[1])


def standardised(y: Array, weight: Array | None = None) -> tuple[Array, Array, Array]:
    """Each column with mean 0 and variance 1, if it varies; and what was done to it.

    Parameters
    ----------
    y : ndarray of shape (n_samples,) or (n_samples, n_targets)
        Finite.
    weight : ndarray of shape (n_samples,) or None, default=None

    Returns
    -------
    targets : ndarray of shape (n_samples, n_targets)
    mean, deviation : ndarray of shape (n_targets,)
    """
    columns = y.reshape(len(y), -1).astype(np.float64)
    with unwatched():
        exponent = np.frexp(np.abs(columns).max(axis=0))[1]
        columns = np.ldexp(columns, -exponent)  # nothing overflows
        mean = np.average(columns, axis=0, weights=weight)
        columns -= mean
        deviation = np.sqrt(np.average(columns**2, axis=0, weights=weight))
        columns /= np.where(deviation > 0, deviation, 1)
        return columns, np.ldexp(mean, exponent), np.ldexp(deviation, exponent)
