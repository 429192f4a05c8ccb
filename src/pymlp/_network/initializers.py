"""Initial weights and biases."""

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from .._system.arrays import Array, unwatched
from .parameters import Parameters

Draw = Callable[[int, int, np.random.RandomState], Array]

# variance of a weight: factor / fan; He et al. 2015, Glorot & Bengio 2010, LeCun et al. 1998
_VARIANCES: dict[str, Callable[[int, int], float]] = {
    "he": lambda n_in, n_out: 2 / n_in,  # noqa: ARG005
    "glorot": lambda n_in, n_out: 2 / (n_in + n_out),
    "lecun": lambda n_in, n_out: 1 / n_in,  # noqa: ARG005
}
NAMES = ("sklearn", "orthogonal", *(f"{n}_{d}" for n in _VARIANCES for d in ("normal", "uniform")))


def initialize(
    init: str | Draw,
    units: list[int],
    activations: list[str],
    random_state: np.random.RandomState,
    dtype: DTypeLike,
) -> Parameters:
    """Draw the parameters of a network.

    Parameters
    ----------
    init : str or callable
        One of `NAMES`, or ``init(n_in, n_out, random_state)`` that returns an array of shape
        ``(n_in, n_out)``.
    units : list of int
        Of the input and of each layer.
    activations : list of str
        The activation that decides 'sklearn's factor, one a layer.
    random_state : RandomState
        Drawn from layer by layer; for 'sklearn' in its order: weights, then biases.
    dtype : dtype
    """
    layers = list(pairwise(units))
    if init == "sklearn":
        drawn = [
            _sklearn(*layer, activation, random_state)
            for layer, activation in zip(layers, activations, strict=True)
        ]
        return Parameters([w for w, _ in drawn], [b for _, b in drawn]).cast(dtype)
    if callable(init):
        coefs = [_checked(init(*layer, random_state), layer, dtype) for layer in layers]
    elif init == "orthogonal":
        coefs = [_orthogonal(*layer, random_state) for layer in layers]
    else:
        coefs = [_scaled(init, *layer, random_state) for layer in layers]
    return Parameters(coefs, [np.zeros(n_out) for n_out in units[1:]]).cast(dtype)


def _sklearn(
    n_in: int, n_out: int, activation: str, random_state: np.random.RandomState
) -> tuple[Array, Array]:
    """Glorot & Bengio (2010), uniform, the biases too."""
    bound = np.sqrt((2.0 if activation == "logistic" else 6.0) / (n_in + n_out))
    coefs = random_state.uniform(-bound, bound, (n_in, n_out))
    return coefs, random_state.uniform(-bound, bound, n_out)


def _scaled(name: str, n_in: int, n_out: int, random_state: np.random.RandomState) -> Array:
    family, distribution = name.split("_")
    deviation = np.sqrt(_VARIANCES[family](n_in, n_out))
    if distribution == "normal":
        return random_state.normal(0.0, deviation, (n_in, n_out))
    bound = np.sqrt(3) * deviation  # a uniform distribution's variance is bound^2 / 3
    return random_state.uniform(-bound, bound, (n_in, n_out))


def _orthogonal(n_in: int, n_out: int, random_state: np.random.RandomState) -> Array:
    """Orthonormal rows or columns, whichever are fewer (Saxe, McClelland & Ganguli 2014)."""
    q, r = np.linalg.qr(random_state.normal(size=(max(n_in, n_out), min(n_in, n_out))))
    q = q * np.where(np.diag(r) < 0, -1.0, 1.0)  # otherwise QR's signs are not uniform
    return q if n_in >= n_out else q.T


def _checked(weights: Any, shape: tuple[int, int], dtype: DTypeLike) -> Array:
    wanted = f"The callable 'init' must return a finite array of shape {shape} = (n_in, n_out). "
    try:
        array = np.asarray(weights)
        if array.dtype.kind == "c":
            raise TypeError("complex numbers")
        with unwatched():
            array = array.astype(dtype)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{wanted}Got {weights!r} instead.") from error
    if array.shape != shape:
        raise ValueError(f"{wanted}Got one of shape {array.shape} instead.")
    if not np.isfinite(array).all():
        raise ValueError(f"{wanted}Got one with values that are infinite or NaN in {array.dtype}.")
    return array
