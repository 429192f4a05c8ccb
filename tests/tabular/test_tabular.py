"""Tables as they come: what TabularClassifier and TabularRegressor take, learn and promise."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.inspection import (
    PartialDependenceDisplay,
    partial_dependence,
    permutation_importance,
)
from sklearn.model_selection import GridSearchCV, cross_val_score

import pymlp
from pymlp import TabularClassifier, TabularRegressor

mpl.use("Agg")
import matplotlib.pyplot as plt

rng = np.random.default_rng(0)
N = 240
SMALL: dict[str, Any] = {
    "hidden_layer_sizes": (16,),
    "n_estimators": 3,
    "max_iter": 12,
    "learning_rate_init": 0.01,
    "batch_size": 16,
    "random_state": 0,
}


def flats(n: int = N, seed: int = 0) -> tuple[pd.DataFrame, Any]:
    """Flats with an area, a year that may be missing, a district and so on; their price."""
    draw = np.random.default_rng(seed)
    area = draw.uniform(20, 150, n).round()
    built = draw.integers(1900, 2020, n).astype(float)
    district = draw.choice(["harbour", "hills", "old town"], n)
    rate = pd.Series(district).map({"harbour": 4e3, "hills": 6e3, "old town": 9e3}).to_numpy()
    price = area * (rate - 20 * (2020 - built))
    built[draw.random(n) < 0.1] = np.nan
    frame = pd.DataFrame(
        {
            "area": area.astype(int),
            "built": built,
            "district": pd.Categorical(district),
            "sold": pd.Timestamp("2020-01-01") + pd.to_timedelta(draw.integers(0, 900, n), "D"),
            "lift": draw.random(n) < 0.5,
            "agent": draw.choice(["Ann", "Bob", None], n),
        }
    )
    return frame, price


def in_polars(frame: pd.DataFrame) -> pl.DataFrame:
    """The same in polars, which would need pyarrow for it."""
    columns = {name: column.tolist() for name, column in frame.items()}
    columns |= {
        "built": frame["built"].to_numpy(),
        "agent": frame["agent"].astype(object).where(frame["agent"].notna(), None).tolist(),
    }
    return pl.DataFrame(columns).with_columns(pl.col("district").cast(pl.Categorical))


FRAME, PRICE = flats()
TEST, PRICE_TEST = flats(200, seed=1)
DEAR, DEAR_TEST = (np.where(p > 6e5, "dear", "cheap") for p in (PRICE, PRICE_TEST))
BOTH = pytest.mark.parametrize(
    ("kind", "y"), [(TabularClassifier, DEAR), (TabularRegressor, PRICE)], ids=["labels", "numbers"]
)


def outputs(model: Any, X: Any) -> Any:
    return model.predict_proba(X) if hasattr(model, "predict_proba") else model.predict(X)


def test_a_frame_as_it_comes() -> None:
    clf = TabularClassifier(**SMALL).fit(FRAME, DEAR)
    assert clf.score(TEST, DEAR_TEST) > 0.85
    assert clf.classes_.tolist() == ["cheap", "dear"]
    assert clf.feature_names_in_.tolist() == [*FRAME]
    assert clf.n_features_in_ == 6
    reg = TabularRegressor(**SMALL).fit(FRAME, PRICE)
    assert reg.score(TEST, PRICE_TEST) > 0.85


@BOTH
def test_polars_is_read_as_pandas(kind: Any, y: Any) -> None:
    model = kind(**SMALL).fit(FRAME, y)
    of_polars = kind(**SMALL).fit(in_polars(FRAME), y)
    expected = outputs(model, TEST)
    np.testing.assert_array_equal(outputs(of_polars, in_polars(TEST)), expected)


@BOTH
def test_the_same_bits(kind: Any, y: Any) -> None:
    """Whatever the number of threads and the other rows of the call."""
    models = [kind(**SMALL, n_threads=n).fit(FRAME, y) for n in (1, 2, 3)]
    expected = outputs(models[0], TEST)
    for model in models[1:]:
        np.testing.assert_array_equal(outputs(model, TEST), expected)
    by_rows = [outputs(models[0], TEST.iloc[[k]]) for k in range(20)]
    np.testing.assert_array_equal(np.concatenate(by_rows), expected[:20])
    np.testing.assert_array_equal(outputs(models[0], TEST[::-1])[::-1], expected)


@BOTH
def test_files_and_pickles(kind: Any, y: Any, tmp_path: Path) -> None:
    model = kind(**SMALL).fit(FRAME, y)
    model.save(tmp_path / "model.safetensors")
    for other in (
        pymlp.load(tmp_path / "model.safetensors"),
        pickle.loads(pickle.dumps(model)),
    ):
        assert type(other) is kind
        assert other.get_params() == model.get_params()
        np.testing.assert_array_equal(outputs(other, TEST), outputs(model, TEST))
        assert other.feature_names_in_.tolist() == [*FRAME]
        assert other.history_ == model.history_
        with pytest.raises(ValueError, match=r"(?i)feature names"):
            other.predict(TEST.rename(columns={"area": "size"}))


@BOTH
def test_a_table_of_numbers_without_names(kind: Any, y: Any) -> None:
    X = np.column_stack([FRAME["area"], FRAME["built"], FRAME["district"].cat.codes])
    model = kind(**SMALL, categorical_features=[2]).fit(X, y)
    assert model.n_features_in_ == 3
    assert not hasattr(model, "feature_names_in_")
    assert model.score(X, y) > 0.85


@BOTH
def test_a_validation_set_and_weights(kind: Any, y: Any) -> None:
    weight = np.r_[np.ones(N - 60), np.zeros(60)]
    y_bad = y.copy()
    y_bad[-60:] = y[0]
    y_val = DEAR_TEST if kind is TabularClassifier else PRICE_TEST
    model = kind(**SMALL).fit(FRAME, y_bad, weight, X_val=TEST, y_val=y_val)
    assert model.score(TEST, y_val) > 0.8
    n_epochs = len(model.history_["val_loss"])
    assert n_epochs == 12
    if kind is TabularRegressor:  # of the standardised targets
        assert min(model.history_["val_loss"]) < 0.3


def test_class_weights() -> None:
    few = np.where(np.quantile(PRICE, 0.9) < PRICE, 1, 0)
    plain = TabularClassifier(**SMALL).fit(FRAME, few)
    balanced = TabularClassifier(**SMALL, class_weight="balanced").fit(FRAME, few)
    assert balanced.predict_proba(TEST)[:, 1].mean() > plain.predict_proba(TEST)[:, 1].mean() + 0.02


def test_targets_of_any_scale() -> None:
    reg = TabularRegressor(**SMALL).fit(FRAME, PRICE)
    other = TabularRegressor(**SMALL).fit(FRAME, PRICE * 2.0**-40)
    np.testing.assert_allclose(other.predict(TEST) * 2.0**40, reg.predict(TEST), rtol=1e-6)
    mean, std = reg.predict(TEST, return_std=True)
    np.testing.assert_array_equal(mean, reg.predict(TEST))
    assert (std > 0).all()
    assert std.mean() > 1e3
    constant = TabularRegressor(**SMALL).fit(FRAME, np.full(N, 7.0))
    np.testing.assert_allclose(constant.predict(TEST), 7.0, atol=1)


def test_several_targets_and_quantiles() -> None:
    two = np.column_stack([PRICE, FRAME["area"]])
    reg = TabularRegressor(**SMALL).fit(FRAME, two)
    assert reg.predict(TEST).shape == (200, 2)
    assert reg.score(TEST, np.column_stack([PRICE_TEST, TEST["area"]])) > 0.8
    quantiles = TabularRegressor(loss="pinball", quantile=[0.1, 0.5, 0.9], **SMALL).fit(
        FRAME, PRICE
    )
    found = quantiles.predict(TEST)
    assert found.shape == (200, 3)
    assert (np.diff(found) >= 0).all()
    assert 0.5 < np.mean((found[:, 0] <= PRICE_TEST) & (found[:, 2] >= PRICE_TEST)) <= 1
    both = TabularRegressor(loss="pinball", quantile=[0.1, 0.9], **SMALL).fit(FRAME, two)
    assert both.predict(TEST).shape == (200, 2, 2)
    assert np.median(both.predict(TEST)[:, 0]) > 1e5


def test_counts() -> None:
    y = rng.poisson(FRAME["area"] / 20)
    reg = TabularRegressor(loss="poisson", **SMALL).fit(FRAME, y)
    assert (reg.predict(TEST) > 0).all()
    assert np.corrcoef(reg.predict(TEST), TEST["area"])[0, 1] > 0.8
    assert reg.target_mean_.tolist() == [0]


def test_labels_of_several_kinds() -> None:
    three = np.digitize(PRICE, np.quantile(PRICE, [1 / 3, 2 / 3]))
    clf = TabularClassifier(**SMALL).fit(FRAME, three)
    assert clf.predict_proba(TEST).shape == (200, 3)
    indicator = np.column_stack([PRICE > 4e5, PRICE > 8e5]).astype(int)
    clf = TabularClassifier(**SMALL).fit(FRAME, indicator)
    assert clf.predict(TEST).shape == (200, 2)
    names = np.column_stack([DEAR, np.where(FRAME["lift"], "yes", "no")])
    clf = TabularClassifier(**SMALL).fit(FRAME, names)
    assert [p.shape for p in clf.predict_proba(TEST)] == [(200, 2), (200, 2)]
    mean, std = TabularClassifier(**SMALL).fit(FRAME, DEAR).predict_proba(TEST, return_std=True)
    assert mean.shape == std.shape == (200, 2)


def test_a_code_among_numbers() -> None:
    """A value that means something of its own is told from its neighbours."""
    code = rng.choice([3100, 3300, 3325, 4386, 4400, 5000, 5013, 5178], 600)
    y = np.isin(code, [3325, 4386, 5013]).astype(int)
    noise = rng.normal(size=(600, 3))
    X = np.column_stack([code + (rng.random(600) < 0.3) * rng.normal(size=600), noise])
    clf = TabularClassifier(**SMALL).fit(X[:400], y[:400])
    exact = X[400:, 0] == code[400:]
    assert clf.score(X[400:][exact], y[400:][exact]) > 0.9


def test_tools_work_on_the_raw_frame() -> None:
    reg = TabularRegressor(**SMALL).fit(FRAME, PRICE)
    found = permutation_importance(reg, TEST, PRICE_TEST, n_repeats=2, random_state=0)
    assert {"area", "district"} == {
        FRAME.columns[k] for k in np.argsort(found.importances_mean)[-2:]
    }
    curve = partial_dependence(reg, TEST.astype({"area": float}), ["area"], grid_resolution=5)[
        "average"
    ][0]
    assert (np.diff(curve) > 0).all()
    of_kinds = {"features": ["built", "district", ("area", "built")], "categorical_features": [2]}
    display = PartialDependenceDisplay.from_estimator(
        reg, TEST.astype({"area": float}), **of_kinds, grid_resolution=4
    )
    dear = {"old town": 2, "hills": 1, "harbour": 0}
    found = display.pd_results[1]
    by_price = [found["grid_values"][0].tolist().index(name) for name in dear]
    assert (np.diff(found["average"][0][by_price]) < 0).all()
    assert display.pd_results[2]["average"].shape == (1, 4, 4)
    plt.close(display.figure_)
    scores = cross_val_score(TabularClassifier(**SMALL), FRAME, DEAR, cv=3)
    assert scores.mean() > 0.8
    search = GridSearchCV(
        TabularClassifier(**SMALL), {"n_bins": [4, 16], "dropout": [0, 0.2]}, cv=2
    )
    assert search.fit(FRAME, DEAR).best_score_ > 0.8


def test_what_is_unseen() -> None:
    reg = TabularRegressor(**SMALL).fit(FRAME, PRICE)
    new = TEST.assign(district="moon", area=pd.Series([None] * 200, dtype="Int64"), agent=None)
    assert np.isfinite(reg.predict(new)).all()


@pytest.mark.parametrize("scoring", ["accuracy", "roc_auc", "neg_log_loss"])
def test_scorers(scoring: str) -> None:
    clf = TabularClassifier(**SMALL, scoring=scoring).fit(FRAME, DEAR)
    assert len(clf.history_[f"val_{scoring}"]) == 12


@BOTH
def test_a_fit_that_fails_changes_nothing(kind: Any, y: Any) -> None:
    model = kind(**SMALL).fit(FRAME, y)
    before = dict(vars(model))
    for X, labels in ((FRAME[:-1], y), (FRAME.assign(area=np.inf), y), (FRAME[[]], y)):
        with pytest.raises(ValueError, match=r"."):
            model.fit(X, labels)
    model.set_params(dropout=2.0)
    with pytest.raises(ValueError, match="'dropout' parameter of Tabular"):
        model.fit(FRAME, y)
    assert vars(model) == before | {"dropout": 2.0}


@BOTH
def test_bad_calls(kind: Any, y: Any) -> None:
    with pytest.raises(NotFittedError):
        kind().predict(FRAME)
    with pytest.raises(AttributeError, match="no partial_fit: the encoding"):
        kind().partial_fit(FRAME, y)
    assert not hasattr(kind(), "partial_fit")
    with pytest.raises(ValueError, match="validation_fraction"):
        kind(validation_fraction=0).fit(FRAME, y)
    with pytest.raises(ValueError, match="scoring"):
        kind(scoring="val_loss").fit(FRAME, y)
    model = kind(**SMALL).fit(FRAME, y)
    with pytest.raises(ValueError, match=r"(?i)feature names"):
        model.predict(FRAME.drop(columns="area"))
    with pytest.raises(ValueError, match="area"):
        model.predict(FRAME.assign(area="large"))


@BOTH
def test_clones_have_all_parameters(kind: Any, y: Any) -> None:
    model = clone(kind(**SMALL, n_bins=8)).set_params(n_estimators=2)
    assert len(model.fit(FRAME, y).estimators_) == 2
    assert model.get_params()["n_bins"] == 8
    assert {e.get_params()["dropout"] for e in model.estimators_} == {0.15}
