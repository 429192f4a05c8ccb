"""The regressor's losses, and prediction intervals from several quantiles."""

import warnings
from typing import Any

import numpy as np
import pytest
from scipy import optimize, special
from sklearn.compose import TransformedTargetRegressor
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import d2_pinball_score
from sklearn.preprocessing import StandardScaler

from pymlp import MLPEnsembleRegressor, MLPRegressor

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

rng = np.random.default_rng(0)
X = rng.normal(size=(120, 3))
Y = np.exp(X @ [0.5, -0.3, 0.2]) * rng.gamma(5.0, 0.2, 120)
NONE = np.zeros((120, 1))  # nothing to go by: the best constant

# value of the loss at output z (of the link's scale), as the docstring states it
FORMULAS: dict[str, tuple[dict[str, Any], Any]] = {
    "squared_error": ({}, lambda z, y: (z - y) ** 2 / 2),
    "absolute_error": ({}, lambda z, y: np.abs(z - y)),
    "huber": ({"huber_delta": 0.3}, lambda z, y: special.huber(0.3, z - y)),
    "pinball": ({"quantile": 0.8}, lambda z, y: np.maximum(0.8 * (y - z), 0.2 * (z - y))),
    "log_cosh": ({}, lambda z, y: np.log(np.cosh(z - y))),
    "poisson": ({}, lambda z, y: special.xlogy(y, y / z) - y + z),
    "gamma": ({}, lambda z, y: y / z - np.log(y / z) - 1),
}


def build(**params: Any) -> Any:
    defaults = {"hidden_layer_sizes": (9,), "batch_size": 30, "max_iter": 30, "random_state": 0}
    return MLPRegressor(**defaults | {"learning_rate_init": 0.01} | params)


@pytest.mark.parametrize("loss", FORMULAS)
def test_the_best_constant(loss: str) -> None:
    params, formula = FORMULAS[loss]
    reg = build(loss=loss, hidden_layer_sizes=(), alpha=0.0, solver="lbfgs", tol=1e-9, **params)
    reg.set_params(max_iter=500).fit(NONE, Y)
    constant = reg.predict(NONE[:1])[0]
    best = optimize.minimize_scalar(
        lambda z: formula(z, Y).mean(), bounds=(Y.min(), Y.max()), options={"xatol": 1e-10}
    )
    assert formula(constant, Y).mean() == pytest.approx(best.fun, rel=1e-3)
    assert reg.loss_ == pytest.approx(formula(constant, Y).mean(), rel=1e-9)
    assert reg.out_activation_ == ("exp" if loss in ("poisson", "gamma") else "identity")


@pytest.mark.parametrize("loss", FORMULAS)
@pytest.mark.parametrize("precision", ["float32", "float64"])
def test_learns(precision: str, loss: str) -> None:
    reg = build(loss=loss, precision=precision, **FORMULAS[loss][0]).fit(X, Y)
    assert reg.loss_curve_[-1] < 0.8 * reg.loss_curve_[0]
    assert reg.score(X, Y) > 0.1


@pytest.mark.parametrize(("loss", "low"), [("poisson", -0.1), ("gamma", 0.0)])
def test_targets_out_of_range(loss: str, low: float) -> None:
    y = Y.copy()
    y[3] = low
    with pytest.raises(ValueError, match=f"loss='{loss}' requires y >"):
        build(loss=loss).fit(X, y)
    with pytest.raises(ValueError, match=f"X_val, y_val: loss='{loss}' requires y >"):
        build(loss=loss).fit(X, Y, X_val=X, y_val=y)


# Quantiles

LEVELS = [0.1, 0.5, 0.9]


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_intervals_cover_their_share(solver: str) -> None:
    rows = rng.uniform(-1, 1, (2000, 1))
    y = rows[:, 0] + (1 + rows[:, 0] / 2) * rng.normal(size=2000)
    reg = build(loss="pinball", quantile=LEVELS, solver=solver, max_iter=40).fit(rows, y)
    predicted = reg.predict(rows)
    assert predicted.shape == (2000, 3)
    assert reg.n_outputs_ == 3
    np.testing.assert_allclose((y[:, None] < predicted).mean(axis=0), LEVELS, atol=0.04)


def test_quantiles_do_not_cross() -> None:
    reg = build(loss="pinball", quantile=LEVELS, max_iter=2).fit(X, Y)
    reg.intercepts_[-1][...] = [3, -1, 0]  # far from ordered
    assert (np.diff(reg.predict(X), axis=1) >= 0).all()
    raw = reg.hidden_activations(X) @ reg.coefs_[-1] + reg.intercepts_[-1]
    np.testing.assert_allclose(reg.predict(X), np.sort(raw, axis=1))


