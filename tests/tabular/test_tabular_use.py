"""What people do with the estimators for tables who have LightGBM or CatBoost in their fingers."""

from __future__ import annotations

import copy
import os
import signal
import threading
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import (
    load_breast_cancer,
    load_diabetes,
    load_iris,
    load_linnerud,
    load_wine,
)
from sklearn.ensemble import VotingClassifier
from sklearn.model_selection import GridSearchCV, cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from pymlp import TabularClassifier, TabularRegressor, load
from pymlp.callbacks import Callback, EarlyStopping
from pymlp.schedules import LogCosine

SMALL: dict[str, Any] = {
    "hidden_layer_sizes": (16,),
    "n_estimators": 2,
    "max_iter": 4,
    "random_state": 0,
}
N = 100
rng = np.random.default_rng(0)
X = rng.normal(size=(N, 3))
Y = X[:, 0]
LABELS = np.where(Y > 0, "up", "down")
FRAME = pd.DataFrame({"size": X[:, 0], "kind": rng.choice(["x", "y", None], N)})


@pytest.mark.parametrize(
    ("kind", "load"),
    [
        (TabularClassifier, load_breast_cancer),
        (TabularClassifier, load_iris),
        (TabularClassifier, load_wine),
        (TabularRegressor, load_diabetes),
        (TabularRegressor, load_linnerud),  # 20 rows: less than a mini-batch
    ],
)
def test_no_warning_out_of_the_box(kind: Any, load: Any) -> None:
    data, y = load(return_X_y=True)
    model = kind(random_state=0, n_estimators=2).fit(data, y)
    assert model.score(data, y) > 0.2
    assert 14 <= model.n_iter_ <= 32


@pytest.mark.parametrize("n", range(2, 11))
def test_tables_too_small_to_hold_rows_out(n: int) -> None:
    few = X[:n]
    reg = TabularRegressor(**SMALL).fit(few, Y[:n])
    assert np.isfinite(reg.predict(X)).all()
    assert len(reg.history_["val_loss"]) == 4
    clf = TabularClassifier(**SMALL).fit(few, np.arange(n) == 0)  # one row of a class
    assert clf.predict_proba(X).shape == (N, 2)


def test_a_class_or_a_weight_of_one_row() -> None:
    for y in (np.arange(N) == 3, np.minimum(np.arange(N), 2)):
        clf = TabularClassifier(**SMALL).fit(X, y)
        assert len(clf.classes_) == len(np.unique(y))
    reg = TabularRegressor(**SMALL).fit(X, Y, np.eye(N)[7])
    np.testing.assert_allclose(reg.predict(X), Y[7])
    assert TabularClassifier(**SMALL).fit(X, ["one"] * N).predict(X[:1]) == ["one"]


@pytest.mark.parametrize("scale", [1e300, 1e-300, 1e-320])
def test_targets_at_the_ends_of_float64(scale: float) -> None:
    params = SMALL | {"max_iter": 20}
    plain = TabularRegressor(**params).fit(X, Y).predict(X)
    scaled = TabularRegressor(**params).fit(X, Y * scale).predict(X)
    np.testing.assert_allclose(scaled / scale, plain, rtol=0.02, atol=0.02)
    far = TabularRegressor(**params).fit(X, np.where(Y > 0, 1.7e308, -1.7e308)).predict(X)
    assert ((far > 0) == (Y > 0)).mean() > 0.9


@pytest.mark.parametrize("table", [np.ones((N, 2)), pd.DataFrame({"a": ["x"] * N, "b": 1})])
def test_constant_columns_leave_the_mean(table: Any, tmp_path: Path) -> None:
    clf = TabularClassifier(n_estimators=2, random_state=0).fit(table, np.arange(N) % 4 == 0)
    np.testing.assert_allclose(clf.predict_proba(table), [[0.75, 0.25]] * N, atol=0.05)
    reg = TabularRegressor(n_estimators=2, random_state=0).fit(table, 1e6 + 1e3 * Y)
    np.testing.assert_allclose(reg.predict(table), 1e6 + 1e3 * Y.mean(), atol=200)
    reg.save(tmp_path / "model")
    np.testing.assert_array_equal(load(tmp_path / "model").predict(table), reg.predict(table))


def test_constant_targets_are_met() -> None:
    assert (TabularRegressor(**SMALL).fit(X, np.full(N, 7.1)).predict(X) == 7.1).all()
    none = TabularRegressor(**SMALL, loss="poisson").fit(X, np.zeros(N))
    assert (none.predict(X) == 0).all()


@pytest.mark.parametrize("loss", ["poisson", "gamma"])
def test_large_counts_are_reached(loss: str) -> None:
    """An exponential that begins at 1 would not get to a million by small steps."""
    y = 1e6 * np.exp(Y / 2)
    reg = TabularRegressor(**SMALL | {"max_iter": 30}, loss=loss).fit(X, y)
    assert reg.score(X, y) > 0.5
    assert reg.target_mean_.tolist() == [0]
    assert reg.target_scale_ == pytest.approx([y.mean()])


