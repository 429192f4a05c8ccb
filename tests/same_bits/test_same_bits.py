"""To the last bit, a result depends on values alone.

Not on the number of threads, nor on the rows beside it, nor on how the data lie in memory.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from layouts import LAYOUTS
from sklearn.datasets import make_classification

import pymlp

pytestmark = pytest.mark.filterwarnings(
    "ignore:Stochastic Optimizer. Maximum iterations:sklearn.exceptions.ConvergenceWarning"
)

ROWS = 157  # a prime: no block of rows divides it
X, LABELS = make_classification(
    ROWS, 23, n_informative=9, n_classes=3, n_clusters_per_class=1, random_state=0
)
SIGNAL = np.tanh(X[:, :2])  # two outputs
WEIGHT = np.linspace(0.1, 2, ROWS)

EVERY_DTYPE = pytest.mark.parametrize("dtype", [np.float32, np.float64])
TEAMS = pytest.mark.parametrize(
    "teams",  # more than there are cores wait for each other at each of the many small steps
    [[2, 3, None], pytest.param([4, 7], marks=pytest.mark.long)],
    ids=["few", "many"],
)
EVERY_ESTIMATOR = pytest.mark.parametrize("estimator", ["MLPClassifier", "MLPRegressor"])

FITS: dict[str, dict[str, Any]] = {
    "no hidden layer": {"hidden_layer_sizes": (), "batch_size": 7},
    "width 1": {"hidden_layer_sizes": (1,), "batch_size": 50},
    "width 7": {"hidden_layer_sizes": (7,), "batch_size": ROWS},
    "width 16": {"hidden_layer_sizes": (16,), "batch_size": 7},
    "width 17": {"hidden_layer_sizes": (17,), "batch_size": 1, "max_iter": 1},
    "width 50": {"hidden_layer_sizes": (50,), "batch_size": 50, "shuffle": False},
    "width 200": {"hidden_layer_sizes": (200,), "batch_size": 50},
    "two layers": {"hidden_layer_sizes": (50, 17), "batch_size": 50, "activation": "tanh"},
    "three layers": {"hidden_layer_sizes": (16, 1, 7), "batch_size": 7, "activation": "logistic"}
    | {"max_iter": 2},
    "early stopping": {"hidden_layer_sizes": (17, 7), "batch_size": 20, "early_stopping": True},
    "no L2 term": {"hidden_layer_sizes": (17,), "batch_size": 20, "alpha": 0.0},
}


def train(estimator: str, dtype: type, **params: Any) -> Any:
    """Two epochs of an estimator of that name, on rows that differ in weight."""
    model = getattr(pymlp, estimator)(
        **{"alpha": 0.01, "learning_rate_init": 0.002, "max_iter": 2, "random_state": 5} | params
    )
    y = LABELS if estimator == "MLPClassifier" else SIGNAL.astype(dtype)
    return model.fit(X.astype(dtype), y, sample_weight=WEIGHT)


def predict(model: Any, rows: np.ndarray) -> np.ndarray:
    return getattr(model, "predict_proba", model.predict)(rows)


def assert_same_bits(actual: Any, desired: Any, rows: np.ndarray) -> None:
    for a, b in zip(
        actual.coefs_ + actual.intercepts_, desired.coefs_ + desired.intercepts_, strict=True
    ):
        np.testing.assert_array_equal(a, b, strict=True)
    assert actual.loss_curve_ == desired.loss_curve_
    assert actual.validation_scores_ == desired.validation_scores_
    np.testing.assert_array_equal(predict(actual, rows), predict(desired, rows), strict=True)


@EVERY_ESTIMATOR
@EVERY_DTYPE
@pytest.mark.parametrize("solver", ["sgd", "adam"])
@pytest.mark.parametrize("case", FITS)
@TEAMS
def test_any_number_of_threads(
    teams: list[int | None], case: str, solver: str, dtype: type, estimator: str
) -> None:
    params = FITS[case] | {"solver": solver}
    alone = train(estimator, dtype, n_threads=1, **params)
    assert np.isfinite(alone.loss_curve_).all()
    for n_threads in teams:
        model = train(estimator, dtype, n_threads=n_threads, **params)
        assert_same_bits(model, alone, X.astype(dtype))


@EVERY_DTYPE
@pytest.mark.parametrize(
    "sizes", [(257, 130), (256,), (64, 64)], ids=str
)  # within panels, at edges
@pytest.mark.parametrize("solver", ["sgd", "adam"])
def test_work_large_enough_for_every_thread(
    solver: str, sizes: tuple[int, ...], dtype: type
) -> None:
    """Were small steps kept on one thread, the other cases would compare it with itself."""
    rng = np.random.default_rng(1)
    wide, y = rng.normal(size=(300, 311)).astype(dtype), rng.integers(0, 10, 300)
    models = [
        pymlp.MLPClassifier(
            sizes, solver=solver, batch_size=100, max_iter=2, random_state=0, n_threads=n
        ).fit(wide, y)
        for n in (1, 2, 3, 4)
    ]
    many = rng.normal(size=(3001, 311)).astype(dtype)
    for model in models[1:]:
        assert_same_bits(model, models[0], many)


@EVERY_DTYPE
@pytest.mark.parametrize("solver", ["sgd", "adam"])
def test_ten_repeats(solver: str, dtype: type) -> None:
    params = {"solver": solver, "hidden_layer_sizes": (50, 17), "batch_size": 20, "n_threads": 3}
    first = train("MLPClassifier", dtype, **params)
    for _ in range(9):
        assert_same_bits(train("MLPClassifier", dtype, **params), first, X.astype(dtype))


@EVERY_DTYPE
def test_partial_fit_on_any_number_of_threads(dtype: type) -> None:
    models = []
    for n_threads in (1, 2, 4):
        model = pymlp.MLPClassifier((50, 17), batch_size=20, random_state=2, n_threads=n_threads)
        for first in range(0, 120, 30):
            rows = slice(first, first + 37)
            model.partial_fit(X[rows].astype(dtype), LABELS[rows], classes=[0, 1, 2])
        models.append(model)
    for model in models[1:]:
        assert_same_bits(model, models[0], X.astype(dtype))


TARGETS: dict[str, tuple[str, np.ndarray, dict[str, Any]]] = {
    "softmax": ("MLPClassifier", LABELS, {}),
    "logistic": ("MLPClassifier", LABELS == 0, {}),
    "identity": ("MLPRegressor", SIGNAL, {}),
    "exp": ("MLPRegressor", LABELS, {"loss": "poisson"}),
}


@EVERY_DTYPE
@pytest.mark.parametrize(
    ("sizes", "activation"),
    [
        ((), "relu"),
        ((17,), "identity"),
        ((17,), "logistic"),
        ((50, 7), "tanh"),
        ((50, 7), "relu"),
    ],
    ids=str,
)
@pytest.mark.parametrize("output", TARGETS)
def test_a_row_alone_or_among_others(
    output: str, activation: str, sizes: tuple[int, ...], dtype: type
) -> None:
    estimator, y, params = TARGETS[output]
    model = getattr(pymlp, estimator)(
        hidden_layer_sizes=sizes, activation=activation, max_iter=1, random_state=0, **params
    )
    rows = X.astype(dtype)
    together = predict(model.fit(rows, y), rows)
    assert model.out_activation_ == output
    for i in range(ROWS):
        np.testing.assert_array_equal(predict(model, rows[i : i + 1])[0], together[i])
    for size in (2, 3, 5, 8, 13, 14, 31, 50, 64, 100):
        for start in range(0, ROWS - size, 1 + size // 2):
            part = slice(start, start + size)
            np.testing.assert_array_equal(predict(model, rows[part]), together[part])


@EVERY_DTYPE
def test_a_row_alone_with_vanishing_probabilities(dtype: type) -> None:
    """Numbers below the smallest normal one are treated alike on every path."""
    rows = (30 * X).astype(dtype)
    model = pymlp.MLPClassifier((50,), max_iter=1, random_state=0).fit(X.astype(dtype), LABELS)
    model.coefs_ = [c * 8 for c in model.coefs_]
    together = model.predict_proba(rows)
    assert (together < np.finfo(dtype).tiny).any()
    for i in range(ROWS):
        np.testing.assert_array_equal(model.predict_proba(rows[i : i + 1])[0], together[i])


@EVERY_DTYPE
def test_predictions_on_any_number_of_threads(dtype: type) -> None:
    model = train("MLPClassifier", dtype, hidden_layer_sizes=(200, 17))
    rows = np.random.default_rng(3).normal(size=(2011, X.shape[1])).astype(dtype)
    alone = model.set_params(n_threads=1).predict_proba(rows)
    for n_threads in (2, 3, 4, None):
        threaded = model.set_params(n_threads=n_threads).predict_proba(rows)
        np.testing.assert_array_equal(threaded, alone, strict=True)


# Data in odd wrappings


def read_only(rows: np.ndarray) -> np.ndarray:
    copy = rows.copy()
    copy.flags.writeable = False
    return copy


WRAPPINGS: dict[str, Callable[[np.ndarray], Any]] = {
    **LAYOUTS,
    "read-only": read_only,
    "a data frame": lambda rows: pd.DataFrame(rows) if rows.ndim > 1 else pd.Series(rows),
    # from here on the type is another one, and float64 the one used
    "big-endian": lambda rows: rows.astype(rows.dtype.newbyteorder(">")),
    "lists": lambda rows: rows.tolist(),
    "objects": lambda rows: rows.astype(object),
    "half precision": lambda rows: rows.astype(np.float16),
    "extended precision": lambda rows: rows.astype(np.longdouble),
}


SAME_TYPE = list(WRAPPINGS)[: list(WRAPPINGS).index("big-endian")]


def quarters(rows: np.ndarray, dtype: type) -> np.ndarray:
    """Rounded to values that every floating-point type holds."""
    return (np.round(4 * rows) / 4).astype(dtype)


@EVERY_ESTIMATOR
@pytest.mark.parametrize(
    ("wrapping", "dtype"),
    [(name, np.float64) for name in WRAPPINGS] + [(name, np.float32) for name in SAME_TYPE],
)
def test_however_the_data_lie_in_memory(wrapping: str, dtype: type, estimator: str) -> None:
    wrap = WRAPPINGS[wrapping]
    rows = quarters(X, dtype)
    y = quarters(LABELS if estimator == "MLPClassifier" else SIGNAL, dtype)
    weight = quarters(1 + WEIGHT, dtype)
    params = {"max_iter": 3, "random_state": 0, "batch_size": 50}
    plain, wrapped = (getattr(pymlp, estimator)(**params) for _ in range(2))
    plain.fit(rows, y, sample_weight=weight)
    wrapped_y = y if estimator == "MLPClassifier" else wrap(y)  # labels are no numbers
    wrapped.fit(wrap(rows), wrapped_y, sample_weight=wrap(weight))
    assert_same_bits(wrapped, plain, rows)
    np.testing.assert_array_equal(predict(wrapped, wrap(rows)), predict(plain, rows))
