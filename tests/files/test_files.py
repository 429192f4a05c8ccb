"""What goes into a model file comes out of it, to the bit; what cannot go in is named."""

import copy
import pickle
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from released.make_models import outputs
from scipy import sparse
from sklearn.base import BaseEstimator, clone
from sklearn.exceptions import NotFittedError
from sklearn.metrics import accuracy_score, make_scorer

import pymlp
from pymlp import (
    MLPClassifier,
    MLPEnsembleClassifier,
    MLPEnsembleRegressor,
    MLPRegressor,
    callbacks,
    schedules,
)
from pymlp._estimators.options import ACTIVATIONS

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

rng = np.random.default_rng(0)
X = rng.normal(size=(80, 4))
Y = X[:, 0] * X[:, 1] + X[:, 2]
NAMES = np.array(["low", "middle", "high"])[np.digitize(Y, [-1, 1])]
SOLVERS = ["sgd", "adam", "adamw", "nadam", "rmsprop", "adagrad", "lion", "lbfgs"]


def classifier(**params: Any) -> Any:
    defaults = {"hidden_layer_sizes": (7,), "max_iter": 3, "random_state": 0, "batch_size": 20}
    return MLPClassifier(**defaults | params)


def regressor(**params: Any) -> Any:
    defaults = {"hidden_layer_sizes": (7,), "max_iter": 3, "random_state": 0, "batch_size": 20}
    return MLPRegressor(**defaults | params)


def through_a_file(est: Any, folder: Path, **options: Any) -> Any:
    est.save(folder / "model.safetensors", **options)
    return pymlp.load(folder / "model.safetensors")


def state(thing: Any) -> Any:
    """All that makes up an estimator, for a comparison; pickles leave out the same moments."""
    if isinstance(thing, BaseEstimator):
        parts = {**thing.__getstate__(), "class": type(thing)}
        parts.pop("_random_state", None)  # drawn anew by every fit
        parts.pop("_skl_callbacks", None)
        return {name: state(part) for name, part in parts.items() if name != "_sklearn_version"}
    if type(thing).__module__.startswith(("pymlp._fit.optimizer", "pymlp._data", "pymlp._network")):
        return {"class": type(thing), **{name: state(part) for name, part in vars(thing).items()}}
    if isinstance(thing, (list, tuple)):
        return [type(thing), *(state(part) for part in thing)]
    return (thing.dtype, thing) if isinstance(thing, np.ndarray) else thing


def assert_same(actual: Any, expected: Any, rows: Any = X) -> None:
    np.testing.assert_equal(state(actual), state(expected))
    np.testing.assert_array_equal(actual.predict(rows), expected.predict(rows))
    np.testing.assert_array_equal(outputs(actual, rows), outputs(expected, rows))


# --- what comes back -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "params",
    [
        *({"activation": name} for name in ACTIVATIONS),
        *({"solver": name} for name in SOLVERS),
        *({"precision": name} for name in ("float32", "float64", "bfloat16")),
        *({"loss": name} for name in ("log_loss", "focal", "hinge")),
        {"hidden_layer_sizes": ()},
        {"hidden_layer_sizes": 5},
        {"hidden_layer_sizes": [5, 4], "activation": ["tanh", "gelu"], "dropout": [0.1, 0]},
        {"hidden_layer_sizes": np.array([5, 4]), "activation": ("tanh", "relu")},
        {"learning_rate": "cosine"},
        {"learning_rate": schedules.WarmUp(2, then=schedules.Step(0.5, every=2))},
        {"learning_rate": schedules.OneCycle(rise=0.4)},
        {"learning_rate": schedules.Exponential(0.9)},
        {"learning_rate": "adaptive", "solver": "sgd", "power_t": 1, "tol": 0.5},
        {"ema_decay": 0.9, "clip_norm": 1.0, "label_smoothing": 0.1, "init": "he_normal"},
        {"early_stopping": True, "scoring": "f1_macro", "n_iter_no_change": np.inf},
        {"class_weight": {"low": 2, "middle": np.float32(0.5), "high": 1}},
        {"class_weight": "balanced", "monitor_gradients": True, "n_threads": 2},
        {"alpha": np.float64(0.1), "max_iter": np.int64(2), "shuffle": np.bool_(False)},
        {"random_state": None, "warm_start": "full"},
    ],
    ids=str,
)
def test_a_classifier_with_any_parameters_comes_back(params: Any, tmp_path: Path) -> None:
    clf = classifier(**params).fit(X, NAMES)
    loaded = through_a_file(clf, tmp_path)
    assert_same(loaded, clf)
    np.testing.assert_equal(loaded.get_params(), clf.get_params())


