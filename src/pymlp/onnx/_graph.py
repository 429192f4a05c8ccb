"""A fitted estimator as the nodes of an ONNX graph, wherever these are kept."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from functools import reduce
from typing import Any, NamedTuple

import numpy as np

from .._data.checks import converted
from .._data.labels import Indicator, Labels, MultiOutput
from .._data.real_targets import RealTargets
from .._data.targets import Target
from .._network.network import Network
from .._system.arrays import Array

OPSET = 15  # every runtime since 2022 has it; later ones add nothing that is needed


class Graph(ABC):
    """Where nodes go; names of what they put out are made up.

    Parameters
    ----------
    dtype : {numpy.float32, numpy.float64}
        Type of the arithmetic.
    """

    def __init__(self, dtype: Any) -> None:
        self.dtype = np.dtype(dtype)

    @abstractmethod
    def new_name(self, hint: str) -> str:
        """Make up a name that the graph does not have."""

    @abstractmethod
    def add_constant(self, name: str, values: Array) -> None:
        """Add a constant; `values` may hold objects that are strings."""

    @abstractmethod
    def add_node(self, op: str, inputs: Sequence[str], outputs: Sequence[str], **how: Any) -> None:
        """Add a node."""

    def constant(self, values: Any, name: str = "constant") -> str:
        """Add an array, and return its name; Python's numbers are of the arithmetic's type."""
        array = np.asarray(values, self.dtype if np.ndim(values) == 0 else None)
        name = self.new_name(name)
        self.add_constant(name, array)
        return name

    def node(self, op: str, *inputs: str | float | Array, **how: Any) -> str:
        """Add a node, and return the name of its output."""
        return self.nodes(op, *inputs, n_outputs=1, **how)[0]

    def nodes(self, op: str, *inputs: str | float | Array, n_outputs: int, **how: Any) -> list[str]:
        """Add a node of several outputs, and return their names."""
        names = [i if isinstance(i, str) else self.constant(i) for i in inputs]
        outputs = [self.new_name(op.lower()) for _ in range(n_outputs)]
        self.add_node(op, names, outputs, **how)
        return outputs


class Output(NamedTuple):
    """What a model puts out.

    Parameters
    ----------
    name : str
    dtype : numpy.dtype
        Of numbers or booleans, or `object` for strings.
    shape : tuple of int
        Without the samples, which come first.
    is_list : bool
        Is it a sequence of such arrays, one a label, of as many columns as that has classes?
    value : str
        Its name in the graph.
    """

    name: str
    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    value: str
    is_list: bool = False


def predict(graph: Graph, networks: Sequence[Network], target: Target, x: str) -> list[Output]:
    """Add what networks predict together from `x`, (n_samples, n_features).

    Parameters
    ----------
    graph : Graph
    networks : sequence of Network
        Whose outputs or predictions are averaged.
    target : Target
        What their outputs mean.
    x : str
        Name of the features, of the arithmetic's type.

    Returns
    -------
    list of Output
        'label', and 'probabilities' or 'scores'; of real targets 'variable', as skl2onnx has it.
    """
    members = [_outputs(graph, network, x) for network in networks]
    if isinstance(target, RealTargets):
        mean = _mean(graph, [_by_target(graph, target, part) for (part,) in members])
        return [Output("variable", graph.dtype, _shape(target), mean)]
    assert isinstance(target, Labels)
    parts = [_mean(graph, part) for part in zip(*members, strict=True)]
    output = networks[0].output
    return [_labels(graph, target, parts, output), _confidence(graph, target, parts, output)]


# --- activations ---------------------------------------------------------------------------------


def _leaky_relu(g: Graph, x: str) -> str:
    return g.node("Max", x, g.node("Mul", x, 0.01))


def _hard_sigmoid(g: Graph, x: str) -> str:
    return g.node("Div", g.node("Clip", g.node("Add", x, 3), 0, 6), 6)


def _softplus(g: Graph, x: str) -> str:
    """max(x, 0) + log(1 + e^-|x|), which does not overflow."""
    small = g.node("Log", g.node("Add", g.node("Exp", g.node("Neg", g.node("Abs", x))), 1))
    return g.node("Add", g.node("Relu", x), small)


def _expm1_below_zero(g: Graph, x: str) -> str:
    return g.node("Sub", g.node("Exp", g.node("Min", x, 0)), 1)


def _elu(g: Graph, x: str) -> str:
    return g.node("Add", g.node("Relu", x), _expm1_below_zero(g, x))


def _selu(g: Graph, x: str) -> str:
    scale, limit = 1.0507009873554804934, 1.7580993408473768600  # limit = scale * alpha
    below = g.node("Mul", _expm1_below_zero(g, x), limit)
    return g.node("Add", g.node("Mul", g.node("Relu", x), scale), below)


def _gelu(g: Graph, x: str) -> str:
    """Half of x (1 + erf(x / sqrt 2))."""
    root = g.node("Mul", x, 1 / np.sqrt(2))
    if g.dtype == np.float64:  # onnxruntime has Erf in float32 only, exact to some 1e-7
        erf = cast(g, g.node("Erf", cast(g, root, np.float32)), np.float64)
    else:
        erf = g.node("Erf", root)
    return g.node("Mul", x, g.node("Mul", g.node("Add", erf, 1), 0.5))


def _silu(g: Graph, x: str) -> str:
    # not x * Sigmoid(x), fused by onnxruntime until 1.26 into a node that it has not in float64
    return g.node("Div", x, g.node("Add", g.node("Exp", g.node("Neg", x)), 1))


def _mish(g: Graph, x: str) -> str:
    return g.node("Mul", x, g.node("Tanh", _softplus(g, x)))


# Of nodes that onnxruntime has in float64, too: ONNX's own LeakyRelu, Elu and others it has not.
ACTIVATIONS: dict[str, Callable[[Graph, str], str]] = {
    "identity": lambda _, x: x,
    "logistic": lambda g, x: g.node("Sigmoid", x),
    "tanh": lambda g, x: g.node("Tanh", x),
    "relu": lambda g, x: g.node("Relu", x),
    "leaky_relu": _leaky_relu,
    "elu": _elu,
    "selu": _selu,
    "gelu": _gelu,
    "silu": _silu,
    "mish": _mish,
    "softplus": _softplus,
    "hard_sigmoid": _hard_sigmoid,
}
OUTPUT_ACTIVATIONS: dict[str, Callable[[Graph, str], str]] = {
    "identity": ACTIVATIONS["identity"],
    "logistic": ACTIVATIONS["logistic"],
    "softmax": lambda g, x: g.node("Softmax", x, axis=1),
    "exp": lambda g, x: g.node("Exp", x),
}


# --- networks ------------------------------------------------------------------------------------


def transform(graph: Graph, network: Network, x: str) -> list[Output]:
    """Add what a network's last hidden layer puts out, as ``transform`` returns it."""
    units = network.parameters().coefs[-1].shape[0]
    return [Output("variable", graph.dtype, (units,), _hidden(graph, network, x))]


