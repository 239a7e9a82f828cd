"""Gram matrices and products of every kernel: values, properties, precision."""

import math

import naive
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from instances import (
    DTYPES,
    FEW_KERNELS,
    KERNELS,
    TOLERANCE,
    XRFM_KERNELS,
    assert_close,
    embedded_points,
    in_small_tiles,
    xrfm_case,
)

from rfmlearn.kernels import (
    GaussianKernel,
    LaplaceKernel,
    LpqLaplaceKernel,
    ProductLaplaceKernel,
    SumPowerLaplaceKernel,
)
from rfmlearn.kernels._points import as_points

# Values ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("case", KERNELS)
def test_two_sets_match_definition(case, dtype, rng):
    X, Z = rng.normal(size=(13, 4)).astype(dtype), rng.normal(size=(9, 4)).astype(dtype)
    K = case.kernel(X, Z)
    assert K.dtype == dtype and K.shape == (9, 13)
    assert_close(K, case.naive.gram(X.astype(float), Z.astype(float)), TOLERANCE[dtype])


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("case", KERNELS)
def test_one_set_matches_definition(case, dtype, rng):
    X = rng.normal(size=(23, 3)).astype(dtype)
    K = case.kernel(X)
    assert K.dtype == dtype
    assert_close(K, case.naive.gram(X.astype(float), X.astype(float)), TOLERANCE[dtype])
    np.testing.assert_array_equal(K, K.T)
    np.testing.assert_array_equal(np.diag(K), 1)


@pytest.mark.parametrize("n", [1, 2, 63, 64, 65, 129])
@pytest.mark.parametrize("case", FEW_KERNELS)
def test_one_set_is_two_equal_sets(case, n, rng):
    X = rng.normal(size=(n, 3))
    K = case.kernel(X)
    np.testing.assert_array_equal(K, K.T)
    assert_close(K, case.kernel(X, X.copy()), 1e-13)


@pytest.mark.parametrize("case", KERNELS)
def test_positive_semidefinite(case, rng):
    X = np.vstack([rng.normal(size=(40, 3)), rng.integers(-2, 3, (40, 3))])  # the second half has ties and duplicates
    assert np.linalg.eigvalsh(case.kernel(X)).min() > -1e-12 * len(X)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("case", KERNELS)
def test_product_is_gram_times_coef(case, dtype, rng):
    X, Z = rng.normal(size=(17, 4)).astype(dtype), rng.normal(size=(6, 4)).astype(dtype)
    coef = rng.normal(size=(17, 3)).astype(dtype)
    out = case.kernel.product(X, coef, Z)
    assert out.dtype == dtype and out.shape == (6, 3)
    assert_close(out, case.naive.gram(X.astype(float), Z.astype(float)) @ coef, 4 * TOLERANCE[dtype])
    assert_close(case.kernel.product(X, coef[:, 0], Z), out[:, :1], TOLERANCE[dtype])


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("case", KERNELS)
def test_distances_are_lengths_in_units_of_the_bandwidth(case, dtype, rng):
    X, Z = rng.normal(size=(9, 4)).astype(dtype), rng.normal(size=(8, 4)).astype(dtype)
    kernel = case.kernel.bandwidth_proxy() if case.kernel.sums_depend_on_bandwidth else case.kernel
    sums = np.zeros((8, 9), dtype=dtype)
    kernel.sum_pass(*kernel.prepare(as_points(Z), as_points(X)), sums)(0, len(Z))
    expected = np.array([[case.naive.length(z - x) for x in X.astype(float)] for z in Z.astype(float)])
    if kernel is not case.kernel:
        expected *= 4 ** (1 / kernel.exponent)  # the proxy adds coordinates up where the kernel averages
    assert_close(kernel.distances(sums, 4), expected, TOLERANCE[dtype])


def test_sum_power_distance_is_that_of_equal_coordinates():
    kernel = SumPowerLaplaceKernel(1.3, 1.2)
    sums = np.full((1, 1), 4 * math.exp(-((0.7 / 1.3) ** 1.2)))
    np.testing.assert_allclose(kernel.distances(sums, 4), 0.7, rtol=1e-12)


