"""A fitted estimator as arrays and their description, for a file; `loading` is the way back.

A description holds, as JSON, the class, the parameters, what outputs mean (classes, quantiles),
feature names, what a fit has counted and the optimizer's rates. Arrays are the weights, their
averages, the moments, the records of the epochs, and a few rows with the outputs they gave.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from copy import copy
from numbers import Integral, Real
from typing import Any

import numpy as np
import sklearn
from sklearn.utils.validation import check_is_fitted

from .. import _core
from .._files import container
from .._files.values import NotDataError, encoded
from .._fit.optimizer import Optimizer
from .._fit.records import Records
from .._network.parameters import Parameters
from .._system.arrays import Array

N_REPLAYED = 3  # rows
OF_TARGETS = ("target_mean_", "target_scale_")  # of a regressor for tables


class Savable:
    """An estimator that goes into files."""

    def __sizeof__(self) -> int:
        """Count its bytes with those of its arrays, by which Dask decides where a task runs."""
        arrays: list[Array] = [*getattr(self, "coefs_", []), *getattr(self, "averaged_coefs_", [])]
        for moment in getattr(getattr(self, "_optimizer", None), "moments", []):
            arrays += moment.coefs
        members = sum(map(sys.getsizeof, getattr(self, "estimators_", [])))
        return object.__sizeof__(self) + int(sum(a.nbytes for a in arrays)) + members

    def save(self, path: str | os.PathLike[str], *, optimizer: bool | None = None) -> None:
        """Write the fitted estimator to a safetensors file, for `pymlp.load`.

        The file holds data only: weights, parameters, classes, feature names, the history. What is
        loaded predicts the same bits on the same instruction set.

        Parameters
        ----------
        path : str or path-like
            The file. An old one is replaced when the new one is complete and on the disk: a crash
            or a full disk leaves it as it was, at worst beside a ``.pymlp-????????.tmp``, which
            the next one to be saved there removes.
        optimizer : bool or None, default=None
            Store the solver's moments, so that a ``partial_fit`` or a ``fit`` with
            ``warm_start='full'`` goes on, to the bit, as if there had been no file? None does so
            where a pickle does: if ``partial_fit`` was the last to train, or with
            ``warm_start='full'``. It makes the file two to three times as large.

        Raises
        ------
        ImportError
            Without safetensors: ``pip install safetensors``.
        NotFittedError
            Before `fit`.
        OSError
            If the file cannot be written, or is no regular one, such as a device.
        MemoryError
            If there is less memory than a copy of the file needs.
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
        container.write(path, arrays, {**versions(), "model": model})


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
            description.pop("feature_names", None)  # the ensemble's
            model["members"].append(description)
        if hasattr(est, "encoder_"):
            model["encoder"] = est.encoder_.to_data()
            model.pop("feature_names", None)  # the encoder's
            arrays |= {name: getattr(est, name) for name in OF_TARGETS if hasattr(est, name)}
        return arrays, model
    network = est._network()
    arrays |= est._fitted_parameters().to_arrays("", "_")
    if hasattr(est, "averaged_coefs_"):
        arrays |= network.parameters().to_arrays("averaged_", "_")
    if hasattr(est, "_optimizer"):
        model["optimizer"], moments = _optimizer(est, optimizer)
        arrays |= moments
    for name, array in arrays.items():
        if not np.isfinite(array).all():
            raise ValueError(f"{name} must be finite to be saved. Got infinity or NaN.")
    counted, lists = Records.of_attributes(vars(est)).to_data()
    arrays |= lists
    model |= counted
    model["outputs"] = {"activation": est.out_activation_, **est._target.to_data()}
    if "transform" in getattr(est, "_sklearn_output_config", {}):
        model["set_output"] = est._sklearn_output_config["transform"]
    arrays["replay.X"] = replayed_rows(network.parameters())
    arrays["replay.outputs"] = network.predict(arrays["replay.X"])
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
        return encoded(_plain(value))
    except NotDataError as error:
        if name == "estimator__random_state":
            return None  # members have seeds of their own
        raise ValueError(
            f"The '{name}' parameter of {type(est).__name__} must be data to be saved, not a "
            f"function or another object: {error}. Set another value first, by "
            f"set_params({name}=...); predictions do not depend on it."
        ) from error


def _plain(value: Any) -> Any:
    """What a parameter is to a fit, in types that files know: others are read as these."""
    if isinstance(value, Real) and not isinstance(value, (Integral, np.bool_)):
        return float(value)
    if isinstance(value, dict):
        return {key: _plain(weight) for key, weight in value.items()}
    if type(value) is np.ndarray and value.dtype != np.longdouble:
        return value
    if hasattr(value, "__array__") and not isinstance(value, np.generic):  # arrays, series
        return _plain(np.asarray(value).tolist())
    if isinstance(value, Sequence) and not isinstance(value, (str, bytes)):
        return (tuple if isinstance(value, tuple) else list)(map(_plain, value))
    return value


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


def _optimizer(est: Any, wanted: bool | None) -> tuple[dict[str, Any], dict[str, Array]]:
    """The optimizer's state; the moments, if they are wanted."""
    state: Optimizer = est._optimizer
    if wanted is None:
        wanted = state.is_pickled or est.warm_start == "full"
    if not wanted or not state.matches(state.solver, est.coefs_):  # weights were set by hand
        state = state.without_moments()
    try:
        return state.to_data()
    except NotDataError:  # a function, which the parameter is no longer, or would have been refused
        state = copy(state)
        state.rates = est.learning_rate_init, est.learning_rate, est.power_t
        return state.to_data()
