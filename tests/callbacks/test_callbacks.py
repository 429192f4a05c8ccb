"""The callbacks that end the training or set the learning rate."""

import math
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import make_moons
from sklearn.exceptions import ConvergenceWarning

from pymlp import MLPClassifier, MLPRegressor, schedules
from pymlp.callbacks import (
    Callback,
    EarlyStopping,
    LearningRateScheduler,
    ModelCheckpoint,
    ReduceLROnPlateau,
    TerminateOnNaN,
)

X, y = make_moons(120, noise=0.3, random_state=0)
X_VAL, Y_VAL = make_moons(60, noise=0.3, random_state=1)
NAN, INF = math.nan, math.inf
pytestmark = pytest.mark.filterwarnings("ignore:Stochastic Optimizer. Maximum iterations")


class Sequence(SimpleNamespace):
    """Stands for an estimator whose column 'v' takes given values."""

    def __init__(self) -> None:
        super().__init__(loss_=1.0, n_iter_=0, learning_rate_=1.0, history_={"loss": [], "v": []})

    def run(self, callback: Callback, values: list[float]) -> list[float]:
        """Learning rates after each epoch."""
        rates = []
        callback.on_fit_begin(self)  # type: ignore[arg-type]
        for value in values:
            self.n_iter_ += 1
            self.history_["loss"].append(1.0)
            self.history_["v"].append(value)
            stopped = callback.on_epoch_end(self)  # type: ignore[arg-type]
            rates.append(self.learning_rate_)
            if stopped:
                break
        return rates


def small(**options: Any) -> MLPClassifier:
    options = {"learning_rate_init": 0.05, "max_iter": 60, "random_state": 0} | options
    return MLPClassifier((20,), **options)


def fitted(est: Any, *callbacks: Callback, **options: Any) -> Any:
    options = {"X_val": X_VAL, "y_val": Y_VAL} | options
    return est.set_callbacks(*callbacks).fit(X, y, **options)


def assert_same_weights(a: Any, b: Any) -> None:
    for one, other in zip(a.coefs_ + a.intercepts_, b.coefs_ + b.intercepts_, strict=True):
        np.testing.assert_array_equal(one, other)


# Keras's rules


@pytest.mark.parametrize(
    ("options", "values", "stopped", "best"),
    [
        # the first epoch without an improvement ends it, with patience 0 as with 1
        ({}, [3, 2, 2, 1], 3, 2),
        ({"patience": 1}, [3, 2, 2, 1], 3, 2),
        ({"patience": 2}, [3, 2, 2, 1, 1, 1, 0], 6, 4),
        ({"patience": 2}, [3, 2, 2, 1, 1, 0], None, 6),
        # better by more than min_delta than the best, not than the epoch before
        ({"min_delta": 1}, [3, 2, 1.5], 2, 1),
        ({"min_delta": 1, "patience": 2}, [3, 2, 1.5, 1, 1], 5, 3),
        ({"mode": "max"}, [1, 2, 2, 3], 3, 2),
        ({"mode": "max", "min_delta": 0.5, "patience": 3}, [1, 1.5, 1.25, 1.75, 2], None, 4),
        ({"mode": "max", "patience": 2}, [-3, -4, -2, -2, -2.5], 5, 3),
        # nan never is an improvement, nor is what is infinitely bad
        ({}, [3, NAN, 2], 2, 1),
        ({"patience": 2}, [3, NAN, 2, NAN, NAN, 1], 5, 3),
        ({"patience": 2}, [INF, 5, NAN, 4], None, 4),
        ({"mode": "max", "patience": 2}, [-INF, -INF, 5], 2, None),
        # the first epochs are not looked at
        ({"start_from_epoch": 2}, [1, 1, 3, 2, 2], 5, 4),
        ({"start_from_epoch": 2, "patience": 2}, [0, 0, 3, 3, 3, 0], 5, 3),
        ({"start_from_epoch": 3}, [3, NAN, INF, 2, 2], 5, 4),
        ({"start_from_epoch": 9}, [3, 2, 2, 1], None, None),
        # what is not better than the baseline is an improvement all the same, but time runs
        ({"baseline": 2.5, "patience": 2}, [5, 4, 3, 2], None, 4),
        ({"baseline": 2.5, "patience": 2}, [5, 5, 5], 2, 1),
        ({"baseline": 2.5, "patience": 3}, [5, 4, 4, 2], 3, 2),
        ({"baseline": 4.5, "patience": 2}, [5, 4, 4, 4], 4, 2),
        ({"baseline": 2, "min_delta": 1, "mode": "max"}, [2.5, 2.5], 2, 1),
    ],
)
def test_early_stopping_by_hand(
    options: dict[str, Any], values: list[float], stopped: int | None, best: int | None
) -> None:
    callback = EarlyStopping("v", **{"mode": "min"} | options)
    rates = Sequence().run(callback, values)
    assert len(rates) == (stopped or len(values))
    assert (callback.stopped_epoch_, callback.best_epoch_) == (stopped, best)
    if best is not None:
        assert callback.best_ == values[best - 1]


