"""What the machine can do, measured by pymlp's own native loops in the same run."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Ceiling:
    """flops: multiply-add rate, FLOP/s; bandwidth: bytes/s; barrier: seconds."""

    flops: float
    bandwidth: float
    barrier: float

    def best(self, other: Ceiling) -> Ceiling:
        return Ceiling(
            max(self.flops, other.flops),
            max(self.bandwidth, other.bandwidth),
            min(self.barrier, other.barrier),
        )

    def __str__(self) -> str:
        return (
            f"FMA {self.flops / 1e9:.0f} GFLOP/s, memory {self.bandwidth / 1e9:.1f} GB/s, "
            f"barrier {self.barrier * 1e6:.2f} us"
        )


@dataclass(frozen=True)
class Setting:
    """What a ceiling depends on."""

    threads: int
    precision: str
    isa: str | None  # forced

    def __str__(self) -> str:
        isa = f", {self.isa}" if self.isa else ""
        return f"{self.threads} thread(s), {self.precision}{isa}"


class Gauge:
    """Measures the ceiling; to be built in a worker, as the peers are."""

    def __init__(self, threads: int, precision: str, seconds: float = 0.2):
        from pymlp import _core

        self._core, self._threads, self._seconds = _core, threads, seconds
        self._precision = precision
        self.measure()  # where there is no such precision or instruction set, this raises

    def measure(self) -> Ceiling:
        return Ceiling(
            self._core.measure_fma(self._precision, self._threads, self._seconds),
            self._core.measure_memory(self._threads, self._seconds),
            self._core.measure_barrier(self._threads, 10_000),
        )
