"""What a classifier's labels are to the network's outputs, and back."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from typing import Any, Literal

import numpy as np
from numpy.typing import DTypeLike
from scipy import sparse
from sklearn.utils import column_or_1d
from sklearn.utils.class_weight import compute_class_weight, compute_sample_weight
from sklearn.utils.multiclass import (
    check_classification_targets,
    type_of_target,
    unique_labels,
)

from .._core import Loss
from .._files.values import NotDataError, decoded, encoded
from .._system.arrays import Array
from .samples import Samples
from .targets import Evaluator, Target

LOSSES = {"log_loss": "cross_entropy", "focal": "focal", "hinge": "hinge"}  # to the engine's names
ClassWeight = dict[Any, float] | list[dict[Any, float]] | Literal["balanced"]


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
        # scikit-learn's rule: it stratifies by its one-column targets, that is with two classes
        return encoded > 0.5 if self.n_outputs == 1 else None

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
        try:
            return {"target": type(self).__name__, "classes": encoded(self.classes)}
        except NotDataError as error:
            raise ValueError(
                f"classes_ must be numbers or strings to be saved: {error}."
            ) from error


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
        if np.ndim(y) != 1:
            raise ValueError(
                f"`{name}` must hold one label a sample, as in the previous call. "
                f"Got {_kind_of(y)} targets of shape {np.shape(y)} instead."
            )
        found: Array = unique_labels(y)
        if len(np.setdiff1d(found, self.classes, assume_unique=True)):
            raise ValueError(
                f"`{name}` has classes not in `self.classes_`. `self.classes_` has "
                f"{self.classes}. '{name}' has {found}."
            )

    def same_classes(self, y: Any) -> bool:
        """Tell whether y holds all the classes and no other."""
        return np.ndim(y) == 1 and set(unique_labels(y)) == set(self.classes)

    def numbers(self, y: Array) -> Array:
        """Positions of the labels in `classes`."""
        return np.searchsorted(self.classes, y)

    def encode(self, y: Any, dtype: DTypeLike, smoothing: float = 0.0) -> Array:
        """Class numbers (n_samples,), or with two classes 0 and 1 as (n_samples, 1)."""
        numbers = self.numbers(y)
        if self.n_outputs == 1:
            return _smoothed(numbers.astype(dtype).reshape(-1, 1), smoothing)
        return numbers.astype(np.int32)

    def decode(self, outputs: Array, threshold: float) -> Array:
        """Labels of the network's outputs."""
        if len(self.classes) == 1:
            return np.repeat(self.classes, len(outputs))
        if self.n_outputs == 1:
            labels: Array = self.classes[(outputs.ravel() > threshold).astype(int)]
        else:
            labels = self.classes[outputs.argmax(axis=1)]
        return labels

    def class_weights(self, class_weight: ClassWeight, y: Any) -> Array:
        """Weight of each sample by its class."""
        if isinstance(class_weight, list):
            raise ValueError(
                "The 'class_weight' parameter must be 'balanced' or a dict, where a sample has one "
                f"label. Got {class_weight!r} instead."
            )
        if isinstance(class_weight, dict):
            unknown = [name for name in class_weight if name not in self.classes.tolist()]
            if unknown:
                raise ValueError(
                    f"The 'class_weight' parameter names {unknown}, not among the classes "
                    f"{self.classes.tolist()}. Classes left out weigh 1."
                )
        weights = compute_class_weight(class_weight, classes=self.classes, y=y)
        return weights[self.numbers(y)]  # type: ignore[no-any-return]

    def probabilities(self, outputs: Array) -> Array:
        """Probabilities of the classes."""
        return np.hstack([1 - outputs, outputs]) if self.n_outputs == 1 else outputs

    def scores(self, outputs: Array) -> Array:
        """Scores of the classes; of the second one only if there are two."""
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
                f"and 1, as in the previous call. Got {_kind_of(y)} targets of shape "
                f"{np.shape(y)} instead."
            )

    def same_classes(self, y: Any) -> bool:
        """Tell whether y has the same labels."""
        return _kind_of(y) == "multilabel-indicator" and bool(y.shape[1] == self.n_outputs)

    def encode(self, y: Any, dtype: DTypeLike, smoothing: float = 0.0) -> Array:
        """Zeros and ones: (n_samples, n_labels)."""
        dense = y.toarray() if sparse.issparse(y) else y
        return _smoothed(np.require(dense != 0, dtype=dtype, requirements="C"), smoothing)

    def decode(self, outputs: Array, threshold: float) -> Any:
        """Labels of the network's outputs."""
        labels = (outputs > threshold).astype(int)
        return sparse.csr_matrix(labels) if self.is_sparse else labels

    def class_weights(self, class_weight: ClassWeight, y: Any) -> Array:
        """Product over the labels of their classes' weights."""
        return compute_sample_weight(class_weight, y)  # type: ignore[no-any-return]

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

    def check_shape(self, y: Array, name: str) -> None:
        """Check that y has a column an output."""
        if np.ndim(y) != 2 or y.shape[1] != len(self.classes):
            raise ValueError(
                f"`{name}` must have {len(self.classes)} columns of labels. "
                f"Got an array of shape {np.shape(y)} instead."
            )

    def check(self, y: Any, name: str) -> None:
        """Check that y holds nothing but known classes."""
        self.check_shape(y, name)
        for k, classes in enumerate(self.classes):
            found = np.unique(y[:, k])
            if not np.isin(found, classes).all():
                raise ValueError(
                    f"`{name}` has classes not in `self.classes_`. In column {k} "
                    f"`self.classes_` has {classes}. '{name}' has {found}."
                )

    def same_classes(self, y: Any) -> bool:
        """Tell whether y holds all the classes and no other."""
        return (
            np.ndim(y) == 2
            and y.shape[1] == len(self.classes)
            and all(
                np.array_equal(np.unique(y[:, k]), classes)
                for k, classes in enumerate(self.classes)
            )
        )

    def encode(self, y: Any, dtype: DTypeLike, smoothing: float = 0.0) -> Array:  # noqa: ARG002
        """Class numbers: (n_samples, n_labels)."""
        numbers = [np.searchsorted(c, y[:, k]) for k, c in enumerate(self.classes)]
        return np.stack(numbers, axis=1).astype(np.int32)

    def decode(self, outputs: Array, threshold: float) -> Array:  # noqa: ARG002
        """Labels of the network's outputs."""
        columns = [
            c[part.argmax(axis=1)]
            for c, part in zip(self.classes, self.probabilities(outputs), strict=True)
        ]
        kinds = {c.dtype.kind for c in columns}
        return np.stack([c if len(kinds) == 1 else c.astype(object) for c in columns], axis=1)

    def class_weights(self, class_weight: ClassWeight, y: Any) -> Array:
        """Product over the labels of their classes' weights."""
        if class_weight != "balanced" and (
            not isinstance(class_weight, list) or len(class_weight) != len(self.classes)
        ):
            raise ValueError(
                "The 'class_weight' parameter must be 'balanced' or a list of "
                f"{len(self.classes)} dicts, one a column of y. Got {class_weight!r} instead."
            )
        return np.prod(  # type: ignore[no-any-return]
            [
                SingleLabel(c).class_weights(
                    class_weight if class_weight == "balanced" else class_weight[k], y[:, k]
                )
                for k, c in enumerate(self.classes)
            ],
            axis=0,
        )

    def probabilities(self, outputs: Array) -> list[Array]:
        """Probabilities of each output's classes."""
        return np.split(outputs, self.groups[1:-1], axis=1)

    def scores(self, outputs: Array) -> list[Array]:
        """Scores of each output's classes."""
        return self.probabilities(outputs)


