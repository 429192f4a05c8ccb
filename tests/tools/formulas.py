"""Activations and losses with their derivatives, as the papers write them, in float64 NumPy."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import special, stats

Array = NDArray[Any]
Loss = Callable[[Array, Array], tuple[Array, Array]]  # (z, y) -> each row's loss, its gradient by z

# --- activations: name -> (f(z), f'(z)) ---------------------------------------------------------

SELU, SELU_ALPHA = 1.0507009873554805, 1.6732632423543772


def _softplus(z: Array) -> Array:
    return np.logaddexp(0, z)


def _mish_slope(z: Array) -> Array:
    t = np.tanh(_softplus(z))
    return t + z * (1 - t**2) * special.expit(z)


ACTIVATIONS: dict[str, tuple[Callable[[Array], Array], Callable[[Array], Array]]] = {
    "identity": (lambda z: z, np.ones_like),
    "logistic": (special.expit, lambda z: special.expit(z) * special.expit(-z)),
    "tanh": (np.tanh, lambda z: 1 / np.cosh(z) ** 2),
    "relu": (lambda z: np.maximum(z, 0), lambda z: (z > 0) * 1.0),
    "leaky_relu": (lambda z: np.where(z > 0, z, 0.01 * z), lambda z: np.where(z > 0, 1, 0.01)),
    "elu": (lambda z: np.where(z > 0, z, np.expm1(z)), lambda z: np.where(z > 0, 1, np.exp(z))),
    "selu": (
        lambda z: SELU * np.where(z > 0, z, SELU_ALPHA * np.expm1(z)),
        lambda z: SELU * np.where(z > 0, 1, SELU_ALPHA * np.exp(z)),
    ),
    "gelu": (lambda z: z * special.ndtr(z), lambda z: special.ndtr(z) + z * stats.norm.pdf(z)),
    "silu": (
        lambda z: z * special.expit(z),
        lambda z: special.expit(z) * (1 + z * special.expit(-z)),
    ),
    "mish": (lambda z: z * np.tanh(_softplus(z)), _mish_slope),
    "softplus": (_softplus, special.expit),
    "hard_sigmoid": (lambda z: np.clip((z + 3) / 6, 0, 1), lambda z: (np.abs(z) < 3) / 6),
}

# --- losses: y (batch, n_outputs), of classes as one-hot rows -----------------------------------


def softmax_log_loss(z: Array, y: Array) -> tuple[Array, Array]:
    """Cross-entropy with any distribution over the classes."""
    return -(y * special.log_softmax(z, axis=1)).sum(axis=1), special.softmax(z, axis=1) - y


def softmax_focal(gamma: float) -> Loss:
    """Lin et al. 2017, through dL/dp and dp/dz."""

    def loss(z: Array, y: Array) -> tuple[Array, Array]:
        p = (special.softmax(z, axis=1) * y).sum(axis=1, keepdims=True)  # of the right class
        dp = gamma * (1 - p) ** (gamma - 1) * np.log(p) - (1 - p) ** gamma / p
        gradient = dp * p * (y - special.softmax(z, axis=1))
        return -((1 - p) ** gamma * np.log(p)).ravel(), gradient

    return loss


def softmax_hinge(z: Array, y: Array) -> tuple[Array, Array]:
    """Crammer & Singer 2001."""
    rival = np.where(y > 0, -np.inf, z).argmax(axis=1)
    margin = 1 + z[np.arange(len(z)), rival] - (z * y).sum(axis=1)
    return np.maximum(margin, 0), (margin > 0)[:, None] * (np.eye(z.shape[1])[rival] - y)


def logistic_log_loss(z: Array, y: Array) -> tuple[Array, Array]:
    """Cross-entropy of each output on its own; y in [0, 1]."""
    return (np.logaddexp(0, z) - y * z).sum(axis=1), special.expit(z) - y


def logistic_focal(gamma: float) -> Loss:
    """As `softmax_focal`, with the probability of the right answer."""

    def loss(z: Array, y: Array) -> tuple[Array, Array]:
        side = 2 * y - 1
        p = special.expit(side * z)
        dp = gamma * (1 - p) ** (gamma - 1) * np.log(p) - (1 - p) ** gamma / p
        return -((1 - p) ** gamma * np.log(p)).sum(axis=1), side * dp * p * (1 - p)

    return loss


def logistic_hinge(z: Array, y: Array) -> tuple[Array, Array]:
    """With targets 0 and 1 for -1 and 1."""
    side = 2 * y - 1
    return np.maximum(0, 1 - side * z).sum(axis=1), -side * (side * z < 1)


def squared_error(z: Array, y: Array) -> tuple[Array, Array]:
    """scikit-learn's convention: the mean over the outputs, and the gradient of their sum."""
    return ((z - y) ** 2 / 2).mean(axis=1), z - y


def elementwise(
    value: Callable[[Array, Array], Array], slope: Callable[[Array, Array], Array]
) -> Loss:
    """Sum of a function of each output."""
    return lambda z, y: (value(z, y).sum(axis=1), slope(z, y))


REGRESSION: dict[str, Loss] = {
    "squared_error": squared_error,
    "absolute_error": elementwise(lambda z, y: np.abs(z - y), lambda z, y: np.sign(z - y)),
    "huber": elementwise(  # delta 0.3
        lambda z, y: special.huber(0.3, z - y), lambda z, y: np.clip(z - y, -0.3, 0.3)
    ),
    "log_cosh": elementwise(lambda z, y: np.log(np.cosh(z - y)), lambda z, y: np.tanh(z - y)),
    "poisson": elementwise(
        lambda z, y: special.xlogy(y, y) - y * z - y + np.exp(z), lambda z, y: np.exp(z) - y
    ),
    "gamma": elementwise(
        lambda z, y: z - np.log(y) + y * np.exp(-z) - 1, lambda z, y: 1 - y * np.exp(-z)
    ),
}


def pinball(levels: Array) -> Loss:
    """Koenker & Bassett 1978: a quantile for each output."""
    return elementwise(
        lambda z, y: np.maximum(levels * (y - z), (levels - 1) * (y - z)),
        lambda z, y: (z > y) - levels,
    )
