"""What a network's outputs stand for, and the weights that lead to them."""

from __future__ import annotations

from typing import Any

from sklearn.base import is_classifier

from .._estimators.base import BaseMLP
from .._estimators.fitted import network_of
from .._system.arrays import Array
from .._system.meant import meant


def outputs_of(network: BaseMLP) -> list[Any]:
    """Return what ``class_`` may be, in the order of the outputs.

    A classifier's classes; pairs (column of y, class) if samples have several labels of several
    classes each; the numbers of a regressor's outputs.
    """
    classes = getattr(network, "classes_", range(network.n_outputs_))
    if isinstance(classes, list):
        return [(k, c) for k, column in enumerate(classes) for c in column.tolist()]
    return [c.item() if hasattr(c, "item") else c for c in classes]


def output_names(network: BaseMLP) -> list[str]:
    """Name each output: (n_outputs,). The one output of two classes is the second's."""
    if not is_classifier(network):
        return ["y"] if network.n_outputs_ == 1 else [f"y{k}" for k in outputs_of(network)]
    names = [f"{o[0]}: {o[1]}" if isinstance(o, tuple) else str(o) for o in outputs_of(network)]
    return names[-network.n_outputs_ :]


def output_weights(network: BaseMLP, class_: Any) -> Array:
    """Return the weights from the last hidden layer to the output of a class: (n_units,)."""
    outputs = outputs_of(network)
    if class_ not in outputs:
        hint = meant(class_, [output for output in outputs if isinstance(output, str)])
        raise ValueError(
            f"The 'class_' parameter must be among {outputs}.{hint} Got {class_!r} instead."
        )
    weights = network_of(network).parameters().coefs[-1]
    column = outputs.index(class_)
    if is_classifier(network) and network.n_outputs_ == 1:  # the output is the second class's
        return weights[:, 0] if column == 1 else -weights[:, 0]
    return weights[:, column]


def title_of(network: BaseMLP, class_: Any) -> str:
    """Name an output in a title or label."""
    return f"class {class_}" if is_classifier(network) else f"output {class_}"
