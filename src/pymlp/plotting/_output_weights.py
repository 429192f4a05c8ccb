"""The weights of the last layer as bars."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from sklearn.base import is_regressor

from .._system.arrays import Array
from ._axes import Display, estimator_of, size_in_points
from ._outputs import output_weights, title_of
from ._style import SMALLEST_FONT, font_size, sign_colors

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.container import BarContainer

CROWDED = 100  # from here on bars have no gaps between them


@dataclass(eq=False, repr=False)
class OutputWeightsDisplay(Display):
    """Bars of the weights that lead from the last hidden layer's units to one output.

    Positive weights are green and point up, negative ones red and point down.
    `from_estimator` makes one.

    Parameters
    ----------
    weights : ndarray of shape (n_units,)
        The weight of each unit.
    name : str
        What the output stands for, as labels name it: ``"class 5"``.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Axes with the bars.
    figure_ : matplotlib Figure
        Figure that contains them.
    bars_ : matplotlib BarContainer
        One bar a unit, from left to right.

    See Also
    --------
    WeightsDisplay : What the units of the first hidden layer respond to.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from pymlp import MLPClassifier
    >>> from pymlp.plotting import OutputWeightsDisplay
    >>> X, y = load_iris(return_X_y=True)
    >>> clf = MLPClassifier((8,), solver="lbfgs", max_iter=1000, random_state=0).fit(X, y)
    >>> display = OutputWeightsDisplay.from_estimator(clf, 2, sort=True)
    >>> display.ax_.get_ylabel()
    'weight to class 2'
    """

    weights: Array
    _: KW_ONLY
    name: str

    @classmethod
    def from_estimator(
        cls, estimator: Any, class_: Any = None, *, sort: bool = False, ax: Axes | None = None
    ) -> Self:
        """Draw the output weights of a fitted network.

        The weights are those that predict: with ``ema_decay`` the averaged ones.

        Parameters
        ----------
        estimator : MLPClassifier, MLPRegressor or Pipeline that ends in one
            The fitted estimator; of an ensemble, one of its ``estimators_``.
        class_ : object, default=None
            One of ``classes_``. Two classes share one output, which is the second's: the first
            one's weights are its negatives. With several labels of several classes each, a pair
            (column of y, class). For a regressor the number of the output; None is the first.
        sort : bool, default=False
            Whether the bars stand in the order of their weights, the largest first, instead of in
            that of the units.
        ax : matplotlib Axes, default=None
            Axes to draw into; None makes a new figure.

        Returns
        -------
        OutputWeightsDisplay
            The display, drawn.

        Raises
        ------
        NotFittedError
            Before the estimator's `fit`.
        TypeError
            If the estimator is of another kind.
        ValueError
            If there is no such class.
        """
        network = estimator_of(cls, estimator)
        if class_ is None and is_regressor(network):
            class_ = 0
        display = cls(output_weights(network, class_), name=title_of(network, class_))
        return display.plot(ax, sort=sort)

    def plot(self, ax: Axes | None = None, *, sort: bool = False) -> Self:
        """Draw the bars.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to draw into; None makes a new figure.
        sort : bool, default=False
            Whether the bars stand in the order of their weights, the largest first.

        Returns
        -------
        OutputWeightsDisplay
            The display itself.
        """
        ax = self._take_axes(ax)
        n_units = len(self.weights)
        order = np.argsort(-self.weights, kind="stable") if sort else np.arange(n_units)
        weights = self.weights[order]
        self.bars_: BarContainer = ax.bar(
            np.arange(n_units),
            weights,
            width=0.8 if n_units <= CROWDED else 1.0,  # narrower gaps than a pixel flicker
            color=sign_colors(weights),
        )
        ax.axhline(0, color="black", linewidth=0.8)
        numbers = [str(unit) for unit in order]
        pitch = size_in_points(ax)[0] / n_units
        size = font_size(numbers, 0.8 * pitch)
        is_upright = size >= SMALLEST_FONT
        is_named = is_upright or (sort and pitch >= SMALLEST_FONT)
        if is_named:
            rotation, size = (0, size) if is_upright else (90, 0.9 * pitch)
            ax.set_xticks(np.arange(n_units), numbers, rotation=rotation, fontsize=size)
        sorted_label = "hidden unit, sorted by weight" if is_named else "rank of the hidden unit"
        ax.set(
            xlabel=sorted_label if sort else "hidden unit",
            ylabel=f"weight to {self.name}",
        )
        ax.margins(x=0.02)
        return self
