"""Predictions of Dask collections, block by block, on whatever scheduler."""

from __future__ import annotations

from functools import partial
from itertools import pairwise
from typing import Any

import dask.array as da
import dask.dataframe as dd
import numpy as np
import pandas as pd
from dask.base import tokenize
from dask.dataframe.dispatch import make_meta
from dask.delayed import delayed
from scipy import sparse

from .._estimators.blockwise import answer, check_columns, score_of
from ._model import as_task


def predict(estimator: Any, X: Any) -> Any:
    """Predict for a Dask collection: labels, or targets.

    Nothing is computed before the result is. On any scheduler each block's predictions are, to the
    last bit, those of ``estimator.predict``; a block is predicted on one thread, unless the
    estimator has `n_threads`.

    Parameters
    ----------
    estimator : object
        A fitted estimator or ensemble of pymlp. What is predicted with is what it is now.
    X : dask array or frame of shape (n_samples, n_features)
        Whose chunks hold whole rows; there may be empty ones, and ones of unknown lengths.

    Returns
    -------
    dask array, series or frame
        With the chunks of X's rows; for a frame a series, or for several labels or targets a
        frame, with its index and partitions.

    Raises
    ------
    TypeError
        If X is no Dask collection.
    ValueError
        If X does not have the fitted features, or if its rows are cut into chunks of columns.

    Examples
    --------
    >>> import dask.array as da
    >>> import pymlp.dask
    >>> from sklearn.datasets import load_iris
    >>> X, y = load_iris(return_X_y=True)
    >>> clf = pymlp.MLPClassifier((20,), tol=0.1, n_iter_no_change=3, random_state=0).fit(X, y)
    >>> predicted = pymlp.dask.predict(clf, da.from_array(X, chunks=(60, -1)))
    >>> predicted.chunks, predicted.dtype
    (((60, 60, 30),), dtype('int64'))
    >>> bool((predicted.compute() == clf.predict(X)).all())
    True
    """
    return _answers(estimator, X, "predict")


def predict_proba(estimator: Any, X: Any) -> Any:
    """Predict the probability of each class for a Dask collection, lazily.

    Parameters
    ----------
    estimator : object
        A fitted classifier or ensemble of pymlp.
    X : dask array or frame of shape (n_samples, n_features)
        As in `predict`.

    Returns
    -------
    dask array or frame of shape (n_samples, n_classes), or list of such
        Probabilities in the order of ``estimator.classes_``, which are a frame's columns; with
        several labels a sample, each of classes of its own, a list by label.

    Raises
    ------
    AttributeError
        If the estimator has no probabilities: a regressor, or a classifier with ``loss='hinge'``.
    TypeError, ValueError
        As `predict` raises them.

    Examples
    --------
    >>> import dask.dataframe as dd
    >>> import pymlp.dask
    >>> from sklearn.datasets import load_iris
    >>> X, y = load_iris(return_X_y=True, as_frame=True)
    >>> species = y.map({0: "setosa", 1: "versicolor", 2: "virginica"})
    >>> clf = pymlp.MLPClassifier((20,), tol=0.1, n_iter_no_change=3, random_state=0)
    >>> frame = dd.from_pandas(X, npartitions=3)
    >>> print(*pymlp.dask.predict_proba(clf.fit(X, species), frame).columns)
    setosa versicolor virginica
    """
    return _answers(estimator, X, "predict_proba")


def transform(estimator: Any, X: Any) -> Any:
    """Compute the outputs of the last hidden layer for a Dask collection, lazily.

    Parameters
    ----------
    estimator : object
        A fitted `MLPClassifier` or `MLPRegressor` with hidden layers.
    X : dask array or frame of shape (n_samples, n_features)
        As in `predict`.

    Returns
    -------
    dask array or frame of shape (n_samples, n_units)
        A frame's columns are those of ``estimator.get_feature_names_out()``.

    Raises
    ------
    AttributeError
        If the estimator has no ``transform``: an ensemble.
    TypeError, ValueError
        As `predict` raises them.

    Examples
    --------
    >>> import dask.array as da
    >>> import pymlp.dask
    >>> X = da.random.default_rng(0).random((100, 3), chunks=(30, 3))
    >>> reg = pymlp.MLPRegressor(hidden_layer_sizes=(8,), tol=1, random_state=0)
    >>> reg = reg.fit(X.compute(), X.sum(axis=1).compute())
    >>> pymlp.dask.transform(reg, X).shape
    (100, 8)
    """
    return _answers(estimator, X, "transform")


