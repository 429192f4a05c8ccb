"""What this build is and what it runs on."""

import importlib
import importlib.util
import platform
from pathlib import Path
from typing import Any, Literal, overload

from .. import _core


def _blas_route() -> str:
    try:
        importlib.import_module("pymlp._blas")
    except ImportError as error:
        return f"none ({error})"
    return "scipy.linalg.cython_blas (tests and benches)"


def _processor() -> str:
    """Name of the processor, as Linux tells it or else Python."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.machine())


@overload
def show_config(*, display: Literal[True] = ...) -> None: ...
@overload
def show_config(*, display: Literal[False]) -> dict[str, Any]: ...
def show_config(*, display: bool = True) -> dict[str, Any] | None:
    """Tell which kernels pymlp uses on this machine.

    Parameters
    ----------
    display : bool, default=True
        Print what a fit uses; with False all is returned instead.

    Returns
    -------
    dict or None
        With ``display=False``: ``version`` (str), ``processor`` (str, its name), ``isa`` (str, the
        instruction set in use), ``isas`` (list of str, those that the environment variable
        ``PYMLP_ISA`` can force), ``bfloat16`` (str, how ``precision="bfloat16"`` is computed:
        'native', or 'emulated in float32', which is slower than float32), ``threads`` (int, used
        for ``n_threads=None``), ``blas`` (str) and ``cuda`` (bool).

    Notes
    -----
    ``PYMLP_ISA`` is read when pymlp is imported, which raises ValueError if it names an
    instruction set that this machine or build lacks.

    Examples
    --------
    >>> from pymlp import show_config
    >>> sorted(show_config(display=False))
    ['bfloat16', 'blas', 'cuda', 'isa', 'isas', 'processor', 'threads', 'version']
    """
    config = {
        "version": _core.__version__,
        "processor": _processor(),
        "isa": _core.isa(),
        "isas": _core.available_isas(),
        "bfloat16": "emulated in float32" if _core.emulates_bf16() else "native",
        "threads": _core.max_threads(),
        "blas": _blas_route(),
        "cuda": importlib.util.find_spec("pymlp._cuda") is not None,
    }
    if not display:
        return config
    del config["blas"], config["cuda"]  # tests use the one, nothing the other
    for key, value in config.items():
        print(f"{key:9} {', '.join(value) if isinstance(value, list) else value}")
    return None
