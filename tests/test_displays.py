"""Displays of models of tables: what is in them, against loops; how they look is for eyes."""

import itertools
import sys
from types import SimpleNamespace

import numpy as np
import pytest
from sklearn.ensemble import RandomForestRegressor
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from rfmlearn import (
    AGOPFeatureMap,
    DeepRFMClassifier,
    DeepRFMRegressor,
    RFMClassifier,
    RFMRegressor,
    RFMRegressorCV,
)
from rfmlearn.inspection import AGOPDisplay, FeatureImportanceDisplay, NFADisplay, ProjectionDisplay, RFMPathDisplay
from rfmlearn.inspection._learned_agop import eigenpairs
from rfmlearn.inspection._matplotlib import labels
from rfmlearn.inspection._shuffled_copies import beside_copies
from rfmlearn.neural import LayerAnsatz, NeuralFeatureAnsatz

matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("Agg")
plt = pytest.importorskip("matplotlib.pyplot")
pd = pytest.importorskip("pandas")
pl = pytest.importorskip("polars")


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def numbers(n=60, d=4):
    X = np.random.default_rng(0).normal(size=(n, d))
    return X, X[:, 0] + 0.5 * X[:, -1]


@pytest.fixture(scope="module")
def regressor():
    return RFMRegressor(feature_matrix="full", max_iter=2).fit(*numbers())


@pytest.fixture(scope="module")
def ensemble():
    X, y = numbers()
    return RFMRegressorCV(settings=[{"max_iter": 1}, {"kernel": "gaussian", "max_iter": 1}], cv=2).fit(X, y)


def mixed(n=40):
    rng = np.random.default_rng(1)
    age = np.where(np.arange(n) % 7 == 0, np.nan, rng.normal(size=n))
    columns = {"age $": age, "a&b": rng.normal(size=n), "colour": np.array(["red", "green"])[np.arange(n) % 2]}
    return columns, (np.arange(n) % 2) + 0.1 * rng.normal(size=n)


def pandas_table():
    columns, _ = mixed()
    return pd.DataFrame(columns, index=np.zeros(40)).astype({"colour": "category", "a&b": np.float32})


TABLES = {
    "float64": lambda: numbers(40)[0],
    "float32": lambda: numbers(40)[0].astype(np.float32),
    "objects": lambda: np.array(list(zip(*mixed()[0].values(), strict=True)), dtype=object),
    "pandas": pandas_table,
    "pandas, names that are no strings": lambda: pandas_table().set_axis(range(3), axis=1),
    "pandas, names like those of copies": lambda: pandas_table().set_axis(["a", "a_shuffled", "b"], axis=1),
    "polars": lambda: pl.DataFrame(mixed()[0]),
}


def draw(display):
    display.figure_.canvas.draw()
    return display


def tick_names(axis):
    return [text.get_text() for text in axis.get_ticklabels()]


# The AGOP


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
    n = 60
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
    display = draw(AGOPDisplay.from_estimator(model, n_directions=1))
    start = "random" if kind == "map of two layers" else "x"
    assert tick_names(display.axes_["matrix"].yaxis) == [f"{start}{k}" for k in range(6)] == model.coordinate_names_
    points = (X - X.mean(axis=0)) / X.std(axis=0)
    if kind == "map of two layers":
        first, second = model.layers_
        points = second.features((points - first.mean) @ first.root)
    _, vectors = np.linalg.eigh(model.agop_)
    projected = draw(ProjectionDisplay.from_estimator(model, X, y)).projections
    for k in range(2):
        expected = points @ vectors[:, -1 - k]
        np.testing.assert_allclose(np.abs(projected[:, k]), np.abs(expected), atol=1e-10)


def test_random_features_are_no_pixels():
    X, y = numbers(d=6)
    with pytest.raises(ValueError, match=r"each of which comes from one column of X, .* random0, random1"):
        AGOPDisplay.from_estimator(LAYERED["map of two layers"](X, y), image_shape=(2, 3))


