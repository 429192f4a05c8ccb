"""Curves, gradient flow and decision regions: what is drawn is what the fit holds."""

import subprocess
import sys
from collections.abc import Iterator
from itertools import combinations
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.datasets import make_blobs, make_moons
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PolynomialFeatures, StandardScaler

from pymlp import MLPClassifier, MLPRegressor
from pymlp.plotting import BoundaryDisplay, GradientFlowDisplay, HistoryDisplay

mpl.use("Agg")
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


def test_matplotlib_is_imported_only_to_draw() -> None:
    code = "import sys, pymlp, pymlp.plotting; sys.exit('matplotlib' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_without_matplotlib(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ImportError, match=r"HistoryDisplay.from_estimator requires matplotlib"):
        HistoryDisplay.from_estimator(with_history(loss=[1.0]))
    with pytest.raises(ImportError, match=r"GradientFlowDisplay.plot requires matplotlib"):
        GradientFlowDisplay({0: [1.0]}).plot()


@pytest.mark.parametrize("display", [HistoryDisplay, GradientFlowDisplay, BoundaryDisplay])
def test_what_cannot_be_drawn(display: Any) -> None:
    data = [X] if display is BoundaryDisplay else []
    with pytest.raises(TypeError, match="must be an MLPClassifier"):
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


# --- BoundaryDisplay -----------------------------------------------------------------------------


def vertices(contours: Any) -> list[np.ndarray]:
    """Line pieces of a contour set, each (n, 2)."""
    return [piece for path in contours.get_paths() for piece in path.to_polygons(closed_only=False)]


def fitted(*hidden: int, n_classes: int = 2, **options: Any) -> tuple[MLPClassifier, Any, Any]:
    data, labels = make_blobs(90, centers=n_classes, random_state=1)
    options = {"solver": "lbfgs", "max_iter": 50, "random_state": 0, **options}
    return MLPClassifier(hidden, **options).fit(data, labels), data, labels


def test_lines_of_hidden_units() -> None:
    clf, data, labels = fitted(6)
    display = BoundaryDisplay.from_estimator(clf, data, labels)
    z = data @ clf.coefs_[0] + clf.intercepts_[0]
    crossing = [
        k
        for k in range(6)
        if display.pre_activations[..., k].min() < 0 < display.pre_activations[..., k].max()
    ]
    assert len(crossing) >= ((z.min(axis=0) < 0) & (z.max(axis=0) > 0)).sum() > 0
    for k, line in zip(crossing, display.unit_lines_, strict=True):
        (piece,) = vertices(line)
        w, b = clf.coefs_[0][:, k], clf.intercepts_[0][k]
        assert_allclose(piece @ w + b, 0, atol=1e-9)
        # ticks point to the left of the path, where the unit is positive
        along = piece[-1] - piece[0]
        assert np.array([-along[1], along[0]]) @ w > 0


def test_chosen_units() -> None:
    clf, data, _ = fitted(6)
    everything = BoundaryDisplay.from_estimator(clf, data, grid_resolution=20)
    some = BoundaryDisplay.from_estimator(clf, data, units=[4, 1], grid_resolution=20)
    assert_array_equal(some.pre_activations, everything.pre_activations[..., [4, 1]])
    assert BoundaryDisplay.from_estimator(clf, data, units=[]).unit_lines_ == []
    for units in ([6], -1, [0.5]):
        with pytest.raises(ValueError, match=r"'units' parameter must .* which has 6, counted"):
            BoundaryDisplay.from_estimator(clf, data, units=units)


@pytest.mark.parametrize("n_classes", [2, 4])
@pytest.mark.parametrize("loss", ["log_loss", "hinge"])
def test_regions_are_the_predictions(n_classes: int, loss: str) -> None:
    clf, data, labels = fitted(5, n_classes=n_classes, loss=loss)
    display = BoundaryDisplay.from_estimator(clf, data, labels, grid_resolution=30)
    grid = np.c_[display.xx0.ravel(), display.xx1.ravel()]
    predicted = clf.predict(grid)
    for k, region in zip(np.unique(predicted), display.surface_, strict=True):
        (path,) = region.get_paths()
        assert path.contains_points(grid[predicted == k]).mean() > 0.8  # the rest is on the frame
        assert not path.contains_points(grid[predicted != k]).any()


