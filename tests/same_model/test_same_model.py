"""The same parameters, seed and data give scikit-learn's model.

scikit-learn is the reference: in float64 the losses agree to 1e-9 and the weights to 1e-6, every
counter, score and warning exactly. In float32, whose rounding differs, the losses agree to 1e-3.
"""

import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest
from sklearn import neural_network
from sklearn.datasets import load_digits

import pymlp

EPOCHS = 12
ROWS = 230  # 32 leaves a tail of 6, 50 one of 30, 7 one of 6


class Task(NamedTuple):
    """An estimator's name, its targets, and the parameters that belong to them."""

    estimator: str
    y: np.ndarray
    params: dict[str, Any]


class Fitted(NamedTuple):
    """An estimator after training and the warnings, (category, message), that it gave."""

    model: Any
    warned: list[tuple[type, str]]


def _tasks(X: np.ndarray, y: np.ndarray) -> dict[str, Task]:
    rng = np.random.default_rng(4)
    signal = np.sin(X @ rng.normal(size=(X.shape[1], 3)))
    counts = rng.poisson(np.exp(signal[:, 0]))  # has zeros, where y log y needs care
    return {
        "binary": Task("MLPClassifier", y < 5, {}),
        "ten classes": Task("MLPClassifier", y, {}),
        "three labels": Task("MLPClassifier", (signal > 0.3).astype(int), {}),
        "one output": Task("MLPRegressor", signal[:, 0], {}),
        "three outputs": Task("MLPRegressor", signal, {}),
        "counts": Task("MLPRegressor", counts, {"loss": "poisson"}),
        "two counts": Task("MLPRegressor", np.c_[counts, counts[::-1]], {"loss": "poisson"}),
    }


_DIGITS, _LABELS = load_digits(return_X_y=True)
X = _DIGITS[:ROWS, 8:40] / 16  # (230, 32), some columns all zero, whose gradients are 0
TASKS = _tasks(X, _LABELS[:ROWS])

SOLVERS: dict[str, dict[str, Any]] = {
    "sgd": {"solver": "sgd", "momentum": 0.0, "learning_rate_init": 0.05},
    "momentum": {"solver": "sgd", "nesterovs_momentum": False, "learning_rate_init": 0.02},
    "nesterov": {"solver": "sgd", "learning_rate_init": 0.02},
    "adam": {"solver": "adam", "learning_rate_init": 0.005},
}
BOTH = pytest.mark.parametrize("solver", ["nesterov", "adam"])
EVERY_SOLVER = pytest.mark.parametrize("solver", SOLVERS)
EVERY_TASK = pytest.mark.parametrize("task", TASKS)


def fit_once(model: Any, y: np.ndarray, **fit_params: Any) -> None:
    model.fit(X, y, **fit_params)


def train_both(
    task: str,
    solver: str,
    train: Callable[..., None] = fit_once,
    fit_params: dict[str, Any] | None = None,
    **params: Any,
) -> tuple[Fitted, Fitted]:
    """Train pymlp's and scikit-learn's estimator alike; ``train(model, y, **fit_params)``."""
    estimator, y, task_params = TASKS[task]
    defaults = {"hidden_layer_sizes": (13,), "batch_size": 32, "max_iter": EPOCHS, "alpha": 1e-3}
    results = []
    for module in (pymlp, neural_network):
        seed = {"random_state": 7} | params
        if callable(seed["random_state"]):  # a generator of its own for each of the two
            seed["random_state"] = seed["random_state"]()
        model = getattr(module, estimator)(**defaults | task_params | SOLVERS[solver] | seed)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            train(model, y, **fit_params or {})
        results.append(Fitted(model, [(w.category, str(w.message)) for w in caught]))
    return results[0], results[1]


