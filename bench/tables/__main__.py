"""``python -m bench.tables``: fit models on tables in turn, and print losses, ranks and seconds."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from bench.tables import report, sets
from bench.tables.fits import Fits
from bench.tables.models import MODELS
from bench.worker import Worker, WorkerError


def main(arguments: Sequence[str] | None = None) -> None:
    options = parse(arguments)
    results = report.read(options.join)
    with ExitStack() as stack:
        workers = start(options.models, options.tables, stack)
        for result in measure(workers, options.sets, options.splits, options.rows):
            results.append(result)
            print(line(result), flush=True)
            if options.out:  # after every fit: hours may be lost otherwise
                report.save(results, options.out / "results.json")
    if not results:
        raise SystemExit("nothing was measured, and nothing joined")
    text = report.text(results)
    print("", text, sep="\n")
    if options.out:
        report.save(results, options.out / "results.json")
        (options.out / "report.md").write_text(text + "\n")
        if find_spec("matplotlib"):
            report.draw(results, options.out / "picture.svg")


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.tables", description=__doc__)
    parser.add_argument(
        "--tables", type=Path, metavar="DIR", help="NAME.csv.gz, the last column named 'target'"
    )
    parser.add_argument("--sets", nargs="+", metavar="NAME", help="default: the folder's, and " + (
        ", ".join(sets.SHIPPED)))  # fmt: skip
    parser.add_argument(
        "--models", nargs="*", choices=MODELS, default=list(MODELS), help="none: only --join"
    )
    parser.add_argument("--splits", type=int, default=3, help="seeds 0, 1, ...; default: 3")
    parser.add_argument("--rows", type=int, help="of training, at most; default: all")
    parser.add_argument(
        "--join", nargs="+", type=Path, default=[], metavar="FILE", help="results of other runs"
    )
    parser.add_argument("--out", type=Path, metavar="DIR", help="for results, report and picture")
    options = parser.parse_args(arguments)
    if options.tables and not options.tables.is_dir():
        parser.error(f"--tables {options.tables}: there is no such folder")
    options.sets = options.sets or sets.names(options.tables)
    for name in options.sets:
        try:
            sets.load(name, options.tables)
        except ValueError as error:
            parser.error(f"--sets: {error}")
    if options.splits < 1 or (options.rows is not None and options.rows < 10):
        parser.error("--splits: expected at least 1; --rows: at least 10")
    if options.out:
        options.out.mkdir(parents=True, exist_ok=True)
    return options


def start(models: Sequence[str], folder: Path | None, stack: ExitStack) -> dict[str, Worker]:
    """A process for each model that can be had, with one thread."""
    workers = {}
    for name in models:
        if MODELS[name].missing:
            print(f"left out: {name} ({MODELS[name].package} is not installed)")
            continue
        try:
            worker = Worker(Fits, name, folder, threads=1)
        except WorkerError as error:
            print(f"left out: {name} ({last_line(error)})")
            continue
        workers[name] = stack.enter_context(closing(worker))
    return workers


def measure(
    workers: Mapping[str, Any], names: Sequence[str], splits: int, rows: int | None
) -> Iterator[dict[str, Any]]:
    """A fit of every model on every split, in every second split in the other direction."""
    going = dict(workers)
    for name in names:
        for seed in range(splits):
            for model in list(going)[:: -1 if seed % 2 else 1]:
                try:
                    yield going[model].call("fit", name, seed, rows)
                except WorkerError as error:
                    print(f"left out from {name} on: {model} ({last_line(error)})")
                    del going[model]


def line(result: Mapping[str, Any]) -> str:
    losses = ", ".join(f"{name} {loss:.4f}" for name, loss in result["losses"].items())
    return (
        f"{result['set']:>14} {result['split']}  {result['model']:<12} {losses}; "
        f"{result['fit_seconds']:.2f} s, {result['predict_seconds']:.3f} s"
    )


def last_line(error: WorkerError) -> str:
    return str(error).strip().splitlines()[-1]


if __name__ == "__main__":
    main()
