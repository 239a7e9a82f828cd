"""Contributions of columns to differences from a baseline: their sums, known cases, errors."""

import warnings

import numpy as np
import pytest
from large_data import SMALL
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVR
from sklearn.tree import DecisionTreeRegressor

from rfmlearn import (
    AGOPFeatureMap,
    DeepRFMClassifier,
    DeepRFMRegressor,
    RFMClassifier,
    RFMClassifierCV,
    RFMRegressor,
    RFMRegressorCV,
)
from rfmlearn.inspection import local_importances
from rfmlearn.inspection._local_importances import mean_row
from rfmlearn.kernels import Points

pd = pytest.importorskip("pandas")
pl = pytest.importorskip("polars")

N = 80


def mixed(seed=0):
    """A frame of numbers, missing ones too, categories and dates, and a target."""
    rng = np.random.default_rng(seed)
    wide = np.where(np.arange(N) % 5 == 0, np.nan, 100 * rng.normal(size=N))
    colour = np.where(np.arange(N) % 7 == 0, None, rng.choice(["red", "green", "blue"], N))
    frame = pd.DataFrame({"wide": wide, "colour": colour, "narrow": rng.normal(size=N), "constant": 1.0})
    frame["day"] = pd.date_range("2020-01-01", periods=N)
    y = np.nan_to_num(wide) / 100 + (colour == "red") * (1 + frame["narrow"].to_numpy())
    return frame, y + 0.05 * rng.normal(size=N)


def check_sums(model, X, predict, **options):
    """Sums are changes from the mean row; the values."""
    values, errors = local_importances(model, X, return_error=True, **options)
    change = np.asarray(predict(X) - predict(mean_row(model, X)), dtype=float)
    change = change.reshape(len(X), -1).T.reshape(values.shape[:-1])
    assert_allclose(values.sum(axis=-1), change, rtol=0, atol=1e-6 * np.abs(change).max())
    assert errors.shape == change.shape and (errors >= 0).all()
    return values


@pytest.mark.parametrize("kernel", ["lpq_laplace", "laplace", "gaussian", "product_laplace", "sum_power_laplace"])
@pytest.mark.parametrize("form", ["diagonal", "full", "block"])
def test_sums_of_machines(kernel, form):
    X, y = mixed()
    model = RFMRegressor(kernel, feature_matrix=form, max_iter=1).fit(X, y)
    values = check_sums(model, X, model.predict)
    assert_array_equal(values[:, 3], 0.0)  # the constant
    assert np.abs(values).mean(axis=0).argmax() == 0


@pytest.mark.parametrize(
    "settings",
    [
        {"categorical_encoding": "target"},
        {"categorical_encoding": "ordinal", "scaling": "quantile"},
        {"solver": "two_level", "random_state": 0},
    ],
    ids=["target", "ordinal", "large"],
)
def test_sums_of_other_settings(settings):
    X, y = mixed()
    model = RFMRegressor(max_iter=1, **settings).fit(X, y)
    check_sums(model, X, model.predict)


@pytest.mark.parametrize("form", ["diagonal", "full", "block"])
@pytest.mark.filterwarnings("ignore:local importances")
def test_large_machines_of_many_leaves(form, monkeypatch):
    monkeypatch.setattr(RFMRegressor, "large_budget", SMALL)
    X = pd.concat([mixed(seed)[0] for seed in range(5)], ignore_index=True)
    y = np.nan_to_num(X["wide"]) / 100 + 2.0 * (X["colour"] == "red")
    model = RFMRegressor(feature_matrix=form, max_iter=1, random_state=0).fit(X, y)
    assert any((part.tree.first_rank >= 0).any() for part in model.machine_.parts if hasattr(part, "tree"))
    points = model._points(X)
    whole = model.machine_.written_out(points.widths)
    decision = whole.decision(Points.of_numbers(points.dense()))
    assert_allclose(decision, model.machine_.decision(points), atol=1e-4 * np.abs(decision).max())
    values = local_importances(model, X[:20], background=X)
    assert_allclose(values.sum(axis=1), model.predict(X[:20]) - model.predict(mean_row(model, X)), atol=1e-6)


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("kind", [RFMClassifier, RFMClassifierCV, DeepRFMClassifier])
@pytest.mark.filterwarnings("ignore:local importances")
def test_sums_of_classifiers(kind, n_classes):
    X, y = mixed()
    labels = np.array(["a", "b", "c"])[np.digitize(y, [0.3, 1.0][: n_classes - 1])]
    settings = {"effort": "low", "cv": 2} if kind is RFMClassifierCV else {"max_iter": 1}
    settings = {"n_layers": 2, "n_random_features": 32} if kind is DeepRFMClassifier else settings
    model = kind(**settings).fit(X, labels)
    check_sums(model, X, model.decision_function, output="decision")
    check_sums(model, X, lambda X: model.predict_proba(X)[:, 0], target="a")
    if n_classes == 2:
        check_sums(model, X, lambda X: model.predict_proba(X)[:, 1])
        check_sums(model, X, lambda X: -model.decision_function(X), output="decision", target="a")
    else:
        values = check_sums(model, X, model.predict_proba)
        assert values.shape == (3, N, 5)
        assert_allclose(values.sum(axis=0), 0.0, atol=0.05)


