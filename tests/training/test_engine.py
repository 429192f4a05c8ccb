"""The engine on whole networks, in float64, against formulas of our own and central differences."""

import re
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from scipy import sparse

from pymlp import _core
from pymlp._data.samples import Samples
from pymlp._fit.engine import Engine
from pymlp._fit.optimizer import Optimizer
from pymlp._network.parameters import Parameters

N, ALPHA, STEP = 37, 0.3, 1e-5
N_FEATURES = 6
ACTIVATIONS = ["identity", "logistic", "tanh", "relu", "leaky_relu", "elu", "selu", "gelu"]
ACTIVATIONS += ["silu", "mish", "softplus", "hard_sigmoid"]
# outputs and settings of each loss; the targets are made below
LOSSES: dict[str, tuple[int, dict[str, Any]]] = {
    "softmax_cross_entropy": (5, {"smoothing": 0.1}),
    "softmax_focal": (5, {"focusing": 1.5}),
    "softmax_hinge": (5, {}),
    "logistic_cross_entropy": (1, {}),
    "logistic_focal": (3, {}),
    "logistic_hinge": (2, {}),
    "squared_error": (3, {}),
    "absolute_error": (2, {}),
    "huber": (2, {"delta": 0.5}),
    "pinball": (3, {"quantiles": [0.1, 0.5, 0.9]}),
    "log_cosh": (2, {}),
    "poisson": (2, {}),
    "gamma": (2, {}),
}
GROUPS = [0, 2, 5]  # two outputs of two and three classes


