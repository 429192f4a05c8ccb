"""
7 One wide layer or several narrow ones
=======================================

One hidden layer of 40 units, or three of 8, 8 and 3? Both have about the same number of
parameters. Which one learns more depends on the data, on the optimizer and on luck.
"""

# %%
# Four rings, of two classes in turn. Half of the points are for training, half for testing.

import warnings

import matplotlib.pyplot as plt
import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split

from pymlp import MLPClassifier
from pymlp.plotting import BoundaryDisplay, NetworkDisplay

# Here a network trains for the epochs that it is given, whether or not the loss could still fall.
warnings.simplefilter("ignore", ConvergenceWarning)

rng = np.random.default_rng(0)


def points(radius, angle, y):
    """Turn polar coordinates into points; returns X_train, X_test, y_train, y_test."""
    X = np.column_stack([radius * np.cos(angle), radius * np.sin(angle)])
    return train_test_split(X, y, test_size=0.5, random_state=0)


ring = rng.integers(1, 5, size=600)  # 1 to 4, counted from the middle
angle = rng.uniform(0, 2 * np.pi, size=600)
rings = points((ring + rng.normal(0, 0.15, size=600)) / 4, angle, ring % 2)

# %%
# Two networks
# ------------
# A layer of :math:`m` units on :math:`n` inputs has :math:`n m` weights and :math:`m` biases.

ARCHITECTURES = {"wide": (40,), "deep": (8, 8, 3)}
X_train, X_test, y_train, y_test = rings


def train(hidden, data=rings, solver="adam", seed=0):
    """Train for 600 epochs of Adam, or by L-BFGS until nothing gets better."""
    model = MLPClassifier(hidden, solver=solver, alpha=0, random_state=seed)
    if solver == "adam":
        model.set_params(learning_rate_init=0.01, batch_size=50, max_iter=600, n_iter_no_change=600)
    else:
        model.set_params(max_iter=3000, max_fun=30_000)
    X_train, _, y_train, _ = data
    return model.fit(X_train, y_train)


wide = {seed: train(ARCHITECTURES["wide"], seed=seed) for seed in range(10)}
print(wide[0].summary())

# %%
deep = {seed: train(ARCHITECTURES["deep"], seed=seed) for seed in range(10)}
print(deep[0].summary())

# %%
# The wide network adds up 40 hinges of the two coordinates. In the deep one, the second layer adds
# up hinges of the first layer's hinges. So it can fold the plane: what it draws once appears on
# both sides of a fold.

fig, (left, right) = plt.subplots(1, 2, figsize=(9, 5), layout="constrained")
NetworkDisplay.from_estimator(wide[0], ax=left)
NetworkDisplay.from_estimator(deep[0], ax=right)

# %%
# Ten runs of each
# ----------------
# The runs differ only in their initial weights and in the order of the points. Each picture shows
# the border between the classes and, as thin lines, where a unit of the first layer has its kink.


def test_accuracy(model):
    """The share of the test points that the model gets right."""
    return model.score(X_test, y_test)


fig, axes = plt.subplots(2, 2, figsize=(9, 8.4), layout="constrained", sharex=True, sharey=True)
for row, (name, models) in zip(axes, {"wide": wide, "deep": deep}.items(), strict=True):
    ranked = sorted(models.values(), key=test_accuracy)
    for ax, rank, model in zip(row, ("worst", "best"), (ranked[0], ranked[-1]), strict=True):
        BoundaryDisplay.from_estimator(model, X_test, y_test, ax=ax)
        ax.set_title(f"{name}, {rank} of ten: test accuracy {test_accuracy(model):.2f}")
        ax.label_outer()

# %%
# The best deep network has found all the rings, the worst puts every point into one class. Its last
# hidden layer has only three units. If all three are dead, that is, 0 for every point, nothing gets
# through any more, and no gradient comes back.

for seed, model in deep.items():
    dead = (model.transform(X_train) == 0).all(axis=0).sum()  # transform: the last hidden layer
    print(f"seed {seed}: {dead} of 3 units dead, test accuracy {test_accuracy(model):.2f}")

# %%
# Other data, another optimizer
# -----------------------------
# Before we call depth the winner: the same two networks on two arms of a spiral, and on the rings
# again with L-BFGS instead of Adam.

arm = rng.integers(2, size=600)
turn = 1.25 * np.sqrt(rng.uniform(size=600))
radius = turn / 1.25 + rng.normal(0, 0.02, size=600)
spiral = points(radius, 2 * np.pi * turn + np.pi * arm, arm)

JOBS = {
    "rings, Adam": (rings, "adam"),
    "spiral, Adam": (spiral, "adam"),
    "rings, L-BFGS": (rings, "lbfgs"),
}
fig, axes = plt.subplots(1, 3, figsize=(9, 3.8), sharey=True, layout="constrained")
for ax, (title, (data, solver)) in zip(axes, JOBS.items(), strict=True):
    _, X, _, y = data
    for place, hidden in enumerate(ARCHITECTURES.values()):
        scores = [train(hidden, data, solver, seed).score(X, y) for seed in range(10)]
        shifts = np.linspace(-0.15, 0.15, 10)  # so that equal scores can be told apart
        ax.plot(place + shifts, scores, "o", color="0.55", markersize=5)
        ax.plot([place - 0.25, place + 0.25], [np.median(scores)] * 2, color="black", linewidth=2)
    ax.set(title=title, xlim=(-0.5, 1.5), xticks=[0, 1], xticklabels=["40", "8-8-3"])
    ax.axhline(0.5, color="black", linestyle=":", linewidth=1)  # guessing
axes[0].set(ylabel="test accuracy of ten runs, and their median", ylim=(0.4, 1.02))

# %%
# To take away
# ------------
# - On the rings with Adam, depth pays: with fewer parameters the deep network is mostly ahead.
#   Folding makes many straight pieces out of few units (Montúfar and others 2014, "On the number of
#   linear regions of deep neural networks").
# - The same wide network does well on the rings with L-BFGS: it could represent them all along.
#   Adam did not find the weights.
# - On the spiral the wide network is at least as good, and more reliable.
# - The deep and narrow network depends on its initial weights. One run of each would have told
#   little; always look at several seeds.

plt.show()
