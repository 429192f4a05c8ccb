"""The added options give the same bits for any number of threads, any format and any neighbours."""

from typing import Any

import numpy as np
import pytest
from scipy import sparse
from test_same_bits import EVERY_DTYPE, LABELS, ROWS, SIGNAL, TEAMS, WEIGHT, X, assert_same_bits

import pymlp

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

THIN = X * (X > 0.4)
THIN[3] = THIN[:, 5] = 0  # an empty row and an empty column
INDICATOR = (X[:, :3] > 0).astype(int)
SEVERAL = np.c_[LABELS, INDICATOR[:, 0]]

Case = tuple[str, np.ndarray, dict[str, Any]]
CASES: dict[str, Case] = {
    **{
        solver: ("MLPClassifier", LABELS, {"solver": solver})
        for solver in ("adamw", "nadam", "rmsprop", "adagrad", "lion", "lbfgs")
    },
    "dropout": ("MLPClassifier", LABELS, {"dropout": [0.2, 0.5]}),
    "clip_norm": ("MLPClassifier", LABELS, {"clip_norm": 0.1}),
    "ema_decay": ("MLPRegressor", SIGNAL, {"ema_decay": 0.9, "solver": "sgd"}),
    "all three": (
        "MLPRegressor",
        SIGNAL,
        {"dropout": 0.3, "clip_norm": 0.1, "ema_decay": 0.9, "solver": "lion"},
    ),
    "activations": ("MLPClassifier", LABELS, {"activation": ["mish", "gelu"]}),
    "focal": ("MLPClassifier", LABELS, {"loss": "focal"}),
    "focal of labels": ("MLPClassifier", INDICATOR, {"loss": "focal"}),
    "hinge": ("MLPClassifier", LABELS, {"loss": "hinge"}),
    "quantiles": ("MLPRegressor", SIGNAL, {"loss": "pinball", "quantile": [0.1, 0.5, 0.9]}),
    "huber": ("MLPRegressor", SIGNAL, {"loss": "huber", "huber_delta": 0.2}),
    "log_cosh": ("MLPRegressor", SIGNAL, {"loss": "log_cosh"}),
    "gamma": ("MLPRegressor", np.exp(SIGNAL), {"loss": "gamma"}),
    "several labels": ("MLPClassifier", SEVERAL, {}),
    "several labels, hinge": ("MLPClassifier", SEVERAL, {"loss": "hinge"}),
    "label_smoothing": ("MLPClassifier", LABELS, {"label_smoothing": 0.1}),
    "class_weight": ("MLPClassifier", LABELS, {"class_weight": "balanced"}),
}
EVERY_CASE = pytest.mark.parametrize("case", CASES)


def train(case: str, rows: Any, **params: Any) -> Any:
    """Three epochs in batches of 53 of 157 rows, the last of 51."""
    estimator, y, case_params = CASES[case]
    defaults = {"hidden_layer_sizes": (70, 17), "batch_size": 53, "max_iter": 3, "random_state": 5}
    model = getattr(pymlp, estimator)(**defaults | case_params | params)
    return model.fit(rows, y, sample_weight=WEIGHT)


def outputs(model: Any, rows: Any) -> np.ndarray:
    """What the network says of each row, in columns: (rows, outputs)."""
    for name in ("predict_proba", "decision_function", "predict"):
        if hasattr(model, name):
            said = getattr(model, name)(rows)
            return np.hstack(said) if isinstance(said, list) else said.reshape(len(said), -1)
    raise AssertionError


def assert_same(actual: Any, desired: Any, rows: Any) -> None:
    for name in ("coefs_", "intercepts_", "averaged_coefs_", "averaged_intercepts_"):
        assert hasattr(actual, name) == hasattr(desired, name)
        for a, b in zip(getattr(actual, name, []), getattr(desired, name, []), strict=True):
            np.testing.assert_array_equal(a, b, strict=True)
    assert actual.history_["loss"] == desired.history_["loss"]
    np.testing.assert_array_equal(outputs(actual, rows), outputs(desired, rows), strict=True)


@EVERY_CASE
@EVERY_DTYPE
@TEAMS
def test_any_number_of_threads(teams: list[int | None], dtype: type, case: str) -> None:
    rows = THIN.astype(dtype)
    alone = train(case, rows, n_threads=1)
    assert np.isfinite(alone.history_["loss"]).all()
    for n_threads in teams:
        assert_same(train(case, rows, n_threads=n_threads), alone, rows)


@EVERY_CASE
@EVERY_DTYPE
def test_sparse_and_dense(dtype: type, case: str) -> None:
    dense = THIN.astype(dtype)
    expected = train(case, dense)
    for container in (sparse.csr_array, sparse.csc_matrix):
        rows = container(dense)
        model = train(case, rows)
        assert_same(model, expected, dense)
        np.testing.assert_array_equal(outputs(model, rows), outputs(model, dense), strict=True)


@EVERY_CASE
@EVERY_DTYPE
@pytest.mark.parametrize("container", [np.asarray, sparse.csr_array])
def test_a_row_alone_or_among_others(container: Any, dtype: type, case: str) -> None:
    rows = container(THIN.astype(dtype))
    model = train(case, rows, max_iter=1)
    together = outputs(model, rows)
    for i in range(0, ROWS, 7):
        np.testing.assert_array_equal(outputs(model, rows[[i]]), together[[i]])
    for part in (slice(5, 7), slice(0, 14), slice(3, 36), slice(50, 150)):
        np.testing.assert_array_equal(outputs(model, rows[part]), together[part])


@EVERY_DTYPE
@pytest.mark.parametrize(
    "params",
    [{"solver": "lbfgs"}, {"solver": "lion", "dropout": 0.2}, {"clip_norm": 0.1, "ema_decay": 0.9}],
    ids=str,
)
@pytest.mark.parametrize("density", [0.03, 1.0])
def test_work_large_enough_for_every_thread(
    density: float, params: dict[str, Any], dtype: type
) -> None:
    """Were small steps kept on one thread, the other cases would compare it with itself."""
    rng = np.random.default_rng(1)
    wide, y = rng.normal(size=(300, 611)).astype(dtype), rng.integers(0, 10, 300)
    if density < 1:
        wide = sparse.csr_array(wide * (rng.random(wide.shape) < density))
    models = [
        pymlp.MLPClassifier(
            (257, 130), batch_size=100, max_iter=2, random_state=0, n_threads=n, **params
        ).fit(wide, y)
        for n in (1, 2, 3, 4)
    ]
    for model in models[1:]:
        assert_same(model, models[0], wide)


@EVERY_DTYPE
def test_sparse_partial_fit_and_validation(dtype: type) -> None:
    dense = THIN.astype(dtype)
    models = []
    for rows in (dense, sparse.csr_array(dense)):
        model = pymlp.MLPClassifier((17,), batch_size=20, random_state=2, early_stopping=True)
        model.set_params(max_iter=6).fit(rows, LABELS, X_val=rows[:40], y_val=LABELS[:40])
        model.set_params(early_stopping=False).partial_fit(rows[40:], LABELS[40:])
        models.append(model)
    assert_same_bits(models[1], models[0], dense)
    assert models[1].history_["val_loss"][:6] == models[0].history_["val_loss"][:6]
