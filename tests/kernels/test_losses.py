"""Every loss and every kind of prediction of every instruction set against float64 formulas.

Scores reach the kernels with NaN in all their padding, and ``kernels.loss`` raises unless the
gradient's padding is 0 (but in rows that are NaN) and nothing beyond it was written.
"""

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import pytest
from matrices import ISAS
from numpy.typing import NDArray
from scipy.special import expit, log_softmax, softmax, xlogy
from sklearn._loss.loss import (
    AbsoluteError,
    HalfBinomialLoss,
    HalfGammaLoss,
    HalfMultinomialLoss,
    HalfPoissonLoss,
    HuberLoss,
    PinballLoss,
)

from pymlp import _core

kernels = _core.kernels
Array = NDArray[Any]

pytestmark = [
    pytest.mark.parametrize("isa", ISAS),
    pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["f32", "f64"]),
]


# --- the formulas: z and y (rows, outputs), or y (rows) of classes; the loss of each row ----------


def cross_entropy(z: Array, y: Array, smoothing: float = 0.0) -> Array:
    k = z.shape[1]
    targets = (1 - smoothing) * np.eye(k)[y] + smoothing / k
    return -(targets * log_softmax(z, axis=1)).sum(axis=1)


def softmax_focal(z: Array, y: Array, focusing: float = 2.0) -> Array:
    log_p = log_softmax(z, axis=1)[np.arange(len(y)), y]
    return -((-np.expm1(log_p)) ** focusing) * log_p


def softmax_hinge(z: Array, y: Array) -> Array:
    rows = np.arange(len(y))
    others = z.copy()
    others[rows, y] = -np.inf
    return np.maximum(0, 1 + others.max(axis=1) - z[rows, y])


def logistic_focal(z: Array, y: Array, focusing: float = 2.0) -> Array:
    m = (2 * y - 1) * z
    return (expit(-m) ** focusing * np.logaddexp(0, -m)).sum(axis=1)


def huber(z: Array, y: Array, delta: float = 1.0) -> Array:
    d = np.abs(z - y)
    return np.where(d <= delta, d**2 / 2, delta * (d - delta / 2)).sum(axis=1)


def pinball(z: Array, y: Array, quantiles: Array) -> Array:
    return np.maximum(quantiles * (y - z), (quantiles - 1) * (y - z)).sum(axis=1)


FORMULAS: dict[str, Callable[..., Array]] = {
    "softmax_cross_entropy": cross_entropy,
    "softmax_focal": softmax_focal,
    "softmax_hinge": softmax_hinge,
    "logistic_cross_entropy": lambda z, y: (np.logaddexp(0, z) - z * y).sum(axis=1),
    "logistic_focal": logistic_focal,
    "logistic_hinge": lambda z, y: np.maximum(0, 1 - (2 * y - 1) * z).sum(axis=1),
    "squared_error": lambda z, y: 0.5 * np.square(z - y).mean(axis=1),
    "absolute_error": lambda z, y: np.abs(z - y).sum(axis=1),
    "huber": huber,
    "pinball": pinball,
    "log_cosh": lambda z, y: np.log(np.cosh(z - y)).sum(axis=1),
    "poisson": lambda z, y: (xlogy(y, y) - y * z - y + np.exp(z)).sum(axis=1),
    "gamma": lambda z, y: (z - np.log(y) + y * np.exp(-z) - 1).sum(axis=1),
}
LOSSES = list(FORMULAS)
SOFTMAX = [name for name in LOSSES if name.startswith("softmax")]
CLASSES = [name for name in LOSSES if name.startswith("logistic")]


def settings_of(name: str, outputs: int) -> dict[str, Any]:
    """Other numbers than the defaults, which a kernel might have built in."""
    return {
        "softmax_cross_entropy": {"smoothing": 0.1},
        "softmax_focal": {"focusing": 1.5},
        "logistic_focal": {"focusing": 1.5},
        "huber": {"delta": 0.75},
        "pinball": {"quantiles": np.linspace(0.1, 0.9, outputs)},
    }.get(name, {})


