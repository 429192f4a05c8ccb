"""Fuzz `pymlp.load`: whatever a file holds, it loads or is refused with one kind of error.

    python tests/fuzz/fuzz_load.py --runs 100000 --seed 0    # mutations by chance
    python tests/fuzz/fuzz_load.py --atheris -runs=100000    # by coverage (pip install atheris)

An input is a file's content, made from the corpus (``tests/files/released``, ``corpus/load``) by
`model_mutations`. What loads must predict finite rows without an error, train on, and survive
another round. Everything else must be a ValueError that names the file, within seconds and 4 GB. A
finding ends the run with the input in ``crash-*``.
"""

import argparse
import os
import random
import resource
import signal
import sys
import tempfile
import time
import warnings
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from scipy.sparse import issparse

sys.path.insert(0, str(Path(__file__).parent))

from model_mutations import mutated

import pymlp

HERE = Path(__file__).parent
SOUND = sorted(HERE.parent.glob("files/released/*/*.safetensors"))
CORPUS = [*SOUND, *sorted(HERE.glob("corpus/load/*"))]
READ_BY = (
    "_estimators.loading",
    "_files.container",
    "_files.values",
    "_data.labels",
    "_network.parameters",
    "_fit.optimizer",
)
SECONDS = 10  # of the processor, for one input
MAX_SIZE = 2**15


class Fuzzer:
    """Loads contents through one file, which it rewrites."""

    def __init__(self, folder: str) -> None:
        self.path = Path(folder, "model.safetensors")
        self.outcomes: Counter[str] = Counter()
        self.slowest = 0.0
        signal.signal(signal.SIGPROF, too_long)

    def check(self, content: bytes) -> None:
        """Load; raises where the loader does not keep its promise."""
        self.path.write_bytes(content)
        begin = time.process_time()
        signal.setitimer(signal.ITIMER_PROF, SECONDS)
        try:
            est = pymlp.load(self.path)
        except ValueError as error:
            if not str(error).startswith(f"'{self.path}' cannot be loaded: "):
                raise
            reason = str(error).partition(" cannot be loaded: ")[2]
            self.outcomes[reason.removeprefix("it is not as pymlp writes it ")[:24]] += 1
        else:
            self.outcomes["loaded"] += 1
            self._use(est)
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0)
            self.slowest = max(self.slowest, time.process_time() - begin)

    def _use(self, est: Any) -> None:
        X = np.linspace(-1, 1, 2 * est.n_features_in_).reshape(2, -1)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            y = est.predict(X)
            if self.outcomes["loaded"] % 8 == 0:
                repr(est)
                est.save(self.path)
                again = pymlp.load(self.path).predict(X)
                np.testing.assert_array_equal(
                    *[y.toarray() if issparse(y) else y for y in (y, again)]
                )
                # it may have parameters that are wrong only now, as a person could have set them
                with suppress(ValueError, AttributeError, TypeError, OverflowError):
                    est.partial_fit(X, y)


def temporary_folder() -> Any:
    """Folder for the file, in memory where there is such a place."""
    return tempfile.TemporaryDirectory(dir="/dev/shm" if os.path.isdir("/dev/shm") else None)


def too_long(*_: Any) -> None:
    """Make a hang an error."""
    raise TimeoutError(f"An input took more than {SECONDS} s.")


def by_chance(runs: int, seed: int, seconds: float = np.inf) -> Fuzzer:
    """Mutate the corpus's files, and now and then what came out."""
    end = time.monotonic() + seconds
    rng = random.Random(seed)
    sound, corpus = ([file.read_bytes() for file in files] for files in (SOUND, CORPUS))
    content = corpus[0]
    with temporary_folder() as folder:
        fuzzer = Fuzzer(folder)
        for run in range(runs):
            if time.monotonic() > end:
                break
            if rng.random() < 0.7 or len(content) > MAX_SIZE:
                content = rng.choice(rng.choice([sound, sound, sound, corpus]))
            content = mutated(content, rng)
            try:
                fuzzer.check(content)
            except BaseException:
                Path("crash-load").write_bytes(content)
                print(f"run {run} of seed {seed}: see crash-load", file=sys.stderr)
                raise
    return fuzzer


def guided(arguments: list[str]) -> None:
    """Let libFuzzer choose what to mutate by which lines and branches an input reaches."""
    import atheris

    for name in READ_BY:
        module = sys.modules[f"pymlp.{name}"]
        for value in vars(module).values():
            if getattr(value, "__module__", None) == module.__name__ and callable(value):
                _instrument(atheris, value)

    def mutate(data: bytes, max_size: int, seed: int) -> bytes:
        return mutated(data, random.Random(seed))[:max_size]

    with temporary_folder() as folder:
        fuzzer = Fuzzer(folder)
        atheris.Setup(
            [
                sys.argv[0],
                f"-max_len={MAX_SIZE}",
                f"-timeout={100 * SECONDS}",
                *arguments,
                *_seeds(folder),
            ],
            fuzzer.check,
            custom_mutator=mutate,
        )
        atheris.Fuzz()


def _instrument(atheris: Any, value: Any) -> None:
    if isinstance(value, type):
        for method in vars(value).values():
            if hasattr(method, "__code__"):
                atheris.instrument_func(method)
    elif hasattr(value, "__code__"):
        atheris.instrument_func(value)


def _seeds(folder: str) -> list[str]:
    """Folder that holds the corpus, which libFuzzer adds to."""
    seeds = Path(folder, "corpus")
    seeds.mkdir()
    for k, file in enumerate(CORPUS):
        (seeds / f"{k}").write_bytes(file.read_bytes())
    return [str(seeds)]


def main() -> None:
    """Fuzz as the arguments say."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=10_000)
    parser.add_argument("--seconds", type=float, default=np.inf, help="at most, by chance")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--atheris", action="store_true")
    arguments, others = parser.parse_known_args()
    if others and not arguments.atheris:
        parser.error(f"unknown: {others}")
    resource.setrlimit(resource.RLIMIT_AS, (2**32, 2**32))
    if arguments.atheris:
        guided(others)
        return
    begin = time.perf_counter()
    fuzzer = by_chance(arguments.runs, arguments.seed, arguments.seconds)
    seconds = time.perf_counter() - begin
    runs = fuzzer.outcomes.total()
    print(f"{runs} inputs in {seconds:.0f} s, the slowest {fuzzer.slowest:.3f} s, no finding")
    for outcome, count in fuzzer.outcomes.most_common():
        print(f"{count:8d}  {outcome}")


if __name__ == "__main__":
    main()
