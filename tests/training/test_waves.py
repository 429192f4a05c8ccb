"""A learning rate that falls again and again: training ends after a fall that brought nothing."""

from typing import Any

import numpy as np
import pytest

from pymlp import MLPClassifier, MLPRegressor
from pymlp.schedules import LogCosine, Schedule

rng = np.random.default_rng(0)
X = rng.normal(size=(120, 4))
Y = X[:, 0] * X[:, 1]
OPTIONS: dict[str, Any] = {"solver": "adamw", "learning_rate_init": 0.01, "random_state": 0}
OPTIONS |= {"learning_rate": LogCosine(waves=5), "tol": 0.0, "max_iter": 62}
ENDS = [14, 30]  # epochs with which a wave ends, but for the first, short ones


class Given(Schedule):
    """Factors, one after another."""

    def __init__(self, factors: list[float]) -> None:
        self.factors = factors

    def __call__(self, epoch: int, n_epochs: int) -> float:
        """Tell an epoch's factor."""
        return self.factors[min(epoch, len(self.factors) - 1)]


def noise() -> MLPRegressor:
    """Fit what cannot be learned: validation is best at once."""
    y = rng.normal(size=120)
    return MLPRegressor(
        hidden_layer_sizes=(20,), early_stopping=True, n_iter_no_change="wave", **OPTIONS
    ).fit(X, y)


def test_ends_with_a_wave() -> None:
    for _ in range(3):
        reg = noise()
        assert reg.n_iter_ in (*ENDS, 62)
        if reg.n_iter_ < 62:
            rates = reg.history_["learning_rate"]
            peak = reg.n_iter_ - 1
            while rates[peak - 1] > rates[peak]:
                peak -= 1
            assert reg.best_epoch_ <= peak + 1


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("early_stopping", [False, True])
def test_goes_on_while_there_is_progress(early_stopping: bool) -> None:
    options = OPTIONS | {"learning_rate_init": 1e-4, "early_stopping": early_stopping}
    reg = MLPRegressor(hidden_layer_sizes=(20,), n_iter_no_change="wave", **options).fit(X, X[:, 0])
    assert reg.n_iter_ == 62


@pytest.mark.parametrize("fall", [[6e4, 4e4, 2e4, 1e-3], [6e4, 2e4, 1e-3]])
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_the_end_is_that_of_a_fall(fall: list[float]) -> None:
    """The rate rises, falls and rises; the best epoch is the first by far."""
    options = OPTIONS | {"learning_rate": Given([1e-3, 5e4, 1e5, *fall, 5e4, 6e4]), "max_iter": 9}
    reg = MLPRegressor(hidden_layer_sizes=(20,), n_iter_no_change="wave", **options)
    reg.fit(X, np.zeros(len(X)))
    assert reg.n_iter_ == (7 if len(fall) > 3 else 9)  # a short fall says little


@pytest.mark.parametrize("fall", [[6e4, 4e4, 1e-3, 1e-3], [1e5, 6e4, 4e4, 2e4, 1e-3, 1e-3, 1e-3]])
def test_a_rate_may_stay_where_it_is(fall: list[float]) -> None:
    """As that of a long wave does, at its lowest."""
    options = OPTIONS | {"learning_rate": Given([1e-3, 5e4, 1e5, *fall, 5e4, 6e4]), "max_iter": 30}
    reg = MLPRegressor(hidden_layer_sizes=(20,), n_iter_no_change="wave", **options)
    reg.fit(X, np.zeros(len(X)))
    assert reg.n_iter_ == 3 + len(fall)


def test_never_without_waves() -> None:
    options = OPTIONS | {"learning_rate": "constant", "max_iter": 30, "tol": 9.0}
    clf = MLPClassifier((5,), n_iter_no_change="wave", early_stopping=True, **options)
    assert clf.fit(X, Y > 0).n_iter_ == 30


def test_told(capsys: pytest.CaptureFixture[str]) -> None:
    reg = MLPRegressor(
        hidden_layer_sizes=(20,),
        early_stopping=True,
        n_iter_no_change="wave",
        verbose=True,
        **OPTIONS,
    )
    reg.fit(X, np.random.default_rng(2).normal(size=120))
    assert reg.n_iter_ < 62
    said = capsys.readouterr().out
    assert "did not improve more than tol=0.000000 while the learning rate fell. Stopping." in said


@pytest.mark.parametrize(
    ("n_epochs", "waves"), [(1, 1), (3, 1), (12, 3), (32, 4), (64, 5), (1000, 9)]
)
def test_as_many_waves_as_fit(n_epochs: int, waves: int) -> None:
    """The first takes some two epochs."""
    by_number, by_epochs = LogCosine(waves), LogCosine()
    for epoch in range(n_epochs):
        assert by_epochs(epoch, n_epochs) == by_number(epoch, n_epochs)
