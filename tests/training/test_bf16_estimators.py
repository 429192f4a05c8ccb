"""Estimators with precision='bfloat16'."""

import pickle
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import sparse
from sklearn.base import clone
from sklearn.datasets import load_diabetes, load_digits
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

from pymlp import MLPClassifier, MLPEnsembleClassifier, MLPRegressor

Array = NDArray[Any]
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@pytest.fixture(scope="module")
def digits() -> tuple[Array, Array, Array, Array]:
    X, y = load_digits(return_X_y=True)
    return tuple(train_test_split(X.astype(np.uint8), y, random_state=0))  # type: ignore[return-value]


def classifier(**options: Any) -> MLPClassifier:
    settings = {"precision": "bfloat16", "max_iter": 12, "batch_size": 50, "random_state": 0}
    return MLPClassifier(**({"hidden_layer_sizes": (60, 30)} | settings | options)).set_params(
        tol=0, n_iter_no_change=100
    )


def test_learns_digits(digits: tuple[Array, ...]) -> None:
    X_train, X_test, y_train, y_test = digits
    score = classifier().fit(X_train, y_train).score(X_test, y_test)
    single = classifier(precision="float32").fit(X_train, y_train)
    assert score > 0.93
    assert abs(score - single.score(X_test, y_test)) < 0.02


def test_learns_a_regression() -> None:
    X, y = load_diabetes(return_X_y=True)
    X, y = StandardScaler().fit_transform(X), (y - y.mean()) / y.std()
    model = MLPRegressor(
        hidden_layer_sizes=(20,), precision="bfloat16", alpha=1.0, max_iter=100, random_state=0
    )
    model.set_params(tol=0, n_iter_no_change=100).fit(X, y)
    single = clone(model).set_params(precision="float32").fit(X, y)
    assert abs(model.score(X, y) - single.score(X, y)) < 0.01


def test_what_a_fit_leaves_is_float32(digits: tuple[Array, ...]) -> None:
    X_train, X_test, y_train, _ = digits
    model = classifier(early_stopping=True).fit(X_train, y_train)
    assert {a.dtype for a in [*model.coefs_, *model.intercepts_]} == {np.dtype(np.float32)}
    assert model.predict_proba(X_test).dtype == np.float32
    copy = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(copy.predict_proba(X_test), model.predict_proba(X_test))


@pytest.mark.parametrize("options", [{}, {"solver": "sgd", "dropout": 0.2}], ids=["adam", "sgd"])
def test_same_bits(digits: tuple[Array, ...], options: dict[str, Any]) -> None:
    X_train, X_test, y_train, _ = digits
    one, three = (classifier(n_threads=n, **options).fit(X_train, y_train) for n in (1, 3))
    for a, b in zip(one.coefs_, three.coefs_, strict=True):
        np.testing.assert_array_equal(a, b)
    together = one.predict_proba(X_test)
    np.testing.assert_array_equal(together, three.predict_proba(X_test))
    for i in (0, 7, len(X_test) - 1):  # nor do they depend on the other rows of the call
        np.testing.assert_array_equal(one.predict_proba(X_test[i : i + 1]), together[i : i + 1])
    # nor on how X is stored
    as_float = classifier(n_threads=1, **options).fit(
        np.asfortranarray(X_train, np.float32), y_train
    )
    np.testing.assert_array_equal(as_float.coefs_[0], one.coefs_[0])
    np.testing.assert_array_equal(as_float.predict_proba(X_test.astype(np.float32)), together)


def test_predictions_are_those_of_the_precision(digits: tuple[Array, ...]) -> None:
    X_train, X_test, y_train, _ = digits
    model = classifier(max_iter=2).fit(X_train, y_train)
    rounded = model.predict_proba(X_test)
    exact = model.set_params(precision=None).predict_proba(X_test)
    difference = np.abs(rounded - exact).max()
    assert 0 < difference < 0.05


def test_sparse_rows(digits: tuple[Array, ...]) -> None:
    """Their first layer is multiplied in float32: a mini-batch's entries are few."""
    X_train, X_test, y_train, y_test = digits
    X_train = X_train.astype(np.float32)
    dense = classifier().fit(X_train, y_train)
    of_entries = classifier().fit(sparse.csr_array(X_train), y_train)
    rows = sparse.csr_array(X_test.astype(np.float32))
    assert abs(of_entries.score(rows, y_test) - dense.score(X_test, y_test)) < 0.03
    # small whole numbers lose nothing, but the weights do
    assert not np.array_equal(of_entries.coefs_[0], dense.coefs_[0])


def test_training_goes_on_in_another_precision(digits: tuple[Array, ...]) -> None:
    X_train, _, y_train, _ = digits
    model = classifier(precision="float64", max_iter=3).fit(X_train, y_train)
    model.set_params(precision="bfloat16", warm_start=True).fit(X_train, y_train)
    assert model.coefs_[0].dtype == np.float32
    before = model.loss_
    for _ in range(3):
        model.partial_fit(X_train, y_train)
    assert model.loss_ < before


def test_an_ensembles_members_are_single_fits(digits: tuple[Array, ...]) -> None:
    X_train, X_test, y_train, _ = digits
    ensemble = MLPEnsembleClassifier(classifier(max_iter=3), n_estimators=2, random_state=0)
    members = ensemble.fit(X_train, y_train).estimators_
    assert all(member.precision == "bfloat16" for member in members)
    mean = np.mean([member.predict_proba(X_test) for member in members], axis=0)
    np.testing.assert_allclose(ensemble.predict_proba(X_test), mean, rtol=1e-5)


def test_lbfgs_is_refused(digits: tuple[Array, ...]) -> None:
    X_train, _, y_train, _ = digits
    with pytest.raises(ValueError, match="'precision' parameter needs a stochastic solver"):
        classifier(solver="lbfgs").fit(X_train, y_train)
