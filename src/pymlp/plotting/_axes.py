"""What the displays share: matplotlib when it is needed, and the network in an estimator."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sklearn.pipeline import Pipeline
from sklearn.utils._optional_dependencies import check_matplotlib_support
from sklearn.utils.validation import check_is_fitted

from .._base import BaseMLP

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def axes_of(display: object, ax: Axes | None) -> Axes:
    """Return the axes to draw into: those given, or those of a new figure."""
    check_matplotlib_support(f"{type(display).__name__}.plot")
    import matplotlib.pyplot as plt

    return plt.subplots()[1] if ax is None else ax


def network_of(display: type, estimator: Any) -> BaseMLP:
    """Return the fitted network that a display's ``from_estimator`` is called with."""
    check_matplotlib_support(f"{display.__name__}.from_estimator")
    network = estimator[-1] if isinstance(estimator, Pipeline) else estimator
    if not isinstance(network, BaseMLP):
        raise TypeError(
            "The 'estimator' parameter must be an MLPClassifier, an MLPRegressor or a Pipeline "
            f"that ends in one. Got {estimator!r} instead."
        )
    check_is_fitted(network)
    return network
