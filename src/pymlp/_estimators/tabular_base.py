"""Ensembles that take tables as they come: an encoder, the recipe, and what they predict."""

from __future__ import annotations

import math
from abc import abstractmethod
from numbers import Real
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import ClassifierMixin, _fit_context
from sklearn.metrics import get_scorer_names
from sklearn.utils import Tags
from sklearn.utils._param_validation import Interval
from sklearn.utils.validation import check_is_fitted, validate_data

from .._core import ExpandedRows, Expansion
from .._data.checks import checked_weight, checked_y, naming
from .._data.samples import Given
from .._data.spool import refuse_elsewhere
from .._fit.validation import hold_out
from .._network.summary import Summary
from .._system.arrays import Array
from .._system.elsewhere import elsewhere
from .._system.messages import errors_held_back, raise_first
from .._system.params import one_of
from ..preprocessing import TableEncoder
from ..preprocessing._encoder import MANY_ROWS
from ..preprocessing._tables import checked_table
from .answers import OF_TABLE_FIT
from .base import BaseMLP
from .ensemble_base import Ensemble
from .inputs import given_validation_set
from .nested_params import NestedParams
from .options import EstimatorOptions

OF_MEMBERS = (  # parameters that are the members' own
    *("hidden_layer_sizes", "activation", "batch_size", "learning_rate", "learning_rate_init"),
    *("max_iter", "n_iter_no_change", "validation_fraction", "dropout", "weight_decay", "scoring"),
    "precision",
)
SMALL_BATCH, LARGE_BATCH = 32, 64
OF_ENSEMBLE = ("n_estimators", "random_state", "n_threads")
OF_ENCODER = ("categorical_features", "n_bins", "max_levels")


