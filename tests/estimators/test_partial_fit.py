"""partial_fit with a validation set, and of ensembles; the history that it leaves."""

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from ensembles import LABELS, MIXED, QUIET, WEIGHT, X, Y, assert_same, ensemble, weights
from sklearn.base import clone
from sklearn.utils import check_random_state
from unchanged import state_of

import pymlp
from pymlp import MLPClassifier, MLPEnsembleClassifier, MLPRegressor
from pymlp._estimators import ensemble_base

VALIDATION: dict[str, Any] = {
    "X_val": X[60:],
    "y_val": LABELS[60:],
    "sample_weight_val": WEIGHT[60:],
}
FEW: dict[str, Any] = {"hidden_layer_sizes": (5,), "batch_size": 20, "random_state": 0}


# --- one network ----------------------------------------------------------------------------------


def test_each_call_records_what_fit_records() -> None:
    """The first epoch of `fit` is the first call's; the second draws the same order again."""
    clf = MLPClassifier(**FEW, shuffle=False, max_iter=3, tol=0, scoring="f1_macro")
    with pytest.warns(match="Maximum iterations"):
        whole = clone(clf).fit(X[:60], LABELS[:60], **VALIDATION)
    for _ in range(3):
        clf.partial_fit(X[:60], LABELS[:60], classes=[0, 1, 2], **VALIDATION)
    assert clf.history_.keys() == whole.history_.keys() >= {"val_loss", "val_f1_macro"}
    for name in clf.history_.keys() - {"seconds"}:
        assert clf.history_[name] == whole.history_[name], name
    np.testing.assert_array_equal(weights(clf), weights(whole))


def test_the_validation_set_changes_no_weight() -> None:
    one, other = MLPRegressor(**FEW), MLPRegressor(**FEW)
    for k in range(3):
        one.partial_fit(X, Y)
        other.partial_fit(X, Y, **({"X_val": X[:9], "y_val": Y[:9]} if k != 1 else {}))
    np.testing.assert_array_equal(weights(one), weights(other))
    assert one.history_["loss"] == other.history_["loss"]
    assert np.isnan(other.history_["val_loss"]).tolist() == [False, True, False]


@pytest.mark.parametrize("make", [lambda: MLPClassifier(**FEW), ensemble])
@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"X_val": X}, "X_val and y_val must be given together"),
        ({"X_val": X[:, :2], "y_val": LABELS}, "X_val, y_val: X has 2 features"),
        ({"X_val": X, "y_val": LABELS + 5}, "y_val"),
        ({"sample_weight_val": WEIGHT}, "needs X_val and y_val"),
    ],
)
def test_validation_sets_that_are_refused(make: Any, given: dict[str, Any], message: str) -> None:
    clf = make().partial_fit(X, LABELS, classes=[0, 1, 2])
    before = state_of(clf)
    with pytest.raises(ValueError, match=message):
        clf.partial_fit(X, LABELS, **given)
    assert state_of(clf) == before


# --- ensembles ------------------------------------------------------------------------------------


def seeds_of(fitted: Any) -> list[int]:
    rng = check_random_state(fitted.random_state)
    return [rng.randint(np.iinfo(np.int32).max) for _ in range(fitted.n_estimators)]


@QUIET
@pytest.mark.parametrize("n_threads", [1, 3])
@pytest.mark.parametrize(
    "params", [{}, {"solver": "sgd", "learning_rate": "invscaling"}, {"precision": "float32"}]
)
def test_members_go_on_as_single_networks(params: dict[str, Any], n_threads: int) -> None:
    fitted = ensemble(n_threads=n_threads, **params)
    singles = [clone(fitted.estimator).set_params(random_state=s) for s in seeds_of(fitted)]
    for rows in (slice(40), slice(40, 90), slice(40)):
        data = X[rows], LABELS[rows], WEIGHT[rows]
        fitted.partial_fit(*data, classes=[0, 1, 2])
        assert_same(fitted, [single.partial_fit(*data, classes=[0, 1, 2]) for single in singles])
    assert fitted.predict(X).shape == (90,)
    assert fitted.estimators_[0].n_iter_ == singles[0].n_iter_


@QUIET
def test_after_fit_and_before_it() -> None:
    fitted = ensemble(regresses=True).fit(X, Y)
    singles = [clone(fitted.estimator).set_params(random_state=s) for s in seeds_of(fitted)]
    for single in singles:
        single.fit(X, Y).partial_fit(X, Y)
    members = fitted.estimators_
    before = [weights(member) for member in members]
    assert_same(fitted.partial_fit(X, Y), singles)
    for member, unchanged in zip(members, before, strict=True):  # somebody may hold them
        np.testing.assert_array_equal(weights(member), unchanged)
    assert_same(fitted.fit(X, Y), [clone(single).fit(X, Y) for single in singles])


@QUIET
def test_a_bootstrap_is_that_of_fit() -> None:
    """Calls with the same data are the epochs of one fit."""
    fitted = ensemble(bootstrap=True, shuffle=False, max_iter=4)
    several = clone(fitted)
    for _ in range(4):
        several.partial_fit(X, LABELS, classes=[0, 1, 2])
    assert_same(several, fitted.fit(X, LABELS).estimators_)


