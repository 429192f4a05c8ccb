"""Networks on Dask: predictions of collections, and fits to more data than one machine has."""

from importlib.util import find_spec

from .._system.messages import missing

if find_spec("dask") is None or find_spec("distributed") is None:
    raise missing("pymlp.dask", '"dask[array,dataframe]" distributed')

from .._data.streamed import Streamed
from ._ensembles import fit
from ._predict import predict, predict_proba, score, transform

__all__ = ["Streamed", "fit", "predict", "predict_proba", "score", "transform"]
