"""Products of bfloat16 numbers, and training with them, against float64 on rounded numbers."""

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from matrices import SIZES, integers
from numpy.typing import NDArray

from pymlp import _core

kernels = _core.kernels
Array = NDArray[Any]
EVERY_ISA = pytest.mark.parametrize("isa", _core.available_isas())


def rounded(x: Array) -> Array:
    """The nearest bfloat16 numbers, ties to even: float32 with 8 significant bits."""
    bits = np.ascontiguousarray(x, np.float32).view(np.uint32).astype(np.uint64)
    bits = (bits + 0x7FFF + ((bits >> 16) & 1)) & 0xFFFF0000
    return bits.astype(np.uint32).view(np.float32)


# --- numbers become pairs ------------------------------------------------------------------------


def test_rounding_is_to_nearest_with_ties_to_even() -> None:
    x = np.float32([1, 1 + 2**-8, 1 + 3 * 2**-8, 1 + 2**-8 + 2**-20, -(1 + 2**-8), 3.3895e38])
    expected = np.float32([1, 1, 1 + 2**-6, 1 + 2**-7, -1, 3.3895314e38])
    np.testing.assert_array_equal(rounded(x), expected)
    special = np.float32([0.0, -0.0, np.inf, -np.inf, np.nan, 3.4e38])
    isa = _core.isa()
    pairs = kernels.bf16_pair_columns(isa, special[None])[0].ravel()
    np.testing.assert_array_equal(pairs, [0.0, -0.0, np.inf, -np.inf, np.nan, np.inf])
    np.testing.assert_array_equal(np.signbit(pairs[:2]), [False, True])


NORMAL = st.floats(width=32, allow_nan=False, allow_subnormal=False)


@EVERY_ISA
@given(x=hnp.arrays(np.float32, st.tuples(*[st.integers(1, 70)] * 2), elements=NORMAL))
def test_pairs(isa: str, x: Array) -> None:
    rows, columns = x.shape
    even = np.zeros((rows + rows % 2, columns + columns % 2), np.float32)
    even[:rows, :columns] = rounded(x)
    across = kernels.bf16_pair_columns(isa, x)
    np.testing.assert_array_equal(across, even[:rows].reshape(rows, -1, 2))
    down = kernels.bf16_pair_rows(isa, x)
    np.testing.assert_array_equal(down, np.stack([even[::2, :columns], even[1::2, :columns]], -1))
    transposed = kernels.bf16_transpose_pairs(isa, x)
    np.testing.assert_array_equal(transposed, down.swapaxes(0, 1))


# --- products ------------------------------------------------------------------------------------


@EVERY_ISA
@pytest.mark.parametrize("rows", SIZES)
def test_products_are_exact_on_integers(isa: str, rows: int) -> None:
    rng = np.random.default_rng(rows)
    for columns in SIZES:
        depth = int(rng.integers(1, 80))
        a, w = integers(rng, (rows, depth), np.float32), integers(rng, (depth, columns), np.float32)
        bias = integers(rng, (columns,), np.float32)
        np.testing.assert_array_equal(kernels.bf16_gemm(isa, a, w, bias), a @ w + bias)
        np.testing.assert_array_equal(kernels.bf16_gemm(isa, a, w.T.copy(), None), a @ w)
        dz = integers(rng, (rows, columns), np.float32)
        np.testing.assert_array_equal(kernels.bf16_gradient(isa, a, dz), a.T @ dz)


@EVERY_ISA
def test_products_of_random_numbers(isa: str) -> None:
    rng = np.random.default_rng(0)
    for rows, depth, columns in [(50, 784, 33), (84, 999, 10), (3, 1500, 100)]:
        a = rng.normal(size=(rows, depth)).astype(np.float32)
        w = rng.normal(size=(depth, columns)).astype(np.float32)
        exact = rounded(a).astype(np.float64) @ rounded(w).astype(np.float64)
        bound = depth * np.finfo(np.float32).eps * (np.abs(a) @ np.abs(w))
        products = kernels.bf16_gemm(isa, a, w, np.zeros(columns, np.float32))
        assert (np.abs(products - exact) <= bound).all()
        gradient = kernels.bf16_gradient(isa, np.ascontiguousarray(a.T), w)
        assert (np.abs(gradient - exact) <= bound).all()


def test_emulation_has_the_bits_of_the_instructions() -> None:
    """With FMA and without: the product of two bfloat16 numbers is exact in float32."""
    rng = np.random.default_rng(0)
    a = rng.normal(size=(50, 785)).astype(np.float32)
    w = rng.normal(size=(785, 70)).astype(np.float32)
    bias = rng.normal(size=70).astype(np.float32)
    emulated, *others = (
        kernels.bf16_gemm(isa, a, w, bias) for isa in _core.available_isas() if isa != "amx"
    )
    for other in others:
        np.testing.assert_array_equal(other, emulated)


@pytest.mark.skipif("amx" not in _core.available_isas(), reason="a machine without AMX")
def test_tiles_sum_in_the_order_of_the_manual() -> None:
    """Of 32 numbers along the depth the even and the odd ones apart, and both sums to the element.

    Every element's order is the same: neither the other rows of a call nor threads change it.
    """
    rng = np.random.default_rng(0)
    a = rng.normal(size=(50, 785)).astype(np.float32)
    w = rng.normal(size=(785, 70)).astype(np.float32)
    bias = rng.normal(size=70).astype(np.float32)
    x, y = rounded(a), rounded(w)
    expected = np.broadcast_to(bias, (50, 70))
    for begin in range(0, 785, 32):
        sums = np.zeros((2, 50, 70), np.float32)
        for k in range(begin, min(begin + 32, 785)):
            sums[k % 2] += x[:, k, None] * y[k]  # such a product is exact
        expected = expected + (sums[0] + sums[1])
    products = kernels.bf16_gemm("amx", a, w, bias)
    np.testing.assert_array_equal(products, expected)
    for rows in (1, 3, 16, 17, 33):
        np.testing.assert_array_equal(kernels.bf16_gemm("amx", a[:rows], w, bias), expected[:rows])


