"""Validation sets that lack a class, and the scores that need it."""

import re
from typing import Any

import numpy as np
import pytest
from sklearn import metrics

from pymlp import MLPClassifier, MLPEnsembleClassifier

pytestmark = [
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
    pytest.mark.filterwarnings("ignore:.*Stochastic Optimizer. Maximum iter"),
]

rng = np.random.default_rng(0)
X = rng.normal(size=(60, 3))
KNOWN = np.flatnonzero(np.arange(60) % 3 < 2)[:20]
KINDS = pytest.mark.parametrize("names", [np.arange(3), np.array(list("abc"))], ids=["int", "str"])


def fitted(names: Any, scoring: Any, n_classes: int = 3) -> tuple[Any, Any]:
    y = names[np.arange(60) % n_classes]
    rows = KNOWN if n_classes == 3 else np.arange(0, 60, 2)  # all but the last class
    clf = MLPClassifier(hidden_layer_sizes=(3,), max_iter=2, random_state=0, scoring=scoring)
    return clf.fit(X, y, X_val=X[rows], y_val=y[rows]), (X[rows], y[rows])


@KINDS
@pytest.mark.parametrize(
    ("scoring", "metric"),
    [
        ("neg_log_loss", lambda y, p, classes: -metrics.log_loss(y, p, labels=classes)),
        (
            "d2_log_loss_score",
            lambda y, p, classes: metrics.d2_log_loss_score(y, p, labels=classes),
        ),
        ("neg_brier_score", lambda y, p, c: -metrics.brier_score_loss(y, p, labels=c)),
        ("top_k_accuracy", lambda y, p, c: metrics.top_k_accuracy_score(y, p, labels=c)),
        ("accuracy", lambda y, p, classes: np.mean(classes[p.argmax(axis=1)] == y)),
    ],
)
def test_scores_that_can_be_told_of_all_classes(names: Any, scoring: str, metric: Any) -> None:
    clf, (rows, y) = fitted(names, scoring)
    expected = metric(y, clf.predict_proba(rows), clf.classes_)
    assert clf.history_[f"val_{scoring}"][-1] == pytest.approx(expected, rel=1e-12)


@KINDS
@pytest.mark.parametrize("scoring", ["roc_auc_ovr", "roc_auc_ovr_weighted"])
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.UndefinedMetricWarning")
def test_scores_without_a_value_name_set_and_class(names: Any, scoring: str) -> None:
    label = names.tolist()[2]
    try:
        clf, _ = fitted(names, scoring)
    except ValueError as error:
        message = str(error)
        assert f"scoring={scoring!r} has no value on the validation set" in message
        assert f"lacks the class {label!r}" in message
    else:
        assert np.isfinite(clf.history_[f"val_{scoring}"]).all()


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.UndefinedMetricWarning")
def test_many_classes_are_not_all_named() -> None:
    clf = MLPClassifier(hidden_layer_sizes=(3,), max_iter=1, scoring="roc_auc_ovr")
    named = "lacks the classes 1, 2, 3, 4, 5, 6, ... "
    with pytest.raises(ValueError, match=re.escape(named)):
        clf.fit(X, np.arange(60) % 20, X_val=X[::20], y_val=np.zeros(3, int))


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.UndefinedMetricWarning")
def test_of_two_classes_one() -> None:
    with pytest.raises(ValueError, match="lacks the class 1 "):
        fitted(np.arange(3), "roc_auc", n_classes=2)


def test_a_scorer_of_ones_own() -> None:
    scorer = metrics.make_scorer(metrics.log_loss, response_method="predict_proba")
    clf, (rows, y) = fitted(np.arange(3), scorer)
    expected = metrics.log_loss(y, clf.predict_proba(rows), labels=[0, 1, 2])
    assert clf.history_["val_score"][-1] == pytest.approx(expected, rel=1e-12)

    def fails(estimator: Any, X: Any, y: Any) -> float:
        raise ValueError("no such column")

    with pytest.raises(ValueError, match=r"lacks the class 2 .*: no such column"):
        fitted(np.arange(3), fails)


def test_labels_that_a_person_chose_stay() -> None:
    chosen = metrics.make_scorer(metrics.log_loss, response_method="predict_proba", labels=[0, 1])
    with pytest.raises(ValueError, match="lacks the class 2"):
        fitted(np.arange(3), chosen)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.UndefinedMetricWarning")
def test_members_of_an_ensemble() -> None:
    y = np.arange(60) % 3
    member = MLPClassifier(
        hidden_layer_sizes=(3,), max_iter=2, early_stopping=True, scoring="roc_auc_ovr"
    )
    ensemble = MLPEnsembleClassifier(member, n_estimators=2, random_state=0)
    with pytest.raises(ValueError, match="lacks the class 2"):
        ensemble.fit(X, y, X_val=X[KNOWN], y_val=y[KNOWN])
