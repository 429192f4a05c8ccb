"""An exported estimator for tables takes a frame's columns and predicts what it predicts."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from exported import run
from sklearn.ensemble import VotingClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

import pymlp.onnx
from pymlp import TabularClassifier, TabularRegressor
from pymlp._estimators.fitted import target_of
from pymlp.onnx import IR_VERSION, ML_OPSET, _declared, _Nodes
from pymlp.onnx._dates import add_parts
from pymlp.onnx._graph import OPSET
from pymlp.onnx._tables import ML, add_features
from pymlp.preprocessing import TableEncoder
from pymlp.preprocessing._columns import PARTS

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

N = 300
QUICK = {"hidden_layer_sizes": (8,), "n_estimators": 2, "max_iter": 2, "random_state": 0}
TOLERANCE = {"float32": 1e-5, "float64": 1e-10}


START = pd.Timestamp("2019-12-20 13:14:15.678901")


def table(n: int = N, seed: int = 0) -> pd.DataFrame:
    """Columns of every kind that can be exported."""
    rng = np.random.default_rng(seed)
    words = np.array(["red", "green", "blue", "ünïcode"], object)
    many = np.array([f"town {k}" for k in range(40)], object)
    frame = pd.DataFrame(
        {
            "number": rng.normal(size=n),
            "huge": 10.0 ** rng.uniform(-30, 30, size=n),
            "whole": rng.integers(0, 9, n),
            "repeats": np.where(rng.random(n) < 0.3, 7688.0, rng.uniform(0, 1e4, n)),
            "two numbers": rng.choice([3.5, 4.5], n),
            "constant": np.full(n, 5.0),
            "holes": np.where(rng.random(n) < 0.2, np.nan, rng.exponential(size=n)),
            "words": rng.choice(words, n),
            "two words": rng.choice(words[:2], n),
            "words with holes": rng.choice(np.append(words, None), n),
            "two words with holes": rng.choice(np.array(["yes", "no", None], object), n),
            "towns": rng.choice(many, n),
            "towns with holes": rng.choice(np.append(many, [None] * 9), n),
            "flag": rng.random(n) < 0.4,
            "flag with holes": rng.choice(np.array([True, False, None], object), n),
            "codes": pd.Categorical(rng.choice([10, 20, 70], n)),
            "codes with holes": pd.Categorical(rng.choice([1.0, 2.5, 7.0, np.nan], n)),
            "many codes": pd.Categorical(rng.integers(100, 150, n)),
            "date": START + pd.to_timedelta(rng.integers(0, 10**14, n), unit="us"),
            "date with holes": pd.Series(
                START + pd.to_timedelta(rng.integers(0, 900, n), unit="D")
            ).where(rng.random(n) < 0.7),
            "date in UTC": START.tz_localize("UTC") + pd.to_timedelta(rng.integers(0, 99, n), "h"),
            "duration": pd.to_timedelta(rng.integers(0, 10**10, n), unit="us"),
        }
    )
    return frame


X = table()
NEW = table(90, seed=1)
LEARNED = (
    X["number"] + X["holes"].fillna(1) + (X["words"] == "red") + X["towns"].str[-1].astype(int) / 3
).to_numpy()
LABELS = np.digitize(LEARNED, [2, 3.5])


def unknown_levels() -> pd.DataFrame:
    """Rows with levels that training has not had, and holes where it had none."""
    rows = NEW.copy()
    texts = ["words", "two words", "words with holes", "two words with holes", "towns"]
    for k, name in enumerate(texts):
        rows.loc[k::7, name] = "never seen"
        rows.loc[k + 1 :: 7, name] = None
    for name in ["codes", "many codes"]:
        rows[name] = rows[name].astype(float)
        rows.loc[::5, name] = 3.25
        rows.loc[1::5, name] = np.nan
    rows.loc[::4, "number"] = np.nan
    rows.loc[1::4, "number"] = 1e300
    rows.loc[::8, ["date", "duration"]] = None
    rows.loc[1::8, "date"] = pd.Timestamp("1905-02-28 23:59:59")
    rows["flag"] = rows["flag"].astype(object)
    rows.loc[::6, "flag"] = None
    return rows


def in_seconds(column: pd.Series) -> pd.Series:
    """Dates, since 1970, and durations; other columns as they are."""
    if column.dtype.kind == "M":
        column = column - pd.Timestamp(0, tz=column.dt.tz)
    return column / pd.Timedelta(seconds=1) if column.dtype.kind == "m" else column


def fed(path: Path, frame: pd.DataFrame) -> dict[str, Any]:
    """What a model makes of a frame's columns."""
    frame = frame.apply(in_seconds)
    inputs = onnx.load(path).graph.input
    kinds = {i.name: i.type.tensor_type.elem_type for i in inputs}
    text = onnx.TensorProto.STRING
    return run(
        path,
        {n: frame[[n]].to_numpy(object if kind == text else float) for n, kind in kinds.items()},
    )


