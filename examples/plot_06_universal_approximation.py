"""
6 Universal approximation
=========================

A single hidden layer can come as close as you like to any continuous function, if it is wide
enough. This page builds such a network by hand, trains others, and sees how the error falls.
"""

# %%
# A curve to be learned: a sine with a bump. There is no noise, so every error is the network's.

import matplotlib.pyplot as plt
import numpy as np

from pymlp import MLPRegressor


def f(x):
    """The curve to be learned."""
    return np.sin(np.pi * x) + np.exp(-40 * (x - 0.3) ** 2)


x = np.linspace(-1, 1, 400)
X = x[:, None]  # (400, 1): one feature
y = f(x)

# %%
# A network is a sum of hinges
# ----------------------------
# With one input, ReLU units and a linear output, the network computes
#
# .. math:: g(x) = c + \sum_{k=1}^{n} v_k \max(0,\, w_k x + b_k).
#
# Each unit is a hinge: 0 on one side of its kink at :math:`x = -b_k / w_k`, and a straight line on
# the other. A sum of :math:`n` hinges is a chain of straight pieces with at most :math:`n` kinks.
# Here are eight units, trained by L-BFGS with five different initial weights, of which we look at
# the best.


def train(n_units, seed):
    """Train one hidden layer; the curve is small enough for L-BFGS to see all of it at once."""
    model = MLPRegressor(hidden_layer_sizes=(n_units,), solver="lbfgs", alpha=0, tol=1e-8)
    return model.set_params(max_iter=3000, max_fun=10_000, random_state=seed).fit(X, y)


def error(prediction):
    """The root of the mean squared error."""
    return np.sqrt(np.mean((prediction - y) ** 2))


models = [train(8, seed) for seed in range(5)]
errors = [error(model.predict(X)) for model in models]
best = models[np.argmin(errors)]
print("errors:", *np.round(errors, 3))

# %%
# On the left are the eight hinges :math:`v_k \max(0, w_k x + b_k)`, on the right is their sum with
# its kinks. They have moved to where the curve bends. Units whose kink has left the interval draw
# no hinge here: a straight line, or 0 everywhere. Such a dead unit is lost, as its gradient is 0.

(W, V), (b, (c,)) = best.coefs_, best.intercepts_  # W: (1, 8), V: (8, 1), b: (8,)
hinges = np.maximum(0, X @ W + b) * V.T  # (400, 8)
np.testing.assert_allclose(c + hinges.sum(axis=1), best.predict(X))
kinks = -b / W[0]
kinks = kinks[np.abs(kinks) < 1]

fig, (left, right) = plt.subplots(1, 2, figsize=(9, 3.6), layout="constrained")
left.plot(x, hinges)
left.set(title="Hinges ...", ylabel="output of a unit times its weight")
left.set(xlabel="$x$", xticks=[-1, -0.5, 0, 0.5, 1])
right.plot(x, y, color="0.65", linewidth=5, label="to be learned")
right.plot(x, best.predict(X), color="black", label="the network")
right.plot(kinks, best.predict(kinks[:, None]), "o", color="black", label="kinks")
right.set(title="... and their sum", xlabel="$x$", xticks=[-1, -0.5, 0, 0.5, 1])
right.legend()

# %%
# A network built by hand
# -----------------------
# No training is needed to see that :math:`n` hinges suffice. Cut the interval into :math:`n` equal
# parts at the points :math:`x_0, x_1, \dots, x_n` and join the points :math:`(x_k, f(x_k))` by
# straight lines of slopes :math:`s_0, \dots, s_{n-1}`. A hinge at :math:`x_k` has to change the
# slope from :math:`s_{k-1}` to :math:`s_k`, so
#
# .. math:: g(x) = f(x_0) + \sum_{k=0}^{n-1} (s_k - s_{k-1}) \max(0,\, x - x_k), \qquad s_{-1} = 0.


def built(n_units):
    """The values at x of the network that joins points of the curve by straight lines."""
    cuts = np.linspace(-1, 1, n_units + 1)
    slopes = np.diff(f(cuts)) / np.diff(cuts)
    changes = np.diff(slopes, prepend=0)
    return f(cuts[0]) + np.maximum(0, X - cuts[:-1]) @ changes


fig, axes = plt.subplots(1, 3, figsize=(9, 3), sharey=True, layout="constrained")
for ax, n_units in zip(axes, (4, 8, 16), strict=True):
    ax.plot(x, y, color="0.65", linewidth=5)
    ax.plot(x, built(n_units), color="black")
    ax.set(title=f"{n_units} units by hand", xlabel="$x$")

# %%
# On a piece of length :math:`h` a straight line misses a curve by at most
# :math:`h^2 \max |f''| / 8`. Twice the units halve :math:`h` and leave a quarter of the error: it
# falls as :math:`1 / n^2`, a straight line of slope -2 where both axes are logarithmic.
#
# Width against error
# -------------------
# Now networks of every width, trained from five initial weights each.

widths = np.array([1, 2, 4, 8, 16, 32, 64, 128])
trained = np.array([[error(train(n, seed).predict(X)) for seed in range(5)] for n in widths])
by_hand = [error(built(n)) for n in widths]

fig, ax = plt.subplots(figsize=(6.5, 4.2), layout="constrained")
ax.loglog(widths, trained, "o", color="0.6", markersize=4)
ax.loglog(widths, np.median(trained, axis=1), "o-", color="black", label="trained (median of five)")
ax.loglog(widths, by_hand, "s--", color="tab:blue", label="built by hand")
ax.loglog(widths[3:], by_hand[3] * (widths[3:] / 8.0) ** -2, ":", color="black", label="$1 / n^2$")
ax.set(xlabel="hidden units $n$", ylabel="root mean squared error", xticks=widths)
ax.set_xticklabels(widths)
ax.minorticks_off()
ax.legend()

# %%
# To take away
# ------------
# - Wide enough, one hidden layer approximates any continuous function on a bounded region (Cybenko
#   1989 for sigmoids, "Approximation by superpositions of a sigmoidal function"; Leshno and others
#   1993 for every activation that is not a polynomial).
# - The theorem says that good weights exist, not that training finds them. Up to four units, every
#   one of these trainings got stuck. With 8 or 16 units the best of them put the kinks where the
#   curve bends, and beat the even cuts. With 64 and more, the construction is ahead.
# - It says nothing of how many units are needed either. Whether the same number of weights is
#   better spent on width or on depth is the question of the next page.

plt.show()
