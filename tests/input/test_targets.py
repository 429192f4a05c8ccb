"""Labels of every shape: multilabel as scikit-learn has it, several labels a sample as nobody."""

import pickle
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn import neural_network
from sklearn.datasets import make_multilabel_classification

from pymlp import MLPClassifier

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

rng = np.random.default_rng(1)
X = rng.normal(size=(150, 6))
COLOURS = np.array(["blue", "green", "red"])[np.digitize(X[:, 0] + X[:, 1], [-0.6, 0.6])]
SIZES = np.array(["large", "medium", "small", "tiny"])[np.digitize(X[:, 2], [-0.7, 0, 0.7])]
BOTH = np.c_[COLOURS, SIZES]
INDICATOR = (X[:, :4] + X[:, [4]] > 0).astype(int)


def build(**params: Any) -> Any:
    defaults = {"hidden_layer_sizes": (12,), "batch_size": 30, "max_iter": 60, "random_state": 0}
    return MLPClassifier(**defaults | {"learning_rate_init": 0.02} | params)


# Multilabel


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(
    "params",
    [{"solver": "sgd"}, {"solver": "adam"}, {"early_stopping": True}, {"activation": "logistic"}],
    ids=str,
)
def test_multilabel_is_scikit_learns(params: dict[str, Any], weighted: bool) -> None:
    weight = np.arange(150) % 3 + 0.5 if weighted else None
    params = {"hidden_layer_sizes": (12,), "max_iter": 8, "random_state": 0} | params
    ours = MLPClassifier(**params).fit(X, INDICATOR, weight)
    theirs = neural_network.MLPClassifier(**params).fit(X, INDICATOR, weight)
    np.testing.assert_allclose(ours.loss_curve_, theirs.loss_curve_, rtol=1e-9)
    np.testing.assert_allclose(ours.coefs_[0], theirs.coefs_[0], atol=1e-7)
    np.testing.assert_array_equal(ours.classes_, theirs.classes_)
    np.testing.assert_allclose(ours.predict_proba(X), theirs.predict_proba(X), atol=1e-7)
    np.testing.assert_array_equal(ours.predict(X), theirs.predict(X))
    assert ours.predict(X).dtype == theirs.predict(X).dtype
    assert ours.score(X, INDICATOR) == theirs.score(X, INDICATOR)
    if theirs.validation_scores_:
        np.testing.assert_allclose(ours.validation_scores_, theirs.validation_scores_)


@pytest.mark.parametrize("container", [sparse.csr_matrix, sparse.csc_matrix])
def test_sparse_indicators(container: Any) -> None:
    dense = build(max_iter=5).fit(X, INDICATOR)
    clf = build(max_iter=5).fit(X, container(INDICATOR))
    np.testing.assert_array_equal(clf.coefs_[0], dense.coefs_[0])
    assert sparse.issparse(clf.predict(X))
    np.testing.assert_array_equal(clf.predict(X).toarray(), dense.predict(X))


def test_multilabel_partial_fit() -> None:
    rows, y = make_multilabel_classification(80, n_classes=4, random_state=0)
    ours, theirs = (
        module(hidden_layer_sizes=(9,), random_state=0)
        for module in (MLPClassifier, neural_network.MLPClassifier)
    )
    for _ in range(3):
        ours.partial_fit(rows, y, classes=[0, 1, 2, 3])
        theirs.partial_fit(rows, y, classes=[0, 1, 2, 3])
    np.testing.assert_allclose(ours.coefs_[0], theirs.coefs_[0], atol=1e-9)


# Several labels a sample


def test_two_labels_are_two_models_where_nothing_is_shared() -> None:
    """Without a hidden layer the outputs do not meet: scikit-learn's models by column."""
    params: dict[str, Any] = {"hidden_layer_sizes": (), "solver": "lbfgs", "alpha": 3.0}
    params |= {"max_iter": 1000, "tol": 1e-7, "random_state": 0}
    clf = MLPClassifier(**params).fit(X, BOTH)
    for column, probabilities in enumerate(clf.predict_proba(X)):
        single = neural_network.MLPClassifier(**params).fit(X, BOTH[:, column])
        np.testing.assert_allclose(probabilities, single.predict_proba(X), atol=1e-4)
        np.testing.assert_array_equal(clf.classes_[column], single.classes_)


