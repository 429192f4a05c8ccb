"""Multi-layer perceptrons with a scikit-learn estimator on top and C++ kernels underneath."""

from typing import TYPE_CHECKING, Any

from . import _core, callbacks, datasets, plotting, preprocessing, schedules
from ._core import __version__
from ._estimators.classifier import MLPClassifier
from ._estimators.ensemble import MLPEnsembleClassifier, MLPEnsembleRegressor
from ._estimators.loading import load
from ._estimators.regressor import MLPRegressor
from ._estimators.tabular import TabularClassifier, TabularRegressor
from ._resume.checkpoint import Checkpoint
from ._system.config import show_config

if TYPE_CHECKING:
    from . import onnx

_core.isa()  # a wrong PYMLP_ISA is an error at import, not in the middle of a fit

__all__ = [
    "Checkpoint",
    "MLPClassifier",
    "MLPEnsembleClassifier",
    "MLPEnsembleRegressor",
    "MLPRegressor",
    "TabularClassifier",
    "TabularRegressor",
    "__version__",
    "callbacks",
    "datasets",
    "load",
    "onnx",
    "plotting",
    "preprocessing",
    "schedules",
    "show_config",
]


def __getattr__(name: str) -> Any:
    if name in ("dask", "onnx"):  # when asked for, because they import Dask and skl2onnx
        from importlib import import_module

        return import_module(f".{name}", __name__)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
