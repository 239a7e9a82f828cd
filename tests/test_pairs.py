"""The square array that holds sums above its diagonal and the Gram matrix below."""

import numpy as np
import pytest
from instances import DTYPES, FEW_KERNELS, KERNELS, TOLERANCE, assert_close, embedded_points, in_small_tiles

from rfmlearn.kernels._pairs import PairMatrix
from rfmlearn.kernels._points import as_points


def filled(kernel, points):
    """From an array of nan, so that an entry which is forgotten shows."""
    pairs = PairMatrix.empty(len(points), points.dtype)
    pairs.array.fill(np.nan)
    pairs.fill_sums(kernel, points)
    pairs.fill_gram(kernel)
    return pairs


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("case", KERNELS)
def test_lower_half_is_the_gram_matrix(case, dtype, rng):
    points = embedded_points(rng, 70, dtype=dtype)
    pairs = filled(case.kernel, points)
    K = case.kernel(points.dense(), points.dense())
    assert pairs.array.dtype == dtype and len(pairs) == 70
    assert_close(np.tril(pairs.array), np.tril(K), 2 * TOLERANCE[dtype])
    np.testing.assert_array_equal(np.diag(pairs.array), 1)


@pytest.mark.parametrize("case", KERNELS)
def test_upper_half_are_sums(case, rng):
    points = embedded_points(rng, 30)
    dense = as_points(points.dense())
    sums = np.zeros((30, 30))
    case.kernel.sum_pass(*case.kernel.prepare(dense, dense), sums)(0, 30)
    array = filled(case.kernel, points).array
    assert_close(np.triu(array, 1), np.triu(sums, 1), 1e-12)


@pytest.mark.parametrize("case", FEW_KERNELS)
def test_gram_can_be_filled_again_for_another_bandwidth(case, rng):
    points = as_points(rng.normal(size=(20, 3)))
    pairs = filled(case.kernel, points)
    other = case.kernel.with_bandwidth(0.7)
    if not case.kernel.sums_depend_on_bandwidth:
        pairs.array[np.tril_indices(20)] = np.nan  # as a factorisation that failed leaves it
        pairs.fill_gram(other)
        assert_close(np.tril(pairs.array), np.tril(other(points)), 1e-13)
    mirrored = pairs.symmetric_gram()
    assert mirrored is pairs.array
    np.testing.assert_array_equal(mirrored, mirrored.T)


@pytest.mark.parametrize("n", [1, 2, 63, 64, 65, 127, 128, 129, 200])
def test_symmetric_gram_at_the_edges_of_blocks(n, rng):
    pairs = PairMatrix.empty(n, np.float64)
    pairs.array[:] = rng.normal(size=(n, n))
    lower = np.tril(pairs.array)
    np.testing.assert_array_equal(pairs.symmetric_gram(), lower + np.tril(lower, -1).T)


@pytest.mark.parametrize("n", [511, 512, 513, 1100])
def test_symmetric_gram_at_the_edges_of_tiles(n):
    pairs = PairMatrix.empty(n, np.float64)
    pairs.array[:] = np.arange(n * n, dtype=float).reshape(n, n)
    lower = np.tril(pairs.array)
    np.testing.assert_array_equal(pairs.symmetric_gram(), lower + np.tril(lower, -1).T)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("case", KERNELS)
def test_gradient_is_that_at_the_centres(case, dtype, rng):
    points = embedded_points(rng, 40, dtype=dtype)
    coef = rng.normal(size=(40, 3)).astype(dtype)
    gradient = filled(case.kernel, points).gradient(case.kernel, coef)
    assert gradient.dtype == dtype and gradient.shape == (3, 40, points.n_coordinates)
    assert_close(gradient, case.kernel.gradient(points, coef, points), 10 * TOLERANCE[dtype])
    dense = points.dense().astype(float)
    assert_close(gradient, case.naive.gradient(dense, coef.astype(float), dense), 10 * TOLERANCE[dtype])


@pytest.mark.parametrize("case", KERNELS)
def test_gradient_needs_only_the_sums(case, rng):
    """The solver has overwritten the other half by then."""
    points, coef = as_points(rng.normal(size=(25, 3))), rng.normal(size=(25, 2))
    pairs = filled(case.kernel, points)
    expected = pairs.gradient(case.kernel, coef)
    pairs.array[np.tril_indices(25)] = np.nan
    np.testing.assert_array_equal(pairs.gradient(case.kernel, coef), expected)


@pytest.mark.parametrize("case", KERNELS)
def test_gradient_with_duplicates(case, rng):
    X = rng.integers(-1, 2, (30, 3)).astype(float)
    X[20:] += 1e-7 * rng.normal(size=(10, 3))
    coef = rng.normal(size=(30, 2))
    gradient = filled(case.kernel, as_points(X)).gradient(case.kernel, coef)
    assert_close(gradient, case.naive.gradient(X, coef, X), 1e-7)


@pytest.mark.parametrize("n", [1, 6, 7, 8, 11, 12, 14, 15, 22, 23, 40])
@pytest.mark.parametrize("case", FEW_KERNELS)
def test_tiles_do_not_show(case, n, rng):
    points, coef = embedded_points(rng, n), rng.normal(size=(n, 2))
    whole = filled(case.kernel, points)
    gradient = whole.gradient(case.kernel, coef)
    kernel = in_small_tiles(case.kernel)
    tiled = filled(kernel, points)
    assert_close(tiled.array, whole.array, 1e-13)
    assert_close(tiled.gradient(kernel, coef), gradient, 1e-12)
    assert_close(tiled.symmetric_gram(), case.kernel(points), 1e-13)
