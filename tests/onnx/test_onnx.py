"""Exported models predict, in onnxruntime, what the estimators predict."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from exported import (
    LABELS,
    NAMES,
    NUMBERS,
    TARGETS,
    TOLERANCE,
    TWO_LABELS,
    TWO_NAMES,
    X,
    Y,
    classifier,
    regressor,
    run,
)
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression

import pymlp
from pymlp import MLPClassifier, MLPEnsembleClassifier, MLPEnsembleRegressor
from pymlp._estimators.fitted import predictor_of, target_of
from pymlp._estimators.options import ACTIVATIONS

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def assert_close(found: Any, expected: Any, tolerance: float) -> None:
    if isinstance(expected, list):
        assert isinstance(found, list)
        for a, b in zip(found, expected, strict=True):
            assert_close(a, b, tolerance)
        return
    assert found.shape == expected.shape
    assert found.dtype == expected.dtype
    np.testing.assert_allclose(found, expected, rtol=tolerance, atol=tolerance)


def assert_same_predictions(est: Any, found: dict[str, Any], rows: Any, tolerance: float) -> None:
    predicted = est.predict(rows)
    if not hasattr(est, "classes_"):
        expected = predicted if target_of(est).is_list else predicted.reshape(len(rows), -1)
        assert list(found) == ["variable"]
        assert_close(found["variable"], expected, tolerance)
        return
    if hasattr(est, "predict_proba"):
        assert list(found) == ["label", "probabilities"]
        assert_close(found["probabilities"], est.predict_proba(rows), tolerance)
    else:
        assert list(found) == ["label", "scores"]
        assert_close(found["scores"], est.decision_function(rows), tolerance)
    assert found["label"].shape == predicted.shape
    np.testing.assert_array_equal(found["label"], predicted)


def assert_exported(est: Any, folder: Path, rows: Any = X, precision: Any = None) -> dict[str, Any]:
    """Of any number of rows."""
    path = folder / "model.onnx"
    pymlp.onnx.export(est, path, precision=precision)
    dtype = precision or predictor_of(est)[0][0].parameters().coefs[0].dtype.name
    rows = rows.astype(dtype)
    for n in (len(rows), 1):
        found = run(path, rows[:n])
        assert_same_predictions(est, found, rows[:n], TOLERANCE[dtype])
    return found


# What a network computes


@pytest.mark.parametrize("precision", TOLERANCE)
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_every_activation(activation: str, precision: str, tmp_path: Path) -> None:
    reg = regressor(activation=activation, precision=precision, hidden_layer_sizes=(40, 30))
    reg.fit(X, Y)
    found = reg.predict(5 * X)  # also where an activation is flat, or overflows if badly written
    path = tmp_path / "model.onnx"
    pymlp.onnx.export(reg, path)
    tolerance = 1e-6 if (activation, precision) == ("gelu", "float64") else TOLERANCE[precision]
    predicted = run(path, (5 * X).astype(precision))["variable"]
    np.testing.assert_allclose(predicted[:, 0], found, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("precision", TOLERANCE)
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_activations_far_out(activation: str, precision: str, tmp_path: Path) -> None:
    reg = regressor(activation=activation, precision=precision, hidden_layer_sizes=(1,))
    x = np.linspace(-1000, 1000, 401, dtype=precision)[:, None]
    reg.fit(x, x[:, 0])
    reg.coefs_ = [np.ones((1, 1), precision)] * 2
    reg.intercepts_ = [np.zeros(1, precision)] * 2
    pymlp.onnx.export(reg, tmp_path / "model.onnx")
    np.testing.assert_allclose(
        run(tmp_path / "model.onnx", x)["variable"][:, 0],
        reg.predict(x),
        rtol=1e-5,
        atol=1e-6,
    )


@pytest.mark.parametrize("seed", range(15))
def test_random_networks(seed: int, tmp_path: Path) -> None:
    assert_random_network_exported(seed, tmp_path)


@pytest.mark.long
def test_many_random_networks(tmp_path: Path) -> None:
    for seed in range(15, 1000):
        assert_random_network_exported(seed, tmp_path)


def assert_random_network_exported(seed: int, folder: Path) -> None:
    """Layers, activations, targets and losses by chance, in float32."""
    rng = np.random.default_rng(seed)
    n_hidden = int(rng.integers(0, 5))
    params = {
        "hidden_layer_sizes": tuple(int(n) for n in rng.integers(1, 70, n_hidden)),
        "activation": [str(name) for name in rng.choice(ACTIVATIONS, n_hidden)],
        "precision": "float32",
    }
    rows = rng.normal(size=(90, int(rng.integers(1, 100))))
    if rng.random() < 0.5:
        y = [NUMBERS, NAMES, Y > 0, TWO_LABELS, TWO_NAMES][rng.integers(5)]
        loss = str(rng.choice(["log_loss", "focal", "hinge"]))
        assert_exported(classifier(loss=loss, **params).fit(rows, y), folder, rows)
    else:
        y = [Y, np.c_[Y, X[:, 2]]][rng.integers(2)]
        loss = str(rng.choice(["squared_error", "huber", "poisson", "gamma", "pinball"]))
        if loss in ("poisson", "gamma"):
            y = np.abs(y) + 0.1
        if loss == "pinball":
            params["quantile"] = [0.1, 0.5, 0.9]
        assert_exported(regressor(loss=loss, **params).fit(rows, y), folder, rows)


# What it is asked for


@pytest.mark.parametrize("loss", ["log_loss", "hinge"])
@pytest.mark.parametrize("labels", LABELS)
def test_labels(labels: str, loss: str, tmp_path: Path) -> None:
    assert_exported(classifier(loss=loss).fit(X, LABELS[labels]), tmp_path)


def test_labels_of_different_types_become_strings(tmp_path: Path) -> None:
    clf = classifier().fit(X, np.c_[NAMES.astype(object), NUMBERS])
    pymlp.onnx.export(clf, tmp_path / "model.onnx")
    found = run(tmp_path / "model.onnx", X)
    np.testing.assert_array_equal(found["label"], clf.predict(X).astype(str))
    assert_close(found["probabilities"], clf.predict_proba(X), 1e-12)


@pytest.mark.parametrize("targets", TARGETS)
def test_targets(targets: str, tmp_path: Path) -> None:
    y, params = TARGETS[targets]
    assert_exported(regressor(**params).fit(X, y), tmp_path)


@pytest.mark.parametrize("labels", ["strings", "booleans", "labels of several strings"])
def test_ensembles_of_classifiers(labels: str, tmp_path: Path) -> None:
    ensemble = MLPEnsembleClassifier(classifier(), n_estimators=3, random_state=0)
    assert_exported(ensemble.fit(X, LABELS[labels]), tmp_path)


@pytest.mark.parametrize("targets", ["one", "quantiles of two"])
def test_ensembles_of_regressors(targets: str, tmp_path: Path) -> None:
    y, params = TARGETS[targets]
    ensemble = MLPEnsembleRegressor(regressor(**params), n_estimators=3, random_state=0)
    assert_exported(ensemble.fit(X, y), tmp_path)


# Which weights, in which type


def test_averaged_weights_predict(tmp_path: Path) -> None:
    clf = classifier(ema_decay=0.9, learning_rate_init=0.1).fit(X, NAMES)
    assert np.abs(clf.averaged_coefs_[0] - clf.coefs_[0]).max() > 0.01
    assert_exported(clf, tmp_path)


def test_another_precision(tmp_path: Path) -> None:
    single = classifier(precision="float32").fit(X, NAMES)
    double = classifier().fit(X, NAMES)
    double.coefs_ = [c.astype(np.float32).astype(float) for c in double.coefs_]
    for est, precision in ((single, "float64"), (double, "float32")):
        pymlp.onnx.export(est, tmp_path / "model.onnx", precision=precision)
        found = run(tmp_path / "model.onnx", X.astype(precision))["probabilities"]
        assert found.dtype == precision
        np.testing.assert_allclose(found, est.predict_proba(X), rtol=1e-5, atol=1e-5)


def test_bfloat16_is_exported_in_float32(tmp_path: Path) -> None:
    clf = classifier(precision="bfloat16").fit(X, NAMES)
    pymlp.onnx.export(clf, tmp_path / "model.onnx")
    found = run(tmp_path / "model.onnx", X.astype("f"))
    assert_same_predictions(clf.set_params(precision=None), found, X.astype("f"), 1e-5)


def test_weights_too_large_for_the_precision_are_refused(tmp_path: Path) -> None:
    reg = regressor().fit(X, Y)
    reg.coefs_[0] = reg.coefs_[0] * 1e200
    with pytest.raises(ValueError, match="coefs_ contains infinity"):
        pymlp.onnx.export(reg, tmp_path / "model.onnx", precision="float32")
    assert not list(tmp_path.iterdir())


# The file


def test_what_the_model_says_of_itself(tmp_path: Path) -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(X, columns=list("abcde"))
    pymlp.onnx.export(classifier().fit(frame, NAMES), tmp_path / "model.onnx")
    model = onnx.load(tmp_path / "model.onnx")
    assert (model.producer_name, model.producer_version) == ("pymlp", pymlp.__version__)
    assert [(m.key, json.loads(m.value)) for m in model.metadata_props] == [
        ("feature_names", list("abcde"))
    ]
    assert model.graph.name == "MLPClassifier"
    n_samples, n_features = model.graph.input[0].type.tensor_type.shape.dim
    assert (n_samples.dim_param, n_features.dim_value) == ("n_samples", 5)


def test_a_file_that_cannot_be_replaced_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(b"old")

    def full(*args: Any) -> None:
        raise OSError("No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space left"):
        pymlp.onnx.export(classifier().fit(X, NAMES), path)
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_links_and_permissions_stay(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(b"old")
    path.chmod(0o640)
    (tmp_path / "link.onnx").symlink_to(path)
    pymlp.onnx.export(classifier().fit(X, NAMES), tmp_path / "link.onnx")
    assert (tmp_path / "link.onnx").is_symlink()
    assert path.read_bytes() != b"old"
    assert path.stat().st_mode & 0o777 == 0o640
    (tmp_path / "plain").touch()
    pymlp.onnx.export(classifier().fit(X, NAMES), tmp_path / "new.onnx")
    assert (tmp_path / "new.onnx").stat().st_mode == (tmp_path / "plain").stat().st_mode


@pytest.mark.parametrize(
    ("est", "params", "error", "message"),
    [
        (LogisticRegression(), {}, TypeError, "'est' parameter must be one of MLPClassifier, MLP"),
        (LogisticRegression(), {}, TypeError, r"for a pipeline use skl2onnx\.to_onnx"),
        (MLPClassifier, {}, TypeError, "'est' parameter must be one of MLPClassifier, MLP"),
        (MLPClassifier(), {"precision": "float16"}, ValueError, "'precision' .* 'float32', 'float"),
        (MLPClassifier(), {}, NotFittedError, "This MLPClassifier instance is not fitted yet"),
        (MLPEnsembleRegressor(), {}, NotFittedError, "This MLPEnsembleRegressor instance is not"),
    ],
)
def test_bad_input(est: Any, params: Any, error: Any, message: str, tmp_path: Path) -> None:
    with pytest.raises(error, match=message):
        pymlp.onnx.export(est, tmp_path / "model.onnx", **params)
    assert not list(tmp_path.iterdir())


def test_labels_that_onnx_does_not_have(tmp_path: Path) -> None:
    clf = classifier().fit(X, NUMBERS.astype("uint64") + (1 << 63))
    with pytest.raises(ValueError, match="classes_ of dtype uint64"):
        pymlp.onnx.export(clf, tmp_path / "model.onnx")


def test_without_the_package(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(ImportError, match="pip install onnx"):
        pymlp.onnx.export(classifier().fit(X, NAMES), tmp_path / "model.onnx")


def test_importing_pymlp_imports_none_of_the_packages() -> None:
    source = (
        "import sys, pymlp; loaded = {'dask', 'onnx', 'skl2onnx'} & set(sys.modules); "
        "assert not loaded; pymlp.onnx.export; assert 'skl2onnx' in sys.modules"
    )
    pytest.importorskip("skl2onnx")
    subprocess.run([sys.executable, "-c", source], check=True)
