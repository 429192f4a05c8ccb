"""Whole fits with each added option, against a plain network in NumPy (`reference.py`).

The same initial weights, order of samples and dropout masks; after three epochs the losses and
weights agree to 1e-9.
"""

import math
from typing import Any

import formulas
import numpy as np
import pytest
import reference

from pymlp import MLPClassifier, MLPRegressor, schedules

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

Array = formulas.Array
EPOCHS = 3
rng = np.random.default_rng(0)
X = rng.normal(size=(70, 5))
SCORE = X[:, 0] - np.sin(2 * X[:, 1])
LABELS = np.digitize(SCORE, [-1, 0.5])  # three classes, not equally frequent
ONE_HOT = np.eye(3)[LABELS]
INDICATOR = (X[:, :3] + SCORE[:, None] > 0).astype(int)
TWO = np.c_[SCORE, X[:, 2] ** 2]  # two targets
POSITIVE = np.exp(TWO / 2)
WEIGHT = rng.uniform(0.2, 3, 70)


def build(estimator: Any, **params: Any) -> Any:
    """Two hidden layers; 70 rows in batches of 16, the last of 6."""
    defaults = {"hidden_layer_sizes": (9, 6), "batch_size": 16, "max_iter": EPOCHS, "alpha": 0.1}
    return estimator(**defaults | {"learning_rate_init": 0.01, "random_state": 3} | params)


def assert_same(
    model: Any,
    y: Array,
    targets: Array,
    loss: formulas.Loss,
    *,
    given: Array | None = None,
    weight: Array | None = None,
    rates: list[float] | None = None,
) -> None:
    """Fit with labels y and given weights; NumPy with targets and effective weights."""
    weight = given if weight is None else weight
    expected = reference.fit(model.get_params(), X, targets, loss, weight=weight, rates=rates)
    model.fit(X, y, sample_weight=given)
    np.testing.assert_allclose(model.loss_curve_, expected.loss_curve, rtol=1e-9)
    compared = [(model.coefs_, model.intercepts_, expected.parameters)]
    if model.ema_decay is not None:
        compared.append((model.averaged_coefs_, model.averaged_intercepts_, expected.average))
    for coefs, intercepts, desired in compared:
        for k in range(3):
            np.testing.assert_allclose(coefs[k], desired[2 * k], rtol=0, atol=1e-9)
            np.testing.assert_allclose(intercepts[k], desired[2 * k + 1], rtol=0, atol=1e-9)


def assert_same_classifier(rates: list[float] | None = None, **params: Any) -> None:
    """Of three classes, with sample weights."""
    clf = build(MLPClassifier, **params)
    assert_same(clf, LABELS, ONE_HOT, formulas.softmax_log_loss, given=WEIGHT, rates=rates)


# Optimizers and activations


@pytest.mark.parametrize(
    "params",
    [
        {"solver": "sgd"},
        {"solver": "sgd", "nesterovs_momentum": False, "momentum": 0.5},
        {"solver": "adam"},
        {"solver": "adamw", "weight_decay": 0.3},
        {"solver": "nadam", "beta_1": 0.8},
        {"solver": "rmsprop", "beta_2": 0.9},
        {"solver": "adagrad", "epsilon": 1e-4},
        {"solver": "lion", "weight_decay": 0.3, "beta_2": 0.99},
    ],
    ids=str,
)
def test_solver(params: dict[str, Any]) -> None:
    assert_same_classifier(**params)


@pytest.mark.parametrize(
    "activation", [*formulas.ACTIVATIONS, ["gelu", "softplus"], ["logistic", "selu"]], ids=str
)
def test_activation(activation: Any) -> None:
    assert_same_classifier(activation=activation)


# Losses

RIGHT_OF_TWO = (LABELS > 0)[:, None].astype(float)
CLASSIFICATION: dict[str, tuple[Array, Array, formulas.Loss, dict[str, Any]]] = {
    "focal": (LABELS, ONE_HOT, formulas.softmax_focal(1.5), {"focal_gamma": 1.5}),
    "focal of two": (LABELS > 0, RIGHT_OF_TWO, formulas.logistic_focal(2), {}),
    "focal of labels": (INDICATOR, INDICATOR, formulas.logistic_focal(2), {}),
    "hinge": (LABELS, ONE_HOT, formulas.softmax_hinge, {}),
    "hinge of two": (LABELS > 0, RIGHT_OF_TWO, formulas.logistic_hinge, {}),
    "hinge of labels": (INDICATOR, INDICATOR, formulas.logistic_hinge, {}),
    "log_loss of two": (LABELS > 0, RIGHT_OF_TWO, formulas.logistic_log_loss, {}),
    "log_loss of labels": (INDICATOR, INDICATOR, formulas.logistic_log_loss, {}),
}


@pytest.mark.parametrize("case", CLASSIFICATION)
def test_classification(case: str) -> None:
    y, targets, loss, params = CLASSIFICATION[case]
    clf = build(MLPClassifier, loss=case.partition(" ")[0], **params)
    assert_same(clf, y, targets, loss, given=WEIGHT)


