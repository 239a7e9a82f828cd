"""Gradients of any fitted estimator: differences against analytic ones, tables, outputs, errors."""

import math

import numpy as np
import pytest
from gradient_cases import SETTINGS, assert_near, data, expected_gradient, fit
from sklearn import linear_model, neural_network, preprocessing, svm
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.exceptions import NotFittedError
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.model_selection import GridSearchCV
from sklearn.multioutput import MultiOutputClassifier
from sklearn.pipeline import make_pipeline

from rfmlearn import RFMClassifier, RFMClassifierCV, RFMRegressor, RFMRegressorCV
from rfmlearn.gradients import input_gradients
from rfmlearn.gradients._input_gradients import make_gradient


def frame_of(library, numbers, colors):
    module = pytest.importorskip(library)
    return module.DataFrame({"a": numbers[:, 0], "color": colors, "b": numbers[:, 1], "c": numbers[:, 2]})


@pytest.mark.parametrize("coding", ["one_hot", "ordinal", "target"])
@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_frames_with_categories(library, coding, rng):
    X, targets, Z = data(rng)
    colors = np.array(["red", "green", "blue"])
    table, at = (frame_of(library, numbers, colors[np.arange(len(numbers)) % 3]) for numbers in (X, Z))
    for form in ("full", "block"):
        model = RFMRegressor("gaussian", max_iter=1, categorical_encoding=coding, feature_matrix=form)
        model.fit(table, targets["one"])
        with pytest.raises(ValueError, match=r"Column 'color' is categorical .* numeric columns in features.* agop_ "):
            input_gradients(model, at)
        closed = input_gradients(model, at, features=["c", "a"], method="closed_form")
        assert closed.shape == (1, len(Z), 2)
        differences = input_gradients(model, at, features=["c", "a"], method="differences", batch_size=7)
        assert_near(differences, closed, 1e-8)


@pytest.mark.parametrize("method", ["closed_form", "differences"])
def test_column_that_the_estimator_takes_for_categories(method, rng):
    X, targets, _ = data(rng)
    X[:, 2] = np.arange(len(X)) % 3
    model = RFMRegressor(max_iter=0, categorical_features=[2]).fit(X, targets["one"])
    search = GridSearchCV(model, {"max_iter": [0]}, cv=2).fit(X, targets["one"])
    members = RFMRegressorCV(SETTINGS[:1], cv=2, categorical_features=[2], random_state=0).fit(X, targets["one"])
    for estimator in (model, search, members):
        with pytest.raises(ValueError, match="Column 'x2' is categorical"):
            input_gradients(estimator, X, method=method)
        assert input_gradients(estimator, X[:4], method=method, features=[1]).shape == (1, 4, 1)


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_frames_keep_type_names_and_the_other_columns(library):
    module = pytest.importorskip(library)
    table = module.DataFrame({"n": [1, 2, 4], "word": ["p", "q", "r"], "x": np.array([0.5, 1.5, 2.5], np.float32)})
    before = table.to_dict() if library == "pandas" else table.to_dict(as_series=False)
    seen = []

    def f(part):
        seen.append(part)
        return np.asarray(part["n"], dtype=float) ** 2 * np.asarray(part["x"], dtype=float)

    gradient = input_gradients(f, table, features=["x", "n"], batch_size=4, step=1e-3)
    n, x = np.array([1.0, 2, 4]), np.array([0.5, 1.5, 2.5])
    np.testing.assert_allclose(gradient[0], np.column_stack([n**2, 2 * n * x]), rtol=1e-3)
    assert [len(part) for part in seen[:4]] == [1, 4, 4, 4]
    for part in seen:
        assert type(part) is type(table) and list(part.columns) == ["n", "word", "x"]
        assert set(part["word"]) <= {"p", "q", "r"} and "float32" in str(part["x"].dtype).lower()
    assert before == (table.to_dict() if library == "pandas" else table.to_dict(as_series=False))


def test_names_of_features_in_scikit_learn_models(rng):
    pd = pytest.importorskip("pandas")
    X, targets, Z = data(rng)
    table, at = (pd.DataFrame(numbers, columns=["a", "b", "c"], index=[5] * len(numbers)) for numbers in (X, Z))
    model = make_pipeline(preprocessing.StandardScaler().set_output(transform="pandas"), svm.SVR())
    model.fit(table, targets["one"])
    closed = input_gradients(model, at, method="closed_form")
    assert_near(input_gradients(model, at, method="differences"), closed, 1e-8)
    with pytest.raises(ValueError, match="feature names"):
        input_gradients(model, at.rename(columns={"a": "z"}))


def test_objects_in_an_array():
    X = np.array([[1.0, "p"], [2.0, "q"]], dtype=object)
    gradient = input_gradients(lambda X: X[:, 0].astype(float) ** 2, X, features=[0])
    np.testing.assert_allclose(gradient, [[[2.0], [4.0]]], rtol=1e-9)
    with pytest.raises(ValueError, match="Column 'x1' is categorical"):
        input_gradients(lambda X: X[:, 0].astype(float), X)