@given(
    case=st.sampled_from([p.values[0] for p in KERNELS]),
    dtype=st.sampled_from(DTYPES),
    grid=st.lists(st.lists(st.integers(-3, 3), min_size=2, max_size=2), min_size=1, max_size=6),
    scale=st.sampled_from([1e-6, 1e-3, 1.0, 100.0]),
    offset=st.sampled_from([0.0, 1.0, 1e3]),
)
def test_any_grid_of_points(case, dtype, grid, scale, offset):
    """Ties, duplicates, near duplicates and far points, anywhere."""
    X = (np.array(grid) * scale + offset).astype(dtype)
    K = case.kernel(X)
    np.testing.assert_array_equal(K, K.T)
    np.testing.assert_array_equal(np.diag(K), 1)
    expected = case.naive.gram(X.astype(float), X.astype(float))
    np.testing.assert_allclose(K, expected, rtol=0, atol=TOLERANCE[dtype])
    np.testing.assert_allclose(case.kernel(X, X + 0), expected, rtol=0, atol=TOLERANCE[dtype])


@pytest.mark.parametrize("transform", ["none", "diag", "full"])
@pytest.mark.parametrize("name", XRFM_KERNELS)
def test_agrees_with_xrfm(name, transform):
    kernel, X, coef, Z, _, reference = xrfm_case(name, transform)
    assert_close(kernel(X, Z), reference["K"].T, 1e-8)
    assert_close(kernel.product(X, coef, Z), reference["K"].T @ coef, 1e-8)


@pytest.mark.parametrize(
    "kernel, other",
    [
        (LaplaceKernel(2.0, 1.0), LpqLaplaceKernel(2.0, 1.0, 2.0)),
        (LaplaceKernel(2.0, 0.7), LpqLaplaceKernel(2.0, 0.7, 2.0)),
        (GaussianKernel(math.sqrt(2.0)), LaplaceKernel(2.0, 2.0)),
        (LaplaceKernel(2.0, 2.0), ProductLaplaceKernel(2.0, 2.0)),
        (LpqLaplaceKernel(2.0, 1.2, 1.2), ProductLaplaceKernel(2.0, 1.2)),
        (LpqLaplaceKernel(2.0, 1.0, 1.0), ProductLaplaceKernel(2.0, 1.0)),
    ],
    ids=lambda kernel: type(kernel).__name__,
)
def test_families_meet(kernel, other, rng):
    X, Z, coef = rng.normal(size=(12, 4)), rng.normal(size=(5, 4)), rng.normal(size=12)
    assert_close(kernel(X, Z), other(X, Z), 1e-13)
    assert_close(kernel.gradient(X, coef, Z), other.gradient(X, coef, Z), 1e-12)


def test_far_points_vanish_without_warning():
    X, Z = np.zeros((1, 2)), np.full((1, 2), 1e5)
    for kernel in (LaplaceKernel(1.0), LaplaceKernel(1.0, 1.3), GaussianKernel(1.0), ProductLaplaceKernel(1.0, 1.2)):
        for dtype in DTYPES:
            assert 0 <= kernel(X.astype(dtype), Z.astype(dtype))[0, 0] < 1e-37


# Precision -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("case", KERNELS)
def test_float32_is_close_to_float64(case, rng):
    X, Z, coef = rng.normal(size=(50, 5)), rng.normal(size=(20, 5)), rng.normal(size=(50, 2))
    X32, Z32, coef32 = (a.astype(np.float32) for a in (X, Z, coef))
    for actual, desired in (
        (case.kernel(X32), case.kernel(X)),
        (case.kernel(X32, Z32), case.kernel(X, Z)),
        (case.kernel.product(X32, coef32, Z32), case.kernel.product(X, coef, Z)),
        (case.kernel.gradient(X32, coef32, Z32), case.kernel.gradient(X, coef, Z)),
    ):
        assert actual.dtype == np.float32 and desired.dtype == np.float64
        assert_close(actual, desired, 2e-5)


@pytest.mark.parametrize("offset", [0.0, 1e3])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("case", KERNELS)
def test_near_duplicates_keep_their_distance(case, dtype, offset, rng):
    """One minus the kernel, not only the kernel, is right: expanding squared distances would lose it."""
    step = 1e-7 if dtype == np.float64 else 1e-3
    base = rng.normal(size=(6, 3))
    X = (np.vstack([base, base + step * rng.normal(size=(6, 3))]) + offset).astype(dtype)
    kernel, twin = case.kernel.with_bandwidth(4 * step), case.naive.with_bandwidth(4 * step)
    expected = twin.gram(X.astype(float), X.astype(float))
    assert 0.1 < expected[0, 6] < 0.99
    tolerance = 1e-8 if dtype == np.float64 else 5e-3  # subtracting the origin rounds: 1e-16 / 1e-7, or 1e-7 / 1e-3
    np.testing.assert_allclose(kernel(X), expected, rtol=0, atol=tolerance)
    np.testing.assert_allclose(kernel(X[:6], X[6:]), expected[6:, :6], rtol=0, atol=tolerance)


