"""A small cluster of processes, over TCP, for most tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from distributed import Client, LocalCluster

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run these last: the cluster watches this process by threads, and sets its environment."""
    items.sort(key=lambda item: HERE in item.path.parents)


@pytest.fixture(scope="session")
def cluster() -> Iterator[LocalCluster]:
    with LocalCluster(
        n_workers=2,
        threads_per_worker=1,
        processes=True,
        host="127.0.0.1",
        scheduler_port=0,
        dashboard_address=":0",
        silence_logs=50,
    ) as cluster:
        yield cluster


@pytest.fixture
def client(cluster: LocalCluster) -> Iterator[Client]:
    with Client(cluster) as client:
        yield client


@pytest.fixture(scope="session")
def workers(cluster: LocalCluster) -> Iterator[Client]:
    """A client that is nobody's default."""
    with Client(cluster, set_as_default=False) as client:
        yield client
