"""The encoder as a whole: means of levels, files, names, rows, and random tables."""

import datetime as dt
import json
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.model_selection import KFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import TargetEncoder

from pymlp import MLPRegressor
from pymlp.preprocessing import TableEncoder

N = 120
RNG = np.random.default_rng(0)
LEVELS = RNG.choice([f"city {k}" for k in range(12)], N)
Y = RNG.normal(size=N) + (LEVELS == "city 3")
X = pd.DataFrame(
    {
        "x": RNG.normal(size=N),
        "code": RNG.integers(0, 40, N),
        "city": LEVELS,
        "yes": RNG.random(N) > 0.5,
        "when": pd.Timestamp("2024-02-03 04:05") + pd.to_timedelta(RNG.integers(0, 9999, N), "h"),
        "span": pd.to_timedelta(RNG.integers(0, 9999, N), "s"),
        "kind": pd.Categorical(RNG.integers(0, 4, N)),
        "day": pd.Series(pd.to_datetime(RNG.integers(0, 3, N), unit="D")).astype("category"),
        "same": 1,
        "none": None,
    }
)
for name in X.columns[:-2]:
    X[name] = X[name].mask(RNG.random(N) < 0.1)
POLARS = pl.DataFrame(
    {name: X[name].to_numpy() for name in ("x", "code", "when", "span", "same")}
    | {name: [None if v is None or v != v else v for v in X[name]] for name in ("city", "yes")}
)


def folds_of(encoder: TableEncoder, n_splits: int = 5) -> KFold:
    seed = np.random.RandomState(encoder.random_state).randint(np.iinfo(np.int32).max)
    return KFold(n_splits, shuffle=True, random_state=seed)


@pytest.mark.parametrize("target_type", ["continuous", "binary", "multiclass"])
def test_many_levels_are_means_of_other_folds(target_type: str) -> None:
    cities = LEVELS[:, None]
    labels = np.digitize(Y, [0.0] if target_type == "binary" else [0.0, 1.0])
    y = (Y - Y.mean()) / Y.std() if target_type == "continuous" else labels
    encoder = TableEncoder(max_levels=5, target_type=target_type, random_state=3)
    raw = encoder._fit_table(cities, y)
    columns = {
        "continuous": [y],
        "binary": [labels],
        "multiclass": [labels == k for k in range(3)],
    }[target_type]
    assert raw.shape == (N, len(columns))
    for k, column in enumerate(columns):
        reference = TargetEncoder(target_type="continuous", cv=folds_of(encoder))
        crossed = reference.fit_transform(cities, column.astype(float))
        np.testing.assert_allclose(raw[:, k], crossed[:, 0], rtol=1e-12, atol=1e-15)
        new = np.array([["city 3"], ["another"], [None]], object)
        known = reference.transform(new[:2])[:, 0]
        np.testing.assert_allclose(
            encoder._raw(new)[:, k], [*known, np.nan], rtol=1e-12, atol=1e-15
        )
    features = encoder.fit_transform(cities, y)
    assert not np.array_equal(features, encoder.transform(cities))
    names = encoder.get_feature_names_out().tolist()
    assert names[0] == ("x0_mean0" if target_type == "multiclass" else "x0_mean")


def test_a_level_that_a_fold_lacks_and_few_rows() -> None:
    cities = pd.DataFrame({"c": ["a", "b", "c", "a", None]})
    encoder = TableEncoder(max_levels=2, random_state=0)
    raw = encoder._fit_table(cities, [1.0, 2, 3, 4.5, 5])
    assert np.isfinite(raw[:4]).all()
    assert np.isnan(raw[4, 0])
    assert encoder.get_feature_names_out()[-1] == "c_mean_missing"


def test_without_y_the_most_frequent_levels_have_features() -> None:
    cities = [[c] for c in "aabbbcdddd"]
    encoder = TableEncoder(max_levels=3).fit(cities)
    assert encoder.get_feature_names_out().tolist() == ["x0=a", "x0=b", "x0=d"]
    assert encoder.transform([["c"], ["d"]]).tolist() == [[0, 0, 0], [0, 0, 1]]


