"""Results as text, as a Markdown table and as JSON."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from bench.jobs import Fit, Job, Predict
from bench.peers import PEERS, REFERENCE
from bench.timing import QUIET, Result

NONE = "-"


@dataclass(frozen=True)
class Run:
    """How the results were taken."""

    threads: int
    rounds: int
    epochs: int
    data: str
    left_out: tuple[str, ...] = ()

    def describe(self) -> str:
        """Machine, versions and conditions, for above a table."""
        lines = [
            f"{cpu_model()}, {self.threads} thread(s); {self.data}; float32; "
            f"{self.rounds} paired rounds of {self.epochs} epochs",
            ", ".join(f"{name} {number}" for name, number in versions().items()),
            *(f"left out: {reason}" for reason in self.left_out),
        ]
        return "\n".join(lines)


def cpu_model() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.machine())


def versions() -> dict[str, str]:
    """Versions of Python, NumPy and the installed peers."""
    distributions = {"numpy": "numpy", "sklearn": "scikit-learn"}
    packages = ["numpy", *dict.fromkeys(p for peer in PEERS.values() for p in peer.packages)]
    found = {"Python": platform.python_version()}
    for package in packages:
        try:
            found[package] = version(distributions.get(package, package))
        except PackageNotFoundError:
            continue
    return found


def duration(seconds: float) -> str:
    """Three digits, in ms, or in us below a millisecond: ``"12.3 ms"``."""
    value, unit = (seconds * 1e3, "ms") if seconds >= 1e-3 else (seconds * 1e6, "us")
    decimals = 0 if value >= 99.95 else 1 if value >= 9.995 else 2
    return f"{value:,.{decimals}f} {unit}"


def ratio(value: float | None) -> str:
    return NONE if value is None else f"{value:.2f}x"


def share(value: float | None) -> str:
    """Percents; below 10 % with a decimal, for nobody to be rounded to nothing."""
    return NONE if value is None else f"{value * 100:.{1 if value < 0.0995 else 0}f} %"


def text(result: Result) -> str:
    """One job: a row for each peer, and the ceiling measured around it."""
    header = ["peer", "median", "min", f"to {REFERENCE}", "of ceiling"]
    rows = [
        [
            peer,
            duration(result.median(peer)),
            duration(result.best(peer)),
            ratio(result.ratio(peer, REFERENCE)),
            share(result.share(peer)),
        ]
        for peer in result.turns
    ]
    lines = [result.job.title, *align([header, *rows])]
    if result.ceiling is not None:
        least = duration(result.job.flops / result.ceiling.flops)
        lines.append(f"ceiling: {least}; {result.ceiling}")
    if result.disturbed:
        lines.append(
            f"disturbed: in {result.disturbed} turn(s) other processes took more than "
            f"{share(QUIET)} of the CPUs"
        )
    return "\n".join(lines)


def align(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            [
                "",
                row[0].ljust(widths[0]),
                *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True)),
            ]
        )
        for row in rows
    ]


def markdown(results: Sequence[Result]) -> str:
    """Two tables, of the fits and of predict_proba: a row for each job, a column for each peer."""
    kinds = [
        ("An epoch of `fit`", [result for result in results if isinstance(result.job, Fit)]),
        ("`predict_proba`", [result for result in results if isinstance(result.job, Predict)]),
    ]
    return "\n\n".join(_markdown_table(title, part) for title, part in kinds if part)


def _markdown_table(title: str, results: Sequence[Result]) -> str:
    peers = list(results[0].turns)
    lines = [
        f"| {title} | {' | '.join(peers)} | at the ceiling |",
        f"|---|{'---:|' * (len(peers) + 1)}",
    ]
    for result in results:
        cells = [_markdown_cell(result, peer) for peer in peers]
        ceiling = result.ceiling
        least = NONE if ceiling is None else duration(result.job.flops / ceiling.flops)
        lines.append(f"| {_markdown_job(result.job)} | {' | '.join(cells)} | {least} |")
    return "\n".join(lines)


def _markdown_job(job: Job) -> str:
    if isinstance(job, Fit):
        return f"{job.network.name}, batch {job.batch}"
    return f"{job.network.name}, {job.rows:,} {'row' if job.rows == 1 else 'rows'}"


def _markdown_cell(result: Result, peer: str) -> str:
    """``12.3 ms (5.10x, 8.1 %)``: time, its ratio to the reference, share of the ceiling."""
    facts = [share(result.share(peer))]
    if peer != REFERENCE:
        facts.insert(0, ratio(result.ratio(peer, REFERENCE)))
    known = ", ".join(fact for fact in facts if fact != NONE)
    return duration(result.median(peer)) + (f" ({known})" if known else "")


def as_json(run: Run, results: Sequence[Result]) -> dict[str, Any]:
    """Everything that was measured, in seconds and FLOP/s."""
    return {
        "run": asdict(run),
        "machine": {
            "cpu": cpu_model(),
            "cpus": os.cpu_count(),
            "system": f"{platform.system()} {platform.machine()}",
        },
        "versions": versions(),
        "results": [_result_json(result) for result in results],
    }


def _result_json(result: Result) -> dict[str, Any]:
    job = result.job
    size = {"batch": job.batch} if isinstance(job, Fit) else {"rows": job.rows}
    return {
        "kind": "fit" if isinstance(job, Fit) else "predict_proba",
        "network": job.network.name,
        **size,
        "flops": job.flops,
        "ceiling": None if result.ceiling is None else asdict(result.ceiling),
        "peers": {
            peer: {
                "seconds": result.seconds(peer),
                "others": [turn.others for turn in turns],
                "median": result.median(peer),
                "ratio": result.ratio(peer, REFERENCE),
                "share": result.share(peer),
            }
            for peer, turns in result.turns.items()
        },
    }
