"""What the benchmark says: text, Markdown, JSON and pictures."""

import json

import pytest
from results import CEILING, CONTEST, FIT, fit_result

from bench import report
from bench.ceiling import Ceiling
from bench.contests import Contest
from bench.jobs import Predict
from bench.peers import BFLOAT16, OURS, TORCH_BFLOAT16
from bench.timing import Result, Turn


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (1.2345, "1,234 ms"),
        (0.09996, "100 ms"),
        (0.0123, "12.3 ms"),
        (0.00999, "9.99 ms"),
        (0.001, "1.00 ms"),
        (0.0002631, "263 us"),
        (9.87e-6, "9.87 us"),
    ],
)
def test_durations_have_three_digits(seconds, expected):
    assert report.duration(seconds) == expected


def test_table_of_one_job():
    lines = report.text(fit_result(pymlp=[0.030, 0.034, 0.032], torch=[0.15, 0.17, 0.32]))
    title, header, pymlp, torch, ceiling, moved = lines.splitlines()
    assert title == "784-200-10, batch 50: an epoch of 5,400"
    assert header.split() == ["peer", "median", "min", "to", "pymlp", "of", "ceiling"]
    assert pymlp.split() == ["pymlp", "32.0", "ms", "30.0", "ms", "1.00x", "54", "%"]
    assert torch.split() == ["torch", "170", "ms", "150", "ms", "5.00x", "10", "%"]
    assert ceiling.startswith("ceiling: 17.3 ms; FMA 200 GFLOP/s, memory 20.0 GB/s")
    assert moved == "moves 3.3 MB a step"
    assert len({len(line) for line in (header, pymlp, torch)}) == 1


def test_markdown_has_a_table_a_contest_with_a_row_a_job_and_a_column_a_peer():
    turns = {"pymlp bfloat16": (Turn(1e-5, None),), "torch bfloat16": (Turn(6e-5, None),)}
    contest = Contest("One row", (BFLOAT16, TORCH_BFLOAT16), ())
    predict = Result(contest, Predict(FIT.network, 1), turns, {})
    fits, calls = report.markdown([fit_result(pymlp=[0.032], torch=[0.16]), predict]).split("\n\n")
    assert fits.splitlines() == [
        "| `fit`, batch 50 | precision | pymlp | of ceiling | moved a step | torch |",
        "|---|---|---:|---:|---:|---:|",
        "| 784-200-10 | float32 | 32.0 ms | 54 % | 3.3 MB | 160 ms (5.00x) |",
        "| geometric mean |  |  |  |  | 5.00x |",
    ]
    assert calls.splitlines()[2] == (
        "| 784-200-10 | bfloat16 | 10.0 us | - | 320.8 kB | 60.0 us (6.00x) |"
    )


def test_json_holds_every_round():
    run = report.Run(threads=2, rounds=1, data="none")
    written = json.loads(json.dumps(report.as_json(run, [fit_result(pymlp=[0.5], torch=[1.0])])))
    (result,) = written["results"]
    assert (result["kind"], result["network"], result["batch"]) == ("fit", "784-200-10", 50)
    assert result["peers"]["torch"]["seconds"] == [1.0]
    assert result["peers"]["torch"]["ratio"] == 2.0
    assert result["peers"]["pymlp"]["ceiling"]["flops"] == CEILING.flops
    assert written["run"]["rounds"] == 1


def test_picture_is_written(tmp_path):
    pytest.importorskip("matplotlib")
    from bench.picture import draw

    run = report.Run(threads=2, rounds=1, data="none")
    draw(run, [fit_result(pymlp=[0.03], torch=[0.16])], tmp_path / "bench.svg")
    drawn = (tmp_path / "bench.svg").read_text()
    for text in ("784-200-10", "30.0 ms  pymlp", "160 ms  torch  5.33x"):
        assert f"<!-- {text} -->" in drawn


def test_roofline_is_drawn_from_what_json_holds(tmp_path):
    pytest.importorskip("matplotlib")
    from bench import roofline

    ours, bf16 = (FIT.traffic(precision) for precision in ("float32", "bfloat16"))
    contest = Contest("`fit` in bfloat16", (BFLOAT16, OURS), (FIT,))
    turns = {"pymlp": (Turn(0.05, None),), "pymlp bfloat16": (Turn(0.025, None),)}
    faster = Ceiling(flops=400e9, bandwidth=25e9, barrier=1e-6)
    both = Result(contest, FIT, turns, {"pymlp": CEILING, "pymlp bfloat16": faster})
    run = report.Run(threads=2, rounds=1, data="none")
    saved = json.loads(json.dumps(report.as_json(run, [fit_result(pymlp=[0.04]), both])))

    fits = {"kind": "fit", "network": "784-200-10"}
    (point,) = roofline.points(saved["results"], "pymlp", **fits)  # the faster of the two
    assert point == pytest.approx((FIT.flops / ours, FIT.flops / 0.04))
    (point,) = roofline.points(saved["results"], "pymlp bfloat16", **fits)
    assert point == pytest.approx((FIT.flops / bf16, FIT.flops / 0.025))
    assert roofline.points(saved["results"], "pymlp", kind="fit", batch=51) == []
    assert roofline.roofs(saved["results"]) == ({"float32": 200e9, "bfloat16": 400e9}, 25e9)

    roofline.draw(saved, tmp_path / "roofline.svg")
    drawn = (tmp_path / "roofline.svg").read_text()
    for text in ("784-200-10", "float32 multiply-adds: 200 GFLOP/s", "memory: 25 GB/s"):
        assert f"<!-- {text} -->" in drawn


def test_text_says_that_turns_were_disturbed():
    quiet, busy = Turn(1.0, 0.0), Turn(1.0, 0.4)
    result = Result(CONTEST, FIT, {"pymlp": (quiet, busy), "torch": (busy, quiet)}, {})
    last = report.text(result).splitlines()[-1]
    assert last == "disturbed: in 2 turn(s) other processes took more than 10 % of the CPUs"
    assert "disturbed" not in report.text(fit_result(pymlp=[1.0]))
