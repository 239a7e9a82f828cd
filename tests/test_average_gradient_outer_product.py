"""Average gradient outer product of fitted estimators: against double loops over gradients."""

import naive
import numpy as np
import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression, PoissonRegressor, Ridge
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeRegressor

from rfmlearn import AGOPFeatureMap, RFMClassifier, RFMRegressor, average_gradient_outer_product
from rfmlearn.gradients import input_gradients
from rfmlearn.gradients._average import average
from rfmlearn.gradients._input_gradients import make_gradient


def data(rng, n=40):
    X = rng.normal(size=(n, 3)) * [1.0, 0.3, 5.0]
    return X, np.digitize(X[:, 0] * np.sign(X[:, 1]), [-0.5, 0.5])


def double_loop(gradient, weights, center):
    """The definition, one row and output after another."""
    weights = weights / weights.sum()
    if center:
        centers = [sum(w * g for w, g in zip(weights, rows, strict=True)) for rows in gradient]
        gradient = np.stack([rows - center for rows, center in zip(gradient, centers, strict=True)])
    return naive.agop(gradient, weights)


@pytest.mark.parametrize("center", [False, True])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("method", ["closed_form", "differences"])
@pytest.mark.parametrize("features", [None, [2, 0]])
@pytest.mark.parametrize("model", [RFMClassifier("gaussian", max_iter=1), SVC()], ids=["RFM", "SVC"])
def test_against_double_loop(model, features, method, weighted, center, rng):
    X, y = data(rng)
    model.fit(X, y)
    weights = rng.integers(0, 3, size=len(X)).astype(float) if weighted else np.ones(len(X))
    gradient = input_gradients(model, X, method="closed_form")[:, :, slice(None) if features is None else features]
    expected = double_loop(gradient, weights, center)
    options = {"center": center, "features": features, "method": method}
    options["sample_weight"] = weights if weighted else None
    tolerance = (1e-12 if method == "closed_form" else 1e-7) * np.abs(expected).max()
    whole = average_gradient_outer_product(model, X, **options)
    np.testing.assert_allclose(whole, expected, rtol=0, atol=tolerance)
    np.testing.assert_array_equal(whole, whole.T)
    parts = make_gradient(model, X, "auto", method, features, None, 10_000, None, weights, entries=9 * 7)
    assert parts.max_rows < len(X)
    summed = average(parts, X, weights / weights.sum(), center)
    np.testing.assert_allclose(summed, expected, rtol=0, atol=tolerance)


def test_weights_are_repetitions_and_zero_ones_are_not_looked_at(rng):
    X, y = data(rng)
    model = LogisticRegression().fit(X, y)
    weights = np.arange(len(X)) % 3
    expected = average_gradient_outer_product(model, np.repeat(X, weights, axis=0))
    X[weights == 0] = np.nan
    X[0] = 0.0  # the first row is looked at by the estimator in any case
    np.testing.assert_allclose(average_gradient_outer_product(model, X, sample_weight=weights), expected)


def test_center_is_exact_for_linear_models(rng):
    X, _ = data(rng)
    model = LinearRegression().fit(X, 1e6 * X @ [1.0, 2.0, 3.0])
    assert not average_gradient_outer_product(model, X, center=True).any()
    np.testing.assert_allclose(average_gradient_outer_product(model, X), np.outer(model.coef_, model.coef_))


def test_two_classes_count_twice(rng):
    X, y = data(rng)
    model = LogisticRegression().fit(X, y > 0)
    gradient = input_gradients(model, X)
    np.testing.assert_allclose(average_gradient_outer_product(model, X), 2 * naive.agop(gradient[:1]))
    decision = average_gradient_outer_product(model, X, output="decision")
    np.testing.assert_allclose(decision, model.coef_.T @ model.coef_)


def test_rows_drawn_at_random(rng):
    X, y = data(rng, n=200)
    model = RFMClassifier("gaussian", max_iter=0).fit(X, y)
    weights = rng.uniform(size=len(X))
    weights[::2] = 0.0
    seen = []

    def probability(rows):
        seen.append(rows[:, 1])
        return model.predict_proba(rows)

    first = average_gradient_outer_product(
        probability, X, sample_weight=weights, n_samples=20, random_state=0, features=[0, 2]
    )
    assert set(np.concatenate(seen[1:])) <= set(X[1::2, 1])
    assert len(set(np.concatenate(seen[1:]))) <= 20
    options = {"sample_weight": weights, "n_samples": 20, "features": [0, 2]}
    np.testing.assert_array_equal(average_gradient_outer_product(probability, X, random_state=0, **options), first)
    assert not np.array_equal(average_gradient_outer_product(probability, X, random_state=1, **options), first)
    draws = [
        average_gradient_outer_product(model, X, sample_weight=weights, n_samples=50, random_state=seed)
        for seed in range(200)
    ]
    whole = average_gradient_outer_product(model, X, sample_weight=weights)
    error = np.abs(np.mean(draws, axis=0) - whole)
    assert (error <= 5 * np.std(draws, axis=0) / np.sqrt(len(draws)) + 1e-12).all()
    np.testing.assert_array_equal(average_gradient_outer_product(model, X, sample_weight=weights, n_samples=200), whole)


