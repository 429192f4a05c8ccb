"""Every kernel of every instruction set against float64 NumPy.

Matrices reach the kernels with NaN in all their padding: one that lets it into a result fails.
"""

from typing import Any

import numpy as np
import pytest
from accuracy import grid, ulps
from hypothesis import given, settings
from hypothesis import strategies as st
from matrices import SIZES, integers
from numpy.typing import NDArray
from scipy.special import expit, log_softmax, softmax, xlogy

from pymlp import _blas, _core

kernels = _core.kernels
Array = NDArray[Any]

pytestmark = [
    pytest.mark.parametrize("isa", _core.available_isas()),
    pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["f32", "f64"]),
]


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


# --- functions -----------------------------------------------------------------------------------


def test_exp_and_log_accuracy(isa: str, dtype: Any) -> None:
    z = grid(dtype, 85.0)[:, None]
    assert ulps(kernels.output(isa, "poisson", z), np.exp(z.astype(np.longdouble)), dtype) <= 1.5
    # the loss of two equal logits less d is log(1 + e^-d): the logarithm seen from outside
    z = np.stack([np.zeros(1000), np.linspace(-20, 0, 1000)], axis=1).astype(dtype)
    _, losses, _ = kernels.loss(isa, "softmax_cross_entropy", z, np.zeros(1000, np.int32), None)
    exact = -log_softmax(z.astype(np.longdouble), axis=1)[:, 0]
    np.testing.assert_allclose(losses, exact.astype(float), rtol=0, atol=2 * np.finfo(dtype).eps)


# --- losses --------------------------------------------------------------------------------------


def reference_loss(name: str, z: Array, y: Array) -> Array:
    """Loss of each row in float64."""
    z = z.astype(np.float64)
    if name == "softmax_cross_entropy":
        return -log_softmax(z, axis=1)[np.arange(len(y)), y]
    if name == "logistic_cross_entropy":
        return (np.logaddexp(0, z) - z * y).sum(axis=1)
    if name == "squared_error":
        return 0.5 * np.square(z - y).mean(axis=1)
    return (xlogy(y, y) - y * z - y + np.exp(z)).sum(axis=1)


LOSSES = ["softmax_cross_entropy", "logistic_cross_entropy", "squared_error", "poisson"]


def loss_data(name: str, rows: int, outputs: int, dtype: Any) -> tuple[Array, Array]:
    rng = np.random.default_rng(rows * 100 + outputs)
    z = rng.normal(scale=2, size=(rows, outputs)).astype(dtype)
    if name == "softmax_cross_entropy":
        return z, rng.integers(0, outputs, rows).astype(np.int32)
    if name == "logistic_cross_entropy":
        return z, rng.integers(0, 2, (rows, outputs)).astype(dtype)
    return z, rng.poisson(2, (rows, outputs)).astype(dtype)


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("outputs", SIZES)
def test_loss(isa: str, dtype: Any, name: str, outputs: int) -> None:
    for rows in (1, 5, 14, 50):
        z, y = loss_data(name, rows, outputs, dtype)
        weight = np.random.default_rng(1).uniform(0, 2, rows).astype(dtype)
        expected = reference_loss(name, z, y)
        tolerance = (
            {"rtol": 1e-12, "atol": 1e-13} if dtype == np.float64 else {"rtol": 2e-6, "atol": 1e-5}
        )
        gradient, losses, _ = kernels.loss(isa, name, z, y, None)
        weighted, same_losses, _ = kernels.loss(isa, name, z, y, weight)
        np.testing.assert_allclose(losses, expected, **tolerance)
        np.testing.assert_array_equal(losses, same_losses)  # rows are reported without their weight
        one_hot = np.eye(outputs)[y] if name == "softmax_cross_entropy" else y
        predictions = kernels.output(isa, name, z)
        np.testing.assert_allclose(gradient, predictions - one_hot, **tolerance)
        np.testing.assert_allclose(weighted, (predictions - one_hot) * weight[:, None], **tolerance)


@pytest.mark.parametrize("name", LOSSES)
def test_gradient_by_central_differences(isa: str, dtype: Any, name: str) -> None:
    z, y = loss_data(name, 6, 5, np.float64)
    h = 1e-6
    numeric = np.empty_like(z)
    for j in range(z.shape[1]):
        step = h * (np.arange(z.shape[1]) == j)
        y64 = y if y.dtype == np.int32 else y.astype(np.float64)
        up, down = (kernels.loss(isa, name, z + s, y64, None)[1] for s in (step, -step))
        numeric[:, j] = (up - down) / (2 * h)
    if name == "squared_error":
        numeric *= z.shape[
            1
        ]  # scikit-learn's: the loss is the outputs' mean, the gradient their sum
    gradient, *_ = kernels.loss(
        isa, name, z.astype(dtype), y if y.dtype == np.int32 else y.astype(dtype), None
    )
    np.testing.assert_allclose(gradient, numeric, atol=1e-7 if dtype == np.float64 else 1e-4)


