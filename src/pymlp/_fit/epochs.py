"""The epochs of a fit by mini-batches: what is measured, early stopping and divergence."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from .._system.messages import say, warn
from .fit import Fit
from .observer import Observer
from .records import Records

SHORTEST_FALL = 4  # epochs
NOT_FINITE = (  # in scikit-learn's words
    "Solver produced non-finite parameter weights. The input data may contain large values and "
    "need to be preprocessed."
)


def run_epochs(fit: Fit, observers: Sequence[Observer]) -> None:
    """Train until the limits say stop.

    Parameters
    ----------
    fit : Fit
        May have been restored to the end of an epoch.
    observers : sequence of Observer
        Told of each epoch, in this order.
    """
    records, limits, optimizer = fit.records, fit.limits, fit.engine.optimizer
    for _ in range(records.n_iter, limits.max_iter):
        if fit.has_ended:
            return
        start = time.perf_counter()
        if fit.shuffle:
            fit.rows = fit.permuted_rows()
        for observer in observers:
            observer.begin_epoch(fit)
        rate = optimizer.begin_epoch(limits.n_planned)
        loss, accuracy = fit.engine.run_epoch(fit.train, fit.rows, rate)
        row = _measured(fit, loss, accuracy)
        row |= {"learning_rate": rate, "seconds": time.perf_counter() - start}
        row |= fit.engine.monitored()
        loss = np.float64(loss)  # scikit-learn's type: scripts call `loss_.round()`
        counted = {"loss": loss, "t": records.t + len(fit.rows)}
        if fit.engine.average is not None:
            counted["n_averaged"] = fit.engine.averaged_steps
        assert records.loss_curve is not None
        records.loss_curve.append(loss)
        counted |= _by_loss(fit, loss) if fit.best is None else _by_validation(fit, row)
        rises = optimizer.rises(limits.n_planned)
        if rises:
            counted["no_improvement_count"] = 0  # little can be seen of steps still small
        records.count(row, counted)
        optimizer.end_epoch(records.t)
        stopped = [observer.end_epoch(fit) for observer in observers]
        if not np.isfinite(loss):
            _report_divergence(fit, rate)
            return
        fit.has_ended = any(stopped) or _has_stalled(fit, rises=rises)
        for observer in observers:
            observer.settle_epoch(fit)
    if limits.warns and not fit.has_ended:
        warn(
            f"Stochastic Optimizer: Maximum iterations ({limits.max_iter}) reached and the "
            "optimization hasn't converged yet.",
            ConvergenceWarning,
        )


def _measured(fit: Fit, loss: float, accuracy: float) -> dict[str, float]:
    """Losses and scores of the epoch that has ended."""
    row = {"loss": loss, **fit.target.training_metrics(accuracy)}
    if fit.validation is not None:
        row |= fit.validation.metrics(fit.engine, loss)
    if not np.isfinite(loss):  # the weights kept are not those that were measured
        row = dict.fromkeys(row, np.nan) | {"loss": loss}
    return row


def _by_loss(fit: Fit, loss: float) -> dict[str, Any]:
    """Count epochs whose loss is not better than the best by ``tol``."""
    records = fit.records
    assert records.best_loss is not None
    stalled = loss > records.best_loss - fit.limits.tol
    return {
        "no_improvement_count": records.no_improvement_count + 1 if stalled else 0,
        "best_loss": min(records.best_loss, loss),
    }


def _by_validation(fit: Fit, row: dict[str, float]) -> dict[str, Any]:
    """Count epochs that are not better than the best by ``tol``; keep the best weights."""
    records = fit.records
    assert records.goal is not None
    assert records.validation_scores is not None
    assert records.best_validation_score is not None
    assert fit.best is not None
    column, sign = records.goal
    value, best = row[column], records.best_validation_score
    records.validation_scores.append(value)
    if np.isnan(value) and np.isfinite(row["loss"]) and records.n_iter == 0:
        raise ValueError(
            f"Early stopping follows '{column}', which is nan on the validation set: it may hold "
            "too few samples or only one class. Use another validation set or another scoring."
        )
    # nan is no progress
    stalled = not sign * value >= sign * best + fit.limits.tol
    counted: dict[str, Any] = {
        "no_improvement_count": records.no_improvement_count + 1 if stalled else 0
    }
    if sign * value > sign * best:
        counted["best_validation_score"] = value
        counted["best_epoch"] = 1 + len(records.history.get("loss", []))
        fit.best[:] = [current.copy() for current in fit.engine.kept()]
    return counted


def _has_stalled(fit: Fit, *, rises: bool) -> bool:
    """Tell whether there was no progress for too long; the optimizer may ask for patience.

    `rises` tells whether the next epoch's learning rate lies above that of the last.
    """
    records, limits = fit.records, fit.limits
    if isinstance(limits.n_iter_no_change, str):  # 'wave'
        if not (rises and _fell_in_vain(records)):
            return False
        since = "while the learning rate fell"
    elif records.no_improvement_count <= limits.n_iter_no_change:
        return False
    else:
        since = f"for {limits.n_iter_no_change} consecutive epochs"
    stops, verdict = fit.engine.optimizer.give_up()
    if limits.verbose:
        followed = _what_is_followed(fit)
        say(f"{followed} did not improve more than tol={limits.tol:f} {since}. {verdict}")
    if not stops:
        records.no_improvement_count = 0
    return stops


def _fell_in_vain(records: Records) -> bool:
    """Tell whether the best epoch lies before the last fall of the learning rate.

    A fall of a few epochs says little: by the first ones, adult's loss was 0.8 % worse.
    """
    rates = np.array(records.history["learning_rate"])
    highest = max(np.flatnonzero(np.diff(rates) > 0), default=-1) + 1  # since it rose the last time
    peak = highest + np.count_nonzero(rates[highest:] == rates[highest]) - 1
    if len(rates) - 1 - peak < SHORTEST_FALL:
        return False
    best = records.best_epoch or 1 + int(np.argmin(records.history["loss"]))
    return bool(best <= peak + 1)


def _what_is_followed(fit: Fit) -> str:
    if fit.best is None or fit.records.goal is None:
        return "Training loss"
    return "Validation score" if fit.records.goal.sign > 0 else "Validation loss"


def _report_divergence(fit: Fit, learning_rate: float) -> None:
    n_iter, loss = fit.records.n_iter, fit.records.loss
    reason = f"the loss of epoch {n_iter} is {loss} at a learning rate of {learning_rate:g}"
    if n_iter == 1:
        raise ValueError(f"{NOT_FINITE} In detail: {reason}.")
    warn(
        f"Training diverged and was stopped: {reason}. The weights of the last finite epoch are "
        "kept; a smaller learning_rate_init or scaled input may help.",
        ConvergenceWarning,
    )
