"""The main job as one HTML page that needs no other file."""

from __future__ import annotations

import base64
import io
import platform
import tempfile
from collections.abc import Sequence
from html import escape
from importlib import resources
from math import ceil
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.metrics import ConfusionMatrixDisplay

from .._files.replace import replace_file
from .._system.config import show_config
from .._system.tables import html_table
from ..plotting import HistoryDisplay, WeightsDisplay
from .job import Job, Result
from .table import cells, describe, notes

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MOST_FILTERS = 50  # units whose weights one picture shows
N_MISTAKES = 20  # images shown of those that the best network gets wrong
A_ROW = 5


def prepare(folder: Path) -> Path:
    """Make the folder and find out, before hours of training, whether a page can be written.

    Returns the page's path; raises ImportError without matplotlib, OSError for such a folder.
    """
    import matplotlib  # noqa: F401

    folder.mkdir(parents=True, exist_ok=True)
    tempfile.TemporaryFile(dir=folder).close()
    return folder / "report.html"


def write(page: Path, job: Job, results: Sequence[Result]) -> None:
    """Write the page about the networks that have been trained."""
    header, rows = cells(job, results)
    best = max(results, key=lambda result: result.ours.accuracy)
    template = Template(resources.files(__package__).joinpath("report.html").read_text("utf-8"))
    wrong = "misclassified images, those first of which it was surest"
    text = template.substitute(
        title=f"pymlp: five networks on {escape(job.split.title)}",
        description="<br>".join(map(escape, describe(job).splitlines())),
        results=html_table(header, rows),
        notes="".join(f'<p class="note">{escape(n)}</p>' for n in notes(job, results)),
        curves="".join(_picture(_curves(r), f"{r.architecture}: by epoch") for r in results),
        filters="".join(_picture(_filters(job, r), r.architecture) for r in _shallowest(results)),
        best=f"{escape(best.architecture)} has the best accuracy on the test set: "
        f"{best.ours.accuracy:.4f}.",
        errors=_picture(_confusion(job, best), "True and predicted labels of the test set")
        + _picture(_mistakes(job, best), f"{best.architecture}: {wrong}"),
        settings=_facts(_settings(results)),
        machine=_facts(_machine(job)),
    )
    replace_file(page, text.encode())


# --- text ----------------------------------------------------------------------------------------


def _facts(facts: dict[str, Any]) -> str:
    rows = [(name, str(value)) for name, value in facts.items()]
    return html_table((), rows, table='class="facts"')


def _settings(results: Sequence[Result]) -> dict[str, Any]:
    """Parameters that are not the default: each network's learning rate, and what they share."""
    classifier = results[0].ours.classifier
    defaults = type(classifier)().get_params()
    own = {"hidden_layer_sizes", "learning_rate_init"}  # each network's
    shared = {
        name: value
        for name, value in classifier.get_params().items()
        if name not in own and value != defaults[name]
    }
    networks = [result.network for result in results]
    rates = ", ".join(f"{n.learning_rate} for {n.hidden}" for n in networks)
    return {"learning_rate_init": f"{rates} hidden units", **shared}


def _machine(job: Job) -> dict[str, Any]:
    facts = show_config(display=False)
    return {
        "processor": facts["processor"],
        "instruction set": facts["isa"],
        "threads": job.n_threads or facts["threads"],
        "system": platform.platform(),
        "Python": platform.python_version(),
        "NumPy": np.__version__,
        "pymlp": facts["version"],
    }


# --- pictures ------------------------------------------------------------------------------------


def _figure(height: float) -> Figure:
    """As wide as a telephone, where text is then about as large as the page's; height in inches."""
    from matplotlib.figure import Figure

    return Figure(figsize=(4, height), layout="constrained")


def _picture(figure: Figure, caption: str) -> str:
    """A figure as an image inside the page."""
    from matplotlib import rc_context

    content = io.BytesIO()
    with rc_context({"svg.hashsalt": "pymlp"}):  # the same page from the same numbers
        figure.savefig(content, format="svg", metadata={"Date": None})
    data = base64.b64encode(content.getvalue()).decode()
    image = f'<img alt="{escape(caption)}" src="data:image/svg+xml;base64,{data}">'
    return f"<figure>{image}<figcaption>{escape(caption)}</figcaption></figure>"


def _curves(result: Result) -> Figure:
    figure = _figure(5)
    for metric, ax in zip(("loss", "accuracy"), figure.subplots(2), strict=True):
        HistoryDisplay.from_estimator(result.ours.classifier, metric=metric, ax=ax)
    return figure


def _shallowest(results: Sequence[Result]) -> list[Result]:
    """The networks whose first layer says most: that of the classes, and the narrowest with one."""
    return sorted(results, key=lambda result: result.network.hidden)[:2]


def _filters(job: Job, result: Result) -> Figure:
    classifier = result.ours.classifier
    figure = _figure(2.7)
    units = min(MOST_FILTERS, classifier.coefs_[0].shape[1])
    WeightsDisplay.from_estimator(
        classifier, image_shape=job.split.image_shape, units=units, ax=figure.subplots()
    )
    return figure


def _confusion(job: Job, result: Result) -> Figure:
    figure = _figure(3.9)
    predicted = result.ours.classifier.predict(job.split.X_test)
    style = {"cmap": "Greys", "colorbar": False, "text_kw": {"fontsize": 8}}
    ConfusionMatrixDisplay.from_predictions(
        job.split.y_test, predicted, ax=figure.subplots(), **style
    )
    return figure


def _mistakes(job: Job, result: Result) -> Figure:
    """Images of the test set that the network takes for another digit."""
    split = job.split
    probabilities = result.ours.classifier.predict_proba(split.X_test)
    predicted = result.ours.classifier.classes_[probabilities.argmax(axis=1)]
    wrong = np.flatnonzero(predicted != split.y_test)
    surest = wrong[np.argsort(-probabilities[wrong].max(axis=1), kind="stable")][:N_MISTAKES]
    n_rows = max(1, ceil(len(surest) / A_ROW))
    figure = _figure(1.1 * n_rows)
    for place, row in enumerate(surest, start=1):
        ax = figure.add_subplot(n_rows, A_ROW, place)
        ax.set_axis_off()
        ax.imshow((split.X_test[row] + split.mean).reshape(split.image_shape), cmap="Greys")
        ax.set_title(f"{split.y_test[row]} taken for {predicted[row]}", fontsize=8)
    return figure
