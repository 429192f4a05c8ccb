"""Values of parameters and labels as JSON, and back: a closed list of kinds, no code among them.

For a model file numbers and strings are what they are equal to. For a checkpoint (with `aside`),
where callbacks go on with what they kept, a value comes back as the type that it was, or is
refused; and there are more kinds.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from numbers import Integral, Real
from pathlib import Path
from typing import Any

import numpy as np

from .. import schedules
from .._system.arrays import Array

SCHEDULES = {kind.__name__: kind for kind in schedules.NAMED.values()}
ARRAYS = (
    *("bool", "object", "float16", "float32", "float64"),
    *("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"),
)
DATES = re.compile(r"(datetime|timedelta)64(\[\d{0,9}(Y|M|W|D|h|m|s|ms|us|ns|ps|fs|as)\])?")
MAX_TEXT = 2**24  # bytes of an array of strings: NumPy gives each the longest one's width
MAX_DEPTH = 32  # of values within values
# the types that a checkpoint has no kind of its own for, but the kinds of a model file
PLAIN = (type(None), bool, int, float, str, list, tuple, dict, np.ndarray, *SCHEDULES.values())
STORED = (np.dtype("float32"), np.dtype("float64"), np.dtype("int64"))  # what goes aside
BIT_GENERATORS = {
    kind.__name__: kind
    for kind in (
        np.random.PCG64,
        np.random.PCG64DXSM,
        np.random.MT19937,
        np.random.Philox,
        np.random.SFC64,
    )
}


class NotDataError(ValueError):
    """A value of a kind that does not go into files."""


def encoded(value: Any, depth: int = 0, aside: dict[str, Array] | None = None) -> Any:  # noqa: PLR0911
    """Value, `depth` values down, as JSON.

    Numbers of NumPy become Python's. What JSON does not know is an object of one item, whose name
    says what it is: 'float' (infinite or NaN), 'tuple', 'dict', 'array' (or a single date or
    duration), 'schedule'.

    Parameters
    ----------
    value : object
    depth : int, default=0
    aside : dict of str to ndarray, default=None
        For a checkpoint: arrays go into it, under new names. The kinds 'stored' (such an array),
        'scalar' (of NumPy), 'set', 'path', 'generator' and 'random_state' are of checkpoints only.

    Raises
    ------
    NotDataError
        If it is of another kind, or too deep.
    """
    if depth > MAX_DEPTH:
        raise NotDataError(f"it nests more than {MAX_DEPTH} values")
    is_stored = type(value) is np.ndarray and value.dtype in STORED
    if aside is not None and (is_stored or type(value) not in PLAIN):
        return _encoded_state(value, depth, aside)

    def inner(item: Any) -> Any:
        return encoded(item, depth + 1, aside)

    if type(value) in (np.ndarray, np.datetime64, np.timedelta64):  # which are Integral as well
        return {"array": _encoded_array(np.asarray(value), inner)}
    # str.__str__: of an enumeration's member the value, not the name
    for kinds, plain in (((bool, np.bool_), bool), (str, str.__str__), (Integral, int)):
        if isinstance(value, kinds):
            return plain(value)
    if isinstance(value, Real):
        number = float(value)
        if number == value and math.isfinite(number):
            return number
        if number == value or math.isnan(number):
            return {"float": repr(number)}
    if value is None:
        return None
    if isinstance(value, (list, tuple)):
        items = [inner(item) for item in value]
        return items if isinstance(value, list) else {"tuple": items}
    if type(value) is dict:
        return {"dict": [[inner(key), inner(item)] for key, item in value.items()]}
    if type(value) in SCHEDULES.values():
        settings = {name: inner(item) for name, item in value.get_params(deep=False).items()}
        return {"schedule": {"class": type(value).__name__, **settings}}
    raise NotDataError(f"got {value!r}")


def decoded(value: Any, depth: int = 0, aside: dict[str, Array] | None = None) -> Any:  # noqa: PLR0911
    """Value, `depth` values down, of its JSON.

    Raises
    ------
    ValueError, TypeError, KeyError
        If it is not what `encoded` makes.
    """
    if depth > MAX_DEPTH:
        raise ValueError(f"it nests more than {MAX_DEPTH} values")

    def inner(item: Any) -> Any:
        return decoded(item, depth + 1, aside)

    if isinstance(value, list):
        return [inner(item) for item in value]
    if not isinstance(value, dict):
        return value
    if len(value) != 1:
        raise ValueError(f"it holds a value of {len(value)} kinds, not of one")
    ((kind, content),) = value.items()
    if kind == "float" and content in ("inf", "-inf", "nan"):
        return float(content)
    if kind == "tuple":
        return tuple(inner(item) for item in content)
    if kind == "dict":
        return {inner(key): inner(item) for key, item in content}
    if kind == "array":
        return _decoded_array(inner, **content)
    if kind == "schedule":
        settings = {name: inner(item) for name, item in content.items()}
        name = settings.pop("class")
        if name not in SCHEDULES:
            raise ValueError(f"it names {name!r}, no schedule of pymlp")
        return SCHEDULES[name](**settings)
    if aside is not None:
        return _decoded_state(kind, content, inner, aside)
    raise ValueError(f"it holds a value of the unknown kind {kind!r}")


def _encoded_state(value: Any, depth: int, aside: dict[str, Array]) -> dict[str, Any]:
    """JSON of what a model file does not hold, or not as it is."""
    if type(value) is np.ndarray:
        name = str(len(aside))
        aside[name] = value
        return {"stored": name}
    if isinstance(value, np.generic) and value.dtype.name in ARRAYS:
        return {"scalar": {"dtype": value.dtype.name, "value": encoded(value.item())}}
    if type(value) is set:
        return {"set": [encoded(item, depth + 1, aside) for item in value]}
    if type(value) is type(Path()):
        return {"path": str(value)}
    if type(value) is np.random.Generator:
        return {"generator": _encoded_generator(value.bit_generator.state)}
    if type(value) is np.random.RandomState:
        return {"random_state": _encoded_generator(value.get_state(legacy=False))}
    raise NotDataError(f"got {value!r}")


def _decoded_state(
    kind: str, content: Any, inner: Callable[[Any], Any], aside: dict[str, Array]
) -> Any:
    if kind == "stored":
        return aside[content]
    if kind == "scalar" and content["dtype"] in ARRAYS:
        return np.dtype(content["dtype"]).type(inner(content["value"]))
    if kind == "set":
        return {inner(item) for item in content}
    if kind == "path":
        return Path(content)
    if kind in ("generator", "random_state"):
        state = inner(content)
        bits = BIT_GENERATORS[state["bit_generator"]]()
        if kind == "generator":
            bits.state = state
            return np.random.Generator(bits)
        random_state = np.random.RandomState(bits)
        random_state.set_state(state)
        return random_state
    raise ValueError(f"it holds a value of the unknown kind {kind!r}")


def _encoded_generator(state: Any) -> Any:
    if state["bit_generator"] not in BIT_GENERATORS:
        raise NotDataError(f"got a generator by {state['bit_generator']}")
    return encoded(state)


def _encoded_array(array: Array, inner: Callable[[Any], Any]) -> dict[str, Any]:
    if array.dtype.kind in "mM":
        return {"dtype": array.dtype.name, "values": array.astype(np.int64).tolist()}
    is_text = array.dtype.kind == "U"
    dtype = f"U{array.dtype.itemsize // 4}" if is_text else array.dtype.name
    if not (array.ndim == 1 and array.nbytes <= MAX_TEXT if is_text else dtype in ARRAYS):
        raise NotDataError(f"got an array of {array.dtype} and {array.nbytes} bytes")
    values = array.tolist()
    if (dtype == "object" or not array.size) and np.array(values, dtype).shape != array.shape:
        raise NotDataError(f"got {array!r}, whose items do not tell its shape")
    return {"dtype": dtype, "values": inner(values)}


def _decoded_array(inner: Callable[[Any], Any], dtype: str, values: Any) -> Any:
    values = inner(values)
    if dtype in ARRAYS:
        return np.array(values, dtype=dtype)
    if DATES.fullmatch(dtype):
        return np.array(values, dtype=np.int64).view(dtype)[()]
    if not (dtype[0] == "U" and dtype[1:].isdecimal() and len(dtype) < 10):
        raise ValueError(f"it holds an array of the unknown type {dtype!r}")
    if not (isinstance(values, list) and all(isinstance(item, str) for item in values)):
        raise ValueError("it holds an array of strings in which not all are strings")
    longest = max(map(len, values), default=0)
    if longest > int(dtype[1:]) or 4 * int(dtype[1:]) * len(values) > MAX_TEXT:
        raise ValueError(f"it holds an array of {len(values)} strings that claims to be {dtype}")
    return np.array(values, dtype=dtype)
