"""Random estimators and arrays: a documented error, or finite results that keep the promises."""

import pickle
import time
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from layouts import LAYOUTS
from scipy import sparse
from sklearn.base import clone
from unchanged import state_of

from pymlp import MLPClassifier, MLPRegressor
from pymlp._estimators.options import ACTIVATIONS

pytestmark = pytest.mark.filterwarnings("ignore")  # of epochs that did not suffice, small samples

SECONDS = 300  # of the long run
LONG_EXAMPLES = 200  # of one of its rounds

DTYPES = ["float64", "float32", "float16", "int8", "uint8", "int64", "bool", ">f8"]
NUMBERS = {
    "usual": st.floats(-4, 4, width=16),
    "any": st.floats(width=16),  # infinities and NaN, too
    "huge": st.sampled_from([1e30, -1e30, 3e38, 0.0, 1.0]),
    "tiny": st.sampled_from([1e-30, -1e-30, 1e-40, 1e-45, 0.0, 1.0]),
}
LAYERS = st.lists(st.integers(1, 9), max_size=3)
PARAMETERS: dict[str, st.SearchStrategy[Any]] = {
    "hidden_layer_sizes": LAYERS,
    "activation": st.sampled_from(ACTIVATIONS),
    "solver": st.sampled_from(
        ["lbfgs", "sgd", "adam", "adamw", "nadam", "rmsprop", "adagrad", "lion"]
    ),
    "alpha": st.sampled_from([0.0, 1e-4, 1.0, 1e30]),
    "batch_size": st.sampled_from(["auto", 1, 2, 7, 1000]),
    "learning_rate": st.sampled_from(["constant", "invscaling", "adaptive", "cosine", "one_cycle"]),
    "learning_rate_init": st.sampled_from([1e-3, 0.1, 1e-30, 1e30]),
    "max_iter": st.integers(1, 4),
    "shuffle": st.booleans(),
    "momentum": st.sampled_from([0.0, 0.9, 1.0]),
    "nesterovs_momentum": st.booleans(),
    "early_stopping": st.booleans(),
    "dropout": st.sampled_from([0.0, 0.5, 0.999]),
    "init": st.sampled_from(["sklearn", "he_normal", "glorot_uniform", "orthogonal"]),
    "clip_norm": st.sampled_from([None, 1.0, 1e-30]),
    "ema_decay": st.sampled_from([None, 0.9]),
    "warm_start": st.sampled_from([False, True, "full"]),
    "precision": st.sampled_from([None, "float32", "float64", "bfloat16"]),
    "n_threads": st.sampled_from([None, 1, 2, 3]),
}
LOSSES = {
    MLPClassifier: ["log_loss", "focal", "hinge"],
    MLPRegressor: ["squared_error", "absolute_error", "huber", "pinball", "log_cosh", "poisson"],
}
EVERY_ESTIMATOR = pytest.mark.parametrize("estimator", [MLPClassifier, MLPRegressor])


