"""pymlp."""

from __future__ import annotations

from bench.data import Data
from bench.jobs import Network
from bench.peers.estimator import EstimatorModel
from pymlp import MLPClassifier


def build(
    network: Network,
    data: Data,
    batch: int,
    threads: int,  # noqa: ARG001
    precision: str = "float32",
) -> EstimatorModel:
    # n_threads by default: as many of the worker's OMP_NUM_THREADS as the work keeps busy
    return EstimatorModel(MLPClassifier, network, data, batch, precision=precision)
