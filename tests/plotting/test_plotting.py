"""What the displays share; curves and gradient flow: what is drawn is what the fit holds."""

import sys
from collections.abc import Iterator
from itertools import combinations
from typing import Any

import matplotlib as mpl
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.datasets import make_moons
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from pymlp import MLPClassifier, MLPEnsembleClassifier, TabularClassifier
from pymlp.plotting import BoundaryDisplay, GradientFlowDisplay, HistoryDisplay

mpl.use("Agg")
import matplotlib
import matplotlib.pyplot as plt

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

X, Y = make_moons(120, noise=0.1, random_state=0)


@pytest.fixture(autouse=True)
def _close() -> Iterator[None]:
    yield
    plt.close("all")


def with_history(**columns: list[float]) -> MLPClassifier:
    """A fitted network of three layers with another history."""
    clf = MLPClassifier((3, 3), max_iter=1, random_state=0).fit(X, Y)
    clf.history_ = columns
    return clf


# --- all displays --------------------------------------------------------------------------------


def test_without_matplotlib(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ImportError, match=r"HistoryDisplay.from_estimator requires matplotlib"):
        HistoryDisplay.from_estimator(with_history(loss=[1.0]))
    with pytest.raises(ImportError, match=r"GradientFlowDisplay.plot requires matplotlib"):
        GradientFlowDisplay({0: [1.0]}).plot()


@pytest.mark.parametrize("display", [HistoryDisplay, GradientFlowDisplay, BoundaryDisplay])
def test_what_cannot_be_drawn(display: Any) -> None:
    data = [X] if display is BoundaryDisplay else []
    with pytest.raises(TypeError, match="must be pymlp's MLPClassifier"):
        display.from_estimator(LogisticRegression(), *data)
    with pytest.raises(NotFittedError):
        display.from_estimator(MLPClassifier(), *data)


@pytest.mark.parametrize("display", [HistoryDisplay, GradientFlowDisplay, BoundaryDisplay])
def test_axes_are_used_and_told(display: Any) -> None:
    clf = with_history(loss=[1.0, 0.5], gradient_norm_0=[1.0, 2.0])
    data = [X] if display is BoundaryDisplay else []
    figure, axes = plt.subplots(1, 2)
    drawn = display.from_estimator(clf, *data, ax=axes[1])
    assert drawn.ax_ is axes[1]
    assert drawn.figure_ is figure
    assert not axes[0].has_data()
    again = drawn.plot()
    assert again is drawn
    assert drawn.figure_ is not figure


def test_pipelines() -> None:
    pipe = make_pipeline(StandardScaler(), with_history(loss=[1.0, 0.5], gradient_norm_0=[1.0]))
    assert len(HistoryDisplay.from_estimator(pipe).lines_) == 1
    assert len(GradientFlowDisplay.from_estimator(pipe).lines_) == 1


# --- HistoryDisplay ------------------------------------------------------------------------------


def test_an_ensembles_curves_are_means() -> None:
    member = MLPClassifier(3, early_stopping=True, max_iter=2)
    ensemble = MLPEnsembleClassifier(member, n_estimators=2, random_state=0)
    tabular = TabularClassifier(3, n_estimators=2, max_iter=2, random_state=0)
    for clf in (ensemble.fit(X, Y), tabular.fit(X, Y)):
        display = HistoryDisplay.from_estimator(make_pipeline("passthrough", clf))
        for line, name in zip(display.lines_, ("loss", "val_loss"), strict=True):
            of_members = [member.history_[name] for member in clf.estimators_]
            assert_allclose(line.get_ydata(), np.mean(of_members, axis=0))
        assert display.best_line_ is None
    with pytest.raises(TypeError, match=r"MLPRegressor, or a Pipeline .*of an ensemble one of its"):
        GradientFlowDisplay.from_estimator(ensemble)
    with pytest.raises(NotFittedError):
        HistoryDisplay.from_estimator(TabularClassifier())


def test_curves_of_an_early_stopped_fit() -> None:
    clf = MLPClassifier(10, early_stopping=True, max_iter=30, random_state=0).fit(X, Y)
    clf.best_epoch_ = 7
    for metric in ("loss", "accuracy"):
        display = HistoryDisplay.from_estimator(clf, metric=metric)
        for line, name in zip(display.lines_, (metric, f"val_{metric}"), strict=True):
            assert_array_equal(line.get_ydata(), clf.history_[name])
            assert_array_equal(line.get_xdata(), np.arange(1, clf.n_iter_ + 1))
        assert display.best_line_ is not None
        assert_array_equal(display.best_line_.get_xdata(), 7)
        assert display.best_line_.get_linestyle() == ":"
        assert [line.get_linestyle() for line in display.lines_] == ["-", "--"]
        assert display.ax_.get_ylabel() == metric
        assert display.ax_.get_xlabel() == "epoch"
        legend = [text.get_text() for text in display.ax_.get_legend().get_texts()]
        assert legend == ["training", "validation", "best epoch: 7"]


