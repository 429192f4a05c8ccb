"""Every optimizer of every instruction set against its paper's formula in float64 NumPy."""

from typing import Any

import numpy as np
import pytest
from matrices import ISAS, SIZES, integers
from numpy.typing import NDArray

from pymlp import _core

kernels = _core.kernels
Array = NDArray[Any]

pytestmark = [
    pytest.mark.parametrize("isa", ISAS),
    pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["f32", "f64"]),
]

SOLVERS = ["sgd", "nesterov", "adam", "adamw", "nadam", "rmsprop", "adagrad", "lion"]


def settings(solver: str, **changed: float) -> dict[str, Any]:
    """A step's numbers; 'nesterov' is sgd with Nesterov's momentum."""
    numbers = {"learning_rate": 0.125, "momentum": 0.9, "beta_1": 0.9, "beta_2": 0.99}
    numbers |= {"epsilon": 1e-8, "alpha": 0.25, "inverse": 0.0625, "decay": 0.03125}
    numbers |= {"gradient_rate": 0.0625} | changed
    numbers["rest_1"] = 1 - numbers["beta_1"]
    numbers["rest_2"] = 1 - numbers["beta_2"]
    numbers["sum_rate"] = numbers["learning_rate"] * numbers["inverse"]
    if solver in ("sgd", "nesterov"):
        return {"solver": "sgd", "nesterov": solver == "nesterov", **numbers}
    return {"solver": solver, **numbers}


def reference(state: Array, gradient: Array, step: dict[str, Any]) -> Array:
    """The step on (weights, first moment, second moment, average), in float64."""
    w, m, v, average = state.astype(np.float64)
    rate, beta_1, beta_2 = step["learning_rate"], step["beta_1"], step["beta_2"]
    solver, epsilon = step["solver"], step["epsilon"]
    g = (step.get("clip", 1.0) * gradient.astype(np.float64) + step["alpha"] * w) * step["inverse"]
    if solver in ("adamw", "lion"):
        w = w - step["decay"] * w
    if solver == "sgd":
        m = step["momentum"] * m - rate * g
        w = w + (step["momentum"] * m - rate * g if step["nesterov"] else m)
    elif solver in ("adam", "adamw", "nadam"):
        m = beta_1 * m + (1 - beta_1) * g
        v = beta_2 * v + (1 - beta_2) * g * g
        ahead = step["gradient_rate"] * g if solver == "nadam" else 0.0
        w = w - (rate * m + ahead) / (np.sqrt(v) + epsilon)
    elif solver == "lion":
        w = w - rate * np.sign(beta_1 * m + (1 - beta_1) * g)
        m = beta_2 * m + (1 - beta_2) * g
    else:
        m = m + g * g if solver == "adagrad" else beta_2 * m + (1 - beta_2) * g * g
        w = w - rate * g / (np.sqrt(m) + epsilon)
    average = average + step.get("average_rest", 0.0) * (w - average)
    return np.stack([w, m, v, average])


def random_state(
    rng: np.random.Generator, solver: str, shape: tuple[int, ...], dtype: Any
) -> Array:
    state = rng.normal(size=(4, *shape))
    state[2] = np.square(state[2])
    if solver in ("rmsprop", "adagrad"):
        state[1] = 0.1 + np.square(state[1])
    return state.astype(dtype)


def assert_close(actual: Array, expected: Array, roundings: float = 400) -> None:
    """Of numbers below 100, after a dozen or so roundings."""
    atol = roundings * np.finfo(actual.dtype).eps
    np.testing.assert_allclose(actual, expected, rtol=0, atol=atol)


