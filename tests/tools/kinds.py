"""X and y in every container and type, beside the plain arrays that they stand for."""

import array
import contextlib
from collections import UserList, deque
from decimal import Decimal
from typing import Any

import narwhals
import numpy as np
import pandas as pd
import polars as pl
from scipy import sparse

N = 48
NUMBERS = np.arange(N) % 3
BITS = np.arange(N) // 3 % 2
X = np.c_[np.eye(3)[NUMBERS], BITS, 1 - BITS, np.arange(N) % 5 / 4] * 2 - 1
NAMES = np.array(["blue", "green", "red"])[NUMBERS]
DATES = np.array(["2020-01-01", "2020-06-01", "2021-01-01"], "M8[D]")[NUMBERS]
BIG = np.array([2**53, 2**53 + 1, 2**53 + 2])[NUMBERS]
LARGEST = np.array([0, 2**64 - 1], "u8")[BITS]
FRAME = pd.DataFrame(X, columns=list("abcdef"))
POLARS = pl.DataFrame({name: FRAME[name].to_numpy() for name in FRAME})


class ArrayLike:
    """What knows nothing but how to become an array."""

    def __init__(self, values: np.ndarray) -> None:
        self.values = values

    def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray:
        return np.asarray(self.values, dtype)


class Columns(ArrayLike):
    """A frame of nobody's."""

    columns = tuple("abcdef")


def objects(values: Any) -> np.ndarray:
    made = np.empty(len(values), object)
    made[:] = list(values)
    return made


X_KINDS: dict[str, Any] = {
    "lists": X.tolist(),
    "tuples": tuple(map(tuple, X.tolist())),
    "a deque": deque(X.tolist()),
    "rows": list(X),
    "objects": X.astype(object),
    "a frame": FRAME,
    "a frame of objects": FRAME.astype(object),
    "a frame of Decimals": FRAME.apply(lambda column: column.map(Decimal)),
    "a frame of Float64": FRAME.astype("Float64"),
    "a frame of categories": FRAME.astype("category"),
    "a frame of several types": FRAME.astype({"a": "Float64", "b": "int8", "c": object}),
    "a sparse frame": FRAME.astype(pd.SparseDtype(float, 0)),
    "polars": POLARS,
    "polars' Decimals": POLARS.cast(pl.Decimal(10, 2)),
    "narwhals": narwhals.from_native(FRAME),
    "narwhals of polars": narwhals.from_native(POLARS),
    "array-like": ArrayLike(X),
    "array-like with columns": Columns(X),
    "a memoryview": memoryview(X),
    "other byte order": X.astype(">f8"),
    "long double": X.astype(np.longdouble),
    **{name: sparse.csr_array(X).asformat(name) for name in ("bsr", "coo", "csc", "dia", "lil")},
}

Y_KINDS: dict[str, tuple[Any, np.ndarray]] = {
    "a list": (NUMBERS.tolist(), NUMBERS),
    "a tuple": (tuple(NUMBERS.tolist()), NUMBERS),
    "a deque": (deque(NUMBERS.tolist()), NUMBERS),
    "a user's list": (UserList(NUMBERS.tolist()), NUMBERS),
    "a range": (range(N), np.arange(N)),
    "an array of the standard library": (array.array("l", NUMBERS.tolist()), NUMBERS),
    "a list of NumPy's": (list(NUMBERS), NUMBERS),
    "a list of NumPy's, signed and not": (
        [(np.uint64, np.int64)[k % 2](k) for k in NUMBERS],
        NUMBERS,
    ),
    "a list of arrays": ([np.array(k) for k in NUMBERS], NUMBERS),
    "integers and floats": ([k if k % 2 else float(k) for k in NUMBERS.tolist()], NUMBERS * 1.0),
    "large integers": (BIG.tolist(), BIG),
    "larger integers": ((BIG.astype("u8") + 2**63).tolist(), BIG.astype("u8") + 2**63),
    "zero and the largest integer": (LARGEST.tolist(), LARGEST),
    "integers as objects": (NUMBERS.astype(object), NUMBERS),
    "booleans as objects": ((NUMBERS > 0).astype(object), NUMBERS > 0),
    "strings as objects": (NAMES.astype(object), NAMES),
    "a list of strings": (NAMES.tolist(), NAMES),
    "strings of any length": (pd.Series(NAMES, dtype="string"), NAMES),
    "a series": (pd.Series(NUMBERS, index=np.arange(N) + 9), NUMBERS),
    "an index": (pd.Index(NAMES), NAMES),
    "Int64": (pd.Series(BIG, dtype="Int64"), BIG),
    "UInt64": (pd.Series(BIG.astype("u8") + 2**63, dtype="UInt64"), BIG.astype("u8") + 2**63),
    "boolean": (pd.Series(NUMBERS > 0, dtype="boolean"), NUMBERS > 0),
    "categories": (pd.Categorical(NAMES, categories=["grey", "red", "green", "blue"]), NAMES),
    "categories of numbers": (pd.Series(NUMBERS * 5, dtype="category"), NUMBERS * 5),
    "a frame of one column": (pd.DataFrame({"y": NAMES}), NAMES),
    "dates": (pd.Series(DATES), DATES.astype("M8[s]")),
    "polars": (pl.Series(NUMBERS), NUMBERS),
    "polars' strings": (pl.Series(NAMES), NAMES),
    "polars' Enum": (pl.Series(NAMES, dtype=pl.Enum(["red", "green", "blue", "grey"])), NAMES),
    "polars' categories": (pl.Series(NAMES, dtype=pl.Categorical), NAMES),
    "polars' dates": (pl.Series(DATES), DATES),
    "polars' column": (pl.DataFrame({"y": NUMBERS}), NUMBERS),
    "narwhals": (narwhals.from_native(pl.Series(NAMES), series_only=True), NAMES),
    "other byte order": (NUMBERS.astype(">i4"), NUMBERS.astype("i4")),
    "half precision": (NUMBERS.astype("f2"), NUMBERS.astype("f2")),
    "long double": (NUMBERS.astype(np.longdouble), NUMBERS * 1.0),
    "durations": (NUMBERS.astype("m8[h]"), NUMBERS.astype("m8[h]")),
    "one sparse column": (sparse.csr_array(BITS[:, None]), BITS),
}
if hasattr(np.dtypes, "StringDType"):  # since NumPy 2
    Y_KINDS["NumPy's strings of any length"] = NAMES.astype(np.dtypes.StringDType()), NAMES

