"""Learning rates by epoch: the schedules' formulas, and that every solver follows them."""

import pickle
from typing import Any

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning

from pymlp import MLPClassifier, MLPRegressor, schedules
from pymlp.schedules import Cosine, Exponential, OneCycle, Step, WarmUp

pytestmark = pytest.mark.filterwarnings(
    "ignore:Stochastic Optimizer. Maximum iterations:sklearn.exceptions.ConvergenceWarning"
)

rng = np.random.default_rng(0)
X = rng.normal(size=(60, 4))
Y = X[:, 0] + X[:, 1] ** 2
EPOCHS = 12
AT = np.arange(EPOCHS)
SOLVERS = ["sgd", "adam", "adamw", "nadam", "rmsprop", "adagrad", "lion"]


def build(**params: Any) -> Any:
    defaults = {"hidden_layer_sizes": (5,), "max_iter": EPOCHS, "random_state": 0}
    defaults |= {"learning_rate_init": 0.02, "n_iter_no_change": 1000, "batch_size": 60}
    return MLPRegressor(**defaults | params)


def wave(start: float, end: float, at: Any) -> Any:
    return end + (start - end) * np.cos(np.pi * np.asarray(at) / 2) ** 2


FACTORS: dict[str, tuple[Any, Any]] = {
    "cosine": ("cosine", wave(1, 0.01, AT / 12)),
    "Cosine": (Cosine(final=0.5), wave(1, 0.5, AT / 12)),
    "exponential": ("exponential", 0.95**AT),
    "Exponential": (Exponential(0.5), 0.5**AT),
    "step": ("step", np.repeat([1, 0.1, 0.01], 4)),
    "Step": (Step(decay=0.5, every=5), [1] * 5 + [0.5] * 5 + [0.25] * 2),
    "one_cycle": (
        "one_cycle",
        np.where(AT < 3.3, wave(0.04, 1, AT / 3.3), wave(1, 1e-4, (AT - 3.3) / 7.7)),
    ),
    "OneCycle": (
        OneCycle(rise=0.0, final=0.1),
        wave(1, 0.1, AT / 11),
    ),
    "warm_up": ("warm_up", np.minimum(1, (AT + 1) / 5)),
    "WarmUp": (
        WarmUp(2, Cosine(0.1)),
        np.r_[0.5, 1, wave(1, 0.1, np.arange(10) / 10)],
    ),
    "a function": (lambda epoch: 0.02 / (1 + epoch), 1 / (1 + AT)),
    "constant": ("constant", np.ones(12)),
}


@pytest.mark.parametrize("case", FACTORS)
@pytest.mark.parametrize("solver", SOLVERS)
def test_the_rate_of_each_epoch(solver: str, case: str) -> None:
    learning_rate, factors = FACTORS[case]
    reg = build(solver=solver, learning_rate=learning_rate).fit(X, Y)
    np.testing.assert_allclose(reg.history_["learning_rate"], 0.02 * np.asarray(factors))


@pytest.mark.parametrize("solver", SOLVERS)
def test_the_rate_is_the_one_trained_with(solver: str) -> None:
    """One pass at the second epoch's rate does what the second epoch does."""
    scheduled, by_hand = (
        build(solver=solver, learning_rate=rate, shuffle=False) for rate in ("step", "constant")
    )
    scheduled.set_params(max_iter=2)  # a tenth from the second epoch on
    scheduled.partial_fit(X, Y).partial_fit(X, Y)
    by_hand.partial_fit(X, Y)
    by_hand._optimizer.learning_rate = 0.002
    by_hand.partial_fit(X, Y)
    np.testing.assert_array_equal(scheduled.coefs_[0], by_hand.coefs_[0])


@pytest.mark.parametrize("schedule", [Cosine(), Step(), OneCycle(), WarmUp(3, Cosine())])
@pytest.mark.parametrize("n_epochs", [1, 2, 7, 200])
def test_factors_stay_above_zero_and_at_most_one(
    schedule: schedules.Schedule, n_epochs: int
) -> None:
    factors = [schedule(epoch, n_epochs) for epoch in range(2 * n_epochs)]
    assert min(factors) > 0
    assert max(factors) <= 1


def test_partial_fit_goes_along_the_schedule() -> None:
    reg = build(learning_rate="cosine")
    for _ in range(3):
        reg.partial_fit(X, Y)
    fitted = build(learning_rate="cosine").fit(X, Y)
    assert reg.history_["learning_rate"] == fitted.history_["learning_rate"][:3]


