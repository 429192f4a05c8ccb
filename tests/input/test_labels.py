"""No label is read as another: how they are told, compared, stored; and what is refused."""

import datetime
import enum
import fractions
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from kinds import (
    BIG,
    BITS,
    DATES,
    INDICATOR,
    INDICATOR_KINDS,
    MIXED,
    NAMES,
    NUMBERS,
    SEVERAL_KINDS,
    Y_KINDS,
    N,
    X,
    objects,
)
from scipy import sparse

import pymlp
from pymlp import MLPClassifier, MLPEnsembleClassifier
from pymlp._data.label_arrays import as_labels, distinct, positions
from pymlp._system import memory

pytestmark = [
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
    pytest.mark.filterwarnings("ignore:A column-vector y was passed"),
    pytest.mark.filterwarnings("ignore:The number of unique classes is greater"),
]


def build(**params: Any) -> Any:
    defaults = {"hidden_layer_sizes": (), "solver": "lbfgs", "alpha": 1e-6, "random_state": 0}
    return MLPClassifier(**defaults | params)


def learned(y: Any) -> Any:
    """What is predicted after a fit long enough to be right everywhere."""
    return build(max_iter=500).fit(X, y).predict(X)


# --- what is told --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "two", [[1, 2], [-1, 1], [0, 2], [2.0, 3.0], ["no", "yes"], [np.uint8(3), np.uint8(7)]], ids=str
)
def test_two_columns_of_two_labels_are_several_labels(two: Any) -> None:
    y = np.array(two)[INDICATOR]
    clf = build().fit(X, y)
    assert [column.tolist() for column in clf.classes_] == [two, two]
    np.testing.assert_array_equal(learned(y), y, strict=True)
    np.testing.assert_array_equal(learned(y.tolist()), y)


@pytest.mark.parametrize("kind", INDICATOR_KINDS)
def test_zeros_and_ones_are_an_indicator_matrix(kind: str) -> None:
    y = INDICATOR_KINDS[kind]
    clf = build().fit(X, y)
    assert clf.n_outputs_ == 2
    np.testing.assert_array_equal(clf.classes_, [0, 1])
    assert clf.out_activation_ == "logistic"
    predicted = learned(y)
    assert sparse.issparse(predicted) == sparse.issparse(y)
    dense = predicted.toarray() if sparse.issparse(predicted) else predicted
    np.testing.assert_array_equal(dense, INDICATOR, strict=True)
    assert clf.score(X, y) == (clf.fit(X, INDICATOR).predict(X) == INDICATOR).all(axis=1).mean()


@pytest.mark.parametrize("kind", Y_KINDS)
def test_every_kind_of_labels(kind: str) -> None:
    y, plain = Y_KINDS[kind]
    found, expected = (build().fit(X, labels) for labels in (y, plain))
    np.testing.assert_array_equal(found.classes_, np.unique(plain), strict=True)
    np.testing.assert_array_equal(found.coefs_[0], expected.coefs_[0])
    if len(found.classes_) < N:
        np.testing.assert_array_equal(learned(y), plain)
    assert found.score(X, y) == expected.score(X, plain)


@pytest.mark.parametrize("kind", SEVERAL_KINDS)
def test_every_kind_of_several_labels(kind: str) -> None:
    y, plain = SEVERAL_KINDS[kind]
    predicted = learned(y)
    assert predicted.dtype == plain.dtype
    assert predicted.tolist() == plain.tolist()
    assert [[type(label) for label in row] for row in predicted[:2].tolist()] == [
        [type(label) for label in row] for row in plain[:2].tolist()
    ]
    assert build().fit(X, y).score(X, y) == build().fit(X, plain).score(X, plain)