def test_any_object_with_an_agop_in_named_coordinates(regressor):
    parts = {name: getattr(regressor, name) for name in ("agop_", "coordinate_names_")}
    display = draw(AGOPDisplay.from_estimator(SimpleNamespace(**parts)))
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
    display = draw(AGOPDisplay.from_estimator(ensemble))
    np.testing.assert_array_equal(display.agop, heaviest.agop)
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
    agop = draw(AGOPDisplay(np.eye(2), STATIONS).plot())
    importance = draw(FeatureImportanceDisplay(np.ones((1, 2)), np.zeros((1, 2)), STATIONS).plot())
    projection = draw(ProjectionDisplay(np.eye(2), STATIONS, classes=STATIONS).plot())
    ansatz = NeuralFeatureAnsatz([layer_of(np.eye(2), name) for name in STATIONS], power=0.5, n_samples=3)
    network = draw(NFADisplay(ansatz).plot())
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


# Importances


@pytest.mark.parametrize("kind", TABLES)
def test_copies_are_shuffled_columns(kind):
    X, rows = TABLES[kind](), np.arange(3, 40)
    both = beside_copies(X, rows, np.random.RandomState(0))
    assert type(both) is type(X)
    d = X.shape[1]
    assert both.shape == (40, 2 * d)
    if not isinstance(X, np.ndarray):
        names = list(both.columns)
        assert len(set(names)) == 2 * d and all(isinstance(name, str) for name in names)
        assert list(both.dtypes)[:d] == list(both.dtypes)[d:] == list(X.dtypes)
    before, after = np.array(X, dtype=object).tolist(), np.array(both, dtype=object).tolist()
    moved = 0
    for j in range(d):
        assert [str(row[j]) for row in after] == [str(row[j]) for row in before]
        assert [str(row[d + j]) for row in after[:3]] == [str(row[j]) for row in before[:3]]
        assert sorted(str(row[d + j]) for row in after) == sorted(str(row[j]) for row in before)
        moved += any(str(row[d + j]) != str(row[j]) for row in after)
    assert moved == d


@pytest.mark.parametrize("kind", TABLES)
def test_importances_of_all_tables(kind):
    X = TABLES[kind]()
    model = RFMRegressor(max_iter=1).fit(X, mixed()[1])
    display = draw(FeatureImportanceDisplay.from_estimator(model, X, mixed()[1], n_repeats=2, random_state=0))
    assert display.importances.shape == display.noise.shape == (2, X.shape[1])
    np.testing.assert_allclose((display.importances + display.noise).sum(axis=1), 1.0)
    if kind.startswith("p"):
        assert display.above_noise[2] and display.importances[:, 2].min() > 0.5  # the colour decides


@pytest.mark.parametrize(
    "categorical_features", [[False, False, True], [2], ["colour"], "from_dtype"], ids=["mask", "index", "name", "type"]
)
def test_copies_of_categories_are_categories(categorical_features):
    X, y = pandas_table(), mixed()[1]
    parameters = {"max_iter": 1, "categorical_features": categorical_features}
    model = RFMRegressor(**parameters).fit(X, y)
    display = FeatureImportanceDisplay.from_estimator(model, X, y, n_repeats=1, random_state=3)
    both = beside_copies(X, np.arange(40), np.random.RandomState(3))
    expected = RFMRegressor(max_iter=1, categorical_features=[2, 5]).fit(both, y).feature_importances_
    np.testing.assert_array_equal(np.concatenate([display.importances[0], display.noise[0]]), expected)
    assert model.get_params()["categorical_features"] == categorical_features


def test_categories_of_an_array_stay_categories():
    X, y = numbers(40, 2)
    X = np.column_stack([np.arange(40) % 3, X])
    model = RFMRegressor(max_iter=1, categorical_features=[0]).fit(X, y)
    display = FeatureImportanceDisplay.from_estimator(model, X, y, n_repeats=1, random_state=3)
    both = beside_copies(X, np.arange(40), np.random.RandomState(3))
    expected = RFMRegressor(max_iter=1, categorical_features=[0, 3]).fit(both, y).feature_importances_
    np.testing.assert_array_equal(np.concatenate([display.importances[0], display.noise[0]]), expected)