def test_the_dot_lies_on_the_curve_that_chose_the_epoch() -> None:
    falling = {"loss": [0.9, 0.5, 0.4, 0.3], "val_loss": [0.8, 0.6, 0.7, 0.65]}
    rising = {"accuracy": [0.5, 0.6, 0.8, 0.9], "val_accuracy": [0.6, 0.7, 0.75, 0.75]}
    clf = with_history(**falling, **rising)
    for best_epoch, chosen_by in ((2, "loss"), (3, "accuracy"), (4, None), (None, None)):
        clf.best_epoch_ = best_epoch
        for metric in ("loss", "accuracy"):
            display = HistoryDisplay.from_estimator(clf, metric=metric)
            if metric != chosen_by:
                assert display.best_point_ is None
                continue
            assert display.best_point_ is not None
            (x,), (y,) = display.best_point_.get_data()
            assert (x, y) == (best_epoch, clf.history_[f"val_{metric}"][best_epoch - 1])
            assert display.ax_.get_xlim()[0] == 0.5
    display = HistoryDisplay([0.9, float("nan"), 0.4, 0.5], best_epoch=3).plot()  # monitor="loss"
    assert display.best_point_ is not None
    assert_array_equal(display.best_point_.get_data(), [[3], [0.4]])
    nothing = HistoryDisplay([0.9, 0.4], [float("nan")] * 2, best_epoch=1).plot()
    assert nothing.best_point_ is None


def test_the_dot_of_a_real_fit() -> None:
    """Whatever was followed: the score, the loss, a scorer's number."""
    followed = {None: "accuracy", "loss": "loss", "neg_log_loss": "neg_log_loss"}
    for scoring, metric in followed.items():
        options: dict[str, Any] = {"early_stopping": True, "learning_rate_init": 0.05}
        clf = MLPClassifier(10, scoring=scoring, random_state=1, **options).fit(X, Y)
        display = HistoryDisplay.from_estimator(clf, metric=metric)
        assert display.best_point_ is not None
        assert_array_equal(display.best_point_.get_xdata(), clf.best_epoch_)


def test_columns_without_a_partner() -> None:
    clf = with_history(
        loss=[1.0, 0.5], val_loss=[1.1, 0.8], val_f1_macro=[0.2, 0.4], seconds=[1, 2]
    )
    for metric in ("val_f1_macro", "f1_macro"):
        display = HistoryDisplay.from_estimator(clf, metric=metric)
        assert [line.get_label() for line in display.lines_] == ["validation"]
        assert display.ax_.get_ylabel() == "f1 macro"
    (line,) = HistoryDisplay.from_estimator(clf, metric="val_loss").lines_
    assert_array_equal(line.get_ydata(), [1.1, 0.8])
    display = HistoryDisplay.from_estimator(clf, metric="seconds")
    assert display.lines_[0].get_label() == "seconds"
    assert display.best_line_ is None
    assert display.ax_.get_legend() is None


def test_a_metric_that_is_not_there() -> None:
    with pytest.raises(ValueError, match=r"has \['loss', 'val_r2'\]. Got 'accuracy' instead"):
        HistoryDisplay.from_estimator(with_history(loss=[1.0], val_r2=[0.1]), metric="accuracy")


def test_nan_leaves_gaps_and_lone_epochs_are_seen() -> None:
    nan = float("nan")
    (line,) = HistoryDisplay([1.0, nan, 0.8, nan, 0.5, 0.4]).plot().lines_
    assert_array_equal(line.get_ydata(), [1.0, nan, 0.8, nan, 0.5, 0.4])
    assert line.get_markevery() == [True, False, True, False, False, False]
    (line,) = HistoryDisplay([1.0, 0.5]).plot().lines_
    assert line.get_marker() == "None"
    HistoryDisplay([nan, nan]).plot().figure_.canvas.draw()


@pytest.mark.parametrize(
    ("metric", "values", "scale"),
    [
        ("loss", [1.0, 0.02], "linear"),
        ("loss", [1.0, float("nan"), 0.005], "log"),
        ("loss", [1.0, 0.0], "linear"),
        ("accuracy", [1.0, 0.005], "linear"),
    ],
)
def test_losses_of_more_than_two_decades_are_on_a_log_scale(
    metric: str, values: list[float], scale: str
) -> None:
    assert HistoryDisplay(values, metric=metric).plot().ax_.get_yscale() == scale


def labels_of(ax: Any) -> set[str]:
    ax.figure.canvas.draw()
    ticks = [*ax.yaxis.get_major_ticks(), *ax.yaxis.get_minor_ticks()]
    low, high = ax.get_ylim()
    return {t.label1.get_text() for t in ticks if low <= t.get_loc() <= high} - {""}


def test_log_ticks_are_of_one_kind() -> None:
    assert labels_of(HistoryDisplay([1.0, 1e-6]).plot().ax_) >= {"1", "0.01", "0.0001", "1e-06"}
    assert labels_of(HistoryDisplay([2.0, 0.005]).plot().ax_) == {"1", "0.1", "0.01"}
    # less than a decade
    assert labels_of(GradientFlowDisplay({0: [0.2, 0.6]}).plot().ax_) >= {"0.2", "0.3", "0.6"}
    shown = {"1e-06"} if matplotlib.__version__.startswith("3.8.") else {"2e-07", "1e-06"}
    assert labels_of(GradientFlowDisplay({0: [2e-7, 3e-6]}).plot().ax_) >= shown


