"""Ensembles: the members are single fits, their means are means, and every end is clean."""

import pickle
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
import sklearn
from scipy import sparse
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.metrics import r2_score
from sklearn.model_selection import GridSearchCV
from sklearn.utils import check_random_state
from threadpoolctl import threadpool_info

import pymlp
from pymlp import MLPClassifier, MLPEnsembleClassifier, MLPEnsembleRegressor, MLPRegressor

QUIET = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

rng = np.random.default_rng(0)
X = rng.normal(size=(90, 4))
Y = 2 * X[:, 0] - X[:, 1] ** 2
LABELS = np.digitize(Y, [-2, 0.5])
TWO_LABELS = np.c_[Y > 0, X[:, 2] > 0].astype(int)
MIXED = np.c_[np.array(["low", "middle", "high"])[LABELS], np.where(X[:, 2] > 0, "x", "y")]
WEIGHT = rng.uniform(0.1, 3, 90)


def ensemble(n_members: int = 3, n_threads: int | None = None, **params: Any) -> Any:
    regresses = params.pop("regresses", False)
    bootstrap = params.pop("bootstrap", False)
    member = (MLPRegressor if regresses else MLPClassifier)(
        **{"hidden_layer_sizes": (5,), "batch_size": 20, "max_iter": 6} | params
    )
    return (MLPEnsembleRegressor if regresses else MLPEnsembleClassifier)(
        member, n_members=n_members, bootstrap=bootstrap, random_state=0, n_threads=n_threads
    )


def weights(model: Any) -> np.ndarray:
    return np.concatenate([a.ravel() for a in (*model.coefs_, *model.intercepts_)])


def assert_same(fitted: Any, singles: list[Any]) -> None:
    for member, single in zip(fitted.estimators_, singles, strict=True):
        np.testing.assert_array_equal(weights(member), weights(single))


def singles_of(fitted: Any, *data: Any, **params: Any) -> list[Any]:
    rng = check_random_state(fitted.random_state)
    seeds = [rng.randint(np.iinfo(np.int32).max) for _ in range(fitted.n_members)]
    template = fitted.estimator
    return [clone(template).set_params(random_state=s).fit(*data, **params) for s in seeds]


# Members


@QUIET
@pytest.mark.parametrize("n_threads", [1, 2, 7])
@pytest.mark.parametrize(
    "params",
    [
        {"solver": "sgd", "dropout": 0.2},
        {"early_stopping": True, "ema_decay": 0.9},
        {"solver": "lbfgs"},
        {"regresses": True, "precision": "float32"},
    ],
    ids=str,
)
def test_members_are_single_fits(params: dict[str, Any], n_threads: int) -> None:
    y = Y if params.get("regresses") else LABELS
    fitted = ensemble(n_threads=n_threads, **params).fit(X, y, WEIGHT)
    singles = singles_of(fitted, X, y, WEIGHT)
    assert_same(fitted, singles)
    assert len({weights(m).tobytes() for m in fitted.estimators_}) == 3
    assert [m.get_params() for m in fitted.estimators_] == [s.get_params() for s in singles]


@QUIET
@pytest.mark.parametrize("weight", [None, WEIGHT])
def test_bootstrap(weight: Any) -> None:
    fitted = ensemble(bootstrap=True).fit(X, LABELS, weight)
    for member in fitted.estimators_:
        drawn = check_random_state(member.random_state).randint(90, size=90)
        counts = np.bincount(drawn, minlength=90)
        single = clone(member).fit(X, LABELS, counts if weight is None else counts * weight)
        np.testing.assert_array_equal(weights(member), weights(single))


@QUIET
def test_members_know_classes_that_they_have_not_drawn() -> None:
    rare = np.where(np.arange(90) == 7, 9, LABELS)
    fitted = ensemble(n_members=8, bootstrap=True).fit(X, rare)
    assert fitted.classes_.tolist() == [0, 1, 2, 9]
    assert fitted.predict_proba(X).shape == (90, 4)


@QUIET
@pytest.mark.parametrize("container", [sparse.csr_array, sparse.csc_matrix, list])
def test_other_containers(container: Callable[[Any], Any]) -> None:
    rows = X * (X > 0.5)
    fitted = ensemble().fit(container(rows), LABELS)
    assert_same(fitted, singles_of(fitted, rows, LABELS))
    np.testing.assert_array_equal(fitted.predict(container(rows)), fitted.predict(rows))


