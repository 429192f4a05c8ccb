"""Every kernel of every instruction set against float64 NumPy.

Matrices reach the kernels with NaN in all their padding: one that lets it into a result fails.
"""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.special import expit, log_softmax

from pymlp import _blas, _core

kernels = _core.kernels
Array = NDArray[Any]

pytestmark = [
    pytest.mark.parametrize("isa", _core.available_isas()),
    pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["f32", "f64"]),
]

# one below, at and one above every tile and vector size: 1, 4, 6, 8, 14, 16, 32
SIZES = [1, 2, 3, 4, 5, 6, 7, 8, 9, 13, 14, 15, 16, 17, 27, 28, 29, 31, 32, 33, 50, 65]


def integers(rng: np.random.Generator, shape: tuple[int, ...], dtype: Any) -> Array:
    """Small integers: their sums of products are exact in either type, in any order."""
    return rng.integers(-4, 5, shape).astype(dtype)


def ulps(actual: Array, exact: Array, dtype: Any) -> float:
    """Largest distance from the exact values, in units in the last place of ``dtype``."""
    spacing = np.spacing(np.maximum(np.abs(exact), np.finfo(dtype).tiny).astype(dtype))
    return float(np.max(np.abs(actual.astype(np.longdouble) - exact) / spacing))


# --- matrix product ------------------------------------------------------------------------------


@pytest.mark.parametrize("rows", SIZES)
def test_gemm_is_exact_on_integers(isa: str, dtype: Any, rows: int) -> None:
    rng = np.random.default_rng(rows)
    for columns in SIZES:
        depth = int(rng.integers(1, 40))
        a, w = integers(rng, (rows, depth), dtype), integers(rng, (depth, columns), dtype)
        bias = integers(rng, (columns,), dtype)
        c = kernels.gemm(isa, a, w, bias)
        assert c.dtype == dtype
        np.testing.assert_array_equal(c, a @ w + bias)


def test_gemm_on_random_data(isa: str, dtype: Any) -> None:
    rng = np.random.default_rng(0)
    for rows, depth, columns in [(50, 784, 33), (84, 1000, 10), (3, 4096, 100)]:
        a, w = rng.normal(size=(rows, depth)), rng.normal(size=(depth, columns))
        a, w = a.astype(dtype), w.astype(dtype)
        c = kernels.gemm(isa, a, w, np.zeros(columns, dtype))
        exact = a.astype(np.longdouble) @ w.astype(np.longdouble)
        # |error| <= k eps |a| |w|  (Higham 2002, section 3.5)
        bound = depth * np.finfo(dtype).eps * (np.abs(a) @ np.abs(w))
        assert (np.abs(c - exact) <= bound).all()
        np.testing.assert_allclose(c, _blas.gemm(a, w), rtol=0, atol=float(2 * bound.max()))


def test_gemm_rows_do_not_depend_on_each_other(isa: str, dtype: Any) -> None:
    rng = np.random.default_rng(0)
    a, w = rng.normal(size=(61, 97)).astype(dtype), rng.normal(size=(97, 45)).astype(dtype)
    bias = rng.normal(size=45).astype(dtype)
    together = kernels.gemm(isa, a, w, bias)
    for first, last in [(0, 1), (60, 61), (3, 17), (20, 50)]:
        part = kernels.gemm(isa, a[first:last].copy(), w, bias)
        np.testing.assert_array_equal(part, together[first:last])


@pytest.mark.parametrize("n_in", SIZES)
def test_transpose(isa: str, dtype: Any, n_in: int) -> None:
    for n_out in SIZES:
        w = np.arange(n_in * n_out, dtype=dtype).reshape(n_in, n_out)
        np.testing.assert_array_equal(kernels.transpose(isa, w), w.T)


# --- weight gradient and optimizer ---------------------------------------------------------------