def test_noise_by_loops():
    rng = np.random.default_rng(0)
    importances, noise = rng.uniform(size=(3, 6)), 0.8 * rng.uniform(size=(3, 6))
    display = draw(FeatureImportanceDisplay(importances, noise, list("abcdef")).plot(max_features=4))
    threshold = np.quantile([noise[r, j] for r in range(3) for j in range(6)], 0.95)
    for j in range(6):
        mean = sum(importances[r, j] for r in range(3)) / 3
        floor = max(noise[r, j] for r in range(3))
        assert display.floor[j] == floor
        assert display.above_noise[j] == (mean > floor and mean > threshold)
    assert 0 < display.above_noise.sum() < 6
    order = sorted(range(6), key=lambda j: -importances[:, j].mean())[:4]
    assert tick_names(display.ax_.yaxis) == ["abcdef"[j] for j in order]
    by_place = {round(bar.get_y() + bar.get_height() / 2): bar for bar in display.ax_.patches}
    colors = {bool(display.above_noise[j]): by_place[k].get_facecolor() for k, j in enumerate(order)}
    assert len(colors) == len(set(colors.values())) == 2
    for k, j in enumerate(order):
        assert by_place[k].get_width() == pytest.approx(importances[:, j].mean())
        assert by_place[k].get_facecolor() == colors[bool(display.above_noise[j])]
    assert "4 drawn" in display.ax_.get_title()


def test_what_matters_is_above_the_noise():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(150, 5))
    y = X[:, 1] + np.sin(2 * X[:, 3])
    for model in (RFMRegressor(max_iter=2), RandomForestRegressor(20, random_state=0)):
        display = FeatureImportanceDisplay.from_estimator(model.fit(X, y), X, y, random_state=0)
        assert display.above_noise[[1, 3]].all()
        mean = display.importances.mean(axis=0)
        assert mean[[1, 3]].min() > 5 * display.threshold
        # One of the others may exceed the threshold by chance, but not by much.
        assert mean[[0, 2, 4]].max() < 2 * display.threshold


def test_rows_of_weight_zero_do_not_count():
    X, y = numbers(40)
    weights = np.r_[np.zeros(5), np.ones(35)]
    model, found = RFMRegressor(max_iter=1), []
    model.fit(X, y, weights)
    for value in (0.0, 9.0):
        X[:5] = value
        parts = {"n_repeats": 2, "random_state": 0, "sample_weight": weights}
        found.append(FeatureImportanceDisplay.from_estimator(model, X, y, **parts))
    np.testing.assert_array_equal(found[0].importances, found[1].importances)
    np.testing.assert_array_equal(found[0].noise, found[1].noise)


def test_a_matrix_to_start_from_says_nothing_of_copies(regressor):
    X, y = numbers()
    start = RFMRegressor(max_iter=1, feature_matrix_init=np.ones(4)).fit(X, y)
    with pytest.raises(ValueError, match="feature_matrix_init must be a fitted estimator or None here"):
        FeatureImportanceDisplay.from_estimator(start, X, y)
    start = RFMRegressor(max_iter=1, feature_matrix="full", feature_matrix_init=regressor).fit(X, y)
    display = FeatureImportanceDisplay.from_estimator(start, X, y, n_repeats=1)
    assert display.importances.shape == (1, 4)


def test_all_importances_zero():
    draw(FeatureImportanceDisplay(np.zeros((1, 2)), np.zeros((1, 2)), ["a", "b"]).plot())


def test_importances_of_other_shapes():
    with pytest.raises(ValueError, match=r"got \(1, 2\), \(2, 2\) and 2 names"):
        FeatureImportanceDisplay(np.zeros((1, 2)), np.zeros((2, 2)), ["a", "b"])


