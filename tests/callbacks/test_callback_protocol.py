"""scikit-learn's callbacks hear of fits and epochs, and may stop them or set the learning rate."""

import pickle
from copy import copy
from typing import Any

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.callback import ProgressBar, ScoringMonitor
from sklearn.datasets import make_classification
from sklearn.metrics import accuracy_score
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from pymlp import MLPClassifier, MLPRegressor
from pymlp._estimators.tasks import DURING_FIT

X, y = make_classification(120, 6, random_state=0)
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


class Listener:
    """Writes down what it hears."""

    def __init__(self, answer: Any = lambda est: False, begin: Any = lambda est: None) -> None:
        self.heard: list[str] = []
        self.rows: list[int] = []
        self.answer, self.begin = answer, begin

    def setup(self, estimator: Any, context: Any) -> None:
        self.heard.append("setup")

    def teardown(self, estimator: Any, context: Any) -> None:
        self.heard.append("teardown")

    def on_fit_task_begin(self, estimator: Any, context: Any) -> None:
        self.heard.append(f"{context.task_name} {context.task_id} begins")
        if context.task_name == "epoch":
            self.begin(estimator)

    def on_fit_task_end(self, estimator: Any, context: Any) -> Any:
        self.heard.append(f"{context.task_name} {context.task_id} ends")
        self.rows.append(len(estimator.history_["loss"]))
        return context.task_name == "epoch" and self.answer(estimator)


class Keeper(Listener):
    """Keeps an estimator of each task's end."""

    def __init__(self) -> None:
        super().__init__()
        self.kept: list[Any] = []

    def on_fit_task_end(
        self, estimator: Any, context: Any, *, fitted_estimator: Any = None
    ) -> None:
        self.kept.append(fitted_estimator)


def small(solver: str = "adam", **options: Any) -> MLPClassifier:
    options = {"max_iter": 3, "random_state": 0} | options
    return MLPClassifier((5,), solver=solver, **options)


@pytest.mark.parametrize("solver", ["sgd", "adam", "lbfgs"])
def test_the_order_of_tasks(solver: str) -> None:
    listener = Listener()
    small(solver).set_callbacks(listener).fit(X, y)
    epochs = [f"epoch {i} {what}" for i in range(3) for what in ("begins", "ends")]
    assert listener.heard == ["setup", "fit 0 begins", *epochs, "fit 0 ends", "teardown"]
    assert listener.rows == [1, 2, 3, 3]


