"""The table of a network's layers: `summary`."""

import pickle
import warnings
from html.parser import HTMLParser
from typing import Any

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning, NotFittedError

from pymlp import MLPClassifier, MLPRegressor

rng = np.random.default_rng(0)
X = rng.normal(size=(60, 4))
LABELS = np.digitize(X[:, 0], [-0.5, 0.5])


def fitted(estimator: Any, y: Any, dtype: str = "float64", **params: Any) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return estimator(max_iter=1, random_state=0, precision=dtype, **params).fit(X, y)


class Cells(HTMLParser):
    """Rows of the table, and the text beside it; counts what is open."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self.beside: list[str] = []
        self.open: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")
        if tag != "br":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open[-1] in ("td", "th"):
            self.rows[-1][-1] += data
        else:
            self.beside.append(data)


def test_a_line_a_layer() -> None:
    params = {"activation": ["tanh", "relu"], "dropout": [0.25, 0], "ema_decay": 0.9}
    clf = fitted(MLPClassifier, LABELS, hidden_layer_sizes=(1000, 7), **params)
    assert str(clf.summary()).splitlines() == [
        "MLPClassifier",
        "layer     output shape  parameters  activation  dropout",
        "-------------------------------------------------------",
        "input     (None, 4)              0",
        "hidden 0  (None, 1000)       5,000  tanh           0.25",
        "hidden 1  (None, 7)          7,007  relu              0",
        "output    (None, 3)             24  softmax",
        "-------------------------------------------------------",
        "Total parameters: 12,031 (93.99 KB, float64)",
        "With their moving average: 24,062 (187.98 KB)",
    ]


def test_without_hidden_layers_dropout_and_average() -> None:
    reg = fitted(MLPRegressor, X[:, :2], dtype="float32", hidden_layer_sizes=())
    assert repr(reg.summary()).splitlines() == [
        "MLPRegressor",
        "layer   output shape  parameters  activation",
        "--------------------------------------------",
        "input   (None, 4)              0",
        "output  (None, 2)             10  identity",
        "--------------------------------------------",
        "Total parameters: 10 (40 bytes, float32)",
    ]


@pytest.mark.parametrize(
    ("width", "size"), [(51, "1020 bytes"), (52, "1.02 KB"), (60_000, "1.14 MB")]
)
def test_sizes_in_bytes(width: int, size: str) -> None:
    reg = fitted(MLPRegressor, X[:, 0], dtype="float32", hidden_layer_sizes=())
    # set by hand, as whoever loads weights does
    reg.coefs_, reg.intercepts_ = [np.zeros((4, width), "f4")], [np.zeros(width, "f4")]
    reg.n_outputs_ = width
    assert f"({size}, float32)" in str(reg.summary())


def test_a_notebook_shows_the_same_cells() -> None:
    class Sub(MLPClassifier):
        pass

    Sub.__name__ = "A<b>&"
    clf = fitted(Sub, LABELS, hidden_layer_sizes=(7, 5), dropout=0.5, ema_decay=0.9)
    summary = clf.summary()
    shown = Cells(summary._repr_html_())
    assert shown.open == []
    title, head, _, *rows, _, total, average = str(summary).splitlines()
    assert shown.beside == [title, total, average] == ["A<b>&", total, average]
    columns = [head.index(name) for name in shown.rows[0]]
    assert len(columns) == 5
    assert [" ".join(cells).split() for cells in shown.rows] == [
        line.split() for line in (head, *rows)
    ]


def test_before_fit() -> None:
    with pytest.raises(NotFittedError):
        MLPClassifier().summary()


def test_a_copy_has_the_same() -> None:
    clf = fitted(MLPClassifier, LABELS, hidden_layer_sizes=(7,))
    assert pickle.loads(pickle.dumps(clf)).summary() == clf.summary()


def test_weights_that_do_not_fit() -> None:
    clf = fitted(MLPClassifier, LABELS, hidden_layer_sizes=(7,))
    clf.coefs_ = clf.coefs_[:1]
    with pytest.raises(ValueError, match="do not make up a network"):
        clf.summary()
