"""Parameters of callbacks and schedules: by name, in an estimator, in a search."""

import pickle
from typing import Any

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.callback import ProgressBar
from sklearn.datasets import make_moons
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import pymlp
from pymlp import MLPClassifier, MLPEnsembleClassifier, schedules
from pymlp.callbacks import (
    Callback,
    CSVLogger,
    EarlyStopping,
    LearningRateScheduler,
    ModelCheckpoint,
    ReduceLROnPlateau,
    TensorBoard,
    TerminateOnNaN,
)
from pymlp.schedules import Cosine, Step, WarmUp

X, y = make_moons(90, noise=0.3, random_state=0)
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
STOPPING = "callbacks__earlystopping"


def small(*callbacks: Any, **options: Any) -> MLPClassifier:
    options = {"learning_rate_init": 0.05, "max_iter": 8, "random_state": 0} | options
    return MLPClassifier((10,), **options).set_callbacks(*callbacks)


# One callback, one schedule


def test_parameters_by_name() -> None:
    callback = ReduceLROnPlateau("loss", factor=0.5)
    assert callback.get_params() == {
        "monitor": "loss",
        "factor": 0.5,
        "patience": 10,
        "min_delta": 1e-4,
        "cooldown": 0,
        "min_lr": 0.0,
        "mode": "auto",
        "verbose": False,
    }
    assert callback.set_params(factor=0.2, patience=1) is callback
    assert (callback.factor, callback.patience) == (0.2, 1)
    assert WarmUp(3, Cosine(0.5)).get_params() == {
        "epochs": 3,
        "then": Cosine(0.5),
        "then__final": 0.5,
    }


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"min_delta": 0.5, "patience": -1}, "'patience' parameter of EarlyStopping must be"),
        ({"min_delta": 0.5, "patients": 3}, "Invalid parameter 'patients' for .* EarlyStopping()"),
        (
            {"min_delta": 0.5, "monitor__x": 3},
            "monitor='val_loss' of EarlyStopping has no par.*'x'",
        ),
    ],
)
def test_all_or_none_are_set(wrong: dict[str, Any], message: str) -> None:
    callback = EarlyStopping()
    with pytest.raises(ValueError, match=message):
        callback.set_params(**wrong)
    assert vars(callback) == vars(EarlyStopping())


def test_a_part_that_something_else_may_have_stays_as_it_is() -> None:
    cosine = Cosine()
    one, other = WarmUp(2, cosine), WarmUp(2, cosine)
    one.set_params(epochs=3, then__final=0.5)
    assert (one, other, cosine) == (WarmUp(3, Cosine(0.5)), WarmUp(2, Cosine()), Cosine())
    one.set_params(then=Step(), then__decay=0.2)
    assert one == WarmUp(3, Step(0.2))
    with pytest.raises(ValueError, match="then=None of WarmUp has no parameter 'final'"):
        WarmUp().set_params(then__final=0.1)


def test_schedules_are_copied_whole() -> None:
    schedule = WarmUp(2, Cosine(0.2)).set_params(then__final=0.3)
    for copied in (clone(schedule), pickle.loads(pickle.dumps(schedule))):
        assert copied == schedule == WarmUp(2, Cosine(0.3))
        copied.set_params(then__final=0.9)
        assert schedule == WarmUp(2, Cosine(0.3))


def test_what_was_set_out_of_range_is_refused_by_fit() -> None:
    schedule, stopping = Cosine(), EarlyStopping("loss")
    schedule.final, stopping.patience = 3, -3
    with pytest.raises(ValueError, match=r"'final' parameter of Cosine must be .+ Got 3 instead\."):
        small(learning_rate=schedule).fit(X, y)
    with pytest.raises(
        ValueError, match=r"'patience' parameter of EarlyStopping must be .+ Got -3 instead\."
    ):
        small(stopping).fit(X, y)
    with pytest.raises(ValueError, match=r"'final' parameter of Cosine must be .+ Got 3 instead\."):
        small(LearningRateScheduler(Cosine().set_params()).set_params(schedule=schedule))


@pytest.mark.parametrize(
    ("callback", "text"),
    [
        (EarlyStopping(), "EarlyStopping()"),
        (EarlyStopping("loss", patience=3), "EarlyStopping(monitor='loss', patience=3)"),
        (CSVLogger("log.csv", append=True), "CSVLogger(filename='log.csv', append=True)"),
        (LearningRateScheduler(Cosine()), "LearningRateScheduler(schedule=Cosine(final=0.01))"),
        (TerminateOnNaN(), "TerminateOnNaN()"),
    ],
)
def test_a_callback_shows_what_was_set(callback: Callback, text: str) -> None:
    assert repr(callback) == text
    assert repr(eval(text)) == text


