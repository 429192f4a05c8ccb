"""An ensemble's fit whose members are trained elsewhere, one by one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import deepcopy
from numbers import Integral
from typing import Any

from sklearn.base import clone
from sklearn.utils import check_random_state

from .._data.samples import Given
from .._system.messages import Warned, warn
from .._system.threads import Fitted, fit_side_by_side
from .ensemble_base import Ensemble, drawn_seeds, remarks_of


def to_be_sent(ensemble: Ensemble) -> Ensemble:
    """An unfitted copy with valid parameters, of which each member can be fitted anywhere."""
    ensemble._validate_params()
    ensemble._template()._validate_params()
    sent: Ensemble = clone(ensemble)
    if not isinstance(ensemble.random_state, Integral):  # all are to draw what is drawn here
        sent.random_state = deepcopy(check_random_state(ensemble.random_state))
    return sent


def fit_member(
    ensemble: Ensemble, k: int, given: Given, given_val: Given | None
) -> tuple[Ensemble, list[Warned]]:
    """Fit an ensemble's k-th member only, with the bits that it has in a fit of all.

    Returns the ensemble of this member, and what that warns of.
    """
    warned: list[Warned] = []

    def only_this(
        fits: Sequence[Callable[[], Any]], *, n_workers: int, n_threads: int
    ) -> tuple[list[Fitted], bool]:
        teams = {"n_workers": 1, "n_threads": n_workers * n_threads}
        fitted, interrupted = fit_side_by_side(fits[k : k + 1], **teams)
        warned.extend(w for f in fitted for w in f.warned)
        return [f._replace(warned=[]) for f in fitted], interrupted

    part = clone(ensemble)
    if part.n_threads is None:
        part.n_threads = 1
    part._side_by_side = only_this
    validation = {}
    if given_val is not None:
        names = "X_val", "y_val", "sample_weight_val"
        validation = dict(zip(names, given_val[:3], strict=True))
    part.fit(*given[:3], **validation)
    del part._side_by_side
    return part, warned


def adopt_members(ensemble: Ensemble, parts: Sequence[tuple[Ensemble, list[Warned]]]) -> None:
    """Make of what `fit_member` has returned what a fit of all makes; some may have been left out.

    Parameters
    ----------
    ensemble : Ensemble
        From which the parts were made.
    parts : sequence
        In the members' order.
    """
    n_members = ensemble.n_estimators
    drawn_seeds(ensemble.random_state, n_members)  # as a fit here would
    unfitted = vars(clone(ensemble)).keys()
    for name in vars(ensemble).keys() - unfitted:
        delattr(ensemble, name)
    (first, _), *_ = parts
    ensemble.__dict__.update({k: v for k, v in vars(first).items() if k not in unfitted})
    ensemble.estimators_ = [member for part, _ in parts for member in part.estimators_]
    all_warned = [warned for _, warned in parts]
    for remark in remarks_of(all_warned, n_members, interrupted=len(parts) < n_members):
        warn(remark.message, remark.category)
