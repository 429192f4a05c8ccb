"""
3 Activations and vanishing gradients
=====================================

Without an activation, layers on layers are one layer. With the wrong one, the first layers of a
deep network hardly learn: their gradient has vanished on the way back.
"""

# %%
# Activations and their derivatives
# ---------------------------------
# A layer computes :math:`h = f(xW + b)`. If :math:`f` did nothing, two layers would be
# :math:`(x W_1) W_2 = x\, (W_1 W_2)`, which is one. What matters for learning is the derivative
# :math:`f'`, because the gradient of each layer is multiplied by it.

import warnings

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning

from pymlp import MLPClassifier
from pymlp.plotting import GradientFlowDisplay

# Here a network trains for the epochs that it is given, whether or not the loss could still fall.
warnings.simplefilter("ignore", ConvergenceWarning)

z = np.linspace(-4, 4, 401)
functions = {
    "logistic": 1 / (1 + np.exp(-z)),
    "tanh": np.tanh(z),
    "relu": np.maximum(0, z),
    "leaky_relu": np.maximum(0.01 * z, z),
    "elu": np.where(z > 0, z, np.expm1(z)),
    "silu": z / (1 + np.exp(-z)),
}
fig, axes = plt.subplots(2, 3, figsize=(10, 5), sharex=True, sharey=True, layout="constrained")
for ax, (name, f) in zip(axes.flat, functions.items(), strict=True):
    ax.plot(z, f, label="$f(z)$")
    ax.plot(z, np.gradient(f, z), "--", label="$f'(z)$")
    ax.axhline(0, color="grey", lw=0.5)
    ax.set(title=name, ylim=(-1.2, 2.5))
axes[0, 0].legend()
fig.supxlabel("$z$")

# %%
# The logistic function's derivative is :math:`f (1 - f)`, at most 1/4. Going back through ten
# layers multiplies the gradient by at most :math:`(1/4)^{10} \approx 10^{-6}`, apart from the
# weights. The derivative of tanh is 1 at 0 and falls to both sides; that of ReLU is 1 wherever the
# unit is on.
#
# Vanishing gradients
# -------------------
# The digits, and six hidden layers of 50 units. ``monitor_gradients=True`` writes down the norm of
# each layer's gradient, :math:`\|\partial L / \partial W_k\|`, as a mean over the epoch's
# mini-batches.

X, y = load_digits(return_X_y=True)
X = X / 16


def train(activation, init="sklearn"):
    """Six hidden layers, twenty epochs."""
    net = MLPClassifier([50] * 6, activation, init=init, solver="sgd", learning_rate_init=0.05)
    return net.set_params(max_iter=20, monitor_gradients=True, random_state=0).fit(X, y)


deep = {
    "logistic": train("logistic"),
    "tanh": train("tanh"),
    "relu, he_normal": train("relu", "he_normal"),
}

# %%
# Each line is a layer. With the logistic function the first layer's gradient is smaller than the
# last one's by orders of magnitude: it stays where its random weights have put it, and the
# layers above can only work with what it hands them.

fig, axes = plt.subplots(1, 3, figsize=(12, 4), sharey=True, layout="constrained")
for ax, (name, net) in zip(axes, deep.items(), strict=True):
    ax.set(yscale="log", ylim=(1e-6, 10))
    GradientFlowDisplay.from_estimator(net, ax=ax)
    ax.set_title(f"{name}: accuracy {net.score(X, y):.2f}")

# %%
# What the signals look like on the way forward
# ---------------------------------------------
# ``activation_norm_k`` is the size of a layer's outputs (root mean square). He's initial weights
# are scaled so that it stays about the same through ReLU layers (He et al. 2015): variance
# :math:`2 / n_\mathrm{in}`, where the factor 2 makes up for the half that ReLU sets to 0.

fig, ax = plt.subplots(figsize=(6, 3.5), layout="constrained")
for (name, net), style in zip(deep.items(), ("o-", "s--", "^:"), strict=True):
    norms = [net.history_[f"activation_norm_{k}"][0] for k in range(6)]
    ax.plot(range(6), norms, style, label=name)
ax.set(xlabel="hidden layer", ylabel="size of its outputs, first epoch", ylim=(0, None))
ax.legend()

# %%
# Dead units
# ----------
# ReLU has a price: a unit that is off for every sample has the derivative 0, and never learns
# again. A learning rate that is too high throws units there. ``dead_share_k`` counts them.

hasty = MLPClassifier((50, 50), solver="sgd", learning_rate_init=0.6, batch_size=50)
hasty.set_params(max_iter=20, monitor_gradients=True, random_state=0).fit(X, y)
for name, net in {"learning rate 0.6": hasty, "the deep network": deep["relu, he_normal"]}.items():
    print(f"{name}: dead in the first layer {net.history_['dead_share_0'][-1]:.0%}")

# %%
# To take away
# ------------
# Use ReLU, or one of its smooth relatives, with initial weights of the right size; and look at the
# gradients before blaming the data.

plt.show()