@pytest.mark.parametrize("solver", ["sgd", "adam", "lbfgs"])
def test_a_true_answer_stops_without_a_warning(
    solver: str, recwarn: pytest.WarningsRecorder
) -> None:
    stopped = small(solver, max_iter=9).set_callbacks(Listener(lambda est: est.n_iter_ == 2))
    stopped.fit(X, y)
    assert not recwarn.list
    assert stopped.n_iter_ == 2
    whole = small(solver, max_iter=2).fit(X, y)
    for a, b in zip(stopped.coefs_, whole.coefs_, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("solver", ["sgd", "adam", "lbfgs"])
def test_listening_changes_nothing(solver: str) -> None:
    plain = small(solver).fit(X, y)
    heard = small(solver).set_callbacks(Listener()).fit(X, y)
    for a, b in zip(plain.coefs_, heard.coefs_, strict=True):
        np.testing.assert_array_equal(a, b)
    assert set(vars(heard)) - set(vars(plain)) == {"_skl_callbacks"}


def test_the_weights_are_current() -> None:
    losses = []
    est = small("sgd", alpha=0, batch_size=120, shuffle=False)

    def remember(est: Any) -> None:
        p = est.predict_proba(X)
        losses.append(-np.mean(np.log(p[np.arange(len(y)), y])))

    est.set_callbacks(Listener(begin=remember)).fit(X, y)
    # an epoch of one mini-batch reports the loss of the weights before it
    np.testing.assert_allclose(est.loss_curve_, losses, rtol=1e-12)


@pytest.mark.parametrize("solver", ["sgd", "adam"])
def test_a_callback_sets_the_learning_rate(solver: str) -> None:
    def halve(est: Any) -> None:
        est.learning_rate_ = est.learning_rate_ / 2

    est = small(solver, learning_rate_init=0.4).set_callbacks(Listener(begin=halve)).fit(X, y)
    assert est.history_["learning_rate"] == [0.2, 0.1, 0.05]
    same = small(solver, learning_rate=lambda epoch: 0.2 / 2**epoch).fit(X, y)
    np.testing.assert_array_equal(est.coefs_[0], same.coefs_[0])


@pytest.mark.parametrize("rate", [0, -1.0, np.nan, np.inf, "fast", None])
def test_a_bad_learning_rate(rate: Any) -> None:
    est = small().fit(X, y)
    with pytest.raises(ValueError, match=r"learning_rate_ must be a finite number > 0\. Got"):
        est.learning_rate_ = rate


@pytest.mark.parametrize("rule", ["cosine", "invscaling", lambda epoch: 0.1])
def test_a_schedule_keeps_the_learning_rate(rule: Any) -> None:
    est = small("sgd", learning_rate=rule).fit(X, y)
    with pytest.raises(ValueError, match="use learning_rate='constant'"):
        est.learning_rate_ = 0.1


def test_no_learning_rate() -> None:
    with pytest.raises(AttributeError, match="after fit has been called"):
        small().learning_rate_  # noqa: B018
    with pytest.raises(AttributeError, match="'lbfgs' has no learning rate"):
        small("lbfgs").fit(X, y).learning_rate_ = 0.1


def test_partial_fit_goes_on_with_the_learning_rate_set() -> None:
    est = small("sgd", learning_rate_init=0.4)
    est.learning_rate_ = 0.1
    est.partial_fit(X, y, classes=[0, 1])
    est.learning_rate_ = 0.05
    est.partial_fit(X, y)
    assert est.history_["learning_rate"] == [0.1, 0.05]
    assert est.fit(X, y).history_["learning_rate"] == [0.4] * 3


def test_scikit_learns_scoring_monitor() -> None:
    monitor = ScoringMonitor(scoring="accuracy")
    est = small().set_callbacks(monitor).fit(X, y)
    scores = [row["accuracy"] for row in monitor.get_logs().data if row["task_name"] == "epoch"]
    assert len(scores) == 3
    assert scores[-1] == accuracy_score(y, est.predict(X))


def test_scores_are_weighted() -> None:
    weight = np.linspace(0, 1, len(y))
    monitor = ScoringMonitor(scoring="accuracy")
    est = small().set_callbacks(monitor).fit(X, y, sample_weight=weight)
    expected = accuracy_score(y, est.predict(X), sample_weight=weight)
    assert monitor.get_logs().data[-1]["accuracy"] == expected


def test_a_fitted_estimator_is_a_copy() -> None:
    keeper = Keeper()
    est = small(max_iter=2, ema_decay=0.5).set_callbacks(keeper).fit(X, y)
    first, second, _ = keeper.kept
    assert (first.predict_proba(X) != second.predict_proba(X)).any()
    np.testing.assert_array_equal(second.predict_proba(X), est.predict_proba(X))
    again = pickle.loads(pickle.dumps(first.set_callbacks()))
    np.testing.assert_array_equal(again.coefs_[0], first.coefs_[0])
    assert not set(DURING_FIT) & set(vars(again))


def test_scikit_learns_progress_bar(capsys: pytest.CaptureFixture[str]) -> None:
    small().set_callbacks(ProgressBar()).fit(X, y)
    assert "MLPClassifier - fit" in capsys.readouterr().out


def test_callbacks_of_meta_estimators(capsys: pytest.CaptureFixture[str]) -> None:
    listener = Listener()
    net = small().set_callbacks(listener)
    make_pipeline(StandardScaler(), net).set_callbacks(ProgressBar()).fit(X, y)
    assert "fit-final-estimator" in capsys.readouterr().out
    assert listener.heard.count("epoch 2 ends") == 1
    search = GridSearchCV(clone(net), {"alpha": [0, 1]}, cv=2).set_callbacks(ProgressBar())
    search.fit(X, y)
    assert listener.heard.count("epoch 2 ends") == 6


def test_a_failing_fit_is_torn_down() -> None:
    listener = Listener()
    est = small().set_callbacks(listener)
    with pytest.raises(ValueError, match="NaN"):
        est.fit(np.full_like(X, np.nan), y)
    assert listener.heard == ["setup", "teardown"]
    assert set(vars(est)) == set(vars(small())) | {"_skl_callbacks"}


def test_a_failing_callback_leaves_the_estimator_as_it_was() -> None:
    def fail(est: Any) -> None:
        if est.n_iter_ == 2:
            raise RuntimeError("no more")

    est = small().fit(X, y)
    before = est.predict_proba(X)
    listener = Listener(fail)
    with pytest.raises(RuntimeError, match="no more"):
        est.set_callbacks(listener).fit(-X, y)
    assert listener.heard[-1] == "teardown"
    np.testing.assert_array_equal(est.predict_proba(X), before)


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
@pytest.mark.parametrize("fitted_before", [False, True])
def test_a_failing_teardown_leaves_the_estimator_as_it_was(
    error: type[BaseException], fitted_before: bool
) -> None:
    class Unclosed(Listener):
        def teardown(self, estimator: Any, context: Any) -> None:
            super().teardown(estimator, context)
            raise error("cannot close")

    first, last = Unclosed(), Listener()
    est = small()
    if fitted_before:
        est.fit(X, y)
    est.set_callbacks(first, last)
    before = dict(vars(est))
    with pytest.raises(error, match="cannot close"):
        est.fit(-X, y)
    assert vars(est) == before
    assert first.heard.count("teardown") == 1
    assert last.heard.count("teardown") == 1
    est.set_callbacks(last).fit(X, y)
    assert last.heard[-1] == "teardown"


def test_partial_fit_is_silent() -> None:
    listener = Listener()
    small().set_callbacks(listener).partial_fit(X, y, classes=[0, 1])
    assert listener.heard == []


def test_divergence_is_heard() -> None:
    listener = Listener()
    reg = MLPRegressor(
        hidden_layer_sizes=(5,), solver="sgd", learning_rate_init=3.0, random_state=0
    )
    reg.set_callbacks(listener).fit(X, y * 3.0)
    assert listener.heard[-2:] == ["fit 0 ends", "teardown"]
    assert not np.isfinite(reg.history_["loss"][-1])
    assert f"epoch {reg.n_iter_ - 1} ends" in listener.heard


def test_the_epoch_that_early_stopping_chose() -> None:
    est = small("sgd", early_stopping=True, max_iter=8, learning_rate_init=0.3).fit(X, y)
    assert est.best_epoch_ == 1 + np.argmax(est.history_["val_accuracy"])
    est.set_params(early_stopping=False, warm_start=True).fit(X, y)
    assert not hasattr(est, "best_epoch_")


def test_a_rejected_epoch_is_not_the_best() -> None:
    def explode(epoch: int) -> float:
        return 1e-3 if epoch < 3 else 1e200

    est = small("sgd", activation="tanh", learning_rate=explode, max_iter=9, early_stopping=True)
    est.fit(X, y, X_val=X, y_val=np.zeros_like(y))
    assert not np.isfinite(est.history_["loss"][-1])
    assert np.isnan(
        [est.history_[name][-1] for name in ("accuracy", "val_loss", "val_accuracy")]
    ).all()
    assert est.best_epoch_ < len(est.history_["loss"])
    assert est.best_validation_score_ == est.score(X, np.zeros_like(y))


def test_a_network_inside_a_meta_estimator_can_be_pickled() -> None:
    class Pickler(Listener):
        def on_fit_task_end(self, estimator: Any, context: Any) -> None:
            self.copy = pickle.loads(pickle.dumps(copy(estimator).set_callbacks()))

    class Outer(Listener):  # which cannot be pickled, as it is local
        def on_fit_task_end(self, estimator: Any, context: Any) -> None: ...

    pickler, outer = Pickler(), Outer()
    net = small(ema_decay=0.9).set_callbacks(pickler)
    make_pipeline(StandardScaler(), net).set_callbacks(outer).fit(X, y)
    assert pickler.copy.n_averaged_ == net.n_averaged_ == 3
    pickler.copy.set_callbacks(ProgressBar()).fit(X, y)
