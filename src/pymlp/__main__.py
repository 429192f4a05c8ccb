"""``python -m pymlp``: train the lecture's five networks and print a table."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from pymlp._lecture import job as _lecture

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

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
    results: list[_lecture.Result] = []
    job = None
    try:
        job = _job(parser, arguments)
        print(_lecture.describe(job), flush=True)
        _lecture.train_all(job, results)
    except KeyboardInterrupt:
        if job is not None and results:
            _tell(job, results, page)
        print("interrupted", file=sys.stderr)
        return EXIT_INTERRUPTED
    _tell(job, results, page)
    return 0


def _tell(job: _lecture.Job, results: Sequence[_lecture.Result], page: Path | None) -> None:
    """Print the table of the networks trained, and write the page if there is to be one."""
    print(_lecture.table(job, results), flush=True)
    if page is not None:
        from pymlp._lecture import report as _report

        _report.write(page, job, results)
        print(f"report: {page}")


def _page(parser: argparse.ArgumentParser, folder: Path | None) -> Path | None:
    """Where the page goes; what would prevent it is reported as a bad argument."""
    if folder is None:
        return None
    from pymlp._lecture import report as _report

    try:
        return _report.prepare(folder)
    except ImportError:
        parser.error('argument --report: needs matplotlib: pip install "pymlp[plot]"')
    except OSError as error:
        parser.error(f"argument --report: {error}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m pymlp",
        description="Train the lecture's five networks and print their accuracies and times.",
    )
    parser.add_argument(
        "--data",
        type=Path,
        metavar="DIR",
        help="folder with MNIST's four IDX files, gzipped or not "
        "(default: the digits that ship with scikit-learn)",
    )
    parser.add_argument(
        "--full",
        action="store_true",
        help="train on all images of --data, not on every tenth",
    )
    parser.add_argument(
        "--compare",
        action="store_true",
        help="train scikit-learn's MLP on the same job and print the ratio of times",
    )
    parser.add_argument(
        "--report",
        type=Path,
        metavar="DIR",
        help="write report.html there: table, curves, filters, mistakes, machine and settings "
        "(needs matplotlib)",
    )
    parser.add_argument(
        "--threads",
        type=_whole_number(1, MAX_THREADS),
        metavar="N",
        help="number of threads (default: all)",
    )
    parser.add_argument(
        "--seed",
        type=_whole_number(0, MAX_SEED),
        default=0,
        metavar="S",
        help="seed of the initial weights and the shuffling (default: 0)",
    )
    return parser


def _whole_number(low: int, high: int) -> Callable[[str], int]:
    """Return an argparse type: a whole number from `low` to `high`."""

    def parse(text: str) -> int:
        expected = f"expected a whole number from {low} to {high}, found {text!r}"
        try:
            number = int(text)
        except ValueError:
            raise argparse.ArgumentTypeError(expected) from None
        if not low <= number <= high:
            raise argparse.ArgumentTypeError(expected)
        return number

    return parse


def _job(parser: argparse.ArgumentParser, arguments: argparse.Namespace) -> _lecture.Job:
    """Load the data; what is wrong with the files is reported as a bad argument."""
    if arguments.data is None:
        split = _lecture.digits_split()
    else:
        try:
            split = _lecture.mnist_split(arguments.data, arguments.full)
        except (OSError, ValueError) as error:
            parser.error(f"argument --data: {error}")
    return _lecture.Job(
        split=split,
        seed=arguments.seed,
        n_threads=arguments.threads,
        compare=arguments.compare,
        lecture=arguments.data is not None,
        full=arguments.full,
    )


if __name__ == "__main__":
    try:
        sys.exit(main())
    except BrokenPipeError:  # the reader of a pipe has gone, as `head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(141)
