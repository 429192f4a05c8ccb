"""One callback and several fits: in a row, in threads, in processes; failing and interrupted."""

import copy
import pickle
import warnings
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import joblib
import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import make_moons
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from pymlp import MLPClassifier
from pymlp.callbacks import Callback, EarlyStopping

X, y = make_moons(120, noise=0.3, random_state=0)
pytestmark = pytest.mark.filterwarnings("ignore:Stochastic Optimizer. Maximum iterations")


def small(**options: Any) -> MLPClassifier:
    options = {"learning_rate_init": 0.05, "max_iter": 60, "random_state": 0} | options
    return MLPClassifier((20,), **options)


def assert_same_weights(a: Any, b: Any) -> None:
    for one, other in zip(a.coefs_ + a.intercepts_, b.coefs_ + b.intercepts_, strict=True):
        np.testing.assert_array_equal(one, other)


def stopping() -> EarlyStopping:
    return EarlyStopping("loss", min_delta=0.01, patience=2, restore_best_weights=True)


def test_fits_in_threads_share_a_callback() -> None:
    callback = stopping()
    nets = [small(random_state=seed, learning_rate_init=0.01 * (1 + seed)) for seed in range(8)]
    alone = [clone(net).set_callbacks(stopping()).fit(X, y) for net in nets]
    with ThreadPoolExecutor(4) as pool:
        shared = list(pool.map(lambda net: net.set_callbacks(callback).fit(X, y), nets))
    assert len({est.best_epoch_ for est in alone}) > 2
    for a, b in zip(alone, shared, strict=True):
        assert a.best_epoch_ == b.best_epoch_
        assert_same_weights(a, b)
    assert callback.best_epoch_ in [est.best_epoch_ for est in shared]
    assert callback._fits == {}


@pytest.mark.parametrize("backend", ["threading", "loky"])
def test_a_search_shares_a_callback(backend: str) -> None:
    callback = stopping()
    pipe = make_pipeline(StandardScaler(), small().set_callbacks(callback))
    search = GridSearchCV(pipe, {"mlpclassifier__alpha": [0, 0.1]}, cv=2, error_score="raise")
    with joblib.parallel_backend(backend, n_jobs=2):
        search.fit(X, y)
    assert callback.best_epoch_ == search.best_estimator_[-1].best_epoch_  # the last fit
    assert callback._fits == {}


def test_a_meta_estimator_is_told() -> None:
    with pytest.raises(TypeError, match=r"EarlyStopping is a callback for .* Got Pipeline instead"):
        make_pipeline(StandardScaler(), small()).set_callbacks(stopping()).fit(X, y)


def test_pickles_and_copies() -> None:
    est = small().set_callbacks(stopping()).fit(X, y)
    for copied in (pickle.loads(pickle.dumps(est)), copy.deepcopy(est)):
        (callback,) = copied._skl_callbacks
        assert callback.best_epoch_ == est.best_epoch_
        assert_same_weights(copied.fit(X, y), est)
        assert callback._fits == {}
    assert set(vars(callback)) - {"_fits"} == set(vars(EarlyStopping())) | {
        "best_",
        "best_epoch_",
        "stopped_epoch_",
    }


class Pickler(Callback):
    def on_epoch_end(self, estimator: Any) -> bool:
        self.others_ = pickle.loads(pickle.dumps(estimator))._skl_callbacks
        return True


def test_a_fits_state_is_not_pickled() -> None:
    callback, pickler = stopping(), Pickler()
    small().set_callbacks(callback, pickler).fit(X, y)
    assert vars(pickler.others_[0]) == vars(stopping())
    assert [other._fits for other in pickler.others_] == [{}, {}]


class Counter(Callback):
    """Somebody's own; its constructor calls none of ours."""

    def __init__(
        self, at: int, raises: type[BaseException] | BaseException = StopIteration
    ) -> None:
        self.at, self.raises = at, raises
        self.closed: list[int] = []

    def on_fit_begin(self, estimator: Any) -> None:
        self.n_epochs_ = 0

    def on_epoch_end(self, estimator: Any) -> bool:
        self.n_epochs_ += 1
        if self.n_epochs_ == self.at and self.raises is not StopIteration:
            raise self.raises
        return self.n_epochs_ == self.at

    def close(self) -> None:
        self.closed.append(self.n_epochs_)


def test_somebodys_own() -> None:
    counter = Counter(4)
    est = small().set_callbacks(counter).fit(X, y).fit(X, y)
    assert est.n_iter_ == counter.n_epochs_ == 4
    assert counter.closed == [4, 4]


def test_an_error_leaves_the_callbacks_as_they_were() -> None:
    callback = stopping()
    est = small().set_callbacks(callback).fit(X, y)
    before, epochs = dict(vars(callback)), len(est.history_["loss"])
    counter = Counter(2, RuntimeError)
    with pytest.raises(RuntimeError):
        est.set_callbacks(callback, counter).fit(-X, y)
    assert vars(callback) == before
    assert (counter.closed, callback._fits, counter._fits) == ([2], {}, {})
    assert len(est.history_["loss"]) == epochs


