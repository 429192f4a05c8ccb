"""The optimizer's and the estimator's state survive what a fit may meet."""

import copy
from typing import Any

import joblib
import numpy as np
import pytest
from sklearn.exceptions import NotFittedError

from pymlp import (
    MLPClassifier,
    MLPEnsembleClassifier,
    MLPEnsembleRegressor,
    MLPRegressor,
    schedules,
)

pytestmark = pytest.mark.filterwarnings(
    "ignore:Stochastic Optimizer. Maximum iterations:sklearn.exceptions.ConvergenceWarning"
)

rng = np.random.default_rng(0)
X = rng.normal(size=(100, 6))
Y = X @ rng.normal(size=6)
LABELS = (Y > 0).astype(int)


def moments(model: Any) -> np.ndarray:
    parts = [a for m in model._optimizer.moments for a in m.coefs + m.intercepts]
    return np.concatenate([np.zeros(0), *(a.ravel() for a in parts)])


@pytest.mark.parametrize("solver", ["sgd", "adam"])
def test_a_mini_batch_that_diverges_does_not_poison_the_next(solver: str) -> None:
    reg = MLPRegressor(hidden_layer_sizes=(7,), solver=solver, random_state=0)
    for _ in range(5):
        reg.partial_fit(X, Y)
    with pytest.raises(ValueError, match="epoch 1"):
        reg.partial_fit(X * 1e300, Y * 1e300)
    assert np.isfinite(moments(reg)).all()
    before = reg.score(X, Y)
    for _ in range(200):
        reg.partial_fit(X, Y)
    assert reg.score(X, Y) > before


@pytest.mark.parametrize("solver", ["sgd", "adam"])
def test_moments_are_those_of_numpy(solver: str) -> None:
    """One linear layer, two full batches: small enough to write down."""
    params = {"solver": solver, "batch_size": 100, "alpha": 0.5, "learning_rate_init": 0.01}
    reg = MLPRegressor(hidden_layer_sizes=(), shuffle=False, random_state=0, **params)
    reg.partial_fit(X, Y)
    w, b = reg.coefs_[0].copy(), reg.intercepts_[0].copy()
    old = [m.coefs[0].copy() for m in reg._optimizer.moments]
    reg.partial_fit(X, Y)
    gradient = (X.T @ (X @ w + b - Y[:, None]) + 0.5 * w) / 100
    if solver == "sgd":
        expected = [0.9 * old[0] - 0.01 * gradient]
    else:
        expected = [0.9 * old[0] + 0.1 * gradient, 0.999 * old[1] + 0.001 * gradient**2]
    for moment, value in zip(reg._optimizer.moments, expected, strict=True):
        np.testing.assert_allclose(moment.coefs[0], value, rtol=1e-10)
    assert reg._optimizer.steps == 2


def test_an_epsilon_below_the_smallest_number() -> None:
    clf = MLPClassifier((7,), epsilon=1e-39, precision="float32", max_iter=3, random_state=0)
    assert all(np.isfinite(w).all() for w in clf.fit(X, LABELS).coefs_)


def test_weights_that_leave_a_part_empty() -> None:
    weight = np.zeros(100)
    weight[:1] = 1  # of two, one is in each part
    clf = MLPClassifier((7,), early_stopping=True, random_state=0)
    with pytest.raises(ValueError, match="at least one non-zero number"):
        clf.fit(X, LABELS, weight)


@pytest.mark.parametrize("n_threads", [1000, 2**31, 2**70])
def test_more_threads_than_the_machine_can_start(n_threads: int) -> None:
    params = {"hidden_layer_sizes": (300,), "max_iter": 1, "random_state": 0}
    expected = MLPClassifier(**params, n_threads=1).fit(X, LABELS)
    actual = MLPClassifier(**params, n_threads=n_threads).fit(X, LABELS)
    np.testing.assert_array_equal(actual.coefs_[0], expected.coefs_[0])


@pytest.mark.parametrize("first", [True, False])
def test_early_stopping_switched_between_calls(first: bool) -> None:
    clf = MLPClassifier((7,), early_stopping=first, warm_start=True, max_iter=4, random_state=0)
    clf.fit(X, LABELS).set_params(early_stopping=not first).fit(X, LABELS)
    assert (clf.validation_scores_ is None) == first
    assert {len(column) for column in clf.history_.values()} == {8}
    assert np.isnan(clf.history_["val_loss"]).sum() == 4


def test_a_refused_first_partial_fit_leaves_no_classes() -> None:
    clf = MLPClassifier((7,), random_state=0)
    with pytest.raises(ValueError, match="NaN"):
        clf.partial_fit(np.full_like(X, np.nan), LABELS, classes=[0, 1, 2])
    assert not hasattr(clf, "classes_")
    clf.partial_fit(X, LABELS, classes=[0, 1])
    assert clf.predict(X).shape == (100,)


