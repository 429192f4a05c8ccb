"""How much of the CPUs other processes took while a turn was timed.

It matters beyond the lost share: a team of threads that spins at its barriers becomes ten times
slower once a single one of its CPUs has something else to do, and others do not.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from types import TracebackType
from typing import Self

STAT = Path("/proc/stat")


def busy_seconds(cpus: set[int]) -> float:
    """Time that these CPUs have not been idle since the machine started, all processes.

    What a hypervisor took for its other guests is part of it.
    """
    ticks = 0
    for line in STAT.read_text().splitlines():
        name, *fields = line.split()
        if name.startswith("cpu") and name[3:].isdecimal() and int(name[3:]) in cpus:
            user, nice, system, _idle, _iowait, irq, softirq, steal = map(int, fields[:8])
            ticks += user + nice + system + irq + softirq + steal
    return ticks / os.sysconf("SC_CLK_TCK")


class Bystanders:
    """Context in which the others' use of this process's CPUs is measured."""

    share: float | None = None  #: of the CPUs' time, 0 to 1; None where the system does not tell

    def __enter__(self) -> Self:
        self._known = STAT.exists() and hasattr(os, "sched_getaffinity")
        if self._known:
            self._cpus = os.sched_getaffinity(0)
            self._start = (time.perf_counter(), self._others())
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._known:
            start, others = self._start
            available = (time.perf_counter() - start) * len(self._cpus)
            self.share = min(max((self._others() - others) / available, 0.0), 1.0)

    def _others(self) -> float:
        return busy_seconds(self._cpus) - time.process_time()
