"""solver='lbfgs' takes scikit-learn's path: the same weights, iterations, loss and warnings.

The products' sums are rounded in another order, and L-BFGS divides by differences of close
gradients, so that what rounding leaves grows with the iterations. After 15 of them the weights were
up to 4e-11 apart (the losses 1e-12, relative), after 60 up to 2e-3. Fits are therefore short here
and compared to 1e-8, and long ones where the problem is convex and has one solution.
"""

import warnings
from typing import Any

import numpy as np
import pytest
from scipy import sparse
from sklearn import neural_network
from sklearn.exceptions import ConvergenceWarning

import pymlp
from pymlp import MLPClassifier, MLPRegressor

rng = np.random.default_rng(3)
X = rng.normal(size=(90, 5))
SCORE = X[:, 0] - np.sin(2 * X[:, 1])
TASKS: dict[str, tuple[str, np.ndarray, dict[str, Any]]] = {
    "binary": ("MLPClassifier", SCORE > 0, {}),
    "three classes": ("MLPClassifier", np.array(["a", "b", "c"])[np.digitize(SCORE, [-1, 1])], {}),
    "multilabel": ("MLPClassifier", (X[:, :3] + SCORE[:, None] > 0).astype(int), {}),
    "one output": ("MLPRegressor", SCORE, {}),
    "two outputs": ("MLPRegressor", np.c_[SCORE, X[:, 2] ** 2], {}),
    "counts": ("MLPRegressor", rng.poisson(np.exp(SCORE / 2)), {"loss": "poisson"}),
}
EVERY_TASK = pytest.mark.parametrize("task", TASKS)
EVERY_ESTIMATOR = pytest.mark.parametrize("estimator", [MLPClassifier, MLPRegressor])
QUIET = pytest.mark.filterwarnings("ignore:lbfgs failed:sklearn.exceptions.ConvergenceWarning")


def fit_both(task: str, *fit_args: Any, rows: Any = X, **params: Any) -> tuple[Any, Any]:
    name, y, task_params = TASKS[task]
    defaults = {"hidden_layer_sizes": (7,), "max_iter": 15, "random_state": 0}
    results = []
    for module in (pymlp, neural_network):
        model = getattr(module, name)(solver="lbfgs", **defaults | task_params | params)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            model.fit(rows, y, *fit_args)
        model.warned_ = [(w.category, str(w.message)) for w in caught]
        results.append(model)
    return results[0], results[1]


def assert_same(ours: Any, theirs: Any) -> None:
    assert ours.n_iter_ == theirs.n_iter_
    assert ours.loss_ == pytest.approx(theirs.loss_, rel=1e-10)
    assert ours.out_activation_ == theirs.out_activation_
    for name in ("t_", "n_outputs_", "n_layers_"):
        assert getattr(ours, name) == getattr(theirs, name), name
    for actual, expected in zip(
        ours.coefs_ + ours.intercepts_, theirs.coefs_ + theirs.intercepts_, strict=True
    ):
        np.testing.assert_allclose(actual, expected, rtol=0, atol=1e-8)
    predict = "predict_proba" if hasattr(theirs, "predict_proba") else "predict"
    np.testing.assert_allclose(getattr(ours, predict)(X), getattr(theirs, predict)(X), rtol=1e-6)
    if theirs.predict(X).dtype.kind != "f":
        np.testing.assert_array_equal(ours.predict(X), theirs.predict(X))
    assert ours.warned_ == theirs.warned_
    for name in ("loss_curve_", "best_loss_", "validation_scores_"):
        assert hasattr(ours, name) == hasattr(theirs, name), name


@EVERY_TASK
@pytest.mark.parametrize("activation", ["identity", "logistic", "tanh", "relu"])
def test_same_model(activation: str, task: str) -> None:
    assert_same(*fit_both(task, activation=activation))


@EVERY_TASK
def test_same_model_with_sample_weights(task: str) -> None:
    weight = np.arange(90) % 4 / 2
    assert_same(*fit_both(task, weight, alpha=0.5))


