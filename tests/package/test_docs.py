"""The documentation's examples run, and what it says of parameters and of scikit-learn is true."""

import ast
import contextlib
import doctest
import importlib
import inspect
import io
import re
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning

import pymlp
from docs import speed, tables

README = Path(__file__).parents[2] / "README.md"
DOCS = tables.PAGE.parent
PAGES = [README, DOCS / "index.md", *sorted((DOCS / "how-to").glob("*.md"))]
PYTHON = re.compile(r"^```python\n(.*?)^```", re.DOTALL | re.MULTILINE)
SHOWN = re.compile(r"^print\(.*\)  # ([\d\[].*)$", re.MULTILINE)  # what a line prints
EXTRAS = {  # code: what it needs beside pymlp
    "pymlp.dask": "dask",
    "pymlp.onnx": "onnx",
    "pymlp.plotting": "plot",
    "resume=": "files",
    "clf.save(": "files",
    "ProgressBar": "progress",
}
MODULES = [
    "pymlp._estimators.classifier",
    "pymlp._system.config",
    "pymlp._estimators.ensemble",
    "pymlp._resume.checkpoint",
    "pymlp._estimators.loading",
    "pymlp._estimators.fitted",
    "pymlp._estimators.regressor",
    "pymlp._estimators.saving",
    "pymlp._estimators.tabular",
    "pymlp._estimators.tabular_base",
    "pymlp.callbacks",
    "pymlp.callbacks._callback",
    "pymlp.callbacks._stopping",
    "pymlp.callbacks._files",
    "pymlp.callbacks._logs",
    "pymlp.callbacks._learning_rate",
    "pymlp._data.streamed",
    "pymlp.dask._ensembles",
    "pymlp.dask._estimators",
    "pymlp.dask._predict",
    "pymlp.dask.rounds",
    "pymlp.datasets",
    "pymlp.onnx",
    "pymlp.preprocessing._encoder",
    "pymlp.schedules",
    *sorted({getattr(pymlp.plotting, name).__module__ for name in pymlp.plotting.__all__}),
]
DOCUMENTED = [
    pymlp.Checkpoint,
    pymlp.MLPClassifier,
    pymlp.MLPEnsembleClassifier,
    pymlp.MLPEnsembleRegressor,
    pymlp.MLPRegressor,
    pymlp.MLPRegressor.save,
    pymlp.TabularClassifier,
    pymlp.TabularClassifier.fit,
    pymlp.TabularRegressor,
    pymlp.TabularRegressor.predict,
    pymlp.load,
    pymlp.callbacks.CSVLogger,
    pymlp.callbacks.EarlyStopping,
    pymlp.callbacks.LearningRateScheduler,
    pymlp.callbacks.ModelCheckpoint,
    pymlp.callbacks.ReduceLROnPlateau,
    pymlp.callbacks.TensorBoard,
    pymlp.dask.Streamed,
    pymlp.dask.fit,
    pymlp.dask.predict,
    pymlp.dask.predict_proba,
    pymlp.dask.score,
    pymlp.dask.transform,
    pymlp.preprocessing.TableEncoder,
    pymlp.schedules.Cosine,
    pymlp.schedules.Exponential,
    pymlp.schedules.LogCosine,
    pymlp.schedules.OneCycle,
    pymlp.schedules.Step,
    pymlp.schedules.WarmUp,
]


def python_blocks(page: Path) -> list[str]:
    return PYTHON.findall(page.read_text())


def run(source: str, names: dict[str, Any]) -> None:
    """Without a warning, or with the one that the code itself announces; prints what it says."""
    announced = "ConvergenceWarning" in source
    with (
        pytest.warns(ConvergenceWarning) if announced else contextlib.nullcontext(),
        contextlib.redirect_stdout(io.StringIO()) as printed,
    ):
        exec(source, names)
    lines = printed.getvalue().splitlines()
    assert [line for line in SHOWN.findall(source) if line not in lines] == []


START, *RECIPES = python_blocks(tables.PAGE)[1:]  # the first shows an import only


@pytest.mark.parametrize("name", MODULES)
def test_examples(name: str) -> None:
    failures, tried = doctest.testmod(importlib.import_module(name))
    assert tried > 0
    assert failures == 0


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the pages' files are written; figures are closed unseen."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(plt, "show", lambda: plt.close("all"))
    return tmp_path


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_page(page: Path, folder: Path) -> None:
    like_mnist(folder / "mnist")
    names: dict[str, Any] = {}
    for source in python_blocks(page):  # each goes on from the one before
        run(source, names)
    assert not plt.get_fignums()  # shown, therefore closed


