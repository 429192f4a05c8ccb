"""What goes wrong on clusters: workers, clients and data are lost, people interrupt."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import textwrap
import time
from contextlib import suppress
from pathlib import Path
from threading import Thread, Timer
from typing import Any

import dask
import dask.array as da
import numpy as np
import pytest
from clusters import digits, in_parts, kill, local_cluster, n_tasks, sha
from distributed import Client, KilledWorker

from pymlp import Checkpoint
from pymlp.callbacks import Callback
from pymlp.dask import DaskMLPClassifier

pytestmark = pytest.mark.filterwarnings("ignore:Stochastic Optimizer")
ROWS, LABELS = digits()


class AtEpoch(Callback):
    """Does something when an epoch has ended."""

    def __init__(self, epoch: int, act: Any) -> None:
        self.epoch, self.act = epoch, act

    def on_epoch_end(self, estimator: Any) -> None:
        if estimator.n_iter_ == self.epoch:
            self.act()


def classifier(client: Client | None, **options: Any) -> DaskMLPClassifier:
    given = {"n_shards": 4, "max_iter": 4, "random_state": 0, "sync_every": 2} | options
    return DaskMLPClassifier((20,), client=client, **given)


ARMED = {"stop": False}


def stop() -> None:
    if ARMED["stop"]:
        raise RuntimeError("stopped here")


def test_a_lost_worker_changes_no_bit(workers: Client) -> None:
    parts = in_parts(ROWS, LABELS)
    expected = sha(classifier(workers).fit(*parts))
    address = next(iter(workers.nthreads()))
    model = classifier(workers).set_callbacks(AtEpoch(2, lambda: kill(workers, address)))
    with pytest.warns(RuntimeWarning, match="was lost amid the fit"):
        model.fit(*parts)
    assert sha(model) == expected


def test_a_fit_goes_on_from_its_file(
    workers: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also amid an epoch, and on another number of workers than it began on."""
    X, y = in_parts(ROWS, LABELS)
    for options in ({"dropout": 0.1, "outer_momentum": 0.5, "early_stopping": True},):
        expected = classifier(workers, n_shards=2, **options).fit(X, y)
        file = Checkpoint(tmp_path / f"{len(options)}.checkpoint", seconds=0)
        broken = classifier(workers, n_shards=2, **options).set_callbacks(AtEpoch(2, stop))
        monkeypatch.setitem(ARMED, "stop", True)
        with pytest.raises(RuntimeError, match="stopped here"):
            broken.fit(X, y, resume=file)
        with pytest.raises(ValueError, match=r"another n_shards_"):
            classifier(workers, n_shards=3, **options).fit(X, y, resume=file)
        with pytest.raises(ValueError, match=r"another X, y, sample_weight"):
            classifier(workers, n_shards=2, **options).fit(X + 1, y, resume=file)
        monkeypatch.setitem(ARMED, "stop", False)
        resumed = classifier(workers, n_shards=None, **options).set_callbacks(AtEpoch(2, stop))
        resumed.fit(X, y, resume=file)
        assert sha(resumed) == sha(expected)
        assert resumed.loss_curve_ == expected.loss_curve_
        assert resumed.n_rounds_ == expected.n_rounds_


def test_an_interrupt_leaves_the_last_mean(workers: Client) -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    X, y = in_parts(ROWS, LABELS)
    model = classifier(workers, max_iter=50).set_callbacks(AtEpoch(3, interrupt))
    with pytest.warns(UserWarning, match="interrupted by user"):
        model.fit(X, y)
    assert model.n_iter_ in (3, 4)
    model.predict(ROWS)


def test_a_fit_in_a_task_and_two_clients_at_once(workers: Client) -> None:
    parts = in_parts(ROWS, LABELS)

    def fit() -> str:
        return sha(classifier(None).fit(*in_parts(ROWS, LABELS)))

    expected = sha(classifier(workers).fit(*parts))
    with Client(workers.scheduler.address, set_as_default=False) as other:
        in_task = workers.submit(fit, pure=False)
        found = []
        thread = Thread(target=lambda: found.append(sha(classifier(other).fit(*parts))))
        thread.start()
        found.append(sha(classifier(workers).fit(*parts)))
        thread.join()
        found.append(in_task.result(timeout=60))
    assert found == [expected] * 3


@pytest.mark.long
def test_scattered_data_that_is_lost_is_named() -> None:
    with local_cluster(2) as client:
        addresses = [*client.nthreads()]
        X, y = in_parts(ROWS, LABELS)
        pieces = client.scatter(
            [ROWS[k * 600 : k * 600 + 600] for k in range(2)], workers=addresses[:1]
        )
        X = da.concatenate([da.from_delayed(p, (600, 64), float) for p in pieces])
        y = da.from_array(LABELS[:1200], chunks=600)
        kill(client, addresses[0])
        with pytest.raises(RuntimeError, match=r"^X cannot be read any more"):
            classifier(client, n_shards=2).fit(X, y)


