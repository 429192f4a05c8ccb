"""What ``verbose`` prints: plain lines, and a live line on a terminal with rich."""

import multiprocessing
import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import rich.console
import rich.errors
import rich.progress
from rich import file_proxy
from sklearn.neural_network import MLPClassifier as SklearnMLPClassifier

from pymlp import MLPClassifier, MLPRegressor, show_config
from pymlp._fit import progress as _progress
from pymlp._system import live as _live
from pymlp.callbacks import EarlyStopping

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

rng = np.random.default_rng(0)
X = rng.normal(size=(60, 4))
LABELS = (X[:, 0] > 0).astype(int)
VALIDATION = {"X_val": X[:20], "y_val": LABELS[:20]}
NUMBER = r"-?\d[\d.e+-]*"


def classifier(**params: Any) -> MLPClassifier:
    params = {"max_iter": 3, "random_state": 0, "verbose": True, "n_threads": 1} | params
    return MLPClassifier((5,), **params)


def values(line: str, name: str) -> float:
    return float(re.search(rf"\b{name}(?: = | )({NUMBER})", line)[1])


# Plain lines


def test_one_line_an_epoch(capsys: pytest.CaptureFixture[str]) -> None:
    clf = classifier(scoring="neg_log_loss").fit(X, LABELS, **VALIDATION)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3
    for n, line in enumerate(lines):
        names = ["val_loss", "val_accuracy", "val_neg_log_loss"]
        row = ", ".join(rf"{name} = {NUMBER}" for name in names)
        left = r", at most \d\.\d s left" if n < 2 else ""
        assert re.fullmatch(rf"Iteration {n + 1}, loss = \d+\.\d{{8}}, {row}{left}", line)
        for name in ["loss", *names]:
            assert values(line, name) == pytest.approx(clf.history_[name][n], rel=1e-5)


def test_nothing_unless_asked(capsys: pytest.CaptureFixture[str]) -> None:
    classifier(verbose=False, tol=9, n_iter_no_change=1).fit(X, LABELS)
    assert capsys.readouterr() == ("", "")


def test_scikit_learns_lines_without_a_validation_set(capsys: pytest.CaptureFixture[str]) -> None:
    """Scripts read the loss at the end of the line."""

    def printed(mlp: Any, **params: Any) -> str:
        mlp((5,), random_state=0, verbose=True, max_iter=30, **params).fit(X, LABELS)
        return capsys.readouterr().out

    sgd: dict[str, Any] = {"solver": "sgd", "learning_rate_init": 0.5, "tol": 0.01}
    falling: dict[str, Any] = {"learning_rate": "adaptive", "n_iter_no_change": 2}
    for params in ({}, sgd, sgd | falling, sgd | {"learning_rate": "invscaling"}):
        lines = printed(MLPClassifier, **params)
        assert lines.startswith("Iteration 1, loss = 0.")
        assert lines == printed(SklearnMLPClassifier, **params)
    assert printed(MLPClassifier, solver="lbfgs") == ""
    assert printed(SklearnMLPClassifier, solver="lbfgs") == ""


def test_lbfgs(capsys: pytest.CaptureFixture[str]) -> None:
    MLPRegressor(solver="lbfgs", max_iter=4, verbose=1).fit(X, X[:, 0], X_val=X, y_val=X[:, 0])
    lines = capsys.readouterr().out.splitlines()
    assert [line.partition(",")[0] for line in lines] == [f"Iteration {n}" for n in (1, 2, 3, 4)]
    assert all("val_r2 = " in line for line in lines)


def test_partial_fit_has_no_end(capsys: pytest.CaptureFixture[str]) -> None:
    clf = classifier()
    for _ in range(2):
        clf.partial_fit(X, LABELS, classes=[0, 1])
    lines = capsys.readouterr().out.splitlines()
    assert [bool(re.fullmatch(r"Iteration 1, loss = [\d.]+", line)) for line in lines] == [True] * 2


