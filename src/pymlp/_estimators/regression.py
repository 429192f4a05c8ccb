"""What a regressor does; `MLPRegressor` adds the parameters."""

from __future__ import annotations

import os
from functools import cached_property
from numbers import Real
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import _fit_context
from sklearn.utils.metaestimators import available_if

from .._core import Loss
from .._data.real_targets import RealTargets, as_numbers, checked_targets_of, n_targets_of
from .._data.samples import Given
from .._resume.checkpoint import Checkpoint
from .._system.arrays import Array
from .._system.messages import warn
from .base import BaseMLP
from .inputs import given_validation_set
from .options import is_stochastic
from .targets import TargetsMixin

LARGE = 1e6  # mean absolute target from which on a fit warns


class Regressor(TargetsMixin, BaseMLP):
    """Real targets, and quantiles of them, around the network of `BaseMLP`."""

    loss: str
    quantile: float | list[float]
    huber_delta: float
    _y_numeric = True

    @cached_property
    def _target(self) -> RealTargets:  # type: ignore[override] # it can be set as any attribute
        """What a fit has set, or what follows from attributes that were set by hand."""
        return RealTargets.of_outputs(self.n_outputs_, self.loss, self.quantile)

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(
        self,
        X: ArrayLike,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        *,
        X_val: ArrayLike | None = None,
        y_val: ArrayLike | None = None,
        sample_weight_val: ArrayLike | None = None,
        resume: str | os.PathLike[str] | Checkpoint | None = None,
    ) -> Self:
        """Train from new weights, or with ``warm_start`` from the present ones.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Training data; float32 is trained in float32, anything else in float64, unless
            `precision` says otherwise. An array of real numbers is never copied, whatever its
            type (of at most 64 bits) and strides; it may be memory-mapped.
        y : array-like of shape (n_samples,) or (n_samples, n_targets)
            Targets, computed in X's type.
        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative weights; None weighs all samples 1.
        X_val : {array-like, sparse matrix} of shape (n_validation, n_features), default=None
            Validation set: scored after every epoch, and used by early stopping.
        y_val : array-like of shape (n_validation,) or (n_validation, n_targets), default=None
            Targets of the validation set.
        sample_weight_val : array-like of shape (n_validation,), default=None
            Weights of the validation set.
        resume : str, path-like or Checkpoint, default=None
            File in which the fit stores its state, and from which the same call goes on. After a
            crash that ends, to the last bit, as if nothing had happened; after the fit's end it
            returns the model at once. The file need not exist; one of a fit with other data or
            parameters is refused. A path stands for ``Checkpoint(path)``, which writes every ten
            seconds. A `random_state` that is no integer is set to that of the file. Not for
            'lbfgs'.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        ValueError
            If a parameter or the data are not valid, or if the first epoch diverges. The
            estimator is then as it was before the call. If `resume` is a file of another fit, or
            a damaged one.
        ImportError
            With `resume`, without safetensors: ``pip install "pymlp[files]"``.
        OSError
            If the file of `resume` cannot be read, or its folder not written to.
        MemoryError
            If there is less memory than the network needs.

        Warns
        -----
        ConvergenceWarning
            If `max_iter` is reached, or if a loss stops being finite: training then ends and
            the weights of the last finite epoch are kept.
        RuntimeWarning
            If the file of `resume` cannot be written amid the fit, which goes on.
        UserWarning
            If targets are in the millions, which only 'lbfgs' and the losses with an exp reach.
        """
        given_val = given_validation_set(X_val, y_val, sample_weight_val)
        return self._fit(Given(X, y, sample_weight), given_val, resume=resume)

    @available_if(is_stochastic)
    @_fit_context(prefer_skip_nested_validation=True)
    def partial_fit(
        self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> Self:
        """Train one epoch, going on from the present weights and optimizer state.

        As in scikit-learn, the learning rate and its schedule are those of the first call.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Training data.
        y : array-like of shape (n_samples,) or (n_samples, n_targets)
            Targets.
        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative weights; None weighs all samples 1.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        ValueError
            If a parameter or the data are not valid, with ``early_stopping=True``, or if the
            epoch diverges; the weights then stay as they were.
        """
        return self._fit(Given(X, y, sample_weight), incremental=True)

    def predict(self, X: ArrayLike) -> Array:
        """Predict targets.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Data, computed in the type of the weights.

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_targets)
            Predictions; if `quantile` is a list, (n_samples, n_quantiles) or
            (n_samples, n_targets, n_quantiles), where no quantile is below a lower one [1]_. A
            row does not depend on the other rows of the call, to the last bit.

        Raises
        ------
        NotFittedError
            Before `fit`.
        ValueError
            If X does not have the fitted features or is not finite, or if an output is NaN.

        References
        ----------
        .. [1] Chernozhukov, Fernandez-Val & Galichon, "Quantile and probability curves without
           crossing", Econometrica 78 (2010): sorting brings them no further from the truth.
        """
        outputs = self._outputs(X)
        return self._target.decode(outputs)

    # --- hooks of BaseMLP ------------------------------------------------------------------------

    def _check_options(self) -> None:
        super()._check_options()
        if self.loss != "pinball" and not isinstance(self.quantile, Real):
            raise ValueError(
                "The 'quantile' parameter can only be a list with loss='pinball': with "
                f"loss={self.loss!r} it must be a number. Got {self.quantile!r} instead."
            )
        if self.loss == "pinball" and not isinstance(self.quantile, Real):
            levels = np.asarray(self.quantile)
            sound = levels.ndim == 1 and levels.size > 0 and levels.dtype.kind == "f"
            if not sound or not (np.diff([0.0, *levels, 1.0]) > 0).all():
                raise ValueError(
                    "The 'quantile' parameter must be a number or a list of ascending numbers, in "
                    f"the range (0.0, 1.0). Got {self.quantile!r} instead."
                )

    def _as_read(self, y: Any) -> Any:
        return as_numbers(y)

    def _checked_y(self, y: Any) -> Array:
        return checked_targets_of(self.loss, y)

    def _set_target(self, y: Array, classes: Any, *, incremental: bool) -> None:  # noqa: ARG002
        self._target = RealTargets.of(n_targets_of(y), self.loss, self.quantile)
        if not incremental and not (self.warm_start and hasattr(self, "coefs_")):
            self._warn_of_scale(y)

    def _warn_of_scale(self, y: Array) -> None:
        """Warn of targets that the solver's steps do not reach from outputs near 0."""
        if self.solver == "lbfgs" or self._engine_loss().output != "identity":
            return  # whose steps have any length, or multiply
        with np.errstate(over="ignore"):
            scale = np.abs(y, dtype=np.float64).mean(axis=0).max()
        if scale >= LARGE:
            warn(
                f"y has values of about {scale:.2g}, which solver={self.solver!r} may not reach: "
                "it moves the outputs, which begin near 0, by small steps. Scale y, for instance "
                "by sklearn.compose.TransformedTargetRegressor(regressor, "
                "transformer=StandardScaler())."
            )

    def _engine_loss(self) -> Loss:
        return self._target.loss(delta=self.huber_delta)
