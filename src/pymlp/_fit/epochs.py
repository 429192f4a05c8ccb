"""The epochs of a fit: validation split, progress, early stopping and divergence."""

import time
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split

from .._estimators.tasks import Tasks
from .._network.parameters import Parameters
from .._resume.checkpoint import Resumable
from .._system.arrays import Array
from .._system.messages import warn
from .engine import Engine, Samples
from .optimizer import Optimizer
from .progress import Progress
from .scoring import Validation

if TYPE_CHECKING:
    from .._estimators.base import BaseMLP


NOT_FINITE = (  # in scikit-learn's words
    "Solver produced non-finite parameter weights. The input data may contain large values and "
    "need to be preprocessed."
)


def hold_out(est: "BaseMLP", rows: Array, train: Samples) -> list[Array]:
    """Split the rows into training and validation rows."""
    if est.validation_fraction == 0:
        raise ValueError(
            "early_stopping=True needs validation_fraction > 0 or a validation set (X_val)."
        )
    parts: list[Array] = train_test_split(
        rows,
        random_state=est._random_state,
        test_size=est.validation_fraction,
        stratify=est._stratify(train),
    )
    if len(parts[1]) < 2:
        raise ValueError(
            "The validation set is too small. Increase 'validation_fraction' "
            "or the size of your dataset."
        )
    if train.weight is not None and not all(train.weight[part].any() for part in parts):
        raise ValueError(
            "Sample weights must contain at least one non-zero number, in the part held out "
            "for validation and in the rest."
        )
    return parts


def run_epochs(
    est: "BaseMLP",
    engine: Engine,
    train: Samples,
    rows: Array,
    *,
    validation: Validation | None,
    best: list[Parameters] | None,
    tasks: Tasks,
    progress: Progress,
    incremental: bool,
    checkpoint: Resumable | None,
) -> None:
    """Train until the estimator's rules say stop, and set its fitted attributes.

    Parameters
    ----------
    est : BaseMLP
    engine : Engine
    train : Samples
    rows : ndarray of shape (n,)
        Rows of ``train`` that are trained on.
    validation : Validation or None
        Evaluated after each epoch.
    best : list of Parameters or None
        Where early stopping keeps the best weights, and their average; None without it.
    tasks : Tasks
        Told of each epoch's beginning and end; may stop the training.
    progress : Progress
        Told of each epoch.
    incremental : bool
        One epoch only, as partial_fit does.
    checkpoint : Resumable or None
        Told of each epoch; may have brought the estimator to the end of some.
    """
    if checkpoint is not None and checkpoint.has_ended:
        return
    optimizer = engine.optimizer
    # a schedule is planned over all epochs of a fit, and of those before it that it goes on from
    n_epochs = est.max_iter
    if not incremental:
        n_epochs += optimizer.epochs - est.n_iter_
    for _ in range(est.n_iter_, 1 if incremental else est.max_iter):
        start = time.perf_counter()
        if est.shuffle:
            rows = est._random_state.permutation(rows)  # draws what scikit-learn's shuffle draws
        tasks.begin_epoch()
        learning_rate = optimizer.begin_epoch(n_epochs)
        loss, accuracy = engine.run_epoch(train, rows, learning_rate)
        epoch = _measured(est, engine, validation, loss, accuracy)
        epoch |= {"learning_rate": learning_rate, "seconds": time.perf_counter() - start}
        epoch |= engine.monitored() if est.monitor_gradients else {}

        counted = {"loss_": loss, "t_": est.t_ + len(rows)}
        if est.ema_decay is not None:
            counted["n_averaged_"] = engine.averaged_steps
        est.loss_curve_.append(loss)
        if best is None:
            counted |= _follow_loss(est, loss)
        else:
            counted |= _follow_validation(est, epoch, engine, best)
        if optimizer.rises(n_epochs):
            counted["_no_improvement_count"] = 0  # little can be seen of steps still small
        count_epoch(est, epoch, counted)
        progress.report(est.n_iter_, epoch)
        optimizer.end_epoch(est.t_)
        stopped = tasks.end_epoch()
        if not np.isfinite(est.loss_):
            _report_divergence(est, learning_rate)
            return
        stopped = stopped or _wants_to_stop(est, optimizer)
        if checkpoint is not None:
            checkpoint.end_epoch(est, engine, rows, best, has_ended=stopped)
        if stopped:
            return
    if not incremental:
        warn(
            f"Stochastic Optimizer: Maximum iterations ({est.max_iter}) reached and the "
            "optimization hasn't converged yet.",
            ConvergenceWarning,
        )


