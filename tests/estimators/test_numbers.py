"""Very large and very small numbers, and a busy machine: the right answer or a clear error."""

import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from formulas import ACTIVATIONS
from sklearn import neural_network
from sklearn.exceptions import ConvergenceWarning

from pymlp import MLPClassifier, MLPRegressor

pytestmark = pytest.mark.filterwarnings(
    "ignore::sklearn.exceptions.ConvergenceWarning", "ignore:overflow encountered:RuntimeWarning"
)

rng = np.random.default_rng(0)
N = 60
ROWS = rng.integers(-8, 9, size=(N, 5)) / 4 + 0.125  # no zeros
LABELS = np.arange(N) % 3
TARGETS = np.abs(ROWS[:, 0]) + 0.1
SCALES = [1e30, 1e-30]
EVERY_DTYPE = pytest.mark.parametrize("dtype", ["float32", "float64"])
EVERY_SOLVER = pytest.mark.parametrize(
    "solver", ["lbfgs", "sgd", "adam", "adamw", "nadam", "rmsprop", "adagrad", "lion"]
)
LOSSES = [(MLPClassifier, loss) for loss in ("log_loss", "focal", "hinge")] + [
    (MLPRegressor, loss)
    for loss in (
        "squared_error",
        "absolute_error",
        "huber",
        "pinball",
        "log_cosh",
        "poisson",
        "gamma",
    )
]


def build(estimator: Any, **params: Any) -> Any:
    return estimator(**{"hidden_layer_sizes": (8,), "max_iter": 5, "random_state": 0} | params)


@EVERY_DTYPE
@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_predictions_are_those_of_the_formulas(activation: str, scale: float, dtype: str) -> None:
    X = (ROWS * scale).astype(dtype)
    reg = build(MLPRegressor, activation=activation, precision=dtype).fit(ROWS, TARGETS)
    W, V = (w.astype(float) for w in reg.coefs_)
    hidden = ACTIVATIONS[activation][0](X.astype(float) @ W + reg.intercepts_[0])
    expected = (hidden @ V + reg.intercepts_[1]).ravel()
    # terms that cancel leave the rounding errors of the largest
    size = (
        np.abs(X.astype(float)) @ np.abs(W) @ np.abs(V) + np.abs(hidden) @ np.abs(V)
    ).ravel() + 1
    error = np.abs(reg.predict(X) - expected)
    assert (error <= (1e-5 if dtype == "float32" else 1e-13) * size).all()


@EVERY_DTYPE
@EVERY_SOLVER
@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize(("estimator", "loss"), LOSSES)
def test_fits_end_finite_or_say_why(
    estimator: Any, loss: str, scale: float, solver: str, dtype: str
) -> None:
    X = (ROWS * scale).astype(dtype)
    y = LABELS if estimator is MLPClassifier else TARGETS
    model = build(estimator, loss=loss, solver=solver)
    try:
        model.fit(X, y)
        predicted = [model.predict(rows) for rows in (X, X[:1])]
    except ValueError as error:
        message = "Solver produced non-finite parameter weights|overflows float"
        if scale < 1 or not any(part in str(error) for part in message.split("|")):
            raise
        return
    assert all(np.isfinite(w).all() for w in model.coefs_ + model.intercepts_)
    if estimator is MLPRegressor:
        assert not any(np.isnan(p).any() for p in predicted)


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("solver", ["lbfgs", "sgd", "adam"])
@pytest.mark.parametrize("loss", ["log_loss", "squared_error", "poisson"])
def test_fits_are_scikit_learns(loss: str, solver: str, scale: float) -> None:
    name = "MLPClassifier" if loss == "log_loss" else "MLPRegressor"
    y = LABELS if loss == "log_loss" else TARGETS
    params: dict[str, Any] = {"activation": "tanh", "solver": solver, "max_iter": 5}
    params |= {} if loss == "log_loss" else {"loss": loss}
    ours, theirs = (
        getattr(module, name)((8,) if loss == "log_loss" else loss, random_state=0)
        for module in (sys.modules["pymlp"], neural_network)
    )
    for model in (ours, theirs):
        model.set_params(hidden_layer_sizes=(8,), **params).fit(ROWS * scale, y)
    np.testing.assert_allclose(ours.loss_, theirs.loss_, rtol=1e-9)
    np.testing.assert_allclose(ours.coefs_[1], theirs.coefs_[1], rtol=1e-6, atol=1e-9)


