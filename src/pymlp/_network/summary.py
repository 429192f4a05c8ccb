"""A fitted network's layers as a table, for terminals and notebooks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from .network import Network

# text and border have the page's colour, so that they suit light themes and dark ones
TABLE = "border-collapse: collapse; color: inherit"
CELL = "padding: 0.2em 1.5em 0.2em 0; border-bottom: 1px solid; text-align: "


@dataclass(frozen=True, repr=False)
class Summary:
    """A table of a network's layers; what the estimators' `summary` returns.

    Parameters
    ----------
    title : str
    header : list of str
        The columns' heads.
    rows : list of list of str
        One a layer, from the input to the output.
    totals : list of str
        Lines below the table.
    """

    title: str
    header: list[str]
    rows: list[list[str]]
    totals: list[str]

    def __str__(self) -> str:
        lines = [self.header, *self.rows]
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        text = ["  ".join(map(_aligned, self.header, line, widths)).rstrip() for line in lines]
        rule = "-" * max(map(len, text))
        return "\n".join([self.title, text[0], rule, *text[1:], rule, *self.totals])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        def row(tag: str, cells: list[str]) -> str:
            styles = [CELL + ("right" if _is_number(head) else "left") for head in self.header]
            marked = (
                f'<{tag} style="{style}">{escape(cell)}</{tag}>'
                for style, cell in zip(styles, cells, strict=True)
            )
            return f"<tr>{''.join(marked)}</tr>"

        return (
            f'<table style="{TABLE}"><caption style="text-align: left; color: inherit">'
            f"{escape(self.title)}</caption>"
            f"<thead>{row('th', self.header)}</thead>"
            f"<tbody>{''.join(row('td', cells) for cells in self.rows)}</tbody></table>"
            f"<div>{'<br>'.join(map(escape, self.totals))}</div>"
        )


def summary_of(
    network: Network, title: str, dropout: Sequence[float], *, averaged: bool
) -> Summary:
    """Describe a network; `averaged`: beside weights that are trained."""
    parameters = network.parameters()
    n_hidden = len(network.activations)
    units = [len(parameters.coefs[0]), *(len(b) for b in parameters.intercepts)]
    sizes = [w.size + b.size for w, b in zip(parameters.coefs, parameters.intercepts, strict=True)]
    columns = {
        "layer": ["input", *(f"hidden {k}" for k in range(n_hidden)), "output"],
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


def _is_number(head: str) -> bool:
    return head in ("parameters", "dropout")


def _aligned(head: str, cell: str, width: int) -> str:
    return cell.rjust(width) if _is_number(head) else cell.ljust(width)


def _bytes(n: float) -> str:
    """A size as Keras gives it, in powers of 1024."""
    if n < 1024:
        return f"{n} bytes"
    for unit in ("KB", "MB", "GB"):
        n /= 1024
        if n < 1024 or unit == "GB":
            break
    return f"{n:.2f} {unit}"
