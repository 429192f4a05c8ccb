"""The course of an ensemble's fit, and of its predictions."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections import Counter
from functools import partial
from numbers import Integral
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, MetaEstimatorMixin, _fit_context, clone
from sklearn.utils import Tags, check_random_state, get_tags
from sklearn.utils._param_validation import Interval
from sklearn.utils.validation import _check_feature_names, check_is_fitted

from .. import _core
from .._data.frames import native
from .._data.samples import Given
from .._data.validation import arithmetic_type, checked_weight, naming, validated
from .._system.arrays import Array
from .._system.memory import check_memory
from .._system.messages import warn
from .._system.threads import Fitted, fit_side_by_side, limited_threads
from .base import BaseMLP
from .inputs import given_validation_set
from .options import check_parameter
from .saving import Savable

MEMBER_BYTES = 2**14  # at least: a fitted estimator and its smallest arrays


class Ensemble(Savable, MetaEstimatorMixin, BaseEstimator, ABC):
    """Base of the ensembles; use `MLPEnsembleClassifier` or `MLPEnsembleRegressor`."""

    estimators_: list[Any]

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "n_members": [Interval(Integral, 1, None, closed="left")],
        "bootstrap": ["boolean"],
        "random_state": ["random_state"],
        "n_threads": [None, Interval(Integral, 1, None, closed="left")],
    }

    def __init__(
        self,
        estimator: BaseMLP | None = None,
        *,
        n_members: int = 8,
        bootstrap: bool = False,
        random_state: int | np.random.RandomState | None = None,
        n_threads: int | None = None,
    ) -> None:
        self.estimator = estimator
        self.n_members = n_members
        self.bootstrap = bootstrap
        self.random_state = random_state
        self.n_threads = n_threads

    @abstractmethod
    def _template(self) -> BaseMLP:
        """The estimator that the members are clones of."""

    def _adopt(self, member: Any) -> None:
        """Set the attributes that all members share."""
        self.n_outputs_ = member.n_outputs_
        self._target = member._target

    @_fit_context(prefer_skip_nested_validation=True)  # of the members: once, in fit
    def fit(
        self,
        X: ArrayLike,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        *,
        X_val: ArrayLike | None = None,
        y_val: ArrayLike | None = None,
        sample_weight_val: ArrayLike | None = None,
    ) -> Self:
        """Train the members from new weights.

        Ctrl-C ends the training as it ends that of a single network: members that have been
        trained for an epoch at least are kept as they are, the others are left out, and a warning
        says so. If there is none the KeyboardInterrupt goes on.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Training data; float32 is trained in float32, anything else in float64, unless the
            members' `precision` says otherwise. No member copies it.
        y : {array-like, sparse matrix} of shape (n_samples,) or (n_samples, n_outputs)
            Labels or targets, as the members take them.
        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative weights; None weighs all samples 1.
        X_val : {array-like, sparse matrix} of shape (n_validation, n_features), default=None
            Validation set: scored after every epoch, and used by the members' early stopping.
        y_val : array-like of shape (n_validation,) or (n_validation, n_outputs), default=None
            Its labels or targets.
        sample_weight_val : array-like of shape (n_validation,), default=None
            Weights of the validation set.

        Returns
        -------
        self : object
            The fitted ensemble.

        Raises
        ------
        ValueError
            If a parameter or the data are not valid, or if a member's first epoch diverges. The
            ensemble is then as it was before the call.
        MemoryError
            If there is less memory than the network needs.

        Warns
        -----
        ConvergenceWarning
            What members warn of, once for all, with the number of members.
        """
        template = clone(self._template())
        template._validate_params()
        types = template._arithmetic_types()
        data, target = template._validated_X_y(Given(X, y), types, reset=True)
        given_val = given_validation_set(X_val, y_val, sample_weight_val)
        if given_val is not None:
            with naming("X_val, y_val"):
                dtype = arithmetic_type(data, types)
                X_val, y_val = template._validated_X_y(given_val, [dtype], reset=False)

        def fit_member(seed: int) -> Any:
            weight = sample_weight
            if self.bootstrap:
                weight = _bootstrapped(seed, sample_weight, data)
            member = clone(template).set_params(random_state=seed)
            try:
                return member.fit(
                    data,
                    target,
                    weight,
                    X_val=X_val,
                    y_val=y_val,
                    sample_weight_val=sample_weight_val,
                )
            except Exception as error:
                error.add_note(f"Raised by the member with random_state={seed}.")
                raise

        check_memory(self.n_members * MEMBER_BYTES, f"An ensemble of n_members={self.n_members}")
        rng = check_random_state(self.random_state)
        seeds = [rng.randint(np.iinfo(np.int32).max) for _ in range(self.n_members)]
        # more than a few a core only wait for each other
        most = max(64, 4 * (os.cpu_count() or 1))
        n_threads = min(self.n_threads or _core.max_threads(), most)
        n_workers = max(1, min(self.n_members, n_threads // (template.n_threads or 1)))
        fitted, interrupted = fit_side_by_side(
            [partial(fit_member, seed) for seed in seeds],
            n_workers=n_workers,
            n_threads=max(1, n_threads // n_workers),
        )
        if interrupted:
            fitted = self._trained(fitted)
        for warned, count in Counter(w for f in fitted for w in dict.fromkeys(f.warned)).items():
            message = f"{count} of {self.n_members} members: {warned.message}"
            warn(message, warned.category)
        self.estimators_ = [f.estimator for f in fitted]
        _check_feature_names(self, native(X), reset=True)
        self.n_features_in_ = data.shape[1]
        self._adopt(self.estimators_[0])
        return self

    def _trained(self, fitted: list[Fitted]) -> list[Fitted]:
        """Leave out whom an interrupt met before the end of the first epoch."""
        trained = [f for f in fitted if f.estimator.n_iter_ > 0]
        if not trained:
            raise KeyboardInterrupt
        warn(f"Training interrupted by user: {len(trained)} of {self.n_members} members are kept.")
        return trained

    def _of_members(self, method: str, X: Any) -> Array:
        """What a method of each member returns: (n_members, n_samples, ...)."""
        check_is_fitted(self)
        check_parameter(self, "n_threads")  # may have been set since
        dtype = self.estimators_[0].coefs_[0].dtype
        X = validated(self, X, types=[dtype], reset=False)
        with limited_threads(self.n_threads and min(self.n_threads, 2**31 - 1)):
            return np.stack([getattr(member, method)(X) for member in self.estimators_])

    def __sklearn_tags__(self) -> Tags:
        tags = get_tags(self._template())
        tags.transformer_tags = None
        return tags


def _bootstrapped(seed: int, sample_weight: Any, X: Any) -> Array:
    """Weights of a bootstrap: (n_samples,)."""
    n = X.shape[0]
    drawn = check_random_state(seed).randint(n, size=n)
    counts: Array = np.bincount(drawn, minlength=n)
    if sample_weight is not None:
        counts = counts * checked_weight(sample_weight, X, "sample_weight")
    return counts
