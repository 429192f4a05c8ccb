"""Fitted estimators as ONNX models, for onnxruntime and whatever else reads them.

`export` writes a file, by the onnx package (``pip install onnx``). Importing this module
also tells skl2onnx of the estimators, if that is installed, as `register` does.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from importlib.util import find_spec
from typing import Any

import numpy as np
from sklearn.utils.validation import check_is_fitted

from .._core import __version__
from .._estimators.classifier import MLPClassifier
from .._estimators.ensemble import MLPEnsembleClassifier, MLPEnsembleRegressor
from .._estimators.fitted import predictor_of
from .._estimators.regressor import MLPRegressor
from .._estimators.tabular import TabularClassifier, TabularRegressor
from .._estimators.tabular_base import Tabular
from .._files.replace import replace_file
from .._system.arrays import Array
from .._system.meant import meant
from .._system.messages import missing, warn
from ._graph import OPSET, Graph, predict
from ._tables import ML, Input, add_features, scaled_back

__all__ = ["export", "register"]

ESTIMATORS = (
    *(MLPClassifier, MLPRegressor, MLPEnsembleClassifier, MLPEnsembleRegressor),
    *(TabularClassifier, TabularRegressor),
)
IR_VERSION = 8  # of the file's format; the first one with OPSET
ML_OPSET = 2  # beside OPSET
PRECISIONS = ("float32", "float64")


def export(est: Any, path: str | os.PathLike[str], *, precision: str | None = None) -> None:
    """Write a fitted estimator as an ONNX model.

    Parameters
    ----------
    est : MLPClassifier, MLPRegressor, an ensemble of them, TabularClassifier or TabularRegressor
        Fitted. What predicts is exported: with ``ema_decay`` the averaged weights.
    path : str or path-like
        The file, mostly with the ending '.onnx'. It is replaced when the new one is complete.
    precision : {'float32', 'float64'} or None, default=None
        Type of the model's arithmetic, of its weights and of its input X; None is that of the
        weights. ``precision='bfloat16'`` of the estimator is not the model's, whose products are
        of the float32 weights.

    Raises
    ------
    ImportError
        Without the onnx package.
    NotFittedError
        Before `fit`.
    NotImplementedError
        If a table has dates of a time zone other than UTC, categories that are dates or durations,
        or such that are integers of 2**53 and beyond.
    OSError
        If the file cannot be written; the old one, if there is one, is still whole.
    TypeError
        If `est` is another kind of estimator.
    ValueError
        If `precision` is none of these, the weights are not finite in it, or labels are of a type
        that ONNX does not have, or a table's column has the name of an output.

    Notes
    -----
    The model's input is 'X': (n_samples, n_features), with any number of samples. Its outputs have
    skl2onnx's names: 'label', and 'probabilities' as ``predict_proba`` returns them, a sequence of
    arrays for several labels of several classes (never a ZipMap); with ``loss='hinge'`` 'scores' as
    ``decision_function`` returns them; of a regressor 'variable', which is always
    (n_samples, n_targets) where there are no lists of quantiles. Labels are int64, float, bool or
    string; of several labels of different types all are strings. Labels that were a sparse
    indicator matrix come as a dense one.

    Predictions agree with the estimator's to rounding; of `gelu` in float64 to some 1e-7, because
    onnxruntime has the error function in float32 only. An X that is not finite is not refused.

    Names of features, if `fit` saw any, are in the model's metadata as 'feature_names', a list in
    JSON. The model needs opset 15, and passes onnx's checker.

    Of an estimator for tables each column is an input, (n_samples, 1), with its name, or 'x0', 'x1'
    and so on; columns that tell nothing are left out. Text is string, everything else float64:
    booleans 0 and 1, durations in seconds, dates in seconds since 1970 (by the clock, where they
    have no time zone). Missing numbers are NaN. Missing text is '', 'nan', 'None' or '<NA>', as
    onnxruntime reads such objects, unless that is a level that `fit` saw. 'variable' is float64.

    Examples
    --------
    >>> import pymlp.onnx
    >>> from sklearn.datasets import load_digits
    >>> X, y = load_digits(return_X_y=True)
    >>> clf = pymlp.MLPClassifier((50,), tol=0.1, n_iter_no_change=1, precision="float32")
    >>> pymlp.onnx.export(clf.fit(X, y), "digits.onnx")  # doctest: +SKIP
    >>> import onnxruntime  # doctest: +SKIP
    >>> session = onnxruntime.InferenceSession("digits.onnx")  # doctest: +SKIP
    >>> label, probabilities = session.run(None, {"X": X.astype("f")})  # doctest: +SKIP
    """
    if not isinstance(est, ESTIMATORS):
        names = ", ".join(kind.__name__ for kind in ESTIMATORS)
        raise TypeError(
            f"The 'est' parameter must be one of {names}; for a pipeline use skl2onnx.to_onnx. "
            f"Got {est!r} instead."
        )
    if precision not in (None, *PRECISIONS):
        raise ValueError(
            f"The 'precision' parameter must be among {[None, *PRECISIONS]}."
            f"{meant(precision, PRECISIONS)} Got {precision!r} instead."
        )
    check_is_fitted(est)
    model = _model(est, precision or predictor_of(est)[0][0].parameters().coefs[0].dtype)
    replace_file(path, model.SerializeToString())


def register() -> None:
    """Tell skl2onnx of the estimators, so that ``skl2onnx.to_onnx`` converts pipelines with them.

    Importing `pymlp.onnx` does it, if skl2onnx is installed. Importing pymlp does not, because
    that would import skl2onnx.

    Raises
    ------
    ImportError
        Without skl2onnx.

    Notes
    -----
    The arithmetic is of the input's type, as with skl2onnx's own converters: float64 for float64,
    otherwise float32. Outputs are those of `export`; a ZipMap is never made. Within another model
    scores of two classes are a column a class, ``-score`` and ``score``.

    A network predicts, and transforms where scikit-learn calls ``transform``: amid a pipeline, in a
    FeatureUnion, in a ColumnTransformer. A data frame's columns are an input each. Models that
    skl2onnx computes otherwise than scikit-learn are a NotImplementedError that says why, and so
    are estimators for tables.
    """
    from skl2onnx import update_registered_converter, update_registered_parser
    from skl2onnx.common._registration import register_converter

    from . import _skl2onnx as ours

    for container, parser in ours.OWN_PARSERS.items():
        update_registered_parser(container, parser)
    options = ours.PIPELINE.get_allowed_options()
    register_converter("SklearnPipeline", ours.convert_pipeline, overwrite=True, options=options)
    for kind in (*ESTIMATORS, ours.HiddenLayer):  # those for tables to be refused
        update_registered_converter(
            kind,
            f"Pymlp{kind.__name__}",
            ours.set_types,
            ours.convert,
            parser=ours.parse,
            # what skl2onnx asks of every classifier
            options={"zipmap": [False, True]} if hasattr(kind, "predict_proba") else None,
        )


class _Nodes(Graph):
    """A graph in lists, as ``onnx.helper.make_graph`` takes them; the inputs' names are taken."""

    def __init__(self, dtype: Any, taken: Sequence[str] = ()) -> None:
        super().__init__(dtype)
        self._taken = set(taken)
        self.protos: list[Any] = []
        self.constants: list[Any] = []
        self._n_names = 0

    def new_name(self, hint: str) -> str:
        self._n_names += 1
        name = f"{hint}.{self._n_names}"
        return self.new_name(hint) if name in self._taken else name

    def add_constant(self, name: str, values: Array) -> None:
        from onnx.numpy_helper import from_array

        self.constants.append(from_array(values, name))

    def add_node(self, op: str, inputs: Sequence[str], outputs: Sequence[str], **how: Any) -> None:
        from onnx.helper import make_node

        self.protos.append(make_node(op, inputs, outputs, **how))