@pytest.mark.parametrize("solver", SOLVERS)
def test_update(isa: str, dtype: Any, solver: str) -> None:
    rng = np.random.default_rng(0)
    # sgd and adam have a tile of their own for every shape, the others share the gradient's
    outputs = SIZES if solver in ("sgd", "adam") else [1, 16, 33]
    for n_in in SIZES:
        for n_out in outputs:
            # with and without the penalty, with and without an average
            changed = {"alpha": 0.25 * (n_out % 2), "average_rest": 0.25 * (n_in % 2)}
            step = settings(solver, **changed)
            batch = int(rng.integers(1, 60))
            x, dz = integers(rng, (batch, n_in), dtype), integers(rng, (batch, n_out), dtype)
            state = random_state(rng, solver, (n_in, n_out), dtype)
            bias = random_state(rng, solver, (n_out,), dtype)
            new, new_bias, squares = kernels.update(isa, x, dz, state, bias, False, **step)
            assert_close(new, reference(state, x.T @ dz, step))
            unpenalised = step | {"alpha": 0.0, "decay": 0.0}
            assert_close(new_bias, reference(bias, dz.sum(axis=0), unpenalised))
            if step["alpha"] > 0:
                assert squares == kernels.sum_squares(isa, new[0])


def test_sum_of_squares(isa: str, dtype: Any) -> None:
    rng = np.random.default_rng(0)
    for n_in in SIZES:
        w = rng.normal(size=(n_in, 33)).astype(dtype)
        exact = np.square(w.astype(np.float64)).sum()
        rel = float(50 * np.finfo(dtype).eps)
        assert kernels.sum_squares(isa, w) == pytest.approx(exact, rel=rel)


@pytest.mark.parametrize("solver", SOLVERS)
def test_several_steps(isa: str, dtype: Any, solver: str) -> None:
    rng = np.random.default_rng(3)
    state = random_state(rng, solver, (17, 33), dtype)
    bias = random_state(rng, solver, (33,), dtype)
    expected, expected_bias = state.astype(np.float64), bias.astype(np.float64)
    for t in range(10):
        step = settings(solver, average_rest=0.25, learning_rate=0.125 / (t + 1))
        x, dz = integers(rng, (20, 17), dtype), integers(rng, (20, 33), dtype)
        state, bias, _ = kernels.update(isa, x, dz, state, bias, False, **step)
        expected = reference(expected, x.T @ dz, step)
        unpenalised = step | {"alpha": 0.0, "decay": 0.0}
        expected_bias = reference(expected_bias, dz.sum(axis=0), unpenalised)
    assert_close(state, expected, 2000)
    assert_close(bias, expected_bias, 2000)


def test_update_is_exact_on_integers(isa: str, dtype: Any) -> None:
    rng = np.random.default_rng(0)
    step = settings("sgd", learning_rate=0.5, alpha=2.0, inverse=0.25)
    for n_in, n_out, batch in [(29, 33, 50), (14, 16, 1), (100, 7, 200)]:
        x, dz = integers(rng, (batch, n_in), dtype), integers(rng, (batch, n_out), dtype)
        w = integers(rng, (n_in, n_out), dtype)
        state, bias = np.zeros((4, n_in, n_out), dtype), np.zeros((4, n_out), dtype)
        state[0] = w
        new, new_bias, _ = kernels.update(isa, x, dz, state, bias, False, **step)
        np.testing.assert_array_equal(new[1], -0.125 * (x.T @ dz + 2 * w))
        np.testing.assert_array_equal(new[0], w + new[1])
        np.testing.assert_array_equal(new_bias[0], -0.125 * dz.sum(axis=0))


@pytest.mark.parametrize("alpha", [0.0, 0.25])
@pytest.mark.parametrize("solver", SOLVERS)
def test_a_known_gradient_makes_the_same_step(
    isa: str, dtype: Any, solver: str, alpha: float
) -> None:
    rng = np.random.default_rng(1)
    step = settings(solver, alpha=alpha, average_rest=0.1)
    for n_in, n_out in [(3, 5), (29, 16), (45, 70)]:
        x = rng.normal(size=(50, n_in)).astype(dtype)
        dz = rng.normal(size=(50, n_out)).astype(dtype)
        state = random_state(rng, solver, (n_in, n_out), dtype)
        bias = random_state(rng, solver, (n_out,), dtype)
        gradient, bias_gradient, _ = kernels.gradient(isa, x, dz, False, None)
        updated = kernels.update(isa, x, dz, state, bias, False, **step)
        applied = kernels.apply(isa, gradient, bias_gradient, state, bias, **step)
        for actual, expected in zip(applied, updated, strict=True):
            np.testing.assert_array_equal(actual, expected)