@pytest.mark.parametrize(
    "params",
    [
        {"max_fun": 5},
        {"max_iter": 1},
        {"tol": 1e-2, "max_iter": 500},
        {"hidden_layer_sizes": (6, 5)},
        {"hidden_layer_sizes": ()},
        {"early_stopping": True, "batch_size": 3, "learning_rate": "adaptive"},  # ignored
    ],
    ids=str,
)
@pytest.mark.parametrize("task", ["three classes", "one output"])
def test_same_options(task: str, params: dict[str, Any]) -> None:
    assert_same(*fit_both(task, activation="tanh", **params))


@EVERY_TASK
@pytest.mark.parametrize("container", [sparse.csr_matrix, sparse.csc_array])
def test_sparse(container: Any, task: str) -> None:
    weight = np.arange(90) % 4 / 2
    assert_same(*fit_both(task, weight, rows=container(X * (X > 0.3)), alpha=0.1))


@EVERY_TASK
def test_the_optimum_of_a_convex_problem(task: str) -> None:
    params = {"hidden_layer_sizes": (), "alpha": 0.1, "max_iter": 500, "tol": 1e-7}
    ours, theirs = fit_both(task, **params)
    assert ours.loss_ == pytest.approx(theirs.loss_, rel=1e-8)
    # either gradient is 1e-7 at most, and grows by alpha / 90 rows at least away from the optimum
    for a, b in zip(ours.coefs_, theirs.coefs_, strict=True):
        np.testing.assert_allclose(a, b, rtol=0, atol=2 * 1e-7 * 90 / 0.1)


@QUIET
def test_longer_runs_differ_no_more_than_scikit_learn_from_itself() -> None:
    """Both by what rounding leaves; docs/from-scikit-learn.md has the figures."""
    from_theirs, from_itself = [], []
    for task in ("three classes", "one output", "counts"):
        ours, theirs = fit_both(task, max_iter=60)
        _, moved = fit_both(task, max_iter=60, rows=X * (1 + 1e-15))
        from_theirs.append(largest_difference(ours, theirs))
        from_itself.append(largest_difference(moved, theirs))
    assert np.median(from_theirs) < 100 * np.median(from_itself)
    assert np.median(from_theirs) < 1e-6


def largest_difference(one: Any, other: Any) -> float:
    return max(
        np.abs(a - b).max()
        for a, b in zip(one.coefs_ + one.intercepts_, other.coefs_ + other.intercepts_, strict=True)
    )


@QUIET
@EVERY_ESTIMATOR
def test_warm_start_goes_on_from_the_weights(estimator: Any) -> None:
    y = SCORE > 0 if estimator is MLPClassifier else SCORE
    other = getattr(neural_network, estimator.__name__)
    params: dict[str, Any] = {"solver": "lbfgs", "warm_start": True, "max_iter": 4}
    models = [e(hidden_layer_sizes=(7,), random_state=0, **params) for e in (estimator, other)]
    for model in models:
        model.fit(X, y).fit(X, y)
    np.testing.assert_allclose(models[0].coefs_[0], models[1].coefs_[0], rtol=0, atol=1e-8)
    assert models[0].loss_ == pytest.approx(models[1].loss_, rel=1e-10)


@EVERY_TASK
def test_float32_stays_float32(task: str) -> None:
    """A convex problem: the same optimum, and no complaint of the line search."""
    name, y, params = TASKS[task]
    params = params | {"hidden_layer_sizes": (), "max_iter": 400, "alpha": 0.1}
    models = [getattr(pymlp, name)(solver="lbfgs", random_state=0, **params) for _ in range(2)]
    models[0].fit(X.astype(np.float32), y)
    models[1].fit(X, y)
    assert {a.dtype for a in models[0].coefs_ + models[0].intercepts_} == {np.dtype("float32")}
    assert models[0].loss_ == pytest.approx(models[1].loss_, rel=1e-4)


