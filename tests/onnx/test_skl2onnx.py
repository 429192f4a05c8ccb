"""What skl2onnx makes of our estimators, wherever they stand, predicts what scikit-learn does."""

import importlib
import sys
from functools import partial
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
from sklearn.base import clone, is_classifier
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.ensemble import (
    AdaBoostClassifier,
    AdaBoostRegressor,
    BaggingClassifier,
    BaggingRegressor,
    StackingClassifier,
    StackingRegressor,
    VotingClassifier,
    VotingRegressor,
)
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.model_selection import GridSearchCV, TunedThresholdClassifierCV
from sklearn.multiclass import OneVsOneClassifier, OneVsRestClassifier
from sklearn.multioutput import MultiOutputClassifier, MultiOutputRegressor
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler

import pymlp.onnx
from pymlp import MLPEnsembleClassifier, MLPEnsembleRegressor

onnx = pytest.importorskip("onnx")
skl2onnx = pytest.importorskip("skl2onnx")
pytest.importorskip("onnxruntime")

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

ROWS = X.astype("f").astype(float)  # the same numbers in either type
SCALE = ("scale", StandardScaler())

# What there is to convert

QUANTILES = {"loss": "pinball", "quantile": [0.1, 0.5, 0.9]}
KINDS: dict[str, Any] = {
    "two classes": (classifier(), (Y > 0) * 1),
    "three classes": (classifier(), NUMBERS),
    "strings": (classifier(), NAMES),
    "scores of two": (classifier(loss="hinge"), TWO_NAMES[:, 1]),
    "scores of three": (classifier(loss="hinge"), NUMBERS),
    "classifiers": (MLPEnsembleClassifier(classifier(), n_estimators=2, random_state=0), NAMES),
    "indicator matrix": (classifier(), TWO_LABELS),
    "several labels": (classifier(), np.c_[NUMBERS, NUMBERS % 2 + 3]),
    "a number": (regressor(), Y),
    "two numbers": (regressor(), np.c_[Y, X[:, 2]]),
    "quantiles": (regressor(**QUANTILES), Y),
    "regressors": (MLPEnsembleRegressor(regressor(), n_estimators=2, random_state=0), Y),
}
PROBABLE = ["two classes", "strings", "classifiers"]
SOME = ["scores of two", "strings", "several labels", "quantiles", "regressors"]
ONE = ["scores of two", "strings", "regressors"]
NETWORK = ["strings", "scores of two", "two numbers"]  # what transforms and has an end


def either(est: Any, of_classifiers: Any, of_regressors: Any) -> Any:
    return of_classifiers if is_classifier(est) else of_regressors


def end(est: Any) -> Any:
    return either(est, LogisticRegression(solver="newton-cholesky"), LinearRegression())


def bagged(est: Any) -> Any:
    bagging = either(est, BaggingClassifier, BaggingRegressor)
    return bagging(est, n_estimators=2, max_features=4, random_state=0)


def stacked(est: Any, last: Any = None, **params: Any) -> Any:
    stacking = either(est, StackingClassifier, StackingRegressor)
    return stacking([("mlp", est), ("end", end(est))], last or end(est), cv=2, **params)


def voting(est: Any, how: str) -> Any:
    members = [("mlp", est), ("end", end(est)), ("scaled", scaled(est))]
    weights = np.array([1, 2, 4])
    return either(
        est,
        partial(VotingClassifier, voting=how, flatten_transform=False),
        VotingRegressor,
    )(members, weights=weights)


def scaled(est: Any) -> Any:
    return make_pipeline(StandardScaler(), est)


def boosted(est: Any) -> Any:
    return either(est, AdaBoostClassifier, AdaBoostRegressor)(est, n_estimators=2, random_state=0)


