"""The lecture's pages run."""

import runpy
from pathlib import Path

import matplotlib.pyplot as plt
import pytest

PAGES = sorted((Path(__file__).parents[2] / "examples").glob("plot_*.py"))


@pytest.mark.examples
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_page(page: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plt.switch_backend("agg")
    monkeypatch.setattr(plt, "show", lambda: None)
    try:
        runpy.run_path(str(page))
        assert plt.get_fignums()  # a page without a picture would be a mistake
    finally:
        plt.close("all")
