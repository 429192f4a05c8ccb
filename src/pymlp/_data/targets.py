"""What a network's outputs mean: all that depends on the kind of targets."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, Protocol

from numpy.typing import DTypeLike

from .._system.arrays import Array
from .samples import Samples


class Evaluator(Protocol):
    """What a validation set is measured by: the engine."""

    def evaluate(self, samples: Samples, rows: Array | None) -> tuple[float, float]:
        """Mean loss without the penalty, and accuracy."""

    def predict(self, X: Any, rows: Array | None) -> Array:
        """Outputs: (n, n_outputs)."""


class Target(ABC):
    """What the outputs of a network stand for.

    Attributes
    ----------
    n_outputs : int
        Outputs of the network.
    groups : tuple of int
        Boundaries of the groups of outputs that each make up a softmax; empty for a single one.
    score_column : str
        Name in ``history_`` of the estimator's score of the validation set.
    """

    n_outputs: int
    groups: tuple[int, ...] = ()
    score_column: str

    @property
    @abstractmethod
    def output_activations(self) -> tuple[str, ...]:
        """Activations that the output may have."""

    @abstractmethod
    def check(self, y: Any, name: str) -> None:
        """Check that y holds nothing that the targets do not cover."""

    @abstractmethod
    def encode(self, y: Any, dtype: DTypeLike, smoothing: float = 0.0) -> Array:
        """Targets as `Samples.y`."""

    @abstractmethod
    def validation_metrics(
        self, engine: Evaluator, samples: Samples, rows: Array | None
    ) -> dict[str, float]:
        """Columns of ``history_`` for the validation set: some rows of the samples, or all."""

    @abstractmethod
    def to_data(self) -> dict[str, Any]:
        """What of it goes into a file, as JSON."""

    def absent(self, y: Any) -> list[Any]:  # noqa: ARG002
        """Classes that y, as it was given, lacks and a score may need."""
        return []

    def strata(self, encoded: Array) -> Array | None:  # noqa: ARG002
        """Labels by which the validation split is stratified."""
        return None

    def training_metrics(self, accuracy: float) -> dict[str, float]:  # noqa: ARG002
        """Further columns of ``history_`` for the training set."""
        return {}
