"""Each kind of column in each kind of table, with what becomes of it written out."""

import datetime as dt
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import narwhals
import numpy as np
import pandas as pd
import polars as pl
import pytest

from pymlp.preprocessing import TableEncoder

DAYS = [dt.date(2020, 1, 30), dt.date(2020, 1, 31), None, dt.date(2021, 2, 1)]
TIMES = [dt.datetime(2020, 1, 30, 5), dt.datetime(2020, 1, 30, 6), None, dt.datetime(2020, 1, 31)]
SPANS = [dt.timedelta(seconds=3), None, dt.timedelta(days=1), dt.timedelta(0)]

# a column by its name, what it may be made of, and the numbers that it stands for
NUMBERS: dict[str, tuple[Any, list[list[Any]]]] = {
    "floats": (pl.Series([0.5, None, 2, 3]), [[0.5, None, 2, 3]]),
    "NaN": (pl.Series([0.5, float("nan"), 2, 3]), [[0.5, None, 2, 3]]),
    "float32": (pl.Series([0.5, None, 2, 3], dtype=pl.Float32), [[0.5, None, 2, 3]]),
    "integers": (pl.Series([5, None, 2, 3]), [[5, None, 2, 3]]),
    "int8": (pl.Series([5, 1, 2, 3], dtype=pl.Int8), [[5, 1, 2, 3]]),
    "decimals": (pl.Series(["1.5", None, "2", "3"]).cast(pl.Decimal(9, 2)), [[1.5, None, 2, 3]]),
    "nullable integers": (pd.Series([5, None, 2, 3], dtype="Int64"), [[5, None, 2, 3]]),
    "nullable floats": (pd.Series([0.5, None, 2, 3], dtype="Float64"), [[0.5, None, 2, 3]]),
    "objects": (pd.Series([5, None, 2.5, Decimal(3)], dtype=object), [[5, None, 2.5, 3]]),
    "pd.NA": (pd.Series([5, pd.NA, 2.5, np.int8(3)], dtype=object), [[5, None, 2.5, 3]]),
    "sparse": (pd.Series(pd.arrays.SparseArray([0.0, 0, 2, 3])), [[0, 0, 2, 3]]),
    "booleans": (pl.Series([True, None, False, True]), [[1, None, -1, 1]]),
    "pandas' booleans": (pd.Series([True, False, False, True]), [[1, -1, -1, 1]]),
    "nullable booleans": (
        pd.Series([True, None, False, True], dtype="boolean"),
        [[1, None, -1, 1]],
    ),
    "strings": (pl.Series(["b", None, "c", "a"]), [[1, None, 2, 0]]),
    "two strings": (pl.Series(["b", None, "a", "a"]), [[1, None, -1, -1]]),
    "pandas' strings": (pd.Series(["b", None, "c", "a"], dtype="string"), [[1, None, 2, 0]]),
    "strings as objects": (pd.Series(["b", np.nan, "c", "a"], dtype=object), [[1, None, 2, 0]]),
    "Categorical": (pl.Series(["b", None, "c", "a"], dtype=pl.Categorical), [[1, None, 2, 0]]),
    "Enum": (pl.Series(["b", None, "c", "a"], dtype=pl.Enum(list("zcba"))), [[1, None, 2, 0]]),
    "category": (pd.Series(["b", None, "c", "a"], dtype="category"), [[1, None, 2, 0]]),
    "ordered": (
        pd.Series(pd.Categorical(["b", None, "c", "a"], list("cba"), ordered=True)),
        [[1, None, 2, 0]],
    ),
    "numbers as category": (pd.Series([7, None, 9, 1], dtype="category"), [[1, None, 2, 0]]),
    "pandas.cut": (pd.Series(pd.cut([5, np.nan, 9, 1], [0, 3, 6, 10])), [[1, None, 2, 0]]),
    "dates as category": (pd.Series(pd.to_datetime(DAYS)).astype("category"), [[0, 1, None, 2]]),
    "dates": (
        pl.Series(DAYS),
        [[0, 1, None, 368], [2020, 2020, None, 2021], [1, 1, None, 2], [3, 4, None, 0]],
    ),
    "dates as objects": (
        pd.Series(DAYS, dtype=object),
        [[0, 1, None, 368], [2020, 2020, None, 2021], [1, 1, None, 2], [3, 4, None, 0]],
    ),
    "times": (pl.Series(TIMES), [[0, 1 / 24, None, 19 / 24], [3, 3, None, 4], [5, 6, None, 0]]),
    "pandas' times": (
        pd.Series(pd.to_datetime(TIMES)),
        [[0, 1 / 24, None, 19 / 24], [3, 3, None, 4], [5, 6, None, 0]],
    ),
    "times with a zone": (
        pd.Series(pd.to_datetime(TIMES)).dt.tz_localize("Europe/Berlin"),
        [[0, 1 / 24, None, 19 / 24], [3, 3, None, 4], [5, 6, None, 0]],
    ),
    "polars' times with a zone": (
        pl.Series(TIMES).dt.replace_time_zone("Asia/Tokyo"),
        [[0, 1 / 24, None, 19 / 24], [3, 3, None, 4], [5, 6, None, 0]],
    ),
    "durations": (pl.Series(SPANS), [[3, None, 86400, 0]]),
    "pandas' durations": (pd.Series(pd.to_timedelta(SPANS)), [[3, None, 86400, 0]]),
    "times of the day": (
        pl.Series([dt.time(0, 1), None, dt.time(1), dt.time(0)]),
        [[60, None, 3600, 0]],
    ),
}


