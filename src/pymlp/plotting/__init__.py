"""Pictures of fits and networks, by scikit-learn's display conventions; needs matplotlib.

``XDisplay.from_estimator(est, ...)`` draws at once, into new axes or into ``ax``, and returns the
display: its ``ax_`` and ``figure_`` and the artists it drew are there to be changed, ``plot`` draws
again. Instead of an estimator, a `Pipeline` that ends in one will do. matplotlib is imported when
something is drawn.
"""

from ._boundary import BoundaryDisplay
from ._gradient_flow import GradientFlowDisplay
from ._history import HistoryDisplay
from ._network import NetworkDisplay
from ._output_weights import OutputWeightsDisplay
from ._weights import WeightsDisplay

__all__ = [
    "BoundaryDisplay",
    "GradientFlowDisplay",
    "HistoryDisplay",
    "NetworkDisplay",
    "OutputWeightsDisplay",
    "WeightsDisplay",
]
