"""Hidden activations, and the network as a transformer."""

import re
from typing import Any

import numpy as np
import pandas as pd
import pytest
from formulas import ACTIVATIONS
from scipy import sparse, special
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import estimator_html_repr

from pymlp import MLPClassifier, MLPRegressor

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

rng = np.random.default_rng(0)
X = rng.normal(size=(70, 5))
LABELS = np.digitize(X[:, 0] * X[:, 1], [-0.3, 0.3])
MIXED = ["gelu", "logistic", "hard_sigmoid"]


def build(**params: Any) -> Any:
    defaults = {"hidden_layer_sizes": (8, 6, 4), "max_iter": 5, "random_state": 0}
    return MLPClassifier(**defaults | params)


def layers(clf: Any, activations: list[str]) -> list[np.ndarray]:
    """What each layer puts out, by NumPy."""
    outputs = [X]
    for w, b, name in zip(clf.coefs_, clf.intercepts_, activations, strict=False):
        outputs.append(ACTIVATIONS[name][0](outputs[-1] @ w + b))
    return outputs[1:]


@pytest.mark.parametrize("activation", [*ACTIVATIONS, MIXED], ids=str)
def test_hidden_activations(activation: Any) -> None:
    clf = build(activation=activation).fit(X, LABELS)
    names = activation if isinstance(activation, list) else [activation] * 3
    expected = layers(clf, names)
    for layer in (0, 1, 2, -1, -2, -3):
        actual = clf.hidden_activations(X, layer)
        np.testing.assert_allclose(actual, expected[layer], rtol=1e-9, atol=1e-12)
    last = expected[-1] @ clf.coefs_[-1] + clf.intercepts_[-1]
    np.testing.assert_allclose(clf.predict_proba(X), special.softmax(last, axis=1), rtol=1e-9)


@pytest.mark.parametrize("precision", ["float32", "float64"])
def test_type_and_layout(precision: str) -> None:
    clf = build(precision=precision).fit(X, LABELS)
    for rows in (X, X.tolist(), np.asfortranarray(X), sparse.csr_array(X), sparse.csc_matrix(X)):
        out = clf.transform(rows)
        assert out.dtype == precision
        np.testing.assert_allclose(out, clf.hidden_activations(X), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("layer", [3, -4, 100])
def test_layers_out_of_range(layer: int) -> None:
    clf = build().fit(X, LABELS)
    with pytest.raises(ValueError, match=f"among the network's 3 hidden layers.* Got {layer}"):
        clf.hidden_activations(X, layer)


def test_no_hidden_layers() -> None:
    clf = build(hidden_layer_sizes=()).fit(X, LABELS)
    with pytest.raises(ValueError, match="0 hidden layers"):
        clf.transform(X)


def test_before_fit() -> None:
    with pytest.raises(NotFittedError):
        build().transform(X)
    with pytest.raises(NotFittedError):
        build().get_feature_names_out()


@pytest.mark.parametrize(
    "activation", [MIXED[:2], [*MIXED, "relu"], ["relu", "tanh", "gelus"], [3]]
)
def test_wrong_lists_of_activations(activation: Any) -> None:
    message = "'activation' parameter must (have one value a hidden layer.* for 3|be among)"
    with pytest.raises(ValueError, match=message):
        build(activation=activation).fit(X, LABELS)


def test_a_list_of_equal_names_is_the_name() -> None:
    a = build(activation=["logistic"] * 3).fit(X, LABELS)
    b = build(activation="logistic").fit(X, LABELS)
    np.testing.assert_allclose(a.coefs_[0], b.coefs_[0], rtol=1e-9)


# A transformer


def test_feature_names_and_frames() -> None:
    clf = build().fit(X, LABELS)
    names = [f"mlpclassifier{k}" for k in range(4)]
    assert clf.get_feature_names_out().tolist() == names
    frame = clf.set_output(transform="pandas").transform(X)
    assert frame.columns.tolist() == names
    np.testing.assert_array_equal(frame, clf.hidden_activations(X))


def test_in_a_pipeline() -> None:
    pipeline = make_pipeline(
        StandardScaler(), build(max_iter=80, learning_rate_init=0.02), LogisticRegression(C=100)
    )
    pipeline.set_output(transform="pandas").fit(X, LABELS)
    assert pipeline.score(X, LABELS) > 0.8
    assert isinstance(pipeline[:-1].transform(X), pd.DataFrame)


def test_diagrams_have_no_box_of_the_transforms_columns() -> None:
    """What is drawn predicts: '50 features' below it would be read as the data's."""
    clf = build().fit(X, LABELS)
    pipeline = make_pipeline(StandardScaler(), build()).fit(X, LABELS)
    drawn = (clf._repr_html_(), estimator_html_repr(clf), pipeline._repr_html_())
    for html, boxes in zip(drawn, ([], [], ["5 features"]), strict=True):
        assert "mlpclassifier0" not in html
        assert re.findall(r"\d+ features", html) == boxes  # the scaler's
    assert clf.get_feature_names_out().tolist() == [f"mlpclassifier{k}" for k in range(4)]


def test_fit_transform() -> None:
    reg = MLPRegressor(hidden_layer_sizes=(3,), max_iter=4, random_state=0)
    features = reg.fit_transform(X, X[:, 0])
    np.testing.assert_array_equal(features, reg.hidden_activations(X))