def assert_same(ours: Fitted, theirs: Fitted) -> None:
    """Losses to 1e-9, weights and predictions to 1e-6, all else exactly."""
    a, b = ours.model, theirs.model
    for name in ("n_iter_", "t_", "n_layers_", "n_outputs_", "n_features_in_", "out_activation_"):
        assert getattr(a, name) == getattr(b, name), name
    np.testing.assert_allclose(a.loss_curve_, b.loss_curve_, rtol=1e-9, atol=0)
    for name in ("loss_", "best_loss_", "best_validation_score_", "validation_scores_"):
        expected = getattr(b, name)
        if expected is None:
            assert getattr(a, name) is None, name
        else:
            np.testing.assert_allclose(getattr(a, name), expected, rtol=1e-9, err_msg=name)
    assert len(a.coefs_) == len(b.coefs_)
    assert len(a.intercepts_) == len(b.intercepts_)
    for actual, desired in zip(a.coefs_ + a.intercepts_, b.coefs_ + b.intercepts_, strict=True):
        np.testing.assert_allclose(actual, desired, rtol=0, atol=1e-6)
        assert actual.dtype == desired.dtype
    predict = "predict_proba" if hasattr(b, "predict_proba") else "predict"
    np.testing.assert_allclose(getattr(a, predict)(X), getattr(b, predict)(X), rtol=1e-6, atol=1e-6)
    assert ours.warned == theirs.warned


@EVERY_TASK
@pytest.mark.parametrize("activation", ["identity", "logistic", "tanh", "relu"])
@EVERY_SOLVER
def test_solvers_and_activations(solver: str, activation: str, task: str) -> None:
    ours, theirs = train_both(task, solver, activation=activation)
    assert theirs.model.n_iter_ == EPOCHS
    assert_same(ours, theirs)


@pytest.mark.parametrize("task", ["binary", "ten classes", "three outputs"])
@pytest.mark.parametrize("sizes", [(), 1, [12], (17, 5), np.array([5, 3]), (8, 8, 8)], ids=str)
@BOTH
def test_layers(solver: str, sizes: Any, task: str) -> None:
    assert_same(*train_both(task, solver, hidden_layer_sizes=sizes))


@pytest.mark.parametrize("task", ["ten classes", "one output"])
@pytest.mark.parametrize("shuffle", [True, False])
@pytest.mark.parametrize("batch_size", [7, 50, 229, ROWS, 1000, "auto"])
@BOTH
def test_batches(solver: str, batch_size: Any, shuffle: bool, task: str) -> None:
    assert_same(*train_both(task, solver, batch_size=batch_size, shuffle=shuffle))


@BOTH
def test_batches_of_one_row(solver: str) -> None:
    assert_same(*train_both("ten classes", solver, batch_size=1, learning_rate_init=1e-3))


@pytest.mark.parametrize("task", ["binary", "three outputs"])
@pytest.mark.parametrize("alpha", [0.0, 1.0, 30.0])
@BOTH
def test_l2_term(solver: str, alpha: float, task: str) -> None:
    assert_same(*train_both(task, solver, alpha=alpha))


@pytest.mark.parametrize(
    ("solver", "params"),
    [
        ("nesterov", {"momentum": 0.5}),
        ("momentum", {"momentum": 1.0, "learning_rate_init": 1e-4}),
        ("adam", {"beta_1": 0.5, "beta_2": 0.9, "epsilon": 1e-3}),
        ("adam", {"beta_1": 0.0, "beta_2": 0.0, "epsilon": 0.1}),
    ],
)
def test_optimizer_parameters(solver: str, params: dict[str, Any]) -> None:
    assert_same(*train_both("ten classes", solver, **params))


@pytest.mark.parametrize("task", ["ten classes", "one output"])
@pytest.mark.parametrize(
    "params",
    [
        {"learning_rate": "invscaling"},
        {"learning_rate": "invscaling", "power_t": 0.2},
        # a loss that must fall by 0.05 an epoch: the rate is divided by 5 more than once
        {"learning_rate": "adaptive", "tol": 0.05, "n_iter_no_change": 1},
        # ... and until it is too small to go on
        {"learning_rate": "adaptive", "tol": 10, "n_iter_no_change": 1, "learning_rate_init": 1e-3},
    ],
    ids=str,
)
def test_learning_rate_schedules(params: dict[str, Any], task: str) -> None:
    assert_same(*train_both(task, "momentum", **params))


