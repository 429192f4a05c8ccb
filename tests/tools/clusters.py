"""Clusters of processes on this machine, and data in partitions, for the tests of pymlp.dask."""

from __future__ import annotations

import hashlib
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import dask.array as da
import numpy as np
from distributed import Client, LocalCluster
from sklearn.datasets import load_digits


@contextmanager
def local_cluster(n_workers: int, n_threads: int = 1) -> Iterator[Client]:
    """Start processes that talk over TCP, on free ports."""
    with (
        LocalCluster(
            n_workers=n_workers,
            threads_per_worker=n_threads,
            processes=True,
            protocol="tcp://",
            scheduler_port=0,
            dashboard_address=":0",
            silence_logs=50,
        ) as cluster,
        Client(cluster, set_as_default=False) as client,
    ):
        yield client


def kill(client: Client, address: str) -> None:
    """End a worker's process at once; its nanny starts another one."""
    os.kill(client.run(os.getpid, workers=[address])[address], signal.SIGKILL)


def sha(estimator: Any) -> str:
    """Hash of a fitted network's bits."""
    arrays = estimator.coefs_ + estimator.intercepts_
    return hashlib.sha256(b"".join(a.tobytes() for a in arrays)).hexdigest()


def digits(dtype: Any = np.float64) -> tuple[np.ndarray, np.ndarray]:
    """The digits, 1,797 rows."""
    X, y = load_digits(return_X_y=True)
    return (X / 16).astype(dtype), y


def in_parts(X: Any, *others: Any, rows: int = 250) -> tuple[Any, ...]:
    """Arrays as dask arrays of some rows a part."""
    columns = X.shape[1] if X.ndim == 2 else ()
    first = da.from_array(X, chunks=(rows, columns) if columns else rows)
    return (first, *(da.from_array(a, chunks=(rows, *a.shape[1:])) for a in others))


def n_tasks(client: Client) -> int:
    """Tasks that the scheduler holds."""
    return client.run_on_scheduler(lambda dask_scheduler: len(dask_scheduler.tasks))
