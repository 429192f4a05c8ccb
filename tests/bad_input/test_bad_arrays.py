"""Arrays that are none, in every argument of every method: errors that help, nothing changed."""

import re
from collections.abc import Callable, Iterator
from copy import copy
from functools import cache, partial
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from unchanged import state_of

from pymlp import MLPClassifier, MLPEnsembleClassifier, MLPEnsembleRegressor, MLPRegressor

pytestmark = pytest.mark.filterwarnings(
    "ignore:.*Stochastic Optimizer. Maximum iterations:sklearn.exceptions.ConvergenceWarning"
)

N, NAN, INF = 30, np.nan, np.inf
rng = np.random.default_rng(0)
X = rng.integers(-8, 9, size=(N, 5)) / 4
LABELS, TARGETS = np.arange(N) % 3, X[:, 0]
ERRORS = (ValueError, TypeError, MemoryError)


@cache
def fitted(estimator: Any) -> Any:
    return build(estimator).fit(X, target(estimator))


def build(estimator: Any) -> Any:
    params = {"hidden_layer_sizes": (4,), "max_iter": 2, "random_state": 0, "batch_size": 20}
    if estimator is MLPEnsembleClassifier:
        return estimator(MLPClassifier(**params), n_estimators=2, random_state=0)
    if estimator is MLPEnsembleRegressor:
        return estimator(MLPRegressor(**params), n_estimators=2, random_state=0)
    return estimator(**params)


def target(estimator: Any) -> np.ndarray:
    return LABELS if "Classifier" in estimator.__name__ else TARGETS


def put(values: np.ndarray, value: Any, dtype: Any = float) -> np.ndarray:
    """A copy with one value replaced."""
    values = values.astype(dtype)
    values[(7,) + (0,) * (values.ndim - 1)] = value
    return values


def objects(*cycle: Any) -> np.ndarray:
    """An array (N,) of these, in turns."""
    values = np.empty(N, object)
    values[:] = [cycle[i % len(cycle)] for i in range(N)]
    return values


def masked(values: np.ndarray) -> np.ma.MaskedArray[Any, Any]:
    copied = np.ma.masked_array(values.astype(float))
    copied[7] = np.ma.masked
    return copied


def assert_refused(model: Any, call: Callable[[Any], Any], message: str) -> None:
    before = state_of(model)
    with pytest.raises(ERRORS, match=f"(?is){message}"):
        call(model)
    assert state_of(model) == before


class Column:
    """Fails to become an array."""

    shape = (N, 5)
    dtype = np.dtype(float)

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        raise ValueError("this is no array")

    def __len__(self) -> int:
        return N


# --- X --------------------------------------------------------------------------------------------

