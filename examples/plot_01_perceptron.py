"""
1 Perceptron and logistic regression
====================================

One unit draws one line. The perceptron learns where to put it from its mistakes, logistic
regression from the probability that it gave to the right answer.
"""

# %%
# Points in the plane, of two classes that overlap a little.

import warnings

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import make_blobs, make_circles
from sklearn.exceptions import ConvergenceWarning
from sklearn.inspection import DecisionBoundaryDisplay
from sklearn.linear_model import Perceptron

from pymlp import MLPClassifier
from pymlp.plotting import BoundaryDisplay

# Here a network trains for the epochs that it is given, whether or not the loss could still fall.
warnings.simplefilter("ignore", ConvergenceWarning)

X, y = make_blobs(200, centers=[(-1, -1), (1, 1)], cluster_std=0.9, random_state=0)

# %%
# The perceptron
# --------------
# A unit adds up its inputs, each times a weight, and a bias: :math:`z = w_1 x_1 + w_2 x_2 + b`.
# The perceptron answers class 1 where :math:`z > 0`. The points with :math:`z = 0` form a straight
# line, and :math:`w` stands at right angles to it.
#
# It learns from mistakes only (Rosenblatt 1958, "The perceptron"): a point that is on the wrong
# side is added to :math:`w` if it belongs to class 1, and subtracted otherwise.

w, b = np.zeros(2), 0.0
mistakes = []  # in each epoch, that is, each pass over all points
for _ in range(50):
    mistakes.append(0)
    for x, t in zip(X, 2 * y - 1, strict=True):  # t is 1 or -1
        if t * (w @ x + b) <= 0:
            w, b = w + t * x, b + t
            mistakes[-1] += 1
print("w =", w.round(2), "b =", b)

# %%
# scikit-learn's class follows the same rule and ends with the same numbers.

perceptron = Perceptron(max_iter=50, tol=None, shuffle=False).fit(X, y)
np.testing.assert_allclose(perceptron.coef_, [w])
np.testing.assert_allclose(perceptron.intercept_, b)

# %%
# Logistic regression
# -------------------
# Instead of a hard yes or no the unit answers with :math:`p = 1 / (1 + e^{-z})`, the probability of
# class 1. The loss of a point is minus the logarithm of the probability that its own class got
# (cross-entropy):
#
# .. math:: L = -t \log p - (1 - t) \log(1 - p), \qquad
#    \frac{\partial L}{\partial w} = (p - t)\, x, \qquad t \in \{0, 1\}
#
# So every point now pulls at the line, by as much as its answer was wrong. Gradient descent takes
# small steps against the gradient; here the learning rate, which multiplies it, is 0.01.
#
# In pymlp this is a network without hidden layers. It has one output unit: with two, and a softmax
# over them, only the difference of the two :math:`z` would count.

logistic = MLPClassifier((), solver="sgd", learning_rate_init=0.01, batch_size=10, max_iter=50)
logistic.set_params(random_state=0).fit(X, y)
print("w =", logistic.coefs_[0].ravel().round(2), "b =", logistic.intercepts_[0].round(2))

# %%
# No line separates these classes without a mistake, so the perceptron jumps about for ever. The
# loss of logistic regression falls and settles.

fig, (left, right) = plt.subplots(1, 2, figsize=(9, 3), layout="constrained")
left.plot(range(1, 51), mistakes)
left.set(title="Perceptron", xlabel="epoch", ylabel="mistakes in 200 points", ylim=(0, None))
right.plot(range(1, 51), logistic.history_["loss"])
right.set(title="Logistic regression", xlabel="epoch", ylabel="loss", ylim=(0, None))

# %%
# Both borders are straight. Logistic regression also says how sure it is: the probability depends
# on the distance from the line.


def show(model, X, y, ax, method="predict_proba"):
    """Colour the plane by what the model answers, and draw the points on it."""
    options = {"response_method": method, "grid_resolution": 500, "alpha": 0.5}
    DecisionBoundaryDisplay.from_estimator(model, X, **options, ax=ax)
    ax.scatter(*X.T, c=y, edgecolors="black", s=20)
    ax.set(xlabel="$x_1$", ylabel="$x_2$")
    ax.set_title(f"{type(model).__name__}, accuracy {model.score(X, y):.2f}")


fig, (left, right) = plt.subplots(1, 2, figsize=(9, 4), layout="constrained")
show(perceptron, X, y, left, method="predict")
show(logistic, X, y, right)

# %%
# More classes, and what a line cannot do
# ---------------------------------------
# With three classes there are three units, each with its :math:`z_k`, and softmax makes
# probabilities of them: :math:`p_k = e^{z_k} / \sum_j e^{z_j}`. Where two classes are equally
# probable there is a straight line again. A class that lies around the other is out of reach: the
# next page adds a hidden layer.

blobs = make_blobs(300, centers=3, random_state=1)
circles = make_circles(300, noise=0.1, factor=0.4, random_state=0)
fig, axes = plt.subplots(1, 2, figsize=(9, 4), layout="constrained")
for ax, (X, y) in zip(axes, (blobs, circles), strict=True):
    net = MLPClassifier((), learning_rate_init=0.01, random_state=0).fit(X, y)
    BoundaryDisplay.from_estimator(net, X, y, ax=ax)
    ax.set_title(f"accuracy {net.score(X, y):.2f}")

plt.show()
