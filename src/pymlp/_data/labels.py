"""What a classifier's labels are to the network's outputs, and back."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, Literal

import numpy as np
from numpy.typing import DTypeLike
from scipy import sparse

from .._core import Loss
from .._system.arrays import Array
from .class_weights import ClassWeight, weights_by_class, weights_by_classes
from .label_arrays import (
    as_labels,
    as_objects,
    as_text,
    check_room,
    column_of,
    distinct,
    have_one_type,
    is_binary,
    positions,
)
from .label_checks import check_labels, dense
from .label_data import classes_from_data, classes_to_data, sorted_classes
from .samples import Samples
from .targets import Evaluator, Target

LOSSES = {"log_loss": "cross_entropy", "focal": "focal", "hinge": "hinge"}  # to the engine's names


class Labels(Target):
    """The classes of a classifier and how outputs encode them.

    Attributes
    ----------
    classes : ndarray or list of ndarray
        The estimator's ``classes_``.
    family : {'logistic', 'softmax'}
        One logistic an output, or one softmax a group of outputs.
    """

    classes: Any
    family: Literal["logistic", "softmax"] = "logistic"
    score_column = "val_accuracy"

    @property
    def output_activations(self) -> tuple[str, ...]:
        """Activations that the output may have: of the losses, and of hinge's scores."""
        return (self.family, "identity")

    @abstractmethod
    def same_classes(self, y: Any) -> bool:
        """Tell whether y holds all the classes and no other."""

    @abstractmethod
    def right(self, y: Any, predicted: Any) -> Array:
        """Tell of each sample whether its labels in y, of which some may be new, are predicted."""

    @abstractmethod
    def decode(self, outputs: Array, threshold: float) -> Any:
        """Labels of the network's outputs: (n_samples,) or (n_samples, n_labels)."""

    @abstractmethod
    def class_weights(self, class_weight: ClassWeight, y: Any) -> Array:
        """Weight of each sample by its class: (n_samples,)."""

    def probabilities(self, outputs: Array) -> Any:
        """Probabilities of the classes: (n_samples, n_classes), or a list of such."""
        return outputs

    def scores(self, outputs: Array) -> Any:
        """Scores of the classes as scikit-learn shapes a ``decision_function``."""
        return outputs

    def loss(self, name: str, *, smoothing: float, focusing: float) -> Loss:
        """Loss of the engine for one of `LOSSES`."""
        softmax = self.family == "softmax"
        return Loss(
            f"{self.family}_{LOSSES[name]}",
            groups=list(self.groups),
            smoothing=float(smoothing) if softmax else 0.0,  # else it lies in the targets
            focusing=float(focusing),
        )

    def strata(self, encoded: Array) -> Array | None:
        """Labels by which the validation split is stratified."""
        # scikit-learn's rule: it stratifies by its one-column targets, that is with two classes; in
        # its words for errors, which it would make of each row
        return np.where(encoded.ravel() > 0.5, "True", "False") if self.n_outputs == 1 else None

    def training_metrics(self, accuracy: float) -> dict[str, float]:
        """Further columns of ``history_`` for the training set."""
        return {"accuracy": accuracy}

    def validation_metrics(
        self, engine: Evaluator, samples: Samples, rows: Array | None
    ) -> dict[str, float]:
        """Columns of ``history_`` for the validation set: some rows of the samples, or all."""
        loss, accuracy = engine.evaluate(samples, rows)
        return {"val_loss": loss, "val_accuracy": accuracy}

    def to_data(self) -> dict[str, Any]:
        """What of it goes into a file; `labels_from_data` is the way back."""
        return {"target": type(self).__name__, "classes": classes_to_data(self.classes)}