@QUIET
def test_validation_set_and_frames() -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(X, columns=list("abcd"))
    validation = {"X_val": frame[:30], "y_val": LABELS[:30], "sample_weight_val": WEIGHT[:30]}
    fitted = ensemble(early_stopping=True, scoring="balanced_accuracy")
    fitted.fit(frame, LABELS, **validation)
    singles = singles_of(fitted, frame, LABELS, **validation)
    for member, single in zip(fitted.estimators_, singles, strict=True):
        for column in set(single.history_) - {"seconds"}:
            assert member.history_[column] == single.history_[column]
    assert fitted.feature_names_in_.tolist() == list("abcd")
    np.testing.assert_array_equal(fitted.predict(frame), fitted.predict(frame.copy()))
    with pytest.raises(ValueError, match="feature names should match"):
        fitted.predict(frame[list("dcba")])


@QUIET
def test_the_default_member() -> None:
    fitted = MLPEnsembleRegressor(n_members=2, random_state=0).fit(X, Y)
    assert fitted.get_params()["estimator"] is None
    seed = fitted.estimators_[1].random_state
    np.testing.assert_array_equal(
        weights(fitted.estimators_[1]), weights(MLPRegressor(random_state=seed).fit(X, Y))
    )


# Predictions


@QUIET
@pytest.mark.parametrize("y", [LABELS, Y > 0, TWO_LABELS], ids=["three", "two", "indicator"])
def test_probabilities(y: np.ndarray) -> None:
    fitted = ensemble().fit(X, y)
    each = [member.predict_proba(X) for member in fitted.estimators_]
    mean, std = fitted.predict_proba(X, return_std=True)
    np.testing.assert_allclose(mean, np.mean(each, axis=0), rtol=1e-12)
    np.testing.assert_allclose(std, np.std(each, axis=0), rtol=1e-9)
    assert std.min() > 0
    np.testing.assert_array_equal(fitted.predict_proba(X), mean)
    np.testing.assert_array_equal(fitted.predict_log_proba(X), np.log(mean))
    labels = mean > 0.5 if y.ndim == 2 else fitted.classes_[mean.argmax(axis=1)]
    np.testing.assert_array_equal(fitted.predict(X), labels)
    right = (labels == y).reshape(90, -1).all(axis=1)
    assert fitted.score(X, y, WEIGHT) == pytest.approx(np.average(right, weights=WEIGHT))
    assert not hasattr(fitted, "decision_function")


@QUIET
def test_several_labels() -> None:
    fitted = ensemble().fit(X, MIXED)
    each = [member.predict_proba(X) for member in fitted.estimators_]
    for k, (mean, std) in enumerate(zip(*fitted.predict_proba(X, return_std=True), strict=True)):
        np.testing.assert_allclose(mean, np.mean([p[k] for p in each], axis=0), rtol=1e-12)
        np.testing.assert_allclose(std, np.std([p[k] for p in each], axis=0), rtol=1e-9)
        labels = fitted.classes_[k][mean.argmax(axis=1)]
        np.testing.assert_array_equal(fitted.predict(X)[:, k], labels)
    assert fitted.score(X, MIXED) == (fitted.predict(X) == MIXED).all(axis=1).mean()


@QUIET
@pytest.mark.parametrize("y", [LABELS, Y > 0], ids=["three", "two"])
def test_scores_of_hinge(y: np.ndarray) -> None:
    fitted = ensemble(loss="hinge")
    assert hasattr(fitted, "decision_function")
    each = [member.decision_function(X) for member in fitted.fit(X, y).estimators_]
    scores = fitted.decision_function(X)
    np.testing.assert_allclose(scores, np.mean(each, axis=0), rtol=1e-9, atol=1e-12)
    chosen = scores.argmax(axis=1) if scores.ndim == 2 else scores > 0
    np.testing.assert_array_equal(fitted.predict(X), chosen)
    with pytest.raises(AttributeError, match="predict_proba"):
        fitted.predict_proba(X)