@pytest.mark.parametrize("n_classes", [2, 3])
def test_softmax_regression_has_boundaries_and_no_unit(n_classes: int) -> None:
    clf, data, labels = fitted(n_classes=n_classes)
    display = BoundaryDisplay.from_estimator(clf, data, labels)
    assert display.unit_lines_ == []
    assert len(display.boundary_) == n_classes - 1
    for edge in display.boundary_:
        for piece in vertices(edge):
            best = np.sort(clf.predict_proba(piece))[:, -2:]
            assert_allclose(best[:, 0], best[:, 1], atol=0.02)


def test_samples_and_legend() -> None:
    clf, data, labels = fitted(3, n_classes=3)
    names = np.array(["ant", "bee", "cat"])
    clf.fit(data, names[labels])
    display = BoundaryDisplay.from_estimator(clf, data, names[labels])
    for k, points in enumerate(display.points_):
        assert_array_equal(points.get_offsets(), data[labels == k])
    markers = {points.get_paths()[0].vertices.tobytes() for points in display.points_}
    assert len(markers) == 3
    legend = [text.get_text() for text in display.ax_.get_legend().get_texts()]
    assert legend == ["ant", "bee", "cat"]
    bare = BoundaryDisplay.from_estimator(clf, data)
    assert bare.points_ == []
    legend = [text.get_text() for text in bare.ax_.get_legend().get_texts()]
    assert legend == ["ant", "bee", "cat"]


def test_classes_differ_in_grey() -> None:
    clf, data, labels = fitted(3, n_classes=4)
    display = BoundaryDisplay.from_estimator(clf, data, labels)
    grey = [
        region.get_facecolor()[0, :3] @ np.array([0.3, 0.59, 0.11]) for region in display.surface_
    ]
    assert (np.diff(grey) > 0.05).all()
    assert min(grey) > 0.6  # light enough for lines and samples


def test_more_classes_than_markers() -> None:
    clf, data, labels = fitted(4, n_classes=12)
    assert len(BoundaryDisplay.from_estimator(clf, data, labels).points_) == 12


def test_limits_follow_the_samples() -> None:
    clf, data, _ = fitted(3)
    display = BoundaryDisplay.from_estimator(clf, data, margin=0.5)
    spread = np.ptp(data, axis=0)
    low, high = data.min(axis=0) - 0.5 * spread, data.max(axis=0) + 0.5 * spread
    assert_allclose(np.transpose([display.ax_.get_xlim(), display.ax_.get_ylim()]), [low, high])
    flat = BoundaryDisplay.from_estimator(clf, [[1.0, 2.0]], margin=0.5)
    assert_allclose(flat.ax_.get_xlim(), [0.5, 1.5])


@pytest.mark.parametrize("set_output", ["default", "pandas"])
def test_pipelines_draw_in_the_units_of_the_data(set_output: Any) -> None:
    frame = pd.DataFrame(X * [1, 100] + [5, 0], columns=["length", "mass"])
    pipe = make_pipeline(StandardScaler(), MLPClassifier(4, solver="lbfgs", random_state=0))
    pipe.set_output(transform=set_output).fit(frame, Y)
    display = BoundaryDisplay.from_estimator(pipe, frame, Y)
    assert display.unit_lines_
    net = pipe[-1]
    for line in display.unit_lines_:
        for piece in vertices(line):
            x = np.asarray(pipe[:-1].transform(pd.DataFrame(piece, columns=frame.columns)))
            z = x @ net.coefs_[0] + net.intercepts_[0]
            assert np.abs(z).max(axis=0).min() < 1e-9
    assert (display.ax_.get_xlabel(), display.ax_.get_ylabel()) == ("length", "mass")