def frame_of(column: Any) -> Any:
    return column.rename("a").to_frame()


def raw_of(encoder: TableEncoder, X: Any) -> list[list[Any]]:
    return [[None if np.isnan(x) else x for x in row] for row in encoder._raw(X).T.tolist()]


@pytest.mark.parametrize("kind", NUMBERS)
def test_a_column_as_numbers(kind: str) -> None:
    column, expected = NUMBERS[kind]
    X = frame_of(column)
    encoder = TableEncoder(dtype="float64").fit(X)
    np.testing.assert_allclose(encoder._raw(X).T, np.array(expected, float), rtol=1e-12)
    assert [source.has_missing for source in encoder.sources_] == [
        None in expected[0],
        *[False] * (len(expected) - 1),
    ]
    features = encoder.transform(X)
    assert np.isfinite(features).all()
    assert len(encoder.get_feature_names_out()) == features.shape[1]
    assert np.array_equal(encoder.fit_transform(X), features)
    assert np.array_equal(encoder.transform(narwhals.from_native(X)), features)
    rows = [X[k : k + 1] for k in range(4)]  # of which one has nothing but a missing value
    assert np.array_equal(np.concatenate([encoder.transform(row) for row in rows]), features)


def test_arrow_tables() -> None:
    pyarrow = pytest.importorskip("pyarrow")
    values = {name: c.to_list() for name, (c, _) in NUMBERS.items() if isinstance(c, pl.Series)}
    table = pyarrow.table({name: pyarrow.array(v) for name, v in values.items()})
    encoder = TableEncoder().fit(table)
    features = encoder.transform(table)
    for X in (table.to_pandas(types_mapper=pd.ArrowDtype), pl.from_arrow(table)):
        assert np.array_equal(encoder.transform(X), features)
        assert np.array_equal(TableEncoder().fit(X).transform(table), features)


ROWS = [[1, "a", True], [2.5, None, False], [None, "b", None], [4, "c", True]]
EXPECTED = [[1, 2.5, None, 4], [0, None, 1, 2], [1, -1, None, 1]]


@pytest.mark.parametrize(
    "table",
    [
        lambda: ROWS,
        lambda: np.array(ROWS, object),
        lambda: tuple(map(tuple, ROWS)),
        lambda: pd.DataFrame(ROWS, columns=list("abc")),
        lambda: pd.DataFrame(ROWS),
        lambda: pl.DataFrame(ROWS, schema=["a", "b", "c"], orient="row", strict=False),
        lambda: narwhals.from_native(pd.DataFrame(ROWS, columns=list("abc"))),
    ],
    ids=["lists", "objects", "tuples", "pandas", "no names", "polars", "narwhals"],
)
def test_tables_of_every_kind(table: Callable[[], Any]) -> None:
    assert raw_of(TableEncoder().fit(table()), table()) == EXPECTED


@pytest.mark.parametrize("dtype", ["f8", "f4", "f2", "i8", "u1", "?", ">f8", "g", "O"])
def test_arrays_of_numbers(dtype: str) -> None:
    X = np.array([[0, 1], [1, 1], [0, 0], [1, 0]]).astype(dtype)
    assert raw_of(TableEncoder().fit(X), X) in (
        [[0, 1, 0, 1], [1, 1, 0, 0]],
        [[-1, 1, -1, 1], [1, 1, -1, -1]],
    )


def test_strings_and_dates_of_arrays() -> None:
    X = np.array([["a", "1"], ["b", "2"], ["c", "1"]])
    assert raw_of(TableEncoder().fit(X), X) == [[0, 1, 2], [-1, 1, -1]]
    X = np.array([["2020-01-01"], ["NaT"], ["2020-01-03"]], "M8[s]")
    assert raw_of(TableEncoder().fit(X), X) == [[0, None, 2], [2, None, 4]]
    X = np.array([[3], ["NaT"], [5]], "m8[h]")
    assert raw_of(TableEncoder().fit(X), X) == [[10800, None, 18000]]


def test_an_array_as_the_engine_reads_it_is_not_copied() -> None:
    X = np.random.default_rng(0).normal(size=(50, 3))
    encoder = TableEncoder().fit(X)
    assert encoder._raw(X) is X
    assert encoder._fit_raw(X, None, False) is X


@pytest.mark.parametrize(
    "chosen", [[0], [True, False], ["a"], np.array([0]), pd.Index(["a"])], ids=repr
)
def test_numbers_as_categories_by_request(chosen: Any) -> None:
    X = pd.DataFrame({"a": [7.0, np.nan, 9, 1], "b": [1, 2, 3, 4]})
    encoder = TableEncoder(categorical_features=chosen).fit(X)
    assert raw_of(encoder, X)[0] == [1, None, 2, 0]
    assert encoder.get_feature_names_out()[:4].tolist() == ["a=1.0", "a=7.0", "a=9.0", "a_missing"]
    assert raw_of(encoder, X.assign(a=[9, 5, 1, 7]))[0] == [2, -1, 0, 1]
    assert raw_of(TableEncoder(categorical_features=None).fit(X), X)[0] == [7, None, 9, 1]


