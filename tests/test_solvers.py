"""Direct solutions, residuals of rows left out, ridge paths, and the choice of the ridge."""

import itertools
import re

import naive
import numpy as np
import pytest
from instances import DTYPES, assert_close
from systems import KERNEL, TOLERANCE, WEIGHTS, factored, filled, problem

from rfmlearn.recursion._ridge_choice import candidates, choose_ridge, next_larger
from rfmlearn.runtime._budget import ALPHAS
from rfmlearn.solvers import (
    CholeskyFactor,
    RidgePath,
    Weights,
    factor_residuals,
)
from rfmlearn.tables._copies import Copies

# Cholesky --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("n_outputs", [1, 3])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("weights", WEIGHTS)
def test_cholesky_solves(weights, dtype, n_outputs, rng):
    X, K, Y = problem(rng, n_outputs=n_outputs, dtype=dtype)
    w = WEIGHTS[weights](30)
    pairs = filled(X)
    sums = np.triu(pairs.array, 1)
    factor = CholeskyFactor(pairs.array, 0.1 / w)
    coef = factor.solve(Y).coef
    assert coef.shape == Y.shape and coef.dtype == dtype
    assert_close(coef, naive.ridge_solve(K, Y, 0.1, w), TOLERANCE[dtype])
    np.testing.assert_array_equal(factor.ridge, 0.1 / w)
    np.testing.assert_array_equal(np.triu(pairs.array, 1), sums)
    factor.invert()  # after which it solves as before
    assert_close(factor.apply(Y), coef, TOLERANCE[dtype])
    np.testing.assert_array_equal(np.triu(pairs.array, 1), sums)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("n", [1, 30, 300])
def test_inverse_diagonal(n, dtype, rng):
    X = rng.normal(size=(n, 3)).astype(dtype)
    w = np.linspace(0.5, 2, n)
    expected = np.diag(np.linalg.inv(KERNEL(X.astype(float)) + np.diag(0.1 / w)))
    rows = np.unique(rng.integers(0, n, 7))
    factor = factored(X, 0.1 / w)
    assert_close(factor.inverse_diagonal(rows), expected[rows], TOLERANCE[dtype])
    assert_close(factor.inverse_diagonal(rows[::-1]), expected[rows[::-1]], TOLERANCE[dtype])
    assert_close(factor.inverse_diagonal(), expected, TOLERANCE[dtype])
    assert_close(factor.inverse_diagonal(rows), expected[rows], TOLERANCE[dtype])  # of an inverted factor


@pytest.mark.parametrize("dtype", DTYPES)
def test_inverse_block(dtype, rng):
    X = rng.normal(size=(30, 3)).astype(dtype)
    expected = np.linalg.inv(KERNEL(X.astype(float)) + 0.1 * np.eye(30))
    factor = factored(X, np.full(30, 0.1))
    for rows in (np.array([4]), np.array([2, 3, 17, 29]), np.arange(30)):
        assert_close(factor.inverse_block(rows), expected[np.ix_(rows, rows)], 10 * TOLERANCE[dtype])
    factor.invert()
    for rows in (np.array([4]), np.array([29, 3, 17, 2]), np.arange(30)):
        assert_close(factor.inverse_block(rows), expected[np.ix_(rows, rows)], 10 * TOLERANCE[dtype])


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_singular_matrix_gets_a_jitter_and_says_so(dtype):
    n = 60
    X = np.zeros((n, 2), dtype)
    pairs = filled(X)
    factor = CholeskyFactor(pairs.array, np.full(n, 1e-30), lambda: pairs.fill_gram(KERNEL))
    assert re.match(r"K .* numerically singular; .* was added .* Increase alpha", factor.trouble)
    jitter = factor.ridge[0]
    assert 9 * n * np.finfo(dtype).eps <= jitter <= 1e6 * n * np.finfo(dtype).eps
    # All points are one, which predicts the sum of the coefficients.
    solution = factor.solve(np.ones((n, 1), dtype))
    assert solution.trouble == factor.trouble and not solution.converged
    np.testing.assert_allclose(solution.coef.sum(), n / (n + jitter), rtol=1e-3)
    np.testing.assert_array_equal(np.triu(pairs.array, 1), 0)


def test_an_indefinite_matrix_is_refused(rng):
    with pytest.raises(np.linalg.LinAlgError, match=r"not positive definite.*increase alpha"):
        factored(rng.normal(size=(10, 2)), np.full(10, -3.0))