def test_units_are_those_of_the_columns(rng):
    X, _ = data(rng)
    y, factor = np.sin(X[:, 0]) + X[:, 1], np.array([1.0, 1024.0, 0.25])
    model = RFMRegressor("gaussian", max_iter=1).fit(X, y)
    scaled = RFMRegressor("gaussian", max_iter=1).fit(X * factor, y)
    expected = average_gradient_outer_product(model, X)
    actual = average_gradient_outer_product(scaled, X * factor) * np.outer(factor, factor)
    np.testing.assert_allclose(actual, expected, rtol=0, atol=1e-9 * np.abs(expected).max())


def test_threads_do_not_change_it(rng):
    X, y = data(rng)
    model = SVC().fit(X, y)
    one, two = (
        average_gradient_outer_product(model, X, method="differences", batch_size=37, n_jobs=n_jobs)
        for n_jobs in (None, 2)
    )
    np.testing.assert_array_equal(one, two)


def test_frames_and_layouts(rng):
    pd, pl = pytest.importorskip("pandas"), pytest.importorskip("polars")
    X, y = data(rng)
    names = ["a", "b", "c"]
    expected = average_gradient_outer_product(RFMClassifier(max_iter=1).fit(X, y), X, features=[2, 0])
    for make in (lambda X: pd.DataFrame(X, columns=names), lambda X: pl.DataFrame(X, schema=names)):
        model = RFMClassifier(max_iter=1).fit(make(X), y)
        actual = average_gradient_outer_product(
            model, make(X), features=["c", "a"], sample_weight=np.where(np.arange(len(X)) < 30, 2.0, 2.0)
        )
        np.testing.assert_allclose(actual, expected, rtol=1e-9)
    fixed = np.asfortranarray(X)
    fixed.flags.writeable = False
    model = RFMClassifier(max_iter=1).fit(X, y)
    np.testing.assert_allclose(average_gradient_outer_product(model, fixed, features=[2, 0]), expected, rtol=1e-9)


def test_warning_of_trees_only(rng):
    X, y = data(rng)
    forest = RandomForestClassifier(5, random_state=0).fit(X, y)
    at = rng.normal(size=(50, 3)) * [1.0, 0.3, 5.0]
    with pytest.warns(UserWarning, match=r"constant around \d+ of 32 rows") as caught:
        average_gradient_outer_product(forest, at)
    assert caught[0].filename == __file__
    trend = average_gradient_outer_product(forest, at, step=0.5)
    assert np.argmin(np.diag(trend) * np.var(X, axis=0)) == 2  # the column on which the classes do not depend
    network = MLPRegressor(solver="lbfgs", max_iter=20000, alpha=1.0, random_state=0).fit(X, y)
    average_gradient_outer_product(network, at, method="differences")


def network_and_rows(rng):
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    module = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Tanh(), torch.nn.Linear(4, 2)).double()

    def f(X):
        with torch.no_grad():
            return module(torch.as_tensor(X)).numpy()

    return torch, module, f, rng.normal(size=(20, 3))


@pytest.mark.parametrize("center", [False, True])
@pytest.mark.parametrize("as_tensor", [False, True])
def test_torch_module(as_tensor, center, rng):
    torch, module, f, X = network_and_rows(rng)
    given = torch.as_tensor(X) if as_tensor else X
    weights = rng.integers(1, 4, size=len(X)).astype(float)
    gradient = naive.five_point_gradient(f, X)
    for sample_weight in (None, weights):
        actual = average_gradient_outer_product(module, given, center=center, sample_weight=sample_weight)
        expected = double_loop(gradient, weights if sample_weight is not None else np.ones(len(X)), center)
        np.testing.assert_allclose(actual, expected, rtol=0, atol=1e-8 * np.abs(expected).max())
    hidden = average_gradient_outer_product(module, given, layer="2")
    last = module[2].weight.detach().numpy()
    np.testing.assert_allclose(hidden, last.T @ last)


def test_torch_module_on_rows_drawn_at_random(rng):
    _, module, f, X = network_and_rows(rng)
    options = {"n_samples": 7, "random_state": 3, "sample_weight": np.arange(len(X))}
    expected = average_gradient_outer_product(f, X, **options)
    for rows in (X, X.tolist()):
        actual = average_gradient_outer_product(module, rows, **options)
        np.testing.assert_allclose(actual, expected, rtol=0, atol=1e-7 * np.abs(expected).max())


