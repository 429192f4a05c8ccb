"""Bad input gets scikit-learn's error, or a clear one of our own, and never ends the process.

Where scikit-learn has an error for a case, it is raised here too and its words are the expectation.
"""

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from sklearn import neural_network
from sklearn.exceptions import ConvergenceWarning

import pymlp

pytestmark = pytest.mark.filterwarnings(
    "ignore:Stochastic Optimizer. Maximum iterations:sklearn.exceptions.ConvergenceWarning"
)

EVERY_ESTIMATOR = pytest.mark.parametrize("name", ["MLPClassifier", "MLPRegressor"])

rng = np.random.default_rng(0)
X = rng.integers(-8, 9, size=(60, 5)) / 4  # exact in every floating-point type
LABELS = np.arange(60) % 3
Y = X[:, 0] - X[:, 1] ** 2


def build(name: str, module: Any = pymlp, **params: Any) -> Any:
    defaults = {"hidden_layer_sizes": (4,), "max_iter": 3, "random_state": 0, "batch_size": 20}
    return getattr(module, name)(**defaults | params)


def target(name: str) -> np.ndarray:
    return LABELS if name == "MLPClassifier" else Y


def weights(model: Any) -> np.ndarray:
    return np.concatenate([np.ravel(w) for w in [*model.coefs_, *model.intercepts_]])


def assert_same_error(act: Callable[[Any], Any]) -> None:
    """``act(module)`` raises the same error with scikit-learn's estimators and with ours."""
    with pytest.raises(Exception, match=r".") as theirs:
        act(neural_network)
    with pytest.raises(theirs.type, match=f"^{re.escape(str(theirs.value))}$"):
        act(pymlp)


def put(rows: np.ndarray, value: Any) -> np.ndarray:
    """A copy of an array with one value replaced."""
    rows = rows.astype(object if isinstance(value, str) else np.result_type(rows, float))
    rows[(7,) + (2,) * (rows.ndim - 1)] = value
    return rows


# Data

BAD_X = {
    "one dimension": X[:, 0],
    "three dimensions": X[None],
    "no rows": X[:0],
    "no columns": X[:, :0],
    "a number": 3.0,
    "NaN": put(X, np.nan),
    "infinity": put(X, np.inf),
    "minus infinity": put(X, -np.inf),
    "a string": put(X, "three"),
    "complex": X * 1j,
    "strings": np.full((60, 5), "a"),
    "ragged": [[1.0, 2.0]] * 59 + [[1.0]],
    "too few": X[:50],
}
BAD_Y: dict[str, tuple[str, Any]] = {
    "too short": ("MLPClassifier", LABELS[:50]),
    "none": ("MLPClassifier", None),
    "NaN labels": ("MLPClassifier", put(LABELS, np.nan)),
    "labels in three dimensions": ("MLPClassifier", np.zeros((60, 2, 2), dtype=int)),
    "too short for the regressor": ("MLPRegressor", Y[:50]),
    "none for the regressor": ("MLPRegressor", None),
    "NaN": ("MLPRegressor", put(Y, np.nan)),
    "infinity": ("MLPRegressor", put(Y, np.inf)),
    "complex": ("MLPRegressor", Y * 1j),
    "words": ("MLPRegressor", put(Y, "three")),
    "three dimensions": ("MLPRegressor", np.zeros((60, 2, 2))),
}
BAD_WEIGHTS: dict[str, Any] = {
    "too short": np.ones(50),
    "two dimensions": np.ones((60, 2)),
    "NaN": put(np.ones(60), np.nan),
    "infinity": put(np.ones(60), np.inf),
    "all zero": np.zeros(60),
}


@EVERY_ESTIMATOR
@pytest.mark.parametrize("case", BAD_X)
def test_bad_x(case: str, name: str) -> None:
    assert_same_error(lambda module: build(name, module).fit(BAD_X[case], target(name)))