def _hidden(graph: Graph, network: Network, x: str) -> str:
    """Outputs of the last hidden layer."""
    for k, activation in enumerate(network.activations):
        x = ACTIVATIONS[activation](graph, _layer(graph, network, k, x))
    return x


def _layer(graph: Graph, network: Network, k: int, x: str) -> str:
    parameters = network.parameters()
    weights, biases = (
        graph.constant(converted(getattr(parameters, name)[k], graph.dtype, f"{name}_"), name)
        for name in ("coefs", "intercepts")
    )
    return graph.node("Gemm", x, weights, biases)


def _outputs(graph: Graph, network: Network, x: str) -> list[str]:
    """Outputs of a network; several, (n_samples, n_classes) each, for labels of several classes."""
    x = _layer(graph, network, len(network.activations), _hidden(graph, network, x))
    sizes = np.diff(network.groups)
    parts = [x]
    if len(sizes) > 1:
        parts = graph.nodes("Split", x, sizes, n_outputs=len(sizes), axis=1)
    return [OUTPUT_ACTIVATIONS[network.output](graph, part) for part in parts]


def _mean(graph: Graph, values: Sequence[str]) -> str:
    if len(values) == 1:
        return values[0]
    total = reduce(lambda a, b: graph.node("Add", a, b), values)
    return graph.node("Div", total, len(values))


def cast(graph: Graph, x: str, dtype: Any) -> str:
    """Add what makes numbers of another type."""
    from onnx.helper import np_dtype_to_tensor_dtype

    return graph.node("Cast", x, to=np_dtype_to_tensor_dtype(np.dtype(dtype)))