def test_parameters_that_are_set_between() -> None:
    fitted = ensemble(solver="sgd").partial_fit(X, LABELS, classes=[0, 1, 2])
    single = clone(fitted.estimators_[1]).partial_fit(X, LABELS, classes=[0, 1, 2])
    fitted.set_params(estimator__alpha=1.0).partial_fit(X, LABELS)
    single.set_params(alpha=1.0).partial_fit(X, LABELS)
    np.testing.assert_array_equal(weights(fitted.estimators_[1]), weights(single))


def test_what_was_loaded_goes_on_to_the_bit(tmp_path: Path) -> None:
    pytest.importorskip("safetensors")
    fitted = ensemble()
    for _ in range(2):
        fitted.partial_fit(X, LABELS, classes=[0, 1, 2])
    fitted.save(tmp_path / "e.safetensors")
    others = pymlp.load(tmp_path / "e.safetensors"), pickle.loads(pickle.dumps(fitted))
    fitted.partial_fit(X, LABELS)
    for other in others:
        assert_same(other.partial_fit(X, LABELS), fitted.estimators_)
        assert other.history_["loss"] == fitted.history_["loss"]


def test_frames_of_other_columns_are_refused() -> None:
    frame = pd.DataFrame(X, columns=list("abcd"))
    fitted = ensemble(regresses=True).partial_fit(frame, Y)
    assert fitted.feature_names_in_.tolist() == list("abcd")
    before = state_of(fitted)
    with pytest.raises(ValueError, match="feature names should match"):
        fitted.partial_fit(frame[list("bacd")], Y)
    assert state_of(fitted) == before


def test_several_labels_and_a_validation_set() -> None:
    fitted = ensemble()
    classes = [["high", "low", "middle"], ["x", "y"]]
    for _ in range(2):
        fitted.partial_fit(X, MIXED, classes=classes, X_val=X, y_val=MIXED)
    assert [c.tolist() for c in fitted.classes_] == classes
    assert len(fitted.history_["val_accuracy"]) == 2


def test_a_first_call_without_classes() -> None:
    clf = ensemble()
    with pytest.raises(ValueError, match="classes must be passed on the first call") as caught:
        clf.partial_fit(X, LABELS)
    assert "Raised by the member" in caught.value.__notes__[0]
    assert not hasattr(clf, "estimators_")


def test_lbfgs_has_none() -> None:
    assert not hasattr(ensemble(solver="lbfgs"), "partial_fit")
    assert hasattr(MLPEnsembleClassifier(), "partial_fit")


def test_an_error_in_a_member_leaves_all_as_they_were() -> None:
    fitted = ensemble(regresses=True, n_estimators=4).partial_fit(X, Y)
    before = state_of(fitted)
    fitted.set_params(estimator__learning_rate_init=1e300, estimator__solver="sgd")
    with np.errstate(all="ignore"), pytest.raises(ValueError, match="non-finite"):
        fitted.partial_fit(X, Y)
    fitted.set_params(estimator__learning_rate_init=0.001, estimator__solver="adam")
    assert state_of(fitted) == before


def test_ctrl_c_leaves_all_as_they_were(monkeypatch: pytest.MonkeyPatch) -> None:
    fitted = ensemble(regresses=True).partial_fit(X, Y)
    before, run = state_of(fitted), ensemble_base.fit_side_by_side

    def interrupted(*args: Any, **kwargs: Any) -> Any:
        return run(*args, **kwargs)[0][:2], True

    monkeypatch.setattr(ensemble_base, "fit_side_by_side", interrupted)
    with pytest.raises(KeyboardInterrupt):
        fitted.partial_fit(X, Y)
    assert state_of(fitted) == before


# --- the history of an ensemble -------------------------------------------------------------------


@QUIET
def test_history_is_the_mean_of_the_members_that_ran_the_epoch(tmp_path: Path) -> None:
    fitted = ensemble(max_iter=60, tol=0.018, n_iter_no_change=1, n_estimators=4)
    fitted.fit(X, LABELS, X_val=X, y_val=LABELS)
    columns = [member.history_["val_loss"] for member in fitted.estimators_]
    lengths = sorted(map(len, columns))
    assert lengths[0] < lengths[-1]
    history = fitted.history_
    assert history.keys() == fitted.estimators_[0].history_.keys()
    assert {len(column) for column in history.values()} == {lengths[-1]}
    for epoch in (0, lengths[0], lengths[-1] - 1):
        expected = np.mean([column[epoch] for column in columns if len(column) > epoch])
        assert history["val_loss"][epoch] == pytest.approx(expected, rel=1e-12)
    pytest.importorskip("safetensors")
    fitted.save(tmp_path / "e.safetensors")
    assert pymlp.load(tmp_path / "e.safetensors").history_ == history


def test_history_of_what_nobody_has() -> None:
    assert not hasattr(ensemble(), "history_")
    fitted = ensemble(regresses=True).partial_fit(X, Y)
    fitted.partial_fit(X, Y, X_val=X, y_val=Y)
    assert np.isnan(fitted.history_["val_loss"]).tolist() == [True, False]
