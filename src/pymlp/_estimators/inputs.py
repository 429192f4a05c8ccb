"""What a fit is given, checked and as the engine reads it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.utils.validation import _check_feature_names

from .._data.checks import arithmetic_type, checked_weight, converted, naming, validated
from .._data.frames import native, rows_of
from .._data.samples import Given, Samples
from .._system.arrays import Array
from .fitted import FittedNetwork


class LabelledInput(FittedNetwork, ABC):
    """The part of the estimators that knows X, y and weights."""

    # --- what differs between classifier and regressor -------------------------------------------

    _y_numeric = False

    @abstractmethod
    def _as_read(self, y: Any) -> Any:
        """Make an array of y, or leave that to scikit-learn's checks."""

    def _as_scored(self, y: Any) -> Any:
        """Make of y what scikit-learn's metrics read as it is meant."""
        return y

    @abstractmethod
    def _checked_y(self, y: Any) -> Any:
        """Check the kind and the values of y."""

    @abstractmethod
    def _set_target(self, y: Any, classes: Any, *, incremental: bool) -> None:
        """Set `_target` (and ``classes_``), or check y against it in a later pass."""

    def _encoded(self, y: Any, dtype: Any) -> Array:
        """Targets as `Samples.y`."""
        return self._target.encode(y, dtype)

    def _weigh(
        self,
        sample_weight: Array | None,
        y: Any,  # noqa: ARG002
        *,
        incremental: bool,  # noqa: ARG002
    ) -> Array | None:
        """Training weights of the samples, with those of their classes."""
        return sample_weight

    # by whoever fits several of us to the same data: as they were given, and X and y as checked
    _checked: Sequence[tuple[Given, Any, Any]] = ()

    def _set_features(self, given: Any, checked: Any) -> None:
        """Set what is known of the features of a first X."""
        _check_feature_names(self, native(given), reset=True)
        self.n_features_in_ = checked.shape[1]

    # --- checks ----------------------------------------------------------------------------------

    def _arithmetic_types(self, *, is_first: bool) -> list[Any]:
        """Types that a model computes in: X's own if it is one of them, else the first."""
        if self.precision is not None:
            return ["float32" if self._in_bf16() else self.precision]
        if is_first:
            return [np.float64, np.float32]
        return [self._fitted_parameters().coefs[0].dtype]  # a model that goes on keeps its type

    def _types_of_fit(self) -> list[Any]:
        """Types that a ``fit`` may compute in."""
        return self._arithmetic_types(is_first=not (hasattr(self, "coefs_") and self.warm_start))

    def _validated_X_y(  # noqa: N802
        self, given: Given, types: list[Any], *, reset: bool
    ) -> tuple[Any, Any]:
        """Check X, to be computed in one of the types, and y, which is left as it is."""
        for known, X, y in self._checked:
            if known.X is given.X and known.y is given.y:
                if reset:
                    self._set_features(given.X, X)
                return X, y
        X, y = validated(
            self,
            given.X,
            self._as_read(given.y),
            types=types,
            reset=reset,
            multi_output=True,
            y_numeric=self._y_numeric,
        )
        return X, self._checked_y(y)

    def _asked(self, given: Given, weight: Array | None, rows: Array | None = None) -> Given:
        """What a scorer is asked: samples as they were given, or some rows of them."""
        if rows is not None and weight is not None:
            weight = weight[rows]
        X, y = rows_of(given.X, rows), rows_of(self._as_scored(given.y), rows)
        return Given(X, y, weight)

    def _training_set(
        self, given: Given, types: list[Any], *, reset: bool, incremental: bool
    ) -> tuple[Samples, Samples]:
        """Check what is trained on, and set the target; once with and once without class weights.

        The second is as a person would weigh the samples who scores them.
        """
        X, y = self._validated_X_y(given, types, reset=reset)
        dtype = arithmetic_type(X, types)
        self._set_target(y, given.classes, incremental=incremental)
        weight = given.weight
        if weight is not None:
            weight = checked_weight(weight, X, "sample_weight")
        targets = self._encoded(y, dtype)
        weights = self._weigh(weight, y, incremental=incremental), weight
        trained, plain = (Samples(X, targets, _laid_out_weight(w, dtype)) for w in weights)
        return trained, plain

    def _validation_set(self, given: Given, dtype: Any) -> Samples:
        """Check a validation set against what has been fitted."""
        with naming("X_val, y_val"):
            X, y = self._validated_X_y(given, [dtype], reset=False)
        self._target.check(y, "y_val")
        weight = given.weight
        with naming("sample_weight_val"):
            if weight is not None:
                weight = checked_weight(weight, X, "sample_weight_val")
            weight = _laid_out_weight(weight, dtype)
        with naming("y_val"):
            return Samples(X, self._encoded(y, dtype), weight)


def _laid_out_weight(sample_weight: Array | None, dtype: Any) -> Array | None:
    if sample_weight is None:
        return None
    # the engine counts numbers below the smallest normal one as 0
    if not (sample_weight >= np.finfo(dtype).tiny).any():
        raise ValueError(
            f"Sample weights must contain at least one non-zero number in {np.dtype(dtype)}."
        )
    return converted(sample_weight, dtype, "sample_weight")


def given_validation_set(X_val: Any, y_val: Any, sample_weight_val: Any) -> Given | None:
    """What of a validation set is given: all that it needs, or nothing."""
    if (X_val is None) != (y_val is None):
        raise ValueError("X_val and y_val must be given together.")
    if X_val is not None:
        return Given(X_val, y_val, sample_weight_val)
    if sample_weight_val is not None:
        raise ValueError("sample_weight_val needs X_val and y_val.")
    return None
