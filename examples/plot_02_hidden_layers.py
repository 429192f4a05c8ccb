"""
2 Hidden layers carve the plane
===============================

A unit draws one line. A hidden layer draws many, and the output unit puts the pieces together:
with enough units every training point ends up on its right side.
"""

# %%
# Three data sets that no single line can divide.

import warnings

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import make_blobs, make_circles, make_moons
from sklearn.exceptions import ConvergenceWarning

from pymlp import MLPClassifier
from pymlp.plotting import BoundaryDisplay

# Here a network trains for the epochs that it is given, whether or not the loss could still fall.
warnings.simplefilter("ignore", ConvergenceWarning)

blobs, blob = make_blobs(
    200, centers=[(-2, -2), (2, 2), (-2, 2), (2, -2)], cluster_std=0.7, random_state=0
)
data = {
    "moons": make_moons(200, noise=0.1, random_state=0),
    "circles": make_circles(200, noise=0.1, factor=0.4, random_state=0),
    "blobs": (blobs, blob // 2),  # opposite corners belong together: "exclusive or"
}

# %%
# What a hidden unit does
# -----------------------
# A hidden unit computes :math:`h_j = \max(0, w_j \cdot x + b_j)`: nothing on one side of its line,
# and on the other the more the farther away. ReLU is the name of this function. The output unit
# sees only :math:`h`, not :math:`x`:
#
# .. math:: p = \frac{1}{1 + e^{-z}}, \qquad z = v \cdot h + c.
#
# Within each piece of the plane that the lines cut out, :math:`z` is a plane; at every line it is
# folded.


def train(X, y, n_units, seed=0):
    """One hidden layer, trained by gradient descent with a learning rate of 0.3."""
    net = MLPClassifier((n_units,), solver="sgd", learning_rate_init=0.3, batch_size=20, alpha=0)
    return net.set_params(max_iter=300, tol=0, random_state=seed).fit(X, y)


# %%
# Two units fold the plane twice. Each grey line is a unit's.

fig, axes = plt.subplots(1, 3, figsize=(12, 4), layout="constrained")
for ax, (name, (X, y)) in zip(axes, data.items(), strict=True):
    net = train(X, y, 2)
    BoundaryDisplay.from_estimator(net, X, y, ax=ax)
    ax.set_title(f"{name}, 2 units: accuracy {net.score(X, y):.2f}")

# %%
# Twenty units
# ------------
# With twenty lines there are pieces enough, and each class gets the pieces that it needs.

fig, axes = plt.subplots(1, 3, figsize=(12, 4), layout="constrained")
for ax, (name, (X, y)) in zip(axes, data.items(), strict=True):
    net = train(X, y, 20)
    BoundaryDisplay.from_estimator(net, X, y, ax=ax)
    ax.set_title(f"{name}, 20 units: accuracy {net.score(X, y):.2f}")
    assert net.score(X, y) == 1

# %%
# How many units are enough?
# --------------------------
# Three lines can fence in a disc, so three units would do for the circles. But gradient descent has
# to find them, from where the random initial weights put it: more units than needed give it more
# chances. Here are ten starts for each width.

widths = [1, 2, 3, 4, 6, 10, 20]
X, y = data["circles"]
accuracies = np.array([[train(X, y, n, seed).score(X, y) for seed in range(10)] for n in widths])

fig, ax = plt.subplots(figsize=(6, 3.5), layout="constrained")
ax.plot(range(len(widths)), accuracies, "o", color="grey", alpha=0.5)
ax.plot(range(len(widths)), accuracies.mean(axis=1), color="black", label="mean of ten starts")
ax.set(xlabel="hidden units", ylabel="accuracy on the circles")
ax.set_xticks(range(len(widths)), widths)
ax.legend()

# %%
# To take away
# ------------
# A hidden layer cuts the plane into pieces, and the output layer answers by piece. Width buys
# pieces, and easier training. That the training points are all right says nothing yet of new ones:
# page 5 looks at that.

plt.show()
