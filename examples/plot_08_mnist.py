"""
8 MNIST
=======

Five networks learn to read handwritten digits, from softmax regression to two layers of 500. We
compare their accuracies and look at what the units have learned to see.
"""

# %%
# The digits
# ----------
# By default this page takes the small digits that come with scikit-learn: 8 x 8 pixels, 1797
# images. If the environment variable ``PYMLP_MNIST`` names a folder with the four files of MNIST
# (LeCun, Cortes & Burges), it takes those, 28 x 28 pixels, as the lecture does: every tenth of the
# 60,000 training images, and all 10,000 test images.

import os

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.metrics import ConfusionMatrixDisplay
from sklearn.model_selection import train_test_split

from pymlp import MLPClassifier
from pymlp.datasets import load_mnist
from pymlp.plotting import HistoryDisplay, OutputWeightsDisplay, WeightsDisplay

folder = os.environ.get("PYMLP_MNIST")
if folder:
    mnist = load_mnist(folder)
    X, y, X_test, y_test = mnist.X_train[::10], mnist.y_train[::10], mnist.X_test, mnist.y_test
    image_shape, white = mnist.image_shape, 255
else:
    X, y = load_digits(return_X_y=True)
    X, X_test, y, y_test = train_test_split(X, y, test_size=0.25, stratify=y, random_state=0)
    image_shape, white = (8, 8), 16

# %%
# Grey levels become numbers from 0 to 1, and each pixel's mean is subtracted. A tenth of the
# training images is held out for validation: it tells when to stop, the test images tell how good
# the result is.

X, X_test = X.astype(np.float32) / white, X_test.astype(np.float32) / white
mean = X.mean(axis=0)
X_train, X_val, y_train, y_val = train_test_split(X - mean, y, test_size=0.1, random_state=0)
X_test -= mean
print(len(X_train), "for training,", len(X_val), "for validation,", len(X_test), "for testing")

fig, axes = plt.subplots(2, 10, figsize=(9, 2.2), layout="constrained")
for ax, image, label in zip(axes.flat, X, y, strict=False):
    ax.imshow(image.reshape(image_shape), cmap="gray_r")
    ax.set_title(label, fontsize="medium")
    ax.set_axis_off()

# %%
# Five networks
# -------------
# Stochastic gradient descent with Nesterov's momentum, 50 images a step. A fit ends when the
# accuracy on the validation set has not improved for five epochs, and keeps the weights of the best
# epoch.


def train(hidden, learning_rate):
    """Train one of the lecture's networks."""
    model = MLPClassifier(hidden, solver="sgd", learning_rate_init=learning_rate, alpha=0)
    model.set_params(batch_size=50, early_stopping=True, n_iter_no_change=5, random_state=0)
    return model.fit(X_train, y_train, X_val=X_val, y_val=y_val)


models = {
    hidden: train(hidden, learning_rate)
    for hidden, learning_rate in [
        ((), 0.05),
        ((50,), 0.1),
        ((200,), 0.1),
        ((1000,), 0.1),
        ((500, 500), 0.1),
    ]
}

print(f"{'network':>16} {'parameters':>11} {'epochs':>7} {'training':>9} {'test':>7}")
for hidden, model in models.items():
    name = "-".join(map(str, (X.shape[1], *hidden, 10)))
    parameters = sum(array.size for array in (*model.coefs_, *model.intercepts_))
    accuracies = f"{model.score(X_train, y_train):9.4f} {model.score(X_test, y_test):7.4f}"
    print(f"{name:>16} {parameters:11,} {model.n_iter_:7} {accuracies}")

# %%
# Without a hidden layer, a good part of the errors remains even on the training images. 50 hidden
# units make the large step, more units change little. Such small differences can be luck: another
# seed moves the accuracy about as much (the next page makes use of that).
#
# The course of one fit, with the epoch whose weights were kept:

fig, (left, right) = plt.subplots(1, 2, figsize=(9, 3.4), layout="constrained")
HistoryDisplay.from_estimator(models[50,], ax=left)
HistoryDisplay.from_estimator(models[50,], metric="accuracy", ax=right)

# %%
# What a unit sees
# ----------------
# A unit of the first layer has one weight a pixel, so its weights are an image. A bright pixel adds
# to the unit's output, a dark one takes away. Softmax regression has one such image a class: bright
# where ink speaks for the class, dark where it speaks against it, as in the hole of the "0".

fig, ax = plt.subplots(figsize=(8, 3.6), layout="constrained")
WeightsDisplay.from_estimator(models[()], image_shape=image_shape, ax=ax)

# %%
# Hidden units share the work between them. Here are the 24 of the 50 that matter most for the class
# "5": green frames vote for it, dashed red frames against it, and the stronger the colour, the more
# the vote counts.

fig, ax = plt.subplots(figsize=(8, 5.6), layout="constrained")
WeightsDisplay.from_estimator(models[50,], image_shape=image_shape, units=24, class_=5, ax=ax)

# %%
# These votes are the weights from the hidden units to the output "5":

fig, ax = plt.subplots(figsize=(8, 3.8), layout="constrained")
OutputWeightsDisplay.from_estimator(models[50,], 5, sort=True, ax=ax)

# %%
# With 1000 units for so few images, most still look like the random weights they began with. Each
# has a small say in every class, and only their sum makes sense.

fig, ax = plt.subplots(figsize=(8, 6), layout="constrained")
WeightsDisplay.from_estimator(models[1000,], image_shape=image_shape, units=40, class_=5, ax=ax)

# %%
# Which digits are confused?
# --------------------------
# In row "4", column "9" stands how many fours were taken for nines.

best = max(models.values(), key=lambda model: model.best_validation_score_)
fig, ax = plt.subplots(figsize=(5.6, 5), layout="constrained")
ConfusionMatrixDisplay.from_estimator(best, X_test, y_test, cmap="Greys", colorbar=False, ax=ax)
ax.set_title("Errors of the network that validates best")

# %%
# The test images on which it was most sure of a wrong answer:

proba = best.predict_proba(X_test)
answer = best.classes_[proba.argmax(axis=1)]
wrong = np.flatnonzero(answer != y_test)
wrong = wrong[np.argsort(-proba[wrong].max(axis=1))][:8]

fig, axes = plt.subplots(1, 8, figsize=(9, 1.7), layout="constrained")
for ax in axes:
    ax.set_axis_off()
for ax, i in zip(axes, wrong, strict=False):
    ax.imshow((X_test[i] + mean).reshape(image_shape), cmap="gray_r")
    ax.set_title(f"{answer[i]}, not {y_test[i]}\n({proba[i].max():.0%} sure)", fontsize="small")

# %%
# To take away
# ------------
# - A hidden layer of 50 units makes a large step, everything after it a small one.
# - On MNIST the lecture's Keras networks have test accuracies of 0.891, 0.938, 0.944, 0.946 and
#   0.953; those of pymlp, as means of five seeds, are in :doc:`/performance`.
# - ``python -m pymlp`` trains these five networks too, and ``python -m pymlp --report DIR`` writes
#   a page about them.

plt.show()
