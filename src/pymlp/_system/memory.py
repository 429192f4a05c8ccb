"""Memory is counted before it is taken: systems promise more than they have, and kill for it."""

import math
import os
import sys
from pathlib import Path

import numpy as np

SMALL = 2**26  # bytes; for less nobody need be asked


def check_memory(n_bytes: int, what: str) -> None:
    """Raise unless so much memory is there.

    Parameters
    ----------
    n_bytes : int
    what : str
        What needs it, the subject of the error.

    Raises
    ------
    MemoryError
        If the system would have to give more than it can.
    """
    if n_bytes > SMALL and n_bytes > (there := available_memory()):
        raise MemoryError(f"{what} needs {_size(n_bytes)} of memory, {_size(there)} are there.")
    try:
        np.empty(n_bytes, np.uint8)  # is not touched
    except MemoryError:
        raise MemoryError(
            f"{what} needs {_size(n_bytes)} of memory, more than this process may take."
        ) from None


def available_memory() -> float:
    """Count the bytes that this process may still take, as far as the system tells."""
    limits = [float(sys.maxsize), _of_machine()]
    for path in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        try:
            limits.append(float(Path(path).read_text()))  # of a container
        except (OSError, ValueError):  # no such limit, or the word 'max'
            continue
    return min(limits)


def _of_machine() -> float:
    try:
        lines = [line.split() for line in Path("/proc/meminfo").read_text().splitlines()]
        kilobytes = {name: float(number) for name, number, *_ in lines}
        return 1024 * (kilobytes["MemAvailable:"] + kilobytes["SwapFree:"])
    except (OSError, KeyError, ValueError):  # not Linux
        try:
            return float(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
        except (OSError, ValueError, AttributeError):
            return math.inf


def _size(n_bytes: float) -> str:
    if n_bytes < SMALL:
        return f"{n_bytes / 2**20:,.1f} MiB"
    return f"{n_bytes / 2**30:,.1f} GiB"
