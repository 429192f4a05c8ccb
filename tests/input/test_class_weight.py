"""class_weight is a factor of the sample weights."""

from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import KFold, cross_val_score
from sklearn.utils.class_weight import compute_sample_weight

from pymlp import MLPClassifier

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

rng = np.random.default_rng(0)
X = rng.normal(size=(90, 4))
NAMES = np.repeat(["a", "b", "c"], [60, 20, 10])
INDICATOR = (X[:, :2] > 0.8).astype(int)
SEVERAL = np.c_[NAMES, np.array(["x", "y", "z"])[np.arange(90) % 3]]
CASES: dict[str, tuple[np.ndarray, Any]] = {
    "two classes": (NAMES == "a", {True: 3.0, False: 0.5}),
    "three classes": (NAMES, {"a": 1, "c": 4}),
    "balanced": (NAMES, "balanced"),
    "multilabel": (INDICATOR, [{0: 1, 1: 5}, {0: 2, 1: 1}]),
    "balanced multilabel": (INDICATOR, "balanced"),
    "several labels": (SEVERAL, [{"a": 1, "b": 2, "c": 3}, {"x": 2}]),
    "balanced several": (SEVERAL, "balanced"),
}


def build(**params: Any) -> Any:
    return MLPClassifier((6,), max_iter=4, batch_size=20, random_state=0, **params)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
@pytest.mark.parametrize("case", CASES)
def test_weights_by_class(case: str, solver: str, weighted: bool) -> None:
    y, class_weight = CASES[case]
    own = np.arange(90) % 4 / 2 if weighted else np.ones(90)
    clf = build(solver=solver, class_weight=class_weight).fit(X, y, own if weighted else None)
    factors = compute_sample_weight(class_weight, y)
    assert len(np.unique(factors)) > 1
    expected = build(solver=solver).fit(X, y, own * factors)
    for actual, desired in zip(clf.coefs_, expected.coefs_, strict=True):
        np.testing.assert_array_equal(actual, desired)


def test_batches_without_some_of_the_classes() -> None:
    """A dict that leaves out a class weighs it 1, also where another one is absent."""
    weight = {"a": 1.0, "c": 4.0}
    clf = build(class_weight=weight).partial_fit(X[:80], NAMES[:80], classes=["a", "b", "c"])
    factors = np.array([weight.get(name, 1.0) for name in NAMES[:80]])
    expected = build().partial_fit(X[:80], NAMES[:80], factors, classes=["a", "b", "c"])
    np.testing.assert_array_equal(clf.coefs_[0], expected.coefs_[0])


ABSENT: dict[str, tuple[np.ndarray, Any, Any]] = {
    "one label": (NAMES, {"a": 2.0, "b": 3.0, "c": 4.0, "d": 5.0}, {"a": 2.0, "b": 3.0, "c": 4.0}),
    "several labels": (
        SEVERAL,
        [{"a": 2.0, "b": 3.0, "c": 4.0, "d": 5.0}, {"x": 2.0}],
        [{"a": 2.0, "b": 3.0, "c": 4.0}, {"x": 2.0, "y": 1.0, "z": 1.0}],
    ),
    "an indicator matrix": (np.c_[INDICATOR, np.zeros(90, int)], [{1: 5}, {0: 2}, {1: 9}], None),
}


@pytest.mark.parametrize("case", ABSENT)
def test_a_class_that_no_sample_has_weighs_nothing(case: str) -> None:
    """As in scikit-learn's linear models: a fold of a cross-validation may lack a class."""
    y, class_weight, present = ABSENT[case]
    if present is None:
        factors = np.prod([[w.get(k, 1) for k in y[:, c]] for c, w in enumerate(class_weight)], 0)
    else:
        factors = compute_sample_weight(present, y)
    clf = build(class_weight=class_weight).fit(X, y)
    np.testing.assert_array_equal(clf.coefs_[0], build().fit(X, y, factors).coefs_[0])


def test_cross_validation_with_a_class_of_one_sample() -> None:
    y = np.where(np.arange(90) == 3, "rare", NAMES)
    weights = {"a": 1.0, "b": 2.0, "c": 3.0, "rare": 50.0}
    for estimator in (build(class_weight=weights), LogisticRegression(class_weight=weights)):
        scores = cross_val_score(estimator, X, y, cv=KFold(3, shuffle=True, random_state=0))
        assert np.isfinite(scores).all()


def test_balanced_several_labels_of_which_one_is_everywhere() -> None:
    y = np.c_[INDICATOR, np.ones(90, int)]
    clf = build(class_weight="balanced").fit(X, y)
    expected = build().fit(X, y, compute_sample_weight("balanced", y))
    np.testing.assert_array_equal(clf.coefs_[0], expected.coefs_[0])


def test_classes_are_found_by_their_value() -> None:
    digits, dates = np.array(["1", "2"])[np.arange(90) % 2], np.array(["2020", "2021"], "M8[ns]")
    cases: list[tuple[np.ndarray, Any]] = [
        (digits, {"1": 2.0, "2": 1.0}),  # scikit-learn looks for the number 1
        (dates[np.arange(90) % 2], {np.datetime64("2020"): 2.0}),
        ((np.arange(90) % 2).astype(float), {0: 2.0}),
        ((np.arange(90) % 2 == 1), {0: 2.0}),
    ]
    for y, class_weight in cases:
        clf = build(class_weight=class_weight).fit(X, y)
        expected = build().fit(X, y, np.where(np.arange(90) % 2, 1.0, 2.0))
        np.testing.assert_array_equal(clf.coefs_[0], expected.coefs_[0])


def test_balanced_needs_all_the_data() -> None:
    with pytest.raises(ValueError, match="'balanced' is not supported for partial_fit"):
        build(class_weight="balanced").partial_fit(X, NAMES, classes=["a", "b", "c"])


WRONG: dict[str, tuple[np.ndarray, Any, str]] = {
    "a number": (NAMES, 2.0, "'class_weight' parameter of MLPClassifier must be"),
    "an unknown class": (NAMES, {"d": 2.0}, r"names \['d'\], not among the classes"),
    "an unknown class beside known ones": (NAMES, {"a": 1, "d": 2.0}, r"names \['d'\], not among"),
    "booleans for other numbers": (
        np.arange(90) % 2 + 1,
        {True: 3.0},
        r"names \[True\], not among",
    ),
    "a class of two types": (NAMES, {"a": 1, 2: 2.0}, r"names \['a', 2\], not among"),
    "a number for its string": (np.array(["1", "2"])[np.arange(90) % 2], {1: 2.0}, "not among"),
    "a dict for several labels": (SEVERAL, {"a": 2.0}, "list of 2 dicts"),
    "too short a list": (SEVERAL, [{"a": 2.0}], "list of 2 dicts"),
    "a dict for a matrix": (INDICATOR, {0: 2.0}, "list of dicts"),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_class_weights(case: str) -> None:
    y, class_weight, message = WRONG[case]
    with pytest.raises(ValueError, match=message):
        build(class_weight=class_weight).fit(X, y)


@pytest.mark.parametrize("weights", [{"a": -1, "b": 1}, dict.fromkeys("abc", 0), {"a": np.nan}])
def test_weights_that_cannot_be(weights: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="'class_weight' parameter must give finite weights >= 0"):
        MLPClassifier(class_weight=weights).fit(X, NAMES)
