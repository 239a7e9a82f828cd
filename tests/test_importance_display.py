"""Display of importances, and their noise floor."""

import numpy as np
import pytest
from display_data import TABLES, draw, mixed, numbers, pandas_table, tick_names
from sklearn.ensemble import RandomForestRegressor
from sklearn.frozen import FrozenEstimator

from rfmlearn import RFMRegressor
from rfmlearn.inspection import FeatureImportanceDisplay
from rfmlearn.inspection._shuffled_copies import beside_copies

pytestmark = pytest.mark.usefixtures("close_figures")


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


@pytest.mark.parametrize("form", ["diagonal", "full"])
def test_a_matrix_to_start_from_is_that_of_the_columns_not_of_copies(form, regressor):
    X, y = numbers()
    matrix = np.array([4.0, 1.0, 1.0, 2.0])
    frozen = RFMRegressor(max_iter=1, feature_matrix="full", feature_matrix_init=FrozenEstimator(regressor)).fit(X, y)
    starts = [matrix, np.diag(matrix), matrix.tolist()]
    fits = [RFMRegressor(max_iter=1, feature_matrix=form, feature_matrix_init=start).fit(X, y) for start in starts]
    displays = [
        FeatureImportanceDisplay.from_estimator(model, X, y, n_repeats=1, random_state=0) for model in [frozen, *fits]
    ]
    assert all(display.importances.shape == (1, 4) for display in displays)
    # What the copies start from is the average of the diagonal.
    beside = RFMRegressor(max_iter=1, feature_matrix=form, feature_matrix_init=np.r_[matrix, np.full(4, 2.0)])
    expected = beside.fit(beside_copies(X, np.arange(len(X)), np.random.RandomState(0)), y).feature_importances_
    for display in displays[1:]:
        np.testing.assert_allclose(np.r_[display.importances[0], display.noise[0]], expected, rtol=1e-6)


def test_all_importances_zero():
    draw(FeatureImportanceDisplay(np.zeros((1, 2)), np.zeros((1, 2)), ["a", "b"]).plot())


def test_importances_of_other_shapes():
    with pytest.raises(ValueError, match=r"got \(1, 2\), \(2, 2\) and 2 names"):
        FeatureImportanceDisplay(np.zeros((1, 2)), np.zeros((2, 2)), ["a", "b"])