def assert_exported(est: Any, path: Path, *tables: Any, precision: Any = None) -> None:
    pymlp.onnx.export(est, path, precision=precision)
    near = TOLERANCE[est.precision]
    for rows in tables:
        found = fed(path, rows)
        if isinstance(est, TabularRegressor):
            assert list(found) == ["variable"]
            expected = est.predict(rows)
            if not target_of(est).is_list:
                expected = expected.reshape(len(rows), -1)
            assert found["variable"].shape == expected.shape
            assert found["variable"].dtype == expected.dtype == np.float64
            scale = np.abs(expected).max()
            np.testing.assert_allclose(found["variable"], expected, rtol=near, atol=near * scale)
            assert len(rows) == 1 or np.ptp(expected) > 0
        else:
            assert list(found) == ["label", "probabilities"]
            both = found["probabilities"], est.predict_proba(rows)
            pairs = zip(*both, strict=True) if isinstance(both[1], list) else [both]
            for a, b in pairs:
                np.testing.assert_allclose(a, b, rtol=near, atol=near)
                assert len(rows) == 1 or np.ptp(b[:, 0]) > 0
            np.testing.assert_array_equal(found["label"], est.predict(rows))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("y", [None, LEARNED, LABELS], ids=["none", "numbers", "classes"])
def test_features_are_the_encoders(y: Any, dtype: Any, tmp_path: Path) -> None:
    """To some last bits: the formulas are the same, but not the order of their steps."""
    near = 4 * np.finfo(dtype).eps
    encoder = TableEncoder(max_levels=30, dtype=dtype).fit(X, y)
    graph = _Nodes(dtype, list(X))
    inputs, x = add_features(graph, encoder)
    model = onnx.helper.make_model(
        onnx.helper.make_graph(
            graph.protos,
            "features",
            [_declared(i.name, i.dtype, (1,)) for i in inputs],
            [_declared(x, graph.dtype, (encoder.transform(X).shape[1],))],
            graph.constants,
        ),
        opset_imports=[onnx.helper.make_opsetid(*o) for o in (("", OPSET), (ML, ML_OPSET))],
        ir_version=IR_VERSION,
    )
    onnx.save(model, tmp_path / "m.onnx")
    for rows in (X, NEW, unknown_levels()):
        expected = encoder.transform(rows)
        found = fed(tmp_path / "m.onnx", rows)[x]
        np.testing.assert_allclose(found, expected, rtol=near, atol=near)


CLASSES: dict[str, Any] = {
    "two": LABELS > 0,
    "three": np.array(["low", "middle", "high"])[LABELS],
    "an indicator matrix": np.c_[LABELS > 0, LABELS > 1].astype(int),
    "several labels": np.c_[LABELS, LABELS % 2 + 3],
}


@pytest.mark.parametrize("y", CLASSES.values(), ids=CLASSES)
def test_classes(y: Any, tmp_path: Path) -> None:
    clf = TabularClassifier(**QUICK, max_levels=30).fit(X, y)
    assert_exported(clf, tmp_path / "m.onnx", X, NEW, NEW[:1], unknown_levels())


@pytest.mark.parametrize("column", [3.0, "x"])
def test_a_constant_column(column: Any, tmp_path: Path) -> None:
    rows = pd.DataFrame({"a": [column] * len(LABELS)})
    clf = TabularClassifier(**QUICK).fit(rows, LABELS > 0)
    pymlp.onnx.export(clf, tmp_path / "m.onnx")
    found = fed(tmp_path / "m.onnx", rows)["probabilities"]
    np.testing.assert_allclose(found, clf.predict_proba(rows), rtol=1e-5)


QUANTILES = {"loss": "pinball", "quantile": [0.1, 0.5, 0.9]}
BOTH = np.c_[1e4 + 500 * LEARNED, LEARNED]
TARGETS: dict[str, Any] = {
    "one": (1e4 + 500 * LEARNED, {}),
    "several": (BOTH, {}),
    "counts": (np.floor(np.abs(LEARNED)), {"loss": "poisson"}),
    "quantiles": (BOTH[:, 0], QUANTILES),
    "quantiles of several": (BOTH, QUANTILES),
    "float64": (BOTH, {"precision": "float64"}),
}


@pytest.mark.parametrize(("y", "params"), TARGETS.values(), ids=TARGETS)
def test_numbers(y: Any, params: dict[str, Any], tmp_path: Path) -> None:
    reg = TabularRegressor(**QUICK, **params, max_levels=30).fit(X, y)
    assert_exported(reg, tmp_path / "m.onnx", X, NEW, NEW[:1], unknown_levels())


def test_float64_arithmetic_of_float32_networks(tmp_path: Path) -> None:
    clf = TabularClassifier(**QUICK).fit(X, LABELS)
    assert_exported(clf, tmp_path / "m.onnx", NEW, precision="float64")


def test_an_input_a_column_that_is_used(tmp_path: Path) -> None:
    path = tmp_path / "m.onnx"
    pymlp.onnx.export(TabularClassifier(**QUICK).fit(X, LABELS), path)
    inputs = {i.name: i.type.tensor_type for i in onnx.load(path).graph.input}
    assert list(inputs) == [name for name in X if name != "constant"]
    is_text = [name for name, t in inputs.items() if t.elem_type == onnx.TensorProto.STRING]
    assert is_text == [name for name in X if "words" in name or "towns" in name]
    others = {t.elem_type for name, t in inputs.items() if name not in is_text}
    assert others == {onnx.TensorProto.DOUBLE}
    assert {t.shape.dim[1].dim_value for t in inputs.values()} == {1}


