"""Kernels on compressed rows and columns: the bits of the dense ones, zeros written out."""

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

SHAPES = [(1, 1, 1), (7, 40, 10), (50, 29, 17), (30, 300, 65)]  # rows, columns of x, outputs


def sparse_matrix(rng: np.random.Generator, rows: int, columns: int, dtype: Any) -> Array:
    """One number in five; some rows and columns, and the last of both, are empty."""
    x = rng.normal(size=(rows, columns)) * (rng.random((rows, columns)) < 0.2)
    x[-1:] = 0
    x[:, -1:] = 0
    return x.astype(dtype)


def test_product(isa: str, dtype: Any) -> None:
    rng = np.random.default_rng(0)
    for rows, depth, columns in SHAPES:
        a = sparse_matrix(rng, rows, depth, dtype)
        w, bias = (rng.normal(size=s).astype(dtype) for s in ((depth, columns), (columns,)))
        expected = kernels.gemm(isa, a, w, bias)
        np.testing.assert_array_equal(kernels.gemm(isa, a, w, bias, sparse=True), expected)
        np.testing.assert_array_equal(expected[-1], bias)


def test_gradient(isa: str, dtype: Any) -> None:
    rng = np.random.default_rng(1)
    for rows, n_in, n_out in SHAPES:
        x = sparse_matrix(rng, rows, n_in, dtype)
        dz = rng.normal(size=(rows, n_out)).astype(dtype)
        dense, sparse = (kernels.gradient(isa, x, dz, kind, None) for kind in (False, True))
        for actual, expected in zip(sparse, dense, strict=True):
            np.testing.assert_array_equal(actual, expected)


@pytest.mark.parametrize("solver", ["sgd", "adam", "adamw", "nadam", "rmsprop", "adagrad", "lion"])
def test_update(isa: str, dtype: Any, solver: str) -> None:
    rng = np.random.default_rng(2)
    step = {"solver": solver, "learning_rate": 0.1, "momentum": 0.9, "sum_rate": 0.002}
    step |= {"beta_1": 0.9, "rest_1": 0.1, "beta_2": 0.99, "rest_2": 0.01, "epsilon": 1e-8}
    step |= {"inverse": 0.02, "decay": 0.01, "gradient_rate": 0.05, "average_rest": 0.1}
    for alpha in (0.0, 0.5):
        for rows, n_in, n_out in SHAPES:
            x = sparse_matrix(rng, rows, n_in, dtype)
            dz = rng.normal(size=(rows, n_out)).astype(dtype)
            state = np.square(rng.normal(size=(4, n_in, n_out))).astype(dtype)
            bias = np.square(rng.normal(size=(4, n_out))).astype(dtype)
            dense, sparse = (
                kernels.update(isa, x, dz, state, bias, kind, alpha=alpha, **step)
                for kind in (False, True)
            )
            for actual, expected in zip(sparse, dense, strict=True):
                np.testing.assert_array_equal(actual, expected)
            # momentum moves weights whose column is empty too
            assert (sparse[0][0, -1] != state[0, -1]).all() or solver in ("rmsprop", "adagrad")