@pytest.mark.parametrize("offset", [8, 128, 1024])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("case", FEW_KERNELS)
def test_offset_changes_nothing(case, dtype, offset, rng):
    """A common origin is subtracted first: squared norms of points far away would have eaten the digits."""
    X, coef = (rng.integers(-50, 50, (30, 3)) / 16).astype(dtype), rng.normal(size=(30, 1))
    moved = X + np.array(offset, dtype)
    np.testing.assert_array_equal(moved - np.array(offset, dtype), X)
    np.testing.assert_allclose(case.kernel(moved), case.kernel(X), rtol=0, atol=TOLERANCE[dtype])
    for here, there in ((X, moved), (X[:5], moved[:5])):
        assert_close(
            case.kernel.gradient(moved, coef, there), case.kernel.gradient(X, coef, here), 2 * TOLERANCE[dtype]
        )


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("case", KERNELS)
def test_two_distant_clusters(case, dtype, rng):
    """Centring does not help here: near duplicates are as far from the origin as the clusters are."""
    X = np.vstack([rng.normal(size=(5, 3)) - 1000, rng.normal(size=(5, 3)) + 1000]).astype(dtype)
    expected = case.naive.gram(X.astype(float), X.astype(float))
    np.testing.assert_allclose(case.kernel(X), expected, rtol=0, atol=1e-10 if dtype == np.float64 else 2e-4)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("case", KERNELS)
def test_exact_duplicates_are_exactly_one(case, dtype, rng):
    base = (rng.normal(size=(8, 4)) + 100).astype(dtype)
    K = case.kernel(np.vstack([base, base]))
    np.testing.assert_array_equal(np.diag(K, 8), 1)
    np.testing.assert_array_equal(np.diag(case.kernel(base, base.copy())), 1)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("case", KERNELS)
def test_symmetric_product(case, dtype, rng):
    X, coef = embedded_points(rng, 40, dtype=dtype), rng.normal(size=(40, 2)).astype(dtype)
    expected = case.naive.gram(*(2 * [X.dense().astype(float)])) @ coef
    for kernel in (case.kernel, in_small_tiles(case.kernel)):
        out = kernel.symmetric_product(X, coef)
        assert out.dtype == dtype
        assert_close(out, expected, 4 * TOLERANCE[dtype])


# Elementary functions --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype, tolerance", [(np.float64, 1e-14), (np.float32, 4e-7)])
def test_profile_is_an_exponential_over_its_whole_range(dtype, tolerance):
    """Through a kernel of one coordinate, from differences far below the bandwidth to where it underflows."""
    u = np.concatenate([np.geomspace(1e-6, 80, 400), np.linspace(0, 5, 200)]).astype(dtype)[:, None]
    X = np.zeros((1, 1), dtype)
    for q in (1.0, 2.0):
        K = ProductLaplaceKernel(1.0, q)(X, u)[:, 0]
        expected = np.exp(-(u[:, 0].astype(float) ** q))
        normal = expected > np.finfo(dtype).tiny
        allowed = tolerance * (1 + u[:, 0].astype(float) ** q)  # the exponent itself is rounded
        assert np.all(np.abs(K - expected)[normal] <= (allowed * expected)[normal])


@pytest.mark.parametrize("q", [0.3, 0.5, 0.8, 1.2, 1.5, 1.9])
@pytest.mark.parametrize("dtype, tolerance", [(np.float64, 1e-13), (np.float32, 4e-6)])
def test_powers_over_many_magnitudes(dtype, tolerance, q):
    u = np.geomspace(1e-8, 1e8, 500).astype(dtype)[:, None]
    kernel = ProductLaplaceKernel(1.0, q)
    sums = np.zeros((len(u), 1), dtype)
    X = as_points(np.zeros((1, 1), dtype))
    kernel.sum_pass(*kernel.prepare(as_points(u), X), sums)(0, len(u))
    np.testing.assert_allclose(sums[:, 0], u[:, 0].astype(float) ** q, rtol=tolerance)


def test_naive_gaussian_is_the_textbook_one():
    assert naive.Gaussian(2.0).value(np.array([0.0, 2.0])) == pytest.approx(math.exp(-0.5))