def test_learning_rate_where_it_has_changed(capsys: pytest.CaptureFixture[str]) -> None:
    clf = classifier(learning_rate=lambda epoch: (0.1, 0.1, 0.05)[epoch])
    clf.fit(X, LABELS, **VALIDATION)
    lines = capsys.readouterr().out.splitlines()
    assert ["learning_rate = 0.05" in line for line in lines] == [False, False, True]
    assert sum("learning_rate" in line for line in lines) == 1


@pytest.mark.parametrize(("first", "left"), [(0, 14), (1, 21)])  # the second is a resumed fit
def test_time_left(
    first: int, left: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    clock = SimpleNamespace(now=100.0)
    monkeypatch.setattr(_progress, "time", SimpleNamespace(perf_counter=lambda: clock.now))
    with _progress.Progress("epoch", 10, verbose=True, first=first) as progress:
        clock.now += 6
        progress.report(3, {"loss": 0.5, "val_loss": 0.75})
    line = f"Iteration 3, loss = 0.50000000, val_loss = 0.75, at most {left} s left\n"
    assert capsys.readouterr().out == line


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.04, "0.0 s"),
        (1.25, "1.2 s"),
        (12.4, "12 s"),
        (90, "90 s"),
        (95, "1.6 min"),
        (5400, "90 min"),
        (5500, "1.5 h"),
        (1e5, "28 h"),
    ],
)
def test_durations(seconds: float, text: str) -> None:
    assert _progress._duration(seconds) == text


