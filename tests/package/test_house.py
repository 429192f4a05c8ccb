"""The house: rooms by subject, imports that run down, objects that are handed over."""

import re
from inspect import cleandoc
from pathlib import Path

import pytest
from house import FLOOR, circles, modules, upward

from pymlp import MLPClassifier, MLPRegressor

FOUND = modules()
# what a person calls has the parameters of scikit-learn's, Keras's or matplotlib's counterpart
PUBLIC = ("__init__", "fit", "partial_fit", "from_estimator")


def test_every_room_has_its_floor() -> None:
    assert {module.room for module in FOUND.values()} <= FLOOR.keys()


def test_imports_run_down() -> None:
    assert upward(FOUND) == []


def test_no_files_import_each_other_round_about() -> None:
    assert circles(FOUND) == []


def test_estimators_are_private_to_their_room() -> None:
    outside = [module for module in FOUND.values() if module.room != "_estimators"]
    assert [reach for module in outside for reach in module.reaches] == []


def test_functions_take_what_can_be_held_in_the_head() -> None:
    counts = {name: n for module in FOUND.values() for name, n in module.parameters.items()}
    assert [f for f, n in counts.items() if n > 6 and f.split(":")[1] not in PUBLIC] == []


def test_the_structure_is_read(tmp_path: Path) -> None:
    """What these tests look for is found where it is."""
    (tmp_path / "_data").mkdir()
    (tmp_path / "_fit").mkdir()
    (tmp_path / "_data" / "a.py").write_text(
        "from typing import TYPE_CHECKING\n"
        "if TYPE_CHECKING:\n    from .._fit.b import f\n"
        "def long(a, b, c, d, *, e, f, g): return e._private + e._replace()\n"
    )
    (tmp_path / "_fit" / "b.py").write_text(
        "from .._data import a\n"
        "class Own:\n    _mine = 1\n"
        "def f(own): return own._mine + a._alias\n"
    )
    found = modules(tmp_path)
    assert upward(found) == ["_data -> _fit"]
    assert circles(found) == [{"_data/a", "_fit/b"}]
    assert found["_data/a"].reaches == ["_data/a:4 e._private"]
    assert found["_fit/b"].reaches == []
    assert found["_data/a"].parameters == {"_data/a:long": 7}


def entries(kind: type, section: str) -> dict[str, str]:
    """Entries of a section of a class's docstring, by name."""
    text = cleandoc(kind.__doc__ or "")  # which Python does from 3.13 on
    body = re.search(rf"\n{section}\n-+\n(.*?)(?=\n\n\S[^\n]*\n-+\n|\Z)", text, re.S)
    assert body is not None
    found = re.findall(r"^(\S[^\n]*?) : (.*?)(?=^\S|\Z)", body.group(1), re.S | re.M)
    return {name: re.sub(r"\s*\[\d+\]_", "", description).strip() for name, description in found}


@pytest.mark.parametrize(
    ("section", "of_their_own"),
    [("Parameters", {"hidden_layer_sizes", "loss"}), ("Attributes", {"history_"})],
)
def test_what_both_estimators_have_is_described_alike(section: str, of_their_own: set[str]) -> None:
    one, other = entries(MLPClassifier, section), entries(MLPRegressor, section)
    shared = one.keys() & other.keys()
    assert len(shared) > 10
    assert {name for name in shared if one[name] != other[name]} == of_their_own
