"""The benchmark's arithmetic; nothing here is timed, and no peer is imported."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from results import CEILING, CONTEST, FIT, fit_result

from bench import __main__ as command
from bench.ceiling import Ceiling
from bench.contests import KINDS, Contest, list_contests
from bench.data import like_mnist
from bench.jobs import LECTURE, Fit, Network, Predict
from bench.memory import Peak
from bench.peers import ONE_THREAD, OURS, PEERS, Peer
from bench.quiet import Bystanders
from bench.timing import (
    Result,
    Turn,
    geometric_means,
    paired_rounds,
    paired_seconds,
    quiet_turn,
    seconds_of,
)
from bench.worker import Worker, WorkerError


class Fake:
    """Stands for a worker, and keeps the order of all calls."""

    def __init__(self, name, log, others=()):
        self.name, self.log, self.others = name, log, iter(others)

    def call(self, method, *arguments):
        self.log.append((self.name, method, *arguments))
        return Turn(float(len(self.log)), next(self.others, None))


class Accumulator:
    """What a real worker runs in the tests."""

    def __init__(self, start):
        self.total = start

    def add(self, value):
        self.total += value
        return self.total


# --- jobs ---------------------------------------------------------------------------------------


def test_flops_of_an_epoch_by_hand():
    # forward and weight gradient of both layers, back to the input of the second only
    per_sample = 2 * (784 * 200 + 200 * 10) + 2 * (784 * 200 + 200 * 10) + 2 * 200 * 10
    assert FIT.flops == 5_400 * per_sample
    assert Fit(Network((784, 10)), 50, 5_400, 7).flops == 5_400 * 4 * 784 * 10


def test_flops_grow_with_rows_and_not_with_batch():
    assert Fit(FIT.network, 1, 5_400, 7).flops == FIT.flops
    assert Predict(FIT.network, 3).flops == 3 * 2 * (784 * 200 + 200 * 10)


def test_bytes_of_an_epoch_by_hand():
    fit = Fit(FIT.network, batch=50, samples=120, epochs=7)  # two steps of 50 and one of 20
    first, last = 784 * 200, 200 * 10
    # float32: forward 4, update 4 + 4 read and 4 + 4 written; back to hidden units 4
    assert fit.traffic("float32") == 4 * 120 * 784 + 3 * (20 * first + 24 * last)
    # bfloat16: forward 2, update 16 and the copy's 2; back 2
    assert fit.traffic("bfloat16") == 4 * 120 * 784 + 3 * (20 * first + 22 * last)
    predict = Predict(FIT.network, rows=3)
    assert predict.traffic("float32") == 4 * 3 * (784 + 10) + 4 * (first + last)


def test_network_names_round_trip():
    assert [net.name for net in LECTURE][-1] == "784-500-500-10"
    assert Network.parse("784-500-500-10").hidden == (500, 500)
    assert [net.learning_rate for net in LECTURE] == [0.05, 0.1, 0.1, 0.1, 0.1]


@pytest.mark.parametrize("name", ["", "784", "784-", "10-784", "784-0-10", "784-x-10", "784--10"])
def test_bad_network_names_are_refused(name):
    with pytest.raises(ValueError, match="from 784 inputs to 10 classes"):
        Network.parse(name)


def test_data_are_like_mnist_and_repeatable():
    data = like_mnist(samples=500)
    assert data.X.shape == (500, 784)
    assert data.X.dtype == np.float32
    np.testing.assert_allclose(data.X.mean(axis=0), 0, atol=1e-6)
    assert 0.75 < (data.X.min(axis=0) == data.X).mean() < 0.9  # black pixels
    assert set(data.y) == set(range(10))
    again = like_mnist(samples=500)
    np.testing.assert_array_equal(again.X, data.X)
    np.testing.assert_array_equal(again.y, data.y)
    np.testing.assert_array_equal(data.rows(1_001)[500:], data.X[np.r_[:500, 0]])


# --- results ------------------------------------------------------------------------------------


def test_ratio_is_the_median_of_the_rounds_ratios():
    result = fit_result(pymlp=[1.0, 2.0, 10.0], torch=[3.0, 8.0, 20.0])
    assert result.ratio("torch") == 3.0  # of 3, 4 and 2; the medians' ratio is 4
    assert result.ratio("pymlp") == 1.0
    assert (result.median("torch"), result.best("torch")) == (8.0, 3.0)


def test_without_the_reference_there_is_no_ratio():
    result = fit_result(torch=[1.0])
    assert result.ratio("torch") is None
    assert geometric_means([result]) == {}


def test_geometric_means_are_over_a_contests_jobs():
    results = [fit_result(pymlp=[1.0], torch=[2.0]), fit_result(pymlp=[1.0], torch=[8.0])]
    assert geometric_means(results) == {"torch": pytest.approx(4.0)}


def test_share_of_the_ceiling():
    at_half_speed = 2 * FIT.flops / CEILING.flops
    assert fit_result(pymlp=[at_half_speed]).share("pymlp") == pytest.approx(0.5)
    assert fit_result(None, pymlp=[1.0]).share("pymlp") is None


def test_the_best_of_two_ceilings():
    assert CEILING.best(Ceiling(100e9, 30e9, 2e-6)) == Ceiling(200e9, 30e9, 1e-6)


def test_rounds_are_interleaved_and_change_direction(monkeypatch):
    monkeypatch.setattr("bench.timing.PAUSE", 0)
    log = []
    workers = {name: Fake(name, log) for name in ("a", "b")}
    turns = paired_rounds(workers, FIT, rounds=3, retries=2)
    assert log[:2] == [("a", "prepare", FIT), ("b", "prepare", FIT)]
    assert "".join(name for name, *_ in log[2:]) == "abbaab"
    result = Result(CONTEST, FIT, turns, {})
    assert (result.seconds("a"), result.seconds("b")) == ([3, 6, 7], [4, 5, 8])


@pytest.mark.parametrize(
    ("others", "kept", "disturbed"),
    [([0.05], 0, 0), ([0.5, 0.02], 1, 0), ([0.5, 0.3, 0.4, 0.0], 1, 1)],
)
def test_a_disturbed_turn_is_repeated(monkeypatch, others, kept, disturbed):
    monkeypatch.setattr("bench.timing.PAUSE", 0)
    turn = quiet_turn(Fake("a", [], others), retries=2)
    assert turn == Turn(kept + 1.0, others[kept])
    assert Result(CONTEST, FIT, {"a": (turn,)}, {}).disturbed == disturbed


def test_runs_in_one_process_take_turns_too():
    order = []
    seconds = paired_seconds([lambda: order.append("a"), lambda: order.append("b")], rounds=3)
    assert "".join(order) == "abbaab"
    assert [len(values) for values in seconds] == [3, 3]


def test_a_run_is_repeated_until_the_turn_is_over(monkeypatch):
    clock = iter([0.0, 0.1, 0.2, 0.3])
    monkeypatch.setattr("bench.timing.time.perf_counter", lambda: next(clock))
    assert seconds_of(lambda: None) == pytest.approx(0.1)
    assert next(clock, None) is None


def test_time_of_others_excludes_our_own(monkeypatch, tmp_path):
    stat = tmp_path / "stat"
    ticks = os.sysconf("SC_CLK_TCK")

    def write(busy, stolen):  # seconds, on the first of three CPUs
        idle = "0 0 0 9 9 0 0 0 0 0"
        lines = [f"cpu  {idle}", f"cpu3 {busy * ticks} 0 0 9 9 0 0 {stolen * ticks} 0 0"]
        stat.write_text("\n".join([*lines, f"cpu4 {idle}", f"cpu5 {99 * ticks} 0 0 9 9 0 0 0 0 0"]))

    moments, own = iter([0.0, 10.0]), iter([1.0, 6.0])
    monkeypatch.setattr("bench.quiet.STAT", stat)
    monkeypatch.setattr("bench.quiet.os.sched_getaffinity", lambda pid: {3, 4}, raising=False)
    monkeypatch.setattr("bench.quiet.time.perf_counter", lambda: next(moments))
    monkeypatch.setattr("bench.quiet.time.process_time", lambda: next(own))
    write(busy=100, stolen=0)
    with Bystanders() as bystanders:
        write(busy=108, stolen=1)
    assert bystanders.share == pytest.approx(0.2)  # 9 s busy, 5 of them ours, of 2 CPUs' 10 s


# --- command and workers ------------------------------------------------------------------------


def test_a_missing_peer_is_named_and_left_out(monkeypatch, capsys):
    absent = Peer("absent", "absent", ("no_such_package_as_this",))
    contest = Contest("absent", (absent,), (FIT,))
    monkeypatch.setitem(PEERS, "absent", absent)
    monkeypatch.setattr(command, "list_contests", lambda *_, **__: [contest])
    monkeypatch.setattr(command, "start_gauges", lambda peers, threads, stack: ({}, {}))
    with pytest.raises(SystemExit, match="nothing to measure"):
        command.main(["--peers", "absent", "--threads", "1", "--jobs", "fit"])
    assert "left out: absent (not installed: no_such_package_as_this; pip install '.[bench]')" in (
        capsys.readouterr().out
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--rounds", "0"], "'0': expected a whole number from 1"),
        (["--retries", "-1"], "'-1': expected a whole number from 0"),
        (["--networks", "784-5"], "from 784 inputs to 10 classes"),
        (["--threads", "100000"], "--threads 100000: this process may use"),
        (["--batch", "5401"], "--batch 5401: there are 5400 samples"),
    ],
)
def test_bad_options_are_refused(arguments, message, capsys):
    with pytest.raises(SystemExit):
        command.parse(["--threads", "1", *arguments])
    assert message in capsys.readouterr().err


def contests_of(*kinds, threads=2, batches=None, quick=False):
    samples = {"pixels": 5_400, "moons": 1_000, "digits": 1_797}
    return list_contests(
        kinds, LECTURE[:1], batches=batches, samples=samples, epochs=7, threads=threads, quick=quick
    )


def test_fits_are_one_contest_a_batch():
    small, large = contests_of("fit", batches=[1, 50])
    assert (small.jobs, large.jobs) == (
        (Fit(LECTURE[0], 1, 5_400, 7),),
        (Fit(LECTURE[0], 50, 5_400, 7),),
    )
    assert small.peers == (OURS, ONE_THREAD, *(p for p in PEERS.values() if p != OURS))
    assert ONE_THREAD not in contests_of("fit", threads=1)[0].peers


@pytest.mark.parametrize(
    ("kind", "reference", "other"),
    [
        ("bfloat16", "pymlp bfloat16", "torch bfloat16"),
        ("avx2", "pymlp avx2", "sklearn"),
        ("portable", "pymlp portable", "sklearn"),
        ("predict", "pymlp", "pymlp bfloat16"),
        ("row", "pymlp", "torch"),
        ("small", "pymlp", "pymlp 1 thread"),
    ],
)
def test_who_is_related_to_whom(kind, reference, other):
    for contest in contests_of(kind):
        assert contest.reference.name == reference
        assert other in [peer.name for peer in contest.peers]
        assert contest.jobs


def test_small_networks_have_data_of_their_own():
    (contest,) = contests_of("small")
    assert [(job.network.name, job.data, job.samples) for job in contest.jobs] == [
        ("2-2-2", "moons", 1_000),
        ("2-20-2", "moons", 1_000),
        ("64-50-10", "digits", 1_797),
    ]
    assert len(contests_of(*KINDS, quick=True)[-1].jobs) == 1


def test_a_variant_says_in_its_name_and_environment_what_it_is():
    portable = contests_of("portable")[0].reference
    assert portable.environment == {"PYMLP_ISA": "portable"}
    assert PEERS["keras-jax"].environment == {"KERAS_BACKEND": "jax"}
    assert OURS.environment == {}


def test_a_worker_answers_and_reports_what_it_raises():
    worker = Worker(Accumulator, 1, threads=1)
    try:
        assert worker.call("add", 2) == 3
        assert worker.call("add", 2) == 5
        with pytest.raises(WorkerError, match="TypeError"):
            worker.call("add", "text")
    finally:
        worker.close()


def test_peak_memory_counts_what_is_already_freed():
    if not Path("/proc/self/clear_refs").exists():
        pytest.skip("Linux only")
    with Peak() as peak:
        np.ones(100_000_000, dtype=np.uint8)
    assert 99e6 < peak.growth < 110e6
    with Peak() as peak:
        pass
    assert peak.growth < 10e6


def test_the_command_imports_no_peer():
    heavy = {"torch", "jax", "keras", "sklearn", "pymlp", "matplotlib"}
    code = f"import sys, bench.__main__; print(sorted({heavy} & set(sys.modules)))"
    root = Path(command.__file__).parents[1]
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
