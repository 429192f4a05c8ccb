"""The model files of every released version load; loading touches nothing else."""

import io
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from released.make_models import outputs

import pymlp

RELEASED = sorted(Path(__file__).parent.glob("released/*/*.safetensors"))
HEARD: list[tuple[str, Any]] = []
LISTENING: list[bool] = []


@pytest.mark.parametrize("path", RELEASED, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_files_of_released_versions_load_for_ever(path: Path, tmp_path: Path) -> None:
    est = pymlp.load(path)
    expected = np.load(path.with_suffix(".npz"))
    rows = expected["X"]
    if hasattr(est, "feature_names_in_"):
        rows = pd.DataFrame(rows, columns=est.feature_names_in_)
    found = outputs(est, rows)
    tolerance = {"f": 1e-4, "d": 1e-9}[found.dtype.char] if path.stem != "bfloat16" else 0.05
    np.testing.assert_allclose(found, expected["outputs"], rtol=tolerance, atol=tolerance)
    if hasattr(est, "classes_"):
        np.testing.assert_array_equal(np.asarray(est.predict(rows)).astype(str), expected["labels"])
    est.save(tmp_path / "again")
    np.testing.assert_array_equal(outputs(pymlp.load(tmp_path / "again"), rows), found)


def test_there_are_files_of_this_version() -> None:
    assert pymlp.__version__ in {path.parent.name for path in RELEASED}


def hear(event: str, arguments: Any) -> None:
    if LISTENING:
        HEARD.append((event, arguments[:1]))


def test_loading_opens_its_file_and_does_nothing_else() -> None:
    """What the interpreter reports: imports, compiled code, processes, sockets, files."""
    sys.addaudithook(hear)
    for path in RELEASED:
        pymlp.load(path)  # what is imported late has been imported
        LISTENING.append(True)
        try:
            pymlp.load(path)
        finally:
            LISTENING.clear()
        opened = {os.fspath(arguments[0]) for event, arguments in HEARD if event == "open"}
        assert opened == {str(path)}
        # the others are of id() and of scikit-learn's look at the parameters' names
        assert {event for event, _ in HEARD} <= {"open", "builtins.id", "object.__getattr__"}
        HEARD.clear()
    LISTENING.append(True)
    io.open_code(__file__).close()  # it does listen
    LISTENING.clear()
    assert HEARD
