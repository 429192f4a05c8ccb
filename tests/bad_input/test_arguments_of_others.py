"""Arguments that Keras, skorch and others take, and where they are here; whom errors name."""

import inspect
from typing import Any

import numpy as np
import pytest
from sklearn import neural_network
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV

from pymlp import (
    MLPClassifier,
    MLPEnsembleClassifier,
    MLPEnsembleRegressor,
    MLPRegressor,
)

X = np.random.default_rng(0).normal(size=(30, 3))
LABELS, TARGETS = np.arange(30) % 3, X[:, 0]
FEW: dict[str, Any] = {"tol": 9.0, "n_iter_no_change": 1}


class Own(MLPClassifier):
    """Somebody's own estimator."""


@pytest.mark.parametrize("method", ["fit", "partial_fit"])
@pytest.mark.parametrize(
    ("argument", "answer"),
    [
        ("callbacks", "set_callbacks(...) sets them, before fit"),
        ("validation_data", "X_val=..., y_val=... are the validation set"),
        ("eval_set", "X_val=..., y_val=... are the validation set"),
        ("validation_split", "X_val=..., y_val=... are the validation set"),
        ("batch_size", "it is a parameter of the constructor"),
        ("verbose", "it is a parameter of the constructor"),
        ("shuffle", "it is a parameter of the constructor"),
        ("class_weight", "it is a parameter of the constructor"),
        ("steps_per_epoch", "an epoch passes all samples"),
        ("initial_epoch", "the constructor's warm_start, or resume, goes on"),
    ],
)
def test_what_fit_does_not_take(method: str, argument: str, answer: str) -> None:
    clf = MLPClassifier()
    with pytest.raises(TypeError) as caught:
        getattr(clf, method)(X, LABELS, **{argument: 1})
    message = str(caught.value)
    assert message.startswith(f"MLPClassifier.{method} has no argument '{argument}': {answer}")
    assert not hasattr(clf, "coefs_")


def test_epochs() -> None:
    with pytest.raises(TypeError, match=r"Own\.fit has no argument 'epochs': .* max_iter counts"):
        Own().fit(X, LABELS, epochs=3)  # type: ignore[call-arg]
    with pytest.raises(TypeError, match=r"MLPRegressor\.partial_fit .* each call is one epoch"):
        MLPRegressor().partial_fit(X, TARGETS, epochs=3)  # type: ignore[call-arg]
    with pytest.raises(TypeError, match=r"MLPEnsembleRegressor\.fit .* max_iter counts epochs"):
        MLPEnsembleRegressor().fit(X, TARGETS, epochs=3)  # type: ignore[call-arg]


@pytest.mark.parametrize(
    ("arguments", "given", "message"),
    [
        ((X, LABELS), {"foo": 1}, "Own.fit has no argument 'foo'."),
        ((X, LABELS), {"x_val": X}, "Own.fit has no argument 'x_val'. Did you mean 'X_val'?"),
        ((X,), {}, "Own.fit() missing 1 required positional argument: 'y'"),
        ((X, LABELS, None, X), {}, "Own.fit() takes from 3 to 4 positional arguments but 5 were"),
    ],
)
def test_errors_name_the_class_that_was_called(
    arguments: tuple[Any, ...], given: dict[str, Any], message: str
) -> None:
    with pytest.raises(TypeError) as caught:
        Own().fit(*arguments, **given)
    assert str(caught.value).startswith(message)


def test_a_type_error_amid_a_fit_stays_as_it_is() -> None:
    def fails(*_: Any) -> Any:
        raise TypeError("fit() got an unexpected keyword")

    with pytest.raises(TypeError, match=r"^fit\(\) got an unexpected keyword$"):
        MLPClassifier(init=fails).fit(X, LABELS)


