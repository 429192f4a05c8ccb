"""A warning that a filter makes an error costs no trained model: it is raised when that is kept."""

from __future__ import annotations

import os
import re
import signal
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning

from pymlp import MLPClassifier, MLPEnsembleClassifier, MLPEnsembleRegressor, MLPRegressor
from pymlp._files import container
from pymlp.callbacks import Callback, TerminateOnNaN

rng = np.random.default_rng(0)
X = rng.normal(size=(90, 4))
Y = X[:, 0] - X[:, 1]
LABELS = np.digitize(Y, [-1, 1])
FEW: dict[str, Any] = {"hidden_layer_sizes": (5,), "max_iter": 4, "random_state": 0}


class Interrupt(Callback):
    """Stands for Ctrl-C in the third epoch."""

    def on_epoch_begin(self, estimator: Any) -> None:
        if estimator.n_iter_ == 2:
            raise KeyboardInterrupt


def weights(model: Any) -> np.ndarray:
    models = getattr(model, "estimators_", [model])
    return np.concatenate([a.ravel() for m in models for a in (*m.coefs_, *m.intercepts_)])


def check_model_is_kept(model: Any, *data: Any, **params: Any) -> Any:
    """Fit with warnings as errors; the model is that of a fit that warned."""
    warned = clone(model)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        warned.fit(*data, **params)
    assert caught
    with pytest.raises(type(caught[0].message), match=re.escape(str(caught[0].message))):
        model.fit(*data, **params)
    np.testing.assert_array_equal(weights(model), weights(warned))
    np.testing.assert_array_equal(model.predict(X), warned.predict(X))
    assert vars(model).keys() == vars(warned).keys()
    return caught


@pytest.mark.parametrize("early_stopping", [False, True])
@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
@pytest.mark.parametrize("estimator", [MLPClassifier, MLPRegressor])
def test_no_convergence(estimator: Any, solver: str, early_stopping: bool) -> None:
    model = estimator(solver=solver, early_stopping=early_stopping, **FEW)
    check_model_is_kept(model, X, LABELS)
    assert model.n_iter_ == 4


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_an_interrupt(solver: str) -> None:
    clf = MLPClassifier(solver=solver, **FEW).set_callbacks(Interrupt())
    caught = check_model_is_kept(clf, X, LABELS)
    assert [str(w.message) for w in caught] == ["Training interrupted by user."]
    assert clf.n_iter_ == 2


def test_divergence() -> None:
    reg = MLPRegressor(**FEW | {"solver": "sgd", "max_iter": 50, "learning_rate_init": 0.3})
    check_model_is_kept(reg, 10 * X, 100 * Y)
    assert 1 < reg.n_iter_ < 50


def test_a_callback_that_warns() -> None:
    """The validation loss overflows while the training loss is finite, but not at first."""
    reg = MLPRegressor("poisson", (), max_iter=200, learning_rate_init=0.01, random_state=0)
    reg.set_callbacks(TerminateOnNaN())
    X_val = np.array([[3000.0, 0, 0, 0], [1, 0, 0, 0]])
    caught = check_model_is_kept(reg, X, np.exp(Y), X_val=X_val, y_val=np.ones(2))
    assert "The validation loss of epoch" in str(caught[0].message)
    assert 1 < reg.n_iter_ < 200


def test_a_checkpoint_that_cannot_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(container, "write", full)
    clf = MLPClassifier(**FEW | {"max_iter": 300})
    clf.set_params(tol=1.0, n_iter_no_change=2)
    caught = check_model_is_kept(clf, X, LABELS, resume=tmp_path / "checkpoint")
    assert "No space left" in str(caught[0].message)
    assert clf.n_iter_ == 4


def test_a_warning_before_the_training_leaves_the_estimator_as_it_was() -> None:
    clf = MLPClassifier(**FEW | {"batch_size": 200, "max_iter": 300, "tol": 1.0})
    for call in (clf.fit, lambda *data: clf.partial_fit(*data, classes=[0, 1, 2])):
        with pytest.raises(UserWarning, match="batch_size"):
            call(X, LABELS)
        assert not hasattr(clf, "coefs_")
    clf.set_params(batch_size=20).fit(X, LABELS)
    before = weights(clf)
    for call in (clf.fit, clf.partial_fit):
        with pytest.raises(UserWarning, match="batch_size"):
            call(X[:10], LABELS[:10])
        np.testing.assert_array_equal(weights(clf), before)


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
@pytest.mark.parametrize(
    ("ensemble", "member"),
    [(MLPEnsembleClassifier, MLPClassifier), (MLPEnsembleRegressor, MLPRegressor)],
)
def test_members_that_do_not_converge(ensemble: Any, member: Any, solver: str) -> None:
    model = ensemble(member(solver=solver, **FEW), n_estimators=3, random_state=0)
    caught = check_model_is_kept(model, X, LABELS)
    assert str(caught[0].message).startswith("3 of 3 members: ")
    assert len(model.estimators_) == 3


class CtrlC(Callback):
    """Ctrl-C, once, when a member has been trained for an epoch."""

    sent = False

    def on_epoch_end(self, estimator: Any) -> None:
        if not CtrlC.sent:
            CtrlC.sent = True
            os.kill(os.getpid(), signal.SIGINT)


def test_an_interrupted_ensemble(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(CtrlC, "sent", False)
    member = MLPClassifier(**FEW | {"max_iter": 100_000}, n_iter_no_change=100_000)
    clf = MLPEnsembleClassifier(member.set_callbacks(CtrlC()), n_estimators=3, n_threads=1)
    with pytest.raises(UserWarning, match=r"Training interrupted by user: . of 3 members are kept"):
        clf.fit(X, LABELS)
    assert clf.predict(X).shape == (90,)
    assert clf.classes_.tolist() == [0, 1, 2]


def test_warnings_still_come_as_they_are_met() -> None:
    """Not at the end: who looks at a fit of hours hears of a full disk at once."""
    heard: list[int] = []

    class Count(Callback):
        def on_fit_end(self, estimator: Any) -> None:
            heard.append(len(caught))

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        MLPClassifier(**FEW).set_callbacks(Count()).fit(X, LABELS)
    assert heard == [1]
    assert caught[0].category is ConvergenceWarning
    assert caught[0].filename == __file__