def test_a_table_without_names(tmp_path: Path) -> None:
    rows = X[["number", "holes", "constant", "whole"]].to_numpy(float)
    clf = TabularClassifier(**QUICK).fit(rows, LABELS)
    pymlp.onnx.export(clf, tmp_path / "m.onnx")
    found = run(tmp_path / "m.onnx", {f"x{k}": rows[:, [k]] for k in (0, 1, 3)})
    np.testing.assert_allclose(found["probabilities"], clf.predict_proba(rows), atol=1e-5)


@pytest.mark.parametrize("text", ["", "nan", "None", "<NA>"])
def test_texts_that_are_missing(text: str, tmp_path: Path) -> None:
    """Unless training had them."""
    rows = X[["words with holes", "number"]]
    given = rows.fillna({"words with holes": text})
    reg = TabularRegressor(**QUICK).fit(rows, LEARNED)
    pymlp.onnx.export(reg, tmp_path / "m.onnx")
    found = fed(tmp_path / "m.onnx", given)["variable"][:, 0]
    np.testing.assert_allclose(found, reg.predict(rows), rtol=1e-5)
    as_level = TabularRegressor(**QUICK).fit(given, LEARNED)
    assert_exported(as_level, tmp_path / "m.onnx", given)


def test_names_like_those_of_nodes(tmp_path: Path) -> None:
    names = {"number": "constant.1", "words": "isnan.2", "holes": "gather.5", "codes": "X"}
    rows = X[[*names]].rename(columns=names)
    assert_exported(TabularClassifier(**QUICK).fit(rows, LABELS), tmp_path / "m.onnx", rows)


@pytest.mark.parametrize("name", ["label", "probabilities", ""])
def test_names_of_outputs_are_refused(name: str, tmp_path: Path) -> None:
    rows = X[["number", "words"]].rename(columns={"words": name})
    clf = TabularClassifier(**QUICK).fit(rows, LABELS)
    with pytest.raises(ValueError, match=f"column '{name}'.*rename it before fit"):
        pymlp.onnx.export(clf, tmp_path / "m.onnx")
    assert not list(tmp_path.iterdir())


DAYS = pd.date_range("2020-01-01", periods=N, freq="31h")
REFUSED: dict[str, Any] = {
    "dates of the time zone Asia/Tokyo": DAYS.tz_localize("Asia/Tokyo"),
    "dates as categories": pd.Categorical(DAYS.normalize()),
    "durations as categories": pd.Categorical((DAYS - DAYS[0]).floor("D")),
    r"integers of 2\*\*53 and beyond": pd.Categorical(2**53 + 2 * (np.arange(N) % 10)),
}


@pytest.mark.parametrize(("what", "values"), REFUSED.items(), ids=REFUSED)
def test_refused_kinds(what: str, values: Any, tmp_path: Path) -> None:
    rows = X[["number"]].assign(when=values)
    clf = TabularClassifier(**QUICK).fit(rows, LABELS)
    with pytest.raises(NotImplementedError, match=f"Column 'when' of X holds {what}.*before fit"):
        pymlp.onnx.export(clf, tmp_path / "m.onnx")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("first", ["1899-12-30", "1999-12-30", "2099-12-30"])
def test_the_calendar(first: str, tmp_path: Path) -> None:
    """Every day of 1,500, at its first and last microsecond, with and without leap days."""
    days = pd.Series(pd.date_range(first, periods=1500))
    rows = pd.DataFrame({"when": pd.concat([days, days + pd.Timedelta(86_399_999_999, "us")])})
    encoder = TableEncoder().fit(rows)
    assert encoder.columns_[0].reading.parts == PARTS
    graph = _Nodes(np.float64)
    raw = add_parts(graph, encoder.columns_[0].reading, "when")
    model = onnx.helper.make_model(
        onnx.helper.make_graph(
            graph.protos,
            "parts",
            [_declared("when", graph.dtype, (1,))],
            [_declared(name, graph.dtype, (1,)) for name in raw],
            graph.constants,
        ),
        opset_imports=[onnx.helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
    )
    onnx.save(model, tmp_path / "m.onnx")
    found = np.hstack([*fed(tmp_path / "m.onnx", rows).values()])
    np.testing.assert_array_equal(found, encoder._raw(rows))


def test_skl2onnx_is_refused() -> None:
    skl2onnx = pytest.importorskip("skl2onnx")
    rows = X[["number", "holes"]].to_numpy()
    clf = TabularClassifier(**QUICK).fit(rows, LABELS)
    voting = VotingClassifier([("a", clf), ("b", clf)], flatten_transform=False).fit(rows, LABELS)
    for model in (clf, make_pipeline(FunctionTransformer(), clf), voting):
        with pytest.raises(NotImplementedError, match=r"pymlp\.onnx\.export"):
            skl2onnx.to_onnx(model, rows[:1])
