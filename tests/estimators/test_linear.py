"""Networks without hidden layers as linear models: coef_ and intercept_, and who reads them."""

import inspect
import pickle
import re
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_iris, make_regression
from sklearn.feature_selection import RFE, SelectFromModel
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.utils import estimator_html_repr
from sklearn.utils.extmath import softmax

from pymlp import MLPClassifier, MLPRegressor

X, LABELS = load_iris(return_X_y=True)
X = (X - X.mean(axis=0)) / X.std(axis=0)
FEW: dict[str, Any] = {"hidden_layer_sizes": (), "tol": 9.0, "n_iter_no_change": 3}


def test_the_shapes_are_those_of_logistic_regression() -> None:
    for y in (LABELS, LABELS > 0):
        clf = MLPClassifier(**FEW).fit(X, y)
        theirs = LogisticRegression().fit(X, y)
        assert clf.coef_.shape == theirs.coef_.shape
        assert clf.intercept_.shape == theirs.intercept_.shape
    np.testing.assert_allclose(
        softmax(X @ (c := MLPClassifier(**FEW).fit(X, LABELS)).coef_.T + c.intercept_),
        c.predict_proba(X),
        atol=1e-12,
    )


@pytest.mark.parametrize("n_targets", [1, 2])
def test_the_shapes_are_those_of_linear_regression(n_targets: int) -> None:
    A, y = make_regression(60, 4, n_informative=4, n_targets=n_targets, random_state=0)
    reg = MLPRegressor(hidden_layer_sizes=(), solver="lbfgs", alpha=0, tol=1e-9).fit(A, y)
    theirs = LinearRegression().fit(A, y)
    assert np.shape(reg.intercept_) == np.shape(theirs.intercept_)
    np.testing.assert_allclose(reg.coef_, theirs.coef_, rtol=1e-3)
    np.testing.assert_allclose(A @ reg.coef_.T + reg.intercept_, reg.predict(A), atol=1e-9)


def test_it_is_what_predicts() -> None:
    clf = MLPClassifier(ema_decay=0.9, **FEW).fit(X, LABELS)
    np.testing.assert_array_equal(clf.coef_, clf.averaged_coefs_[0].T)
    np.testing.assert_array_equal(clf.intercept_, clf.averaged_intercepts_[0])


@pytest.mark.parametrize("kind", [MLPClassifier, MLPRegressor])
def test_only_without_hidden_layers(kind: Any) -> None:
    net = kind(**FEW | {"hidden_layer_sizes": (3, 2)})
    for name in ("coef_", "intercept_"):
        assert not hasattr(net, name)
        with pytest.raises(AttributeError, match=f"{name} is there after fit"):
            getattr(net, name)
    net.fit(X, LABELS)
    for name in ("coef_", "intercept_"):
        assert not hasattr(net, name)
        with pytest.raises(AttributeError, match=rf"{name} is .* This {kind.__name__} has 2: see"):
            getattr(net, name)
    assert not {"coef_", "intercept_"} & vars(pickle.loads(pickle.dumps(net))).keys()


def test_a_subclass_that_sets_its_own() -> None:
    """As people do who select features by a network with hidden layers."""

    class Weighing(MLPClassifier):
        def fit(self, X: Any, y: Any) -> Any:
            super().fit(X, y)
            self.coef_ = np.abs(self.coefs_[0]).mean(axis=1)
            return self

    clf = Weighing(**FEW | {"hidden_layer_sizes": (3,)})
    assert not hasattr(clf, "coef_")
    assert SelectFromModel(clf, max_features=2).fit(X, LABELS).get_support().sum() <= 2
    assert clf.fit(X, LABELS).coef_.shape == (4,)
    assert "coef_" in dir(clf)


@pytest.mark.parametrize("kind", [MLPClassifier, MLPRegressor])
def test_a_notebook_shows_what_there_is(kind: Any) -> None:
    deep = kind(hidden_layer_sizes=(3,), solver="lbfgs", max_iter=1000).fit(X, LABELS)
    shown = {name for name, _ in inspect.getmembers(deep)}
    assert not {"coef_", "intercept_", "learning_rate_"} & shown
    assert "coefs_" in shown
    assert "property object" not in estimator_html_repr(deep)
    linear = kind(**FEW).fit(X, LABELS)
    assert {"coef_", "intercept_", "learning_rate_"} <= {*dir(linear)}
    assert ">coef_<" in re.sub(r"\s", "", estimator_html_repr(linear))


def test_selection_of_features() -> None:
    noisy = np.c_[np.random.default_rng(0).normal(size=(150, 3)) / 10, X]
    clf = MLPClassifier(hidden_layer_sizes=(), solver="lbfgs", alpha=1, random_state=0)
    assert RFE(clf, n_features_to_select=2).fit(noisy, LABELS).support_[3:].sum() == 2
    assert not SelectFromModel(clf).fit(noisy, LABELS).get_support()[:3].any()
    with pytest.raises(ValueError, match="importance_getter"):
        RFE(clf.set_params(hidden_layer_sizes=(3,))).fit(noisy, LABELS)
