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
import pytest

import pymlp
from docs import tables

README = Path(__file__).parents[2] / "README.md"
MODULES = [
    "pymlp._estimators.classifier",
    "pymlp._system.config",
    "pymlp._estimators.ensemble",
    "pymlp._resume.checkpoint",
    "pymlp._estimators.loading",
    "pymlp._estimators.fitted",
    "pymlp._estimators.regressor",
    "pymlp._estimators.saving",
    "pymlp.callbacks",
    "pymlp.callbacks._callback",
    "pymlp.callbacks._stopping",
    "pymlp.callbacks._files",
    "pymlp.callbacks._logs",
    "pymlp.callbacks._learning_rate",
    "pymlp.datasets",
    "pymlp.onnx",
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
    pymlp.load,
    pymlp.callbacks.CSVLogger,
    pymlp.callbacks.EarlyStopping,
    pymlp.callbacks.LearningRateScheduler,
    pymlp.callbacks.ModelCheckpoint,
    pymlp.callbacks.ReduceLROnPlateau,
    pymlp.callbacks.TensorBoard,
    pymlp.schedules.Cosine,
    pymlp.schedules.Exponential,
    pymlp.schedules.OneCycle,
    pymlp.schedules.Step,
    pymlp.schedules.WarmUp,
]


def python_blocks(page: Path) -> list[str]:
    return re.findall(r"^```python\n(.*?)^```", page.read_text(), re.DOTALL | re.MULTILINE)


START, *RECIPES = python_blocks(tables.PAGE)[1:]  # the first shows an import only


@pytest.mark.parametrize("name", MODULES)
def test_examples(name: str) -> None:
    failures, tried = doctest.testmod(importlib.import_module(name))
    assert tried > 0
    assert failures == 0


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_examples_of_the_readme() -> None:
    names: dict[str, Any] = {}
    for source in python_blocks(README):  # each goes on from the one before
        exec(source, names)
    plt.close("all")


@pytest.fixture(scope="module")
def start() -> dict[str, Any]:
    names: dict[str, Any] = {}
    exec(START, names)
    return names


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("source", RECIPES, ids=lambda source: source.partition("(")[0].strip())
def test_recipes(
    source: str, start: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # one of them writes a file
    with contextlib.redirect_stdout(io.StringIO()):
        exec(source, dict(start))


# Parameters


@pytest.mark.parametrize("documented", DOCUMENTED)
def test_every_parameter_is_documented_with_its_default(documented: type) -> None:
    described = tables.described(documented, "Parameters")
    defaults = tables.defaults(documented)
    assert list(described) == list(defaults)
    for name, (kind, _) in described.items():
        _, says_default, default = kind.partition("default=")
        if says_default:
            assert ast.literal_eval(default) == defaults[name], name
        else:
            assert defaults[name] is inspect.Parameter.empty, name


# docs/from-scikit-learn.md


@pytest.mark.parametrize("name", tables.TABLES)
def test_the_page_says_what_the_code_does(name: str) -> None:
    written = {marked[2]: marked[0] for marked in tables.MARKED.finditer(tables.PAGE.read_text())}
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
