"""Plain arrays are predicted as they lie; whatever is amiss still gets scikit-learn's words."""

import copy
import pickle
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pandas as pd
import pytest
from layouts import LAYOUTS, unaligned
from scipy import sparse
from sklearn import config_context
from sklearn.utils.validation import validate_data

from pymlp import MLPClassifier, MLPRegressor

rng = np.random.default_rng(0)
FEATURES = 37
X = rng.normal(size=(200, FEATURES))
LABELS = np.arange(200) % 3
FEW, MANY = 3, 200  # with and without packed weights
EVERY_DTYPE = pytest.mark.parametrize("dtype", [np.float32, np.float64])
EVERY_COUNT = pytest.mark.parametrize("count", [1, FEW, MANY])

CONVERGES: dict[str, Any] = {"tol": 9, "n_iter_no_change": 1}  # at once, without a warning


def build(dtype: type = np.float64, **params: Any) -> Any:
    defaults = {"hidden_layer_sizes": (21,), "random_state": 0, **CONVERGES}
    return MLPClassifier(**defaults | params).fit(X.astype(dtype), LABELS)


CLASSIFIER = {dtype: build(dtype) for dtype in (np.float32, np.float64)}
REGRESSOR = MLPRegressor(hidden_layer_sizes=(5,), random_state=0, **CONVERGES).fit(X, X[:, :2])
METHODS: dict[str, Callable[[Any], Any]] = {
    "predict": CLASSIFIER[np.float64].predict,
    "predict_proba": CLASSIFIER[np.float64].predict_proba,
    "predict_log_proba": CLASSIFIER[np.float64].predict_log_proba,
    "decision_function": build(loss="hinge").decision_function,
    "transform": CLASSIFIER[np.float64].transform,
    "hidden_activations": CLASSIFIER[np.float64].hidden_activations,
    "predict of a regressor": REGRESSOR.predict,
}
EVERY_METHOD = pytest.mark.parametrize("method", METHODS)


def with_value(rows: np.ndarray, at: tuple[int, int], value: float) -> np.ndarray:
    rows = rows.copy()
    rows[at] = value
    return rows