@EVERY_DTYPE
def test_what_overflows_on_its_way_is_named(dtype: str) -> None:
    top = np.finfo(dtype).max
    model = build(MLPClassifier, precision=dtype).fit(ROWS, LABELS)
    for n in (1, N):
        X = np.ones((n, 5), dtype)
        X[n - 1] = [top, top, top, -top, -top]
        with pytest.raises(ValueError, match=f"output for row {n - 1} of X overflows {dtype}"):
            model.set_params(activation="identity").predict(X)


def test_what_rounds_to_infinity_in_bfloat16_is_named() -> None:
    """The largest float is beyond the largest bfloat16, 3.39e38."""
    model = build(MLPRegressor, precision="bfloat16").fit(ROWS, TARGETS)
    X = np.zeros((3, 5), np.float32)
    X[2, 2] = np.finfo(np.float32).max
    with pytest.raises(ValueError, match="output for row 2 of X overflows bfloat16"):
        model.predict(X)


@pytest.mark.parametrize("precision", ["float32", "float64"])
def test_what_is_subnormal_counts_as_zero(precision: str) -> None:
    """In X's own type or the arithmetic's: the page on reliability says so."""
    reg = build(MLPRegressor, precision=precision).fit(ROWS, TARGETS)
    expected = reg.predict(np.zeros((N, 5), np.float32))
    np.testing.assert_array_equal(reg.predict(np.full((N, 5), 1e-40, np.float32)), expected)


def test_a_fit_that_diverged_says_so_and_predicts_no_nan() -> None:
    reg = build(MLPRegressor, solver="sgd", loss="absolute_error")
    with pytest.warns(ConvergenceWarning, match="diverged"):
        reg.fit((ROWS * 1e30).astype("float32"), TARGETS)
    assert all(np.isfinite(w).all() for w in reg.coefs_)
    try:
        predicted = reg.predict((ROWS * 1e30).astype("float32"))
    except ValueError as error:  # infinities of both signs on the way, where there is no FMA
        if "row 0 of X overflows float32" not in str(error):
            raise
    else:
        assert not np.isnan(predicted).any()  # infinite where they are beyond float32, as in NumPy


# --- a busy machine -------------------------------------------------------------------------------


@pytest.fixture
def busy() -> Iterator[None]:
    """A busy loop on every core."""
    # until this process ends, however it does
    loop = [sys.executable, "-c", f"import os\nwhile os.getppid() == {os.getpid()}: pass"]
    processes = [subprocess.Popen(loop) for _ in range(os.cpu_count() or 1)]
    try:
        yield
    finally:
        for process in processes:
            process.kill()
            process.wait()


LOADED: dict[str, dict[str, Any]] = {
    "a team of two": {"hidden_layer_sizes": (50,), "n_threads": 2},
    # wide enough for a team, which is then replaced by one thread where it is disturbed
    "a team that changes": {"hidden_layer_sizes": (300,), "n_threads": None},
    "with dropout": {"hidden_layer_sizes": (50, 20), "n_threads": 2, "dropout": 0.2},
}


@pytest.mark.long
@pytest.mark.parametrize("precision", ["float32", "float64", "bfloat16"])
@pytest.mark.parametrize("case", LOADED)
def test_a_hundred_fits_beside_busy_loops_have_the_same_bits(
    case: str, precision: str, busy: None
) -> None:
    X = np.random.default_rng(1).normal(size=(400, 100)).astype("float32")
    y = np.arange(400) % 10
    params: dict[str, Any] = {"batch_size": 100, "precision": precision, "max_iter": 4}

    def fit(n_threads: int | None) -> bytes:
        model = build(MLPClassifier, **params | LOADED[case] | {"n_threads": n_threads}).fit(X, y)
        return b"".join(w.tobytes() for w in model.coefs_ + model.intercepts_)

    alone = fit(1)
    assert {fit(LOADED[case]["n_threads"]) for _ in range(100)} == {alone}
