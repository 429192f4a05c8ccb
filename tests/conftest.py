"""What holds for every test."""

from __future__ import annotations

import os
from collections.abc import Iterator

import numpy as np
import pytest


@pytest.fixture(autouse=True, scope="session")
def _without_waiting_for_the_disk() -> Iterator[None]:
    """What is written need not outlive a power cut: files are synced in processes of their own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda descriptor: None)
        yield


@pytest.fixture(autouse=True)
def _seed() -> None:
    """``random_state=None`` draws from here: without it a test may fail one time in fifty."""
    np.random.seed(0)  # noqa: NPY002
