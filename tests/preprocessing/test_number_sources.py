"""Edges, values and features of numbers, beside the formulas spelled out row by row."""

import math
from statistics import NormalDist
from typing import Any

import numpy as np
import pytest
from sklearn.tree import DecisionTreeRegressor

from pymlp.preprocessing import TableEncoder


def source_of(x: np.ndarray, y: Any = None, **params: Any) -> Any:
    (source,) = TableEncoder(**params).fit(x[:, None], y).sources_
    return source


def slow_edges(x: np.ndarray, targets: np.ndarray, n_bins: int, max_leaves: int) -> list[float]:
    """Quantiles and splits; the tree sees the numbers themselves, of which 32 bits are enough."""
    tree = DecisionTreeRegressor(
        max_leaf_nodes=max_leaves, min_samples_leaf=max(1, len(x) // 200), random_state=0
    )
    tree.fit(x[:, None], targets)
    nodes, ups = tree.tree_, sorted(set(x.tolist()))

    def rest(rows: np.ndarray) -> float:
        return sum(((y - y.mean()) ** 2).sum() for y in targets[rows].T)

    def gains(node: int, rows: np.ndarray) -> list[tuple[float, float]]:
        left = nodes.children_left[node]
        if left < 0:
            return []
        below = rows[x[rows] <= nodes.threshold[node]]
        above = rows[x[rows] > nodes.threshold[node]]
        gain = (rest(rows) - rest(below) - rest(above)) / (rest(np.arange(len(x))) / len(x))
        between = x[below].max() / 2 + x[above].min() / 2
        return [
            (gain, between),
            *gains(left, below),
            *gains(nodes.children_right[node], above),
        ]

    found = sorted(gains(0, np.arange(len(x))), reverse=True)
    kept = [b for k, (gain, b) in enumerate(found) if k < 15 or gain >= 10]
    assert len(ups) > 2
    return sorted({*kept, *np.quantile(x, [k / n_bins for k in range(n_bins + 1)])})


def slow_values(x: np.ndarray, targets: np.ndarray) -> list[float]:
    """Numbers whose rows differ from those around them."""
    order = np.argsort(x, kind="stable")
    x, targets = x[order], targets[order]
    half = max(20, len(x) / 50) / 2
    scores: dict[float, float] = {}
    for v in sorted(set(x.tolist())):
        own = np.flatnonzero(x == v)
        if len(own) < 5:
            continue
        first, last = own[0], own[-1]  # the numbers of which a row is that near count whole
        low = x[max(0, math.floor(first - half))]
        high = x[min(len(x), math.ceil(last + 1 + half)) - 1]
        near = (x >= low) & (x <= high)
        z = 0.0
        for y in targets.T:
            a, b = y[own], y[near & (x != v)]
            variance = max(y[near].var(), 1e-6 * y.var())
            error = math.sqrt(variance * (1 / len(a) + 1 / len(b)))
            z = max(z, abs(a.mean() - b.mean()) / error)
        scores[v] = z
    bound = NormalDist().inv_cdf(1 - 0.25 / len(scores))
    return [v for v, z in scores.items() if z > bound]


def standardised(y: np.ndarray) -> np.ndarray:
    return ((y - y.mean()) / y.std())[:, None]


def with_codes(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Whole numbers on a slope, but for some that are codes, and some that are rare."""
    rng = np.random.default_rng(seed)
    x = np.round(rng.normal(size=n) * 40)
    x[rng.random(n) < 0.1] = 37
    y = 0.02 * x + rng.normal(size=n) + 4 * (x == 37) - 3 * (x == -12)
    return x, y


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("n", [250, 1500])
def test_edges_and_values_of_a_regression(n: int, seed: int) -> None:
    x, y = with_codes(n, seed)
    source = source_of(x, y)
    np.testing.assert_allclose(source.edges, slow_edges(x, standardised(y), 16, 64), rtol=1e-12)
    assert source.values.tolist() == slow_values(x, standardised(y))
    assert 37.0 in source.values


@pytest.mark.parametrize("n_classes", [2, 3])
def test_edges_and_values_of_classes(n_classes: int) -> None:
    x, y = with_codes(900, 5)
    labels = np.digitize(y, [0, 2][: n_classes - 1])
    source = source_of(x, np.array(["b", "c", "a"])[labels], n_bins=5, max_leaves=30)
    indicators = np.eye(n_classes)[labels]
    np.testing.assert_allclose(source.edges, slow_edges(x, indicators, 5, 30), rtol=1e-12)
    assert source.values.tolist() == slow_values(x, indicators)


def test_a_target_that_is_noise_has_the_sure_splits_and_no_values() -> None:
    rng = np.random.default_rng(0)
    x = np.round(rng.normal(size=4000) * 40)
    source = source_of(x, rng.normal(size=4000))
    assert len(source.edges) <= 17 + 15
    assert len(source.values) <= 2


def test_few_distinct_numbers_have_ramps_only() -> None:
    rng = np.random.default_rng(0)
    x = rng.integers(0, 5, 500).astype(float)
    source = source_of(x, rng.normal(size=500) + 9 * (x == 2))
    assert set(range(5)) <= set(source.edges.tolist())
    assert source.values.tolist() == []


def test_without_y_edges_are_quantiles() -> None:
    x = np.arange(9.0) ** 2
    source = source_of(x, n_bins=4)
    assert source.edges.tolist() == [0, 4, 16, 36, 64]
    assert (source.center, source.scale, source.fill) == (16, 32, 16)


def test_features_by_hand() -> None:
    X = np.array([[0.0], [1], [2], [3], [4], [np.nan]])
    encoder = TableEncoder(n_bins=2, dtype="float64").fit(X)
    u = np.array([-1.0, -0.5, 0, 0.5, 1, 0])
    linear = u / np.sqrt(1 + (u / 3) ** 2)
    ramps = [[0, 0], [0.5, 0], [1, 0], [1, 0.5], [1, 1], [1, 0]]
    expected = np.c_[linear, ramps, [0, 0, 0, 0, 0, 1]]
    np.testing.assert_allclose(encoder.transform(X), expected, rtol=1e-15)
    assert encoder.get_feature_names_out().tolist() == ["x0", "x0_ramp1", "x0_ramp2", "x0_missing"]


def test_a_code_has_a_feature() -> None:
    x, y = with_codes(1500, 0)
    encoder = TableEncoder().fit(x[:, None], y)
    names = encoder.get_feature_names_out().tolist()
    column = encoder.transform(np.array([[37.0], [36], [np.nan], [37.5]]))[:, names.index("x0=37")]
    assert column.tolist() == [1, 0, 0, 0]


def test_two_numbers_are_minus_and_plus_one() -> None:
    source = source_of(np.array([3.0, 7, 7, 3, 7]))
    assert source[:3] == (5, 5, 2)
    assert (source.edges.size, source.values.size, source.has_missing) == (0, 0, False)


def test_one_number_and_missing_ones_tell_what_is_missing() -> None:
    encoder = TableEncoder().fit([[2.0], [None], [2.0]])
    assert encoder.get_feature_names_out().tolist() == ["x0_missing"]
    assert encoder.transform([[2.0], [None], [8.0]]).tolist() == [[0], [1], [0]]


@pytest.mark.parametrize(
    "numbers",
    [
        [1e30, 1e-30, -1e30, 3, 4],
        [1.7e308, -1.7e308, 0, 1],
        [1.7e308, -1.7e308],
        [5e-308, 0, 1e-307],
        [1e-45, 2e-45, 5e-45, 9e-45],
        [2.0**60, 2.0**60 + 256, 2.0**60 + 512],
    ],
    ids=str,
)
@pytest.mark.parametrize("classes", [None, False, True])
def test_no_number_is_too_large_or_too_small(numbers: list[float], classes: bool | None) -> None:
    X = np.array(numbers * 10)[:, None]
    y = None if classes is None else np.arange(len(X)) % 7
    with np.errstate(all="raise"):
        encoder = TableEncoder(target_type="auto" if classes else "continuous").fit(X, y)
        new = np.array([[1.79e308], [-1.79e308], [0], [np.nan], [5e-324]])
        features = np.concatenate([encoder.transform(X), encoder.transform(new)])
    assert np.isfinite(features).all()
    assert abs(features).max() <= np.nextafter(3, 4)
    assert len(np.unique(features[: len(numbers)], axis=0)) > 1


def test_ramps_have_slopes_in_32_bits() -> None:
    edges = source_of(np.array([0, 1e-39, 2e-39, 1.0, 2, 3] * 20)).edges
    assert np.isfinite(1 / np.diff(edges).astype(np.float32)).all()


def test_edges_of_many_rows_are_found_by_some(monkeypatch: pytest.MonkeyPatch) -> None:
    from pymlp.preprocessing import _encoder

    rng = np.random.default_rng(0)
    x, y = rng.normal(size=2000), rng.normal(size=2000)
    every = source_of(x, y)
    monkeypatch.setattr(_encoder, "MAX_ROWS", 500)
    one, same, other = (source_of(x, y, random_state=seed) for seed in (0, 0, 1))
    assert np.array_equal(one.edges, same.edges)
    assert not np.array_equal(one.edges, other.edges)
    assert not np.array_equal(one.edges, every.edges)
    x[1:] = 1.0  # where the rows that are drawn are all alike, the others are looked at
    x[0] = 0.0
    assert source_of(x, y, random_state=0)[:3] == (0.5, 0.5, 0.5)