# --- training ------------------------------------------------------------------------------------

N, UNITS = 203, [37, 45, 30, 7]


def trainer(kind: type = _core.TrainerBf16, **options: Any) -> Any:
    settings: dict[str, Any] = {
        "activations": ["relu", "tanh"],
        "loss": _core.Loss("softmax_cross_entropy"),
        "solver": "sgd",
        "momentum": 0.9,
        "nesterov": True,
        "beta_1": 0.9,
        "beta_2": 0.999,
        "epsilon": 1e-8,
        "alpha": 0.01,
        "weight_decay": 0.0,
        "clip_norm": 0.0,
        "ema_decay": 0.0,
        "dropout": [0.0, 0.0],
        "seed": 0,
        "monitor": False,
        "batch_size": 25,
        "n_threads": 1,
    }
    new = kind(UNITS, **(settings | options))
    new.load("parameters", *initial())
    return new


def initial() -> tuple[list[Array], list[Array]]:
    rng = np.random.default_rng(1)
    shapes = list(pairwise(UNITS))
    coefs = [(rng.normal(size=s) / np.sqrt(s[0])).astype(np.float32) for s in shapes]
    return coefs, [rng.normal(size=n).astype(np.float32) / 10 for n in UNITS[1:]]


def data() -> tuple[Array, Array]:
    rng = np.random.default_rng(0)
    labels = rng.integers(0, UNITS[-1], N).astype(np.int32)
    return rng.normal(size=(N, UNITS[0])).astype(np.float32), labels


def trained(epochs: int = 2, rate: float = 0.05, **options: Any) -> list[Array]:
    X, y = data()
    t = trainer(**options)
    for epoch in range(epochs):
        t.run_epoch(X, y, None, np.random.default_rng(epoch).permutation(N), rate)
    coefs, intercepts = initial()
    t.store("parameters", coefs, intercepts)
    return [*coefs, *intercepts]


def test_one_step_is_that_of_rounded_operands() -> None:
    X, y = data()
    t = trainer(momentum=0.0, nesterov=False, alpha=0.0, batch_size=N)
    coefs, intercepts = initial()
    loss, _ = t.run_epoch(X, y, None, np.arange(N), 0.1)
    new = [np.empty_like(w) for w in coefs], [np.empty_like(b) for b in intercepts]
    t.store("parameters", *new)

    def product(a: Array, b: Array) -> Array:
        return rounded(a).astype(np.float64) @ rounded(b).astype(np.float64)

    hidden = [X]
    for w, b, f in zip(coefs, intercepts, (lambda z: z.clip(0), np.tanh), strict=False):
        hidden.append(f(product(hidden[-1], w) + b))
    z = product(hidden[2], coefs[2]) + intercepts[2]
    p = np.exp(z - z.max(1, keepdims=True))
    p /= p.sum(1, keepdims=True)
    np.testing.assert_allclose(loss, -np.log(p[np.arange(N), y]).mean(), rtol=1e-5)
    d = p - np.eye(UNITS[-1])[y]
    for k in (2, 1, 0):
        # a rounding may go the other way where float32 and float64 differ: a bfloat16's last bit
        np.testing.assert_allclose(
            (coefs[k] - new[0][k]) / 0.1 * N, product(hidden[k].T, d), atol=0.02
        )
        np.testing.assert_allclose((intercepts[k] - new[1][k]) / 0.1 * N, d.sum(0), atol=2e-3)
        if k > 0:
            slope = (hidden[1] > 0) if k == 1 else 1 - hidden[2] ** 2
            d = product(d, coefs[k].T) * slope


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"solver": "adam", "ema_decay": 0.9},
        {"solver": "lion", "clip_norm": 0.5, "weight_decay": 0.01},
        {"dropout": [0.3, 0.2], "activations": ["gelu", "logistic"]},
        {"monitor": True, "batch_size": 200},
    ],
    ids=["sgd", "adam", "lion", "dropout", "monitor"],
)
def test_the_number_of_threads_changes_no_bit(options: dict[str, Any]) -> None:
    for one, several in zip(trained(**options), trained(**options, n_threads=3), strict=True):
        np.testing.assert_array_equal(one, several)


@pytest.mark.parametrize("solver", ["sgd", "adam", "adamw", "rmsprop"])
@pytest.mark.parametrize("clip_norm", [0.0, 0.1])
def test_an_update_writes_the_weights_that_the_next_step_reads(
    solver: str, clip_norm: float
) -> None:
    """An epoch rounds all weights when it begins: many short ones must give the same bits."""
    X, y = data()
    options = {"solver": solver, "clip_norm": clip_norm, "alpha": 0.1}
    whole, parts = trainer(**options), trainer(**options)
    whole.run_epoch(X, y, None, np.arange(N), 0.01)
    for first in range(0, N, 25):
        parts.run_epoch(X, y, None, np.arange(first, min(N, first + 25)), 0.01)
    results = []
    for t in (whole, parts):
        coefs, intercepts = initial()
        t.store("parameters", coefs, intercepts)
        results.append([*coefs, *intercepts])
    for a, b in zip(*results, strict=True):
        np.testing.assert_array_equal(a, b)


def test_training_stays_near_float32() -> None:
    for bf16, single in zip(trained(), trained(kind=_core.Trainer32), strict=True):
        difference = np.linalg.norm(bf16 - single) / np.linalg.norm(single)
        assert 0 < difference < 0.02
