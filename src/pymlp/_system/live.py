"""A line that is drawn anew in its place: on a terminal by rich, in a notebook by IPython."""

from __future__ import annotations

import multiprocessing
import sys
import threading
import time
from collections.abc import Sequence
from html import escape
from importlib.util import find_spec
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

PERIOD = 0.25  # seconds between two drawings, which take time from the threads that train
NARROW = 100  # columns of a terminal below which the bar is half as wide


class TerminalLine:
    """A bar and words on a terminal; made by `live_line`."""

    def __init__(self, console: Console, total: int, *, transient: bool) -> None:
        from rich import progress

        bar = 20 if console.width >= NARROW else 10
        columns: list[progress.ProgressColumn] = [
            progress.BarColumn(bar),
            progress.TextColumn("{task.description}", markup=False),
        ]
        self._beside = bar + 1
        if transient:
            columns = [progress.SpinnerColumn(), *columns, progress.TimeElapsedColumn()]
            self._beside += len("- ") + len(" 0:00:00")
        self._drawn = progress.Progress(
            *columns, console=console, transient=transient, refresh_per_second=1 / PERIOD
        )
        self._task = self._drawn.add_task("", total=total)
        self._drawn.start()
        # what is printed above the line keeps its own: else it would be broken amid a word
        self._console, self._soft_wrap, console.soft_wrap = console, console.soft_wrap, True

    def show(self, words: Sequence[str], completed: int, *, refresh: bool = False) -> None:
        """Bring it to another state, which is drawn at once or with the next drawing.

        Words from the third on, but for the last, are left out where they have no room.
        """
        left, room = list(words), self._console.width - self._beside
        while len(text := "  ".join(left)) > room and len(left) > 3:
            del left[2]
        self._drawn.update(
            self._task, completed=completed, description=text[:room], refresh=refresh
        )

    def stop(self) -> None:
        """Leave the last state there, unless the line is transient."""
        self._drawn.stop()
        self._console.soft_wrap = self._soft_wrap


class NotebookLine:
    """A bar and words as a cell's output, which stays in the saved page, also as text."""

    def __init__(self, total: int) -> None:
        from IPython.display import display

        self._total = total
        self._drawn_at = 0.0
        self._display = display({"text/plain": ""}, raw=True, display_id=True)

    def show(self, words: Sequence[str], completed: int, *, refresh: bool = False) -> None:
        """Bring it to another state, if it is time."""
        now = time.monotonic()
        if refresh or now - self._drawn_at > PERIOD:
            self._drawn_at, text = now, "  ".join(words)
            bar = f'<progress value="{completed}" max="{self._total}"></progress>'
            html = f'<div style="white-space: pre-wrap">{bar}  {escape(text)}</div>'
            self._display.update({"text/plain": text, "text/html": html}, raw=True)

    def stop(self) -> None:
        """Leave the last state there."""


def live_line(total: int, *, transient: bool = False) -> TerminalLine | NotebookLine | None:
    """Start a live line; None where there cannot be one, or another live display is on already.

    `total` is what `completed` ends at. On a terminal a transient line shows the time, and is gone
    in the end.
    """
    try:
        import rich
        from rich.errors import LiveError
        from rich.file_proxy import FileProxy
    except ImportError:
        return None
    # fits of a parallel search or an ensemble would draw over each other
    beside_others = (
        multiprocessing.parent_process() is not None
        or threading.current_thread() is not threading.main_thread()
    )
    # a live display stands in for stdout while it is on; a console has room for one
    if beside_others or isinstance(sys.stdout, FileProxy):
        return None
    console = rich.get_console()
    if console.is_jupyter:
        # whoever has widgets looks at pages; other front ends of the kernel may not redraw
        return NotebookLine(total) if find_spec("ipywidgets") is not None else None
    isatty = getattr(sys.stdout, "isatty", None)  # not everything that replaces stdout has it
    if isatty is None or not isatty() or not console.is_interactive:
        return None
    try:
        return TerminalLine(console, total, transient=transient)
    except LiveError:  # one is on already
        return None
