"""What a fitted network does: predict, show its hidden layers, go into files."""

from __future__ import annotations

import sys
from collections.abc import Callable
from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin, is_regressor
from sklearn.utils import Tags, estimator_html_repr
from sklearn.utils.validation import check_is_fitted

from .. import _core
from .._data.checks import validated
from .._data.targets import Target
from .._network.network import Network, loss_of_output
from .._network.parameters import Parameters
from .._network.summary import Summary, summarize
from .._system.arrays import Array
from .options import EstimatorOptions
from .saving import Savable
from .tasks import DURING_FIT


class derived:  # noqa: N801 # as property
    """A property in whose place a subclass's ``fit`` may set an attribute of its own."""

    def __init__(self, compute: Callable[[Any], Any]) -> None:
        self._compute = compute
        self.__doc__ = compute.__doc__

    def __get__(self, est: Any, kind: type | None = None) -> Any:
        return self if est is None else self._compute(est)


class FittedNetwork(Savable, ClassNamePrefixFeaturesOutMixin, TransformerMixin, EstimatorOptions):
    """The part of the estimators that needs no targets."""

    coefs_: list[Array]
    intercepts_: list[Array]
    averaged_coefs_: list[Array]
    averaged_intercepts_: list[Array]
    n_layers_: int
    n_outputs_: int
    out_activation_: str

    _target: Target

    def _network(self) -> Network:
        """What predicts: what was fitted, whatever the parameters have been set to since."""
        return Network(
            *self._predictive_weights(),
            self._units(),
            self._activations(self.n_layers_ - 2),
            self.out_activation_,
            self._target.groups,
            self._threads(),
            self._in_bf16(),
        )

    def _predictive_weights(self) -> tuple[Any, Any]:
        """Weights and biases as they are: those of the average, if one is kept."""
        if hasattr(self, "averaged_coefs_"):
            return self.averaged_coefs_, self.averaged_intercepts_
        return self.coefs_, self.intercepts_

    @derived
    def coef_(self) -> Array:
        """Weights of a network without hidden layers, as scikit-learn's linear models have them."""
        coef: Array = self._as_linear(self._only_layer("coef_")[0].T)
        return coef

    @derived
    def intercept_(self) -> Any:
        """Biases of a network without hidden layers."""
        return self._as_linear(self._only_layer("intercept_")[1])

    def _only_layer(self, name: str) -> tuple[Array, Array]:
        if not hasattr(self, "coefs_"):
            raise AttributeError(f"{name} is there after fit has been called.")
        (coef, *hidden), (intercept, *_) = self._predictive_weights()
        if hidden:
            raise AttributeError(
                f"{name} is that of a network without hidden layers, hidden_layer_sizes=(). This "
                f"{type(self).__name__} has {len(hidden)}: see coefs_ and intercepts_."
            )
        return coef, intercept

    def _as_linear(self, by_output: Array) -> Any:
        """Leave the outputs' axis out for a regressor of one target, as LinearRegression does."""
        return by_output[0] if is_regressor(self) and len(by_output) == 1 else by_output

    def _fitted_parameters(self) -> Parameters:
        """``coefs_`` and ``intercepts_``, which may have been set by hand."""
        return Parameters.checked(self.coefs_, self.intercepts_, self._units())

    def _units(self) -> list[int]:
        """Units of the input and of each layer as far as a fit has settled them, else 0."""
        hidden = [0] * (self.n_layers_ - 2)
        return [getattr(self, "n_features_in_", 0), *hidden, self.n_outputs_]

    def _outputs(self, X: Any, layer: int | None = None) -> Array:
        """Outputs of the network or of a hidden layer: (n_samples, n_units)."""
        if not hasattr(self, "coefs_"):  # scikit-learn's check takes longer than one row
            check_is_fitted(self)
        if type(X) is np.ndarray and not hasattr(self, "feature_names_in_"):
            # most calls: nothing to convert, to warn of or, which the engine looks into, to refuse;
            # and a `Network` takes as long as a tenth of a row
            n_hidden = self.n_layers_ - 2
            outputs = _core.predict_as_is(
                *self._predictive_weights(),
                X,
                self._units(),
                self._activations(n_hidden)[: n_hidden if layer is None else layer + 1],
                loss_of_output("identity")
                if layer is not None
                else loss_of_output(self.out_activation_, self._target.groups),
                n_hidden + 1 if layer is None else layer + 1,
                self._threads(),
                self._in_bf16(),
            )
            if outputs is not None:
                return outputs
        network = self._network()
        dtype = network.parameters().coefs[0].dtype
        return network.predict(validated(self, X, types=[dtype], reset=False), layer)

    def hidden_activations(self, X: ArrayLike, layer: int = -1) -> Array:
        """Compute what a hidden layer puts out.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Data, computed in the type of the weights.
        layer : int, default=-1
            Which hidden layer; 0 is the first, negative numbers count from the last.

        Returns
        -------
        ndarray of shape (n_samples, n_units)
            Outputs of the layer's activation.

        Raises
        ------
        NotFittedError
            Before `fit`.
        ValueError
            If there is no such layer, or X does not have the fitted features or is not finite.
        """
        check_is_fitted(self)
        n_hidden = self.n_layers_ - 2
        if not isinstance(layer, Integral) or not -n_hidden <= layer < n_hidden:
            raise ValueError(
                f"layer must be among the network's {n_hidden} hidden layers, counted from 0 or "
                f"from -1 backwards. Got {layer!r} instead."
            )
        return self._outputs(X, range(n_hidden)[layer])

    def transform(self, X: ArrayLike) -> Array:
        """Compute the outputs of the last hidden layer: features that the network has learned.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Data, computed in the type of the weights.

        Returns
        -------
        ndarray of shape (n_samples, n_units)
            ``hidden_activations(X)``.
        """
        return self.hidden_activations(X)

    def summary(self) -> Summary:
        """Tabulate the layers: output shape, parameters, activation, dropout; and the totals.

        Returns
        -------
        Summary
            Prints as a table; a notebook shows it as HTML at the end of a cell. 'hidden k' has
            the weights ``coefs_[k]``. Sizes in bytes are in powers of 1024.

        Raises
        ------
        NotFittedError
            Before `fit`.

        Examples
        --------
        >>> from pymlp import MLPClassifier
        >>> from sklearn.datasets import load_digits
        >>> X, y = load_digits(return_X_y=True)
        >>> clf = MLPClassifier((64, 32), dropout=[0.2, 0], tol=9, n_iter_no_change=1)
        >>> print(clf.fit(X, y).summary())
        MLPClassifier
        layer     output shape  parameters  activation  dropout
        -------------------------------------------------------
        input     (None, 64)             0
        hidden 0  (None, 64)         4,160  relu            0.2
        hidden 1  (None, 32)         2,080  relu              0
        output    (None, 10)           330  softmax
        -------------------------------------------------------
        Total parameters: 6,570 (51.33 KB, float64)
        """
        check_is_fitted(self)
        rates = self._dropout_rates(self.n_layers_ - 2)
        return summarize(
            type(self).__name__, self._network(), rates, averaged=hasattr(self, "averaged_coefs_")
        )

    def get_feature_names_out(self, input_features: Any = None) -> Array:
        """Get output feature names for transformation. No input features are needed."""
        # scikit-learn's diagrams would say "50 features" below a network that is there to predict
        if sys._getframe(1).f_globals.get("__name__") == estimator_html_repr.__module__:
            raise AttributeError("get_feature_names_out")
        return np.asarray(super().get_feature_names_out(input_features))

    @property
    def _n_features_out(self) -> int:
        """Columns of `transform`, for ``get_feature_names_out``."""
        return int(self.coefs_[-1].shape[0])

    # --- scikit-learn's protocols ----------------------------------------------------------------

    def __dir__(self) -> list[str]:
        # scikit-learn's diagrams would show attributes that this network has not
        properties = ("coef_", "intercept_", "learning_rate_")
        absent = {name for name in properties if not hasattr(self, name)}
        return [name for name in super().__dir__() if name not in absent]

    def __getstate__(self) -> dict[str, Any]:
        state = dict(super().__getstate__())
        # a fit's, and those of who fits several
        for name in (*DURING_FIT, "_parent_callback_ctx", "_sound", "_checked"):
            state.pop(name, None)
        optimizer = state.get("_optimizer")
        if optimizer is not None and self.warm_start != "full" and not optimizer.is_pickled:
            state["_optimizer"] = optimizer.without_moments()
        return state

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.target_tags.multi_output = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags


def network_of(estimator: FittedNetwork) -> Network:
    """The network that a fitted estimator predicts with."""
    return estimator._network()


def target_of(estimator: Any) -> Target:
    """What a fitted estimator's outputs mean, or an ensemble's."""
    target: Target = estimator._target
    return target


def predictor_of(estimator: Any) -> tuple[list[Network], Target]:
    """All that a fitted estimator or ensemble predicts with: the networks, and what they mean."""
    members = getattr(estimator, "estimators_", [estimator])
    return [network_of(member) for member in members], target_of(estimator)