def reference_update(
    x: Array, dz: Array, w: Array, m: Array, v: Array, **step: Any
) -> tuple[Array, Array, Array]:
    """scikit-learn's formulas in float64."""
    x, dz, w, m, v = (a.astype(np.float64) for a in (x, dz, w, m, v))
    rate = step["learning_rate"]
    g = (x.T @ dz + step["alpha"] * w) * step["scale"]
    if step["solver"] == "sgd":
        m = 0.9 * m - rate * g
        return w + (0.9 * m - rate * g if step["nesterov"] else m), m, v
    m = 0.9 * m + 0.1 * g
    v = 0.999 * v + 0.001 * g * g
    return w - rate * m / (np.sqrt(v) + 1e-8), m, v


STEPS = [
    {"solver": "sgd", "nesterov": True},
    {"solver": "sgd", "nesterov": False},
    {"solver": "adam", "nesterov": False},
]


@pytest.mark.parametrize("step", STEPS, ids=["nesterov", "momentum", "adam"])
@pytest.mark.parametrize("n_in", SIZES)
def test_update(isa: str, dtype: Any, n_in: int, step: dict[str, Any]) -> None:
    rng = np.random.default_rng(n_in)
    for n_out in SIZES:
        alpha = 0.25 * (n_out % 2)  # with and without the penalty
        step = step | {"learning_rate": 0.125, "alpha": alpha, "scale": 0.0625}
        batch = int(rng.integers(1, 60))
        x, dz = integers(rng, (batch, n_in), dtype), integers(rng, (batch, n_out), dtype)
        w, m = (rng.normal(size=(n_in, n_out)).astype(dtype) for _ in range(2))
        v = np.square(rng.normal(size=(n_in, n_out))).astype(dtype)
        *updated, squares = kernels.update(isa, x, dz, w, m, v, **step)
        for actual, expected in zip(updated, reference_update(x, dz, w, m, v, **step), strict=True):
            # a dozen roundings of numbers below 100
            np.testing.assert_allclose(actual, expected, rtol=0, atol=400 * np.finfo(dtype).eps)
        exact = np.square(updated[0].astype(np.float64)).sum()
        assert squares == pytest.approx(exact, rel=float(50 * np.finfo(dtype).eps))


def test_update_is_exact_on_integers(isa: str, dtype: Any) -> None:
    rng = np.random.default_rng(0)
    for n_in, n_out, batch in [(29, 33, 50), (14, 16, 1), (100, 7, 200)]:
        x, dz = integers(rng, (batch, n_in), dtype), integers(rng, (batch, n_out), dtype)
        w = integers(rng, (n_in, n_out), dtype)
        zero = np.zeros_like(w)
        step = {"solver": "sgd", "learning_rate": 0.5, "alpha": 2.0, "scale": 0.25}
        new, velocity, *_ = kernels.update(isa, x, dz, w, zero, zero, nesterov=False, **step)
        np.testing.assert_array_equal(velocity, -0.125 * (x.T @ dz + 2 * w))
        np.testing.assert_array_equal(new, w + velocity)


# --- functions -----------------------------------------------------------------------------------


def grid(dtype: Any, limit: float) -> Array:
    """Both signs, dense where it matters, every magnitude down to the smallest normal number."""
    rng = np.random.default_rng(0)
    tiny = np.geomspace(np.finfo(dtype).tiny * 4, limit, 20_000)
    return np.concatenate([rng.uniform(-limit, limit, 40_000), tiny, -tiny, [0.0]]).astype(dtype)


# measured here: tanh 1.6 (f32), 1.7 (f64); logistic 2.4, 2.5, of which portable 0.3 more
FUNCTIONS = {"tanh": (np.tanh, 3.0), "logistic": (expit, 3.5)}


@pytest.mark.parametrize("name", list(FUNCTIONS))
def test_activation_accuracy(isa: str, dtype: Any, name: str) -> None:
    function, bound = FUNCTIONS[name]
    z = grid(dtype, 80.0)[None, :]
    assert ulps(kernels.activate(isa, name, z), function(z.astype(np.longdouble)), dtype) <= bound


