"""Fits that are killed and resumed end, to the last bit, as those that were not."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import resumed
from fits import assert_same_fit

SCRIPT = Path(resumed.__file__)


def start(solver: str, path: Path, *killing: str) -> subprocess.Popen[str]:
    arguments = [sys.executable, str(SCRIPT), solver, str(path), *killing]
    child = subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    with child.stdout:
        assert child.stdout.readline() == "begin\n"
    return child


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_a_kill_amid_the_writing_of_a_checkpoint(call: str, tmp_path: Path) -> None:
    path = tmp_path / "fit"
    child = start("adam", path, call, "21")
    assert child.wait(60) == -signal.SIGKILL
    left = sorted(file.suffix for file in tmp_path.iterdir())
    assert left == ["", ".tmp"]  # the old one, and what was being written
    assert_same_fit(resumed.fit("adam", str(path)), resumed.fit("adam", None))


@pytest.mark.long
@pytest.mark.parametrize(("solver", "n_kills"), [("sgd", 17), ("adam", 17), ("adamw", 17)])
def test_kills_at_random_moments(solver: str, n_kills: int, tmp_path: Path) -> None:
    whole = resumed.fit(solver, None)
    begun = time.perf_counter()
    assert_same_fit(resumed.fit(solver, str(tmp_path / "first")), whole)
    seconds = time.perf_counter() - begun
    moments = random.Random(solver)
    killed = fits = 0
    while killed < n_kills:
        path = tmp_path / f"fit{fits}"
        while True:
            child = start(solver, path)
            try:
                child.wait(moments.uniform(0, 1.5 * seconds))  # some of them are left alone
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
                killed += 1
                continue
            assert child.returncode == 0
            break
        assert_same_fit(resumed.fit(solver, str(path)), whole)
        fits += 1
    amid_writing = len(list(tmp_path.glob(".*.tmp")))
    print(f"{solver}: {killed} kills in {fits} fits, {amid_writing} of them amid writing a file")
