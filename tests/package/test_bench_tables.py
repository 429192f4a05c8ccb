"""The bench on tables: which rows, which losses, who is ranked how; no peer is imported."""

import json

import numpy as np
import pandas as pd
import pytest
from threadpoolctl import threadpool_limits

from bench.tables import __main__ as command
from bench.tables import report, sets
from bench.tables.fits import Fits, losses, timed
from bench.tables.models import MODELS, TITLES
from bench.tables.sets import Table
from bench.worker import WorkerError

RNG = np.random.default_rng(0)
FRAME = pd.DataFrame(
    {
        "size": RNG.normal(size=120),
        "flag": RNG.random(120) < 0.5,
        "word": RNG.choice(["a", "b", None], 120),
    }
)
FRAME.loc[::7, "size"] = np.nan
CLASSES = (FRAME["word"] == "a").astype(int)


@pytest.fixture
def folder(tmp_path):
    """Two tables, one of classes and one of numbers."""
    for name, target in {"shop": CLASSES, "price": RNG.normal(size=120)}.items():
        FRAME.assign(target=target).to_csv(tmp_path / f"{name}.csv.gz", index=False)
    return tmp_path


class Fake:
    """Stands for a worker, and keeps the order of all calls."""

    def __init__(self, name, log, fails_on=None):
        self.name, self.log, self.fails_on = name, log, fails_on

    def call(self, method, table, seed, rows):
        self.log.append((table, seed, self.name))
        if table == self.fails_on:
            raise WorkerError("Traceback\nMemoryError")
        return self.name


def result(model, loss, table="shop", split=0, seconds=1.0, **others):
    return {
        "set": table,
        "model": model,
        "split": split,
        "rows": 96,
        "losses": {"1 - AUC": loss, "log-loss": 2 * loss, "error rate": loss / 2},
        "fit_seconds": seconds,
        "predict_seconds": 0.1,
        "warnings": [],
        **others,
    }


RESULTS = [
    result("hgb", 0.20), result("pymlp", 0.10, seconds=3.0),
    result("hgb", 0.30, "till"), result("pymlp", 0.33, "till", seconds=1.0),
]  # fmt: skip


# --- tables -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("target", "n_classes"),
    [([0, 1, 0, 1], 2), ([2, 0, 1, 1], 3), ([1, 2, 1, 2], 0), ([0, 0.5, 1, 1], 0), (range(30), 0)],
)
def test_classes_are_numbers_from_0_of_which_there_are_few(target, n_classes):
    table = Table.of("t", pd.DataFrame({"x": 1.0, "target": list(target)}))
    assert table.n_classes == n_classes
    assert list(table.X) == ["x"]


def test_words_are_typed_for_those_who_want_categories(folder):
    table = sets.load("shop", folder)
    assert table.categories == ["word"]
    assert list(map(str, table.typed.dtypes)) == ["float64", "int8", "category"]
    assert list(table.typed["word"].cat.categories) == [0, 1]
    assert list(table.typed["word"].isna()) == list(table.X["word"].isna())
    assert table.X["flag"].dtype == bool  # as it was read


def test_splits_are_stratified_disjoint_and_cut_to_rows(folder):
    table = sets.load("shop", folder)
    train, test = table.split(seed=1, rows=None)
    assert sorted([*train, *test]) == list(range(120))
    assert len(test) == 24
    few, same_test = table.split(seed=1, rows=50)
    assert len(few) == 50
    assert len(set(few) | set(same_test)) == 74
    assert abs(table.y[few].mean() - table.y.mean()) < 0.02
    assert set(table.split(seed=2, rows=None)[1]) != set(test)


def test_tables_of_scikit_learn_come_after_the_folder_s(folder):
    assert sets.names(folder) == ["price", "shop", *sets.SHIPPED]
    assert sets.load("diabetes", None).n_classes == 0
    assert sets.load("wine", folder).n_classes == 3
    with pytest.raises(ValueError, match=r"no table 'shoe': expected one of price, shop, breast"):
        sets.load("shoe", folder)


# --- losses -------------------------------------------------------------------------------------


def test_losses_by_hand():
    y, proba = np.array([0, 0, 1, 1]), np.array([0.1, 0.6, 0.5, 0.9])
    found = losses(y, np.c_[1 - proba, proba], 2)
    assert list(found) == ["1 - AUC", "log-loss", "error rate"]  # a table's own comes first
    assert found["1 - AUC"] == pytest.approx(1 / 4)
    assert found["log-loss"] == pytest.approx(-np.log([0.9, 0.4, 0.5, 0.9]).mean())
    assert found["error rate"] == 2 / 4  # of two alike the first is the answer
    assert list(losses(np.array([0, 1, 2]), np.eye(3), 3)) == ["log-loss", "error rate"]
    assert losses(np.array([1.0, 3.0]), np.array([2.0, 2.0]), 0) == {"nRMSE": 1.0}
    with pytest.raises(ValueError, match="not a finite number"):
        losses(np.array([1.0, 3.0]), np.array([2.0, np.nan]), 0)


def test_time_is_that_of_the_process():
    answer, seconds = timed(lambda: sum(range(100_000)))
    assert answer == sum(range(100_000))
    assert 0 < seconds < 10


@pytest.mark.parametrize("model", ["hgb", "pymlp-mlp", "sklearn-mlp"])
@pytest.mark.parametrize("table", ["shop", "price"])
def test_models_take_words_flags_and_holes(model, table, folder):
    with threadpool_limits(1):  # as in a worker
        found = Fits(model, folder).fit(table, seed=0, rows=90)
    assert (found["set"], found["model"], found["rows"], found["test_rows"]) == (
        table, model, 90, 24,
    )  # fmt: skip
    assert all(np.isfinite(loss) for loss in found["losses"].values())
    if table == "shop":
        assert found["losses"]["1 - AUC"] < 0.2  # the word tells
    assert all("ConvergenceWarning" in warning for warning in found["warnings"])