PAIR = np.c_[NUMBERS, BITS + 5]
MIXED = np.stack([objects(NAMES.tolist()), objects(BITS.tolist())], axis=1)
SEVERAL_KINDS: dict[str, tuple[Any, np.ndarray]] = {
    "lists": (PAIR.tolist(), PAIR),
    "rows": (list(PAIR), PAIR),
    "a frame": (pd.DataFrame(PAIR), PAIR),
    "a frame of Int64": (pd.DataFrame(PAIR, dtype="Int64"), PAIR),
    "objects": (PAIR.astype(object), PAIR),
    "polars": (pl.DataFrame(PAIR), PAIR),
    "narwhals": (narwhals.from_native(pl.DataFrame(PAIR)), PAIR),
    "lists of strings": (np.c_[NAMES, NAMES[::-1]].tolist(), np.c_[NAMES, NAMES[::-1]]),
    "lists of two types": ([[str(a), int(b)] for a, b in zip(NAMES, BITS, strict=True)], MIXED),
    "a frame of two types": (pd.DataFrame({"a": NAMES, "b": BITS}), MIXED),
    "a frame with two equal names": (pd.DataFrame(MIXED, columns=["a", "a"]), MIXED),
    "polars of two types": (pl.DataFrame({"a": NAMES, "b": BITS}), MIXED),
}
TARGETS = 2 * X[:, 0] - X[:, 3] + X[:, 5]
TARGET_KINDS: dict[str, Any] = {
    "a list": TARGETS.tolist(),
    "a tuple": tuple(TARGETS.tolist()),
    "objects": TARGETS.astype(object),
    "Decimals": [Decimal(t) for t in TARGETS.tolist()],
    "a series": pd.Series(TARGETS, index=np.arange(N) + 9),
    "Float64": pd.Series(TARGETS, dtype="Float64"),
    "a series of objects": pd.Series(TARGETS, dtype=object),
    "a frame": pd.DataFrame({"y": TARGETS}),
    "polars": pl.Series(TARGETS),
    "polars' column": pl.DataFrame({"y": TARGETS}),
    "narwhals": narwhals.from_native(pl.Series(TARGETS), series_only=True),
    "array-like": ArrayLike(TARGETS),
    "other byte order": TARGETS.astype(">f8"),
    "long double": TARGETS.astype(np.longdouble),
}
INDICATOR = np.c_[NUMBERS > 0, BITS > 0].astype(int)
INDICATOR_KINDS: dict[str, Any] = {
    "lists": INDICATOR.tolist(),
    "booleans": INDICATOR > 0,
    "lists of booleans": (INDICATOR > 0).tolist(),
    "floats": INDICATOR * 1.0,
    "objects": INDICATOR.astype(object),
    "a frame": pd.DataFrame(INDICATOR),
    "a frame of booleans and integers": pd.DataFrame({"a": NUMBERS > 0, "b": BITS}),
    "a frame of boolean": pd.DataFrame(INDICATOR > 0, dtype="boolean"),
    "polars": pl.DataFrame(INDICATOR),
    "other byte order": INDICATOR.astype(">i4"),
    **{name: sparse.csr_array(INDICATOR).asformat(name) for name in ("csr", "coo", "dok", "lil")},
    "with zeros that are stored": sparse.csr_array(
        (INDICATOR.ravel(), np.tile([0, 1], N), np.arange(0, 2 * N + 1, 2))
    ),
}

with contextlib.suppress(ImportError):
    import ml_dtypes

    X_KINDS["bfloat16"] = X.astype(ml_dtypes.bfloat16)
    X_KINDS["float8"] = X.astype(ml_dtypes.float8_e5m2)
    Y_KINDS["bfloat16"] = NUMBERS.astype(ml_dtypes.bfloat16), NUMBERS * 1.0
    Y_KINDS["four bits"] = NUMBERS.astype(ml_dtypes.int4), NUMBERS
with contextlib.suppress(ImportError):
    import pyarrow

    X_KINDS["Arrow"] = pyarrow.table({name: FRAME[name].to_numpy() for name in FRAME})
    X_KINDS["a batch of Arrow's"] = X_KINDS["Arrow"].to_batches()[0]
    X_KINDS["narwhals of Arrow"] = narwhals.from_native(X_KINDS["Arrow"])
    X_KINDS["a frame of Arrow's"] = X_KINDS["Arrow"].to_pandas(types_mapper=pd.ArrowDtype)
    Y_KINDS["Arrow"] = pyarrow.chunked_array([BIG]), BIG
    Y_KINDS["Arrow's dictionary"] = pyarrow.array(NAMES.tolist()).dictionary_encode(), NAMES
    Y_KINDS["a series of Arrow's"] = pd.Series(BIG, dtype=pd.ArrowDtype(pyarrow.int64())), BIG
    SEVERAL_KINDS["Arrow"] = pyarrow.table({"a": NAMES, "b": BITS}), MIXED
