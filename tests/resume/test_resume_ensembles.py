"""Ensembles that were cut short and resumed end, to the last bit, as those that were not."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from fits import assert_same_fit

from pymlp import (
    Checkpoint,
    MLPClassifier,
    MLPEnsembleClassifier,
    MLPEnsembleRegressor,
    MLPRegressor,
    TabularClassifier,
    TabularRegressor,
)
from pymlp.callbacks import Callback

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

RNG = np.random.RandomState(0)
N, N_MEMBERS, N_EPOCHS = 90, 3, 4
FRAME = pd.DataFrame({"a": RNG.randn(N), "b": RNG.choice(["x", "y", "z"], N)})
X = RNG.randn(N, 5)
Y = FRAME["a"].to_numpy() + 0.1 * RNG.randn(N)
LABELS = np.where(Y > 0, "up", "down")
OF_TABLE: dict[str, Any] = {
    "hidden_layer_sizes": (8,),
    "n_estimators": N_MEMBERS,
    "max_iter": N_EPOCHS,
    "random_state": 0,
}
OF_ENSEMBLE: dict[str, Any] = {"n_estimators": N_MEMBERS, "random_state": 0, "bootstrap": True}
MEMBER: dict[str, Any] = {"hidden_layer_sizes": (8,), "max_iter": N_EPOCHS, "dropout": 0.1}


class CrashError(Exception):
    """What ends the process, in these tests without ending it."""


class Crash(Callback):
    """Ends the fit when so many epochs have ended, of all members together."""

    n_epochs = 0

    def __init__(self, after: float) -> None:
        self.after = after

    def settings(self) -> dict[str, str]:
        return {}  # it is not there when no process ends

    def state(self) -> dict[str, Any]:
        return {}

    def restore(self, state: dict[str, Any]) -> None:
        pass

    def on_epoch_end(self, estimator: Any) -> None:
        Crash.n_epochs += 1
        if Crash.n_epochs >= self.after:
            raise CrashError


def ensemble(kind: Any, member: Any) -> Callable[[Crash], Any]:
    return lambda crash: kind(member(**MEMBER).set_callbacks(crash), **OF_ENSEMBLE, n_threads=1)


def table(kind: Any) -> Callable[[Crash], Any]:
    return lambda crash: kind(**OF_TABLE, n_threads=1).set_callbacks(crash)


FITS = {
    "labels": (ensemble(MLPEnsembleClassifier, MLPClassifier), X, LABELS),
    "targets": (ensemble(MLPEnsembleRegressor, MLPRegressor), X, Y),
    "labels of a table": (table(TabularClassifier), FRAME, LABELS),
    "targets of a table": (table(TabularRegressor), FRAME, Y),
}


@pytest.mark.parametrize("kind", FITS)
def test_every_member_goes_on(kind: str, tmp_path: Path) -> None:
    build, data, y = FITS[kind]
    whole = build(Crash(np.inf)).fit(data, y)
    checkpoint = Checkpoint(tmp_path / "fit", seconds=0)
    for at in (2, 3, 3):  # amid the first member, in its last epoch, amid the second one
        Crash.n_epochs = 0
        with pytest.raises(CrashError):
            build(Crash(at)).fit(data, y, resume=checkpoint)
    Crash.n_epochs = 0
    resumed = build(Crash(np.inf)).fit(data, y, resume=checkpoint)
    assert 0 < Crash.n_epochs <= 3 + N_EPOCHS  # others may begin before they hear of the crash
    assert sorted(os.listdir(tmp_path)) == ["fit.0", "fit.1", "fit.2"]
    for member, expected in zip(resumed.estimators_, whole.estimators_, strict=True):
        assert_same_fit(member, expected)
    Crash.n_epochs = 0
    again = build(Crash(1)).fit(data, y, resume=checkpoint)
    assert Crash.n_epochs == 0  # the same call again returns the model at once
    np.testing.assert_array_equal(again.predict(data), whole.predict(data))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"dropout": 0.3}, "'dropout' parameter"),
        ({"random_state": 1}, "'random_state' parameter"),
        ({"n_bins": 4}, "another X"),
        ({"X": FRAME.assign(a=FRAME["a"] + 1)}, "another X"),
        ({"X": FRAME.assign(b="x")}, "another"),
        ({"y": -Y}, "another .*y"),
    ],
)
def test_another_fit_is_refused(change: dict[str, Any], words: str, tmp_path: Path) -> None:
    TabularRegressor(**OF_TABLE).fit(FRAME, Y, resume=tmp_path / "fit")
    data, y = change.pop("X", FRAME), change.pop("y", Y)
    with pytest.raises(ValueError, match=f"fit.[012]' .*it is of another fit, with .*{words}"):
        TabularRegressor(**OF_TABLE | change).fit(data, y, resume=tmp_path / "fit")


def test_more_members_are_added(tmp_path: Path) -> None:
    few, many = (TabularRegressor(**OF_TABLE | {"n_estimators": n}) for n in (2, 4))
    few.fit(FRAME, Y, resume=tmp_path / "fit")
    many.fit(FRAME, Y, resume=tmp_path / "fit")
    assert_same_fit(many.estimators_[1], few.estimators_[1])
    without = TabularRegressor(**many.get_params()).fit(FRAME, Y)
    np.testing.assert_array_equal(many.predict(FRAME), without.predict(FRAME))


def test_what_is_refused(tmp_path: Path) -> None:
    without_seed = OF_TABLE | {"random_state": None}
    with pytest.raises(ValueError, match=r"'resume' .* needs a random_state.*random_state=None"):
        TabularRegressor(**without_seed).fit(FRAME, Y, resume=tmp_path / "fit")
    with pytest.raises(ValueError, match="'resume' parameter of fit must be a path, a Checkpoint"):
        TabularRegressor(**OF_TABLE).fit(FRAME, Y, resume=3)  # type: ignore[arg-type]
    lbfgs = MLPEnsembleRegressor(MLPRegressor(solver="lbfgs"), random_state=0)
    with pytest.raises(ValueError, match="needs a stochastic solver"):
        lbfgs.fit(X, Y, resume=tmp_path / "fit")
    assert not os.listdir(tmp_path)
    with pytest.raises(FileNotFoundError):
        TabularRegressor(**OF_TABLE).fit(FRAME, Y, resume=tmp_path / "nowhere" / "fit")
