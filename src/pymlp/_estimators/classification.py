"""What a classifier does; `MLPClassifier` adds the parameters."""

from __future__ import annotations

from functools import cached_property
from numbers import Real
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import _fit_context
from sklearn.utils.metaestimators import available_if

from .._core import Loss
from .._data.class_weights import ClassWeight
from .._data.label_arrays import as_labels, distinct
from .._data.label_checks import as_scored, checked_classes, checked_labels
from .._data.labels import Labels, labels_of, labels_of_classes, labels_of_outputs
from .._data.samples import Given
from .._system.arrays import Array, unwatched
from .._system.elsewhere import elsewhere
from .answers import OF_PARTIAL_FIT
from .base import BaseMLP
from .inputs import given_validation_set
from .labels import LabelsMixin
from .options import is_stochastic


class Classifier(LabelsMixin, BaseMLP):
    """Labels to outputs and back around the network of `BaseMLP`."""

    loss: str
    focal_gamma: float
    label_smoothing: float
    class_weight: ClassWeight | None

    @cached_property
    def _target(self) -> Labels:  # type: ignore[override] # it can be set as any attribute
        """What a fit has set, or what follows from attributes that were set by hand."""
        return labels_of_outputs(self.classes_, self.n_outputs_, self.out_activation_)

    @available_if(is_stochastic)
    @_fit_context(prefer_skip_nested_validation=True)
    @elsewhere(**OF_PARTIAL_FIT)
    def partial_fit(
        self,
        X: ArrayLike,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        classes: Any = None,
        *,
        X_val: ArrayLike | None = None,
        y_val: ArrayLike | None = None,
        sample_weight_val: ArrayLike | None = None,
    ) -> Self:
        """Train one epoch, going on from the present weights and optimizer state.

        As in scikit-learn, the learning rate and its schedule are those of the first call.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Training data.
        y : {array-like, sparse matrix} of shape (n_samples,) or (n_samples, n_labels)
            Class labels.
        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative weights; None weighs all samples 1.
        classes : array-like of shape (n_classes,) or list of such, default=None
            All classes that will ever occur, in a list by column of y if that has several;
            needed in the first call.
        X_val : {array-like, sparse matrix} of shape (n_validation, n_features), default=None
            Validation set: scored after the epoch, into `history_`.
        y_val : array-like of shape (n_validation,) or (n_validation, n_outputs), default=None
            Labels or targets of the validation set.
        sample_weight_val : array-like of shape (n_validation,), default=None
            Weights of the validation set.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        ValueError
            If a parameter or the data are not valid, with ``early_stopping=True`` or
            ``class_weight='balanced'``, or if the epoch diverges; the weights then stay as they
            were.
        """
        given_val = given_validation_set(X_val, y_val, sample_weight_val)
        return self._fit(Given(X, y, sample_weight, classes), given_val, incremental=True)

    # --- what differs from the other estimator ---------------------------------------------------

    def _loss_name(self) -> str:
        return self.loss

    def _idle(self, *, is_validated: bool) -> dict[str, str]:
        idle = super()._idle(is_validated=is_validated)
        if self.loss != "focal":
            idle["focal_gamma"] = "loss='focal'"
        return idle

    def _check_options(self) -> None:
        super()._check_options()
        if self.label_smoothing and self.loss != "log_loss":
            raise ValueError(
                "The 'label_smoothing' parameter is for loss='log_loss': with "
                f"loss={self.loss!r} it must be 0. Got {self.label_smoothing!r} instead."
            )
        check_class_weight(self.class_weight)

    def _announce(self, classes: Any, y: Any) -> None:
        """Set `classes_` in the first call of ``partial_fit``; check them in a later one."""
        announced = checked_classes(classes)
        if hasattr(self, "classes_"):
            if classes is not None and not _are_same(announced, self.classes_):
                raise ValueError(
                    f"`classes={classes!r}` is not the same as on last call to partial_fit, was: "
                    f"{self.classes_!r}"
                )
        elif announced is None:
            raise ValueError("classes must be passed on the first call to partial_fit.")
        else:
            self._target = labels_of_classes(announced, y)
            self.classes_ = self._target.classes

    def _as_read(self, y: Any) -> Any:
        return as_labels(y)

    def _as_scored(self, y: Any) -> Any:
        return as_scored(y)

    def _checked_y(self, y: Any) -> Any:
        return checked_labels(y)

    def _set_target(self, y: Any, classes: Any, *, incremental: bool) -> None:
        if incremental:
            self._announce(classes, y)
        if not hasattr(self, "classes_") or not (self.warm_start or incremental):
            self._target = labels_of(y)
            self.classes_ = self._target.classes
        elif self.warm_start and not incremental and not self._target.same_classes(y):
            found = distinct(y) if np.ndim(y) == 1 else f"shape {np.shape(y)}"
            raise ValueError(
                "warm_start can only be used where `y` has the same classes as in the previous "
                f"call to fit. Previously got {self.classes_}, `y` has {found}"
            )
        else:
            self._target.check(y, "y")

    def _encoded(self, y: Any, dtype: Any) -> Array:
        return self._target.encode(y, dtype, self.label_smoothing)

    def _engine_loss(self) -> Loss:
        return self._target.loss(
            self.loss, smoothing=self.label_smoothing, focusing=self.focal_gamma
        )

    def _weigh(self, sample_weight: Array | None, y: Any, *, incremental: bool) -> Array | None:
        if incremental and self.class_weight == "balanced":
            raise ValueError(
                "class_weight 'balanced' is not supported for partial_fit. In order to use "
                "'balanced' weights, use compute_class_weight('balanced', classes=classes, y=y). "
                "In place of y you can use a large enough sample of the full training set target "
                "to properly estimate the class frequency distributions. Pass the resulting "
                "weights as the class_weight parameter."
            )
        return weighed_by_class(sample_weight, self.class_weight, self._target, y)


def check_class_weight(class_weight: Any) -> None:
    """Check the form of the parameter, which may be anything; the classes are not known yet."""
    given = class_weight if isinstance(class_weight, list) else [class_weight]
    for weights in given if class_weight not in (None, "balanced") else []:
        values = list(weights.values()) if isinstance(weights, dict) else [weights]
        if not all(isinstance(value, Real) for value in values):
            raise ValueError(
                "The 'class_weight' parameter must be 'balanced', a dict of numbers >= 0 by "
                f"class, or a list of such. Got {class_weight!r} instead."
            )


def weighed_by_class(
    sample_weight: Array | None, class_weight: ClassWeight | None, target: Labels, y: Any
) -> Array | None:
    """Weights of the samples times those of their classes: (n_samples,)."""
    if class_weight is None:
        return sample_weight
    with unwatched():
        weights = target.class_weights(class_weight, y)
    if not (np.isfinite(weights) & (weights >= 0)).all() or not weights.any():
        raise ValueError(
            "The 'class_weight' parameter must give finite weights >= 0, not all of them 0. "
            f"Got {class_weight!r} instead."
        )
    with unwatched():
        return weights if sample_weight is None else sample_weight * weights


def _are_same(classes: Any, known: Any) -> bool:
    """Tell whether these are the same classes, of one column of y or of each."""
    if isinstance(known, list) and isinstance(classes, list):
        return len(classes) == len(known) and all(map(_are_same, classes, known))
    return not isinstance(classes, list) and np.array_equal(classes, known)