@pytest.mark.parametrize("name", ["log_loss", "focal", "hinge"])
def test_several_labels(name: str) -> None:
    """Of three and of two classes: a softmax each, whose losses add up."""
    part = {
        "log_loss": formulas.softmax_log_loss,
        "focal": formulas.softmax_focal(2),
        "hinge": formulas.softmax_hinge,
    }[name]

    def loss(z: Array, y: Array) -> tuple[Array, Array]:
        (a, da), (b, db) = part(z[:, :3], y[:, :3]), part(z[:, 3:], y[:, 3:])
        return a + b, np.hstack([da, db])

    labels = np.c_[LABELS, INDICATOR[:, 2]]
    targets = np.hstack([ONE_HOT, np.eye(2)[INDICATOR[:, 2]]])
    assert_same(build(MLPClassifier, loss=name), labels, targets, loss, given=WEIGHT)


@pytest.mark.parametrize("name", formulas.REGRESSION)
def test_regression(name: str) -> None:
    y = POSITIVE if name in ("poisson", "gamma") else TWO
    reg = build(MLPRegressor, loss=name, **({"huber_delta": 0.3} if name == "huber" else {}))
    assert_same(reg, y, y, formulas.REGRESSION[name], given=WEIGHT)


@pytest.mark.parametrize("levels", [0.3, [0.1, 0.5, 0.9]], ids=str)
def test_quantiles(levels: Any) -> None:
    n = np.size(levels)
    reg = build(MLPRegressor, loss="pinball", quantile=levels)
    targets = np.repeat(TWO, n, axis=1)  # those of a target beside each other
    assert_same(reg, TWO, targets, formulas.pinball(np.tile(levels, 2)), given=WEIGHT)


@pytest.mark.parametrize("case", ["softmax", "two", "labels"])
def test_label_smoothing(case: str) -> None:
    """A tenth of the weight goes to all classes alike; with yes and no, half of it to each."""
    if case == "softmax":
        y, targets, loss = LABELS, 0.9 * ONE_HOT + 0.1 / 3, formulas.softmax_log_loss
    else:
        y = LABELS > 0 if case == "two" else INDICATOR
        targets = 0.9 * (y[:, None] if case == "two" else y) + 0.05
        loss = formulas.logistic_log_loss
    assert_same(build(MLPClassifier, label_smoothing=0.1), y, targets, loss)


@pytest.mark.parametrize("class_weight", [{0: 3.0, 2: 0.5}, "balanced"], ids=str)
def test_class_weight(class_weight: Any) -> None:
    factors = np.array([3, 1, 0.5])
    if class_weight == "balanced":
        factors = 70 / (3 * np.bincount(LABELS))
    clf = build(MLPClassifier, class_weight=class_weight)
    weight = WEIGHT * factors[LABELS]
    assert_same(clf, LABELS, ONE_HOT, formulas.softmax_log_loss, given=WEIGHT, weight=weight)


# Options of the mini-batches


@pytest.mark.parametrize("solver", ["sgd", "adam", "lion"])
@pytest.mark.parametrize(
    "params",
    [
        {"clip_norm": 0.8},  # norms range from 0.5 to 1.8: half of the steps
        {"ema_decay": 0.4},
        {"dropout": 0.3},
        {"dropout": [0.0, 0.6]},
        {"clip_norm": 0.8, "ema_decay": 0.4, "dropout": [0.2, 0.1], "activation": "mish"},
    ],
    ids=str,
)
def test_option(params: dict[str, Any], solver: str) -> None:
    assert_same_classifier(solver=solver, **params)


SCHEDULES: dict[str, tuple[Any, list[float]]] = {
    "cosine": ("cosine", [0.505 + 0.495 * math.cos(math.pi * k / 3) for k in range(3)]),
    "exponential": (schedules.Exponential(0.7), [1, 0.7, 0.49]),
    "step": ("step", [1, 0.1, 0.01]),
    "one-cycle": (schedules.OneCycle(rise=0.5, start=0.2, final=0.1), [0.2, 1, 0.1]),
    "warm-up": (schedules.WarmUp(2, schedules.Exponential(0.5)), [0.5, 1, 1]),
    "callable": (lambda epoch: 0.01 / (1 + epoch), [1, 1 / 2, 1 / 3]),
}


@pytest.mark.parametrize("solver", ["sgd", "adamw"])
@pytest.mark.parametrize("case", SCHEDULES)
def test_schedule(case: str, solver: str) -> None:
    schedule, factors = SCHEDULES[case]
    rates = [0.01 * factor for factor in factors]
    assert_same_classifier(rates, learning_rate=schedule, solver=solver)


def test_everything_at_once() -> None:
    clf = build(
        MLPClassifier,
        activation=["silu", "hard_sigmoid"],
        solver="nadam",
        learning_rate="cosine",
        label_smoothing=0.2,
        class_weight={1: 2.0},
        dropout=[0.25, 0.5],
        clip_norm=0.6,
        ema_decay=0.5,
    )
    targets, weight = 0.8 * ONE_HOT + 0.2 / 3, WEIGHT * np.array([1, 2, 1])[LABELS]
    rates = [0.01 * factor for factor in SCHEDULES["cosine"][1]]
    loss = formulas.softmax_log_loss
    assert_same(clf, LABELS, targets, loss, given=WEIGHT, weight=weight, rates=rates)