def deadly(block: Any) -> Any:
    os.kill(os.getpid(), signal.SIGKILL)
    return block


@pytest.mark.long
@pytest.mark.filterwarnings("ignore:Worker", "ignore:The cluster has no workers")
def test_a_task_that_kills_every_worker() -> None:
    with dask.config.set({"distributed.scheduler.allowed-failures": 1}), local_cluster(2) as client:
        X, y = in_parts(ROWS, LABELS)
        with pytest.raises(KilledWorker, match=r"Workers were killed while reading the partitions"):
            classifier(client).fit(X.map_blocks(deadly, meta=ROWS[:0]), y)


@pytest.mark.long
def test_no_workers() -> None:
    with (
        local_cluster(0) as client,
        dask.config.set({"pymlp.no-workers-timeout": 0.5}),
        pytest.warns(RuntimeWarning, match="no workers"),
        pytest.raises(TimeoutError, match="has had no workers"),
    ):
        classifier(client).fit(*in_parts(ROWS, LABELS))


def test_asynchronous_clients_are_refused(workers: Client) -> None:
    async def fit() -> None:
        async with Client(
            workers.scheduler.address, asynchronous=True, set_as_default=False
        ) as client:
            classifier(client).fit(*in_parts(ROWS, LABELS))

    with pytest.raises(ValueError, match="must not be an asynchronous client"):
        asyncio.run(fit())


@pytest.mark.long
@pytest.mark.filterwarnings("ignore:Worker", "ignore:The cluster has no workers")
def test_fifty_kills() -> None:
    """At random moments, of random workers: fifty times the same bits, none within a minute."""
    rng = np.random.default_rng(0)
    X, y = in_parts(np.tile(ROWS, (4, 1)), np.tile(LABELS, 4), rows=1000)
    options = {"max_iter": 6, "sync_every": 10, "batch_size": 20}
    took: list[float] = []
    expected, alone = "", 0.0
    while len(took) < 50:
        with local_cluster(3) as client:
            if not expected:
                expected = sha(classifier(client, **options).fit(X, y))
                start = time.monotonic()
                classifier(client, **options).fit(X, y)
                alone = time.monotonic() - start
            # a nanny whose worker is killed as soon as it is there gives it up: then a new cluster
            with suppress(TimeoutError):
                while len(took) < 50:
                    time.sleep(1)
                    client.wait_for_workers(3, timeout=20)
                    pid = rng.choice(sorted(client.run(os.getpid).values()))
                    killer = Timer(rng.uniform(0, alone), os.kill, (pid, signal.SIGKILL))
                    killer.start()
                    begin = time.monotonic()
                    model = classifier(client, **options).fit(X, y)
                    took.append(time.monotonic() - begin)
                    killer.join()
                    assert sha(model) == expected, len(took)
                    assert took[-1] < 60, len(took)
                    print(f"{len(took)}: {took[-1]:.1f}", end=" ", flush=True)
    print(f"alone {alone:.2f} s; with a kill mean {np.mean(took):.2f}, max {max(took):.2f} s")


@pytest.mark.long
@pytest.mark.filterwarnings("ignore:Worker", "ignore:The cluster has no workers")
def test_every_worker_killed() -> None:
    X, y = in_parts(ROWS, LABELS)
    with local_cluster(2) as client:
        expected = sha(classifier(client).fit(X, y))

        def kill_all() -> None:
            for address in client.nthreads():
                kill(client, address)

        model = classifier(client).set_callbacks(AtEpoch(2, kill_all)).fit(X, y)
        assert sha(model) == expected


@pytest.mark.long
def test_a_killed_client_is_resumed_on_another_number_of_workers(tmp_path: Path) -> None:
    script = textwrap.dedent(
        """
        import sys
        sys.path[:0] = sys.argv[2:]
        from clusters import digits, in_parts, local_cluster
        from pymlp import Checkpoint
        from pymlp.dask import DaskMLPClassifier
        if __name__ == "__main__":
            with local_cluster(2) as client:
                model = DaskMLPClassifier((20,), client=client, n_shards=4, max_iter=100,
                                          random_state=0, sync_every=2, tol=0)
                model.fit(*in_parts(*digits()), resume=Checkpoint(sys.argv[1], seconds=0))
        """
    )
    (tmp_path / "fit.py").write_text(script)
    file = tmp_path / "fit.checkpoint"
    process = subprocess.Popen([sys.executable, tmp_path / "fit.py", file, *sys.path])
    while not file.exists():
        assert process.poll() is None
        time.sleep(0.1)
    time.sleep(1)
    process.kill()
    process.wait()
    X, y = in_parts(ROWS, LABELS)
    with local_cluster(3) as client:
        from pymlp._resume.checkpoint import Resumable

        done = Resumable(file)._state["records"]["counts"]["n_iter_"]
        assert 0 < done < 100
        options = {"max_iter": 100, "tol": 0}
        resumed = classifier(client, **options).fit(X, y, resume=file)
        assert sha(resumed) == sha(classifier(client, **options).fit(X, y))


