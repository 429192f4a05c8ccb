"""What skl2onnx asks for: our estimators' outputs, their types and nodes; and where they transform.

A network predicts, unless it stands where scikit-learn calls its ``transform``: amid a pipeline, in
a union or over columns. skl2onnx does not tell these places from others, so the parsers of the
three give it a `HiddenLayer` there.
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from typing import Any

import numpy as np
from onnx.helper import np_dtype_to_tensor_dtype
from skl2onnx._parse import sklearn_parsers_map
from skl2onnx._supported_operators import sklearn_operator_name_map
from skl2onnx.common._registration import get_converter
from skl2onnx.common.data_types import (
    BooleanTensorType,
    DoubleTensorType,
    FloatTensorType,
    Int64TensorType,
    SequenceType,
    StringTensorType,
    guess_tensor_type,
)
from sklearn.base import BaseEstimator, TransformerMixin, is_classifier, is_regressor
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import (
    AdaBoostClassifier,
    BaggingClassifier,
    BaggingRegressor,
    StackingClassifier,
    StackingRegressor,
    VotingClassifier,
    VotingRegressor,
)
from sklearn.model_selection import TunedThresholdClassifierCV
from sklearn.multiclass import OneVsOneClassifier, OneVsRestClassifier
from sklearn.multioutput import MultiOutputRegressor
from sklearn.pipeline import FeatureUnion, Pipeline

from .._estimators.classifier import MLPClassifier
from .._estimators.ensemble import MLPEnsembleClassifier, MLPEnsembleRegressor
from .._estimators.fitted import network_of, predictor_of
from .._estimators.regressor import MLPRegressor
from .._estimators.tabular_base import Tabular
from .._system.arrays import Array
from ._graph import Graph, Output, predict, transform

TYPES = {
    np.dtype(np.float32): FloatTensorType,
    np.dtype(np.float64): DoubleTensorType,
    np.dtype(np.int64): Int64TensorType,
    np.dtype(np.bool_): BooleanTensorType,
    np.dtype(object): StringTensorType,
}
OURS = (MLPClassifier, MLPRegressor, MLPEnsembleClassifier, MLPEnsembleRegressor)
TRANSFORM_BY_MEMBERS = (StackingClassifier, StackingRegressor, VotingClassifier, VotingRegressor)
OPSET_OF_NODES, OPSET_OF_LISTS = 11, 14  # the first ones that have what `_graph` adds


class HiddenLayer(TransformerMixin, BaseEstimator):
    """A fitted network as what transforms."""

    def __init__(self, network: MLPClassifier | MLPRegressor) -> None:
        self.network = network


# --- skl2onnx's three functions for a model ------------------------------------------------------


def parse(scope: Any, model: Any, inputs: Any, custom_parsers: Any = None) -> Any:  # noqa: ARG001
    """Declare what a model puts out."""
    operator = scope.declare_local_operator(sklearn_operator_name_map[type(model)], model)
    operator.inputs = inputs
    for output in _outputs(model, _Nowhere(_arithmetic(inputs)), "X"):
        operator.outputs.append(scope.declare_local_variable(output.name, _type(output, None)))
    operator.is_within = False  # another model, whose converter declares what it asks of this one
    return operator.outputs


def set_types(operator: Any) -> None:
    """Set the outputs' types and shapes, now that those of the inputs are known."""
    declared = _asked(operator, _Nowhere(_arithmetic(operator.inputs)), "X")
    _check_inputs(operator)
    n_samples = operator.inputs[0].get_first_dimension()
    for variable, output in zip(operator.outputs, declared, strict=True):
        variable.type = _type(output, n_samples)


def convert(scope: Any, operator: Any, container: Any) -> None:
    """Add a model's nodes."""
    for other in scope.operators.values():
        _check_around(other.raw_operator, operator)
    graph = _Container(_arithmetic(operator.inputs), scope, container)
    kind = np_dtype_to_tensor_dtype(graph.dtype)
    columns = [graph.node("Cast", part.full_name, to=kind) for part in operator.inputs]
    x = columns[0] if len(columns) == 1 else graph.node("Concat", *columns, axis=1)
    outputs = _asked(operator, graph, x)
    needed = OPSET_OF_LISTS if any(output.is_list for output in outputs) else OPSET_OF_NODES
    if container.target_opset < needed:
        raise NotImplementedError(f"The model needs target_opset >= {needed}.")
    for variable, output in zip(operator.outputs, outputs, strict=True):
        graph.add_node("Identity", [output.value], [variable.full_name])


