"""The learned map in front of other estimators: its formula, its parts, tables, pipelines, and wrong input."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.linalg import fractional_matrix_power, subspace_angles
from sklearn.datasets import load_breast_cancer
from sklearn.dummy import DummyRegressor
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestRegressor
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.neighbors import KNeighborsClassifier, NearestNeighbors
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeRegressor

from rfmlearn import AGOPFeatureMap, RFMClassifier, RFMRegressor, average_gradient_outer_product


@pytest.fixture
def data(rng):
    X = rng.normal(size=(90, 4)) * [1, 10, 0.1, 1] + [0, 5, 0, 0]
    return X, np.sin(2 * X[:, 0]) + 0.3 * X[:, 1] / 10


def frame(rng, library="pandas", n=80):
    module = pytest.importorskip(library)
    numbers = rng.normal(size=n)
    colours = rng.choice(["red", "green", "blue"], n)
    y = numbers + (colours == "red")
    numbers[::9] = np.nan
    return module.DataFrame({"a": numbers, "b": rng.normal(size=n), "colour": colours}), y


# The formula -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("power", [0.25, 0.5])
def test_formula(power, data):
    X, y = data
    fitted = AGOPFeatureMap(agop_power=power, shrinkage=0.01).fit(X, y)
    Z = StandardScaler().fit_transform(X)
    model = RFMRegressor(kernel="laplace", feature_matrix="full", scaling=None).fit(Z, y)
    assert_allclose(fitted.agop_, model.agop_, rtol=1e-8)
    root = fractional_matrix_power(0.99 * model.agop_ / model.agop_.max() + 0.01 * np.eye(4), power)
    root *= np.sqrt(4 / np.trace(root @ root))
    assert_allclose(fitted.transform(X), (Z - Z.mean(axis=0)) @ root, atol=1e-8)
    assert_allclose(fitted.feature_matrix_, root @ root, rtol=1e-8)
    assert np.trace(fitted.feature_matrix_) == pytest.approx(4)


def test_without_scaling_it_is_linear_in_the_columns(data):
    X, y = data
    fitted = AGOPFeatureMap(scaling=None).fit(X, y)
    assert_allclose(fitted.mean_, X.mean(axis=0))
    values, vectors = np.linalg.eigh(fitted.feature_matrix_)
    assert_allclose(fitted.transform(X), (X - X.mean(axis=0)) @ (vectors * np.sqrt(values)) @ vectors.T, atol=1e-10)


@pytest.mark.parametrize(
    "estimator, output",
    [
        (Ridge(), "prediction"),
        (RFMRegressor(), "prediction"),
        (LogisticRegression(), "probability"),
        (SVC(), "decision"),
    ],
)
def test_agop_of_any_estimator(estimator, output, data):
    X, y = data
    y = y if output == "prediction" else np.where(y > 0, "up", "down")
    fitted = AGOPFeatureMap(estimator).fit(X, y)
    Z = StandardScaler().fit_transform(X)
    assert type(fitted.estimator_) is type(estimator) and fitted.estimator_ is not estimator
    expected = average_gradient_outer_product(fitted.estimator_, Z, output=output)
    assert_allclose(fitted.agop_, expected, rtol=1e-8, atol=1e-12)


def test_constant_columns_inside_of_layers(data):
    X, y = np.column_stack([data[0], np.ones(90)]), data[1]
    one, two = AGOPFeatureMap().fit(X, y), AGOPFeatureMap().fit(data[0], y)
    assert_allclose(one.transform(X), two.transform(data[0]))
    assert one.coordinate_names_ == ["x0", "x1", "x2", "x3"]


# Components ------------------------------------------------------------------------------------------------------


def test_components(data):
    X, y = data
    every, two = AGOPFeatureMap().fit(X, y), AGOPFeatureMap(n_components=2).fit(X, y)
    values, vectors = np.linalg.eigh(two.agop_)
    assert_allclose(np.abs(two.components_), np.abs(vectors.T[::-1][:2]), atol=1e-10)
    assert_allclose(two.explained_gradient_ratio_, values[::-1][:2] / values.sum())
    assert (np.take_along_axis(two.components_, np.abs(two.components_).argmax(1)[:, None], 1) > 0).all()
    # Coordinates along eigenvectors of the same mapped rows.
    assert_allclose(two.transform(X), every.transform(X) @ two.components_.T, atol=1e-10)
    full = AGOPFeatureMap(n_components=4).fit(X, y)
    distances = [np.linalg.norm(m.transform(X)[0] - m.transform(X), axis=1) for m in (every, full)]
    assert_allclose(*distances)


@pytest.mark.parametrize("share", [0.3, 0.9, 0.999])
def test_share_of_the_trace(share, data):
    fitted = AGOPFeatureMap(n_components=share).fit(*data)
    ratio = AGOPFeatureMap().fit(*data).explained_gradient_ratio_
    k = fitted.n_components_
    assert ratio[:k].sum() >= share > ratio[: k - 1].sum()
    assert fitted.transform(data[0]).shape == (90, k)


def test_learned_directions_are_the_true_ones(rng):
    X = rng.normal(size=(600, 20))
    true = np.linalg.qr(rng.normal(size=(20, 2)))[0]
    index = X @ true
    fitted = AGOPFeatureMap(n_components=2).fit(X, index[:, 0] * index[:, 1])
    assert np.degrees(subspace_angles(true, fitted.components_.T)).max() < 20
    chance = np.degrees(subspace_angles(true, np.eye(20)[:, :2])).max()
    assert chance > 60


# Tables ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_frames_names_and_output(library, rng):
    X, y = frame(rng, library)
    fitted = AGOPFeatureMap(RFMRegressor(scaling=None)).fit(X, y)
    names = ["a", "b", "a_missing", "colour=blue", "colour=green", "colour=red"]
    assert fitted.coordinate_names_ == names
    plain = fitted.transform(X)
    assert plain.shape == (80, 6) and np.isfinite(plain).all()
    out = fitted.get_feature_names_out()
    assert out.tolist() == [f"agopfeaturemap{k}" for k in range(6)]
    for output in ("pandas", "polars"):
        pytest.importorskip(output)
        framed = fitted.set_output(transform=output).transform(X)
        assert type(framed).__module__.startswith(output) and list(framed.columns) == list(out)
        assert_array_equal(framed.to_numpy(), plain)


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_inverse_of_a_frame(library, rng):
    X, y = frame(rng, library)
    fitted = AGOPFeatureMap(RFMRegressor(scaling=None)).fit(X, y)
    back = fitted.inverse_transform(fitted.transform(X))
    assert type(back) is type(X) and list(back.columns) == list(X.columns)
    assert_allclose(back["a"].to_numpy(), X["a"].to_numpy(), atol=1e-8)
    assert list(back["colour"]) == list(X["colour"])


@pytest.mark.parametrize("scaling", [None, "standard", "robust", "quantile"])
def test_inverse_of_an_array(scaling, data):
    X, y = data
    fitted = AGOPFeatureMap(scaling=scaling).fit(X, y)
    assert_allclose(fitted.inverse_transform(fitted.transform(X)), X, atol=1e-7)
    few = AGOPFeatureMap(scaling=scaling, n_components=2).fit(X, y)
    mapped = few.transform(X)
    again = few.transform(few.inverse_transform(mapped))
    assert_allclose(again, mapped, atol=0.3 if scaling in ("robust", "quantile") else 1e-8)


@pytest.mark.parametrize("n_layers", [1, 2])
def test_float32_is_kept(n_layers, data):
    X, y = data[0].astype(np.float32), data[1]
    one, two = (AGOPFeatureMap(n_layers=n_layers, n_random_features=30, random_state=0).fit(A, y) for A in (X, data[0]))
    assert one.transform(X).dtype == np.float32 and two.transform(data[0]).dtype == np.float64
    if n_layers == 1:
        assert_allclose(one.transform(X), two.transform(data[0]), atol=2e-3)
        assert one.inverse_transform(one.transform(X)).dtype == np.float32


def test_read_only_and_fortran(data):
    X, y = np.asfortranarray(data[0]), data[1].copy()
    X.flags.writeable = y.flags.writeable = False
    assert_allclose(AGOPFeatureMap().fit_transform(X, y), AGOPFeatureMap().fit_transform(*data), atol=1e-10)


def test_weights_are_repetitions(data, rng):
    X, y = data
    counts = rng.integers(0, 3, 90)
    for estimator in (None, Ridge(), DecisionTreeRegressor(max_depth=3, random_state=0)):
        weighted = AGOPFeatureMap(estimator, step=0.5).fit(X, y, counts)
        repeated = AGOPFeatureMap(estimator, step=0.5).fit(np.repeat(X, counts, axis=0), np.repeat(y, counts))
        assert_allclose(weighted.transform(X), repeated.transform(X), atol=1e-6)


# In front of others ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "last", [KNeighborsClassifier(), LogisticRegression(), SVC(), HistGradientBoostingClassifier(max_iter=5)], ids=str
)
def test_pipeline_under_grid_search(last):
    X, y = load_breast_cancer(return_X_y=True)
    X, y = X[:150, :6], y[:150]
    pipeline = Pipeline([("map", AGOPFeatureMap(RFMClassifier(), n_components=3)), ("last", last)])
    grid = {"map__n_components": [2, 0.9], "map__estimator__max_iter": [0, 1]}
    search = GridSearchCV(pipeline, grid, cv=2, error_score="raise").fit(X, y)
    assert search.best_score_ > 0.8 and len(search.cv_results_["params"]) == 4


def test_regression_pipeline_with_a_frame(rng):
    X, y = frame(rng)
    scores = cross_val_score(make_pipeline(AGOPFeatureMap(), Ridge()), X, y, cv=2)
    assert scores.min() > 0.5


def test_neighbours_in_the_learned_metric_are_better(rng):
    X = rng.normal(size=(300, 15))
    y = (np.abs(X[:, 0]) > 0.67).astype(int)
    plain = cross_val_score(KNeighborsClassifier(), X, y, cv=3).mean()
    learned = cross_val_score(make_pipeline(AGOPFeatureMap(), KNeighborsClassifier()), X, y, cv=3).mean()
    assert learned > plain + 0.1


# Layers ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["relu", "fourier"])
def test_layers_against_loops(kind, data):
    X, y = data
    deep = AGOPFeatureMap(n_layers=3, random_features=kind, n_random_features=20, random_state=0).fit(X, y)
    Z = StandardScaler().fit_transform(X)
    for layer in deep.layers_:
        if layer.features is not None:
            scale = np.sqrt(2 / 20)
            rows = [
                [row @ w + b for w, b in zip(layer.features.weights.T, layer.features.offsets, strict=True)]
                for row in Z
            ]
            Z = scale * (np.maximum(rows, 0) if kind == "relu" else np.cos(rows))
        assert_allclose(layer.mean, Z.mean(axis=0), atol=1e-10)
        Z = (Z - Z.mean(axis=0)) @ layer.root
    assert_allclose(deep.transform(X), Z, atol=1e-8)
    assert deep.coordinate_names_[:2] == ["random0", "random1"] and deep.agop_.shape == (20, 20)
    assert not hasattr(deep, "inverse_transform")
    again = AGOPFeatureMap(n_layers=3, random_features=kind, n_random_features=20, random_state=0).fit(X, y)
    assert_array_equal(again.transform(X), deep.transform(X))


def test_fourier_features_approach_a_gaussian_kernel(rng):
    from rfmlearn.deep._random_features import RandomFeatures

    Z = rng.normal(size=(30, 3))
    features = RandomFeatures.draw("fourier", 40_000, Z, np.ones(30), np.random.RandomState(0))(Z)
    squares = np.square(Z[:, None] - Z).sum(axis=2)
    size = np.square(Z).sum(axis=1).mean()
    assert_allclose(features @ features.T, np.exp(-squares / (2 * size)), atol=0.03)


# Wrong input -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "parameters, message",
    [
        ({"n_components": 5}, "n_components=5 must be at most the number of coordinates, 4"),
        ({"n_components": -1}, "n_components"),
        ({"n_components": 0}, "n_components"),
        ({"n_components": 1.5}, "n_components"),
        ({"n_layers": 2, "n_random_features": 7, "n_components": 8}, "n_components=8 .* coordinates, 7"),
        ({"estimator": NearestNeighbors()}, "NearestNeighbors"),
        ({"random_features": "sine"}, "random_features"),
        ({"scaling": "minmax"}, "scaling"),
    ],
)
def test_wrong_parameters(parameters, message, data):
    with pytest.raises((ValueError, TypeError), match=message):
        AGOPFeatureMap(**parameters).fit(*data)


def test_wrong_data(data):
    X, y = data
    with pytest.raises(ValueError, match="requires y to be passed, but the target y is None"):
        AGOPFeatureMap().fit(X, None)
    with pytest.raises(NotFittedError):
        AGOPFeatureMap().transform(X)
    for wrong in (np.r_[y, 1.0], y[:-1]):
        for estimator in (None, Ridge()):
            with pytest.raises(ValueError, match="inconsistent numbers of samples"):
                AGOPFeatureMap(estimator).fit(X, wrong)
    for wrong, match in (
        (np.ones((len(y), 2, 2)), "y must have one or two dimensions, got 3"),
        ([[1.0]] * (len(y) - 1) + [[1.0, 2.0]], "y must be an array of shape"),
        (y.astype(object) + 1j, "y must hold real numbers, got .*j"),
    ):
        with pytest.raises(ValueError, match=match):
            AGOPFeatureMap().fit(X, wrong)
    with pytest.raises(ValueError, match="sample_weight contains infinity"):
        AGOPFeatureMap(Ridge()).fit(X.astype(np.float32), y, sample_weight=np.full(len(y), 1e100))
    with pytest.raises(ValueError, match="X must have rows of one length"):
        AGOPFeatureMap().fit(X, y).inverse_transform([[1.0, 2.0], [3.0]])
    with pytest.raises(ValueError, match=r"X has numbers as large as 1\.79e\+308, which stand for no row"):
        AGOPFeatureMap().fit(X, y).inverse_transform(np.full_like(X, 1.79e308))
    with np.errstate(over="ignore"), pytest.raises(ValueError, match="the AGOP is not finite"):
        AGOPFeatureMap(LinearRegression()).fit(X, y * 1e200)
    fitted = AGOPFeatureMap().fit(X, y)
    with pytest.raises(ValueError, match="3 features, but AGOPFeatureMap is expecting 4"):
        fitted.transform(X[:, :3])
    with pytest.raises(ValueError, match="X has 3 columns, but 4 components are expected"):
        fitted.inverse_transform(X[:, :3])
    with pytest.raises(ValueError, match="no column of X varies"):
        AGOPFeatureMap().fit(np.ones((5, 2)), np.arange(5.0) / 3)
    with pytest.raises(ValueError, match="fit of estimator=NoWeights takes no sample_weight"):
        AGOPFeatureMap(NoWeights()).fit(X, y, np.ones(90))


class NoWeights(LinearRegression):
    """A model that does not know of weights."""

    def fit(self, X, y):
        return super().fit(X, y)


def test_an_agop_of_zero_only_centres(data):
    X, y = data
    with pytest.warns(UserWarning, match="the AGOP is zero, .* do not depend on X, or are piecewise constant"):
        fitted = AGOPFeatureMap(DummyRegressor()).fit(X, y)
    assert_allclose(fitted.transform(X), StandardScaler().fit_transform(X), atol=1e-10)
    assert not fitted.explained_gradient_ratio_.any()


def test_trees_are_warned_of_and_get_larger_steps(data):
    tree = DecisionTreeRegressor(max_depth=3)
    with pytest.warns(UserWarning, match="the model is constant around 32 of 32 rows"):
        fitted = AGOPFeatureMap(tree).fit(*data)
    assert fitted.explained_gradient_ratio_.sum() == pytest.approx(1)
    fitted = AGOPFeatureMap(tree, step=0.5).fit(*data)
    assert fitted.explained_gradient_ratio_.sum() == pytest.approx(1)


@pytest.mark.parametrize("unit", [1e-30, 1e-20, 1e20])
def test_units_of_the_target_do_not_matter(unit, data):
    X, y = data
    expected = AGOPFeatureMap(LinearRegression()).fit(X, y).feature_matrix_
    assert_allclose(AGOPFeatureMap(LinearRegression()).fit(X, y * unit).feature_matrix_, expected, rtol=1e-6)


def test_random_state_reaches_what_is_inside_of_a_pipeline(data):
    estimator = make_pipeline(StandardScaler(), RandomForestRegressor(5, max_depth=3))
    one, two = (AGOPFeatureMap(estimator, step=0.5, random_state=0).fit(*data).agop_ for _ in range(2))
    assert_array_equal(one, two)


def test_outliers_of_robust_scaling_come_back_at_a_bound(data):
    X, y = np.vstack([data[0], [1e9, 0, 0, 0]]), np.append(data[1], 0.0)
    fitted = AGOPFeatureMap(scaling="robust").fit(X, y)
    back = fitted.inverse_transform(fitted.transform(X))
    assert_allclose(back[:-1], X[:-1], atol=1e-6)
    assert 5e4 < back[-1, 0] < 5e5
