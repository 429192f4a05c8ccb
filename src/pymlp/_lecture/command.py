"""The command line of ``python -m pymlp``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from .._system.messages import missing, say
from . import data, report
from .job import Job, Result, train_all
from .table import describe, table

MAX_THREADS = 1024
MAX_SEED = 2**32 - 1  # what numpy.random.RandomState takes
EXIT_INTERRUPTED = 130  # 128 + SIGINT, as shells report it


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    parser = _parser()
    arguments = parser.parse_args(argv)
    if arguments.full and arguments.data is None:
        parser.error("argument --full: needs --data DIR, the folder with MNIST")
    page = _page(parser, arguments.report)
    results: list[Result] = []
    job = None
    try:
        job = _job(parser, arguments)
        say(describe(job))
        train_all(job, results)
    except KeyboardInterrupt:
        if job is not None and results:
            _tell(job, results, page)
        print("interrupted", file=sys.stderr)
        return EXIT_INTERRUPTED
    _tell(job, results, page)
    return 0


def _tell(job: Job, results: Sequence[Result], page: Path | None) -> None:
    """Print the table of the networks trained, and write the page if there is to be one."""
    say(table(job, results))
    if page is not None:
        report.write(page, job, results)
        say(f"report: {page}")


def _page(parser: argparse.ArgumentParser, folder: Path | None) -> Path | None:
    """Where the page goes; what would prevent it is reported as a bad argument."""
    if folder is None:
        return None
    try:
        return report.prepare(folder)
    except ImportError:
        parser.error(str(missing("argument --report:", "matplotlib")))
    except OSError as error:
        parser.error(f"argument --report: {error}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m pymlp",
        description="Train the lecture's five networks and print their accuracies and times.",
    )
    files = "folder with MNIST's four IDX files, gzipped or not"
    default = "the digits that ship with scikit-learn"
    every = "train on all images of --data, not on every tenth"
    compare = "train scikit-learn's MLP on the same job and print the ratio of times"
    page = "table, curves, filters, mistakes, machine and settings (needs matplotlib)"
    seed = "seed of the initial weights and the shuffling (default: 0)"
    threads, seeds = _whole_number(1, MAX_THREADS), _whole_number(0, MAX_SEED)
    add = parser.add_argument
    add("--data", type=Path, metavar="DIR", help=f"{files} (default: {default})")
    add("--full", action="store_true", help=every)
    add("--compare", action="store_true", help=compare)
    add("--report", type=Path, metavar="DIR", help=f"write report.html there: {page}")
    add("--threads", type=threads, metavar="N", help="number of threads (default: all)")
    add("--seed", type=seeds, default=0, metavar="S", help=seed)
    return parser


def _whole_number(low: int, high: int) -> Callable[[str], int]:
    """Return an argparse type: a whole number from `low` to `high`."""

    def parse(text: str) -> int:
        with suppress(ValueError):
            if low <= (number := int(text)) <= high:
                return number
        expected = f"expected a whole number from {low} to {high}, found {text!r}"
        raise argparse.ArgumentTypeError(expected)

    return parse


def _job(parser: argparse.ArgumentParser, arguments: argparse.Namespace) -> Job:
    """Load the data; what is wrong with the files is reported as a bad argument."""
    if arguments.data is None:
        split = data.digits_split()
    else:
        try:
            split = data.mnist_split(arguments.data, arguments.full)
        except (OSError, ValueError) as error:
            parser.error(f"argument --data: {error}")
    return Job(
        split=split,
        seed=arguments.seed,
        n_threads=arguments.threads,
        compare=arguments.compare,
        lecture=arguments.data is not None,
        full=arguments.full,
    )