# --- a classifier's outputs ----------------------------------------------------------------------


def _labels(graph: Graph, target: Labels, parts: list[str], output: str) -> Output:
    """What `Labels.decode` makes of the outputs."""
    threshold = 0.5 if output == "logistic" else 0.0

    def above(x: str) -> str:
        return cast(graph, graph.node("Greater", x, threshold), np.int64)

    if isinstance(target, Indicator):
        return Output("label", np.dtype(np.int64), (target.n_outputs,), above(parts[0]))
    if isinstance(target, MultiOutput):
        tables = _of_one_type([_as_onnx(classes) for classes in target.classes])
        columns = [
            graph.node("Gather", table, graph.node("ArgMax", part, axis=1, keepdims=1))
            for table, part in zip(tables, parts, strict=True)
        ]
        value = graph.node("Concat", *columns, axis=1)
        return Output("label", tables[0].dtype, (len(tables),), value)
    table = _as_onnx(target.classes)
    if target.n_outputs == 1:
        numbers = graph.node("Reshape", above(parts[0]), np.array([-1]))
        table = np.resize(table, 2)  # of a single class: that one, whatever the output
    else:
        numbers = graph.node("ArgMax", parts[0], axis=1, keepdims=0)
    return Output("label", table.dtype, (), graph.node("Gather", table, numbers))


def _confidence(graph: Graph, target: Labels, parts: list[str], output: str) -> Output:
    """What ``predict_proba`` returns, or with ``loss='hinge'`` ``decision_function``."""
    scores = output == "identity"
    name = "scores" if scores else "probabilities"
    if isinstance(target, MultiOutput):
        return Output(name, graph.dtype, (-1,), graph.node("SequenceConstruct", *parts), True)
    if isinstance(target, Indicator) or target.n_outputs > 1:
        return Output(name, graph.dtype, (target.n_outputs,), parts[0])
    if len(target.classes) == 1:
        sure = graph.node("Add", graph.node("Mul", parts[0], 0), 1)
        return Output(name, graph.dtype, (1,), graph.node("Neg", parts[0]) if scores else sure)
    if scores:
        return Output(name, graph.dtype, (), graph.node("Reshape", parts[0], np.array([-1])))
    other = graph.node("Sub", 1, parts[0])
    return Output(name, graph.dtype, (2,), graph.node("Concat", other, parts[0], axis=1))


def _as_onnx(classes: Array) -> Array:
    """Labels in a type that ONNX has: integers in int64, strings as objects."""
    labels = np.asarray(classes.tolist()) if classes.dtype.kind == "O" else classes
    if labels.dtype.kind == "U":
        return labels.astype(object)
    if labels.dtype.kind in "iu" and labels.max() <= np.iinfo(np.int64).max:
        return labels.astype(np.int64)
    if labels.dtype.kind == "b" or labels.dtype in (np.float32, np.float64):
        return labels
    raise ValueError(
        "ONNX has labels that are integers of 64 bits, floating-point numbers, booleans or "
        f"strings. Got classes_ of dtype {classes.dtype}: {classes!r}."
    )


def _of_one_type(tables: list[Array]) -> list[Array]:
    """Columns of a matrix: as strings, if their labels are of several types."""
    if len({table.dtype for table in tables}) == 1:
        return tables
    return [table.astype(str).astype(object) for table in tables]


# --- a regressor's -------------------------------------------------------------------------------


def _shape(target: RealTargets) -> tuple[int, ...]:
    """Of a prediction: (n_targets,), (n_quantiles,) or (n_targets, n_quantiles)."""
    if not target.is_list:
        return (target.n_outputs,)
    n_targets, n_quantiles = target.n_targets, target.n_quantiles
    return (n_quantiles,) if n_targets == 1 else (n_targets, n_quantiles)


def _by_target(graph: Graph, target: RealTargets, outputs: str) -> str:
    """Predictions; quantiles in ascending order."""
    if not target.is_list:
        return outputs
    shape = _shape(target)
    by_target = graph.node("Reshape", outputs, np.array([0, *shape]))  # 0: as many samples
    values, _ = graph.nodes("TopK", by_target, np.array([shape[-1]]), n_outputs=2, largest=0)
    return values
