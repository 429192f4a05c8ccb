"""The peers. One module each, imported only in the peer's own process; all offer ``build``."""

from __future__ import annotations

import importlib
from dataclasses import dataclass, replace
from importlib.util import find_spec
from typing import Any, Protocol

from bench.data import Data
from bench.jobs import Network


class Model(Protocol):
    """A network of one library, used as that library's documentation would have it used."""

    def epoch(self, n: int) -> None:
        """Train for `n` epochs, and return when the last has been computed."""

    def array(self, X: Any) -> Any:
        """X as the library's own kind of array; not timed."""

    def predict_proba(self, X: Any) -> Any:
        """X: (rows, n_features), from `array`; returns (rows, n_classes), computed."""


@dataclass(frozen=True)
class Peer:
    """How a library is found and loaded, and how it is to run."""

    library: str
    module: str
    packages: tuple[str, ...]
    backend: str | None = None  # Keras's
    precision: str = "float32"
    isa: str | None = None  # the instruction set forced upon pymlp
    threads: int | None = None  # as many as the run's

    @property
    def name(self) -> str:
        """The library's, with what is not as usual: ``"pymlp avx2"``."""
        parts = [self.library, self.isa, None if self.precision == "float32" else self.precision]
        if self.threads:
            parts.append(f"{self.threads} thread{'s' if self.threads > 1 else ''}")
        return " ".join(part for part in parts if part)

    @property
    def environment(self) -> dict[str, str]:
        variables = {"KERAS_BACKEND": self.backend, "PYMLP_ISA": self.isa}
        return {name: value for name, value in variables.items() if value}

    @property
    def missing(self) -> list[str]:
        """The packages that are not installed."""
        return [package for package in self.packages if find_spec(package) is None]

    def build(self, network: Network, data: Data, batch: int, threads: int) -> Model:
        """The model, not yet trained; imports the library."""
        adapter = importlib.import_module(f"bench.peers.{self.module}")
        precision = {} if self.precision == "float32" else {"precision": self.precision}
        model: Model = adapter.build(network, data, batch, threads, **precision)
        return model


REFERENCE = "pymlp"
PEERS = {
    peer.library: peer
    for peer in (
        Peer(REFERENCE, "pymlp", ("pymlp",)),
        Peer("sklearn", "sklearn", ("sklearn",)),
        Peer("torch", "torch", ("torch",)),
        Peer("jax", "jax", ("jax",)),
        Peer("keras-jax", "keras", ("keras", "jax"), backend="jax"),
        Peer("keras-torch", "keras", ("keras", "torch"), backend="torch"),
    )
}
OURS = PEERS[REFERENCE]
ONE_THREAD = replace(OURS, threads=1)
BFLOAT16 = replace(OURS, precision="bfloat16")
AVX2, PORTABLE = replace(OURS, isa="avx2"), replace(OURS, isa="portable")
TORCH_BFLOAT16 = replace(PEERS["torch"], precision="bfloat16")