def _asked(operator: Any, graph: Graph, x: str) -> list[Output]:
    """Outputs in the shape that whoever has declared them expects."""
    outputs = _outputs(operator.raw_operator, graph, x)
    last = outputs[-1]
    if last.name == "scores" and last.shape == () and getattr(operator, "is_within", True):
        score = graph.node("Reshape", last.value, np.array([-1, 1]))
        both = graph.node("Concat", graph.node("Neg", score), score, axis=1)
        outputs[-1] = Output("scores", graph.dtype, (2,), both)  # one a class, as of others
    return outputs


def _outputs(model: Any, graph: Graph, x: str) -> list[Output]:
    if isinstance(model, Tabular):
        raise NotImplementedError(
            f"{type(model).__name__} cannot be converted by skl2onnx: pymlp.onnx.export writes it "
            "as a model of its own, with an input a column."
        )
    if isinstance(model, HiddenLayer):
        return transform(graph, network_of(model.network), x)
    return predict(graph, *predictor_of(model), x)


def _arithmetic(inputs: Any) -> Any:
    is_double = any(isinstance(part.type, DoubleTensorType) for part in inputs)
    return np.float64 if is_double else np.float32


def _type(output: Output, n_samples: int | None) -> Any:
    shape = [n_samples, *(None if n < 0 else n for n in output.shape)]
    kind = TYPES[output.dtype](shape)
    return SequenceType(kind) if output.is_list else kind


# --- what is refused -----------------------------------------------------------------------------


def _check_inputs(operator: Any) -> None:
    """Check that the features are the fitted ones, in their order, as far as that is known."""
    model = getattr(operator.raw_operator, "network", operator.raw_operator)
    names = [part.raw_name for part in operator.inputs]
    fitted = [*getattr(model, "feature_names_in_", names)]
    if names != fitted and set(names) == set(fitted):
        raise ValueError(f"X must have its features in the order of fit, {fitted}, not {names}.")
    widths: list[Any] = [(part.type.shape or [None])[-1] for part in operator.inputs]
    n_features = predictor_of(model)[0][0].parameters().coefs[0].shape[0]
    if None not in widths and sum(widths) != n_features:
        raise ValueError(
            f"X has {sum(widths)} features, but {type(model).__name__} is expecting {n_features}."
        )


def _check_around(other: Any, operator: Any) -> None:
    """Refuse to be converted beside what skl2onnx computes otherwise than scikit-learn."""
    kinds = {type(part.type) for part in operator.inputs}
    output = _outputs(operator.raw_operator, _Nowhere(_arithmetic(operator.inputs)), "X")[-1]
    is_score = output.name == "scores"
    is_several = is_regressor(operator.raw_operator) and output.shape != (1,)
    match other:
        case TunedThresholdClassifierCV():
            reason = "leaves out its threshold"
        case CalibratedClassifierCV(method="isotonic"):
            reason = "makes steps of its isotonic function"
        case CalibratedClassifierCV() | OneVsOneClassifier() if (
            isinstance(operator.raw_operator, HiddenLayer)
            and isinstance(other.estimator, Pipeline)
            and hasattr(other.estimator, "decision_function")
        ):
            reason = "takes a pipeline's probabilities for its scores"
        case BaggingClassifier() | OneVsRestClassifier() | VotingClassifier(voting="soft") if (
            is_score
        ):
            reason = "takes scores for probabilities"
        case OneVsOneClassifier() if list(other.classes_) != [*range(len(other.classes_))]:
            reason = "puts out the classes' numbers instead of the classes"
        case StackingClassifier() if "predict" in other.stack_method_:
            reason = "stacks probabilities instead of predictions"
        case StackingClassifier() if (
            len(other.classes_) == 2 and "decision_function" in other.stack_method_
        ):
            reason = "makes two columns of the scores of two classes"
        case StackingClassifier() | StackingRegressor() if Int64TensorType in kinds:
            reason = "takes the integers of X for the type of predictions"
        case AdaBoostClassifier() if DoubleTensorType in kinds:
            reason = "mixes float32 with float64"
        case BaggingRegressor() | MultiOutputRegressor() | VotingRegressor() if is_several:
            reason = "takes several outputs for several samples"
        case _:
            return
    raise NotImplementedError(f"{type(other).__name__} cannot be converted: skl2onnx {reason}.")


