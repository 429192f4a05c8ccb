"""Every activation and its derivative against the textbook's formulas in long double."""

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import pytest
from accuracy import grid, ulps
from matrices import ISAS
from numpy.typing import NDArray

from pymlp import _core

kernels = _core.kernels
Array = NDArray[Any]

pytestmark = [
    pytest.mark.parametrize("isa", ISAS),
    pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["f32", "f64"]),
]

# of selu
SCALE, ALPHA = np.longdouble("1.0507009873554804935"), np.longdouble("1.6732632423543772848")


def logistic(x: Array) -> Array:
    return np.where(x < 0, np.exp(np.minimum(x, 0)), 1) / (1 + np.exp(-np.abs(x)))


def softplus(x: Array) -> Array:
    return np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))


def expm1(x: Array) -> Array:
    return np.expm1(np.minimum(x, 0))


def density(x: Array) -> Array:
    """Of the standard normal distribution."""
    return np.exp(-x * x / 2) / np.sqrt(2 * np.arccos(np.longdouble(-1)))


def distribution(x: Array) -> Array:
    """Phi(x): Taylor's series near 0; Laplace's continued fraction keeps the digits of the tail."""
    a = np.abs(x)
    near, far = np.minimum(a, 2.5), np.maximum(a, 2.5)
    series = term = near
    for k in range(3, 80, 2):
        term = term * near * near / k
        series = series + term
    fraction = np.zeros_like(far)
    for k in range(120, 0, -1):
        fraction = k / (far + fraction)
    tail = np.where(a < 2.5, 0.5 - density(near) * series, density(far) / (far + fraction))
    return np.where(x < 0, tail, 1 - tail)


Function = Callable[[Array], Array]
VALUES: dict[str, Function] = {
    "identity": lambda x: x,
    "logistic": logistic,
    "tanh": np.tanh,
    "relu": lambda x: np.maximum(x, 0),
    "leaky_relu": lambda x: np.where(x < 0, x / 100, x),
    "elu": lambda x: np.where(x < 0, expm1(x), x),
    "selu": lambda x: SCALE * np.where(x < 0, ALPHA * expm1(x), x),
    "gelu": lambda x: x * distribution(x),
    "silu": lambda x: x * logistic(x),
    "mish": lambda x: x * np.tanh(softplus(x)),
    "softplus": softplus,
    "hard_sigmoid": lambda x: np.clip(x + 3, 0, 6) / 6,
}
SLOPES: dict[str, Function] = {
    "identity": np.ones_like,
    "logistic": lambda x: logistic(x) * logistic(-x),
    "tanh": lambda x: 1 / np.cosh(x) ** 2,
    "relu": lambda x: np.where(x > 0, 1, 0),
    "leaky_relu": lambda x: np.where(x > 0, 1, 1 / np.longdouble(100)),
    "elu": lambda x: np.where(x > 0, 1, np.exp(np.minimum(x, 0))),
    "selu": lambda x: SCALE * np.where(x > 0, 1, ALPHA * np.exp(np.minimum(x, 0))),
    "gelu": lambda x: distribution(x) + x * density(x),
    "silu": lambda x: logistic(x) * (1 + x * logistic(-x)),
    "mish": lambda x: np.tanh(softplus(x)) + x * logistic(x) / np.cosh(softplus(x)) ** 2,
    "softplus": logistic,
    "hard_sigmoid": lambda x: np.where(np.abs(x) < 3, 1 / np.longdouble(6), 0),
}
OF_INPUT = ["gelu", "silu", "mish"]  # their derivative is no function of their output
OF_OUTPUT = [name for name in VALUES if name not in OF_INPUT]

# measured here, the worst of all instruction sets and both types: logistic 2.4, tanh 2.3,
# leaky_relu 0.8, elu 1.1, selu 1.8, gelu 6.3 (portable, float64: 11.8), silu 2.8, mish 3.4,
# softplus 1.8, hard_sigmoid 1.0
BOUNDS = {
    "identity": 0.0,
    "logistic": 3.5,
    "tanh": 3.0,
    "relu": 0.0,
    "leaky_relu": 1.0,
    "elu": 2.0,
    "selu": 2.5,
    "gelu": 14.0,
    "silu": 4.5,
    "mish": 4.5,
    "softplus": 2.5,
    "hard_sigmoid": 1.5,
}


@cache
def points(name: str, dtype: Any) -> tuple[Array, Array, Array]:
    """Inputs whose outputs are normal numbers, subnormal inputs too; values; slopes: (1, n)."""
    limit = 80.0
    if name == "gelu":  # its tail falls like e^(-x^2 / 2)
        limit = 12.9 if dtype == np.float32 else 37.0
    subnormal = np.finfo(dtype).smallest_subnormal * np.array([1, 2, 3, 1000], dtype)
    z = np.concatenate([grid(dtype, limit), grid(dtype, 5.0), subnormal, -subnormal])[None, :]
    exact = z.astype(np.longdouble)
    return z, VALUES[name](exact), SLOPES[name](exact)


@pytest.mark.parametrize("name", VALUES)
def test_values(isa: str, dtype: Any, name: str) -> None:
    z, exact, _ = points(name, dtype)
    value = kernels.activate(isa, name, z)
    assert ulps(value, exact, dtype) <= BOUNDS[name]
    with_slope, _ = kernels.activate_with_slope(isa, name, z)
    np.testing.assert_array_equal(value, with_slope)


