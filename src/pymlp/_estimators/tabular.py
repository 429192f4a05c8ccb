"""Estimators for tables: frames as they come, an encoding of their columns, an ensemble."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils.validation import check_is_fitted

from .._data.class_weights import ClassWeight
from .._data.label_arrays import indicators
from .._data.labels import labels_of
from .._data.real_targets import as_numbers, standardised
from .._system.arrays import Array, unwatched
from .._system.elsewhere import elsewhere
from .answers import OF_TABLE
from .classification import check_class_weight, weighed_by_class
from .classifier import MLPClassifier
from .ensemble import MLPEnsembleClassifier, MLPEnsembleRegressor
from .regressor import MLPRegressor
from .tabular_base import Lesson, Tabular

POSITIVE = ("poisson", "gamma")  # losses that know factors of targets, and no differences


class TabularClassifier(Tabular, MLPEnsembleClassifier):
    """Classifier for tables: numbers, categories, dates and holes, as a frame has them.

    Each column is encoded by what it holds (`pymlp.preprocessing.TableEncoder`): numbers by
    piecewise-linear curves [1]_, categories by their levels. Several networks are trained on it
    side by side, each stops at its best epoch, and their probabilities are averaged.

    Parameters
    ----------
    hidden_layer_sizes : array-like of int, default=(128, 128, 128)
        Units of each hidden layer. The third layer brings 1 to 3 % of the loss of most tables;
        twice the units cost three times the time and gained nothing on tables of 16,000 rows.
    n_estimators : int, default=4
        Networks to train, each with rows of its own held out. Their mean is better than one of
        them by some 5 % of the loss, four more bring half a percent.
    activation : str or list of str, default='silu'
        Of the hidden layers, as in `MLPClassifier`.
    categorical_features : 'from_dtype', array-like or None, default='from_dtype'
        Which columns are categories, as in scikit-learn's HistGradientBoosting: 'from_dtype' those
        of a frame that have such a type, otherwise a mask, positions or names. Text, booleans and
        objects always are.
    n_bins : int or 'auto', default='auto'
        Quantiles between which the curve of a number is a line, 'auto' 16, of 10,000 rows and more
        32; further bends are found where the training data have them.
    max_levels : int, default=100
        Levels of a category that have an input each; above, a category is encoded by its targets.
    class_weight : dict, 'balanced' or None, default=None
        Factors of the sample weights by class, which count where the best epoch is chosen, too.
    label_smoothing : float, default=0.0
        Share of a label's weight that is spread evenly over all classes.
    batch_size : int or 'auto', default='auto'
        Rows of a mini-batch: 'auto' 32, of 10,000 rows and more 64. Few rows need many steps: 64
        there cost 1.6 % of the loss, 256 some 5 %.
    learning_rate : str, schedule or callable, default='log_cosine'
        As in `MLPClassifier`; `pymlp.schedules.LogCosine` ends a wave early for tables that are
        soon learned.
    learning_rate_init : float, default=0.002
        Factor of the schedule.
    max_iter : int or 'auto', default='auto'
        Epochs at most: 'auto' 32, of 10,000 rows and more 64.
    n_iter_no_change : int, inf or 'wave', default='wave'
        End a network's training after so many epochs without a better validation loss; 'wave' at
        the end of a wave of the learning rate whose fall has brought none.
    validation_fraction : float, default=0.15
        Share of the rows that each network holds out to choose its best epoch by.
    dropout : float, default=0.15
        Share of a hidden layer's outputs that training sets to 0.
    weight_decay : float, default=0.02
        Decoupled decay of the weights, times the learning rate.
    scoring : str, default='loss'
        What chooses the best epoch: the validation loss, or one of scikit-learn's scorers by name.
    precision : {'float32', 'float64', 'bfloat16'}, default='float32'
        Type of the arithmetic and of the weights.
    random_state : int, RandomState instance or None, default=None
        Seed of the networks' seeds.
    n_threads : int or None, default=None
        Threads, at least 1; None follows OpenMP. Results do not depend on it, to the last bit.

    Attributes
    ----------
    encoder_ : TableEncoder
        What became of the columns.
    estimators_ : list of MLPClassifier
        The networks, of the encoded features.
    classes_ : ndarray of shape (n_classes,), or list of such
        Class labels, in a list by label for multi-output.
    history_ : dict of str to list of float
        What was measured in each epoch: means over the networks.
    n_iter_ : int
        Epochs that were run, by the network that ran most.
    n_features_in_ : int
        Columns seen in `fit`.
    feature_names_in_ : ndarray of shape (n_features,)
        Their names, if X had any.

    See Also
    --------
    TabularRegressor : The same for real-valued targets.
    MLPEnsembleClassifier : Ensembles of networks of one's own.

    References
    ----------
    .. [1] Gorishniy, Rubachev & Babenko, "On embeddings for numerical features in tabular deep
       learning", NeurIPS 2022.

    Examples
    --------
    >>> from pymlp import TabularClassifier
    >>> from sklearn.datasets import load_wine
    >>> X, y = load_wine(return_X_y=True, as_frame=True)
    >>> clf = TabularClassifier(n_estimators=4, random_state=0).fit(X[::2], y[::2])
    >>> round(clf.score(X[1::2], y[1::2]), 1)
    1.0
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **Tabular._parameter_constraints,
        "class_weight": MLPClassifier._parameter_constraints["class_weight"],
        "label_smoothing": MLPClassifier._parameter_constraints["label_smoothing"],
    }

    @elsewhere(**OF_TABLE)
    def __init__(
        self,
        hidden_layer_sizes: ArrayLike = (128, 128, 128),
        *,
        n_estimators: int = 4,
        activation: str | list[str] = "silu",
        categorical_features: Any = "from_dtype",
        n_bins: int | str = "auto",
        max_levels: int = 100,
        class_weight: ClassWeight | None = None,
        label_smoothing: float = 0.0,
        batch_size: int | str = "auto",
        learning_rate: str | Callable[..., float] = "log_cosine",
        learning_rate_init: float = 0.002,
        max_iter: int | str = "auto",
        n_iter_no_change: float | str = "wave",
        validation_fraction: float = 0.15,
        dropout: float | list[float] = 0.15,
        weight_decay: float = 0.02,
        scoring: str = "loss",
        precision: str = "float32",
        random_state: int | np.random.RandomState | None = None,
        n_threads: int | None = None,
    ) -> None:
        self._set_parameters(locals())

    def _template(self) -> MLPClassifier:
        template: MLPClassifier = self._member(MLPClassifier, label_smoothing=self.label_smoothing)
        return template

    def _loss_name(self) -> str:
        return "log_loss"

    def _lesson(self, y: Any, weight: Array | None) -> Lesson:
        labels = labels_of(y)
        # also, as in boosting, where the best epoch is chosen
        check_class_weight(self.class_weight)
        weight = weighed_by_class(weight, self.class_weight, labels, y)
        targets = encoded = labels.encode(y, np.float64)
        if encoded.dtype.kind != "f":  # numbers of classes: (n_samples,) or (n_samples, n_labels)
            targets = np.hstack([*map(indicators, encoded.reshape(len(encoded), -1).T)])
        return Lesson(y, weight, targets, labels.strata(encoded))


