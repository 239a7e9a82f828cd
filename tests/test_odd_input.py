"""What is merely odd works, without warnings and with finite results."""

import warnings

import numpy as np
import pytest
from estimator_data import ESTIMATORS, KERNELS
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from odd_data import data, outputs

from rfmlearn import RFMClassifier, RFMRegressor


@pytest.fixture(params=ESTIMATORS)
def Estimator(request):
    return request.param


@pytest.mark.parametrize("kernel", KERNELS)
def test_repeated_rows_with_different_targets(Estimator, kernel):
    X = np.repeat(data(10)[0], 6, axis=0)
    model = Estimator(kernel, max_iter=2).fit(X, np.tile([0, 1, 1], 20))
    (first, *_) = outputs(model, X)
    expected = 2 / 3 if Estimator is RFMRegressor else np.tile([1 / 3, 2 / 3], (60, 1))
    assert_allclose(first, np.broadcast_to(expected, first.shape), atol=0.02)


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("scale", [1e300, 1e-300, 1e-310])
def test_scales_of_columns(Estimator, kernel, scale):
    X, y = data()
    X[:, 0] *= scale
    model = Estimator(kernel, max_iter=2).fit(X, y)
    outputs(model, X)
    assert np.argmax(model.feature_importances_) == 0


@pytest.mark.parametrize("scale", [1e300, 1e-300])
def test_new_points_out_of_all_proportion(Estimator, scale):
    X, y = data()
    model = Estimator(max_iter=2).fit(X, y)
    outputs(model, np.sign(X) * scale)
    outputs(Estimator(max_iter=1).fit(X, y, X_val=np.sign(X) * scale, y_val=y), X)


@pytest.mark.parametrize("scale", [1e300, 1e-300, 1e-310])
@pytest.mark.parametrize("kernel", KERNELS)
def test_scales_of_targets(kernel, scale):
    X, _ = data()
    y = X[:, 0] + 0.3 * X[:, 1]
    (found,) = outputs(RFMRegressor(kernel, max_iter=2).fit(X, y * scale), X)
    expected = RFMRegressor(kernel, max_iter=2).fit(X, y).predict(X)
    assert_allclose(found / scale, expected, rtol=1e-6 if scale > 1e-305 else 1e-3, atol=1e-6)


def test_largest_targets():
    X, _ = data()
    largest = np.finfo(float).max / 100  # scikit-learn sums targets to see whether they are finite
    outputs(RFMRegressor(max_iter=1).fit(X, np.sign(X[:, 0]) * largest), X)


def test_single_precision_with_targets_beyond_it():
    X, _ = data()
    model = RFMRegressor(max_iter=1).fit(X.astype(np.float32), 1e200 * X[:, 0])
    assert np.isfinite(model.predict(X.astype(np.float32))).all()


@pytest.mark.parametrize("value", [0.0, 0.1, -1e300, 1e-300])
def test_constant_target(value):
    X, _ = data()
    assert_array_equal(RFMRegressor(max_iter=2).fit(X, np.full(30, value)).predict(2 * X), value)


def test_nearly_constant_target():
    X, _ = data()
    y = 1e10 + 1e-6 * (X[:, 0] > 0)
    assert_allclose(outputs(RFMRegressor(max_iter=1).fit(X, y), X)[0], 1e10, rtol=1e-12)


@pytest.mark.parametrize("kernel", KERNELS)
def test_two_rows(Estimator, kernel):
    X = np.array([[0.0, 1.0], [1.0, 1.0]])
    outputs(Estimator(kernel, max_iter=2).fit(X, [0, 1]), X)
    outputs(Estimator(kernel, max_iter=2).fit(X, [0, 1]), np.zeros((1, 2)))


@pytest.mark.parametrize("form", ["full", "diagonal", "block"])
@pytest.mark.parametrize("kernel", KERNELS)
def test_one_column(Estimator, kernel, form):
    X, y = data()
    model = Estimator(kernel, feature_matrix=form, max_iter=2).fit(X[:, :1], y)
    outputs(model, X[:, :1])
    assert_array_equal(model.feature_importances_, [1.0])
    assert model.score(X[:, :1], y) > 0.6


@pytest.mark.parametrize("form", ["full", "diagonal", "block"])
@pytest.mark.parametrize("kernel", KERNELS)
def test_one_column_of_categories(Estimator, kernel, form):
    pd = pytest.importorskip("pandas")
    X, y = data()
    table = pd.DataFrame({"side": np.where(X[:, 0] > 0, "right", "left")})
    model = Estimator(kernel, feature_matrix=form, max_iter=2).fit(table, y)
    outputs(model, table)
    outputs(model, pd.DataFrame({"side": ["centre", None]}))
    assert model.score(table, y) > 0.6


@pytest.mark.parametrize("kernel", KERNELS)
def test_more_columns_than_rows(Estimator, kernel):
    X = np.random.default_rng(0).normal(size=(20, 200))
    outputs(Estimator(kernel, max_iter=1).fit(X, (X[:, 0] > 0).astype(int)), X)


@pytest.mark.parametrize("kernel", KERNELS)
def test_missing_everywhere(Estimator, kernel):
    X, y = data()
    outputs(Estimator(kernel, max_iter=2).fit(np.full((30, 3), np.nan), y), X)
    X[:, 1] = np.nan
    outputs(Estimator(kernel, max_iter=2).fit(X, y), np.zeros((2, 3)))