def test_errors_of_the_validation_set_name_it() -> None:
    with pytest.raises(ValueError, match=r"X_val, y_val: .*NaN"):
        MLPClassifier((7,)).fit(X, LABELS, X_val=np.full_like(X, np.nan), y_val=LABELS)


def test_warnings_point_at_the_caller() -> None:
    reg = MLPRegressor(batch_size=10_000, max_iter=1)
    with pytest.warns(UserWarning, match=r"clipped|Maximum iterations") as caught:
        reg.fit(X, Y)
    assert len(caught) == 2  # batch_size clipped, max_iter reached
    assert {warning.filename for warning in caught} == {__file__}


@pytest.mark.parametrize("solver", ["sgd", "adam"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_rejected_epoch_leaves_no_moments(solver: str, dtype: type) -> None:
    """The loss overflows, the gradient and hence the moments do not."""
    reg = MLPRegressor(hidden_layer_sizes=(10,), solver=solver, random_state=0)
    for _ in range(10):
        reg.partial_fit(X.astype(dtype), Y)
    before, score = moments(reg), reg.score(X, Y)
    outlier = Y.copy()
    outlier[7] = np.sqrt(np.finfo(dtype).max) * 10
    with pytest.raises(ValueError, match="epoch 1"):
        reg.partial_fit(X.astype(dtype), outlier)
    np.testing.assert_array_equal(moments(reg), before)
    assert reg.partial_fit(X.astype(dtype), Y).score(X, Y) > score - 0.2


def test_moments_of_a_memory_mapped_model(tmp_path: Any) -> None:
    reg = MLPRegressor(hidden_layer_sizes=(10,), random_state=0).partial_fit(X, Y)
    joblib.dump(reg, tmp_path / "model")
    mapped = joblib.load(tmp_path / "model", mmap_mode="r")
    np.testing.assert_array_equal(
        mapped.partial_fit(X, Y).coefs_[0], reg.partial_fit(X, Y).coefs_[0]
    )


def test_a_shallow_copy_trains_its_own_moments() -> None:
    reg = MLPRegressor(hidden_layer_sizes=(10,), random_state=0).partial_fit(X, Y)
    before = moments(reg)
    copy.copy(reg).partial_fit(X, Y)
    np.testing.assert_array_equal(moments(reg), before)


def test_a_refused_call_leaves_the_optimizer() -> None:
    reg = MLPRegressor(hidden_layer_sizes=(10,), random_state=0)
    reg.partial_fit(X.astype(np.float32), Y)
    reg.set_params(warm_start="full", precision="float64")
    with pytest.raises(ValueError, match="X_val"):
        reg.fit(X, Y, X_val=X[:, :2], y_val=Y)
    assert reg._optimizer.is_pickled
    assert reg._optimizer.moments[0].coefs[0].dtype == np.float32


def test_moments_of_another_network_are_not_taken_up() -> None:
    reg = MLPRegressor(hidden_layer_sizes=(10,), random_state=0).partial_fit(X, Y)
    wider = MLPRegressor(hidden_layer_sizes=(12,), random_state=0).partial_fit(X, Y)
    reg.coefs_, reg.intercepts_ = wider.coefs_, wider.intercepts_
    reg.set_params(hidden_layer_sizes=(12,)).partial_fit(X, Y)
    assert reg._optimizer.moments[0].coefs[0].shape == (6, 12)


def test_weights_that_round_to_zero() -> None:
    with pytest.raises(ValueError, match="non-zero number in float32"):
        MLPRegressor().fit(X.astype(np.float32), Y, sample_weight=np.full(100, 1e-300))


def raises(*_: Any) -> float:
    raise ZeroDivisionError("on purpose")


FAILURES: dict[str, dict[str, Any]] = {
    "a class for a schedule": {"learning_rate": schedules.Step},
    "another signature": {"learning_rate": lambda epoch, n: 0.01},
    "an error in a rate": {"learning_rate": raises},
    "a rate that reaches 0": {"learning_rate": lambda epoch: 0.01 * (1 - epoch / 2)},
    "a schedule below 0": {
        "learning_rate": type("My", (schedules.Schedule,), {"__call__": raises})()
    },
    "a scorer for two classes": {"scoring": "f1", "early_stopping": True},
    "a scorer without probabilities": {
        "scoring": "roc_auc_ovr",
        "loss": "hinge",
        "early_stopping": True,
    },
    "an error in a scorer": {"scoring": raises, "early_stopping": True},
    "divergence": {"solver": "sgd", "learning_rate_init": 1e300},
    "divergence with early stopping": {
        "solver": "sgd",
        "learning_rate_init": 1e300,
        "early_stopping": True,
    },
    "an error in init": {"init": raises},
}


@pytest.mark.parametrize(
    ("failure", "warm_start"),
    [
        (failure, warm_start)
        for failure in FAILURES
        for warm_start in (False, True, "full")
        if failure != "an error in init" or not warm_start  # a warm start draws nothing
    ],
)
def test_a_fit_that_raises_leaves_the_model(failure: str, warm_start: Any) -> None:
    labels = np.digitize(Y, [-1.0, 1.0])
    clf = MLPClassifier((9,), batch_size=20, max_iter=5, random_state=0)
    clf.set_params(warm_start=warm_start).fit(X, labels)
    before = copy.deepcopy({k: v for k, v in vars(clf).items() if k.endswith("_")})
    probabilities = clf.predict_proba(X)
    kept = clf.get_params()
    clf.set_params(**FAILURES[failure])
    with pytest.raises((ValueError, TypeError, AttributeError, ZeroDivisionError)):
        clf.fit(X, labels)
    clf.set_params(**kept)
    after = {k: v for k, v in vars(clf).items() if k.endswith("_")}
    assert after.keys() == before.keys()
    for name, value in before.items():
        np.testing.assert_equal(after[name], value, err_msg=name)
    np.testing.assert_array_equal(clf.predict_proba(X), probabilities)


def test_a_first_fit_that_raises_leaves_an_unfitted_estimator() -> None:
    reg = MLPRegressor(solver="sgd", learning_rate_init=1e300, batch_size=20)
    with pytest.raises(ValueError, match="epoch 1"):
        reg.fit(X, Y)
    with pytest.raises(NotFittedError):
        reg.predict(X)


@pytest.mark.filterwarnings("ignore:lbfgs failed:sklearn.exceptions.ConvergenceWarning")
def test_lbfgs_that_diverges_leaves_the_model() -> None:
    reg = MLPRegressor(hidden_layer_sizes=(9,), max_iter=5, random_state=0).fit(X, Y)
    before = copy.deepcopy(vars(reg))
    with pytest.raises(ValueError, match="non-finite"):
        reg.set_params(solver="lbfgs").fit(X, Y * 1e200)
    np.testing.assert_equal(reg.coefs_, before["coefs_"])
    np.testing.assert_equal(reg.history_, before["history_"])


# --- what a refused call leaves ------------------------------------------------------------------


def fails(*_: Any) -> float:
    raise RuntimeError("no score")


@pytest.mark.parametrize(
    "params",
    [
        {"dropout": [0.1, 0.2]},
        {"learning_rate": lambda epoch: -1.0},
        {"scoring": fails, "early_stopping": True},
        {"init": lambda n_in, n_out, random_state: random_state.rand(n_out)},
    ],
)
@pytest.mark.parametrize("estimator", [MLPClassifier, MLPRegressor])
def test_a_fit_that_fails_draws_nothing(estimator: Any, params: dict[str, Any]) -> None:
    ours, ensembles = np.random.RandomState(3), np.random.RandomState(3)
    expected = np.random.RandomState(3).rand(5)
    model = estimator(random_state=ours, **params)
    with pytest.raises((ValueError, RuntimeError)):
        model.fit(X, LABELS)
    kind = MLPEnsembleClassifier if estimator is MLPClassifier else MLPEnsembleRegressor
    with pytest.raises((ValueError, RuntimeError)):
        kind(estimator(**params), n_estimators=2, random_state=ensembles).fit(X, LABELS)
    for state in (ours, ensembles):
        np.testing.assert_array_equal(state.rand(5), expected)


def test_a_partial_fit_that_fails_draws_nothing() -> None:
    state = np.random.RandomState(3)
    reg = MLPRegressor(random_state=state).partial_fit(X, Y)
    before = state.get_state(legacy=False)
    with pytest.raises(ValueError, match="epoch 1"):
        reg.partial_fit(X * 1e300, Y * 1e300)
    np.testing.assert_equal(state.get_state(legacy=False), before)


def test_a_learning_rate_that_is_refused_leaves_nothing() -> None:
    clf = MLPClassifier()
    with pytest.raises(ValueError, match="learning_rate_ must be a finite number"):
        clf.learning_rate_ = -1
    assert vars(clf) == vars(MLPClassifier())


def test_a_learning_rate_that_is_set_after_another_solver_counts() -> None:
    clf = MLPClassifier((7,), solver="adam", max_iter=2, random_state=0).fit(X, LABELS)
    clf.set_params(solver="sgd", learning_rate_init=0.3)
    assert clf.learning_rate_ == 0.3
    clf.learning_rate_ = 0.2
    assert clf.partial_fit(X, LABELS).history_["learning_rate"][-1] == 0.2