@QUIET
@pytest.mark.parametrize("y", [Y, np.c_[Y, X[:, 2]]], ids=["one", "two"])
def test_regression(y: np.ndarray) -> None:
    fitted = ensemble(regresses=True).fit(X, y)
    each = [member.predict(X) for member in fitted.estimators_]
    mean, std = fitted.predict(X, return_std=True)
    np.testing.assert_allclose(mean, np.mean(each, axis=0), rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(std, np.std(each, axis=0), rtol=1e-9)
    assert mean.shape == std.shape == y.shape
    assert fitted.score(X, y, WEIGHT) == r2_score(y, mean, sample_weight=WEIGHT)


@QUIET
@pytest.mark.parametrize("quantile", [0.3, [0.1, 0.5, 0.9]])
def test_quantiles(quantile: Any) -> None:
    fitted = ensemble(regresses=True, loss="pinball", quantile=quantile, n_members=1).fit(X, Y)
    member = fitted.estimators_[0]
    np.testing.assert_array_equal(fitted.predict(X), member.predict(X))
    assert fitted.score(X, Y, WEIGHT) == member.score(X, Y, WEIGHT)
    several = fitted.set_params(n_members=3).fit(X, np.c_[Y, -Y])
    assert several.predict(X).shape == (90, 2, *np.shape(quantile))
    assert several.score(X, np.c_[Y, -Y]) < 1


def test_before_fit() -> None:
    for method in ("predict", "predict_proba"):
        with pytest.raises(NotFittedError):
            getattr(ensemble(), method)(X)
    with pytest.raises(NotFittedError):
        ensemble(regresses=True).score(X, Y)


# Warnings


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({}, r"3 of 3 members: Stochastic Optimizer: Maximum iterations \(6\) reached"),
        ({"solver": "lbfgs"}, "3 of 3 members: lbfgs failed to converge after 6 iteration"),
    ],
)
def test_a_warning_comes_once(params: dict[str, Any], message: str) -> None:
    with pytest.warns(ConvergenceWarning, match=message) as caught:
        ensemble(**params).fit(X, LABELS)
    assert len(caught) == 1
    assert caught[0].filename == __file__


def test_who_warns_is_counted() -> None:
    fitted = ensemble(8, max_iter=500, learning_rate_init=0.05, tol=0.02, n_iter_no_change=2)
    epochs = [m.n_iter_ for m in fitted.fit(X, LABELS).estimators_]  # without a warning
    limit = int(np.median(epochs))
    late = sum(n > limit for n in epochs)
    assert 0 < late < 8
    with pytest.warns(ConvergenceWarning, match=f"^{late} of 8 members: ") as caught:
        fitted.set_params(estimator__max_iter=limit).fit(X, LABELS)
    assert len(caught) == 1


def test_a_warning_as_an_error_leaves_the_ensemble_as_it_was() -> None:
    fitted = ensemble(max_iter=2000, tol=1.0).fit(X, LABELS)
    before = fitted.predict_proba(X)
    with pytest.raises(ConvergenceWarning, match="3 of 3 members"):
        fitted.set_params(estimator__max_iter=2).fit(X[:, :2], LABELS)
    np.testing.assert_array_equal(fitted.predict_proba(X), before)


def test_ensembles_in_threads_keep_their_warnings_apart(recwarn: pytest.WarningsRecorder) -> None:
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda n: ensemble(n, max_iter=20 + n).fit(X, LABELS), [2, 3]))
    texts = {str(w.message).split(" reached")[0] for w in recwarn}
    start = "members: Stochastic Optimizer: Maximum iterations"
    assert texts == {f"{n} of {n} {start} ({20 + n})" for n in (2, 3)}


# Errors


@pytest.mark.parametrize(
    ("make", "wrong", "right"),
    [
        (MLPEnsembleClassifier, MLPRegressor(), "MLPClassifier"),
        (MLPEnsembleClassifier, MLPClassifier, "MLPClassifier"),
        (MLPEnsembleRegressor, sklearn.linear_model.Ridge(), "MLPRegressor"),
    ],
)
def test_a_wrong_estimator(make: Any, wrong: Any, right: str) -> None:
    with pytest.raises(ValueError, match=rf"'estimator' .* must be an instance of '.*{right}'"):
        make(wrong).fit(X, LABELS)


