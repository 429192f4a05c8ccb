"""Ensembles: the members are single fits, and their means are means."""

import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import sklearn
from ensembles import (
    LABELS,
    MIXED,
    QUIET,
    TWO_LABELS,
    WEIGHT,
    X,
    Y,
    assert_same,
    ensemble,
    singles_of,
    weights,
)
from scipy import sparse
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.metrics import r2_score
from sklearn.model_selection import GridSearchCV
from sklearn.utils import check_random_state

from pymlp import MLPEnsembleRegressor, MLPRegressor

# Members


@QUIET
@pytest.mark.parametrize("n_threads", [1, 2, 7])
@pytest.mark.parametrize(
    "params",
    [
        {"solver": "sgd", "dropout": 0.2},
        {"early_stopping": True, "ema_decay": 0.9},
        {"solver": "lbfgs"},
        {"regresses": True, "precision": "float32"},
    ],
    ids=str,
)
def test_members_are_single_fits(params: dict[str, Any], n_threads: int) -> None:
    y = Y if params.get("regresses") else LABELS
    fitted = ensemble(n_threads=n_threads, **params).fit(X, y, WEIGHT)
    singles = singles_of(fitted, X, y, WEIGHT)
    assert_same(fitted, singles)
    assert len({weights(m).tobytes() for m in fitted.estimators_}) == 3
    assert [m.get_params() for m in fitted.estimators_] == [s.get_params() for s in singles]


@QUIET
@pytest.mark.parametrize("weight", [None, WEIGHT])
def test_bootstrap(weight: Any) -> None:
    fitted = ensemble(bootstrap=True).fit(X, LABELS, weight)
    for member in fitted.estimators_:
        drawn = check_random_state(member.random_state).randint(90, size=90)
        counts = np.bincount(drawn, minlength=90)
        single = clone(member).fit(X, LABELS, counts if weight is None else counts * weight)
        np.testing.assert_array_equal(weights(member), weights(single))


@QUIET
def test_members_know_classes_that_they_have_not_drawn() -> None:
    rare = np.where(np.arange(90) == 7, 9, LABELS)
    fitted = ensemble(n_estimators=8, bootstrap=True).fit(X, rare)
    assert fitted.classes_.tolist() == [0, 1, 2, 9]
    assert fitted.predict_proba(X).shape == (90, 4)


@QUIET
@pytest.mark.parametrize("container", [sparse.csr_array, sparse.csc_matrix, list])
def test_other_containers(container: Callable[[Any], Any]) -> None:
    rows = X * (X > 0.5)
    fitted = ensemble().fit(container(rows), LABELS)
    assert_same(fitted, singles_of(fitted, rows, LABELS))
    np.testing.assert_array_equal(fitted.predict(container(rows)), fitted.predict(rows))


@QUIET
def test_validation_set_and_frames() -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(X, columns=list("abcd"))
    validation = {"X_val": frame[:30], "y_val": LABELS[:30], "sample_weight_val": WEIGHT[:30]}
    fitted = ensemble(early_stopping=True, scoring="balanced_accuracy")
    fitted.fit(frame, LABELS, **validation)
    singles = singles_of(fitted, frame, LABELS, **validation)
    for member, single in zip(fitted.estimators_, singles, strict=True):
        for column in set(single.history_) - {"seconds"}:
            assert member.history_[column] == single.history_[column]
    assert fitted.feature_names_in_.tolist() == list("abcd")
    np.testing.assert_array_equal(fitted.predict(frame), fitted.predict(frame.copy()))
    with pytest.raises(ValueError, match="feature names should match"):
        fitted.predict(frame[list("dcba")])


@QUIET
def test_the_default_member() -> None:
    fitted = MLPEnsembleRegressor(n_estimators=2, random_state=0).fit(X, Y)
    assert fitted.get_params()["estimator"] is None
    seed = fitted.estimators_[1].random_state
    np.testing.assert_array_equal(
        weights(fitted.estimators_[1]), weights(MLPRegressor(random_state=seed).fit(X, Y))
    )


# Predictions


@QUIET
@pytest.mark.parametrize("y", [LABELS, Y > 0, TWO_LABELS], ids=["three", "two", "indicator"])
def test_probabilities(y: np.ndarray) -> None:
    fitted = ensemble().fit(X, y)
    each = [member.predict_proba(X) for member in fitted.estimators_]
    mean, std = fitted.predict_proba(X, return_std=True)
    np.testing.assert_allclose(mean, np.mean(each, axis=0), rtol=1e-12)
    np.testing.assert_allclose(std, np.std(each, axis=0), rtol=1e-9)
    assert std.min() > 0
    np.testing.assert_array_equal(fitted.predict_proba(X), mean)
    np.testing.assert_array_equal(fitted.predict_log_proba(X), np.log(mean))
    labels = mean > 0.5 if y.ndim == 2 else fitted.classes_[mean.argmax(axis=1)]
    np.testing.assert_array_equal(fitted.predict(X), labels)
    right = (labels == y).reshape(90, -1).all(axis=1)
    assert fitted.score(X, y, WEIGHT) == pytest.approx(np.average(right, weights=WEIGHT))
    assert not hasattr(fitted, "decision_function")


