"""Rows of a table: their features by formulas in NumPy, and what networks make of their entries."""

import re
import threading
import warnings
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from pymlp import _core

Array = NDArray[Any]
NOTHING = np.empty(0)


@dataclass(frozen=True)
class Source:
    """What `Expansion` reads of a column."""

    fill: Any = 0.0
    center: Any = 0.0
    scale: Any = 0.0
    edges: Any = field(default_factory=lambda: NOTHING)
    values: Any = field(default_factory=lambda: NOTHING)
    has_missing: Any = False


rng = np.random.default_rng(0)
EDGES = np.sort(rng.normal(size=26))
CODES = np.array([-3.0, 0.5, 7.0, 7688.0])
SOURCES = {
    "a line": Source(center=0.3, scale=1.7),
    "two levels": Source(scale=1.0, has_missing=True),
    "ramps": Source(edges=EDGES),
    "a ramp": Source(edges=EDGES[:2]),
    "an edge alone": Source(scale=1.0, edges=EDGES[:1]),
    "a number": Source(0.1, 0.1, 2.0, EDGES, CODES, True),
    "a number, its fill a code": Source(7.0, 0.1, 2.0, EDGES, CODES, True),
    "never missing in training": Source(0.1, 0.1, 2.0, EDGES, CODES),
    "levels": Source(values=np.arange(131.0)),
    "levels or missing": Source(values=np.arange(3.0), has_missing=True),
    "huge": Source(1e30, 2e30, 1e30, np.array([-1e30, 0, 1e30, 3e30]), np.array([1e30])),
    "tiny": Source(1e-30, 2e-30, 1e-30, np.array([-1e-30, 0, 1e-30, 3e-30]), np.array([1e-30])),
    "nothing": Source(),
}
ODD = [np.nan, -1.0, 0.0, -0.0, 1.0, 2.0, 130.0, 131.0, 0.5, 7.0, 7688.0, 7687.9999999999]
ODD += [1e30, -1e30, 1e-30, -1e-30, 1.7e308, -1.7e308, np.inf, -np.inf, 1e200, -1e15]
DTYPES = pytest.mark.parametrize("dtype", [np.float32, np.float64])


def raw_rows(n: int, n_sources: int) -> Array:
    """Numbers, codes and odd ones."""
    draw = np.random.default_rng(1)
    raw = draw.normal(size=(n, n_sources))
    raw[draw.random(raw.shape) < 0.3] = 2
    odd = draw.random(raw.shape) < 0.2
    raw[odd] = draw.choice([*ODD, 5e-324], odd.sum())  # which a team of threads takes for 0
    return raw


def expanded(sources: list[Source], raw: Array) -> Array:
    """The formulas, one by one: float64 (n, n_features)."""
    columns = []
    for source, x in zip(sources, raw.T, strict=True):
        missing = np.isnan(x)
        filled = np.where(missing, source.fill, x)
        if source.scale:
            with np.errstate(over="ignore"):
                u = np.clip((filled - source.center) / source.scale, -1e12, 1e12)
            columns.append(u / np.sqrt(1 + (u / 3) ** 2))
        for left, right in pairwise(source.edges):
            with np.errstate(over="ignore"):
                columns.append(np.clip((filled - left) / (right - left), 0, 1))
        columns += [(x == value).astype(float) for value in source.values]
        if source.has_missing:
            columns.append(missing.astype(float))
    return np.stack(columns, axis=1) if columns else np.empty((len(raw), 0))


@DTYPES
@pytest.mark.parametrize("name", SOURCES)
def test_features_of_one_source(name: str, dtype: Any) -> None:
    raw = np.concatenate([ODD, EDGES, rng.normal(size=200), 1e30 * rng.normal(size=20)])[:, None]
    expansion = _core.Expansion([SOURCES[name]])
    features = expansion.expand(raw, dtype)
    expected = expanded([SOURCES[name]], raw)
    assert features.shape == expected.shape == (len(raw), expansion.n_features)
    assert features.dtype == dtype
    assert np.isfinite(features).all()
    np.testing.assert_allclose(features, expected, rtol=4 * np.finfo(dtype).eps, atol=1e-15)
    # codes and missing ones are exact
    if SOURCES[name].values.size:
        exact = expected[:, -SOURCES[name].values.size - SOURCES[name].has_missing :]
        np.testing.assert_array_equal(features[:, -exact.shape[1] :], exact)