class TabularRegressor(Tabular, MLPEnsembleRegressor):
    """Regressor for tables: numbers, categories, dates and holes, as a frame has them.

    Each column is encoded by what it holds (`pymlp.preprocessing.TableEncoder`): numbers by
    piecewise-linear curves [1]_, categories by their levels. Several networks are trained on it
    side by side, each stops at its best epoch, and their predictions are averaged. Targets are
    standardised, and predictions scaled back.

    Parameters
    ----------
    hidden_layer_sizes : array-like of int, default=(128, 128, 128)
        Units of each hidden layer. The third layer brings 1 to 3 % of the loss of most tables;
        twice the units cost three times the time and gained nothing on tables of 16,000 rows.
    n_estimators : int, default=4
        Networks to train, each with rows of its own held out. Their mean is better than one of
        them by some 5 % of the loss, four more bring half a percent.
    activation : str or list of str, default='silu'
        Of the hidden layers, as in `MLPRegressor`.
    categorical_features : 'from_dtype', array-like or None, default='from_dtype'
        Which columns are categories, as in scikit-learn's HistGradientBoosting: 'from_dtype' those
        of a frame that have such a type, otherwise a mask, positions or names. Text, booleans and
        objects always are.
    n_bins : int or 'auto', default='auto'
        Quantiles between which the curve of a number is a line, 'auto' 16, of 10,000 rows and more
        32; further bends are found where the training data have them.
    max_levels : int, default=100
        Levels of a category that have an input each; above, a category is encoded by its targets.
    loss : str, default='squared_error'
        As in `MLPRegressor`.
    quantile : float or list of float, default=0.5
        What ``loss='pinball'`` estimates, in (0, 1); of a list, in ascending order, all at once.
    huber_delta : float, default=1.0
        Error, in standard deviations of the targets, at which 'huber' turns from squared to
        absolute.
    batch_size : int or 'auto', default='auto'
        Rows of a mini-batch: 'auto' 32, of 10,000 rows and more 64. Few rows need many steps: 64
        there cost 1.6 % of the loss, 256 some 5 %.
    learning_rate : str, schedule or callable, default='log_cosine'
        As in `MLPRegressor`; `pymlp.schedules.LogCosine` ends a wave early for tables that are
        soon learned.
    learning_rate_init : float, default=0.002
        Factor of the schedule.
    max_iter : int or 'auto', default='auto'
        Epochs at most: 'auto' 32, of 10,000 rows and more 64.
    n_iter_no_change : int, inf or 'wave', default='wave'
        End a network's training after so many epochs without a better validation loss; 'wave' at
        the end of a wave of the learning rate whose fall has brought none.
    validation_fraction : float, default=0.15
        Share of the rows that each network holds out to choose its best epoch by.
    dropout : float, default=0.15
        Share of a hidden layer's outputs that training sets to 0.
    weight_decay : float, default=0.02
        Decoupled decay of the weights, times the learning rate.
    scoring : str, default='loss'
        What chooses the best epoch: the validation loss, or one of scikit-learn's scorers by name,
        which sees the standardised targets.
    precision : {'float32', 'float64', 'bfloat16'}, default='float32'
        Type of the arithmetic and of the weights.
    random_state : int, RandomState instance or None, default=None
        Seed of the networks' seeds.
    n_threads : int or None, default=None
        Threads, at least 1; None follows OpenMP. Results do not depend on it, to the last bit.

    Attributes
    ----------
    encoder_ : TableEncoder
        What became of the columns.
    estimators_ : list of MLPRegressor
        The networks, of the encoded features and the standardised targets.
    target_mean_, target_scale_ : ndarray of shape (n_targets,)
        What standardised the targets: for ``loss='poisson'`` and ``'gamma'`` 0 and their mean.
    history_ : dict of str to list of float
        What was measured in each epoch, of the standardised targets: means over the networks.
    n_iter_ : int
        Epochs that were run, by the network that ran most.
    n_features_in_ : int
        Columns seen in `fit`.
    feature_names_in_ : ndarray of shape (n_features,)
        Their names, if X had any.

    See Also
    --------
    TabularClassifier : The same for labels; its notes hold here, too.
    MLPEnsembleRegressor : Ensembles of networks of one's own.

    References
    ----------
    .. [1] Gorishniy, Rubachev & Babenko, "On embeddings for numerical features in tabular deep
       learning", NeurIPS 2022.

    Examples
    --------
    >>> from pymlp import TabularRegressor
    >>> from sklearn.datasets import load_diabetes
    >>> X, y = load_diabetes(return_X_y=True, as_frame=True)
    >>> reg = TabularRegressor(n_estimators=4, random_state=0).fit(X[::2], y[::2])
    >>> reg.score(X[1::2], y[1::2]) > 0.3
    True
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **Tabular._parameter_constraints,
        "loss": MLPRegressor._parameter_constraints["loss"],
        "quantile": MLPRegressor._parameter_constraints["quantile"],
        "huber_delta": MLPRegressor._parameter_constraints["huber_delta"],
    }

    @elsewhere(**OF_TABLE)
    def __init__(
        self,
        hidden_layer_sizes: ArrayLike = (128, 128, 128),
        *,
        n_estimators: int = 4,
        activation: str | list[str] = "silu",
        categorical_features: Any = "from_dtype",
        n_bins: int | str = "auto",
        max_levels: int = 100,
        loss: str = "squared_error",
        quantile: float | list[float] = 0.5,
        huber_delta: float = 1.0,
        batch_size: int | str = "auto",
        learning_rate: str | Callable[..., float] = "log_cosine",
        learning_rate_init: float = 0.002,
        max_iter: int | str = "auto",
        n_iter_no_change: float | str = "wave",
        validation_fraction: float = 0.15,
        dropout: float | list[float] = 0.15,
        weight_decay: float = 0.02,
        scoring: str = "loss",
        precision: str = "float32",
        random_state: int | np.random.RandomState | None = None,
        n_threads: int | None = None,
    ) -> None:
        self._set_parameters(locals())

    def _template(self) -> MLPRegressor:
        own = {name: getattr(self, name) for name in ("loss", "quantile", "huber_delta")}
        template: MLPRegressor = self._member(MLPRegressor, **own)
        return template

    def _lesson(self, y: Any, weight: Array | None) -> Lesson:
        targets, mean, scale = standardised(y, weight)
        if self.loss in POSITIVE:
            mean, scale = np.zeros_like(mean), mean
        self.target_mean_, self.target_scale_ = mean, scale
        return Lesson(self._taught(y), weight, targets)

    def _taught(self, y: Any) -> Array:
        y = np.asarray(as_numbers(y))
        mean, scale = self.target_mean_, self.target_scale_
        if y.ndim == 1:
            mean, scale = mean[0], scale[0]
        with unwatched():
            # of halves, that differences do not overflow
            taught: Array = (y / 2 - mean / 2) / np.where(scale > 0, scale, 1) * 2
        return taught

    def predict(self, X: ArrayLike, return_std: bool = False) -> Any:
        """Predict targets, the mean over the networks.

        Parameters
        ----------
        X : {array-like, frame} of shape (n_samples, n_features)
            Rows with the columns that `fit` saw.
        return_std : bool, default=False
            Return also how much the networks differ. That says nothing of the noise in y.

        Returns
        -------
        mean : ndarray of shape (n_samples,) or (n_samples, n_targets)
            Predictions; with a list of quantiles (n_samples, n_quantiles) or
            (n_samples, n_targets, n_quantiles).
        std : ndarray of the same shape
            Standard deviation over the networks, if asked for.

        Raises
        ------
        NotFittedError
            Before `fit`.
        ValueError
            If X does not have the fitted columns, or if an output is NaN.
        """
        check_is_fitted(self)
        mean, std = super().predict(X, return_std=True)
        center, scale = self.target_mean_, self.target_scale_
        if mean.ndim == 3:  # (n_samples, n_targets, n_quantiles)
            center, scale = center[:, None], scale[:, None]
        with unwatched():
            mean, std = center + scale * mean, scale * std
        return (mean, std) if return_std else mean
