"""What the displays share: matplotlib when it is needed, the network in an estimator, epochs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.pipeline import Pipeline
from sklearn.utils._optional_dependencies import check_matplotlib_support
from sklearn.utils.validation import check_is_fitted

from .._estimators.base import BaseMLP
from .._estimators.ensemble_base import Ensemble
from .._system.arrays import Array

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure
    from matplotlib.lines import Line2D


class Display:
    """Base of the displays: it knows the axes that it was drawn into."""

    ax_: Axes
    figure_: Figure | SubFigure

    def _take_axes(self, ax: Axes | None, **margins: float) -> Axes:
        """Return the axes to draw into: those given, or those of a new figure with its margins."""
        check_matplotlib_support(f"{type(self).__name__}.plot")
        import matplotlib.pyplot as plt
        from matplotlib.axes import Axes

        if ax is None:
            ax = plt.subplots()[1]
            if margins and ax.figure.get_layout_engine() is None:  # else rcParams want one
                ax.figure.subplots_adjust(**margins)
        if not isinstance(ax, Axes):
            raise TypeError(
                f"The 'ax' parameter must be matplotlib Axes or None. Got {ax!r} instead."
            )
        self.ax_, self.figure_ = ax, ax.figure
        return ax


def size_in_points(ax: Axes) -> tuple[float, float]:
    """Width and height of the axes, as they are before any layout engine has run."""
    box = ax.get_window_extent()
    return box.width * 72 / ax.figure.dpi, box.height * 72 / ax.figure.dpi


def estimator_of(display: type, estimator: Any, *, or_ensemble: bool = False) -> Any:
    """Return the fitted network, or ensemble, that ``from_estimator`` is called with."""
    check_matplotlib_support(f"{display.__name__}.from_estimator")
    network = estimator[-1] if isinstance(estimator, Pipeline) else estimator
    if not isinstance(network, (BaseMLP, Ensemble) if or_ensemble else BaseMLP):
        kinds = ", an ensemble or an estimator for tables" if or_ensemble else ""
        of_ensemble = "" if or_ensemble else "of an ensemble one of its estimators_, "
        raise TypeError(
            f"The 'estimator' parameter must be pymlp's MLPClassifier or MLPRegressor{kinds}, or a "
            f"Pipeline that ends in one ({of_ensemble}of a search its best_estimator_). Got "
            f"{estimator!r} instead."
        )
    check_is_fitted(network)
    return network


def log_scale(ax: Axes) -> None:
    """Make the vertical scale logarithmic, with plain numbers at all ticks that have one."""
    from matplotlib.ticker import LogFormatter

    class Plain(LogFormatter):
        def __call__(self, x: float, pos: int | None = None) -> str:
            return f"{x:g}" if super().__call__(x, pos) else ""  # it knows how many have room

    ax.set_yscale("log")
    ax.yaxis.set_major_formatter(Plain())
    ax.yaxis.set_minor_formatter(Plain())


def plot_epochs(ax: Axes, values: Array, **kwargs: Any) -> Line2D:
    """Draw one value an epoch, (n_epochs,), over epochs counted from 1; nan leaves a gap."""
    from matplotlib.ticker import MaxNLocator

    known = np.isfinite(np.pad(values, 1, constant_values=np.nan))
    alone = known[1:-1] & ~known[:-2] & ~known[2:]  # no line leads there
    if alone.any():
        kwargs = {"marker": "o", "markersize": 3.5, "markevery": alone.tolist(), **kwargs}
    (line,) = ax.plot(np.arange(1, len(values) + 1), values, **kwargs)
    ax.set_xlabel("epoch")
    ax.set_xlim(left=0.5, auto=True)
    ax.xaxis.set_major_locator(
        MaxNLocator("auto", steps=[1, 2, 5, 10], integer=True, min_n_ticks=1)
    )
    return line
