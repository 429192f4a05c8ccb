"""The estimators inside what scikit-learn builds of estimators.

scikit-learn's own MLP in the same place is the reference: it learns the same model, so that
whatever is built of it must come out the same.
"""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import sklearn
from joblib import Parallel, delayed
from scipy import sparse
from sklearn import neural_network
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import TransformedTargetRegressor
from sklearn.ensemble import (
    AdaBoostClassifier,
    BaggingClassifier,
    BaggingRegressor,
    StackingClassifier,
    StackingRegressor,
    VotingClassifier,
    VotingRegressor,
)
from sklearn.frozen import FrozenEstimator
from sklearn.inspection import partial_dependence, permutation_importance
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import (
    GridSearchCV,
    KFold,
    cross_val_predict,
    cross_val_score,
    learning_curve,
)
from sklearn.multiclass import OneVsOneClassifier, OneVsRestClassifier
from sklearn.multioutput import ClassifierChain, MultiOutputClassifier, MultiOutputRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import estimator_html_repr, get_tags

import pymlp

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

rng = np.random.default_rng(0)
X = rng.normal(size=(120, 4))
Y = 2 * X[:, 0] - X[:, 1] ** 2
NAMES = np.array(["low", "middle", "high"])[np.digitize(Y, [-2, 0.5])]
TWO_LABELS = np.c_[Y > 0, X[:, 2] > 0].astype(int)
MODULES = [pymlp, neural_network]
EVERY_ESTIMATOR = pytest.mark.parametrize("name", ["MLPClassifier", "MLPRegressor"])


def classifier(module: Any, **params: Any) -> Any:
    defaults = {"hidden_layer_sizes": (8,), "learning_rate_init": 0.02, "max_iter": 15}
    return module.MLPClassifier(**defaults | {"batch_size": 20, "random_state": 0} | params)


def regressor(module: Any, **params: Any) -> Any:
    defaults = {"hidden_layer_sizes": (8,), "learning_rate_init": 0.02, "max_iter": 15}
    return module.MLPRegressor(**defaults | {"batch_size": 20, "random_state": 0} | params)


def target(name: str) -> np.ndarray:
    return NAMES if name == "MLPClassifier" else Y


def assert_close(ours: Any, theirs: Any) -> None:
    """Of numbers to 1e-6, of labels exactly."""
    ours, theirs = np.asarray(ours), np.asarray(theirs)
    if theirs.dtype.kind == "f":
        np.testing.assert_allclose(ours, theirs, rtol=1e-6, atol=1e-6)
    else:
        np.testing.assert_array_equal(ours, theirs)


# Meta-estimators

GRID = {"activation": ["tanh", "relu"], "alpha": [1e-3, 10.0]}
WRAPPERS: dict[str, tuple[Callable[[Any], Any], np.ndarray]] = {
    "calibrated": (lambda m: CalibratedClassifierCV(classifier(m), cv=3), NAMES),
    "bagging": (lambda m: BaggingClassifier(classifier(m), 3, random_state=0), NAMES),
    "boosting": (
        lambda m: AdaBoostClassifier(classifier(m), n_estimators=3, random_state=0),
        NAMES,
    ),
    "stacking": (
        lambda m: StackingClassifier([("mlp", classifier(m))], LogisticRegression(), cv=3),
        NAMES,
    ),
    "voting": (
        lambda m: VotingClassifier(
            [("mlp", classifier(m)), ("linear", LogisticRegression())], voting="soft"
        ),
        NAMES,
    ),
    "one against the rest": (lambda m: OneVsRestClassifier(classifier(m)), NAMES),
    "one against one": (lambda m: OneVsOneClassifier(classifier(m)), NAMES),
    "outputs": (lambda m: MultiOutputClassifier(classifier(m)), TWO_LABELS),
    "chain": (lambda m: ClassifierChain(classifier(m)), TWO_LABELS),
    "search": (lambda m: GridSearchCV(classifier(m), GRID, cv=2), NAMES),
    "bagged regressor": (lambda m: BaggingRegressor(regressor(m), 3, random_state=0), Y),
    "stacked regressor": (lambda m: StackingRegressor([("mlp", regressor(m))], Ridge(), cv=3), Y),
    "voting regressors": (
        lambda m: VotingRegressor([("mlp", regressor(m)), ("linear", Ridge())]),
        Y,
    ),
    "regressor's outputs": (lambda m: MultiOutputRegressor(regressor(m)), np.c_[Y, X[:, 2]]),
    "transformed target": (
        lambda m: TransformedTargetRegressor(
            make_pipeline(StandardScaler(), regressor(m)), transformer=StandardScaler()
        ),
        Y,
    ),
    "searched regressor": (lambda m: GridSearchCV(regressor(m), GRID, cv=2), Y),
}