@pytest.mark.parametrize("learning_rate", ["invscaling", "adaptive"])
@pytest.mark.parametrize("solver", SOLVERS[1:])
def test_scikit_learns_schedules_are_for_sgd(solver: str, learning_rate: str) -> None:
    reg = build(solver=solver, learning_rate=learning_rate, tol=1e9, n_iter_no_change=2)
    assert set(reg.fit(X, Y).history_["learning_rate"]) == {0.02}
    assert reg.n_iter_ == 4


@pytest.mark.parametrize("rate", [0, -1.0, np.nan, np.inf, "fast", None])
def test_a_function_that_returns_no_rate(rate: Any) -> None:
    reg = build(learning_rate=lambda epoch: rate if epoch == 2 else 0.01)
    with pytest.raises(ValueError, match=r"callable 'learning_rate' must return .* for epoch 2"):
        reg.fit(X, Y)


@pytest.mark.parametrize(
    ("schedule", "name"),
    [
        (lambda: Cosine(0.0), "final"),
        (lambda: Exponential(1.5), "decay"),
        (lambda: Step(decay=-1.0), "decay"),
        (lambda: Step(every=0), "every"),
        (lambda: OneCycle(rise=2), "rise"),
        (lambda: OneCycle(start=0), "start"),
        (lambda: OneCycle(final=2), "final"),
        (lambda: WarmUp(0), "epochs"),
        (lambda: WarmUp(then="cosine"), "then"),
    ],
)
def test_wrong_schedules(schedule: Any, name: str) -> None:
    with pytest.raises(ValueError, match=f"^The '{name}' parameter of .* must be .* Got .*"):
        schedule()


def test_schedules_are_parameters_like_others() -> None:
    clf = MLPClassifier((3,), max_iter=2, learning_rate=WarmUp(2, Cosine(0.2)))
    assert clone(clf).learning_rate == clf.learning_rate
    with pytest.warns(ConvergenceWarning):
        clf.fit(X, Y > 0)
    assert pickle.loads(pickle.dumps(clf)).learning_rate == clf.learning_rate


def test_a_rising_schedule_is_given_its_time() -> None:
    """Early stopping does not count the epochs in which the rate is still small."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(300, 8))
    y = (X[:, 0] + X[:, 1] > 0).astype(int)
    clf = MLPClassifier((20,), learning_rate="one_cycle", early_stopping=True, random_state=0)
    clf.set_params(batch_size=32, n_iter_no_change=5, max_iter=100).fit(X, y)
    assert clf.n_iter_ > 30  # the rise
    assert clf.score(X, y) > 0.85  # 0.5 by chance


def test_full_warm_start_plans_over_all_epochs() -> None:
    X, y = np.linspace(-1, 1, 50).reshape(-1, 1), np.linspace(-1, 1, 50)
    reg = MLPRegressor(hidden_layer_sizes=(3,), learning_rate="cosine", warm_start="full")
    reg.set_params(max_iter=4, random_state=0).fit(X, y)
    reg.set_params(max_iter=6).fit(X, y)
    cosine = schedules.Cosine()
    expected = [0.001 * cosine(e, 4) for e in range(4)]
    expected += [0.001 * cosine(e, 10) for e in range(4, 10)]
    np.testing.assert_allclose(reg.history_["learning_rate"], expected)
    reg.set_params(learning_rate_init=0.01, learning_rate="constant").fit(X, y)
    assert reg.history_["learning_rate"][-6:] == [0.01] * 6


@pytest.mark.parametrize("factor", [-1.0, 0.0, np.nan, "a"])
def test_a_schedule_of_ones_own_is_checked(factor: Any) -> None:
    class Mine(schedules.Schedule):
        def __call__(self, epoch: int, n_epochs: int) -> float:
            return factor

    reg = MLPRegressor(learning_rate=Mine())
    with pytest.raises(ValueError, match=r"schedule Mine must return a finite number > 0.*epoch 0"):
        reg.fit(np.ones((5, 1)), np.ones(5))


def test_no_schedule_with_lbfgs_and_no_class() -> None:
    X, y = np.ones((5, 1)), np.ones(5)
    with pytest.raises(ValueError, match="cannot be a schedule with solver='lbfgs'"):
        MLPRegressor(solver="lbfgs", learning_rate="cosine").fit(X, y)
    with pytest.raises(ValueError, match=r"must be an object, such as Cosine\(\), not a class"):
        MLPRegressor(learning_rate=schedules.Cosine).fit(X, y)