# Rounds


def test_path_of_an_estimator():
    X, y = numbers()
    model = RFMRegressor(max_iter=3).fit(X[:40], y[:40], X_val=X[40:], y_val=y[40:])
    display = draw(RFMPathDisplay.from_estimator(model))
    assert list(display.axes_) == ["loss", "alignment", "effective_rank"]
    keys = {
        "training": "train_loss",
        "leave-one-out": "leave_one_out_loss",
        "validation": "validation_loss",
    }
    lines = {line.get_label(): line for line in display.axes_["loss"].lines}
    for text, key in keys.items():
        np.testing.assert_array_equal(lines[text].get_xdata(), [0, 1, 2, 3])
        np.testing.assert_array_equal(lines[text].get_ydata(), [record[key] for record in model.history_])
    for name in ("alignment", "effective_rank"):
        drawn = display.axes_[name].lines[0].get_ydata()
        np.testing.assert_array_equal(drawn, [record[name] for record in model.history_])
    for ax in display.axes_.values():
        (kept,) = [line for line in ax.lines if line.get_label() == "round kept"]
        assert list(kept.get_xdata()) == [model.n_iter_] * 2


def test_rounds_of_which_something_is_missing():
    history = [{"n_iter": 0, "leave_one_out_loss": None}, {"n_iter": 1, "leave_one_out_loss": 0.5}]
    display = draw(RFMPathDisplay(history).plot())
    assert list(display.axes_) == ["loss"]
    np.testing.assert_array_equal(display.values("leave_one_out_loss"), [np.nan, 0.5])
    assert [text.get_text() for text in display.axes_["loss"].get_legend().get_texts()] == ["leave-one-out"]


@pytest.mark.parametrize("history", [[], [{"seconds": 1.0}], [{"train_loss": 1.0}], [{"n_iter": 0}]])
def test_histories_without_rounds(history):
    with pytest.raises(ValueError, match="history must be records with n_iter or layer and some of train_loss"):
        RFMPathDisplay(history)


def test_rounds_of_several_layers():
    history = [{"layer": layer, "n_iter": n_iter, "train_loss": 1.0} for layer in range(2) for n_iter in range(2)]
    with pytest.raises(ValueError, match=r"increasing n_iter, got \[0, 1, 0, 1\]: pass one layer"):
        RFMPathDisplay(history)


@pytest.mark.parametrize("Deep", [DeepRFMRegressor, DeepRFMClassifier])
def test_path_of_layers(Deep):
    X, y = numbers()
    y = y > 0 if Deep is DeepRFMClassifier else y
    model = Deep(n_layers=3, n_random_features=8, random_state=0).fit(X, y, X_val=X[:9], y_val=y[:9])
    display = draw(RFMPathDisplay.from_estimator(model))
    panels = {"loss": ["train_loss", "leave_one_out_loss", "validation_loss"], "effective_rank": ["effective_rank"]}
    if Deep is DeepRFMClassifier:
        panels |= {"nc1": ["nc1", "nc1_mapped"], "nc2": ["nc2", "nc2_mapped"]}
    assert list(display.axes_) == list(panels)
    for panel, keys in panels.items():
        *lines, kept = display.axes_[panel].lines
        assert list(kept.get_xdata()) == [model.best_layer_] * 2
        assert display.axes_[panel].get_xlabel() == "layer"
        for line, key in zip(lines, keys, strict=True):
            np.testing.assert_array_equal(line.get_xdata(), [0, 1, 2])
            np.testing.assert_array_equal(line.get_ydata(), [record[key] for record in model.history_])


def test_an_estimator_without_rounds(ensemble):
    with pytest.raises(TypeError, match=r"must have history_, .* but RFMRegressorCV is without history_"):
        RFMPathDisplay.from_estimator(ensemble)


# Projections