@pytest.mark.parametrize("case", WRAPPERS)
def test_wrapped(case: str) -> None:
    build, y = WRAPPERS[case]
    ours, theirs = (clone(build(module)).fit(X, y) for module in MODULES)
    assert_close(ours.predict(X), theirs.predict(X))
    if hasattr(theirs, "predict_proba"):
        for a, b in zip(ours.predict_proba(X), theirs.predict_proba(X), strict=True):
            assert_close(a, b)
    if hasattr(theirs, "cv_results_"):
        assert ours.best_params_ == theirs.best_params_
        for column in ("mean_test_score", "rank_test_score"):
            assert_close(ours.cv_results_[column], theirs.cv_results_[column])


def test_search_over_our_own_parameters() -> None:
    grid = {"activation": [["silu"], "gelu"], "class_weight": [None, "balanced"]}
    search = GridSearchCV(classifier(pymlp, dropout=[0.1]), grid, cv=2).fit(X, NAMES)
    for scores, params in zip(
        search.cv_results_["mean_test_score"], search.cv_results_["params"], strict=True
    ):
        model = classifier(pymlp, dropout=[0.1], **params)
        assert scores == cross_val_score(model, X, NAMES, cv=2).mean()


def test_two_processes() -> None:
    """Fitted here and there: pickles travel both ways."""
    models = [clone(classifier(pymlp, alpha=alpha)) for alpha in (1e-3, 10.0)]
    with Parallel(n_jobs=2, backend="loky") as parallel:
        there = parallel(delayed(model.fit)(X, NAMES) for model in models)
        predicted = parallel(delayed(model.predict_proba)(X) for model in there)
    for model, copy, probabilities in zip(models, there, predicted, strict=True):
        assert not hasattr(model, "coefs_")
        np.testing.assert_array_equal(model.fit(X, NAMES).predict_proba(X), probabilities)
        assert copy.loss_curve_ == model.loss_curve_


# Model selection and inspection


@pytest.mark.parametrize("container", [np.array, sparse.csr_matrix, sparse.csc_array])
def test_cross_validation(container: Any) -> None:
    rows = container(X * (X > 0.5))
    results = []
    for m in MODULES:
        clf, reg = classifier(m), regressor(m)
        results.append(
            [
                cross_val_score(clf, rows, NAMES, cv=3, scoring="roc_auc_ovo"),
                cross_val_score(reg, rows, Y, cv=3),
                cross_val_predict(clf, rows, NAMES, cv=3, method="predict_proba"),
                *learning_curve(clf, rows, NAMES, cv=3, train_sizes=[0.5, 1.0])[1:],
                *learning_curve(
                    clf,
                    rows,
                    NAMES,
                    cv=3,
                    train_sizes=[0.5, 1.0],
                    exploit_incremental_learning=True,
                )[1:],
            ]
        )
    for ours, theirs in zip(*results, strict=True):
        assert_close(ours, theirs)


SEVERAL = np.c_[NAMES, np.where(X[:, 2] > 0, "x", "y")]
OWN_ANSWERS: dict[str, tuple[Any, np.ndarray, str]] = {
    "hinge": (classifier(pymlp, loss="hinge"), NAMES, "decision_function"),
    "several labels": (classifier(pymlp), SEVERAL, "predict_proba"),
    "names of several": (classifier(pymlp), SEVERAL, "predict"),
    "quantiles": (regressor(pymlp, loss="pinball", quantile=[0.1, 0.5, 0.9]), Y, "predict"),
}


