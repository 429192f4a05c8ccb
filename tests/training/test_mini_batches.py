"""Options of the mini-batch solvers: dropout, averaged weights, clipped gradients, decay."""

from typing import Any

import numpy as np
import pytest

from pymlp import MLPClassifier, MLPRegressor

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

rng = np.random.default_rng(0)
X = rng.normal(size=(80, 5))
Y = X[:, 0] - X[:, 1] ** 2


def build(**params: Any) -> Any:
    defaults = {"hidden_layer_sizes": (20, 10), "max_iter": 6, "random_state": 0}
    return MLPRegressor(**defaults | {"batch_size": 20} | params)


# Averaged weights


@pytest.mark.parametrize("decay", [0.3, 0.9])
def test_the_average_is_that_of_the_steps(decay: float) -> None:
    """One mini-batch a pass: the average follows by hand."""
    reg, plain = build(ema_decay=decay, batch_size=80), build(batch_size=80)
    plain.set_params(learning_rate_init=1e-300).partial_fit(X, Y)
    average = [w.copy() for w in plain.coefs_ + plain.intercepts_]  # the initial weights
    plain = build(batch_size=80)
    for t in range(1, 6):
        reg.partial_fit(X, Y)
        plain.partial_fit(X, Y)
        kept = min(decay, (1 + t) / (10 + t))  # a young average follows faster
        for a, w in zip(average, plain.coefs_ + plain.intercepts_, strict=True):
            a[...] = kept * a + (1 - kept) * w
    np.testing.assert_allclose(reg.coefs_[0], plain.coefs_[0], rtol=1e-12)
    for a, b in zip(reg.averaged_coefs_ + reg.averaged_intercepts_, average, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-14)


def test_the_average_predicts() -> None:
    reg = build(ema_decay=0.95, learning_rate_init=0.02).fit(X, Y)
    h = X
    for w, b in zip(reg.averaged_coefs_[:2], reg.averaged_intercepts_[:2], strict=True):
        h = np.maximum(h @ w + b, 0)
    np.testing.assert_allclose(reg.hidden_activations(X), h, rtol=1e-9)
    expected = (h @ reg.averaged_coefs_[2] + reg.averaged_intercepts_[2]).ravel()
    np.testing.assert_allclose(reg.predict(X), expected, rtol=1e-9)
    reg.set_params(ema_decay=None)
    np.testing.assert_allclose(reg.predict(X), expected, rtol=1e-9)  # as it was fitted


@pytest.mark.parametrize("scoring", [None, "r2"])
def test_early_stopping_keeps_the_best_average(scoring: str | None) -> None:
    reg = build(ema_decay=0.8, early_stopping=True, scoring=scoring, learning_rate_init=0.05)
    reg.set_params(max_iter=60, n_iter_no_change=5)
    noise = rng.permutation(Y[:30])
    reg.fit(X, Y, X_val=X[:30], y_val=noise)
    assert reg.best_validation_score_ == max(reg.validation_scores_)
    assert reg.score(X[:30], noise) == pytest.approx(reg.best_validation_score_)
    np.testing.assert_allclose(reg.validation_scores_, reg.history_["val_r2"])


def test_the_average_of_the_last_fit_is_forgotten() -> None:
    reg = build(ema_decay=0.9).fit(X, Y)
    first = [a.copy() for a in reg.averaged_coefs_]
    np.testing.assert_array_equal(reg.fit(X, Y).averaged_coefs_[0], first[0])
    assert not hasattr(reg.set_params(ema_decay=None).fit(X, Y), "averaged_coefs_")


# Dropout


def test_dropout_leaves_the_other_draws_alone() -> None:
    """The initial weights and the validation split are those without it."""
    still: dict[str, Any] = {"solver": "sgd", "learning_rate_init": 1e-300}
    dropped, plain = build(dropout=0.5, **still).fit(X, Y), build(**still).fit(X, Y)
    np.testing.assert_array_equal(dropped.coefs_[0], plain.coefs_[0])
    assert dropped.loss_curve_ != plain.loss_curve_


@pytest.mark.parametrize("dropout", [0.4, [0.0, 0.4], [0.4, 0.0]], ids=str)
@pytest.mark.parametrize("solver", ["sgd", "adam", "lion"])
def test_dropout_is_decided_by_the_seed(solver: str, dropout: Any) -> None:
    fits = [
        build(solver=solver, dropout=dropout, random_state=seed, n_threads=n).fit(X, Y)
        for seed, n in ((0, 1), (0, 2), (1, 1))
    ]
    np.testing.assert_array_equal(fits[0].coefs_[0], fits[1].coefs_[0])
    assert fits[0].loss_curve_ != fits[2].loss_curve_
    np.testing.assert_array_equal(fits[0].predict(X), fits[0].predict(X))  # drops nothing


def test_passes_drop_different_units() -> None:
    """Each epoch of a fit, and each partial_fit, draws anew."""
    still: dict[str, Any] = {"solver": "sgd", "learning_rate_init": 1e-300, "shuffle": False}
    reg = build(dropout=0.5, **still).fit(X, Y)
    assert len(set(reg.loss_curve_)) == 6
    reg = build(dropout=0.5, **still)
    for _ in range(4):
        reg.partial_fit(X, Y)
    assert len(set(reg.loss_curve_)) == 4


