"""The container of model files: arrays and a description, readable elsewhere, too."""

import json
import traceback
from pathlib import Path

import numpy as np
import pytest

import pymlp
from pymlp._files.container import read, write

RELEASED = Path(__file__).parent / "released/0.1.0"


def test_arrays_are_little_endian_on_every_machine(tmp_path: Path) -> None:
    path = tmp_path / "file"
    values = np.arange(6.0).reshape(2, 3)
    for order in "<>":
        arrays = {"a": values.astype(f"{order}f8"), "b": np.arange(3, dtype=f"{order}f4")}
        write(path, arrays | {"c": np.arange(5, dtype=f"{order}i8")[::2]}, {"x": 1})
        content = path.read_bytes()
        assert values.astype("<f8").tobytes() in content
        found, description = read(path)
        assert description["x"] == 1
        np.testing.assert_array_equal(found["a"], values)
        np.testing.assert_array_equal(found["c"], [0, 2, 4])
        assert all(a.dtype.isnative and a.flags.owndata for a in found.values())
    with pytest.raises(TypeError, match="There are no files for arrays of object"):
        write(path, {"a": np.array([None])}, {})
    with pytest.raises(ValueError, match="JSON compliant"):
        write(path, {}, {"x": np.nan})


def test_errors_show_no_character_that_a_terminal_obeys(tmp_path: Path) -> None:
    path = tmp_path / "red\x1b[31m"
    for description in ({"\x1b[2J\r\x07\x9b": 1}, {"model": {"class": "\x1b]0;title\x07\n"}}):
        write(path, {"\u202ecoefs": np.zeros(1)}, description)
        with pytest.raises(ValueError, match="cannot be loaded: it ") as caught:
            pymlp.load(path)
        shown = "".join(traceback.format_exception(caught.value))
        assert r"\x1b" in str(caught.value)
        assert all(c.isprintable() for c in str(caught.value))
        assert "\x1b" not in shown.replace(str(tmp_path), "")
        assert "\x07" not in shown


def test_a_link_that_leads_nowhere_is_no_matter_of_permissions(tmp_path: Path) -> None:
    path = tmp_path / "link"
    path.symlink_to("nowhere/file")
    for call in (
        lambda: pymlp.load(path),
        lambda: pymlp.MLPRegressor().fit(np.eye(3), range(3), resume=path),
    ):
        with pytest.raises(FileNotFoundError) as caught:
            call()
        assert caught.value.filename == str(path)


def test_others_can_read_the_arrays(tmp_path: Path) -> None:
    from safetensors import safe_open

    est = pymlp.load(RELEASED / "classifier.safetensors")
    with safe_open(RELEASED / "classifier.safetensors", "np") as file:
        np.testing.assert_array_equal(file.get_tensor("coefs_.0"), est.coefs_[0])
        assert json.loads(file.metadata()["pymlp"])["model"]["class"] == "MLPClassifier"
