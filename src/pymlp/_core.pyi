"""Types of the C++ extension."""

from collections.abc import Sequence
from types import ModuleType
from typing import Any

from numpy import dtype
from numpy.typing import NDArray

Array = NDArray[Any]

__version__: str

def isa() -> str: ...
def available_isas() -> list[str]: ...
def emulates_bf16() -> bool: ...
def max_threads() -> int: ...
def measure_fma(dtype: str, n_threads: int, seconds: float) -> float: ...
def measure_memory(n_threads: int, seconds: float) -> float: ...
def measure_barrier(n_threads: int, rounds: int) -> float: ...

class StopFlag:
    def set(self) -> None: ...
    def __enter__(self) -> None: ...
    def __exit__(self, *error: object) -> None: ...

class Loss:
    def __init__(
        self,
        kind: str,
        *,
        groups: list[int] = ...,
        smoothing: float = ...,
        focusing: float = ...,
        delta: float = ...,
        quantiles: list[float] = ...,
    ) -> None: ...
    @property
    def output(self) -> str: ...

class Expansion:
    # of `pymlp.preprocessing._sources.Source` (src/cpp/network/expansion.hpp)
    def __init__(self, sources: Sequence[Any]) -> None: ...
    @property
    def n_features(self) -> int: ...
    def expand(self, raw: Array, dtype: Any) -> Array: ...

class ExpandedRows:
    def __init__(self, raw: Array, expansion: Expansion, dtype: Any) -> None: ...
    @property
    def shape(self) -> tuple[int, int]: ...
    @property
    def dtype(self) -> dtype[Any]: ...
    @property
    def raw(self) -> Array: ...
    @property
    def expansion(self) -> Expansion: ...

def predict(
    coefs: list[Array],
    intercepts: list[Array],
    X: Any,
    activations: list[str],
    loss: Loss,
    n_threads: int,
    bf16: bool,
) -> Array: ...
def predict_as_is(
    coefs: Any,
    intercepts: Any,
    X: Array,
    units: list[int],
    activations: list[str],
    loss: Loss,
    n_layers: int,
    n_threads: int,
    bf16: bool,
) -> Array | None: ...

class _Trainer:
    steps: int
    averaged_steps: int
    @property
    def monitored(self) -> dict[str, list[float]]: ...
    def __init__(
        self,
        units: list[int],
        *,
        activations: list[str],
        loss: Loss,
        **options: Any,  # every member of TrainerOptions (src/cpp/training/optimizer_step.hpp)
    ) -> None: ...
    # part: 'parameters', 'average', 'first_moments' or 'second_moments'; moments alone can be taken
    def load(self, part: str, coefs: list[Array], intercepts: list[Array]) -> None: ...
    def store(self, part: str, coefs: list[Array], intercepts: list[Array]) -> None: ...
    def take(self, part: str, coefs: list[Array], intercepts: list[Array]) -> None: ...
    def run_epoch(
        self,
        X: Any,
        y: Array,
        sample_weight: Array | None,
        order: Array | None,
        learning_rate: float,
    ) -> tuple[float, float]: ...
    def gradient(
        self,
        X: Any,
        y: Array,
        sample_weight: Array | None,
        coefs: list[Array],
        intercepts: list[Array],
    ) -> float: ...
    def evaluate(
        self,
        X: Any,
        y: Array,
        sample_weight: Array | None,
        order: Array | None,
        n_threads: int,
    ) -> tuple[float, float]: ...
    def predict(self, X: Any, order: Array | None, n_threads: int) -> Array: ...
    def is_finite(self) -> bool: ...

class Trainer32(_Trainer): ...
class Trainer64(_Trainer): ...
class TrainerBf16(_Trainer): ...

kernels: ModuleType  # single kernels of a named instruction set, for the tests
