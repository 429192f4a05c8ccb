"""An estimator from a file that may be anybody's: everything is checked, nothing is executed."""

from __future__ import annotations

import os
from itertools import pairwise
from typing import Any

import numpy as np
from sklearn.utils._param_validation import validate_parameter_constraints

from .._core import __version__
from .._data.labels import Indicator, MultiOutput, SingleLabel, Target
from .._files import container as _safetensors
from .._files.values import decoded
from .._fit.optimizer import N_MOMENTS, Optimizer
from .._fit.scoring import Goal
from .._network.parameters import Parameters
from .._system.arrays import Array
from .classifier import MLPClassifier
from .ensemble import MLPEnsembleClassifier, MLPEnsembleRegressor
from .regressor import MLPRegressor
from .saving import COUNTS, MEASURES, RECORDS, check_parameters, moment_names, replayed

CLASSES = {
    kind.__name__: kind
    for kind in (MLPClassifier, MLPRegressor, MLPEnsembleClassifier, MLPEnsembleRegressor)
}
MEMBERS = {MLPEnsembleClassifier: MLPClassifier, MLPEnsembleRegressor: MLPRegressor}
OUTPUTS = {"logistic": ("logistic", "identity"), "softmax": ("softmax", "identity")}
OUTPUTS_OF_TARGETS = ("identity", "exp")


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
    MLPClassifier, MLPRegressor, MLPEnsembleClassifier or MLPEnsembleRegressor
        It has no callbacks.

    Raises
    ------
    ImportError
        Without safetensors: ``pip install "pymlp[files]"``.
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
    arrays, description = _safetensors.read(path)
    with _safetensors.refusing(path):
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
        Of whatever kind, if these are not what `described` makes: see `_safetensors.refusing`.
    """
    est = _unfitted(model)
    if type(est) in MEMBERS:
        check_parameters(est)
        _set_members(est, arrays, model["members"])
    else:
        _set_network(est, arrays, model)
    if "feature_names" in model:
        names = model["feature_names"]
        if len(names) != est.n_features_in_ or not all(isinstance(name, str) for name in names):
            raise ValueError(f"it names {len(names)} features of {est.n_features_in_}")
        est.feature_names_in_ = np.array(names, dtype=object)
    return est


# --- parameters ----------------------------------------------------------------------------------


def _unfitted(model: Any) -> Any:
    if model["class"] not in CLASSES:
        raise ValueError(f"it names the class {model['class']!r}, not among {[*CLASSES]}")
    kind = CLASSES[model["class"]]
    known = kind._get_param_names()
    unknown = [name for name in model["parameters"] if name not in known]
    if unknown:
        raise ValueError(
            f"it has the parameters {unknown}, which {kind.__name__} does not know: it may have "
            f"been written by a newer version of pymlp than this one, {__version__}"
        )
    values = {}
    for name, value in model["parameters"].items():
        if name == "estimator" and value is not None:
            if kind not in MEMBERS or value["class"] != MEMBERS[kind].__name__:
                raise ValueError(f"it has {value['class']!r} for the members of {kind.__name__}")
            values[name] = _unfitted(value)
        else:
            values[name] = decoded(value)
    return kind(**values)


# --- a network -----------------------------------------------------------------------------------


def _set_network(est: Any, arrays: dict[str, Array], model: Any) -> None:
    weights = _parameters(arrays, "", "_")
    units = [weights.coefs[0].shape[0], *(c.shape[1] for c in weights.coefs)]
    est.n_features_in_, est.n_outputs_, est.n_layers_ = units[0], units[-1], len(units)
    est.coefs_, est.intercepts_ = weights.coefs, weights.intercepts
    if "averaged_coefs_.0" in arrays:
        mean = _parameters(arrays, "averaged_", "_")
        est.averaged_coefs_, est.averaged_intercepts_ = mean.coefs, mean.intercepts
    _set_meaning(est, **model["outputs"])
    _set_records(est, arrays, model)
    if "optimizer" in model:
        est._optimizer = _optimizer(est, arrays, weights, **model["optimizer"])
    if "set_output" in model:
        if model["set_output"] not in ("default", "pandas", "polars"):
            raise ValueError(f"it wants transform to put out {model['set_output']!r}")
        est.set_output(transform=model["set_output"])
    check_parameters(est)
    _replay(est, arrays.pop("replay.X"), arrays.pop("replay.outputs"))


def _parameters(
    arrays: dict[str, Array], prefix: str, suffix: str, like: Parameters | None = None
) -> Parameters:
    """Weights and biases of a network: at least one layer, one floating-point type, finite.

    With `like`, of its shapes.
    """
    coefs: list[Array] = []
    intercepts: list[Array] = []
    while f"{prefix}coefs{suffix}.{len(coefs)}" in arrays:
        coefs.append(arrays.pop(f"{prefix}coefs{suffix}.{len(coefs)}"))
        intercepts.append(arrays.pop(f"{prefix}intercepts{suffix}.{len(intercepts)}"))
    name = f"{prefix}coefs{suffix}, {prefix}intercepts{suffix}"
    if {a.dtype for a in coefs + intercepts} not in ({np.dtype("f4")}, {np.dtype("f8")}):
        raise ValueError(f"{name} are not of one floating-point type")
    shapes = [a.shape for a in coefs], [a.shape for a in intercepts]
    sound = (
        all(c.ndim == 2 and 0 not in c.shape for c in coefs)
        and all(b.shape == c.shape[1:] for b, c in zip(intercepts, coefs, strict=True))
        and all(c.shape[1] == d.shape[0] for c, d in pairwise(coefs))
    )
    if like is not None:
        sound = sound and shapes[0] == [c.shape for c in like.coefs]
    if not sound:
        raise ValueError(f"{name} of the shapes {shapes[0]} and {shapes[1]} are no network's")
    parameters = Parameters(coefs, intercepts)
    if not parameters.is_finite():
        raise ValueError(f"{name} are not finite")
    return parameters


def _set_meaning(est: Any, activation: str, **meaning: Any) -> None:
    """Set what the outputs are."""
    if isinstance(est, MLPClassifier):
        est._target = _target(est.n_outputs_, **meaning)
        est.classes_ = est._target.classes
        allowed = OUTPUTS[est._target.family]
    else:
        est._levels = _levels(est.n_outputs_, **meaning)
        est._quantiles = est._levels if meaning["is_list"] else None
        allowed = OUTPUTS_OF_TARGETS
    if activation not in allowed:
        raise ValueError(f"it has the output activation {activation!r}, not among {allowed}")
    est.out_activation_ = activation


def _target(n_outputs: int, target: str, **encoding: Any) -> Target:
    found: Target
    if target == "Indicator":
        found = Indicator(n_outputs, _of_type(encoding["is_sparse"], bool))
    elif target == "SingleLabel":
        found = SingleLabel(_classes(decoded(encoding["classes"])))
    elif target == "MultiOutput":
        found = MultiOutput([_classes(c) for c in _of_type(decoded(encoding["classes"]), list)])
    else:
        raise ValueError(f"it names {target!r}, which is no kind of labels")
    if found.n_outputs != n_outputs:
        raise ValueError(f"its classes need {found.n_outputs} outputs, its network has {n_outputs}")
    return found


def _classes(classes: Any) -> Array:
    classes = _of_type(classes, np.ndarray)
    if classes.ndim != 1 or not len(classes) or not np.array_equal(np.unique(classes), classes):
        raise ValueError("its classes are not a list of distinct ones in ascending order")
    found: Array = classes
    return found


def _levels(n_outputs: int, levels: Any, is_list: Any) -> list[float] | None:
    n_quantiles = len(levels) if _of_type(is_list, bool) else 1
    ascending = levels is None or (
        all(type(level) is float for level in levels)
        and all(low < high for low, high in pairwise([0.0, *levels, 1.0]))
    )
    if not ascending or n_outputs % n_quantiles or (levels is not None and not levels):
        raise ValueError(f"it has the quantiles {levels!r} for {n_outputs} outputs")
    found: list[float] | None = levels
    return found


def _set_records(est: Any, arrays: dict[str, Array], model: Any) -> None:
    """Set what a fit has counted and measured."""
    for name, count in model["counts"].items():
        if name not in COUNTS or type(count) is not int or not 0 <= count < 2**53:
            raise ValueError(f"it counts {name!r}: {count!r}")
        setattr(est, name, count)
    for name, value in model["measures"].items():
        measure = decoded(value)
        if name not in MEASURES or not (measure is None or type(measure) is float):
            raise ValueError(f"it measures {name!r}: {measure!r}")
        setattr(est, name, measure)
    columns = [_of_type(name, str) for name in model["history"]]
    est.history_ = {name: _record(arrays, f"history_.{name}") for name in columns}
    for name in RECORDS:
        if name in arrays:
            setattr(est, name, _record(arrays, name))
    if "goal" in model:
        column, sign = model["goal"]
        if not isinstance(column, str) or sign not in (1, -1):
            raise ValueError(f"it follows {model['goal']!r}")
        est._goal = Goal(column, sign)
        if not hasattr(est, "validation_scores_"):
            est.validation_scores_ = None
    needed = ["n_iter_", "t_"]
    if hasattr(est, "_goal"):
        needed += ["_no_improvement_count", "best_loss_", "best_validation_score_"]
    if hasattr(est, "averaged_coefs_"):
        needed += ["n_averaged_"]
    missing = [name for name in needed if not hasattr(est, name)]
    if missing:
        raise ValueError(f"it lacks {', '.join(missing)}")


def _record(arrays: dict[str, Array], name: str) -> list[float]:
    record = arrays.pop(name)
    if record.ndim != 1 or record.dtype != np.float64:
        raise ValueError(f"{name} is of {record.dtype} and the shape {record.shape}")
    values: list[float] = record.tolist()
    return values


def _optimizer(
    est: Any,
    arrays: dict[str, Array],
    weights: Parameters,
    *,
    solver: Any,
    rates: Any,
    learning_rate: Any,
    epochs: Any,
    steps: Any,
    is_pickled: Any,
) -> Optimizer:
    first, rule, power_t = decoded(rates)
    given = {"solver": solver, "learning_rate_init": first, "learning_rate": rule}
    given["power_t"] = power_t
    constraints = {name: est._parameter_constraints[name] for name in given}
    validate_parameter_constraints(constraints, given, caller_name="the optimizer")
    state = Optimizer(solver, first, rule, power_t)
    if not (type(learning_rate) is float and 0 < learning_rate < np.inf):
        raise ValueError(f"its optimizer has the learning rate {learning_rate!r}")
    state.learning_rate = learning_rate
    for name, count in (("epochs", epochs), ("steps", steps)):
        if type(count) is not int or not 0 <= count < 2**53:
            raise ValueError(f"its optimizer counts {name}: {count!r}")
        setattr(state, name, count)
    state.is_pickled = _of_type(is_pickled, bool)
    n_moments = N_MOMENTS.get(solver, 0)
    if moment_names(0) + "coefs.0" in arrays:
        state.moments = [
            _parameters(arrays, moment_names(k), "", weights) for k in range(n_moments)
        ]
    return state


def _replay(est: Any, X: Array, expected: Array) -> None:
    """Check that the network gives the outputs that it gave before it was saved.

    Instruction sets differ in the last digits. How far these may grow a second look at rows that
    differ as little tells.
    """
    dtype = est._predictive_parameters().coefs[0].dtype
    if X.dtype != dtype or X.ndim != 2 or X.shape[1] != est.n_features_in_:
        raise ValueError(f"its rows to be replayed are of {X.dtype} and the shape {X.shape}")
    if not len(X) or not np.isfinite(X).all():
        raise ValueError("its rows to be replayed are none, or not finite")
    found = replayed(est, X)
    if expected.dtype != dtype or expected.shape != found.shape:
        raise ValueError(f"its outputs to be replayed are of the shape {expected.shape}")
    eps = 2.0**-8 if est._in_bf16() else float(np.finfo(dtype).eps)
    known = np.isfinite(expected)  # an exp may have overflowed
    with np.errstate(over="ignore", invalid="ignore"):
        nearby = replayed(est, X * dtype.type(1 + 4 * eps))
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
    est.n_features_in_ = est.estimators_[0].n_features_in_
    est._adopt(est.estimators_[0])


def _interface(member: Any) -> tuple[Any, ...]:
    """What all members of an ensemble have in common."""
    target = getattr(member, "_target", None)
    classes = None
    if target is not None:
        several = isinstance(target.classes, list)
        classes = [c.tolist() for c in (target.classes if several else [target.classes])]
    return (
        *(member.n_features_in_, member.n_outputs_, member.out_activation_),
        *(member.coefs_[0].dtype, type(target), classes),
        *(getattr(member, "_levels", None), getattr(member, "_quantiles", None)),
    )


def _of_type(value: Any, kind: type) -> Any:
    if type(value) is not kind:
        raise ValueError(f"it holds {value!r} where there should be {kind.__name__}")
    return value
