"""What ``monitor_gradients`` records, against NumPy; it leaves training as it is."""

from typing import Any

import formulas
import numpy as np
import pytest
import reference
from scipy import sparse

from pymlp import MLPClassifier, MLPRegressor

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

Array = formulas.Array
EVERY_DTYPE = pytest.mark.parametrize("dtype", [np.float32, np.float64])
EVERY_FORMAT = pytest.mark.parametrize("container", [np.asarray, sparse.csr_array])
SOLVERS = ["sgd", "adam", "adamw", "nadam", "rmsprop", "adagrad", "lion"]

rng = np.random.default_rng(0)
X = rng.normal(size=(70, 37)) * (rng.random((70, 37)) < 0.6)
LABELS = np.digitize(X[:, 0] - np.sin(2 * X[:, 1]), [-0.5, 0.5])
TWO = np.tanh(X[:, :2])
WEIGHT = rng.uniform(0.2, 3, 70)


def build(estimator: Any = MLPClassifier, **params: Any) -> Any:
    """Two hidden layers; 70 rows in batches of 16, the last of 6."""
    defaults = {"hidden_layer_sizes": (40, 7), "batch_size": 16, "max_iter": 3, "alpha": 0.1}
    defaults |= {"learning_rate_init": 0.01, "random_state": 3, "monitor_gradients": True}
    return estimator(**defaults | params)


def columns(model: Any) -> dict[str, list[float]]:
    parts = ("gradient_norm_", "activation_norm_", "dead_share_")
    return {name: values for name, values in model.history_.items() if name.startswith(parts)}


def assert_same_bits(model: Any, other: Any) -> None:
    for name in ("coefs_", "intercepts_", "averaged_coefs_", "averaged_intercepts_"):
        for a, b in zip(getattr(model, name, []), getattr(other, name, []), strict=True):
            np.testing.assert_array_equal(a, b, strict=True)


# What is measured

CASES: dict[str, dict[str, Any]] = {
    "relu": {},
    "weights that move": {"solver": "sgd", "learning_rate_init": 0.3, "momentum": 0.0},
    "tanh": {"hidden_layer_sizes": (7, 18, 5), "activation": "tanh"},
    "relu in the second layer": {"activation": ["leaky_relu", "relu"]},
    "a derivative kept": {"activation": "gelu"},
    "dropout": {"dropout": [0.2, 0.5]},
    "a dead unit by dropout": {"hidden_layer_sizes": (6, 5), "dropout": 0.98},
    "clipped": {"clip_norm": 0.3, "solver": "sgd"},
    "one mini-batch": {"batch_size": 70},
    "an average": {"ema_decay": 0.5},
}


@EVERY_FORMAT
@EVERY_DTYPE
@pytest.mark.parametrize("case", CASES)
def test_columns(case: str, dtype: Any, container: Any) -> None:
    rows = X.astype(dtype)
    clf = build(**CASES[case]).fit(container(rows), LABELS, sample_weight=WEIGHT)
    one_hot, loss = np.eye(3)[LABELS], formulas.softmax_log_loss
    expected = reference.fit(clf.get_params(), rows.astype(float), one_hot, loss, weight=WEIGHT)
    assert set(columns(clf)) == set(expected.monitored)
    rtol = 1e-9 if dtype is np.float64 else 1e-4
    for name, values in expected.monitored.items():
        np.testing.assert_allclose(clf.history_[name], values, rtol, 1e-30, err_msg=name)


@EVERY_DTYPE
@pytest.mark.parametrize("hidden", [(), (9,)], ids=str)
def test_one_epoch_by_hand(hidden: tuple[int, ...], dtype: Any) -> None:
    """Rows in order at a rate of 0. The first mini-batch weighs nothing and so has no gradient."""
    weight = np.where(np.arange(70) < 16, 0, WEIGHT)
    reg = build(MLPRegressor, hidden_layer_sizes=hidden, shuffle=False, solver="sgd")
    reg.set_params(learning_rate_init=1e-300, max_iter=1)
    reg.fit(X.astype(dtype), TWO.astype(dtype), sample_weight=weight)
    h = X
    for w, b in zip(reg.coefs_[:-1], reg.intercepts_[:-1], strict=True):
        h = np.maximum(h @ w + b, 0)
    delta = (h @ reg.coefs_[-1] + reg.intercepts_[-1] - TWO) * weight[:, None]
    norms = [
        np.linalg.norm(h[start : start + 16].T @ delta[start : start + 16])
        / weight[start : start + 16].sum()
        for start in range(16, 70, 16)
    ]
    measured = {name: values[0] for name, values in columns(reg).items()}
    tolerance = 1e-9 if dtype is np.float64 else 1e-5
    last = len(hidden)
    assert measured[f"gradient_norm_{last}"] == pytest.approx(sum(norms) / 5, rel=tolerance)
    if not hidden:
        assert list(measured) == ["gradient_norm_0"]
        return
    root_mean_square = np.sqrt(np.mean(h**2))  # over all rows, those without weight as well
    assert measured["activation_norm_0"] == pytest.approx(root_mean_square, rel=tolerance)