STRUCTURED = np.zeros((N, 5), [("a", float)])
BAD_X: dict[str, tuple[Any, str]] = {
    "None": (None, "expected 2d|None|NoneType"),
    "a number": (3.0, "expected 2d array, got scalar"),
    "a string": ("abc", "could not convert string|scalar"),
    "bytes": (b"abc", "could not convert string|scalar"),
    "a dict": ({"a": [1] * N}, "X must be an array-like .* got a dict"),
    "a set": ({1, 2}, "X must be an array-like .* got a set"),
    "a type": (np.ndarray, "X must be an array-like .* got a type"),
    "a function": (len, "X must be an array-like .* got a builtin_function"),
    "no array": (Column(), "this is no array"),
    "one dimension": (X[:, 0], "expected 2d array, got 1d"),
    "three dimensions": (X[None], "dim 3"),
    "no dimension": (np.array(3.0), "expected 2d array, got scalar"),
    "ragged": ([[1.0, 2.0]] * (N - 1) + [[1.0]], "inhomogeneous|sequence"),
    "no rows": (X[:0], r"0 sample\(s\)"),
    "no columns": (X[:, :0], r"0 feature\(s\)"),
    "nothing": (X[:0, :0], r"0 sample\(s\)|0 feature"),
    "NaN": (put(X, NAN), "input X contains NaN"),
    "infinity": (put(X, INF), "input X contains infinity"),
    "minus infinity": (put(X, -INF), "input X contains infinity"),
    "NaN in float32": (put(X, NAN, "f4"), "input X contains NaN"),
    "NaN in float16": (put(X, NAN, "f2"), "input X contains NaN"),
    "infinity in float16": (put(X, INF, "f2"), "input X contains infinity"),
    "NaN in Fortran order": (np.asfortranarray(put(X, NAN)), "input X contains NaN"),
    "NaN in other byte order": (put(X, NAN, ">f8"), "input X contains NaN"),
    "NaN in strides": (np.repeat(put(X, NAN), 2, axis=1)[:, ::2], "input X contains NaN"),
    "NaN backwards": (put(X, NAN)[::-1, ::-1], "input X contains NaN"),
    "NaN in a list": (put(X, NAN).tolist(), "input X contains NaN"),
    "NaN in objects": (put(X, NAN, object), "input X contains NaN"),
    "None in objects": (put(X, None, object), "input X contains NaN"),
    "text in objects": (put(X, "three", object), "could not convert string"),
    "huge in long double": (X.astype(np.longdouble) * np.longdouble("1e4000"), "too large"),
    "integers beyond floats": (np.full((N, 5), 10**400, object), "within float64's range"),
    "complex": (X * 1j, "complex data not supported"),
    "long complex": (X.astype(np.clongdouble), "complex data not supported"),
    "words": (np.full((N, 5), "a"), "could not convert string|dtype='numeric'"),
    "dates": (np.zeros((N, 5), "M8[s]"), "X must hold numbers, of dates"),
    "durations": (np.zeros((N, 5), "m8[s]"), "X must hold numbers, of dates"),
    "structured": (STRUCTURED, "X must not be a structured array"),
    "void": (np.zeros((N, 5), "V8"), "X must not be a structured array"),
    "matrix": (np.matrix(X), "np.matrix is not supported"),
    "masked": (masked(X), "X is a masked array with masked values"),
    "frame of words": (pd.DataFrame(np.full((N, 5), "a")), "could not convert string"),
    "frame with NA": (pd.DataFrame(X).astype("Float64").mask(X > 1), "input X contains NaN"),
    "frame of dates": (
        pd.DataFrame({i: pd.date_range("2020", periods=N) for i in range(5)}),
        "X must hold numbers, of dates",
    ),
    "polars frame of dates": (
        pl.DataFrame({"abcde"[i]: np.zeros(N, "M8[ms]") for i in range(5)}),
        "X must hold numbers, of dates",
    ),
    "polars frame of durations": (
        pl.DataFrame({"abcde"[i]: np.zeros(N, "m8[ms]") for i in range(5)}),
        "X must hold numbers, of dates",
    ),
    "frame of categories": (
        pd.DataFrame({i: pd.Categorical(["a"] * N) for i in range(5)}),
        "could not convert|category",
    ),
    "frame with mixed names": (pd.DataFrame(X, columns=[0, 1, "a", 3, 4]), "feature names"),
    "series": (pd.Series(X[:, 0]), "expected a 2-dimensional container|2d"),
}
BAD_FOR_FITTED = {
    "too narrow": (X[:, :3], "X has 3 features"),
    "too wide": (np.c_[X, X], "X has 10 features"),
    "2^31 columns": (np.broadcast_to(np.float32(1), (2, 2**31)), "X has 2147483648 features"),
}


@pytest.mark.parametrize("estimator", [MLPClassifier, MLPEnsembleRegressor])
@pytest.mark.parametrize("case", BAD_X)
def test_x_of_fit(case: str, estimator: Any) -> None:
    rows, message = BAD_X[case]
    y = target(estimator)
    assert_refused(build(estimator), lambda m: m.fit(rows, y), message)
    assert_refused(build(estimator), lambda m: m.fit(X, y, X_val=rows, y_val=y), f"{message}|given")
    model = copy(fitted(estimator))
    assert_refused(model, lambda m: m.fit(rows, y), message)
    if hasattr(model, "partial_fit"):
        assert_refused(model, lambda m: m.partial_fit(rows, y), message)


METHODS = ["predict", "predict_proba", "predict_log_proba", "score", "transform"]


@pytest.mark.parametrize("estimator", [MLPRegressor, MLPEnsembleClassifier, MLPClassifier])
@pytest.mark.parametrize("case", BAD_X | BAD_FOR_FITTED)
def test_x_of_what_a_fitted_one_does(case: str, estimator: Any) -> None:
    rows, message = (BAD_X | BAD_FOR_FITTED)[case]
    y = target(estimator)
    for method in METHODS:
        if hasattr(fitted(estimator), method):
            more = (y,) if method == "score" else ()
            model = copy(fitted(estimator))
            assert_refused(model, lambda m, f=method, a=more: getattr(m, f)(rows, *a), message)


def test_a_row_too_few_or_too_many() -> None:
    for rows in (X[:-1], np.r_[X, X]):
        for model in (build(MLPClassifier), copy(fitted(MLPClassifier))):
            assert_refused(model, lambda m, r=rows: m.fit(r, LABELS), "inconsistent numbers")
            assert_refused(model, lambda m, r=rows: m.score(r, LABELS), "inconsistent|not fitted")