# measured here: at most 1.9; a slope that comes from an output near 1 has no digits below epsilon
@pytest.mark.parametrize("name", SLOPES)
def test_slopes(isa: str, dtype: Any, name: str) -> None:
    z, _, exact = points(name, dtype)
    _, slope = kernels.activate_with_slope(isa, name, z)
    assert np.max(np.abs(slope - exact)) <= 3 * np.finfo(dtype).eps


@pytest.mark.parametrize("name", [*OF_INPUT, "softplus"])
def test_slopes_keep_their_digits_in_the_lower_tail(isa: str, dtype: Any, name: str) -> None:
    z = np.linspace(-12, -4, 1001, dtype=dtype)[None, :]
    _, slope = kernels.activate_with_slope(isa, name, z)
    exact = SLOPES[name](z.astype(np.longdouble))  # measured here: 3.3 epsilon
    np.testing.assert_allclose(slope, exact.astype(float), rtol=float(5 * np.finfo(dtype).eps))


@pytest.mark.parametrize("name", VALUES)
def test_slopes_are_the_derivatives_of_the_values(isa: str, dtype: Any, name: str) -> None:
    z = np.linspace(-4.05, 4.05, 200)[None, :]  # not at the kinks at 0 and +-3
    _, slope = kernels.activate_with_slope(isa, name, z.astype(dtype))
    h = 1e-5
    up, down = (kernels.activate(isa, name, z + s) for s in (h, -h))  # float64
    atol = 1e-9 if dtype == np.float64 else 1e-6
    np.testing.assert_allclose(slope, (up - down) / (2 * h), rtol=0, atol=atol)


@pytest.mark.parametrize("name", VALUES)
def test_each_element_on_its_own(isa: str, dtype: Any, name: str) -> None:
    rng = np.random.default_rng(0)
    z, d = (rng.normal(scale=3, size=(2, 33)).astype(dtype) for _ in range(2))
    one_by_one = [kernels.activate_with_slope(isa, name, x.reshape(1, 1)) for x in z.flat]
    expected = np.array([(y.item(), s.item()) for y, s in one_by_one], dtype).reshape(2, 33, 2)
    for columns in [1, 3, 4, 5, 7, 8, 9, 15, 16, 17, 33]:
        z_cut, d_cut = (np.ascontiguousarray(a[:, :columns]) for a in (z, d))
        value, slope = kernels.activate_with_slope(isa, name, z_cut)
        np.testing.assert_array_equal(value, expected[:, :columns, 0])
        np.testing.assert_array_equal(slope, expected[:, :columns, 1])
        np.testing.assert_array_equal(kernels.activate(isa, name, z_cut), value)
        np.testing.assert_array_equal(kernels.multiply_slope(isa, slope, d_cut), slope * d_cut)
        if name in OF_OUTPUT:
            product = kernels.multiply_derivative(isa, name, value, d_cut)
            np.testing.assert_array_equal(product, slope * d_cut)


# far to the left and to the right, slope * x + intercept: ((slope, intercept), (slope, intercept))
ASYMPTOTES = {
    "identity": ((1, 0), (1, 0)),
    "logistic": ((0, 0), (0, 1)),
    "tanh": ((0, -1), (0, 1)),
    "relu": ((0, 0), (1, 0)),
    "leaky_relu": ((0.01, 0), (1, 0)),
    "elu": ((0, -1), (1, 0)),
    "selu": ((0, -SCALE * ALPHA), (SCALE, 0)),
    "gelu": ((0, 0), (1, 0)),
    "silu": ((0, 0), (1, 0)),
    "mish": ((0, 0), (1, 0)),
    "softplus": ((0, 0), (1, 0)),
    "hard_sigmoid": ((0, 0), (0, 1)),
}


@pytest.mark.parametrize("name", VALUES)
@pytest.mark.parametrize("x", [1e3, 1e30, np.inf])
def test_far_away(isa: str, dtype: Any, name: str, x: float) -> None:
    for z, (slope, intercept) in zip((-x, x), ASYMPTOTES[name], strict=True):
        value, actual_slope = kernels.activate_with_slope(isa, name, np.full((1, 1), z, dtype))
        np.testing.assert_allclose(value, slope * z if slope else intercept, rtol=1e-6)
        np.testing.assert_allclose(actual_slope, slope, rtol=1e-6)


@pytest.mark.parametrize("name", VALUES)
def test_zero(isa: str, dtype: Any, name: str) -> None:
    z = np.array([[0.0, -0.0]], dtype)
    exact = VALUES[name](z.astype(np.longdouble)).astype(dtype)
    np.testing.assert_allclose(kernels.activate(isa, name, z), exact, rtol=1e-6)


@pytest.mark.parametrize("name", VALUES)
def test_nan_goes_through(isa: str, dtype: Any, name: str) -> None:
    z = np.array([[1.0, np.nan, -1.0]], dtype)
    value, slope = kernels.activate_with_slope(isa, name, z)
    np.testing.assert_array_equal(np.isnan(value), np.isnan(z))
    np.testing.assert_array_equal(np.isnan(kernels.activate(isa, name, z)), np.isnan(z))
    if name != "identity":  # whose slope is 1 everywhere
        np.testing.assert_array_equal(np.isnan(slope), np.isnan(z))
    if name in OF_OUTPUT:
        d = np.array([[np.nan, 1.0, 1.0]], dtype)
        product = kernels.multiply_derivative(isa, name, value, d)
        np.testing.assert_array_equal(np.isnan(product), [[True, name != "identity", False]])


def test_unknown_activations_are_refused(isa: str, dtype: Any) -> None:
    with pytest.raises(ValueError, match=r"activation must be one of.*'hard_sigmoid'.*got 'swish'"):
        kernels.activate(isa, "swish", np.ones((1, 1), dtype))