@pytest.mark.parametrize(
    ("options", "values", "rates"),
    [
        ({"patience": 1}, [2, 1, 1, 1, 0], [1, 1, 0.5, 0.25, 0.25]),
        ({"patience": 0}, [2, 1, 1, 1, 0], [1, 1, 0.5, 0.25, 0.25]),
        ({"patience": 2}, [2, 2, 2, 2, 2], [1, 1, 0.5, 0.5, 0.25]),
        ({"patience": 2}, [2, 2, 1, 1, 0], [1, 1, 1, 1, 1]),
        # after the rate was lowered, `cooldown` - 1 epochs are not counted: its end counts again
        ({"patience": 1, "cooldown": 1}, [2, 2, 2, 2], [1, 0.5, 0.25, 0.125]),
        ({"patience": 1, "cooldown": 2}, [2, 2, 2, 2, 2], [1, 0.5, 0.5, 0.25, 0.25]),
        ({"patience": 2, "cooldown": 2}, [2] * 7, [1, 1, 0.5, 0.5, 0.5, 0.25, 0.25]),
        # the best value moves on while it cools
        ({"patience": 1, "cooldown": 2}, [2, 2, 1, 2], [1, 0.5, 0.5, 0.25]),
        ({"patience": 1, "min_lr": 0.3}, [2, 2, 2, 2], [1, 0.5, 0.3, 0.3]),
        ({"patience": 1, "min_delta": 1}, [3, 2, 1.5], [1, 0.5, 0.5]),
        ({"patience": 1, "mode": "max"}, [1, 2, 2, 3], [1, 1, 0.5, 0.5]),
        ({"patience": 1}, [2, NAN, 1], [1, 0.5, 0.5]),
    ],
)
def test_reduced_rates_by_hand(
    options: dict[str, Any], values: list[float], rates: list[float]
) -> None:
    callback = ReduceLROnPlateau("v", **{"factor": 0.5, "mode": "min", "min_delta": 0} | options)
    assert Sequence().run(callback, values) == rates


@pytest.mark.parametrize(
    ("column", "better", "worse"),
    [
        ("loss", 1, 2),
        ("val_loss", 1, 2),
        ("gradient_norm_0", 1, 2),
        ("dead_share_1", 1, 2),
        ("accuracy", 2, 1),
        ("val_r2", 2, 1),
        ("val_neg_log_loss", 2, 1),
        ("val_d2_log_loss_score", 2, 1),
    ],
)
def test_what_is_better(column: str, better: float, worse: float) -> None:
    for values, stopped in (([better, worse], 2), ([worse, better], None)):
        callback, estimator = EarlyStopping(column), Sequence()
        estimator.history_ = {"loss": [0.0] * 2, column: [values[0]]}
        callback.on_fit_begin(estimator)  # type: ignore[arg-type]
        assert not callback.on_epoch_end(estimator)  # type: ignore[arg-type]
        estimator.history_[column].append(values[1])
        callback.on_epoch_end(estimator)  # type: ignore[arg-type]
        assert callback.stopped_epoch_ == stopped


