"""The type of an array, and how the engine wants it to lie."""

from typing import Any, Literal

from numpy.typing import NDArray

Array = NDArray[Any]

ENGINE_LAYOUT: list[Literal["C", "A"]] = ["C", "A"]  # C order, aligned
