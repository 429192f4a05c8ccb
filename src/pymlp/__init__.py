"""Multi-layer perceptrons with a scikit-learn estimator on top and C++ kernels underneath."""

from . import _core, callbacks, datasets, plotting, schedules
from ._checkpoint import Checkpoint
from ._classifier import MLPClassifier
from ._config import show_config
from ._core import __version__
from ._ensemble import MLPEnsembleClassifier, MLPEnsembleRegressor
from ._loading import load
from ._regressor import MLPRegressor

_core.isa()  # a wrong PYMLP_ISA is an error at import, not in the middle of a fit

__all__ = [
    "Checkpoint",
    "MLPClassifier",
    "MLPEnsembleClassifier",
    "MLPEnsembleRegressor",
    "MLPRegressor",
    "__version__",
    "callbacks",
    "datasets",
    "load",
    "plotting",
    "schedules",
    "show_config",
]
