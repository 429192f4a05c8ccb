"""What is measured on the validation set after each epoch, and what early stopping follows."""

import inspect
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from sklearn.metrics import check_scoring
from sklearn.utils import _safe_indexing

from .._system.arrays import Array
from .engine import Engine, Samples

if TYPE_CHECKING:
    from .._estimators.base import BaseMLP


class Goal(NamedTuple):
    """What decides whether training goes on: a column of ``history_``.

    Parameters
    ----------
    column : str
    sign : {1, -1}
        1 if more of it is better, -1 if less.
    """

    column: str
    sign: int


def goal(est: "BaseMLP") -> Goal:
    """Find what an estimator's fit follows."""
    if not est._stops_early():
        return Goal("loss", -1)
    if est.scoring is None:
        return Goal(est._score_column(), 1)
    if est.scoring == "loss":
        return Goal("val_loss", -1)
    return Goal(_scorer_column(est), 1)


def _scorer_column(est: "BaseMLP") -> str:
    return f"val_{est.scoring}" if isinstance(est.scoring, str) else "val_score"


class Validation(NamedTuple):
    """A validation set.

    Parameters
    ----------
    samples : Samples
        For the engine.
    X, y
        As they were given, for a scorer.
    rows : int64 ndarray of shape (n,) or None, default=None
        Which of the samples make up the set, if not all.
    """

    samples: Samples
    X: Any
    y: Any
    rows: Array | None = None

    @classmethod
    def held_out(cls, est: "BaseMLP", train: Samples, X: Any, y: Any, rows: Array) -> "Validation":
        """Name some rows of the training set; only for a scorer of its own are they copied."""
        if _has_scorer(est):
            X, y = _safe_indexing(X, rows), _safe_indexing(y, rows)
        return cls(train, X, y, rows)

    def metrics(self, est: "BaseMLP", engine: Engine, loss: float) -> dict[str, float]:
        """Compute the columns of ``history_`` for the present network.

        Parameters
        ----------
        est : BaseMLP
            Its weights are those of ``engine.parameters``.
        engine : Engine
        loss : float
            Of the training set; if it is not finite, a scorer is not asked.
        """
        values = est._validation_metrics(engine, self.samples, self.rows)
        if _has_scorer(est):
            score = self._score(est) if np.isfinite(loss) else np.nan
            values[_scorer_column(est)] = score
        return values

    def _score(self, est: "BaseMLP") -> float:
        scorer = check_scoring(est, scoring=est.scoring)
        weight = self.samples.weight
        if weight is not None and self.rows is not None:
            weight = weight[self.rows]
        weighs = weight is not None and _takes_weights(scorer)
        score = scorer(est, self.X, self.y, **({"sample_weight": weight} if weighs else {}))
        try:
            return float(score)
        except (TypeError, ValueError):
            raise ValueError(
                f"The callable 'scoring' must return a number. Got {score!r} instead."
            ) from None


def _takes_weights(scorer: Any) -> bool:
    """Tell whether a scorer, or the metric that it was made of, knows sample weights."""
    function = getattr(scorer, "_score_func", scorer)
    return "sample_weight" in inspect.signature(function).parameters


def _has_scorer(est: "BaseMLP") -> bool:
    return est.scoring is not None and est.scoring != "loss"
