"""Keras on the backend that the worker's KERAS_BACKEND names."""

from __future__ import annotations

from typing import Any

import keras

from bench.data import Data
from bench.jobs import MOMENTUM, Network


def build(network: Network, data: Data, batch: int, threads: int) -> KerasModel:
    if keras.backend.backend() == "torch":
        import torch

        torch.set_num_threads(threads)
    return KerasModel(network, data, batch)


class KerasModel:
    def __init__(self, network: Network, data: Data, batch: int):
        keras.utils.set_random_seed(0)
        self._model = keras.Sequential(
            [
                keras.Input(network.sizes[:1]),
                *(keras.layers.Dense(width, activation="relu") for width in network.hidden),
                keras.layers.Dense(network.sizes[-1], activation="softmax"),
            ]
        )
        self._model.compile(
            optimizer=keras.optimizers.SGD(network.learning_rate, MOMENTUM, nesterov=True),
            loss="sparse_categorical_crossentropy",
        )
        self._data, self._batch = data, batch

    def epoch(self, n: int) -> None:
        self._model.fit(
            self._data.X, self._data.y, batch_size=self._batch, epochs=n, shuffle=True, verbose=0
        )

    def array(self, X: Any) -> Any:
        return X

    def predict_proba(self, X: Any) -> Any:
        # Each the fastest of predict (batches of 32, 1,024, all), predict_on_batch and a call.
        if len(X) == 1:
            return self._model.predict_on_batch(X)
        return self._model.predict(X, batch_size=1024, verbose=0)
