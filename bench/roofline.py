"""A roofline of saved results: ``python -m bench.roofline RESULTS.json docs/_static/roofline.svg``.

Across: operations for each byte that a job has to move, by the model in jobs.py. Up: operations
a second. Above them the roofs that were measured beside the jobs: multiply-adds in registers, and
bytes from memory; what stays in a cache may lie above the second.
(Williams, Waterman and Patterson, "Roofline", Communications of the ACM 52(4), 2009.)
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from bench.jobs import LECTURE, PIXELS
from bench.peers import BFLOAT16, OURS

Point = tuple[float, float]  # FLOP a byte, FLOP/s
# from light to dark, and each with its marker: to be told apart in grey as well
STYLES = {
    network.name: {"color": colour, "marker": marker}
    for network, colour, marker in zip(
        LECTURE, ("#9ecae1", "#6baed6", "#3182bd", "#08519c", "#e6550d"), "vo^sD", strict=True
    )
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.roofline", description=__doc__)
    parser.add_argument("results", type=Path, help="what python -m bench --json wrote")
    parser.add_argument("picture", type=Path, help="its suffix names the format")
    arguments = parser.parse_args()
    draw(json.loads(arguments.results.read_text()), arguments.picture)


def draw(saved: dict[str, Any], file: Path) -> None:
    results = saved["results"]
    figure = Figure(figsize=(9, 5.2), layout="constrained")
    FigureCanvasAgg(figure)
    fit_axis, predict_axis = figure.subplots(1, 2, sharey=True)
    batches = _listed(results, "batch", kind="fit", data=PIXELS)
    rows = _listed(results, "rows", kind="predict_proba")
    fit_axis.set_title(f"a training step, batch size {batches}", fontsize=10)
    predict_axis.set_title(f"predict_proba, rows: {rows}", fontsize=10)
    for axis, kind in ((fit_axis, "fit"), (predict_axis, "predict_proba")):
        axis.set_xscale("log")
        axis.set_yscale("log")
        for network, style in STYLES.items():
            for peer, face in ((OURS, style["color"]), (BFLOAT16, "white")):
                found = points(results, peer.name, kind=kind, data=PIXELS, network=network)
                line = {"linewidth": 1, "markerfacecolor": face, **style}
                axis.plot([x for x, _ in found], [y for _, y in found], **line)
        _draw_roofs(axis, results)
        axis.set_xlabel("operations for each byte to be moved, FLOP/byte")
        axis.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
        axis.yaxis.set_major_formatter(lambda value, _: f"{value / 1e9:g}")
        axis.grid(color="0.92")
        axis.spines[["top", "right"]].set_visible(False)
    fit_axis.set_ylabel("GFLOP/s")
    for network, style in STYLES.items():
        fit_axis.plot([], [], linewidth=1, label=network, **style)
    if any(BFLOAT16.name in result["peers"] for result in results):
        look = {"color": "0.3", "markerfacecolor": "white", "label": "in bfloat16: hollow"}
        fit_axis.plot([], [], "o-", linewidth=1, **look)
    figure.legend(loc="outside lower center", ncols=3, frameon=False, fontsize=9)
    figure.savefig(file, dpi=150, metadata={"Date": None} if file.suffix == ".svg" else None)


def _listed(results: list[dict[str, Any]], key: str, **wanted: object) -> str:
    """The values of `key` in the results that `wanted` describes, as words."""
    values = {result[key] for result in results if wanted.items() <= result.items()}
    return ", ".join(f"{value:,}" for value in sorted(values))


def _draw_roofs(axis: Any, results: list[dict[str, Any]]) -> None:
    """The roofs over the points that are drawn; named once, for the legend."""
    ceilings, bandwidth = roofs(results)
    if not ceilings:
        return
    left, right = axis.get_xlim()
    named = axis.get_subplotspec().is_first_col()
    for precision, flops in ceilings.items():
        ridge = flops / bandwidth  # where the roofs meet
        axis.plot(
            [ridge, right],
            [flops, flops],
            "-" if precision == "float32" else "--",
            color="black",
            label=f"{precision} multiply-adds: {flops / 1e9:,.0f} GFLOP/s" if named else None,
        )
    ridge = max(ceilings.values()) / bandwidth
    axis.plot(
        [left, ridge],
        [left * bandwidth, ridge * bandwidth],
        ":",
        color="black",
        label=f"memory: {bandwidth / 1e9:.0f} GB/s" if named else None,
    )
    axis.set_xlim(left, right)


def points(results: Iterable[dict[str, Any]], peer: str, **wanted: object) -> list[Point]:
    """Of the jobs that `wanted` describes; the fastest where several contests had the same."""
    best: dict[float, float] = {}
    for result in results:
        if peer in result["peers"] and wanted.items() <= result.items():
            measured = result["peers"][peer]
            intensity = result["flops"] / measured["traffic"]
            rate = result["flops"] / measured["median"]
            best[intensity] = max(rate, best.get(intensity, 0.0))
    return sorted(best.items())


def roofs(results: Iterable[dict[str, Any]]) -> tuple[dict[str, float], float]:
    """The best FLOP/s of each precision and the best bytes/s that were measured beside pymlp."""
    flops: dict[str, float] = {}
    bandwidth = 0.0
    for result in results:
        for name in (OURS.name, BFLOAT16.name):
            ceiling = result["peers"].get(name, {}).get("ceiling")
            if ceiling:
                precision = result["peers"][name]["precision"]
                flops[precision] = max(ceiling["flops"], flops.get(precision, 0.0))
                bandwidth = max(ceiling["bandwidth"], bandwidth)
    return flops, bandwidth


if __name__ == "__main__":
    main()