@pytest.mark.parametrize("case", OWN_ANSWERS)
def test_cross_validation_of_what_only_ours_answer(case: str) -> None:
    model, y, method = OWN_ANSWERS[case]
    folds = KFold(3)
    predicted = cross_val_predict(model, X, y, cv=folds, method=method)
    scores = cross_val_score(model, X, y, cv=folds)
    for score, (train, test) in zip(scores, folds.split(X), strict=True):
        fold = clone(model).fit(X[train], y[train])
        answers = getattr(fold, method)(X[test])
        if isinstance(answers, list):  # one a label
            for a, b in zip(predicted, answers, strict=True):
                np.testing.assert_array_equal(a[test], b)
        else:
            np.testing.assert_array_equal(predicted[test], answers)
        assert score == fold.score(X[test], y[test])


def test_hinge_in_stacking_and_calibration() -> None:
    """Neither needs probabilities: both take the scores."""
    hinge = classifier(pymlp, loss="hinge").fit(X, NAMES)
    stack = StackingClassifier([("mlp", hinge)], LogisticRegression(), cv="prefit").fit(X, NAMES)
    scores = hinge.decision_function(X)
    expected = LogisticRegression().fit(scores, NAMES).predict_proba(X=scores)
    np.testing.assert_allclose(stack.predict_proba(X), expected, rtol=1e-9)
    low = classifier(pymlp, loss="hinge").fit(X, NAMES == "low")
    calibrated = CalibratedClassifierCV(FrozenEstimator(low)).fit(X, NAMES == "low")
    order = np.argsort(low.decision_function(X))  # Platt's sigmoid rises with the score
    assert (np.diff(calibrated.predict_proba(X)[order, 1]) >= 0).all()


@EVERY_ESTIMATOR
def test_inspection(name: str) -> None:
    ours, theirs = (
        (classifier if name == "MLPClassifier" else regressor)(m).fit(X, target(name))
        for m in MODULES
    )
    for features in ([0], [(0, 1)]):
        a, b = (partial_dependence(m, X, features, grid_resolution=7) for m in (ours, theirs))
        assert_close(a["average"], b["average"])
        assert np.ptp(b["average"]) > 0.1
    a, b = (
        permutation_importance(m, X, target(name), n_repeats=3, random_state=0)["importances"]
        for m in (ours, theirs)
    )
    assert_close(a, b)


# Pipelines and metadata


def test_in_the_middle_of_a_pipeline() -> None:
    pipeline = make_pipeline(StandardScaler(), classifier(pymlp), Ridge()).fit(X, NAMES == "low")
    scaled = (X - X.mean(axis=0)) / X.std(axis=0)
    mlp = classifier(neural_network).fit(scaled, NAMES == "low")
    hidden = np.maximum(scaled @ mlp.coefs_[0] + mlp.intercepts_[0], 0)
    expected = Ridge().fit(hidden, NAMES == "low").predict(hidden)
    np.testing.assert_allclose(pipeline.predict(X), expected, rtol=1e-5, atol=1e-6)


@pytest.fixture
def routing() -> Iterator[None]:
    with sklearn.config_context(enable_metadata_routing=True):
        yield


METADATA = {
    "sample_weight": rng.uniform(0.1, 3, 120),
    "X_val": 5 * X[:31] + 1,
    "sample_weight_val": rng.uniform(0.1, 3, 31),
}
REQUESTED = dict.fromkeys([*METADATA, "y_val"], True)


@EVERY_ESTIMATOR
@pytest.mark.parametrize("early_stopping", [False, True])
def test_routed_through_search_and_pipeline(early_stopping: bool, name: str, routing: None) -> None:
    build = classifier if name == "MLPClassifier" else regressor
    model = build(pymlp, early_stopping=early_stopping).set_fit_request(**REQUESTED)
    model.set_score_request(sample_weight=True)
    scaler = StandardScaler().set_fit_request(sample_weight=False)
    pipeline = make_pipeline(scaler, model, transform_input=["X_val"])
    step = name.lower()
    search = GridSearchCV(pipeline, {f"{step}__alpha": [1e-3, 10.0]}, cv=2)
    y = target(name)
    search.fit(5 * X + 1, y, y_val=y[:31], **METADATA)
    fitted = search.best_estimator_[step]

    scaler = StandardScaler().fit(5 * X + 1)
    alpha = search.best_params_[f"{step}__alpha"]
    expected = build(pymlp, early_stopping=early_stopping, alpha=alpha).fit(
        scaler.transform(5 * X + 1),
        y,
        sample_weight=METADATA["sample_weight"],
        X_val=scaler.transform(METADATA["X_val"]),
        y_val=y[:31],
        sample_weight_val=METADATA["sample_weight_val"],
    )
    for column in set(expected.history_) - {"seconds"}:
        assert fitted.history_[column] == expected.history_[column], column
    np.testing.assert_array_equal(fitted.coefs_[0], expected.coefs_[0])


