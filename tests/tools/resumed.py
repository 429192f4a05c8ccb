"""A small fit with a checkpoint after each epoch: ``python resumed.py SOLVER PATH [CALL N]``.

With CALL, a function of `os`, the process kills itself when it calls that for the Nth time.
"""

import os
import signal
import sys
import warnings
from typing import Any

import numpy as np

from pymlp import Checkpoint, MLPClassifier


def build(solver: str) -> MLPClassifier:
    return MLPClassifier(
        (40, 20),
        solver=solver,
        learning_rate_init=0.01,
        batch_size=32,
        dropout=0.2,
        max_iter=60,
        tol=0,
        n_iter_no_change=60,
        early_stopping=True,
        ema_decay=0.99,
        random_state=0,
    )


def data() -> tuple[Any, Any]:
    rng = np.random.RandomState(0)
    return rng.randn(1000, 20).astype(np.float32), rng.randint(4, size=1000)


def fit(solver: str, path: str | None) -> MLPClassifier:
    resume = None if path is None else Checkpoint(path, seconds=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the last epoch is reached
        return build(solver).fit(*data(), resume=resume)


def kill_amid(call: str, nth: int) -> None:
    """Have the process end when it calls a function of `os` for the nth time."""
    function, calls = getattr(os, call), 0

    def killing(*args: Any, **kwargs: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == nth:
            os.kill(os.getpid(), signal.SIGKILL)
        return function(*args, **kwargs)

    setattr(os, call, killing)


if __name__ == "__main__":
    if len(sys.argv) > 3:
        kill_amid(sys.argv[3], int(sys.argv[4]))
    print("begin", flush=True)
    fit(sys.argv[1], sys.argv[2])
