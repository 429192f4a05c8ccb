"""An estimator from a file that may be anybody's: everything is checked, nothing is executed."""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from .._core import __version__
from .._data.labels import labels_from_data
from .._data.real_targets import RealTargets
from .._files import container
from .._files.values import decoded
from .._fit.optimizer import Optimizer
from .._fit.records import Records
from .._network.parameters import Parameters
from .._system.arrays import Array, unwatched
from ..preprocessing import TableEncoder
from .classifier import MLPClassifier
from .ensemble import MLPEnsembleClassifier, MLPEnsembleRegressor
from .regressor import MLPRegressor
from .saving import OF_TARGETS, check_parameters
from .tabular import TabularClassifier, TabularRegressor

MEMBERS: dict[type[Any], type[Any]] = {
    MLPEnsembleClassifier: MLPClassifier,
    MLPEnsembleRegressor: MLPRegressor,
    TabularClassifier: MLPClassifier,
    TabularRegressor: MLPRegressor,
}
ALL: tuple[type[Any], ...] = (MLPClassifier, MLPRegressor, *MEMBERS)
CLASSES = {kind.__name__: kind for kind in ALL}
RENAMED = {"n_members": "n_estimators"}  # parameters, since the first files


def load(path: str | os.PathLike[str]) -> Any:
    """Read a fitted estimator from a file that its ``save`` has written.

    The file may come from anybody: it is data, and nothing in it is executed or imported. Nothing
    but the file is read, in time and memory in proportion to its size; what it claims is checked,
    and the network must give for a few stored rows what it gave before it was saved.

    Parameters
    ----------
    path : str or path-like
        The file. Those of older versions of pymlp load, too.

    Returns
    -------
    object
        Of the class that was saved. It has no callbacks.

    Raises
    ------
    ImportError
        Without safetensors: ``pip install safetensors``.
    OSError
        If the file cannot be opened or read.
    ValueError
        If it is no such file, damaged or altered, contradicts itself, or is of a newer format.

    Examples
    --------
    >>> import pymlp, tempfile
    >>> import numpy as np
    >>> X = np.linspace(-1, 1, 50).reshape(-1, 1)
    >>> reg = pymlp.MLPRegressor(hidden_layer_sizes=(), solver="lbfgs").fit(X, 3 * X.ravel())
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     reg.save(folder + "/line.safetensors")
    ...     loaded = pymlp.load(folder + "/line.safetensors")
    >>> loaded.predict([[0.5]]).round(1)
    array([1.5])
    """
    arrays, description = container.read(path)
    with container.refusing(path):
        if "fit" in description:
            raise ValueError(
                "it is the checkpoint of a fit, for fit's parameter 'resume', not a model"
            )
        if "model" not in description:
            raise ValueError(f"it holds {', '.join(description)}, but no model")
        est = rebuilt(arrays, description["model"])
        if arrays:
            raise ValueError(f"it holds arrays that do not belong to its model: {[*arrays]}")
    return est


def rebuilt(arrays: dict[str, Array], model: Any) -> Any:
    """Estimator of the arrays, which are taken out of the dict, and the description.

    Raises
    ------
    Exception
        Of whatever kind, if these are not what `described` makes: see `container.refusing`.
    """
    est = _unfitted(model)
    if type(est) in MEMBERS:
        check_parameters(est)
        _set_members(est, arrays, model["members"])
        if isinstance(est, (TabularClassifier, TabularRegressor)):
            _set_encoder(est, arrays, model["encoder"])
    else:
        _set_network(est, arrays, model)
    if "feature_names" in model:
        names = model["feature_names"]
        if len(names) != est.n_features_in_ or not all(isinstance(name, str) for name in names):
            raise ValueError(f"it names {len(names)} features of {est.n_features_in_}")
        for of_names in (est, *getattr(est, "estimators_", [])):
            of_names.feature_names_in_ = np.array(names, dtype=object)
    return est


# --- parameters ----------------------------------------------------------------------------------


def _unfitted(model: Any) -> Any:
    if model["class"] not in CLASSES:
        raise ValueError(f"it names the class {model['class']!r}, not among {[*CLASSES]}")
    kind = CLASSES[model["class"]]
    known = kind._get_param_names()
    parameters = {RENAMED.get(name, name): v for name, v in model["parameters"].items()}
    unknown = [name for name in parameters if name not in known]
    if unknown:
        raise ValueError(
            f"it has the parameters {unknown}, which {kind.__name__} does not know: it may have "
            f"been written by a newer version of pymlp than this one, {__version__}"
        )
    values = {}
    for name, value in parameters.items():
        if name == "estimator" and value is not None:
            if kind not in MEMBERS or value["class"] != MEMBERS[kind].__name__:
                raise ValueError(f"it has {value['class']!r} for the members of {kind.__name__}")
            values[name] = _unfitted(value)
        else:
            values[name] = decoded(value)
    return kind(**values)


# --- a network -----------------------------------------------------------------------------------


