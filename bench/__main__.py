"""``python -m bench``: time pymlp and its peers in paired rounds, and print a table."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing
from functools import partial
from importlib.util import find_spec
from itertools import product
from pathlib import Path

from bench.ceiling import Ceiling, Gauge
from bench.data import SAMPLES, Data, like_mnist, mnist
from bench.jobs import LECTURE, PREDICTED, Fit, Job, Network, Predict
from bench.peers import PEERS
from bench.report import Run, as_json, markdown, text
from bench.timing import Result, Runner, paired_rounds
from bench.worker import Worker, WorkerError, available_cpus


def main(arguments: Sequence[str] | None = None) -> None:
    options = parse(arguments)
    data = options.samples
    jobs = list_jobs(options, len(data.y))
    with ExitStack() as stack:
        workers, left_out = start_workers(options, data, stack)
        gauge, why = start_gauge(options.threads, stack)
        run = Run(
            threads=options.threads,
            rounds=options.rounds,
            epochs=options.epochs,
            data=data.title,
            left_out=(*left_out, *why),
        )
        print(run.describe(), flush=True)
        if not workers:
            sys.exit("no peer is installed: nothing to measure")
        results = []
        for result in measure(jobs, workers, gauge, options):
            results.append(result)
            print("", text(result), sep="\n", flush=True)
    if options.markdown:
        print("", markdown(results), sep="\n")
    if options.json:
        options.json.write_text(json.dumps(as_json(run, results), indent=1) + "\n")
    if options.picture:
        from bench.picture import draw

        draw(run, results, options.picture)


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__.partition(": ")[2])

    def network(name: str) -> Network:
        try:
            return Network.parse(name)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from None

    def whole(number: str, least: int = 0) -> int:
        if not number.isdecimal() or int(number) < least:
            raise argparse.ArgumentTypeError(f"{number!r}: expected a whole number from {least}")
        return int(number)

    positive = partial(whole, least=1)

    names = ", ".join(network.name for network in LECTURE)
    parser.add_argument(
        "--networks", nargs="+", type=network, default=LECTURE, help=f"to train; default: {names}"
    )
    parser.add_argument("--peers", nargs="+", choices=PEERS, default=list(PEERS), help="to time")
    parser.add_argument("--rounds", type=positive, default=5, help="default: 5")
    parser.add_argument("--epochs", type=positive, default=20, help="of a fit; default: 20")
    parser.add_argument(
        "--retries",
        type=whole,
        default=2,
        help="of a turn that other processes disturbed; default: 2",
    )
    parser.add_argument("--threads", type=positive, default=2, help="default: 2")
    parser.add_argument("--batch", nargs="+", type=positive, default=[50], help="default: 50")
    parser.add_argument("--jobs", nargs="+", choices=["fit", "predict"], default=["fit", "predict"])
    parser.add_argument("--data", type=Path, metavar="DIR", help="train on MNIST from this folder")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every round's seconds")
    parser.add_argument("--picture", type=Path, metavar="FILE", help="draw; needs matplotlib")
    parser.add_argument("--markdown", action="store_true", help="end with Markdown tables")
    parser.add_argument(
        "--quick", action="store_true", help="3 rounds of 5 epochs, of 784-10 and 784-200-10 only"
    )
    options = parser.parse_args(arguments)
    if options.quick:
        options.rounds, options.epochs = 3, 5
        options.networks = [LECTURE[0], LECTURE[2]]
    cpus = len(available_cpus())
    if options.threads > cpus:
        parser.error(f"--threads {options.threads}: this process may use {cpus} CPU(s)")
    if max(options.batch) > SAMPLES:
        parser.error(f"--batch {max(options.batch)}: there are {SAMPLES} samples")
    if options.picture and not find_spec("matplotlib"):
        parser.error('--picture needs matplotlib: pip install ".[bench]"')
    for file in (options.json, options.picture):
        if file and not file.parent.is_dir():
            parser.error(f"{file}: there is no folder {file.parent}")
    try:
        options.samples = mnist(options.data) if options.data else like_mnist()
    except (OSError, ValueError) as error:
        parser.error(f"--data: {error}")
    return options


def list_jobs(options: argparse.Namespace, samples: int) -> list[Job]:
    jobs: list[Job] = []
    if "fit" in options.jobs:
        pairs = product(options.networks, options.batch)
        jobs += [Fit(network, batch, samples) for network, batch in pairs]
    if "predict" in options.jobs:
        networks = [LECTURE[2]] if options.quick else PREDICTED
        jobs += [Predict(network, rows) for network, rows in product(networks, (10_000, 1))]
    return jobs


def start_workers(
    options: argparse.Namespace, data: Data, stack: ExitStack
) -> tuple[dict[str, Worker], list[str]]:
    """A worker for every peer that is installed, and what was left out and why."""
    workers, left_out = {}, []
    for name in options.peers:
        peer = PEERS[name]
        if peer.missing:
            missing = ", ".join(peer.missing)
            left_out.append(f"{name} (not installed: {missing}; pip install '.[bench]')")
            continue
        worker = Worker(
            Runner,
            peer,
            data,
            options.threads,
            threads=options.threads,
            environment=dict(peer.environment),
        )
        workers[name] = stack.enter_context(closing(worker))
    return workers, left_out


def start_gauge(threads: int, stack: ExitStack) -> tuple[Worker | None, list[str]]:
    """The worker that measures the ceiling; without pymlp there is none, and so no shares."""
    try:
        worker = Worker(Gauge, threads, threads=threads)
    except WorkerError as error:
        return None, [f"the ceiling ({str(error).strip().splitlines()[-1]})"]
    return stack.enter_context(closing(worker)), []


def measure(
    jobs: Sequence[Job],
    workers: dict[str, Worker],
    gauge: Worker | None,
    options: argparse.Namespace,
) -> Iterator[Result]:
    """Results one by one; the ceiling is the better of before and after a job's rounds."""
    for job in jobs:
        before: Ceiling | None = gauge.call("measure") if gauge else None
        turns = paired_rounds(workers, job, options.rounds, options.epochs, options.retries)
        ceiling = before.best(gauge.call("measure")) if before and gauge else None
        yield Result(job, turns, ceiling)


if __name__ == "__main__":
    main()
