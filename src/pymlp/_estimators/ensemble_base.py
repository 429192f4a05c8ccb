"""The course of an ensemble's fit, and of its predictions."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable
from functools import partial
from numbers import Integral
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, MetaEstimatorMixin, _fit_context, clone
from sklearn.utils import Tags, check_random_state, get_tags
from sklearn.utils._param_validation import Interval
from sklearn.utils.validation import check_is_fitted

from .. import _core
from .._data.checks import arithmetic_type, checked_weight, naming, validated
from .._data.samples import Given
from .._system.arrays import Array, unwatched
from .._system.elsewhere import elsewhere
from .._system.memory import check_memory
from .._system.messages import Warned, warn
from .._system.params import check_params
from .._system.random_states import undrawn
from .._system.threads import fit_side_by_side, limited_threads
from .answers import OF_ENSEMBLE, OF_FIT
from .base import BaseMLP
from .fitted import network_of
from .inputs import given_validation_set
from .options import check_parameter
from .saving import Savable

MEMBER_BYTES = 2**14  # at least: a fitted estimator and its smallest arrays


class Ensemble(Savable, MetaEstimatorMixin, BaseEstimator, ABC):
    """Base of the ensembles; use `MLPEnsembleClassifier` or `MLPEnsembleRegressor`."""

    estimators_: list[Any]

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "n_estimators": [Interval(Integral, 1, None, closed="left")],
        "bootstrap": ["boolean"],
        "random_state": ["random_state"],
        "n_threads": [None, Interval(Integral, 1, None, closed="left")],
    }

    @elsewhere(**OF_ENSEMBLE)
    def __init__(
        self,
        estimator: BaseMLP | None = None,
        *,
        n_estimators: int = 8,
        bootstrap: bool = False,
        random_state: int | np.random.RandomState | None = None,
        n_threads: int | None = None,
    ) -> None:
        self.estimator = estimator
        self.n_estimators = n_estimators
        self.bootstrap = bootstrap
        self.random_state = random_state
        self.n_threads = n_threads

    def _validate_params(self) -> None:
        check_params(self._parameter_constraints, self.get_params(deep=False), type(self).__name__)

    @abstractmethod
    def _template(self) -> BaseMLP:
        """The estimator that the members are clones of."""

    def _adopt(self, member: Any) -> None:
        """Set the attributes that all members share."""
        names = ("n_outputs_", "_target", "n_features_in_", "feature_names_in_")
        for name in names:
            self.__dict__.pop(name, None)
            if hasattr(member, name):
                setattr(self, name, getattr(member, name))

    @_fit_context(prefer_skip_nested_validation=True)  # of the members: once, in fit
    @elsewhere(**OF_FIT)
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
        given, given_val = Given(X, y), given_validation_set(X_val, y_val, sample_weight_val)
        data, target = template._validated_X_y(given, types, reset=True)
        checked = [(given, data, target)]
        if given_val is not None:
            with naming("X_val, y_val"):
                dtype = arithmetic_type(data, types)
                of_val = template._validated_X_y(given_val, [dtype], reset=False)
            checked.append((given_val, *of_val))

        # a member that holds rows out needs one that weighs something in either part
        n_needed = 2 if template._stops_early() and given_val is None else 1

        def fit_member(seed: int) -> Any:
            weight = sample_weight
            if self.bootstrap:
                weight = _bootstrapped(seed, sample_weight, data, n_needed)
            member = clone(template).set_params(random_state=seed)
            member._checked = checked
            validation = {"X_val": X_val, "y_val": y_val, "sample_weight_val": sample_weight_val}
            try:
                return member.fit(X, y, weight, **validation)
            except Exception as error:
                error.add_note(f"Raised by the member with random_state={seed}.")
                raise
            finally:
                vars(member).pop("_checked", None)

        with undrawn(self.random_state):
            fitted, remarks = self._fit_members(fit_member, template.n_threads or 1)
        self.estimators_ = fitted
        self._adopt(self.estimators_[0])
        for remark in remarks:  # the members are kept where one of them is made an error
            warn(remark.message, remark.category)
        return self

    def _fit_members(
        self, fit_member: Callable[[int], Any], team: int
    ) -> tuple[list[Any], list[Warned]]:
        """Fit the members side by side, each on so many threads at least.

        Returns the members, without those that Ctrl-C met in their first epoch, and what is to be
        warned of.
        """
        check_memory(
            self.n_estimators * MEMBER_BYTES, f"An ensemble of n_estimators={self.n_estimators}"
        )
        rng = check_random_state(self.random_state)
        seeds = [rng.randint(np.iinfo(np.int32).max) for _ in range(self.n_estimators)]
        # more than a few a core only wait for each other
        most = max(64, 4 * (os.cpu_count() or 1))
        n_threads = min(self.n_threads or _core.max_threads(), most)
        n_workers = max(1, min(self.n_estimators, n_threads // team))
        fitted, interrupted = fit_side_by_side(
            [partial(fit_member, seed) for seed in seeds],
            n_workers=n_workers,
            n_threads=max(1, n_threads // n_workers),
        )
        remarks = []
        if interrupted:
            fitted = [f for f in fitted if f.estimator.n_iter_ > 0]
            if not fitted:
                raise KeyboardInterrupt
            kept = f"{len(fitted)} of {self.n_estimators} members are kept."
            remarks.append(Warned(UserWarning, f"Training interrupted by user: {kept}"))
        for warned, count in Counter(w for f in fitted for w in dict.fromkeys(f.warned)).items():
            message = f"{count} of {self.n_estimators} members: {warned.message}"
            remarks.append(Warned(warned.category, message))
        return [f.estimator for f in fitted], remarks

    def _of_members(self, X: Any) -> Array:
        """Outputs of each member's network: (n_estimators, n_samples, n_outputs)."""
        check_is_fitted(self)
        check_parameter(self, "n_threads")  # may have been set since
        dtype = self.estimators_[0].coefs_[0].dtype
        X = validated(self, X, types=[dtype], reset=False)
        with limited_threads(self.n_threads and min(self.n_threads, 2**31 - 1)):
            return np.stack([network_of(member).predict(X) for member in self.estimators_])

    def __sklearn_tags__(self) -> Tags:
        tags = get_tags(self._template())
        tags.transformer_tags = None
        return tags


def _bootstrapped(seed: int, sample_weight: Any, X: Any, n_needed: int) -> Array:
    """Weights of a bootstrap: (n_samples,).

    Where so many samples cannot do with what was drawn, as few of them weigh anything, it is drawn
    again; at least ``n_needed`` weigh something then, if so many do at all.
    """
    n = X.shape[0]
    weight = np.ones(n)
    if sample_weight is not None:
        weight = checked_weight(sample_weight, X, "sample_weight")
    n_needed = min(n_needed, int(np.count_nonzero(weight)))
    rng = check_random_state(seed)
    while True:
        with unwatched():
            counts: Array = np.bincount(rng.randint(n, size=n), minlength=n) * weight
        if np.count_nonzero(counts) >= n_needed:
            return counts