def test_no_dropout_draws_nothing() -> None:
    a = build(dropout=0.0).fit(X, Y)
    b = build(dropout=[0.0, 0.0]).fit(X, Y)
    assert a.loss_curve_ == b.loss_curve_
    assert a.loss_curve_ == build().fit(X, Y).loss_curve_


@pytest.mark.parametrize("dropout", [[0.1], [0.1, 0.2, 0.3], [0.1, 1.0], [0.1, "a"], [-0.1, 0.1]])
def test_wrong_lists_of_rates(dropout: Any) -> None:
    with pytest.raises(ValueError, match=r"'dropout' parameter must (have one value|be numbers)"):
        build(dropout=dropout).fit(X, Y)


# Clipping and decay: one full batch of a linear model, small enough to write down


def one_step(**params: Any) -> tuple[np.ndarray, np.ndarray, Any]:
    """Weights before the step, the gradient without penalty, the model after."""
    params = {"hidden_layer_sizes": (), "batch_size": 80, "alpha": 0.0} | params
    start = build(**params | {"learning_rate_init": 1e-300}).partial_fit(X, Y)
    w, b = start.coefs_[0][:, 0].copy(), start.intercepts_[0][0]
    residual = X @ w + b - Y
    gradient = np.r_[X.T @ residual, residual.sum()] / 80
    return np.r_[w, b], gradient, build(**params).partial_fit(X, Y)


@pytest.mark.parametrize("share", [0.25, 4.0])
def test_clip_norm(share: float) -> None:
    sgd: dict[str, Any] = {"solver": "sgd", "momentum": 0.0, "learning_rate_init": 0.1}
    _, gradient, _ = one_step(**sgd)
    norm = np.linalg.norm(gradient)
    start, gradient, reg = one_step(**sgd, clip_norm=share * norm)
    expected = start - 0.1 * gradient * min(1.0, share)
    np.testing.assert_allclose(np.r_[reg.coefs_[0][:, 0], reg.intercepts_[0]], expected)


@pytest.mark.parametrize("solver", ["lion", "adamw"])
def test_decoupled_decay(solver: str) -> None:
    """The first step of both is the gradient's sign; biases do not decay."""
    params = {"solver": solver, "learning_rate_init": 0.1, "weight_decay": 0.5}
    start, gradient, reg = one_step(**params, epsilon=1e-30)
    decay = np.r_[np.ones(5), 0] * 0.5 * start
    expected = start - 0.1 * (np.sign(gradient) + decay)
    np.testing.assert_allclose(np.r_[reg.coefs_[0][:, 0], reg.intercepts_[0]], expected, rtol=1e-6)


@pytest.mark.parametrize("solver", ["adamw", "nadam", "rmsprop", "adagrad", "lion"])
@pytest.mark.parametrize("precision", ["float32", "float64"])
def test_every_solver_learns(precision: str, solver: str) -> None:
    rate = {"lion": 0.002, "adagrad": 0.05}.get(solver, 0.01)
    clf = MLPClassifier((12,), solver=solver, precision=precision, learning_rate_init=rate)
    clf.set_params(batch_size=20, max_iter=80, random_state=0).fit(X, Y > 0)
    assert clf.score(X, Y > 0) > 0.9


def test_an_average_is_not_older_than_its_network() -> None:
    reg = build(ema_decay=0.9, max_iter=1, warm_start=True).fit(X, Y)
    assert reg.n_averaged_ == 4
    reg.set_params(ema_decay=None, max_iter=50).fit(X, Y)
    assert not hasattr(reg, "averaged_coefs_")
    score = reg.score(X, Y)
    assert reg.set_params(ema_decay=0.9).score(X, Y) == score
    reg.set_params(max_iter=1).fit(X, Y)
    assert reg.score(X, Y) > score - 0.1


def test_a_trained_average_stays_slow_with_a_new_optimizer() -> None:
    reg = build(ema_decay=0.999, max_iter=300, warm_start=True, tol=0.0, n_iter_no_change=300)
    before = reg.fit(X, Y).averaged_coefs_[0].copy()
    after = reg.set_params(max_iter=1, learning_rate_init=0.1).fit(X, Y)
    assert reg.n_averaged_ == 1204
    moved = np.abs(after.averaged_coefs_[0] - before).max()
    assert moved < 0.02 * np.abs(after.coefs_[0] - before).max()


@pytest.mark.parametrize("loss", ["gamma", "poisson"])
def test_a_huge_float32_gradient_is_clipped(loss: str) -> None:
    huge = np.full(80, 1e22)
    reg = MLPRegressor(loss=loss, solver="sgd", momentum=0.0, learning_rate_init=1.0, max_iter=1)
    reg.set_params(clip_norm=1.0, alpha=0.0, random_state=0, batch_size=80)
    start = MLPRegressor(loss=loss, solver="sgd", learning_rate_init=1e-30, random_state=0)
    start.set_params(max_iter=1, alpha=0.0, batch_size=80)
    models = [model.fit(X.astype(np.float32), huge) for model in (reg, start)]
    a, b = (np.concatenate([w.ravel() for w in m.coefs_ + m.intercepts_]) for m in models)
    assert np.linalg.norm(a.astype(float) - b) == pytest.approx(1.0, rel=1e-5)