def analytic(X):
    return np.column_stack([np.sin(X[:, 0]) * X[:, 1], np.exp(X[:, 2] / 100)])


def analytic_gradient(X):
    zero = np.zeros(len(X))
    first = np.column_stack([np.cos(X[:, 0]) * X[:, 1], np.sin(X[:, 0]), zero])
    return np.stack([first, np.column_stack([zero, zero, np.exp(X[:, 2] / 100) / 100])])


@pytest.mark.parametrize(
    "form", [np.asarray, np.asfortranarray, np.ndarray.tolist, lambda X: np.repeat(X, 2, axis=0)[::2]]
)
def test_differences_of_a_function(form, rng):
    X = rng.normal(size=(30, 3)) * [1.0, 5.0, 100.0]
    given = form(X)
    if isinstance(given, np.ndarray):
        given.flags.writeable = False
    gradient = input_gradients(analytic, given)
    np.testing.assert_allclose(gradient, analytic_gradient(X), rtol=0, atol=1e-9)
    np.testing.assert_array_equal(input_gradients(analytic, given, features=[2, 0]), gradient[:, :, [2, 0]])
    np.testing.assert_array_equal(input_gradients(analytic, given, features=[True, False, True]), gradient[:, :, ::2])
    np.testing.assert_array_equal(input_gradients(analytic, given, n_jobs=2, batch_size=7), gradient)


def test_differences_in_float32(rng):
    X = (rng.normal(size=(30, 3)) * [1.0, 5.0, 100.0]).astype(np.float32)
    of_columns = input_gradients(analytic, X)
    of_values = input_gradients(lambda X: analytic(X).astype(np.float32), X.astype(np.float64))
    expected = analytic_gradient(X.astype(np.float64))
    for gradient in (of_columns, of_values):
        assert gradient.dtype == np.float64
        for k in range(3):
            largest = np.abs(expected[:, :, k]).max()
            np.testing.assert_allclose(gradient[:, :, k], expected[:, :, k], rtol=0, atol=1e-3 * largest)


def test_columns_that_do_not_vary():
    X = np.column_stack([np.full(5, 0.1), np.full(5, 1e6), np.full(5, np.nan), np.arange(5.0)])
    gradient = input_gradients(lambda X: np.nan_to_num(X) ** 2, X)
    expected = np.stack([2 * np.nan_to_num(X) * (np.arange(4) == k) for k in range(4)])
    np.testing.assert_allclose(gradient, expected, rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize(("batch_size", "n_calls"), [(1_000, 20), (999, 21), (6_400, 4)])
def test_number_of_calls_and_rows(batch_size, n_calls, rng):
    X, coef, sizes = rng.normal(size=(200, 50)), rng.normal(size=50), []

    def f(part):
        sizes.append(len(part))
        return part @ coef

    gradient = input_gradients(f, X, batch_size=batch_size, step=0.1)
    np.testing.assert_allclose(gradient, np.broadcast_to(coef, (1, *X.shape)), atol=1e-7)
    assert sizes[0] == 1 and max(sizes) <= batch_size
    assert len(sizes) == 1 + n_calls and n_calls == math.ceil(2 * 50 * 200 / batch_size)
    assert sum(sizes[1:]) == 2 * 50 * 200
    sizes.clear()
    input_gradients(f, X, batch_size=batch_size)
    # Three steps at 32 rows before, a smaller one at 4 rows after it.
    assert sum(sizes) == 1 + 32 + 2 * 50 * (3 * 32 + 200 + 4) and max(sizes) <= batch_size


def test_constant_around_most_rows(rng):
    X, targets, Z = data(rng)
    forest = RandomForestRegressor(5, random_state=0).fit(X, targets["one"])
    with pytest.warns(UserWarning, match=r"constant around \d+ of 8 rows .* trees .* half a deviation.* step=0\.5"):
        input_gradients(forest, Z)
    with pytest.warns(UserWarning, match=r"constant around \d+ of 8 rows .* trees .* step=0\.5\) measures trends"):
        input_gradients(forest, Z, step=1e-6)
    trend = input_gradients(forest, Z, step=0.5)
    assert (trend != 0).any(axis=2).all()
    # Nothing to warn of: a smooth model, and one that does not vary at all.
    for model, target in [
        (neural_network.MLPRegressor(solver="lbfgs", max_iter=30, random_state=0), "one"),
        (neural_network.MLPClassifier(solver="lbfgs", max_iter=30, random_state=0), "classes2"),
    ]:
        input_gradients(fit(model, X, targets[target]), Z, method="differences")
    assert not input_gradients(lambda X: np.ones(len(X)), Z).any()


class Words(RegressorMixin, BaseEstimator):
    def predict(self, X):
        return np.full(len(X), "word")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"output": "label"}, 'output must be "auto", "prediction", .* got \'label\''),
        ({"output": "probability"}, "'probability' needs the method predict_proba, which Ridge has not"),
        ({"output": "decision"}, "'decision' needs the method decision_function, which Ridge has not"),
        ({"method": "exact"}, "method must be .* got 'exact'"),
        ({"step": 0.0}, "step must be None or a positive number, got 0.0"),
        ({"step": np.nan}, "step must be None or a positive number, got nan"),
        ({"step": 1e-30, "method": "differences"}, "step is too small for column 'x0'"),
        ({"batch_size": 0}, "batch_size must be an integer of at least 1, got 0"),
        ({"features": [3]}, r"features=\[3\] are not among the columns of X, \[0, 1, 2\]"),
        ({"features": [-1]}, r"features=\[-1\] are not among the columns"),
        ({"features": []}, r"features must be None, a boolean mask.* got \[\]"),
        ({"features": [0.5]}, r"features must be None, a boolean mask.* got \[0.5\]"),
        ({"features": [0, 0]}, r"features must not repeat columns, got \[0, 0\]"),
        ({"features": ["a"]}, "are names, but X has no column names"),
        ({"features": [True, False]}, "features as a mask must have length 3"),
        ({"X": np.zeros((2, 4))}, "X has 4 features, but Ridge is expecting 3"),
        ({"X": np.zeros(3)}, "Expected 2D array, got 1D"),
        ({"X": [[0.0, np.nan, 1.0]]}, "contains NaN"),
        ({"X": [[0.0, 1.0, 1.0], [np.nan, 1.0, 1.0]]}, "contains NaN"),
        ({"estimator": linear_model.Perceptron(), "output": "prediction"}, "predict of Perceptron gives labels"),
        ({"estimator": lambda X: X, "output": "decision"}, "'decision' needs an estimator with decision_function"),
        ({"estimator": lambda X: X[:, :, None]}, r"must have shape \(1,\) or \(1, n_outputs\) for 1 rows, got"),
        ({"estimator": lambda X: 1.0}, r"must have shape \(8,\) or \(8, n_outputs\) for 8 rows, got \(1,\)"),
    ],
)
def test_errors(change, message, rng):
    X, targets, Z = data(rng)
    given = {"estimator": linear_model.Ridge().fit(X, targets["one"]), "X": Z} | change
    with pytest.raises(ValueError, match=message):
        input_gradients(given.pop("estimator"), given.pop("X"), **given)