def test_several_targets() -> None:
    y = np.c_[Y, -2 * Y]
    reg = build(loss="pinball", quantile=LEVELS, max_iter=200).fit(X, y, X_val=X, y_val=y)
    predicted = reg.predict(X)
    assert predicted.shape == (120, 2, 3)
    share = (y[:, :, None] < predicted).mean(axis=0)
    np.testing.assert_allclose(share, [LEVELS, LEVELS], atol=0.12)
    scores = [d2_pinball_score(y, predicted[:, :, q], alpha=a) for q, a in enumerate(LEVELS)]
    assert reg.score(X, y) == pytest.approx(np.mean(scores))
    assert reg.history_["val_d2_pinball"][-1] == pytest.approx(np.mean(scores))
    with pytest.raises(ValueError, match="y_val has 1 outputs, but y has 2"):
        reg.fit(X, y, X_val=X, y_val=Y)


@pytest.mark.parametrize(("quantile", "shape"), [(0.3, (120,)), ([0.3], (120, 1))])
def test_one_quantile(quantile: Any, shape: tuple[int, ...]) -> None:
    reg = build(loss="pinball", quantile=quantile, early_stopping=True).fit(X, Y)
    predicted = reg.predict(X)
    assert predicted.shape == shape
    weight = np.arange(120)
    expected = d2_pinball_score(Y, predicted, alpha=0.3, sample_weight=weight)
    assert reg.score(X, Y, weight) == pytest.approx(expected)
    assert reg.history_["val_d2_pinball"] == reg.validation_scores_


@pytest.mark.parametrize("quantile", [[], [0.5, 0.1], [0.5, 0.5], [0.0, 0.5], [[0.5]], ["a"], [1]])
def test_wrong_lists_of_quantiles(quantile: Any) -> None:
    with pytest.raises(ValueError, match=r"'quantile' parameter must be .* ascending"):
        build(loss="pinball", quantile=quantile).fit(X, Y)


def test_quantiles_changed_after_a_fit() -> None:
    reg = build(loss="pinball", quantile=LEVELS, max_iter=2).fit(X, Y)
    reg.set_params(quantile=0.5)
    assert reg.predict(X).shape == (120, 3)
    assert reg.fit(X, Y).predict(X).shape == (120,)
    reg.set_params(quantile=LEVELS)
    assert reg.predict(X).shape == (120,)


@pytest.mark.parametrize("loss", FORMULAS)
def test_another_loss_is_of_no_account_before_another_fit(loss: str) -> None:
    reg = build(loss=loss, max_iter=2).fit(X, Y)
    expected = reg.predict(X)
    for other in FORMULAS:
        np.testing.assert_array_equal(reg.set_params(loss=other).predict(X), expected)


def test_the_score_is_that_of_the_fitted_quantiles() -> None:
    reg = MLPRegressor(loss="pinball", quantile=0.1, max_iter=5, random_state=0).fit(X, Y)
    score = reg.score(X, Y)
    for later in ({"quantile": 0.9}, {"quantile": [0.1, 0.9]}, {"loss": "huber"}):
        assert reg.set_params(**later).score(X, Y) == score
    several = MLPRegressor(loss="pinball", quantile=[0.1, 0.9], max_iter=5, random_state=0)
    score = several.fit(X, Y).score(X, Y)
    assert several.set_params(loss="squared_error").score(X, Y) == score


def test_gamma_targets_that_round_to_zero() -> None:
    with pytest.raises(ValueError, match="y > 0 in float32"):
        MLPRegressor(loss="gamma").fit(X.astype(np.float32), np.full(len(X), 1e-50))


def test_a_list_of_quantiles_is_for_pinball() -> None:
    with pytest.raises(ValueError, match="'quantile' parameter can only be a list with"):
        MLPRegressor(quantile=[0.1, 0.9]).fit(X, Y)


SCALER = "sklearn.compose.TransformedTargetRegressor"


@pytest.mark.parametrize("dtype", ["f4", "f8", "i8", "g"])
@pytest.mark.parametrize("shift", [0, 3e6])
def test_targets_in_the_millions_are_warned_of_once(shift: float, dtype: str) -> None:
    y = (shift + 4e6 * X[:, 0]).astype(dtype)
    for targets in (y, np.c_[X[:, 0], y]):
        for reg in (build(max_iter=1), MLPEnsembleRegressor(build(max_iter=1), n_estimators=2)):
            with pytest.warns(UserWarning, match="y has values of about") as caught:
                reg.fit(X, targets, X_val=X, y_val=targets)
            ours = [str(w.message) for w in caught if "y has values of about" in str(w.message)]
            assert len(ours) == 1
            assert SCALER in ours[0]
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        warnings.simplefilter("ignore", ConvergenceWarning)
        for params in ({"solver": "lbfgs"}, {"loss": "poisson"}, {"loss": "gamma"}):
            build(max_iter=1, **params).fit(X, np.abs(y) + 1)
        scaled = TransformedTargetRegressor(build(max_iter=1), transformer=StandardScaler())
        scaled.fit(X, y)
        build(max_iter=1).partial_fit(X, y).set_params(warm_start=True).fit(X, y)
        build(max_iter=1).fit(X, y / 10)


def test_a_warning_of_the_scale_that_is_an_error_leaves_no_trace() -> None:
    reg = build(max_iter=1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(UserWarning, match=SCALER):
            reg.fit(X, 1e308 * np.sign(X[:, 0]))
    assert not hasattr(reg, "coefs_")