@pytest.mark.parametrize("case", BAD_Y)
def test_bad_y(case: str) -> None:
    name, y = BAD_Y[case]
    assert_same_error(lambda module: build(name, module).fit(X, y))


@EVERY_ESTIMATOR
@pytest.mark.parametrize("case", BAD_WEIGHTS)
def test_bad_sample_weight(case: str, name: str) -> None:
    weight = BAD_WEIGHTS[case]
    assert_same_error(lambda m: build(name, m).fit(X, target(name), sample_weight=weight))


BAD_X_FOR_PREDICT = BAD_X | {"too narrow": X[:, :3], "too wide": np.c_[X, X]}
del BAD_X_FOR_PREDICT["too few"], BAD_X_FOR_PREDICT["strings"]  # scikit-learn words it in two ways


@EVERY_ESTIMATOR
@pytest.mark.parametrize("case", BAD_X_FOR_PREDICT)
def test_bad_x_for_predict(case: str, name: str) -> None:
    rows = BAD_X_FOR_PREDICT[case]
    assert_same_error(lambda module: build(name, module).fit(X, target(name)).predict(rows))


@pytest.mark.parametrize("method", ["predict", "predict_proba", "predict_log_proba"])
def test_classifier_before_fit(method: str) -> None:
    assert_same_error(lambda module: getattr(build("MLPClassifier", module), method)(X))


def test_regressor_before_fit() -> None:
    assert_same_error(lambda module: build("MLPRegressor", module).predict(X))


EARLY: dict[str, Any] = {"early_stopping": True}
NO_ROW: dict[str, Any] = EARLY | {"validation_fraction": 0.0}
OWN_ERRORS: dict[str, tuple[str, Any, Any, dict[str, Any], str]] = {
    "no row to validate": ("MLPClassifier", X, LABELS, NO_ROW, "validation_fraction > 0"),
    "real numbers": ("MLPClassifier", X, X[:, 0] + 0.1, {}, "Unknown label type"),
    "labels of two kinds": ("MLPClassifier", X, put(LABELS, "a"), {}, "label type|'str' and 'int'"),
    "a class of one row": ("MLPClassifier", X, np.arange(60) == 3, EARLY, "least populated class"),
    "string targets": ("MLPRegressor", X, np.full(60, "a"), {}, "numeric|string|dtype"),
    "negative counts": ("MLPRegressor", X, -np.ones(60), {"loss": "poisson"}, "poisson"),
    "beyond float32": ("MLPClassifier", 1e300 * X, LABELS, {"precision": "float32"}, "float32"),
    "y beyond float32": ("MLPRegressor", X, 1e300 * Y, {"precision": "float32"}, "float32|epoch 1"),
}


@pytest.mark.filterwarnings("ignore:(overflow|invalid value) encountered:RuntimeWarning")
@pytest.mark.parametrize("case", OWN_ERRORS)
def test_errors_of_our_own(case: str) -> None:
    name, rows, y, params, message = OWN_ERRORS[case]
    with pytest.raises((ValueError, TypeError, NotImplementedError), match=message):
        build(name, **params).fit(rows, y)


BAD_VALIDATION: dict[str, tuple[str, Any, Any]] = {
    "other width": ("MLPClassifier", X[:, :3], LABELS),
    "one dimension": ("MLPClassifier", X[:, 0], LABELS),
    "lengths differ": ("MLPClassifier", X, LABELS[:50]),
    "no rows": ("MLPClassifier", X[:0], LABELS[:0]),
    "NaN": ("MLPClassifier", put(X, np.nan), LABELS),
    "unseen class": ("MLPClassifier", X, LABELS + 1),
    "other kind of label": ("MLPClassifier", X, np.array(["a", "b", "c"])[LABELS]),
    "infinite y": ("MLPRegressor", X, put(Y, np.inf)),
    "more outputs": ("MLPRegressor", X, np.c_[Y, Y]),
}