# Early stopping


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"solver": "sgd", "learning_rate_init": 0.5},
        {"solver": "lbfgs"},
        {"ema_decay": 0.9},
        {"precision": "float32"},
    ],
    ids=str,
)
def test_the_best_weights(options: dict[str, Any]) -> None:
    callback = EarlyStopping(patience=4, restore_best_weights=True)
    est = fitted(small(n_iter_no_change=INF, **options), callback)
    assert callback.stopped_epoch_ == est.n_iter_ == len(est.history_["loss"]) < 60
    assert est.best_epoch_ == callback.best_epoch_ == est.n_iter_ - 4
    assert callback.best_ == min(est.history_["val_loss"])
    with pytest.warns(ConvergenceWarning):
        shorter = small(**options | {"max_iter": est.best_epoch_}).fit(X, y)
    assert_same_weights(est, shorter)
    np.testing.assert_array_equal(est.predict_proba(X_VAL), shorter.predict_proba(X_VAL))
    if "ema_decay" in options:
        np.testing.assert_array_equal(est.averaged_coefs_[0], shorter.averaged_coefs_[0])


def test_the_last_weights() -> None:
    callback = EarlyStopping(patience=4)
    est = fitted(small(), callback)
    assert callback.best_epoch_ == est.n_iter_ - 4
    assert not hasattr(est, "best_epoch_")
    assert_same_weights(est, small(max_iter=est.n_iter_).fit(X, y))


def test_the_best_weights_of_a_whole_fit() -> None:
    callback = EarlyStopping(patience=100, restore_best_weights=True)
    est = fitted(small(max_iter=30, learning_rate_init=0.2), callback)
    assert callback.stopped_epoch_ is None
    assert est.n_iter_ == 30
    assert est.best_epoch_ == 1 + np.argmin(est.history_["val_loss"]) < 30
    shorter = small(max_iter=est.best_epoch_, learning_rate_init=0.2).fit(X, y)
    assert_same_weights(est, shorter)


def test_rows_of_a_warm_start() -> None:
    callback = EarlyStopping(patience=3, restore_best_weights=True)
    est = fitted(small(max_iter=2, warm_start=True), callback)
    assert (est.best_epoch_, callback.stopped_epoch_) == (2, None)
    fitted(est.set_params(max_iter=60), callback)
    assert callback.stopped_epoch_ == len(est.history_["loss"]) == est.n_iter_ + 2
    assert est.best_epoch_ == callback.best_epoch_ == callback.stopped_epoch_ - 3
    with pytest.raises(ValueError, match=r"EarlyStopping monitors 'val_loss', which is nan"):
        est.fit(X, y)  # without the validation set


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_the_best_epoch_is_forgotten(solver: str) -> None:
    est = fitted(small(solver=solver), EarlyStopping(restore_best_weights=True))
    assert est.best_epoch_ > 0
    assert not hasattr(fitted(est.set_params(max_iter=500, tol=1e-2)), "best_epoch_")


def test_with_the_estimators_own_early_stopping() -> None:
    callback = EarlyStopping("val_accuracy", patience=2)
    est = small(early_stopping=True).set_callbacks(callback).fit(X, y)
    assert callback.best_epoch_ == 1 + np.argmax(est.history_["val_accuracy"])
    assert callback.stopped_epoch_ == est.n_iter_


def test_it_says_why(capsys: pytest.CaptureFixture[str]) -> None:
    est = fitted(small(), EarlyStopping(patience=4, restore_best_weights=True, verbose=True))
    assert capsys.readouterr().out == (
        "val_loss did not improve more than min_delta=0 for 4 consecutive epochs. "
        f"Stopping.\nThe weights of epoch {est.best_epoch_} are kept.\n"
    )