def test_subclasses_without_masked_values_are_arrays() -> None:
    class Sub(np.ndarray):
        pass

    expected = fitted(MLPClassifier).predict_proba(X)
    for rows in (X.view(Sub), np.ma.masked_array(X), np.rec.array(X), memoryview(X)):
        model = build(MLPClassifier).fit(rows, LABELS)
        np.testing.assert_array_equal(model.predict_proba(rows), expected)


# --- y and the weights ----------------------------------------------------------------------------

BAD_LABELS: dict[str, tuple[Any, str]] = {
    "None": (None, "y to be passed|given together"),
    "a number": (3, "got scalar"),
    "a string": ("abc", "got scalar"),
    "a set": ({1, 2}, "got scalar"),
    "a generator": ((i for i in LABELS), "got scalar"),
    "no dimension": (np.array(1), "got scalar"),
    "no rows": (LABELS[:0], r"0 sample\(s\)"),
    "no columns": (np.zeros((N, 0), int), r"0 feature\(s\)"),
    "too short": (LABELS[:-1], "inconsistent numbers"),
    "too long": (np.r_[LABELS, 0], "inconsistent numbers"),
    "one row": (LABELS[None], "inconsistent numbers"),
    "three dimensions": (np.zeros((N, 2, 2), int), "dim 3"),
    "NaN": (put(LABELS, NAN), "y contains NaN"),
    "infinity": (put(LABELS, INF), "y contains infinity"),
    "real numbers": (LABELS + 0.5, "unknown label type"),
    "complex": (LABELS * 1j, "complex data not supported"),
    "NaT": (put(LABELS, np.datetime64("NaT", "s"), "M8[s]"), "contains NaT"),
    "bytes": (np.array([b"a", b"b"])[LABELS % 2], "bytes is not supported"),
    "None among them": (objects("a", None), "y must hold labels that can be sorted"),
    "nothing but None": (objects(None), "label type"),
    "kinds mixed": (objects("a", 1), "y must hold labels that can be sorted|'int' and 'str'"),
    "words and NaN": (objects("a", NAN), "contains NaN"),
    "words and NA": (objects("a", pd.NA), "labels"),
    "tuples": (objects((1, 2), (3,)), "multi-label|label type"),
    "lists": (objects([1], [2]), "multi-label|label type"),
    "dicts": (objects({}, {1: 2}), "label type"),
    "objects": (objects(object(), object()), "label type"),
    "integers beyond 64 bits": (objects(10**400, 1), "label type"),
    "structured": (STRUCTURED[:, 0], "y must not be a structured array"),
    "masked": (masked(LABELS), "y is a masked array with masked values"),
    "ragged": ([[1, 2]] * (N - 1) + [[1]], "multi-label|inhomogeneous|sequence"),
    "two columns with None": (np.array([["a", None]] * N, object), "contains None"),
    "two columns with NaN": (put(np.c_[LABELS, LABELS], NAN), "contains NaN"),
    "categories with NA": (
        pd.Series(LABELS).astype("Int64").mask(LABELS > 1),
        "<NA>" if pd.__version__.startswith("2.0.") else "NaN",
    ),
    "words of pandas with NA": (pd.Series(["a", None] * (N // 2), dtype="string"), "NA"),
    "2^31 columns": (np.broadcast_to(np.int8(0), (N, 2**31)), "memory|allocate"),
}
BAD_TARGETS: dict[str, tuple[Any, str]] = {
    **{name: BAD_LABELS[name] for name in list(BAD_LABELS)[:14]},
    "complex": (TARGETS * 1j, "complex data not supported"),
    "words": (np.full(N, "a"), "numeric|could not convert"),
    "text among them": (objects(1.0, "a"), "could not convert"),
    "None among them": (objects(1.0, None), "contains NaN"),
    "dicts": (objects({}), "must hold numbers"),
    "NA": (objects(1.0, pd.NA), "must hold numbers"),
    "beyond floats": (objects(10**400, 1), "within float64's range"),
    "dates": (np.zeros(N, "M8[s]"), "must be numeric|dtype|promot"),
    "structured": (STRUCTURED[:, 0], "y must not be a structured array"),
    "masked": (masked(TARGETS), "y is a masked array with masked values"),
}
TABLES = {MLPClassifier: BAD_LABELS, MLPRegressor: BAD_TARGETS}
Y_CASES = [
    pytest.param(estimator, case, id=f"{estimator.__name__}-{case}")
    for estimator, table in TABLES.items()
    for case in table
]


@pytest.mark.parametrize(("estimator", "case"), Y_CASES)
def test_y(estimator: Any, case: str) -> None:
    y, message = TABLES[estimator][case]
    assert_refused(build(estimator), lambda m: m.fit(X, y), message)
    # of classes that are not known the error may come first
    later = f"{message}|classes not in|one label a sample|outputs, but|allocate"
    good = target(estimator)
    assert_refused(build(estimator), lambda m: m.fit(X, good, X_val=X, y_val=y), later)
    model = copy(fitted(estimator))
    assert_refused(model, lambda m: m.fit(X, y), message)
    assert_refused(model, lambda m: m.partial_fit(X, y), later)
    of_score = f"{message}|got scalar|mix of (continuous|unknown)|labels of the type of `classes_`"
    assert_refused(model, lambda m: m.score(X, y), of_score)


BAD_WEIGHT: dict[str, tuple[Any, str]] = {
    "a string": ("abc", "sample_weight"),
    "words": (["a"] * N, "sample_weight"),
    "a dict": ({1: 2}, "sample_weight"),
    "too short": (np.ones(N - 1), "sample_weight.shape"),
    "too long": (np.ones(N + 1), "sample_weight.shape"),
    "empty": (np.ones(0), "sample_weight"),
    "two dimensions": (np.ones((N, 2)), "sample weights must be 1d"),
    "NaN": (put(np.ones(N), NAN), "sample_weight contains NaN"),
    "infinity": (put(np.ones(N), INF), "sample_weight contains infinity"),
    "negative": (put(np.ones(N), -1), "negative values .*sample_weight"),
    "all zero": (np.zeros(N), "sample weights must contain"),
    "all too small": (np.full(N, 1e-320), "sample weights must contain"),
    "complex": (np.ones(N) * 1j, "complex"),
    "objects": (objects(object()), "sample_weight"),
    "None": (objects(None, 1.0), "sample_weight contains NaN"),
    "beyond floats": (objects(10**400), "sample_weight"),
    "dates": (np.ones(N, "M8[s]"), "sample_weight.* must be numbers, got dtype datetime"),
    "structured": (np.ones(N, [("a", float)]), "sample_weight.* must be numbers"),
    "masked": (masked(np.ones(N)), "sample_weight.* is a masked array"),
}


@pytest.mark.parametrize("estimator", [MLPClassifier, MLPEnsembleRegressor])
@pytest.mark.parametrize("case", BAD_WEIGHT)
def test_weights(case: str, estimator: Any) -> None:
    weight, message = BAD_WEIGHT[case]
    y = target(estimator)
    for model in (build(estimator), copy(fitted(estimator))):
        assert_refused(model, lambda m: m.fit(X, y, weight), message)
        val = {"X_val": X, "y_val": y, "sample_weight_val": weight}
        assert_refused(model, lambda m, v=val: m.fit(X, y, **v), message)
    model = copy(fitted(estimator))
    if hasattr(estimator, "partial_fit"):
        assert_refused(model, lambda m: m.partial_fit(X, y, weight), message)
    if case != "all too small":  # for the engine only
        assert_refused(model, lambda m: m.score(X, y, weight), message)


def test_a_score_of_several_outputs_checks_y_and_the_weights() -> None:
    two = np.c_[LABELS, LABELS[::-1]]
    pinball = build(MLPRegressor).set_params(loss="pinball", quantile=[0.1, 0.9])
    models = [
        (build(MLPClassifier).fit(X, two), two),
        (pinball.fit(X, TARGETS), TARGETS),
        (fitted(MLPEnsembleClassifier), LABELS),
        (fitted(MLPEnsembleRegressor), TARGETS),
    ]
    for model, y in models:
        assert model.score(X, y) == pytest.approx(model.score(X, y, np.full(N, 0.5)))
        assert_refused(model, lambda m, y=y: m.score(X, y[:1]), "inconsistent numbers")
        assert_refused(model, lambda m, y=y: m.score(X, masked(y)), "y is a masked array")
        for weight in (np.full(N, 1e308), np.full(N, 3e38, "f4")):
            act = partial(type(model).score, X=X, y=y, sample_weight=weight)
            assert_refused(model, act, "sample_weight must have a finite sum in float")
        act = partial(type(model).score, X=X, y=y, sample_weight=[None] * N)
        assert_refused(model, act, "sample_weight contains NaN")


def test_a_score_of_labels_that_cannot_be_compared_with_the_classes() -> None:
    dates = np.arange(N).astype("M8[s]")
    message = "y must hold labels of the type of `classes_`"
    assert_refused(fitted(MLPClassifier), lambda m: m.score(X, dates), message)
    model = build(MLPClassifier).fit(X, dates[LABELS])
    for y in (dates[LABELS], dates[LABELS, None], dates):  # many or unknown ones are no warning
        right = (model.predict(X) == y.ravel()).mean()
        assert model.score(X, y) == pytest.approx(right)


@pytest.mark.parametrize("layout", ["C", "F"])
@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_opposite_large_columns_are_no_warning(dtype: str, layout: Any) -> None:
    large = 3e38 if dtype == "f4" else 1e308
    rows = np.zeros((N, 5), dtype, layout)
    rows[:, 1::2] = [large, -large]
    infinite = np.where(rows == 0, rows, np.copysign(INF, rows)).astype(dtype, layout)
    for model in (build(MLPClassifier), copy(fitted(MLPClassifier))):
        assert_refused(model, lambda m: m.fit(infinite, LABELS), "input X contains infinity")
    model = copy(fitted(MLPClassifier))
    assert_refused(model, lambda m: m.predict(infinite), "input X contains infinity")
    frame = pd.DataFrame(rows)
    with np.errstate(all="raise"):
        assert model.set_params(activation="tanh").predict(frame).shape == (N,)


def test_polars_series_are_weights() -> None:
    expected = build(MLPClassifier).fit(X, LABELS, np.ones(N)).predict_proba(X)
    model = build(MLPClassifier).fit(X, LABELS, pl.Series(np.ones(N)))
    np.testing.assert_array_equal(model.predict_proba(X), expected)
    dates = pl.Series(np.zeros(N, "M8[ms]"))
    assert_refused(model, lambda m: m.fit(X, LABELS, dates), "sample_weight must be numbers")


# --- weights of the network, set by hand ----------------------------------------------------------


@pytest.mark.parametrize("value", [NAN, INF, -INF])
@pytest.mark.parametrize("name", ["coefs_", "intercepts_"])
@pytest.mark.parametrize("estimator", [MLPClassifier, MLPRegressor])
def test_parameters_that_are_not_finite(estimator: Any, name: str, value: float) -> None:
    model, y = build(estimator).fit(X, target(estimator)), target(estimator)
    getattr(model, name)[0].flat[0] = value
    message = "coefs_ and intercepts_ must be finite"
    assert_refused(model, lambda m: m.partial_fit(X, y), message)
    model.set_params(warm_start=True)
    assert_refused(model, lambda m: m.fit(X, y), message)
    if np.isnan(value):
        for n in (1, N):
            assert_refused(model, lambda m, n=n: m.predict(X[:n]), message)
            assert_refused(model, lambda m, n=n: m.predict(X[:n].tolist()), message)
    else:  # what an infinite weight gives may be a number: tanh(inf) is 1
        assert model.set_params(activation="tanh").predict(np.ones((1, 5))).shape == (1,)


@pytest.fixture
def too_little_memory(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr("pymlp._system.memory.available_memory", lambda: 2.0**27)
    return


@pytest.mark.usefixtures("too_little_memory")
@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_networks_larger_than_the_memory(solver: str) -> None:
    for sizes in ((10**7,), (3000, 3000), (10**6,) * 3):
        model = build(MLPClassifier).set_params(hidden_layer_sizes=sizes, solver=solver)
        units = re.escape(" - ".join(map(str, (5, *sizes))))
        message = rf"A network of {units} - \d units needs [\d,.]+ GiB of memory, 0.1 GiB are there"
        assert_refused(model, lambda m: m.fit(X, LABELS), message)
    ensemble = build(MLPEnsembleClassifier).set_params(n_estimators=2**70)
    assert_refused(
        ensemble, lambda m: m.fit(X, LABELS), f"An ensemble of n_estimators={2**70} needs"
    )
    rows = np.broadcast_to(np.uint8(1), (2**40, 5))
    model = copy(fitted(MLPClassifier))
    assert_refused(model, lambda m: m.predict(rows), "The output of 3 units for 1099511627776 rows")
    columns = np.broadcast_to(np.float32(1), (N, 2**31))
    model = build(MLPClassifier)
    assert_refused(model, lambda m: m.fit(columns, LABELS), "A network of 2147483648")
    swapped = np.broadcast_to(np.array(1, ">f8"), (N, 2**31))
    assert_refused(model, lambda m: m.fit(swapped, LABELS), "A network of 2147483648")
    model = copy(fitted(MLPClassifier))
    assert_refused(model, lambda m: m.predict(swapped), "Converting X of shape")
