"""skl2onnx's three functions for our estimators: outputs, their types, and the nodes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from onnx.helper import np_dtype_to_tensor_dtype
from skl2onnx._supported_operators import sklearn_operator_name_map
from skl2onnx.common.data_types import (
    BooleanTensorType,
    DoubleTensorType,
    FloatTensorType,
    Int64TensorType,
    SequenceType,
    StringTensorType,
)

from .._estimators.fitted import predictor_of
from .._system.arrays import Array
from ._graph import Graph, Output, predict

TYPES = {
    np.dtype(np.float32): FloatTensorType,
    np.dtype(np.float64): DoubleTensorType,
    np.dtype(np.int64): Int64TensorType,
    np.dtype(np.bool_): BooleanTensorType,
    np.dtype(object): StringTensorType,
}


def parse(scope: Any, model: Any, inputs: Any, custom_parsers: Any = None) -> Any:  # noqa: ARG001
    """Declare what a model puts out."""
    operator = scope.declare_local_operator(sklearn_operator_name_map[type(model)], model)
    operator.inputs = inputs
    for output in predict(_Nowhere(_arithmetic(inputs[0].type)), *predictor_of(model), "X"):
        operator.outputs.append(scope.declare_local_variable(output.name, _type(output, None)))
    return operator.outputs


def set_types(operator: Any) -> None:
    """Set the outputs' types and shapes, now that those of the input are known."""
    features = operator.inputs[0]
    declared = predict(
        _Nowhere(_arithmetic(features.type)), *predictor_of(operator.raw_operator), "X"
    )
    n_samples = features.get_first_dimension()
    for variable, output in zip(operator.outputs, declared, strict=True):
        variable.type = _type(output, n_samples)


def convert(scope: Any, operator: Any, container: Any) -> None:
    """Add a model's nodes."""
    features = operator.inputs[0]
    graph = _Container(_arithmetic(features.type), scope, container)
    x = graph.node("Cast", features.full_name, to=np_dtype_to_tensor_dtype(graph.dtype))
    outputs = predict(graph, *predictor_of(operator.raw_operator), x)
    for variable, output in zip(operator.outputs, outputs, strict=True):
        graph.add_node("Identity", [output.value], [variable.full_name])


def _arithmetic(kind: Any) -> Any:
    return np.float64 if isinstance(kind, DoubleTensorType) else np.float32


def _type(output: Output, n_samples: int | None) -> Any:
    shape = [n_samples, *(None if n < 0 else n for n in output.shape)]
    kind = TYPES[output.dtype](shape)
    return SequenceType(kind) if output.is_list else kind


class _Nowhere(Graph):
    """Keeps nothing: for the outputs' types alone."""

    def new_name(self, hint: str) -> str:
        return hint

    def add_constant(self, name: str, values: Array) -> None:
        pass

    def add_node(self, op: str, inputs: Sequence[str], outputs: Sequence[str], **how: Any) -> None:
        pass


class _Container(Graph):
    """A graph in skl2onnx's container."""

    def __init__(self, dtype: Any, scope: Any, container: Any) -> None:
        super().__init__(dtype)
        self._scope = scope
        self._container = container

    def new_name(self, hint: str) -> str:
        return str(self._scope.get_unique_variable_name(hint))

    def add_constant(self, name: str, values: Array) -> None:
        text = values.dtype == object
        kind = np_dtype_to_tensor_dtype(values.dtype)
        content = [s.encode() for s in values.ravel()] if text else values.ravel()
        self._container.add_initializer(name, kind, values.shape, content)

    def add_node(self, op: str, inputs: Sequence[str], outputs: Sequence[str], **how: Any) -> None:
        name = self._scope.get_unique_operator_name(op)
        self._container.add_node(op, list(inputs), list(outputs), name=name, **how)
