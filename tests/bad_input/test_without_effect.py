"""Parameters that have been set but have no effect: one warning; none of scikit-learn's own."""

import warnings
from typing import Any

import numpy as np
import pytest
from sklearn import neural_network
from sklearn.metrics import make_scorer, mean_squared_error

from pymlp import MLPClassifier, MLPEnsembleRegressor, MLPRegressor

X = np.random.default_rng(0).normal(size=(30, 3))
LABELS, TARGETS = np.arange(30) % 3, X[:, 0]
FEW: dict[str, Any] = {"hidden_layer_sizes": (4,), "tol": 9.0, "n_iter_no_change": 1}


def target(kind: type) -> np.ndarray:
    return TARGETS if "Regressor" in kind.__name__ else LABELS


def warned(kind: type, method: str = "fit", **params: Any) -> list[str]:
    """What a fit warns of; warnings of convergence, which short runs may give, left out."""
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        more = {"classes": [0, 1, 2]} if kind is MLPClassifier and method == "partial_fit" else {}
        getattr(kind(**FEW | params), method)(X, target(kind), **more)
    assert {w.filename for w in found} <= {__file__}
    return [str(w.message) for w in found if w.category is UserWarning]


@pytest.mark.parametrize("method", ["fit", "partial_fit"])
@pytest.mark.parametrize(
    ("kind", "params", "message"),
    [
        (
            MLPClassifier,
            {"weight_decay": 0.1},
            "weight_decay=0.1 has no effect without solver='adamw' or 'lion'",
        ),
        (MLPClassifier, {"focal_gamma": 3.0}, "focal_gamma=3.0 has no effect without loss='focal'"),
        (
            MLPClassifier,
            {"dropout": 0.5, "hidden_layer_sizes": ()},
            "dropout=0.5 has no effect without hidden layers",
        ),
        (
            MLPClassifier,
            {"scoring": "f1_macro"},
            "scoring='f1_macro' has no effect without a validation set: X_val or "
            "early_stopping=True",
        ),
        (MLPRegressor, {"quantile": 0.9}, "quantile=0.9 has no effect without loss='pinball'"),
        (MLPRegressor, {"huber_delta": 2.0}, "huber_delta=2.0 has no effect without loss='huber'"),
        (
            MLPRegressor,
            {"loss": "huber", "huber_delta": 2.0, "quantile": 0.9, "weight_decay": 0.1},
            "weight_decay=0.1 has no effect without solver='adamw' or 'lion'; "
            "quantile=0.9 has no effect without loss='pinball'",
        ),
    ],
)
def test_one_warning_names_parameter_and_need(
    method: str, kind: type, params: dict[str, Any], message: str
) -> None:
    assert warned(kind, method, **params) == [f"{kind.__name__}: {message}."]


@pytest.mark.parametrize(
    ("kind", "params"),
    [
        (MLPClassifier, {"weight_decay": 0.1, "solver": "adamw"}),
        (MLPRegressor, {"weight_decay": 0.1, "solver": "lion"}),
        (MLPClassifier, {"focal_gamma": 3.0, "loss": "focal"}),
        (MLPRegressor, {"quantile": 0.9, "loss": "pinball"}),
        (MLPRegressor, {"quantile": [0.1, 0.9], "loss": "pinball"}),
        (MLPRegressor, {"huber_delta": 2.0, "loss": "huber"}),
        (MLPClassifier, {"scoring": "f1_macro", "early_stopping": True}),
        (MLPRegressor, {"scoring": make_scorer(mean_squared_error), "early_stopping": True}),
        (MLPClassifier, {"dropout": [], "hidden_layer_sizes": ()}),
        (MLPClassifier, {"dropout": 0.5}),
        (MLPClassifier, {"weight_decay": 0.0}),  # which is what adam does
    ],
)
def test_none_where_it_has_an_effect(kind: type, params: dict[str, Any]) -> None:
    assert warned(kind, **params) == []


def test_arrays_are_compared_with_the_default() -> None:
    with (
        pytest.warns(UserWarning, match="has no effect without hidden layers"),
        pytest.raises(ValueError, match="Got 2 for 0 hidden layers"),
    ):
        MLPClassifier((), dropout=np.array([0.5, 0.2])).fit(X, LABELS)


def test_none_of_a_scorer_with_a_validation_set() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        clf = MLPClassifier(scoring="f1_macro", **FEW).fit(X, LABELS, X_val=X, y_val=LABELS)
    assert "val_f1_macro" in clf.history_


@pytest.mark.parametrize("kind", [MLPClassifier, MLPRegressor])
def test_defaults_never_warn(kind: Any) -> None:
    for solver in ("adam", "sgd", "adamw", "lbfgs"):
        assert warned(kind, **kind(solver=solver, **FEW).get_params(deep=False)) == []


OF_SCIKIT_LEARN = {
    "momentum": 0.5,
    "nesterovs_momentum": False,
    "power_t": 0.3,
    "learning_rate": "adaptive",
    "beta_1": 0.8,
    "beta_2": 0.9,
    "epsilon": 1e-6,
    "validation_fraction": 0.2,
    "max_fun": 100,
    "batch_size": 10,
    "learning_rate_init": 0.01,
    "shuffle": False,
    "n_iter_no_change": 2,
}


@pytest.mark.parametrize("kind", [MLPClassifier, MLPRegressor])
def test_scikit_learns_parameters_warn_where_scikit_learns_do(kind: Any) -> None:
    """Grids and scripts set them for every solver."""
    theirs = getattr(neural_network, kind.__name__)
    for solver in ("adam", "sgd", "lbfgs"):
        params = OF_SCIKIT_LEARN | {"solver": solver, "max_iter": 200}
        assert warned(kind, **params) == warned(theirs, **params) == []


def test_a_subclass_with_a_constructor_of_its_own() -> None:
    class Own(MLPClassifier):
        def __init__(self, weight_decay: float = 0.5) -> None:
            super().__init__(weight_decay=weight_decay, **FEW)

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        Own().fit(X, LABELS)
        with pytest.raises(UserWarning, match=r"^Own: weight_decay=0.1 has no effect"):
            Own(0.1).fit(X, LABELS)


def test_later_calls_of_partial_fit_do_not_warn_again() -> None:
    clf = MLPClassifier(weight_decay=0.1, **FEW)
    with pytest.warns(UserWarning, match="weight_decay"):
        clf.partial_fit(X, LABELS, classes=[0, 1, 2])
    clf.partial_fit(X, LABELS)


def test_the_members_of_an_ensemble_warn_once() -> None:
    reg = MLPEnsembleRegressor(MLPRegressor(quantile=0.9, **FEW), n_estimators=3)
    with pytest.warns(UserWarning, match="3 of 3") as found:
        reg.fit(X, TARGETS)
    assert [str(w.message) for w in found] == [
        "3 of 3 members: MLPRegressor: quantile=0.9 has no effect without loss='pinball'."
    ]


def test_a_warning_made_an_error_leaves_the_estimator_as_it_was() -> None:
    clf = MLPClassifier(focal_gamma=1.0, **FEW)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(UserWarning, match="focal_gamma"):
            clf.fit(X, LABELS)
    assert not hasattr(clf, "coefs_")
