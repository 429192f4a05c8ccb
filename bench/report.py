"""Results as text, as a Markdown table and as JSON.

pymlp is imported where something is told, not before: it is one of the peers."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from itertools import groupby
from typing import Any

from bench.jobs import Fit
from bench.peers import PEERS
from bench.timing import QUIET, Result, geometric_means

NONE = "-"


@dataclass(frozen=True)
class Run:
    """How the results were taken."""

    threads: int
    rounds: int
    data: str
    left_out: tuple[str, ...] = ()

    def describe(self) -> str:
        """Machine, versions and conditions, for above a table."""
        lines = [
            f"{processor()}, {self.threads} thread(s); {self.data}; {self.rounds} paired rounds",
            ", ".join(f"{name} {number}" for name, number in versions().items()),
            *(f"left out: {reason}" for reason in self.left_out),
        ]
        return "\n".join(lines)


def processor() -> str:
    from pymlp import show_config

    return str(show_config(display=False)["processor"])


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


def size(n_bytes: float) -> str:
    """Bytes in kB, or in MB from one on: ``"3.3 MB"``."""
    return f"{n_bytes / 1e6:,.1f} MB" if n_bytes >= 1e6 else f"{n_bytes / 1e3:,.1f} kB"


def unit(result: Result) -> str:
    return "step" if isinstance(result.job, Fit) else "call"


def moved(result: Result) -> float:
    """Bytes that the reference moves in a step or a call."""
    return result.traffic / (result.job.steps if isinstance(result.job, Fit) else 1)


def text(result: Result) -> str:
    """One job: a row for each peer, and the reference's ceiling measured around it."""
    from pymlp._system.tables import text_lines

    header = ["peer", "median", "min", f"to {result.reference}", "of ceiling"]
    rows = [
        [
            peer,
            duration(result.median(peer)),
            duration(result.best(peer)),
            ratio(result.ratio(peer)),
            share(result.share(peer)),
        ]
        for peer in result.turns
    ]
    lines = [result.job.title, *(f"  {line}" for line in text_lines(header, rows, "<>>>>"))]
    ceiling = result.ceilings.get(result.reference)
    if ceiling is not None:
        lines.append(f"ceiling: {duration(result.job.flops / ceiling.flops)}; {ceiling}")
    lines.append(f"moves {size(moved(result))} a {unit(result)}")
    if result.disturbed:
        lines.append(
            f"disturbed: in {result.disturbed} turn(s) other processes took more than "
            f"{share(QUIET)} of the CPUs"
        )
    return "\n".join(lines)


def print_table(header: Sequence[str], rows: Iterable[Sequence[str]], align: str) -> None:
    """Print Markdown row by row, as they are measured."""
    from pymlp._system.tables import markdown_lines

    for line in markdown_lines(header, rows, align):
        print(line, flush=True)


def by_contest(results: Sequence[Result]) -> list[list[Result]]:
    """The results in the order in which they were taken, a list for each contest."""
    return [list(part) for _, part in groupby(results, key=lambda result: result.contest)]


def means_text(results: Sequence[Result]) -> str:
    """One contest's geometric means: ``"geometric mean: torch 4.40x, jax 2.50x"``."""
    means = [f"{peer} {ratio(mean)}" for peer, mean in geometric_means(results).items()]
    return f"geometric mean: {', '.join(means)}" if means else ""


def markdown(results: Sequence[Result]) -> str:
    """A table for each contest: a row for each job, a column for each peer."""
    return "\n\n".join(map(_markdown_table, by_contest(results)))


def _markdown_table(results: Sequence[Result]) -> str:
    """Columns: network, precision, the reference, its share and bytes; the others and ratios."""
    from pymlp._system.tables import markdown_lines

    first = results[0]
    others = [peer for peer in first.turns if peer != first.reference]
    header = [first.contest.title, "precision", first.reference, "of ceiling"]
    header += [f"moved a {unit(first)}", *others]
    rows = []
    for result in results:
        ours = [NONE, NONE]
        if first.reference in result.turns:
            ours = [duration(result.median(first.reference)), share(result.share(first.reference))]
        precision = result.contest.reference.precision
        cells = [result.job.network.name, precision, *ours, size(moved(result))]
        rows.append(cells + [_markdown_cell(result, peer) for peer in others])
    means = geometric_means(results)
    if means:
        rows.append(["geometric mean", *[""] * 4, *(ratio(means[peer]) for peer in others)])
    return "\n".join(markdown_lines(header, rows, "<<" + ">" * (len(header) - 2)))


def _markdown_cell(result: Result, peer: str) -> str:
    """``12.3 ms (5.10x)``: time, and its ratio to the reference's."""
    factor = result.ratio(peer)
    return duration(result.median(peer)) + ("" if factor is None else f" ({ratio(factor)})")


def as_json(run: Run, results: Sequence[Result]) -> dict[str, Any]:
    """Everything that was measured, in seconds and FLOP/s."""
    return {
        "run": asdict(run),
        "machine": {
            "cpu": processor(),
            "cpus": os.cpu_count(),
            "system": f"{platform.system()} {platform.machine()}",
        },
        "versions": versions(),
        "results": [_result_json(result) for result in results],
    }


def _result_json(result: Result) -> dict[str, Any]:
    job = result.job
    fit = isinstance(job, Fit)
    size = {"batch": job.batch, "samples": job.samples} if fit else {"rows": job.rows}
    return {
        "contest": result.contest.title,
        "kind": "fit" if fit else "predict_proba",
        "data": job.data,
        "network": job.network.name,
        **size,
        "reference": result.reference,
        "flops": job.flops,
        "peers": {
            peer.name: {
                "precision": peer.precision,
                "traffic": job.traffic(peer.precision),
                "seconds": result.seconds(peer.name),
                "others": [turn.others for turn in result.turns[peer.name]],
                "median": result.median(peer.name),
                "ratio": result.ratio(peer.name),
                "share": result.share(peer.name),
                "ceiling": asdict(result.ceilings[peer.name])
                if peer.name in result.ceilings
                else None,
            }
            for peer in result.contest.peers
            if peer.name in result.turns
        },
    }
