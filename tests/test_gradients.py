"""Gradients of expansions: against definitions, five-point differences, another implementation, and one-hot columns."""

import naive
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from instances import (
    COORDINATE,
    DTYPES,
    KERNELS,
    RADIAL,
    XRFM_KERNELS,
    apart,
    assert_close,
    embedded_points,
    mixed_points,
    xrfm_case,
)

from rfmlearn.kernels import LaplaceKernel, ProductLaplaceKernel

TOLERANCE = {np.float64: 1e-11, np.float32: 2e-5}


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("case", KERNELS)
def test_gradient_matches_definition(case, dtype, rng):
    X, Z = rng.normal(size=(13, 4)).astype(dtype), rng.normal(size=(9, 4)).astype(dtype)
    coef = rng.normal(size=(13, 3)).astype(dtype)
    gradient = case.kernel.gradient(X, coef, Z)
    assert gradient.shape == (3, 9, 4) and gradient.dtype == dtype
    expected = case.naive.gradient(X.astype(float), coef.astype(float), Z.astype(float))
    assert_close(gradient, expected, TOLERANCE[dtype])
    assert_close(case.kernel.gradient(X, coef[:, 0], Z), expected[:1], TOLERANCE[dtype])


@pytest.mark.parametrize("case", KERNELS)
def test_gradient_matches_differences(case, rng):
    X, Z = apart(rng, 15, 8, 3)
    coef = rng.normal(size=(15, 2))
    expected = naive.five_point_gradient(lambda at: case.kernel.product(X, coef, at), Z)
    assert_close(case.kernel.gradient(X, coef, Z), expected, 1e-7)


@given(
    case=st.sampled_from([p.values[0] for p in KERNELS]),
    grid=st.lists(st.lists(st.integers(-2, 2), min_size=2, max_size=2), min_size=2, max_size=6),
    scale=st.sampled_from([1e-3, 1.0, 30.0]),
    offset=st.sampled_from([0.0, 1e3]),
)
def test_gradient_on_any_grid(case, grid, scale, offset):
    """Coincidence in some or all coordinates contributes nothing where the derivative does not exist."""
    X = np.array(grid) * scale + offset
    coef = np.cos(np.arange(len(X)))[:, None]
    expected = case.naive.gradient(X, coef, X)
    np.testing.assert_allclose(
        case.kernel.gradient(X, coef, X), expected, rtol=0, atol=1e-8 * max(1, np.abs(expected).max())
    )


@pytest.mark.parametrize("transform", ["none", "diag", "full"])
@pytest.mark.parametrize("name", XRFM_KERNELS)
def test_gradient_agrees_with_xrfm(name, transform):
    """With respect to points before the transform, hence the factor."""
    kernel, X, coef, Z, M, reference = xrfm_case(name, transform)
    expected, gradient = reference["gradients"], kernel.gradient(X, coef, Z) @ M.T
    if name.startswith(("product", "lpq")):
        # xrfm 0.4.5 repeats the gradient of the first output for all others; those are left to differences.
        np.testing.assert_array_equal(expected[0], expected[1])
        assert_close(gradient[0], expected[0], 1e-8)
        differences = naive.five_point_gradient(lambda at: kernel.product(X, coef, at), Z, 1e-5) @ M.T
        assert_close(gradient[1], differences[1], 1e-6)
    else:
        assert_close(gradient, expected, 1e-8)
        assert_close(len(Z) * naive.agop(gradient), reference["agop_sum"], 1e-8)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("case", KERNELS)
def test_duplicates_contribute_nothing(case, dtype, rng):
    X, coef = rng.normal(size=(10, 3)).astype(dtype), rng.normal(size=(10, 2))
    here = X[:1].copy()
    without = case.kernel.gradient(X[1:], coef[1:], here)
    np.testing.assert_allclose(case.kernel.gradient(X, coef, here), without, rtol=0, atol=TOLERANCE[dtype])
    tripled, tripled_coef = np.vstack([X, here, here]), np.vstack([coef, 1e3 * coef[:2]])
    np.testing.assert_allclose(
        case.kernel.gradient(tripled, tripled_coef, here), without, rtol=0, atol=TOLERANCE[dtype]
    )


@pytest.mark.parametrize("case", KERNELS)
def test_only_duplicates_have_no_gradient(case):
    X = np.tile([[0.3, -1.7, 1e3 / 7]], (5, 1))
    np.testing.assert_array_equal(case.kernel.gradient(X, np.ones(5), X), 0)


@pytest.mark.parametrize("offset", [0.0, 1e3])
@pytest.mark.parametrize("case", KERNELS)
def test_near_duplicates(case, offset, rng):
    base = rng.normal(size=(6, 3))
    X = np.vstack([base, base + 1e-7 * rng.normal(size=(6, 3))]) + offset
    coef = rng.normal(size=(12, 2))
    assert_close(case.kernel.gradient(X, coef, X), case.naive.gradient(X, coef, X), 1e-7)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("case", COORDINATE)
def test_near_duplicates_whose_other_coordinates_are_large(case, dtype):
    X = np.array([[9.0, 1e-5], [9.0, 2e-5], [-9.0, 3e-5], [-9.0, 1e-5]], dtype)
    coef = np.array([[1.0], [-2.0], [0.5], [1.0]])
    expected = case.naive.gradient(X.astype(float), coef, X.astype(float))
    assert_close(case.kernel.gradient(X, coef, X), expected, 1e-9 if dtype == np.float64 else 1e-4)


@pytest.mark.parametrize("case", RADIAL)
def test_near_duplicates_whose_other_coordinates_are_large_radial(case):
    X = np.array([[9.0, 1e-5], [9.0, 2e-5], [-9.0, 3e-5], [-9.0, 1e-5]])
    coef = np.array([[1.0], [-2.0], [0.5], [1.0]])
    assert_close(case.kernel.gradient(X, coef, X), case.naive.gradient(X, coef, X), 1e-8)


@pytest.mark.parametrize("make", [mixed_points, embedded_points])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("case", KERNELS)
def test_categories_equal_their_vectors(case, dtype, make, rng):
    X, Z, coef = make(rng, 20, dtype=dtype), make(rng, 9, dtype=dtype), rng.normal(size=(20, 2)).astype(dtype)
    gradient = case.kernel.gradient(X, coef, Z)
    assert gradient.shape == (2, 9, X.n_coordinates) and gradient.dtype == dtype
    expected = case.naive.gradient(*(a.astype(float) for a in (X.dense(), coef, Z.dense())))
    assert_close(gradient, expected, TOLERANCE[dtype])
    assert_close(case.kernel.gradient(X, coef, X), case.kernel.gradient(X.dense(), coef, X.dense()), TOLERANCE[dtype])


def test_a_flat_expansion_has_no_gradient(rng):
    X = rng.normal(size=(5, 2))
    for kernel in (LaplaceKernel(), ProductLaplaceKernel()):
        np.testing.assert_array_equal(kernel.gradient(X, np.zeros((5, 2)), X + 1), 0)
