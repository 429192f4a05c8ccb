"""Pictures of weights: what is drawn, and what is refused."""

from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest
from plotted import (
    LABELS,
    N_FEATURES,
    QUICK,
    figures,  # noqa: F401
    fitted,
    hexes,
    regressor,
    several_labels,
    signs,
    texts,
)
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from pymlp import MLPClassifier
from pymlp.plotting import NetworkDisplay, OutputWeightsDisplay, WeightsDisplay

DISPLAYS = [WeightsDisplay, OutputWeightsDisplay, NetworkDisplay]


def images_of(display: WeightsDisplay, shape: tuple[int, int]) -> np.ndarray:
    """The images in the mosaic, row by row: cut where there is nothing but gaps."""
    mosaic = np.ma.filled(display.image_.get_array(), np.nan)

    def runs(is_empty: np.ndarray) -> list[slice]:
        edges = np.flatnonzero(np.diff(np.r_[True, is_empty, True]))
        return [slice(*pair) for pair in edges.reshape(-1, 2)]

    empty = np.isnan(mosaic)
    cells = [mosaic[r, c] for r in runs(empty.all(axis=1)) for c in runs(empty.all(axis=0))]
    found = np.array([cell for cell in cells if not np.isnan(cell).all()])
    assert found.shape[1:] == shape
    return found


# all displays


@pytest.mark.parametrize("display", DISPLAYS)
def test_from_estimator_draws_into_the_given_axes(display: Any) -> None:
    figure, ax = plt.subplots()
    options = {WeightsDisplay: {"image_shape": (3, 4)}, OutputWeightsDisplay: {"class_": "bee"}}
    drawn = display.from_estimator(fitted(), **options.get(display, {}), ax=ax)
    assert isinstance(drawn, display)
    assert drawn.ax_ is ax
    assert drawn.figure_ is figure
    again = drawn.plot()
    assert again is drawn
    assert drawn.ax_ is not ax
    drawn.figure_.canvas.draw()


@pytest.mark.parametrize("display", DISPLAYS)
def test_only_fitted_networks(display: Any) -> None:
    with pytest.raises(NotFittedError):
        display.from_estimator(MLPClassifier())
    with pytest.raises(TypeError, match="'estimator' parameter must be pymlp's MLPClassifier"):
        display.from_estimator(LogisticRegression())


def test_the_weights_that_predict_of_the_last_step() -> None:
    model = make_pipeline(StandardScaler(), MLPClassifier((6,), ema_decay=0.9, **QUICK))
    model.fit(np.random.default_rng(0).normal(size=(60, N_FEATURES)), np.resize(LABELS, 60))
    averaged = model[-1].averaged_coefs_
    images = WeightsDisplay.from_estimator(model, image_shape=(3, 4)).images
    np.testing.assert_array_equal(images.reshape(6, -1), averaged[0].T)
    bars = OutputWeightsDisplay.from_estimator(model, "ant").weights
    np.testing.assert_array_equal(bars, averaged[1][:, 0])
    np.testing.assert_array_equal(NetworkDisplay.from_estimator(model).coefs[0], averaged[0])


@pytest.mark.parametrize("display", [WeightsDisplay, NetworkDisplay])
def test_margins_are_the_layout_engines_if_there_is_one(display: Any) -> None:
    options = {WeightsDisplay: {"image_shape": (3, 4)}}.get(display, {})
    with mpl.rc_context({"figure.constrained_layout.use": True}):
        drawn = display.from_estimator(fitted(), **options)
    drawn.figure_.canvas.draw()


# WeightsDisplay


@pytest.mark.parametrize("shape", [(3, 4), (12, 1), (2, 6)])
def test_images_show_the_columns_of_the_first_layer(shape: tuple[int, int]) -> None:
    model = fitted()
    display = WeightsDisplay.from_estimator(model, image_shape=shape, grid_shape=(2, 3))
    expected = model.coefs_[0].T.reshape(-1, *shape)
    np.testing.assert_array_equal(images_of(display, shape), expected)
    assert texts(display) == [str(k) for k in range(6)]
    assert display.frames_ is None
    low, high = display.image_.get_clim()
    assert low == -high
    assert high == pytest.approx(np.percentile(np.abs(expected), 99.5))
    assert display.colorbar_.extend == "both"


def test_images_of_a_scale_of_their_own() -> None:
    model = fitted()
    model.coefs_[0][:, 2] = 0
    shape = 3, 4
    display = WeightsDisplay.from_estimator(model, image_shape=shape, scale="own")
    largest = np.abs(images_of(display, shape)).max(axis=(1, 2))
    np.testing.assert_allclose(largest, [1, 1, 0, 1, 1, 1], rtol=1e-15)
    assert display.image_.get_clim() == (-1, 1)
    assert display.colorbar_.extend == "neither"


