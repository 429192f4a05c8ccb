"""Scorers and callbacks of an ensemble's members find what they find in a single fit."""

from __future__ import annotations

import pickle
from contextvars import ContextVar
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
import polars as pl
import pytest
from ensembles import LABELS, WEIGHT, X, Y, weights
from scipy import sparse
from sklearn.base import clone

import pymlp
from pymlp import MLPClassifier, MLPEnsembleClassifier, MLPEnsembleRegressor, MLPRegressor
from pymlp.callbacks import ModelCheckpoint

pytestmark = pytest.mark.filterwarnings(
    "ignore:(. of . members. )?Stochastic Optimizer:sklearn.exceptions.ConvergenceWarning"
)
NAMES = list("abcd")
NUMBERED = np.arange(1000, 1090)
KINDS: dict[str, tuple[Any, Any]] = {
    "array": (X, LABELS),
    "float32": (X.astype(np.float32), LABELS),
    "list": (X.tolist(), LABELS.tolist()),
    "pandas": (
        pd.DataFrame(X, columns=NAMES, index=NUMBERED),
        pd.Series(LABELS, index=NUMBERED, name="label"),
    ),
    "polars": (pl.DataFrame(X, schema=NAMES), pl.Series("label", LABELS)),
    "csc": (sparse.csc_matrix(X * (X > 0.5)), LABELS),
    "column": (pd.DataFrame(X, columns=NAMES), pd.Series(LABELS)),
}


def looks(*values: Any) -> str:
    """What a scorer can tell of its arguments: types, names, indices and numbers."""
    found = []
    for value in values:
        numbers = value.toarray() if sparse.issparse(value) else np.asarray(value)
        labels = [getattr(value, name, ()) for name in ("columns", "index")]
        names = [[] if callable(of_axis) else list(of_axis) for of_axis in labels]
        found.append([type(value).__name__, names, joblib.hash(numbers)])
    return str(found)


class Watch:
    """A callback of scikit-learn's protocol that looks at what it is given."""

    def __init__(self) -> None:
        self.seen: dict[int, set[str]] = {}

    def setup(self, estimator: Any, context: Any) -> None: ...

    def teardown(self, estimator: Any, context: Any) -> None: ...

    def on_fit_task_begin(self, estimator: Any, context: Any, *, X: Any, y: Any) -> None:
        self.seen.setdefault(estimator.random_state, set()).add(looks(X, y))

    def on_fit_task_end(self, estimator: Any, context: Any, *, X: Any, y: Any) -> bool:
        estimator.predict(X)
        self.seen.setdefault(estimator.random_state, set()).add(looks(X, y))
        return False


@pytest.mark.filterwarnings("ignore:.*scoring=.* has no effect:UserWarning")
@pytest.mark.parametrize("early_stopping", [False, True])
@pytest.mark.parametrize("with_validation_set", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_scorers_and_callbacks_see_what_was_given(
    kind: str, with_validation_set: bool, early_stopping: bool
) -> None:
    rows, labels = KINDS[kind]
    seen: dict[int, list[Any]] = {}

    def scorer(est: Any, X: Any, y: Any, sample_weight: Any = None) -> float:
        n_features, names = est.n_features_in_, getattr(est, "feature_names_in_", None)
        seen.setdefault(est.random_state, []).append((looks(X, y, sample_weight), n_features))
        assert (names is None) == (kind not in ("pandas", "polars", "column"))
        return float(est.score(X, y))  # warns if the names of the columns were lost

    params = {"scoring": scorer, "early_stopping": early_stopping, "max_iter": 2}
    member = MLPClassifier((5,), batch_size=20, random_state=0, **params)
    watch = Watch()
    ensemble = MLPEnsembleClassifier(member.set_callbacks(watch), n_estimators=2, random_state=0)
    validation = {}
    if with_validation_set:
        validation = {"X_val": rows[:30], "y_val": labels[:30], "sample_weight_val": WEIGHT[:30]}
        if sparse.issparse(rows):
            validation["X_val"] = rows.tocsr()[:30]
    ensemble.fit(rows, labels, WEIGHT.tolist(), **validation)
    in_ensemble, of_callback = seen.copy(), dict(watch.seen)
    seen.clear()
    watch.seen.clear()
    for fitted in ensemble.estimators_:
        single = clone(fitted).fit(rows, labels, WEIGHT.tolist(), **validation)
        np.testing.assert_array_equal(weights(single), weights(fitted))
        assert vars(single).keys() == vars(fitted).keys()
    assert seen == in_ensemble
    assert watch.seen == of_callback


@pytest.mark.parametrize("kind", ["pandas", "polars"])
@pytest.mark.parametrize("regresses", [False, True])
def test_members_know_the_names_of_the_features(regresses: bool, kind: str, tmp_path: Path) -> None:
    rows, _ = KINDS[kind]
    member, make = (
        (MLPRegressor, MLPEnsembleRegressor)
        if regresses
        else (MLPClassifier, MLPEnsembleClassifier)
    )
    ensemble = make(member(hidden_layer_sizes=(5,), max_iter=2), n_estimators=2)
    ensemble.fit(rows, Y if regresses else LABELS)
    ensemble.save(tmp_path / "ensemble")
    for model in (
        ensemble,
        pickle.loads(pickle.dumps(ensemble)),
        pymlp.load(tmp_path / "ensemble"),
    ):
        for one in (model, *model.estimators_):
            assert one.feature_names_in_.tolist() == NAMES
            assert one.n_features_in_ == 4
        mean = np.mean(
            [m.predict(rows) if regresses else m.predict_proba(rows) for m in model.estimators_],
            axis=0,
        )
        found = model.predict(rows) if regresses else model.predict_proba(rows)
        np.testing.assert_array_equal(found, mean)
    ensemble.fit(X, Y if regresses else LABELS)
    assert not hasattr(ensemble, "feature_names_in_")


def test_what_members_keep_holds_no_data(tmp_path: Path) -> None:
    """A model that is saved amid the fit is as large as one of a single fit."""
    rows = pd.DataFrame(np.tile(X, (100, 1)), columns=NAMES)
    y = np.tile(LABELS, 100)
    member = MLPClassifier((5,), max_iter=1)
    member.set_callbacks(ModelCheckpoint(tmp_path / "{fit}.joblib"))
    ensemble = MLPEnsembleClassifier(member, n_estimators=2).fit(rows, y)
    sizes = [path.stat().st_size for path in tmp_path.iterdir()]
    assert len(sizes) == 2
    assert max(sizes) < 10_000
    assert len(pickle.dumps(ensemble)) < 20_000


VARIABLE: ContextVar[str] = ContextVar("variable", default="none")


def test_members_run_in_the_context_of_the_caller() -> None:
    seen = []

    def look(est: Any, X: Any, y: Any) -> float:
        seen.append((VARIABLE.get(), np.geterr()["divide"]))
        return 0.0

    ensemble = MLPEnsembleClassifier(MLPClassifier((5,), max_iter=1, scoring=look), n_estimators=3)
    token = VARIABLE.set("mine")
    with np.errstate(divide="ignore"):
        ensemble.fit(X, LABELS, X_val=X, y_val=LABELS)
    VARIABLE.reset(token)
    assert seen == [("mine", "ignore")] * 3
