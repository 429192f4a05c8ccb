"""The course of an ensemble's fit, and of its predictions."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from itertools import zip_longest
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
from .._data.spool import within_reach
from .._resume.checkpoint import Checkpoint, checkpoints_of_members
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
from .options import is_stochastic
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
        check_params(self)

    def _side_by_side(self, fits: Sequence[Callable[[], Any]], **teams: int) -> Any:
        return fit_side_by_side(fits, **teams)

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
        resume: str | os.PathLike[str] | Checkpoint | None = None,
    ) -> Self:
        """Train the members from new weights.

        Ctrl-C ends the training as it ends that of a single network: members that have been
        trained for an epoch at least are kept as they are, the others are left out, and a warning
        says so. If there is none the KeyboardInterrupt goes on.

        Parameters
        ----------
        X : {array-like, sparse matrix, Streamed} of shape (n_samples, n_features)
            Training data; float32 is trained in float32, anything else in float64, unless the
            members' `precision` says otherwise. No member copies it. Collections of Dask, zarr and
            others are taken as `MLPClassifier.fit` takes them.
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
        resume : str, path-like or Checkpoint, default=None
            As in `MLPClassifier.fit`, but each member has a file of its own, whose name ends in
            its number: of "fit.checkpoint" the first is "fit.checkpoint.0". Those that were done
            are read again, the others go on. `random_state` must not be None.

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
        given_val = given_validation_set(X_val, y_val, sample_weight_val)
        types = partial(self._template()._arithmetic_types, is_first=True)
        with within_reach(Given(X, y, sample_weight), given_val, types) as reached:
            return self._fit(*reached, resume=resume)

    @property
    def history_(self) -> dict[str, list[float]]:
        """What was measured in each epoch: means over those members that have run it."""
        if not hasattr(self, "estimators_"):
            raise AttributeError("history_ is there after fit has been called.")
        of_members = [member.history_ for member in self.estimators_]
        means = {}
        for name in dict.fromkeys(column for history in of_members for column in history):
            columns = [history.get(name, []) for history in of_members]
            # (n_epochs, n_estimators)
            values = np.array([*zip_longest(*columns, fillvalue=np.nan)])
            with np.errstate(all="ignore"):
                mean = np.nansum(values, axis=1) / np.count_nonzero(~np.isnan(values), axis=1)
            means[name] = mean.tolist()
        return means

    # --- the course of a fit ---------------------------------------------------------------------

    def _fit(
        self,
        given: Given,
        given_val: Given | None,
        *,
        resume: str | os.PathLike[str] | Checkpoint | None = None,
        incremental: bool = False,
    ) -> Self:
        """Fit the members, new ones or for another epoch those that are there."""
        if incremental:  # scikit-learn looks in the first call only
            self._validate_params()
        template = self._template_for(given, given_val)
        template._validate_params()
        if resume is not None and self.random_state is None:
            raise ValueError(
                "The 'resume' parameter of fit needs a random_state, by which the members' seeds "
                "are drawn again. Got random_state=None instead."
            )
        with undrawn(self.random_state):
            goes_on = incremental and hasattr(self, "estimators_")
            makers = self._copies(template) if goes_on else self._clones(template)
            checked = _checked_once(makers[0]() if goes_on else template, given, given_val)
            # a member that holds rows out needs one that weighs something in either part
            n_needed = 2 if template._stops_early() and given_val is None else 1
            validation = {}
            if given_val is not None:
                names = "X_val", "y_val", "sample_weight_val"
                validation = dict(zip(names, given_val[:3], strict=True))
            classes = {} if given.classes is None else {"classes": given.classes}

            def fit_member(make: Callable[[], Any], checkpoint: Checkpoint | None) -> Any:
                member, weight = make(), given.weight
                if self.bootstrap:
                    weight = _bootstrapped(member.random_state, weight, checked[0][1], n_needed)
                member._checked = checked
                fit = member.partial_fit if incremental else member.fit
                of_file = {} if checkpoint is None else {"resume": checkpoint}
                try:
                    return fit(given.X, given.y, weight, **classes, **validation, **of_file)
                except Exception as error:
                    error.add_note(f"Raised by the member with random_state={member.random_state}.")
                    raise
                finally:
                    vars(member).pop("_checked", None)

            checkpoints = checkpoints_of_members(resume, template.solver, len(makers))
            fits = [partial(fit_member, *pair) for pair in zip(makers, checkpoints, strict=True)]
            fitted, remarks = self._run(fits, template.n_threads or 1, incremental=incremental)
        self.estimators_ = fitted
        self._adopt(self.estimators_[0])
        for remark in remarks:  # the members are kept where one of them is made an error
            warn(remark.message, remark.category)
        return self

    def _template_for(self, given: Given, given_val: Given | None) -> Any:  # noqa: ARG002
        """Make what the members of a fit to such data are clones of."""
        return clone(self._template())

    def _clones(self, template: Any) -> list[Callable[[], Any]]:
        """Make new members: clones that differ by their seeds."""
        check_memory(
            self.n_estimators * MEMBER_BYTES, f"An ensemble of n_estimators={self.n_estimators}"
        )
        seeds = drawn_seeds(self.random_state, self.n_estimators)
        return [partial(_clone, template, seed) for seed in seeds]

    def _copies(self, template: Any) -> list[Callable[[], Any]]:
        """Make copies of the members that are there, with the template's parameters of now."""

        def copied(fitted: Any) -> Any:
            member = _clone(template, fitted.random_state)
            # a fit replaces what it changes
            vars(member).update({k: v for k, v in vars(fitted).items() if k not in vars(member)})
            return member

        return [partial(copied, fitted) for fitted in self.estimators_]

    def _run(
        self, fits: Sequence[Callable[[], Any]], team: int, *, incremental: bool
    ) -> tuple[list[Any], list[Warned]]:
        """Fit the members side by side, each on so many threads at least.

        Returns the members, without those that Ctrl-C met in their first epoch, and what is to be
        warned of.
        """
        # more than a few a core only wait for each other
        most = max(64, 4 * (os.cpu_count() or 1))
        n_threads = min(self.n_threads or _core.max_threads(), most)
        n_workers = max(1, min(len(fits), n_threads // team))
        fitted, interrupted = self._side_by_side(
            fits, n_workers=n_workers, n_threads=max(1, n_threads // n_workers)
        )
        if interrupted:
            fitted = [f for f in fitted if f.estimator.n_iter_ > 0]
            if not fitted or incremental:
                raise KeyboardInterrupt
        remarks = remarks_of([f.warned for f in fitted], len(fits), interrupted=interrupted)
        return [f.estimator for f in fitted], remarks

    # --- predictions -----------------------------------------------------------------------------

    def _of_members(self, X: Any) -> Array:
        """Outputs of each member's network: (n_estimators, n_samples, n_outputs)."""
        check_is_fitted(self)
        check_params(self, "n_threads")  # may have been set since
        X = self._as_fitted(X, self.estimators_[0].coefs_[0].dtype)
        with limited_threads(self.n_threads and min(self.n_threads, 2**31 - 1)):
            return np.stack([network_of(member).predict(X) for member in self.estimators_])

    def _as_fitted(self, X: Any, dtype: Any) -> Any:
        """Check X for a prediction in a type of the arithmetic."""
        return validated(self, X, types=[dtype], reset=False)

    def __sklearn_tags__(self) -> Tags:
        tags = get_tags(self._template())
        tags.transformer_tags = None
        return tags


def remarks_of(
    warned_by_member: Sequence[list[Warned]], n_members: int, *, interrupted: bool
) -> list[Warned]:
    """What is to be warned of, once for all members, and how many of them it concerns."""
    remarks = []
    if interrupted:
        kept = f"{len(warned_by_member)} of {n_members} members are kept."
        remarks.append(Warned(UserWarning, f"Training interrupted by user: {kept}"))
    counts = Counter(w for warned in warned_by_member for w in dict.fromkeys(warned))
    for warned, count in counts.items():
        message = f"{count} of {n_members} members: {warned.message}"
        remarks.append(Warned(warned.category, message))
    return remarks


def drawn_seeds(random_state: int | np.random.RandomState | None, n: int) -> list[int]:
    """Draw the seeds of n members."""
    rng = check_random_state(random_state)
    return [rng.randint(np.iinfo(np.int32).max) for _ in range(n)]


def _clone(template: Any, seed: int) -> Any:
    return clone(template).set_params(random_state=seed)


def _checked_once(
    network: Any, given: Given, given_val: Given | None
) -> list[tuple[Given, Any, Any]]:
    """Check the data for all members, for the first or for another epoch of such a network."""
    is_first = not hasattr(network, "coefs_")
    types = network._arithmetic_types(is_first=is_first)
    X, y = network._validated_X_y(given, types, reset=is_first)
    if given_val is None:
        return [(given, X, y)]
    with naming("X_val, y_val"):
        types = [arithmetic_type(X, types)]
        return [(given, X, y), (given_val, *network._validated_X_y(given_val, types, reset=False))]


def has_stochastic_members(ensemble: Ensemble) -> bool:
    """Tell whether partial_fit may be called."""
    return is_stochastic(ensemble._template())


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