def test_features_by_hand() -> None:
    source = Source(2.0, 1.0, 2.0, np.array([0.0, 1.0, 5.0]), np.array([2.0, 3.0]), True)
    raw = np.array([[3.0], [np.nan], [0.25], [np.inf], [-np.inf], [-1.0]])
    expected = [
        [1 / np.sqrt(1 + 1 / 9), 1, 0.5, 0, 1, 0],
        [0.5 / np.sqrt(1 + 0.25 / 9), 1, 0.25, 0, 0, 1],  # the fill, but none of its values
        [-0.375 / np.sqrt(1 + 0.140625 / 9), 0.25, 0, 0, 0, 0],
        [3, 1, 1, 0, 0, 0],
        [-3, 0, 0, 0, 0, 0],
        [-1 / np.sqrt(1 + 1 / 9), 0, 0, 0, 0, 0],
    ]
    np.testing.assert_allclose(_core.Expansion([source]).expand(raw, "float64"), expected)


@DTYPES
@pytest.mark.parametrize("n", [0, 1, 2, 127, 128, 129, 1000])
def test_sources_one_after_another(n: int, dtype: Any) -> None:
    sources = list(SOURCES.values())
    raw = raw_rows(n, len(sources))
    features = _core.Expansion(sources).expand(raw, dtype)
    assert features.shape == (n, expanded(sources, raw).shape[1])
    alone = [
        _core.Expansion([source]).expand(raw[:, [k]], dtype) for k, source in enumerate(sources)
    ]
    np.testing.assert_array_equal(features, np.hstack(alone))  # nor do other rows matter


def test_no_sources() -> None:
    expansion = _core.Expansion(())
    assert expansion.n_features == 0
    assert expansion.expand(np.empty((3, 0)), np.float32).shape == (3, 0)


def test_raw_rows_by_their_stride() -> None:
    sources = list(SOURCES.values())
    expansion = _core.Expansion(sources)
    raw = raw_rows(60, len(sources))
    features = expansion.expand(raw, np.float32)
    wide = np.hstack([raw, raw])
    for view, rows in [
        (raw[::3], slice(None, None, 3)),
        (raw[::-1], slice(None, None, -1)),
        (wide[:, len(sources) :], slice(None)),
        (np.broadcast_to(raw[0], raw.shape), np.zeros(60, int)),
    ]:
        np.testing.assert_array_equal(expansion.expand(view, np.float32), features[rows])


def test_rows_know_what_they_are() -> None:
    expansion = _core.Expansion([SOURCES["a number"]])
    raw = raw_rows(5, 1)
    rows = _core.ExpandedRows(raw, expansion, np.float32)
    assert rows.shape == (5, expansion.n_features)
    assert rows.dtype == np.float32
    assert rows.raw is raw
    assert rows.expansion is expansion


@pytest.mark.parametrize(
    ("raw", "error", "message"),
    [
        ([[1.0, 2.0]], TypeError, "raw must be a float64 array, got list."),
        (np.ones((3, 2), np.float32), TypeError, "raw must be a float64 array, got dtype float32."),
        (np.ones((3, 2), ">f8"), TypeError, "raw must be a float64 array, got dtype >f8."),
        (np.ones((3, 1)), ValueError, "raw must have shape (3, 2), got (3, 1)."),
        (np.ones(2), ValueError, "raw must have shape (0, 2), got (2)."),
        (np.ones((3, 2, 1)), ValueError, "raw must have shape (0, 2), got (3, 2, 1)."),
        (np.ones((3, 2), order="F"), TypeError, "raw must be aligned and hold each row's numbers"),
        (np.ones((3, 4))[:, ::2], TypeError, "raw must be aligned and hold each row's numbers"),
        (
            np.zeros(33, np.uint8)[1:].view(np.float64).reshape(2, 2),
            TypeError,
            "raw must be aligned and hold each row's numbers side by side.",
        ),
    ],
)
def test_raw_is_refused(raw: Any, error: type[Exception], message: str) -> None:
    expansion = _core.Expansion([Source(scale=1.0)] * 2)
    for call in (expansion.expand, lambda raw, d: _core.ExpandedRows(raw, expansion, d)):
        with pytest.raises(error, match=re.escape(message)):
            call(raw, np.float32)


