"""A fitted estimator as arrays and their description, for a file; `_loading` is the way back.

A description holds, as JSON, the class, the parameters, what outputs mean (classes, quantiles),
feature names, what a fit has counted and the optimizer's rates. Arrays are the weights, their
averages, the moments, the records of the epochs, and a few rows with the outputs they gave.
"""

from __future__ import annotations

import os
from copy import copy
from typing import TYPE_CHECKING, Any

import numpy as np
import sklearn
from sklearn.utils.validation import check_is_fitted

from .. import _core
from .._data.labels import Indicator, Target
from .._files import container as _safetensors
from .._files.values import NotDataError, encoded
from .._network.parameters import Parameters
from .._system.arrays import Array

if TYPE_CHECKING:
    from .._fit.optimizer import Optimizer

N_REPLAYED = 3  # rows
# fitted attributes that are numbers, and what they are
COUNTS = ("n_iter_", "t_", "n_averaged_", "best_epoch_", "_no_improvement_count")
MEASURES = ("loss_", "best_loss_", "best_validation_score_")
RECORDS = ("loss_curve_", "validation_scores_")  # one number an epoch


class Savable:
    """An estimator that goes into files."""

    def save(self, path: str | os.PathLike[str], *, optimizer: bool | None = None) -> None:
        """Write the fitted estimator to a safetensors file, for `pymlp.load`.

        The file holds data only: weights, parameters, classes, feature names, the history. What is
        loaded predicts the same bits on the same instruction set.

        Parameters
        ----------
        path : str or path-like
            The file. An old one is replaced when the new one is complete and on the disk: a crash
            or a full disk leaves it as it was, at worst beside a ``.????????.tmp``.
        optimizer : bool or None, default=None
            Store the solver's moments, so that a ``partial_fit`` or a ``fit`` with
            ``warm_start='full'`` goes on, to the bit, as if there had been no file? None does so
            where a pickle does: if ``partial_fit`` was the last to train, or with
            ``warm_start='full'``. It makes the file two to three times as large.

        Raises
        ------
        ImportError
            Without safetensors: ``pip install "pymlp[files]"``.
        NotFittedError
            Before `fit`.
        OSError
            If the file cannot be written.
        ValueError
            If a parameter is out of range or no data: a function, a RandomState, a scorer. Set
            another value first, such as ``set_params(learning_rate='constant')``, of an ensemble
            ``set_params(estimator__learning_rate='constant')``; predictions do not depend on it. Or
            if a weight is not finite.
        TypeError
            If the estimator is of a class of your own.

        Notes
        -----
        Callbacks and metadata requests (``set_fit_request``) are left out.

        Examples
        --------
        >>> import pymlp, tempfile
        >>> from sklearn.datasets import load_iris
        >>> X, y = load_iris(return_X_y=True)
        >>> clf = pymlp.MLPClassifier((20,), tol=0.1, n_iter_no_change=3, random_state=0).fit(X, y)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     clf.save(folder + "/iris.safetensors")
        ...     loaded = pymlp.load(folder + "/iris.safetensors")
        >>> bool((loaded.predict_proba(X) == clf.predict_proba(X)).all())
        True
        """
        if not (optimizer is None or isinstance(optimizer, (bool, np.bool_))):
            raise ValueError(
                "The 'optimizer' parameter of save must be True, False or None. "
                f"Got {optimizer!r} instead."
            )
        arrays, model = described(self, optimizer=optimizer)
        _safetensors.write(path, arrays, {**versions(), "model": model})


def versions() -> dict[str, str]:
    """What a file was written by."""
    return {
        "pymlp": _core.__version__,
        "sklearn": sklearn.__version__,
        "numpy": np.__version__,
    }


def described(
    est: Any, *, optimizer: bool | None = None
) -> tuple[dict[str, Array], dict[str, Any]]:
    """Arrays by name, and the description, of a fitted estimator.

    Parameters
    ----------
    est : MLPClassifier, MLPRegressor or an ensemble of them
    optimizer : bool or None, default=None
        As in `Savable.save`.
    """
    check_is_fitted(est)
    check_parameters(est)
    arrays: dict[str, Array] = {}
    model = {"class": _class_name(est), "parameters": _parameters(est), **_feature_names(est)}
    if hasattr(est, "estimators_"):
        model["members"] = []
        for k, member in enumerate(est.estimators_):
            as_data = _of_data(member, est._template())
            of_member, description = described(as_data, optimizer=optimizer)
            arrays |= {f"members.{k}.{name}": a for name, a in of_member.items()}
            model["members"].append(description)
        return arrays, model
    arrays |= named(est._fitted_parameters(), "", "_")
    if hasattr(est, "averaged_coefs_"):
        arrays |= named(est._predictive_parameters(), "averaged_", "_")
    if hasattr(est, "_optimizer"):
        model["optimizer"], moments = _described_optimizer(est, est._optimizer, optimizer)
        arrays |= moments
    for name, array in arrays.items():
        if not np.isfinite(array).all():
            raise ValueError(f"{name} must be finite to be saved. Got infinity or NaN.")
    records, described_records = _described_records(est)
    arrays |= records
    model |= described_records
    model["outputs"] = {"activation": est.out_activation_, **_meaning(est)}
    if "transform" in getattr(est, "_sklearn_output_config", {}):
        model["set_output"] = est._sklearn_output_config["transform"]
    arrays["replay.X"] = replayed_rows(est._predictive_parameters())
    arrays["replay.outputs"] = replayed(est, arrays["replay.X"])
    return arrays, model


def check_parameters(est: Any) -> None:
    """Check what `fit` would, for a file of wrong parameters would not load."""
    est._validate_params()
    if hasattr(est, "n_layers_"):
        est._check_options()
        est._hidden_units()
        est._dropout_rates(est.n_layers_ - 2)


