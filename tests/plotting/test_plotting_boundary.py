"""Regions, lines of hidden units and samples in the plane."""

from collections.abc import Iterator
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.datasets import make_blobs, make_moons
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PolynomialFeatures, StandardScaler

from pymlp import MLPClassifier, MLPRegressor
from pymlp.plotting import BoundaryDisplay

mpl.use("Agg")
import matplotlib.pyplot as plt

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

X, Y = make_moons(120, noise=0.1, random_state=0)


@pytest.fixture(autouse=True)
def _close() -> Iterator[None]:
    yield
    plt.close("all")


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
        BoundaryDisplay.from_estimator(fitted(3)[0], data, labels, **options)


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