@pytest.mark.parametrize("which", ["single", "ensemble"])
def test_projections_against_loops(which, regressor, ensemble):
    model, (X, y) = (regressor if which == "single" else ensemble), numbers()
    display = draw(ProjectionDisplay.from_estimator(model, X, y))
    if which == "single":
        encoder, agop = model._encoder, model.agop_
    else:
        heaviest = max(model.members_, key=lambda member: member.weight)
        encoder, agop = heaviest.encoder, heaviest.agop
        assert f"largest weight, {heaviest.weight:.2g}" in display.ax_.get_title()
    points = encoder.transform(X).dense()
    _, vectors = np.linalg.eigh(agop)
    for k in range(2):
        direction = vectors[:, -1 - k]
        direction = direction * np.sign(max(direction, key=abs))
        for i in range(len(X)):
            assert display.projections[i, k] == pytest.approx(sum(points[i] * direction), abs=1e-10)
    (drawn,) = display.ax_.collections
    np.testing.assert_array_equal(drawn.get_offsets(), display.projections)
    np.testing.assert_array_equal(drawn.get_array(), y)


def test_classes_have_a_legend():
    X, y = numbers()
    names = np.array(["_no", "yes $"])[(y > 0).astype(int)]
    display = draw(ProjectionDisplay.from_estimator(RFMClassifier(max_iter=1).fit(X, names), X, names))
    assert [text.get_text() for text in display.ax_.get_legend().get_texts()] == [" _no", r"yes \$"]
    for name, drawn in zip(["_no", "yes $"], display.ax_.collections, strict=True):
        np.testing.assert_array_equal(drawn.get_offsets(), display.projections[names == name])


def colors_by_name(display):
    return {drawn.get_label(): (tuple(drawn.get_facecolor()[0]), len(drawn.get_offsets())) for drawn in points(display)}


def points(display):
    return display.ax_.collections


def test_colors_do_not_depend_on_the_classes_present():
    X, _ = numbers()
    y = np.array(["a", "b", "c"])[np.arange(60) % 3]
    model = RFMClassifier(max_iter=0).fit(X, y)
    everything = colors_by_name(draw(ProjectionDisplay.from_estimator(model, X, y)))
    some = colors_by_name(draw(ProjectionDisplay.from_estimator(model, X[y != "a"], y[y != "a"])))
    assert list(everything) == ["a", "b", "c"] and len(set(everything.values())) == 3
    assert some == {name: everything[name] for name in "bc"}


def test_of_many_classes_the_first_nine_have_colors():
    classes = np.arange(13)
    y = np.repeat(np.delete(classes, 3), 2)
    display = draw(ProjectionDisplay(np.zeros((len(y), 2)), y, classes=classes).plot())
    names = [*map(str, range(9)), "4 other classes"]
    assert [name for name, _ in display.groups()] == names
    for k, (_, rows) in enumerate(display.groups()):
        assert set(y[rows]) == ({9, 10, 11, 12} if k == 9 else {k} - {3})
    assert list(colors_by_name(display)) == [name for name in names if name != "3"]


MISSING = {
    "numbers": ([1.0, np.nan, 3.0], None),
    "objects": ([1, None, 3], None),
    "nullable numbers": (pd.Series([1, None, 3], dtype="Int64"), None),
    "labels": (["a", None, "b"], ["a", "b"]),
    "nullable labels": (pd.Series([1, None, 2], dtype="Int64"), [1, 2]),
    "category": (pd.Series(["a", None, "b"], dtype="category"), ["a", "b"]),
    "polars": (pl.Series(["a", None, "b"]), ["a", "b"]),
    "many classes": (["a", None, "l"], list("abcdefghijkl")),
}


@pytest.mark.parametrize("kind", MISSING)
def test_rows_of_missing_targets_are_gray(kind):
    y, classes = MISSING[kind]
    display = draw(ProjectionDisplay(np.array([[0.0, 1.0], [2.0, 3.0], [4.0, 5.0]]), y, classes=classes).plot())
    (missing,) = [drawn for drawn in points(display) if drawn.get_label() == "missing"]
    assert missing.get_offsets().tolist() == [[2.0, 3.0]]
    red, green, blue, _ = missing.get_facecolor()[0]
    assert red == green == blue
    assert sum(len(drawn.get_offsets()) for drawn in points(display)) == 3
    assert "missing" in [text.get_text() for text in display.ax_.get_legend().get_texts()]


