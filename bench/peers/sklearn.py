"""scikit-learn; its threads are its BLAS's, which the worker's environment sets."""

from __future__ import annotations

from sklearn.neural_network import MLPClassifier

from bench.data import Data
from bench.jobs import Network
from bench.peers.estimator import EstimatorModel


def build(network: Network, data: Data, batch: int, threads: int) -> EstimatorModel:  # noqa: ARG001
    return EstimatorModel(MLPClassifier, network, data, batch)