def _model(est: Any, dtype: Any) -> Any:
    """Make the checked ModelProto."""
    try:
        import onnx
        from onnx import helper
    except ImportError as error:
        raise missing("pymlp.onnx", "onnx") from error
    graph = _Nodes(dtype, getattr(est, "feature_names_in_", ()))
    networks, target = predictor_of(est)
    if isinstance(est, Tabular):
        inputs, x = add_features(graph, est.encoder_)
    else:
        x = "X"
        inputs = [Input(x, graph.dtype, networks[0].parameters().coefs[0].shape[0])]
    outputs = predict(graph, networks, target, x)
    if isinstance(est, TabularRegressor):
        outputs = [scaled_back(graph, output, est) for output in outputs]
    for name in {i.name for i in inputs} & {"", *(o.name for o in outputs)}:
        raise ValueError(
            f"X has a column {name!r}, a name that no input of the ONNX model can have beside its "
            f"outputs {[o.name for o in outputs]}: rename it before fit."
        )
    for output in outputs:
        graph.add_node("Identity", [output.value], [output.name])
    opsets = [("", OPSET), (ML, ML_OPSET)] if isinstance(est, Tabular) else [("", OPSET)]
    model = helper.make_model(
        helper.make_graph(
            graph.protos,
            type(est).__name__,
            [_declared(i.name, i.dtype, (i.n_columns,)) for i in inputs],
            [_declared(o.name, o.dtype, o.shape, o.is_list) for o in outputs],
            graph.constants,
        ),
        producer_name="pymlp",
        producer_version=__version__,
        opset_imports=[helper.make_opsetid(*opset) for opset in opsets],
        ir_version=IR_VERSION,
    )
    if hasattr(est, "feature_names_in_"):
        names = json.dumps(est.feature_names_in_.tolist())
        helper.set_model_props(model, {"feature_names": names})
    onnx.checker.check_model(model, full_check=True)
    return model


def _declared(name: str, dtype: np.dtype[Any], shape: Sequence[int], is_list: bool = False) -> Any:
    """ValueInfoProto of an input or output."""
    from onnx import TensorProto, helper

    kind = TensorProto.STRING if dtype.kind == "O" else helper.np_dtype_to_tensor_dtype(dtype)
    if is_list:
        return helper.make_tensor_sequence_value_info(name, kind, ["n_samples", None])
    return helper.make_tensor_value_info(name, kind, ["n_samples", *shape])


if find_spec("skl2onnx") is not None:
    try:
        register()
    except ImportError as error:  # of a version that has other parts; `export` needs none of them
        warn(f"skl2onnx is not told of pymlp's estimators: {error}")
