"""
10 Speed
========

The same network, data and optimizer in scikit-learn, PyTorch, JAX, Keras and pymlp: what one
writes, and how long an epoch takes. Libraries that are not installed are left out.
"""

# %%
# The job
# -------
# scikit-learn's digits, each pixel repeated to 3 x 3 (so that the inputs are about as many as
# MNIST's), a hidden layer of 200 ReLU units, stochastic gradient descent with Nesterov's momentum,
# 50 images a step, single precision. Everyone shuffles in each epoch, and reports its loss.

import os
import time
import warnings
from functools import partial
from importlib.util import find_spec

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier as SklearnMLPClassifier

from pymlp import MLPClassifier

# Here a network trains for the epochs that it is given, whether or not the loss could still fall.
warnings.simplefilter("ignore", ConvergenceWarning)

BATCH, HIDDEN, RATE, MOMENTUM = 50, 200, 0.05, 0.9

X, y = load_digits(return_X_y=True)
X, y = X[:1750].reshape(-1, 8, 8).astype(np.float32) / 16, y[:1750]  # 35 full batches
X = X.repeat(3, axis=1).repeat(3, axis=2).reshape(len(X), -1)  # (1750, 576)
X -= X.mean(axis=0)

peers = {}  # name: function that trains for n epochs and returns the last one's loss

# %%
# pymlp and scikit-learn
# ----------------------
# One class, one call of ``fit``. The settings have the same names, and the same seed gives the same
# model.

settings = {
    "hidden_layer_sizes": (HIDDEN,),
    "solver": "sgd",
    "learning_rate_init": RATE,
    "momentum": MOMENTUM,
    "batch_size": BATCH,
    "alpha": 0.0,
    "n_iter_no_change": 10_000,  # only max_iter ends the fit
    "random_state": 0,
}


def fit(estimator, n_epochs):
    """Train from new weights."""
    return estimator.set_params(max_iter=n_epochs).fit(X, y).loss_


peers["pymlp"] = partial(fit, MLPClassifier(**settings))
peers["scikit-learn"] = partial(fit, SklearnMLPClassifier(**settings))

# %%
# PyTorch
# -------
# Layers, loss and optimizer are parts to be put together; the loop over epochs and batches is the
# user's.


def torch_peer():
    """The training loop of PyTorch's tutorials, with the data in tensors from the start."""
    import torch
    from torch import nn

    model = nn.Sequential(nn.Linear(X.shape[1], HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, 10))
    cross_entropy = nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(model.parameters(), RATE, MOMENTUM, nesterov=True, fused=True)
    X_tensor, y_tensor = torch.from_numpy(X), torch.from_numpy(y)

    def train(n_epochs):
        for _ in range(n_epochs):
            total = 0.0
            for rows in torch.randperm(len(X_tensor)).split(BATCH):
                optimizer.zero_grad()
                loss = cross_entropy(model(X_tensor[rows]), y_tensor[rows])
                loss.backward()
                optimizer.step()
                total += loss.item() * len(rows)
        return total / len(X_tensor)

    return train


if find_spec("torch"):
    peers["PyTorch"] = torch_peer()

# %%
# JAX
# ---
# Functions of arrays, which JAX differentiates and compiles. Here a whole epoch is one compiled
# function, a ``scan`` over the batches: the fastest way that we know.


def jax_peer():
    """Every epoch is one call of a compiled function."""
    import jax
    import jax.numpy as jnp

    X_array, y_array = jnp.asarray(X), jnp.asarray(y)

    def mean_loss(parameters, X, y):
        (W1, b1), (W2, b2) = parameters
        log_proba = jax.nn.log_softmax(jax.nn.relu(X @ W1 + b1) @ W2 + b2)
        return -jnp.take_along_axis(log_proba, y[:, None], axis=1).mean()

    def step(state, rows):
        parameters, velocities = state
        loss, gradients = jax.value_and_grad(mean_loss)(parameters, X_array[rows], y_array[rows])
        velocities = jax.tree.map(lambda v, g: MOMENTUM * v + g, velocities, gradients)
        parameters = jax.tree.map(
            lambda p, v, g: p - RATE * (g + MOMENTUM * v), parameters, velocities, gradients
        )
        return (parameters, velocities), loss

    @jax.jit
    def epoch(state, key):
        order = jax.random.permutation(key, len(y)).reshape(-1, BATCH)
        state, losses = jax.lax.scan(step, state, order)
        return state, losses.mean()

    glorot = jax.nn.initializers.glorot_uniform()
    key = jax.random.key(0)
    parameters = [
        (glorot(key, (n_in, n_out)), jnp.zeros(n_out))
        for n_in, n_out in [(X.shape[1], HIDDEN), (HIDDEN, 10)]
    ]
    state = parameters, jax.tree.map(jnp.zeros_like, parameters)

    def train(n_epochs):
        nonlocal state, key
        for _ in range(n_epochs):
            key, of_epoch = jax.random.split(key)
            state, loss = epoch(state, of_epoch)
        return float(loss)  # waits until it has been computed

    return train


