"""The container of model files: arrays and a description, readable elsewhere, too."""

import json
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


def test_others_can_read_the_arrays(tmp_path: Path) -> None:
    from safetensors import safe_open

    est = pymlp.load(RELEASED / "classifier.safetensors")
    with safe_open(RELEASED / "classifier.safetensors", "np") as file:
        np.testing.assert_array_equal(file.get_tensor("coefs_.0"), est.coefs_[0])
        assert json.loads(file.metadata()["pymlp"])["model"]["class"] == "MLPClassifier"