class Renaming(Callback):
    """Somebody's own, which keeps its argument under another name."""

    def __init__(self, limit: int, other: int = 3) -> None:
        self.maximum = limit
        self.other = other


class Own(schedules.Schedule):
    def __init__(self, factor: float) -> None:
        self._factor = factor

    def __call__(self, epoch: int, n_epochs: int) -> float:
        return self._factor


def test_constructors_that_rename() -> None:
    callback = Renaming(3, 4)
    assert callback.get_params() == {"other": 4}
    assert repr(callback) == "Renaming(other=4)"
    est = small(callback, learning_rate=Own(0.5))
    again = clone(est.set_params(max_iter=3))
    assert again.learning_rate(0, 1) == 0.5
    assert again.fit(X, y).history_["learning_rate"] == [0.025] * 3


# In an estimator


def test_an_estimators_callbacks_are_among_its_parameters() -> None:
    stopping, bar = EarlyStopping("loss"), ProgressBar()
    est = small(stopping, bar, learning_rate=Cosine(0.2))
    params = est.get_params()
    assert params[STOPPING] is stopping
    assert params[f"{STOPPING}__monitor"] == "loss"
    assert params["callbacks__progressbar"] is bar
    assert params["learning_rate__final"] == 0.2
    assert not [name for name in est.get_params(deep=False) if "__" in name]
    assert not [name for name in small().get_params() if "__" in name]


def test_setting_a_parameter_changes_no_callback_of_others() -> None:
    stopping, cosine = EarlyStopping("loss"), Cosine()
    est = small(stopping, learning_rate=cosine)
    copied = clone(est).set_params(**{f"{STOPPING}__patience": 7, "learning_rate__final": 0.5})
    assert copied.get_params()[f"{STOPPING}__patience"] == 7
    assert copied.learning_rate == Cosine(0.5)
    assert (stopping.patience, cosine.final) == (0, 0.01)
    assert est.get_params()[STOPPING] is stopping
    assert est.learning_rate is cosine
    # a parameter that has its value leaves the object, of which results can be read
    assert est.set_params(**est.get_params()).get_params()[STOPPING] is stopping
    copied.set_params(learning_rate=cosine, learning_rate__final=0.7)
    assert (copied.learning_rate, cosine) == (Cosine(0.7), Cosine())


def test_a_callback_is_replaced_and_taken_away() -> None:
    est = small(EarlyStopping("loss"), TerminateOnNaN())
    other = EarlyStopping("accuracy")
    est.set_params(**{STOPPING: other})
    assert est.get_params()[STOPPING] is other
    est.set_params(**{STOPPING: EarlyStopping("loss"), f"{STOPPING}__patience": 2})
    assert repr(est.get_params()[STOPPING]) == "EarlyStopping(monitor='loss', patience=2)"
    est.set_params(**{STOPPING: None})
    assert [name for name in est.get_params() if "__" in name] == ["callbacks__terminateonnan"]


def test_several_callbacks_of_a_class() -> None:
    one, two = EarlyStopping("loss"), EarlyStopping("accuracy")
    est = small(one, two).set_params(**{f"{STOPPING}-2__patience": 5})
    params = est.get_params()
    assert params[f"{STOPPING}-1"] is one
    assert repr(params[f"{STOPPING}-2"]) == "EarlyStopping(monitor='accuracy', patience=5)"


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("callbacks__stopping__patience", 3, "'callbacks__stopping' .* are earlystopping, progre"),
        (f"{STOPPING}__patients", 3, "Invalid parameter 'patients'"),
        (f"{STOPPING}__patience", -3, "'patience' parameter of EarlyStopping must be"),
        ("callbacks__progressbar__x", 3, "callback 'progressbar' has no parameters .* 'x'"),
        ("learning_rate__final", 3, "learning_rate='constant' of MLPClassifier has no .* 'final'"),
        ("alpha_", 3, "Invalid parameter 'alpha_'"),
    ],
)
def test_no_such_parameter(name: str, value: Any, message: str) -> None:
    est = small(EarlyStopping("loss"), ProgressBar())
    before = est.get_params()
    with pytest.raises(ValueError, match=message):
        est.set_params(**{name: value})
    assert est.get_params() == before
    with pytest.raises(ValueError, match="callbacks are none: call set_callbacks first"):
        small().set_params(**{f"{STOPPING}__patience": 3})