@cache
def data(name: str, outputs: int, rows: int = 6) -> tuple[Array, Array]:
    """Scores and targets in float64 that are float32 numbers too."""
    rng = np.random.default_rng(outputs)
    z = rng.normal(scale=2, size=(rows, outputs)).astype(np.float32).astype(np.float64)
    if name in SOFTMAX:
        return z, rng.integers(0, outputs, rows).astype(np.int32)
    if name in CLASSES:
        return z, rng.integers(0, 2, (rows, outputs)).astype(np.float64)
    if name in ("poisson", "gamma"):
        return z, rng.poisson(2, (rows, outputs)) + (0.5 if name == "gamma" else 0.0)
    return z, rng.normal(size=z.shape).astype(np.float32).astype(np.float64)


@cache
def expected(name: str, outputs: int, default: bool) -> tuple[Array, Array]:
    """Loss of each row and its gradient, by central differences of the formula."""
    z, y = data(name, outputs)
    formula, settings = FORMULAS[name], {} if default else settings_of(name, outputs)
    h = 1e-5
    gradient = np.empty_like(z)
    for j in range(outputs):
        step = h * (np.arange(outputs) == j)
        gradient[:, j] = formula(z + step, y, **settings) - formula(z - step, y, **settings)
    gradient /= 2 * h
    if name == "squared_error":  # scikit-learn's: the loss is the outputs' mean, the gradient's sum
        gradient *= outputs
    return formula(z, y, **settings), gradient


def loss(
    isa: str, dtype: Any, name: str, z: Any, y: Any, weight: Any = None, **settings: Any
) -> tuple[Array, Array, Array]:
    y = np.asarray(y, np.int32 if name in SOFTMAX else dtype)
    weight = None if weight is None else np.asarray(weight, dtype)
    gradient, losses, hits = kernels.loss(isa, name, np.array(z, dtype), y, weight, **settings)
    assert gradient.dtype == dtype
    return gradient, losses, hits


@pytest.mark.parametrize(
    ("name", "default"),
    [(name, True) for name in LOSSES if name != "pinball"]
    + [(name, False) for name in LOSSES if settings_of(name, 1)],
)
def test_loss_and_gradient(isa: str, dtype: Any, name: str, default: bool) -> None:
    rng = np.random.default_rng(0)
    tolerance = 1e-12 if dtype == np.float64 else 4e-6
    for outputs in range(1, 41):
        z, y = data(name, outputs)
        settings = {} if default else settings_of(name, outputs)
        value, slope = expected(name, outputs, default)
        gradient, losses, _ = loss(isa, dtype, name, z, y, **settings)
        np.testing.assert_allclose(losses, value, rtol=tolerance, atol=tolerance)
        # the differences are right to 1e-7
        np.testing.assert_allclose(gradient, slope, rtol=1e-7 + tolerance, atol=1e-7 + tolerance)
        weight = rng.uniform(0, 2, len(z)).astype(dtype)
        weighted, same_losses, _ = loss(isa, dtype, name, z, y, weight, **settings)
        np.testing.assert_allclose(weighted, gradient * weight[:, None], rtol=1e-6, atol=tolerance)
        np.testing.assert_array_equal(losses, same_losses)  # reported without the weight


@pytest.mark.parametrize(
    ("name", "theirs", "settings"),
    [
        ("softmax_cross_entropy", HalfMultinomialLoss(n_classes=5), {}),
        ("logistic_cross_entropy", HalfBinomialLoss(), {}),
        ("absolute_error", AbsoluteError(), {}),
        ("huber", HuberLoss(delta=0.75), {"delta": 0.75}),
        ("pinball", PinballLoss(quantile=0.3), {"quantiles": [0.3]}),
        ("poisson", HalfPoissonLoss(), {}),
        ("gamma", HalfGammaLoss(), {}),
    ],
)
def test_as_scikit_learn_computes_it(
    isa: str, dtype: Any, name: str, theirs: Any, settings: dict[str, Any]
) -> None:
    z, y = data(name, 5 if name in SOFTMAX else 1, rows=50)
    scores = z if name in SOFTMAX else z.ravel()
    value, slope = theirs.loss_gradient(y.ravel().astype(np.float64), scores)
    value = value + theirs.constant_to_optimal_zero(y.ravel().astype(np.float64))
    gradient, losses, _ = loss(isa, dtype, name, z, y, **settings)
    tolerance = 1e-13 if dtype == np.float64 else 2e-6
    np.testing.assert_allclose(losses, value, rtol=tolerance, atol=tolerance)
    np.testing.assert_allclose(gradient, slope.reshape(z.shape), rtol=tolerance, atol=tolerance)