@pytest.mark.parametrize(
    ("params", "fit_params", "message"),
    [
        ({"alpha": -1}, {}, "The 'alpha' parameter of MLPClassifier"),
        ({"dropout": [0.1, 0.2]}, {}, "one value a hidden layer"),
        ({}, {"X_val": X}, "X_val and y_val must be given together"),
        ({}, {"X_val": X * np.nan, "y_val": LABELS}, "X_val, y_val: .*NaN"),
        ({}, {"sample_weight": -WEIGHT}, "Negative values"),
        ({"bootstrap": True}, {"sample_weight": -WEIGHT}, "Negative values"),
    ],
)
def test_bad_input(params: Any, fit_params: Any, message: str) -> None:
    fitted = ensemble(**params)
    with pytest.raises(ValueError, match=f"(?s){message}"):
        fitted.fit(X, LABELS, **fit_params)
    assert not [name for name in vars(fitted) if name.endswith("_")]


def test_an_error_in_a_member_ends_all() -> None:
    before = set(threading.enumerate())
    lock, calls = threading.Lock(), 0

    def fail(est: Any, *data: Any) -> float:
        nonlocal calls
        with lock:
            calls += 1
            if calls == 20:
                raise RuntimeError("no more")
        return 0.0

    endless = {"max_iter": 10**9, "n_iter_no_change": np.inf}
    fitted = ensemble(8, n_threads=2, **endless, scoring=fail)
    with pytest.raises(RuntimeError, match="no more") as caught:
        fitted.fit(X, LABELS, X_val=X, y_val=LABELS)
    assert "random_state=" in caught.value.__notes__[0]
    assert not hasattr(fitted, "estimators_")
    assert set(threading.enumerate()) <= before


CTRL_C = """
import os, signal, threading, warnings
import numpy as np
from pymlp import MLPClassifier, MLPEnsembleClassifier

class Watch:
    lock, epochs, sent = threading.Lock(), {}, False
    def setup(self, estimator, context): pass
    def teardown(self, estimator, context): pass
    def on_fit_task_begin(self, estimator, context): pass
    def on_fit_task_end(self, estimator, context):
        with self.lock:
            if context.task_name == "fit":
                return None
            self.epochs[estimator] = self.epochs.get(estimator, 0) + 1
            if len(self.epochs) == 4 and min(self.epochs.values()) >= 3 and not self.sent:
                self.sent = True
                os.kill(os.getpid(), signal.SIGINT)
            return self.epochs[estimator] == 5 and estimator in list(self.epochs)[:2]

rng = np.random.default_rng(0)
X = rng.normal(size=(200, 8)).astype(np.float32)
y = (X[:, 0] > 0).astype(int)
net = MLPClassifier((5,), max_iter=10**9, n_iter_no_change=np.inf)
clf = MLPEnsembleClassifier(net.set_callbacks(Watch()), random_state=0, n_threads=2)
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    clf.fit(X, y)
print(*(w.message for w in caught), sep="; ")
print(len(clf.estimators_), sum(m.n_iter_ == 5 for m in clf.estimators_) >= 2, clf.predict(X).shape)

# one epoch would take seconds
big = MLPEnsembleClassifier(MLPClassifier((1000, 1000), batch_size=50, max_iter=1), n_threads=2)
threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGINT)).start()
try:
    big.fit(np.tile(X, (1000, 1)), np.tile(y, 1000))
except KeyboardInterrupt:
    print("KeyboardInterrupt", hasattr(big, "estimators_"))
"""


def test_ctrl_c() -> None:
    run = subprocess.run(
        [sys.executable, "-c", CTRL_C], capture_output=True, text=True, timeout=60, check=False
    )
    assert run.stderr == ""
    assert run.stdout.splitlines() == [
        "Training interrupted by user: 4 of 8 members are kept.; "
        "2 of 8 members: Training interrupted by user.",
        "4 True (200,)",
        "KeyboardInterrupt False",
    ]


# Threads


