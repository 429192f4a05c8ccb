"""Losses where arithmetic is at its limits: far scores, tiny losses, infinities and NaN."""

from typing import Any

import numpy as np
import pytest
from matrices import ISAS
from numpy.typing import NDArray

from pymlp import _core

kernels = _core.kernels
Array = NDArray[Any]

pytestmark = [
    pytest.mark.parametrize("isa", ISAS),
    pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["f32", "f64"]),
]

SOFTMAX = ["softmax_cross_entropy", "softmax_focal", "softmax_hinge"]
CLASSES = ["logistic_cross_entropy", "logistic_focal", "logistic_hinge"]
NUMBERS = ["squared_error", "absolute_error", "huber", "pinball", "log_cosh", "poisson", "gamma"]
LOSSES = SOFTMAX + CLASSES + NUMBERS


def needed(name: str, outputs: int) -> dict[str, Any]:
    """What the loss cannot do without."""
    return {"quantiles": [0.3] * outputs} if name == "pinball" else {}


def loss(isa: str, dtype: Any, name: str, z: Any, y: Any, **settings: Any) -> tuple[Array, Array]:
    """Gradient and the loss of each row."""
    y = np.asarray(y, np.int32 if name in SOFTMAX else dtype)
    gradient, losses, _ = kernels.loss(isa, name, np.array(z, dtype), y, None, **settings)
    return gradient, losses


def test_cross_entropy_of_extreme_logits(isa: str, dtype: Any) -> None:
    z = [[1e4, -1e4, 0], [-1e4, -1e4, -1e4], [3e38, -3e38, 0], [0, -np.inf, 0]]
    p = kernels.output(isa, "softmax", np.array(z, dtype))
    exact = [[1, 0, 0], [1 / 3] * 3, [1, 0, 0], [0.5, 0, 0.5]]
    np.testing.assert_allclose(p, exact, rtol=1e-6)
    gradient, losses = loss(isa, dtype, "softmax_cross_entropy", z, [1, 0, 0, 1])
    cap = -np.log(np.finfo(dtype).eps)  # scikit-learn's clip of probabilities
    np.testing.assert_allclose(losses, [cap, np.log(3), 0, cap], rtol=1e-6)
    np.testing.assert_allclose(gradient[0], [1, -1, 0], atol=1e-6)
    _, losses = loss(isa, dtype, "softmax_cross_entropy", z[:2], [1, 0], smoothing=0.1)
    np.testing.assert_allclose(losses, [0.9 * 2e4 + 0.1 * 1e4, np.log(3)], rtol=1e-6)


@pytest.mark.parametrize("focusing", [0.0, 0.25, 1.0, 5.0, 1e6])
@pytest.mark.parametrize("family", ["softmax", "logistic"])
def test_focal_keeps_its_digits(isa: str, dtype: Any, family: str, focusing: float) -> None:
    """From p = epsilon to p that rounds to 1; and where it is 1 or 0, nothing is NaN."""
    m = np.linspace(-14, 60, 200).astype(np.float32)
    z = np.stack([m, 0 * m], axis=1) if family == "softmax" else m[:, None]
    y = np.zeros(200) if family == "softmax" else np.ones((200, 1))
    gradient, losses = loss(isa, dtype, f"{family}_focal", z, y, focusing=focusing)
    m = m.astype(np.longdouble)
    q, log_loss = 1 / (1 + np.exp(m)), np.log1p(np.exp(-m))
    value = q**focusing * log_loss
    slope = -(q**focusing) * (q + focusing * (1 - q) * log_loss)
    digits = {"rtol": float(300 * np.finfo(dtype).eps), "atol": float(np.finfo(dtype).tiny)}
    if focusing < 1e3:  # otherwise the power is 0 or lost in the rounding of its logarithm
        np.testing.assert_allclose(losses, value.astype(float), **digits)
        np.testing.assert_allclose(gradient[:, 0], slope.astype(float), **digits)
    far = np.array([[1e4], [-1e4], [1e30], [-1e30], [3e38], [-3e38]])
    z = np.concatenate([far, -far], axis=1) if family == "softmax" else far
    y = np.zeros(6) if family == "softmax" else np.ones((6, 1))
    gradient, losses = loss(isa, dtype, f"{family}_focal", z, y, focusing=focusing)
    cap = -np.log(np.finfo(dtype).eps)
    np.testing.assert_allclose(losses, [0, cap] * 3, rtol=1e-6)
    np.testing.assert_array_equal(gradient[:, 0], [0, -1] * 3)


def test_logistic_cross_entropy_is_capped(isa: str, dtype: Any) -> None:
    _, losses = loss(
        isa, dtype, "logistic_cross_entropy", [[1e4], [-1e4], [1e30]], [[0.0], [1.0], [1.0]]
    )
    cap = -np.log(np.finfo(dtype).eps)
    np.testing.assert_allclose(losses, [cap, cap, 0], rtol=1e-6)


