"""The weights of the first layer as images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass
from math import ceil, isqrt, log10, sqrt
from numbers import Integral
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import is_classifier

from .._estimators.fitted import network_of
from .._system.arrays import Array
from ._axes import Display, estimator_of, size_in_points
from ._outputs import output_names, output_weights, title_of
from ._style import SMALLEST_FONT, font_size, sign_colors, sign_styles, strengths

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.collections import PolyCollection
    from matplotlib.colorbar import Colorbar
    from matplotlib.colors import Colormap
    from matplotlib.image import AxesImage
    from matplotlib.text import Text

MOST_UNITS = 100  # as many images are drawn if `units` is None
MOST_LABELS = 60  # more images have no labels
WITHIN_RANGE = 99.5  # per cent of the weights; a few large ones would leave the others all grey


@dataclass(eq=False, repr=False)
class WeightsDisplay(Display):
    """Images of the weights that lead from the features to each unit of the first layer.

    Middle grey is 0. The default map is grey because its lightness then tells the sign even in
    print, where the two ends of a diverging map look the same, and because the frames' green and
    red stand out against it. `from_estimator` makes one.

    Parameters
    ----------
    images : ndarray of shape (n_units, height, width)
        The weights of each unit.
    names : list of str
        Name of each unit.
    title : str
        Title of the picture.
    output_weights : ndarray of shape (n_units,), default=None
        The weight from each unit to one output, as its image's frame: green and solid if
        positive, red and dashed if negative, the stronger in colour the larger it is. None draws
        no frames.
    output_name : str, default=None
        What that output stands for, as labels name it: ``"class 5"``.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Axes with the images.
    figure_ : matplotlib Figure
        Figure that contains them.
    image_ : matplotlib AxesImage
        All images side by side as one, NaN between them.
    colorbar_ : matplotlib Colorbar
        The colours' meaning.
    frames_ : matplotlib PolyCollection or None
        One frame a unit.
    texts_ : list of matplotlib Text
        What is written above the images; empty if there is no room.

    See Also
    --------
    OutputWeightsDisplay : The weights to one output as bars.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from pymlp import MLPClassifier
    >>> from pymlp.plotting import WeightsDisplay
    >>> X, y = load_digits(return_X_y=True)
    >>> clf = MLPClassifier((12,), solver="lbfgs", random_state=0).fit(X / 16, y)
    >>> display = WeightsDisplay.from_estimator(clf, class_=5, units=6)
    >>> display.images.shape
    (6, 8, 8)
    """

    images: Array
    _: KW_ONLY
    names: Sequence[str]
    title: str
    output_weights: Array | None = None
    output_name: str | None = None

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        *,
        image_shape: tuple[int, int] | None = None,
        units: int | ArrayLike | None = None,
        class_: Any = None,
        grid_shape: tuple[int, int] | None = None,
        scale: str = "common",
        cmap: str | Colormap = "gray",
        ax: Axes | None = None,
    ) -> Self:
        """Draw the first layer's weights of a fitted network.

        The weights are those that predict: with ``ema_decay`` the averaged ones. Without hidden
        layers there is one image an output, labelled with its class.

        Parameters
        ----------
        estimator : MLPClassifier, MLPRegressor or Pipeline that ends in one
            The fitted estimator; of an ensemble, one of its ``estimators_``.
        image_shape : tuple of (height, width), default=None
            Shape of an image, filled with the features row by row; None is a square.
        units : int or array-like of int, default=None
            How many units or which. None draws all, up to 100. A part of them are the first, or
            those of the largest output weights if `class_` is given.
        class_ : object, default=None
            One of ``classes_``, or for a regressor the number of an output: frames tell each unit's
            weight to it, and the units stand in the order of those weights' sizes unless `units`
            lists them. Needs a network with one hidden layer. Of two classes, which share one
            output, the first one's weights are the negatives of the second one's. With several
            labels of several classes each, a pair (column of y, class).
        grid_shape : tuple of (n_rows, n_columns), default=None
            Shape of the grid; None finds one.
        scale : {'common', 'own'}, default='common'
            Range of the colours: the same for all images, reached by the largest 0.5 per cent of
            the weights, or for each image its own, reached by its largest weight.
        cmap : str or matplotlib Colormap, default='gray'
            Map of the colours, whose middle is 0.
        ax : matplotlib Axes, default=None
            Axes to draw into; None makes a new figure.

        Returns
        -------
        WeightsDisplay
            The display, drawn.

        Raises
        ------
        NotFittedError
            Before the estimator's `fit`.
        TypeError
            If the estimator is of another kind.
        ValueError
            If a parameter is not valid, or `image_shape` is needed.
        """
        network = estimator_of(cls, estimator)
        weights = network_of(network).parameters().coefs[0]  # (n_features, n_units)
        n_features, n_units = weights.shape
        shape = _checked_image_shape(image_shape, n_features)
        n_hidden = network.n_layers_ - 2
        to_class = None
        if class_ is not None:
            if n_hidden != 1:
                raise ValueError(
                    "The 'class_' parameter needs a network with one hidden layer, whose units "
                    f"have a weight to each class. Got {class_!r} with {n_hidden} hidden layers."
                )
            to_class = output_weights(network, class_)
        chosen = _checked_units(units, n_units, to_class)
        names = [str(k) for k in range(n_units)] if n_hidden else output_names(network)
        kind = "hidden unit" if n_hidden else "class" if is_classifier(network) else "output"
        part = "" if len(chosen) == n_units else f" ({len(chosen)} of {n_units})"
        display = cls(
            weights.T[chosen].reshape(-1, *shape),
            names=[names[k] for k in chosen],
            title=f"Weights by {kind}{part}",
            output_weights=None if to_class is None else to_class[chosen],
            output_name=None if to_class is None else title_of(network, class_),
        )
        return display.plot(ax, grid_shape=grid_shape, scale=scale, cmap=cmap)

    def plot(
        self,
        ax: Axes | None = None,
        *,
        grid_shape: tuple[int, int] | None = None,
        scale: str = "common",
        cmap: str | Colormap = "gray",
    ) -> Self:
        """Draw the images, for the present size of the axes.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to draw into; None makes a new figure.
        grid_shape : tuple of (n_rows, n_columns), default=None
            Shape of the grid; None finds one.
        scale : {'common', 'own'}, default='common'
            Range of the colours: the same for all images, reached by the largest 0.5 per cent of
            the weights, or for each image its own, reached by its largest weight.
        cmap : str or matplotlib Colormap, default='gray'
            Map of the colours, whose middle is 0.

        Returns
        -------
        WeightsDisplay
            The display itself.

        Raises
        ------
        ValueError
            If `grid_shape` has too little room or there is no such `scale`.
        """
        if scale not in ("common", "own"):
            raise ValueError(
                f"The 'scale' parameter must be 'common' or 'own'. Got {scale!r} instead."
            )
        n_images, height, width = self.images.shape
        rows, columns = _checked_grid_shape(grid_shape, n_images, height / width)
        ax = self._take_axes(ax, left=0.02, right=0.88, bottom=0.08, top=0.92)

        # in pixels of the mosaic: room between the images, for the frames and for the labels
        side = sqrt(height * width)
        gap = max(1, round(0.08 * side))
        frame = 0 if self.output_weights is None else max(1, round(0.12 * side))
        heading = ceil(0.25 * height) if n_images <= MOST_LABELS else 0
        pitch = np.array([heading + height, width]) + 2 * frame + gap
        cells = np.stack(np.divmod(np.arange(n_images), columns), axis=1)  # (n_images, 2)
        corners = cells * pitch + [gap + heading + frame, gap + frame]  # first row and column
        mosaic = np.full(pitch * [rows, columns] + gap, np.nan)
        images, largest = self._scaled(scale)
        for (row, column), image in zip(corners, images, strict=True):
            mosaic[row : row + height, column : column + width] = image
        self.image_: AxesImage = ax.imshow(mosaic, cmap=cmap, vmin=-largest, vmax=largest)
        self.colorbar_: Colorbar = ax.figure.colorbar(
            self.image_,
            ax=ax,
            extend="both" if np.abs(images).max() > largest else "neither",
            fraction=0.05,
            pad=0.03,
            shrink=0.7,
            aspect=25,
        )
        self.colorbar_.set_label("weight" if scale == "common" else "weight / image's largest")

        available = size_in_points(ax)
        pixel = min(available[0] / mosaic.shape[1], available[1] / mosaic.shape[0])  # in points
        self._draw_frames(ax, corners, frame, pixel, available[0])
        self._draw_labels(ax, corners, frame, pixel * np.array([heading, pitch[1]]))
        ax.set_title(self.title, fontsize=font_size([self.title], 1.1 * available[0], largest=12))
        ax.set(xticks=[], yticks=[])
        ax.spines[:].set_visible(False)
        return self

    def _scaled(self, scale: str) -> tuple[Array, float]:
        """Return the images as drawn and the weight that is white."""
        sizes = np.abs(self.images)
        tiny = np.finfo(sizes.dtype).tiny
        if scale == "own":
            return self.images / np.maximum(sizes.max(axis=(1, 2), keepdims=True), tiny), 1.0
        return self.images, max(float(np.percentile(sizes, WITHIN_RANGE)), float(tiny))

    def _draw_frames(
        self, ax: Axes, corners: Array, frame: int, pixel: float, width: float
    ) -> None:
        """Frame the images by the signs and sizes of their output weights."""
        self.frames_: PolyCollection | None = None
        if self.output_weights is None:
            return
        from matplotlib.collections import PolyCollection

        outset = 0.5 + 0.5 * frame  # of the line's middle, from the pixels' centres
        top, left = (corners - outset).T
        bottom, right = (corners + np.array(self.images.shape[1:]) - 1 + outset).T
        x = np.stack([left, right, right, left], axis=1)
        y = np.stack([top, top, bottom, bottom], axis=1)
        self.frames_ = PolyCollection(
            list(np.stack([x, y], axis=2)),  # (n_images, 4 corners, x and y)
            facecolors="none",
            edgecolors=sign_colors(self.output_weights),
            linestyles=sign_styles(self.output_weights),
            linewidths=0.8 * frame * pixel,
            alpha=0.15 + 0.85 * strengths(self.output_weights),
            joinstyle="miter",
        )
        ax.add_collection(self.frames_, autolim=False)
        lines = f"frames: weight to {self.output_name}", "(green: positive; red, dashed: negative)"
        size = font_size(lines, 1.1 * width, largest=8.5)
        if size >= SMALLEST_FONT:
            ax.set_xlabel("\n".join(lines), fontsize=size)

    def _draw_labels(self, ax: Axes, corners: Array, frame: int, room: Array) -> None:
        """Write above each image what it is, if there is room: (height, width) in points."""
        labels = list(self.names)
        if self.output_weights is not None:
            largest = float(np.abs(self.output_weights).max())
            decimals = max(2, ceil(1 - log10(largest))) if largest else 2
            pairs = zip(labels, self.output_weights, strict=True)
            labels = [f"{n}: {w:+.{decimals}f}".replace("-", "\N{MINUS SIGN}") for n, w in pairs]
        size = min(0.9 * room[0], font_size(labels, 0.95 * room[1]))
        self.texts_: list[Text] = []
        if size >= SMALLEST_FONT:
            centre = 0.5 * (self.images.shape[2] - 1)
            self.texts_ = [
                ax.text(x + centre, y - 1 - frame, label, ha="center", va="bottom", fontsize=size)
                for (y, x), label in zip(corners, labels, strict=True)
            ]


def _checked_image_shape(image_shape: tuple[int, int] | None, n_features: int) -> tuple[int, int]:
    if image_shape is None:
        side = isqrt(n_features)
        if side * side != n_features:
            raise ValueError(
                f"The 'image_shape' parameter must be given: {n_features} features do not make up "
                "a square image."
            )
        return side, side
    if not _is_shape(image_shape) or image_shape[0] * image_shape[1] != n_features:
        raise ValueError(
            "The 'image_shape' parameter must be (height, width) with a product of "
            f"{n_features}, the number of features. Got {image_shape!r} instead."
        )
    return image_shape


def _checked_units(units: int | ArrayLike | None, n_units: int, to_class: Array | None) -> Array:
    """Numbers of the units to draw; the strongest first if they are framed."""
    given = np.asarray(min(MOST_UNITS, n_units) if units is None else units)
    is_count = given.ndim == 0
    low, high = (1, n_units) if is_count else (0, n_units - 1)
    if (
        given.ndim > 1
        or given.size == 0
        or given.dtype.kind not in "iu"
        or not ((low <= given) & (given <= high)).all()
    ):
        raise ValueError(
            f"The 'units' parameter must be a count from 1 to {n_units}, a list of units' numbers "
            f"from 0 to {n_units - 1} or None. Got {units!r} instead."
        )
    if not is_count:
        return given.astype(np.intp)
    count = int(given)
    if to_class is None:
        return np.arange(count)
    return np.argsort(-np.abs(to_class), kind="stable")[:count]


def _checked_grid_shape(
    grid_shape: tuple[int, int] | None, n_images: int, aspect: float
) -> tuple[int, int]:
    """Rows and columns; if not given, the fairly wide grid with the fewest empty cells.

    ``aspect`` is an image's height divided by its width.
    """
    if grid_shape is None:
        narrowest = min(n_images, ceil(sqrt(n_images * aspect)))
        widest = min(n_images, ceil(sqrt(2.5 * n_images * aspect)))
        columns = min(range(narrowest, widest + 1), key=lambda c: (-n_images % c, c))
        return ceil(n_images / columns), columns
    if not _is_shape(grid_shape) or grid_shape[0] * grid_shape[1] < n_images:
        raise ValueError(
            f"The 'grid_shape' parameter must be (rows, columns) with room for {n_images} images. "
            f"Got {grid_shape!r} instead."
        )
    return grid_shape


def _is_shape(pair: Any) -> bool:
    """Tell whether these are two positive integers."""
    return np.shape(pair) == (2,) and all(isinstance(n, Integral) and int(n) > 0 for n in pair)
