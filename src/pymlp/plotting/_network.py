"""The network as layers of units and weighted edges."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass
from itertools import pairwise
from numbers import Integral
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from .._estimators.fitted import network_of
from .._system.arrays import Array
from ._axes import Display, estimator_of, size_in_points
from ._outputs import output_names
from ._style import (
    DASHED,
    NEGATIVE,
    POSITIVE,
    SMALLEST_FONT,
    font_size,
    sign_colors,
    sign_styles,
    strengths,
    text_width,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.collections import LineCollection, PathCollection
    from matplotlib.text import Text

LONGEST_NAME = 20  # characters

# in points
FOOT = 62.0  # of the picture: captions and legend
LARGEST_UNIT = 34.0  # diameter
WIDEST_EDGE = 3.0
NARROWEST_LEGEND = 200.0
LARGEST_PITCH = 100.0  # between the units of a layer
ROOMY_PITCH = 30.0  # which narrow layers take beside wide ones


@dataclass
class _Layer:
    """The units of a layer that are drawn, from the top."""

    units: Array  # their numbers: (n_drawn,)
    is_shortened: bool  # then a gap takes the place of a unit
    pitch: float = 1.0  # between two places, in points

    @property
    def n_places(self) -> int:
        return len(self.units) + self.is_shortened

    @property
    def y(self) -> Array:
        """Heights around 0, in points: (n_drawn,)."""
        places = np.arange(len(self.units))
        places += self.units > places
        return np.asarray((0.5 * (self.n_places - 1) - places) * self.pitch)


@dataclass(eq=False, repr=False)
class NetworkDisplay(Display):
    """Drawing of a network: its layers as columns of units, its weights as edges.

    Positive weights are green and solid, negative ones red and dashed; an edge is the wider and
    the stronger in colour, the larger its weight is among those drawn between the same two layers.
    Biases are not drawn. `from_estimator` makes one.

    Parameters
    ----------
    coefs : list of ndarray of shape (n_in, n_out)
        The weights, layer by layer.
    activations : list of str
        Activation of each hidden layer and of the outputs.
    input_names : list of str
        Name of each feature.
    output_names : list of str
        Name of each output.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Axes with the network.
    figure_ : matplotlib Figure
        Figure that contains it.
    units_ : matplotlib PathCollection
        The units, from the first layer to the last, each from the top.
    edges_ : list of matplotlib LineCollection
        The edges from each layer to the next, the weakest first.
    texts_ : list of matplotlib Text
        Names of features and outputs, and the layers' captions, as far as there is room.

    See Also
    --------
    WeightsDisplay : The weights of the first layer as images.

    Examples
    --------
    >>> from pymlp import MLPClassifier
    >>> from pymlp.plotting import NetworkDisplay
    >>> X, y = [[0, 0], [0, 1], [1, 0], [1, 1]], [0, 1, 1, 0]
    >>> clf = MLPClassifier((3,), solver="lbfgs", random_state=0).fit(X, y)
    >>> display = NetworkDisplay.from_estimator(clf)
    >>> [text.get_text() for text in display.texts_[:3]]
    ['x0', 'x1', '1']
    """

    coefs: Sequence[Array]
    _: KW_ONLY
    activations: Sequence[str]
    input_names: Sequence[str]
    output_names: Sequence[str]

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        *,
        max_units: int = 10,
        feature_names: Sequence[str] | None = None,
        ax: Axes | None = None,
    ) -> Self:
        """Draw a fitted network.

        The weights are those that predict: with ``ema_decay`` the averaged ones.

        Parameters
        ----------
        estimator : MLPClassifier, MLPRegressor or Pipeline that ends in one
            The fitted estimator; of an ensemble, one of its ``estimators_``.
        max_units : int, default=10
            Wider layers are shortened to as many units, the first and the last; three dots stand
            for the others.
        feature_names : sequence of str, default=None
            Name of each feature; None takes ``feature_names_in_``, or else x0, x1 and so on.
        ax : matplotlib Axes, default=None
            Axes to draw into; None makes a new figure.

        Returns
        -------
        NetworkDisplay
            The display, drawn.

        Raises
        ------
        NotFittedError
            Before the estimator's `fit`.
        TypeError
            If the estimator is of another kind.
        ValueError
            If `max_units` is less than 2 or there are more or fewer names than features.
        """
        network = estimator_of(cls, estimator)
        parts = network_of(network)
        coefs = parts.parameters().coefs
        n_features = len(coefs[0])
        if feature_names is None:
            numbered = [f"x{k}" for k in range(n_features)]  # as scikit-learn names them
            feature_names = getattr(network, "feature_names_in_", numbered)
        if len(feature_names) != n_features:
            raise ValueError(
                f"The 'feature_names' parameter must hold {n_features} names, one a feature. "
                f"Got {len(feature_names)} names instead."
            )
        display = cls(
            coefs,
            activations=[*parts.activations, parts.output],
            input_names=[str(name) for name in feature_names],
            output_names=output_names(network),
        )
        return display.plot(ax, max_units=max_units)

    def plot(self, ax: Axes | None = None, *, max_units: int = 10) -> Self:
        """Draw the network, for the present size of the axes.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to draw into; None makes a new figure.
        max_units : int, default=10
            Wider layers are shortened to as many units, the first and the last; three dots stand
            for the others.

        Returns
        -------
        NetworkDisplay
            The display itself.
        """
        if not isinstance(max_units, Integral) or max_units < 2:
            raise ValueError(
                "The 'max_units' parameter must be an integer of at least 2. "
                f"Got {max_units!r} instead."
            )
        ax = self._take_axes(ax, left=0.02, right=0.98, bottom=0.02, top=0.98)
        sizes = [len(self.coefs[0]), *(w.shape[1] for w in self.coefs)]
        # x counts layers, y points
        width, height = size_in_points(ax)
        room = max(height - FOOT, 1.0)
        layers = _laid_out(sizes, int(max_units), room)
        names = [
            [_shortened(given[k]) for k in layer.units]
            for given, layer in ((self.input_names, layers[0]), (self.output_names, layers[-1]))
        ]
        fonts = [
            font_size(given, 0.25 * width, min(10, 0.8 * layer.pitch))
            for given, layer in zip(names, (layers[0], layers[-1]), strict=True)
        ]
        left, right = [
            LARGEST_UNIT + text_width(given, size) * (size >= SMALLEST_FONT)
            for given, size in zip(names, fonts, strict=True)
        ]
        x_pitch = (width - left - right) / len(self.coefs)
        diameter = min(LARGEST_UNIT, 0.5 * x_pitch, *(0.65 * layer.pitch for layer in layers))

        self._draw_edges(ax, layers, min(WIDEST_EDGE, 1 + diameter / 8, 0.5 + x_pitch / 40))
        self._draw_units(ax, layers, diameter)
        self.texts_: list[Text] = []
        for end, k, side in ((0, 0, -1), (1, len(self.coefs), 1)):
            units = [(k, float(y)) for y in layers[k].y]
            self._draw_names(ax, names[end], units, side * (diameter / 2 + 4), fonts[end])
        bottom = min(float(layer.y[-1]) - layer.pitch / 2 for layer in layers)
        self._draw_captions(ax, sizes, bottom, x_pitch)
        self._draw_legend(ax)
        ax.set(
            xlim=(-left / x_pitch, len(self.coefs) + right / x_pitch),
            ylim=(bottom - FOOT, bottom + room),
        )
        ax.set_axis_off()
        return self

    def _draw_edges(self, ax: Axes, layers: list[_Layer], widest: float) -> None:
        """Draw the weights between the units that are shown, the strongest on top."""
        from matplotlib.collections import LineCollection

        self.edges_: list[LineCollection] = []
        for k, (coefs, (low, high)) in enumerate(zip(self.coefs, pairwise(layers), strict=True)):
            weights = coefs[np.ix_(low.units, high.units)].ravel()
            y_in, y_out = np.meshgrid(low.y, high.y, indexing="ij")
            order = np.argsort(np.abs(weights), kind="stable")
            y = np.stack([y_in.ravel(), y_out.ravel()], axis=1)[order]  # (n_edges, 2 ends)
            x = np.broadcast_to([k, k + 1], y.shape)
            sizes = strengths(weights[order])
            edges = LineCollection(
                list(np.stack([x, y], axis=2)),
                colors=sign_colors(weights[order]),
                linestyles=sign_styles(weights[order]),
                linewidths=widest * (0.1 + 0.9 * sizes),
                alpha=0.2 + 0.8 * sizes,
                zorder=1,
            )
            ax.add_collection(edges, autolim=False)
            self.edges_.append(edges)

    def _draw_units(self, ax: Axes, layers: list[_Layer], diameter: float) -> None:
        """Draw the units, and three dots where units are left out."""
        self.units_: PathCollection = ax.scatter(
            np.repeat(np.arange(len(layers)), [len(layer.y) for layer in layers]),
            np.concatenate([layer.y for layer in layers]),
            s=diameter**2,
            c="white",
            edgecolors="black",
            zorder=3,
        )
        for k, layer in enumerate(layers):
            if layer.is_shortened:
                gap = np.argmax(np.diff(layer.units))  # below this unit
                dots = layer.y[gap] - layer.pitch * np.array([0.78, 1, 1.22])
                ax.scatter(np.full(3, k), dots, s=(diameter / 8) ** 2, c="black", zorder=3)

    def _draw_names(
        self, ax: Axes, names: list[str], units: list[tuple[int, float]], offset: float, size: float
    ) -> None:
        """Write names beside units, if there is room."""
        if size < SMALLEST_FONT:
            return
        for name, unit in zip(names, units, strict=True):
            text = ax.annotate(
                name,
                unit,
                (offset, 0),
                textcoords="offset points",
                ha="left" if offset > 0 else "right",
                va="center",
                fontsize=size,
            )
            self.texts_.append(text)

    def _draw_captions(self, ax: Axes, sizes: list[int], y: float, width: float) -> None:
        """Write below each layer its name, its number of units and its activation."""
        names = ["input", *(f"hidden {k}" for k in range(len(self.coefs) - 1)), "output"]
        activations = ["", *self.activations]
        font = font_size([*names, *activations], 0.95 * width)
        if font < SMALLEST_FONT:
            return
        for k, (name, n_units, activation) in enumerate(
            zip(names, sizes, activations, strict=True)
        ):
            text = f"{name}\n{n_units}\n{activation}"
            self.texts_.append(ax.text(k, y, text, ha="center", va="top", fontsize=font))

    def _draw_legend(self, ax: Axes) -> None:
        """Tell the signs, if there is room."""
        from matplotlib.lines import Line2D

        if size_in_points(ax)[0] < NARROWEST_LEGEND:
            return
        ax.legend(
            handles=[
                Line2D([], [], color=POSITIVE, linestyle="-", label="positive weight"),
                Line2D([], [], color=NEGATIVE, linestyle=DASHED, label="negative weight"),
            ],
            loc="lower center",
            ncols=2,
            frameon=False,
            fontsize="small",
        )


def _laid_out(sizes: list[int], max_units: int, room: float) -> list[_Layer]:
    """Place the layers' units around height 0; ``room`` is the height there is, in points."""
    layers = []
    for size in sizes:
        n_left_out = max(0, size - max_units)
        units = np.arange(size - n_left_out)
        units[(max_units + 1) // 2 :] += n_left_out  # the first and the last ones stay
        layers.append(_Layer(units, n_left_out > 0))
    common = room / max(layer.n_places for layer in layers)
    for layer in layers:
        layer.pitch = min(LARGEST_PITCH, room / layer.n_places, max(common, ROOMY_PITCH))
    return layers


def _shortened(name: str) -> str:
    return name if len(name) <= LONGEST_NAME else f"{name[: LONGEST_NAME - 1]}…"