def test_what_is_not_requested_is_refused(routing: None) -> None:
    pipeline = make_pipeline(StandardScaler(), classifier(pymlp))
    with pytest.raises(ValueError, match=r"sample_weight.* not explicitly set as requested"):
        pipeline.fit(X, NAMES, sample_weight=np.ones(120))


# Data frames


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_frames(library: str) -> None:
    frames = pytest.importorskip(library)
    columns = list("abcd")
    frame = frames.DataFrame({name: X[:, k] for k, name in enumerate(columns)})
    plain = classifier(pymlp).fit(X, NAMES)
    clf = classifier(pymlp).fit(
        frame, frames.Series(NAMES), X_val=frame, y_val=frames.Series(NAMES)
    )
    assert clf.feature_names_in_.tolist() == columns
    np.testing.assert_array_equal(clf.predict(frame), plain.predict(X))
    assert clf.history_["val_accuracy"][-1] == plain.score(X, NAMES)
    hidden = clf.set_output(transform=library).transform(frame)
    assert isinstance(hidden, frames.DataFrame)
    assert list(hidden.columns) == [f"mlpclassifier{k}" for k in range(8)]
    np.testing.assert_array_equal(hidden.to_numpy(), plain.transform(X))
    with pytest.raises(ValueError, match="feature names should match"):
        clf.predict(frame[columns[::-1]])
    with pytest.raises(ValueError, match="feature names should match"):
        clf.fit(frame, NAMES, X_val=frame[columns[::-1]], y_val=NAMES)
    with pytest.warns(UserWarning, match="does not have valid feature names"):
        clf.predict(X)


def test_frames_of_targets() -> None:
    pandas = pytest.importorskip("pandas")
    reg = regressor(pymlp).fit(X, pandas.DataFrame({"p": Y, "q": X[:, 2]}))
    np.testing.assert_array_equal(
        reg.predict(X), regressor(pymlp).fit(X, np.c_[Y, X[:, 2]]).predict(X)
    )
    for kind in ("category", "string", object):
        clf = classifier(pymlp).fit(X, pandas.Series(NAMES, dtype=kind))
        assert clf.classes_.tolist() == ["high", "low", "middle"]
        np.testing.assert_array_equal(clf.predict(X), classifier(pymlp).fit(X, NAMES).predict(X))


# What an estimator says about itself


@EVERY_ESTIMATOR
def test_tags(name: str) -> None:
    """scikit-learn's, but for what its MLP cannot do, or (regressor) does not say that it can."""
    ours, theirs = (get_tags(getattr(module, name)()) for module in MODULES)
    assert ours.transformer_tags is not None
    ours.transformer_tags = theirs.transformer_tags
    assert ours.target_tags.multi_output
    ours.target_tags.multi_output = theirs.target_tags.multi_output
    assert ours == theirs


@EVERY_ESTIMATOR
def test_representations(name: str) -> None:
    ours, theirs = (getattr(module, name)(random_state=0) for module in MODULES)
    assert repr(ours) == repr(theirs) == f"{name}(random_state=0)"
    for shown in (estimator_html_repr(ours), ours._repr_html_()):
        assert name in shown
        assert "random_state" in shown
        assert "ema_decay" in shown
        assert "Not fitted" in shown
    y = target(name)
    assert "Fitted" in estimator_html_repr(ours.set_params(max_iter=1).fit(X, y))


@EVERY_ESTIMATOR
def test_clone(name: str) -> None:
    """Parameters alone, the very objects; lists stay lists."""
    params = {"activation": ["tanh", "gelu"], "dropout": [0.1, 0.0], "hidden_layer_sizes": [5, 3]}
    model = getattr(pymlp, name)(**params, learning_rate=pymlp.schedules.Cosine(0.1), max_iter=2)
    copy = clone(model.fit(X, target(name)))
    assert copy.get_params() == model.get_params()
    assert not [attribute for attribute in vars(copy) if attribute.endswith("_")]
    np.testing.assert_array_equal(
        *(m.set_params(random_state=1).fit(X, target(name)).coefs_[0] for m in (model, copy))
    )
