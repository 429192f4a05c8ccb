"""
9 Ensembles
===========

Train several networks that differ only by their seeds, and average what they say. The average is
mostly better than each of them, and where they disagree the ensemble is unsure.
"""

# %%
# Small networks on few digits, so that there is something to gain.

import warnings

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import accuracy_score, log_loss
from sklearn.model_selection import train_test_split

from pymlp import MLPClassifier, MLPEnsembleClassifier, MLPEnsembleRegressor, MLPRegressor

# Here a network trains for the epochs that it is given, whether or not the loss could still fall.
warnings.simplefilter("ignore", ConvergenceWarning)

X, y = load_digits(return_X_y=True)
X = (X / 16).astype(np.float32)
X_train, X_test, y_train, y_test = train_test_split(
    X, y, train_size=600, stratify=y, random_state=0
)

# %%
# Sixteen members
# ---------------
# The ensemble takes a network, trains copies of it from other initial weights and in another order
# of the images, as many at a time as there are threads, and averages their probabilities.

network = MLPClassifier((20,), learning_rate_init=0.01, batch_size=50, max_iter=60)
ensemble = MLPEnsembleClassifier(network, n_estimators=16, random_state=0).fit(X_train, y_train)

accuracies = [member.score(X_test, y_test) for member in ensemble.estimators_]
print(f"members:  {min(accuracies):.3f} to {max(accuracies):.3f}, mean {np.mean(accuracies):.3f}")
print(f"ensemble: {ensemble.score(X_test, y_test):.3f}")

# %%
# How many members are worth it? For each number we draw some of the sixteen at random, a
# hundred times, and take the mean accuracy.

probas = np.stack([member.predict_proba(X_test) for member in ensemble.estimators_])  # (16, n, 10)
rng = np.random.default_rng(0)
means = []
for n_estimators in range(1, 17):
    draws = [probas[rng.permutation(16)[:n_estimators]].mean(axis=0) for _ in range(100)]
    means.append(np.mean([accuracy_score(y_test, draw.argmax(axis=1)) for draw in draws]))

fig, ax = plt.subplots(figsize=(6.5, 3.8), layout="constrained")
ax.plot(range(1, 17), means, "o-", color="black", label="ensembles, mean of 100 draws")
ax.plot(np.ones(16), accuracies, "_", color="0.5", markersize=14, label="the sixteen members")
ax.set(xlabel="members", ylabel="test accuracy", xticks=[1, 2, 4, 8, 12, 16])
ax.legend(loc="lower right")

# %%
# Why it helps
# ------------
# Let a member give the right class the probability :math:`p_i`; its loss is :math:`-\log p_i`. As
# this function is convex, the loss of the average is at most the average of the losses (Jensen's
# inequality), on every single image:
#
# .. math:: -\log \Big(\frac{1}{m} \sum_i p_i\Big) \;\le\; \frac{1}{m} \sum_i -\log p_i.
#
# They are equal only if all members agree. So members should be good, and differ in their mistakes.

loss_of_average = log_loss(y_test, probas.mean(axis=0))
average_of_losses = np.mean([log_loss(y_test, proba) for proba in probas])
print(f"loss of the average {loss_of_average:.3f} <= average of the losses {average_of_losses:.3f}")

# %%
# Which digits is it unsure of?
# -----------------------------
# ``predict_proba(X, return_std=True)`` also returns the standard deviation over the members. We
# look at it for the class that the ensemble chooses. Most errors are among the tenth of the images
# where the members differ most:

mean, std = ensemble.predict_proba(X_test, return_std=True)  # (n, 10) each
answer = mean.argmax(axis=1)
spread = std[np.arange(len(std)), answer]
order = np.argsort(-spread)
wrong = answer != y_test
tenth = order[: len(order) // 10]
print(f"{wrong[tenth].sum()} of the {wrong.sum()} errors are in the most unsure tenth")

# %%
# The upper row shows the images on which the members differ most, the lower row those on which they
# differ least.

fig, axes = plt.subplots(2, 8, figsize=(9, 3.4), layout="constrained")
for ax, i in zip(axes.flat, [*order[:8], *order[-8:]], strict=True):
    ax.imshow(X_test[i].reshape(8, 8), cmap="gray_r")
    ax.set_title(
        f"{y_test[i]}, taken for {answer[i]}\n{mean[i].max():.2f} ± {spread[i]:.2f}", size=8
    )
    ax.set_axis_off()

# %%
# A band for regression
# ---------------------
# Points of a sine with a gap in the middle. With ``bootstrap=True`` each member also draws its own
# sample of the points.

x = np.concatenate([rng.uniform(-4, -1, 60), rng.uniform(1, 4, 60)])
t = np.sin(x) + rng.normal(0, 0.1, x.size)

network = MLPRegressor(hidden_layer_sizes=(50, 50), learning_rate_init=0.01, batch_size=20)
network.set_params(max_iter=400, n_iter_no_change=400)
band = MLPEnsembleRegressor(network, n_estimators=16, bootstrap=True, random_state=0).fit(
    x[:, None], t
)

grid = np.linspace(-6, 6, 300)[:, None]
mean, std = band.predict(grid, return_std=True)
low, high = mean - 2 * std, mean + 2 * std

fig, ax = plt.subplots(figsize=(7.5, 4), layout="constrained")
ax.plot(x, t, ".", color="0.45", label="points")
ax.plot(grid, np.sin(grid), ":", color="black", label="$\\sin x$")
ax.fill_between(grid[:, 0], low, high, color="tab:blue", alpha=0.3, label="mean ± 2 std")
ax.plot(grid, mean, color="tab:blue", label="mean of the members")
ax.set(xlabel="$x$", ylabel="$y$")
ax.legend()

# %%
# To take away
# ------------
# - The band is narrow where there are points and widens away from them: the members agree on what
#   they have seen (Lakshminarayanan, Pritzel & Blundell 2017, "Simple and scalable predictive
#   uncertainty estimation using deep ensembles").
# - It is no guarantee. Beyond the last points every member goes on in a straight line, as ReLU
#   networks do, and the sine leaves the band. Members of one kind make errors of one kind.
# - Nor does it hold the noise of single points: it tells how well the curve is known.

plt.show()
