"""A line that is drawn anew in its place, where rich is installed and somebody can see it."""

from __future__ import annotations

import multiprocessing
import sys
import threading
from importlib.util import find_spec
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress, ProgressColumn

BAR_WIDTH = 20
NARROW = 110  # columns of a terminal below which the words need the bar's place


class LiveLine:
    """A bar and words; made by `live_line`."""

    def __init__(self, drawn: Progress, total: int) -> None:
        self._drawn = drawn
        self._task = drawn.add_task("", total=total)

    def show(self, words: str, completed: int, *, refresh: bool = False) -> None:
        """Bring it to another state; at once or within a quarter of a second."""
        self._drawn.update(self._task, completed=completed, description=words, refresh=refresh)

    def stop(self) -> None:
        """Leave the last state there, unless the line is transient."""
        self._drawn.stop()


def live_line(total: int, *, transient: bool = False) -> LiveLine | None:
    """Start a live line; None where there cannot be one, or another live display is on already.

    `total` is what `completed` ends at. A transient line shows the time, and is gone in the end.
    """
    try:
        import rich
        from rich import progress
        from rich.errors import LiveError
        from rich.table import Column
    except ImportError:
        return None
    console = rich.get_console()
    if not _is_seen(console):
        return None
    # too long a line is broken rather than cut
    columns: list[ProgressColumn] = [
        progress.TextColumn("{task.description}", table_column=Column())
    ]
    if console.width >= NARROW:
        columns.insert(0, progress.BarColumn(BAR_WIDTH))
    if transient:
        columns = [progress.SpinnerColumn(), *columns, progress.TimeElapsedColumn()]
    # few refreshes: drawing takes time from the threads that train
    drawn = progress.Progress(*columns, console=console, transient=transient, refresh_per_second=4)
    line = LiveLine(drawn, total)
    try:
        drawn.start()
    except LiveError:  # one is on already
        return None
    return line


def _is_seen(console: Console) -> bool:
    from rich.file_proxy import FileProxy

    # fits of a parallel search or an ensemble would draw over each other
    beside_others = (
        multiprocessing.parent_process() is not None
        or threading.current_thread() is not threading.main_thread()
    )
    # a live display stands in for stdout while it is on; a console has room for one
    if beside_others or isinstance(sys.stdout, FileProxy):
        return False
    if console.is_jupyter:
        return find_spec("ipywidgets") is not None  # rich needs it there
    isatty = getattr(sys.stdout, "isatty", None)  # not everything that replaces stdout has it
    return isatty is not None and isatty() and console.is_interactive
