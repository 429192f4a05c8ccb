"""Results as a picture: one panel a kind of job, one group of bars a job, one bar a peer."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench.jobs import Fit, Predict
from bench.peers import PEERS, REFERENCE
from bench.report import Run, duration, ratio
from bench.timing import Result

BAR = 0.13  # height of a bar; the groups are 1 apart
COLOURS = dict(
    zip(PEERS, ("#c8102e", "#1f4e79", "#3f78a8", "#6f9dc4", "#9dbbd6", "#c4d4e3"), strict=True)
)


def draw(run: Run, results: Sequence[Result], file: Path) -> None:
    """Write the picture in the format that the file's suffix names; needs matplotlib."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    panels = [
        ("an epoch of fit", [r for r in results if isinstance(r.job, Fit)]),
        ("predict_proba", [r for r in results if isinstance(r.job, Predict)]),
    ]
    panels = [(title, part) for title, part in panels if part]
    tallest = max(len(part) for _, part in panels)
    figure = Figure(figsize=(7.5 * len(panels), 1.3 * tallest + 1.6), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(1, len(panels), squeeze=False)[0]
    for axis, (title, part) in zip(axes, panels, strict=True):
        _draw_panel(axis, title, part)
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=4, frameon=False)
    figure.suptitle(run.describe().splitlines()[0], fontsize=9)
    figure.savefig(file, dpi=150)


def _draw_panel(axis: Any, title: str, results: Sequence[Result]) -> None:
    peers = list(results[0].turns)
    for place, peer in enumerate(peers):
        heights = [group + (place - (len(peers) - 1) / 2) * BAR for group in range(len(results))]
        times = [result.median(peer) for result in results]
        axis.barh(heights, times, height=BAR * 0.9, color=COLOURS[peer], label=peer)
        for height, time, result in zip(heights, times, results, strict=True):
            factor = result.ratio(peer, REFERENCE)
            note = "" if factor is None or peer == REFERENCE else f"  {ratio(factor)}"
            axis.annotate(
                duration(time) + note, (time, height), (3, 0), textcoords="offset points",
                va="center", fontsize=7,
            )  # fmt: skip
    half = len(peers) * BAR / 2
    for group, result in enumerate(results):
        if result.ceiling is not None:
            least = result.job.flops / result.ceiling.flops
            label = "at the FMA ceiling" if group == 0 else None
            axis.vlines(least, group - half, group + half, color="black", label=label)
    axis.set_yticks(range(len(results)), [_label(result) for result in results])
    axis.invert_yaxis()
    axis.set_xscale("log")
    axis.set_xlim(right=axis.get_xlim()[1] * 4)  # room for the last bar's text
    axis.xaxis.set_major_formatter(lambda seconds, _: f"{seconds * 1e3:g} ms")
    axis.set_title(f"{title}: less is better", fontsize=10)
    axis.spines[["top", "right"]].set_visible(False)


def _label(result: Result) -> str:
    job = result.job
    detail = f"batch {job.batch}" if isinstance(job, Fit) else f"{job.rows:,} row(s)"
    return f"{job.network.name}\n{detail}"