def test_category_with_as_many_levels_as_rows(Estimator):
    pd = pytest.importorskip("pandas")
    X, y = data()
    table = pd.DataFrame({"a": X[:, 0], "name": [f"row {i}" for i in range(30)]})
    for form in ("full", "diagonal", "block"):
        outputs(Estimator(feature_matrix=form, max_iter=2).fit(table, y), table)


def test_mixed_types_in_one_column(Estimator):
    pd = pytest.importorskip("pandas")
    X, y = data()
    table = pd.DataFrame({"a": X[:, 0], "b": pd.Series([1, "one", None, 2.5, True] * 6, dtype=object)})
    outputs(Estimator(max_iter=1).fit(table, y), table)


def test_nearly_repeated_rows(Estimator):
    X, y = data()
    X = np.vstack([X, X * (1 + 1e-15), X * (1 + 1e-9)])
    for kernel in KERNELS:
        outputs(Estimator(kernel, max_iter=2).fit(X, np.tile(y, 3)), X)


def test_very_many_and_very_rare_classes():
    X = np.random.default_rng(0).normal(size=(60, 3))
    outputs(RFMClassifier(max_iter=1).fit(X, np.arange(60) // 3), X)
    outputs(RFMClassifier(max_iter=1).fit(X, (np.arange(60) == 7).astype(int)), X)


def test_class_of_weight_zero():
    X, y = data()
    try:
        model = RFMClassifier(class_weight={0: 0.0}, max_iter=1).fit(X, y)
    except ValueError as error:
        assert "class" in str(error)
    else:
        assert_array_equal(model.predict(X), 1)
        outputs(model, X)


@pytest.mark.parametrize("alpha", [1e-10, 1e10])
def test_extreme_ridges(Estimator, alpha):
    X, y = data()
    for kernel in KERNELS:
        outputs(Estimator(kernel, alpha=alpha, max_iter=2).fit(X, y), X)


@pytest.mark.parametrize("bandwidth", [1e-10, 1e10])
def test_extreme_bandwidths(Estimator, bandwidth):
    X, y = data()
    for kernel in KERNELS:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message=".*numerically singular")
            outputs(Estimator(kernel, bandwidth=bandwidth, max_iter=2).fit(X, y), X)


# Random tables

NUMBERS = st.floats(allow_nan=True, allow_infinity=False) | st.sampled_from([0.0, -0.0, 1.0, np.nan, 1e300, 5e-324])
WORDS = st.sampled_from(["a", "b", "", "a b", "é"]) | st.none()
FLAGS = st.booleans()


@st.composite
def tables(draw, kinds, n):
    """Columns by name, each of one kind, of n values."""
    values = [{"number": NUMBERS, "word": WORDS, "flag": FLAGS}[kind] for kind in kinds]
    return {f"c{j}": draw(st.lists(v, min_size=n, max_size=n)) for j, v in enumerate(values)}


@st.composite
def problems(draw):
    """A table to fit, one to predict, and how."""
    kinds = draw(st.lists(st.sampled_from(["number", "word", "flag"]), min_size=1, max_size=4))
    n = draw(st.integers(1, 10))
    setting = {
        "kernel": draw(st.sampled_from(KERNELS)),
        "feature_matrix": draw(st.sampled_from(["full", "diagonal", "block"])),
        "scaling": draw(st.sampled_from(["standard", "robust", "quantile"])),
        "max_iter": draw(st.integers(0, 2)),
        "alpha": draw(st.sampled_from([0.1, "auto"])),
    }
    return draw(tables(kinds, n)), draw(tables(kinds, 5)), kinds, setting


def frame(table, kinds):
    pd = pytest.importorskip("pandas")
    dtypes = {"number": "float64", "word": "object", "flag": "bool"}
    return pd.DataFrame({c: pd.Series(v, dtype=dtypes[k]) for (c, v), k in zip(table.items(), kinds, strict=True)})


@settings(max_examples=100, suppress_health_check=[HealthCheck.too_slow])
@given(problem=problems(), values=st.data())
def test_random_tables_of_regression(problem, values):
    table, new, kinds, setting = problem
    X, new = frame(table, kinds), frame(new, kinds)
    numbers = st.floats(-1e306, 1e306, allow_nan=False)
    y = values.draw(st.lists(numbers, min_size=len(X), max_size=len(X)))
    try:
        model = RFMRegressor(**setting).fit(X, y)
    except ValueError as error:
        assert str(error)
        return
    outputs(model, X)
    outputs(model, new)


@settings(max_examples=100, suppress_health_check=[HealthCheck.too_slow])
@given(problem=problems(), values=st.data())
def test_random_tables_of_classification(problem, values):
    table, new, kinds, setting = problem
    X, new = frame(table, kinds), frame(new, kinds)
    y = values.draw(st.lists(st.sampled_from(["p", "q", "r"]), min_size=len(X), max_size=len(X)))
    try:
        model = RFMClassifier(**setting).fit(X, y)
    except ValueError as error:
        assert len(set(y)) == 1 and "class" in str(error)
        return
    outputs(model, X)
    outputs(model, new)