@QUIET
def test_several_labels() -> None:
    fitted = ensemble().fit(X, MIXED)
    each = [member.predict_proba(X) for member in fitted.estimators_]
    for k, (mean, std) in enumerate(zip(*fitted.predict_proba(X, return_std=True), strict=True)):
        np.testing.assert_allclose(mean, np.mean([p[k] for p in each], axis=0), rtol=1e-12)
        np.testing.assert_allclose(std, np.std([p[k] for p in each], axis=0), rtol=1e-9)
        labels = fitted.classes_[k][mean.argmax(axis=1)]
        np.testing.assert_array_equal(fitted.predict(X)[:, k], labels)
    assert fitted.score(X, MIXED) == (fitted.predict(X) == MIXED).all(axis=1).mean()


@QUIET
@pytest.mark.parametrize("y", [LABELS, Y > 0], ids=["three", "two"])
def test_scores_of_hinge(y: np.ndarray) -> None:
    fitted = ensemble(loss="hinge")
    assert hasattr(fitted, "decision_function")
    each = [member.decision_function(X) for member in fitted.fit(X, y).estimators_]
    scores = fitted.decision_function(X)
    np.testing.assert_allclose(scores, np.mean(each, axis=0), rtol=1e-9, atol=1e-12)
    chosen = scores.argmax(axis=1) if scores.ndim == 2 else scores > 0
    np.testing.assert_array_equal(fitted.predict(X), chosen)
    with pytest.raises(AttributeError, match="predict_proba"):
        fitted.predict_proba(X)


@QUIET
@pytest.mark.parametrize("y", [Y, np.c_[Y, X[:, 2]]], ids=["one", "two"])
def test_regression(y: np.ndarray) -> None:
    fitted = ensemble(regresses=True).fit(X, y)
    each = [member.predict(X) for member in fitted.estimators_]
    mean, std = fitted.predict(X, return_std=True)
    np.testing.assert_allclose(mean, np.mean(each, axis=0), rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(std, np.std(each, axis=0), rtol=1e-9)
    assert mean.shape == std.shape == y.shape
    assert fitted.score(X, y, WEIGHT) == r2_score(y, mean, sample_weight=WEIGHT)


@QUIET
@pytest.mark.parametrize("quantile", [0.3, [0.1, 0.5, 0.9]])
def test_quantiles(quantile: Any) -> None:
    fitted = ensemble(regresses=True, loss="pinball", quantile=quantile, n_estimators=1).fit(X, Y)
    member = fitted.estimators_[0]
    np.testing.assert_array_equal(fitted.predict(X), member.predict(X))
    assert fitted.score(X, Y, WEIGHT) == member.score(X, Y, WEIGHT)
    several = fitted.set_params(n_estimators=3).fit(X, np.c_[Y, -Y])
    assert several.predict(X).shape == (90, 2, *np.shape(quantile))
    assert several.score(X, np.c_[Y, -Y]) < 1


def test_before_fit() -> None:
    for method in ("predict", "predict_proba"):
        with pytest.raises(NotFittedError):
            getattr(ensemble(), method)(X)
    with pytest.raises(NotFittedError):
        ensemble(regresses=True).score(X, Y)


# scikit-learn's protocols


@QUIET
def test_pickle_and_clone() -> None:
    fitted = ensemble().fit(X, LABELS)
    again = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(again.predict_proba(X), fitted.predict_proba(X))
    fresh = clone(fitted)
    assert not hasattr(fresh, "estimators_")
    np.testing.assert_array_equal(fresh.fit(X, LABELS).predict_proba(X), again.predict_proba(X))


@QUIET
def test_search_over_members_parameters() -> None:
    grid = {"estimator__alpha": [1e-4, 1.0], "n_estimators": [1, 2]}
    search = GridSearchCV(ensemble(), grid, cv=2).fit(X, LABELS)
    best = search.best_estimator_
    assert best.estimators_[0].alpha == search.best_params_["estimator__alpha"]
    assert len(best.estimators_) == search.best_params_["n_estimators"]


@QUIET
def test_routing() -> None:
    with sklearn.config_context(enable_metadata_routing=True):
        requested = ensemble().set_fit_request(sample_weight=True, X_val=True, y_val=True)
        search = GridSearchCV(requested.set_score_request(sample_weight=False), {}, cv=2)
        search.fit(X, LABELS, sample_weight=WEIGHT, X_val=X[:20], y_val=LABELS[:20])
        alone = ensemble().fit(X, LABELS, WEIGHT, X_val=X[:20], y_val=LABELS[:20])
    assert_same(search.best_estimator_, alone.estimators_)
    assert "val_loss" in search.best_estimator_.estimators_[0].history_


def test_tags() -> None:
    tags = sklearn.utils.get_tags(ensemble())
    assert tags.estimator_type == "classifier"
    assert tags.input_tags.sparse
    assert tags.classifier_tags.multi_label
    assert tags.transformer_tags is None
    assert sklearn.utils.get_tags(ensemble(regresses=True)).target_tags.multi_output
