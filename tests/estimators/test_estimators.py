"""What a person sees of the estimators: parameters, history, labels, types, files, threads."""

import inspect
import multiprocessing
import os
import pickle
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest
from sklearn import neural_network
from sklearn.base import clone
from sklearn.datasets import load_digits, make_regression
from sklearn.metrics import log_loss, mean_squared_error, r2_score
from sklearn.model_selection import train_test_split

import pymlp
from pymlp import MLPClassifier, MLPRegressor

pytestmark = pytest.mark.filterwarnings(
    "ignore:Stochastic Optimizer. Maximum iterations:sklearn.exceptions.ConvergenceWarning"
)

EVERY_ESTIMATOR = pytest.mark.parametrize("name", ["MLPClassifier", "MLPRegressor"])

rng = np.random.default_rng(0)
X = rng.normal(size=(200, 8))
Y = X[:, 0] - np.sin(X[:, 1])
LABELS = np.digitize(Y, [-0.5, 0.5])
X_VAL, Y_VAL = X[150:], Y[150:]


def build(name: str, **params: Any) -> Any:
    defaults = {"hidden_layer_sizes": (9,), "batch_size": 40, "max_iter": 6, "random_state": 1}
    return getattr(pymlp, name)(**defaults | params)


def target(name: str) -> np.ndarray:
    return LABELS if name == "MLPClassifier" else Y


def weights(model: Any) -> np.ndarray:
    """All weights and intercepts in one vector, a copy."""
    return np.concatenate([w.ravel() for w in model.coefs_ + model.intercepts_])


# Parameters


@EVERY_ESTIMATOR
def test_parameters_are_scikit_learns_then_our_own(name: str) -> None:
    ours = inspect.signature(getattr(pymlp, name)).parameters.values()
    theirs = inspect.signature(getattr(neural_network, name)).parameters.values()

    def spell(parameters: Any) -> list[tuple[Any, ...]]:
        return [(p.name, p.kind, p.default) for p in parameters]

    own = [p for p in ours if p.name not in {q.name for q in theirs} or p.name == "loss"]
    if name == "MLPRegressor":
        own = own[1:]  # scikit-learn's own first parameter is the loss
    assert {p.kind for p in own} == {inspect.Parameter.KEYWORD_ONLY}
    assert spell(ours) == spell(theirs) + spell(own)


@EVERY_ESTIMATOR
def test_clone_and_get_params(name: str) -> None:
    model = build(name, n_threads=2, precision="float32", hidden_layer_sizes=[5, 3])
    copy = clone(model.fit(X, target(name)))
    assert copy.get_params() == model.get_params()
    assert copy.get_params()["hidden_layer_sizes"] == [5, 3]
    assert not hasattr(copy, "coefs_")


# History and the validation set


@pytest.mark.parametrize("early_stopping", [True, False])
@pytest.mark.parametrize("own_set", [True, False])
@pytest.mark.parametrize(
    ("name", "plain", "validated"),
    [
        ("MLPClassifier", {"accuracy"}, {"val_loss", "val_accuracy"}),
        ("MLPRegressor", set(), {"val_loss", "val_r2"}),
    ],
)
def test_history_has_one_value_an_epoch(
    name: str, plain: set[str], validated: set[str], own_set: bool, early_stopping: bool
) -> None:
    val = {"X_val": X_VAL, "y_val": target(name)[150:]} if own_set else {}
    model = build(name, early_stopping=early_stopping).fit(X, target(name), **val)
    keys = {"loss", "learning_rate", "seconds"} | plain
    assert set(model.history_) == (keys | validated if own_set or early_stopping else keys)
    for key, values in model.history_.items():
        assert len(values) == model.n_iter_, key
        assert np.isfinite(values).all(), key
    assert model.history_["loss"] == model.loss_curve_
    assert min(model.history_["seconds"]) >= 0
    if early_stopping:
        assert model.history_[max(validated - {"val_loss"})] == model.validation_scores_


@EVERY_ESTIMATOR
def test_history_goes_on_as_the_loss_curve_does(name: str) -> None:
    model = build(name, warm_start=True, max_iter=3)
    for _ in range(2):
        model.fit(X, target(name))
    model.partial_fit(X, target(name))
    assert model.history_["loss"] == model.loss_curve_
    assert {len(values) for values in model.history_.values()} == {7}
    model.set_params(warm_start=False).fit(X, target(name))
    assert {len(values) for values in model.history_.values()} == {3}