class Tabular(NestedParams, Ensemble):
    """Base of the estimators for tables; use `TabularClassifier` or `TabularRegressor`."""

    encoder_: TableEncoder

    bootstrap = False  # members differ by the rows that they hold out, too
    categorical_features: Any
    n_bins: int | str
    max_levels: int
    batch_size: int | str

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **{name: EstimatorOptions._parameter_constraints[name] for name in OF_MEMBERS},
        **{name: Ensemble._parameter_constraints[name] for name in OF_ENSEMBLE},
        **{name: TableEncoder._parameter_constraints[name] for name in OF_ENCODER},
        "validation_fraction": [Interval(Real, 0, 1, closed="neither")],
        "scoring": [one_of("loss", *get_scorer_names())],
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
        # no alpha: AdamW's decay is in its place
        fixed = {"solver": "adamw", "beta_2": 0.95, "alpha": 0.0, "init": "he_normal", "tol": 0.0}
        member = kind(**values, **fixed, early_stopping=True, **own)
        return member.set_callbacks(*getattr(self, "_skl_callbacks", []))

    @abstractmethod
    def _targets(self, y: Any, weight: Array | None) -> tuple[Any, Array]:
        """What the members are taught, and what the encoder goes by: (n_samples, k)."""

    def _strata(self, y: Any) -> Array | None:  # noqa: ARG002
        """Labels by which the rows that a member holds out are drawn."""
        return None

    def _taught(self, y: Any) -> Any:
        """A validation set's y as the members are taught it."""
        return y

    @property
    def n_iter_(self) -> int:
        """Epochs that were run, by the network that ran most."""
        if not hasattr(self, "estimators_"):
            raise AttributeError("n_iter_ is there after fit has been called.")
        return int(max(member.n_iter_ for member in self.estimators_))

    def summary(self) -> Summary:
        """Tabulate what became of each column, and the size of the networks behind.

        Returns
        -------
        Summary
            Prints as a table; a notebook shows it as HTML at the end of a cell.

        Raises
        ------
        NotFittedError
            Before `fit`.

        Examples
        --------
        >>> import pandas as pd
        >>> from pymlp import TabularRegressor
        >>> X = pd.DataFrame({"area": [50, 80, None, 60] * 9, "town": ["Ulm", "Bonn", "Kiel"] * 12})
        >>> reg = TabularRegressor(n_estimators=2, max_iter=3, random_state=0)
        >>> print(reg.fit(X, range(36)).summary())
        TabularRegressor
        column  kind      becomes                     features
        ------------------------------------------------------
        area    number    curve of 6 pieces, missing         8
        town    category  3 levels                           3
        ------------------------------------------------------
        Total features: 11
        Networks: 2 of 128-128-1 units, with 18,177 parameters each
        """
        check_is_fitted(self)
        names = map(str, getattr(self, "feature_names_in_", range(self.n_features_in_)))
        rows = [
            [name, column.kind, column.becomes, str(column.n_features)]
            for name, column in zip(names, self.encoder_.columns_, strict=True)
        ]
        network = self.estimators_[0]
        layers = "-".join(map(str, [*network._hidden_units(), network.n_outputs_]))
        size = sum(a.size for a in (*network.coefs_, *network.intercepts_))
        totals = [
            f"Total features: {network.n_features_in_:,}",
            f"Networks: {len(self.estimators_)} of {layers} units, with {size:,} parameters each",
        ]
        return Summary(type(self).__name__, ["column", "kind", "becomes", "features"], rows, totals)

    @_fit_context(prefer_skip_nested_validation=True)
    @elsewhere(**OF_TABLE_FIT)
    def fit(
        self,
        X: Any,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        *,
        X_val: Any = None,
        y_val: ArrayLike | None = None,
        sample_weight_val: ArrayLike | None = None,
    ) -> Self:
        """Learn how to encode the columns, and train the networks.

        Ctrl-C keeps those networks that have been trained for an epoch at least, as they are, and
        a warning says so. If there is none the KeyboardInterrupt goes on.

        Parameters
        ----------
        X : {frame, array-like} of shape (n_samples, n_features)
            Rows of numbers, categories, text, booleans, dates and durations, which may be missing.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Labels or targets.
        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative weights; None weighs all rows 1.
        X_val : {frame, array-like} of shape (n_validation, n_features), default=None
            Rows by which all networks choose their best epoch; None: each holds out its own. Where
            there are too few to hold any out, such as one of a class of two, the training rows.
        y_val : array-like of shape (n_validation,) or (n_validation, n_outputs), default=None
            Their labels or targets.
        sample_weight_val : array-like of shape (n_validation,), default=None
            Their weights.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        ValueError, TypeError
            If a parameter or the data are not valid, or if a first epoch diverges. The estimator
            is then as it was before the call.
        MemoryError
            If there is less memory than the networks need.
        """
        given_val = given_validation_set(X_val, y_val, sample_weight_val)
        return self._fit(Given(X, y, sample_weight), given_val)

    # --- the course of a fit ---------------------------------------------------------------------

    def _fit(self, given: Given, given_val: Given | None, *, incremental: bool = False) -> Self:
        encoder = TableEncoder(**{name: getattr(self, name) for name in OF_ENCODER}, random_state=0)
        before = dict(vars(self))
        try:
            for X, name in ((given.X, "X"), (given_val and given_val.X, "X_val")):
                refuse_elsewhere(X, name, type(self).__name__)
            X = checked_table(given.X, self)
            y = self._checked_y(given.y)
            weight = self._weight(given.weight, X, y)
            taught, targets = self._targets(y, weight)
            raw = encoder._fit_raw(X, targets, isinstance(self, ClassifierMixin))
            dtype = np.float64 if self.precision == "float64" else np.float32
            rows = Given(_features(encoder, raw, dtype), taught, weight, given.classes)
            if given_val is not None:
                with naming("X_val, y_val"):
                    X_val = _features(encoder, encoder._raw(given_val.X), dtype)
                    y_val = self._taught(self._checked_y(given_val.y))
                given_val = Given(X_val, y_val, *given_val[2:])
            elif not self._may_hold_out(y, weight):
                given_val = rows
            with errors_held_back() as errors:  # the networks are kept, and of no use without it
                super()._fit(rows, given_val, incremental=incremental)
        except BaseException:
            self.__dict__ = before
            raise
        self._set_encoder(encoder)
        raise_first(errors)
        return self

    def _checked_y(self, y: Any) -> Any:
        """Check y as the members do, before anything is made of it."""
        template = self._template()
        y = template._as_read(y)
        if y is None:
            raise ValueError(
                f"This {type(self).__name__} estimator requires y to be passed, but the target y "
                "is None."
            )
        return template._checked_y(checked_y(y, y_numeric=template._y_numeric))

    def _weight(self, weight: Any, X: Any, y: Any) -> Array | None:  # noqa: ARG002
        """Check what the rows weigh."""
        return None if weight is None else checked_weight(weight, X, "sample_weight")

    def _may_hold_out(self, y: Any, weight: Array | None) -> bool:
        """Tell whether the rows are enough to be split; else each member's epoch is chosen by all.

        A person with ten rows, or one row of a class, wants a model, as of trees.
        """
        weights = weight, weight
        drawn_anyhow = np.random.RandomState(0)
        try:
            hold_out(y.shape[0], weights, self._strata(y), self.validation_fraction, drawn_anyhow)
        except ValueError:
            return False
        return True

    def _template_for(self, given: Given, given_val: Given | None) -> Any:
        """What the members are clones of: with as many rows a mini-batch as there are, at most."""
        template = super()._template_for(given, given_val)
        n_trained = n_samples = given.X.shape[0]
        if given_val is None:
            n_trained -= math.ceil(self.validation_fraction * n_samples)
        batch_size = self.batch_size
        if isinstance(batch_size, str):  # 'auto'
            batch_size = SMALL_BATCH if n_samples < MANY_ROWS else LARGE_BATCH
        template.set_params(batch_size=min(batch_size, n_trained))
        if not template._hidden_units():  # a linear model
            template.set_params(dropout=0.0)
        return template

    def _set_encoder(self, encoder: TableEncoder) -> None:
        self.encoder_ = encoder
        self.n_features_in_ = encoder.n_features_in_
        self.__dict__.pop("feature_names_in_", None)
        if hasattr(encoder, "feature_names_in_"):
            self.feature_names_in_ = encoder.feature_names_in_

    def _as_fitted(self, X: Any, dtype: Any) -> Any:
        X = checked_table(X, self)
        validate_data(self, X, reset=False, skip_check_array=True)  # for errors in our name
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