def test_units_of_features_made_of_two_are_curves() -> None:
    pipe = make_pipeline(PolynomialFeatures(2), MLPClassifier(3, solver="lbfgs", random_state=0))
    pipe.fit(X, Y)
    display = BoundaryDisplay.from_estimator(pipe, X, Y)
    assert len(display.unit_lines_) > 0
    for line in display.unit_lines_:
        for piece in vertices(line):
            z = pipe[:-1].transform(piece) @ pipe[-1].coefs_[0] + pipe[-1].intercepts_[0]
            assert np.abs(z).max(axis=0).min() < 1e-2


def test_the_lines_are_those_of_the_weights_that_predict() -> None:
    clf = MLPClassifier(3, ema_decay=0.99, max_iter=3, random_state=0).fit(X, Y)
    display = BoundaryDisplay.from_estimator(clf, X, grid_resolution=5)
    grid = np.stack([display.xx0, display.xx1], axis=-1)
    z = grid @ clf.averaged_coefs_[0] + clf.averaged_intercepts_[0]
    assert_allclose(display.pre_activations, z)


def test_surface_of_a_regressor() -> None:
    target = np.sin(3 * X[:, 0]) + X[:, 1]
    reg = MLPRegressor(hidden_layer_sizes=(8,), solver="lbfgs", random_state=0).fit(X, target)
    display = BoundaryDisplay.from_estimator(reg, X, target, grid_resolution=40)
    grid = np.c_[display.xx0.ravel(), display.xx1.ravel()]
    assert_array_equal(display.response.ravel(), reg.predict(grid))
    assert display.colorbar_ is not None
    assert display.colorbar_.ax.get_ylabel() == "prediction"
    (points,) = display.points_
    assert_array_equal(points.get_offsets(), X)
    assert_array_equal(points.get_array(), target)
    assert points.norm is display.surface_.norm  # samples and surface by one scale
    assert display.unit_lines_
    assert display.boundary_ == []


def test_a_constant_surface() -> None:
    reg = MLPRegressor(hidden_layer_sizes=(2,), max_iter=1, random_state=0).fit(X, X[:, 0])
    reg.coefs_ = [np.zeros_like(W) for W in reg.coefs_]
    display = BoundaryDisplay.from_estimator(reg, X)
    display.figure_.canvas.draw()
    assert display.unit_lines_ == []


def test_one_class_wins_everywhere() -> None:
    clf, data, labels = fitted(3, n_classes=3)
    clf.intercepts_[-1] = np.array([1e6, 0.0, 0.0])
    display = BoundaryDisplay.from_estimator(clf, data, labels)
    assert len(display.surface_) == 1
    assert display.boundary_ == []
    assert len(display.points_) == 3


@pytest.mark.parametrize(
    ("data", "labels", "options", "message"),
    [
        (np.c_[X, X], Y, {}, "X must have 2 features to be drawn. Got 4 instead"),
        (X, Y[1:], {}, "inconsistent numbers of samples"),
        (X, Y + 1, {}, "`y` has classes not in `self.classes_`"),
        (X, Y, {"grid_resolution": 1}, "grid_resolution == 1, must be >= 2"),
        (X, Y, {"margin": -0.1}, "margin == -0.1, must be >= 0"),
    ],
)
def test_bad_input(data: Any, labels: Any, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        BoundaryDisplay.from_estimator(with_history(loss=[1.0]), data, labels, **options)


def test_networks_that_have_no_plane() -> None:
    many = MLPClassifier(3, max_iter=1, random_state=0)
    with pytest.raises(ValueError, match="one label of two or more classes"):
        BoundaryDisplay.from_estimator(many.fit(X, np.c_[Y, 1 - Y]), X)
    several = MLPRegressor(hidden_layer_sizes=3, max_iter=1, random_state=0).fit(X, X)
    with pytest.raises(ValueError, match="regressors of one target"):
        BoundaryDisplay.from_estimator(several, X)
    wide = MLPClassifier(3, max_iter=1, random_state=0).fit(np.c_[X, X], Y)
    with pytest.raises(ValueError, match="X has 2 features, but MLPClassifier is expecting 4"):
        BoundaryDisplay.from_estimator(wide, X)