def checked_labels(y: Any) -> Any:
    """Check that y holds labels; a single column becomes one-dimensional."""
    if y.ndim == 2 and y.shape[1] == 1:
        y = column_or_1d(y.toarray() if sparse.issparse(y) else y, warn=True)
    check_labels(y, check_classification_targets)  # which warns of nearly as many as samples
    return y


def check_labels(y: Any, check_kind: Callable[[Any], Any] = type_of_target) -> None:
    """Check that y holds labels that can be sorted, none of them missing."""
    if sparse.issparse(y) and not np.isin(y.data, (0, 1)).all():
        raise ValueError(
            "A sparse y must be a label indicator matrix of zeros and ones. Use y.toarray() for "
            "several labels a sample."
        )
    if getattr(y, "dtype", np.dtype(int)).kind in "mM" and np.isnat(y).any():
        raise ValueError("Input y contains NaT.")
    try:
        if not _is_mixed(y):
            check_kind(y)
        elif any(value is None or value != value for value in y.flat):  # noqa: PLR0124 - NaN
            raise ValueError("Input y contains None or NaN.")
    except TypeError as error:  # labels that cannot be compared, pandas.NA among them
        raise TypeError(f"y must hold labels that can be sorted: {error}") from error


def labels_of(y: Any) -> Labels:
    """Find the target of checked labels."""
    kind = _kind_of(y)
    if kind == "multilabel-indicator":
        return Indicator(y.shape[1], sparse.issparse(y))
    if kind == "multiclass-multioutput":
        return MultiOutput([np.unique(column) for column in y.T])
    return SingleLabel(unique_labels(y))