# --- one right class ------------------------------------------------------------------------------


@pytest.mark.parametrize("sizes", [[1, 3, 17, 2, 5, 33, 1], [2, 2], [16, 8, 7], [40, 1]])
@pytest.mark.parametrize("name", SOFTMAX)
def test_groups_are_losses_of_their_own(isa: str, dtype: Any, name: str, sizes: list[int]) -> None:
    settings = settings_of(name, 0)
    rng = np.random.default_rng(0)
    parts = [rng.normal(scale=2, size=(9, size)) for size in sizes]
    labels = [rng.integers(0, size, 9) for size in sizes]
    z, y = np.concatenate(parts, axis=1), np.stack(labels, axis=1)
    groups = [0, *np.cumsum(sizes)]
    weight = rng.uniform(0, 2, 9)
    gradient, losses, hits = loss(isa, dtype, name, z, y, weight, groups=groups, **settings)
    alone = [
        loss(isa, dtype, name, *part, weight, **settings)
        for part in zip(parts, labels, strict=True)
    ]
    np.testing.assert_array_equal(gradient, np.concatenate([a[0] for a in alone], axis=1))
    np.testing.assert_array_equal(losses, sum(a[1] for a in alone))
    np.testing.assert_array_equal(hits, np.prod([a[2] for a in alone], axis=0))
    predictions = kernels.output(isa, "softmax", z.astype(dtype), groups)
    each = [kernels.output(isa, "softmax", part.astype(dtype)) for part in parts]
    np.testing.assert_array_equal(predictions, np.concatenate(each, axis=1))


@pytest.mark.parametrize("name", SOFTMAX)
def test_hits_are_argmax(isa: str, dtype: Any, name: str) -> None:
    z = np.zeros((3, 20))  # all equal: argmax is the first
    z[1, 17] = z[1, 18] = 1
    z[2, 5] = np.nan
    for y, expected_hits in [([0, 17, 0], [1, 1]), ([1, 18, 0], [0, 0]), ([19, 0, 0], [0, 0])]:
        *_, hits = loss(isa, dtype, name, z, y)
        np.testing.assert_array_equal(hits[:2], expected_hits)
    z = np.array([[1.0, 0, 0, 5, 4]] * 4)
    y = np.array([[0, 1], [1, 1], [0, 2], [1, 0]])
    *_, hits = loss(isa, dtype, name, z, y, groups=[0, 2, 5])
    np.testing.assert_array_equal(hits, [1, 0, 0, 0])


@pytest.mark.parametrize("family", ["softmax", "logistic"])
def test_focal_without_focusing_is_cross_entropy(isa: str, dtype: Any, family: str) -> None:
    tolerance = 8 * np.finfo(dtype).eps
    for spread in (1.0, 1e2, 1e4):
        z, y = data(f"{family}_focal", 7, rows=30)
        focal = loss(isa, dtype, f"{family}_focal", z * spread, y, focusing=0.0)
        plain = loss(isa, dtype, f"{family}_cross_entropy", z * spread, y)
        for actual, same in zip(focal, plain, strict=True):
            np.testing.assert_allclose(actual, same, rtol=tolerance, atol=tolerance)


def test_hinge_takes_the_first_rival(isa: str, dtype: Any) -> None:
    z = np.zeros((3, 20))
    z[0, [4, 9]] = 2  # two equal rivals
    z[1, 7] = 1  # a margin of exactly 1: no loss, no gradient
    z[2, [7, 18]] = 3  # the right class itself is one of the largest
    gradient, losses, hits = loss(isa, dtype, "softmax_hinge", z, [9, 7, 18])
    np.testing.assert_array_equal(losses, [1, 0, 1])
    np.testing.assert_array_equal(hits, [0, 1, 0])
    slope = np.zeros((3, 20))
    slope[0, 4] = slope[2, 7] = 1
    slope[0, 9] = slope[2, 18] = -1
    np.testing.assert_array_equal(gradient, slope)
    z = [[-np.inf, 0, -np.inf], [1e30, -1e30, 0]]
    gradient, losses, _ = loss(isa, dtype, "softmax_hinge", z, [1, 1])
    np.testing.assert_allclose(losses, [0, 2e30], rtol=1e-6)
    np.testing.assert_array_equal(gradient, [[0, 0, 0], [1, -1, 0]])


