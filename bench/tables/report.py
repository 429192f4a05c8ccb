"""What was measured, by table and over all of them: Markdown, JSON, a picture."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Iterable, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import pandas as pd

from bench.tables.models import MODELS, TITLES

MEASURES = ("loss", "log-loss", "error rate")  # each table's own loss, those of classes
Results = Sequence[dict[str, Any]]


def save(results: Results, file: Path) -> None:
    found = {
        "machine": f"{platform.machine()}, {os.cpu_count()} CPUs, {platform.system()}",
        "versions": versions(),
        "results": results,
    }
    file.write_text(json.dumps(found, indent=1) + "\n")


def read(files: Iterable[Path]) -> list[dict[str, Any]]:
    return [result for file in files for result in json.loads(file.read_text())["results"]]


def versions() -> dict[str, str]:
    names = {"sklearn": "scikit-learn"}
    found = {"Python": platform.python_version()}
    for package in dict.fromkeys(["numpy", "pandas", *(m.package for m in MODELS.values())]):
        try:
            found[package] = version(names.get(package, package))
        except PackageNotFoundError:
            continue
    return found


def joined(results: Results) -> pd.DataFrame:
    """A row a fit; of several of the same model on the same rows, the last."""
    frame = pd.DataFrame(
        [
            {
                **{key: result[key] for key in ("set", "rows", "split", "model")},
                "loss": next(iter(result["losses"].values())),
                **{name: result["losses"].get(name) for name in MEASURES[1:]},
                "measure": next(iter(result["losses"])),
                "fit": result["fit_seconds"],
                "predict": result["predict_seconds"],
            }
            for result in results
        ]
    )
    return frame.drop_duplicates(["set", "rows", "split", "model"], keep="last")


def by_table(frame: pd.DataFrame, measure: str) -> pd.DataFrame:
    """Means over splits: a row a table, a column a model; only splits that all models have."""
    wide = frame.dropna(subset=measure).pivot(
        index=["set", "measure", "rows", "split"], columns="model", values=measure
    )
    wide = wide.reindex(columns=[model for model in MODELS if model in wide]).dropna()
    return wide.groupby(level=["set", "measure", "rows"]).mean()


def gaps(table: pd.DataFrame) -> pd.DataFrame:
    """How much more each model loses than the table's best, in %; unknown where that is 0."""
    best = table.min(axis=1)
    return 100 * table.sub(best, axis=0).div(best.where(best > 0), axis=0)


def over_tables(frame: pd.DataFrame, measure: str) -> pd.DataFrame:
    """A row a model, the best first: mean rank, gaps to the best of each table, CPU seconds."""
    table = by_table(frame, measure)
    gap = gaps(table).dropna()
    seconds = {name: by_table(frame, name) for name in ("fit", "predict")}
    summary = pd.DataFrame(
        {
            "mean rank": table.rank(axis=1).mean(),
            "mean gap, %": gap.mean(),
            "worst gap, %": gap.max(),
            "on": gap.idxmax().map(lambda key: key[0]) if len(gap) else "",
            "fit, CPU s": seconds["fit"].loc[table.index].mean(),
            "predict, CPU s": seconds["predict"].loc[table.index].mean(),
        }
    )
    return summary.sort_values("mean rank")


def text(results: Results) -> str:
    """All tables in Markdown, then who warned of what."""
    frame = joined(results)
    parts = [f"- {name}: {TITLES[name]}" for name in frame["model"].unique() if name in TITLES]
    parts = ["\n".join(parts)]
    for measure in MEASURES:
        table = by_table(frame, measure)
        if table.empty:
            continue
        cells = _cells(table)
        names = {
            "loss": "Each table's own loss",
            "log-loss": "Log-loss",
            "error rate": "Error rate",
        }
        parts += [f"## {names[measure]}", f"Means of {_splits(frame)} splits; the best is bold."]
        kept = ["measure", "rows"] if measure == "loss" else ["rows"]
        cells = cells.reset_index().drop(columns={"measure", "rows"} - set(kept))
        parts += [markdown(cells), markdown(_summary_cells(over_tables(frame, measure)))]
    parts += [_seconds(frame), _left_out(frame), _warned(results)]
    return "\n\n".join(filter(None, parts))


def _splits(frame: pd.DataFrame) -> int:
    return int(frame.groupby(["set", "rows"])["split"].nunique().max())


def _cells(table: pd.DataFrame) -> pd.DataFrame:
    """The numbers as text, each table's least bold."""
    numbers = table.map("{:.4f}".format)
    return numbers.mask(table.eq(table.min(axis=1), axis=0), "**" + numbers + "**")


def _left_out(frame: pd.DataFrame) -> str:
    """Which models lack splits that others have; no table above counts these splits."""
    n_splits = len(frame[["set", "rows", "split"]].drop_duplicates())
    counts = frame["model"].value_counts()
    lacking = [f"{name} lacks {n_splits - n}" for name, n in counts.items() if n < n_splits]
    if not lacking:
        return ""
    return (
        f"Of {n_splits} splits only those that all models have are counted: {', '.join(lacking)}."
    )


def _summary_cells(summary: pd.DataFrame) -> pd.DataFrame:
    digits = {"mean rank": 2, "mean gap, %": 1, "worst gap, %": 1}
    cells = summary.reset_index()
    for name in summary.columns.drop("on"):
        cells[name] = summary[name].map(f"{{:.{digits.get(name, 3)}f}}".format).to_numpy()
    return cells


def _seconds(frame: pd.DataFrame) -> str:
    table = by_table(frame, "fit")
    if table.empty:
        return ""
    cells = table.map("{:.2f}".format).reset_index().drop(columns="measure")
    return f"## CPU seconds of a fit\n\n{markdown(cells)}"


def _warned(results: Results) -> str:
    found: dict[tuple[str, str], set[str]] = {}
    for result in results:
        for warning in result["warnings"]:
            first = warning.splitlines()[0]
            found.setdefault((result["model"], first), set()).add(result["set"])
    lines = [f"- {model}, {', '.join(sorted(on))}: {w}" for (model, w), on in found.items()]
    return "\n".join(["## Warnings", "", *lines]) if lines else ""


def markdown(cells: pd.DataFrame) -> str:
    """A Markdown table; words to the left, numbers to the right."""
    columns = [str(name) for name in cells]
    left = {"set", "measure", "model", "on"}
    rule = ["---" if name in left else "---:" for name in columns]
    rows = [columns, rule, *cells.astype(str).to_numpy().tolist()]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def draw(results: Results, file: Path) -> None:
    """The mean gap of each model against its time, in the format that the file's suffix names."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    summary = over_tables(joined(results), "loss")
    figure = Figure(figsize=(7.5, 4.5), layout="constrained")
    FigureCanvasAgg(figure)
    axis = figure.subplots()
    for name, row in summary.iterrows():
        place = (row["fit, CPU s"], row["mean gap, %"])
        ours = name in MODELS and MODELS[str(name)].ours
        axis.plot(*place, "o", color="#c8102e" if ours else "#1f4e79")
        axis.annotate(str(name), place, (6, 4), textcoords="offset points", fontsize=9)
    axis.set_xscale("log")
    axis.margins(x=0.15)
    axis.set_ylim(bottom=0)
    axis.xaxis.set_major_formatter(lambda seconds, _: f"{seconds:g} s")
    axis.set_xlabel("CPU seconds of a fit, mean over the tables")
    axis.set_ylabel("loss above each table's best, mean, %")
    axis.spines[["top", "right"]].set_visible(False)
    figure.savefig(file, dpi=150)