@pytest.mark.parametrize("activation", ["relu", "leaky_relu", ["relu", "tanh"]], ids=str)
def test_dead_units(activation: Any) -> None:
    clf = build(activation=activation, max_iter=1).partial_fit(X, LABELS, classes=[0, 1, 2])
    clf.intercepts_[0][:10] = -1e6  # 10 of 40
    clf.partial_fit(X, LABELS)
    relu = [k for k in (0, 1) if np.broadcast_to(activation, 2)[k] == "relu"]
    assert [f"dead_share_{k}" in clf.history_ for k in (0, 1)] == [k in relu for k in (0, 1)]
    if 0 in relu:
        assert clf.history_["dead_share_0"] == [0.0, 0.25]


def test_a_unit_that_puts_out_once_is_alive() -> None:
    """For the last row of the last mini-batch only."""
    clf = build(shuffle=False, solver="sgd", learning_rate_init=1e-300, max_iter=1)
    rows = np.eye(70)
    clf.partial_fit(rows, LABELS, classes=[0, 1, 2])
    clf.coefs_[0][:, :30], clf.intercepts_[0][:30] = -1.0, 0.0
    clf.coefs_[0][69, 5] = 1e-30
    clf.coefs_[0][69, 29] = 2.0
    clf.coefs_[0][:, 30:] = 1.0
    clf.partial_fit(rows, LABELS)
    assert clf.history_["dead_share_0"][1] == 28 / 40


# Training is as without it


@EVERY_DTYPE
@EVERY_FORMAT
@pytest.mark.parametrize("alpha", [0.0, 0.1])
@pytest.mark.parametrize("solver", SOLVERS)
def test_the_bits_of_an_unmonitored_fit(
    solver: str, alpha: float, container: Any, dtype: Any
) -> None:
    """Without it the optimizer is fused to the gradient, or follows it tile by tile."""
    rows = container(X.astype(dtype))
    for options in ({}, {"dropout": 0.3, "ema_decay": 0.7}, {"clip_norm": 0.2}):
        params: dict[str, Any] = {"solver": solver, "alpha": alpha, **options}
        monitored = build(**params).fit(rows, LABELS, sample_weight=WEIGHT)
        plain = build(**params, monitor_gradients=False).fit(rows, LABELS, sample_weight=WEIGHT)
        assert_same_bits(monitored, plain)
        assert monitored.loss_curve_ == plain.loss_curve_
        assert not columns(plain)
    momentum = {"nesterovs_momentum": False, "momentum": 0.5}
    assert_same_bits(
        *(
            build(solver=solver, alpha=alpha, monitor_gradients=on, **momentum).fit(rows, LABELS)
            for on in (True, False)
        )
    )


@EVERY_DTYPE
@EVERY_FORMAT
def test_columns_do_not_depend_on_threads(container: Any, dtype: Any) -> None:
    wide = np.random.default_rng(1).normal(size=(300, 211)).astype(dtype)
    y = np.arange(300) % 10
    params: dict[str, Any] = {"hidden_layer_sizes": (157, 61), "batch_size": 77, "dropout": 0.1}
    fits = [build(n_threads=n, **params).fit(container(wide), y) for n in (1, 2, 3)]
    assert len(columns(fits[0])) == 7
    for fit in fits[1:]:
        assert columns(fit) == columns(fits[0])
        assert_same_bits(fit, fits[0])


# Where the columns go


def test_the_columns_have_a_row_an_epoch() -> None:
    """Those of passes that were not monitored are nan."""
    clf = build(max_iter=2, monitor_gradients=False).fit(X, LABELS)
    clf.set_params(monitor_gradients=True).partial_fit(X, LABELS)
    clf.set_params(monitor_gradients=False).partial_fit(X, LABELS)
    assert len(columns(clf)) == 7
    for values in columns(clf).values():
        np.testing.assert_array_equal(np.isfinite(values), [False, False, True, False])


def test_early_stopping_measures_the_training_rows() -> None:
    early = build(early_stopping=True).fit(X, LABELS, X_val=X[:9], y_val=LABELS[:9])
    assert columns(early) == columns(build().fit(X, LABELS))


@pytest.mark.filterwarnings("ignore:Training diverged")
def test_a_diverged_epoch_has_its_row() -> None:
    reg = build(MLPRegressor, solver="sgd", learning_rate_init=0.3, activation="identity")
    reg.fit(X, TWO)
    assert reg.n_iter_ == 2
    for values in columns(reg).values():
        assert len(values) == 2
        assert np.isfinite(values[0])
    assert not np.isfinite(reg.history_["gradient_norm_2"][1])


@pytest.mark.parametrize("value", [2, "yes", None])
def test_it_is_a_boolean(value: Any) -> None:
    with pytest.raises(ValueError, match=r"'monitor_gradients' parameter.*must be an instance of"):
        build(monitor_gradients=value).fit(X, LABELS)
