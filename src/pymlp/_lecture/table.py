"""What the lecture's job has come to, in words and as a table."""

from __future__ import annotations

from collections.abc import Sequence

import sklearn

from .._system.config import show_config
from .._system.tables import text_lines
from . import job as _job
from .job import Job, Result


def describe(job: Job) -> str:
    """What runs on what: the machine's facts, then the data's."""
    facts = show_config(display=False)
    split = job.split
    return (
        f"pymlp {facts['version']}: {facts['isa']} (of {', '.join(facts['isas'])}), "
        f"threads {job.n_threads or facts['threads']}, {facts['processor']}\n"
        f"{split.title}: {len(split.X_train)} for training, {len(split.X_val)} for validation, "
        f"{len(split.X_test)} for testing; float32, seed {job.seed}"
    )


def table(job: Job, results: Sequence[Result]) -> str:
    """The results as aligned text, and below it what the columns mean."""
    header, rows = cells(job, results)
    head, *lines = text_lines(header, rows, "<" + ">" * (len(header) - 1))
    return "\n".join([head, "-" * len(head), *lines, *notes(job, results)])


def cells(job: Job, results: Sequence[Result]) -> tuple[list[str], list[list[str]]]:
    """The table's header and rows."""
    header = ["network", "parameters", "epochs", "seconds", "test accuracy"]
    header += ["lecture"] if job.lecture else []
    header += ["scikit-learn s", "its accuracy", "ratio"] if job.compare else []
    return header, [_row(job, result) for result in results]


def _row(job: Job, result: Result) -> list[str]:
    ours, peer = result.ours, result.sklearn
    row = [
        result.architecture,
        f"{ours.n_parameters:,}",
        f"{ours.epochs}*" if ours.at_limit else f"{ours.epochs}",
        f"{ours.seconds:.2f}",
        f"{ours.accuracy:.4f}",
    ]
    if job.lecture:
        row.append(f"{result.network.lecture_accuracy:.4f}")
    if job.compare and peer is not None:
        row += [f"{peer.seconds:.2f}", f"{peer.accuracy:.4f}", f"{peer.seconds / ours.seconds:.1f}"]
    elif job.compare:  # interrupted before scikit-learn was done
        row += ["-", "-", "-"]
    return row


def notes(job: Job, results: Sequence[Result]) -> list[str]:
    """What the table's columns mean, and what the fits warned of."""
    notes = []
    if any(result.ours.at_limit for result in results):
        limit = f"the limit of {_job.MAX_EPOCHS} epochs"
        notes.append(f"* stopped by {limit}, not by validation accuracy")
    for result in results:
        for whose, training in (("", result.ours), (", scikit-learn", result.sklearn)):
            remarks = training.remarks if training else ()
            notes += [f"{result.architecture}{whose}: {remark}" for remark in remarks]
    if job.lecture and job.full:
        notes.append("lecture: its networks saw every tenth training image, these saw all")
    if job.compare:
        notes += [
            f"scikit-learn {sklearn.__version__}: same rows, seed and number of epochs as pymlp, "
            "without early stopping;",
            "  its accuracy is that of the last epoch, pymlp's that of the best on the validation "
            "set.",
            "ratio: scikit-learn's seconds by pymlp's, which include scoring the validation set "
            "every epoch.",
        ]
    return notes
