"""Display of an AGOP: matrix, spectrum, directions, names."""

import itertools
from types import SimpleNamespace

import numpy as np
import pytest
from display_data import draw, numbers, tick_names

from rfmlearn import AGOPFeatureMap, DeepRFMRegressor, RFMRegressor
from rfmlearn.inspection import AGOPDisplay, FeatureImportanceDisplay, NFADisplay, ProjectionDisplay
from rfmlearn.inspection._matplotlib import labels
from rfmlearn.neural import LayerAnsatz, NeuralFeatureAnsatz
from rfmlearn.recursion._spectral import eigenpairs

pytestmark = pytest.mark.usefixtures("close_figures")


def test_eigenpairs():
    factor = np.random.default_rng(0).normal(size=(5, 3))
    agop = factor @ factor.T
    values, vectors = eigenpairs(agop)
    assert (values >= 0).all() and (np.diff(values) <= 0).all()
    for value, vector in zip(values, vectors, strict=True):
        np.testing.assert_allclose(agop @ vector, value * vector, atol=1e-12)
        assert max(vector, key=abs) > 0


def test_agop_of_an_estimator(regressor):
    display = draw(AGOPDisplay.from_estimator(regressor, n_directions=2))
    np.testing.assert_array_equal(display.axes_["matrix"].images[0].get_array(), regressor.agop_)
    assert tick_names(display.axes_["matrix"].yaxis) == tick_names(display.axes_["matrix"].xaxis)
    assert tick_names(display.axes_["matrix"].yaxis) == ["x0", "x1", "x2", "x3"]
    for share, value in zip(display.share_of_trace, display.eigenvalues, strict=True):
        assert share == pytest.approx(value / np.trace(regressor.agop_))
    assert len(display.axes_["directions"]) == 2
    for k, ax in enumerate(display.axes_["directions"]):
        assert ax.get_title().startswith(f"direction {k + 1}: ")
        by_name = dict(zip(tick_names(ax.yaxis), (bar.get_width() for bar in ax.patches), strict=True))
        for name, loading in zip(regressor.coordinate_names_, display.eigenvectors[k], strict=True):
            assert by_name[name] == loading


def test_of_many_coordinates_the_largest_are_named():
    rng = np.random.default_rng(0)
    diagonal = rng.permutation(np.arange(1.0, 101.0))
    display = draw(AGOPDisplay(np.diag(diagonal), [f"c{k}" for k in range(100)]).plot(max_names=7, n_directions=1))
    expected = sorted(range(100), key=lambda k: -diagonal[k])[:7]
    assert tick_names(display.axes_["matrix"].yaxis) == [f"c{k}" for k in expected]
    np.testing.assert_array_equal(np.diag(display.axes_["matrix"].images[0].get_array()), diagonal[expected])
    assert "7 of 100" in display.axes_["matrix"].get_title()
    (ax,) = display.axes_["directions"]
    assert tick_names(ax.yaxis)[0] == f"c{expected[0]}"
    assert len(ax.patches) < 100


@pytest.mark.parametrize("shape", [(2, 3), (2, 3, 1), (2, 1, 3)])
def test_directions_as_images(shape):
    X = np.random.default_rng(0).normal(size=(40, 6))
    X[:, 4] = 1.0
    model = RFMRegressor(feature_matrix="full", max_iter=1).fit(X, X[:, 0] - X[:, 5])
    display = draw(AGOPDisplay.from_estimator(model, image_shape=shape, n_directions=1))
    by_column = dict(zip(model.coordinate_columns_, display.eigenvectors[0], strict=True))
    reach = max(map(abs, by_column.values()))
    (ax,) = display.axes_["directions"]
    drawn = np.asarray(ax.images[0].get_array()).ravel()
    for column in range(6):
        assert drawn[column] == pytest.approx(0.5 + 0.5 * by_column.get(column, 0.0) / reach)
    diagonal = dict(zip(model.coordinate_columns_, np.diag(model.agop_), strict=True))
    pixels = np.array([diagonal.get(column, 0.0) for column in range(6)]).reshape(*shape[:2], -1)
    np.testing.assert_allclose(display.axes_["diagonal"].images[0].get_array(), pixels.sum(axis=2))


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((2, 3), r"image_shape=\(2, 3\) has 6 pixels, but X had 4 columns"),
        ((4,), r"must be \(height, width\) or \(height, width, channels\), got \(4,\)"),
        ((4, 1, 1, 1), r"must be \(height, width\)"),
        (4, r"must be \(height, width\) or .*, got 4"),
        ((2.0, 2.0), r"must be \(height, width\) or .*, got \(2.0, 2.0\)"),
    ],
)
def test_images_of_another_shape(regressor, shape, message):
    with pytest.raises(ValueError, match=message):
        AGOPDisplay.from_estimator(regressor, image_shape=shape)


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ([0, 1, 1, 2], "column 1 has several"),
        ([0, 2, 3, 3], "column 3 has several"),
        ([0, 1, 2, 4], "has 4 pixels, .* a column 4"),
        ([0, 1], "one place for each of 4 coordinates, got 2"),
    ],
)
def test_columns_that_are_no_pixels(columns, message):
    with pytest.raises(ValueError, match=message):
        AGOPDisplay(np.eye(4), list("abcd"), columns=columns, image_shape=(2, 2))