def test_all_targets_missing():
    for classes in (None, ["a"]):
        display = draw(ProjectionDisplay(np.zeros((2, 2)), [None, None], classes=classes).plot())
        assert sum(len(drawn.get_offsets()) for drawn in points(display)) == 2


@pytest.mark.parametrize("estimator", [None, RFMRegressor(max_iter=0), RandomForestRegressor(2)])
def test_classes_of_a_feature_map_are_those_it_was_fitted_to(estimator):
    X, _ = numbers()
    y = np.arange(60) % 12
    display = ProjectionDisplay.from_estimator(AGOPFeatureMap(estimator, step=1.0).fit(X, y), X[:30], y[:30] % 3)
    expected = range(12) if estimator is None else range(3)
    assert list(display.classes) == list(expected)


@pytest.mark.parametrize(("target", "classes"), [("numbers", False), ("names", True), ("few numbers", True)])
def test_targets_of_a_transformer(regressor, target, classes):
    """Neither classifier nor regressor, like a feature map."""
    X, y = numbers()
    y = {"numbers": y, "names": np.where(y > 0, "a", "b"), "few numbers": (y > 0).astype(int)}[target]
    parts = {name: getattr(regressor, name) for name in ("agop_", "coordinate_names_", "_encoder", "_check_X")}
    feature_map = SimpleNamespace(fit=None, **parts, __sklearn_is_fitted__=lambda: True, __sklearn_tags__=tags)
    display = draw(ProjectionDisplay.from_estimator(feature_map, X, y))
    assert (display.classes is not None) == classes


def tags():
    return SimpleNamespace(estimator_type="transformer", requires_fit=True)


def test_a_single_direction():
    X, y = numbers(d=1)
    display = draw(ProjectionDisplay.from_estimator(RFMRegressor(max_iter=1).fit(X, y), X))
    assert display.projections.shape == (60, 1)
    np.testing.assert_array_equal(display.ax_.collections[0].get_offsets()[:, 1], np.arange(60))
    assert display.ax_.get_ylabel() == "row"


@pytest.mark.parametrize("Model", [RFMRegressor, RFMClassifier])
def test_targets_in_a_column(Model):
    X, y = numbers()
    y = y if Model is RFMRegressor else (y > 0).astype(int)
    model = Model(max_iter=0).fit(X, y)
    for column in (y[:, np.newaxis], pd.DataFrame({"y": y})):
        np.testing.assert_array_equal(ProjectionDisplay.from_estimator(model, X, column).y, y)


@pytest.mark.parametrize(
    ("Model", "y", "message"),
    [
        (RFMRegressor, np.zeros(3), "inconsistent numbers of samples"),
        (RFMRegressor, np.zeros((60, 2)), r"y must have shape \(60,\) .* \(60, 2\); of several outputs, pass one"),
        (RFMRegressor, ["a"] * 60, "y must be numbers, .* 'a'"),
        (RFMRegressor, np.full(60, np.inf), "y must be finite or missing"),
        (RFMClassifier, np.full(60, "b"), "labels that are not among the classes: b; these are False, True"),
        (RFMClassifier, np.zeros((60, 2)), r"y must have shape \(60,\)"),
    ],
)
def test_targets_that_do_not_fit(Model, y, message):
    X, target = numbers()
    model = Model(max_iter=0).fit(X, target > 0 if Model is RFMClassifier else target)
    with pytest.raises(ValueError, match=message):
        ProjectionDisplay.from_estimator(model, X, y)
    assert plt.get_fignums() == []


def test_projections_of_three_directions():
    with pytest.raises(ValueError, match=r"shape \(m, 1\) or \(m, 2\), got \(5, 3\)"):
        ProjectionDisplay(np.zeros((5, 3)))


