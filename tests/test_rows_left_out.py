"""Rows, units of weight and groups that a recursion leaves out, the ridge that is chosen by them, and what is drawn."""

import naive
import numpy as np
import pytest
from instances import assert_close
from recursions import make_recursion, table

from rfmlearn.recursion._draws import Draws
from rfmlearn.recursion._stopping import StoppingRule
from rfmlearn.runtime._budget import ALPHAS
from rfmlearn.solvers import Weights


@pytest.mark.parametrize("grouped", [False, True], ids=["rows", "groups"])
@pytest.mark.parametrize("n_ridge_rows", [1500, 12], ids=["chosen among all", "by the factor"])
def test_rows_left_out_of_the_last_round_are_those_of_refits(n_ridge_rows, grouped, rng):
    X, Y = table(rng)
    groups = rng.integers(0, 8, 30) if grouped else None
    recursion = make_recursion(X, Y, alpha=None, adaptive=True, groups=groups, draws={"n_ridge_rows": n_ridge_rows})
    *_, last = recursion.rounds(2)
    rows, residuals = recursion.left_out(last)
    np.testing.assert_array_equal(rows, np.arange(30))
    points = last.machine.centers.dense()
    K = naive.Laplace(last.machine.kernel.bandwidth).gram(points, points)
    for row in range(30):
        inside = np.arange(30) == row if groups is None else groups == groups[row]
        coef = naive.ridge_solve(K[np.ix_(~inside, ~inside)], Y[~inside], last.alpha, np.ones((~inside).sum()))
        assert_close(residuals[row], Y[row] - K[row, ~inside] @ coef, 1e-8)


def test_calibration_rows_hold_whole_groups(rng):
    X, Y = table(rng, n=60)
    groups = rng.integers(0, 12, 60)
    recursion = make_recursion(X, Y, groups=groups, draws={"n_calibration_rows": 25})
    rows = recursion.draws.calibration
    assert 15 <= len(rows) <= 25
    for group in np.unique(groups[rows]):
        assert set(np.flatnonzero(groups == group)) <= set(rows)
    (last,) = recursion.rounds(0)
    assert recursion.left_out(last)[1].shape == (len(rows), 2)


def test_a_cautious_ridge_is_the_next_larger_candidate(rng):
    X, Y = table(rng)
    for draws in ({}, {"n_ridge_rows": 12}):
        (plain,) = make_recursion(X, Y, alpha=None, draws=draws).rounds(0)
        (cautious,) = make_recursion(X, Y, alpha=None, cautious=True, draws=draws).rounds(0)
        assert cautious.alpha == ALPHAS[ALPHAS.index(plain.alpha) + 1]
        K = naive.Laplace(3.0).gram(X, X)
        assert_close(cautious.machine.dual_coef, naive.ridge_solve(K, Y, cautious.alpha), 1e-10)
        assert_close(
            make_recursion(X, Y, alpha=None, draws=draws).solve_cautiously(plain).coef,
            cautious.machine.dual_coef,
            1e-10,
        )
    (given,) = make_recursion(X, Y, alpha=0.01, cautious=True).rounds(0)
    assert given.alpha == 0.01


def test_what_is_drawn_does_not_depend_on_what_else_is_asked(rng):
    weights = Weights.of(rng.uniform(0.5, 2, 2000))
    draws = [
        Draws.of(weights, np.random.RandomState(0), n, n_calibration_rows=m)
        for n, m in ((300, 500), (400, 500), (300, 600))
    ]
    for name in ("bandwidth", "ridge", "landmarks", "inspected"):
        for other in draws[1:]:
            one, two = getattr(draws[0], name), getattr(other, name)
            np.testing.assert_array_equal(np.hstack(one), np.hstack(two))
    np.testing.assert_array_equal(draws[0].calibration, draws[1].calibration)


@pytest.mark.parametrize("sizes", [(30, 30), (50, 10), (20, 20, 20)])
def test_groups_larger_than_the_calibration_are_still_left_out_together(sizes, rng):
    X, Y = table(rng, n=60)
    groups = np.repeat(np.arange(len(sizes)), sizes)
    recursion = make_recursion(X, Y, groups=groups, draws={"n_calibration_rows": 25})
    (last,) = recursion.rounds(0)
    rows, residuals = recursion.left_out(last)
    assert len(rows) in (20, 30, 10) and set(np.flatnonzero(np.isin(groups, groups[rows]))) == set(rows)
    K = naive.Laplace(3.0).gram(X, X)
    for group in np.unique(groups[rows]):
        inside = groups == group
        coef = naive.ridge_solve(K[np.ix_(~inside, ~inside)], Y[~inside], last.alpha, np.ones((~inside).sum()))
        expected = Y[inside] - K[np.ix_(inside, ~inside)] @ coef
        assert_close(residuals[groups[rows] == group], expected, 1e-8)


@pytest.mark.parametrize("n_ridge_rows", [1500, 12])
@pytest.mark.parametrize("stop", [0, 1, 3])
def test_the_round_that_is_kept_is_cautious_wherever_rounds_stop(stop, n_ridge_rows, rng):
    X, Y = table(rng)
    recursion = make_recursion(X, Y, alpha=None, cautious=True, draws={"n_ridge_rows": n_ridge_rows})
    best, _, _ = StoppingRule(3, callback=lambda current: current.n_iter == stop).run(recursion)
    *_, expected = recursion.rounds(stop)
    assert best.n_iter == stop and best.alpha == expected.alpha
    assert_close(best.machine.dual_coef, expected.machine.dual_coef, 1e-9)
    np.testing.assert_allclose(best.train_loss, expected.train_loss, rtol=1e-8)