# Where it stands: how, and for which kinds that is possible
PLACES: dict[str, tuple[Any, list[str]]] = {
    "alone": (lambda est: est, [*KINDS]),
    "last": (scaled, [*KINDS]),
    "last of the last": (lambda est: make_pipeline(MinMaxScaler(), scaled(est)), SOME),
    "amid": (lambda est: make_pipeline(est, end(est)), NETWORK),
    "amid, within": (
        lambda est: make_pipeline(MinMaxScaler(), make_pipeline(est, StandardScaler()), end(est)),
        NETWORK,
    ),
    "last of the first": (lambda est: make_pipeline(scaled(est), end(est)), NETWORK),
    "before another": (lambda est: make_pipeline(est, clone(est)), NETWORK),
    "united": (
        lambda est: FeatureUnion([("mlp", est), SCALE], transformer_weights={"mlp": 3.0}),
        NETWORK,
    ),
    "united, amid": (
        lambda est: make_pipeline(FeatureUnion([("mlp", scaled(est)), SCALE]), end(est)),
        NETWORK,
    ),
    "over columns": (
        lambda est: ColumnTransformer([("mlp", est, [0, 3]), ("scale", StandardScaler(), [1])]),
        NETWORK,
    ),
    "over the others": (
        lambda est: make_pipeline(ColumnTransformer([(*SCALE, [1])], remainder=est), end(est)),
        NETWORK,
    ),
    "found": (lambda est: GridSearchCV(est, {}, cv=2), SOME),
    "found, amid": (
        lambda est: make_pipeline(GridSearchCV(est, {}, cv=2), end(est)),
        NETWORK,
    ),
    "amid what is found": (
        lambda est: GridSearchCV(make_pipeline(est, end(est)), {}, cv=2),
        NETWORK,
    ),
    "bagged": (bagged, [*PROBABLE, "a number", "regressors"]),
    "bagged, last": (lambda est: bagged(scaled(est)), ["strings", "a number"]),
    "stacked": (stacked, [*PROBABLE, "scores of three", "a number", "quantiles"]),
    "stacked, last": (
        lambda est: stacked(scaled(est), passthrough=True),
        ["strings", "scores of three", "a number"],
    ),
    "on a stack": (lambda est: stacked(end(est), est), ONE),
    "voting softly": (partial(voting, how="soft"), [*PROBABLE, "a number", "regressors"]),
    "voting": (partial(voting, how="hard"), ["two classes", "scores of two", "strings"]),
    "calibrated": (lambda est: CalibratedClassifierCV(est, cv=2), PROBABLE),
    "calibrated, last": (
        lambda est: CalibratedClassifierCV(scaled(est), cv=2),
        ["scores of two", "strings"],
    ),
    "one against the rest": (OneVsRestClassifier, [*PROBABLE, "indicator matrix"]),
    "last, against the rest": (lambda est: OneVsRestClassifier(scaled(est)), ["strings"]),
    "one against one": (OneVsOneClassifier, ["three classes", "scores of three"]),
    "one a label": (MultiOutputClassifier, ["indicator matrix", "several labels"]),
    "one a target": (MultiOutputRegressor, ["two numbers"]),
    "boosted": (boosted, ["a number", "regressors"]),
}


def to_onnx(model: Any, rows: Any, **how: Any) -> bytes:
    if is_classifier(model):
        how = {"options": {id(model): {"zipmap": False}}} | how
    content: bytes = skl2onnx.to_onnx(model, rows[:1], **how).SerializeToString()
    return content


def assert_as_scikit_learn(model: Any, found: dict[str, Any], rows: Any, tolerance: float) -> None:
    """By the fitted object's own predictions."""
    close = partial(np.testing.assert_allclose, rtol=tolerance, atol=tolerance)
    if not hasattr(model, "predict"):
        (transformed,) = found.values()
        close(transformed, model.transform(rows))
        return
    first, *others = found.values()
    predicted = np.asarray(model.predict(rows))
    assert len(first) == len(rows)
    if not is_classifier(model):
        assert not others
        close(first, predicted.reshape(len(rows), *first.shape[1:]))
        return
    (confidence,) = others
    if isinstance(model, OneVsOneClassifier):  # of which skl2onnx makes a column
        first = first[:, 0]
    np.testing.assert_array_equal(first, predicted)
    method = "predict_proba" if hasattr(model, "predict_proba") else "decision_function"
    if not hasattr(model, method):  # a vote
        return
    expected = getattr(model, method)(rows)
    if isinstance(expected, list):
        for a, b in zip(confidence, expected, strict=True):
            close(a, b)
        return
    if confidence.ndim > expected.ndim:  # skl2onnx has a column a class
        expected = np.c_[-expected, expected]
    close(confidence, expected)