def test_no_jitter_without_need(rng):
    X, _, _ = problem(rng)
    factor = factored(X, np.full(30, 1e-10))
    assert np.all(factor.ridge == 1e-10) and factor.trouble is None


# Leave-one-out ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("alpha", [1e-3, 1.0])
@pytest.mark.parametrize("weights", WEIGHTS)
def test_leave_one_out_equals_refits(weights, alpha, rng):
    X, K, Y = problem(rng, n=20)
    w = WEIGHTS[weights](20)
    expected = naive.leave_one_out_residuals(K, Y, alpha, w)
    factor, weights = factored(X, alpha / w), Weights.of(w)
    coef = factor.apply(Y)
    rows = np.array([0, 3, 11, 19])
    assert_close(factor_residuals(factor, coef, weights, rows), expected[rows], 1e-10)
    assert_close(factor_residuals(factor, coef, weights), expected, 1e-10)
    assert_close(RidgePath(K.copy(), weights).left_out(Y, alpha), expected, 1e-9)


@pytest.mark.parametrize("alpha", [1e-3, 1.0])
@pytest.mark.parametrize("weights", WEIGHTS)
def test_groups_left_out_equal_refits(weights, alpha, rng):
    X, K, Y = problem(rng, n=20)
    w, groups = WEIGHTS[weights](20), np.array(list("abbcadddaeefgghhhiii"))
    ridge, expected = alpha / w, np.empty_like(Y)
    for group in np.unique(groups):
        inside = groups == group
        coef = naive.ridge_solve(K[np.ix_(~inside, ~inside)], Y[~inside], alpha, w[~inside])
        expected[inside] = Y[inside] - K[np.ix_(inside, ~inside)] @ coef
    factor, weights = factored(X, ridge), Weights.of(w, groups=groups)
    coef = factor.apply(Y)
    rows = np.flatnonzero(np.isin(groups, ["a", "d", "g"]))
    assert_close(factor_residuals(factor, coef, weights, rows), expected[rows], 1e-9)
    assert_close(factor_residuals(factor, coef, weights), expected, 1e-9)
    assert_close(RidgePath(K.copy(), weights).left_out(Y, alpha), expected, 1e-8)


def test_groups_of_one_row_are_rows_left_out_whole(rng):
    X, _, Y = problem(rng, n=20)
    w = np.linspace(0.2, 3.7, 20)
    factor = factored(X, 0.1 / w)
    coef = factor.apply(Y)
    alone = factor_residuals(factor, coef, Weights.of(w))
    assert_close(factor_residuals(factor, coef, Weights.of(w, groups=np.arange(20))), alone, 1e-10)


@pytest.mark.parametrize("repeats", [1.0, 2.0])
def test_of_a_row_that_stands_for_replicates_one_is_left_out(repeats, rng):
    X, K, Y = problem(rng, n=12)
    w, replicated = repeats * np.array([1, 1, 3, 1, 2, 1, 5, 1, 1, 1, 1, 1.0]), np.arange(12) < 8
    expected = naive.leave_one_out_residuals(K, Y, 0.1, w, np.where(replicated, repeats, w))
    factor = factored(X, 0.1 / w)
    weights = Weights.of(w).with_copies(Copies(np.arange(12), replicated, repeats))
    assert_close(factor_residuals(factor, factor.apply(Y), weights), expected, 1e-10)


def test_a_row_is_left_out_with_all_its_weight(rng):
    """What remained of it would give its target away, and the smallest ridge would look best."""
    _, K, Y = problem(rng, n=20)
    losses = []
    for factor in (1.0, 1.01, 1.5, 2.0, 10.0):
        w = np.full(20, factor)
        losses.append(
            [np.mean(RidgePath(K.copy(), Weights.of(w)).left_out(Y, a * factor) ** 2) for a in (1e-6, 1e-2, 1.0)]
        )
    np.testing.assert_allclose(losses[1:], losses[:1] * 4, rtol=1e-6)


# Ridge path ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("weights", WEIGHTS)
def test_ridge_path_equals_a_factor_for_each_ridge(weights, rng):
    X, K, Y = problem(rng)
    w = WEIGHTS[weights](30)
    path = RidgePath(K.copy(), Weights.of(w))
    for alpha in (1e-4, 1e-2, 1.0, 100.0):
        coef = path.coef(Y, alpha)
        assert_close(coef, factored(X, alpha / w).apply(Y), 1e-9)
        assert_close(coef, naive.ridge_solve(K, Y, alpha, w), 1e-9)


