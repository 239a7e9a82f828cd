"""Steps of differences: they suit what a function does inside, and warn where none is small enough."""

import warnings

import numpy as np
import pytest
from sklearn.base import BaseEstimator
from sklearn.ensemble import (
    ExtraTreesRegressor,
    GradientBoostingRegressor,
    HistGradientBoostingRegressor,
    RandomForestRegressor,
    VotingRegressor,
)
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import KBinsDiscretizer, SplineTransformer, StandardScaler
from sklearn.tree import DecisionTreeRegressor

from rfmlearn import average_gradient_outer_product as agop
from rfmlearn.gradients import input_gradients
from rfmlearn.gradients._steps import Steps, half_deviations


def f(X):
    """Of its AGOP over normal rows the diagonal is about 1, 4, 0."""
    X = np.asarray(X)
    return X[:, 0] + X[:, 1] ** 2


def rows_of(rng, n=800):
    return rng.normal(size=(n, 3))


def exact(X):
    return np.array([1.0, np.mean(4 * X[:, 1] ** 2), 0.0])


def single(X):
    return np.asarray(X, dtype=np.float32)


ROUNDING = {
    "nothing": f,
    "input": lambda X: f(single(X).astype(float)),
    "output": lambda X: single(f(X)),
    "output as double": lambda X: single(f(X)).astype(float),
    "both": lambda X: f(single(X)).astype(float),
    "an offset": lambda X: single(f(X) + 300.0).astype(float),
    "half precision": lambda X: f(X).astype(np.float16),
    "a large offset": lambda X: f(X.astype(float)) + 1e9,
    "noise": lambda X: f(X) + 1e-7 * np.random.default_rng(len(X)).normal(size=len(X)),
    "lists": lambda X: f(X).tolist(),
    "columns": lambda X: f(X)[:, None],
}


@pytest.mark.parametrize("name", ROUNDING)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_rounding_inside_of_a_smooth_function(name, dtype, rng):
    X = rows_of(rng, 200).astype(dtype)
    G = agop(ROUNDING[name], X)
    np.testing.assert_allclose(G.diagonal(), exact(X), rtol=0.02, atol=0.02)


@pytest.mark.parametrize("offset", [1e3, 2e4])
def test_columns_far_from_zero_in_single_precision(offset, rng):
    X = rows_of(rng, 200)
    G = agop(lambda X: f(single(X).astype(float) - offset), X + offset)
    np.testing.assert_allclose(G.diagonal(), exact(X), rtol=0.05, atol=0.02)


def test_smooth_functions_keep_the_smallest_step(rng):
    X = rows_of(rng, 100)
    for function in (f, lambda X: np.sin(300 * X[:, 0]), lambda X: np.maximum(X, 0).sum(axis=1)):
        np.testing.assert_array_equal(
            input_gradients(function, X), input_gradients(function, X, step=np.cbrt(np.finfo(float).eps))
        )


@pytest.mark.parametrize("make", [GaussianNB, lambda: make_pipeline(SplineTransformer(), LogisticRegression())])
def test_smooth_estimators_are_not_warned_of(make, rng):
    X = rows_of(rng, 200)
    agop(make().fit(X, f(X) > 1), X)


PIECEWISE = {
    "tree": DecisionTreeRegressor(min_samples_leaf=5),
    "forest": RandomForestRegressor(10),
    "extra trees": ExtraTreesRegressor(10),
    "boosting": GradientBoostingRegressor(),
    "histograms": HistGradientBoostingRegressor(),
    "neighbours": KNeighborsRegressor(5),
    "weighted neighbours": KNeighborsRegressor(5, weights="distance"),
    "bins": make_pipeline(KBinsDiscretizer(15), LinearRegression()),
    "part of it": VotingRegressor([("a", make_pipeline(SplineTransformer(), LinearRegression())),
                                   ("b", HistGradientBoostingRegressor())]),
}  # fmt: skip