def test_levels_have_a_feature_each() -> None:
    X = pl.DataFrame({"c": ["r", "g", None, "b"]})
    encoder = TableEncoder().fit(X)
    assert encoder.get_feature_names_out().tolist() == ["c=b", "c=g", "c=r", "c_missing"]
    new = pl.DataFrame({"c": ["g", "unknown", None]})
    assert encoder.transform(new).tolist() == [[0, 1, 0, 0], [0, 0, 0, 0], [0, 0, 0, 1]]


def test_two_levels_are_minus_and_plus_one() -> None:
    encoder = TableEncoder(dtype="float64").fit([["f"], ["m"]])
    one = 1 / np.sqrt(1 + 1 / 9)
    assert encoder.get_feature_names_out().tolist() == ["x0=m"]
    features = encoder.transform([["m"], ["f"], ["x"], [None]])
    np.testing.assert_allclose(features[:, 0], [one, -one, 0, 0], rtol=1e-15)
    encoder.fit([["f"], ["m"], [None]])
    assert encoder.get_feature_names_out().tolist() == ["x0=m", "x0_missing"]
    features = encoder.transform([["m"], ["f"], ["x"], [None]])
    np.testing.assert_allclose(features, [[one, 0], [-one, 0], [0, 0], [0, 1]], rtol=1e-15)


def test_missing_ones_of_transform_only_are_filled() -> None:
    X = pd.DataFrame({"x": [1.0, 2, 4], "c": list("abc"), "d": pd.to_datetime(DAYS)[[0, 1, 3]]})
    encoder = TableEncoder().fit(X)
    names = encoder.get_feature_names_out().tolist()
    median, missing = (
        encoder.transform(X)[1],
        encoder.transform(X[:1].assign(x=None, c=None, d=None)),
    )
    for k, name in enumerate(names):
        if name.startswith("c="):
            assert missing[0, k] == 0
        if name.startswith(("x", "d_days")):
            assert missing[0, k] == median[k]


def test_columns_that_tell_nothing_are_dropped() -> None:
    X = pd.DataFrame(
        {"a": [1, 2], "b": [3, 3], "c": [None, None], "d": ["x", "x"], "e": [np.nan, 1]}
    )
    encoder = TableEncoder().fit(X)
    assert [column.dropped for column in encoder.columns_] == [
        None, "constant", "empty", "constant", None,
    ]  # fmt: skip
    assert encoder.get_feature_names_out().tolist() == ["a", "e_missing"]
    assert np.array_equal(encoder.transform(X.assign(b="new", c=5, d=None)), encoder.transform(X))


@pytest.mark.parametrize(
    ("value", "other", "name", "features"),
    [
        (3, 4, "a_missing", [0, 0, 1]),
        ("x", "y", "a=x", [1, 0, 0]),
        (*pd.to_datetime(["2020-01-01", "2021-01-01"], utc=True), "a_days_missing", [0, 0, 1]),
        (*pd.to_timedelta([3, 4], "h"), "a_missing", [0, 0, 1]),
    ],
)
def test_one_of_constant_columns_stays(
    value: Any, other: Any, name: str, features: list[int]
) -> None:
    """What a network can be fitted to, which learns what is true whatever X is."""
    X = pd.DataFrame({"empty": None, "a": [value, value], "b": 1})
    encoder = TableEncoder().fit(X)
    assert [column.dropped for column in encoder.columns_] == ["empty", None, "constant"]
    assert encoder.get_feature_names_out().tolist() == [name]
    for a, expected in zip((value, other, None), features, strict=True):
        assert encoder.transform(X.assign(a=a)).tolist() == [[expected]] * 2


def test_dates_are_told_by_the_clocks_of_fit() -> None:
    X = pd.DataFrame({"t": pd.to_datetime(TIMES).tz_localize("Europe/Berlin")})
    encoder = TableEncoder().fit(X)
    features = encoder.transform(X)
    elsewhere = X.assign(t=X.t.dt.tz_convert("Asia/Tokyo"))
    assert np.array_equal(encoder.transform(elsewhere), features)
    assert np.array_equal(encoder.transform(elsewhere.astype(object)), features)


def test_what_became_of_a_column_is_told() -> None:
    X = pd.DataFrame({"x": [1.0, 2, 4, None], "c": ["a", "b", "c", "a"], "k": 1})
    told = [
        (c.name, c.kind, c.n_levels, c.n_edges, c.n_features, c.has_missing, c.dropped)
        for c in TableEncoder(n_bins=2).fit(X).columns_
    ]
    assert told == [
        ("x", "number", 0, 3, 4, True, None),
        ("c", "category", 3, 0, 3, False, None),
        ("k", "number", 0, 0, 0, False, "constant"),
    ]
