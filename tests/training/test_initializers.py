"""Initial weights: their distribution, and that a seed decides them."""

from typing import Any

import numpy as np
import pytest
from scipy import stats

from pymlp import MLPClassifier
from pymlp._network.initializers import initialize

UNITS = [60, 80, 40, 10]
LAYERS = [(60, 80), (80, 40), (40, 10)]
VARIANCES: dict[str, Any] = {
    "he": lambda n_in, n_out: 2 / n_in,
    "glorot": lambda n_in, n_out: 2 / (n_in + n_out),
    "lecun": lambda n_in, n_out: 1 / n_in,
}


def draw(init: Any, activations: Any = ("relu",) * 3, seed: int = 0, dtype: Any = "f8") -> Any:
    return initialize(init, UNITS, list(activations), np.random.RandomState(seed), dtype)


@pytest.mark.parametrize("distribution", ["normal", "uniform"])
@pytest.mark.parametrize("family", VARIANCES)
def test_distribution(family: str, distribution: str) -> None:
    drawn = draw(f"{family}_{distribution}")
    for weights, (n_in, n_out) in zip(drawn.coefs, LAYERS, strict=True):
        deviation = np.sqrt(VARIANCES[family](n_in, n_out))
        law = {
            "normal": stats.norm(0, deviation),
            "uniform": stats.uniform(-np.sqrt(3) * deviation, 2 * np.sqrt(3) * deviation),
        }[distribution]
        assert weights.shape == (n_in, n_out)
        assert stats.kstest(weights.ravel(), law.cdf).pvalue > 1e-3
    assert all((b == 0).all() for b in drawn.intercepts)


def test_orthogonal() -> None:
    drawn = draw("orthogonal")
    for weights in drawn.coefs:
        gram = weights @ weights.T if weights.shape[0] < weights.shape[1] else weights.T @ weights
        np.testing.assert_allclose(gram, np.eye(len(gram)), atol=1e-12)
    # uniform over the orthogonal matrices: the first entry of a 1 x 1 one has either sign
    signs = [initialize("orthogonal", [1, 1], ["relu"], np.random.RandomState(s), "f8").coefs[0]
             for s in range(40)]  # fmt: skip
    assert {float(s[0, 0]) for s in signs} == {-1.0, 1.0}


@pytest.mark.parametrize(
    ("activations", "factors"),
    [
        (("logistic",) * 3, (2, 2, 2)),
        (("gelu",) * 3, (6, 6, 6)),
        (("relu", "logistic", "logistic"), (6, 2, 2)),
    ],
)
def test_scikit_learns_own(activations: tuple[str, ...], factors: tuple[int, ...]) -> None:
    drawn, state = draw("sklearn", activations, seed=5), np.random.RandomState(5)
    for k, (n_in, n_out) in enumerate(LAYERS):
        bound = np.sqrt(factors[k] / (n_in + n_out))
        np.testing.assert_array_equal(drawn.coefs[k], state.uniform(-bound, bound, (n_in, n_out)))
        np.testing.assert_array_equal(drawn.intercepts[k], state.uniform(-bound, bound, n_out))


@pytest.mark.parametrize("init", ["sklearn", "he_normal", "lecun_uniform", "orthogonal"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_seed_decides(dtype: str, init: str) -> None:
    first, again, other = draw(init, dtype=dtype), draw(init, dtype=dtype), draw(init, seed=1)
    for a, b, c in zip(first.coefs, again.coefs, other.coefs, strict=True):
        assert a.dtype == dtype
        np.testing.assert_array_equal(a, b)
        assert (a != c).mean() > 0.9
    assert all(a.flags.c_contiguous for a in first.coefs)


# By the estimator

rng = np.random.default_rng(0)
X = rng.normal(size=(50, 6))
STILL: dict[str, Any] = {"solver": "sgd", "learning_rate_init": 1e-300, "random_state": 0}


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("init", ["glorot_normal", "orthogonal"])
def test_the_estimator_starts_from_them(init: str) -> None:
    clf = MLPClassifier((4, 3), init=init, max_iter=1, **STILL).fit(X, X[:, 0] > 0)
    expected = initialize(init, [6, 4, 3, 1], ["relu"] * 3, np.random.RandomState(0), "f8")
    for actual, desired in zip(clf.coefs_, expected.coefs, strict=True):
        np.testing.assert_array_equal(actual, desired)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_a_function() -> None:
    def init(n_in: int, n_out: int, random_state: np.random.RandomState) -> list[list[float]]:
        return random_state.laplace(size=(n_in, n_out)).tolist()

    clf = MLPClassifier((4,), init=init, max_iter=1, **STILL).fit(X.astype("f4"), X[:, 0] > 0)
    state = np.random.RandomState(0)
    for weights in clf.coefs_:
        assert weights.dtype == np.float32
        np.testing.assert_allclose(weights, state.laplace(size=weights.shape), rtol=1e-6)


@pytest.mark.parametrize(
    "wrong",
    [
        lambda n_in, n_out, state: np.ones((n_out, n_in)),
        lambda n_in, n_out, state: np.full((n_in, n_out), np.nan),
        lambda n_in, n_out, state: 1.0,
    ],
)
def test_functions_that_return_something_else(wrong: Any) -> None:
    message = r"'init' must return a finite array of shape \(6, 4\) = \(n_in, n_out\)"
    with pytest.raises(ValueError, match=message):
        MLPClassifier((4,), init=wrong).fit(X, X[:, 0] > 0)