def _set_network(est: Any, arrays: dict[str, Array], model: Any) -> None:
    weights = Parameters.from_arrays(arrays, "", "_")
    units = [weights.coefs[0].shape[0], *(c.shape[1] for c in weights.coefs)]
    est.n_features_in_, est.n_outputs_, est.n_layers_ = units[0], units[-1], len(units)
    est.coefs_, est.intercepts_ = weights.coefs, weights.intercepts
    if "averaged_coefs_.0" in arrays:
        mean = Parameters.from_arrays(arrays, "averaged_", "_")
        est.averaged_coefs_, est.averaged_intercepts_ = mean.coefs, mean.intercepts
    _set_target(est, **model["outputs"])
    records = Records.from_data(model, arrays)
    if hasattr(est, "averaged_coefs_") and records.n_averaged is None:
        raise ValueError("it lacks n_averaged_")
    est._publish(records)
    if "optimizer" in model:
        constraints = est._parameter_constraints
        est._optimizer = Optimizer.from_data(model["optimizer"], arrays, weights, constraints)
    if "set_output" in model:
        if model["set_output"] not in ("default", "pandas", "polars"):
            raise ValueError(f"it wants transform to put out {model['set_output']!r}")
        est.set_output(transform=model["set_output"])
    check_parameters(est)
    _replay(est, arrays.pop("replay.X"), arrays.pop("replay.outputs"))


def _set_target(est: Any, activation: str, **meaning: Any) -> None:
    """Set what the outputs are."""
    if isinstance(est, MLPClassifier):
        est._target = labels_from_data(est.n_outputs_, meaning)
        est.classes_ = est._target.classes
    else:
        est._target = RealTargets.from_data(est.n_outputs_, est.loss, meaning)
    allowed = est._target.output_activations
    if activation not in allowed:
        raise ValueError(f"it has the output activation {activation!r}, not among {allowed}")
    est.out_activation_ = activation


def _replay(est: Any, X: Array, expected: Array) -> None:
    """Check that the network gives the outputs that it gave before it was saved.

    Instruction sets differ in the last digits. How far these may grow a second look at rows that
    differ as little tells.
    """
    network = est._network()
    dtype = network.parameters().coefs[0].dtype
    if X.dtype != dtype or X.ndim != 2 or X.shape[1] != est.n_features_in_:
        raise ValueError(f"its rows to be replayed are of {X.dtype} and the shape {X.shape}")
    if not len(X) or not np.isfinite(X).all():
        raise ValueError("its rows to be replayed are none, or not finite")
    found = network.predict(X)
    if expected.dtype != dtype or expected.shape != found.shape:
        raise ValueError(f"its outputs to be replayed are of the shape {expected.shape}")
    eps = 2.0**-8 if network.bf16 else float(np.finfo(dtype).eps)
    known = np.isfinite(expected)  # an exp may have overflowed
    with unwatched():
        nearby = network.predict(X * dtype.type(1 + 4 * eps))
        spread = np.abs(nearby - found)[known]
        tolerance = eps**0.5 * np.abs(expected).max(where=known, initial=0)
        error = np.abs(found - expected)[known]
    if not (error <= tolerance + 20 * spread.max(initial=0)).all():
        raise ValueError(
            "its network does not give the outputs that it gave before it was saved: they differ "
            f"by {error.max():.3g}"
        )


# --- an ensemble ---------------------------------------------------------------------------------


def _set_members(est: Any, arrays: dict[str, Array], models: Any) -> None:
    est.estimators_ = []
    of_members: list[dict[str, Array]] = [{} for _ in _of_type(models, list)]
    for name in list(arrays):
        beginning, _, own = name.partition(".")
        k, _, own = own.partition(".")
        if beginning == "members" and k.isdecimal() and int(k) < len(models):
            of_members[int(k)][own] = arrays.pop(name)
    for model, taken in zip(models, of_members, strict=True):
        if model["class"] != MEMBERS[type(est)].__name__:
            raise ValueError(f"it has {model['class']!r} for a member")
        est.estimators_.append(rebuilt(taken, model))
        arrays |= taken  # what was left over
    if not est.estimators_:
        raise ValueError("it is an ensemble without members")
    if any(_interface(m) != _interface(est.estimators_[0]) for m in est.estimators_):
        raise ValueError("its members differ in their features, outputs or classes")
    est._adopt(est.estimators_[0])


def _set_encoder(est: Any, arrays: dict[str, Array], data: Any) -> None:
    """Set what makes the members' features of a table's columns, and scales their targets."""
    encoder = TableEncoder.from_data(data)
    if encoder._n_features_out != est.n_features_in_:
        raise ValueError(
            f"its encoder makes {encoder._n_features_out} features, its members have "
            f"{est.n_features_in_}"
        )
    est._set_encoder(encoder)
    if isinstance(est, TabularRegressor):
        n_targets = est._target.n_targets
        for name in OF_TARGETS:
            values = arrays.pop(name)
            if values.shape != (n_targets,) or not np.isfinite(values).all():
                raise ValueError(f"its {name} are of the shape {values.shape}, or not finite")
            setattr(est, name, values)


def _interface(member: Any) -> tuple[Any, ...]:
    """What all members of an ensemble have in common."""
    return (
        *(member.n_features_in_, member.n_outputs_, member.out_activation_),
        *(member.coefs_[0].dtype, member._target.to_data()),
    )


def _of_type(value: Any, kind: type) -> Any:
    if type(value) is not kind:
        raise ValueError(f"it holds {value!r} where there should be {kind.__name__}")
    return value
