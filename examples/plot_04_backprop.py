"""
4 Backpropagation by hand
=========================

A network of two inputs, two hidden units and one output, two samples, one step of gradient descent:
every number written out in NumPy, and then the same numbers from pymlp's kernels.
"""

# %%
# The network
# -----------
# Rows are samples, as everywhere in pymlp: ``X`` is (2 samples, 2 features). Layer 1 is
# :math:`A = \max(0, X W_1 + b_1)`, layer 2 :math:`p = 1 / (1 + e^{-z})` with
# :math:`z = A W_2 + b_2`, and the loss is the cross-entropy of page 1, as a mean over the samples.
# (Formulas count from 1; pymlp counts from 0, as Python does: :math:`W_1` is ``coefs_[0]``.)

import matplotlib.pyplot as plt
import numpy as np

from pymlp import MLPClassifier
from pymlp.plotting import NetworkDisplay

np.set_printoptions(precision=6, suppress=True)

X = np.array([[1.0, 2.0], [3.0, -1.0]])  # (2 samples, 2 features)
y = np.array([1, 0])
W1 = np.array([[0.5, -1.0], [0.25, 0.5]])  # (2 features, 2 hidden units)
b1 = np.array([0.1, 0.2])
W2 = np.array([[1.0], [-2.0]])  # (2 hidden units, 1 output)
b2 = np.array([0.3])
learning_rate = 0.1


# %%
# Forward
# -------
# Two products, an activation after each. Unit 2 is off for the second sample: its output is 0.

Z1 = X @ W1 + b1  # (2 samples, 2 hidden units)
A = np.maximum(0, Z1)
z = (A @ W2 + b2).ravel()  # (2 samples)
p = 1 / (1 + np.exp(-z))
loss = np.mean(-y * np.log(p) - (1 - y) * np.log(1 - p))
for name, value in {"Z1": Z1, "A": A, "z": z, "p": p, "loss": loss}.items():
    print(f"{name} =\n{value}")

# %%
# Backward
# --------
# The chain rule, from the loss to the weights (Rumelhart, Hinton & Williams 1986). The derivative
# of the loss by :math:`z` is just the error, :math:`(p - y) / n`. A layer's weights have the
# gradient "input times error". The error goes back through the weights, and through the
# activation's derivative, which for ReLU is 1 where the unit is on and 0 where it is off:
#
# .. math::
#    \delta_2 &= (p - y) / n \\
#    \delta_1 &= (\delta_2 W_2^\top) \odot f'(Z_1) \\
#    \frac{\partial L}{\partial W_2} &= A^\top \delta_2, \qquad
#    \frac{\partial L}{\partial b_2} = \textstyle\sum_i \delta_{2,i} \\
#    \frac{\partial L}{\partial W_1} &= X^\top \delta_1, \qquad
#    \frac{\partial L}{\partial b_1} = \textstyle\sum_i \delta_{1,i}
#
# The sums go over the samples.

d2 = ((p - y) / len(y))[:, None]  # (2 samples, 1 output)
dW2, db2 = A.T @ d2, d2.sum(axis=0)
d1 = (d2 @ W2.T) * (Z1 > 0)  # (2 samples, 2 hidden units)
dW1, db1 = X.T @ d1, d1.sum(axis=0)
for name, value in {"d2": d2, "dW2": dW2, "db2": db2, "d1": d1, "dW1": dW1, "db1": db1}.items():
    print(f"{name} =\n{value}")

# %%
# Is the chain rule right? Wiggle one weight and see how the loss changes.


def loss_of(W1):
    """The loss as a function of the first layer's weights alone."""
    z = (np.maximum(0, X @ W1 + b1) @ W2 + b2).ravel()
    return np.mean(np.log1p(np.exp(-z)) * y + np.log1p(np.exp(z)) * (1 - y))


wiggle = np.zeros_like(W1)
wiggle[0, 1] = 1e-6
by_difference = (loss_of(W1 + wiggle) - loss_of(W1 - wiggle)) / 2e-6
print(f"dW1[0, 1] by the chain rule {dW1[0, 1]:.9f}, by differences {by_difference:.9f}")
np.testing.assert_allclose(dW1[0, 1], by_difference, rtol=1e-6)

# %%
# The step
# --------
# Gradient descent: every weight moves against its gradient.

W1_new, b1_new = W1 - learning_rate * dW1, b1 - learning_rate * db1
W2_new, b2_new = W2 - learning_rate * dW2, b2 - learning_rate * db2
print(f"W1 =\n{W1_new}\nb1 = {b1_new}\nW2 =\n{W2_new}\nb2 = {b2_new}")

# %%
# The same by the kernels
# -----------------------
# Fitted weights are NumPy arrays, ``coefs_`` and ``intercepts_``: set them, and ``partial_fit``
# trains from there. Both samples make one mini-batch, so one call is one step.

net = MLPClassifier((2,), solver="sgd", momentum=0, alpha=0, learning_rate_init=learning_rate)
net.set_params(monitor_gradients=True).partial_fit(X, y, classes=[0, 1])
net.coefs_, net.intercepts_ = [W1, W2], [b1, b2]
net.partial_fit(X, y)
print(f"W1 =\n{net.coefs_[0]}\nb1 = {net.intercepts_[0]}")
print(f"W2 =\n{net.coefs_[1]}\nb2 = {net.intercepts_[1]}")

# %%
# They agree to rounding: weights, biases, the loss before the step, and the gradients' norms. The
# kernels never store a gradient, though: it is used up in the registers where it arises, unless
# somebody asks for it, as ``monitor_gradients`` does.

np.testing.assert_allclose(net.coefs_[0], W1_new, rtol=1e-12)
np.testing.assert_allclose(net.coefs_[1], W2_new, rtol=1e-12)
np.testing.assert_allclose(net.intercepts_[0], b1_new, rtol=1e-12)
np.testing.assert_allclose(net.intercepts_[1], b2_new, rtol=1e-12)
np.testing.assert_allclose(net.loss_, loss, rtol=1e-12)
np.testing.assert_allclose(net.history_["gradient_norm_0"][-1], np.linalg.norm(dW1), rtol=1e-12)

# %%
# The network after the step: solid lines are positive weights, dashed ones negative, and width is
# size.

NetworkDisplay.from_estimator(net)

# %%
# To take away
# ------------
# Backpropagation is the chain rule, applied from the end so that nothing is computed twice: a step
# costs about three times what a prediction costs, for any number of weights.

plt.show()