def replayed_rows(weights: Parameters) -> Array:
    """Rows in [-1, 1) that every network of this shape and type gets: (N_REPLAYED, n_features)."""
    n = weights.coefs[0].shape[0]
    numbers = np.arange(1, N_REPLAYED * n + 1, dtype=np.uint64) * np.uint64(2654435769) % 2**32
    rows = numbers.reshape(N_REPLAYED, n) / 2.0**31 - 1  # Knuth's multiplicative hashing
    return rows.astype(weights.coefs[0].dtype)


def replayed(est: Any, X: Array) -> Array:
    """Outputs of a network: (n_samples, n_outputs)."""
    parameters = est._predictive_parameters()
    outputs: Array = est._computed(parameters, X, est.n_layers_ - 1, est._output())
    return outputs


def moment_names(k: int) -> str:
    """Beginning of the names of an optimizer's moment."""
    return f"optimizer.{k}."


def _class_name(est: Any) -> str:
    """Name of the class, if it is one of pymlp's: a file could not say what another one does."""
    kind = type(est)
    if not kind.__module__.startswith("pymlp."):
        raise TypeError(
            "Only pymlp's own classes can be saved, for a file could not say what another one "
            f"does. Got {kind.__module__}.{kind.__qualname__}."
        )
    return kind.__name__


def _parameters(est: Any) -> dict[str, Any]:
    values = {}
    for name, value in est.get_params(deep=False).items():
        if name == "estimator" and value is not None:
            template = {
                inner: _encoded_parameter(est, f"estimator__{inner}", of_template)
                for inner, of_template in value.get_params(deep=False).items()
            }
            values[name] = {"class": _class_name(value), "parameters": template}
        else:
            values[name] = _encoded_parameter(est, name, value)
    return values


def _encoded_parameter(est: Any, name: str, value: Any) -> Any:
    try:
        return encoded(value)
    except NotDataError as error:
        if name == "estimator__random_state":
            return None  # members have seeds of their own
        raise ValueError(
            f"The '{name}' parameter of {type(est).__name__} must be data to be saved, not a "
            f"function or another object: {error}. Set another value first, by "
            f"set_params({name}=...); predictions do not depend on it."
        ) from error


def _of_data(member: Any, template: Any) -> Any:
    """Give a copy of an ensemble's member the template's parameters where its own are no data."""
    values = template.get_params(deep=False)
    for name, value in member.get_params(deep=False).items():
        try:
            encoded(value)
        except NotDataError:
            member = copy(member).set_params(**{name: values[name]})
    return member


def _feature_names(est: Any) -> dict[str, Any]:
    names = getattr(est, "feature_names_in_", None)
    return {} if names is None else {"feature_names": [str(name) for name in names]}


def _meaning(est: Any) -> dict[str, Any]:
    """What the outputs are: quantiles of targets, or how labels are encoded."""
    if not hasattr(est, "classes_"):
        return {"levels": est._levels, "is_list": est._quantiles is not None}
    target: Target = est._target
    kind = {"target": type(target).__name__}
    if isinstance(target, Indicator):
        return kind | {"is_sparse": target.is_sparse}
    try:
        return kind | {"classes": encoded(target.classes)}
    except NotDataError as error:
        raise ValueError(f"classes_ must be numbers or strings to be saved: {error}.") from error


def named(parameters: Parameters, prefix: str, suffix: str) -> dict[str, Array]:
    """Arrays of the parameters by their names in a file."""
    arrays = {f"{prefix}coefs{suffix}.{k}": c for k, c in enumerate(parameters.coefs)}
    return arrays | {
        f"{prefix}intercepts{suffix}.{k}": b for k, b in enumerate(parameters.intercepts)
    }


def _described_records(est: Any) -> tuple[dict[str, Array], dict[str, Any]]:
    """What a fit has counted and measured."""
    measures = {name: getattr(est, name) for name in MEASURES if hasattr(est, name)}
    description = {
        "counts": {name: int(getattr(est, name)) for name in COUNTS if hasattr(est, name)},
        "measures": {n: v if v is None else encoded(float(v)) for n, v in measures.items()},
        "history": list(est.history_),  # the order of the columns
    }
    if hasattr(est, "_goal"):
        description["goal"] = [*est._goal]
    lists = {name: getattr(est, name, None) for name in RECORDS}
    arrays = {name: _record(values, name) for name, values in lists.items() if values is not None}
    for name, column in est.history_.items():
        arrays[f"history_.{name}"] = _record(column, f"history_[{name!r}]")
    return arrays, description


def _record(values: Any, name: str) -> Array:
    record = np.asarray(values)
    if record.ndim != 1 or record.dtype.kind not in "fiub":
        raise ValueError(f"{name} must be a list of numbers to be saved. Got {values!r}.")
    return record.astype(np.float64)


def _described_optimizer(
    est: Any, state: Optimizer, wanted: bool | None
) -> tuple[dict[str, Any], dict[str, Array]]:
    if wanted is None:
        wanted = state.is_pickled or est.warm_start == "full"
    if not wanted or not state.matches(state.solver, est.coefs_):  # weights were set by hand
        state = state.without_moments()
    try:
        rates = encoded(list(state.rates))
    except NotDataError:  # a function, which the parameter is no longer, or would have been refused
        rates = encoded([est.learning_rate_init, est.learning_rate, est.power_t])
    description = {
        "solver": state.solver,
        "rates": rates,
        "learning_rate": state.learning_rate,
        "epochs": state.epochs,
        "steps": state.steps,
        "is_pickled": state.is_pickled,
    }
    arrays: dict[str, Array] = {}
    for k, moment in enumerate(state.moments):
        arrays |= named(moment, moment_names(k), "")
    return description, arrays