@pytest.mark.parametrize("early_stopping", [True, False])
@pytest.mark.parametrize("case", BAD_VALIDATION)
def test_bad_validation_set(case: str, early_stopping: bool) -> None:
    name, X_val, y_val = BAD_VALIDATION[case]
    model = build(name, early_stopping=early_stopping)
    with pytest.raises(ValueError, match=r"."):
        model.fit(X, target(name), X_val=X_val, y_val=y_val)


BAD_PARAMETERS: dict[str, list[Any]] = {
    "hidden_layer_sizes": [0, -1, 1.5, None, "9", (0,), [5, -3]],
    "activation": ["gelus", None, 3],
    "solver": ["sgdd", None],
    "alpha": [-1e-9, np.nan, "0", None],
    "batch_size": [0, -5, 1.5, "all", None],
    "learning_rate": ["warmup", 0.1],
    "learning_rate_init": [0, -0.1, np.nan, "0.1"],
    "power_t": [-0.5, "a"],
    "max_iter": [0, -1, 2.5, None],
    "shuffle": ["yes", None, 2],
    "random_state": ["seed", -1, 1.5],
    "tol": [-1e-4, None],
    "verbose": ["loud", -1],
    "warm_start": ["yes", None],
    "momentum": [-0.1, 1.1, None],
    "nesterovs_momentum": ["yes", None],
    "early_stopping": ["yes", None],
    "validation_fraction": [-0.1, 1.0, None],
    "beta_1": [-0.1, 1.0],
    "beta_2": [-0.1, 1.0],
    "epsilon": [0.0, -1e-8, None],
    "n_iter_no_change": [0, 1.5, None],
    "max_fun": [0, 1.5],
}


@EVERY_ESTIMATOR
@pytest.mark.parametrize(
    ("parameter", "value"),
    [(key, value) for key, values in BAD_PARAMETERS.items() for value in values],
    ids=repr,
)
def test_bad_parameters(parameter: str, value: Any, name: str) -> None:
    """In the same words but for what is allowed: ours may allow more."""
    with pytest.raises(ValueError, match=parameter) as theirs:
        build(name, neural_network, **{parameter: value}).fit(X, target(name))
    words = str(theirs.value).partition(" must be ")[0]
    with pytest.raises(theirs.type, match=f"^{re.escape(words)} must be ") as ours:
        build(name, **{parameter: value}).fit(X, target(name))
    assert str(ours.value).rpartition(" Got ")[2] == str(theirs.value).rpartition(" Got ")[2]


@EVERY_ESTIMATOR
@pytest.mark.parametrize(
    ("parameter", "value"),
    [("n_threads", value) for value in (0, -3, 1.5, "two")]
    + [("precision", value) for value in ("half", 32, np.float32)],
    ids=repr,
)
def test_bad_parameters_of_our_own(parameter: str, value: Any, name: str) -> None:
    words = rf"^The '{parameter}' parameter of {name} must be .* Got "
    with pytest.raises(ValueError, match=words):
        build(name, **{parameter: value}).fit(X, target(name))


@EVERY_ESTIMATOR
@pytest.mark.parametrize("sizes", [(1.5,), ("a",), (None,), [[3]], (np.nan,), (4, 2.0)], ids=str)
def test_hidden_layer_sizes_that_are_no_integers(sizes: Any, name: str) -> None:
    with pytest.raises((ValueError, TypeError), match="hidden_layer_sizes"):
        build(name, hidden_layer_sizes=sizes).fit(X, target(name))


@EVERY_ESTIMATOR
@pytest.mark.parametrize("precision", ["float32", "float64"])
@pytest.mark.parametrize("sizes", [(2**40,), (2**62,), (2**70,), (3, 2**62), (2**40, 2**40)])
def test_huge_widths(sizes: tuple[int, ...], precision: str, name: str) -> None:
    """More than the address space holds, and more than 64 bits count."""
    with pytest.raises((MemoryError, ValueError), match=r"."):
        build(name, hidden_layer_sizes=sizes, precision=precision).fit(X, target(name))