@pytest.mark.parametrize("solver", ["sgd", "adam", "lbfgs"])
def test_what_several_labels_look_like(solver: str) -> None:
    clf = build(solver=solver).fit(X, BOTH)
    assert clf.n_outputs_ == 7
    assert clf.out_activation_ == "softmax"
    assert [c.tolist() for c in clf.classes_] == [sorted(set(COLOURS)), sorted(set(SIZES))]
    predicted, probabilities = clf.predict(X), clf.predict_proba(X)
    assert predicted.shape == BOTH.shape
    assert predicted.dtype == BOTH.dtype
    assert [p.shape for p in probabilities] == [(150, 3), (150, 4)]
    for k, p in enumerate(probabilities):
        np.testing.assert_allclose(p.sum(axis=1), 1)
        np.testing.assert_array_equal(clf.classes_[k][p.argmax(axis=1)], predicted[:, k])
        with np.errstate(divide="ignore"):
            np.testing.assert_array_equal(clf.predict_log_proba(X)[k], np.log(p))
    right = (predicted == BOTH).all(axis=1)
    assert clf.score(X, BOTH) == right.mean() > 0.8
    weight = np.arange(150)
    assert clf.score(X, BOTH, weight) == pytest.approx(np.average(right, weights=weight))
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(clf)).predict(X), predicted)


@pytest.mark.parametrize("precision", ["float32", "float64"])
def test_several_labels_with_a_validation_set(precision: str) -> None:
    clf = build(precision=precision, early_stopping=True)
    clf.fit(X, BOTH, X_val=X[:40], y_val=BOTH[:40])
    assert clf.best_validation_score_ == pytest.approx(clf.score(X[:40], BOTH[:40]))
    clf.fit(X, BOTH)
    assert len(clf.validation_scores_) == clf.n_iter_


@pytest.mark.parametrize(
    "y",
    [
        np.c_[np.arange(150) % 3, np.arange(150) % 5],
        BOTH.astype(object),
        pd.DataFrame({"colour": COLOURS, "size": SIZES}),
        [list(row) for row in BOTH],
    ],
    ids=["numbers", "objects", "a frame", "lists"],
)
def test_kinds_of_labels(y: Any) -> None:
    clf = build(max_iter=3).fit(X, y)
    expected = np.asarray(y)
    assert clf.predict(X).dtype == expected.dtype
    assert all(np.isin(clf.predict(X)[:, k], expected[:, k]).all() for k in (0, 1))
    assert 0 <= clf.score(X, y) <= 1


def test_partial_fit_with_several_labels() -> None:
    classes = [np.unique(COLOURS), [*np.unique(SIZES), "vast"]]
    clf = build(batch_size="auto")
    for _ in range(40):
        clf.partial_fit(X, BOTH, classes=classes)
    assert [len(c) for c in clf.classes_] == [3, 5]
    clf.partial_fit(X[:4], BOTH[:4])
    assert clf.score(X, BOTH) > 0.5
    with pytest.raises(ValueError, match="not the same as on last call"):
        clf.partial_fit(X, BOTH, classes=[["a", "b"], ["c", "d"]])
    with pytest.raises(ValueError, match=r"In column 1 .*'huge'"):
        clf.partial_fit(X[:1], [["red", "huge"]])
    with pytest.raises(ValueError, match="must have 2 columns"):
        clf.partial_fit(X, COLOURS)


def test_classes_of_two_kinds_come_back_as_objects() -> None:
    y = pd.DataFrame({"colour": COLOURS, "number": np.arange(150) % 3}).to_numpy()
    clf = build().partial_fit(X, y, classes=[np.unique(COLOURS), [0, 1, 2]])
    predicted = clf.predict(X)
    assert predicted.dtype == object
    assert isinstance(predicted[0, 0], str)
    assert set(predicted[:, 1]) <= {0, 1, 2}
    y[0, 0] = 3
    with pytest.raises((TypeError, ValueError), match=r"not supported between|classes not in"):
        clf.partial_fit(X, y)


# One label a sample; changes from one kind to another


@pytest.mark.parametrize("dtype", [object, str, int, bool])
def test_kinds_of_single_labels(dtype: Any) -> None:
    names = {object: COLOURS.astype(object), str: COLOURS, int: np.arange(150) % 4}
    y = names.get(dtype, X[:, 0] > 0)
    clf = build().fit(X, y)
    assert clf.predict(X).dtype == clf.classes_.dtype
    assert set(clf.predict(X)) == set(y)


def test_a_single_class() -> None:
    clf = build(max_iter=2).fit(X, np.full(150, "only"))
    assert set(clf.predict(X)) == {"only"}