def labels_of_classes(classes: Any, y: Any) -> Labels:
    """Find the target that the first call of ``partial_fit`` announces.

    Parameters
    ----------
    classes : array-like of shape (n_classes,), or list of such, one a column of y
    y : array-like
        Its first labels, which tell a label indicator matrix.
    """
    if is_nested(classes):
        return MultiOutput([np.unique(column) for column in classes])
    if _kind_of(y) == "multilabel-indicator":
        if not np.array_equal(classes, np.arange(y.shape[1])):
            raise ValueError(
                "classes must be the columns' numbers for label indicator targets, "
                f"0 to {y.shape[1] - 1}. Got {classes!r} instead."
            )
        return Indicator(y.shape[1], sparse.issparse(y))
    return SingleLabel(unique_labels(classes))


def labels_from_data(n_outputs: int, data: dict[str, Any]) -> Labels:
    """Read what `Labels.to_data` has told, which may be anybody's."""
    found: Labels
    if data["target"] == "Indicator":
        if type(data["is_sparse"]) is not bool:
            raise ValueError(f"it holds {data['is_sparse']!r} where there should be bool")
        found = Indicator(n_outputs, data["is_sparse"])
    elif data["target"] == "SingleLabel":
        found = SingleLabel(_checked_classes(decoded(data["classes"])))
    elif data["target"] == "MultiOutput":
        classes = decoded(data["classes"])
        if type(classes) is not list:
            raise ValueError(f"it holds {classes!r} where there should be list")
        found = MultiOutput([_checked_classes(c) for c in classes])
    else:
        raise ValueError(f"it names {data['target']!r}, which is no kind of labels")
    if found.n_outputs != n_outputs:
        raise ValueError(f"its classes need {found.n_outputs} outputs, its network has {n_outputs}")
    return found


def _checked_classes(classes: Any) -> Array:
    if type(classes) is not np.ndarray:
        raise ValueError(f"it holds {classes!r} where there should be ndarray")
    if classes.ndim != 1 or not len(classes) or not np.array_equal(np.unique(classes), classes):
        raise ValueError("its classes are not a list of distinct ones in ascending order")
    return classes


def check_classes(classes: Any) -> None:
    """Check that the classes of ``partial_fit`` are such, whatever the labels are."""
    if classes is None:
        return
    try:
        lists = list(classes) if is_nested(classes) else [classes]
        sound = all(np.ndim(c) == 1 and len(c) > 0 for c in lists)
        for one in lists if sound else []:
            np.unique(one)  # which compares them
    except (TypeError, ValueError):  # also: no length, ragged
        sound = False
    if not sound:
        raise ValueError(
            "`classes` must be an array-like of sortable labels, or a list of such, one a "
            f"column of y. Got {classes!r} instead."
        )


def is_nested(classes: Any) -> bool:
    """Tell whether these are the classes of several outputs."""
    return classes is not None and len(classes) > 0 and all(np.ndim(c) == 1 for c in classes)


def _kind_of(y: Any) -> str:
    """scikit-learn's name of the kind of labels."""
    return "multiclass-multioutput" if _is_mixed(y) else str(type_of_target(y))


def _is_mixed(y: Any) -> bool:
    """Tell whether columns may hold labels of different types, which scikit-learn does not know."""
    return isinstance(y, np.ndarray) and y.dtype.kind == "O" and y.ndim == 2


def _smoothed(y: Array, smoothing: float) -> Array:
    """Targets 0 and 1 drawn towards one half (Szegedy et al. 2016, for two classes)."""
    return y * y.dtype.type(1 - smoothing) + y.dtype.type(smoothing / 2) if smoothing else y