@pytest.mark.parametrize(
    ("kind", "argument", "answer"),
    [
        (MLPClassifier, "epochs", ": max_iter counts them."),
        (MLPRegressor, "lr", ": here it is learning_rate_init."),
        (MLPClassifier, "hidden_layers", ": hidden_layer_sizes are the hidden layers' units."),
        (MLPClassifier, "dropout_rate", ": dropout is the share"),
        (MLPClassifier, "optimizer", ": solver names it."),
        (MLPRegressor, "patience", ": n_iter_no_change counts epochs without progress."),
        (MLPClassifier, "n_jobs", ": here it is n_threads."),
        (MLPRegressor, "delta", ". Did you mean 'huber_delta'?"),
        (MLPRegressor, "nothing_like_it", "."),
        (MLPEnsembleClassifier, "max_iter", ": it is a parameter of the members: estimator has"),
        (MLPEnsembleRegressor, "n_jobs", ": here it is n_threads."),
    ],
)
def test_what_constructors_do_not_take(kind: Any, argument: str, answer: str) -> None:
    with pytest.raises(TypeError) as caught:
        kind(**{argument: 1})
    assert str(caught.value).startswith(f"{kind.__name__} has no argument '{argument}'{answer}")


def test_what_a_search_sets() -> None:
    search = GridSearchCV(MLPClassifier(**FEW), {"lr": [0.1, 1.0]}, error_score="raise")
    with pytest.raises(ValueError, match="has no parameter 'lr': here it is learning_rate_init"):
        search.fit(X, LABELS)
    with pytest.raises(ValueError, match="Invalid parameter 'other' for estimator MLPClassifier"):
        MLPClassifier().set_params(other=1)


class WithLayers(MLPClassifier):
    """Its constructor has a parameter that ours has not."""

    def __init__(self, layers: int = 1) -> None:
        super().__init__((5,) * layers, **FEW)
        self.layers = layers


def test_a_parameter_of_ones_own_is_nobody_elses() -> None:
    assert WithLayers().set_params(layers=2).get_params() == {"layers": 2}


@pytest.mark.parametrize("name", ["MLPClassifier", "MLPRegressor"])
def test_signatures_are_those_that_are_written(name: str) -> None:
    ours, theirs = (
        {"MLPClassifier": MLPClassifier, "MLPRegressor": MLPRegressor}[name],
        getattr(neural_network, name),
    )
    for method in ("__init__", "fit"):
        of_theirs = inspect.signature(getattr(theirs, method)).parameters
        of_ours = inspect.signature(getattr(ours, method)).parameters
        assert [*of_ours][: len(of_theirs)][0] == "self"
        assert of_theirs.keys() <= of_ours.keys()
        assert not any(p.kind is p.VAR_KEYWORD for p in of_ours.values())
    est = ours(alpha=0.5)
    assert clone(est).get_params() == est.get_params()


# --- scikit-learn's private methods, which people override ---------------------------------------


@pytest.mark.parametrize(
    ("method", "instead"),
    [
        ("_init_coef", "Instead give init a function (n_in, n_out, random_state)."),
        ("_initialize", "Instead give init a function (n_in, n_out, random_state)."),
        ("_backprop", "Instead see loss, clip_norm and dropout."),
        ("_compute_loss_grad", "Instead see loss, alpha and weight_decay."),
        ("_update_no_improvement_count", "Instead a callback ends a fit"),
    ],
)
def test_an_override_that_would_not_be_called(method: str, instead: str) -> None:
    assert callable(getattr(neural_network.MLPClassifier, method))  # scikit-learn's still is one
    overriding = type("Overriding", (MLPClassifier,), {method: lambda *_, **__: None})
    for call in ("fit", "partial_fit"):
        clf = overriding()
        with pytest.raises(TypeError) as caught:
            getattr(clf, call)(X, LABELS)
        assert str(caught.value).startswith(f"Overriding.{method} would not be called: ")
        assert instead in str(caught.value)
        assert not hasattr(clf, "coefs_")


def test_who_inherits_from_scikit_learns_as_well_overrides_nothing() -> None:
    class Both(MLPClassifier, neural_network.MLPClassifier):
        """Passes for scikit-learn's where that is asked by isinstance."""

    both, ours = Both(**FEW, random_state=0), MLPClassifier(**FEW, random_state=0)
    for weights, ours_weights in zip(
        both.fit(X, LABELS).coefs_, ours.fit(X, LABELS).coefs_, strict=True
    ):
        np.testing.assert_array_equal(weights, ours_weights)


def test_a_private_method_of_ones_own() -> None:
    class WithOwn(MLPClassifier):
        def _forward_pass_fast(self, X: Any) -> Any:
            return self.predict_proba(X)

    clf = WithOwn(**FEW).fit(X, LABELS)
    np.testing.assert_array_equal(clf._forward_pass_fast(X), clf.predict_proba(X))
