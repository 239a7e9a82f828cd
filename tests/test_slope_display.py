"""Display of slopes and of local importances at the rows of a table."""

import numpy as np
import pytest
from display_data import TABLES, draw, mixed, numbers, pandas_table
from numpy.testing import assert_allclose
from sklearn.inspection import PartialDependenceDisplay
from sklearn.linear_model import LinearRegression, LogisticRegression

from rfmlearn import RFMClassifier, RFMRegressor
from rfmlearn.gradients import input_gradients
from rfmlearn.inspection import SlopeDisplay, local_importances
from rfmlearn.inspection._slope_display import swarm

pytestmark = pytest.mark.usefixtures("close_figures")


def strips(display):
    """Names and places of the points of each strip, in order."""
    names = [ax.get_ylabel() for ax in display.axes_]
    places = [np.concatenate([np.asarray(part.get_offsets())[:, 0] for part in ax.collections]) for ax in display.axes_]
    return names, places


def test_slopes_are_gradients():
    X, y = numbers(60)
    model = RFMRegressor(max_iter=1).fit(X, y)
    display = draw(SlopeDisplay.from_estimator(model, X))
    assert_allclose(display.values, input_gradients(model, X)[0])
    assert_allclose(display.importances, np.sqrt((display.values**2).mean(axis=0)) * X.std(axis=0))
    names, places = strips(display)
    order = np.argsort(-display.importances)
    assert names == [f"x{j}" for j in order] and names[0] == "x0"
    for j, place in zip(order, places, strict=True):
        assert_allclose(np.sort(place), np.sort(display.values[:, j]))


def test_importances_are_local_ones():
    X, y = numbers(40)
    model = LinearRegression().fit(X, y)
    display = draw(SlopeDisplay.from_estimator(model, X, kind="importance", baseline=X[:2]))
    assert_allclose(display.values, local_importances(model, X, baseline=X[:2]))
    assert_allclose(display.importances, np.abs(display.values).mean(axis=0))
    limits = {ax.get_xlim() for ax in display.axes_}
    assert len(limits) == 1  # one axis for all


@pytest.mark.parametrize("kind", TABLES)
def test_all_tables(kind):
    X = TABLES[kind]()
    model = RFMRegressor(max_iter=1).fit(X, mixed()[1])
    slopes = draw(SlopeDisplay.from_estimator(model, X))
    assert len(slopes.names) == X.shape[1] - (kind == "objects" or kind.startswith("p"))
    contributions = draw(SlopeDisplay.from_estimator(model, X, kind="importance"))
    assert len(contributions.names) == X.shape[1]


def test_few_columns_of_many():
    X, y = numbers(40, d=7)
    model = LinearRegression().fit(X, y)
    display = draw(SlopeDisplay.from_estimator(model, X, max_features=2))
    assert strips(display)[0] == ["x0", "x6"]
    assert "2 of 7 columns" in display.figure_._suptitle.get_text()
    figure = display.figure_
    assert display.plot(max_features=3, fig=figure).figure_ is figure


def test_classes():
    X, _ = numbers(60)
    labels = np.array(["a", "b", "c"])[np.digitize(X[:, 0], [-0.5, 0.5])]
    model = RFMClassifier(max_iter=1).fit(X, labels)
    with pytest.raises(ValueError, match="target must say which of 3 outputs"):
        SlopeDisplay.from_estimator(model, X)
    display = draw(SlopeDisplay.from_estimator(model, X, target="c"))
    assert_allclose(display.values, input_gradients(model, X)[2])
    two = LogisticRegression().fit(X, X[:, 0] > 0)
    assert_allclose(SlopeDisplay.from_estimator(two, X).values, input_gradients(two, X)[1])
    decision = SlopeDisplay.from_estimator(two, X, output="decision", target=False)
    assert_allclose(decision.values, -np.tile(two.coef_, (60, 1)))


@pytest.mark.parametrize("values", [np.zeros(5), np.r_[np.zeros(500), 1e6], np.linspace(-1, 1, 3000)])
def test_points_lie_within_their_strip(values):
    heights = swarm(values, (values.min() - 1, values.max() + 1))
    assert np.abs(heights).max() <= 0.5 and abs(heights.mean()) < 0.1
    draw(SlopeDisplay(values[:, None], np.full((len(values), 1), np.nan), ["x"]).plot())


def test_one_point_and_constants():
    draw(SlopeDisplay(np.array([[0.0]]), np.array([[3.0]]), ["x"]).plot())
    draw(SlopeDisplay(np.ones((4, 2)), np.ones((4, 2)), ["_a$", "b" * 80], kind="importance").plot())


def test_errors():
    X, y = numbers(20)
    model = LinearRegression().fit(X, y)
    with pytest.raises(ValueError, match="kind must be"):
        SlopeDisplay.from_estimator(model, X, kind="shap")
    with pytest.raises(ValueError, match='baseline is for kind="importance"'):
        SlopeDisplay.from_estimator(model, X, baseline=X)
    with pytest.raises(ValueError, match="max_features must be"):
        SlopeDisplay.from_estimator(model, X, max_features=0)
    with pytest.raises(ValueError, match="must both have shape"):
        SlopeDisplay(np.zeros((2, 2)), np.zeros((2, 3)), ["a", "b"])
    with pytest.raises(ValueError, match="nothing to draw"):
        SlopeDisplay(np.zeros((0, 1)), np.zeros((0, 1)), ["a"])
    with pytest.raises(ValueError, match="must be finite"):
        SlopeDisplay(np.array([[np.nan]]), np.zeros((1, 1)), ["a"])
    frame = pandas_table()[["colour"]]
    model = RFMRegressor(max_iter=1).fit(frame, mixed()[1])
    with pytest.raises(ValueError, match="X has no numeric column"):
        SlopeDisplay.from_estimator(model, frame)


def test_partial_dependence_of_scikit_learn():
    X = pandas_table().reset_index(drop=True).fillna({"age $": 0.0}).astype({"a&b": np.float64})
    model = RFMRegressor(max_iter=1).fit(X, mixed()[1])
    display = PartialDependenceDisplay.from_estimator(
        model, X, ["a&b", "colour", ("a&b", "age $")], categorical_features=["colour"], grid_resolution=5
    )
    number, category, pair = (result["average"] for result in display.pd_results)
    assert number.shape == (1, 5) and category.shape == (1, 2) and pair.shape == (1, 5, 5)
    green = model.predict(X.assign(colour=X["colour"].where(X["colour"] == "green", "green"))).mean()
    levels = list(display.pd_results[1]["grid_values"][0])
    assert_allclose(category[0, levels.index("green")], green)
