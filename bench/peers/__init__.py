"""The peers. One module each, imported only in the peer's own process; all offer ``build``."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
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
        """X: (rows, 784), from `array`; returns (rows, 10), computed."""


@dataclass(frozen=True)
class Peer:
    """How a library is found, named and loaded."""

    name: str
    module: str
    packages: tuple[str, ...]
    environment: tuple[tuple[str, str], ...] = ()

    @property
    def missing(self) -> list[str]:
        """The packages that are not installed."""
        return [package for package in self.packages if find_spec(package) is None]

    def build(self, network: Network, data: Data, batch: int, threads: int) -> Model:
        """The model, not yet trained; imports the library."""
        adapter = importlib.import_module(f"bench.peers.{self.module}")
        model: Model = adapter.build(network, data, batch, threads)
        return model


REFERENCE = "pymlp"
PEERS = {
    peer.name: peer
    for peer in (
        Peer(REFERENCE, "pymlp", ("pymlp",)),
        Peer("sklearn", "sklearn", ("sklearn",)),
        Peer("torch", "torch", ("torch",)),
        Peer("jax", "jax", ("jax",)),
        Peer("keras-jax", "keras", ("keras", "jax"), (("KERAS_BACKEND", "jax"),)),
        Peer("keras-torch", "keras", ("keras", "torch"), (("KERAS_BACKEND", "torch"),)),
    )
}