def test_the_first_epochs_are_not_looked_at() -> None:
    callback = EarlyStopping("learning_rate", start_from_epoch=20, restore_best_weights=True)
    est = fitted(small(learning_rate="step", max_iter=30, n_iter_no_change=INF), callback)
    assert est.best_epoch_ == callback.best_epoch_ == 21  # not the first one
    assert (callback.stopped_epoch_, est.n_iter_) == (22, 22)


def test_it_says_that_the_baseline_was_not_reached(capsys: pytest.CaptureFixture[str]) -> None:
    callback = EarlyStopping("v", mode="min", baseline=0.5, patience=1, verbose=True)
    Sequence().run(callback, [2, 2])
    assert capsys.readouterr().out == "v is not better than baseline=0.5. Stopping.\n"


@pytest.mark.parametrize("name", ["EarlyStopping", "ReduceLROnPlateau", "ModelCheckpoint"])
def test_no_such_column(name: str) -> None:
    callback = {
        "EarlyStopping": EarlyStopping(),
        "ReduceLROnPlateau": ReduceLROnPlateau(),
        "ModelCheckpoint": ModelCheckpoint("never", save_best_only=True, every=100),
    }[name]
    est = small().fit(X, y)
    before = est.coefs_[0]
    with pytest.raises(
        ValueError,
        match=f"{name} monitors 'val_loss', which is not a column of history_: there are 'loss', "
        "'accuracy', 'learning_rate', 'seconds'. .* X_val",
    ):
        est.set_callbacks(callback).fit(X, y)
    assert est.coefs_[0] is before


# The learning rate


@pytest.mark.parametrize("schedule", [schedules.Cosine(), schedules.OneCycle()])
def test_a_schedule_is_that_of_the_parameter(schedule: schedules.Schedule) -> None:
    a = small(max_iter=6).set_callbacks(LearningRateScheduler(schedule)).fit(X, y)
    b = small(max_iter=6, learning_rate=schedule).fit(X, y)
    assert a.history_["learning_rate"] == b.history_["learning_rate"]
    assert_same_weights(a, b)


def test_a_function_of_epoch_and_rate() -> None:
    heard = []

    def schedule(epoch: int, rate: float) -> float:
        heard.append((epoch, rate))
        return rate / 2

    est = small(max_iter=2, learning_rate_init=0.4, warm_start=True)
    est.set_callbacks(LearningRateScheduler(schedule)).fit(X, y).fit(X, y)
    assert heard == [(0, 0.4), (1, 0.2)] * 2
    assert est.history_["learning_rate"] == [0.2, 0.1] * 2


def test_a_scheduler_says_the_rate(capsys: pytest.CaptureFixture[str]) -> None:
    scheduler = LearningRateScheduler(lambda epoch, lr: 0.1 / (1 + epoch), verbose=True)
    small(max_iter=2).set_callbacks(scheduler).fit(X, y)
    assert capsys.readouterr().out == (
        "Epoch 1: setting learning rate to 0.1.\nEpoch 2: setting learning rate to 0.05.\n"
    )


def test_a_schedule_that_does_not_tell_its_arguments() -> None:
    est = small(max_iter=2, learning_rate_init=0.5).set_callbacks(LearningRateScheduler(max))
    assert est.fit(X, y).history_["learning_rate"] == [0.5, 1.0]


def test_a_plateau_lowers_the_rate(capsys: pytest.CaptureFixture[str]) -> None:
    reduce = ReduceLROnPlateau("accuracy", factor=0.5, patience=1, min_delta=1, verbose=1)
    est = small(max_iter=4, learning_rate_init=0.4).set_callbacks(reduce).fit(X, y)
    assert est.history_["learning_rate"] == [0.4, 0.4, 0.2, 0.1]
    assert capsys.readouterr().out.splitlines()[0] == (
        "accuracy did not improve more than min_delta=1 for 1 consecutive epochs. "
        "Setting learning rate to 0.2"
    )