def test_names_and_agop_of_different_sizes():
    with pytest.raises(ValueError, match="one name for each of 2 coordinates, got 1"):
        AGOPDisplay(np.eye(2), ["a"])


@pytest.mark.parametrize(
    ("agop", "message"),
    [
        (np.ones((3, 2)), r"square matrix, got shape \(3, 2\)"),
        (np.ones(2), r"square matrix, got shape \(2,\)"),
        ([[1.0, np.nan], [np.nan, 1.0]], "must be finite"),
        ([[np.inf, 0.0], [0.0, 1.0]], "must be finite"),
        ([[1.0, 0.5], [0.0, 1.0]], "must be symmetric, .* differ by up to 0.5"),
        (-np.eye(2), "positive semidefinite, but it has an eigenvalue -1"),
        ([[0.0, 1.0], [1.0, 0.0]], "positive semidefinite, but it has an eigenvalue -1"),
    ],
)
def test_matrices_that_are_no_agop(agop, message):
    with pytest.raises(ValueError, match=message):
        AGOPDisplay(agop, ["a", "b"])


def test_an_agop_as_lists_with_the_rounding_of_float32():
    agop = np.eye(3, 2) @ np.eye(2, 3)
    agop[2, 2] = -1e-7
    assert AGOPDisplay(agop.tolist(), list("abc")).share_of_trace.tolist() == [0.5, 0.5, 0.0]


def test_names_in_the_matrix_do_not_overlap():
    n = 40
    display = draw(AGOPDisplay(np.eye(n), [f"long_name_of_column_{k}" for k in range(n)]).plot(max_names=n))
    for axis, start, stop in (("xaxis", "x0", "x1"), ("yaxis", "y0", "y1")):
        texts = getattr(display.axes_["matrix"], axis).get_ticklabels()
        boxes = sorted((text.get_window_extent() for text in texts), key=lambda box: getattr(box, start))
        assert len(boxes) == n
        assert all(getattr(a, stop) <= getattr(b, start) for a, b in itertools.pairwise(boxes))


@pytest.mark.parametrize("image_shape", [None, (2, 3)])
def test_the_figure_has_room_for_the_directions_drawn(image_shape):
    display = AGOPDisplay(np.diag([3.0, 2.0, 1.0, 1.0, 1.0, 0.0]), list("abcdef"), image_shape=image_shape)
    assert display.figure_size(n_directions=400) == display.figure_size(n_directions=5)
    assert display.figure_size(n_directions=5)[0] > display.figure_size(n_directions=1)[0]
    panels = 5 + (image_shape is not None)
    assert display.figure_size(n_directions=5)[0] / panels == pytest.approx(3.0)


LAYERED = {
    "map of one layer": lambda X, y: AGOPFeatureMap().fit(X, y),
    "map of two layers": lambda X, y: AGOPFeatureMap(n_layers=2, n_random_features=6, random_state=0).fit(X, y),
    "deep": lambda X, y: DeepRFMRegressor(n_layers=2, n_random_features=6, random_state=0).fit(X, y),
}


@pytest.mark.parametrize("kind", LAYERED)
def test_estimators_of_layers(kind):
    """Of feature maps the last layer, of deep estimators the first, each in its own coordinates."""
    X, y = numbers(d=6)
    model = LAYERED[kind](X, y)
    display = AGOPDisplay.from_estimator(model, n_directions=1)
    start = "random" if kind == "map of two layers" else "x"
    assert tick_names(display.axes_["matrix"].yaxis) == [f"{start}{k}" for k in range(6)] == model.coordinate_names_
    points = (X - X.mean(axis=0)) / X.std(axis=0)
    if kind == "map of two layers":
        first, second = model.layers_
        points = second.features((points - first.mean) @ first.root)
    _, vectors = np.linalg.eigh(model.agop_)
    projected = ProjectionDisplay.from_estimator(model, X, y).projections
    for k in range(2):
        expected = points @ vectors[:, -1 - k]
        np.testing.assert_allclose(np.abs(projected[:, k]), np.abs(expected), atol=1e-10)


def test_random_features_are_no_pixels():
    X, y = numbers(d=6)
    with pytest.raises(ValueError, match=r"each of which comes from one column of X, .* random0, random1"):
        AGOPDisplay.from_estimator(LAYERED["map of two layers"](X, y), image_shape=(2, 3))


