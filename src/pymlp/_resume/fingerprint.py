"""What makes a fit: its data, parameters and start, by which a checkpoint knows it again."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from types import CodeType, ModuleType
from typing import Any

import joblib  # scikit-learn requires it
import numpy as np
from scipy import sparse

from .._core import ExpandedRows
from .._data.checks import BLOCK_BYTES
from .._data.streamed import StreamedRows
from .._fit.fit import Fit

WITHOUT_EFFECT = ("n_threads", "verbose")  # parameters that change no number
MAX_TEXT = 60  # characters of a value in an error
MAX_ITEMS = 100  # of an array that is told item by item, as a list of the same is
MAX_DEPTH = 40  # of parts of a value
MAX_EXPANDED = 1000  # rows of a table whose features are looked at


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
    parts |= {"X": digest(train.X), "y": digest(train.y), "sample_weight": digest(train.weight)}
    if validation is not None and validation.rows is None:  # not rows of the training set
        samples = validation.samples
        parts |= {"X_val": digest(samples.X), "y_val": digest(samples.y)}
        parts["sample_weight_val"] = digest(samples.weight)
    optimizer = fit.engine.optimizer
    start = [a for p in (*fit.engine.kept(), *optimizer.moments) for a in p.coefs + p.intercepts]
    numbers = optimizer.learning_rate, optimizer.epochs, optimizer.steps, fit.records.t
    parts["start (weights, moments)"] = digest(*start, np.array(numbers))
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


def as_text(value: Any) -> str:
    """Describe a parameter's or an attribute's value, the same in every process.

    Functions are described by their names and code, methods by their objects, too; objects that can
    be called, or whose own text is an address, by their attributes.

    Parameters
    ----------
    value : object
    """
    found: dict[int, tuple[Any, str]] = {}  # by id, of what is kept from being another's meanwhile

    def text(value: Any, depth: int) -> str:
        if id(value) not in found:
            found[id(value)] = (value, "...")  # for what holds itself
            whole = (
                _described(value, lambda part: text(part, depth + 1))
                if depth < MAX_DEPTH
                else "..."
            )
            if len(whole) > MAX_TEXT:
                digest = hashlib.sha256(whole.encode(errors="surrogatepass")).hexdigest()[:16]
                whole = f"{whole[: MAX_TEXT - 20]}... {digest}"
            found[id(value)] = (value, whole)
        return found[id(value)][1]

    return text(value, 0)


def _described(value: Any, text: Callable[[Any], str]) -> str:  # noqa: PLR0911
    """Whole text of a value, which may have parts."""
    if isinstance(value, np.ndarray) and (value.size <= MAX_ITEMS or value.dtype == object):
        return text(value.tolist())
    if isinstance(value, np.generic):
        return repr(value.item())
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(map(text, value)) + "]"
    if isinstance(value, dict):
        items = sorted((text(key), text(item)) for key, item in value.items())
        return "{" + ", ".join(f"{key}: {item}" for key, item in items) + "}"
    if isinstance(value, (set, frozenset)):
        return "{" + ", ".join(sorted(map(text, value))) + "}"
    if callable(value) and hasattr(value, "__qualname__"):
        return _function_text(value, text)
    if hasattr(value, "__array__") or sparse.issparse(value):  # arrays, frames
        return f"{_name(type(value))} {_content_digest(value)}"
    if isinstance(value, (np.random.RandomState, np.random.Generator)):
        return _name(type(value))
    if isinstance(value, partial):
        return f"partial({', '.join(map(text, (value.func, value.args, value.keywords)))})"
    own, state = repr(value), object.__getstate__(value)
    if " at 0x" in own or (callable(value) and state is not None):
        own = f"{_name(type(value))}({text(state)})"
    return own + (f" with {text(type(value).__call__)}" if callable(value) else "")


def _name(kind: Any) -> str:
    return f"{getattr(kind, '__module__', None)}.{kind.__qualname__}"


def _function_text(function: Any, text: Callable[[Any], str]) -> str:
    found = _name(function)
    if isinstance(function, type):
        return found
    if hasattr(function, "__code__"):
        found += f" of the code {_code_digest(function, text)}"
    elif hasattr(function, "__wrapped__"):  # such as by a cache
        found += f" of {text(function.__wrapped__)}"
    owner = getattr(function, "__self__", None)
    if not (owner is None or isinstance(owner, ModuleType)):
        found += f" of {text(owner)}"
    return found


def _content_digest(value: Any) -> str:
    """Digest of what is in an array, a sparse matrix or a frame."""
    if isinstance(value, np.ndarray):
        return digest(value)[:16]
    try:
        found: str = joblib.hash(value)
    except Exception:  # of whatever cannot be pickled
        return ""
    return found[:16]


def _code_digest(function: Any, text: Callable[[Any], str]) -> str:
    """What a function of Python does: its code, its defaults and the values that it closes over."""
    enclosed = []
    for cell in function.__closure__ or ():
        with suppress(ValueError):  # an empty cell
            enclosed.append(cell.cell_contents)
    values = (function.__defaults__, function.__kwdefaults__, enclosed)
    texts = [_code_text(function.__code__), *map(text, values)]
    return hashlib.sha256("\n".join(texts).encode(errors="surrogatepass")).hexdigest()[:8]


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


def digest(*arrays: Any) -> str:
    """Shapes, types and contents of arrays, CSR matrices, expanded or streamed rows, or None."""
    found = hashlib.sha256()
    for array in arrays:
        for block in array.blocks() if isinstance(array, StreamedRows) else [array]:
            parts = [block]
            if sparse.issparse(block):
                found.update(repr(block.shape).encode())
                parts = [block.data, block.indices, block.indptr]
            elif isinstance(block, ExpandedRows):  # of how it is expanded some rows tell
                some = block.expansion.expand(block.raw[:MAX_EXPANDED], block.dtype)
                parts = [block.raw, some]
            for part in parts:
                _add(found, part)
    return found.hexdigest()


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
