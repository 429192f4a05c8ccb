"""What a regressor does; `MLPRegressor` adds the parameters."""

from __future__ import annotations

from functools import cached_property
from numbers import Real
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import _fit_context
from sklearn.utils.metaestimators import available_if

from .._core import Loss
from .._data.real_targets import RealTargets, as_numbers, checked_targets_of, n_targets_of
from .._data.samples import Given, Samples
from .._system.arrays import Array
from .._system.elsewhere import elsewhere
from .._system.messages import warn
from .answers import OF_PARTIAL_FIT
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

    @available_if(is_stochastic)
    @_fit_context(prefer_skip_nested_validation=True)
    @elsewhere(**OF_PARTIAL_FIT)
    def partial_fit(
        self,
        X: ArrayLike,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        *,
        X_val: ArrayLike | None = None,
        y_val: ArrayLike | None = None,
        sample_weight_val: ArrayLike | None = None,
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
        X_val : {array-like, sparse matrix} of shape (n_validation, n_features), default=None
            Validation set: scored after the epoch, into `history_`.
        y_val : array-like of shape (n_validation,) or (n_validation, n_outputs), default=None
            Labels or targets of the validation set.
        sample_weight_val : array-like of shape (n_validation,), default=None
            Weights of the validation set.

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
        given_val = given_validation_set(X_val, y_val, sample_weight_val)
        return self._fit(Given(X, y, sample_weight), given_val, incremental=True)

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

    # --- what differs from the other estimator ---------------------------------------------------

    def _idle(self, *, is_validated: bool) -> dict[str, str]:
        needs = {"quantile": "pinball", "huber_delta": "huber"}
        of_loss = {name: f"loss={loss!r}" for name, loss in needs.items() if self.loss != loss}
        return super()._idle(is_validated=is_validated) | of_loss

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

    def _training_set(
        self, given: Given, types: list[Any], *, reset: bool, incremental: bool
    ) -> tuple[Samples, Samples]:
        trained, plain = super()._training_set(given, types, reset=reset, incremental=incremental)
        if reset and not incremental:
            self._warn_of_scale(plain.y)
        return trained, plain

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