@pytest.mark.parametrize("kind", [TabularClassifier, TabularRegressor])
def test_bad_targets(kind: Any) -> None:
    with pytest.raises(ValueError, match="the target y is None"):
        kind(**SMALL).fit(X, None)
    for bad in (np.nan, np.inf):
        with pytest.raises(ValueError, match="Input y contains"):
            kind(**SMALL).fit(X, np.where(np.arange(N) == 3, bad, np.arange(N) % 2))
    with pytest.raises(ValueError, match=r"(?i)complex data not supported"):
        kind(**SMALL).fit(X, Y + 1j)


def test_bad_validation_targets() -> None:
    with pytest.raises(ValueError, match=r"X_val, y_val: y must be numeric"):
        TabularRegressor(**SMALL).fit(X, Y, X_val=X, y_val=LABELS)
    with pytest.raises(ValueError, match=r"X_val, y_val: Input y contains NaN"):
        TabularRegressor(**SMALL).fit(X, Y, X_val=X, y_val=np.full(N, np.nan))
    with pytest.raises(ValueError, match=r"X_val, y_val: .*'kind' had string"):
        TabularClassifier(**SMALL).fit(FRAME, LABELS, X_val=FRAME.assign(kind=1), y_val=LABELS)


def test_a_linear_model_of_the_curves() -> None:
    reg = TabularRegressor(**SMALL | {"hidden_layer_sizes": (), "max_iter": 30})
    assert reg.fit(X, Y).score(X, Y) > 0.5


def test_targets_of_many_kinds() -> None:
    index = np.arange(N)[::-1]  # rows go by their order, as in scikit-learn
    expected = TabularClassifier(**SMALL).fit(FRAME, LABELS).predict_proba(FRAME)
    for y in (
        pd.Series(LABELS, index=index),
        pd.Series(LABELS).astype("category"),
        pl.Series(LABELS),
        LABELS.tolist(),
    ):
        found = TabularClassifier(**SMALL).fit(FRAME, y).predict_proba(FRAME)
        np.testing.assert_array_equal(found, expected)
    assert TabularClassifier(**SMALL).fit(X, pd.Series(Y > 0, dtype="boolean")).classes_[1]
    assert TabularRegressor(**SMALL).fit(X, pd.Series(Y, dtype="Float64")).score(X, Y) < 1
    two = pd.DataFrame({"a": Y, "b": -Y})
    assert TabularRegressor(**SMALL).fit(X, two).predict(X).shape == (N, 2)


def test_class_weights_count_where_the_best_epoch_is_chosen() -> None:
    noise = rng.normal(size=(400, 3))
    y = np.arange(400) % 10 == 0
    weights = {False: 1.0, True: 1000.0}
    clf = TabularClassifier(**SMALL, class_weight=weights).fit(noise, y)
    assert clf.predict(noise).mean() > 0.9
    weighed = TabularClassifier(**SMALL).fit(noise, y, np.where(y, 1000.0, 1.0))
    np.testing.assert_array_equal(weighed.predict_proba(noise), clf.predict_proba(noise))
    with pytest.raises(ValueError, match=r"'class_weight'.*'other'"):
        TabularClassifier(**SMALL, class_weight={"other": 2.0}).fit(X, LABELS)


def test_scikit_learns_tools() -> None:
    clf = TabularClassifier(**SMALL)
    assert CalibratedClassifierCV(clf, cv=2).fit(FRAME, LABELS).score(FRAME, LABELS) > 0.5
    both = VotingClassifier([("a", clf), ("b", clf)], voting="soft").fit(FRAME, LABELS)
    assert both.predict_proba(FRAME).shape == (N, 2)
    assert make_pipeline(StandardScaler(), clf).fit(X, LABELS).score(X, LABELS) > 0.5
    scores = cross_validate(clf, FRAME, LABELS, scoring=["roc_auc", "neg_log_loss"], cv=2)
    assert np.isfinite(scores["test_neg_log_loss"]).all()
    reg = TabularRegressor(**SMALL | {"learning_rate": LogCosine()})
    search = GridSearchCV(reg, {"learning_rate__waves": [2, 4]}, cv=2).fit(FRAME, Y)
    assert search.best_estimator_.get_params()["learning_rate__waves"] in (2, 4)
    fitted = clf.fit(FRAME, LABELS)
    found = copy.deepcopy(fitted).predict_proba(FRAME)
    np.testing.assert_array_equal(found, fitted.predict_proba(FRAME))
    assert "TabularClassifier" in fitted._repr_html_()