def test_epochs_are_integers_and_all_in_view() -> None:
    long = HistoryDisplay(np.linspace(1, 0.5, 40)).plot()
    HistoryDisplay([1.0, 0.9, 0.8], best_epoch=2).plot(long.ax_)
    left, right = long.ax_.get_xlim()
    assert left == 0.5
    assert right >= 40
    short = HistoryDisplay([1.0, 0.9, 0.8]).plot().ax_
    shown = [tick for tick in short.get_xticks() if short.get_xlim()[0] < tick < 3.5]
    assert shown == [1, 2, 3]


def test_arguments_of_the_curves() -> None:
    (line,) = HistoryDisplay.from_estimator(with_history(loss=[1.0, 0.5]), color="red", lw=3).lines_
    assert line.get_color() == "red"
    assert line.get_linewidth() == 3


# --- GradientFlowDisplay -------------------------------------------------------------------------

MONITORED = {
    "gradient_norm_0": [1e-4, 1e-3],
    "gradient_norm_1": [1e-2, 1e-1],
    "gradient_norm_2": [1.0, 0.9],
    "activation_norm_0": [0.5, 0.6],
    "activation_norm_1": [0.4, 0.3],
    "dead_share_1": [0.0, 0.25],
}


@pytest.mark.parametrize(
    ("quantity", "layers", "scale", "label"),
    [
        ("gradient_norm", [0, 1, 2], "log", "gradient norm"),
        ("activation_norm", [0, 1], "log", "activation norm"),
        ("dead_share", [1], "linear", "share of dead units"),
    ],
)
def test_a_line_a_layer(quantity: str, layers: list[int], scale: str, label: str) -> None:
    clf = with_history(loss=[1.0, 0.5], **MONITORED)
    display = GradientFlowDisplay.from_estimator(clf, quantity=quantity)
    for line, k in zip(display.lines_, layers, strict=True):
        assert_array_equal(line.get_xydata(), [*enumerate(MONITORED[f"{quantity}_{k}"], start=1)])
    assert {text.get_text() for text in display.labels_} == {f"layer {k}" for k in layers}
    assert display.ax_.get_yscale() == scale
    assert display.ax_.get_ylabel() == label
    assert display.ax_.get_xlabel() == "epoch"


def test_shares_are_between_0_and_1() -> None:
    low, high = GradientFlowDisplay({0: [0.1, 0.2]}, quantity="dead_share").plot().ax_.get_ylim()
    assert -0.1 < low < 0
    assert 1 < high < 1.1


def test_later_layers_are_lighter() -> None:
    display = GradientFlowDisplay({k: [1.0, 2.0 + k] for k in range(6)}).plot()
    brightness = [
        mpl.colors.to_rgb(line.get_color()) @ np.array([0.3, 0.6, 0.1]) for line in display.lines_
    ]
    assert (np.diff(brightness) > 0.05).all()


@pytest.mark.parametrize("n_layers", [2, 5, 9, 30])
@pytest.mark.parametrize("n_axes", [1, 2])
def test_names_stay_apart_and_within(n_layers: int, n_axes: int) -> None:
    figure, axes = plt.subplots(n_axes, n_axes, squeeze=False)
    layers = {k: [1.0, 2.0 + 1e-3 * k] for k in range(n_layers)}  # all end at almost one place
    display = GradientFlowDisplay(layers).plot(axes[0, 0])
    figure.canvas.draw()
    boxes = [mpl.text.Text.get_window_extent(text) for text in display.labels_]
    assert not any(a.overlaps(b) for a, b in combinations(boxes, 2))
    frame = display.ax_.get_window_extent()
    assert all(frame.x0 < box.x0 and box.x1 < frame.x1 for box in boxes)
    assert all(frame.y0 - 3 < box.y0 and box.y1 < frame.y1 + 3 for box in boxes)
    names = [text.get_text() for text in display.labels_]
    assert {"layer 0", f"layer {n_layers - 1}"} <= set(names)
    if n_layers <= 9:
        assert len(names) == n_layers


def test_vanished_gradients_and_gaps() -> None:
    nan = float("nan")
    display = GradientFlowDisplay({0: [1e-3, 0.0], 1: [nan, 0.1], 2: [nan, nan]}).plot()
    display.figure_.canvas.draw()
    assert {text.get_text() for text in display.labels_} == {"layer 0", "layer 1"}
    assert GradientFlowDisplay({0: [0.0, 0.0]}).plot().ax_.get_yscale() == "linear"


def test_nothing_monitored() -> None:
    clf = with_history(loss=[1.0], gradient_norm_0=[1.0])
    with pytest.raises(ValueError, match=r"no 'dead_share'.*monitor_gradients=True"):
        GradientFlowDisplay.from_estimator(clf, quantity="dead_share")
    with pytest.raises(ValueError, match=r"'quantity' parameter must be .* Got 'loss' instead"):
        GradientFlowDisplay.from_estimator(clf, quantity="loss")