@QUIET
@EVERY_ESTIMATOR
def test_history_has_one_value_an_iteration(
    estimator: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    y = (SCORE > 0).astype(int)
    model = estimator(solver="lbfgs", hidden_layer_sizes=(7,), max_iter=6, random_state=0)
    model.set_params(verbose=True, scoring="neg_mean_squared_error")
    model.fit(X, y, X_val=X[:30], y_val=y[:30])
    score = "val_accuracy" if estimator is MLPClassifier else "val_r2"
    assert set(model.history_) == {"loss", "val_loss", score, "val_neg_mean_squared_error"}
    assert {len(column) for column in model.history_.values()} == {model.n_iter_}
    assert model.history_["loss"][-1] == pytest.approx(model.loss_)
    assert model.history_[score][-1] == pytest.approx(model.score(X[:30], y[:30]))
    assert np.all(np.diff(model.history_["loss"]) < 0)
    assert capsys.readouterr().out.count("Iteration") == model.n_iter_


@QUIET
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_weights_that_leave_the_finite_numbers() -> None:
    reg = MLPRegressor(hidden_layer_sizes=(7,), solver="lbfgs", random_state=0)
    with pytest.raises(ValueError, match="Solver produced non-finite parameter weights"):
        reg.fit(1e200 * X, 1e200 * SCORE)


@EVERY_ESTIMATOR
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("dropout", 0.5),
        ("dropout", [0.1]),
        ("clip_norm", 1.0),
        ("ema_decay", 0.9),
        ("monitor_gradients", True),
    ],
)
def test_options_of_mini_batches_are_refused(name: str, value: Any, estimator: Any) -> None:
    y = (SCORE > 0).astype(int)
    model = estimator(solver="lbfgs", hidden_layer_sizes=(7,), **{name: value})
    with pytest.raises(ValueError, match=f"'{name}' .* solver='lbfgs'"):
        model.fit(X, y)


def test_max_iter_is_warned_of() -> None:
    with pytest.warns(ConvergenceWarning, match="lbfgs failed to converge after 2 iteration"):
        MLPClassifier(solver="lbfgs", max_iter=2, random_state=0).fit(X, SCORE > 0)


@EVERY_ESTIMATOR
def test_an_interrupt_keeps_the_last_iteration(estimator: Any) -> None:
    calls = []

    def scorer(model: Any, rows: Any, y: Any) -> float:
        calls.append(model.coefs_[0].copy())
        if len(calls) == 3:
            raise KeyboardInterrupt
        return 0.0

    y = (SCORE > 0).astype(int)
    model = estimator(solver="lbfgs", hidden_layer_sizes=(7,), scoring=scorer, random_state=0)
    with pytest.warns(UserWarning, match=r"Training interrupted by user\."):
        model.fit(X, y, X_val=X, y_val=y)
    assert model.n_iter_ == len(model.history_["loss"]) == 2  # the third was not scored
    assert model.loss_ == model.history_["loss"][-1]
    np.testing.assert_array_equal(model.coefs_[0], calls[2])
    assert model.predict(X).shape == (90,)


@QUIET
@pytest.mark.filterwarnings("ignore:Stochastic:sklearn.exceptions.ConvergenceWarning")
@EVERY_ESTIMATOR
def test_between_lbfgs_and_mini_batches(estimator: Any) -> None:
    y = (SCORE > 0).astype(int)
    model = estimator(solver="lbfgs", hidden_layer_sizes=(7,), max_iter=3, random_state=0)
    model.fit(X, y).set_params(solver="adam").partial_fit(X, y)
    assert len(model.loss_curve_) == 1
    assert model.loss_curve_[0] == pytest.approx(model.history_["loss"][2], rel=0.1)
    model.set_params(solver="lbfgs", warm_start=True).fit(X, y)
    assert model.loss_ < model.loss_curve_[0]
    assert len(model.history_["loss"]) == 7
    assert np.isnan(model.history_["learning_rate"]).sum() == 6