def test_titles_are_of_models():
    assert set(TITLES) <= set(MODELS)


# --- turns --------------------------------------------------------------------------------------


def test_models_take_turns_from_the_other_end_in_every_second_split():
    log = []
    workers = {name: Fake(name, log) for name in ("a", "b")}
    assert list(command.measure(workers, ["x", "y"], splits=2, rows=None)) == list("abbaabba")
    assert log[:4] == [("x", 0, "a"), ("x", 0, "b"), ("x", 1, "b"), ("x", 1, "a")]


def test_a_model_that_fails_is_left_out_from_there_on(capsys):
    log = []
    workers = {"a": Fake("a", log, fails_on="y"), "b": Fake("b", log)}
    assert list(command.measure(workers, ["x", "y", "z"], splits=1, rows=9)) == list("abbb")
    assert capsys.readouterr().out == "left out from y on: a (MemoryError)\n"


# --- reports ------------------------------------------------------------------------------------


def test_ranks_gaps_and_seconds_by_hand():
    summary = report.over_tables(report.joined(RESULTS), "loss")
    assert list(summary.index) == ["pymlp", "hgb"]  # alike in rank: the models' order
    assert list(summary["mean rank"]) == [1.5, 1.5]
    np.testing.assert_allclose(summary["mean gap, %"], [5, 50])
    np.testing.assert_allclose(summary["worst gap, %"], [10, 100])
    assert list(summary["on"]) == ["till", "shop"]
    assert list(summary["fit, CPU s"]) == [2.0, 1.0]


def test_gaps_to_a_best_of_0_are_unknown():
    table = pd.DataFrame({"a": [0.0, 2.0], "b": [1.0, 3.0]})
    assert report.gaps(table).isna().to_numpy().tolist() == [[True] * 2, [False] * 2]


def test_only_splits_that_all_have_are_counted_and_the_others_named():
    results = [*RESULTS, result("hgb", 0.9, split=1)]
    assert report.by_table(report.joined(results), "loss")["hgb"].tolist() == [0.2, 0.3]
    assert "Of 3 splits only those that all models have are counted: pymlp lacks 1." in (
        report.text(results)
    )


def test_the_last_of_the_same_fit_counts():
    frame = report.joined([*RESULTS, result("hgb", 0.05)])
    assert report.by_table(frame, "loss").loc["shop", "hgb"].tolist() == [0.05]


def test_regressions_have_neither_log_loss_nor_errors():
    results = [*RESULTS, result("hgb", 1, "r"), result("pymlp", 1, "r")]
    for found in results[-2:]:
        found["losses"] = {"nRMSE": 0.5}
    own, log_loss, errors, seconds = report.text(results).split("## ")[1:]
    assert "| r | nRMSE | 96 | **0.5000** | **0.5000** |" in own
    assert "| shop | 96 | **0.2000** | 0.4000 |" in log_loss
    assert "| r |" not in log_loss + errors
    assert "| r | 96 | 1.00 | 1.00 |" in seconds


def test_warnings_are_listed_by_model():
    warned = result("hgb", 0.1, "moon", warnings=["UserWarning: beware\nof it"])
    assert report.text([*RESULTS, warned]).endswith("- hgb, moon: UserWarning: beware")


# --- the command --------------------------------------------------------------------------------


def test_files_are_joined_and_written(tmp_path, capsys):
    halves = tmp_path / "a.json", tmp_path / "b.json"
    for file, half in zip(halves, (RESULTS[::2], RESULTS[1::2]), strict=True):
        report.save(half, file)
    out = tmp_path / "out"
    command.main(["--models", "--join", *map(str, halves), "--out", str(out)])
    assert "| pymlp | 1.50 | 5.0 | 10.0 | till | 2.000 | 0.100 |" in capsys.readouterr().out
    assert (out / "report.md").read_text().startswith("- hgb: scikit-learn's Hist")
    assert report.read([out / "results.json"]) == [*RESULTS[::2], *RESULTS[1::2]]
    pytest.importorskip("matplotlib")
    drawn = (out / "picture.svg").read_text()
    assert "<!-- pymlp -->" in drawn
    assert "<!-- hgb -->" in drawn


def test_results_are_kept_fit_by_fit(folder, capsys, monkeypatch):
    def start(models, tables, stack):
        return {name: InProcess(name, tables) for name in models}

    class InProcess(Fits):
        def call(self, method, *arguments):
            return getattr(self, method)(*arguments)

    monkeypatch.setattr(command, "start", start)
    out = folder / "out"
    arguments = [
        "--tables",
        str(folder),
        "--sets",
        "shop",
        "--models",
        "pymlp-mlp",
        "--splits",
        "2",
    ]
    command.main([*arguments, "--rows", "40", "--out", str(out)])
    assert "1 - AUC" in capsys.readouterr().out
    saved = json.loads((out / "results.json").read_text())
    assert [found["split"] for found in saved["results"]] == [0, 1]
    assert "scikit-learn" not in saved["versions"]
    assert "sklearn" in saved["versions"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--tables", "nowhere"], "nowhere: there is no such folder"),
        (["--sets", "shoe"], "there is no table 'shoe'"),
        (["--rows", "3"], "at least 10"),
        (["--splits", "0"], "at least 1"),
    ],
)
def test_wrong_arguments_are_told(arguments, said, capsys):
    with pytest.raises(SystemExit):
        command.main(arguments)
    assert said in capsys.readouterr().err