@EVERY_TASK
@pytest.mark.parametrize("patience", [1, 4])
def test_stops_at_the_same_epoch(patience: int, task: str) -> None:
    ours, theirs = train_both(
        task, "adam", learning_rate_init=0.02, tol=0.02, n_iter_no_change=patience, max_iter=200
    )
    assert theirs.model.n_iter_ < 200
    assert_same(ours, theirs)


WEIGHTS = {
    "fractions": np.random.default_rng(0).uniform(0.1, 3, ROWS),
    "integers": np.random.default_rng(1).integers(1, 4, ROWS),
    "zeros": np.random.default_rng(2).uniform(0.1, 3, ROWS) * (np.arange(ROWS) % 5 < 3),
}


@EVERY_TASK
@pytest.mark.parametrize("weights", WEIGHTS)
@BOTH
def test_sample_weight(solver: str, weights: str, task: str) -> None:
    weight = {"sample_weight": WEIGHTS[weights]}
    assert_same(*train_both(task, solver, fit_params=weight, shuffle=weights != "zeros", alpha=0.1))


@EVERY_TASK
@pytest.mark.parametrize("weights", [None, "fractions"])
@BOTH
def test_early_stopping(solver: str, weights: str | None, task: str) -> None:
    ours, theirs = train_both(
        task,
        solver,
        fit_params={"sample_weight": WEIGHTS[weights]} if weights else None,
        early_stopping=True,
        validation_fraction=0.3,
        n_iter_no_change=2,
        learning_rate_init=0.05,  # high, so that the best epoch is not the last
        max_iter=40,
    )
    assert_same(ours, theirs)


@pytest.mark.parametrize("task", ["binary", "ten classes", "three outputs"])
@pytest.mark.parametrize(
    ("solver", "params"),
    [
        ("nesterov", {}),
        ("adam", {}),
        ("momentum", {"learning_rate": "invscaling"}),  # t_ goes on, the rate starts afresh
        ("adam", {"tol": 0.02, "n_iter_no_change": 3, "max_iter": 60}),  # the count goes on
    ],
)
def test_warm_start(solver: str, params: dict[str, Any], task: str) -> None:
    def fit_twice(model: Any, y: np.ndarray) -> None:
        model.fit(X, y)
        model.fit(X, y)

    ours, theirs = train_both(task, solver, fit_twice, warm_start=True, **params)
    assert len(theirs.model.loss_curve_) > theirs.model.n_iter_
    assert_same(ours, theirs)


def test_without_warm_start_a_second_fit_starts_afresh() -> None:
    def fit_twice(model: Any, y: np.ndarray) -> None:
        model.fit(X[:, :9], y)
        model.fit(X, y)

    assert_same(*train_both("ten classes", "adam", fit_twice))


def partial_fits(model: Any, y: np.ndarray, **first: Any) -> None:
    """Twelve calls on chunks that differ in length, with weights in every other call."""
    for call in range(12):
        rows = slice(11 * call, 11 * call + 40 + 5 * call)
        weight = WEIGHTS["fractions"][rows] if call % 2 else None
        model.partial_fit(X[rows], y[rows], sample_weight=weight, **first)
        first = {}


def classes_of(task: str) -> dict[str, np.ndarray]:
    """What the first partial_fit of a classifier has to be told."""
    estimator, y, _ = TASKS[task]
    known = np.arange(y.shape[1]) if y.ndim == 2 else np.unique(y)
    return {"classes": known} if estimator == "MLPClassifier" else {}


@EVERY_TASK
@pytest.mark.parametrize(
    ("solver", "params"),
    [
        ("nesterov", {}),
        ("adam", {}),
        ("sgd", {"learning_rate": "invscaling"}),
        ("momentum", {"learning_rate": "adaptive", "tol": 0.1, "n_iter_no_change": 2}),
    ],
)
def test_partial_fit(solver: str, params: dict[str, Any], task: str) -> None:
    assert_same(*train_both(task, solver, partial_fits, classes_of(task), **params))


@pytest.mark.parametrize("task", ["ten classes", "one output"])
@BOTH
def test_partial_fit_after_fit_keeps_the_moments(solver: str, task: str) -> None:
    def fit_then_partial(model: Any, y: np.ndarray) -> None:
        model.fit(X, y)
        partial_fits(model, y)

    assert_same(*train_both(task, solver, fit_then_partial, max_iter=5))


