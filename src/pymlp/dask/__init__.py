"""Networks on Dask: fits on a cluster, predictions of collections, more data than memory."""

from importlib.util import find_spec

from .._system.messages import missing

if find_spec("dask") is None or find_spec("distributed") is None:
    raise missing("pymlp.dask", '"dask[array,dataframe]" distributed')

from .._data.streamed import Streamed
from ._ensembles import fit
from ._estimators import DaskMLPClassifier, DaskMLPRegressor
from ._predict import predict, predict_proba, score, transform

__all__ = [
    "DaskMLPClassifier",
    "DaskMLPRegressor",
    "Streamed",
    "fit",
    "predict",
    "predict_proba",
    "score",
    "transform",
]
