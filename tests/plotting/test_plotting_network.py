"""The drawing of a network: units, edges, names, and what is refused."""

from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pytest
from plotted import (
    LABELS,
    QUICK,
    figures,  # noqa: F401
    fitted,
    hexes,
    regressor,
    several_labels,
    signs,
    texts,
)

from pymlp import MLPClassifier
from pymlp.plotting import NetworkDisplay


def test_edges_show_the_weights() -> None:
    model = fitted((6,), activation="tanh")
    display = NetworkDisplay.from_estimator(model, max_units=12)
    units = display.units_.get_offsets()
    np.testing.assert_array_equal(units[:, 0], np.repeat([0, 1, 2], [12, 6, 3]))
    rows = [units[units[:, 0] == k, 1].tolist() for k in range(3)]
    for k, (edges, weights) in enumerate(zip(display.edges_, model.coefs_, strict=True)):
        ends = np.array(edges.get_segments())  # (n_edges, 2 ends, x and y)
        np.testing.assert_array_equal(ends[:, :, 0], np.tile([k, k + 1], (weights.size, 1)))
        drawn = np.array(
            [weights[rows[k].index(a), rows[k + 1].index(b)] for a, b in ends[:, :, 1]]
        )
        assert len(np.unique(ends, axis=0)) == weights.size
        assert (np.diff(np.abs(drawn)) >= 0).all()  # the strongest on top
        assert hexes(edges.get_colors()) == signs(drawn)
        is_dashed = [dashes is not None for _, dashes in edges.get_linestyles()]
        assert is_dashed == [w < 0 for w in drawn]
        widths = np.array(edges.get_linewidths())
        line = np.polynomial.Polynomial.fit(np.abs(drawn), widths, 1)
        np.testing.assert_allclose(line(np.abs(drawn)), widths)
        assert widths[-1] > widths[0] > 0
    assert texts(display) == [
        *(f"x{k}" for k in range(12)),
        *LABELS,
        *("input\n12\n", "hidden 0\n6\ntanh", "output\n3\nsoftmax"),
    ]


@pytest.mark.parametrize(("max_units", "shown"), [(4, [0, 1, 10, 11]), (5, [0, 1, 2, 10, 11])])
def test_wide_layers_are_shortened(max_units: int, shown: list[int]) -> None:
    model = fitted((2,))
    display = NetworkDisplay.from_estimator(model, max_units=max_units)
    assert texts(display)[:max_units] == [f"x{k}" for k in shown]
    units = display.units_.get_offsets()
    steps = -np.diff(units[units[:, 0] == 0, 1])
    gap = (max_units + 1) // 2 - 1
    np.testing.assert_allclose(steps / steps[0], [1 + (k == gap) for k in range(max_units - 1)])
    strongest = np.abs(model.coefs_[0][shown]).ravel()
    widths = display.edges_[0].get_linewidths()
    assert len(widths) == 2 * max_units
    ratio = np.sort(strongest)[-2] / strongest.max()
    assert widths[-2] / widths[-1] == pytest.approx(0.1 + 0.9 * ratio)
    assert "input\n12\n" in texts(display)


def test_names_of_features_and_outputs() -> None:
    pd = pytest.importorskip("pandas")
    X = pd.DataFrame(np.eye(4), columns=["length", "width", "depth", "a name that is too long"])
    model = MLPClassifier((), **QUICK).fit(X, [0, 1, 0, 1])
    drawn = texts(NetworkDisplay.from_estimator(model))
    assert drawn[:5] == ["length", "width", "depth", "a name that is too …", "1"]
    own = NetworkDisplay.from_estimator(model, feature_names=list("abcd"))
    assert texts(own)[:4] == list("abcd")
    with pytest.raises(
        ValueError, match=r"'feature_names' parameter must hold 4 names.* Got 1 name"
    ):
        NetworkDisplay.from_estimator(model, feature_names=["a"])


@pytest.mark.parametrize(
    ("model", "names"),
    [
        (regressor(), ["y0", "y1"]),
        (regressor(n_outputs=1), ["y"]),
        (several_labels(), [f"{k}: {c}" for k in range(2) for c in range(3)]),
    ],
)
def test_names_of_other_outputs(model: Any, names: list[str]) -> None:
    drawn = texts(NetworkDisplay.from_estimator(model, max_units=12))
    assert drawn[12 : 12 + len(names)] == names


@pytest.mark.parametrize("hidden", [(3,), (8, 8), (50,), (20,) * 10])
def test_nothing_lies_outside_the_axes_or_upon_another(hidden: tuple[int, ...]) -> None:
    display = NetworkDisplay.from_estimator(fitted(hidden))
    frame = display.ax_.get_window_extent()
    boxes = [text.get_window_extent() for text in display.texts_]
    boxes.append(display.ax_.get_legend().get_window_extent())
    assert len(boxes) > 3
    for k, box in enumerate(boxes):
        assert frame.x0 <= box.x0 < box.x1 <= frame.x1
        assert frame.y0 <= box.y0 < box.y1 <= frame.y1
        assert not any(box.overlaps(other) for other in boxes[:k])


def test_little_room_takes_the_names_first() -> None:
    figure = plt.figure(figsize=(1.2, 1))
    display = NetworkDisplay.from_estimator(fitted((50,)), ax=figure.add_subplot())
    assert texts(display) == []
    assert display.ax_.get_legend() is None
    assert len(display.units_.get_offsets()) == 23
    figure.canvas.draw()


@pytest.mark.parametrize("max_units", [1, 0, 2.5, "all"])
def test_bad_max_units(max_units: Any) -> None:
    with pytest.raises(ValueError, match="'max_units' parameter must be an integer of at least 2"):
        NetworkDisplay.from_estimator(fitted(), max_units=max_units)
    assert plt.get_fignums() == []