def like_mnist(folder: Path) -> None:
    """The digits in MNIST's four files and size."""
    folder.mkdir()
    digits, labels = load_digits(return_X_y=True)
    images = np.pad(
        np.kron(digits.reshape(-1, 8, 8) * 15, np.ones((3, 3))), ((0, 0), (2, 2), (2, 2))
    )
    for name, rows in (("train", slice(0, 1000)), ("t10k", slice(1000, None))):
        write_idx(folder / f"{name}-images-idx3-ubyte", images[rows])
        write_idx(folder / f"{name}-labels-idx1-ubyte", labels[rows])


def write_idx(path: Path, values: np.ndarray) -> None:
    head = bytes([0, 0, 8, values.ndim]) + np.array(values.shape, ">u4").tobytes()
    path.write_bytes(head + values.astype(np.uint8).tobytes())


@pytest.fixture(scope="module")
def start() -> dict[str, Any]:
    names: dict[str, Any] = {}
    exec(START, names)
    return names


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("source", RECIPES, ids=lambda source: source.partition("(")[0].strip())
def test_recipes(source: str, start: dict[str, Any]) -> None:
    run(source, dict(start))


@pytest.mark.parametrize("page", [*PAGES, tables.PAGE], ids=lambda page: page.stem)
def test_blocks_say_what_they_need_and_show_their_figures(page: Path) -> None:
    text = page.read_text()
    for block in PYTHON.finditer(text):
        section = text[text.rfind("\n#", 0, block.start()) : block.end()]
        for needs, extra in EXTRAS.items():
            if needs in block[1]:
                assert f'pip install ".[{extra}]"' in section, block[1]
        if "pymlp.plotting" in block[1]:
            assert block[1].endswith("plt.show()\n"), block[1]


def test_links_of_the_readme_lead_somewhere() -> None:
    for path, _, heading in re.findall(r"\]\(([^):#]+)(#([^)]+))?\)", README.read_text()):
        assert (README.parent / path).exists(), path
        if heading:
            titles = re.findall(r"^#+ (.*)$", (README.parent / path).read_text(), re.MULTILINE)
            assert heading in [title.lower().replace(" ", "-") for title in titles], heading


# Parameters


@pytest.mark.parametrize("documented", DOCUMENTED)
def test_every_parameter_is_documented_with_its_default(documented: type) -> None:
    described = tables.described(documented, "Parameters")
    defaults = tables.defaults(documented)
    assert list(described) == list(defaults)
    for name, (kind, _) in described.items():
        _, says_default, default = kind.partition("default=")
        if says_default:
            default = "1e999" if default == "inf" else default  # which is no literal
            assert ast.literal_eval(default) == defaults[name], name
        else:
            assert defaults[name] is inspect.Parameter.empty, name


@pytest.mark.parametrize("kind", tables.PAIRS)
def test_every_parameter_is_in_one_group(kind: str) -> None:
    grouped = [name for group in tables.GROUPS.values() for name in group]
    assert len(grouped) == len(set(grouped))
    assert set(tables.defaults(tables.PAIRS[kind][0])) <= set(grouped)


# Tables and the picture made of them


@pytest.mark.parametrize("name", tables.TABLES)
def test_the_page_says_what_the_code_does(name: str) -> None:
    pages = tables.PAGE.read_text() + tables.API.read_text()
    written = {marked[2]: marked[0] for marked in tables.MARKED.finditer(pages)}
    assert written[name] == tables.filled(written[name]), "python -m docs.tables writes it anew"


def test_another_default_would_be_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    signature = inspect.signature(pymlp.MLPClassifier)
    changed = [
        p.replace(default={"dropout": 0.5, "tol": 1.0}.get(p.name, p.default))
        for p in signature.parameters.values()
    ]
    monkeypatch.setattr(
        pymlp.MLPClassifier, "__signature__", signature.replace(parameters=changed), raising=False
    )
    page = tables.PAGE.read_text()
    assert "`dropout` | `0.5`" in tables.filled(page)
    assert "With another default: `tol`" in tables.filled(page)


def test_the_picture_of_speed_shows_the_tables() -> None:
    drawn = speed.PICTURE.read_text()
    for title, cells in speed.bars().items():
        assert title in drawn
        for library, cell in cells.items():
            assert library in drawn
            assert speed.label(library, cell, speed.PANELS[title]) in drawn