@pytest.mark.parametrize("solver", SOLVERS)
def test_clipping_leaves_the_penalty_alone(isa: str, dtype: Any, solver: str) -> None:
    rng = np.random.default_rng(2)
    step = settings(solver, clip=0.3)
    gradient = integers(rng, (20, 33), dtype)
    state = random_state(rng, solver, (20, 33), dtype)
    bias = random_state(rng, solver, (33,), dtype)
    new, new_bias, _ = kernels.apply(isa, gradient, gradient[0].copy(), state, bias, **step)
    assert_close(new, reference(state, gradient, step))
    unpenalised = step | {"alpha": 0.0, "decay": 0.0}
    assert_close(new_bias, reference(bias, gradient[0], unpenalised))


@pytest.mark.parametrize("solver", SOLVERS)
def test_nan_is_not_hidden(isa: str, dtype: Any, solver: str) -> None:
    gradient = np.ones((20, 33), dtype)
    gradient[7, 18] = np.nan
    state, bias = np.ones((4, 20, 33), dtype), np.ones((4, 33), dtype)
    new, *_ = kernels.apply(isa, gradient, gradient[0].copy(), state, bias, **settings(solver))
    np.testing.assert_array_equal(np.isnan(new[0]), np.isnan(gradient))
    np.testing.assert_array_equal(np.isnan(new[1]), np.isnan(gradient))


def test_lion_stands_still_at_zero(isa: str, dtype: Any) -> None:
    state, bias = np.zeros((4, 1, 3), dtype), np.zeros((4, 3), dtype)
    gradient = np.array([[-1e-30, 0, 1e-30]], dtype)  # only the sign counts
    step = settings("lion", alpha=0.0)
    new, *_ = kernels.apply(isa, gradient, gradient[0], state, bias, **step)
    np.testing.assert_array_equal(new[0], [[0.125, 0, -0.125]])


@pytest.mark.parametrize("n_in", SIZES)
def test_gradient(isa: str, dtype: Any, n_in: int) -> None:
    rng = np.random.default_rng(n_in)
    for n_out in SIZES:
        batch = int(rng.integers(1, 60))
        x, dz = integers(rng, (batch, n_in), dtype), integers(rng, (batch, n_out), dtype)
        gradient, bias_gradient, squares = kernels.gradient(isa, x, dz, False, None)
        np.testing.assert_array_equal(gradient, x.T @ dz)
        np.testing.assert_array_equal(bias_gradient, dz.sum(axis=0))
        exact = np.square(x.T @ dz).sum(dtype=float) + np.square(dz.sum(axis=0)).sum(dtype=float)
        assert squares == pytest.approx(exact, rel=float(50 * np.finfo(dtype).eps))


@pytest.mark.parametrize("sparse", [False, True])
def test_gradient_of_two_halves_has_the_bits_of_one(isa: str, dtype: Any, sparse: bool) -> None:
    rng = np.random.default_rng(0)
    for n_in, n_out in [(1, 1), (20, 16), (31, 50)]:
        x = rng.normal(size=(41, n_in)).astype(dtype)
        dz = rng.normal(size=(41, n_out)).astype(dtype)
        together = kernels.gradient(isa, x, dz, sparse, None)
        for cut in (1, 20, 40):
            *first, _ = kernels.gradient(isa, x[:cut].copy(), dz[:cut].copy(), sparse, None)
            both = kernels.gradient(isa, x[cut:].copy(), dz[cut:].copy(), sparse, tuple(first))
            for actual, expected in zip(both, together, strict=True):
                np.testing.assert_array_equal(actual, expected)