def test_dates_beside_other_labels_stay_dates() -> None:
    """NumPy makes integers of dates in nanoseconds, and other dates of far ones."""
    fine, far = DATES.astype("M8[ns]"), DATES + np.timedelta64(365 * 1000, "D")
    for columns in ((fine, NAMES), (fine, far), (DATES, NUMBERS.astype("m8[s]"))):
        frame = pd.DataFrame({"a": objects(columns[0]), "b": objects(columns[1])})
        predicted = learned(frame)
        for k, column in enumerate(columns):
            assert all(a == b for a, b in zip(predicted[:, k], column, strict=True))
    frame = pd.DataFrame({"a": pd.Series(fine), "b": NAMES})
    for a, b in zip(learned(frame)[:, 0], frame["a"].to_numpy(), strict=True):
        assert a == b


def test_one_class_has_one_probability() -> None:
    for one in ("only", 7):
        clf = build().fit(X, [one] * N)
        np.testing.assert_array_equal(clf.predict_proba(X), np.ones((N, 1)), strict=True)
        np.testing.assert_array_equal(clf.predict_log_proba(X), np.zeros((N, 1)))
        assert clf.predict_proba(X).shape[1] == len(clf.classes_)
        assert clf.score(X, [one] * N) == 1
    several = build().fit(X, np.c_[NUMBERS, np.full(N, 7)])
    assert [p.shape for p in several.predict_proba(X)] == [(N, 3), (N, 1)]
    ensemble = MLPEnsembleClassifier(build(), n_estimators=2).fit(X, ["only"] * N)
    mean, std = ensemble.predict_proba(X, return_std=True)
    np.testing.assert_array_equal(mean, np.ones((N, 1)))
    np.testing.assert_array_equal(std, np.zeros((N, 1)))
    scores = build(loss="hinge").fit(X, ["only"] * N).decision_function(X)
    assert scores.shape == (N, 1)
    assert (scores > 0).all()


# --- what is compared ----------------------------------------------------------------------------

SAME: dict[str, tuple[Any, Any]] = {
    "integers and floats": (np.array([0, 1, 2]), np.array([1.0, 2.0])),
    "floats and integers": (np.array([0.0, 1.0, 2.0]), np.array([1, 2])),
    "numbers for booleans": (np.array([False, True]), np.array([0, 1])),
    "booleans for 0 and 1": (np.array([0.0, 1.0]), np.array([False, True])),
    "narrow integers": (np.array([0, 200], "u1"), np.array([200, 0], "i8")),
    "large integers of two types": (BIG[:3].astype("u8"), BIG[:3]),
    "strings and objects": (np.array(["a", "bcd"]), objects(["bcd", "a"])),
    "days and seconds": (DATES[:3], DATES[:3].astype("M8[s]")),
    "nanoseconds and days": (DATES[:3].astype("M8[ns]"), DATES[:3]),
}
OTHER: dict[str, tuple[Any, Any]] = {
    "a longer string": (np.array(["a", "b"]), np.array(["ab"])),
    "a larger integer of a float's digits": (np.array([0.0, 2.0**53]), np.array([2**53 + 1])),
    "an integer beside floats": (BIG[:3], np.array([2.0**53 + 4])),
    "an integer modulo 2^8": (np.array([0, 44], "u1"), np.array([300])),
    "a negative one": (np.array([0, 2**64 - 1], "u8"), np.array([-1])),
    "the largest": (np.array([-1, 0]), np.array([2**64 - 1], "u8")),
    "an hour of a day": (DATES[:3], DATES[:3].astype("M8[h]") + np.timedelta64(1, "h")),
    "a date that nanoseconds do not reach": (
        np.array(["1677-09-22", "2246-05-04T01:16:18.871345152"], "M8[ns]"),
        np.array(["4000"], "M8[D]"),
    ),
}
NEVER: dict[str, tuple[Any, Any, str]] = {
    "strings of numbers": (np.array([0, 1]), np.array(["0", "1"]), "numbers.* Got strings"),
    "numbers for strings": (np.array(["0", "1"]), np.array([0, 1]), "strings.* Got numbers"),
    "booleans for 1 and 2": (np.array([1, 2]), np.array([True]), "numbers.* Got booleans"),
    "strings for booleans": (np.array([False, True]), np.array(["True"]), "booleans.* Got strings"),
    "numbers for dates": (DATES[:3], np.array([18262]), "dates.* Got numbers"),
    "durations for dates": (DATES[:3], np.array([1], "m8[D]"), "dates.* Got durations"),
    "dates for numbers": (np.array([18262, 18263]), DATES[:2], "numbers.* Got dates"),
    "years and days": (np.array([1, 2], "m8[Y]"), np.array([365], "m8[D]"), "durations.* Got dur"),
}


