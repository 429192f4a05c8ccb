"""A network's weights and biases as NumPy arrays."""

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from .._system.arrays import ENGINE_LAYOUT, Array, unwatched


@dataclass
class Parameters:
    """Weights and biases of every layer, or arrays of their shapes (a moment, the best so far).

    Parameters
    ----------
    coefs : list of ndarray of shape (n_in, n_out)
    intercepts : list of ndarray of shape (n_out,)
    """

    coefs: list[Array]
    intercepts: list[Array]

    @classmethod
    def checked(cls, coefs: Any, intercepts: Any, units: list[int]) -> "Parameters":
        """Take what a person may have put into ``coefs_`` and ``intercepts_``.

        Parameters
        ----------
        coefs, intercepts : sequence of array-like
        units : list of int
            Units of the input and of each layer; 0 for any number.

        Raises
        ------
        ValueError
            If an array is not of real numbers or the shapes do not fit the units and each other.
        """
        coefs = [_real(c, "coefs_") for c in coefs]
        intercepts = [_real(b, "intercepts_") for b in intercepts]
        shapes = [c.shape for c in coefs], [b.shape for b in intercepts]
        sound = len(coefs) == len(units) - 1 and _fit_each_other(coefs, intercepts)
        if sound:
            found = [coefs[0].shape[0], *(c.shape[1] for c in coefs)]
            sound = all(n in (0, m) for n, m in zip(units, found, strict=True))
        if not sound:
            raise ValueError(
                f"coefs_ and intercepts_ of shapes {shapes[0]} and {shapes[1]} do not make up a "
                f"network of {' - '.join(str(n or 'any') for n in units)} units (was "
                "hidden_layer_sizes changed since the last fit?)."
            )
        dtype = np.float32 if coefs[0].dtype == np.float32 else np.float64
        return cls(coefs, intercepts).cast(dtype)

    def to_arrays(self, prefix: str = "", suffix: str = "") -> dict[str, Array]:
        """Name the arrays, for a file."""
        arrays = {f"{prefix}coefs{suffix}.{k}": c for k, c in enumerate(self.coefs)}
        return arrays | {
            f"{prefix}intercepts{suffix}.{k}": b for k, b in enumerate(self.intercepts)
        }

    @classmethod
    def from_arrays(
        cls,
        arrays: dict[str, Array],
        prefix: str = "",
        suffix: str = "",
        like: "Parameters | None" = None,
    ) -> "Parameters":
        """Take what `to_arrays` has named out of a file's arrays, which may be anybody's.

        Parameters
        ----------
        arrays : dict of str to ndarray
            What is taken is no longer in it.
        prefix, suffix : str
        like : Parameters or None
            Of whose shapes and type they must be.

        Raises
        ------
        ValueError
            Unless they are a network's: at least one layer, one floating-point type, finite.
        """
        coefs: list[Array] = []
        intercepts: list[Array] = []
        while f"{prefix}coefs{suffix}.{len(coefs)}" in arrays:
            coefs.append(arrays.pop(f"{prefix}coefs{suffix}.{len(coefs)}"))
            intercepts.append(arrays.pop(f"{prefix}intercepts{suffix}.{len(intercepts)}"))
        name = f"{prefix}coefs{suffix}, {prefix}intercepts{suffix}"
        types = {a.dtype for a in coefs + intercepts}
        if types not in ({np.dtype("f4")}, {np.dtype("f8")}):
            raise ValueError(f"{name} are not of one floating-point type")
        shapes = [c.shape for c in coefs], [b.shape for b in intercepts]
        sound = _fit_each_other(coefs, intercepts) and not any(0 in c.shape for c in coefs)
        if like is not None:
            sound = sound and shapes[0] == [c.shape for c in like.coefs]
            sound = sound and types == {like.coefs[0].dtype}
        if not sound:
            raise ValueError(f"{name} of the shapes {shapes[0]} and {shapes[1]} are no network's")
        parameters = cls(coefs, intercepts)
        if not parameters.is_finite():
            raise ValueError(f"{name} are not finite")
        return parameters

    def cast(self, dtype: DTypeLike) -> "Parameters":
        """Return the parameters in a type and in the engine's layout, copied only if need be."""

        def as_needed(arrays: list[Array]) -> list[Array]:
            return [np.require(a, dtype=dtype, requirements=ENGINE_LAYOUT) for a in arrays]

        with unwatched():
            return Parameters(as_needed(self.coefs), as_needed(self.intercepts))

    def is_finite(self) -> bool:
        """Tell whether no value is infinite or NaN."""
        return all(np.isfinite(a).all() for a in self.coefs + self.intercepts)

    def check_finite(self) -> None:
        """Raise a ValueError if a value is infinite or NaN."""
        if not self.is_finite():
            raise ValueError("coefs_ and intercepts_ must be finite, but hold infinity or NaN.")

    def empty(self) -> "Parameters":
        """Arrays of the same shapes and dtype, not initialized."""
        return Parameters(
            [np.empty_like(c) for c in self.coefs], [np.empty_like(b) for b in self.intercepts]
        )

    def copy(self) -> "Parameters":
        """Copy all arrays."""
        return Parameters([c.copy() for c in self.coefs], [b.copy() for b in self.intercepts])

    def assign(self, other: "Parameters") -> None:
        """Put copies of the other's arrays into these lists."""
        copies = other.copy()
        # at once: where an interrupt comes between two arrays they belong together
        self.coefs[:], self.intercepts[:] = copies.coefs, copies.intercepts


def _fit_each_other(coefs: list[Array], intercepts: list[Array]) -> bool:
    return (
        len(coefs) == len(intercepts)
        and all(c.ndim == 2 for c in coefs)
        and all(b.shape == c.shape[1:] for b, c in zip(intercepts, coefs, strict=True))
        and all(c.shape[1] == d.shape[0] for c, d in pairwise(coefs))
    )


def _real(values: Any, name: str) -> Array:
    try:
        array = np.asarray(values)
    except ValueError as error:
        raise ValueError(f"{name} must hold arrays of real numbers: {error}") from error
    if array.dtype.kind not in "fiu":
        raise ValueError(f"{name} must hold arrays of real numbers, got dtype {array.dtype}.")
    return array
