"""Tables as text, Markdown and HTML.

Columns are aligned by one sign each, those of format specifications: ``<`` left, ``>`` right.
"""

from collections.abc import Iterable, Iterator, Sequence
from html import escape


def text_lines(header: Sequence[str], rows: Sequence[Sequence[str]], align: str) -> list[str]:
    """Lay out cells as lines of text, the header first, with two spaces between columns."""
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
    cells = [f"{{:{sign}{width}}}" for sign, width in zip(align, widths, strict=True)]
    return ["  ".join(cells).format(*row).rstrip() for row in (header, *rows)]


def markdown_lines(
    header: Sequence[str], rows: Iterable[Sequence[str]], align: str
) -> Iterator[str]:
    """Yield the lines of a Markdown table, those of rows as soon as they are there."""
    yield f"| {' | '.join(header)} |"
    yield f"|{'|'.join({'<': '---', '>': '---:'}[sign] for sign in align)}|"
    for row in rows:
        yield f"| {' | '.join(row)} |"


def html_table(
    header: Sequence[str],
    rows: Iterable[Sequence[str]],
    *,
    table: str = "",
    columns: Sequence[str] = (),
) -> str:
    """Mark up cells; `table` has the table's attributes, `columns` those of each column's cells."""

    def line(tag: str, row: Sequence[str]) -> str:
        openings = [f"<{tag} {attributes}>" for attributes in columns] or [f"<{tag}>"] * len(row)
        cells = zip(openings, row, strict=True)
        return f"<tr>{''.join(f'{opening}{escape(cell)}</{tag}>' for opening, cell in cells)}</tr>"

    head = f"<thead>{line('th', header)}</thead>" if header else ""
    return f"<table {table}>{head}<tbody>{''.join(line('td', row) for row in rows)}</tbody></table>"
