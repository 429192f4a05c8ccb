"""``python -m pymlp --report DIR``: one page that needs no other file."""

import re
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest

from pymlp._lecture import job as _lecture
from pymlp._lecture.command import main


@pytest.fixture(autouse=True)
def tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    networks = (_lecture.Network((), 0.05, 0.8911), _lecture.Network((8, 4), 0.1, 0.9529))
    monkeypatch.setattr(_lecture, "NETWORKS", networks)
    monkeypatch.setattr(_lecture, "MAX_EPOCHS", 3)


class Page(HTMLParser):
    """Collects what a page shows, and checks that its elements are closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.images: list[dict[str, str | None]] = []
        self.words: list[str] = []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "img":
            self.images.append(dict(attrs))
        if tag not in ("img", "meta", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def test_the_page_holds_everything(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "new" / "folder"
    assert main(["--report", str(folder), "--seed", "3"]) == 0
    out = capsys.readouterr().out
    assert f"report: {folder / 'report.html'}" in out
    assert [file.name for file in folder.iterdir()] == ["report.html"]
    text = (folder / "report.html").read_text(encoding="utf-8")
    page = Page(text)
    assert not re.search(r'(src|href)="(?!data:)', text)
    assert "$" not in re.sub(r"base64,[^\"]*", "", text)
    # two networks' curves, two first layers, the confusion matrix, the mistakes
    assert len(page.images) == 6
    assert all(image["alt"] for image in page.images)
    for line in out.splitlines():
        if line.startswith("64-"):
            row = "".join(f"<td>{cell}</td>" for cell in line.split())
            assert row in text
    assert "random_state" in page.words
    assert page.words[page.words.index("random_state") + 1] == "3"


def test_an_interrupt_leaves_a_page_of_the_networks_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    train = _lecture.train_ours

    def interrupted(network: _lecture.Network, job: _lecture.Job) -> _lecture.Training:
        if network.hidden:
            raise KeyboardInterrupt
        return train(network, job)

    monkeypatch.setattr(_lecture, "train_ours", interrupted)
    assert main(["--report", str(tmp_path)]) == 130
    text = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "<td>64-10</td>" in text
    assert "64-8-4-10" not in text


def test_a_folder_that_cannot_be_made(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "file"
    file.touch()
    with pytest.raises(SystemExit):
        main(["--report", str(file / "folder")])
    assert "argument --report: " in capsys.readouterr().err


def test_without_matplotlib(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(SystemExit):
        main(["--report", str(tmp_path)])
    assert "pip install matplotlib" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