@pytest.mark.parametrize(
    "params",
    [
        *({"loss": name} for name in ("squared_error", "absolute_error", "huber", "log_cosh")),
        *({"loss": name} for name in ("poisson", "gamma", "pinball")),
        {"loss": "pinball", "quantile": [0.1, 0.5, 0.9]},
        {"loss": "pinball", "quantile": np.array([0.2, 0.8])},
        {"solver": "lbfgs"},
        {"early_stopping": True, "scoring": "loss"},
    ],
    ids=str,
)
@pytest.mark.parametrize("n_targets", [1, 2])
def test_a_regressor_with_any_parameters_comes_back(
    params: Any, n_targets: int, tmp_path: Path
) -> None:
    target = np.exp(np.stack([Y, -Y], axis=1)[:, :n_targets].squeeze() / 2)
    reg = regressor(**params).fit(X, target)
    assert_same(through_a_file(reg, tmp_path), reg)


@pytest.mark.parametrize(
    "y",
    [
        NAMES,
        NAMES.astype("U20"),
        NAMES.astype(object),
        Y > 0,
        (Y > 0).astype(np.int8),
        np.digitize(Y, [-1, 1]).astype(np.uint16) * 1000,
        np.digitize(Y, [-1, 1]).astype(np.float32) * 2**20,
        np.where(Y > 0, 2**62 + 1, -(2**62)),
        np.where(Y > 0, "große\ud800 \"Klasse'\\", "\n"),
        np.stack([Y > 0, X[:, 0] > 0], axis=1).astype(int),
        sparse.csr_matrix(np.stack([Y > 0, X[:, 0] > 0], axis=1).astype(int)),
        np.stack([np.digitize(Y, [-1, 1]), np.digitize(X[:, 0], [-1, 1])], axis=1),
        np.array([NAMES, X[:, 0] > 0], dtype=object).T,
    ],
    ids=lambda y: f"{y.dtype}, {y.shape}",
)
def test_classes_of_any_kind_come_back(y: Any, tmp_path: Path) -> None:
    clf = classifier().fit(X, y)
    loaded = through_a_file(clf, tmp_path)
    np.testing.assert_equal(state(loaded), state(clf))
    expected, actual = clf.predict(X), loaded.predict(X)
    assert type(actual) is type(expected)
    assert actual.dtype == expected.dtype
    dense = [p.toarray() if sparse.issparse(p) else p for p in (actual, expected)]
    np.testing.assert_array_equal(*dense)
    loaded.partial_fit(X, y)


def test_one_class(tmp_path: Path) -> None:
    clf = classifier().fit(X, np.full(len(X), "only"))
    assert_same(through_a_file(clf, tmp_path), clf)


def test_feature_names_come_back_and_are_checked(tmp_path: Path) -> None:
    frame = pd.DataFrame(X, columns=["width", "height", "größe", "a b"])
    clf = classifier().fit(frame, NAMES)
    clf.set_output(transform="pandas")
    loaded = through_a_file(clf, tmp_path)  # replaying its rows must not warn of missing names
    assert_same(loaded, clf, frame)
    assert isinstance(loaded.transform(frame), pd.DataFrame)
    with pytest.raises(ValueError, match="feature names"):
        loaded.predict(frame.rename(columns={"width": "x"}))


@pytest.mark.parametrize("kind", [MLPEnsembleClassifier, MLPEnsembleRegressor])
@pytest.mark.parametrize("template", [True, False])
def test_ensembles_come_back(kind: Any, template: bool, tmp_path: Path) -> None:
    member = kind()._template().set_params(max_iter=2, hidden_layer_sizes=(5,))
    ensemble = kind(member, n_estimators=3, bootstrap=True, random_state=0)
    frame = pd.DataFrame(X, columns=list("abcd"))
    ensemble.fit(frame, NAMES if kind is MLPEnsembleClassifier else Y)
    if not template:
        ensemble.set_params(estimator=None)
    loaded = through_a_file(ensemble, tmp_path)
    assert_same(loaded, ensemble, frame)
    spread = getattr(loaded, "predict_proba", loaded.predict)(frame, return_std=True)[1]
    assert spread.max() > 0