# --- where a network transforms ------------------------------------------------------------------


def parse_pipeline(scope: Any, model: Any, inputs: Any, custom_parsers: Any = None) -> Any:
    """Declare a pipeline's operators."""
    last = model.steps[-1][1]
    if is_classifier(last) and not {id(last), type(last)} & set(scope.options or ()):
        scope.add_options(id(last), scope.get_options(model, {"zipmap": True}))  # not of a copy
    return PARSERS[Pipeline](scope, _predicting(model), inputs, custom_parsers=custom_parsers)


def convert_pipeline(scope: Any, operator: Any, container: Any) -> None:
    """Add the nodes of a pipeline within a model that has declared it."""
    operator.raw_operator = last = _predicting(operator.raw_operator)
    while isinstance(last, Pipeline):
        last = last.steps[-1][1]
    operator.outputs[-1].type = guess_tensor_type(operator.inputs[0].type)  # of integers float32
    if isinstance(last, (MLPClassifier, MLPEnsembleClassifier)):
        label = _outputs(last, _Nowhere(_arithmetic(operator.inputs)), "X")[0]
        operator.outputs[0].type = _type(label, None)
    PIPELINE(scope, operator, container)
    for declared in scope.operators.values():
        if declared.raw_operator is last:
            declared.is_within = True


def parse_union(scope: Any, model: Any, inputs: Any, custom_parsers: Any = None) -> Any:
    """Declare a union's operators."""
    members = [(name, _transforming(member)) for name, member in model.transformer_list]
    model = _with(model, "transformer_list", members)
    return PARSERS[FeatureUnion](scope, model, inputs, custom_parsers=custom_parsers)


def parse_columns(scope: Any, model: Any, inputs: Any, custom_parsers: Any = None) -> Any:
    """Declare the operators over columns."""
    members = [(name, _transforming(member), where) for name, member, where in model.transformers_]
    model = _with(model, "transformers_", members)
    return PARSERS[ColumnTransformer](scope, model, inputs, custom_parsers=custom_parsers)


OWN_PARSERS = {
    Pipeline: parse_pipeline,
    FeatureUnion: parse_union,
    ColumnTransformer: parse_columns,
}
# skl2onnx's
PARSERS = {kind: sklearn_parsers_map[kind] for kind in OWN_PARSERS}
PIPELINE = get_converter("SklearnPipeline")


def _predicting(pipeline: Any) -> Any:
    """A pipeline of which only the last step predicts."""
    last = pipeline.steps[-1]
    steps = [*((name, _transforming(step)) for name, step in pipeline.steps[:-1]), last]
    return _with(pipeline, "steps", steps)


def _transforming(model: Any) -> Any:
    """The model, or what transforms as it does if a network is the one that does so."""
    if type(model) in (MLPClassifier, MLPRegressor):
        return HiddenLayer(model)
    if isinstance(model, Pipeline):
        return _with(model, "steps", [(name, _transforming(step)) for name, step in model.steps])
    if isinstance(model, TRANSFORM_BY_MEMBERS) and any(
        isinstance(p, OURS) for p in model.get_params().values()
    ):
        raise NotImplementedError(
            f"{type(model).__name__} cannot be converted where it transforms: skl2onnx predicts."
        )
    best = getattr(model, "best_estimator_", None)  # of a search
    transforming = None if best is None else _transforming(best)
    return model if transforming is best else transforming


def _with(model: Any, name: str, members: list[Any]) -> Any:
    """The model, or a copy with other members if they are others."""
    before = getattr(model, name)
    if all(new[1] is old[1] for new, old in zip(members, before, strict=True)):
        return model
    changed = copy(model)
    setattr(changed, name, members)
    return changed


# --- graphs --------------------------------------------------------------------------------------


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