EVERY_PAIR = [(place, kind) for place, (_, kinds) in PLACES.items() for kind in kinds]


@pytest.mark.parametrize(
    ("place", "kind", "dtype"),
    [  # in one of the types by turns, in both in the long run
        pytest.param(*pair, dtype, marks=[pytest.mark.long] * ((n + k) % 2))
        for n, pair in enumerate(EVERY_PAIR)
        for k, dtype in enumerate(("float32", "float64"))
    ],
)
def test_every_kind_in_every_place(place: str, kind: str, dtype: str) -> None:
    est, y = KINDS[kind]
    model = PLACES[place][0](clone(est)).fit(ROWS, y)
    rows = ROWS.astype(dtype)
    found = run(to_onnx(model, rows), rows)
    assert_as_scikit_learn(model, found, rows, {"float32": 3e-5, "float64": 1e-9}[dtype])
    confidence = [*found.values()][-1]
    assert isinstance(confidence, list) or confidence.dtype == dtype


@pytest.mark.parametrize(
    ("place", "kind"),
    [("last", "strings"), ("amid", "strings"), ("bagged, last", "a number"), ("amid", "a number"),
     ("calibrated, last", "strings"), ("voting softly", "three classes")],
)  # fmt: skip
def test_integers_are_computed_in_float32(place: str, kind: str) -> None:
    est, y = KINDS[kind]
    rows = np.rint(4 * X).astype(np.int64)
    model = PLACES[place][0](clone(est)).fit(rows, y)
    assert_as_scikit_learn(model, run(to_onnx(model, rows), rows), rows, 3e-5)


# What skl2onnx computes otherwise


@pytest.mark.parametrize(
    ("place", "kind", "dtype", "message"),
    [
        (bagged, "scores of three", "f", "BaggingClassifier .* takes scores for probabilities"),
        (bagged, "two numbers", "f", "BaggingRegressor .* takes several outputs for several samp"),
        (MultiOutputRegressor, "two numbers", "f", None),
        (stacked, "scores of two", "f", "StackingClassifier .* two columns of the scores of two"),
        (stacked, "two classes", "i8", "StackingClassifier .* integers of X for the type of pred"),
        (partial(stacked, stack_method="predict"), "strings", "f", "stacks probabilities instead"),
        (partial(voting, how="soft"), "scores of three", "f", "VotingClassifier .* takes scores"),
        (OneVsRestClassifier, "scores of two", "f", "OneVsRestClassifier .* takes scores for pro"),
        (OneVsOneClassifier, "strings", "f", "OneVsOneClassifier .* the classes' numbers instead"),
        (boosted, "two classes", "d", "AdaBoostClassifier .* mixes float32 with float64"),
        (TunedThresholdClassifierCV, "two classes", "f", "TunedThreshold.* leaves out its thresh"),
        (
            partial(CalibratedClassifierCV, method="isotonic", cv=2),
            "strings",
            "f",
            "CalibratedClassifierCV .* makes steps of its isotonic function",
        ),
        (
            lambda est: CalibratedClassifierCV(make_pipeline(est, LogisticRegression()), cv=2),
            "strings",
            "f",
            "CalibratedClassifierCV .* takes a pipeline's probabilities for its scores",
        ),
        (
            lambda est: make_pipeline(stacked(est), end(est)),
            "a number",
            "f",
            "StackingRegressor cannot be converted where it transforms",
        ),
    ],
)
def test_what_is_refused(place: Any, kind: str, dtype: str, message: str | None) -> None:
    est, y = KINDS[kind]
    if message is None:  # each with two outputs of its own
        est, message = regressor(**QUANTILES), "MultiOutputRegressor .* takes several outputs"
    model = place(clone(est)).fit(ROWS, y)
    with pytest.raises(NotImplementedError, match=message):
        to_onnx(model, (4 * X).astype(dtype))


