"""Conjugate gradients and their preconditioner, beside direct solutions."""

import numpy as np
import pytest
from instances import DTYPES, assert_close
from systems import KERNEL, WEIGHTS, problem

from rfmlearn.kernels import LaplaceKernel
from rfmlearn.kernels._pairs import PairMatrix
from rfmlearn.solvers import (
    NystromPreconditioner,
    conjugate_gradient,
)


def lower_only(K, dtype=np.float64):
    """The matrix in the lower triangle of an array whose upper one must not be read."""
    array = K.astype(dtype)
    array[np.triu_indices(len(K), 1)] = np.nan
    return array


def identity(V):
    return V.copy()


def gram_product(K, ridge):
    return lambda V: K @ V + ridge.astype(K.dtype)[:, None] * V


def test_a_gram_matrix_reads_its_lower_triangle(rng):
    _, K, Y = problem(rng, n_outputs=3)
    for dtype in DTYPES:
        product = PairMatrix(lower_only(K, dtype)).matvec(Y.astype(dtype))
        assert product.dtype == dtype
        assert_close(product, K @ Y, 1e-13 if dtype == np.float64 else 1e-5)


@pytest.mark.parametrize("rows", [[0], [29], [0, 1, 2], [3, 11, 17, 29], list(range(30))])
def test_columns_and_blocks_of_a_gram_matrix(rows, rng):
    _, K, _ = problem(rng)
    array = lower_only(K)
    block = PairMatrix(array).block(np.array(rows))
    np.testing.assert_array_equal(np.tril(block), np.tril(K[np.ix_(rows, rows)]))
    array[np.diag_indices(30)] += 7.0  # a ridge that a factorisation has left there
    np.testing.assert_array_equal(PairMatrix(array).columns(np.array(rows)), K[:, rows])


@pytest.mark.parametrize("rank", [0, 8, 30])
@pytest.mark.parametrize("weights", WEIGHTS)
def test_conjugate_gradient_converges_to_the_direct_solution(weights, rank, rng):
    _, K, Y = problem(rng, n_outputs=3)
    ridge = 0.05 / WEIGHTS[weights](30)
    rows = np.sort(rng.choice(30, rank, replace=False))
    precondition = NystromPreconditioner(K[:, rows], rows, ridge) if rank else identity
    product = gram_product(K, ridge)
    result = conjugate_gradient(product, Y, precondition, tol=1e-10, max_iter=300)
    assert result.converged and result.residual <= 1e-10 and 0 < result.n_iter < 300
    expected = np.linalg.solve(K + np.diag(ridge), Y)
    assert_close(result.coef, expected, 1e-8)
    norms = np.linalg.norm(Y - product(result.coef), axis=0) / np.linalg.norm(Y, axis=0)
    assert norms.max() < 2e-10
    for column in range(3):
        alone = conjugate_gradient(product, Y[:, [column]], precondition, tol=1e-10, max_iter=300)
        assert_close(result.coef[:, [column]], alone.coef, 1e-8)


def test_conjugate_gradient_begins_at_the_start(rng):
    _, K, Y = problem(rng)
    product = gram_product(K, np.full(30, 0.1))
    cold = conjugate_gradient(product, Y, identity, tol=1e-8)
    start = cold.coef.copy()
    warm = conjugate_gradient(product, Y, identity, start, tol=1e-7)
    assert warm.n_iter == 0 and warm.converged
    np.testing.assert_array_equal(warm.coef, start)
    near = conjugate_gradient(product, Y, identity, start + 1e-4, tol=1e-8)
    assert 0 < near.n_iter < cold.n_iter
    assert_close(near.coef, cold.coef, 1e-6)
    np.testing.assert_array_equal(start, cold.coef)  # neither start is written to


def test_conjugate_gradient_says_when_it_gives_up(rng):
    _, K, Y = problem(rng)
    product = gram_product(K, np.full(30, 1e-3))
    result = conjugate_gradient(product, Y, identity, tol=1e-10, max_iter=3)
    assert not result.converged and result.n_iter == 3 and "stopped after 3 steps" in result.trouble
    norms = np.linalg.norm(Y - product(result.coef), axis=0) / np.linalg.norm(Y, axis=0)
    np.testing.assert_allclose(result.residual, norms.max(), rtol=1e-8)


def test_conjugate_gradient_leaves_zero_columns_alone(rng):
    _, K, Y = problem(rng, n_outputs=3)
    Y[:, 1] = 0
    product = gram_product(K, np.full(30, 0.1))
    result = conjugate_gradient(product, Y, identity, tol=1e-8)
    assert result.converged
    np.testing.assert_array_equal(result.coef[:, 1], 0)
    assert_close(result.coef, np.linalg.solve(K + 0.1 * np.eye(30), Y), 1e-6)
    nothing = conjugate_gradient(product, np.zeros_like(Y), identity)
    assert nothing.converged and nothing.n_iter == 0 and nothing.residual == 0


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("kernel", [LaplaceKernel(3.0, 1.0), LaplaceKernel(3.0, 2.0)], ids=["rough", "smooth"])
def test_nystrom_saves_most_steps(kernel, dtype, rng):
    n = 250
    X, Y = rng.normal(size=(n, 2)).astype(dtype), rng.normal(size=(n, 1)).astype(dtype)
    K = kernel(X)
    ridge = np.full(n, 0.05)
    product = gram_product(K, ridge)
    plain = conjugate_gradient(product, Y, identity, tol=1e-4, max_iter=1000)
    rows = np.sort(rng.choice(n, 80, replace=False))
    precondition = NystromPreconditioner(K[:, rows], rows, ridge)
    quick = conjugate_gradient(product, Y, precondition, tol=1e-4, max_iter=1000)
    assert quick.converged and quick.coef.dtype == dtype
    assert quick.n_iter <= 0.4 * plain.n_iter
    exact = np.linalg.solve(K.astype(float) + np.diag(ridge), Y)
    assert_close(quick.coef, exact, 5e-3)


def test_nystrom_is_its_formula(rng):
    """The inverse of ``B^T B + mu + ridge``, with mu the mean that the approximation leaves on the diagonal."""
    _, K, Y = problem(rng)
    ridge, rows = np.linspace(0.1, 2, 30), np.array([1, 4, 8, 15, 16, 23])
    approximation = K[:, rows] @ np.linalg.solve(K[np.ix_(rows, rows)], K[rows])
    mu = np.mean(np.diag(K - approximation))
    precondition = NystromPreconditioner(K[:, rows], rows, ridge)
    np.testing.assert_allclose(precondition.mu, mu, rtol=1e-10)
    assert_close(precondition(Y), np.linalg.solve(approximation + np.diag(mu + ridge), Y), 1e-10)


def test_nystrom_survives_duplicate_landmarks(rng):
    X = np.repeat(rng.normal(size=(20, 2)), 3, axis=0)
    for dtype in DTYPES:
        K = KERNEL(X.astype(dtype))
        ridge, Y = np.full(60, 0.1), rng.normal(size=(60, 1)).astype(dtype)
        precondition = NystromPreconditioner(K[:, :30].copy(), np.arange(30), ridge)
        result = conjugate_gradient(gram_product(K, ridge), Y, precondition, tol=1e-5, max_iter=60)
        assert result.converged
        assert_close(result.coef, np.linalg.solve(K.astype(float) + np.diag(ridge), Y), 1e-3)
