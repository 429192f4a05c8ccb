"""``python -m bench``: time pymlp and its peers in paired rounds, and print a table."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from functools import partial
from importlib.util import find_spec
from pathlib import Path

from bench.ceiling import Ceiling, Gauge, Setting
from bench.contests import BATCHES, KINDS, Contest, list_contests
from bench.data import SAMPLES, Data, digits, like_mnist, mnist, moons
from bench.jobs import LECTURE, PIXELS, Network
from bench.peers import OURS, PEERS, Peer
from bench.report import Run, as_json, markdown, means_text, text
from bench.timing import Result, Runner, paired_rounds
from bench.worker import Worker, WorkerError, available_cpus


def main(arguments: Sequence[str] | None = None) -> None:
    options = parse(arguments)
    data = {PIXELS: options.samples}
    if "small" in options.jobs:
        data |= {"moons": moons(), "digits": digits()}
    contests = list_contests(
        options.jobs,
        options.networks,
        batches=options.batch,
        samples={name: len(part.y) for name, part in data.items()},
        epochs=options.epochs,
        threads=options.threads,
        quick=options.quick,
    )
    with ExitStack() as stack:
        workers, left_out = start_workers(contests, options, data, stack)
        gauges, no_ceiling = start_gauges(workers, options.threads, stack)
        left_out |= no_ceiling
        run = Run(
            threads=options.threads,
            rounds=options.rounds,
            data=options.samples.title,
            left_out=tuple(f"{name} ({reason})" for name, reason in left_out.items()),
        )
        print(run.describe(), flush=True)
        if not workers:
            sys.exit("no peer is installed: nothing to measure")
        # where a variant of ours is missing, nothing is left to relate the others to
        contests = [c for c in contests if c.reference == OURS or c.reference.name not in left_out]
        results = []
        for contest in contests:
            print("", contest.title, "=" * len(contest.title), sep="\n")
            part = []
            for result in measure(contest, workers, gauges, options):
                part.append(result)
                print(text(result), end="\n\n", flush=True)
            print(means_text(part), flush=True)
            results += part
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
    parser.add_argument("--epochs", type=positive, default=10, help="of a fit; default: 10")
    parser.add_argument(
        "--retries",
        type=whole,
        default=2,
        help="of a turn that other processes disturbed; default: 2",
    )
    parser.add_argument("--threads", type=positive, default=2, help="default: 2")
    parser.add_argument(
        "--batch", nargs="+", type=positive, help="default: 50 200 1000; in bfloat16 50 512"
    )
    parser.add_argument("--jobs", nargs="+", choices=KINDS, default=KINDS)
    parser.add_argument("--data", type=Path, metavar="DIR", help="train on MNIST from this folder")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every round's seconds")
    parser.add_argument("--picture", type=Path, metavar="FILE", help="draw; needs matplotlib")
    parser.add_argument("--markdown", action="store_true", help="end with Markdown tables")
    parser.add_argument(
        "--quick",
        action="store_true",
        help="3 rounds of 5 epochs, batch 50, of 784-10, 784-200-10 and 2-2-2 only",
    )
    options = parser.parse_args(arguments)
    if options.quick:
        options.rounds, options.epochs, options.batch = 3, 5, [50]
        options.networks = [LECTURE[0], LECTURE[2]]
    cpus = len(available_cpus())
    if options.threads > cpus:
        parser.error(f"--threads {options.threads}: this process may use {cpus} CPU(s)")
    if max(options.batch or BATCHES) > SAMPLES:
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


def start_workers(
    contests: Sequence[Contest],
    options: argparse.Namespace,
    data: Mapping[str, Data],
    stack: ExitStack,
) -> tuple[dict[Peer, Worker], dict[str, str]]:
    """A worker for every peer that can be had, and why another was left out, by its name."""
    workers: dict[Peer, Worker] = {}
    left_out = {}
    for peer in dict.fromkeys(peer for contest in contests for peer in contest.peers):
        if peer.library not in options.peers:
            continue
        if peer.missing:
            missing = ", ".join(peer.missing)
            left_out[peer.name] = f"not installed: {missing}; pip install '.[bench]'"
            continue
        threads = peer.threads or options.threads
        try:
            worker = Worker(
                Runner, peer, data, threads, threads=threads, environment=peer.environment
            )
        except WorkerError as error:
            left_out[peer.name] = last_line(error)
            continue
        workers[peer] = stack.enter_context(closing(worker))
    return workers, left_out


def start_gauges(
    peers: Iterable[Peer], threads: int, stack: ExitStack
) -> tuple[dict[Setting, Worker], dict[str, str]]:
    """The workers that measure the ceilings; without pymlp there are none, and so no shares."""
    gauges: dict[Setting, Worker] = {}
    left_out = {}
    for setting in dict.fromkeys(setting_of(peer, threads) for peer in peers):
        try:
            worker = Worker(
                Gauge,
                setting.threads,
                setting.precision,
                threads=setting.threads,
                environment={"PYMLP_ISA": setting.isa} if setting.isa else {},
            )
        except WorkerError as error:
            left_out[f"the ceiling of {setting}"] = last_line(error)
            continue
        gauges[setting] = stack.enter_context(closing(worker))
    return gauges, left_out


def setting_of(peer: Peer, threads: int) -> Setting:
    return Setting(peer.threads or threads, peer.precision, peer.isa)


def last_line(error: WorkerError) -> str:
    return str(error).strip().splitlines()[-1]


def measure(
    contest: Contest,
    workers: Mapping[Peer, Worker],
    gauges: Mapping[Setting, Worker],
    options: argparse.Namespace,
) -> Iterator[Result]:
    """Results one by one; a ceiling is the better of before and after a job's rounds."""
    settings = {
        peer: setting_of(peer, options.threads) for peer in contest.peers if peer in workers
    }
    used = {setting: gauges[setting] for setting in settings.values() if setting in gauges}
    takes_part = {peer.name: workers[peer] for peer in settings}
    for job in contest.jobs if takes_part else ():
        before: dict[Setting, Ceiling] = {s: gauge.call("measure") for s, gauge in used.items()}
        turns = paired_rounds(takes_part, job, options.rounds, options.retries)
        best = {s: before[s].best(gauge.call("measure")) for s, gauge in used.items()}
        ceilings = {peer.name: best[s] for peer, s in settings.items() if s in best}
        yield Result(contest, job, turns, ceilings)


if __name__ == "__main__":
    main()