# Choice of the ridge -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("noise", [0.0, 0.3, 3.0])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("weights", WEIGHTS)
def test_choose_ridge_by_refits(weights, dtype, noise, rng):
    X = rng.normal(size=(25, 2)).astype(dtype)
    Y = (np.sin(X[:, :1] + [0.0, 1.0]) + noise * rng.normal(size=(25, 2))).astype(dtype)
    w, K = WEIGHTS[weights](25), naive.Laplace(2.0).gram(X.astype(float), X.astype(float))
    pairs = filled(X)
    before = pairs.array.copy()
    alphas = candidates(Weights.of(w))
    for rows in (np.arange(25), np.array([0, 2, 3, 7, 11, 12, 18, 20, 24])):
        losses = []
        for alpha in alphas:
            residuals = naive.leave_one_out_residuals(K[np.ix_(rows, rows)], Y[rows], alpha, w[rows])
            losses.append(np.average((residuals**2).sum(axis=1), weights=w[rows]))
        for start in range(len(ALPHAS)):
            choice = choose_ridge(pairs.block(rows), Y[rows], Weights.of(w)[rows], start=alphas[start])
            chosen = alphas.index(choice.alpha)
            assert choice.loss == pytest.approx(losses[chosen], rel=TOLERANCE[dtype])
            assert losses[chosen] <= min(losses[max(chosen - 1, 0) : chosen + 2]) * (1 + TOLERANCE[dtype])
            path = losses[start : chosen + 1] if start < chosen else losses[chosen : start + 1][::-1]
            assert all(later < before for before, later in itertools.pairwise(path))
            for alpha, (coef, _) in choice.solved.items():
                expected = naive.ridge_solve(K[np.ix_(rows, rows)], Y[rows], alpha, w[rows])
                assert_close(coef, expected, 100 * TOLERANCE[dtype])
            assert next_larger(choice.alpha, Weights.of(w)) in choice.solved or chosen == len(ALPHAS) - 1
    np.testing.assert_array_equal(pairs.array, before)


def test_choose_ridge_counts_replicates(rng):
    chosen = set()
    for _ in range(20):
        X = rng.uniform(-2, 2, (20, 1))
        Y = np.sin(X) + rng.normal(size=(20, 1))
        counts = rng.choice([1, 2], 20, p=[0.8, 0.2])
        rows = np.repeat(np.arange(20), counts)
        weights = Weights.of(counts).with_copies(Copies(np.arange(20), np.ones(20, dtype=bool)))
        one = choose_ridge(filled(X).array, Y, weights)
        other = choose_ridge(filled(X[rows]).array, Y[rows], Weights.of(np.ones(len(rows))))
        assert (one.alpha, one.loss) == pytest.approx((other.alpha, other.loss))
        chosen.add(other.alpha)
    assert len(chosen) > 2


@pytest.mark.parametrize("factor", [1e-6, 0.3, 7.0, 1e6])
def test_a_factor_of_all_weights_is_one_of_the_ridge(factor, rng):
    _, K, Y = problem(rng, n=30)
    w = rng.uniform(0.5, 2, 30)
    one, other = choose_ridge(K, Y, Weights.of(w)), choose_ridge(K, Y, Weights.of(factor * w))
    assert other.alpha == pytest.approx(factor * one.alpha) and other.loss == pytest.approx(one.loss)


def test_choose_ridge_leaves_groups_out_together(rng):
    """Near-copies in groups: one row at a time, its twins give it away, and the smallest ridge looks best."""
    centers = np.repeat(rng.normal(size=(12, 2)), 6, axis=0)
    X = centers + 1e-3 * rng.normal(size=centers.shape)
    Y, groups = np.repeat(rng.normal(size=(12, 1)), 6, axis=0), np.repeat(np.arange(12), 6)
    gram = filled(X).array
    alone = choose_ridge(gram, Y, Weights.of(np.ones(72)))
    together = choose_ridge(gram, Y, Weights.of(np.ones(72), groups=groups))
    assert alone.loss < 0.01 and together.loss > 0.5 and together.alpha > 10 * alone.alpha