def score(
    estimator: Any, X: Any, y: Any, sample_weight: Any = None, *, compute: bool = True
) -> Any:
    """Score the predictions for Dask collections: what ``estimator.score`` computes, to the bit.

    One task holds y, the weights and the predictions for all rows, but never X. Rows of X and y
    belong together by their order: their partitions need not be the same.

    Parameters
    ----------
    estimator : object
        A fitted estimator or ensemble of pymlp.
    X : dask array or frame of shape (n_samples, n_features)
        As in `predict`.
    y : dask array, series or frame, or array-like, of shape (n_samples,) or (n_samples, n_outputs)
        Its labels or targets.
    sample_weight : dask array or series, or array-like, of shape (n_samples,), default=None
        Weights of the samples.
    compute : bool, default=True
        Compute it now, on the scheduler that is current.

    Returns
    -------
    float, or with ``compute=False`` Delayed
        Accuracy, R^2 or D^2, as the estimator's.

    Raises
    ------
    TypeError, ValueError
        As `predict` and the estimator's ``score`` raise them, also when it is computed.

    Examples
    --------
    >>> import dask.array as da
    >>> import pymlp.dask
    >>> from sklearn.datasets import load_iris
    >>> X, y = load_iris(return_X_y=True)
    >>> clf = pymlp.MLPClassifier((20,), tol=0.1, n_iter_no_change=3, random_state=0).fit(X, y)
    >>> of_parts = pymlp.dask.score(clf, da.from_array(X, chunks=(60, 4)), da.from_array(y))
    >>> of_parts == clf.score(X, y)
    True
    """
    predicted = predict(estimator, X)
    name = f"score-{tokenize(predicted, y, sample_weight)}"
    found = delayed(score_of)(as_task(estimator), predicted, y, sample_weight, dask_key_name=name)
    return found.compute() if compute else found


def _answers(estimator: Any, X: Any, method: str) -> Any:
    """What a method tells of each block; of several labels' probabilities a list by label."""
    if isinstance(X, da.Array):
        answers = _of_array
    elif isinstance(X, dd.DataFrame):
        answers = _of_frame
    else:
        raise TypeError(
            f"X must be a dask array or frame, got a {type(X).__name__}: "
            f"estimator.{method}(X) takes what is in memory."
        )
    classes = getattr(estimator, "classes_", None)
    if method != "predict_proba" or not isinstance(classes, list):
        return answers(estimator, X, method)
    of_all = answers(estimator, X, method)
    bounds = pairwise(np.cumsum([0, *map(len, classes)]).tolist())
    if isinstance(X, da.Array):
        return [of_all[:, first:last] for first, last in bounds]
    return [
        of_all.map_partitions(
            _columns, first, names, meta=_columns(make_meta(of_all), first, names)
        )
        for (first, _), names in zip(bounds, classes, strict=True)
    ]


def _columns(frame: Any, first: int, names: Any) -> Any:
    return frame.iloc[:, first : first + len(names)].set_axis(pd.Index(names), axis=1)


def _of_array(estimator: Any, X: Any, method: str) -> Any:
    if X.ndim != 2:
        raise ValueError(f"X must have two dimensions, (n_samples, n_features). Got {X.ndim}.")
    if X.numblocks[1] > 1:
        raise ValueError(
            f"X must have whole rows in its chunks, which are of {X.chunks[1]} columns: pass "
            "X.rechunk({1: -1})."
        )
    no_rows = np.empty((0, X.shape[1]))
    check_columns(estimator, no_rows)
    meta = answer(estimator, method, no_rows)
    model = as_task(estimator)
    letters = "ikl"[: meta.ndim]  # the features, j, become outputs
    return da.blockwise(
        partial(_answer, method=method),
        letters,
        X,
        "ij",
        model=model,
        concatenate=True,
        new_axes=dict(zip(letters[1:], meta.shape[1:], strict=True)),
        meta=meta,
        name=f"{method}-{tokenize(X, model.key)}",
    )


def _answer(rows: Any, *, model: Any, method: str) -> Any:
    return answer(model, method, rows)


def _of_frame(estimator: Any, X: Any, method: str) -> Any:
    no_rows = make_meta(X)
    check_columns(estimator, no_rows)
    names = None
    if method == "predict_proba" and not isinstance(estimator.classes_, list):
        names = pd.Index(estimator.classes_)
    elif method == "transform":
        names = pd.Index(estimator.get_feature_names_out())
    framed = partial(_framed, method=method, names=names)
    meta = framed(no_rows, estimator)
    return X.map_partitions(framed, as_task(estimator), meta=meta, token=method)


def _framed(rows: Any, model: Any, *, method: str, names: Any) -> Any:
    """Answers as a series or frame with the index of the rows."""
    found = answer(model, method, rows)
    if found.ndim == 1:
        return pd.Series(found, index=rows.index)
    if found.ndim > 2:
        raise ValueError(
            f"{method} has {found.ndim} dimensions here, which a frame has not: pass "
            "X.to_dask_array(lengths=True)."
        )
    if sparse.issparse(found):
        found = found.toarray()
    return pd.DataFrame(found, index=rows.index, columns=names)
