"""The examples in the docstrings run and print what they say."""

import doctest
import importlib

import pytest

MODULES = [
    "pymlp._classifier",
    "pymlp._config",
    "pymlp._regressor",
    "pymlp.datasets",
    "pymlp.schedules",
]


@pytest.mark.parametrize("name", MODULES)
def test_examples(name: str) -> None:
    failures, tried = doctest.testmod(importlib.import_module(name))
    assert tried > 0
    assert failures == 0