def test_predictions(isa: str, dtype: Any) -> None:
    tolerance = 1e-14 if dtype == np.float64 else 1e-6
    for outputs in SIZES:
        z, _ = loss_data("softmax_cross_entropy", 9, outputs, dtype)
        p = kernels.output(isa, "softmax_cross_entropy", z)
        np.testing.assert_allclose(p, softmax(z.astype(float), axis=1), rtol=10 * tolerance)
        np.testing.assert_array_equal(kernels.output(isa, "squared_error", z), z)
        p = kernels.output(isa, "logistic_cross_entropy", z)
        np.testing.assert_allclose(p, expit(z.astype(float)), rtol=10 * tolerance)


def test_hits_are_argmax(isa: str, dtype: Any) -> None:
    z = np.zeros((3, 20), dtype)  # all equal: argmax is the first
    z[1, 17] = z[1, 18] = 1
    z[2, 5] = np.nan
    for y, hits in [([0, 17, 0], [1, 1]), ([1, 18, 0], [0, 0]), ([19, 0, 0], [0, 0])]:
        labels = np.array(y, np.int32)
        *_, hit = kernels.loss(isa, "softmax_cross_entropy", z, labels, None)
        np.testing.assert_array_equal(hit[:2], hits)
    z = np.array([[-1.0], [1.0], [0.0]], dtype)
    *_, hit = kernels.loss(isa, "logistic_cross_entropy", z, np.ones((3, 1), dtype), None)
    np.testing.assert_array_equal(hit, [0, 1, 0])


# an infinite logit of the logistic loss is no error: it is a certain class
@pytest.mark.parametrize(
    ("name", "bad"),
    [(name, np.nan) for name in LOSSES]
    + [(name, np.inf) for name in LOSSES if name != "logistic_cross_entropy"],
)
def test_loss_that_is_not_finite_is_not_hidden(isa: str, dtype: Any, name: str, bad: float) -> None:
    z, y = loss_data(name, 4, 3, dtype)
    z[2, 1] = bad
    _, losses, _ = kernels.loss(isa, name, z, y, None)
    np.testing.assert_array_equal(np.isfinite(losses), [True, True, False, True])


def test_extreme_logits(isa: str, dtype: Any) -> None:
    z = np.array([[1e4, -1e4, 0], [-1e4, -1e4, -1e4], [3e38, -3e38, 0]], dtype)
    p = kernels.output(isa, "softmax_cross_entropy", z)
    np.testing.assert_allclose(p, [[1, 0, 0], [1 / 3] * 3, [1, 0, 0]], rtol=1e-6)
    gradient, losses, _ = kernels.loss(
        isa, "softmax_cross_entropy", z, np.array([1, 0, 0], np.int32), None
    )
    cap = -np.log(np.finfo(dtype).eps)  # scikit-learn's clip of probabilities
    np.testing.assert_allclose(losses, [cap, np.log(3), 0], rtol=1e-6)
    np.testing.assert_allclose(gradient[0], [1, -1, 0], atol=1e-6)


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
    np.testing.assert_array_equal(kernels.gradient(isa, a, dz, False, None)[0], a.T @ dz)


def test_arguments_are_checked(isa: str, dtype: Any) -> None:
    a = np.ones((2, 3), dtype)
    with pytest.raises(ValueError, match=r"w must have shape \(3, 2\), got \(2, 2\)"):
        kernels.gemm(isa, a, np.ones((2, 2), dtype), np.ones(2, dtype))
    with pytest.raises(TypeError):  # no silent copy: the wrong order is refused
        kernels.gemm(isa, np.asfortranarray(a), np.ones((3, 2), dtype), np.ones(2, dtype))
    with pytest.raises(ValueError, match="classes from 0 to 2, got 3"):
        kernels.loss(isa, "softmax_cross_entropy", a, np.array([0, 3], np.int32), None)
    with pytest.raises(ValueError, match=f"is not available.*{isa}"):
        kernels.gemm("sse9", a, a.T.copy(), np.ones(2, dtype))
