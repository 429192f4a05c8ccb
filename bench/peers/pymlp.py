"""pymlp."""

from __future__ import annotations

from bench.data import Data
from bench.jobs import Network
from bench.peers.estimator import EstimatorModel
from pymlp import MLPClassifier


def build(
    network: Network, data: Data, batch: int, threads: int, precision: str = "float32"
) -> EstimatorModel:
    return EstimatorModel(
        MLPClassifier, network, data, batch, n_threads=threads, precision=precision
    )
