"""How gradients, activations and dead units go through the layers over the epochs of a fit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.isotonic import isotonic_regression

from .._system.arrays import Array
from .._system.meant import meant
from ._axes import Display, estimator_of, log_scale, plot_epochs, size_in_points

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.lines import Line2D
    from matplotlib.text import Annotation

LABELS = {  # of the vertical axis
    "gradient_norm": "gradient norm",
    "activation_norm": "activation norm",
    "dead_share": "share of dead units",
}
FONT_SIZE = 8.5  # of the layers' names, in points


@dataclass(eq=False, repr=False)
class GradientFlowDisplay(Display):
    """One line a layer over the epochs: gradients that vanish or explode, units that die.

    Use `from_estimator`, with an estimator fitted with ``monitor_gradients=True``. Parameters are
    stored as attributes.

    Parameters
    ----------
    layers : mapping of int to array-like of shape (n_epochs,)
        Values by layer, 0 being the first (``coefs_[0]``); nan leaves a gap.
    quantity : {"gradient_norm", "activation_norm", "dead_share"}, default="gradient_norm"
        What the values are: the Frobenius norm of the gradient of a layer's weights, the root mean
        square of its outputs (both on a log scale), or the share of its ReLU units that put out 0
        for every sample.

    Attributes
    ----------
    lines_ : list of Line2D
        One a layer, dark for the first and light for the last.
    labels_ : list of Annotation
        The layers' names at the lines' ends; of many layers, as many as have room.
    ax_ : Axes
    figure_ : Figure or SubFigure

    Examples
    --------
    >>> from pymlp.plotting import GradientFlowDisplay
    >>> display = GradientFlowDisplay({0: [1e-4, 3e-4], 1: [0.01, 0.02], 2: [0.9, 0.7]}).plot()
    >>> [label.get_text() for label in display.labels_]
    ['layer 0', 'layer 1', 'layer 2']
    """

    layers: Mapping[int, ArrayLike]
    _: KW_ONLY
    quantity: str = "gradient_norm"

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        *,
        quantity: str = "gradient_norm",
        ax: Axes | None = None,
        **kwargs: Any,
    ) -> Self:
        """Draw a quantity that a fit with ``monitor_gradients=True`` has recorded.

        Parameters
        ----------
        estimator : MLPClassifier, MLPRegressor or Pipeline that ends in one
            Fitted.
        quantity : {"gradient_norm", "activation_norm", "dead_share"}, default="gradient_norm"
            "activation_norm" is known of hidden layers, "dead_share" of those with ReLU.
        ax : Axes or None, default=None
            Axes to draw into; None makes a new figure.
        **kwargs : dict
            Passed to ``Axes.plot`` for each line.

        Returns
        -------
        GradientFlowDisplay

        Raises
        ------
        NotFittedError
            Before `fit`.
        ValueError
            If there is no such quantity, or ``history_`` does not have it.
        """
        network = estimator_of(cls, estimator)
        if quantity not in LABELS:
            raise ValueError(
                f"The 'quantity' parameter must be among {list(LABELS)}."
                f"{meant(quantity, LABELS)} Got {quantity!r} instead."
            )
        history = network.history_
        columns = {k: f"{quantity}_{k}" for k in range(network.n_layers_ - 1)}
        layers = {k: history[name] for k, name in columns.items() if name in history}
        if not layers:
            raise ValueError(
                f"history_ has no {quantity!r}. It is recorded with monitor_gradients=True: "
                "'gradient_norm' of all layers, 'activation_norm' of hidden ones, 'dead_share' of "
                "hidden ones with activation='relu'."
            )
        return cls(layers, quantity=quantity).plot(ax, **kwargs)

    def plot(self, ax: Axes | None = None, **kwargs: Any) -> Self:
        """Draw the lines.

        Parameters
        ----------
        ax : Axes or None, default=None
            Axes to draw into; None makes a new figure.
        **kwargs : dict
            Passed to ``Axes.plot`` for each line.

        Returns
        -------
        GradientFlowDisplay
        """
        ax = self._take_axes(ax)
        from matplotlib import colormaps

        # viridis without its light end, which is hard to see on white
        colors = colormaps["viridis"](np.linspace(0, 0.85, len(self.layers)))
        curves = [np.asarray(values, float) for values in self.layers.values()]
        self.lines_: list[Line2D] = [
            plot_epochs(ax, values, **{"color": color, **kwargs})
            for values, color in zip(curves, colors, strict=True)
        ]
        if self.quantity == "dead_share":
            ax.set_ylim(-0.03, 1.03)
        elif any((values > 0).any() for values in curves):
            log_scale(ax)
        ax.set_ylabel(LABELS[self.quantity])
        self._label_ends(ax, curves)
        return self

    def _label_ends(self, ax: Axes, curves: list[Array]) -> None:
        """Name the lines in a column to their right, each as near to its line as has room."""
        width, height = size_in_points(ax)
        row = 1.3 * FONT_SIZE / height
        column = min(0.5, 6 * FONT_SIZE / width)  # like row in shares of the axes
        left, last = ax.get_xlim()[0], max(map(len, curves))
        ax.set_xlim(right=left + (last - left) / (1 - column), auto=True)

        ends = {}  # (epoch, value)
        for layer, values in zip(self.layers, curves, strict=True):
            known = np.flatnonzero(np.isfinite(values))
            if len(known):
                ends[layer] = known[-1] + 1, np.clip(values[known[-1]], *ax.get_ylim())
        n_names = min(len(ends), max(1, int(1 / row)))
        spread = np.linspace(0, len(ends) - 1, n_names).round().astype(int)
        named = sorted((list(ends)[i] for i in spread), key=lambda k: ends[k][1])
        to_shares = ax.transData + ax.transAxes.inverted()
        # names a row apart: what remains after taking a row from each must not fall
        rows = row * np.arange(len(named))
        free = [to_shares.transform(ends[k])[1] for k in named] - rows
        heights = rows + isotonic_regression(free, y_min=row / 2, y_max=1 - row / 2 - rows[-1])
        colors = {k: line.get_color() for k, line in zip(self.layers, self.lines_, strict=True)}
        self.labels_: list[Annotation] = [
            ax.annotate(
                f"layer {k}",
                ends[k],
                (1 - column + 10 / width, height),
                textcoords="axes fraction",
                va="center",
                fontsize=FONT_SIZE,
                arrowprops={
                    "arrowstyle": "-",
                    "color": colors[k],
                    "linewidth": 0.7,
                    "relpos": (0, 0.5),
                    "shrinkA": 1,
                    "shrinkB": 1,
                },
                annotation_clip=False,
            )
            for k, height in zip(named, heights, strict=True)
        ]