# --- a target for each output ---------------------------------------------------------------------


def test_logistic_cross_entropy_of_soft_targets(isa: str, dtype: Any) -> None:
    z = np.repeat([[-1e4, -30.0, -1.0, 0.0, 2.0, 50.0, 1e4]], 2, axis=0)
    y = np.repeat([[0.05], [0.95]], z.shape[1], axis=1).astype(dtype)
    tolerance = float(8 * np.finfo(dtype).eps)
    value = np.logaddexp(0, z) - z * y.astype(float)
    for j in range(z.shape[1]):
        gradient, losses, _ = loss(isa, dtype, "logistic_cross_entropy", z[:, [j]], y[:, [j]])
        np.testing.assert_allclose(losses, value[:, j], rtol=tolerance)  # 9500 is not capped
        np.testing.assert_allclose(gradient, expit(z[:, [j]]) - y[:, [j]], rtol=tolerance)
    *_, hits = loss(isa, dtype, "logistic_cross_entropy", [[-3, 3], [3, 3]], [[0.05, 0.95]] * 2)
    np.testing.assert_array_equal(hits, [1, 0])


@pytest.mark.parametrize("name", CLASSES)
def test_a_positive_score_is_class_one(isa: str, dtype: Any, name: str) -> None:
    *_, hits = loss(isa, dtype, name, [[-1.0], [1.0], [0.0]], np.ones((3, 1)))
    np.testing.assert_array_equal(hits, [0, 1, 0])


# --- predictions ----------------------------------------------------------------------------------


def test_predictions(isa: str, dtype: Any) -> None:
    tolerance = {"rtol": 1e-13 if dtype == np.float64 else 1e-5}
    for outputs in range(1, 41):
        z = data("squared_error", outputs)[0].astype(dtype)
        exact = z.astype(np.float64)
        np.testing.assert_array_equal(kernels.output(isa, "identity", z), z)
        np.testing.assert_allclose(kernels.output(isa, "exp", z), np.exp(exact), **tolerance)
        np.testing.assert_allclose(kernels.output(isa, "logistic", z), expit(exact), **tolerance)
        p = kernels.output(isa, "softmax", z)
        np.testing.assert_allclose(p, softmax(exact, axis=1), **tolerance)


def test_arguments_are_checked(isa: str, dtype: Any) -> None:
    z = np.ones((2, 3), dtype)
    with pytest.raises(ValueError, match=r"loss must be one of .*, got 'hinge'"):
        loss(isa, dtype, "hinge", z, z)
    with pytest.raises(ValueError, match=r"output must be one of .*, got 'poisson'"):
        kernels.output(isa, "poisson", z)
    for name in SOFTMAX:
        with pytest.raises(ValueError, match="classes from 0 to 2, got 3"):
            loss(isa, dtype, name, z, [0, 3])
        with pytest.raises(ValueError, match="classes from 0 to 1, got 2"):
            loss(isa, dtype, name, z, [[0, 0], [0, 2]], groups=[0, 1, 3])
    with pytest.raises(ValueError, match=r"y must have shape \(2, 2\), got \(2\)"):
        loss(isa, dtype, "softmax_hinge", z, [0, 0], groups=[0, 1, 3])
    for groups in ([0, 2], [1, 3], [0, 2, 2, 3], [0]):
        with pytest.raises(
            ValueError, match="groups must ascend from 0 to the number of outputs, 3"
        ):
            loss(isa, dtype, "softmax_hinge", z, [0, 0], groups=groups)
    with pytest.raises(ValueError, match="quantiles must be one an output"):
        loss(isa, dtype, "pinball", z, z, quantiles=[0.5])
