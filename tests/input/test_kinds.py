"""What a fit takes on one path it takes on all, with the result of the plain arrays."""

import datetime
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from kinds import (
    FRAME,
    INDICATOR,
    INDICATOR_KINDS,
    NAMES,
    NUMBERS,
    SEVERAL_KINDS,
    TARGET_KINDS,
    TARGETS,
    X_KINDS,
    Y_KINDS,
    N,
    X,
)
from scipy import sparse

from pymlp import MLPClassifier, MLPEnsembleClassifier, MLPEnsembleRegressor, MLPRegressor

pytestmark = [
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
    pytest.mark.filterwarnings("ignore:A column-vector y was passed"),
    pytest.mark.filterwarnings("ignore:The number of unique classes is greater"),
    pytest.mark.filterwarnings("ignore:pandas.DataFrame with sparse columns found"),
]


def build(regressor: bool = False, **params: Any) -> Any:
    defaults = {"hidden_layer_sizes": (4,), "max_iter": 2, "batch_size": 10, "random_state": 0}
    return (MLPRegressor if regressor else MLPClassifier)(**defaults | params)


def incremental(rows: Any, y: Any, *, regressor: bool) -> Any:
    known = {} if regressor else {"classes": classes_of(y)}
    return build(regressor).partial_fit(rows, y, **known).partial_fit(rows, y)


def classes_of(y: Any) -> Any:
    return build().fit(X, y).classes_


def fitted(path: str, rows: Any, y: Any, *, scoring: Any, regressor: bool, folder: Path) -> Any:
    """A model that has seen X and y on this path."""
    early = {"early_stopping": True, "validation_fraction": 0.25}
    ensemble = MLPEnsembleRegressor if regressor else MLPEnsembleClassifier
    members = {"n_estimators": 2, "random_state": 0}
    paths: dict[str, Callable[[], Any]] = {
        "fit": lambda: build(regressor).fit(rows, y),
        "early stopping": lambda: build(regressor, **early).fit(rows, y),
        "a scorer": lambda: build(regressor, scoring=scoring, **early).fit(rows, y),
        "a validation set": lambda: build(regressor, scoring=scoring).fit(
            rows, y, X_val=rows, y_val=y
        ),
        "partial_fit": lambda: incremental(rows, y, regressor=regressor),
        "lbfgs": lambda: build(regressor, solver="lbfgs").fit(rows, y),
        "resume": lambda: build(regressor).fit(rows, y, resume=folder / "checkpoint"),
        "an ensemble": lambda: ensemble(build(regressor), **members).fit(
            rows, y, X_val=rows, y_val=y
        ),
    }
    (folder / "checkpoint").unlink(missing_ok=True)
    return paths[path]()


PATHS = ["fit", "early stopping", "a scorer", "a validation set", "partial_fit", "lbfgs"]
PATHS += ["resume", "an ensemble"]
EXPECTED: dict[tuple[Any, ...], Any] = {}


def assert_same(
    path: str, rows: Any, y: Any, plain: Any, folder: Path, *, scoring: Any = "accuracy"
) -> None:
    how = {"scoring": scoring, "regressor": scoring == "r2", "folder": folder}
    found = fitted(path, rows, y, **how)
    key = path, scoring, id(plain)
    if key not in EXPECTED:
        EXPECTED[key] = fitted(path, X, plain, **how)
    expected = EXPECTED[key]
    # sums of sparse rows, and scores in long double, are rounded in another order
    tolerance = {"rtol": 1e-6 if sparse.issparse(rows) else 1e-12, "atol": 1e-12}
    networks = [getattr(model, "estimators_", [model]) for model in (found, expected)]
    for one, other in zip(*networks, strict=True):
        np.testing.assert_allclose(one.coefs_[0], other.coefs_[0], **tolerance)
        for name in set(one.history_) - {"seconds"}:
            np.testing.assert_allclose(one.history_[name], other.history_[name], **tolerance)
    np.testing.assert_allclose(found.score(rows, y), expected.score(X, plain), **tolerance)
    assert found.predict(rows).shape == expected.predict(X).shape


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("kind", X_KINDS)
def test_every_kind_of_x(kind: str, path: str, tmp_path: Path) -> None:
    assert_same(path, X_KINDS[kind], NAMES, NAMES, tmp_path)


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("kind", [kind for kind, (_, y) in Y_KINDS.items() if len(set(y)) < N])
def test_every_kind_of_labels(kind: str, path: str, tmp_path: Path) -> None:
    y, plain = Y_KINDS[kind]
    assert_same(path, X, y, plain, tmp_path)


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("kind", TARGET_KINDS)
def test_every_kind_of_targets(kind: str, path: str, tmp_path: Path) -> None:
    assert_same(path, X, TARGET_KINDS[kind], TARGETS, tmp_path, scoring="r2")


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("kind", INDICATOR_KINDS)
def test_every_kind_of_indicator(kind: str, path: str, tmp_path: Path) -> None:
    assert_same(path, X, INDICATOR_KINDS[kind], INDICATOR, tmp_path)


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("kind", SEVERAL_KINDS)
def test_every_kind_of_several_labels(kind: str, path: str, tmp_path: Path) -> None:
    y, plain = SEVERAL_KINDS[kind]
    assert_same(path, X, y, plain, tmp_path, scoring=None)  # scikit-learn's know no such labels


