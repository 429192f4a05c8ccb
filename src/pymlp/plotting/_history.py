"""The course of one metric over the epochs of a fit."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike

from .._system.meant import meant
from ._axes import Display, estimator_of, log_scale, plot_epochs

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.lines import Line2D

LOG_FROM = 100  # ratio of the largest loss to the smallest beyond which the scale is logarithmic


@dataclass(eq=False, repr=False)
class HistoryDisplay(Display):
    """Training and validation curve of one metric, with the epoch that early stopping chose.

    Use `from_estimator`. Parameters are stored as attributes.

    Parameters
    ----------
    training : array-like of shape (n_epochs,) or None
        The metric on the training set; nan leaves a gap.
    validation : array-like of shape (n_epochs,) or None, default=None
        The metric on the validation set.
    metric : str, default="loss"
        Its name.
    best_epoch : int or None, default=None
        Epoch whose weights the model has, counted from 1.

    Attributes
    ----------
    lines_ : list of Line2D
        The curves: training (solid), validation (dashed).
    best_line_ : Line2D or None
        The dotted line at `best_epoch`.
    best_point_ : Line2D or None
        The dot where it meets the validation curve (the training curve if that is alone), if this
        is the curve's best value, the lowest loss or the highest score: so on the curve that chose
        the epoch, and on no other but by chance.
    ax_ : Axes
    figure_ : Figure or SubFigure

    Examples
    --------
    >>> from sklearn.datasets import make_moons
    >>> from pymlp import MLPClassifier
    >>> from pymlp.plotting import HistoryDisplay
    >>> X, y = make_moons(300, noise=0.2, random_state=0)
    >>> clf = MLPClassifier(20, early_stopping=True, random_state=0).fit(X, y)
    >>> display = HistoryDisplay.from_estimator(clf, metric="accuracy")
    >>> [line.get_label() for line in display.lines_]
    ['training', 'validation']
    """

    training: ArrayLike | None
    validation: ArrayLike | None = None
    _: KW_ONLY
    metric: str = "loss"
    best_epoch: int | None = None

    @classmethod
    def from_estimator(
        cls, estimator: Any, *, metric: str = "loss", ax: Axes | None = None, **kwargs: Any
    ) -> Self:
        """Draw a metric of a fit.

        Parameters
        ----------
        estimator : MLPClassifier, MLPRegressor, an ensemble or a Pipeline that ends in one
            Fitted. Of an ensemble, one for tables too, the means over the networks are drawn.
        metric : str, default="loss"
            Column of ``history_``. Its validation curve is that of the same name with ``val_``
            before it, as in ``loss`` and ``val_loss``; the name of a validation column draws
            this alone.
        ax : Axes or None, default=None
            Axes to draw into; None makes a new figure.
        **kwargs : dict
            Passed to ``Axes.plot`` for both curves.

        Returns
        -------
        HistoryDisplay

        Raises
        ------
        NotFittedError
            Before `fit`.
        ValueError
            If ``history_`` has no such metric.
        """
        network = estimator_of(cls, estimator, or_ensemble=True)
        history = network.history_
        if not isinstance(metric, str):
            raise TypeError(f"The 'metric' parameter must be a str. Got {metric!r} instead.")
        name = metric.removeprefix("val_")
        training = history.get(metric) if name == metric else None
        validation = history.get(f"val_{name}")
        if training is None and validation is None:
            raise ValueError(
                f"The 'metric' parameter must be a column of history_, which has {list(history)}."
                f"{meant(metric, history)} Got {metric!r} instead."
            )
        best_epoch = getattr(network, "best_epoch_", None)
        display = cls(training, validation, metric=name, best_epoch=best_epoch)
        return display.plot(ax, **kwargs)

    def plot(self, ax: Axes | None = None, **kwargs: Any) -> Self:
        """Draw the curves.

        Parameters
        ----------
        ax : Axes or None, default=None
            Axes to draw into; None makes a new figure.
        **kwargs : dict
            Passed to ``Axes.plot`` for both curves.

        Returns
        -------
        HistoryDisplay
        """
        ax = self._take_axes(ax)
        name = self.metric.replace("_", " ")
        curves = {
            # where nothing is to be told apart, the metric's name is enough
            "training" if self.validation is not None else name: (self.training, "-"),
            "validation": (self.validation, "--"),
        }
        self.lines_: list[Line2D] = [
            plot_epochs(ax, np.asarray(values, float), **{"ls": style, "label": label, **kwargs})
            for label, (values, style) in curves.items()
            if values is not None
        ]
        is_loss = self.metric.endswith("loss") and not self.metric.startswith("neg_")
        self.best_line_: Line2D | None = None
        self.best_point_: Line2D | None = None
        if self.best_epoch is not None:
            label = f"best epoch: {self.best_epoch}"
            self.best_line_ = ax.axvline(self.best_epoch, ls=":", color="black", label=label)
            curve = np.asarray(self.lines_[-1].get_ydata(), float)
            best = np.nanargmin if is_loss else np.nanargmax
            if not np.isnan(curve).all() and self.best_epoch == 1 + best(curve):
                (self.best_point_,) = ax.plot(
                    self.best_epoch, curve[self.best_epoch - 1], "ko", scalex=False
                )
        drawn = np.concatenate([np.asarray(line.get_ydata(), float) for line in self.lines_])
        drawn = drawn[np.isfinite(drawn)]
        if is_loss and drawn.size and 0 < LOG_FROM * drawn.min() < drawn.max():
            log_scale(ax)
        ax.set_ylabel(name)
        if self.validation is not None or self.best_epoch is not None:
            ax.legend(fontsize="small")
        return self