@pytest.mark.parametrize("name", PIECEWISE)
@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.float16])
def test_piecewise_constant_models(name, dtype, rng):
    X = rows_of(rng).astype(dtype)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Bins whose width")
        model = PIECEWISE[name].fit(X, f(X.astype(float)))
    with pytest.warns(UserWarning, match="constant.* half a deviation.* step=0.5") as caught:
        G = agop(model, X)
    assert len(caught) == 1 and caught[0].filename == __file__
    np.testing.assert_allclose(G.diagonal(), exact(X.astype(float)), rtol=0.5, atol=0.2)
    agop(model, X, step=0.5)  # what was asked for needs no warning


STEPS = {
    "one threshold": (lambda X: X[:, 0] > 0, [0.35, 0.0, 0.0]),
    "and a smooth column": (lambda X: (X[:, 0] > 0) + X[:, 1], [0.35, 1.0, 0.0]),
    "whole numbers": (lambda X: np.floor(X[:, 0]).astype(np.int8), [1.1, 0.0, 0.0]),
    "far from most rows": (lambda X: 10.0 * (X[:, 0] > 2.8), [1.1, 0.0, 0.0]),
}


@pytest.mark.parametrize("case", STEPS)
def test_functions_with_few_jumps(case, rng):
    function, expected = STEPS[case]
    with pytest.warns(UserWarning, match="constant"):
        G = agop(function, rows_of(rng, 2000))
    np.testing.assert_allclose(G.diagonal(), expected, rtol=0.5, atol=1e-2)


@pytest.mark.parametrize("decimals", [2, 1, 0])
def test_rounded_output(decimals, rng):
    X = rows_of(rng)
    for function in (lambda X: f(X).round(decimals), lambda X: (10**decimals * f(X)).astype(int)):
        with pytest.warns(UserWarning, match="constant around"):
            G = agop(function, X)
        np.testing.assert_allclose(G.diagonal() / G[0, 0], exact(X), rtol=0.2, atol=0.05)


def test_noise_is_named(rng):
    X, noise = rows_of(rng), np.random.default_rng(0)
    with pytest.warns(UserWarning, match="other values for the same rows .* Fix its seed"):
        G = agop(lambda X: f(X) + 0.1 * noise.normal(size=len(X)), X)
    np.testing.assert_allclose(G.diagonal(), exact(X), rtol=0.2, atol=0.2)


def test_a_small_step_that_is_given_is_warned_of(rng):
    X = rows_of(rng)
    model = GradientBoostingRegressor().fit(X, f(X))
    for step in (1e-9, 1e-5, 1e-3, 1e-2):
        with pytest.warns(UserWarning, match="constant"):
            agop(model, X, step=step)
    for step in (1e-6, 1e-3, 1e-2):
        agop(f, X, step=step)


def test_columns_of_few_values(rng):
    X = np.column_stack([rng.integers(0, 2, 500), rng.integers(0, 7, 500), rng.integers(0, 2, 500)]).astype(float)
    model = DecisionTreeRegressor().fit(X, X[:, 0] + 2 * X[:, 1])
    with pytest.warns(UserWarning, match="constant"):
        G = agop(model, X)
    np.testing.assert_allclose(G.diagonal(), [1.0, 4.0, 0.0], atol=1e-8)


def test_a_few_large_numbers_do_not_carry_the_others_away(rng):
    X = rows_of(rng)
    X[:3, 0] = [1e4, 3e4, 1e5]
    model = RandomForestRegressor(20, min_samples_leaf=5, random_state=0).fit(X, np.clip(f(X), -10, 10))
    with pytest.warns(UserWarning, match="constant"):
        G = agop(model, X)
    np.testing.assert_allclose(G.diagonal(), [1.0, 4.0, 0.0], rtol=0.5, atol=0.2)


def test_moves_to_values_of_the_column():
    x = np.array([0.0, 1.0, 2.0, 3.0, 100.0, np.nan])[:, None]
    steps = half_deviations(x, np.array([3.0]), None)
    values = np.array([0.0, 1.0, 2.0, 3.0, 100.0])
    np.testing.assert_array_equal(steps.values[0], values)
    moved = Steps(np.array([1.2]), (values,)).move(x)[:, 0]
    expected = [[1, 0], [2, 0], [3, 1], [3, 2], [100, 3], [np.nan, np.nan]]
    np.testing.assert_array_equal(moved, expected)