def test_scorers_are_given_what_they_can_read() -> None:
    """Series and frames stay what they are, unless scikit-learn would read other labels."""
    seen: list[Any] = []

    def record(estimator: Any, rows: Any, y: Any) -> float:
        seen.append((type(rows), type(y), getattr(y, "index", None)))
        return 0.0

    early = {"early_stopping": True, "scoring": record, "max_iter": 1}
    build(**early).fit(FRAME, pd.Series(NUMBERS, index=np.arange(N) + 9))
    assert seen[-1][:2] == (pd.DataFrame, pd.Series)
    assert seen[-1][2].min() >= 9
    build(**early).fit(FRAME, pd.Series(NUMBERS, dtype=object))
    assert seen[-1][:2] == (pd.DataFrame, np.ndarray)
    build(True, **early).fit(X.tolist(), pl.Series(TARGETS))
    assert seen[-1][:2] == (list, pl.Series)


def test_classes_of_every_kind() -> None:
    for classes in (
        *(["red", "blue", "green"], ("red", "blue", "green"), np.unique(NAMES)),
        *(pd.Index(np.unique(NAMES)), pl.Series(np.unique(NAMES)), pd.Categorical(NAMES)),
        np.unique(NAMES).astype(object),
    ):
        clf = build().partial_fit(X, NAMES, classes=classes)
        np.testing.assert_array_equal(clf.classes_, np.unique(NAMES), strict=True)


# --- what is refused -----------------------------------------------------------------------------

COLUMNS: dict[str, tuple[Any, str]] = {
    "intervals": (pd.cut(NUMBERS, 3), r"column 'b' of type category with .* of type Interval"),
    "periods": (
        pd.period_range("2020", periods=N, freq="D"),
        r"column 'b' of type period\[D\] with .*Period",
    ),
    "lists": ([[1, 2]] * N, r"column 'b' of type object with \[1, 2\], of type list"),
    "dicts": ([{}] * N, r"column 'b' of type object with \{\}, of type dict"),
    "strings": (
        NAMES,
        "column 'b' of type (str|object) with 'blue', of type str: could not convert",
    ),
    "categories": (pd.Categorical(NAMES), "column 'b' of type category with 'blue', of type str"),
    "dates as objects": (
        pd.Series([datetime.date(2020, 1, 1)] * N, dtype=object),
        "column 'b' of type object with .*2020, 1, 1.*, of type date",
    ),
    "missing ones": (
        pd.Series([1, pd.NA] * (N // 2), dtype=object),
        "column 'b' .* with <NA>, of type NAType",
    ),
}


@pytest.mark.parametrize("case", COLUMNS)
def test_columns_without_numbers_are_named(case: str) -> None:
    values, message = COLUMNS[case]
    assert_columns_named(pd.DataFrame({"a": NUMBERS, "b": values}), message)


def test_columns_of_other_frames_and_of_arrays_are_named() -> None:
    lists = pl.DataFrame({"a": NUMBERS, "b": [[1, 2]] * N})
    assert_columns_named(lists, r"column 'b' of type List\(Int64\)")
    if hasattr(pl, "Int128"):  # polars 1.18
        wide = pl.DataFrame({"a": NUMBERS, "b": NUMBERS}).cast({"b": pl.Int128})
        assert_columns_named(wide, "column 'b' of type Int128: ")
    strings = pl.DataFrame({"a": NUMBERS, "b": NAMES})
    assert_columns_named(strings, "column 'b' of type String with 'blue'")
    rows = np.c_[NUMBERS.astype(object), np.full(N, pd.Interval(0, 1))]
    assert_columns_named(rows, "column 1 of type object with .*Interval")


def assert_columns_named(rows: Any, message: str) -> None:
    names = getattr(rows, "columns", None)
    good = X[:, :2] if names is None else pd.DataFrame(X[:, :2], columns=names)
    for call in (
        lambda: build().fit(rows, NAMES),
        lambda: build(True).fit(rows, TARGETS),
        lambda: build().partial_fit(rows, NAMES, classes=np.unique(NAMES)),
        lambda: MLPEnsembleClassifier(build(), n_estimators=2).fit(rows, NAMES),
        lambda: build().fit(good, NAMES, X_val=rows, y_val=NAMES),
    ):
        with pytest.raises((TypeError, ValueError), match=f"X must hold numbers, unlike {message}"):
            call()


MISSING: dict[str, Any] = {
    "floats": [1.0, np.nan] * (N // 2),
    "objects": np.array([1.0, np.nan] * (N // 2), object),
    "None": [1.0, None] * (N // 2),
    "a series": pd.Series([1.0, None] * (N // 2)),
    "Float64": pd.Series([1.0, pd.NA] * (N // 2), dtype="Float64"),
    "a frame": pd.DataFrame({"y": [1.0, None] * (N // 2)}),
    "polars": pl.Series([1.0, None] * (N // 2)),
}


@pytest.mark.parametrize("regressor", [True, False])
@pytest.mark.parametrize("case", MISSING)
def test_missing_values_in_y_name_y(case: str, regressor: bool) -> None:
    y, good = MISSING[case], TARGETS if regressor else NUMBERS
    for call in (
        lambda: build(regressor).fit(X, y),
        lambda: build(regressor).fit(X, good).score(X, y),
        lambda: build(regressor).fit(X, good, X_val=X, y_val=y),
    ):
        error, words = ValueError, r"\by\b.* contains (NaN|None)"
        if pd.__version__.startswith("2.0."):  # which keeps its own NA in an array of objects
            error, words = (ValueError, TypeError), words + r"|\by\b.*(contains <NA>|'NAType')"
        with pytest.raises(error, match=words):
            call()
