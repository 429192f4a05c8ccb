"""Options together, drawn at random, and sparse X: still scikit-learn's model.

`test_same_model.py` says what "the same" is and takes the options one by one.
"""

from typing import Any

import numpy as np
import pytest
from scipy import sparse
from test_same_model import (
    BOTH,
    EVERY_TASK,
    ROWS,
    SOLVERS,
    TASKS,
    WEIGHTS,
    X,
    assert_same,
    classes_of,
    train_both,
)

OPTIONS: dict[str, list[Any]] = {
    "activation": ["identity", "logistic", "tanh", "relu"],
    "hidden_layer_sizes": [(), (13,), (9, 6)],
    "alpha": [0.0, 1e-3, 0.5],
    "batch_size": [31, 64, "auto"],
    "shuffle": [True, False],
    "learning_rate": ["constant", "invscaling", "adaptive"],
    "power_t": [0.5, 0.1],
    "tol": [1e-4, 0.03],
    "n_iter_no_change": [2, 10],
    "momentum": [0.9, 0.3],
    "beta_1": [0.9, 0.6],
    "beta_2": [0.999, 0.9],
    "epsilon": [1e-8, 1e-3],
    "early_stopping": [False, True],
    "validation_fraction": [0.1, 0.4],
    "warm_start": [False, True],
}


@pytest.mark.parametrize("seed", range(40))
def test_options_together(seed: int) -> None:
    random = np.random.default_rng(seed)
    params = {name: values[random.integers(len(values))] for name, values in OPTIONS.items()}
    task, solver = (list(names)[random.integers(len(names))] for names in (TASKS, SOLVERS))
    weight = [None, WEIGHTS["fractions"], WEIGHTS["integers"]][random.integers(3)]
    rows = sparse.csr_array(X) if random.random() < 0.4 else X
    then = ["nothing", "fit", "partial_fit"][random.integers(3)]

    def train(model: Any, y: np.ndarray) -> None:
        model.fit(rows, y, sample_weight=weight)
        if model.early_stopping:  # see the next test, and partial_fit refuses it
            return
        if then == "fit":
            model.fit(rows, y)
        elif then == "partial_fit":
            for _ in range(3):
                model.partial_fit(rows, y, sample_weight=weight)

    assert_same(*train_both(task, solver, train, **{"max_iter": 12} | params))


def test_the_best_weights_outlive_a_warm_start_that_finds_none_better() -> None:
    """scikit-learn ends with the last ones: what it keeps as the best it goes on training."""

    def train(model: Any, y: np.ndarray) -> None:
        model.fit(X, y)
        first.append(model.predict_proba(X))
        model.set_params(learning_rate_init=1.0).fit(X, y)

    first: list[np.ndarray] = []
    params = {"early_stopping": True, "warm_start": True, "max_iter": 12}
    ours, theirs = train_both("ten classes", "adam", train, **params)
    assert ours.model.validation_scores_ == pytest.approx(theirs.model.validation_scores_)
    np.testing.assert_array_equal(ours.model.predict_proba(X), first[0])
    assert not np.allclose(theirs.model.predict_proba(X), first[1])


@EVERY_TASK
@BOTH
def test_sparse(solver: str, task: str) -> None:
    """In a fit, and then in mini-batches of our own; some rows and columns are empty."""
    thin = X * (X > 0.6)
    thin[::7] = 0
    assert not thin.any(axis=0).all()

    def train(model: Any, y: np.ndarray) -> None:
        model.fit(sparse.csr_matrix(thin), y, sample_weight=WEIGHTS["fractions"])
        for first in range(0, ROWS - 50, 50):
            part = slice(first, first + 50)
            model.partial_fit(sparse.csc_array(thin[part]), y[part])

    assert_same(*train_both(task, solver, train, max_iter=8))


@pytest.mark.parametrize("task", ["ten classes", "three labels"])
@BOTH
def test_sparse_from_the_first_partial_fit(solver: str, task: str) -> None:
    def train(model: Any, y: np.ndarray) -> None:
        for _ in range(4):
            model.partial_fit(sparse.coo_matrix(X), y, **classes_of(task))

    assert_same(*train_both(task, solver, train))
