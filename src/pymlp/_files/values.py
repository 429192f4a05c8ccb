"""Values of parameters and labels as JSON, and back: a closed list of kinds, no code among them."""

from __future__ import annotations

import math
import re
from dataclasses import fields
from numbers import Integral, Real
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


class NotDataError(ValueError):
    """A value of a kind that does not go into files."""


def encoded(value: Any, depth: int = 0) -> Any:  # noqa: PLR0911
    """Value, `depth` values down, as JSON.

    Numbers of NumPy become Python's. What JSON does not know is an object of one item, whose name
    says what it is: 'float' (infinite or NaN), 'tuple', 'dict', 'array' (or a single date or
    duration), 'schedule'.

    Raises
    ------
    NotDataError
        If it is of another kind, or too deep.
    """
    if depth > MAX_DEPTH:
        raise NotDataError(f"it nests more than {MAX_DEPTH} values")
    if value is None or isinstance(value, (bool, np.bool_)):
        return None if value is None else bool(value)
    if isinstance(value, str):
        return str(value)
    if type(value) in (np.ndarray, np.datetime64, np.timedelta64):  # this is an Integral as well
        return {"array": _encoded_array(np.asarray(value), depth)}
    if isinstance(value, Integral):
        return int(value)
    if isinstance(value, Real):
        number = float(value)
        if number == value and math.isfinite(number):
            return number
        if number == value or math.isnan(number):
            return {"float": repr(number)}
    if isinstance(value, list):
        return [encoded(item, depth + 1) for item in value]
    if isinstance(value, tuple):
        return {"tuple": [encoded(item, depth + 1) for item in value]}
    if type(value) is dict:
        return {
            "dict": [
                [encoded(key, depth + 1), encoded(item, depth + 1)] for key, item in value.items()
            ]
        }
    if type(value) in SCHEDULES.values():
        settings = {f.name: encoded(getattr(value, f.name), depth + 1) for f in fields(value)}
        return {"schedule": {"class": type(value).__name__, **settings}}
    raise NotDataError(f"got {value!r}")


def decoded(value: Any, depth: int = 0) -> Any:  # noqa: PLR0911
    """Value, `depth` values down, of its JSON.

    Raises
    ------
    ValueError, TypeError
        If it is not what `encoded` makes.
    """
    if depth > MAX_DEPTH:
        raise ValueError(f"it nests more than {MAX_DEPTH} values")
    if isinstance(value, list):
        return [decoded(item, depth + 1) for item in value]
    if not isinstance(value, dict):
        return value
    if len(value) != 1:
        raise ValueError(f"it holds a value of {len(value)} kinds, not of one")
    ((kind, content),) = value.items()
    if kind == "float" and content in ("inf", "-inf", "nan"):
        return float(content)
    if kind == "tuple":
        return tuple(decoded(item, depth + 1) for item in content)
    if kind == "dict":
        return {decoded(key, depth + 1): decoded(item, depth + 1) for key, item in content}
    if kind == "array":
        return _decoded_array(depth=depth, **content)
    if kind == "schedule":
        settings = {name: decoded(item, depth + 1) for name, item in content.items()}
        name = settings.pop("class")
        if name not in SCHEDULES:
            raise ValueError(f"it names {name!r}, no schedule of pymlp")
        return SCHEDULES[name](**settings)
    raise ValueError(f"it holds a value of the unknown kind {kind!r}")


def _encoded_array(array: Array, depth: int) -> dict[str, Any]:
    if array.dtype.kind in "mM":
        return {"dtype": array.dtype.name, "values": array.astype(np.int64).tolist()}
    is_text = array.dtype.kind == "U"
    dtype = f"U{array.dtype.itemsize // 4}" if is_text else array.dtype.name
    if not (array.nbytes <= MAX_TEXT if is_text else dtype in ARRAYS):
        raise NotDataError(f"got an array of {array.dtype} and {array.nbytes} bytes")
    return {"dtype": dtype, "values": encoded(array.tolist(), depth + 1)}


def _decoded_array(depth: int, dtype: str, values: Any) -> Any:
    values = decoded(values, depth + 1)
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
