"""scikit-learn's own tests of its multi-layer perceptron, all of them, on ours."""

import importlib.util
from collections.abc import Iterator
from types import ModuleType
from unittest import mock

import pytest
from sklearn import neural_network

import pymlp

SOURCE = "sklearn.neural_network.tests.test_mlp"


def load_with_our_estimators() -> ModuleType:
    """Another instance of scikit-learn's test module, that imports our two classes."""
    spec = importlib.util.find_spec(SOURCE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    ours = {"MLPClassifier": pymlp.MLPClassifier, "MLPRegressor": pymlp.MLPRegressor}
    with mock.patch.multiple(neural_network, **ours):
        spec.loader.exec_module(module)
    assert module.MLPClassifier is pymlp.MLPClassifier
    return module


THEIRS = load_with_our_estimators()
NAMES = [name for name in vars(THEIRS) if name.startswith("test_")]
globals().update({name: getattr(THEIRS, name) for name in NAMES})


@pytest.fixture
def global_random_seed() -> Iterator[int]:
    """What scikit-learn's conftest.py provides."""
    return 42


def test_none_is_missing() -> None:
    assert len(NAMES) >= 43
