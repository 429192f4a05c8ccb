"""What a cluster costs: seconds of waiting, memory of a worker, CPU of client and scheduler."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import dask.array as da
import numpy as np
import psutil
import pytest
from clusters import digits, in_parts, local_cluster

from pymlp.dask import DaskMLPClassifier

pytestmark = [pytest.mark.long, pytest.mark.filterwarnings("ignore:Stochastic Optimizer")]


def sleep_in_training(seconds: float) -> None:
    """Make each round of a shard take so long, of no CPU."""
    from pymlp._estimators.shards import Shard

    train = Shard.train

    def slowly(*args: Any) -> Any:
        time.sleep(seconds)
        return train(*args)

    Shard.train = slowly  # type: ignore[method-assign]


def test_four_workers_do_the_work_of_three() -> None:
    X, y = in_parts(*digits())
    n_epochs, seconds = 16, 0.5
    with local_cluster(4) as client:
        model = DaskMLPClassifier((20,), client=client, n_shards=4, max_iter=1, random_state=0)
        model.fit(X, y)  # each worker has imported what it needs
        client.run(sleep_in_training, seconds)
        begin = time.monotonic()
        model.set_params(max_iter=n_epochs).fit(X, y)
        took = time.monotonic() - begin
    assert model.n_rounds_ == n_epochs
    print(f"{took:.2f} s for {n_epochs * seconds:.1f} s: {took / (n_epochs * seconds):.3f} x ideal")
    assert took <= 1.25 * n_epochs * seconds


def peak() -> int:
    """Most bytes that this process has had in memory."""
    status = Path("/proc/self/status").read_text()
    return 1024 * int(status.split("VmHWM:")[1].split()[0])


def forget_peak() -> int:
    """Begin to measure the peak anew, from what is in memory now."""
    Path("/proc/self/clear_refs").write_text("5")
    return peak()


def test_a_worker_holds_little_more_than_its_shard() -> None:
    n, n_features = 250_000, 800  # 800 MB in 40 partitions
    X = da.random.default_rng(0).random((n, n_features), np.float32, chunks=(n // 40, n_features))
    y = (X[:, 0] > 0.5).astype(np.int64)
    with local_cluster(2) as client:
        model = DaskMLPClassifier((4,), client=client, n_shards=2, max_iter=1, random_state=0)
        model.fit(*in_parts(*digits()))
        before = client.run(forget_peak)
        model.fit(X, y)
        after = client.run(peak)
    shard = 4 * n * n_features / 2
    used = {address: (after[address] - before[address]) / shard for address in before}
    print(f"peaks of {shard / 1e6:.0f} MB shards: {[f'{share:.2f}' for share in used.values()]}")
    assert max(used.values()) <= 1.3


def test_client_and_scheduler_take_little_of_a_round() -> None:
    """784-200-10 in float32, 636 kB, and as much of moments: both in this process."""
    rng = da.random.default_rng(0)
    X = rng.random((4000, 784), np.float32, chunks=(1000, 784))
    y = rng.integers(10, size=4000, chunks=1000)
    n_rounds = 100
    with local_cluster(4) as client:
        options = {"n_shards": 4, "sync_every": 1, "batch_size": 10, "solver": "sgd"}
        model = DaskMLPClassifier((200,), client=client, max_iter=1, random_state=0, **options)
        model.fit(X, y)
        process = psutil.Process()
        begin = sum(process.cpu_times()[:2])
        model.fit(X, y)
        took = sum(process.cpu_times()[:2]) - begin
        assert model.n_rounds_ == n_rounds
    print(f"{1000 * took / n_rounds:.1f} ms of CPU a round, with what a fit takes besides")
    assert took / n_rounds <= 0.025