if find_spec("jax"):
    peers["JAX"] = jax_peer()

# %%
# Keras
# -----
# Layers and one call of ``fit``; JAX or PyTorch computes.


def keras_peer():
    """Keras as its documentation has it."""
    os.environ.setdefault("KERAS_BACKEND", "jax" if find_spec("jax") else "torch")
    import keras

    model = keras.Sequential(
        [
            keras.Input((X.shape[1],)),
            keras.layers.Dense(HIDDEN, activation="relu"),
            keras.layers.Dense(10, activation="softmax"),
        ]
    )
    optimizer = keras.optimizers.SGD(RATE, MOMENTUM, nesterov=True)
    model.compile(optimizer, loss="sparse_categorical_crossentropy")

    def train(n_epochs):
        history = model.fit(X, y, batch_size=BATCH, epochs=n_epochs, shuffle=True, verbose=0)
        return history.history["loss"][-1]

    return train


if find_spec("keras") and (find_spec("jax") or find_spec("torch")):
    peers["Keras"] = keras_peer()

# %%
# Timing
# ------
# A first run of each compiles what there is to compile, and its loss tells whether all learn alike
# (from other initial weights). Then come rounds in which everyone has a turn, in every second round
# in the other direction: what else happens on the machine meets all of them alike. A pause before
# each turn lets the threads of the one before go to sleep, and one epoch, not timed, wakes the next
# one's.
#
# Nothing else should be running. Beside busy programs, threads that wait for each other at the end
# of every small step, as PyTorch's and pymlp's do, lose far more than those of others.

EPOCHS, ROUNDS, SECONDS = 3, 5, 0.1

losses = {name: train(EPOCHS) for name, train in peers.items()}


def turn(train):
    """Seconds an epoch, from as many runs as it takes to be measured well."""
    time.sleep(0.2)
    train(1)
    n_epochs, start, elapsed = 0, time.perf_counter(), 0.0
    while elapsed < SECONDS:
        train(EPOCHS)
        n_epochs += EPOCHS
        elapsed = time.perf_counter() - start
    return elapsed / n_epochs


seconds = {name: [] for name in peers}
for number in range(ROUNDS):
    for name in list(peers)[:: -1 if number % 2 else 1]:
        seconds[name].append(turn(peers[name]))

# %%
# In each round every time is divided by pymlp's of the same round. Of these ratios the bar shows
# the median, and the thin line the middle half.

ratios = {
    name: [theirs / ours for theirs, ours in zip(times, seconds["pymlp"], strict=True)]
    for name, times in seconds.items()
}
print(f"{'':>12} {f'loss after {EPOCHS} epochs':>20} {'ms an epoch':>12} {'times pymlp':>12}")
for name, values in ratios.items():
    milliseconds = 1000 * np.median(seconds[name])
    print(f"{name:>12} {losses[name]:20.3f} {milliseconds:12.1f} {np.median(values):12.1f}")

fig, ax = plt.subplots(figsize=(7.5, 0.8 + 0.6 * len(peers)), layout="constrained")
for place, (name, values) in enumerate(ratios.items()):
    low, ratio, high = np.quantile(values, [0.25, 0.5, 0.75])
    ax.barh(place, ratio, height=0.6, color="tab:blue" if name == "pymlp" else "0.75")
    ax.plot([low, high], [place, place], color="black", linewidth=1)
    ax.annotate(f"{ratio:.1f}", (high, place), (5, 0), textcoords="offset points", va="center")
ax.set_yticks(range(len(peers)), peers)
ax.invert_yaxis()
ax.margins(x=0.1)
ax.set(xlim=(0, None), xlabel="time an epoch, in multiples of pymlp's (shorter is faster)")

# %%
# To take away
# ------------
# - In networks of this size the arithmetic of a step takes far less than a millisecond. Much of
#   the others' time goes into what is around it: Python calls, a kernel for each small operation,
#   arrays written and read again.
# - pymlp does an epoch in one call, with the weights in the order in which the processor reads them
#   (:doc:`/design`).
# - All libraries share one process here, which is simple but not quite fair, and these are few and
#   short rounds. ``python -m bench`` gives each a process of its own, watches what else is running,
#   and measures the lecture's five networks: :doc:`/performance`.

plt.show()
