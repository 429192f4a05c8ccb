"""scikit-learn's own tests of its multi-layer perceptron, all of them, on ours."""

import importlib.util
from collections.abc import Iterator
from types import ModuleType
from typing import Any
from unittest import mock

import numpy as np
import pytest
from sklearn import neural_network

import pymlp
from pymlp._data.samples import Samples
from pymlp._fit.lbfgs import Objective

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


@pytest.fixture(autouse=True)
def _loss_and_gradient(monkeypatch: pytest.MonkeyPatch) -> None:
    """What one of the tests asks for by a private name: the objective of L-BFGS."""

    def compute(
        model: Any, packed: Any, X: Any, y: Any, sample_weight: Any, *_buffers: Any
    ) -> tuple[float, Any]:
        y = y.argmax(axis=1).astype(np.int32) if model.out_activation_ == "softmax" else y
        y = np.require(y, X.dtype, "C") if y.ndim == 2 else y
        return Objective(model._new_engine(len(X), 0, 0), Samples(X, y, sample_weight))(packed)

    for kind in (pymlp.MLPClassifier, pymlp.MLPRegressor):
        monkeypatch.setattr(kind, "_loss_grad_lbfgs", compute, raising=False)


def test_none_is_missing() -> None:
    assert len(NAMES) >= 43
