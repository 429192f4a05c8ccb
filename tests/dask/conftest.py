"""One cluster of two processes for most tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from clusters import local_cluster
from distributed import Client


@pytest.fixture(scope="session")
def cluster() -> Iterator[Client]:
    """A client of two workers over TCP, of one thread each."""
    with local_cluster(2) as client:
        yield client
