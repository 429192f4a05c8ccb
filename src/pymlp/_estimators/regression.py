"""What a regressor does; `MLPRegressor` adds the parameters."""

from __future__ import annotations

import os
from numbers import Real
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import _fit_context
from sklearn.metrics import r2_score
from sklearn.utils import column_or_1d
from sklearn.utils.metaestimators import available_if

from .._core import Loss
from .._data.validation import converted
from .._fit.engine import Engine, Samples
from .._fit.optimizer import is_stochastic
from .._resume.checkpoint import Checkpoint
from .._system.arrays import Array
from .base import BaseMLP
from .quantiles import TargetsMixin, by_target, checked_targets, pinball_score


class Regressor(TargetsMixin, BaseMLP):
    """Real targets, and quantiles of them, around the network of `BaseMLP`."""

    loss: str
    quantile: float | list[float]
    huber_delta: float
    _y_numeric = True
    _quantiles: list[float] | None = None  # of a list; a single one changes no shape

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
        """
        return self._fit(
            X,
            y,
            sample_weight,
            X_val=X_val,
            y_val=y_val,
            sample_weight_val=sample_weight_val,
            resume=resume,
        )

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
        return self._fit(X, y, sample_weight, incremental=True)

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
        if self._quantiles is not None:
            quantiles = by_target(outputs, len(self._quantiles))
            return quantiles[:, 0] if quantiles.shape[1] == 1 else quantiles
        return outputs.ravel() if outputs.shape[1] == 1 else outputs

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

    def _validate_target(self, y: Any) -> Array:
        y = checked_targets(y)
        if self.loss == "poisson" and (y < 0).any():
            raise ValueError(f"loss='poisson' requires y >= 0, got a minimum of {y.min()}.")
        if self.loss == "gamma" and (y <= 0).any():
            raise ValueError(f"loss='gamma' requires y > 0, got a minimum of {y.min()}.")
        target: Array = column_or_1d(y, warn=True) if y.ndim == 2 and y.shape[1] == 1 else y
        return target

    def _set_target(self, y: Array, *, incremental: bool) -> None:  # noqa: ARG002
        self._quantiles = self._levels = None
        if self.loss == "pinball":
            self._levels = [float(q) for q in np.atleast_1d(self.quantile)]
            self._quantiles = None if isinstance(self.quantile, Real) else self._levels
        self.n_outputs_ = _n_targets(y) * len(self._quantiles or [0])

    def _check_known(self, y: Array, name: str) -> None:
        n_targets = self.n_outputs_ // len(self._quantiles or [0])
        if _n_targets(y) != n_targets:
            raise ValueError(f"{name} has {_n_targets(y)} outputs, but y has {n_targets}.")

    def _encode(self, y: Array, dtype: Any) -> Array:
        columns = np.repeat(y.reshape(len(y), -1), len(self._quantiles or [0]), axis=1)
        targets = converted(columns, dtype, "y")
        if self.loss == "gamma" and (targets < np.finfo(dtype).tiny).any():  # rounded to 0
            raise ValueError(
                f"loss='gamma' requires y > 0 in {np.dtype(dtype)}, got a minimum of {y.min()}."
            )
        return targets

    def _engine_loss(self) -> Loss:
        n_targets = self.n_outputs_ // len(self._quantiles or [0])
        quantiles = (self._levels or []) * n_targets
        return Loss(self.loss, delta=float(self.huber_delta), quantiles=quantiles)

    def _score_column(self) -> str:
        return "val_d2_pinball" if self.loss == "pinball" else "val_r2"

    def _validation_metrics(
        self, engine: Engine, samples: Samples, rows: Array | None
    ) -> dict[str, float]:
        outputs = engine.predict(samples.X, rows)
        _, y, weight = samples
        if rows is not None:
            y, weight = y[rows], None if weight is None else weight[rows]
        score = np.nan
        if np.isfinite(outputs).all():
            with np.errstate(over="ignore"):  # a fit on its way to diverge
                if self.loss == "pinball":
                    targets = y[:, :: len(self._quantiles or [0])]
                    score = pinball_score(targets, outputs, weight, self._levels or [])
                else:
                    score = float(r2_score(y, outputs, sample_weight=weight))
        return {"val_loss": engine.evaluate(samples, rows)[0], self._score_column(): score}


def _n_targets(y: Array) -> int:
    return 1 if y.ndim == 1 else int(y.shape[1])
