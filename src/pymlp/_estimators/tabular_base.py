"""Ensembles that take tables as they come: an encoder, the recipe, and what they predict."""

from __future__ import annotations

from abc import abstractmethod
from numbers import Integral, Real
from typing import Any, ClassVar, Self

import numpy as np
from sklearn.base import ClassifierMixin, clone
from sklearn.metrics import get_scorer_names
from sklearn.utils import Tags
from sklearn.utils._param_validation import Interval

from .._core import ExpandedRows, Expansion
from .._data.checks import naming
from .._data.samples import Given
from .._system.arrays import Array
from .._system.params import one_of
from ..preprocessing import TableEncoder
from ..preprocessing._encoder import MANY_ROWS
from .base import BaseMLP
from .ensemble_base import Ensemble
from .options import EstimatorOptions

OF_MEMBERS = (  # parameters that are the members' own
    *("hidden_layer_sizes", "activation", "batch_size", "learning_rate", "learning_rate_init"),
    *("max_iter", "n_iter_no_change", "validation_fraction", "dropout", "weight_decay", "scoring"),
    "precision",
)
SMALL_BATCH, LARGE_BATCH = 32, 64
OF_ENCODER = ("categorical_features", "n_bins", "max_levels")


class Tabular(Ensemble):
    """Base of the estimators for tables; use `TabularClassifier` or `TabularRegressor`."""

    encoder_: TableEncoder

    _n_samples = 0  # of the last fit
    bootstrap = False  # members differ by the rows that they hold out, too
    categorical_features: Any
    n_bins: int | str
    max_levels: int
    verbose: bool

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **{name: EstimatorOptions._parameter_constraints[name] for name in OF_MEMBERS},
        **{name: Ensemble._parameter_constraints[name] for name in ("n_estimators", "n_threads")},
        **{name: TableEncoder._parameter_constraints[name] for name in OF_ENCODER},
        "validation_fraction": [Interval(Real, 0, 1, closed="neither")],
        "scoring": [one_of("loss", *get_scorer_names())],
        "random_state": ["random_state"],
        "n_estimators": [Interval(Integral, 1, None, closed="left")],
    }

    _set_parameters = EstimatorOptions._set_parameters

    @property
    def partial_fit(self) -> Any:
        """There is none: the encoding of the columns is learned from all rows."""
        raise AttributeError(
            f"{type(self).__name__} has no partial_fit: the encoding of the columns is learned "
            "from all rows. Use fit, or an ensemble of networks behind a fitted TableEncoder."
        )

    def _member(self, kind: type[BaseMLP], **own: Any) -> Any:
        """Make what the members are clones of.

        The recipe was found on fifteen real tables: see docs/design.md, 'Tables'.
        """
        values = {name: getattr(self, name) for name in OF_MEMBERS}
        if values["batch_size"] == "auto":
            values["batch_size"] = SMALL_BATCH if self._n_samples < MANY_ROWS else LARGE_BATCH
        # no alpha: AdamW's decay is in its place
        fixed = {"solver": "adamw", "beta_2": 0.95, "alpha": 0.0, "init": "he_normal", "tol": 0.0}
        return kind(**values, **fixed, early_stopping=True, **own)

    @abstractmethod
    def _targets(self, y: Any, weight: Array | None) -> tuple[Any, Array]:
        """What the members are taught, and what the encoder goes by: (n_samples, k)."""

    def _taught(self, y: Any) -> Any:
        """A validation set's y as the members are taught it."""
        return y

    # --- the course of a fit ---------------------------------------------------------------------

    def _fit(self, given: Given, given_val: Given | None, *, incremental: bool = False) -> Self:
        encoder = TableEncoder(**{name: getattr(self, name) for name in OF_ENCODER}, random_state=0)
        before = dict(vars(self))
        try:
            template = clone(self._template())
            y = template._checked_y(template._as_read(given.y))
            taught, targets = self._targets(y, given.weight)
            is_classes = isinstance(self, ClassifierMixin)
            raw = encoder._fit_raw(given.X, targets, is_classes)
            self._n_samples = len(raw)
            dtype = np.float64 if self.precision == "float64" else np.float32
            if given_val is not None:
                with naming("X_val, y_val"):
                    X_val = _features(encoder, encoder._raw(given_val.X), dtype)
                    given_val = Given(X_val, self._taught(given_val.y), *given_val[2:])
            rows = Given(_features(encoder, raw, dtype), taught, *given[2:])
            super()._fit(rows, given_val, incremental=incremental)
        except BaseException:
            self.__dict__ = before
            raise
        self._set_encoder(encoder)
        return self

    def _set_encoder(self, encoder: TableEncoder) -> None:
        self.encoder_ = encoder
        self.n_features_in_ = encoder.n_features_in_
        self.__dict__.pop("feature_names_in_", None)
        if hasattr(encoder, "feature_names_in_"):
            self.feature_names_in_ = encoder.feature_names_in_

    def _as_fitted(self, X: Any, dtype: Any) -> Any:
        return _features(self.encoder_, self.encoder_._raw(X), dtype)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.string = True
        tags.input_tags.categorical = True
        tags.input_tags.sparse = False
        return tags


def _features(encoder: TableEncoder, raw: Array, dtype: Any) -> ExpandedRows:
    """Features of the numbers that an encoder has made of rows: (n_samples, n_features_out).

    The engine makes them where it reads them, a mini-batch at a time.
    """
    return ExpandedRows(raw, Expansion(encoder.sources_), dtype)
