"""The estimators inside what scikit-learn builds of estimators."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import (
    BaggingClassifier,
    BaggingRegressor,
    StackingClassifier,
    StackingRegressor,
    VotingClassifier,
)
from sklearn.inspection import partial_dependence, permutation_importance
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV, cross_val_predict, cross_val_score
from sklearn.multioutput import ClassifierChain, MultiOutputClassifier
from sklearn.utils import get_tags

from pymlp import MLPClassifier, MLPRegressor

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

rng = np.random.default_rng(0)
X = rng.normal(size=(150, 4))
Y = 2 * X[:, 0] - X[:, 1]
NAMES = np.array(["low", "middle", "high"])[np.digitize(Y, [-1, 1])]
CLF = MLPClassifier((8,), learning_rate_init=0.02, max_iter=30, random_state=0)
REG = MLPRegressor(
    hidden_layer_sizes=(8,), learning_rate_init=0.02, max_iter=60, batch_size=20, random_state=0
)
WRAPPERS: dict[str, tuple[Any, np.ndarray]] = {
    "calibrated": (CalibratedClassifierCV(CLF, cv=3), NAMES),
    "bagging": (BaggingClassifier(CLF, n_estimators=3, random_state=0), NAMES),
    "bagging regressor": (BaggingRegressor(REG, n_estimators=3, random_state=0), Y),
    "stacking": (StackingClassifier([("mlp", CLF)], LogisticRegression(), cv=3), NAMES),
    "stacking regressor": (StackingRegressor([("mlp", REG)], Ridge(), cv=3), Y),
    "voting": (
        VotingClassifier([("mlp", CLF), ("linear", LogisticRegression())], voting="soft"),
        NAMES,
    ),
    "search": (GridSearchCV(CLF, {"activation": [["tanh"], "gelu"]}, cv=2), NAMES),
    "search by classes": (
        GridSearchCV(CLF, {"class_weight": [None, "balanced"], "dropout": [0.0, [0.1]]}, cv=2),
        NAMES,
    ),
}


@pytest.mark.parametrize("name", WRAPPERS)
def test_wrapped(name: str) -> None:
    model, y = WRAPPERS[name]
    assert clone(model).fit(X, y).score(X, y) > 0.7


def test_multi_output_wrappers() -> None:
    y = np.c_[Y > 0, X[:, 2] > 0].astype(int)
    for model in (MultiOutputClassifier(CLF), ClassifierChain(CLF, random_state=0)):
        assert model.fit(X, y).predict(X).shape == (150, 2)


def test_cross_validation() -> None:
    assert cross_val_score(CLF, X, NAMES, cv=3, scoring="roc_auc_ovo").mean() > 0.9
    assert cross_val_score(REG, X, Y, cv=3).mean() > 0.8
    assert cross_val_predict(CLF, X, NAMES, cv=3, method="predict_proba").shape == (150, 3)


def test_inspection() -> None:
    reg = clone(REG).fit(X, Y)
    curve = partial_dependence(reg, X, [0])
    assert np.polyfit(curve["grid_values"][0], curve["average"][0], 1)[0] == pytest.approx(
        2, abs=0.5
    )
    importance = permutation_importance(reg, X, Y, random_state=0)["importances_mean"]
    assert importance.argmax() == 0
    clf = clone(CLF).fit(X, NAMES)
    assert partial_dependence(clf, X, [0])["average"].shape[0] == 3
    assert permutation_importance(clf, X, NAMES, random_state=0)["importances_mean"].argmax() == 0


def test_frames() -> None:
    frame = pd.DataFrame(X, columns=list("abcd"))
    clf = clone(CLF).fit(frame, pd.Series(NAMES, dtype="category"))
    assert clf.feature_names_in_.tolist() == list("abcd")
    np.testing.assert_array_equal(clf.predict(frame), clone(CLF).fit(X, NAMES).predict(X))
    with pytest.raises(ValueError, match="feature names should match"):
        clf.predict(frame[list("dcba")])
    with pytest.warns(UserWarning, match="does not have valid feature names"):
        clf.predict(X)


def test_polars() -> None:
    polars = pytest.importorskip("polars")
    frame = polars.DataFrame({name: X[:, k] for k, name in enumerate("abcd")})
    clf = clone(CLF).fit(frame, polars.Series(NAMES))
    assert clf.feature_names_in_.tolist() == list("abcd")
    np.testing.assert_array_equal(clf.predict(frame), clone(CLF).fit(X, NAMES).predict(X))


def test_tags_and_representations() -> None:
    for model in (CLF, REG):
        tags = get_tags(model)
        assert tags.input_tags.sparse
        assert tags.target_tags.multi_output
        assert type(model).__name__ in model._repr_html_()
        assert "random_state=0" in repr(model)
    assert get_tags(CLF).classifier_tags.multi_label
