"""Errors that tell what was meant: another spelling, another library's word, another parameter."""

import re
from typing import Any

import numpy as np
import pytest

from pymlp import MLPClassifier, MLPEnsembleClassifier, MLPRegressor
from pymlp.callbacks import EarlyStopping
from pymlp.plotting import GradientFlowDisplay, HistoryDisplay, OutputWeightsDisplay

rng = np.random.default_rng(0)
X = rng.normal(size=(30, 3))
LABELS, TARGETS = np.arange(30) % 3, X[:, 0]
FEW: dict[str, Any] = {"tol": 9.0, "n_iter_no_change": 1}


def refused(est: Any) -> str:
    """What `fit` answers; the value itself is told at the end, as ever."""
    with pytest.raises(ValueError, match=r"(?s)Got .* instead\.$") as caught:
        est.fit(X, TARGETS if "Regressor" in type(est).__name__ else LABELS)
    return str(caught.value)


@pytest.mark.parametrize(
    ("parameter", "given", "meant"),
    [
        ("activation", "swish", "silu"),
        ("activation", "sigmoid", "logistic"),
        ("activation", "LeakyReLU", "leaky_relu"),
        ("activation", "linear", "identity"),
        ("solver", "Adam", "adam"),
        ("solver", "nadamw", "nadam"),
        ("solver", "L-BFGS", "lbfgs"),
        ("learning_rate", "onecycle", "one_cycle"),
        ("learning_rate", "exp", "exponential"),
        ("init", "xavier", "glorot_uniform"),
        ("init", "he", "he_normal"),
        ("init", "kaiming_uniform", "he_uniform"),
        ("scoring", "val_loss", "loss"),
        ("scoring", "auc", "roc_auc"),
        ("scoring", "mse", "neg_mean_squared_error"),
        ("scoring", "log_loss", "neg_log_loss"),  # which is also a loss
        ("precision", "bf16", "bfloat16"),
        ("precision", "float", "float64"),
        ("warm_start", "Full", "full"),
        ("loss", "binary_crossentropy", "log_loss"),
        ("loss", "BCE", "log_loss"),
        ("loss", "focal_loss", "focal"),
        ("loss", "binary_focal_crossentropy", "focal"),
        ("loss", "squared_hinge", "hinge"),
    ],
)
def test_a_name_that_is_spelled_otherwise(parameter: str, given: str, meant: str) -> None:
    message = refused(MLPClassifier(**{parameter: given}))
    assert message.endswith(f" Did you mean {meant!r}? Got {given!r} instead.")


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("mse", "squared_error"),
        ("mae", "absolute_error"),
        ("l1_loss", "absolute_error"),
        ("smooth_l1_loss", "huber"),
        ("quantile", "pinball"),
        ("LogCosh", "log_cosh"),
    ],
)
def test_a_loss_of_other_libraries(given: str, meant: str) -> None:
    message = refused(MLPRegressor(given))
    assert message.endswith(f" Did you mean {meant!r}? Got {given!r} instead.")


@pytest.mark.parametrize(
    ("est", "meant"),
    [
        (MLPRegressor((50,)), "hidden_layer_sizes=(50,)"),
        (MLPRegressor(50), "hidden_layer_sizes=50"),
        (MLPRegressor([50, 20]), "hidden_layer_sizes=[50, 20]"),
        (MLPRegressor("tanh"), "activation='tanh'"),
        (MLPClassifier("focal"), "loss='focal'"),
        (MLPClassifier((5,), "adam"), "solver='adam'"),
        (MLPClassifier(learning_rate=0.1), "learning_rate_init=0.1"),
        (MLPEnsembleClassifier(4), "n_estimators=4"),
    ],
)
def test_a_value_of_another_parameter(est: Any, meant: str) -> None:
    assert f" Did you mean {meant}? Got " in refused(est)


@pytest.mark.parametrize(
    "est",
    [
        MLPRegressor(None),
        MLPRegressor("zzz"),
        MLPRegressor(-1),
        MLPClassifier(0.5),
        MLPClassifier(alpha="1"),
        MLPClassifier(class_weight="auto"),  # a word of batch_size, but not of it alone
        MLPClassifier(batch_size="full"),
        MLPClassifier(alpha=-1),
        MLPClassifier(init=np.zeros((3, 3))),
    ],
)
def test_nothing_is_guessed_where_nothing_is_near(est: Any) -> None:
    assert "Did you mean" not in refused(est)


def test_names_are_listed_in_a_fixed_order() -> None:
    listed = "{'squared_error', 'absolute_error', 'huber', 'pinball', 'log_cosh', 'poisson', 'gam"
    assert listed in refused(MLPRegressor("zzz"))
    message = refused(MLPClassifier(activation=["swish"]))
    assert re.search(r"\['identity', 'logistic', .* Did you mean 'silu'\? Got 'swish'", message)


@pytest.mark.parametrize(
    ("monitor", "meant"),
    [("val_loss", "loss"), ("val_acc", "accuracy"), ("lr", "learning_rate"), ("Loss", "loss")],
)
def test_a_column_that_the_history_lacks(monitor: str, meant: str) -> None:
    clf = MLPClassifier(**FEW)
    clf.set_callbacks(EarlyStopping(monitor))
    with pytest.raises(ValueError, match=rf"'{monitor}'.* there are .* Did you mean '{meant}'\?$"):
        clf.fit(X, LABELS)


def test_a_column_that_is_drawn() -> None:
    pytest.importorskip("matplotlib")
    clf = MLPClassifier(**FEW).fit(X, np.array(["setosa", "versicolor", "virginica"])[LABELS])
    with pytest.raises(ValueError, match=r"Did you mean 'accuracy'\? Got 'acc' instead"):
        HistoryDisplay.from_estimator(clf, metric="acc")
    with pytest.raises(ValueError, match=r"Did you mean 'gradient_norm'\? Got 'gradient' instead"):
        GradientFlowDisplay.from_estimator(clf, quantity="gradient")
    with pytest.raises(ValueError, match=r"Did you mean 'virginica'\? Got 'Virginia' instead"):
        OutputWeightsDisplay.from_estimator(clf, class_="Virginia")
