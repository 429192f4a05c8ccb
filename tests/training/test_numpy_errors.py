"""With ``np.seterr(all="raise")`` nothing raises but what is a person's own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import sparse

import pymlp
from pymlp import MLPClassifier, MLPEnsembleClassifier, MLPEnsembleRegressor, MLPRegressor

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

rng = np.random.default_rng(0)
X = rng.normal(size=(60, 4))
Y = X[:, 0] - X[:, 1]
LABELS = np.digitize(Y, [-1, 1])
TINY = X * 1e-300  # 0 in float32
SMALL: dict[str, Any] = {"hidden_layer_sizes": (5,), "max_iter": 2, "random_state": 0}
FEW: dict[str, Any] = SMALL | {"precision": "float32"}


def raising() -> np.errstate:
    return np.errstate(all="raise")


@pytest.mark.parametrize(
    "rows", [TINY, TINY.tolist(), sparse.csr_array(TINY), sparse.csc_array(TINY)], ids=type
)
@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_rows_that_are_0_in_their_type(solver: str, rows: Any) -> None:
    with raising():
        clf = MLPClassifier(**FEW, solver=solver).fit(rows, LABELS)
        found = clf.predict_proba(rows)
    np.testing.assert_array_equal(found, clf.predict_proba(np.zeros_like(X)))


def test_weights_that_are_0_in_their_type() -> None:
    weight = np.where(np.arange(60) < 30, 1e-200, 1.0)
    params = FEW | {"class_weight": {0: 1e-200}}
    with raising():
        clf = MLPClassifier(**params).fit(X, LABELS, weight)
        members = MLPEnsembleClassifier(MLPClassifier(**params), n_estimators=2, bootstrap=True)
        members.fit(X, LABELS, weight)
        assert clf.score(X, LABELS, np.full(60, 1e-310)) == clf.score(X, LABELS)
    expected = MLPClassifier(**params).fit(X, LABELS, (weight == 1) * 1.0)
    np.testing.assert_array_equal(clf.coefs_[0], expected.coefs_[0])


def test_targets_and_scores_that_underflow() -> None:
    with raising():
        for loss in ("squared_error", "pinball"):
            reg = MLPRegressor(loss, **FEW, early_stopping=True).fit(X, Y * 1e-300)
            assert np.isfinite(reg.validation_scores_).all()
            assert np.isfinite(reg.score(X, Y * 1e-200))


def test_initial_weights_that_are_0_in_their_type() -> None:
    clf = MLPClassifier(**FEW, init=lambda n_in, n_out, random_state: np.full((n_in, n_out), 1e-60))
    with raising():
        clf.fit(X, LABELS)
    assert np.isfinite(clf.coefs_[0]).all()


@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
def test_a_step_of_lbfgs_and_others(solver: str) -> None:
    """SciPy's vectors are of float64, ours of float32."""
    with raising():
        reg = MLPRegressor(**FEW | {"max_iter": 100}, solver=solver).fit(X * 1e-20, Y)
    assert np.isfinite(reg.coefs_[0]).all()


def sure_and_unsure() -> tuple[Any, Any]:
    """Rows of which members know the class, with probabilities of other ones near 0."""
    return np.repeat(50 * np.eye(3), 20, axis=0), np.repeat([0, 1, 2], 20)


@pytest.mark.parametrize("precision", ["float32", "float64"])
def test_the_spread_of_an_ensemble(precision: str) -> None:
    rows, labels = sure_and_unsure()
    params = SMALL | {"precision": precision, "max_iter": 100, "learning_rate_init": 0.1}
    three = {"n_estimators": 3, "random_state": 0}
    clf = MLPEnsembleClassifier(MLPClassifier(**params), **three).fit(rows, labels)
    reg = MLPEnsembleRegressor(MLPRegressor("poisson", **params), **three)
    reg.fit(rows, np.full(60, 1e-30))
    with raising():
        for mean, spread in (
            clf.predict_proba(10 * rows, return_std=True),
            reg.predict(rows, return_std=True),
        ):
            assert (spread >= 0).all()
            assert spread.min() < 1e-6 * max(1, mean.max())


def test_a_spread_whose_square_overflows() -> None:
    params = SMALL | {"hidden_layer_sizes": (), "max_iter": 3}
    ensemble = MLPEnsembleRegressor(MLPRegressor(**params), n_estimators=3).fit(X, Y)
    _, usual = ensemble.predict(X, return_std=True)
    for member in ensemble.estimators_:
        for weights in (*member.coefs_, *member.intercepts_):
            np.multiply(weights, 1e250, out=weights)
    with raising():
        _, spread = ensemble.predict(X, return_std=True)
    np.testing.assert_allclose(spread, usual * 1e250, rtol=1e-10)


def test_files(tmp_path: Path) -> None:
    with raising():
        reg = MLPRegressor(**FEW).fit(X, Y)
        reg.save(tmp_path / "model")
        loaded = pymlp.load(tmp_path / "model")
        np.testing.assert_array_equal(loaded.predict(TINY), reg.predict(TINY))


def test_a_persons_own_arithmetic_is_theirs() -> None:
    def scorer(est: Any, X: Any, y: Any) -> float:
        return float(np.float64(1) / np.float64(0))

    ensemble = MLPEnsembleClassifier(MLPClassifier(**FEW, scoring=scorer), n_estimators=2)
    for model in (ensemble.estimator, ensemble):
        with raising(), pytest.raises(FloatingPointError, match="divide by zero"):
            model.fit(X, LABELS, X_val=X, y_val=LABELS)