@EVERY_ESTIMATOR
def test_other_huge_numbers(name: str) -> None:
    model = build(name, max_iter=2**70, n_iter_no_change=2, tol=1e6).fit(X, target(name))
    assert model.n_iter_ == 4  # the first epoch always is progress
    for batch_size in (61, 2**40, 2**70):
        with pytest.warns(UserWarning, match="It is going to be clipped"):
            clipped = build(name, batch_size=batch_size).fit(X, target(name))
        assert clipped.loss_curve_ == build(name, batch_size=60).fit(X, target(name)).loss_curve_


WARM: dict[str, Any] = {"warm_start": True}
WRONG_CALLS: dict[str, tuple[dict[str, Any], Callable[[Any], Any]]] = {
    "no classes": ({}, lambda m: m.partial_fit(X, LABELS)),
    "unseen class": ({}, lambda m: m.partial_fit(X, LABELS, classes=[0, 1])),
    "other classes": ({}, lambda m: m.fit(X, LABELS).partial_fit(X, LABELS, classes=[0, 1])),
    "other width": ({}, lambda m: m.fit(X, LABELS).partial_fit(X[:, :3], LABELS)),
    "other width, warm": (WARM, lambda m: m.fit(X, LABELS).fit(X[:, :3], LABELS)),
    "other classes, warm": (WARM, lambda m: m.fit(X, LABELS).fit(X[:2], LABELS[:2])),
    "partial early stopping": (EARLY, lambda m: m.partial_fit(X, LABELS, classes=[0, 1, 2])),
    "one row to validate": (EARLY, lambda m: m.fit(X[:10], LABELS[:10])),
}


@pytest.mark.parametrize("case", WRONG_CALLS)
def test_wrong_calls(case: str) -> None:
    params, call = WRONG_CALLS[case]
    assert_same_error(lambda module: call(build("MLPClassifier", module, **params)))


def test_a_wrong_partial_fit_leaves_the_model_as_it_was() -> None:
    clf = build("MLPClassifier").fit(X, LABELS)
    before = weights(clf)
    for rows, y in ((X, LABELS + 1), (X[:, :3], LABELS), (put(X, np.nan), LABELS), (X, Y)):
        with pytest.raises(ValueError, match=r"."):
            clf.partial_fit(rows, y)
    np.testing.assert_array_equal(weights(clf), before)
    assert len(clf.loss_curve_) == 3


@EVERY_ESTIMATOR
@pytest.mark.parametrize(
    "change",
    [
        {"solver": "sgd"},
        {"hidden_layer_sizes": (9,)},
        {"hidden_layer_sizes": (4, 4)},
        {"activation": "tanh", "precision": "float32", "batch_size": 1},
    ],
    ids=str,
)
def test_parameters_changed_between_calls(change: dict[str, Any], name: str) -> None:
    """Not a use that means much, so what counts is a sound model or a clear error."""
    model = build(name, warm_start=True).fit(X, target(name)).set_params(**change)
    for train in (model.partial_fit, model.fit):
        try:
            train(X, target(name))
        except ValueError as error:
            assert re.search("hidden_layer_sizes|coefs_", str(error))  # noqa: PT017
        assert np.isfinite(weights(model)).all()
        assert model.predict(X).shape == (60,)


