"""
5 Overfitting, validation and early stopping
============================================

A network can learn its training samples by heart and still be wrong about new ones. Samples held
back show when that begins; then it is time to stop.
"""

# %%
# Few samples, many weights
# -------------------------
# Two hundred points of two overlapping moons, a tenth of which carry the wrong label, and a network
# with thousands of weights. A second set of points, the validation set, is never trained on.

import warnings

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import make_moons
from sklearn.exceptions import ConvergenceWarning

from pymlp import MLPClassifier
from pymlp.callbacks import EarlyStopping
from pymlp.plotting import BoundaryDisplay, HistoryDisplay

# Here a network trains for the epochs that it is given, whether or not the loss could still fall.
warnings.simplefilter("ignore", ConvergenceWarning)

rng = np.random.default_rng(0)


def noisy_moons(n, seed):
    """Moons with a tenth of the labels turned round."""
    X, y = make_moons(n, noise=0.25, random_state=seed)
    return X, np.where(rng.random(n) < 0.1, 1 - y, y)


X, y = noisy_moons(200, 0)
X_val, y_val = noisy_moons(1000, 1)
X_test, y_test = noisy_moons(5000, 2)


def network(**options):
    """Two hidden layers of 100 units, Adam, at most 300 epochs."""
    net = MLPClassifier((100, 100), alpha=0, learning_rate_init=0.003, batch_size=20)
    return net.set_params(max_iter=300, tol=0, n_iter_no_change=300, random_state=0, **options)


# %%
# Given a validation set, ``fit`` measures it after each epoch and writes it into ``history_``. The
# training loss falls and falls; the validation loss turns round.

overfitted = network().fit(X, y, X_val=X_val, y_val=y_val)
fig, (left, right) = plt.subplots(1, 2, figsize=(9, 3.5), layout="constrained")
HistoryDisplay.from_estimator(overfitted, metric="loss", ax=left)
HistoryDisplay.from_estimator(overfitted, metric="accuracy", ax=right)

# %%
# Early stopping
# --------------
# Stop when the validation loss has not improved for some epochs (the patience), and go back to the
# weights of the best one. As a callback, in Keras's words:

stopping = EarlyStopping("val_loss", patience=20, restore_best_weights=True)
stopped = network().set_callbacks(stopping).fit(X, y, X_val=X_val, y_val=y_val)
print(f"stopped after epoch {stopped.n_iter_}, back to epoch {stopped.best_epoch_}")
HistoryDisplay.from_estimator(stopped)

# %%
# In scikit-learn's words it is a parameter, which follows the accuracy unless ``scoring`` says
# otherwise. Without ``X_val`` it would hold a tenth of the training samples back.

options = {"early_stopping": True, "scoring": "loss", "n_iter_no_change": 20}
by_parameter = network().set_params(**options).fit(X, y, X_val=X_val, y_val=y_val)
print("epoch chosen by the parameter:", by_parameter.best_epoch_)
assert by_parameter.best_epoch_ == stopped.best_epoch_

# %%
# The overfitted network has bent its border around single points with wrong labels.

fig, axes = plt.subplots(1, 2, figsize=(9, 4), layout="constrained")
for ax, (name, net) in zip(
    axes, {"300 epochs": overfitted, "stopped early": stopped}.items(), strict=True
):
    BoundaryDisplay.from_estimator(net, X, y, units=[], ax=ax)
    ax.set_title(f"{name}: {net.score(X, y):.2f} in training, {net.score(X_test, y_test):.2f} new")

# %%
# Other remedies
# --------------
# ``alpha`` adds :math:`\frac{\alpha}{2} \|W\|^2` to a mini-batch's summed loss, which keeps
# weights small; ``dropout`` switches off a random half of each layer in every step, so that no unit
# can rely on another (Srivastava et al. 2014). Both let the network train for long without learning
# by heart. The test set, which none of the choices has seen, has the last word.

nets = {
    "nothing": overfitted,
    "early stopping": stopped,
    "alpha = 0.1": network().set_params(alpha=0.1).fit(X, y),
    "dropout = 0.5": network(dropout=0.5).fit(X, y),
}
for name, net in nets.items():
    print(f"{name:15} training {net.score(X, y):.3f}   new points {net.score(X_test, y_test):.3f}")

# %%
# To take away
# ------------
# Judge a network by samples that it has not trained on; choose when to stop by one such set, and
# report the result on another.

plt.show()