def test_what_skl2onnx_does_not_know_it_refuses_itself() -> None:
    model = TransformedTargetRegressor(regressor(), transformer=StandardScaler()).fit(ROWS, Y)
    with pytest.raises(Exception, match="TransformedTargetRegressor"):
        to_onnx(model, ROWS)


# Features

BY_COLUMN = ["alone", "last", "amid", "united, amid", "over columns", "found", "found, amid"]


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("kind", ["strings", "two numbers"])
@pytest.mark.parametrize("place", BY_COLUMN)
def test_a_column_an_input(place: str, kind: str, dtype: str) -> None:
    pandas = pytest.importorskip("pandas")
    est, y = KINDS[kind]
    frame = pandas.DataFrame(ROWS.astype(dtype), columns=[*"abcde"])
    model = PLACES[place][0](clone(est)).fit(frame, y)
    columns = {name: frame[[name]].to_numpy() for name in frame}
    found = run(to_onnx(model, frame), columns)
    assert_as_scikit_learn(model, found, frame, 3e-5 if dtype == "float32" else 1e-9)


@pytest.mark.parametrize("place", ["alone", "amid"])
def test_features_are_those_of_fit(place: str) -> None:
    pandas = pytest.importorskip("pandas")
    est, y = KINDS["strings"]
    frame = pandas.DataFrame(ROWS, columns=[*"abcde"])
    model = PLACES[place][0](clone(est)).fit(frame, y)
    with pytest.raises(ValueError, match=r"in the order of fit, \['a', .*\], not \['b', 'a', 'c'"):
        to_onnx(model, frame[[*"bacde"]])
    for rows in (ROWS[:, :4], frame[[*"abcd"]]):
        with pytest.raises(ValueError, match="X has 4 features, but MLPClassifier is expecting 5"):
            to_onnx(model, rows)
    with pytest.raises(ValueError, match="X has 10 features, but MLPClassifier is expecting 5"):
        to_onnx(model, np.c_[ROWS, ROWS])


def test_more_columns_than_one_input_are_refused_where_skl2onnx_takes_one() -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(ROWS, columns=[*"abcde"])
    model = bagged(classifier()).fit(frame, NAMES)
    with pytest.raises(RuntimeError, match="at most 1 input"):
        to_onnx(model, frame)


# Names, options, versions


def test_names() -> None:
    for kind, (est, y) in KINDS.items():
        model = onnx.load_from_string(to_onnx(clone(est).fit(ROWS, y), ROWS))
        assert [part.name for part in model.graph.input] == ["X"]
        confidence = "scores" if "scores" in kind else "probabilities"
        expected = ["label", confidence] if is_classifier(est) else ["variable"]
        assert [part.name for part in model.graph.output] == expected


def test_a_zipmap_is_made_of_what_follows_a_network() -> None:
    model = make_pipeline(classifier(), LogisticRegression()).fit(ROWS, NAMES)
    rows = ROWS.astype("f")
    label, probabilities = run(to_onnx(model, rows, options=None), rows).values()
    np.testing.assert_array_equal(label, model.predict(rows))
    table = [[row[name] for name in model.classes_] for row in probabilities]
    np.testing.assert_allclose(table, model.predict_proba(rows), atol=1e-5)


def test_registered_twice() -> None:
    pymlp.onnx.register()
    model = make_pipeline(classifier(), LogisticRegression()).fit(ROWS, NAMES)
    assert_as_scikit_learn(model, run(to_onnx(model, ROWS), ROWS), ROWS, 1e-9)


@pytest.mark.parametrize("opset", [11, 12, 13, 15, 18])
def test_operators_of_a_version(opset: int) -> None:
    activation = ["hard_sigmoid", "leaky_relu", "gelu", "silu", "elu"]
    clf = classifier(activation=activation, hidden_layer_sizes=(6,) * 5).fit(ROWS, NAMES)
    rows = ROWS.astype("f")
    assert_as_scikit_learn(clf, run(to_onnx(clf, rows, target_opset=opset), rows), rows, 3e-5)