@pytest.mark.parametrize(("n", "batch_size", "max_iter"), [(9_999, 32, 32), (10_000, 64, 64)])
def test_what_many_rows_are_given(n: int, batch_size: int, max_iter: int) -> None:
    column = np.linspace(0, 1, n)[:, None]
    own: dict[str, Any] = {"hidden_layer_sizes": (2,), "n_estimators": 1, "random_state": 0}
    y = column.ravel()
    (member,) = TabularRegressor(**own).fit(column, y).estimators_
    assert (member.batch_size, member.max_iter) == (batch_size, max_iter)
    (member,) = TabularRegressor(**own, batch_size=50, max_iter=2).fit(column, y).estimators_
    assert (member.batch_size, member.max_iter) == (50, 2)


def test_fits_side_by_side() -> None:
    expected = TabularRegressor(**SMALL).fit(FRAME, Y).predict(FRAME)
    with ThreadPoolExecutor(3) as pool:
        fits = [pool.submit(TabularRegressor(**SMALL).fit, FRAME, Y) for _ in range(6)]
    for fit in fits:
        np.testing.assert_array_equal(fit.result().predict(FRAME), expected)


@pytest.mark.parametrize("action", ["always", "error"])
def test_ctrl_c_keeps_what_is_trained(action: Any) -> None:
    """Also where the warning of it is made an error."""
    reg = TabularRegressor(max_iter=10**6, n_estimators=2, random_state=0, n_threads=2)
    timer = threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    said = pytest.warns if action == "always" else pytest.raises
    with said(UserWarning, match="interrupted by user"), warnings.catch_warnings():
        warnings.simplefilter(action)
        reg.fit(FRAME, Y)
    timer.join()
    assert 0 < reg.n_iter_ < 10**6
    assert reg.score(FRAME, Y) > 0


def test_what_has_become_of_each_column() -> None:
    frame = FRAME.assign(
        same=1, day=pd.date_range("2020", periods=N), name=[f"n{k % 50}" for k in range(N)]
    )
    found = TabularClassifier(**SMALL, max_levels=9).fit(frame, LABELS).summary()
    becomes = {row[0]: row[1:] for row in found.rows}
    assert becomes["kind"] == ["category", "2 levels, missing", "2"]
    assert becomes["same"] == ["number", "dropped: constant", "0"]
    assert becomes["day"][1].startswith("days, month, weekday, curve of ")
    assert becomes["name"][1].startswith("mean target of 50 levels, curve of ")
    n_features = sum(int(row[-1]) for row in found.rows)
    assert found.totals[0] == f"Total features: {n_features}"
    assert "2 of 16-1 units" in found.totals[1]
    assert "<table" in found._repr_html_()


def test_errors_speak_in_the_estimators_name() -> None:
    clf = TabularClassifier(**SMALL).fit(X, LABELS)
    with pytest.raises(ValueError, match="X has 2 features, but TabularClassifier is expecting 3"):
        clf.predict(X[:, :2])
    with pytest.raises(ValueError, match="required by TabularClassifier"):
        clf.fit(X[:0], [])


@pytest.mark.parametrize(
    ("name", "answer"),
    [
        ("iterations", "max_iter counts epochs, n_estimators networks"),
        ("cat_features", "categorical_features"),
        ("early_stopping_rounds", "n_iter_no_change"),
    ],
)
def test_words_of_other_libraries_are_understood(name: str, answer: str) -> None:
    with pytest.raises(TypeError, match=f"TabularClassifier has no argument '{name}': .*{answer}"):
        TabularClassifier(**{name: 3})
    if name != "iterations":
        with pytest.raises(TypeError, match=f"fit has no argument '{name}': .*{answer[:10]}"):
            TabularClassifier().fit(X, LABELS, **{name: 3})


class Counting(Callback):
    """Counts the epochs of each network."""

    def __init__(self) -> None:
        self.epochs: list[int] = []

    def on_epoch_end(self, estimator: Any, **_: Any) -> bool:
        self.epochs.append(estimator.n_iter_)
        return estimator.n_iter_ == 2


def test_callbacks_hear_of_each_network() -> None:
    counting = Counting()
    clf = TabularClassifier(**SMALL).set_callbacks(counting)
    clf.fit(FRAME, LABELS)
    assert sorted(counting.epochs) == [1, 1, 2, 2]
    assert clf.n_iter_ == 2
    search = GridSearchCV(
        TabularClassifier(**SMALL).set_callbacks(EarlyStopping("val_loss", min_delta=9)),
        {"callbacks__earlystopping__patience": [1], "learning_rate": ["constant"]},
        cv=2,
    )
    assert search.fit(FRAME, LABELS).best_estimator_.n_iter_ == 2


def test_callbacks_are_taken_off() -> None:
    clf = TabularClassifier(**SMALL).set_callbacks(Counting()).set_callbacks()
    assert clf.fit(FRAME, LABELS).n_iter_ == 4
    with pytest.raises(TypeError, match="FitCallback"):
        clf.set_callbacks("early")


@pytest.mark.parametrize("learning_rate", ["constant", "cosine", lambda epoch: 0.01])
def test_epochs_that_were_asked_for_are_no_failure(learning_rate: Any) -> None:
    assert TabularRegressor(**SMALL, learning_rate=learning_rate).fit(FRAME, Y).n_iter_ == 4
