"""Validation sets with weights, and what early stopping follows."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
import sklearn
from sklearn.ensemble import BaggingClassifier, BaggingRegressor
from sklearn.metrics import (
    accuracy_score,
    log_loss,
    make_scorer,
    max_error,
    r2_score,
    roc_auc_score,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from pymlp import MLPClassifier, MLPEnsembleRegressor, MLPRegressor

pytestmark = pytest.mark.filterwarnings(
    "ignore:(. of . members. )?Stochastic Optimizer. Maximum iter:"
    "sklearn.exceptions.ConvergenceWarning"
)

rng = np.random.default_rng(0)
X = rng.normal(size=(160, 5))
Y = X[:, 0] + np.sin(X[:, 1])
NAMES = np.array(["no", "yes"])[(Y + rng.normal(size=160) > 0).astype(int)]
X_VAL, Y_VAL, NAMES_VAL = X[100:], Y[100:], NAMES[100:]
WEIGHT = np.arange(60) % 5 / 2
EVERY_ESTIMATOR = pytest.mark.parametrize("estimator", [MLPClassifier, MLPRegressor])


def build(estimator: Any, **params: Any) -> Any:
    defaults = {"hidden_layer_sizes": (8,), "batch_size": 25, "max_iter": 8, "random_state": 0}
    return estimator(**defaults | {"learning_rate_init": 0.01} | params)


def data(estimator: Any) -> dict[str, Any]:
    y = NAMES if estimator is MLPClassifier else Y
    return {"X": X[:100], "y": y[:100], "X_val": X_VAL, "y_val": y[100:]}


# Weights


@pytest.mark.parametrize("precision", ["float32", "float64"])
def test_validation_weights_count(precision: str) -> None:
    close = 1e-5 if precision == "float32" else 1e-10
    clf = build(MLPClassifier, precision=precision)
    clf.fit(**data(MLPClassifier), sample_weight_val=WEIGHT)
    expected = log_loss(NAMES_VAL, clf.predict_proba(X_VAL), sample_weight=WEIGHT)
    assert clf.history_["val_loss"][-1] == pytest.approx(expected, rel=close)
    accuracy = accuracy_score(NAMES_VAL, clf.predict(X_VAL), sample_weight=WEIGHT)
    assert clf.history_["val_accuracy"][-1] == pytest.approx(accuracy)

    reg = build(MLPRegressor, precision=precision)
    reg.fit(**data(MLPRegressor), sample_weight_val=WEIGHT)
    predicted = reg.predict(X_VAL)
    error = np.average((predicted - Y_VAL) ** 2, weights=WEIGHT) / 2
    assert reg.history_["val_loss"][-1] == pytest.approx(error, rel=close)
    score = r2_score(Y_VAL, predicted, sample_weight=WEIGHT)
    assert reg.history_["val_r2"][-1] == pytest.approx(score, rel=close)


@EVERY_ESTIMATOR
def test_validation_weights_do_not_train(estimator: Any) -> None:
    plain = build(estimator).fit(**data(estimator))
    weighted = build(estimator).fit(**data(estimator), sample_weight_val=WEIGHT)
    np.testing.assert_array_equal(weighted.coefs_[0], plain.coefs_[0])


@EVERY_ESTIMATOR
@pytest.mark.parametrize(
    "weight", [WEIGHT[1:], -WEIGHT, np.full(60, np.nan), np.zeros(60), "abc"], ids=str
)
def test_wrong_validation_weights(weight: Any, estimator: Any) -> None:
    with pytest.raises(ValueError, match=r"^sample_weight_val: "):
        build(estimator).fit(**data(estimator), sample_weight_val=weight)


def test_validation_weights_need_a_validation_set() -> None:
    with pytest.raises(ValueError, match="sample_weight_val needs X_val"):
        build(MLPClassifier).fit(X, NAMES, sample_weight_val=WEIGHT)


# Rows held out, and weights of zero


@pytest.mark.parametrize("n_samples", [20, 25, 30])
@pytest.mark.parametrize(
    ("bagging", "estimator"), [(BaggingClassifier, MLPClassifier), (BaggingRegressor, MLPRegressor)]
)
def test_bagging_of_few_rows(bagging: Any, estimator: Any, n_samples: int) -> None:
    """scikit-learn fails in half of these fits: both rows held out weigh 0."""
    X_few, y_few = X[:n_samples], data(estimator)["y"][:n_samples]
    for seed in range(4):
        member = build(estimator, early_stopping=True, batch_size="auto", n_iter_no_change=1)
        bagged = bagging(member, random_state=seed).fit(X_few, y_few)
        for fitted in bagged.estimators_:
            assert len(fitted.validation_scores_) == fitted.n_iter_ > 0


def rows_trained_on(estimator: Any, weight: Any, seed: int, **params: Any) -> set[int]:
    """Rows that early stopping leaves to the training, as a scorer sees the others."""
    seen: list[Any] = []
    numbered = np.column_stack([X, np.arange(160)])[: len(weight)]

    def scorer(model: Any, rows: Any, y: Any) -> float:
        seen.append(set(rows[:, -1].astype(int).tolist()))
        return 0.0

    model = build(estimator, scoring=scorer, early_stopping=True, batch_size="auto", **params)
    y = [*data(estimator)["y"], *data(estimator)["y_val"]][: len(weight)]
    model.set_params(random_state=seed).fit(numbered, y, weight)
    return set(range(len(weight))) - seen[0]


@EVERY_ESTIMATOR
@pytest.mark.parametrize("fraction", [0.1, 0.9])
@pytest.mark.parametrize("n_weighing", [2, 3])
def test_both_parts_weigh_something(estimator: Any, fraction: float, n_weighing: int) -> None:
    weight = np.zeros(30)
    weight[-n_weighing:] = 0.5
    weighing = set(np.flatnonzero(weight).tolist())
    for seed in range(20):
        trained = rows_trained_on(estimator, weight, seed, validation_fraction=fraction)
        assert trained & weighing
        assert weighing - trained


@EVERY_ESTIMATOR
def test_weights_change_no_draw_that_is_good(estimator: Any) -> None:
    weight = np.where(np.arange(60) % 7 == 0, 0.0, 2.0)
    plain = rows_trained_on(estimator, np.ones(60), 3)
    assert rows_trained_on(estimator, weight, 3) == plain


def test_a_class_that_weighs_nothing_is_validated_all_the_same() -> None:
    """Its rows weigh 1 in a validation set: weights of classes are for the training."""
    y = np.repeat([0, 1], [28, 2])
    for seed in range(20):
        clf = build(MLPClassifier, class_weight={0: 0.0}, early_stopping=True, max_iter=1)
        clf.set_params(random_state=seed).fit(X[:30], y)
        assert 0 <= clf.best_validation_score_ <= 1


@EVERY_ESTIMATOR
def test_one_row_cannot_be_in_both_parts(estimator: Any) -> None:
    y = NAMES if estimator is MLPClassifier else Y
    with pytest.raises(ValueError, match="in the part held out for validation and in the rest"):
        build(estimator, early_stopping=True).fit(X, y, np.eye(160)[0])


@pytest.mark.parametrize("early_stopping", [False, True])
def test_a_bootstrap_of_samples_of_which_few_weigh(early_stopping: bool) -> None:
    weight = np.zeros(40)
    weight[:2] = 1
    member = build(MLPRegressor, early_stopping=early_stopping, max_iter=1)
    for seed in range(5):
        ensemble = MLPEnsembleRegressor(member, bootstrap=True, random_state=seed)
        assert len(ensemble.fit(X[:40], Y[:40], weight).estimators_) == 8


# Scorers


def mean_margin(model: Any, rows: Any, y: Any, sample_weight: Any = None) -> float:
    return float(np.average(model.predict_proba(rows)[:, 1], weights=sample_weight))


@pytest.mark.parametrize(
    ("scoring", "column", "formula"),
    [
        (
            "roc_auc",
            "val_roc_auc",
            lambda m: roc_auc_score(NAMES_VAL, m.predict_proba(X_VAL)[:, 1]),
        ),
        (
            "neg_log_loss",
            "val_neg_log_loss",
            lambda m: -log_loss(NAMES_VAL, m.predict_proba(X_VAL)),
        ),
        (mean_margin, "val_score", lambda m: mean_margin(m, X_VAL, NAMES_VAL)),
        (
            make_scorer(accuracy_score),
            "val_score",
            lambda m: accuracy_score(NAMES_VAL, m.predict(X_VAL)),
        ),
    ],
)
@pytest.mark.parametrize("early_stopping", [False, True])
def test_a_scorer_is_asked_after_each_epoch(
    early_stopping: bool, scoring: Any, column: str, formula: Any
) -> None:
    clf = build(MLPClassifier, scoring=scoring, early_stopping=early_stopping)
    clf.fit(**data(MLPClassifier))
    values = clf.history_[column]
    assert len(values) == clf.n_iter_ == 8
    assert len(clf.history_["val_accuracy"]) == 8
    if early_stopping:
        assert clf.validation_scores_ == values
        assert clf.best_validation_score_ == max(values) == pytest.approx(formula(clf))
    else:
        assert values[-1] == pytest.approx(formula(clf))


def test_a_scorer_gets_the_weights() -> None:
    clf = build(MLPClassifier, scoring="roc_auc")
    clf.fit(**data(MLPClassifier), sample_weight_val=WEIGHT)
    score = roc_auc_score(NAMES_VAL, clf.predict_proba(X_VAL)[:, 1], sample_weight=WEIGHT)
    assert clf.history_["val_roc_auc"][-1] == pytest.approx(score)


@EVERY_ESTIMATOR
def test_following_the_loss(estimator: Any) -> None:
    params: dict[str, Any] = {"early_stopping": True, "n_iter_no_change": 3, "max_iter": 300}
    model = build(estimator, scoring="loss", learning_rate_init=0.05, **params)
    model.fit(**data(estimator))
    losses = model.history_["val_loss"]
    assert model.validation_scores_ == losses
    assert model.n_iter_ < 300
    assert model.best_validation_score_ == min(losses) < losses[-1]
    best = build(estimator, scoring="loss", learning_rate_init=0.05, **params)
    with_val = best.set_params(max_iter=int(np.argmin(losses)) + 1).fit(**data(estimator))
    np.testing.assert_array_equal(model.coefs_[0], with_val.coefs_[0])


def test_the_patience_counts_as_documented() -> None:
    """A scorer that scripts the course: it has to improve by more than tol to count."""
    script = iter([0.1, 0.5, 0.5, 0.55, 0.4, 0.9, 0.9, 0.9, 0.9])
    clf = build(MLPClassifier, scoring=lambda *_: next(script), early_stopping=True, max_iter=50)
    clf.set_params(tol=0.1, n_iter_no_change=2).fit(X, NAMES)
    assert clf.validation_scores_ == [0.1, 0.5, 0.5, 0.55, 0.4]
    assert clf.best_validation_score_ == 0.55


def test_an_error_measure_is_followed_upwards_as_its_negative() -> None:
    reg = build(MLPRegressor, scoring="neg_max_error", early_stopping=True)
    reg.fit(**data(MLPRegressor))
    assert reg.best_validation_score_ == pytest.approx(-max_error(Y_VAL, reg.predict(X_VAL)))


@EVERY_ESTIMATOR
def test_rows_held_out_reach_the_scorer_as_they_were_given(estimator: Any) -> None:
    seen = []

    def scorer(model: Any, rows: Any, y: Any) -> float:
        seen.append((rows, y))
        return float(model.score(rows, y))  # warns if the names of the columns were lost

    frame = pd.DataFrame(X, columns=list("abcde"))
    y = pd.Series(data(estimator)["y"].tolist() + data(estimator)["y_val"].tolist())
    model = build(estimator, scoring=scorer, early_stopping=True).fit(frame, y)
    assert len(seen) == 8
    rows, labels = seen[0]
    assert rows.shape == (16, 5)
    pd.testing.assert_frame_equal(rows, frame.loc[rows.index])
    pd.testing.assert_series_equal(labels, y.loc[rows.index])
    name = "val_accuracy" if estimator is MLPClassifier else "val_r2"
    np.testing.assert_allclose(model.history_["val_score"], model.history_[name])


def test_another_goal_starts_the_search_afresh() -> None:
    clf = build(MLPClassifier, early_stopping=True, warm_start=True, max_iter=3)
    clf.fit(X, NAMES)
    clf.set_params(scoring="loss").fit(X, NAMES)
    assert len(clf.validation_scores_) == 3
    assert clf.best_validation_score_ == min(clf.history_["val_loss"][3:])
    clf.fit(X, NAMES)
    assert len(clf.validation_scores_) == 6


@pytest.mark.parametrize("scoring", ["accurate", 3, ["accuracy"]])
def test_wrong_scoring(scoring: Any) -> None:
    with pytest.raises(ValueError, match="'scoring' parameter of MLPClassifier must be"):
        build(MLPClassifier, scoring=scoring).fit(X, NAMES)


# Metadata


def test_a_pipeline_passes_the_validation_set_on() -> None:
    with sklearn.config_context(enable_metadata_routing=True):
        clf = build(MLPClassifier, scoring="roc_auc")
        clf.set_fit_request(X_val=True, y_val=True, sample_weight_val=True)
        pipeline = make_pipeline(StandardScaler(), clf, transform_input=["X_val"])
        given = data(MLPClassifier) | {"sample_weight_val": WEIGHT}
        pipeline.fit(given.pop("X"), given.pop("y"), **given)
    scaler = StandardScaler().fit(X[:100])
    direct = data(MLPClassifier)
    direct |= {"X": scaler.transform(direct["X"]), "X_val": scaler.transform(X_VAL)}
    expected = build(MLPClassifier, scoring="roc_auc").fit(**direct, sample_weight_val=WEIGHT)
    for name in ("val_loss", "val_roc_auc"):
        np.testing.assert_allclose(clf.history_[name], expected.history_[name])


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.UndefinedMetricWarning")
def test_a_score_that_is_never_known() -> None:
    with pytest.raises(ValueError, match="'val_r2', which is nan on the validation set"):
        MLPRegressor(early_stopping=True).fit(X, Y, X_val=X[:1], y_val=Y[:1])
    one_class = NAMES == "yes"
    clf = MLPClassifier(early_stopping=True, scoring="roc_auc")
    with pytest.raises(ValueError, match=r"scoring='roc_auc' has no value .* lacks the class 'no'"):
        clf.fit(X, NAMES, X_val=X[one_class], y_val=NAMES[one_class])


def test_a_score_that_becomes_nan_is_no_progress() -> None:
    seen: list[float] = []

    def falling(model: Any, X: Any, y: Any) -> float:
        seen.append(np.nan if len(seen) == 3 else float(len(seen)))
        return seen[-1] if len(seen) <= 4 else np.nan

    reg = MLPRegressor(early_stopping=True, scoring=falling, n_iter_no_change=5, random_state=0)
    reg.fit(X, Y)
    assert reg.n_iter_ == 9  # three epochs better, six that are not
    assert reg.best_validation_score_ == 2.0


@pytest.mark.parametrize("scoring", ["neg_max_error", lambda model, X, y: model.score(X, y)])
def test_a_scorer_that_knows_no_weights(scoring: Any) -> None:
    reg = MLPRegressor(early_stopping=True, scoring=scoring, max_iter=3, random_state=0)
    reg.fit(X, Y, sample_weight=np.linspace(1, 2, 160))
    assert len(reg.validation_scores_) == 3


def test_class_weights_do_not_enter_the_score() -> None:
    """Neither that of a set held out, nor that of a set given."""
    scores = []
    for weights in (None, {"no": 1.0, "yes": 1e-9}):
        clf = MLPClassifier(early_stopping=True, max_iter=1, random_state=0, class_weight=weights)
        clf.set_params(learning_rate_init=1e-12)
        scores.append(clf.fit(X, NAMES).validation_scores_)
    assert scores[0] == scores[1]