def test_history_holds_the_metrics_of_the_model() -> None:
    """With a learning rate of nearly 0 the model stays as it is in the end."""
    still = {"learning_rate_init": 1e-30, "alpha": 0.0}
    val = {"X_val": X_VAL, "y_val": LABELS[150:]}
    clf = build("MLPClassifier", **still).fit(X, LABELS, **val)
    history = clf.history_
    assert history["accuracy"] == pytest.approx([clf.score(X, LABELS)] * 6)
    assert history["val_accuracy"] == pytest.approx([clf.score(X_VAL, LABELS[150:])] * 6)
    expected = log_loss(LABELS[150:], clf.predict_proba(X_VAL))
    assert history["val_loss"] == pytest.approx([expected] * 6)

    reg = build("MLPRegressor", **still).fit(X, Y, X_val=X_VAL, y_val=Y_VAL)
    predicted = reg.predict(X_VAL)
    assert reg.history_["val_r2"] == pytest.approx([r2_score(Y_VAL, predicted)] * 6)
    assert reg.history_["val_loss"] == pytest.approx([mean_squared_error(Y_VAL, predicted) / 2] * 6)


@EVERY_ESTIMATOR
def test_a_validation_set_takes_no_rows_from_training(name: str) -> None:
    y = target(name)
    plain = build(name).fit(X, y)
    watched = build(name).fit(X, y, X_val=X_VAL, y_val=y[150:])
    stopping = build(name, early_stopping=True).fit(X, y, X_val=X_VAL, y_val=y[150:])
    np.testing.assert_array_equal(weights(watched), weights(plain))
    assert stopping.loss_curve_ == plain.loss_curve_
    assert stopping.t_ == 6 * len(X)


@EVERY_ESTIMATOR
def test_early_stopping_on_a_validation_set_keeps_the_best_weights(name: str) -> None:
    y, noise = target(name), rng.permutation(target(name)[150:])  # nothing to learn: soon no better
    model = build(name, early_stopping=True, n_iter_no_change=3, max_iter=500)
    model.set_params(learning_rate_init=0.01).fit(X[:150], y[:150], X_val=X_VAL, y_val=noise)
    scores = model.validation_scores_
    assert model.n_iter_ < 500
    assert max(scores) > scores[-1]
    assert model.best_validation_score_ == max(scores)
    assert model.score(X_VAL, noise) == pytest.approx(max(scores), abs=1e-12)


@EVERY_ESTIMATOR
@pytest.mark.parametrize("missing", ["X_val", "y_val"])
def test_half_a_validation_set_is_an_error(missing: str, name: str) -> None:
    val = {"X_val": X_VAL, "y_val": target(name)[150:]}
    del val[missing]
    with pytest.raises(ValueError, match=missing):
        build(name).fit(X, target(name), **val)


@pytest.mark.parametrize(
    ("params", "rates"),
    [
        ({"solver": "sgd"}, [0.01] * 6),
        ({"solver": "adam"}, [0.01] * 6),  # the rate asked for, not Adam's correction of it
        (
            {"solver": "sgd", "learning_rate": "invscaling", "power_t": 0.3},
            [0.01 / (1 + 200 * epoch) ** 0.3 for epoch in range(6)],
        ),
        (  # never good enough: a fifth from every second epoch on, once one came without progress
            {"solver": "sgd", "learning_rate": "adaptive", "tol": 1e9, "n_iter_no_change": 1},
            [0.01, 0.01, 0.01, 0.002, 0.002, 0.0004],
        ),
    ],
    ids=["sgd", "adam", "invscaling", "adaptive"],
)
def test_history_holds_the_rate_that_an_epoch_used(
    params: dict[str, Any], rates: list[float]
) -> None:
    model = build("MLPClassifier", learning_rate_init=0.01, **params).fit(X, LABELS)
    assert model.history_["learning_rate"] == pytest.approx(rates)


# Labels, types, files


def test_string_labels() -> None:
    names = np.array(["few", "some", "many"])[LABELS]
    clf = build("MLPClassifier", early_stopping=True, max_iter=60, learning_rate_init=0.01)
    clf.fit(X, names, X_val=X_VAL, y_val=names[150:])
    assert clf.classes_.tolist() == ["few", "many", "some"]
    assert set(clf.predict(X)) == set(names)
    assert clf.score(X, names) > 0.8


def test_partial_fit_learns_classes_that_come_later() -> None:
    clf = build("MLPClassifier", learning_rate_init=0.01)
    clf.partial_fit(X[LABELS < 2], LABELS[LABELS < 2], classes=[0, 1, 2])
    assert clf.predict_proba(X).shape == (200, 3)
    for _ in range(60):
        clf.partial_fit(X, LABELS)
    assert clf.n_iter_ == 1
    assert clf.score(X, LABELS) > 0.8


def test_predict_log_proba() -> None:
    clf = build("MLPClassifier").fit(X, LABELS)
    np.testing.assert_array_equal(clf.predict_log_proba(X), np.log(clf.predict_proba(X)))
    np.testing.assert_array_equal(clf.predict(X), clf.predict_proba(X).argmax(axis=1))


