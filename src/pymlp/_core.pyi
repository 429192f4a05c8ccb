"""Types of the C++ extension."""

from types import ModuleType
from typing import Any

from numpy.typing import NDArray

Array = NDArray[Any]

__version__: str

def isa() -> str: ...
def available_isas() -> list[str]: ...
def max_threads() -> int: ...
def measure_fma(dtype: str, n_threads: int, seconds: float) -> float: ...
def measure_memory(n_threads: int, seconds: float) -> float: ...
def measure_barrier(n_threads: int, rounds: int) -> float: ...
def predict(
    coefs: list[Array],
    intercepts: list[Array],
    X: Array,
    activation: str,
    loss: str,
    n_threads: int,
) -> Array: ...

class _Trainer:
    steps: int
    def __init__(
        self,
        units: list[int],
        *,
        activation: str,
        loss: str,
        solver: str,
        alpha: float,
        batch_size: int,
        momentum: float,
        nesterov: bool,
        beta_1: float,
        beta_2: float,
        epsilon: float,
        n_threads: int,
    ) -> None: ...
    def load_parameters(self, coefs: list[Array], intercepts: list[Array]) -> None: ...
    def store_parameters(self, coefs: list[Array], intercepts: list[Array]) -> None: ...
    def load_first_moments(self, coefs: list[Array], intercepts: list[Array]) -> None: ...
    def store_first_moments(self, coefs: list[Array], intercepts: list[Array]) -> None: ...
    def load_second_moments(self, coefs: list[Array], intercepts: list[Array]) -> None: ...
    def store_second_moments(self, coefs: list[Array], intercepts: list[Array]) -> None: ...
    def run_epoch(
        self,
        X: Array,
        y: Array,
        sample_weight: Array | None,
        order: Array | None,
        learning_rate: float,
    ) -> tuple[float, float]: ...
    def evaluate(
        self, X: Array, y: Array, sample_weight: Array | None, n_threads: int
    ) -> tuple[float, float]: ...
    def predict(self, X: Array, n_threads: int) -> Array: ...
    def is_finite(self) -> bool: ...

class Trainer32(_Trainer): ...
class Trainer64(_Trainer): ...

kernels: ModuleType  # single kernels of a named instruction set, for the tests
