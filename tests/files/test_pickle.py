"""What goes into files and what a fit leaves behind: the model, not the optimizer."""

import copy
import pickle
from typing import Any

import numpy as np
import pytest

from pymlp import MLPClassifier, MLPRegressor

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

rng = np.random.default_rng(0)
X = rng.normal(size=(60, 5))
Y = X[:, 0] - X[:, 1]
SOLVERS = ["sgd", "adam", "adamw", "nadam", "rmsprop", "adagrad", "lion"]


def build(**params: Any) -> Any:
    defaults = {"hidden_layer_sizes": (7,), "max_iter": 3, "random_state": 0, "batch_size": 20}
    return MLPRegressor(**defaults | params)


def sent(model: Any) -> Any:
    return pickle.loads(pickle.dumps(model))


@pytest.mark.parametrize("precision", ["float32", "float64"])
def test_a_fitted_model_is_hardly_larger_than_its_weights(precision: str) -> None:
    clf = MLPClassifier((1000,), max_iter=1, precision=precision, random_state=0)
    clf.fit(rng.random((50, 784)), np.arange(50) % 10)
    weights = sum(a.nbytes for a in clf.coefs_ + clf.intercepts_)
    assert len(pickle.dumps(clf)) < 1.1 * weights


@pytest.mark.parametrize("solver", SOLVERS)
def test_the_moments_go_where_they_are_needed(solver: str) -> None:
    model = build(solver=solver).fit(X, Y)
    assert model._optimizer.moments  # here a partial_fit goes on with them
    assert not sent(model)._optimizer.moments
    assert not copy.deepcopy(model)._optimizer.moments
    assert sent(model.set_params(warm_start="full"))._optimizer.moments
    assert sent(model.set_params(warm_start=False).partial_fit(X, Y))._optimizer.moments
    assert not sent(model.fit(X, Y))._optimizer.moments


@pytest.mark.parametrize("solver", SOLVERS)
def test_a_copy_without_moments_starts_with_fresh_ones(solver: str) -> None:
    model = build(solver=solver).fit(X, Y)
    received = sent(model)
    fresh = build(solver=solver)
    fresh.partial_fit(X, Y)  # for its attributes
    fresh._optimizer.reset()
    fresh.coefs_, fresh.intercepts_ = model.coefs_, model.intercepts_
    np.testing.assert_array_equal(received.predict(X), model.predict(X))
    received.partial_fit(X, Y)
    fresh.partial_fit(X, Y)
    np.testing.assert_array_equal(received.coefs_[0], fresh.coefs_[0])


@pytest.mark.parametrize("solver", SOLVERS)
def test_a_copy_with_moments_goes_on(solver: str) -> None:
    model = build(solver=solver).partial_fit(X, Y)
    received = sent(model)
    for m in (model, received):
        m.partial_fit(X, Y)
    np.testing.assert_array_equal(received.coefs_[0], model.coefs_[0])


def test_unfitted_and_lbfgs() -> None:
    assert sent(build()).get_params() == build().get_params()
    model = build(solver="lbfgs").fit(X, Y)
    np.testing.assert_array_equal(sent(model).predict(X), model.predict(X))


# Warm start


@pytest.mark.parametrize(
    "params",
    [{"solver": s} for s in SOLVERS]
    + [
        {"solver": "sgd", "learning_rate": "invscaling"},
        {"ema_decay": 0.5},
        {"clip_norm": 0.1},
    ],
    ids=str,
)
def test_full_warm_start_is_one_long_fit(params: dict[str, Any]) -> None:
    """Without shuffling, two halves are the whole."""
    params = {"shuffle": False, "batch_size": 20, **params}
    whole = build(**params, max_iter=6).fit(X, Y)
    halves = build(**params, max_iter=3, warm_start="full")
    halves.fit(X, Y).fit(X, Y)
    np.testing.assert_array_equal(halves.coefs_[0], whole.coefs_[0])
    np.testing.assert_array_equal(halves.predict(X), whole.predict(X))
    assert halves.loss_curve_ == whole.loss_curve_
    plain = build(**params, max_iter=3, warm_start=True).fit(X, Y).fit(X, Y)
    assert plain.loss_curve_[:3] == whole.loss_curve_[:3]
    assert plain.loss_curve_[5] != whole.loss_curve_[5]


def test_full_warm_start_goes_along_the_schedule() -> None:
    model = build(learning_rate="exponential", warm_start="full").fit(X, Y).fit(X, Y)
    np.testing.assert_allclose(model.history_["learning_rate"], 0.001 * 0.95 ** np.arange(6))


def test_full_warm_start_with_another_solver_starts_its_state_afresh() -> None:
    model = build(warm_start="full").fit(X, Y)
    model.set_params(solver="rmsprop").fit(X, Y)
    assert len(model._optimizer.moments) == 1
    assert np.isfinite(model.loss_)
