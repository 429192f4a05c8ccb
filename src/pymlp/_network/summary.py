"""A fitted network's layers, or a table's columns, as a table for terminals and notebooks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from .._system.tables import html_table, text_lines
from .network import Network

# text and border have the page's colour, so that they suit light themes and dark ones
TABLE = 'style="border-collapse: collapse; color: inherit"'
CELL = 'style="padding: 0.2em 1.5em 0.2em 0; border-bottom: 1px solid; text-align: {}"'


@dataclass(frozen=True, repr=False)
class Summary:
    """A network's layers, or a table's columns; what the estimators' `summary` returns.

    Parameters
    ----------
    title : str
    header : list of str
        The columns' heads.
    rows : list of list of str
        One a layer, from the input to the output; or one a column.
    totals : list of str
        Lines below the table.
    """

    title: str
    header: list[str]
    rows: list[list[str]]
    totals: list[str]

    @property
    def _align(self) -> str:
        return "".join("<>"[head in ("parameters", "dropout", "features")] for head in self.header)

    def __str__(self) -> str:
        head, *lines = text_lines(self.header, self.rows, self._align)
        rule = "-" * max(map(len, (head, *lines)))
        return "\n".join([self.title, head, rule, *lines, rule, *self.totals])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        columns = [CELL.format({"<": "left", ">": "right"}[sign]) for sign in self._align]
        table = html_table(self.header, self.rows, table=TABLE, columns=columns)
        totals = "<br>".join(map(escape, self.totals))
        return f"<div>{escape(self.title)}</div>{table}<div>{totals}</div>"


def summarize(
    title: str,
    network: Network,
    dropout: Sequence[float],
    *,
    averaged: bool,
) -> Summary:
    """Describe a network, and its hidden layers' rates of dropout.

    `averaged` tells whether there is a moving average of the parameters beside them.
    """
    parameters = network.parameters()
    units = [len(parameters.coefs[0]), *(len(b) for b in parameters.intercepts)]
    sizes = [w.size + b.size for w, b in zip(parameters.coefs, parameters.intercepts, strict=True)]
    columns = {
        "layer": ["input", *(f"hidden {k}" for k in range(len(dropout))), "output"],
        "output shape": [f"(None, {n})" for n in units],
        "parameters": [f"{n:,}" for n in (0, *sizes)],
        "activation": ["", *network.activations, network.output],
    }
    if any(dropout):
        columns["dropout"] = ["", *(f"{rate:g}" for rate in dropout), ""]

    dtype = parameters.coefs[0].dtype
    total = sum(sizes)
    totals = [f"Total parameters: {total:,} ({_bytes(total * dtype.itemsize)}, {dtype})"]
    if averaged:
        both = 2 * total
        totals.append(f"With their moving average: {both:,} ({_bytes(both * dtype.itemsize)})")
    rows = [list(row) for row in zip(*columns.values(), strict=True)]
    return Summary(title, list(columns), rows, totals)


def _bytes(n: float) -> str:
    """A size as Keras gives it, in powers of 1024."""
    if n < 1024:
        return f"{n} bytes"
    for unit in ("KB", "MB", "GB"):
        n /= 1024
        if n < 1024 or unit == "GB":
            break
    return f"{n:.2f} {unit}"
