"""Which points are the same: those that rounding keeps apart, in whatever units they are."""

import naive
import numpy as np
import pytest
from instances import DTYPES, KERNELS, assert_close, mixed_points
from numpy.testing import assert_allclose, assert_array_equal

from rfmlearn import AGOPFeatureMap, DeepRFMClassifier
from rfmlearn.kernels._pairs import PairMatrix
from rfmlearn.kernels._points import as_points
from rfmlearn.kernels._same_place import ROUNDING, same_lengths
from rfmlearn.recursion._bandwidth import adapt_bandwidth

SCALES = [2.0**-40, 1.0, 2.0**40]


def jittered_copies(rng, dtype, scale=1.0):
    """Fifteen points, each repeated, exactly and so that copies lie one rounding of their size apart."""
    X = np.repeat(rng.normal(size=(15, 3)), rng.integers(1, 6, 15), axis=0)
    exact = (scale * X).astype(dtype)
    size = np.sqrt(np.mean(np.square(exact, dtype=np.float64)))
    jitter = rng.integers(-1, 2, X.shape) * size * np.finfo(dtype).eps
    return exact, exact + jitter.astype(dtype)


def adapted(kernel, X):
    points = as_points(X)
    pairs = PairMatrix.empty(len(points), points.dtype)
    pairs.fill_sums(kernel, points)
    return adapt_bandwidth(kernel, pairs, np.arange(len(points)), np.ones(len(points)), points).bandwidth


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("case", KERNELS)
def test_bandwidth_takes_no_copies_for_pairs(case, dtype, scale, rng):
    exact, jittered = jittered_copies(rng, dtype, scale)
    assert not np.array_equal(exact, jittered)
    expected = case.kernel.median_multiple * naive.median_length(case.naive, exact.astype(float))
    tolerance = 1e-12 if dtype == np.float64 else 2e-6
    assert_allclose(adapted(case.kernel, exact), expected, rtol=tolerance)
    assert_allclose(adapted(case.kernel, jittered), expected, rtol=tolerance)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("case", KERNELS)
def test_bandwidth_is_in_the_units_of_the_points(case, dtype, rng):
    X = rng.normal(size=(30, 3)).astype(dtype)
    for scale in SCALES:
        scaled = adapted(case.kernel, X * dtype(scale))
        assert_allclose(scaled, scale * adapted(case.kernel, X), rtol=1e-12 if dtype == np.float64 else 1e-5)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("case", KERNELS)
def test_bandwidth_counts_near_points(case, dtype):
    """A hundred times what rounding does, and points are not the same."""
    step = 100 * ROUNDING[dtype]
    X = np.array([[1.0, 1.0], [1.0 + step, 1.0 - step]], dtype)
    expected = case.kernel.median_multiple * naive.median_length(case.naive, X.astype(float))
    assert_allclose(adapted(case.kernel, X), expected, rtol=1e-3)


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("case", KERNELS)
def test_gradient_is_in_the_units_of_the_points(case, dtype, scale, rng):
    X, Z, coef = rng.normal(size=(12, 3)).astype(dtype), rng.normal(size=(7, 3)).astype(dtype), rng.normal(size=12)
    kernel = case.kernel.with_bandwidth(scale * case.kernel.bandwidth)
    expected = case.naive.gradient(X.astype(float), coef[:, None].astype(dtype), Z.astype(float))
    found = kernel.gradient(X * dtype(scale), coef, Z * dtype(scale))
    assert_close(found * scale, expected, 1e-11 if dtype == np.float64 else 2e-5)


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("case", KERNELS)
def test_copies_have_no_direction_between_them(case, dtype, scale, rng):
    exact, jittered = jittered_copies(rng, dtype, scale)
    kernel, coef = case.kernel.with_bandwidth(scale * case.kernel.bandwidth), rng.normal(size=(len(exact), 2))
    expected = kernel.gradient(exact, coef, exact)
    assert_close(kernel.gradient(jittered, coef, jittered), expected, 1e-10 if dtype == np.float64 else 1e-4)
    pairs = PairMatrix.empty(len(exact), dtype)
    pairs.fill_sums(kernel, as_points(jittered))
    assert_close(pairs.gradient(kernel, coef), expected, 1e-10 if dtype == np.float64 else 1e-4)


def test_lengths_are_shares_of_each_coordinate(rng):
    points = mixed_points(rng, 50, n_levels=(3, 8))
    points = points.astype(np.float64)
    points.numeric[:] = points.numeric * [1.0, 1e-20, 1e20] + [1e3, 0.0, 0.0]
    sizes = np.sqrt(np.mean(points.numeric**2, axis=0)), np.full(3, 0.5), np.full(8, 1 / 3)
    assert_allclose(same_lengths(points), ROUNDING[np.float64] * np.concatenate(sizes), rtol=1e-12)
    embedded = type(points)(points.numeric, points.codes, tuple(np.vstack([np.eye(k), np.zeros(k)]) for k in (3, 8)))
    assert_allclose(same_lengths(embedded), same_lengths(points), rtol=1e-12)
    prepared, _ = KERNELS[0].values[0].kernel.prepare(points, points)
    assert_allclose(prepared.same, same_lengths(points), rtol=1e-12)
    assert_array_equal(same_lengths(as_points(np.zeros((4, 2)))), 0)


@pytest.mark.parametrize("estimator", [AGOPFeatureMap(n_layers=2, n_random_features=20), DeepRFMClassifier()])
def test_weights_are_repetitions_that_products_keep_apart(estimator):
    """Where BLAS computes rows of one matrix in several ways, copies leave a layer some roundings apart."""
    rng = np.random.RandomState(42)
    X, y, counts = rng.rand(15, 30), rng.randint(0, 3, 15), rng.randint(0, 5, 15)
    method = "transform" if isinstance(estimator, AGOPFeatureMap) else "decision_function"
    estimator.set_params(random_state=0)
    repeated = getattr(estimator.fit(X.repeat(counts, axis=0), y.repeat(counts)), method)(X)
    weighted = getattr(estimator.fit(X[::-1], y[::-1], sample_weight=counts[::-1]), method)(X)
    assert_allclose(repeated, weighted, rtol=1e-7, atol=1e-9)
