"""How a column of numbers becomes a `Source`: its edges, and values that stand for themselves."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.stats import norm
from sklearn.tree import DecisionTreeRegressor

from .._system.arrays import Array, unwatched
from ._sources import Source

NONE: Array = np.empty(0)
SURE_SPLITS = 15  # of the tree, however little they explain
CHANCE = 10.0  # what a split explains of the targets, in rows: hardly one by chance explains more
RARE = 5  # rows of a value, for which alone a mean says little
MAX_VALUES = 128
FALSE_VALUES = 0.5  # so many values are kept by chance in a column, at most, in the mean
LARGEST = 2.0**1022  # whose inverse is a normal number
SMALLEST = float(np.finfo(np.float64).tiny)
STEEPEST = float(np.finfo(np.float32).max)


class Recipe(NamedTuple):
    """How columns of numbers are encoded; rows and targets of those that edges are found by."""

    n_bins: int
    max_leaves: int
    rows: Array | None  # None: all
    targets: Array | None  # of these rows: (n_rows, n_outputs)


def number_source(x: Array, recipe: Recipe, *, tells_missing: bool = True) -> Source | None:
    """Find edges and values in a column, NaN where missing; None if there is nothing to tell.

    Parameters
    ----------
    x : ndarray of shape (n_samples,)
        Finite or NaN.
    recipe : Recipe
    tells_missing : bool, default=True
        Whether there is a feature for missing ones, if there are any.
    """
    with unwatched():
        return _number_source(x, recipe, tells_missing)


def _number_source(x: Array, recipe: Recipe, tells_missing: bool) -> Source | None:
    missing = np.isnan(x)
    has_missing = tells_missing and bool(missing.any())
    drawn = x if recipe.rows is None else x[recipe.rows]
    known = ~np.isnan(drawn)
    numbers, targets = drawn[known], recipe.targets
    if targets is not None:
        targets = targets[known]
    if not len(numbers) or numbers.min() == numbers.max():  # where rows were drawn, look at all
        numbers, targets = x[~missing], None if recipe.rows is not None else targets
    if not len(numbers) or numbers.min() == numbers.max():
        if not has_missing or not len(numbers):
            return None
        return Source(float(numbers[0]), 0.0, 0.0, NONE, NONE, True)
    distinct, inverse, counts = np.unique(numbers, return_inverse=True, return_counts=True)
    # by a power of two, which is exact: nothing overflows between the largest numbers
    power = int(np.frexp(max(-distinct[0], distinct[-1]))[1])
    scaled = np.ldexp(numbers, -power)
    if len(distinct) == 2:
        low, high = distinct.tolist()
        center, scale = low / 2 + high / 2, high / 2 - low / 2
        return Source(center, center, _invertible(scale), NONE, NONE, has_missing)
    center = float(np.ldexp(np.median(scaled), power))
    low, high = np.quantile(scaled, (0.25, 0.75)).tolist()
    spread = high - low or (scaled.max() - scaled.min()) / 2
    scale = _invertible(float(np.ldexp(spread, power)))
    quantiles = np.quantile(scaled, np.linspace(0, 1, recipe.n_bins + 1))
    found = np.ldexp(quantiles, power)
    values = NONE
    if targets is not None:
        ranks = _thresholds(inverse, targets, recipe.max_leaves)
        found = np.r_[found, distinct[ranks] / 2 + distinct[ranks + 1] / 2]
    edges = _with_slopes(np.unique(np.clip(found, -LARGEST / 4, LARGEST / 4)))
    if targets is not None and len(distinct) > len(edges) + 1:  # else ramps tell them apart
        values = distinct[codes(inverse, counts, targets)]
    return Source(center, center, scale, edges, values, has_missing)


def _invertible(scale: float) -> float:
    return min(max(scale, SMALLEST), LARGEST)


def _thresholds(ranks: Array, targets: Array, max_leaves: int) -> Array:
    """Split the ranks of distinct numbers by a tree: those after which it does.

    By ranks, since a tree's numbers are of 32 bits and its splits depend on the order only.
    """
    tree = DecisionTreeRegressor(
        max_leaf_nodes=max_leaves, min_samples_leaf=max(1, len(ranks) // 200), random_state=0
    )
    nodes = tree.fit(ranks[:, None].astype(np.float32), targets).tree_
    is_split = nodes.children_left >= 0
    if not is_split.any():
        return np.empty(0, np.intp)
    explained = nodes.weighted_n_node_samples * nodes.impurity
    left, right = nodes.children_left[is_split], nodes.children_right[is_split]
    decrease = (explained[is_split] - explained[left] - explained[right]) / nodes.impurity[0]
    order = np.argsort(-decrease, kind="stable")
    is_kept = (np.arange(len(order)) < SURE_SPLITS) | (decrease[order] >= CHANCE)
    chosen: Array = np.floor(nodes.threshold[is_split][order][is_kept]).astype(np.intp)
    return chosen


def _with_slopes(edges: Array) -> Array:
    """Edges in ascending order without those too near for a ramp to have a slope."""
    kept: list[float] = []
    for edge in edges.tolist():
        if not kept or STEEPEST * (edge - kept[-1]) >= 1:
            kept.append(edge)
    return np.array(kept) if len(kept) > 1 else NONE


def codes(inverse: Array, counts: Array, targets: Array) -> Array:
    """Which distinct numbers are no points on a scale but codes: their rows differ from those near.

    A mean of the targets where x is v is compared with that of the rows around, at least ten and
    a hundredth of all on each side, by the z of a difference of means. z is above its quantile
    such that `FALSE_VALUES` are expected to be by chance (Bonferroni's bound, two-sided).

    Parameters
    ----------
    inverse : ndarray of shape (n_rows,)
        Which distinct number a row has.
    counts : ndarray of shape (n_distinct,)
        Rows of each.
    targets : ndarray of shape (n_rows, n_outputs)

    Returns
    -------
    ndarray of int
        In ascending order.
    """
    tested = counts >= RARE
    if not tested.any():
        return np.empty(0, np.intp)
    until = np.r_[0, np.cumsum(counts)]
    half = max(20, len(inverse) / 50) / 2
    low = np.maximum(np.searchsorted(until, until[:-1] - half, side="right") - 1, 0)
    high = np.minimum(np.searchsorted(until, until[1:] + half), len(counts))
    n_rows = until[high] - until[low]  # around and of the number itself
    z = np.zeros(len(counts))
    for y in targets.T:
        if y.min() == y.max():
            continue
        own = np.bincount(inverse, y)
        sums = np.r_[0, np.cumsum(own)]
        squares = np.r_[0, np.cumsum(np.bincount(inverse, y * y))]
        total = sums[high] - sums[low]
        variance = (squares[high] - squares[low]) / n_rows - (total / n_rows) ** 2
        variance = np.maximum(variance, 1e-6 * y.var())
        n_near = np.maximum(n_rows - counts, 1)
        difference = own / counts - (total - own) / n_near
        z = np.maximum(z, np.abs(difference) / np.sqrt(variance * (1 / counts + 1 / n_near)))
    kept = np.flatnonzero(tested & (z > norm.isf(FALSE_VALUES / 2 / tested.sum())))
    most = np.argsort(-counts[kept], kind="stable")[:MAX_VALUES]
    return np.sort(kept[most])