@st.composite
def calls(draw: Any, estimator: Any) -> tuple[Any, dict[str, Any]]:
    """An estimator, most of its parameters the defaults, and what its fit is given."""
    names = draw(st.sets(st.sampled_from(sorted(PARAMETERS)), max_size=6))
    params = {name: draw(PARAMETERS[name]) for name in sorted(names)}
    params |= {"loss": draw(st.sampled_from(LOSSES[estimator]))} if draw(st.booleans()) else {}
    model = estimator(**{"hidden_layer_sizes": (4,), "max_iter": 2, "random_state": 0} | params)

    shape = draw(st.tuples(st.integers(0, 40), st.integers(0, 20)))
    numbers = NUMBERS[draw(st.sampled_from(["usual", "usual", "usual", *NUMBERS]))]
    X = draw(hnp.arrays(np.float64, shape, elements=numbers, fill=st.just(0.5)))
    with np.errstate(all="ignore"):
        X = X.astype(draw(st.sampled_from(DTYPES)))
    layout = draw(st.sampled_from(["as it is", "CSR", "CSC", *LAYOUTS]))
    if layout in ("CSR", "CSC"):
        form = sparse.csr_array if layout == "CSR" else sparse.csc_array
        X = form(X.astype("float32" if X.dtype == "float16" else X.dtype.newbyteorder("=")))
    elif layout in LAYOUTS and X.size:
        X = LAYOUTS[layout](X)

    n = shape[0] if draw(st.integers(0, 9)) else 3
    if estimator is MLPClassifier:
        labels = st.sampled_from(draw(st.sampled_from([[0, 1], [0, 1, 2], ["a", "b"], [7]])))
        y = np.array(draw(st.lists(labels, min_size=n, max_size=n)))
    else:
        columns = draw(st.sampled_from([(), (1,), (3,)]))
        y = draw(hnp.arrays(np.float64, (n, *columns), elements=st.floats(-9, 9, width=16)))
    given = {"X": X, "y": y}
    if draw(st.integers(0, 3)) == 0:
        given["sample_weight"] = draw(hnp.arrays(float, n, elements=st.sampled_from([0.0, 1, 2])))
    return model, given


def predicted(model: Any, X: Any) -> np.ndarray:
    for name in ("predict_proba", "decision_function"):
        if hasattr(model, name):
            return getattr(model, name)(X)
    return model.predict(X)


def assert_same_weights(actual: Any, desired: Any) -> None:
    for a, b in zip(
        actual.coefs_ + actual.intercepts_, desired.coefs_ + desired.intercepts_, strict=True
    ):
        np.testing.assert_array_equal(a, b, strict=True)


def try_call(model: Any, given: dict[str, Any]) -> None:
    """Fit, predict and go on; what raises has to leave everything as it was."""
    before = state_of(model)
    try:
        model.fit(**given)
    except ValueError as error:
        if not str(error) or state_of(model) != before:
            raise AssertionError("The error says nothing, or the estimator has changed.") from error
        return
    assert all(np.isfinite(w).all() for w in model.coefs_ + model.intercepts_)
    X, n = given["X"], given["X"].shape[0]
    try:
        whole = predicted(model, X)
    except ValueError as error:
        if "overflow" not in str(error):
            raise
        return
    assert len(whole) == n
    assert not np.isnan(whole).any()
    assert model.predict(X).shape[0] == n
    if sparse.issparse(X):
        X = X.tocsr()
    for i in {0, n // 2, n - 1}:  # no row depends on the others
        np.testing.assert_array_equal(predicted(model, X[i : i + 1]), whole[i : i + 1])
    n_threads = 1 if model.n_threads is None else model.n_threads + 1
    again = clone(model).set_params(n_threads=n_threads).fit(**given)
    assert_same_weights(again, model)
    np.testing.assert_array_equal(predicted(pickle.loads(pickle.dumps(model)), X), whole)
    if model.solver != "lbfgs":
        before = state_of(model)
        try:
            model.partial_fit(**given)
        except ValueError:
            assert state_of(model) == before
    assert all(np.isfinite(w).all() for w in model.coefs_ + model.intercepts_)


@EVERY_ESTIMATOR
def test_random_calls_raise_or_keep_the_promises(estimator: Any) -> None:
    @settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
    @given(calls(estimator))
    def attempt(call: Any) -> None:
        try_call(*call)

    attempt()


@pytest.mark.long
@EVERY_ESTIMATOR
def test_five_minutes_of_random_calls(estimator: Any) -> None:
    """Of both estimators together; prints how many examples that were."""
    end, count = time.monotonic() + SECONDS / 2, 0

    @settings(
        max_examples=LONG_EXAMPLES,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(calls(estimator))
    def attempt(call: Any) -> None:
        nonlocal count
        count += 1
        try_call(*call)

    while time.monotonic() < end:
        attempt()
    print(f"{count} examples of {estimator.__name__}")