class SingleLabel(Labels):
    """One label a sample, of two classes (one output) or more (a softmax).

    Parameters
    ----------
    classes : ndarray of shape (n_classes,)
        In ascending order.
    """

    classes: Array

    def __init__(self, classes: Array) -> None:
        self.classes = classes
        self.n_outputs = 1 if len(classes) <= 2 else len(classes)
        self.family = "logistic" if self.n_outputs == 1 else "softmax"

    def check(self, y: Any, name: str) -> None:
        """Check that y holds nothing but known classes."""
        if (self.numbers(y, name) < 0).any():
            raise ValueError(
                f"`{name}` has classes not in `self.classes_`. `self.classes_` has "
                f"{self.classes}. '{name}' has {distinct(y)}."
            )

    def same_classes(self, y: Any) -> bool:
        """Tell whether y holds all the classes and no other."""
        return np.ndim(y) == 1 and _are_all(self.numbers(y), self.classes)

    def right(self, y: Any, predicted: Any) -> Array:
        """Tell of each sample whether its label in y, which may be a new one, is predicted."""
        right: Array = self.numbers(y) == self.numbers(predicted)
        return right

    def numbers(self, y: Any, name: str = "y") -> Array:
        """Positions of the labels in `classes`; of new ones -1."""
        if np.ndim(y) != 1:
            raise ValueError(
                f"`{name}` must hold one label a sample, as in the previous call, labels of the "
                f"type of `classes_`. Got an array of shape {np.shape(y)} instead."
            )
        return positions(y, self.classes, name)

    def absent(self, y: Any) -> list[Any]:
        """Classes that y, as it was given, lacks and a score may need."""
        present = self.numbers(check_labels(as_labels(y)))
        return np.delete(self.classes, distinct(present)).tolist()

    def encode(self, y: Any, dtype: DTypeLike, smoothing: float = 0.0) -> Array:
        """Class numbers (n_samples,), or with two classes 0 and 1 as (n_samples, 1)."""
        numbers = self.numbers(y)
        if self.n_outputs == 1:
            return _smoothed(numbers.astype(dtype).reshape(-1, 1), smoothing)
        return numbers.astype(np.int32)

    def decode(self, outputs: Array, threshold: float) -> Array:
        """Labels of the network's outputs."""
        check_room([self.classes], len(outputs))
        if len(self.classes) == 1:
            return np.repeat(self.classes, len(outputs))
        if self.n_outputs == 1:
            labels: Array = self.classes[(outputs.ravel() > threshold).astype(int)]
        else:
            labels = self.classes[outputs.argmax(axis=1)]
        return labels

    def class_weights(self, class_weight: ClassWeight, y: Any) -> Array:
        """Weight of each sample by its class."""
        return weights_by_class(class_weight, self.numbers(y), self.classes)

    def probabilities(self, outputs: Array) -> Array:
        """Probabilities of the classes."""
        if len(self.classes) == 1:
            return np.ones_like(outputs)
        return np.hstack([1 - outputs, outputs]) if self.n_outputs == 1 else outputs

    def scores(self, outputs: Array) -> Array:
        """Scores of the classes; of the second one only if there are two."""
        if len(self.classes) == 1:
            return -outputs
        return outputs.ravel() if self.n_outputs == 1 else outputs