@pytest.mark.parametrize("rich_is_there", [True, False])
def test_stdout_that_can_only_write(rich_is_there: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[str] = []
    if not rich_is_there:
        monkeypatch.setitem(sys.modules, "rich", None)
    monkeypatch.setattr(sys, "stdout", SimpleNamespace(write=written.append))
    stopping = EarlyStopping(monitor="loss", restore_best_weights=True, verbose=True)
    classifier(tol=9, n_iter_no_change=2).set_callbacks(stopping).fit(X, LABELS)
    classifier(max_iter=1).fit(X, LABELS, **VALIDATION)
    classifier(solver="lbfgs").fit(X, LABELS, **VALIDATION)
    show_config()
    lines = "".join(written).splitlines()
    assert sum(line.startswith("Iteration ") for line in lines) == 7
    assert any(line.startswith("The weights of epoch ") for line in lines)
    assert any(line.startswith("version ") for line in lines)


def test_no_stdout(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", None)  # as under pythonw
    classifier().fit(X, LABELS)


def test_each_line_is_flushed(monkeypatch: pytest.MonkeyPatch) -> None:
    """For a stdout that can only write and flush, as those that people make can."""
    calls: list[str] = []
    stream = SimpleNamespace(write=calls.append, flush=lambda: calls.append("flushed"))
    monkeypatch.setattr(sys, "stdout", stream)
    classifier(tol=9, n_iter_no_change=1).fit(X, LABELS)
    calls = [call for call in calls if call]
    assert [line[:9] for line in calls[::2]] == ["Iteration", "Iteration", "Iteration", "Training "]
    assert set(calls[1::2]) == {"flushed"}


# The live line


def seen(printed: str) -> list[str]:
    """What a person sees of it in the end: each line's last state."""
    text = re.sub(r"\x1b\[2K", "\r", printed.replace("\r\n", "\n"))
    text = re.sub(r"\x1b\[[?0-9;]*[a-zA-Z]", "", text)
    return [line.rpartition("\r")[2].rstrip() for line in text.split("\n")]


class Terminal:
    """A terminal of 120 columns in the place of stdout."""

    def __init__(self, capsys: pytest.CaptureFixture[str], console: Any) -> None:
        self._capsys = capsys
        self.console = console

    def printed(self) -> str:
        """What was printed; the display must have ended."""
        text = self._capsys.readouterr().out
        assert not isinstance(sys.stdout, file_proxy.FileProxy)
        assert text.count("\x1b[?25l") == text.count("\x1b[?25h")  # the cursor
        return text

    def lines(self) -> list[str]:
        return seen(self.printed())


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Terminal:
    monkeypatch.setenv("TERM", "xterm")
    # the class: each phase of a test has an object of its own
    monkeypatch.setattr(type(sys.stdout), "isatty", lambda self: True)
    console = rich.console.Console(
        force_terminal=True, force_interactive=True, force_jupyter=False, width=120
    )
    monkeypatch.setattr(rich, "get_console", lambda: console)
    return Terminal(capsys, console)


def is_plain(terminal: Terminal, n_fits: int = 1) -> bool:
    printed = terminal.printed()
    return printed.count("Iteration") == 3 * n_fits and "epoch" not in printed


def test_last_state_stays(terminal: Terminal) -> None:
    clf = classifier().fit(X, LABELS, **VALIDATION)
    line, after = terminal.lines()
    assert re.fullmatch(
        rf"━{{20}} epoch 3/3  loss {NUMBER}  val_loss {NUMBER}  val_accuracy {NUMBER}  in 0\.\d s",
        line,
    )
    assert values(line, "val_loss") == pytest.approx(clf.history_["val_loss"][-1], rel=1e-3)
    assert after == ""


def test_time_left_in_the_live_line(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    clf = classifier(solver="lbfgs", scoring=lambda *_: print("scored") or 0.5)
    show = _progress.Progress._show
    monkeypatch.setattr(
        _progress.Progress,
        "_show",
        lambda self, *end, refresh=False: show(self, *end, refresh=True),
    )
    clf.fit(X, LABELS, **VALIDATION)
    printed = terminal.printed()
    assert re.search(r"iteration 2/3  loss .*  val_score 0\.5000  max 0\.\d s left", printed)
    assert seen(printed)[:3] == ["scored"] * 3  # above it


SHOWN_AT = {  # columns: names of numbers
    120: ["loss", "learning_rate", "val_loss", "val_accuracy"],
    99: ["loss", "val_loss", "val_accuracy"],
    80: ["loss", "val_accuracy"],
    64: ["loss", "val_accuracy"],  # not a column more than it takes
    50: ["loss"],
    20: [],
}


@pytest.mark.parametrize("width", SHOWN_AT)
def test_numbers_without_room_are_left_out(terminal: Terminal, width: int) -> None:
    terminal.console.width = width
    clf = classifier(learning_rate=lambda epoch: 0.1 / (1 + epoch))
    clf.fit(X, LABELS, **VALIDATION)
    line, after = terminal.lines()
    assert re.match("━{20} epoch" if width >= 100 else "━{10} epoch", line)
    assert re.findall(rf"  (loss|val_\w+|learning_rate) {NUMBER}", line) == SHOWN_AT[width]
    assert width < 50 or re.search(r"epoch 3/3  .*  in 0\.\d s$", line)
    assert len(line) <= width
    assert after == ""


@pytest.mark.parametrize("width", [40, 120])
def test_messages_stand_above_it(terminal: Terminal, width: int) -> None:
    terminal.console.width = width  # longer ones are not broken in two
    classifier(tol=9, n_iter_no_change=1, max_iter=50).fit(X, LABELS)
    message, line, _ = terminal.lines()
    assert terminal.console.soft_wrap is False
    assert message.startswith("Training loss did not improve more than tol=9.000000 for 1 ")
    assert message.endswith("Stopping.")
    assert " epoch 3/50 " in line


@pytest.mark.filterwarnings("ignore:y has values of about")
def test_it_ends_with_an_error(terminal: Terminal) -> None:
    with pytest.raises(ValueError, match="non-finite"):
        MLPRegressor(solver="sgd", learning_rate_init=1e300, verbose=True).fit(X, 1e300 * X)
    assert " epoch 1/200 " in terminal.lines()[0]


def test_it_ends_with_an_interrupt(terminal: Terminal) -> None:
    calls: list[Any] = []

    def scorer(*_: Any) -> float:
        calls.append(None)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return 0.5

    with pytest.warns(UserWarning, match="interrupted"):
        classifier(scoring=scorer).fit(X, LABELS, **VALIDATION)
    assert " epoch 1/3 " in terminal.lines()[0]  # the second was not scored


# Plain lines instead


def test_no_rich(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "rich", None)
    classifier().fit(X, LABELS)
    assert is_plain(terminal)


def test_no_terminal(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: False)
    classifier().fit(X, LABELS)
    assert is_plain(terminal)


def test_one_epoch_of_partial_fit(terminal: Terminal) -> None:
    for _ in range(3):
        MLPRegressor(verbose=True).partial_fit(X, X)
    assert is_plain(terminal)


def test_notebook_without_ipywidgets(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_live, "find_spec", lambda name: None)
    terminal.console.is_jupyter = True
    classifier().fit(X, LABELS)
    assert is_plain(terminal)


def test_notebook(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    """A display of its own, of which IPython keeps the last state; no widget."""
    shown: list[dict[str, str]] = []

    def display(bundle: dict[str, str], *, raw: bool, display_id: bool) -> Any:
        assert raw
        assert display_id
        shown.append(bundle)
        return SimpleNamespace(update=lambda bundle, raw: shown.append(bundle))

    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace())
    monkeypatch.setitem(sys.modules, "IPython.display", SimpleNamespace(display=display))
    monkeypatch.setattr(_live, "find_spec", lambda name: name == "ipywidgets")
    terminal.console.is_jupyter = True
    clf = classifier(tol=9, n_iter_no_change=1).fit(X, LABELS, **VALIDATION)
    printed = terminal.printed()
    assert printed.startswith("Training loss did not improve")  # not through the display
    assert "\x1b" not in printed
    text = shown[-1]["text/plain"]
    assert re.fullmatch(
        rf"epoch 3/3  loss {NUMBER}  val_loss {NUMBER}  val_accuracy {NUMBER}  in 0\.\d s", text
    )
    assert values(text, "loss") == pytest.approx(clf.loss_, rel=1e-3)
    assert f'<progress value="3" max="3"></progress>  {text}</div>' in shown[-1]["text/html"]
    assert len(shown) == 3  # drawing four times a second takes no time from training


def test_process_of_a_parallel_search(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(multiprocessing, "parent_process", object)
    classifier().fit(X, LABELS)
    assert is_plain(terminal)


def test_threads(terminal: Terminal) -> None:
    def fit(seed: int) -> None:
        classifier(random_state=seed).fit(X, LABELS)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(fit, range(8)))
    assert is_plain(terminal, n_fits=8)


def test_thread_beside_live_lines(terminal: Terminal) -> None:
    """rich replaces sys.stdout under the feet of the threads that print."""
    with ThreadPoolExecutor(1) as pool:
        beside = pool.submit(lambda: [classifier().fit(X, LABELS).n_iter_ for _ in range(20)])
        while not beside.done():
            classifier().fit(X, LABELS)
    assert beside.result() == [3] * 20
    assert "".join(terminal.lines()).count("Iteration") == 60


def test_another_live_display(terminal: Terminal) -> None:
    import rich

    with rich.progress.Progress(console=terminal.console):
        classifier().fit(X, LABELS)
    assert is_plain(terminal)


def test_another_live_display_that_leaves_stdout_alone(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    import rich

    def refuse(_: Any) -> None:  # as rich did before it could nest
        raise rich.errors.LiveError("Only one live display may be active at once")

    monkeypatch.setattr(terminal.console, "set_live", refuse)
    classifier().fit(X, LABELS)
    assert is_plain(terminal)


def test_progress_bar_of_scikit_learn(terminal: Terminal) -> None:
    from sklearn.callback import ProgressBar

    classifier().set_callbacks(ProgressBar()).fit(X, LABELS)
    assert is_plain(terminal)


@pytest.mark.skipif(not hasattr(os, "openpty"), reason="needs a pseudo-terminal")
def test_real_terminal() -> None:
    code = (
        "from pymlp import MLPClassifier; "
        "MLPClassifier((5,), max_iter=3, verbose=1).fit([[0], [1]], [0, 1])"
    )
    ours, theirs = os.openpty()
    environment = os.environ | {"TERM": "xterm", "COLUMNS": "120"}
    command = [sys.executable, "-W", "ignore", "-c", code]
    subprocess.run(command, stdout=theirs, env=environment, check=True, timeout=60)
    os.close(theirs)
    line, _ = seen(os.read(ours, 65536).decode())
    os.close(ours)
    assert re.fullmatch(rf"━{{20}} epoch 3/3  loss {NUMBER}  in 0\.\d s", line)