@pytest.mark.long
@pytest.mark.parametrize("to_group", [False, True])
def test_ctrl_c(tmp_path: Path, to_group: bool) -> None:
    """The last mean within five seconds, and no training five seconds later."""
    script = textwrap.dedent(
        """
        import sys, time, warnings
        sys.path[:0] = sys.argv[1:]
        import numpy as np, dask.array as da
        from clusters import local_cluster
        from pymlp.callbacks import Callback
        from pymlp.dask import DaskMLPClassifier

        class Tell(Callback):
            def on_epoch_end(self, estimator):
                print("epoch", flush=True)

        def cpu(client):
            import psutil
            return sum(client.run(lambda: sum(psutil.Process().cpu_times()[:2])).values())

        if __name__ == "__main__":
            warnings.simplefilter("ignore")
            with local_cluster(2) as client:
                X = da.random.default_rng(0).standard_normal((40000, 200), chunks=(5000, 200))
                y = (X[:, 0] > 0).astype(int)
                model = DaskMLPClassifier((400, 400), client=client, n_shards=2, max_iter=999,
                                          random_state=0, tol=0).set_callbacks(Tell())
                model.fit(X, y)
                print("model", model.n_iter_, flush=True)
                print(model.predict(np.zeros((1, 200))), flush=True)
                time.sleep(5)
                try:
                    before = cpu(client)
                    time.sleep(1)
                    print("busy", cpu(client) - before, flush=True)
                except BaseException as error:
                    print("busy", 0.0, repr(error), flush=True)
        """
    )
    (tmp_path / "fit.py").write_text(script)
    process = subprocess.Popen(
        [sys.executable, tmp_path / "fit.py", *sys.path],
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "epoch\n"
    time.sleep(1.5)
    sent = time.monotonic()
    (os.killpg if to_group else os.kill)(process.pid, signal.SIGINT)
    while (line := process.stdout.readline()) == "epoch\n":
        pass
    took = time.monotonic() - sent
    print(f"a model after {took:.2f} s")
    assert line.startswith("model")
    assert took < 5
    rest = process.stdout.read()
    process.stdout.close()
    process.wait(timeout=30)
    assert float(rest.split("busy ")[1].split()[0]) < 0.3


@pytest.mark.long
def test_what_the_cluster_holds_does_not_grow() -> None:
    """After 1,000 rounds as after ten, and a worker lost costs the same then."""
    X, y = in_parts(ROWS, LABELS)

    def fit(client: Client, n_epochs: int) -> tuple[int, int]:
        held = []

        def count() -> None:
            held.append(n_tasks(client))

        def transitions() -> int:
            return client.run_on_scheduler(lambda dask_scheduler: dask_scheduler.transition_counter)

        def lose() -> None:
            count()
            kill(client, sorted(client.nthreads())[0])
            held.append(transitions())

        model = classifier(
            client, max_iter=n_epochs, batch_size=50, sync_every=1, tol=0, n_iter_no_change=9999
        )
        model.set_callbacks(AtEpoch(n_epochs - 3, lose)).fit(X, y)
        client.wait_for_workers(2, timeout=60)
        assert model.n_rounds_ == 10 * n_epochs
        return held[0], transitions() - held[1]

    with local_cluster(2) as client, pytest.warns(RuntimeWarning, match="was lost"):
        few, many = fit(client, 5), fit(client, 100)
    print(f"held tasks and transitions after a kill: 50 rounds {few}, 1,000 rounds {many}")
    assert many[0] <= few[0] + 10
    assert many[1] <= 1.5 * few[1] + 50


@pytest.mark.filterwarnings("ignore:Worker")
@pytest.mark.long
def test_workers_that_join_and_leave() -> None:
    X, y = in_parts(ROWS, LABELS)
    with local_cluster(1) as client:
        expected = sha(classifier(client, max_iter=6).fit(X, y))
        grow = AtEpoch(1, lambda: client.cluster.scale(3))
        shrink = AtEpoch(4, lambda: client.cluster.scale(1))
        model = classifier(client, max_iter=6).set_callbacks(grow, shrink).fit(X, y)
        assert sha(model) == expected
