"""JAX: an epoch is one jitted function, a scan over the mini-batches with the update inside."""

from __future__ import annotations

from functools import partial
from itertools import pairwise
from typing import Any

import jax
import jax.numpy as jnp

from bench.data import Data
from bench.jobs import MOMENTUM, Network

Parameters = list[tuple[jax.Array, jax.Array]]  # per layer W: (n_in, n_out), b: (n_out,)
State = tuple[Parameters, Parameters]  # parameters, velocities


def build(network: Network, data: Data, batch: int, threads: int) -> JaxModel:  # noqa: ARG001
    return JaxModel(network, data, batch)  # its thread pool is as large as the worker's CPU set


def logits(parameters: Parameters, X: jax.Array) -> jax.Array:
    *hidden, (W, b) = parameters
    for W_hidden, b_hidden in hidden:
        X = jax.nn.relu(X @ W_hidden + b_hidden)
    return X @ W + b


def mean_loss(parameters: Parameters, X: jax.Array, y: jax.Array) -> jax.Array:
    log_proba = jax.nn.log_softmax(logits(parameters, X))
    return -jnp.take_along_axis(log_proba, y[:, None], axis=1).mean()


@partial(jax.jit, static_argnames=("batch", "learning_rate"), donate_argnames="state")
def train_epoch(
    state: State, key: jax.Array, X: jax.Array, y: jax.Array, *, batch: int, learning_rate: float
) -> tuple[State, jax.Array]:
    """The state after one epoch in a fresh order, and the epoch's mean loss."""

    def step(state: State, rows: jax.Array) -> tuple[State, jax.Array]:
        parameters, velocities = state
        loss, gradients = jax.value_and_grad(mean_loss)(parameters, X[rows], y[rows])
        velocities = jax.tree.map(lambda v, g: MOMENTUM * v + g, velocities, gradients)
        parameters = jax.tree.map(
            lambda p, v, g: p - learning_rate * (g + MOMENTUM * v),
            parameters,
            velocities,
            gradients,
        )
        return (parameters, velocities), loss

    order = jax.random.permutation(key, len(y))
    full = len(y) - len(y) % batch
    state, losses = jax.lax.scan(step, state, order[:full].reshape(-1, batch))
    total = batch * losses.sum()
    if full < len(y):  # a last, smaller mini-batch
        state, loss = step(state, order[full:])
        total += (len(y) - full) * loss
    return state, total / len(y)


@jax.jit
def probabilities(parameters: Parameters, X: jax.Array) -> jax.Array:
    return jax.nn.softmax(logits(parameters, X))


class JaxModel:
    def __init__(self, network: Network, data: Data, batch: int):
        self._key = jax.random.key(0)
        glorot = jax.nn.initializers.glorot_uniform()
        parameters: Parameters = [
            (glorot(self._next_key(), shape), jnp.zeros(shape[1]))
            for shape in pairwise(network.sizes)
        ]
        self._state: State = (parameters, jax.tree.map(jnp.zeros_like, parameters))
        self._X, self._y = jnp.asarray(data.X), jnp.asarray(data.y, dtype=jnp.int32)
        self._epoch = partial(train_epoch, batch=batch, learning_rate=network.learning_rate)

    def _next_key(self) -> jax.Array:
        self._key, key = jax.random.split(self._key)
        return key

    def epoch(self, n: int) -> None:
        for _ in range(n):
            self._state, _ = self._epoch(self._state, self._next_key(), self._X, self._y)
        jax.block_until_ready(self._state)

    def array(self, X: Any) -> jax.Array:
        return jnp.asarray(X)

    def predict_proba(self, X: jax.Array) -> jax.Array:
        return probabilities(self._state[0], X).block_until_ready()