def test_other_arguments_are_refused() -> None:
    expansion = _core.Expansion([Source(scale=1.0)])
    with pytest.raises(TypeError, match="dtype must be float32 or float64, got float16"):
        _core.ExpandedRows(np.ones((2, 1)), expansion, np.float16)
    not_one: Any = [Source()]
    with pytest.raises(TypeError, match="expansion must be an Expansion, got list"):
        _core.ExpandedRows(np.ones((2, 1)), not_one, np.float32)


@pytest.mark.parametrize(
    ("attributes", "error", "message"),
    [
        ({"fill": np.nan}, ValueError, "fill must be finite, got nan"),
        ({"center": np.inf}, ValueError, "center must be finite, got inf"),
        ({"scale": np.inf}, ValueError, "scale must be finite, got inf"),
        ({"scale": -1.0}, ValueError, "scale must be 0, or positive with an inverse, got -1.0"),
        ({"scale": 1e-320}, ValueError, "scale must be 0, or positive with an inverse, got 1e-320"),
        ({"scale": "1"}, TypeError, "scale must be a number, got '1'"),
        ({"edges": [0.0, 1.0]}, TypeError, "edges must be a contiguous float64 array"),
        ({"edges": np.ones((1, 1))}, TypeError, "edges must be a contiguous float64 array"),
        ({"edges": np.arange(6.0)[::2]}, TypeError, "edges must be a contiguous float64 array"),
        ({"edges": np.array([0.0, 0.0])}, ValueError, "edges must be finite and strictly asc"),
        ({"edges": np.array([0.0, np.nan])}, ValueError, "edges must be finite and strictly asc"),
        ({"edges": np.array([0.0, np.inf])}, ValueError, "edges must be finite and strictly asc"),
        ({"edges": np.array([0.0, 5e-324])}, ValueError, "edges must be neither too close nor"),
        ({"edges": np.array([-1e308, 1e308])}, ValueError, "edges must be neither too close nor"),
        ({"values": np.array([2.0, 1.0])}, ValueError, "values must be finite and strictly asc"),
        ({"values": np.array([1, 2])}, TypeError, "values must be a contiguous float64 array"),
    ],
)
def test_sources_are_refused(
    attributes: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=re.escape(f"sources[1].{message}")):
        _core.Expansion([Source(), Source(**attributes)])


def test_sources_lack_nothing() -> None:
    with pytest.raises(AttributeError, match="fill"):
        _core.Expansion([None])


N, BATCH = 203, 32
TRAINERS = {
    "float32": (_core.Trainer32, np.float32),
    "float64": (_core.Trainer64, np.float64),
    "bfloat16": (_core.TrainerBf16, np.float32),
}
OPTIONS: dict[str, Any] = {"batch_size": BATCH, "solver": "adam", "epsilon": 1e-8, "seed": 0}
OPTIONS |= {"momentum": 0.9, "nesterov": True, "beta_1": 0.9, "beta_2": 0.999, "alpha": 1e-3}
OPTIONS |= {"weight_decay": 0.0, "clip_norm": 0.0, "ema_decay": 0.0, "dropout": [0.1]}
OPTIONS |= {"monitor": False}