W, V, B, C = np.ones((5, 4)), np.ones((4, 1)), np.ones(4), np.ones(1)  # sound: 5 - 4 - 1
TAMPERED: dict[str, tuple[list[Any], list[Any]]] = {
    "a layer too few": ([W], [B, C]),
    "a layer too many": ([W, V, C[None]], [B, C]),
    "no layers": ([], []),
    "intercepts missing": ([W, V], [C]),
    "input too narrow": ([W[:3], V], [B, C]),
    "input too wide": ([np.ones((9, 4)), V], [B, C]),
    "layers that do not meet": ([W[:, :3], V], [B[:3], C]),
    "another number of outputs": ([W, np.ones((4, 7))], [B, np.ones(7)]),
    "one dimension": ([W.ravel(), V], [B, C]),
    "three dimensions": ([W[None], V], [B, C]),
    "short intercepts": ([W, V], [B[:3], C]),
    "long intercepts": ([W, V], [B, np.ones(99)]),
    "a column of intercepts": ([W, V], [B[:, None], C]),
    "strings": ([W.astype(str), V], [B, C]),
    "complex": ([W * 1j, V], [B, C]),
    "nothing": ([None, V], [B, C]),
    "ragged": ([[[1.0, 2.0], [3.0]], V], [B, C]),
}


@EVERY_ESTIMATOR
@pytest.mark.parametrize("case", TAMPERED)
def test_tampered_weights(case: str, name: str) -> None:
    y = (target(name) > 0).astype(int)  # two classes, or a number: one output
    model = build(name).fit(X, y)
    model.coefs_, model.intercepts_ = TAMPERED[case]
    with pytest.raises(ValueError, match=r"coefs_|intercepts_"):
        model.predict(X)
    with pytest.raises(ValueError, match=r"coefs_|intercepts_"):
        model.partial_fit(X, y)


def test_odd_but_sound_weights() -> None:
    reg = build("MLPRegressor", alpha=0.0).fit(X, Y)
    expected = reg.predict(X)
    reg.coefs_ = [w.astype(np.float32) for w in reg.coefs_]
    np.testing.assert_allclose(reg.predict(X), expected, rtol=1e-4, atol=1e-5)


def named_in(message: str) -> tuple[int, float]:
    """The epoch and the learning rate that a message names."""
    number = r"\d+(?:\.\d+)?(?:e[+-]?\d+)?"
    found = re.search(rf"epoch (\d+).*?learning[ _]rate\D*?({number})", message, re.DOTALL)
    assert found, message
    return int(found[1]), float(found[2])


@pytest.mark.parametrize("solver", ["sgd", "adam"])
@pytest.mark.parametrize("precision", ["float32", "float64"])
def test_a_loss_that_overflows_in_the_first_epoch_is_an_error(precision: str, solver: str) -> None:
    rate = 1e30 if solver == "sgd" else 1e300
    reg = build("MLPRegressor", solver=solver, precision=precision, learning_rate_init=rate)
    with pytest.raises(ValueError, match="epoch") as error:
        reg.set_params(hidden_layer_sizes=(9, 9, 9, 9, 9)).fit(100 * X, Y)
    assert named_in(str(error.value)) == (1, rate)


@EVERY_ESTIMATOR
@pytest.mark.parametrize("early_stopping", [False, True])
def test_a_loss_that_overflows_later_ends_the_fit_with_a_warning(
    early_stopping: bool, name: str
) -> None:
    params = {"solver": "sgd", "hidden_layer_sizes": (), "precision": "float32", "alpha": 1e4}
    params |= {"batch_size": 60, "learning_rate_init": 1.0, "early_stopping": early_stopping}
    params |= {"n_iter_no_change": 1000, "max_iter": 1000, "momentum": 0.0}
    model, val = build(name, **params), {"X_val": X[40:], "y_val": target(name)[40:]}
    with pytest.warns(ConvergenceWarning, match="epoch") as caught:
        model.fit(X, target(name), **val)
    assert len(caught) == 1
    epoch, rate = named_in(str(caught[0].message))
    assert 1 < epoch < 1000
    assert rate == 1.0
    assert np.isfinite(weights(model)).all()
    assert np.isfinite(model.loss_curve_[: epoch - 1]).all()
    before = build(name, **params | {"max_iter": epoch - 1}).fit(X, target(name), **val)
    np.testing.assert_array_equal(weights(model), weights(before))
