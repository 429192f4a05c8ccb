"""Peak memory of ``fit`` on 60,000 x 784 samples of any type: ``python -m bench.memory``.

Each fit has a process of its own. Its peak, data included, is compared with the data, four times
the weights and 64 MB.
"""

from __future__ import annotations

import argparse
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np

from bench.jobs import N_CLASSES, Network
from bench.report import print_table
from bench.worker import Worker

ROWS, FEATURES = 60_000, 784
FREE = 64_000_000  # bytes beside data and weights
NETWORKS = [Network.parse(name) for name in ("784-200-10", "784-1000-10")]
KINDS = {  # type, order, in a memory-mapped file
    "uint8": ("uint8", "C", False),
    "uint8, Fortran order": ("uint8", "F", False),
    "uint8, memory-mapped": ("uint8", "C", True),
    "int16": ("int16", "C", False),
    "float16": ("float16", "C", False),
    "float32": ("float32", "C", False),
    "float64": ("float64", "C", False),
}


class Peak:
    """Context that tells by how many bytes the process's resident memory grew at most (Linux)."""

    growth: int

    def __enter__(self) -> Self:
        Path("/proc/self/clear_refs").write_text("5")  # the peak so far is forgotten
        self._before = self._status("VmRSS")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.growth = self._status("VmHWM") - self._before

    @staticmethod
    def _status(name: str) -> int:
        lines = Path("/proc/self/status").read_text().splitlines()
        (line,) = [line for line in lines if line.startswith(f"{name}:")]
        return int(line.split()[1]) * 1024


class Fits:
    """One fit; built and called in a process of its own."""

    def peak(self, network: Network, kind: str, precision: str) -> tuple[int, int]:
        """Bytes at the peak, those of the data included; bytes that they may be."""
        from sklearn.exceptions import ConvergenceWarning

        from pymlp import MLPClassifier

        dtype, order, mapped = KINDS[kind]
        rng = np.random.default_rng(0)
        y = rng.integers(N_CLASSES, size=ROWS)
        model = MLPClassifier(network.hidden, solver="sgd", max_iter=1, precision=precision)
        warnings.simplefilter("ignore", ConvergenceWarning)
        with tempfile.NamedTemporaryFile(suffix=".npy") as file:
            X: Any = np.empty((ROWS, FEATURES), dtype, order=order)
            X[:] = rng.integers(256, size=FEATURES)
            X[::2] += 1
            model.fit(X[:200].astype(precision), y[:200])  # threads, and what is loaded once
            if mapped:
                np.save(file.name, X)
                X = np.load(file.name, mmap_mode="r")
            with Peak() as peak:
                model.fit(X, y)
        weights = sum(a.nbytes for a in model.coefs_ + model.intercepts_)
        resident = 0 if mapped else X.nbytes
        return peak.growth + resident, X.nbytes + 4 * weights + FREE


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.memory", description=__doc__)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--precision", default="float32")
    arguments = parser.parse_args()
    header = ["network", "X", "data", "peak", "data + 4 x weights + 64 MB", ""]
    print_table(header, rows(arguments.threads, arguments.precision), "<<>>><")


def rows(threads: int, precision: str) -> Iterator[list[str]]:
    for network in NETWORKS:
        for kind, (dtype, *_) in KINDS.items():
            worker = Worker(Fits, threads=threads)  # a new one: its memory counts
            peak, limit = worker.call("peak", network, kind, precision)
            worker.close()
            data = ROWS * FEATURES * np.dtype(dtype).itemsize
            sizes = [f"{value / 1e6:.0f} MB" for value in (data, peak, limit)]
            yield [network.name, kind, *sizes, "within" if peak <= limit else "beyond"]


if __name__ == "__main__":
    main()
