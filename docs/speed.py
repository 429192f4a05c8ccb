"""The picture of speed, docs/_static/speed.svg: ``python -m docs.speed``.

Its numbers are read from the first three tables of docs/performance.md, so that they stand at one
place; a test fails when picture and tables disagree.
"""

import re
from pathlib import Path
from typing import Any

PAGE = Path(__file__).with_name("performance.md")
PICTURE = Path(__file__).parent / "_static" / "speed.svg"

NETWORK = "784-200-10"
PANELS = {  # title: unit, in the order of the page's tables
    "fit: an epoch of 5,400 rows, batch 50": "ms",
    "predict_proba, 10,000 rows": "ms",
    "predict_proba, one row": "µs",
}
TABLE = re.compile(r"^\| network \|(.*)\|\n\|[-:|]+\|\n((?:\|.*\|\n)+)", re.MULTILINE)
OURS, THEIRS = "#c8102e", "#6f9dc4"


def bars() -> dict[str, dict[str, str]]:
    """The cells of `NETWORK`, by panel and library."""
    found = TABLE.findall(PAGE.read_text())
    return {title: row(*table) for title, table in zip(PANELS, found, strict=False)}


def row(head: str, body: str) -> dict[str, str]:
    (cells,) = (cells for network, *cells in map(split, body.splitlines()) if network == NETWORK)
    return {
        re.sub(r" \(.*\)| eager", "", library): cell
        for library, cell in zip(split(head), cells, strict=True)
        if "bfloat16" not in library
    }


def split(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip("| ").split("|")]


def label(library: str, cell: str, unit: str) -> str:
    """What stands beside a bar: '59.6 ms (5.8x)'; ours without its share of the ceiling."""
    time, _, factor = cell.partition(" ")
    return f"{time} {unit}" + ("" if library == "pymlp" else f"  {factor}")


def draw() -> None:
    import matplotlib as mpl
    from matplotlib.figure import Figure

    # text stays text: small, and to be searched
    mpl.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "speed", "font.size": 9})
    figure = Figure(figsize=(9, 2.3), layout="constrained")
    for axis, (title, cells) in zip(
        figure.subplots(1, len(PANELS), sharey=True), bars().items(), strict=True
    ):
        draw_panel(axis, title, cells)
    figure.suptitle(
        f"A {NETWORK} network on two cores, float32; in brackets how many times pymlp's time",
        fontsize=10,
    )
    figure.savefig(PICTURE, metadata={"Date": None})


def draw_panel(axis: Any, title: str, cells: dict[str, str]) -> None:
    times = [float(cell.split()[0]) for cell in cells.values()]
    axis.barh(list(cells), times, color=[OURS, *[THEIRS] * (len(cells) - 1)])
    for place, (library, cell) in enumerate(cells.items()):
        text = label(library, cell, PANELS[title])
        axis.annotate(text, (times[place], place), (3, 0), textcoords="offset points", va="center")
    axis.set_xlim(right=1.5 * max(times))  # room for the longest bar's text
    axis.set_title(title, fontsize=9)
    axis.set_xticks([])
    axis.spines[:].set_visible(False)
    axis.tick_params(left=False)
    if not axis.yaxis_inverted():  # shared
        axis.invert_yaxis()


if __name__ == "__main__":
    draw()