@pytest.mark.parametrize("weighted", [False, True])
def test_deviations_from_quartiles_count_repetitions(weighted, rng):
    x, counts = rng.normal(size=(50, 1)) ** 3, rng.integers(1, 4, 50)
    repeated = np.repeat(x, counts, axis=0)
    one = half_deviations(x, np.array([9.0]), counts.astype(float))
    two = half_deviations(repeated, np.array([9.0]), np.ones(len(repeated)) if weighted else None)
    np.testing.assert_array_equal(one.sizes, two.sizes)
    np.testing.assert_array_equal(one.values[0], two.values[0])


@pytest.mark.parametrize("n", [1, 2, 5])
def test_few_rows(n, rng):
    X = rows_of(rng)
    np.testing.assert_allclose(input_gradients(f, X[:n])[0, :, 1], 2 * X[:n, 1], rtol=1e-6, atol=1e-6)
    with pytest.warns(UserWarning, match="constant"):
        assert agop(DecisionTreeRegressor().fit(X, f(X)), X[:n], n_samples=None).any()


class Writes(BaseEstimator):
    """A model that writes into what it is given."""

    def predict(self, X):
        values = f(X)
        if isinstance(X, np.ndarray):
            X[:] = 0.0
        else:
            X["a"] = 0.0
        return values


def test_models_that_write_into_rows_leave_the_table_alone(rng):
    pd = pytest.importorskip("pandas")
    X = rows_of(rng, 20)
    for table in (X.copy(), pd.DataFrame(X, columns=list("abc"))):
        np.testing.assert_allclose(agop(Writes(), table).diagonal(), exact(X), rtol=1e-6, atol=1e-6)
        np.testing.assert_array_equal(np.asarray(table), X)


def test_names_that_an_array_has_not_are_told_once(rng):
    pd = pytest.importorskip("pandas")
    X = rows_of(rng, 100)
    model = make_pipeline(StandardScaler(), SplineTransformer(), LinearRegression())
    model.fit(pd.DataFrame(X, columns=list("abc")), f(X))
    with pytest.warns(UserWarning, match="valid feature names") as caught:
        agop(model, X)
    assert len(caught) == 1


NOT_FINITE = {
    "NaN": (lambda X: np.where(X[:, 0] < -1, np.nan, X[:, 1]), r"at \d+ of 50 rows are NaN"),
    "infinity": (lambda X: np.where(X[:, 0] < -1, np.inf, X[:, 1]), r"at \d+ of 50 rows are NaN"),
    "large": (lambda X: 1e200 * X[:, 0] ** 2, r"as large as \S+e\+200, and their squares overflow.* smaller units"),
    "very large": (lambda X: 1e307 * X[:, 0] ** 2, "smaller units"),
}


@pytest.mark.parametrize("case", NOT_FINITE)
@pytest.mark.parametrize("options", [{}, {"center": True}, {"step": 0.1}])
def test_an_agop_that_is_not_finite(case, options, rng):
    function, message = NOT_FINITE[case]
    with pytest.raises(ValueError, match="the AGOP is not finite: .*" + message):
        agop(function, rng.normal(size=(50, 2)), **options)


def test_an_infinite_number_in_a_frame(rng):
    pd = pytest.importorskip("pandas")
    X = pd.DataFrame(rows_of(rng, 10), columns=list("abc"))
    X.loc[3, "b"] = np.inf
    with pytest.raises(ValueError, match="Column 'b' has an infinite number"):
        agop(lambda X: X["a"].to_numpy(), X)


def test_no_entry_of_the_diagonal_is_negative(rng):
    X = rng.normal(size=(200, 3))
    G = agop(lambda X: X @ [1e-3, 7.0, 1e6], X, center=True)
    assert (G.diagonal() >= 0).all()
