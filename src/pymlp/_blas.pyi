"""Types of the BLAS bridge."""

from typing import Any

from numpy.typing import NDArray

def gemm(a: NDArray[Any], b: NDArray[Any]) -> NDArray[Any]: ...