KINDS = {"single": COLOURS, "several": BOTH, "indicator": INDICATOR}


@pytest.mark.parametrize("after", KINDS)
@pytest.mark.parametrize("before", KINDS)
def test_another_kind_of_labels(before: str, after: str) -> None:
    clf = build(max_iter=2).fit(X, KINDS[before])
    if before != after:
        with pytest.raises(ValueError, match=r"`?y`?"):
            clf.partial_fit(X, KINDS[after])
        with pytest.raises(ValueError, match="y_val"):
            clf.fit(X, KINDS[before], X_val=X, y_val=KINDS[after])
        with pytest.raises(ValueError, match="warm_start can only be used"):
            clf.set_params(warm_start=True).fit(X, KINDS[after])
    clf.set_params(warm_start=False).fit(X, KINDS[after])
    assert clf.predict(X).shape == KINDS[after].shape


def test_an_indicator_needs_as_many_classes_as_columns() -> None:
    with pytest.raises(ValueError, match="columns' numbers"):
        build().partial_fit(X, INDICATOR, classes=[0, 1, 2])


# Hinge


@pytest.mark.parametrize(
    "y",
    [COLOURS, X[:, 0] > 0, INDICATOR, BOTH],
    ids=["three classes", "two classes", "indicator", "several"],
)
def test_hinge_gives_scores_and_no_probabilities(y: np.ndarray) -> None:
    clf = build(loss="hinge").fit(X, y)
    assert clf.out_activation_ == "identity"
    assert clf.score(X, y) > 0.6
    scores = clf.decision_function(X)
    if y.ndim == 1 and y.dtype == bool:
        np.testing.assert_array_equal(scores > 0, clf.predict(X))
    elif y is COLOURS:
        np.testing.assert_array_equal(clf.classes_[scores.argmax(axis=1)], clf.predict(X))
    elif y is INDICATOR:
        np.testing.assert_array_equal(scores > 0, clf.predict(X))
    else:
        assert [s.shape for s in scores] == [(150, 3), (150, 4)]
    for method in ("predict_proba", "predict_log_proba"):
        assert not hasattr(clf, method)
        with pytest.raises(AttributeError, match=f"has no attribute '{method}'") as error:
            getattr(clf, method)
        assert "loss='hinge'" in str(error.value.__cause__)
    clf.set_params(loss="log_loss")  # of no account before another fit
    assert not hasattr(clf, "predict_proba")
    for a, b in zip(clf.decision_function(X), scores, strict=True):
        np.testing.assert_array_equal(a, b)
    with pytest.raises(AttributeError, match="no attribute 'decision_function'") as error:
        _ = build().decision_function
    assert "predict_proba" in str(error.value.__cause__)


# Label smoothing


def test_smoothing_of_two_classes_is_training_on_soft_targets() -> None:
    """The optimum of one bias: log-odds of the smoothed frequency (Szegedy et al. 2016)."""
    y = np.arange(150) % 3 == 0
    clf = build(hidden_layer_sizes=(), solver="lbfgs", alpha=0.0, label_smoothing=0.2, tol=1e-8)
    clf.fit(np.zeros((150, 1)), y)
    np.testing.assert_allclose(clf.predict_proba([[0.0]])[0, 1], 0.8 / 3 + 0.1, atol=1e-6)


def test_smoothing_of_three_classes() -> None:
    clf = build(hidden_layer_sizes=(), solver="lbfgs", alpha=0.0, label_smoothing=0.3, tol=1e-8)
    clf.fit(np.zeros((150, 1)), np.repeat([0, 1, 2], [15, 45, 90]))
    expected = 0.7 * np.array([0.1, 0.3, 0.6]) + 0.1
    np.testing.assert_allclose(clf.predict_proba([[0.0]])[0], expected, atol=1e-6)


@pytest.mark.parametrize("loss", ["focal", "hinge"])
def test_smoothing_is_for_the_log_loss(loss: str) -> None:
    with pytest.raises(ValueError, match=r"'label_smoothing' .* loss='log_loss'"):
        build(loss=loss, label_smoothing=0.1).fit(X, COLOURS)


def test_classes_announced_for_an_indicator_matrix() -> None:
    with pytest.raises(ValueError, match="columns' numbers for label indicator targets, 0 to 3"):
        build().partial_fit(X, INDICATOR, classes=["a", "b", "c", "d"])
    clf = build().partial_fit(X, INDICATOR, classes=[0, 1, 2, 3])
    clf.partial_fit(X, INDICATOR, classes=[0, 1, 2, 3])