def test_a_generator_as_random_state_is_drawn_from_alike() -> None:
    def fit_both_ways(model: Any, y: np.ndarray) -> None:
        model.fit(X, y)
        partial_fits(model, y)

    def generator() -> np.random.RandomState:
        return np.random.RandomState(3)

    ours, theirs = train_both("ten classes", "adam", fit_both_ways, random_state=generator)
    assert_same(ours, theirs)
    assert ours.model.random_state.randint(2**31) == theirs.model.random_state.randint(2**31)


ODD_DATA: dict[str, Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]] = {
    "one row": lambda y: (X[:1], y[:1]),
    "one column": lambda y: (X[:, 12:13], y),
    "one value": lambda y: (X, np.repeat(y[3:4], ROWS)),  # and so a single class
    "a column of targets": lambda y: (X, y[:, None]),  # with a warning
    "rows that are all alike": lambda y: (np.repeat(X[5:6], ROWS, axis=0), y),
}


@pytest.mark.parametrize("task", ["binary", "ten classes", "one output", "counts"])
@pytest.mark.parametrize("data", ODD_DATA)
def test_odd_data(data: str, task: str) -> None:
    def fit_odd(model: Any, y: np.ndarray) -> None:
        rows, targets = ODD_DATA[data](y)
        predictions.append(model.fit(rows, targets).predict(rows))

    predictions: list[np.ndarray] = []
    ours, theirs = train_both(task, "adam", fit_odd, batch_size="auto")
    np.testing.assert_allclose(ours.model.loss_curve_, theirs.model.loss_curve_, rtol=1e-9)
    np.testing.assert_allclose(*predictions, rtol=1e-6)
    assert ours.warned == theirs.warned


@pytest.mark.parametrize("task", ["binary", "ten classes"])
def test_losses_of_saturated_probabilities(task: str) -> None:
    """scikit-learn clips probabilities to [eps, 1 - eps], so a row's loss is 36 at most."""

    def fit_large(model: Any, y: np.ndarray) -> None:
        model.fit(1000 * X, y)

    ours, theirs = train_both(task, "sgd", fit_large, hidden_layer_sizes=(), max_iter=3)
    np.testing.assert_allclose(ours.model.loss_curve_, theirs.model.loss_curve_, rtol=1e-9)


@pytest.mark.parametrize("task", ["binary", "one output"])
@pytest.mark.parametrize(
    ("solver", "params"),
    [
        ("adam", {"max_iter": 3}),
        ("adam", {"tol": 1.0, "n_iter_no_change": 2}),
        ("adam", {"tol": 1.0, "n_iter_no_change": 2, "early_stopping": True}),
        (
            "sgd",
            {"learning_rate": "adaptive", "tol": 9, "n_iter_no_change": 1}
            | {"learning_rate_init": 2e-6},
        ),
    ],
)
def test_verbose_prints_the_same_lines(
    solver: str, params: dict[str, Any], task: str, capsys: pytest.CaptureFixture[str]
) -> None:
    train_both(task, solver, verbose=True, **params)
    printed = capsys.readouterr().out.splitlines()
    # our line of an epoch has the score, too
    printed = [line for line in printed if not line.startswith("Validation score:")]
    ours, theirs = printed[: len(printed) // 2], printed[len(printed) // 2 :]
    assert len(theirs) >= 3
    for our_line, their_line in zip(ours, theirs, strict=True):
        assert our_line.startswith(their_line)  # there may be more to say after it


@EVERY_TASK
@EVERY_SOLVER
def test_float32(solver: str, task: str) -> None:
    def fit_float32(model: Any, y: np.ndarray) -> None:
        model.fit(X.astype(np.float32), y.astype(np.float32) if y.dtype.kind == "f" else y)

    ours, theirs = train_both(task, solver, fit_float32, hidden_layer_sizes=(13, 6))
    assert {w.dtype for w in ours.model.coefs_ + ours.model.intercepts_} == {np.dtype(np.float32)}
    np.testing.assert_allclose(ours.model.loss_curve_, theirs.model.loss_curve_, rtol=1e-3)