class Indicator(Labels):
    """Any number of labels a sample, as a matrix of zeros and ones: one logistic a label.

    Parameters
    ----------
    n_labels : int
    is_sparse : bool
        Were the labels given as a sparse matrix? Then predictions are one, too.
    """

    def __init__(self, n_labels: int, is_sparse: bool) -> None:
        self.classes = np.arange(n_labels)
        self.n_outputs = n_labels
        self.is_sparse = is_sparse

    def check(self, y: Any, name: str) -> None:
        """Check that y is an indicator matrix of as many labels."""
        if not self.same_classes(y):
            raise ValueError(
                f"`{name}` must be a label indicator matrix with {self.n_outputs} columns of 0 "
                f"and 1, as in the previous call. Got targets of shape {np.shape(y)} instead."
            )

    def same_classes(self, y: Any) -> bool:
        """Tell whether y has the same labels."""
        return _is_indicator(y) and bool(y.shape[1] == self.n_outputs)

    def right(self, y: Any, predicted: Any) -> Array:
        """Tell of each sample whether all its labels are predicted."""
        self.check(y, "y")
        right: Array = (dense(y) == dense(predicted)).all(axis=1)
        return right

    def encode(self, y: Any, dtype: DTypeLike, smoothing: float = 0.0) -> Array:
        """Zeros and ones: (n_samples, n_labels)."""
        return _smoothed(np.require(dense(y), dtype=dtype, requirements="C"), smoothing)

    def decode(self, outputs: Array, threshold: float) -> Any:
        """Labels of the network's outputs."""
        labels = (outputs > threshold).astype(int)
        return sparse.csr_matrix(labels) if self.is_sparse else labels

    def class_weights(self, class_weight: ClassWeight, y: Any) -> Array:
        """Product over the labels of their classes' weights."""
        numbers = dense(y).astype(np.intp)
        return weights_by_classes(class_weight, numbers, [np.arange(2)] * self.n_outputs)

    def to_data(self) -> dict[str, Any]:
        """What of it goes into a file."""
        return {"target": type(self).__name__, "is_sparse": self.is_sparse}


class MultiOutput(Labels):
    """Several labels a sample, each of classes of its own: one softmax each.

    Parameters
    ----------
    classes : list of ndarray of shape (n_classes,)
        Of each output, in ascending order.
    """

    family = "softmax"

    def __init__(self, classes: list[Array]) -> None:
        self.classes = classes
        sizes = [len(c) for c in classes]
        self.n_outputs = sum(sizes)
        self.groups = tuple(int(n) for n in np.cumsum([0, *sizes]))

    def check(self, y: Any, name: str) -> None:
        """Check that y holds nothing but known classes."""
        for k, numbers in enumerate(self.numbers(y, name).T):
            if (numbers < 0).any():
                raise ValueError(
                    f"`{name}` has classes not in `self.classes_`. In column {k} `self.classes_` "
                    f"has {self.classes[k]}. '{name}' has {distinct(column_of(y, k))}."
                )

    def same_classes(self, y: Any) -> bool:
        """Tell whether y holds all the classes and no other."""
        same_shape = np.ndim(y) == 2 and y.shape[1] == len(self.classes)
        return same_shape and all(map(_are_all, self.numbers(y).T, self.classes))

    def right(self, y: Any, predicted: Any) -> Array:
        """Tell of each sample whether all its labels in y, some may be new, are predicted."""
        right: Array = (self.numbers(y) == self.numbers(predicted)).all(axis=1)
        return right

    def numbers(self, y: Any, name: str = "y") -> Array:
        """Positions of the labels in the classes of their column; of new ones -1."""
        if np.ndim(y) != 2 or y.shape[1] != len(self.classes):
            raise ValueError(
                f"`{name}` must have {len(self.classes)} columns of labels. "
                f"Got an array of shape {np.shape(y)} instead."
            )
        columns = (
            positions(column_of(y, k), c, f"{name}[:, {k}]") for k, c in enumerate(self.classes)
        )
        return np.stack([*columns], axis=1)

    def encode(self, y: Any, dtype: DTypeLike, smoothing: float = 0.0) -> Array:  # noqa: ARG002
        """Class numbers: (n_samples, n_labels)."""
        return self.numbers(y).astype(np.int32)

    def decode(self, outputs: Array, threshold: float) -> Array:  # noqa: ARG002
        """Labels of the network's outputs."""
        alike = have_one_type(self.classes)
        tables = self.classes if alike else [as_objects(classes) for classes in self.classes]
        check_room(tables, len(outputs))
        parts = zip(tables, self.probabilities(outputs), strict=True)
        return np.stack([table[part.argmax(axis=1)] for table, part in parts], axis=1)

    def class_weights(self, class_weight: ClassWeight, y: Any) -> Array:
        """Product over the labels of their classes' weights."""
        return weights_by_classes(class_weight, self.numbers(y), self.classes)

    def probabilities(self, outputs: Array) -> list[Array]:
        """Probabilities of each output's classes."""
        return np.split(outputs, self.groups[1:-1], axis=1)

    def scores(self, outputs: Array) -> list[Array]:
        """Scores of each output's classes."""
        return self.probabilities(outputs)