@pytest.mark.parametrize(
    ("kind", "opset", "message"),
    [("strings", 10, "target_opset >= 11"), ("several labels", 13, "target_opset >= 14")],
)
def test_versions_that_lack_operators_are_refused(kind: str, opset: int, message: str) -> None:
    est, y = KINDS[kind]
    with pytest.raises(NotImplementedError, match=message):
        to_onnx(clone(est).fit(ROWS, y), ROWS, target_opset=opset)


# Every type of label and target


def converted(model: Any, folder: Path, dtype: str, **options: Any) -> dict[str, Any]:
    rows = (3 * X + 1).astype(dtype)
    path = folder / "model.onnx"
    path.write_bytes(skl2onnx.to_onnx(model, rows[:1], **options).SerializeToString())
    onnx.checker.check_model(path, full_check=True)
    return run(path, rows)


@pytest.mark.parametrize(("loss", "dtype"), [("log_loss", "float32"), ("hinge", "float64")])
@pytest.mark.parametrize("labels", LABELS)
def test_skl2onnx_converts_pipelines(labels: str, loss: str, dtype: str, tmp_path: Path) -> None:
    activation = ["selu", "gelu", "mish"]
    clf = classifier(loss=loss, activation=activation, hidden_layer_sizes=(8, 7, 6))
    model = Pipeline([("scale", StandardScaler()), ("mlp", clf)]).fit(3 * X + 1, LABELS[labels])
    rows = (3 * X + 1).astype(dtype)
    found = converted(model, tmp_path, dtype)
    predicted = model.predict(rows)
    np.testing.assert_array_equal(found["label"], predicted)
    method, name = (
        ("decision_function", "scores") if loss == "hinge" else ("predict_proba", "probabilities")
    )
    expected = getattr(model, method)(rows)
    parts = (
        zip(found[name], expected, strict=True)
        if isinstance(expected, list)
        else [(found[name], expected)]
    )
    for a, b in parts:
        assert a.dtype == dtype
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("targets", TARGETS)
def test_skl2onnx_converts_regressors(targets: str, dtype: str, tmp_path: Path) -> None:
    y, params = TARGETS[targets]
    model = Pipeline([("scale", StandardScaler()), ("mlp", regressor(**params))])
    model.fit(3 * X + 1, y)
    predicted = model.predict((3 * X + 1).astype(dtype))
    found = converted(model, tmp_path, dtype)["variable"]
    assert found.dtype == dtype
    np.testing.assert_allclose(found, predicted.reshape(found.shape), rtol=1e-5, atol=1e-5)


def test_skl2onnx_inside_others(tmp_path: Path) -> None:
    columns = ColumnTransformer([("scale", StandardScaler(), [0, 1, 2])], remainder="passthrough")
    ensemble = MLPEnsembleClassifier(classifier(), n_estimators=2, random_state=0)
    vote = VotingClassifier(
        [("mlp", classifier()), ("linear", LogisticRegression()), ("all", ensemble)],
        voting="soft",
        flatten_transform=False,  # skl2onnx does not know the other
    )
    model = Pipeline([("columns", columns), ("vote", vote)]).fit(3 * X + 1, NUMBERS)
    found = converted(model, tmp_path, "float32", options={"zipmap": False})
    rows = (3 * X + 1).astype("f")
    np.testing.assert_allclose(found["probabilities"], model.predict_proba(rows), atol=1e-5)
    np.testing.assert_array_equal(found["label"], model.predict(rows))


def test_a_version_of_skl2onnx_that_has_other_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """What needs none of them is imported and works."""
    monkeypatch.setitem(sys.modules, "skl2onnx.common._registration", None)
    with pytest.warns(UserWarning, match="skl2onnx is not told of pymlp's estimators: .*halted"):
        importlib.reload(pymlp.onnx)