def test_errors_of_type(rng):
    X, targets, Z = data(rng)
    with pytest.raises(TypeError, match="must be real numbers, got <U4"):
        input_gradients(Words(), Z)
    with pytest.raises(TypeError, match="'prediction' needs the method predict, which StandardScaler has not"):
        input_gradients(preprocessing.StandardScaler().fit(X), Z)
    with pytest.raises(TypeError, match="estimator must be a fitted instance, got the class Ridge"):
        input_gradients(linear_model.Ridge, Z)
    several = MultiOutputClassifier(linear_model.LogisticRegression()).fit(X, targets["labels"])
    with pytest.raises(ValueError, match="'probability' must have shape"):
        input_gradients(several, Z)


def test_torch_module():
    torch = pytest.importorskip("torch")
    with pytest.raises(TypeError, match="torch modules: take average_gradient_outer_product"):
        input_gradients(torch.nn.Linear(3, 1), np.zeros((2, 3)))


@pytest.mark.parametrize(
    "model",
    [RFMRegressor(), RFMClassifierCV(), linear_model.Ridge(), svm.SVC(), GaussianProcessRegressor(),
     make_pipeline(preprocessing.StandardScaler(), linear_model.Ridge()), RandomForestClassifier(),
     GridSearchCV(linear_model.Ridge(), {"alpha": [1.0]})],
    ids=lambda model: type(model).__name__,
)  # fmt: skip
def test_not_fitted(model):
    with pytest.raises(NotFittedError):
        input_gradients(model, np.zeros((2, 3)))


def test_default_output(rng):
    X, targets, Z = data(rng)
    two = linear_model.LogisticRegression().fit(X, targets["classes2"])
    probability = input_gradients(two, Z)
    assert len(probability) == 2 and len(input_gradients(two, Z, output="decision")) == 1
    np.testing.assert_array_equal(probability[0], -probability[1])
    decision = svm.LinearSVC(random_state=0).fit(X, targets["classes3"])
    assert_near(input_gradients(decision, Z), expected_gradient(decision, "decision", Z), 1e-7)


def test_many_rows_go_in_parts(rng):
    X, targets, _ = data(rng)
    model = RFMClassifier("gaussian", max_iter=0).fit(X, targets["classes3"])
    for method in ("closed_form", "differences"):
        parts = make_gradient(model, X, "auto", method, None, None, 10_000, None, entries=7 * 9)
        assert parts.max_rows < len(X)
        np.testing.assert_allclose(parts.at(X), input_gradients(model, X, method=method), rtol=0, atol=1e-9)