def labels_of(y: Any) -> Labels:
    """Find the target of checked labels."""
    if _is_indicator(y):
        return Indicator(y.shape[1], sparse.issparse(y))
    if y.ndim == 2:
        return MultiOutput([distinct(column_of(y, k)) for k in range(y.shape[1])])
    return SingleLabel(as_text(distinct(y)))


def labels_of_classes(classes: Any, y: Any) -> Labels:
    """Find the target that the first call of ``partial_fit`` announces.

    Parameters
    ----------
    classes : ndarray of shape (n_classes,), or list of such, one a column of y
        As `checked_classes` makes them.
    y : ndarray or sparse matrix
        Its first labels, which tell a label indicator matrix.
    """
    if isinstance(classes, list):
        return MultiOutput(classes)
    if _is_indicator(y):
        if not np.array_equal(classes, np.arange(y.shape[1])):
            raise ValueError(
                "classes must be the columns' numbers for label indicator targets, "
                f"0 to {y.shape[1] - 1}. Got {classes!r} instead."
            )
        return Indicator(y.shape[1], sparse.issparse(y))
    return SingleLabel(classes)


def labels_of_outputs(classes: Any, n_outputs: int, output: str) -> Labels:
    """Find the target of a network whose attributes were set by hand.

    Parameters
    ----------
    classes : array-like of shape (n_classes,), or list of such
    n_outputs : int
    output : str
        Activation of the output; a logistic of its own for each class tells an indicator matrix.
    """
    found: Labels
    if all(np.ndim(column) == 1 for column in classes):
        found = MultiOutput([sorted_classes(column) for column in classes])
    else:
        found = SingleLabel(sorted_classes(classes))
        shares_no_output = output == "logistic" or found.n_outputs != n_outputs
        if n_outputs == len(classes) > 1 and shares_no_output:
            found = Indicator(n_outputs, is_sparse=False)
    if found.n_outputs != n_outputs:
        raise ValueError(f"classes_ needs {found.n_outputs} outputs, n_outputs_ is {n_outputs}.")
    return found


def labels_from_data(n_outputs: int, data: dict[str, Any]) -> Labels:
    """Read what `Labels.to_data` has told, which may be anybody's."""
    found: Labels
    if data["target"] == "Indicator":
        if type(data["is_sparse"]) is not bool:
            raise ValueError(f"it holds {data['is_sparse']!r} where there should be bool")
        found = Indicator(n_outputs, data["is_sparse"])
    elif data["target"] == "SingleLabel":
        found = SingleLabel(classes_from_data(data["classes"]))
    elif data["target"] == "MultiOutput":
        columns = data["classes"]
        if type(columns) is not list:
            raise ValueError(f"it holds {columns!r} where there should be list")
        found = MultiOutput([classes_from_data(column) for column in columns])
    else:
        raise ValueError(f"it names {data['target']!r}, which is no kind of labels")
    if found.n_outputs != n_outputs:
        raise ValueError(f"its classes need {found.n_outputs} outputs, its network has {n_outputs}")
    return found


def _is_indicator(y: Any) -> bool:
    """Tell whether y is a matrix of zeros and ones; those of two other labels are none."""
    return np.ndim(y) == 2 and y.shape[1] > 1 and (sparse.issparse(y) or is_binary(y))


def _are_all(numbers: Array, classes: Array) -> bool:
    """Tell whether each class occurs, and nothing else."""
    return np.array_equal(np.unique(numbers), np.arange(len(classes)))


def _smoothed(y: Array, smoothing: float) -> Array:
    """Targets 0 and 1 drawn towards one half (Szegedy et al. 2016, for two classes)."""
    return y * y.dtype.type(1 - smoothing) + y.dtype.type(smoothing / 2) if smoothing else y