def test_any_object_with_an_agop_in_named_coordinates(regressor):
    parts = {name: getattr(regressor, name) for name in ("agop_", "coordinate_names_")}
    display = AGOPDisplay.from_estimator(SimpleNamespace(**parts))
    assert tick_names(display.axes_["matrix"].yaxis) == ["x0", "x1", "x2", "x3"]
    with pytest.raises(TypeError, match=r"must be one of rfmlearn for tables, .* got SimpleNamespace"):
        ProjectionDisplay.from_estimator(SimpleNamespace(**parts), numbers()[0])


@pytest.mark.parametrize("d", [1, 4])
def test_a_constant_prediction_has_no_directions(d):
    X, _ = numbers(d=d)
    display = draw(AGOPDisplay.from_estimator(RFMRegressor(max_iter=1).fit(X, np.ones(len(X)))))
    assert display.figure_.get_suptitle() == "AGOP: zero, the prediction is constant"
    assert len(display.axes_["directions"]) == 0
    assert not display.share_of_trace.any()


def test_directions_of_eigenvalue_zero_are_not_drawn():
    display = draw(AGOPDisplay(np.diag([2.0, 1.0, 0.0]), ["a", "b", "c"]).plot(n_directions=3))
    assert len(display.axes_["directions"]) == 2


def test_nothing_to_draw_where_all_columns_are_constant():
    X, y = numbers()
    model = RFMRegressor(max_iter=1).fit(np.ones_like(X), y)
    with pytest.raises(ValueError, match="all columns were constant in training"):
        AGOPDisplay.from_estimator(model)
    with pytest.raises(ValueError, match="all columns were constant in training"):
        ProjectionDisplay.from_estimator(model, np.ones_like(X))


def test_of_an_ensemble_the_heaviest_member(ensemble):
    heaviest = max(ensemble.members_, key=lambda member: sum(machine.weight for machine in member.machines))
    display = AGOPDisplay.from_estimator(ensemble)
    np.testing.assert_array_equal(display.agop, heaviest.agop.array)
    assert f"member of largest weight, {heaviest.weight:.2g}" in display.figure_.get_suptitle()


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("age", "age"),
        ("a\n b", "a b"),
        ("$x$", r"\$x\$"),
        ("_hidden", " _hidden"),
        ("mean radius of all the cells", "mean radius of…e cells"),
    ],
)
def test_label(name, expected):
    assert labels([name]) == [expected]


STATIONS = [f"temperature_at_{time}_in_celsius_at_the_station" for time in ("noon", "midnight")]


@pytest.mark.parametrize(
    "names",
    [
        STATIONS,
        [f"{'a' * 30}{letter}{'z' * 30}" for letter in "bcd"],
        ["a\nb", "a b", "c"],
        ["a", "a", " a"],
        [f"column_{'x' * k}_of_the_table" for k in range(30)],
    ],
)
def test_labels_of_different_names_differ(names):
    found = labels(names)
    assert len(set(found)) == len(names)
    assert max(map(len, found)) <= 45


def test_only_names_that_would_coincide_are_cut_less():
    assert labels(["mean radius of all the cells", *STATIONS])[0] == "mean radius of…e cells"


def test_pictures_tell_long_names_apart():
    agop = AGOPDisplay(np.eye(2), STATIONS).plot()
    importance = FeatureImportanceDisplay(np.ones((1, 2)), np.zeros((1, 2)), STATIONS).plot()
    projection = ProjectionDisplay(np.eye(2), STATIONS, classes=STATIONS).plot()
    ansatz = NeuralFeatureAnsatz([layer_of(np.eye(2), name) for name in STATIONS], power=0.5, n_samples=3)
    network = NFADisplay(ansatz).plot()
    found = [
        tick_names(agop.axes_["matrix"].xaxis),
        tick_names(agop.axes_["directions"][0].yaxis),
        tick_names(importance.ax_.yaxis),
        [text.get_text() for text in projection.ax_.get_legend().get_texts()],
        tick_names(network.axes_["correlations"].xaxis),
        [ax.get_title().partition("\n")[0] for ax in network.axes_["nfm"]],
    ]
    assert all(sorted(names) == sorted(labels(STATIONS)) for names in found)


def layer_of(agop, name="first"):
    return LayerAnsatz(name, "linear", (2, 2), np.eye(2), agop, float("nan"), float("nan"))


def test_zero_is_white_in_an_agop_that_is_zero():
    display = draw(NFADisplay(NeuralFeatureAnsatz([layer_of(np.zeros((2, 2)))], power=0.5, n_samples=3)).plot())
    (image,) = display.axes_["agop"][0].images
    assert min(image.to_rgba(np.zeros(1))[0]) > 0.9
