"""Estimators whose fitted attributes were set by hand, as whoever has only the arrays does."""

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pymlp
from pymlp import MLPClassifier, MLPRegressor

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

rng = np.random.default_rng(0)
X = rng.normal(size=(60, 4))
NUMBERS = np.digitize(X[:, 0], [-0.5, 0.5])
ATTRIBUTES = ("coefs_", "intercepts_", "n_layers_", "n_outputs_", "out_activation_", "classes_")
LABELS: dict[str, Any] = {
    "three classes": NUMBERS,
    "two classes": X[:, 0] > 0,
    "one class": np.full(60, "only"),
    "names": np.array(["a", "b", "c"])[NUMBERS],
    "an indicator matrix": (X[:, :2] > 0).astype(int),
    "an indicator matrix of three": (X[:, :3] > 0).astype(int),
    "several labels": np.c_[NUMBERS, NUMBERS + 3],
    "several labels of two types": np.c_[np.array(["a", "b", "c"], object)[NUMBERS], NUMBERS],
}
TARGETS: dict[str, tuple[Any, dict[str, Any]]] = {
    "one": (X[:, 0], {}),
    "two": (X[:, :2], {}),
    "exp": (np.abs(X[:, 0]), {"loss": "poisson"}),
    "quantiles of two": (X[:, :2], {"loss": "pinball", "quantile": [0.1, 0.5, 0.9]}),
}


def rebuilt(fitted: Any) -> Any:
    """A new estimator with nothing but the arrays and what they mean."""
    by_hand = type(fitted)(**fitted.get_params())
    for name in ATTRIBUTES:
        if hasattr(fitted, name):
            setattr(by_hand, name, getattr(fitted, name))
    return by_hand


def assert_same(found: Any, expected: Any) -> None:
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_array_equal(a, b, strict=True)


@pytest.mark.parametrize("loss", ["log_loss", "hinge"])
@pytest.mark.parametrize("labels", LABELS)
def test_classifiers(labels: str, loss: str, tmp_path: Path) -> None:
    y = LABELS[labels]
    fitted = MLPClassifier((5,), max_iter=3, loss=loss, random_state=0).fit(X, y)
    if (labels, loss) == ("an indicator matrix of three", "hinge"):
        pytest.skip("three scores may as well be those of three classes")
    for name in ("predict", "predict_proba", "decision_function", "transform"):
        if hasattr(fitted, name):
            assert_same(getattr(rebuilt(fitted), name)(X), getattr(fitted, name)(X))
    clf = rebuilt(fitted)
    assert clf.score(X, y) == fitted.score(X, y)
    clf.save(tmp_path / "model")
    for copy in (pymlp.load(tmp_path / "model"), pickle.loads(pickle.dumps(rebuilt(fitted)))):
        assert_same(copy.predict(X), fitted.predict(X))
    with pytest.raises(ValueError, match=r"classes|columns|one label|indicator"):
        clf.partial_fit(X, np.arange(60) % 9)
    clf.partial_fit(X, y).fit(X, y)


@pytest.mark.parametrize("targets", TARGETS)
def test_regressors(targets: str, tmp_path: Path) -> None:
    y, params = TARGETS[targets]
    fitted = MLPRegressor(hidden_layer_sizes=(5,), max_iter=3, random_state=0, **params).fit(X, y)
    reg = rebuilt(fitted)
    assert_same(reg.predict(X), fitted.predict(X))
    assert reg.score(X, y) == fitted.score(X, y)
    reg.save(tmp_path / "model")
    assert_same(pymlp.load(tmp_path / "model").predict(X), fitted.predict(X))


def test_export(tmp_path: Path) -> None:
    pytest.importorskip("onnx")
    fitted = MLPClassifier((5,), max_iter=3).fit(X, NUMBERS)
    for name, clf in {"fitted": fitted, "by_hand": rebuilt(fitted)}.items():
        pymlp.onnx.export(clf, tmp_path / name)
    assert (tmp_path / "by_hand").read_bytes() == (tmp_path / "fitted").read_bytes()


@pytest.mark.parametrize(
    ("classes", "message"),
    [
        (["a", "b"], "classes_ needs 1 outputs, n_outputs_ is 3"),
        (["c", "a", "b"], "classes_ is not a list of distinct ones in ascending order"),
        (["a", "a", "b"], "classes_ is not a list of distinct ones in ascending order"),
        (["a", 1, 2], "classes_ must hold labels that can be sorted"),
    ],
)
def test_classes_that_do_not_fit(classes: Any, message: str) -> None:
    clf = rebuilt(MLPClassifier((5,), max_iter=3).fit(X, NUMBERS))
    clf.classes_ = classes
    with pytest.raises((TypeError, ValueError), match=message):
        clf.predict(X)
    clf.classes_ = ["a", "b", "c"]
    assert set(clf.predict(X)) <= {"a", "b", "c"}


def test_quantiles_that_do_not_fit() -> None:
    reg = rebuilt(MLPRegressor(hidden_layer_sizes=(5,), max_iter=3).fit(X, X[:, :2]))
    reg.set_params(loss="pinball", quantile=[0.1, 0.5, 0.9])
    with pytest.raises(
        ValueError, match=r"n_outputs_ is 2, which quantile=\[0.1, 0.5, 0.9\] do not"
    ):
        reg.predict(X)