def test_what_is_loaded_is_an_estimator_like_any_other(tmp_path: Path) -> None:
    clf = classifier().fit(X, NAMES)
    loaded = through_a_file(clf, tmp_path)
    assert repr(loaded) == repr(clf)
    assert_same(pickle.loads(pickle.dumps(loaded)), clf)
    assert_same(copy.deepcopy(loaded), clf)
    np.testing.assert_equal(clone(loaded).fit(X, NAMES).coefs_, clf.coefs_)
    assert str(loaded.summary()) == str(clf.summary())
    assert all(a.flags.owndata and a.flags.writeable and a.flags.aligned for a in loaded.coefs_)


@pytest.mark.parametrize("prefix", ["", "averaged_"])
def test_weights_set_by_hand_come_back(prefix: str, tmp_path: Path) -> None:
    clf = classifier(ema_decay=0.9 if prefix else None).fit(X, NAMES)
    first, last = getattr(clf, f"{prefix}coefs_")
    biases = getattr(clf, f"{prefix}intercepts_")
    pruned = [np.asfortranarray(first[:, :5].astype(np.float32)), last[:5].astype(np.float32)]
    setattr(clf, f"{prefix}coefs_", pruned)
    setattr(clf, f"{prefix}intercepts_", [biases[0][:5], biases[1]])
    for optimizer in (False, True):
        loaded = through_a_file(clf, tmp_path, optimizer=optimizer)
        np.testing.assert_array_equal(loaded.predict_proba(X), clf.predict_proba(X))


def test_a_file_is_hardly_larger_than_its_weights(tmp_path: Path) -> None:
    clf = MLPClassifier((1000,), max_iter=1, precision="float32", random_state=0)
    clf.fit(rng.random((50, 784)), np.arange(50) % 10)
    weights = sum(a.nbytes for a in clf.coefs_ + clf.intercepts_)
    clf.save(tmp_path / "model")
    assert (tmp_path / "model").stat().st_size < 1.01 * weights
    clf.save(tmp_path / "model", optimizer=True)
    assert (tmp_path / "model").stat().st_size < 3.01 * weights


def test_the_same_model_makes_the_same_file(tmp_path: Path) -> None:
    clf = classifier().fit(X, NAMES)
    clf.save(tmp_path / "a")
    pymlp.load(tmp_path / "a").save(tmp_path / "b")
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


# --- going on with training ----------------------------------------------------------------------


@pytest.mark.parametrize("solver", SOLVERS[:-1])
def test_partial_fit_goes_on_to_the_bit(solver: str, tmp_path: Path) -> None:
    reg = regressor(solver=solver, learning_rate="step", ema_decay=0.9).partial_fit(X, Y)
    loaded = through_a_file(reg, tmp_path)
    for est in (reg, loaded):
        est.partial_fit(X, Y).partial_fit(X, Y)
        est.history_.pop("seconds")
    assert_same(loaded, reg)


@pytest.mark.parametrize("solver", SOLVERS[:-1])
def test_a_full_warm_start_goes_on_to_the_bit(solver: str, tmp_path: Path) -> None:
    params = {"solver": solver, "learning_rate": schedules.Cosine(), "warm_start": "full"}
    reg = regressor(**params).fit(X, Y)
    loaded = through_a_file(reg, tmp_path)
    for est in (reg, loaded):
        est.fit(X, Y).history_.pop("seconds")
    assert_same(loaded, reg)


def test_moments_are_stored_where_they_are_wanted(tmp_path: Path) -> None:
    reg = regressor().fit(X, Y)
    assert not through_a_file(reg, tmp_path)._optimizer.moments
    assert through_a_file(reg, tmp_path, optimizer=True)._optimizer.moments
    assert through_a_file(reg.partial_fit(X, Y), tmp_path)._optimizer.moments
    assert not through_a_file(reg, tmp_path, optimizer=False)._optimizer.moments
    assert reg._optimizer.moments  # saving takes nothing away


# --- what cannot be saved ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("parameter", "value", "instead"),
    [
        ("learning_rate", lambda epoch: 0.1, "constant"),
        ("init", lambda n_in, n_out, random_state: np.ones((n_in, n_out)), "sklearn"),
        ("random_state", np.random.RandomState(0), 0),
        ("scoring", make_scorer(accuracy_score), None),
    ],
)
def test_a_parameter_that_is_no_data_is_named(
    parameter: str, value: Any, instead: Any, tmp_path: Path
) -> None:
    params = {parameter: value, "early_stopping": parameter == "scoring"}
    clf = classifier(**params).fit(X, NAMES)
    with pytest.raises(ValueError, match=f"The '{parameter}' parameter of MLPClassifier must be"):
        clf.save(tmp_path / "model")
    assert list(tmp_path.iterdir()) == []
    clf.set_params(**{parameter: instead})
    loaded = through_a_file(clf, tmp_path, optimizer=True)
    np.testing.assert_array_equal(loaded.predict_proba(X), clf.predict_proba(X))
    loaded.set_params(early_stopping=False).partial_fit(X, NAMES)


