"""The engine's loss for what a person asked for."""

from functools import cache
from typing import TYPE_CHECKING

from .._core import Loss

if TYPE_CHECKING:
    from .labels import Target

CLASSIFICATION = {"log_loss": "cross_entropy", "focal": "focal", "hinge": "hinge"}
REGRESSION = (
    "squared_error",
    "absolute_error",
    "huber",
    "pinball",
    "log_cosh",
    "poisson",
    "gamma",
)


def classification_loss(
    loss: str, target: "Target", *, label_smoothing: float, focal_gamma: float
) -> Loss:
    """Loss of a classifier.

    Parameters
    ----------
    loss : {'log_loss', 'focal', 'hinge'}
    target : Target
        Decides between one logistic an output and one softmax a group of outputs.
    label_smoothing, focal_gamma : float
    """
    softmax = target.family == "softmax"
    return Loss(
        f"{target.family}_{CLASSIFICATION[loss]}",
        groups=list(target.groups),
        smoothing=float(label_smoothing) if softmax else 0.0,  # else it lies in the targets
        focusing=float(focal_gamma),
    )


@cache
def loss_of_output(activation: str, groups: tuple[int, ...] = ()) -> Loss:
    """Find a loss with this output activation, which is all that predictions need of it."""
    if activation == "softmax":
        return Loss("softmax_cross_entropy", groups=list(groups))
    named = {"logistic": "logistic_cross_entropy", "identity": "squared_error", "exp": "poisson"}
    return Loss(named[activation])
