"""What makes a fit: its data, parameters and start, by which a checkpoint knows it again."""

from __future__ import annotations

import hashlib
from contextlib import suppress
from functools import partial
from types import CodeType
from typing import Any

import numpy as np
from scipy import sparse

from .._data.validation import BLOCK_BYTES
from .._fit.fit import Fit

WITHOUT_EFFECT = ("n_threads", "verbose")  # parameters that change no number
MAX_TEXT = 60  # characters of a value in an error


def fingerprint(
    class_name: str, parameters: dict[str, Any], classes: Any, fit: Fit
) -> dict[str, str]:
    """Describe a fit that is about to begin: a text for each part.

    Arrays are hashed whole: 0.1 to 0.2 s for 60,000 x 784 float32. Functions go by their names and
    code, a RandomState by its type, as does any other object whose text holds an address.

    Parameters
    ----------
    class_name : str
    parameters : dict of str to object
        Of the estimator.
    classes : array, list of such, or None
    fit : Fit
        As it starts, its weights drawn.
    """
    parts = {"class": class_name}
    for name, value in parameters.items():
        if name not in WITHOUT_EFFECT:
            parts[f"'{name}' parameter"] = as_text(value)
    if classes is not None:
        parts["classes_"] = as_text(classes)
    train, validation = fit.train, fit.validation
    parts |= {"X": _digest(train.X), "y": _digest(train.y), "sample_weight": _digest(train.weight)}
    if validation is not None and validation.rows is None:  # not rows of the training set
        samples = validation.samples
        parts |= {"X_val": _digest(samples.X), "y_val": _digest(samples.y)}
        parts["sample_weight_val"] = _digest(samples.weight)
    optimizer = fit.engine.optimizer
    start = [a for p in (*fit.engine.kept(), *optimizer.moments) for a in p.coefs + p.intercepts]
    numbers = optimizer.learning_rate, optimizer.epochs, optimizer.steps, fit.records.t
    parts["start (weights, moments)"] = _digest(*start, np.array(numbers))
    return parts


def differences(before: Any, now: dict[str, str]) -> list[str]:
    """Name the parts that differ, with the values of parameters.

    Parameters
    ----------
    before : dict of str to str
    now : dict of str to str
    """
    changed = []
    for name in dict.fromkeys([*before, *now]):
        old, new = before.get(name), now.get(name)
        if old != new:
            is_value = name.endswith("parameter")
            changed.append(f"{name} (it was {old}, now {new})" if is_value else name)
    # other data or parameters start elsewhere, too
    return changed[:-1] if len(changed) > 1 and changed[-1].startswith("start") else changed


def as_text(value: Any, within: tuple[Any, ...] = ()) -> str:
    """Describe a parameter's value, the same in every process.

    Parameters
    ----------
    value : object
    within : tuple of functions
        The value is in the closure of the last one, which is in that of the one before.
    """
    if isinstance(value, np.ndarray):
        value = value.tolist()
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, (list, tuple)):
        text = "[" + ", ".join(as_text(item, within) for item in value) + "]"
    elif isinstance(value, dict):
        items = ((as_text(key, within), as_text(item, within)) for key, item in value.items())
        text = "{" + ", ".join(f"{key}: {item}" for key, item in sorted(items)) + "}"
    elif isinstance(value, partial):
        parts = (value.func, value.args, value.keywords)
        text = f"partial({', '.join(as_text(part, within) for part in parts)})"
    elif callable(value) and hasattr(value, "__qualname__"):
        text = f"{value.__module__}.{value.__qualname__}"
        if hasattr(value, "__code__") and value not in within:
            text += f" of the code {_code_digest(value, within)}"
    else:
        text = repr(value)
        if " at 0x" in text or isinstance(value, np.random.RandomState):
            text = f"{type(value).__module__}.{type(value).__qualname__}"
    if len(text) > MAX_TEXT:
        digest = hashlib.sha256(text.encode()).hexdigest()[:16]
        text = f"{text[: MAX_TEXT - 20]}... {digest}"
    return text


def _code_digest(function: Any, within: tuple[Any, ...]) -> str:
    """What a function of Python does: its code, its defaults and the values that it closes over."""
    enclosed = []
    for cell in function.__closure__ or ():
        with suppress(ValueError):  # an empty cell
            enclosed.append(cell.cell_contents)
    values = (function.__defaults__, function.__kwdefaults__, enclosed)
    texts = [_code_text(function.__code__), *(as_text(v, (*within, function)) for v in values)]
    return hashlib.sha256("\n".join(texts).encode()).hexdigest()[:8]


def _code_text(code: CodeType) -> str:
    """Instructions, names and constants, among which the code of functions within may be."""
    constants = [
        _code_text(c)
        if isinstance(c, CodeType)
        # its order changes from process to process
        else repr(sorted(map(repr, c)))
        if isinstance(c, frozenset)
        else repr(c)
        for c in code.co_consts
    ]
    return "\n".join([code.co_code.hex(), repr(code.co_names), *constants])


def _digest(*arrays: Any) -> str:
    """Shapes, types and contents of arrays, CSR matrices or None."""
    digest = hashlib.sha256()
    for array in arrays:
        parts = [array]
        if sparse.issparse(array):
            digest.update(repr(array.shape).encode())
            parts = [array.data, array.indices, array.indptr]
        for part in parts:
            _add(digest, part)
    return digest.hexdigest()


def _add(digest: Any, array: Any) -> None:
    if array is None:
        digest.update(b"None")
        return
    little = array.dtype.newbyteorder("<")
    digest.update(f"{array.shape} {little.str}".encode())
    if array.size == 0:
        return
    n = max(1, BLOCK_BYTES * len(array) // max(1, array.nbytes))
    for first in range(0, len(array), n):  # never a copy of all
        digest.update(np.ascontiguousarray(array[first : first + n], little))
