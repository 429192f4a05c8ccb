"""Back-propagation through whole networks against central differences of the loss, in float64."""

from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from pymlp import _core
from pymlp._engine import Engine, Samples
from pymlp._optimizers import Optimizer
from pymlp._parameters import Parameters

N, ALPHA, STEP = 37, 0.3, 1e-5
OUTPUTS = {
    "softmax_cross_entropy": 5,
    "logistic_cross_entropy": 1,
    "squared_error": 3,
    "poisson": 2,
}


def samples(loss: str, rng: np.random.Generator, weight: np.ndarray | None) -> Samples:
    X = rng.normal(size=(N, 6))
    if loss == "softmax_cross_entropy":
        return Samples(X, rng.integers(0, 5, N).astype(np.int32), weight)
    return Samples(X, rng.integers(0, 2, (N, OUTPUTS[loss])).astype(float), weight)


def engine(parameters: Parameters, loss: str, activation: str, n_threads: int) -> Engine:
    """Plain gradient descent at rate 1: a step is the gradient."""
    n_hidden = len(parameters.coefs) - 1
    options: dict[str, Any] = {"activations": [activation] * n_hidden, "loss": _core.Loss(loss)}
    options |= {"alpha": ALPHA, "batch_size": N, "momentum": 0.0, "nesterov": False}
    options |= {"beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-8, "weight_decay": 0.0}
    options |= {"clip_norm": 0.0, "dropout": [0.0] * n_hidden, "seed": 0, "ema_decay": 0.0}
    optimizer = Optimizer("sgd", 1.0)
    return Engine(parameters.copy(), optimizer, n_threads=n_threads, **options)


def objective(parameters: Parameters, loss: str, activation: str, data: Samples) -> float:
    """What a step should descend: the data's loss and the penalty."""
    value, _ = engine(parameters, loss, activation, 1).evaluate(data)
    if loss == "squared_error":
        value *= OUTPUTS[loss]  # scikit-learn's gradient is that of the sum over the outputs
    total = N if data.weight is None else data.weight.sum()
    return value + 0.5 * ALPHA * sum(float(np.sum(c * c)) for c in parameters.coefs) / total


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("hidden", [(), (7,), (9, 4), (5, 6, 17)], ids=str)
@pytest.mark.parametrize("activation", ["identity", "logistic", "tanh", "relu"])
@pytest.mark.parametrize("loss", list(OUTPUTS))
def test_gradient(loss: str, activation: str, hidden: tuple[int, ...], weighted: bool) -> None:
    rng = np.random.default_rng(len(hidden))
    units = [6, *hidden, OUTPUTS[loss]]
    parameters = Parameters(
        [rng.normal(size=shape) / 3 for shape in pairwise(units)],
        [rng.normal(size=n) / 3 for n in units[1:]],
    )
    data = samples(loss, rng, rng.uniform(0.5, 2, N) if weighted else None)
    trained = engine(parameters, loss, activation, n_threads=2)
    trained.run_epoch(data, None, 1.0)
    pairs = zip(
        parameters.coefs + parameters.intercepts,
        trained.parameters.coefs + trained.parameters.intercepts,
        strict=True,
    )
    for before, after in pairs:
        gradient = before - after
        for at in rng.permutation(before.size)[:6]:
            values = []
            for sign in (1, -1):
                before.flat[at] += sign * STEP
                values.append(objective(parameters, loss, activation, data))
                before.flat[at] -= sign * STEP
            numeric = (values[0] - values[1]) / (2 * STEP)
            assert gradient.flat[at] == pytest.approx(numeric, rel=1e-5, abs=1e-7)