@pytest.mark.filterwarnings("ignore:local importances")
@pytest.mark.parametrize(
    "make", [lambda: RFMRegressorCV(effort="low", cv=2), lambda: DeepRFMRegressor(n_random_features=32)]
)
def test_sums_of_other_regressors(make):
    X, y = mixed()
    model = make().fit(X, y)
    check_sums(model, X, model.predict)
    many = RFMRegressor(max_iter=1).fit(X, np.column_stack([y, y**2]))
    assert check_sums(many, X, many.predict).shape == (2, N, 5)
    check_sums(many, X, lambda X: many.predict(X)[:, 1], target=1)


@pytest.mark.parametrize(
    "make",
    [
        SVR,
        lambda: MLPRegressor(hidden_layer_sizes=(16,), max_iter=200, random_state=0),
        lambda: make_pipeline(StandardScaler(), RFMRegressor(max_iter=1)),
        lambda: make_pipeline(AGOPFeatureMap(), LinearRegression()),
    ],
)
@pytest.mark.parametrize("container", [np.asarray, pd.DataFrame, pl.from_numpy])
@pytest.mark.filterwarnings("ignore")
def test_sums_of_other_estimators(make, container):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(N, 3))
    table = X if container is np.asarray else container(X, ["a", "b", "c"] if container is pl.from_numpy else None)
    if container is pd.DataFrame:
        table.columns = ["a", "b", "c"]
    model = make().fit(table, X[:, 0] * X[:, 1] + X[:, 2])
    check_sums(model, table, model.predict)


def test_search_is_looked_through():
    X, y = mixed()
    model = GridSearchCV(RFMRegressor(), {"max_iter": [1]}, cv=2).fit(X, y)
    assert_array_equal(local_importances(model, X), local_importances(model.best_estimator_, X))


def test_linear_models(rng):
    X = rng.normal(size=(N, 4))
    model = LinearRegression().fit(X, rng.normal(size=N))
    values, errors = local_importances(model, X, return_error=True)
    assert_allclose(values, model.coef_ * (X - X.mean(axis=0)), atol=1e-12)
    assert errors.max() < 1e-12
    background = rng.normal(size=(30, 4))
    values = local_importances(model, X[:3], background=background)
    assert_allclose(values, model.coef_ * (X[:3] - background.mean(axis=0)), atol=1e-12)
    assert_allclose(local_importances(model, X[:3], baseline=background), values, atol=1e-12)
    logistic = LogisticRegression().fit(X, X[:, 0] > 0)
    values = local_importances(logistic, X, output="decision")
    assert_allclose(values, logistic.coef_ * (X - X.mean(axis=0)), atol=1e-12)


def test_functions_with_known_integrals(rng):
    X = rng.normal(size=(N, 3))
    center = X.mean(axis=0)
    values = local_importances(lambda X: X[:, 0] ** 2 + np.sin(X[:, 1]), X)
    expected = [X[:, 0] ** 2 - center[0] ** 2, np.sin(X[:, 1]) - np.sin(center[1]), 0 * X[:, 2]]
    assert_allclose(values, np.transpose(expected), atol=2e-3)
    values = local_importances(lambda X: X[:, 0] * X[:, 1], X, baseline=np.zeros((1, 3)))
    half = X[:, 0] * X[:, 1] / 2
    assert_allclose(values, np.transpose([half, half, 0 * half]), atol=1e-6)


@pytest.mark.filterwarnings("ignore:local importances")
def test_machines_are_integrated_exactly(rng):
    """Against a sum over very many short segments of the gradient of the table, for a scaling that is linear."""
    X = rng.normal(size=(60, 3))
    for kernel in ("lpq_laplace", "laplace", "sum_power_laplace"):
        model = RFMRegressor(kernel, scaling="standard", feature_matrix="full", max_iter=1).fit(X, X[:, 0] * X[:, 1])
        values, errors = local_importances(model, X[:8], background=X, return_error=True)
        exact = _by_many_nodes(model, X[:8], X.mean(axis=0))
        assert (np.abs(values - exact).max(axis=1) <= errors + 1e-3 * np.abs(exact).sum(axis=1)).all()
        fine = local_importances(model, X[:8], background=X, tol=1e-4)
        assert_allclose(fine, exact, atol=2e-3 * np.abs(exact).max())