class FailsAtTheEnd(Callback):
    def on_fit_end(self, estimator: Any) -> None:
        self.result_ = 1
        raise RuntimeError


class FailsToClose(Callback):
    def on_fit_end(self, estimator: Any) -> None:
        self.result_ = 1

    def close(self) -> None:
        raise RuntimeError


@pytest.mark.parametrize("kind", [FailsAtTheEnd, FailsToClose])
def test_an_error_at_the_end_leaves_the_callbacks_as_they_were(kind: type[Callback]) -> None:
    callback, fails = stopping(), kind()
    with pytest.raises(RuntimeError):
        small().set_callbacks(*[callback] * (kind is FailsAtTheEnd), fails).fit(X, y)
    assert (callback.get_params(), callback._results()) == (stopping().get_params(), {})
    assert vars(fails) == {"_fits": {}}


@pytest.mark.parametrize("error", [RuntimeError("cannot close"), KeyboardInterrupt("Ctrl-C")])
@pytest.mark.parametrize("at", [0, 1])
def test_where_one_callback_does_not_close_the_others_do(at: int, error: BaseException) -> None:
    class Failing(Callback):
        def close(self) -> None:
            raise error

    callback, counter = stopping(), Counter(1)
    callbacks = [callback, counter]
    callbacks.insert(at, Failing())
    with pytest.raises(type(error), match=str(error)):
        small().set_callbacks(*callbacks).fit(X, y)
    assert (callback._results(), counter.closed) == ({}, [1])
    assert [one._fits for one in callbacks] == [{}, {}, {}]


def test_what_several_callbacks_raise_when_they_are_closed_is_told() -> None:
    with pytest.raises(RuntimeError) as caught:
        small().set_callbacks(FailsToClose(), FailsToClose()).fit(X, y)
    assert caught.value.__notes__ == ["RuntimeError: "]


def test_a_fit_that_raises_the_error_being_handled_is_a_failed_one() -> None:
    callback = stopping()
    try:
        raise KeyError("known")
    except KeyError as known:
        with pytest.raises(KeyError, match="known"):
            small().set_callbacks(callback, Counter(2, known)).fit(X, y)
    assert callback._results() == {}


def test_a_fit_amid_the_handling_of_an_error_is_no_failed_one() -> None:
    callback = stopping()
    try:
        raise KeyError
    except KeyError:
        small().set_callbacks(callback).fit(X, y)
    assert callback.best_epoch_ > 0


def test_a_warning_made_an_error_costs_no_results() -> None:
    callback = EarlyStopping("loss", patience=100)
    est = small(max_iter=3).set_callbacks(callback)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(ConvergenceWarning):
            est.fit(X, y)
    assert callback.best_epoch_ == 3


def test_an_interrupted_fit_has_the_best_weights() -> None:
    callback = EarlyStopping("accuracy", patience=100, restore_best_weights=True)
    counter = Counter(6, KeyboardInterrupt)
    est = small(n_iter_no_change=np.inf).set_callbacks(callback, counter)
    with pytest.warns(UserWarning, match="interrupted"):
        est.fit(X, y)
    assert len(est.history_["loss"]) == 6
    assert est.best_epoch_ == 1 + np.argmax(est.history_["accuracy"]) < 6
    assert_same_weights(est, small(max_iter=est.best_epoch_).fit(X, y))


def test_results_that_a_constructor_makes() -> None:
    class Losses(Callback):
        def __init__(self) -> None:
            self.losses_: list[float] = []

        def on_epoch_end(self, estimator: Any) -> None:
            self.losses_.append(estimator.loss_)

    losses = Losses()
    first = small().set_callbacks(losses).fit(X, y).loss_curve_
    assert losses.losses_ == first
    with pytest.raises(ValueError, match="NaN"):
        small().set_callbacks(losses).fit(np.full_like(X, np.nan), y)
    assert losses.losses_ == first
    assert small().set_callbacks(losses).fit(X, y).loss_curve_ == losses.losses_[len(first) :]


def test_a_callback_is_set_once() -> None:
    callback = stopping()
    est = small().set_callbacks(callback, callback)
    with pytest.raises(ValueError, match="EarlyStopping is set twice on one MLPClassifier"):
        est.fit(X, y)
    assert callback._fits == {}
    est.set_callbacks(callback).fit(X, y)


def test_keras_hooks_are_refused() -> None:
    with pytest.raises(TypeError, match=r"hook of Keras's; here it is on_fit_begin\(self, esti"):
        type("Mine", (Callback,), {"on_train_begin": lambda self, logs=None: None})
    with pytest.raises(TypeError, match=r"Mine.on_epoch_end must take one argument, the estimator"):
        type("Mine", (Callback,), {"on_epoch_end": lambda self, epoch, logs: None})
