"""How long a call goes on after Ctrl-C: ``python tests/tools/interrupts.py CALL [ROUNDS]``.

CALL is one of CALLS: 784-1000-10 on data of MNIST's size, interrupted at random moments. Prints the
milliseconds from the signal to the call's return, and how many threads are busy after it.
"""

import os
import random
import signal
import sys
import threading
import time
import warnings
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import numpy as np

from pymlp import MLPClassifier

CALLS: dict[str, dict[str, Any]] = {
    "batch 50": {"solver": "sgd", "batch_size": 50},
    "batch 200": {"batch_size": 200},
    "batch 1000": {"batch_size": 1000},
    "early stopping": {"batch_size": 200, "early_stopping": True, "validation_fraction": 0.5},
    "validation": {"batch_size": 1000},
    "lbfgs": {"solver": "lbfgs"},
    "predict": {},
}


def call(name: str, X: Any, y: Any) -> Callable[[], Any]:
    """What is interrupted; goes on for minutes if it is not."""
    model = MLPClassifier((1000,), max_iter=1000, random_state=0, **CALLS[name])
    if name == "validation":  # nine tenths of the time
        return lambda: model.fit(X[:6000], y[:6000], X_val=X, y_val=y)
    if name != "predict":
        return lambda: model.fit(X, y)
    model.set_params(max_iter=1).fit(X[:1000], y[:1000])

    def predict() -> None:
        while True:
            model.predict(X)

    return predict


def milliseconds(function: Callable[[], Any], after: float) -> float:
    """From a signal so many seconds from now to the function's return."""
    sent = 0.0

    def send() -> None:
        nonlocal sent
        sent = time.perf_counter()
        os.kill(os.getpid(), signal.SIGINT)

    timer = threading.Timer(after, send)
    timer.start()
    with suppress(KeyboardInterrupt):
        function()
    returned = time.perf_counter()
    timer.join()
    return 1000 * (returned - sent)


def busy_share(seconds: float) -> float:
    """Cores that this process keeps busy while it does nothing."""
    before = time.process_time()
    time.sleep(seconds)
    return (time.process_time() - before) / seconds


def main(name: str, rounds: int) -> None:
    rng = np.random.RandomState(0)
    X = rng.random_sample((60_000, 784)).astype(np.float32)
    y = rng.randint(10, size=60_000)
    warnings.simplefilter("ignore")
    moments = random.Random(0)
    function = call(name, X, y)
    taken = [milliseconds(function, moments.uniform(0.05, 2.5)) for _ in range(rounds)]
    print(*(f"{t:.1f}" for t in sorted(taken)), f"busy {busy_share(0.5):.3f}")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 20)