def _by_many_nodes(model, X, start, n_nodes=2000):
    from rfmlearn.gradients import input_gradients

    shares = (np.arange(n_nodes) + 0.5) / n_nodes
    path = start + shares[:, None, None] * (X - start)
    gradient = input_gradients(model, path.reshape(-1, X.shape[1])).reshape(n_nodes, *X.shape)
    return gradient.mean(axis=0) * (X - start)


def test_columns_that_are_alike_have_alike_shares(rng):
    X = rng.normal(size=(N, 2))
    both = np.concatenate([X, X[:, ::-1]])
    model = RFMRegressor(max_iter=2).fit(both, both[:, 0] * both[:, 1])
    values = local_importances(model, both, background=both)
    assert_allclose(values[:N], values[N:, ::-1], atol=1e-8)


def test_rows_stand_alone(rng):
    X = rng.normal(size=(N, 3))
    model = RFMRegressor(max_iter=1).fit(X, X[:, 0] * X[:, 1])
    values = local_importances(model, X)
    assert_allclose(local_importances(model, X[5:9], background=X), values[5:9], atol=1e-10)
    assert_array_equal(local_importances(model, X[:2], baseline=X[:1])[0], 0.0)
    average = local_importances(model, X[:4], baseline=X[:3])
    singles = [local_importances(model, X[:4], baseline=X[k : k + 1]) for k in range(3)]
    assert_allclose(average, np.mean(singles, axis=0), atol=1e-12)


def test_mean_row():
    X, y = mixed()
    row = mean_row(RFMRegressor(max_iter=1).fit(X, y), X)
    assert list(row.columns) == list(X.columns) and len(row) == 1
    assert_allclose(row[["wide", "narrow"]].to_numpy()[0], X[["wide", "narrow"]].mean())
    assert row["colour"][0] == X["colour"].mode()[0]
    assert row["day"][0] == X["day"].mean()
    X["wide"] = X["wide"].where(np.arange(N) % 3 == 0)
    assert np.isnan(mean_row(RFMRegressor(max_iter=1).fit(X, y), X)["wide"][0])


def test_a_row_that_is_compared_with_itself_is_told_of(rng):
    X = rng.normal(size=(40, 2))
    model = RFMRegressor(max_iter=1).fit(X, X[:, 0])
    with pytest.warns(UserWarning, match=r"one row, which is its own mean.* background="):
        assert_array_equal(local_importances(model, X[:1]), np.zeros((1, 2)))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        local_importances(model, X[:1], background=X)
        local_importances(model, X[:1], baseline=X[1:2])


@pytest.mark.filterwarnings("ignore:the model is constant")
def test_jumps_are_told_of(rng):
    X = rng.normal(size=(N, 2))
    model = DecisionTreeRegressor(max_depth=3).fit(X, X[:, 0])
    with pytest.warns(UserWarning, match=r"local importances of \d+ of 80 rows have errors of up to"):
        values, errors = local_importances(model, X, return_error=True)
    assert_allclose(values.sum(axis=1), model.predict(X) - model.predict(X.mean(axis=0)[None]), atol=1e-12)
    assert errors.max() > 0.01


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"tol": 0}, "tol must be a positive number, got 0"),
        ({"baseline": np.zeros((1, 2))}, "baseline must have the columns of X, x0, x1, x2, got x0, x1"),
        ({"background": np.zeros((1, 2))}, "background must have the columns of X"),
        ({"baseline": np.zeros((1, 3)), "background": np.zeros((1, 3))}, "both given"),
        ({"target": 1}, "place of one of 1 outputs, got 1"),
        ({"output": "probability"}, "has not"),
    ],
)
def test_errors(options, message, rng):
    X = rng.normal(size=(20, 3))
    model = RFMRegressor(max_iter=1).fit(X, X[:, 0])
    with pytest.raises(ValueError, match=message):
        local_importances(model, X, **options)


def test_errors_of_other_estimators(rng):
    X = pd.DataFrame({"a": rng.normal(size=20), "b": ["u", "v"] * 10})
    predict = lambda X: X["a"]  # noqa: E731
    with pytest.raises(ValueError, match="Column 'b' is categorical"):
        local_importances(predict, X)
    X["b"] = np.where(np.arange(20) == 3, np.nan, 1.0)
    with pytest.raises(ValueError, match="Column 'b' has missing numbers"):
        local_importances(predict, X)
    with pytest.raises(ValueError, match="one of the classes"):
        local_importances(LogisticRegression().fit(X[["a"]], X["a"] > 0), X[["a"]], target="no")