@pytest.mark.parametrize(
    "callback", [LearningRateScheduler(lambda epoch, rate: rate), ReduceLROnPlateau("loss")]
)
def test_a_rate_that_cannot_be_set(callback: Callback) -> None:
    with pytest.raises(ValueError, match="learning_rate='constant'"):
        small(learning_rate="cosine").set_callbacks(callback).fit(X, y)
    with pytest.raises(AttributeError, match="'lbfgs' has no learning rate"):
        small(solver="lbfgs").set_callbacks(callback).fit(X, y)


# nan


@pytest.mark.parametrize(
    ("values", "epochs"),
    [([1, 2, INF, 3], 3), ([1, NAN, 3], 2), ([NAN, NAN, NAN], 3), ([1, 2, 3], 3)],
)
@pytest.mark.filterwarnings("ignore:The validation loss")
def test_a_validation_loss_that_overflows(values: list[float], epochs: int) -> None:
    estimator = Sequence()
    estimator.history_["val_loss"] = estimator.history_["v"]
    assert len(estimator.run(TerminateOnNaN(), values)) == epochs


def test_it_warns_of_the_validation_loss() -> None:
    estimator = Sequence()
    estimator.history_["val_loss"] = estimator.history_["v"]
    with pytest.warns(ConvergenceWarning, match="validation loss of epoch 2 is inf: training st"):
        estimator.run(TerminateOnNaN(), [1, INF])


def test_divergence_is_the_estimators_to_report() -> None:
    reg = MLPRegressor(hidden_layer_sizes=(5,), solver="sgd", learning_rate_init=3, random_state=0)
    with pytest.warns(ConvergenceWarning, match="Training diverged") as warned:
        reg.set_callbacks(TerminateOnNaN()).fit(X, y * 3.0)
    assert len(warned) == 1
    assert np.isfinite(reg.predict(X)).all()


# Parameters


@pytest.mark.parametrize(
    ("callback", "options", "wrong"),
    [
        (EarlyStopping, {"patience": -1}, "'patience' .* of EarlyStopping must be an int in"),
        (EarlyStopping, {"start_from_epoch": -1}, "'start_from_epoch' .* must be an int in"),
        (EarlyStopping, {"baseline": NAN}, "'baseline' .* must be a float in .* or None"),
        (EarlyStopping, {"min_delta": -0.1}, "'min_delta' .* must be a float in the range"),
        (EarlyStopping, {"mode": "best"}, "'mode' .* must be a str among .* Got 'best'"),
        (EarlyStopping, {"monitor": None}, "'monitor' .* must be an instance of 'str'"),
        (EarlyStopping, {"restore_best_weights": "yes"}, "'restore_best_weights' .* 'bool'"),
        (ReduceLROnPlateau, {"factor": 1}, r"'factor' .* in the range \(0.0, 1.0\). Got 1"),
        (ReduceLROnPlateau, {"cooldown": 0.5}, "'cooldown' .* must be an int in"),
        (ReduceLROnPlateau, {"min_lr": -1}, "'min_lr' .* must be a float in the range"),
        (LearningRateScheduler, {"schedule": 0.1}, "'schedule' .* must be a callable. Got 0.1"),
        (ModelCheckpoint, {"filepath": 3}, "'filepath' .* 'str' or an instance of 'os.PathLike'"),
        (ModelCheckpoint, {"filepath": "a", "every": 0}, "'every' .* must be an int in"),
    ],
)
def test_bad_parameters(callback: Any, options: dict[str, Any], wrong: str) -> None:
    with pytest.raises(ValueError, match=wrong):
        callback(**options)


def test_a_schedule_of_one_argument() -> None:
    with pytest.raises(ValueError, match=r"must be callable as schedule\(epoch, lr\): too many"):
        LearningRateScheduler(lambda epoch: 0.1)
