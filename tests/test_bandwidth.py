"""Bandwidths from medians of distances."""

import naive
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from instances import DTYPES, FEW_KERNELS, KERNELS

from rfmlearn.kernels._pairs import PairMatrix
from rfmlearn.kernels._points import as_points
from rfmlearn.recursion._bandwidth import adapt_bandwidth, bandwidth_rows, weighted_median


def adapted(kernel, X, sample_weight=None):
    points = as_points(X)
    sample_weight = np.ones(len(points)) if sample_weight is None else np.asarray(sample_weight, dtype=float)
    pairs = PairMatrix.empty(len(points), points.dtype)
    pairs.fill_sums(kernel, points)
    rows, weights = bandwidth_rows(sample_weight, np.random.RandomState(0))
    return adapt_bandwidth(kernel, pairs, rows, weights, points)


@given(st.lists(st.tuples(st.integers(-9, 9), st.integers(1, 4)), min_size=1, max_size=12))
def test_weighted_median_counts_repetitions(pairs):
    values, counts = np.array(pairs, dtype=float).T
    assert weighted_median(values, counts) == naive.repeated_median(values, counts.astype(int))


@given(st.lists(st.tuples(st.floats(-1e6, 1e6), st.floats(0.01, 100)), min_size=1, max_size=20))
def test_weighted_median_halves_the_weight(pairs):
    values, weights = np.array(pairs).T
    median, half = weighted_median(values, weights), weights.sum() / 2
    assert median in values
    assert weights[values < median].sum() <= half * (1 + 1e-12)
    assert weights[values > median].sum() <= half * (1 + 1e-12)


def test_weighted_median_of_nothing():
    assert np.isnan(weighted_median(np.array([]), np.array([])))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("case", KERNELS)
def test_median_of_pairs(case, dtype, rng):
    X = rng.normal(size=(20, 3)).astype(dtype)
    kernel = adapted(case.kernel, X)
    expected = case.kernel.median_multiple * naive.median_length(case.naive, X.astype(float))
    np.testing.assert_allclose(kernel.bandwidth, expected, rtol=1e-12 if dtype == np.float64 else 1e-5)
    assert kernel == case.kernel.with_bandwidth(kernel.bandwidth)


@pytest.mark.parametrize("case", KERNELS)
def test_weights_are_repetitions(case, rng):
    """Although repetitions make pairs at distance zero."""
    X, counts = rng.normal(size=(15, 3)), rng.integers(1, 5, 15)
    repeated = np.repeat(X, counts, axis=0)
    expected = case.kernel.median_multiple * naive.median_length(case.naive, repeated)
    np.testing.assert_allclose(adapted(case.kernel, X, counts).bandwidth, expected, rtol=1e-12)
    np.testing.assert_allclose(adapted(case.kernel, repeated).bandwidth, expected, rtol=1e-12)


@pytest.mark.parametrize("case", KERNELS)
def test_follows_the_scale_of_the_points(case, rng):
    X = rng.normal(size=(21, 3))
    small = adapted(case.kernel, X).bandwidth
    for scale in (1e-4, 1e4):
        np.testing.assert_allclose(adapted(case.kernel, scale * X).bandwidth, scale * small, rtol=1e-10)


@pytest.mark.parametrize("n", [1, 2, 5])
@pytest.mark.parametrize("case", KERNELS)
def test_coinciding_points_have_bandwidth_one(case, n):
    kernel = adapted(case.kernel, np.ones((n, 2)))
    if not case.kernel.sums_depend_on_bandwidth:
        assert kernel.bandwidth == 1.0
    assert np.isfinite(kernel.bandwidth) and kernel.bandwidth > 0


def test_all_rows_of_a_small_set_count():
    weights = np.linspace(0.5, 2, 30)
    rows, kept = bandwidth_rows(weights, None)
    np.testing.assert_array_equal(rows, np.arange(30))
    np.testing.assert_array_equal(kept, weights)


def test_a_large_set_is_sampled_by_weight():
    weights = np.where(np.arange(500) < 400, 1.0, 16.0)  # the last 100 rows have four fifths of the weight
    rows, counts = bandwidth_rows(weights, np.random.RandomState(0), 100)
    assert counts.sum() == 100 and np.all(np.diff(rows) > 0)
    assert 65 <= counts[rows >= 400].sum() <= 95


@pytest.mark.parametrize("case", FEW_KERNELS)
def test_a_sample_counts_its_repetitions(case, rng):
    X, rows, counts = rng.normal(size=(40, 2)), np.array([3, 7, 8, 20, 31]), np.array([1.0, 4.0, 2.0, 2.0, 1.0])
    points = as_points(X)
    pairs = PairMatrix.empty(40, np.float64)
    pairs.fill_sums(case.kernel, points)
    kernel = adapt_bandwidth(case.kernel, pairs, rows, counts, points)
    repeated = np.repeat(X[rows], counts.astype(int), axis=0)
    expected = case.kernel.median_multiple * naive.median_length(case.naive, repeated)
    np.testing.assert_allclose(kernel.bandwidth, expected, rtol=1e-12)
