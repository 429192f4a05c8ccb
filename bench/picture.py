"""Results as a picture: one panel a contest, one group of bars a job, one bar a peer."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench.jobs import Fit
from bench.peers import PEERS
from bench.report import Run, by_contest, duration, ratio
from bench.timing import Result

BAR = 0.13  # height of a bar; the groups are 1 apart
COLOURS = dict(  # by library
    zip(PEERS, ("#c8102e", "#1f4e79", "#3f78a8", "#6f9dc4", "#9dbbd6", "#c4d4e3"), strict=True)
)


def draw(run: Run, results: Sequence[Result], file: Path) -> None:
    """Write the picture in the format that the file's suffix names; needs matplotlib."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    panels = by_contest(results)
    heights = [len(part) * (len(part[0].turns) + 2) * BAR + 1 for part in panels]
    figure = Figure(figsize=(7.5, 1.3 * sum(heights) + 0.6), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(len(panels), 1, squeeze=False, height_ratios=heights)[:, 0]
    for axis, part in zip(axes, panels, strict=True):
        _draw_panel(axis, part)
    figure.suptitle(run.describe().splitlines()[0], fontsize=9)
    figure.savefig(file, dpi=150)


def _draw_panel(axis: Any, results: Sequence[Result]) -> None:
    contest = results[0].contest
    libraries = {peer.name: peer.library for peer in contest.peers}
    peers = list(results[0].turns)
    for place, peer in enumerate(peers):
        heights = [group + (place - (len(peers) - 1) / 2) * BAR for group in range(len(results))]
        times = [result.median(peer) for result in results]
        axis.barh(heights, times, height=BAR * 0.9, color=COLOURS[libraries[peer]])
        for height, time, result in zip(heights, times, results, strict=True):
            factor = None if peer == result.reference else result.ratio(peer)
            note = f"  {peer}" + ("" if factor is None else f"  {ratio(factor)}")
            axis.annotate(
                duration(time) + note, (time, height), (3, 0), textcoords="offset points",
                va="center", fontsize=7,
            )  # fmt: skip
    half = len(peers) * BAR / 2
    for group, result in enumerate(results):
        ceiling = result.ceilings.get(result.reference)
        if ceiling is not None:
            least = result.job.flops / ceiling.flops
            label = f"{result.reference} at the FMA ceiling" if group == 0 else None
            axis.vlines(least, group - half, group + half, color="black", label=label)
    if result.ceilings:
        axis.legend(loc="lower right", frameon=False, fontsize=7)
    axis.set_yticks(range(len(results)), [result.job.network.name for result in results])
    axis.invert_yaxis()
    axis.set_xscale("log")
    axis.set_xlim(right=axis.get_xlim()[1] * 4)  # room for the last bar's text
    axis.xaxis.set_major_formatter(lambda seconds, _: f"{seconds * 1e3:g} ms")
    unit = "an epoch" if isinstance(result.job, Fit) else "a call"
    axis.set_title(f"{contest.title}: {unit}, less is better", fontsize=10)
    axis.spines[["top", "right"]].set_visible(False)
