"""One fit of one model: what it loses on rows that it has not seen, and its CPU seconds."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.metrics import log_loss, roc_auc_score, root_mean_squared_error

from bench.tables.models import MODELS, Task
from bench.tables.sets import load

Array = np.ndarray[Any, Any]


class Fits:
    """A model in the process that runs it."""

    def __init__(self, model: str, folder: Path | None):
        self._model, self._folder = MODELS[model], folder
        self._model.build(Task(2, [], 0))  # imports its library, or fails at once

    def fit(self, name: str, seed: int, rows: int | None) -> dict[str, Any]:
        """Losses, the first of them the table's own, CPU seconds, and what was warned of."""
        table = load(name, self._folder)
        X = table.typed if self._model.typed else table.X
        train, test = table.split(seed, rows)
        X_train, X_test, y = X.iloc[train], X.iloc[test], table.y
        estimator = self._model.build(Task(table.n_classes, table.categories, seed))
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            _, fit_seconds = timed(lambda: estimator.fit(X_train, y[train]))
            answer = estimator.predict_proba if table.n_classes else estimator.predict
            predicted, predict_seconds = timed(lambda: np.asarray(answer(X_test)))
        return {
            "set": name,
            "model": self._model.name,
            "split": seed,
            "rows": len(train),
            "test_rows": len(test),
            "losses": losses(y[test], predicted, table.n_classes),
            "fit_seconds": fit_seconds,
            "predict_seconds": predict_seconds,
            "warnings": sorted({f"{w.category.__name__}: {w.message}" for w in caught}),
        }


def timed(call: Callable[[], Any]) -> tuple[Any, float]:
    """What `call` returns, and the CPU seconds of all threads of this process meanwhile."""
    start = time.process_time()
    result = call()
    return result, time.process_time() - start


def losses(y: Array, predicted: Array, n_classes: int) -> dict[str, float]:
    """The less the better. Of two classes 1 - AUC comes first, of several the log-loss."""
    if not np.isfinite(predicted).all():
        raise ValueError("a prediction is not a finite number")
    if not n_classes:
        return {"nRMSE": root_mean_squared_error(y, predicted.ravel()) / float(y.std())}
    of_classes = {
        "log-loss": float(log_loss(y, predicted, labels=range(n_classes))),
        "error rate": float((predicted.argmax(axis=1) != y).mean()),
    }
    if n_classes > 2:
        return of_classes
    return {"1 - AUC": 1 - float(roc_auc_score(y, predicted[:, 1])), **of_classes}