def _measured(
    est: "BaseMLP", engine: Engine, validation: Validation | None, loss: float, accuracy: float
) -> dict[str, float]:
    """Losses and scores of the epoch that has ended."""
    epoch = {"loss": loss, **est._training_metrics(accuracy)}
    if validation is not None:
        epoch |= validation.metrics(est, engine, loss)
    if not np.isfinite(loss):  # the weights kept are not those that were measured
        epoch = dict.fromkeys(epoch, np.nan) | {"loss": loss}
    return epoch


def _wants_to_stop(est: "BaseMLP", optimizer: Optimizer) -> bool:
    """Tell whether there was no progress for too long; the optimizer may ask for patience."""
    if est._no_improvement_count <= est.n_iter_no_change:
        return False
    message = (
        f"{_what_is_followed(est)} did not improve more than tol={est.tol:f} for "
        f"{est.n_iter_no_change} consecutive epochs."
    )
    stops = optimizer.wants_to_stop(message, bool(est.verbose))
    if not stops:
        est._no_improvement_count = 0
    return stops


def _what_is_followed(est: "BaseMLP") -> str:
    if not est._stops_early():
        return "Training loss"
    return "Validation score" if est._goal.sign > 0 else "Validation loss"


def count_epoch(est: "BaseMLP", epoch: dict[str, float], counted: dict[str, Any]) -> None:
    """Add a row to ``history_``, nan where an epoch had no such value, and count the epoch.

    Parameters
    ----------
    est : BaseMLP
    epoch : dict of str to float
        The row.
    counted : dict of str to any
        Attributes that change with it.
    """
    before = max((len(column) for column in est.history_.values()), default=0)
    for name in est.history_ | epoch:
        column = est.history_.setdefault(name, [np.nan] * before)
        column.append(epoch.get(name, np.nan))
    # at once, whenever an interrupt comes; `drop_uncounted` mends the lists
    est.__dict__.update(counted | {"n_iter_": est.n_iter_ + 1})


def record_lengths(est: "BaseMLP") -> list[int]:
    """Epochs before this fit in each of its records, of which it has counted ``n_iter_``."""
    return [
        max((len(column) for column in _columns(record)), default=est.n_iter_) - est.n_iter_
        for record in _records(est)
    ]


def drop_uncounted(est: "BaseMLP", lengths: list[int]) -> None:
    """Drop from the records what an interrupt kept from being counted."""
    for record, before in zip(_records(est), lengths, strict=True):
        for column in _columns(record):
            del column[before + est.n_iter_ :]


def _records(est: "BaseMLP") -> list[Any]:
    return [est.history_, getattr(est, "loss_curve_", []), getattr(est, "validation_scores_", [])]


def _columns(record: Any) -> list[list[float]]:
    return list(record.values()) if isinstance(record, dict) else [record or []]


def _follow_loss(est: "BaseMLP", loss: float) -> dict[str, Any]:
    """Count epochs whose loss is not better than the best by ``tol``."""
    assert est.best_loss_ is not None
    stalled = loss > est.best_loss_ - est.tol
    return {
        "_no_improvement_count": est._no_improvement_count + 1 if stalled else 0,
        "best_loss_": min(est.best_loss_, loss),
    }


def _follow_validation(
    est: "BaseMLP", epoch: dict[str, float], engine: Engine, best: list[Parameters]
) -> dict[str, Any]:
    """Count epochs that are not better than the best by ``tol``; keep the best weights."""
    assert est.validation_scores_ is not None
    assert est.best_validation_score_ is not None
    column, sign = est._goal
    value = epoch[column]
    est.validation_scores_.append(value)
    if np.isnan(value) and np.isfinite(epoch["loss"]) and est.n_iter_ == 0:
        raise ValueError(
            f"Early stopping follows '{column}', which is nan on the validation set: it may hold "
            "too few samples or only one class. Use another validation set or another scoring."
        )
    # nan is no progress
    stalled = not sign * value >= sign * est.best_validation_score_ + est.tol
    counted: dict[str, Any] = {
        "_no_improvement_count": est._no_improvement_count + 1 if stalled else 0
    }
    if sign * value > sign * est.best_validation_score_:
        counted["best_validation_score_"] = value
        counted["best_epoch_"] = 1 + len(est.history_.get("loss", []))
        best[:] = [current.copy() for current in engine.kept()]
    return counted


def _report_divergence(est: "BaseMLP", learning_rate: float) -> None:
    reason = (
        f"the loss of epoch {est.n_iter_} is {est.loss_} at a learning rate of {learning_rate:g}"
    )
    if est.n_iter_ == 1:
        raise ValueError(f"{NOT_FINITE} In detail: {reason}.")
    warn(
        f"Training diverged and was stopped: {reason}. The weights of the last finite epoch are "
        "kept; a smaller learning_rate_init or scaled input may help.",
        ConvergenceWarning,
    )