# All of them

X_ALL, Y_ALL = numbers()
DISPLAYS = {
    "AGOPDisplay": lambda model, **where: AGOPDisplay.from_estimator(model, **where),
    "FeatureImportanceDisplay": lambda model, **where: FeatureImportanceDisplay.from_estimator(
        model, X_ALL, Y_ALL, n_repeats=1, **where
    ),
    "RFMPathDisplay": lambda model, **where: RFMPathDisplay.from_estimator(model, **where),
    "ProjectionDisplay": lambda model, **where: ProjectionDisplay.from_estimator(model, X_ALL, **where),
}
IN_FIGURES = ("AGOPDisplay", "RFMPathDisplay")


@pytest.mark.parametrize("name", DISPLAYS)
def test_not_fitted(name):
    with pytest.raises(NotFittedError):
        DISPLAYS[name](RFMRegressor())


AROUND = {
    "Pipeline": (lambda: make_pipeline(StandardScaler(), RFMRegressor(max_iter=0)), "of a Pipeline, pass the step"),
    "GridSearchCV": (
        lambda: GridSearchCV(RFMRegressor(max_iter=0), {"alpha": [1.0]}, cv=2),
        "pass its best_estimator_",
    ),
}
NEEDED = {
    "AGOPDisplay": "agop_ and coordinate_names_",
    "FeatureImportanceDisplay": "feature_importances_",
    "RFMPathDisplay": "history_",
    "ProjectionDisplay": "agop_ and coordinate_names_",
}


@pytest.mark.parametrize("around", AROUND)
@pytest.mark.parametrize("name", DISPLAYS)
def test_what_stands_around_an_estimator_has_not_what_is_drawn(name, around):
    make, advice = AROUND[around]
    model = make().fit(X_ALL, Y_ALL)
    with pytest.raises(TypeError, match=rf"must have {NEEDED[name]}.*, but {around} is without .*; .*{advice}"):
        DISPLAYS[name](model)
    with pytest.raises(NotFittedError):
        DISPLAYS[name](make())


@pytest.mark.parametrize("name", DISPLAYS)
def test_a_figure_or_axes_given_are_used_and_plot_can_be_repeated(name, regressor):
    left, right = plt.figure(layout="constrained").subfigures(1, 2)
    where = [{"fig": left}, {"fig": right}]
    if name not in IN_FIGURES:
        where = [{"ax": left.add_subplot()}, {"ax": right.add_subplot()}]
    display = DISPLAYS[name](regressor, **where[0])
    assert display.figure_ is left
    assert display.plot(**where[1]) is display
    assert display.figure_ is right
    assert len(left.axes) == len(right.axes) >= 1
    assert len(plt.get_fignums()) == 1


@pytest.mark.parametrize("name", DISPLAYS)
def test_without_matplotlib(name, regressor, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    monkeypatch.setattr(RFMRegressor, "fit", None)  # not called in vain
    with pytest.raises(ImportError, match=rf'{name}.plot needs matplotlib: pip install "rfmlearn\[plot\]"'):
        DISPLAYS[name](regressor)


@pytest.mark.parametrize(
    ("name", "parameter"),
    [
        ("AGOPDisplay", "n_directions"),
        ("AGOPDisplay", "max_names"),
        ("FeatureImportanceDisplay", "n_repeats"),
        ("FeatureImportanceDisplay", "max_features"),
    ],
)
@pytest.mark.parametrize("value", [0, 1.5, True])
def test_counts_are_positive_integers(name, parameter, value, regressor):
    Display = {"AGOPDisplay": AGOPDisplay, "FeatureImportanceDisplay": FeatureImportanceDisplay}[name]
    data = () if name == "AGOPDisplay" else (X_ALL, Y_ALL)
    with pytest.raises(ValueError, match=f"{parameter} must be an integer of at least 1, got {parameter}={value}"):
        Display.from_estimator(regressor, *data, **{parameter: value})
