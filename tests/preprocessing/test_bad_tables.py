"""What is refused, and that the error names the column, what it holds and what is allowed."""

from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy import sparse
from sklearn.exceptions import NotFittedError

from pymlp.preprocessing import TableEncoder

X = pd.DataFrame(
    {
        "x": [1.0, 2, 3],
        "s": ["a", "b", "c"],
        "d": pd.to_datetime(["2020-01-01", "2020-02-01", "2021-01-01"]),
        "t": pd.to_timedelta([1, 2, 3], "s"),
        "b": [True, False, True],
    }
)
FITTED = TableEncoder().fit(X)


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"m": ["a", 1]}, "Column 'm' of X .* between 'str' and 'int': 'a', 1. Make strings"),
        ({"m": [True, 2]}, "Column 'm' of X .* between 'int' and 'bool': 2, True"),
        ({"m": [b"a", b"b"]}, "Column 'm' of X holds b'a', a bytes"),
        ({"m": [[1], [2]]}, r"Column 'm' of X holds \[1\], a list"),
        ({"m": [{"k": 1}, "a"]}, r"Column 'm' of X holds {'k': 1}, a dict"),
        ({"m": [1j, 2]}, "Column 'm' .* complex128"),
        ({"m": pd.period_range("2020", periods=2)}, "Column 'm' of X holds Period"),
        ({"m": [1.0, np.inf]}, "finite or missing numbers. Column 'm' has inf"),
        ({"m": ["a", "a\0"]}, "Column 'm' of X has labels that end in"),
        ({"m": [None, None]}, "all 1 are empty, with n_samples = 2"),
        ({"m": []}, r"0 sample\(s\)"),
        ({}, r"0 feature|0 sample"),
    ],
)
def test_tables(table: dict[str, Any], message: str) -> None:
    with pytest.raises((ValueError, TypeError), match=message):
        TableEncoder().fit(pd.DataFrame(table))


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (pd.DataFrame([[1, 2, 3], [2, 3, 4]], columns=list("aba")), r"occur twice: \['a'\]"),
        (pd.DataFrame([[1, 2], [2, 3]], columns=["a", 1]), "string names"),
        (pl.LazyFrame({"a": [1, 2]}), "pass X.collect()"),
        (pl.DataFrame({"a": [[1], [2]]}), "Column 'a' of X"),
        (pl.DataFrame({"a": [{"b": 1}, {"b": 2}]}), "column 'a' of type Struct"),
        (np.array([[0, 1], [np.inf, 1]]), "Column 0 has inf"),
        (np.array([["a", 1], [2, 2]], object), "Column 0 of X .* between 'str' and 'int'"),
        (np.array([[1j], [2]]), "Complex data"),
        (np.zeros(3), "Expected 2D array"),
        (np.zeros((2, 2, 2)), "dim 3"),
        ([[1, 2], [3]], "inhomogeneous"),
        (pd.Series([1, 2]), "Expected a 2-dimensional container"),
        (None, "Expected 2D array"),
        (sparse.eye(3, format="csr"), "sparse matrix of shape .* X.toarray()"),
        (np.ma.masked_array([[1.0], [2]], [[True], [False]]), "masked"),
    ],
)
def test_other_tables(table: Any, message: str) -> None:
    with pytest.raises((ValueError, TypeError), match=message):
        TableEncoder().fit(table)


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (X.drop(columns="d"), "now missing:\n- d"),
        (X.assign(more=1), "unseen at fit time:\n- more"),
        (X[X.columns[::-1]], "must be in the same order"),
        (X.assign(x="1"), "Column 'x' had numbers, and has strings, such as '1'"),
        (X.assign(x=X.d), "Column 'x' had numbers, and has dates"),
        (X.assign(s=1), "Column 's' had strings, such as 'a', and has numbers"),
        (X.assign(s=True), "Column 's' had strings, such as 'a', and has booleans"),
        (X.assign(s=X.d), "Column 's' had strings, such as 'a', and has dates"),
        (X.assign(d="2020-01-01"), "Column 'd' had dates, and has strings"),
        (X.assign(d=X.t), "Column 'd' had dates, and has durations"),
        (X.assign(d=X.d.dt.tz_localize("UTC")), "'d' had dates with no time zone, and has"),
        (X.assign(t=1), "Column 't' had durations, and has numbers"),
        (X.assign(b="yes"), "Column 'b' had booleans, such as .*, and has strings"),
        (X.assign(x=-np.inf), "Column 'x' has -inf"),
        (X[:0], r"0 sample\(s\)"),
    ],
)
def test_tables_that_have_changed(table: pd.DataFrame, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        FITTED.transform(table)


def test_types_that_may_change() -> None:
    features = FITTED.transform(X)
    for same in (
        X.astype({"x": int}),
        X.astype({"s": "category", "x": object}),
        X.astype({"b": int}),
        X.assign(x=pd.array([1, 2, 3], "Int8")),
        pl.DataFrame({n: X[n].tolist() if n == "s" else X[n].to_numpy() for n in X}),
    ):
        assert np.array_equal(FITTED.transform(same), features)
    assert FITTED.transform(X.assign(**dict.fromkeys(X))).shape == features.shape
    assert FITTED.transform(X.assign(x=True)).shape == features.shape


def test_numbers_of_features() -> None:
    encoder = TableEncoder().fit(np.eye(3))
    with pytest.raises(ValueError, match="X has 2 features, but TableEncoder is expecting 3"):
        encoder.transform(np.eye(2))
    with pytest.raises(ValueError, match="Column 1 has infinite"):
        encoder.transform(np.array([[0, np.inf, 1]]))


@pytest.mark.parametrize(
    ("chosen", "message"),
    [
        (["q"], "'q' which is not a valid feature name"),
        ([7], "indices must be in"),
        ([True], "must have shape"),
        ([0.5], "must be an array-like of bool, int or str"),
        ("from_types", "categorical_features"),
    ],
)
def test_categorical_features(chosen: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        TableEncoder(categorical_features=chosen).fit(X)


@pytest.mark.parametrize(
    "params",
    [
        {"n_bins": 0},
        {"max_leaves": 1},
        {"max_levels": 0},
        {"target_type": "classes"},
        {"dtype": int},
    ],
)
def test_parameters(params: dict[str, Any]) -> None:
    (name,) = params
    with pytest.raises(ValueError, match=f"'{name}' parameter of TableEncoder"):
        TableEncoder(**params).fit(X)


@pytest.mark.parametrize(
    ("target_type", "y", "message"),
    [
        ("auto", [1, 2], "inconsistent numbers of samples"),
        ("auto", [1, 2, np.nan], "NaN"),
        ("auto", ["a", None, "b"], "None, a missing one"),
        ("continuous", ["a", "b", "c"], "must hold numbers for target_type='continuous'"),
        ("binary", [1, 2, 3], "two classes .* Got 3"),
        ("multiclass", [[1, 2], [2, 3], [3, 4]], "a label a sample"),
        ("multiclass", [0.5, 1.5, 2], "Unknown label type"),
        ("auto", np.ma.masked_array([1, 2, 3], [True, False, False]), "masked"),
    ],
)
def test_targets(target_type: str, y: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        TableEncoder(target_type=target_type).fit(X, y)


@pytest.mark.parametrize("method", ["transform", "get_feature_names_out", "to_data", "_raw"])
def test_unfitted(method: str) -> None:
    with pytest.raises(NotFittedError):
        getattr(TableEncoder(), method)(*([X] if method in ("transform", "_raw") else []))


def test_a_failed_fit_leaves_what_was_fitted() -> None:
    random_state = np.random.RandomState(0)
    encoder = TableEncoder(random_state=random_state).fit(X)
    features, state = encoder.transform(X), random_state.get_state(legacy=False)
    for bad in (X.assign(x=np.inf), X.assign(s=["a", 1, 2])):
        with pytest.raises((ValueError, TypeError)):
            encoder.fit(bad)
    assert np.array_equal(encoder.transform(X), features)
    assert str(random_state.get_state(legacy=False)) == str(state)