@pytest.mark.parametrize(
    ("name", "far"),
    [
        ("absolute_error", lambda d: d),
        ("huber", lambda d: 0.5 * (d - 0.25)),
        ("pinball", lambda d: 0.3 * d),
        ("log_cosh", lambda d: d - np.log(2)),
    ],
)
def test_kinks_and_far_errors(isa: str, dtype: Any, name: str, far: Any) -> None:
    settings = {"delta": 0.5} | needed(name, 1)
    for d in (20.0, 1e4, 1e30):
        gradient, losses = loss(isa, dtype, name, [[0.0]], [[d]], **settings)
        np.testing.assert_allclose(losses, far(d), rtol=1e-6)
        slope = {"huber": -0.5, "pinball": -0.3}.get(name, -1.0)
        np.testing.assert_allclose(gradient, [[slope]], rtol=1e-6)
    gradient, losses = loss(isa, dtype, name, [[3.0]], [[3.0]], **settings)
    assert losses[0] == gradient[0, 0] == 0  # the subgradient at a kink


def test_log_cosh_keeps_its_digits(isa: str, dtype: Any) -> None:
    d = np.concatenate([np.geomspace(1e-15, 1e-3, 50), np.linspace(0.01, 3, 200)]).astype(dtype)
    _, losses = loss(isa, dtype, "log_cosh", d[:, None], np.zeros((250, 1)))
    half = np.sinh(d.astype(np.longdouble) / 2)
    exact = np.log1p(2 * half * half)
    np.testing.assert_allclose(losses, exact.astype(float), rtol=float(12 * np.finfo(dtype).eps))


@pytest.mark.parametrize("name", LOSSES)
def test_finite_scores_never_give_nan(isa: str, dtype: Any, name: str) -> None:
    top = float(np.finfo(dtype).max)
    far = np.array([0.0, 1.0, 1e4, 1e30, top, -1.0, -1e4, -1e30, -top])
    z = np.stack([a.ravel() for a in np.meshgrid(far, far, far)], axis=1)
    for target in (0.0, 1.0, 1e10):
        if name in SOFTMAX:
            y = np.full(len(z), min(target, 2))
        else:
            y = np.full(z.shape, min(target, 1.0) if name in CLASSES else target)
        if name == "gamma":
            y = y + 0.5
        gradient, losses = loss(isa, dtype, name, z, y, **needed(name, 3))
        assert not np.isnan(losses).any()
        assert not np.isnan(gradient).any()


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("name", LOSSES)
def test_what_is_not_finite_is_not_hidden(isa: str, dtype: Any, name: str, bad: float) -> None:
    rng = np.random.default_rng(0)
    for column in (0, 2, 5, 19):
        z = rng.normal(size=(6, 20))
        z[2, column] = bad
        y = np.full(6, 2) if name in SOFTMAX else np.ones((6, 20))
        gradient, losses = loss(isa, dtype, name, z, y, **needed(name, 20))
        assert np.isfinite(np.delete(losses, 2)).all()
        assert np.isfinite(np.delete(gradient, 2, axis=0)).all()
        if np.isnan(bad):
            assert np.isnan(losses[2])
        elif name in NUMBERS:
            assert not np.isfinite(losses[2])


@pytest.mark.parametrize("column", range(12))
@pytest.mark.parametrize("name", SOFTMAX)
def test_nan_in_a_group_is_not_hidden(isa: str, dtype: Any, name: str, column: int) -> None:
    z = np.random.default_rng(0).normal(size=(3, 12))
    z[1, column] = np.nan
    groups = {"groups": [0, 3, 4, 12]}
    _, losses = loss(isa, dtype, name, z, [[1, 0, 2]] * 3, **groups)
    np.testing.assert_array_equal(np.isnan(losses), [False, True, False])


@pytest.mark.parametrize("name", SOFTMAX)
def test_a_class_that_cannot_be(isa: str, dtype: Any, name: str) -> None:
    """A score of -infinity is no error, the largest possible loss if it is the right class."""
    z = np.array([[-np.inf, 0, 3], [0, -np.inf, -np.inf]])
    _, losses = loss(isa, dtype, name, z, [2, 0])
    assert np.isfinite(losses).all()
    np.testing.assert_allclose(losses[1], 0, atol=1e-6)
    _, losses = loss(isa, dtype, name, z, [0, 1])
    cap = np.inf if name == "softmax_hinge" else -np.log(np.finfo(dtype).eps)
    np.testing.assert_allclose(losses, [cap, cap], rtol=1e-6)
    _, losses = loss(isa, dtype, name, np.array([[np.inf, np.inf]]), [0])
    assert np.isnan(losses).all()