def test_exp_and_log_accuracy(isa: str, dtype: Any) -> None:
    z = grid(dtype, 85.0)[:, None]
    assert ulps(kernels.output(isa, "exp", z), np.exp(z.astype(np.longdouble)), dtype) <= 1.5
    # the loss of two equal logits less d is log(1 + e^-d): the logarithm seen from outside
    z = np.stack([np.zeros(1000), np.linspace(-20, 0, 1000)], axis=1).astype(dtype)
    _, losses, _ = kernels.loss(isa, "softmax_cross_entropy", z, np.zeros(1000, np.int32), None)
    exact = -log_softmax(z.astype(np.longdouble), axis=1)[:, 0]
    np.testing.assert_allclose(losses, exact.astype(float), rtol=0, atol=2 * np.finfo(dtype).eps)


@pytest.mark.parametrize("name", ["identity", "logistic", "tanh", "relu"])
@pytest.mark.parametrize("value", [np.inf, -np.inf, np.nan, 0.0, -0.0, 1e30, -1e30])
def test_activation_of_special_values(isa: str, dtype: Any, name: str, value: float) -> None:
    expected = {
        "identity": lambda z: z,
        "logistic": expit,
        "tanh": np.tanh,
        "relu": lambda z: np.where(np.isnan(z), z, np.maximum(z, 0)),
    }[name](np.array([[value]], dtype))
    actual = kernels.activate(isa, name, np.array([[value]], dtype))
    np.testing.assert_allclose(actual, expected, rtol=1e-6)


@pytest.mark.parametrize("name", ["identity", "logistic", "tanh", "relu"])
@pytest.mark.parametrize("columns", [1, 3, 16, 33])
def test_derivative_by_central_differences(isa: str, dtype: Any, name: str, columns: int) -> None:
    rng = np.random.default_rng(0)
    z = rng.normal(size=(7, columns))
    z[np.abs(z) < 1e-3] = 0.5  # relu has no derivative at 0
    d = rng.normal(size=z.shape).astype(dtype)
    a = kernels.activate(isa, name, z.astype(dtype))
    h = 1e-5
    up, down = (kernels.activate(isa, name, z + s) for s in (h, -h))  # float64
    expected = d * (up - down) / (2 * h)
    atol = 1e-9 if dtype == np.float64 else 1e-5
    np.testing.assert_allclose(kernels.derivative(isa, name, a, d), expected, atol=atol)


# --- whatever else the shapes may be -------------------------------------------------------------


@settings(max_examples=30, deadline=None)
@given(
    rows=st.integers(1, 120),
    depth=st.integers(1, 70),
    columns=st.integers(1, 100),
    seed=st.integers(0, 2**32 - 1),
)
def test_any_shape(isa: str, dtype: Any, rows: int, depth: int, columns: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    a, w = integers(rng, (rows, depth), dtype), integers(rng, (depth, columns), dtype)
    zero = np.zeros(columns, dtype)
    np.testing.assert_array_equal(kernels.gemm(isa, a, w, zero), a @ w)
    dz = integers(rng, (rows, columns), dtype)
    step = {"solver": "sgd", "learning_rate": 1.0, "alpha": 0.0, "scale": 1.0, "nesterov": False}
    _, velocity, *_ = kernels.update(isa, a, dz, w, np.zeros_like(w), np.zeros_like(w), **step)
    np.testing.assert_array_equal(velocity, -(a.T @ dz))


def test_arguments_are_checked(isa: str, dtype: Any) -> None:
    a = np.ones((2, 3), dtype)
    with pytest.raises(ValueError, match=r"w must have shape \(3, 2\), got \(2, 2\)"):
        kernels.gemm(isa, a, np.ones((2, 2), dtype), np.ones(2, dtype))
    with pytest.raises(TypeError):  # no silent copy: the wrong order is refused
        kernels.gemm(isa, np.asfortranarray(a), np.ones((3, 2), dtype), np.ones(2, dtype))
    with pytest.raises(ValueError, match="activation must be one of"):
        kernels.activate(isa, "swish", a)
    with pytest.raises(ValueError, match=f"is not available.*{isa}"):
        kernels.gemm("sse9", a, a.T.copy(), np.ones(2, dtype))