@pytest.mark.parametrize("wrong", [3, EarlyStopping])
def test_what_is_no_callback_is_refused(wrong: Any) -> None:
    with pytest.raises(TypeError, match="callbacks must be instances"):
        small(EarlyStopping("loss")).set_params(**{STOPPING: wrong})


def test_within_pipelines_and_ensembles() -> None:
    net = small(EarlyStopping("loss"))
    pipe = make_pipeline(StandardScaler(), net)
    pipe.set_params(**{f"mlpclassifier__{STOPPING}__patience": 4})
    ensemble = MLPEnsembleClassifier(net).set_params(**{f"estimator__{STOPPING}__mode": "min"})
    expected = "EarlyStopping(monitor='loss', patience=4, mode='min')"
    assert repr(ensemble.estimator.get_params()[STOPPING]) == expected


# workers, which import all anew, are for the long run
@pytest.mark.parametrize("n_jobs", [1, pytest.param(2, marks=pytest.mark.long)])
def test_a_search_over_callbacks_and_schedules(n_jobs: int) -> None:
    stopping, cosine = EarlyStopping("loss", min_delta=9.0), Cosine()
    est = small(stopping, learning_rate=cosine, n_iter_no_change=np.inf)
    grid = {f"{STOPPING}__patience": [1, 3, 5], "learning_rate__final": [0.01, 1.0]}

    def epochs_and_rate(fitted: Any, X: Any, y: Any) -> float:
        return fitted.n_iter_ + fitted.history_["learning_rate"][-1]

    search = GridSearchCV(est, grid, cv=2, n_jobs=n_jobs, scoring=epochs_and_rate)
    search.fit(X, y)
    # nothing improves by 9 after the first epoch: 1 + patience epochs, each candidate its own
    expected = []
    for params in search.cv_results_["params"]:
        patience, final = params.values()
        expected.append(1 + patience + 0.05 * Cosine(final)(patience, 8))
    np.testing.assert_allclose(search.cv_results_["mean_test_score"], expected)
    best = search.best_estimator_.get_params()[STOPPING]
    assert (best.patience, best.stopped_epoch_) == (5, 6)
    assert (vars(stopping), cosine) == (vars(EarlyStopping("loss", min_delta=9.0)), Cosine())


def test_a_search_over_whole_callbacks() -> None:
    grid = {STOPPING: [None, EarlyStopping("loss", min_delta=9.0, patience=2)]}
    search = GridSearchCV(
        small(EarlyStopping("loss")), grid, cv=2, scoring=lambda fitted, X, y: fitted.n_iter_
    )
    assert search.fit(X, y).cv_results_["mean_test_score"].tolist() == [8, 3]


def test_a_notebook_shows_them() -> None:
    html = small(EarlyStopping("loss", patience=3))._repr_html_()
    assert f"{STOPPING}__patience" in html


def test_a_file_holds_what_was_set(tmp_path: Any) -> None:
    est = small(learning_rate=WarmUp(2, Cosine())).set_params(learning_rate__then__final=0.25)
    est.fit(X, y).save(tmp_path / "model")
    assert pymlp.load(tmp_path / "model").learning_rate == WarmUp(2, Cosine(0.25))


# Names of Keras, skorch and PyTorch


@pytest.mark.parametrize(
    ("kind", "name", "answer"),
    [
        (EarlyStopping, "threshold", "the least improvement is min_delta"),
        (EarlyStopping, "lower_is_better", "use mode='min' or mode='max'"),
        (EarlyStopping, "load_best", "use restore_best_weights"),
        (ModelCheckpoint, "save_freq", "every counts epochs, save_freq mini-batches"),
        (ModelCheckpoint, "save_weights_only", "it saves the whole estimator"),
        (ReduceLROnPlateau, "epsilon", "the least improvement is min_delta"),
        (LearningRateScheduler, "policy", "schedule is a function or one of pymlp.schedules"),
        (TensorBoard, "histogram_freq", "it writes the columns of history_, once an epoch"),
    ],
)
def test_arguments_of_others(kind: Any, name: str, answer: str) -> None:
    with pytest.raises(TypeError, match=f"{kind.__name__} has no argument '{name}': {answer}"):
        kind(**{name: 1})


@pytest.mark.parametrize("path", ["best.onnx", "best.keras", "best.H5", "best.safetensors.gz"])
def test_endings_of_other_formats(path: str) -> None:
    with pytest.raises(ValueError, match=r"'filepath' .* must end in '.safetensors' or as a pick"):
        ModelCheckpoint(path)
