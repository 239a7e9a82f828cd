"""Cholesky factors by LAPACK, in place of a lower triangle."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import scipy.linalg

from rfmlearn.solvers._lapack import factor_lower, invert_lower, solve_lower


def definite(rng, n, dtype):
    """A positive definite matrix below the diagonal, and noise above it."""
    A = rng.normal(size=(n, n))
    G = A @ A.T + n * np.eye(n)
    mixed = (np.tril(G) + np.triu(rng.normal(size=(n, n)), 1)).astype(dtype)
    return G, mixed


@pytest.mark.parametrize("n", [1, 2, 33, 200])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_factor_solve_and_invert(dtype, n, rng):
    G, array = definite(rng, n, dtype)
    above = np.triu(array, 1)
    rtol = 1e3 * np.finfo(dtype).eps
    assert factor_lower(array)
    L = scipy.linalg.cholesky(G, lower=True)
    np.testing.assert_allclose(np.tril(array), L, rtol=rtol, atol=rtol * n)
    Y = rng.normal(size=(n, 3))
    solution = solve_lower(array, Y)
    assert solution.dtype == dtype
    np.testing.assert_allclose(G @ solution, Y, rtol=rtol, atol=rtol * n)
    invert_lower(array)
    np.testing.assert_allclose(np.tril(array) @ L, np.eye(n), atol=rtol * n)
    np.testing.assert_array_equal(np.triu(array, 1), above)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_an_indefinite_matrix_has_no_factor(dtype, rng):
    _, array = definite(rng, 20, dtype)
    array[11, 11] = -1.0
    assert not factor_lower(array)


def test_threads_do_not_disturb_each_other(rng):
    systems = [definite(rng, 150, np.float64) for _ in range(8)]
    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(lambda system: factor_lower(system[1]), systems))
    for G, array in systems:
        np.testing.assert_allclose(np.tril(array), scipy.linalg.cholesky(G, lower=True), atol=1e-10)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("block", [1, 7, 16, 29, 30, 31])
def test_a_factor_in_blocks_is_that_of_the_whole(block, dtype, rng):
    A = rng.normal(size=(30, 30))
    A = (A @ A.T + 30 * np.eye(30)).astype(dtype)
    whole, blocks = A.copy(), A.copy()
    blocks[np.triu_indices(30, 1)] = np.nan  # neither read nor written
    assert factor_lower(whole) and factor_lower(blocks, block)
    np.testing.assert_allclose(np.tril(blocks), np.tril(whole), rtol=100 * np.finfo(dtype).eps, atol=1e-6)
    assert np.isnan(blocks[np.triu_indices(30, 1)]).all()
    A[20, 20] = -1.0
    assert not factor_lower(A, block)