@pytest.mark.parametrize("y", [None, Y], ids=["without y", "with y"])
@pytest.mark.parametrize("table", [X, POLARS, X.astype(object).to_numpy()], ids=type)
def test_an_encoder_in_a_file(table: Any, y: Any) -> None:
    encoder = TableEncoder(max_levels=7, dtype="float64", random_state=0).fit(table, y)
    back = TableEncoder.from_data(json.loads(json.dumps(encoder.to_data(), allow_nan=False)))
    assert np.array_equal(back.transform(table), encoder.transform(table))
    assert back.get_feature_names_out().tolist() == encoder.get_feature_names_out().tolist()
    assert repr(back) == repr(encoder)
    assert vars(back).keys() == vars(encoder).keys()
    assert back.to_data() == encoder.to_data()
    assert [str(column) for column in back.columns_] == [str(c) for c in encoder.columns_]


@pytest.mark.parametrize("chosen", [["code"], np.array([1]), pd.Index(["code"])], ids=type)
def test_requests_and_seeds_in_a_file(chosen: Any) -> None:
    encoder = TableEncoder(categorical_features=chosen, random_state=np.random.RandomState(0)).fit(
        X
    )
    back = TableEncoder.from_data(json.loads(json.dumps(encoder.to_data())))
    assert list(back.categorical_features) == list(chosen)
    assert back.random_state is None
    assert np.array_equal(clone(back).fit_transform(X), encoder.transform(X))


def damaged(data: Any, change: Any) -> Any:
    data = json.loads(json.dumps(data))
    change(data)
    return data


@pytest.mark.parametrize(
    "change",
    [
        lambda d: d["columns"].pop(),
        lambda d: d["columns"][0].update(kind="text"),
        lambda d: d["columns"][0].update(reading="Other"),
        lambda d: d["columns"][0].update(reading="Dates"),
        lambda d: d["columns"][0]["sources"].clear(),
        lambda d: d["columns"][0]["sources"][0].__setitem__(2, -1.0),
        lambda d: d["columns"][0]["sources"][0].__setitem__(1, {"float": "nan"}),
        lambda d: d["columns"][0]["sources"][0][3]["array"]["values"].reverse(),
        lambda d: d["columns"][2]["levels"]["array"]["values"].reverse(),
        lambda d: d["columns"][2].update(means={"array": {"dtype": "float64", "values": []}}),
        lambda d: d["columns"][3].update(is_pair=False),
        lambda d: d["columns"][4]["parts"].append("minute"),
        lambda d: d["names"].__setitem__(0, 5),
        lambda d: d["params"]["dict"].append(["n_bins", 0]),
        lambda d: d["params"]["dict"].append(["bins", 3]),
        lambda d: d.pop("params"),
    ],
)
def test_damaged_data_are_refused(change: Any) -> None:
    data = TableEncoder(max_levels=7).fit(X, Y).to_data()
    with pytest.raises((ValueError, TypeError, KeyError)):
        TableEncoder.from_data(damaged(data, change))


def test_rows_are_encoded_by_themselves() -> None:
    encoder = TableEncoder(max_levels=7).fit(X, Y)
    features = encoder.transform(X)
    by_row = np.concatenate([encoder.transform(X[k : k + 1]) for k in range(N)])
    assert np.array_equal(by_row, features)
    assert np.array_equal(encoder.transform(X[::-1])[::-1], features)
    assert features.dtype == np.float32
    assert features.flags.c_contiguous


def test_the_same_seed_gives_the_same_features() -> None:
    one, same, other = (
        TableEncoder(max_levels=7, random_state=seed).fit_transform(X, Y) for seed in (0, 0, 1)
    )
    assert np.array_equal(one, same)
    assert one.shape != other.shape or not np.array_equal(one, other)