class Case:
    """A network with random parameters, and samples for its loss."""

    def __init__(
        self, loss: str, hidden: tuple[int, ...] = (7,), *, weighted: bool = False, **settings: Any
    ) -> None:
        rng = np.random.default_rng(len(hidden))
        n_outputs, defaults = LOSSES[loss]
        settings = defaults | settings
        self.kind, self.loss = loss, _core.Loss(loss, **settings)
        units = [N_FEATURES, *hidden, n_outputs]
        self.parameters = Parameters(
            [rng.normal(size=shape) / 3 for shape in pairwise(units)],
            [rng.normal(size=n) / 3 for n in units[1:]],
        )
        self.n_hidden = len(hidden)
        X = rng.normal(size=(N, N_FEATURES))
        if loss.startswith("softmax"):
            groups = settings.get("groups", [0, n_outputs])
            y = np.stack([rng.integers(0, b - a, N) for a, b in pairwise(groups)], axis=1)
            y = y.astype(np.int32)
        else:
            y = rng.integers(0, 2, (N, n_outputs)).astype(float)
            y += 0.5 * (loss == "gamma")  # its targets are positive
        self.data = Samples(X, y, rng.uniform(0.5, 2, N) if weighted else None)

    def engine(self, parameters: Parameters | None = None, **options: Any) -> Engine:
        """Plain gradient descent at rate 1: a step is the gradient."""
        parameters = parameters or self.parameters
        defaults: dict[str, Any] = {"activations": ["tanh"] * self.n_hidden, "loss": self.loss}
        defaults |= {"alpha": ALPHA, "weight_decay": 0.0, "clip_norm": 0.0, "ema_decay": 0.0}
        defaults |= {"dropout": [0.0] * self.n_hidden, "seed": 0, "batch_size": N, "n_threads": 2}
        defaults |= {"momentum": 0.0, "nesterov": False, "monitor": False}
        defaults |= {"beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-8}
        options = defaults | options
        return Engine(parameters.copy(), Optimizer(options.pop("solver", "sgd"), 1.0), **options)

    def step(self, data: Samples | None = None, **options: Any) -> Parameters:
        """What one epoch subtracts from the parameters."""
        trained = self.engine(**options)
        trained.run_epoch(data or self.data, None, 1.0)
        return difference(self.parameters, trained.parameters)

    def objective(self, parameters: Parameters, **options: Any) -> float:
        """What a step should descend: the data's loss and the penalty."""
        value, _ = self.engine(parameters, **options).evaluate(self.data)
        if self.kind == "squared_error":
            value *= 3  # scikit-learn's gradient is that of the sum over the outputs
        total = N if self.data.weight is None else self.data.weight.sum()
        return value + 0.5 * ALPHA * sum(float(np.sum(c * c)) for c in parameters.coefs) / total


def arrays(parameters: Parameters) -> list[np.ndarray]:
    return parameters.coefs + parameters.intercepts


def difference(a: Parameters, b: Parameters) -> Parameters:
    return Parameters(
        [x - y for x, y in zip(a.coefs, b.coefs, strict=True)],
        [x - y for x, y in zip(a.intercepts, b.intercepts, strict=True)],
    )


def norm(parameters: Parameters) -> float:
    return float(np.sqrt(sum(np.sum(a * a) for a in arrays(parameters))))


def assert_same_bits(actual: Parameters, desired: Parameters) -> None:
    for a, b in zip(arrays(actual), arrays(desired), strict=True):
        np.testing.assert_array_equal(a, b, strict=True)


def assert_is_gradient(gradient: Parameters, parameters: Parameters, objective: Any) -> None:
    """Against central differences, at a few places of each array."""
    rng = np.random.default_rng(0)
    for values, slopes in zip(arrays(parameters), arrays(gradient), strict=True):
        for at in rng.permutation(values.size)[:5]:
            results = []
            for sign in (1, -1):
                values.flat[at] += sign * STEP
                results.append(objective(parameters))
                values.flat[at] -= sign * STEP
            numeric = (results[0] - results[1]) / (2 * STEP)
            assert slopes.flat[at] == pytest.approx(numeric, rel=1e-5, abs=1e-7)


# --- gradients -----------------------------------------------------------------------------------


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("hidden", [(), (7,), (9, 4), (5, 6, 17)], ids=str)
@pytest.mark.parametrize("loss", list(LOSSES))
def test_gradient_of_every_loss(loss: str, hidden: tuple[int, ...], weighted: bool) -> None:
    case = Case(loss, hidden, weighted=weighted)
    assert_is_gradient(case.step(), case.parameters, case.objective)


@pytest.mark.parametrize("loss", [name for name in LOSSES if name.startswith("softmax")])
def test_gradient_of_groups(loss: str) -> None:
    settings = {"smoothing": 0.0, "groups": GROUPS}
    case = Case(loss, **settings)
    assert case.data.y.shape == (N, 2)
    assert_is_gradient(case.step(), case.parameters, case.objective)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_gradient_of_every_activation(activation: str) -> None:
    for hidden in [(7,), (5, 18, 3)]:
        case = Case("softmax_cross_entropy", hidden)
        options = {"activations": [activation] * len(hidden)}
        assert_is_gradient(
            case.step(**options), case.parameters, lambda p, c=case, o=options: c.objective(p, **o)
        )


def test_an_activation_for_each_layer() -> None:
    case = Case("squared_error", (5, 4))
    options = {"activations": ["gelu", "softplus"]}
    step = case.step(**options)
    assert_is_gradient(step, case.parameters, lambda p: case.objective(p, **options))
    assert norm(difference(step, case.step(activations=["softplus", "gelu"]))) > 1e-3


@pytest.mark.parametrize("hidden", [(), (7,), (9, 4, 5)], ids=str)
@pytest.mark.parametrize("loss", list(LOSSES))
def test_full_gradient(loss: str, hidden: tuple[int, ...]) -> None:
    case = Case(loss, hidden, weighted=True)
    results = []
    for n_threads in (1, 2, 3):
        engine = case.engine(n_threads=n_threads)
        gradient = case.parameters.empty()
        value = engine._trainer.gradient(*case.data, gradient.coefs, gradient.intercepts)
        results.append(gradient)
        assert_same_bits(gradient, results[0])
        assert value == pytest.approx(engine.run_epoch(case.data, None, 1.0)[0], rel=1e-12)
    for a, b in zip(arrays(results[0]), arrays(case.step()), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-13)


def test_full_gradient_of_many_rows_is_one_sum() -> None:
    case = Case("squared_error", (9,))
    X, y, _ = case.data
    many = Samples(np.tile(X, (40, 1)), np.tile(y, (40, 1)))  # several blocks of rows
    gradient = case.parameters.empty()
    case.engine(alpha=0.0)._trainer.gradient(*many, gradient.coefs, gradient.intercepts)
    for a, b in zip(arrays(gradient), arrays(case.step(alpha=0.0)), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-13)


# --- options of a step ---------------------------------------------------------------------------


@pytest.mark.parametrize("hidden", [(), (7,), (9, 4, 5)], ids=str)
def test_clip_norm(hidden: tuple[int, ...]) -> None:
    case = Case("squared_error", hidden)
    free = case.step(alpha=0.0)
    clipped = case.step(alpha=0.0, clip_norm=0.25 * norm(free))
    for a, b in zip(arrays(clipped), arrays(free), strict=True):
        np.testing.assert_allclose(a, 0.25 * b, rtol=1e-9, atol=1e-14)
    # the penalty comes on top, and is not clipped
    penalty = case.step(clip_norm=1e-300)
    for a, w in zip(penalty.coefs, case.parameters.coefs, strict=True):
        np.testing.assert_allclose(a, ALPHA / N * w, rtol=1e-7, atol=1e-14)
    assert_same_bits(case.step(clip_norm=2 * norm(free)), case.step())


def test_clip_norm_does_not_depend_on_threads() -> None:
    case = Case("softmax_cross_entropy", (40, 70))
    steps = [case.step(clip_norm=0.1, batch_size=5, n_threads=n) for n in (1, 2, 3, 4)]
    for step in steps[1:]:
        assert_same_bits(step, steps[0])


@pytest.mark.parametrize("solver", ["sgd", "clipped"])
def test_average_of_the_weights(solver: str) -> None:
    case = Case("squared_error", (9,))
    clip_norm = 0.5 if solver == "clipped" else 0.0
    average = case.parameters.copy()
    engine = case.engine(average=average, ema_decay=0.3, clip_norm=clip_norm)
    expected = case.parameters.copy()
    for t in range(1, 8):
        engine.run_epoch(case.data, None, 0.1)  # of one step
        rest = 1 - min(0.3, (1 + t) / (10 + t))
        for e, w in zip(arrays(expected), arrays(engine.parameters), strict=True):
            np.copyto(e, e + rest * (w - e))
    for a, e in zip(arrays(average), arrays(expected), strict=True):
        np.testing.assert_allclose(a, e, rtol=1e-12, atol=1e-15)
    # it is the averaged network that predicts and is evaluated
    plain = case.engine(average)
    np.testing.assert_array_equal(engine.predict(case.data.X), plain.predict(case.data.X))
    assert engine.evaluate(case.data) == plain.evaluate(case.data)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_gradient_with_dropout(activation: str) -> None:
    case = Case("squared_error", (12, 9))
    options: dict[str, Any] = {"activations": [activation] * 2, "dropout": [0.5, 0.2], "seed": 3}

    def dropped(parameters: Parameters) -> float:  # the first step's masks, no step taken
        engine = case.engine(parameters, **options, alpha=0.0)
        return 3 * engine.run_epoch(case.data, None, 0.0)[0]

    assert_is_gradient(case.step(**options, alpha=0.0), case.parameters, dropped)
    assert norm(difference(case.step(**options), case.step(**options | {"seed": 4}))) > 1e-3


def test_dropout_does_not_depend_on_threads_and_changes_with_the_step() -> None:
    case = Case("softmax_cross_entropy", (40, 70))
    options: dict[str, Any] = {"dropout": [0.3, 0.6], "batch_size": 5}
    steps = [case.step(**options, n_threads=n) for n in (1, 2, 3, 4)]
    for step in steps[1:]:
        assert_same_bits(step, steps[0])
    engine = case.engine(dropout=[0.3, 0.6])
    losses = {engine.run_epoch(case.data, None, 0.0)[0] for _ in range(5)}
    assert len(losses) == 5


def test_dropout_keeps_the_mean() -> None:
    case = Case("squared_error", (2000,))
    case.parameters.coefs[1][:] = 1.0
    case.parameters.intercepts[1][:] = 0.0
    data = case.data._replace(y=np.zeros_like(case.data.y))
    case.parameters.coefs[0][:] = 0.0
    case.parameters.intercepts[0][:] = 1.0  # every unit puts out tanh 1
    engine = case.engine(dropout=[0.75], alpha=0.0)
    loss = engine.run_epoch(data, None, 0.0)[0]
    # an output is the sum of 2,000 units, a quarter kept and made four times as large
    mean, variance = 2000 * np.tanh(1), 2000 * 3 * np.tanh(1) ** 2
    assert loss == pytest.approx(0.5 * (mean**2 + variance), rel=0.02)


# --- sparse samples ------------------------------------------------------------------------------


@pytest.mark.parametrize("n_threads", [1, 2, 3])
@pytest.mark.parametrize("wide", [False, True])
@pytest.mark.parametrize("hidden", [(), (9,), (40, 5)], ids=str)
def test_sparse_samples_give_the_bits_of_dense_ones(
    hidden: tuple[int, ...], wide: bool, n_threads: int
) -> None:
    case = Case("softmax_cross_entropy", hidden, weighted=True)
    dense = case.data.X * (np.random.default_rng(1).random(case.data.X.shape) < 0.3)
    dense[3] = dense[:, 2] = 0.0  # an empty row and an empty column
    compressed = sparse.csr_array(dense)
    if wide:
        compressed.indices = compressed.indices.astype(np.int64)
        compressed.indptr = compressed.indptr.astype(np.int64)
    order = np.random.default_rng(2).permutation(N)
    results = []
    for X in (dense, compressed):
        data = case.data._replace(X=X)
        engine = case.engine(batch_size=8, momentum=0.9, n_threads=n_threads)
        losses = [engine.run_epoch(data, order, 1.0) for _ in range(3)]
        gradient = engine.parameters.empty()
        engine._trainer.gradient(*data, gradient.coefs, gradient.intercepts)
        evaluated = engine.evaluate(data)
        results.append((engine.parameters, gradient, losses, evaluated, engine.predict(X)))
    assert_same_bits(results[1][0], results[0][0])
    assert_same_bits(results[1][1], results[0][1])
    assert results[1][2:4] == results[0][2:4]
    np.testing.assert_array_equal(results[1][4], results[0][4])


def test_bad_sparse_samples() -> None:
    case = Case("squared_error")
    X = sparse.csr_array(case.data.X)
    for damage, message in {
        "indices": "sorted, unique column indices from 0 to 5",
        "unsorted": "sorted, unique column indices from 0 to 5",
        "indptr": "sorted, unique column indices from 0 to 5",
        "dtype": "weights' dtype",
        "csc": "sorted, unique column indices|must have shape",
    }.items():
        bad = X.copy()
        if damage == "indices":
            bad.indices[7] = 6
        elif damage == "unsorted":
            bad.indices[:2] = bad.indices[1::-1].copy()
        elif damage == "indptr":
            bad.indptr[-1] += 1
        elif damage == "dtype":
            bad = bad.astype(np.float32)
        else:
            bad = bad.tocsc()
        with pytest.raises((TypeError, ValueError), match=message):
            case.engine().run_epoch(case.data._replace(X=bad), None, 1.0)


def test_taken_moments_are_missed() -> None:
    case = Case("squared_error")
    for solver, part in [("adam", "second_moments"), ("sgd", "first_moments")]:
        engine = case.engine(solver=solver)
        moment = case.parameters.empty()
        engine._trainer.take(part, moment.coefs, moment.intercepts)
        with pytest.raises(ValueError, match="moments have been taken"):
            engine.run_epoch(case.data, None, 1.0)


def test_bad_options() -> None:
    case = Case("squared_error")
    for options, error, message in [
        ({"alhpa": 0.1}, TypeError, "'alhpa' is none of the options 'alpha', 'batch_size', "),
        ({"alpha": "much"}, TypeError, "Option 'alpha' cannot be 'much'."),
        ({"seed": -1}, TypeError, "Option 'seed' cannot be -1."),
        ({"dropout": 0.5}, TypeError, "Option 'dropout' cannot be 0.5."),
        ({"solver": "sdg"}, ValueError, "solver must be one of 'adagrad', 'adam', "),
    ]:
        with pytest.raises(error, match=re.escape(message)):
            case.engine(**options)
    with pytest.raises(TypeError, match="Option 'alpha' is missing"):
        _core.Trainer64([2, 1], activations=[], loss=case.loss)
    with pytest.raises(TypeError, match="'beta' is none of the options 'delta', 'focusing', "):
        _core.Loss("huber", beta=1.0)  # type: ignore[call-arg]


def test_parts_of_the_trainer() -> None:
    case = Case("squared_error")
    trainer = case.engine()._trainer  # of sgd, without an average
    given, found = case.parameters, case.parameters.empty()
    for part in ("parameters", "first_moments"):
        trainer.load(part, given.coefs, given.intercepts)
        trainer.store(part, found.coefs, found.intercepts)
        assert_same_bits(found, given)
    for part in ("average", "second_moments"):
        for call in (trainer.load, trainer.store):
            with pytest.raises(ValueError, match=f"The trainer has no part '{part}'"):
                call(part, given.coefs, given.intercepts)
    for part in ("parameters", "average"):
        with pytest.raises(ValueError, match=f"Only moments can be taken, got part '{part}'"):
            trainer.take(part, given.coefs, given.intercepts)
    for call in (trainer.load, trainer.store, trainer.take):
        with pytest.raises(ValueError, match="part must be one of 'average', 'first_moments', "):
            call("moments", given.coefs, given.intercepts)