@QUIET
@pytest.mark.parametrize(
    ("n_members", "n_threads", "own", "at_once", "team"),
    [(4, 2, None, 2, 1), (2, 7, None, 2, 3), (3, 1, None, 1, 1), (4, 4, 2, 2, 2), (3, 1, 2, 1, 1)],
)
def test_members_and_threads(
    n_members: int, n_threads: int, own: int | None, at_once: int, team: int
) -> None:
    """How many members are trained at a time, and how many threads each may use."""
    lock, workers, teams = threading.Lock(), set[int](), set[int]()
    meeting = threading.Barrier(at_once)

    def look(est: Any, *data: Any) -> float:
        with lock:
            workers.add(threading.get_ident())
            teams.add(pymlp._core.max_threads())
        if est.n_iter_ == 1:
            meeting.wait(timeout=30)  # as many as that do run at once
        return 0.0

    before = pymlp._core.max_threads()
    member = MLPClassifier((5,), max_iter=2, scoring=look, n_threads=own)
    fitted = MLPEnsembleClassifier(member, n_members=n_members, n_threads=n_threads)
    fitted.fit(X, LABELS, X_val=X, y_val=LABELS)
    assert len(workers) == at_once
    assert teams == {team}
    assert pymlp._core.max_threads() == before
    assert {m.n_threads for m in fitted.estimators_} == {own}


@QUIET
def test_blas_has_its_threads_back() -> None:
    def blas() -> list[int]:
        return [lib["num_threads"] for lib in threadpool_info() if lib["user_api"] == "blas"]

    before = blas()
    ensemble(4, n_threads=2, solver="lbfgs").fit(X, LABELS)
    assert blas() == before


@QUIET
def test_members_have_the_configuration_of_the_caller() -> None:
    seen = []

    def look(est: Any, *data: Any) -> float:
        seen.append(sklearn.get_config()["working_memory"])
        return 0.0

    with sklearn.config_context(working_memory=7):
        ensemble(scoring=look, max_iter=1).fit(X, LABELS, X_val=X, y_val=LABELS)
    assert seen == [7, 7, 7]


@QUIET
def test_callbacks_hear_of_every_member() -> None:
    class Listener:
        def __init__(self) -> None:
            self.heard: list[str] = []

        def setup(self, estimator: Any, context: Any) -> None: ...

        def teardown(self, estimator: Any, context: Any) -> None: ...

        def on_fit_task_begin(self, estimator: Any, context: Any) -> None: ...

        def on_fit_task_end(self, estimator: Any, context: Any) -> None:
            self.heard.append(context.task_name)

    listener = Listener()
    fitted = ensemble(4, n_threads=2)
    fitted.estimator.set_callbacks(listener)
    fitted.fit(X, LABELS)
    assert (listener.heard.count("fit"), listener.heard.count("epoch")) == (4, 24)


# scikit-learn's protocols


@QUIET
def test_pickle_and_clone() -> None:
    fitted = ensemble().fit(X, LABELS)
    again = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(again.predict_proba(X), fitted.predict_proba(X))
    fresh = clone(fitted)
    assert not hasattr(fresh, "estimators_")
    np.testing.assert_array_equal(fresh.fit(X, LABELS).predict_proba(X), again.predict_proba(X))


@QUIET
def test_search_over_members_parameters() -> None:
    grid = {"estimator__alpha": [1e-4, 1.0], "n_members": [1, 2]}
    search = GridSearchCV(ensemble(), grid, cv=2).fit(X, LABELS)
    best = search.best_estimator_
    assert best.estimators_[0].alpha == search.best_params_["estimator__alpha"]
    assert len(best.estimators_) == search.best_params_["n_members"]


@QUIET
def test_routing() -> None:
    with sklearn.config_context(enable_metadata_routing=True):
        requested = ensemble().set_fit_request(sample_weight=True, X_val=True, y_val=True)
        search = GridSearchCV(requested.set_score_request(sample_weight=False), {}, cv=2)
        search.fit(X, LABELS, sample_weight=WEIGHT, X_val=X[:20], y_val=LABELS[:20])
        alone = ensemble().fit(X, LABELS, WEIGHT, X_val=X[:20], y_val=LABELS[:20])
    assert_same(search.best_estimator_, alone.estimators_)
    assert "val_loss" in search.best_estimator_.estimators_[0].history_


def test_tags() -> None:
    tags = sklearn.utils.get_tags(ensemble())
    assert tags.estimator_type == "classifier"
    assert tags.input_tags.sparse
    assert tags.classifier_tags.multi_label
    assert tags.transformer_tags is None
    assert sklearn.utils.get_tags(ensemble(regresses=True)).target_tags.multi_output
