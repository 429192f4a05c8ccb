"""What a fitted network does: predict, show its hidden layers, go into files."""

from __future__ import annotations

import sys
from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn import get_config
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils import Tags, estimator_html_repr
from sklearn.utils.validation import check_is_fitted

from .. import _core
from .._data.losses import loss_of_output
from .._data.validation import validated
from .._network.parameters import Parameters
from .._network.summary import Summary, summarize
from .._system.arrays import Array
from .._system.memory import check_memory
from .options import EstimatorOptions
from .saving import Savable
from .tasks import DURING_FIT


class FittedNetwork(Savable, ClassNamePrefixFeaturesOutMixin, TransformerMixin, EstimatorOptions):
    """The part of the estimators that needs no targets."""

    coefs_: list[Array]
    intercepts_: list[Array]
    averaged_coefs_: list[Array]
    averaged_intercepts_: list[Array]
    n_layers_: int
    n_outputs_: int
    out_activation_: str

    def _validate_X(self, X: Any, dtype: Any) -> Any:  # noqa: N802
        """Check X, to be computed in a type, against the fitted features."""
        return validated(self, X, types=[dtype], reset=False)

    def _softmax_groups(self) -> tuple[int, ...]:
        """Boundaries of the groups of outputs that each make up a softmax; empty for one group."""
        return ()

    def _check_is_fitted(self) -> None:
        if not hasattr(self, "coefs_"):  # scikit-learn's check takes longer than one row
            check_is_fitted(self)

    def _outputs(self, X: Any) -> Array:
        """Outputs of the network: (n_samples, n_outputs)."""
        self._check_is_fitted()
        return self._run(X, self.n_layers_ - 1, self._output())

    def _output(self) -> _core.Loss:
        """What was fitted, whatever the parameters have been set to since."""
        return loss_of_output(self.out_activation_, self._softmax_groups())

    def _run(self, X: Any, n_layers: int, loss: _core.Loss) -> Array:
        """Outputs of the first layers: (n_samples, n_units)."""
        activations = self._activations(self.n_layers_ - 2)[:n_layers]
        if type(X) is np.ndarray and not hasattr(self, "feature_names_in_"):
            # most calls: nothing to convert, to warn of or, which the engine looks into, to refuse
            outputs = _core.predict_as_is(
                *self._predictive_weights(),
                X,
                self._units(),
                activations,
                loss,
                n_layers,
                self._threads(),
                self._in_bf16(),
            )
            if outputs is not None:
                return outputs
        parameters = self._predictive_parameters()
        X = self._validate_X(X, parameters.coefs[0].dtype)
        last = parameters.coefs[n_layers - 1]
        n_bytes = X.shape[0] * last.shape[1] * last.itemsize
        check_memory(n_bytes, f"The output of {last.shape[1]} units for {X.shape[0]} rows")
        return self._computed(parameters, X, n_layers, loss)

    def _computed(self, parameters: Parameters, X: Any, n_layers: int, loss: _core.Loss) -> Array:
        """Outputs of the first layers of a network for an X that has been checked."""
        outputs = _core.predict(
            parameters.coefs[:n_layers],
            parameters.intercepts[:n_layers],
            X,
            self._activations(self.n_layers_ - 2)[:n_layers],
            loss,
            self._threads(),
            self._in_bf16(),
        )
        if np.isnan(outputs).any() and not get_config()["assume_finite"]:
            parameters.check_finite()
            row = int(np.isnan(outputs).any(axis=1).argmax())
            raise ValueError(
                f"The output for row {row} of X overflows {self.precision or outputs.dtype}: X or "
                "the weights are too large. Scale X, or train with a smaller learning rate."
            )
        return outputs

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
        self._check_is_fitted()
        n_hidden = self.n_layers_ - 2
        if not isinstance(layer, Integral) or not -n_hidden <= layer < n_hidden:
            raise ValueError(
                f"layer must be among the network's {n_hidden} hidden layers, counted from 0 or "
                f"from -1 backwards. Got {layer!r} instead."
            )
        return self._run(X, range(n_hidden)[layer] + 1, loss_of_output("identity"))

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
        n_hidden = self.n_layers_ - 2
        return summarize(
            type(self).__name__,
            self._fitted_parameters(),
            [*self._activations(n_hidden), self.out_activation_],
            self._dropout_rates(n_hidden),
            averaged=hasattr(self, "averaged_coefs_"),
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

    def _fitted_parameters(self) -> Parameters:
        """``coefs_`` and ``intercepts_``, which may have been set by hand."""
        return self._checked_parameters(self.coefs_, self.intercepts_)

    def _predictive_parameters(self) -> Parameters:
        """The parameters that predict."""
        return self._checked_parameters(*self._predictive_weights())

    def _predictive_weights(self) -> tuple[Any, Any]:
        """Their lists as they are: those of the average, if one is kept."""
        if hasattr(self, "averaged_coefs_"):
            return self.averaged_coefs_, self.averaged_intercepts_
        return self.coefs_, self.intercepts_

    def _checked_parameters(self, coefs: Any, intercepts: Any) -> Parameters:
        return Parameters.checked(coefs, intercepts, self._units())

    def _units(self) -> list[int]:
        """Units of the input and of each layer as far as a fit has settled them, else 0."""
        hidden = [0] * (self.n_layers_ - 2)
        return [getattr(self, "n_features_in_", 0), *hidden, self.n_outputs_]

    # --- scikit-learn's protocols ----------------------------------------------------------------

    def __getstate__(self) -> dict[str, Any]:
        state = dict(super().__getstate__())
        for name in (*DURING_FIT, "_parent_callback_ctx", "_sound"):  # a fit's, a meta-estimator's
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