@EVERY_ESTIMATOR
@pytest.mark.parametrize(
    ("given", "precision", "used"),
    [
        ("float32", None, "float32"),
        ("float64", None, "float64"),
        ("int16", None, "float64"),
        ("float64", "float32", "float32"),
        ("float32", "float64", "float64"),
    ],
)
def test_precision_follows_x_or_the_parameter(
    given: str, precision: str | None, used: str, name: str
) -> None:
    rows = (10 * X).astype(given)
    y = target(name)  # the regressor's is float64 and must not decide
    for method in ("fit", "partial_fit"):
        first = {"classes": [0, 1, 2]} if (method, name) == ("partial_fit", "MLPClassifier") else {}
        model = getattr(build(name, precision=precision), method)(rows, y, **first)
        assert {w.dtype.name for w in model.coefs_ + model.intercepts_} == {used}
        assert getattr(model, "predict_proba", model.predict)(rows).dtype == used


@EVERY_ESTIMATOR
def test_a_stored_model_predicts_and_goes_on_training(name: str, tmp_path: Path) -> None:
    y = target(name)
    model = build(name).fit(X, y).partial_fit(X, y)
    joblib.dump(model, tmp_path / "model")
    copies = [pickle.loads(pickle.dumps(model)), joblib.load(tmp_path / "model")]
    mapped = joblib.load(tmp_path / "model", mmap_mode="r")
    np.testing.assert_array_equal(mapped.predict(X), model.predict(X))
    model.partial_fit(X, y)  # with the moments of the last one
    for copy in copies:
        np.testing.assert_array_equal(weights(copy.partial_fit(X, y)), weights(model))
        np.testing.assert_array_equal(copy.predict(X), model.predict(X))
        assert copy.history_["loss"] == model.history_["loss"]


@EVERY_ESTIMATOR
def test_weights_set_by_hand_are_used(name: str) -> None:
    y = target(name)
    source, model = (
        build(name, solver="sgd", momentum=0.0, shuffle=False, random_state=seed).fit(X, y)
        for seed in (1, 2)
    )
    model.coefs_ = [np.array(w, order="F") for w in source.coefs_]
    model.intercepts_ = [b.copy() for b in source.intercepts_]
    np.testing.assert_array_equal(model.predict(X), source.predict(X))
    model.partial_fit(X, y)
    source.partial_fit(X, y)
    np.testing.assert_array_equal(weights(model), weights(source))
    model.coefs_[-1][...] = 0  # also in place
    model.intercepts_[-1][...] = [-1, 9, 2][: model.n_outputs_]
    assert set(model.predict(X)) == {1 if name == "MLPClassifier" else -1}


# Threads and processes


def test_two_fits_at_once() -> None:
    def fit(seed: int) -> np.ndarray:
        model = build("MLPClassifier", random_state=seed, n_threads=2, max_iter=40)
        return weights(model.fit(X, LABELS))

    alone = [fit(seed) for seed in range(4)]
    with ThreadPoolExecutor(2) as pool:
        together = list(pool.map(fit, range(4)))
    np.testing.assert_array_equal(together, alone)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_forked_child_fits_and_predicts() -> None:
    """The child inherits a thread team without its threads."""
    expected = build("MLPRegressor", n_threads=2).fit(X, Y).predict(X)
    context = multiprocessing.get_context("fork")
    receiver, sender = context.Pipe(duplex=False)

    def fit_in_child() -> None:
        sender.send(build("MLPRegressor", n_threads=2).fit(X, Y).predict(X))

    child = context.Process(target=fit_in_child)
    child.start()
    try:
        assert receiver.poll(60), "no answer: the child hangs"
        np.testing.assert_array_equal(receiver.recv(), expected)
    finally:
        child.kill()
        child.join()
    np.testing.assert_array_equal(build("MLPRegressor", n_threads=2).fit(X, Y).predict(X), expected)


# It learns


@pytest.mark.parametrize("solver", ["sgd", "adam"])
def test_learns_digits(solver: str) -> None:
    pixels, y = load_digits(return_X_y=True)
    X_train, X_test, y_train, y_test = train_test_split(pixels / 16, y, random_state=0)
    clf = MLPClassifier((50,), solver=solver, learning_rate_init=0.02, batch_size=50)
    clf.set_params(max_iter=25, random_state=0).fit(X_train, y_train)
    assert clf.score(X_test, y_test) > 0.95
    assert clf.history_["accuracy"][-1] > 0.98 > clf.history_["accuracy"][0]


def test_learns_a_regression() -> None:
    rows, y = make_regression(500, 10, noise=1.0, random_state=0)
    X_train, X_test, y_train, y_test = train_test_split(rows, y / y.std(), random_state=0)
    reg = MLPRegressor(hidden_layer_sizes=(30,), learning_rate_init=0.01, random_state=0)
    assert reg.set_params(max_iter=100).fit(X_train, y_train).score(X_test, y_test) > 0.95
