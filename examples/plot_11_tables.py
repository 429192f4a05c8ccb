"""
11 Tables
=========

A table's columns have units, words and holes, and what they say may jump from one value to the
next. What a network has to be given before it is as good on them as trees are.
"""

# %%
# A frame
# -------
# 442 patients, and how far their diabetes had gone a year later; scikit-learn ships them. The
# columns come in their own units. We write the sex as a word and lose some blood pressures, to have
# a table as one gets them.

import warnings

import matplotlib.pyplot as plt
import numpy as np
from sklearn.compose import TransformedTargetRegressor
from sklearn.datasets import load_diabetes
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.exceptions import ConvergenceWarning
from sklearn.inspection import PartialDependenceDisplay, permutation_importance
from sklearn.model_selection import KFold, cross_val_score, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from pymlp import MLPRegressor, TabularRegressor

# Here a network trains for the epochs that it is given, whether or not the loss could still fall.
warnings.simplefilter("ignore", ConvergenceWarning)

rng = np.random.default_rng(0)
X, y = load_diabetes(return_X_y=True, as_frame=True, scaled=False)
numbers = X.copy()
X["sex"] = X["sex"].map({1.0: "a", 2.0: "b"}).astype("category")  # which is which is not recorded
X.loc[rng.random(len(X)) < 0.1, "bp"] = np.nan
print(X.head())

# %%
# The scale
# ---------
# A unit adds up :math:`\sum_j w_j x_j` and begins with weights of one size, so a column of hundreds
# counts a hundred times as much as one of ones. And its output begins near 0, whence the steps of
# the solver lead to a target of hundreds only slowly: all the more so when the columns are no
# longer large. So both are standardised, :math:`(x - \bar x) / s`, and :math:`y` in the same way.
# Mean :math:`R^2` of five folds, which is below 0 where a constant would do better:

folds = KFold(5, shuffle=True, random_state=0)
network = MLPRegressor(hidden_layer_sizes=(50,), max_iter=100, random_state=0)
scaled = make_pipeline(StandardScaler(), network)
plain = {
    "as they are": network,
    "columns scaled": scaled,
    "y scaled too": TransformedTargetRegressor(scaled, transformer=StandardScaler()),
}
for name, model in plain.items():
    print(f"{name:15} {cross_val_score(model, numbers, y, cv=folds).mean():6.2f}")

# %%
# Where a number jumps
# --------------------
# Trees cut a column where something happens: a fee from the eighteenth birthday on, a bonus in the
# year before. A network bends a straight line, a little at each of its units, and such steps it
# learns late. Piecewise-linear encoding (Gorishniy, Rubachev & Babenko 2022, "On embeddings for
# numerical features in tabular deep learning") gives it the places: edges
# :math:`b_0 < \dots < b_K`, and instead of :math:`x` a ramp from each to the next,
#
# .. math:: e_k(x) = \min\Big(1, \max\Big(0, \frac{x - b_{k-1}}{b_k - b_{k-1}}\Big)\Big),
#    \qquad k = 1, \dots, K.
#
# Any function that is straight between the edges is now a linear one of the ramps.


def ramps(x, edges):
    """Columns :math:`e_1, \\dots, e_K` of the numbers x."""
    return np.clip((x[:, None] - edges[:-1]) / np.diff(edges), 0, 1)


x = rng.uniform(0, 10, 300)
t = np.where(x < 2, 0, np.where(x < 5, 2, np.where(x < 5.5, -1, 1))) + rng.normal(0, 0.2, x.size)
edges = np.quantile(x, np.linspace(0, 1, 25))
grid = np.linspace(0, 10, 500)

fig, (left, right) = plt.subplots(1, 2, figsize=(9, 3.5), layout="constrained")
left.plot(grid, ramps(grid, edges)[:, ::6], label=[f"$e_{{{k}}}$" for k in range(1, 25, 6)])
left.set(xlabel="$x$", title="some of the 24 ramps")
left.legend()
right.plot(x, t, ".", color="0.7")
for name, encode in {"x": lambda x: x[:, None], "ramps": lambda x: ramps(x, edges)}.items():
    net = make_pipeline(
        StandardScaler(), MLPRegressor(hidden_layer_sizes=(50,), max_iter=200, random_state=0)
    )
    net.fit(encode(x), t)
    right.plot(grid, net.predict(encode(grid)), label=f"network of {name}")
right.set(xlabel="$x$", ylabel="$t$", title="the same network, the same epochs")
right.legend()

# %%
# The whole recipe
# ----------------
# ``TabularRegressor`` and ``TabularClassifier`` do all of it with the frame as it comes: scaling,
# ramps whose edges are quantiles and the cuts of a small tree, a column a word, a column that says
# where a number is missing. Four networks are trained, each of which holds back rows of its own
# and keeps its best epoch, and their mean is what is predicted. Beside it gradient-boosted trees,
# which take the same frame:

models = {
    "TabularRegressor": TabularRegressor(random_state=0),
    "the same, one member": TabularRegressor(n_estimators=1, random_state=0),
    "HistGradientBoosting": HistGradientBoostingRegressor(random_state=0),
}
scores = {name: cross_val_score(model, X, y, cv=folds) for name, model in models.items()}
for name, values in scores.items():
    print(f"{name:21} {values.mean():.2f} ± {values.std():.2f}")

# %%
# Folds differ by more than models do, so the models are compared fold by fold.

fig, ax = plt.subplots(figsize=(6.5, 3.5), layout="constrained")
for name, values in scores.items():
    ax.plot(range(1, 6), values, "o-", label=name)
ax.set(xlabel="fold", ylabel="$R^2$", xticks=range(1, 6))
ax.legend()

# %%
# What it goes by
# ---------------
# Trees count how often they cut a column. A network has no such number; what works for every model
# is to shuffle one column of rows it has not seen and to look at what is lost. Columns are those of
# the frame, not of the encoding.

X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)
model = TabularRegressor(random_state=0).fit(X_train, y_train)
importance = permutation_importance(model, X_test, y_test, n_repeats=10, random_state=0)
order = np.argsort(importance.importances_mean)

fig, ax = plt.subplots(figsize=(6.5, 3.5), layout="constrained")
ax.boxplot(importance.importances[order].T, orientation="horizontal", tick_labels=X.columns[order])
ax.set(xlabel="$R^2$ lost when the column is shuffled")

# %%
# And how the prediction depends on the columns that matter most, on average over the patients:

fig, ax = plt.subplots(figsize=(8, 3.2), layout="constrained")
PartialDependenceDisplay.from_estimator(
    model, X_train, list(X.columns[order[:-3:-1]]), grid_resolution=40, ax=ax
)

# %%
# To take away
# ------------
# - On tables a network's input matters more than its layers: scale, ramps, holes and words.
# - Where nothing jumps, as here, the plain network with everything scaled is hard to beat: ramps
#   pay where columns have steps.
# - Average several, and let each choose its epoch by rows of its own.
# - Judge models fold by fold, on the same folds. A few hundred rows tell large differences only.
# - When trees are the better choice: :doc:`/how-to/from-lightgbm-and-catboost`.

plt.show()