@pytest.mark.parametrize("case", SAME)
def test_equal_labels_of_two_types(case: str) -> None:
    classes, labels = SAME[case]
    found = positions(labels, distinct(classes))
    assert (distinct(classes)[found] == labels).all()
    clf = build(solver="adam").partial_fit(X, np.resize(labels, N), classes=classes)
    clf.partial_fit(X, np.resize(classes, N))
    assert 0 <= clf.score(X, np.resize(labels, N)) <= 1


@pytest.mark.parametrize("case", OTHER)
def test_labels_that_are_none_of_the_classes(case: str) -> None:
    classes, labels = OTHER[case]
    assert (positions(labels, classes) == -1).all()
    clf = build(solver="adam").partial_fit(X, np.resize(classes, N), classes=classes)
    other = np.resize(labels, N)
    for call in calls(clf, np.resize(classes, N), other):
        with pytest.raises(ValueError, match="has classes not in"):
            call()
    assert clf.score(X, other) == 0


@pytest.mark.parametrize("case", NEVER)
def test_labels_of_a_type_that_is_never_equal(case: str) -> None:
    classes, labels, message = NEVER[case]
    clf = build(solver="adam").partial_fit(X, np.resize(classes, N), classes=classes)
    other = np.resize(labels, N)
    message = f"must hold labels of the type of `classes_`: these are {message}"
    for call in (*calls(clf, np.resize(classes, N), other), lambda: clf.score(X, other)):
        with pytest.raises(ValueError, match=message):
            call()
    with pytest.raises(ValueError, match=r"The 'class_weight' parameter names .*, not among"):
        build(class_weight={labels[0]: 2.0}).fit(X, np.resize(classes, N))
    with pytest.raises(ValueError, match="is not the same as on last call"):
        clf.partial_fit(X, np.resize(classes, N), classes=np.resize(labels, len(classes)))


def calls(clf: Any, y: Any, other: Any) -> list[Callable[[], Any]]:
    """What reads labels beside those of a fit."""
    both, one_other = ([*map(list, zip(a, NAMES, strict=True))] for a in (y, other))
    return [
        lambda: clf.partial_fit(X, other),
        lambda: build().fit(X, y, X_val=X, y_val=other),
        lambda: build().fit(X, both, X_val=X, y_val=one_other),
        lambda: MLPEnsembleClassifier(build(), n_estimators=2).fit(X, y, X_val=X, y_val=other),
    ]


def test_floats_beyond_all_integers() -> None:
    """On some machines a cast makes of 2^63 the largest integer, on others the smallest."""
    for classes in (np.array([-(2**63), 0]), np.array([2**63 - 1])):
        assert (positions(np.array([2.0**63, np.inf]), classes) == -1).all()
    assert positions(np.array([2**63 - 1]), np.array([2.0**63])) == -1


def test_columns_that_are_compared_by_their_types() -> None:
    clf = build(solver="adam").fit(X, MIXED)
    swapped = MIXED[:, ::-1]
    with pytest.raises(ValueError, match=r"y\[:, 0\] must hold labels of the type"):
        clf.partial_fit(X, swapped)
    with pytest.raises(ValueError, match=r"y\[:, 0\] must hold labels of the type"):
        clf.score(X, swapped)
    assert clf.score(X, [["blue", 9]] * N) == 0  # a new label is not predicted


def test_warm_start_compares_by_value() -> None:
    clf = build(solver="adam", warm_start=True).fit(X, NUMBERS)
    clf.fit(X, NUMBERS.astype(float))
    with pytest.raises(ValueError, match="warm_start can only be used"):
        clf.fit(X, NUMBERS + 1)
    with pytest.raises(ValueError, match="these are numbers"):
        clf.fit(X, NAMES)