@pytest.fixture
def no_validation(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> None:
        pytest.fail("scikit-learn's validation was asked")

    monkeypatch.setattr("pymlp._estimators.fitted.validated", refuse)


@EVERY_METHOD
@EVERY_COUNT
@pytest.mark.usefixtures("no_validation")
def test_plain_rows_need_no_validation(count: int, method: str) -> None:
    assert len(METHODS[method](X[:count])) == count


BAD: dict[str, Callable[[np.ndarray], Any]] = {
    "NaN": lambda rows: with_value(rows, (0, 0), np.nan),
    "infinity at the end": lambda rows: with_value(rows, (-1, -1), np.inf),
    "minus infinity": lambda rows: with_value(rows, (len(rows) // 2, 3), -np.inf),
    "too narrow": lambda rows: rows[:, :-1].copy(),
    "too wide": lambda rows: np.c_[rows, rows],
    "no columns": lambda rows: rows[:, :0].copy(),
    "no rows": lambda rows: rows[:0],
    "one dimension": lambda rows: rows[0],
    "three dimensions": lambda rows: rows[None],
    "complex": lambda rows: rows * 1j,
    "strings": lambda rows: rows.astype(str).astype(object) + "a",
    "NaN in another type": lambda rows: with_value(rows, (0, 0), np.nan).astype(np.float16),
    "NaN of a subclass": lambda rows: with_value(rows, (0, 0), np.nan).view(np.memmap),
}


@pytest.mark.parametrize("count", [1, MANY])
@pytest.mark.parametrize(
    ("case", "method"), [(case, "predict_proba") for case in BAD] + [("NaN", m) for m in METHODS]
)
def test_errors_are_those_of_the_validation(case: str, method: str, count: int) -> None:
    rows = BAD[case](X[:count])
    estimator = METHODS[method].__self__  # type: ignore[attr-defined]
    with pytest.raises(Exception, match=r".") as expected:
        validate_data(estimator, rows, reset=False, accept_sparse="csr", dtype=np.float64)
    with pytest.raises(expected.type, match=f"^{re.escape(str(expected.value))}$"):
        METHODS[method](rows)


@EVERY_DTYPE
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_every_element_is_looked_at(value: float, dtype: type) -> None:
    for width in (1, 37, 130, 515):  # less than a vector, and past the unrolled part
        rows = np.zeros((1, width), dtype)
        net = MLPRegressor(hidden_layer_sizes=(), **CONVERGES).fit(
            np.r_[rows, rows + 1], [0.0, 1.0]
        )
        for column in range(width):
            with pytest.raises(ValueError, match="Input X contains"):
                net.predict(with_value(rows, (0, column), value))


@EVERY_DTYPE
@pytest.mark.usefixtures("no_validation")
def test_large_numbers_are_finite(dtype: type) -> None:
    top = np.finfo(dtype).max / 2**20  # more overflows on its way through the network
    for rows in (np.full((MANY, FEATURES), top, dtype), np.full((1, FEATURES), -top, dtype)):
        assert len(CLASSIFIER[dtype].predict(rows)) == len(rows)


CONTAINERS: dict[str, Callable[[np.ndarray], Any]] = {
    **LAYOUTS,
    "list": np.ndarray.tolist,
    "other bytes": lambda rows: rows.astype(rows.dtype.newbyteorder()),
    "read-only": lambda rows: np.frombuffer(rows.tobytes(), rows.dtype).reshape(rows.shape),
    "a subclass": lambda rows: rows.view(np.memmap),
    "masked": np.ma.masked_invalid,
    "CSR": sparse.csr_array,
    "COO": sparse.coo_matrix,
}


@EVERY_DTYPE
@EVERY_COUNT
@pytest.mark.parametrize("container", CONTAINERS)
def test_same_bits_however_they_are_held(container: str, count: int, dtype: type) -> None:
    rows = X[:count].astype(dtype)
    expected = CLASSIFIER[dtype].predict_proba(rows)
    actual = CLASSIFIER[dtype].predict_proba(CONTAINERS[container](rows))
    np.testing.assert_array_equal(actual, expected, strict=True)


WIDTHS = (1, 2, 3, 7, 8, 9, 15, 16, 17, 31, 33, 50, 113, 200, 250)  # of a layer, in and out


@EVERY_DTYPE
@pytest.mark.parametrize("n_in", [1, 2, 17, FEATURES])
def test_same_bits_for_any_number_of_rows(n_in: int, dtype: type) -> None:
    rows = X[:, :n_in].astype(dtype)
    thin = rows * (rng.random(rows.shape) < 0.3)  # zeros, and a last column that is not
    thin[:, -1] = rows[:, -1]
    for width in WIDTHS:
        net = MLPClassifier((width, width), random_state=0, **CONVERGES).fit(rows, LABELS)
        together = net.predict_proba(thin)
        for count in (1, 2, 3, 4, 16):
            few = net.predict_proba(thin[:count])
            np.testing.assert_array_equal(few, together[:count], strict=True)
            few = net.predict_proba(sparse.csr_array(thin[:count]))
            np.testing.assert_array_equal(few, together[:count], strict=True)


def test_other_types_take_the_type_of_the_weights() -> None:
    rows = X[:FEW].astype(np.float32)
    expected = CLASSIFIER[np.float64].predict_proba(rows.astype(np.float64))
    np.testing.assert_array_equal(CLASSIFIER[np.float64].predict_proba(rows), expected, strict=True)
    whole = np.round(X[:FEW])
    for dtype in (np.int64, np.float16, np.longdouble, object):
        np.testing.assert_array_equal(
            CLASSIFIER[np.float64].predict_proba(whole.astype(dtype)),
            CLASSIFIER[np.float64].predict_proba(whole),
            strict=True,
        )


def test_feature_names_are_still_missed() -> None:
    clf = MLPClassifier((4,), **CONVERGES).fit(pd.DataFrame(X).rename(columns=str), LABELS)
    with pytest.warns(UserWarning, match="X does not have valid feature names"):
        clf.predict(X[:1])
    with pytest.raises(ValueError, match="feature names should match"):
        clf.predict(pd.DataFrame(X[:1]).rename(columns="f{}".format))


@EVERY_COUNT
def test_assume_finite(count: int) -> None:
    rows = with_value(X[:count], (0, 0), np.nan)
    with config_context(assume_finite=True):
        outputs = REGRESSOR.predict(rows)
    assert outputs.shape == (count, 2)
    np.testing.assert_array_equal(outputs[1:], REGRESSOR.predict(X[:count])[1:])


# Weights set by hand between two calls


@EVERY_COUNT
def test_weights_changed_in_place(count: int) -> None:
    net = copy.deepcopy(REGRESSOR)
    net.predict(X[:count])
    net.coefs_[-1][:] = 0
    net.intercepts_[-1][:] = [2, 3]
    np.testing.assert_array_equal(net.predict(X[:count]), [[2, 3]] * count)


REPLACED: dict[str, Callable[[list[np.ndarray]], Any]] = {
    "a tuple": tuple,
    "nested lists": lambda arrays: [a.tolist() for a in arrays],
    "Fortran order": lambda arrays: [np.asfortranarray(a) for a in arrays],
    "unaligned": lambda arrays: [unaligned(a) for a in arrays],
    "other bytes": lambda arrays: [a.astype(a.dtype.newbyteorder()) for a in arrays],
    "copies": lambda arrays: [a.copy() for a in arrays],
}


@EVERY_COUNT
@pytest.mark.parametrize("case", REPLACED)
def test_weights_replaced(case: str, count: int) -> None:
    net = copy.deepcopy(REGRESSOR)
    net.coefs_, net.intercepts_ = (REPLACED[case](a) for a in (net.coefs_, net.intercepts_))
    for method in ("predict", "transform"):
        np.testing.assert_array_equal(
            getattr(net, method)(X[:count]), getattr(REGRESSOR, method)(X[:count]), strict=True
        )


def test_weights_of_other_types() -> None:
    net = copy.deepcopy(REGRESSOR)
    net.coefs_ = [np.round(8 * w).astype(np.int64) for w in net.coefs_]
    net.intercepts_ = [np.round(8 * b).astype(np.float32) for b in net.intercepts_]
    outputs = net.predict(X[:FEW])
    hidden = np.maximum(X[:FEW] @ net.coefs_[0] + net.intercepts_[0], 0)
    np.testing.assert_allclose(outputs, hidden @ net.coefs_[1] + net.intercepts_[1], rtol=1e-12)
    net.coefs_ = [w.astype(np.float32) for w in net.coefs_]
    assert net.predict(X[:FEW]).dtype == np.float32


MISFITS: dict[str, Callable[[Any], Any]] = {
    "a layer too few": lambda net: net.coefs_.pop(),
    "a bias too few": lambda net: net.intercepts_.pop(),
    "another width": lambda net: net.coefs_.__setitem__(1, np.ones((6, 2))),
    "other outputs": lambda net: (
        setattr(net, "coefs_", [net.coefs_[0], np.ones((5, 3))])
        or net.intercepts_.__setitem__(1, np.ones(3))
    ),
    "other features": lambda net: net.coefs_.__setitem__(0, np.ones((FEATURES + 1, 5))),
    "one dimension": lambda net: net.coefs_.__setitem__(1, np.ones(10)),
    "a bias too long": lambda net: net.intercepts_.__setitem__(0, np.ones(6)),
}


@EVERY_COUNT
@pytest.mark.parametrize("case", MISFITS)
@pytest.mark.parametrize("method", ["predict", "transform"])
def test_weights_that_do_not_fit(method: str, case: str, count: int) -> None:
    net = copy.deepcopy(REGRESSOR)
    MISFITS[case](net)
    with pytest.raises(ValueError, match="do not make up a network"):
        getattr(net, method)(X[:count])


def test_average_predicts_if_one_is_kept() -> None:
    clf = build(ema_decay=0.9)
    before = clf.predict_proba(X[:1])
    clf.coefs_[0][:] = 0
    np.testing.assert_array_equal(clf.predict_proba(X[:1]), before)
    clf.averaged_coefs_[0][:] = 0
    assert (clf.predict_proba(X[:1]) != before).any()


def test_unknown_activation_is_named() -> None:
    clf = copy.deepcopy(CLASSIFIER[np.float64])
    clf.activation = "step"
    with pytest.raises(ValueError, match="activation must be one of"):
        clf.predict(X[:1])


def test_a_prediction_leaves_no_state() -> None:
    clf = build()
    before = pickle.dumps(clf)
    for rows in (X[:1], X, X.tolist()):
        clf.predict_proba(rows)
    assert pickle.dumps(clf) == before


def test_many_threads_at_once() -> None:
    clf = CLASSIFIER[np.float64]
    expected = clf.predict_proba(X)

    def work(start: int) -> bool:
        same = True
        for i in range(start, start + 100):
            count = (1, 2, 5, 40)[i % 4]
            rows = X[i % 150 : i % 150 + count]
            same &= np.array_equal(clf.predict_proba(rows), expected[i % 150 :][:count])
        return same

    with ThreadPoolExecutor(16) as pool:
        assert all(pool.map(work, range(16)))