def test_features_make_up_a_square_unless_told() -> None:
    X, y = np.eye(9), np.arange(9) % 3
    model = MLPClassifier((2,), **QUICK).fit(X, y)
    assert WeightsDisplay.from_estimator(model).images.shape == (2, 3, 3)
    with pytest.raises(ValueError, match="'image_shape' parameter must be given: 12 features"):
        WeightsDisplay.from_estimator(fitted())


def test_frames_tell_sign_and_size_of_the_output_weight() -> None:
    model = fitted()
    display = WeightsDisplay.from_estimator(model, image_shape=(3, 4), class_="bee")
    weights = model.coefs_[1][:, 1]
    order = np.argsort(-np.abs(weights))  # the strongest first
    assert hexes(display.frames_.get_edgecolors()) == signs(weights[order])
    is_dashed = [dashes is not None for _, dashes in display.frames_.get_linestyles()]
    assert is_dashed == [w < 0 for w in weights[order]]
    strength = display.frames_.get_alpha()
    assert strength[0] == 1
    assert (np.diff(strength) < 0).all()
    shown = images_of(display, (3, 4)).reshape(6, -1)
    np.testing.assert_array_equal(shown, model.coefs_[0].T[order])
    assert texts(display)[0] == f"{order[0]}: {weights[order[0]]:+.2f}".replace(
        "-", "\N{MINUS SIGN}"
    )
    assert "weight to class bee" in display.ax_.get_xlabel()


@pytest.mark.parametrize(
    ("scale", "label"),
    [(30, "0: +30.00"), (0.3, "0: +0.30"), (0.003, "0: +0.0030"), (0, "0: +0.00")],
)
def test_labels_have_as_many_decimals_as_the_weights_need(scale: float, label: str) -> None:
    display = WeightsDisplay(
        np.ones((2, 3, 3)),
        names=["0", "1"],
        title="",
        output_weights=scale * np.array([1, -0.5]),
        output_name="class 0",
    ).plot()
    assert texts(display)[0] == label


def test_frames_surround_their_images() -> None:
    display = WeightsDisplay.from_estimator(fitted(), image_shape=(3, 4), class_="bee")
    filled = ~np.isnan(np.ma.filled(display.image_.get_array(), np.nan))
    for path in display.frames_.get_paths():
        (left, top), (right, bottom) = path.vertices.min(axis=0), path.vertices.max(axis=0)
        rows = slice(int(np.ceil(top)), int(bottom) + 1)
        columns = slice(int(np.ceil(left)), int(right) + 1)
        assert filled[rows, columns].sum() == 12  # one image whole and nothing of another


@pytest.mark.parametrize(
    ("units", "expected"), [(2, [0, 1]), ([4, 1], [4, 1]), (np.array([3]), [3]), (None, range(6))]
)
def test_units_are_chosen(units: Any, expected: Any) -> None:
    display = WeightsDisplay.from_estimator(fitted(), image_shape=(3, 4), units=units)
    assert display.names == [str(k) for k in expected]
    assert ("of 6" in display.ax_.get_title()) == (len(expected) < 6)


def test_chosen_units_with_a_class() -> None:
    model = fitted()
    strongest = np.argsort(-np.abs(model.coefs_[1][:, 1]))[:2]
    options = {"image_shape": (3, 4), "class_": "bee"}
    names = WeightsDisplay.from_estimator(model, **options, units=2).names
    assert names == [str(k) for k in strongest]
    assert WeightsDisplay.from_estimator(model, **options, units=[0, 5]).names == ["0", "5"]


def test_many_units() -> None:
    model = fitted((130,))
    few = WeightsDisplay.from_estimator(model, image_shape=(3, 4))
    assert len(few.images) == 100
    assert "100 of 130" in few.ax_.get_title()
    assert few.texts_ == []  # no room for them
    every = WeightsDisplay.from_estimator(model, image_shape=(3, 4), units=130, class_="ant")
    assert len(images_of(every, (3, 4))) == len(every.frames_.get_paths()) == 130


@pytest.mark.parametrize(
    ("n_images", "shape", "grid"),
    [
        (1, (3, 3), (1, 1)),
        (10, (3, 3), (2, 5)),
        (50, (3, 3), (5, 10)),
        (7, (3, 3), (2, 4)),
        (2, (12, 1), (1, 2)),
    ],
)
def test_grid_has_few_empty_cells(n_images: int, shape: Any, grid: Any) -> None:
    images = np.ones((n_images, *shape))
    display = WeightsDisplay(images, names=["unit"] * n_images, title="").plot(scale="own")
    filled = np.isfinite(np.ma.filled(display.image_.get_array(), np.nan))
    assert filled.any(axis=1).sum() == grid[0] * shape[0]
    assert filled.any(axis=0).sum() == grid[1] * shape[1]


