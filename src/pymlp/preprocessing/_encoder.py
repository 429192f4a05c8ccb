"""A table as it comes as features for a neural network."""

from __future__ import annotations

from numbers import Integral
from typing import Any, ClassVar, Self

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils import check_consistent_length, check_random_state
from sklearn.utils._param_validation import Interval, Options
from sklearn.utils.validation import _check_feature_names_in, check_is_fitted, validate_data

from .._core import Expansion
from .._files.values import decoded, encoded
from .._system.arrays import Array, unwatched
from .._system.params import check_params, one_of
from .._system.random_states import undrawn
from ._categories import LevelMeans, Levels, Targets
from ._columns import EncodedColumn, Numbers, Raw, column_from_data, fit_column, with_an_input
from ._numbers import Recipe
from ._reading import read
from ._sources import Source
from ._tables import categorical_mask, checked_table, columns, is_plain, table_as_fitted
from ._targets import targets_of

MAX_ROWS = 100_000  # that edges are found by
MANY_ROWS = 10_000  # from which on finer edges gain more than they cost
FEW_BINS, MANY_BINS = 16, 32
BLOCK = 2**17  # numbers looked at in one go
TYPES = {"float32": np.float32, "float64": np.float64}


class TableEncoder(TransformerMixin, BaseEstimator):
    """Encode the columns of a table, whatever they hold, for a neural network.

    A number becomes a linear feature, robustly scaled and softly bounded, and ramps from 0 to 1
    between edges: quantiles, and where a decision tree of y would split (piecewise-linear
    encoding [1]_). Values whose rows differ from those of the numbers around them, such as codes,
    have a feature of their own. Categories have a feature a level, two levels a single one of -1
    and 1, many levels the mean of y (cross-fitted, `sklearn.preprocessing.TargetEncoder`). Dates
    are numbers: days, year, month, weekday and hour; so are durations, in seconds. Where the
    training rows had missing ones, a feature tells of them. Columns that tell nothing are dropped,
    but for one if all do.

    Strings, objects and booleans of frames are categories; objects are what they hold. A row's
    features do not depend on other rows. A level that is new in `transform` is none of the known,
    and a column that has missing ones there only is filled with the median.

    Parameters
    ----------
    categorical_features : array-like of {bool, int, str} or 'from_dtype', default='from_dtype'
        Columns that are categories whatever they hold, as in
        `sklearn.ensemble.HistGradientBoostingClassifier`: a mask, indices, names, or those of a
        frame with a categorical type. None: no others than those that hold no numbers.
    n_bins : int or 'auto', default='auto'
        Quantiles among the edges of a number, at least 1: more resolve more, and more noise. 'auto'
        is 16, of 10,000 rows and more 32.
    max_leaves : int, default=64
        Leaves of the tree whose splits are edges, at least 2; splits that explain no more than
        chance does are left out.
    max_levels : int, default=100
        Levels of categories that have a feature each. Of more levels the mean of y is a feature,
        or one a class; without y only the most frequent have features.
    target_type : {'auto', 'continuous', 'binary', 'multiclass'}, default='auto'
        What y is. 'auto': labels are classes, and so are whole numbers of at most 100 values.
    dtype : {'float32', 'float64'} or type, default='float32'
        Of the features.
    random_state : int, RandomState instance or None, default=None
        Seed of the folds by which means of y are cross-fitted, and of the 100,000 rows by which
        edges are found if there are more.

    Attributes
    ----------
    columns_ : list
        What became of each column of X: `name`, `kind`, `n_levels`, `n_edges`, `n_features`,
        `has_missing`, and `dropped`, which says why if it was.
    sources_ : list of tuple
        The columns of numbers on the way from X to features, and how they are encoded.
    n_features_in_ : int
        Number of columns of X.
    feature_names_in_ : ndarray of shape (n_features,)
        Their names, if all are strings.

    References
    ----------
    .. [1] Y. Gorishniy, I. Rubachev, A. Babenko, "On Embeddings for Numerical Features in Tabular
       Deep Learning", NeurIPS 2022, https://arxiv.org/abs/2203.05556

    Examples
    --------
    >>> import numpy as np
    >>> from pymlp.preprocessing import TableEncoder
    >>> X = [[1.0, "red"], [2.0, "blue"], [4.0, "red"], [None, "green"]]
    >>> encoder = TableEncoder(n_bins=2).fit(X)
    >>> encoder.get_feature_names_out().tolist()
    ['x0', 'x0_ramp1', 'x0_ramp2', 'x0_missing', 'x1=blue', 'x1=green', 'x1=red']
    >>> encoder.transform([[3.0, "blue"]])[0, 1:].tolist()
    [1.0, 0.5, 0.0, 1.0, 0.0, 0.0]
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "categorical_features": ["array-like", one_of("from_dtype"), None],
        "n_bins": [one_of("auto"), Interval(Integral, 1, None, closed="left")],
        "max_leaves": [Interval(Integral, 2, None, closed="left")],
        "max_levels": [Interval(Integral, 1, None, closed="left")],
        "target_type": [one_of("auto", "continuous", "binary", "multiclass")],
        "dtype": [Options(type, {np.float32, np.float64}), one_of(*TYPES)],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        *,
        categorical_features: Any = "from_dtype",
        n_bins: int | str = "auto",
        max_leaves: int = 64,
        max_levels: int = 100,
        target_type: str = "auto",
        dtype: Any = "float32",
        random_state: Any = None,
    ) -> None:
        self.categorical_features = categorical_features
        self.n_bins = n_bins
        self.max_leaves = max_leaves
        self.max_levels = max_levels
        self.target_type = target_type
        self.dtype = dtype
        self.random_state = random_state

    # --- what scikit-learn asks ------------------------------------------------------------------

    def fit(self, X: Any, y: Any = None) -> Self:
        """Find levels, edges and values.

        Parameters
        ----------
        X : data frame or array-like of shape (n_samples, n_features)
        y : array-like of shape (n_samples,) or (n_samples, n_outputs), default=None
            Targets. Without them edges are quantiles.

        Returns
        -------
        self : object
        """
        self._fit_table(X, y)
        return self

    def fit_transform(self, X: Any, y: Any = None) -> Array:
        """Fit, and encode the same rows; the mean of y for a level is of rows of other folds.

        Parameters
        ----------
        X : data frame or array-like of shape (n_samples, n_features)
        y : array-like of shape (n_samples,) or (n_samples, n_outputs), default=None

        Returns
        -------
        features : ndarray of shape (n_samples, n_features_out)
        """
        return self._expanded(self._fit_table(X, y))

    def transform(self, X: Any) -> Array:
        """Encode rows.

        Parameters
        ----------
        X : data frame or array-like of shape (n_samples, n_features)
            With the columns of fit.

        Returns
        -------
        features : ndarray of shape (n_samples, n_features_out)
        """
        return self._expanded(self._raw(X))

    def get_feature_names_out(self, input_features: Any = None) -> Array:
        """Names of the features: of the column, and what distinguishes them.

        Parameters
        ----------
        input_features : array-like of str, default=None
            Names of the columns, if fit has found none.

        Returns
        -------
        names : ndarray of str objects
        """
        check_is_fitted(self)
        given = _check_feature_names_in(self, input_features)
        names: dict[str, None] = {}
        for column, column_name in zip(self.columns_, given, strict=True):
            for name in column.names(column_name):
                while name in names:  # of another column
                    name += "_"  # noqa: PLW2901
                names[name] = None
        return np.array(list(names), object)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.categorical = True
        # not `string`, which scikit-learn's checks take for a promise to fit any object
        tags.transformer_tags.preserves_dtype = []
        return tags

    # --- in two steps, for the estimators ---------------------------------------------------------

    @property
    def sources_(self) -> list[Source]:
        """The columns of numbers on the way from X to features."""
        return [source for column in self.columns_ for source in column.sources]

    def _set_columns(self, columns: list[EncodedColumn]) -> None:
        self.columns_ = columns
        self._expansion = Expansion(self.sources_)

    def __getstate__(self) -> dict[str, Any]:
        return {k: v for k, v in super().__getstate__().items() if k != "_expansion"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        if "columns_" in state:
            self._set_columns(state["columns_"])

    @property
    def _n_features_out(self) -> int:
        return sum(column.n_features for column in self.columns_)

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "columns_")

    def _expanded(self, raw: Array) -> Array:
        return self._expansion.expand(raw, self._dtype())

    def _dtype(self) -> Any:
        return TYPES.get(self.dtype, self.dtype) if isinstance(self.dtype, str) else self.dtype

    def _fit_table(self, X: Any, y: Any) -> Array:
        check_params(self)
        X = checked_table(X, self)
        if y is None:
            return self._fit_raw(X, None, False)
        with unwatched():  # scikit-learn looks for whole numbers
            targets, is_classes = targets_of(y, self.target_type)
        return self._fit_raw(X, targets, is_classes)

    def _fit_raw(self, X: Any, targets: Array | None, is_classes: bool) -> Array:
        """Fit, and make numbers of the same rows.

        Parameters
        ----------
        X : data frame or ndarray of shape (n_samples, n_features)
            As `checked_table` makes it.
        targets : ndarray of shape (n_samples, n_targets) or None
            Standardised numbers, or an indicator a class.
        is_classes : bool
            Whether they are indicators.

        Returns
        -------
        raw : ndarray of shape (n_samples, n_sources)
            float64, NaN where missing. X itself, if that is it.
        """
        if targets is not None:
            check_consistent_length(X, targets)
        mask = categorical_mask(X, self.categorical_features)
        with undrawn(self.random_state):
            recipe, means = self._planned(len(X), targets, is_classes)
            found: list[EncodedColumn] = []
            raw = Raw(len(X), X.shape[1])
            as_it_is = is_plain(X) and not mask.any()
            for (name, values), as_category in zip(columns(X), mask, strict=True):
                column = read(name, values, as_category=bool(as_category))
                encoded_column, numbers = fit_column(column, recipe, self.max_levels, means)
                found.append(encoded_column)
                raw.add([] if as_it_is else numbers)
            if all(column.dropped for column in found):
                found, numbers = with_an_input(found, X, mask)
                raw.add(numbers)
        validate_data(self, X, reset=True, skip_check_array=True)
        self._set_columns(found)
        return self._plain_numbers(X) if as_it_is else raw.added()

    def _planned(
        self, n_samples: int, targets: Array | None, is_classes: bool
    ) -> tuple[Recipe, Targets | None]:
        """What random numbers are drawn for: the rows that edges are found by, and the folds."""
        random_state = check_random_state(self.random_state)
        seed = random_state.randint(np.iinfo(np.int32).max)
        rows = None
        if n_samples > MAX_ROWS:
            rows = np.sort(random_state.permutation(n_samples)[:MAX_ROWS])
        of_rows = targets if targets is None or rows is None else targets[rows]
        n_bins = self.n_bins
        if isinstance(n_bins, str):  # 'auto'
            n_bins = FEW_BINS if n_samples < MANY_ROWS else MANY_BINS
        recipe = Recipe(n_bins, self.max_leaves, rows, of_rows)
        return recipe, None if targets is None else Targets(targets, is_classes, seed)

    def _raw(self, X: Any) -> Array:
        """Numbers of rows: (n_samples, n_sources) float64; X itself, if that is it."""
        check_is_fitted(self)
        return self._numbers(table_as_fitted(X, self))

    def _numbers(self, X: Any) -> Array:
        if is_plain(X) and all(isinstance(c.reading, Numbers | None) for c in self.columns_):
            return self._plain_numbers(X)
        raw = Raw(len(X), len(self.sources_))
        for known, (_, values) in zip(self.columns_, columns(X), strict=True):
            if known.reading is None:
                continue
            zone = getattr(known.reading, "zone", None)
            is_category = isinstance(known.reading, Levels | LevelMeans)
            column = read(known.name, values, as_category=is_category, zone=zone)
            raw.add(known.reading.raw(column))
        return raw.added()

    def _plain_numbers(self, X: Array) -> Array:
        used = [k for k, column in enumerate(self.columns_) if column.reading is not None]
        raw = X if len(used) == X.shape[1] else X[:, used]
        with unwatched():
            raw = np.ascontiguousarray(raw, np.float64)
        n = max(1, BLOCK // raw.shape[1])
        for first in range(0, len(raw) if X.dtype.kind == "f" else 0, n):
            is_infinite = np.isinf(raw[first : first + n])
            if is_infinite.any():
                name = self.columns_[used[int(np.flatnonzero(is_infinite.any(axis=0))[0])]].name
                raise ValueError(
                    f"X must hold finite or missing numbers. Column {name!r} has infinite ones."
                )
        return raw

    # --- files -----------------------------------------------------------------------------------

    def to_data(self) -> dict[str, Any]:
        """What of it goes into a file, parameters and all; `from_data` is the way back.

        Returns
        -------
        data : dict
            Of what JSON knows.
        """
        check_is_fitted(self)
        params = self.get_params() | {"dtype": self._dtype().__name__}
        if not isinstance(self.random_state, Integral):
            params["random_state"] = None
        if not isinstance(self.categorical_features, str | None):
            params["categorical_features"] = np.asarray(self.categorical_features)
        names = getattr(self, "feature_names_in_", None)
        return {
            "params": encoded(params),
            "names": encoded([column.name for column in self.columns_]),
            "has_feature_names": names is not None,
            "columns": [column.to_data() for column in self.columns_],
        }

    @classmethod
    def from_data(cls, data: dict[str, Any]) -> Self:
        """Read what `to_data` has told, which may be anybody's.

        Parameters
        ----------
        data : dict

        Returns
        -------
        encoder : TableEncoder

        Raises
        ------
        ValueError, TypeError, KeyError
            If it is not what `to_data` tells.
        """
        encoder = cls(**decoded(data["params"]))
        check_params(encoder)
        names = decoded(data["names"])
        pairs = zip(names, data["columns"], strict=True)
        encoder._set_columns([column_from_data(*pair) for pair in pairs])
        if not encoder.sources_:
            raise ValueError("it has no column that tells something")
        encoder.n_features_in_ = len(names)
        if data["has_feature_names"]:
            if not all(isinstance(name, str) for name in names):
                raise ValueError(f"it has names of columns that are no strings: {names!r}")
            encoder.feature_names_in_ = np.array(names, object)
        return encoder
