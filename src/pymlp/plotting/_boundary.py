"""What a network of two features makes of the plane."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.pipeline import Pipeline
from sklearn.utils import check_array, check_consistent_length, check_scalar, column_or_1d
from sklearn.utils._set_output import _get_adapter_from_container
from sklearn.utils.validation import _get_feature_names, _num_features

from .._data.checks import validated
from .._data.labels import SingleLabel
from .._estimators.base import BaseMLP
from .._estimators.classifier import MLPClassifier
from .._estimators.fitted import network_of, target_of
from .._system.arrays import Array
from ._axes import Display, estimator_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.collections import PathCollection
    from matplotlib.colorbar import Colorbar
    from matplotlib.contour import QuadContourSet

MARKERS = "osD^vP*X<>"
SAMPLES: dict[str, Any] = {"s": 20, "edgecolors": "black", "linewidths": 0.5, "zorder": 3}
LIGHT = 0.4  # share of the colour in a background for lines and samples; the rest is white


@dataclass(eq=False, repr=False)
class BoundaryDisplay(Display):
    """Regions of the classes (or the predicted surface), the hidden units' lines, the samples.

    A unit of the first hidden layer bends along the line where its pre-activation ``x w + b`` is
    0; short ticks point to the side where it is positive. Use `from_estimator`. Parameters are
    stored as attributes.

    Parameters
    ----------
    xx0, xx1 : ndarray of shape (n_rows, n_columns)
        The two features on a grid, as ``np.meshgrid`` gives them.
    response : ndarray of shape (n_rows, n_columns) or (n_rows, n_columns, n_classes)
        A regressor's predictions, or a classifier's scores: the highest wins.
    pre_activations : ndarray of shape (n_rows, n_columns, n_units)
        Those of the units whose lines are drawn.
    X : ndarray of shape (n_samples, 2) or None, default=None
        Samples to draw.
    y : ndarray of shape (n_samples,) or None, default=None
        Their targets, of a classifier as numbers of classes from 0; None draws no samples.
    classes : sequence or None, default=None
        Names of the classes; None for a regressor.
    feature_names : sequence of str, default=("x0", "x1")
        Labels of the axes.

    Attributes
    ----------
    surface_ : QuadContourSet or list of QuadContourSet
        The surface, or the regions of the classes.
    boundary_ : list of QuadContourSet
        Where classes meet.
    unit_lines_ : list of QuadContourSet
        One for each unit whose line runs through the picture.
    points_ : list of PathCollection
        The samples, by class.
    colorbar_ : Colorbar or None
        A regressor's.
    ax_ : Axes
    figure_ : Figure or SubFigure

    Examples
    --------
    >>> from sklearn.datasets import make_moons
    >>> from pymlp import MLPClassifier
    >>> from pymlp.plotting import BoundaryDisplay
    >>> X, y = make_moons(200, noise=0.1, random_state=0)
    >>> clf = MLPClassifier(8, solver="lbfgs", random_state=0).fit(X, y)
    >>> display = BoundaryDisplay.from_estimator(clf, X, y)
    >>> len(display.unit_lines_)
    8
    """

    xx0: Array
    xx1: Array
    response: Array
    pre_activations: Array
    _: KW_ONLY
    X: Any = None
    y: Any = None
    classes: Any = None
    feature_names: Any = ("x0", "x1")

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any,
        y: Any = None,
        *,
        units: ArrayLike | None = None,
        grid_resolution: int = 200,
        margin: float = 0.1,
        ax: Axes | None = None,
    ) -> Self:
        """Draw what a network does with the plane around X.

        Parameters
        ----------
        estimator : MLPClassifier, MLPRegressor or Pipeline that ends in one
            Fitted, with one target. A pipeline's other steps take X to the network.
        X : {array-like, dataframe} of shape (n_samples, 2)
            Samples, which set the limits.
        y : array-like of shape (n_samples,) or None, default=None
            Their targets; None draws no samples.
        units : array-like of int or None, default=None
            Units of the first hidden layer whose lines are drawn; None is all of them.
        grid_resolution : int, default=200
            Points of the grid along each feature.
        margin : float, default=0.1
            Room around the samples, as a share of the range of each feature.
        ax : Axes or None, default=None
            Axes to draw into; None makes a new figure.

        Returns
        -------
        BoundaryDisplay

        Raises
        ------
        NotFittedError
            Before `fit`.
        ValueError
            If X does not have two features, the estimator has several targets, y has unknown
            classes, or there is no such unit.
        """
        network = estimator_of(cls, estimator)
        check_scalar(grid_resolution, "grid_resolution", Integral, min_val=2)
        check_scalar(margin, "margin", Real, min_val=0)
        if _num_features(X) != 2:
            raise ValueError(f"X must have 2 features to be drawn. Got {_num_features(X)} instead.")
        classes = _classes_of(network)
        samples = check_array(X)
        if y is not None:
            y = column_or_1d(y)
            check_consistent_length(samples, y)
            if classes is not None:
                target_of(network).check(y, "y")
                y = np.searchsorted(classes, y)

        low, high = samples.min(axis=0), samples.max(axis=0)
        room = margin * np.where(high > low, high - low, 1.0)
        xx0, xx1 = np.meshgrid(*np.linspace(low - room, high + room, grid_resolution).T)
        inputs = np.c_[xx0.ravel(), xx1.ravel()]  # (grid_resolution^2, 2)
        names = _get_feature_names(X)
        if names is not None:
            inputs = _get_adapter_from_container(X).create_container(inputs, inputs, columns=names)
        if isinstance(estimator, Pipeline) and len(estimator) > 1:
            inputs = estimator[:-1].transform(inputs)
        if classes is None:
            response = network.predict(inputs)
        else:
            # not probabilities: before the softmax a linear network is linear, and so is what
            # the contours interpolate
            linear = network_of(network).without_output_activation()
            dtype = linear.parameters().coefs[0].dtype
            response = linear.predict(validated(network, inputs, types=[dtype], reset=False))
            if len(classes) == 2:
                response = np.hstack([-response, response])
        pre_activations = _pre_activations(network, inputs, units)
        return cls(
            xx0,
            xx1,
            response.reshape(*xx0.shape, *response.shape[1:]),
            pre_activations.reshape(*xx0.shape, -1),
            X=samples,
            y=y,
            classes=classes,
            **({} if names is None else {"feature_names": names}),
        ).plot(ax)

    def plot(self, ax: Axes | None = None) -> Self:
        """Draw regions or surface, lines and samples.

        Parameters
        ----------
        ax : Axes or None, default=None
            Axes to draw into; None makes a new figure.

        Returns
        -------
        BoundaryDisplay
        """
        ax = self._take_axes(ax)
        from matplotlib.patheffects import withTickedStroke

        self.boundary_: list[QuadContourSet] = []
        self.points_: list[PathCollection] = []
        self.colorbar_: Colorbar | None = None
        self.surface_: QuadContourSet | list[QuadContourSet]
        if self.classes is None:
            self._draw_surface(ax)
        else:
            self._draw_classes(ax)
        # faint if there are many; contour lines have the higher side to their left
        alpha = min(1.0, max(0.2, 20 / max(1, self.pre_activations.shape[-1])))
        ticks = withTickedStroke(angle=90, length=0.15, spacing=25)
        self.unit_lines_: list[QuadContourSet] = [
            ax.contour(
                self.xx0, self.xx1, z, levels=[0], colors="0.25", linewidths=0.7, alpha=alpha
            )
            for z in np.moveaxis(self.pre_activations, -1, 0)
            if z.min() < 0 < z.max()
        ]
        for line in self.unit_lines_:
            line.set_path_effects([ticks])
        ax.set_xlabel(self.feature_names[0])
        ax.set_ylabel(self.feature_names[1])
        return self

    def _draw_surface(self, ax: Axes) -> None:
        from matplotlib.colors import ListedColormap

        light = ListedColormap(_viridis(256, LIGHT))
        self.surface_ = ax.contourf(self.xx0, self.xx1, self.response, levels=12, cmap=light)
        self.colorbar_ = ax.figure.colorbar(self.surface_, ax=ax, label="prediction")
        if self.y is not None:
            style = {"cmap": light, "norm": self.surface_.norm, **SAMPLES}
            self.points_ = [ax.scatter(self.X[:, 0], self.X[:, 1], c=self.y, **style)]

    def _draw_classes(self, ax: Axes) -> None:
        from matplotlib.patches import Patch

        n_classes = len(self.classes)
        strong, light = _viridis(n_classes), _viridis(n_classes, LIGHT)
        second, first = np.moveaxis(np.partition(self.response, -2)[..., -2:], -1, 0)
        self.surface_ = []
        for k in range(n_classes):
            scores = self.response[..., k]
            lead = scores - np.where(scores == first, second, first)  # over the best of the others
            if lead.max() > 0:
                levels = [0, lead.max()]
                region = ax.contourf(self.xx0, self.xx1, lead, levels=levels, colors=[light[k]])
                self.surface_.append(region)
            if k > 0 and lead.min() < 0 < lead.max():  # class 0 meets another at that one's edge
                edge = ax.contour(self.xx0, self.xx1, lead, levels=[0], colors="black")
                self.boundary_.append(edge)
        if self.y is not None:
            for k in range(n_classes):
                style = {"color": [strong[k]], "marker": MARKERS[k % len(MARKERS)], **SAMPLES}
                self.points_.append(ax.scatter(*self.X[self.y == k].T, **style))
        keys: list[Any] = [*self.points_] or [Patch(color=color) for color in light]
        ax.legend(
            keys, self.classes, loc="best", fontsize="small", labelspacing=0.3, handletextpad=0.2
        )


def _classes_of(network: BaseMLP) -> Array | None:
    """Return the classes of a classifier, None for a regressor; refuse several targets."""
    if isinstance(network, MLPClassifier):
        if isinstance(target_of(network), SingleLabel) and len(network.classes_) > 1:
            return np.asarray(network.classes_)
        raise ValueError("BoundaryDisplay draws classifiers of one label of two or more classes.")
    if network.n_outputs_ > 1:
        raise ValueError(
            f"BoundaryDisplay draws regressors of one target. Got one of {network.n_outputs_}."
        )
    return None


def _pre_activations(network: BaseMLP, inputs: Any, units: ArrayLike | None) -> Array:
    """Pre-activations of units of the first hidden layer: (n_samples, n_units)."""
    parameters = network_of(network).parameters()
    W, b = parameters.coefs[0], parameters.intercepts[0]
    known = np.arange(W.shape[1] if network.n_layers_ > 2 else 0)
    chosen = known if units is None else np.asarray(units)
    if chosen.ndim != 1 or not np.isin(chosen, known).all():
        raise ValueError(
            f"The 'units' parameter must be a list of units of the first hidden layer, which has "
            f"{len(known)}, counted from 0. Got {units!r} instead."
        )
    chosen = chosen.astype(int)
    x = validated(network, inputs, types=[W.dtype], reset=False).astype(W.dtype, copy=False)
    return np.asarray(x @ W[:, chosen] + b[chosen])


def _viridis(n: int, share: float = 1.0) -> Array:
    """Return n colours of the map, mixed with white: (n, 3)."""
    from matplotlib import colormaps

    return 1 - share * (1 - colormaps["viridis"](np.linspace(0, 1, n))[:, :3])