@pytest.mark.parametrize(
    ("model", "names", "title"),
    [
        (fitted(()), LABELS, "Weights by class"),
        (fitted((), ["no", "yes"]), ["yes"], "Weights by class"),
        (regressor(hidden=()), ["y0", "y1"], "Weights by output"),
    ],
)
def test_without_hidden_layers_images_are_templates(model: Any, names: Any, title: str) -> None:
    display = WeightsDisplay.from_estimator(model, image_shape=(3, 4))
    assert texts(display) == names
    assert display.ax_.get_title() == title


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"image_shape": (3, 5)}, r"'image_shape' .* product of 12.* Got \(3, 5\)"),
        ({"image_shape": (-3, -4)}, r"'image_shape' .* Got \(-3, -4\)"),
        ({"image_shape": 12}, "'image_shape' .* Got 12"),
        ({"units": 7}, "'units' .* count from 1 to 6.* Got 7"),
        ({"units": 0}, "'units' .* Got 0"),
        ({"units": [6]}, r"'units' .* from 0 to 5.* Got \[6\]"),
        ({"units": []}, r"'units' .* Got \[\]"),
        ({"units": [0.5]}, r"'units' .* Got \[0.5\]"),
        ({"class_": "dog"}, r"'class_' .* \['ant', 'bee', 'cat'\]. Got 'dog'"),
        ({"grid_shape": (2, 2)}, r"'grid_shape' .* room for 6 images. Got \(2, 2\)"),
        ({"scale": "log"}, "'scale' .* 'common' or 'own'. Got 'log'"),
    ],
)
def test_weights_bad_options(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        WeightsDisplay.from_estimator(fitted(), **{"image_shape": (3, 4), **options})
    assert plt.get_fignums() == []


@pytest.mark.parametrize("hidden", [(), (6, 5)])
def test_frames_need_one_hidden_layer(hidden: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=f"one hidden layer.*'bee' with {len(hidden)} hidden"):
        WeightsDisplay.from_estimator(fitted(hidden), image_shape=(3, 4), class_="bee")


# OutputWeightsDisplay


@pytest.mark.parametrize("sort", [False, True])
def test_bars_show_the_output_weights(sort: bool) -> None:
    model = fitted((8, 6))
    weights = model.coefs_[-1][:, 2]
    order = np.argsort(-weights) if sort else np.arange(6)
    display = OutputWeightsDisplay.from_estimator(model, "cat", sort=sort)
    assert [bar.get_height() for bar in display.bars_] == weights[order].tolist()
    assert hexes(bar.get_facecolor() for bar in display.bars_) == signs(weights[order])
    ticks = [label.get_text() for label in display.ax_.get_xticklabels()]
    assert ticks == [str(unit) for unit in order]
    assert display.ax_.get_ylabel() == "weight to class cat"


def test_a_crowd_of_bars_is_not_named_one_by_one() -> None:
    display = OutputWeightsDisplay.from_estimator(fitted((300,)), "ant", sort=True)
    assert len(display.bars_) == 300
    assert display.ax_.get_xlabel() == "rank of the hidden unit"
    assert len(display.ax_.get_xticks()) < 20


def test_two_classes_share_one_output() -> None:
    model = fitted(labels=[False, True])
    weights = model.coefs_[-1][:, 0]
    for class_, sign in ((True, 1), (False, -1), (np.bool_(True), 1)):
        drawn = OutputWeightsDisplay.from_estimator(model, class_).weights
        np.testing.assert_array_equal(drawn, sign * weights)


def test_output_of_a_regressor() -> None:
    model = regressor()
    default = OutputWeightsDisplay.from_estimator(model)
    np.testing.assert_array_equal(default.weights, model.coefs_[-1][:, 0])
    assert default.ax_.get_ylabel() == "weight to output 0"
    second = OutputWeightsDisplay.from_estimator(model, 1)
    np.testing.assert_array_equal(second.weights, model.coefs_[-1][:, 1])
    with pytest.raises(ValueError, match=r"'class_' parameter must be among \[0, 1\]. Got 2"):
        OutputWeightsDisplay.from_estimator(model, 2)
    single = regressor(n_outputs=1)
    drawn = OutputWeightsDisplay.from_estimator(single, 0).weights
    np.testing.assert_array_equal(drawn, single.coefs_[-1][:, 0])


def test_output_of_several_labels() -> None:
    model = several_labels()
    drawn = OutputWeightsDisplay.from_estimator(model, (1, 2)).weights
    np.testing.assert_array_equal(drawn, model.coefs_[-1][:, 5])
    with pytest.raises(ValueError, match=r"\(1, 2\)\]. Got 2 instead"):
        OutputWeightsDisplay.from_estimator(model, 2)


@pytest.mark.parametrize("class_", ["dog", None, 1])
def test_unknown_class(class_: Any) -> None:
    with pytest.raises(ValueError, match=r"\['ant', 'bee', 'cat'\]. Got"):
        OutputWeightsDisplay.from_estimator(fitted(), class_)