def test_names_of_features() -> None:
    table = pd.DataFrame({"a": [1.0, 2, 3], "b": ["x", "y", "z"]})
    encoder = TableEncoder(n_bins=1).fit(table)
    names = ["a", "a_ramp1", "b=x", "b=y", "b=z"]
    assert encoder.get_feature_names_out().tolist() == names
    assert encoder.get_feature_names_out(["a", "b"]).tolist() == names
    encoder.fit(table.astype(object).to_numpy())
    assert encoder.get_feature_names_out(["q", "r"]).tolist()[:3] == ["q", "q_ramp1", "r=x"]
    assert list(
        encoder.set_output(transform="pandas").transform(table.astype(object).to_numpy())
    ) == [*("x0", "x0_ramp1", "x1=x", "x1=y", "x1=z")]


def test_names_are_distinct() -> None:
    table = pl.DataFrame({"a": [1.0, 2, None], "a_missing": [0, 0, 1], "column_names": [1, 2, 2]})
    encoder = TableEncoder().fit(table).set_output(transform="polars")
    names = ["a", "a_missing", "a_missing_", "column_names"]
    assert encoder.transform(table).columns == names
    frame = pd.DataFrame(table.rows(), columns=table.columns)
    assert encoder.fit(frame).get_feature_names_out().tolist() == names


def test_in_front_of_a_network() -> None:
    model = make_pipeline(TableEncoder(), MLPRegressor(max_iter=3, early_stopping=False, tol=1e9))
    model.set_params(mlpregressor__n_iter_no_change=1)
    assert np.isfinite(model.fit(X, Y).predict(X)).all()


@pytest.mark.parametrize(
    "y",
    [
        Y.tolist(),
        pd.Series(Y),
        pl.Series(Y),
        Y[:, None],
        np.c_[Y, -Y],
        Y * 1e307,
        np.arange(N),
        np.zeros(N),
        LEVELS,
        pd.Series(LEVELS, dtype="category"),
        Y > 0,
        (Y > 0).astype(object),
    ],
    ids=lambda y: f"{type(y).__name__} {getattr(y, 'dtype', '')}",
)
def test_targets_of_every_kind(y: Any) -> None:
    with np.errstate(all="raise"):
        features = TableEncoder(max_levels=7).fit_transform(X, y)
    assert np.isfinite(features).all()


A_CENTURY = dt.timedelta(36525)  # in which polars counts microseconds
COLUMNS = {
    "number": st.floats(allow_nan=True, allow_infinity=False) | st.none(),
    "integer": st.integers(-(2**60), 2**60) | st.none(),
    "string": st.text("abc \u00e4", max_size=3) | st.none(),
    "boolean": st.booleans() | st.none(),
    "date": st.dates() | st.none(),
    "time": st.datetimes(allow_imaginary=False) | st.none(),
    "duration": st.timedeltas(-A_CENTURY, A_CENTURY) | st.none(),
}


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_random_tables(data: st.DataObject) -> None:
    kinds = data.draw(st.lists(st.sampled_from(sorted(COLUMNS)), min_size=1, max_size=4))
    n = data.draw(st.integers(1, 12))
    columns = {
        f"{k} {kind}": data.draw(st.lists(COLUMNS[kind], min_size=n, max_size=n))
        for k, kind in enumerate(kinds)
    }
    y = data.draw(st.none() | st.lists(st.floats(-1e300, 1e300), min_size=n, max_size=n))
    frame = pd.DataFrame({name: pd.Series(c, dtype=object) for name, c in columns.items()})
    with np.errstate(all="raise"):
        encoder = TableEncoder(max_levels=2, n_bins=3, dtype="float64", random_state=0)
        try:
            fitted = encoder.fit_transform(frame, y)
        except ValueError as error:
            assert "are empty" in str(error)  # noqa: PT017
            return
        features = encoder.transform(frame)
        assert np.isfinite(features).all()
        assert np.isfinite(fitted).all()
        assert abs(features).max() <= np.nextafter(3, 4)  # which rounding may add
        assert features.shape[1] == len(encoder.get_feature_names_out())
        shuffled = np.random.default_rng(0).permutation(n)
        assert np.array_equal(encoder.transform(frame.iloc[shuffled]), features[shuffled])
        back = TableEncoder.from_data(json.loads(json.dumps(encoder.to_data())))
        assert np.array_equal(back.transform(frame), features)
        polars = pl.DataFrame(columns, strict=False, infer_schema_length=None)
        assert np.array_equal(encoder.transform(polars), features)