class Course:
    """Training and predictions of a small network: everything it makes, as arrays."""

    def __init__(self, name: str, X: Any, n_threads: int, **options: Any) -> None:
        draw = np.random.default_rng(2)
        trainer, dtype = TRAINERS[name]
        n, n_features = X.shape
        units = [n_features, 19, 3]
        self.coefs = [draw.normal(size=shape).astype(dtype) / 3 for shape in pairwise(units)]
        self.intercepts = [draw.normal(size=m).astype(dtype) for m in units[1:]]
        y = draw.integers(0, 3, n).astype(np.int32)
        weight = draw.uniform(0.5, 2, n).astype(dtype)
        loss = _core.Loss("softmax_cross_entropy", groups=[0, 3])
        options = OPTIONS | options | {"n_threads": n_threads}
        trained = trainer(units, activations=["relu"], loss=loss, **options)
        trained.load("parameters", self.coefs, self.intercepts)
        self.made: list[Any] = []
        order = draw.permutation(n)
        for rows in (None, order, order[: n // 2]):
            self.made.append(trained.run_epoch(X, y, weight, rows, 0.01))
        if options["monitor"]:
            self.made += trained.monitored.values()
        trained.store("parameters", self.coefs, self.intercepts)
        for rows in (None, order, order[:7]):
            self.made.append(trained.evaluate(X, y, weight, rows, n_threads))
            self.made.append(trained.predict(X, rows, n_threads))
        if name != "bfloat16":
            gradient = [np.empty_like(c) for c in self.coefs + self.intercepts]
            self.made.append(trained.gradient(X, y, weight, gradient[:2], gradient[2:]))
            self.made += gradient
        self.arguments: Any = (["relu"], loss, n_threads, name == "bfloat16")
        self.made += [*self.coefs, *self.intercepts, self.predicted(X)]

    def predicted(self, X: Any) -> Array:
        """Outputs by the trained parameters."""
        return _core.predict(self.coefs, self.intercepts, X, *self.arguments)


OPTIONAL = pytest.mark.parametrize(
    "options",
    [{}, {"monitor": True, "clip_norm": 0.1}, {"solver": "adamw", "alpha": 0.0, "ema_decay": 0.9}],
    ids=["adam", "clipped and monitored", "adamw, averaged"],
)


@OPTIONAL
@pytest.mark.parametrize("name", ["float32", "float64"])
def test_as_the_expanded_array(name: str, options: dict[str, Any]) -> None:
    """Entries times heights are features times weights, but for the order of the sums."""
    dtype = TRAINERS[name][1]
    sources = list(SOURCES.values())
    expansion = _core.Expansion(sources)
    raw = raw_rows(N, len(sources))
    dense = Course(name, expansion.expand(raw, dtype), 1, **options)
    course = Course(name, _core.ExpandedRows(raw, expansion, dtype), 1, **options)
    rtol = {"float32": 2e-3, "float64": 1e-11}[name]
    for actual, expected in zip(course.made, dense.made, strict=True):
        np.testing.assert_allclose(actual, expected, rtol=rtol, atol=rtol / 10)


@OPTIONAL
@pytest.mark.parametrize("name", TRAINERS)
def test_bits_of_a_table(name: str, options: dict[str, Any]) -> None:
    """Neither threads nor other rows count."""
    dtype = TRAINERS[name][1]
    sources = list(SOURCES.values())
    expansion = _core.Expansion(sources)
    raw = raw_rows(N, len(sources))
    one = Course(name, _core.ExpandedRows(raw, expansion, dtype), 1, **options)
    predicted = one.predicted(_core.ExpandedRows(raw, expansion, dtype))
    for n_threads in (1, 2, 3):
        course = Course(name, _core.ExpandedRows(raw, expansion, dtype), n_threads, **options)
        for actual, expected in zip(course.made, one.made, strict=True):
            np.testing.assert_array_equal(actual, expected, strict=True)
        for n in (0, 1, 3, 16, 17, 85):
            few = course.predicted(_core.ExpandedRows(raw[:n], expansion, dtype))
            np.testing.assert_array_equal(few, predicted[:n], strict=True)


@DTYPES
def test_few_rows_take_for_zero_what_many_do(dtype: Any) -> None:
    expansion = _core.Expansion([Source(values=np.array([0.0, 1.0]))])
    raw = np.full((100, 1), 5e-324)
    coefs, intercepts = [np.ones((2, 1), dtype)], [np.zeros(1, dtype)]
    few, many = (
        _core.predict(coefs, intercepts, x, [], _core.Loss("squared_error"), 1, False)
        for x in (_core.ExpandedRows(raw[:n], expansion, dtype) for n in (2, 100))
    )
    np.testing.assert_array_equal(few, many[:2])


@DTYPES
@pytest.mark.parametrize("n", [1, 5, 16, 17, 200])
@pytest.mark.parametrize("n_outputs", [1, 7, 16, 33, 70])
def test_product_with_entries(n: int, n_outputs: int, dtype: Any) -> None:
    """Of a linear network, against the features in float64."""
    sources = list(SOURCES.values())
    expansion = _core.Expansion(sources)
    raw = raw_rows(n, len(sources))
    draw = np.random.default_rng(3)
    coefs = draw.normal(size=(expansion.n_features, n_outputs)).astype(dtype)
    intercepts = draw.normal(size=n_outputs).astype(dtype)
    rows = _core.ExpandedRows(raw, expansion, dtype)
    outputs = _core.predict([coefs], [intercepts], rows, [], _core.Loss("squared_error"), 1, False)
    expected = expansion.expand(raw, np.float64) @ coefs.astype(float) + intercepts
    eps = np.finfo(dtype).eps
    np.testing.assert_allclose(outputs, expected, rtol=0, atol=2000 * eps)
    assert outputs.dtype == dtype


def test_gradient_by_central_differences() -> None:
    """Of the mean loss by the weights, though products read heights."""
    sources = list(SOURCES.values())
    expansion = _core.Expansion(sources)
    raw = raw_rows(150, len(sources))
    draw = np.random.default_rng(4)
    units = [expansion.n_features, 3, 1]
    parameters = [draw.normal(size=s) / 3 for s in (*pairwise(units), *[(m,) for m in units[1:]])]
    options = OPTIONS | {"dropout": [0.0], "alpha": 0.01, "n_threads": 1}
    trainer = _core.Trainer64(
        units, activations=["tanh"], loss=_core.Loss("squared_error"), **options
    )
    X = _core.ExpandedRows(raw, expansion, np.float64)
    y = draw.normal(size=(150, 1))
    gradient = [np.empty_like(p) for p in parameters]

    def loss() -> float:
        trainer.load("parameters", parameters[:2], parameters[2:])
        return float(trainer.gradient(X, y, None, gradient[:2], gradient[2:]))

    loss()
    exact = gradient[0].copy()
    for i, j in draw.integers(0, [len(exact), 3], size=(60, 2)):
        weight = parameters[0][i, j]
        sides = []
        for step in (1e-5, -1e-5):
            parameters[0][i, j] = weight + step
            sides.append(loss())
        parameters[0][i, j] = weight
        assert exact[i, j] == pytest.approx((sides[0] - sides[1]) / 2e-5, rel=1e-5, abs=1e-9)


def test_expanded_rows_must_fit_the_network() -> None:
    expansion = _core.Expansion([SOURCES["a number"]])
    raw = raw_rows(20, 1)
    course = Course("float32", _core.ExpandedRows(raw, expansion, np.float32), 1)
    with pytest.raises(TypeError, match="X must be of the weights' dtype, got float64"):
        course.predicted(_core.ExpandedRows(raw, expansion, np.float64))
    other = _core.Expansion([SOURCES["a line"]])
    with pytest.raises(ValueError, match=r"X must have 31 features, got expanded rows of 1\."):
        course.predicted(_core.ExpandedRows(raw, other, np.float32))


def test_rows_keep_what_they_read() -> None:
    """The caller's last references may go."""
    raw = raw_rows(300, 1)
    expected = _core.Expansion([SOURCES["a number"]]).expand(raw, np.float64)
    rows = _core.ExpandedRows(raw.copy(), _core.Expansion([SOURCES["a number"]]), np.float64)
    eye = np.eye(expected.shape[1])
    loss = _core.Loss("squared_error")
    outputs = _core.predict([eye], [np.zeros(len(eye))], rows, [], loss, 1, False)
    np.testing.assert_array_equal(outputs, expected)


def test_raw_may_take_another_shape() -> None:
    """Without a copy, the same memory: what was checked is what is read."""
    sources = [SOURCES["a number"], SOURCES["a line"]]
    expansion = _core.Expansion(sources)
    raw = raw_rows(40, 2)
    expected = expansion.expand(raw, np.float64)
    rows = _core.ExpandedRows(raw, expansion, np.float64)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # NumPy 2.5's
        raw.shape = (80, 1)
    assert rows.shape == expected.shape
    eye = np.eye(expected.shape[1])
    loss = _core.Loss("squared_error")
    outputs = _core.predict([eye], [np.zeros(len(eye))], rows, [], loss, 1, False)
    np.testing.assert_array_equal(outputs, expected)


def test_expansion_can_be_stopped() -> None:
    """As other long calls, by the flag that its thread watches."""
    expansion = _core.Expansion([SOURCES["levels"]])
    raised: list[BaseException] = []

    def expand() -> None:
        flag = _core.StopFlag()
        flag.set()
        try:
            with flag:
                expansion.expand(np.ones((10, 1)), np.float32)
        except KeyboardInterrupt as error:
            raised.append(error)

    thread = threading.Thread(target=expand)
    thread.start()
    thread.join()
    assert len(raised) == 1
