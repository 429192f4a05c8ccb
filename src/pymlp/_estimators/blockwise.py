"""Fitted estimators asked block by block, by who holds rows in parts: answers also of no rows."""

from __future__ import annotations

from copy import copy
from typing import Any

import numpy as np
from sklearn.utils.validation import check_is_fitted, validate_data

from .._system.threads import limited_threads
from .fitted import network_of


def check_columns(estimator: Any, rows: Any) -> None:
    """Check number and names of the columns of a part, which may be without rows."""
    check_is_fitted(estimator)
    validate_data(estimator, rows, reset=False, skip_check_array=True)


def answer(estimator: Any, method: str, rows: Any) -> Any:
    """What a method tells of some rows, on one thread: who holds parts has a thread for each.

    Of several labels' probabilities, which are a list, the columns of all.

    Parameters
    ----------
    estimator : object
        Fitted. If it has ``n_threads`` it takes as many.
    method : {'predict', 'predict_proba', 'transform'}
    rows : array, sparse matrix or frame of shape (n, n_features)
        There may be none.
    """
    if rows.shape[0] == 0:
        estimator = _of_no_rows(estimator, method)
    with limited_threads(1):
        found = getattr(estimator, method)(rows)
    if isinstance(found, list):
        return np.hstack(found)
    return np.asarray(found) if hasattr(found, "columns") else found  # of set_output


def _of_no_rows(estimator: Any, method: str) -> Any:
    """A copy whose networks need no rows: scikit-learn's checks would refuse none."""
    members = getattr(estimator, "estimators_", [estimator])
    coefs = network_of(members[0]).parameters().coefs
    units = coefs[-1].shape[0 if method == "transform" else 1]
    outputs = np.empty((0, units), coefs[0].dtype)
    stand_in = copy(estimator)
    vars(stand_in).update(
        _outputs=lambda *_: outputs,  # of a network; of an ensemble it is a mean
        _of_members=lambda *_: np.stack([outputs] * len(members)),
    )
    return stand_in


def score_of(estimator: Any, predicted: Any, y: Any, sample_weight: Any) -> float:
    """The estimator's score of rows by what it has predicted for them."""
    score: float = estimator._score_of(lambda: predicted, y, sample_weight)
    return score