def test_an_ensembles_parameters_that_are_no_data(tmp_path: Path) -> None:
    template = classifier(
        learning_rate=lambda epoch: 0.1, random_state=np.random.RandomState(0), solver="sgd"
    )
    ensemble = MLPEnsembleClassifier(template, n_estimators=2, random_state=0).fit(X, NAMES)
    with pytest.raises(ValueError, match=r"'estimator__learning_rate' parameter of MLPEns.*set_"):
        ensemble.save(tmp_path / "model")
    ensemble.set_params(estimator__learning_rate="constant")
    loaded = through_a_file(ensemble, tmp_path)
    np.testing.assert_array_equal(loaded.predict_proba(X), ensemble.predict_proba(X))
    assert loaded.estimators_[0].learning_rate == "constant"
    assert loaded.estimator.random_state is None
    assert callable(ensemble.estimators_[0].learning_rate)  # as it was


def test_a_schedule_of_ones_own_is_named(tmp_path: Path) -> None:
    class Mine(schedules.Schedule):
        def __call__(self, epoch: int, n_epochs: int) -> float:
            return 1.0

    clf = classifier(learning_rate=schedules.WarmUp(then=Mine())).fit(X, NAMES)
    with pytest.raises(ValueError, match=r"'learning_rate' parameter .* got <.*Mine"):
        clf.save(tmp_path / "model")


def test_callbacks_are_left_out(tmp_path: Path) -> None:
    clf = classifier().set_callbacks(callbacks.EarlyStopping("loss", patience=1))
    loaded = through_a_file(clf.fit(X, NAMES), tmp_path)
    assert_same(loaded, clf)
    assert not hasattr(loaded, "_skl_callbacks")


def test_what_cannot_be_saved_is_said(tmp_path: Path) -> None:
    class Mine(MLPClassifier):
        pass

    path = tmp_path / "model"
    with pytest.raises(NotFittedError):
        classifier().save(path)
    with pytest.raises(TypeError, match=r"Only pymlp's own classes can be saved.*Mine"):
        Mine(max_iter=1).fit(X, NAMES).save(path)
    clf = classifier().fit(X, NAMES)
    with pytest.raises(ValueError, match="The 'alpha' parameter of MLPClassifier must be a float"):
        copy.deepcopy(clf).set_params(alpha=-1).save(path)
    with pytest.raises(ValueError, match="one value a hidden layer"):
        copy.deepcopy(clf).set_params(dropout=[0.1, 0.2]).save(path)
    spoilt = copy.deepcopy(clf)
    spoilt.coefs_[0][0, 0] = np.nan
    with pytest.raises(ValueError, match=r"coefs_\.0 must be finite to be saved"):
        spoilt.save(path)
    spoilt = copy.deepcopy(clf)
    spoilt.history_["mine"] = ["a"]
    with pytest.raises(ValueError, match=r"history_\['mine'\] must be a list of numbers"):
        spoilt.save(path)
    spoilt = copy.deepcopy(clf).set_params(class_weight=[{}])
    spoilt.class_weight[0][1] = spoilt.class_weight
    with pytest.raises(ValueError, match="'class_weight' parameter must be"):
        spoilt.save(path)
    by_hand = copy.deepcopy(clf)
    by_hand._target.classes = np.array([1j, 2j, 3j])
    with pytest.raises(ValueError, match="classes_ must be numbers, strings or dates to be saved"):
        by_hand.save(path)
    with pytest.raises(TypeError, match=r"os\.PathLike"):
        clf.save(3)
    with pytest.raises(ValueError, match=r"'optimizer' parameter of save must be .* Got 'no'"):
        clf.save(path, optimizer="no")
    assert list(tmp_path.iterdir()) == []


def test_names_without_number_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pymlp._files.container.MAX_HEADER", 2000)
    frame = pd.DataFrame(X, columns=[f"{c}" * 300 for c in "abcd"])
    with pytest.raises(ValueError, match="cannot be written: parameters, names and the like take"):
        classifier().fit(frame, NAMES).save(tmp_path / "model")


def test_without_safetensors_the_package_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clf = classifier().fit(X, NAMES)
    clf.save(tmp_path / "model")
    monkeypatch.setitem(sys.modules, "safetensors", None)
    for call in (clf.save, pymlp.load):
        with pytest.raises(ImportError, match="pip install safetensors"):
            call(tmp_path / "model")