# --- what is refused -----------------------------------------------------------------------------

REFUSED: dict[str, tuple[Any, str]] = {
    "strings and numbers": (["a", 1] * (N // 2), "between 'str' and 'int': 'a', 1"),
    "booleans and numbers": ([True, 2] * (N // 2), "between 'int' and 'bool': 2, True"),
    "dates and numbers": (objects([DATES[0], 1] * (N // 2)), "between 'int' and 'datetime64'"),
    "two types in a column": (
        [["a", 1], [2, 1]] * (N // 2),
        r"y\[:, 0\] must .* between 'str' and 'int'",
    ),
    "a frame's column": (pd.DataFrame({"a": BITS, "b": ["x", 3] * (N // 2)}), r"y\['b'\] must"),
    "integers that floats round": ([2**53 + 1, 1.0] * (N // 2), "over 64 bits"),
    "integers of no type": ([2**63, -1] * (N // 2), "over 64 bits"),
    "dates of no unit": (
        [np.datetime64("4000-01-01"), np.datetime64("2000-01-01", "ns")] * (N // 2),
        "over 64 bits",
    ),
    "bytes in two columns": (np.array([[b"a", b"b"]] * N), "bytes is not supported"),
    "bytes in lists": ([[b"a", 1]] * N, "bytes is not supported"),
    "fractions": ([["a", fractions.Fraction(1, 2)]] * N, "Unknown label type.* a Fraction"),
    "dates of Python": ([datetime.date(2020, 1, 1)] * N, "Unknown label type.* a date"),
    "dates with a zone": (pd.Series(pd.to_datetime(DATES, utc=True)), "Unknown label .* Timestamp"),
    "real numbers in a column": ([["a", 0.5]] * N, "Unknown label type: continuous"),
    "long doubles": (NUMBERS + np.longdouble("1e-18") + 1, "at most 64 bits"),
    "a NaT in a list": ([[np.datetime64("NaT", "D"), 1]] * N, r"y\[:, 0\] contains NaT"),
    "a None in a column": ([["a", None]] * N, "contains None"),
    "a NaN in a column": (pd.DataFrame({"a": NAMES, "b": [1, np.nan] * (N // 2)}), "NaN"),
    "an NA in a column": (pd.DataFrame({"a": NAMES, "b": objects([1, pd.NA] * (N // 2))}), "NA"),
    "strings that end in 0": (["a", "a\0"] * (N // 2), r"end in '\\0', which NumPy would leave"),
    "sparse numbers": (sparse.csr_array(INDICATOR * 2), "must be a label indicator matrix"),
    "sparse entries that add up to 2": (
        sparse.csr_array((np.ones(2 * N), np.repeat(BITS, 2), np.arange(0, 2 * N + 1, 2))),
        "must be a label indicator matrix",
    ),
    # of which SciPy 1.13 says so itself
    "a sparse vector": (sparse.coo_array(BITS), "must be a label indicator matrix|1d sparse array"),
}
if hasattr(pl, "Int128"):  # polars 1.18
    wide = pl.Series([1, 2] * (N // 2), dtype=pl.Int128)
    REFUSED["integers of 128 bits"] = (wide, "no array of labels")


@pytest.mark.parametrize("case", REFUSED)
def test_labels_that_are_refused(case: str) -> None:
    y, message = REFUSED[case]
    for call in (
        lambda: build().fit(X, y),
        lambda: build(solver="adam").partial_fit(X, y, classes=[0, 1]),
        lambda: build().fit(X, NUMBERS).score(X, y),
        lambda: build().fit(X, NUMBERS, X_val=X, y_val=y),
        lambda: MLPEnsembleClassifier(build(), n_estimators=2).fit(X, y),
    ):
        with pytest.raises((TypeError, ValueError), match=f"(?s){message}"):
            call()


@pytest.mark.parametrize("classes", [["a", 1], [True, 2], [None, "a"], [1.0, np.nan], [b"a"]])
def test_classes_that_are_refused(classes: Any) -> None:
    with pytest.raises(ValueError, match="`classes` must be an array-like of sortable labels"):
        build(solver="adam").partial_fit(X, NAMES, classes=classes)


def test_enumerations_are_their_values() -> None:
    class Colour(str, enum.Enum):  # noqa: UP042 - whose str is not its value
        RED = "red"
        BLUE = "blue"

    y = [Colour.RED, Colour.BLUE] * (N // 2)
    for labels in (y, objects(y)):
        assert build().fit(X, labels).classes_.tolist() == ["blue", "red"]
    assert as_labels([enum.IntEnum("Size", "S M").S] * 3).tolist() == [1, 1, 1]


# --- what is stored ------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [*Y_KINDS, *(f"several: {kind}" for kind in SEVERAL_KINDS)])
def test_what_is_learned_is_saved(kind: str, tmp_path: Path) -> None:
    several = kind.startswith("several: ")
    y, _ = SEVERAL_KINDS[kind.removeprefix("several: ")] if several else Y_KINDS[kind]
    assert_saved(build(max_iter=3).fit(X, y), tmp_path)


def assert_saved(clf: Any, folder: Path) -> None:
    clf.save(folder / "model")
    loaded = pymlp.load(folder / "model")
    np.testing.assert_array_equal(loaded.predict(X), clf.predict(X), strict=True)
    lists = clf.classes_ if isinstance(clf.classes_, list) else [clf.classes_]
    found = loaded.classes_ if isinstance(loaded.classes_, list) else [loaded.classes_]
    for a, b in zip(found, lists, strict=True):
        np.testing.assert_array_equal(a, b, strict=True)


def test_labels_of_very_different_lengths_are_saved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("_files.values", "_data.label_data", "_data.label_arrays"):
        monkeypatch.setattr(f"pymlp.{module}.MAX_TEXT", 2000)
    y = ["x" * 200 if k == 0 else f"label {k}" for k in NUMBERS]
    clf = build(max_iter=3).fit(X, objects(y))
    assert clf.classes_.dtype == object  # an array of strings would be as wide everywhere
    assert_saved(clf, tmp_path)
    wide = build(max_iter=3).fit(X, np.array(y))
    wide.save(tmp_path / "model")
    assert pymlp.load(tmp_path / "model").predict(X).tolist() == wide.predict(X).tolist()


@pytest.mark.parametrize("n_labels", [1, 2])
def test_labels_as_wide_as_the_longest_that_do_not_fit_into_memory(
    n_labels: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    y = np.array(["a", "x" * 1000])[NUMBERS % 2]
    clf = build(max_iter=3).fit(X, y if n_labels == 1 else np.stack([y, y], axis=1))
    monkeypatch.setattr(memory, "available_memory", lambda: 2.0**26)
    many, n = np.zeros((20_000, X.shape[1])), 20_000 * n_labels
    with pytest.raises(MemoryError, match=f"strings for predictions, {n} of 1000 characters each"):
        clf.predict(many)
    assert clf.predict(X).dtype == y.dtype
    with pytest.raises(MemoryError, match=r"strings for y.*, 20000 of 1000 characters each"):
        clf.fit(many, ["a", "x" * 1000] * 10_000)


def test_weights_of_classes_are_saved_by_their_labels(tmp_path: Path) -> None:
    hours = NUMBERS.astype("m8[h]")
    for y in (DATES, hours, BIG):
        weights = dict.fromkeys(np.unique(y), 2.0)
        clf = build(class_weight=weights).fit(X, y)
        clf.save(tmp_path / "model")
        loaded = pymlp.load(tmp_path / "model").class_weight
        assert loaded == weights
        assert [type(a) for a in loaded] == [type(np.unique(y).astype(object)[0])] * 3 or (
            y is not BIG and all(isinstance(a, type(y[0])) for a in loaded)
        )