@pytest.mark.parametrize(
    "option", [{"output": "prediction"}, {"features": [0]}, {"step": 0.1}, {"method": "differences"}]
)
def test_options_that_torch_modules_do_not_have(option, rng):
    _, module, _, X = network_and_rows(rng)
    with pytest.raises(ValueError, match="not for torch modules.*" + next(iter(option))):
        average_gradient_outer_product(module, X, **option)


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ({"layer": "0"}, "layer='0' is for torch modules, got the estimator LinearRegression"),
        ({"n_samples": 0}, "n_samples must be None or an integer of at least 1, got 0"),
        ({"n_samples": 1.5}, "n_samples must be None or an integer of at least 1, got 1.5"),
        ({"sample_weight": np.full(40, -1.0)}, "Negative values"),
        ({"sample_weight": np.zeros(40)}, "non-zero number|positive entry"),
        ({"sample_weight": np.ones(3)}, "sample_weight"),
        ({"output": "probability"}, "predict_proba"),
        ({"random_state": "a"}, "cannot be used to seed"),
        ({"method": "nonsense"}, "method must be"),
    ],
)
def test_errors(option, message, rng):
    X, _ = data(rng)
    model = LinearRegression().fit(X, X[:, 0])
    with pytest.raises(ValueError, match=message):
        average_gradient_outer_product(model, X, **option)


@pytest.mark.parametrize("unit", [1e-120, 1e-20, 1e120])
def test_steps_are_in_units_of_the_column(unit, rng):
    X = rng.normal(size=(30, 2))
    G = average_gradient_outer_product(lambda Z: np.sin(Z[:, 0] / unit), X * unit, features=[0]) * unit * unit
    assert G[0, 0] == pytest.approx(np.mean(np.cos(X[:, 0]) ** 2), rel=1e-6)


def test_rows_of_weight_zero_are_not_looked_at(rng):
    X, y = rng.normal(size=(60, 3)), rng.normal(size=60)
    tree = DecisionTreeRegressor(max_depth=4, random_state=0).fit(X, y)
    far, weights = np.vstack([np.full(3, 1e6), X]), np.append(0.0, np.ones(60))
    expected = average_gradient_outer_product(tree, X, step=0.5)
    assert expected.max() > 0
    np.testing.assert_allclose(average_gradient_outer_product(tree, far, step=0.5, sample_weight=weights), expected)
    far[0] = np.nan
    ridge = Ridge().fit(X, y)
    np.testing.assert_allclose(
        average_gradient_outer_product(ridge, far, sample_weight=weights), np.outer(ridge.coef_, ridge.coef_)
    )


def test_weights_are_repetitions_in_the_steps_too(rng):
    X, y = rng.normal(size=(60, 3)), rng.normal(size=60)
    tree, counts = DecisionTreeRegressor(max_depth=4, random_state=0).fit(X, y), rng.integers(0, 4, 60)
    weighted = average_gradient_outer_product(tree, X, step=0.5, sample_weight=counts)
    repeated = average_gradient_outer_product(tree, np.repeat(X, counts, axis=0), step=0.5)
    np.testing.assert_allclose(weighted, repeated, rtol=1e-10)


def test_features_may_be_an_index(rng):
    pd = pytest.importorskip("pandas")
    X = pd.DataFrame(rng.normal(size=(30, 3)), columns=["a", "b", "c"])
    model = Ridge().fit(X, X["a"])
    for features in (X.columns[:2], pd.Series(["a", "b"]), np.array(["a", "b"], dtype=object)):
        assert average_gradient_outer_product(model, X, features=features).shape == (2, 2)


def test_categories_of_the_first_step_of_a_pipeline(rng):
    X = np.column_stack([rng.integers(0, 4, 60), rng.normal(size=(60, 2))])
    y = X[:, 0] + X[:, 1]
    for model in (RFMRegressor(categorical_features=[0], max_iter=0), AGOPFeatureMap(categorical_features=[0])):
        pipeline = make_pipeline(model) if hasattr(model, "predict") else make_pipeline(model, Ridge())
        with pytest.raises(ValueError, match="Column 'x0' is categorical"):
            average_gradient_outer_product(pipeline.fit(X, y), X)


@pytest.mark.parametrize("scaling", ["robust", "quantile", "standard", None])
def test_rows_out_of_all_proportion(scaling, rng):
    """What overflows on the way to a gradient of nothing is not told of, and what comes out of it is finite."""
    X, _ = data(rng)
    model = RFMRegressor(scaling=scaling, max_iter=1).fit(X, X[:, 0])
    far = np.vstack([X[:3], np.full((1, X.shape[1]), 1e308), np.full((1, X.shape[1]), -1e200)])
    assert np.isfinite(average_gradient_outer_product(model, far)).all()


def test_models_of_others_at_rows_that_they_cannot_hold(rng):
    X, _ = data(rng)
    tree = DecisionTreeRegressor(max_depth=2).fit(X, X[:, 0])
    with pytest.raises(ValueError, match="X contains infinity or a value too large"):
        average_gradient_outer_product(tree, np.where(X > 0, 1e300, X))
    with pytest.raises(ValueError, match=r"method='closed_form': DecisionTreeRegressor .* has no closed form"):
        average_gradient_outer_product(tree, X, method="closed_form")
    line = PoissonRegressor().fit(X, np.exp(X[:, 0]))
    with pytest.raises(ValueError, match="the AGOP is not finite"):
        average_gradient_outer_product(line, np.where(X > 0, 1e308, -1e308))
