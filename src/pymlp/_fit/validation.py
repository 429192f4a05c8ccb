"""What is measured on the validation set after each epoch."""

from __future__ import annotations

import inspect
import math
import reprlib
from collections.abc import Callable, Sequence
from copy import copy
from typing import Any, NamedTuple

import numpy as np
from sklearn.metrics import check_scoring
from sklearn.model_selection import train_test_split

from .._data.samples import Given, Samples
from .._data.targets import Target
from .._system.arrays import Array
from .engine import Engine


class Score(NamedTuple):
    """A scorer of the estimator's user, and what it is asked.

    Parameters
    ----------
    column : str
        Its name in ``history_``.
    compute : callable
        Returns the score of the present network.
    """

    column: str
    compute: Callable[[], float]


class Validation(NamedTuple):
    """A validation set.

    Parameters
    ----------
    samples : Samples
        For the engine.
    target : Target
        What the outputs mean.
    rows : int64 ndarray of shape (n,) or None, default=None
        Which of the samples make up the set, if not all.
    score : Score or None, default=None
    """

    samples: Samples
    target: Target
    rows: Array | None = None
    score: Score | None = None

    def metrics(self, engine: Engine, loss: float) -> dict[str, float]:
        """Compute the columns of ``history_`` for the present network.

        Parameters
        ----------
        engine : Engine
        loss : float
            Of the training set; if it is not finite, a scorer is not asked.
        """
        values = self.target.validation_metrics(engine, self.samples, self.rows)
        if self.score is not None:
            column, compute = self.score
            values[column] = compute() if np.isfinite(loss) else np.nan
        return values


def hold_out(
    n_samples: int,
    weights: tuple[Array | None, Array | None],
    strata: Array | None,
    fraction: float,
    random_state: np.random.RandomState,
) -> tuple[Array, Array]:
    """Split the rows into training and validation rows, as scikit-learn draws them.

    Where that leaves all weight to one of the two, as it may with a bootstrap of few rows, both
    are drawn again: as large as before, with their shares of the rows that weigh something.

    Parameters
    ----------
    n_samples : int
    weights : pair of ndarray of shape (n_samples,) or None
        What rows weigh in training, and in validation.
    strata : ndarray or None
    fraction : float
    random_state : RandomState
    """
    if fraction == 0:
        raise ValueError(
            "early_stopping=True needs validation_fraction > 0 or a validation set (X_val)."
        )
    rows = np.arange(n_samples)
    kept, held_out = train_test_split(
        rows, random_state=random_state, test_size=fraction, stratify=strata
    )
    if len(held_out) < 2:
        raise ValueError(
            "The validation set is too small. Increase 'validation_fraction' "
            "or the size of your dataset."
        )
    trains, validates = (
        np.ones(len(rows), bool) if w is None else w >= np.finfo(w.dtype).tiny for w in weights
    )
    if trains[kept].any() and validates[held_out].any():
        return kept, held_out
    stays = random_state.choice(rows[trains])
    others = random_state.permutation(rows[rows != stays])
    heavy, light = others[validates[others]], others[~validates[others]]
    n = math.ceil(fraction * len(heavy))
    if n == 0:
        raise ValueError(
            "Sample weights must contain at least one non-zero number, in the part held out "
            "for validation and in the rest."
        )
    held_out = np.concatenate([heavy[:n], light, heavy[n:]])[: len(held_out)]
    return np.setdiff1d(rows, held_out), held_out


def scoring_column(scoring: Any) -> str:
    """Name in ``history_`` of a scorer's score."""
    return f"val_{scoring}" if isinstance(scoring, str) else "val_score"


def score_of(estimator: Any, scoring: Any, given: Given, target: Target) -> Score:
    """Make up the question that a scorer answers of an estimator that is being fitted."""
    absent = target.absent(given.y)

    def compute() -> float:
        scorer = check_scoring(estimator, scoring=scoring)
        if absent:
            scorer = _of_classes(scorer, estimator.classes_)
        weighs = given.weight is not None and _takes_weights(scorer)
        weight = {"sample_weight": given.weight} if weighs else {}
        try:
            score = scorer(estimator, given.X, given.y, **weight)
        except ValueError as error:
            if not absent:
                raise
            raise _has_no_value(scoring, absent, error) from error
        try:
            number = float(score)
        except (TypeError, ValueError):
            raise ValueError(
                f"The callable 'scoring' must return a number. Got {score!r} instead."
            ) from None
        if absent and math.isnan(number):
            raise _has_no_value(scoring, absent, "it is not a number.")
        return number

    return Score(scoring_column(scoring), compute)


def _of_classes(scorer: Any, classes: Array) -> Any:
    """A scorer told of all classes, where its metric is one of outputs and can be told."""
    metric = getattr(scorer, "_score_func", None)
    if (
        metric is None
        # labels would have the mean of predictions' scores go over other classes
        or getattr(scorer, "_response_method", "predict") == "predict"
        or "labels" not in inspect.signature(metric).parameters
    ):
        return scorer
    known = copy(scorer)
    known._kwargs = {"labels": classes} | scorer._kwargs
    return known


def _has_no_value(scoring: Any, absent: Sequence[Any], reason: Exception | str) -> ValueError:
    classes = reprlib.repr(list(absent))[1:-1]
    return ValueError(
        f"scoring={scoring!r} has no value on the validation set, which lacks the "
        f"class{'es' if len(absent) > 1 else ''} {classes} (a set with rows of every class may be "
        f"given as X_val, y_val): {reason}"
    )


def _takes_weights(scorer: Any) -> bool:
    """Tell whether a scorer, or the metric that it was made of, knows sample weights."""
    function = getattr(scorer, "_score_func", scorer)
    return "sample_weight" in inspect.signature(function).parameters
