"""A network that predicts: what is saved, replayed, exported and drawn."""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple

import numpy as np
from sklearn import get_config

from .. import _core
from .._system.arrays import Array
from .._system.memory import check_memory
from .parameters import Parameters


class Network(NamedTuple):
    """The weights that predict, and what is computed with them.

    Parameters
    ----------
    coefs, intercepts : list of array-like
        As an estimator holds them, where they may have been set by hand.
    units : list of int
        Units of the input and of each layer as far as they are settled, else 0.
    activations : list of str
        Of the hidden layers.
    output : {'identity', 'logistic', 'softmax', 'exp'}
        Activation of the output.
    groups : tuple of int, default=()
        Boundaries of the groups of outputs that each make up a softmax; empty for one group.
    n_threads : int, default=0
        0 for OpenMP's number.
    bf16 : bool, default=False
        Do products read numbers rounded to bfloat16?
    """

    coefs: Any
    intercepts: Any
    units: list[int]
    activations: list[str]
    output: str
    groups: tuple[int, ...] = ()
    n_threads: int = 0
    bf16: bool = False

    def parameters(self) -> Parameters:
        """The weights, checked."""
        return Parameters.checked(self.coefs, self.intercepts, self.units)

    def without_output_activation(self) -> Network:
        """The network that puts out its last pre-activations."""
        return self._replace(output="identity", groups=())

    def _as_far_as(self, layer: int | None) -> tuple[int, list[str], _core.Loss]:
        """Number of layers, their activations, and a loss with that of the last one."""
        if layer is None:
            loss = loss_of_output(self.output, self.groups)
            return len(self.units) - 1, self.activations, loss
        return layer + 1, self.activations[: layer + 1], loss_of_output("identity")

    def predict_as_is(self, X: Array, layer: int | None = None) -> Array | None:
        """`predict` for an array that was not checked; None where a check has something to say."""
        n_layers, activations, loss = self._as_far_as(layer)
        return _core.predict_as_is(
            self.coefs,
            self.intercepts,
            X,
            self.units,
            activations,
            loss,
            n_layers,
            self.n_threads,
            self.bf16,
        )

    def predict(self, X: Any, layer: int | None = None) -> Array:
        """Compute what the network puts out, or one of its hidden layers: (n_samples, n_units).

        Parameters
        ----------
        X : array or CSR matrix of shape (n_samples, n_features)
            Checked.
        layer : int or None, default=None
            A hidden layer, counted from 0.

        Raises
        ------
        ValueError
            If an output is NaN, or the weights are not finite or do not fit each other.
        """
        outputs = self.predict_as_is(X, layer) if type(X) is np.ndarray else None
        if outputs is not None:
            return outputs
        parameters = self.parameters()
        n_layers, activations, loss = self._as_far_as(layer)
        coefs, intercepts = parameters.coefs[:n_layers], parameters.intercepts[:n_layers]
        n_bytes = X.shape[0] * coefs[-1].shape[1] * coefs[-1].itemsize
        check_memory(n_bytes, f"The output of {coefs[-1].shape[1]} units for {X.shape[0]} rows")
        outputs = _core.predict(coefs, intercepts, X, activations, loss, self.n_threads, self.bf16)
        if np.isnan(outputs).any() and not get_config()["assume_finite"]:
            parameters.check_finite()
            row = int(np.isnan(outputs).any(axis=1).argmax())
            precision = "bfloat16" if self.bf16 else outputs.dtype
            raise ValueError(
                f"The output for row {row} of X overflows {precision}: X or the weights are too "
                "large. Scale X, or train with a smaller learning rate."
            )
        return outputs


@cache
def loss_of_output(activation: str, groups: tuple[int, ...] = ()) -> _core.Loss:
    """Find a loss with this output activation, which is all that predictions need of it."""
    if activation == "softmax":
        return _core.Loss("softmax_cross_entropy", groups=list(groups))
    named = {"logistic": "logistic_cross_entropy", "identity": "squared_error", "exp": "poisson"}
    return _core.Loss(named[activation])
