"""Every kernel of every instruction set against float64 NumPy.

Matrices reach the kernels with NaN in all their padding: one that lets it into a result fails.
"""

from typing import Any

import numpy as np
import pytest
from accuracy import grid, ulps
from hypothesis import given, settings
from hypothesis import strategies as st
from matrices import ISAS, SIZES, integers
from numpy.typing import NDArray
from scipy.special import log_softmax

from pymlp import _blas, _core

kernels = _core.kernels
Array = NDArray[Any]

pytestmark = [
    pytest.mark.parametrize("isa", ISAS),
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
    assert ulps(kernels.output(isa, "exp", z), np.exp(z.astype(np.longdouble)), dtype) <= 1.5
    # the loss of two equal logits less d is log(1 + e^-d): the logarithm seen from outside
    z = np.stack([np.zeros(1000), np.linspace(-20, 0, 1000)], axis=1).astype(dtype)
    _, losses, _ = kernels.loss(isa, "softmax_cross_entropy", z, np.zeros(1000, np.int32), None)
    exact = -log_softmax(z.astype(np.longdouble), axis=1)[:, 0]
    np.testing.assert_allclose(losses, exact.astype(float), rtol=0, atol=2 * np.finfo(dtype).eps)


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
    with pytest.raises(ValueError, match=f"is not available.*{isa}"):
        kernels.gemm("sse9", a, a.T.copy(), np.ones(2, dtype))
