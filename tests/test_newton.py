"""The solver of convex losses: minima, dual coefficients, and rows left out."""

from functools import cache

import naive
import numpy as np
import pytest
from loss_cases import LOSSES, counts, decisions_and_targets, regressor, window
from numpy.testing import assert_allclose, assert_array_equal
from scipy.optimize import minimize as scipy_minimize

from rfmlearn import RFMClassifier
from rfmlearn.recursion._loss_ridges import choose_ridges
from rfmlearn.solvers import FactorableGram, Weights, _newton, left_out_decisions, minimize
from rfmlearn.solvers._newton import smallest_along
from rfmlearn.targets._losses import MultinomialLoss

SMOOTH = [name for name in LOSSES if name not in ("quantile", "absolute_error")]
ALPHA = 0.3


@cache
def system(name, n=25, seed=0):
    """Points, their Gram matrix, and targets that depend on the points and fit a loss."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 2))
    _, Y = decisions_and_targets(name, n, seed)
    if not isinstance(LOSSES[name], MultinomialLoss):
        Y = Y + np.abs(X[:, :1])
    return naive.Laplace(2.0).gram(X, X), Y


def objective(loss, K, Y, ridge):
    """Of dual coefficients written in a row; its value and gradient."""

    def function(c):
        C = c.reshape(Y.shape)
        F = K @ C
        value = np.sum(loss.value(F, Y) / ridge[:, None]) + np.sum(C * F) / 2
        return value, (K @ (loss.slope(F, Y) / ridge[:, None] + C)).ravel()

    return function


def solved(name, weights=None, start=None, tol=0.0, **options):
    K, Y = system(name)
    ridge = (Weights.of(np.ones(len(K))) if weights is None else weights).ridge(ALPHA)
    return K, Y, ridge, minimize(FactorableGram(K.copy()), LOSSES[name], Y, ridge, start, tol=tol, **options)


def optimality(loss, Y, ridge, found):
    """How far dual coefficients are from those that the slope asks for."""
    return np.max(np.abs(found.coef + loss.slope(found.decision, Y) / ridge[:, None]))


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("weighted", [False, True])
def test_minimum_is_that_of_a_general_minimiser(name, weighted):
    weights = Weights.of(np.arange(25) % 3 + 1.0) if weighted else None
    K, Y, ridge, found = solved(name, weights)
    function = objective(LOSSES[name], K, Y, ridge)
    # In coordinates in which c^T K c is a square, so that L-BFGS has no trouble.
    root = np.linalg.cholesky(K)

    def in_roots(b):
        value, gradient = function(np.linalg.solve(root.T, b.reshape(Y.shape)).ravel())
        return value, np.linalg.solve(root, gradient.reshape(Y.shape)).ravel()

    theirs = scipy_minimize(
        in_roots, np.zeros(Y.size), jac=True, method="L-BFGS-B", options={"maxiter": 5000, "ftol": 1e-15, "gtol": 1e-9}
    )
    ours, _ = function(found.coef.ravel())
    assert ours <= theirs.fun + 1e-9 * abs(theirs.fun)
    assert_allclose(found.decision, root @ theirs.x.reshape(Y.shape), atol=2e-4)
    assert found.trouble is None


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("weighted", [False, True])
def test_dual_coefficients_are_slopes(name, weighted):
    weights = Weights.of(np.arange(25) % 3 + 1.0) if weighted else None
    K, Y, ridge, found = solved(name, weights)
    # Several classes have a bound in place of their curvatures, so that steps are short.
    assert optimality(LOSSES[name], Y, ridge, found) <= (1e-6 if name.startswith("log_loss") else 1e-8)
    assert_allclose(found.decision, K @ found.coef, atol=1e-10)


@pytest.mark.parametrize("name", LOSSES)
def test_where_it_starts_does_not_matter(name):
    _, Y, _, found = solved(name)
    for start in (np.ones(Y.shape), 3 * np.random.default_rng(1).normal(size=Y.shape), found.decision):
        assert_allclose(solved(name, start=start)[3].decision, found.decision, atol=1e-7)


@pytest.mark.parametrize("name", LOSSES)
def test_start_at_the_minimum_is_over_soon(name):
    found = solved(name)[3]
    assert solved(name, start=found.decision, tol=1e-12)[3].n_iter <= 2


@pytest.mark.parametrize("off", [0.2, -0.2])
def test_start_where_no_row_has_curvature(off):
    K, Y = system("quantile")
    loss, ridge = window(0.8, width=0.1), np.full(25, 1e-3)
    found = minimize(FactorableGram(K), loss, Y, ridge, Y + off, tol=1e-12)
    assert found.trouble is None and found.n_iter < 40
    assert_allclose(found.decision, minimize(FactorableGram(K), loss, Y, ridge, tol=1e-12).decision, atol=1e-4)


@pytest.mark.parametrize("name", ["poisson", "tweedie", "gamma"])
@pytest.mark.parametrize("size", [-40.0, 40.0, 250.0])
def test_start_out_of_all_proportion(name, size):
    found = solved(name, start=np.full((25, 1), size), tol=1e-12)[3]
    assert found.trouble is None and found.n_iter < 20
    assert_allclose(found.decision, solved(name)[3].decision, atol=1e-5)


@pytest.mark.parametrize("level", [0.1, 0.5, 0.9])
def test_dual_coefficients_of_quantiles_lie_in_a_box(level):
    """With levels tau and tau - 1 as the bounds, and rows outside of the window at one of the two."""
    K, Y = system("quantile")
    loss, ridge = window(level, width=0.2), np.full(25, ALPHA)
    found = minimize(FactorableGram(K), loss, Y, ridge, tol=1e-14)
    scaled, r = found.coef[:, 0] * ALPHA * loss.density, (Y - found.decision)[:, 0]
    assert ((scaled >= level - 1 - 1e-9) & (scaled <= level + 1e-9)).all()
    outside = np.abs(r) > 0.2 + 1e-6
    assert outside.any()
    assert_allclose(scaled[outside], np.where(r[outside] > 0, level, level - 1), atol=1e-9)


@pytest.mark.parametrize("level", [0.1, 0.5, 0.9])
def test_share_below_a_quantile(level):
    """With a constant that costs nothing, it is the level but for what lies in the window."""
    rng = np.random.default_rng(0)
    X, Y = rng.normal(size=(200, 1)), rng.normal(size=(200, 1))
    K = naive.Laplace(2.0).gram(X, X) + 1e4
    loss = window(level, width=0.1)
    found = minimize(FactorableGram(K), loss, Y, np.full(200, 3.0), tol=1e-13)
    r = Y - found.decision
    assert abs(np.mean(r < 0) - level) <= np.mean(np.abs(r) <= loss.widths) / 2 + 0.01


@pytest.mark.parametrize("name", LOSSES)
def test_single_precision(name):
    K, Y, ridge, found = solved(name)
    rough = minimize(FactorableGram(K.astype(np.float32)), LOSSES[name], Y, ridge)
    assert_allclose(rough.decision, found.decision, atol=0.02)


@pytest.mark.parametrize("name", ["quantile", "absolute_error", "huber"])
@pytest.mark.parametrize("grouped", [False, True])
def test_system_of_the_inner_rows_is_that_of_all(name, grouped, monkeypatch):
    weights = Weights.of(np.ones(25), groups=np.arange(25) // 2 if grouped else None)
    results = []
    for share in (0.0, 1.0):
        monkeypatch.setattr(_newton, "REDUCED_UP_TO", share)
        K, _, _, found = solved(name)
        results.append((found.coef, found.decision, left_out_decisions(FactorableGram(K), found, weights)))
    for full, reduced in zip(*results, strict=True):
        assert_allclose(reduced, full, atol=1e-5)


def test_gram_matrix_is_left_as_it_is():
    K, Y = system("poisson")
    array = np.tril(K)
    gram = FactorableGram(array)
    found = minimize(gram, LOSSES["poisson"], Y, np.full(25, ALPHA))
    left_out_decisions(gram, found, Weights.of(np.ones(25)))
    assert_array_equal(np.tril(array), np.tril(K))


def test_gram_matrix_is_filled_again_in_its_place():
    K, Y = system("poisson")
    array = K.copy()
    gram = FactorableGram(array, lambda: np.copyto(array, K))
    found = minimize(gram, LOSSES["poisson"], Y, np.full(25, ALPHA), tol=1e-14)
    assert_allclose(found.coef, solved("poisson")[3].coef, atol=1e-9)
    gram.restore()
    assert_array_equal(array, K)


def test_too_few_steps_are_told():
    found = solved("poisson", max_iter=1)[3]
    assert "Newton's method stopped after 1 steps" in found.trouble


@pytest.mark.parametrize("place", [0.0, 0.3, 0.999, 2.0])
def test_smallest_along_a_step(place):
    share = smallest_along(lambda t: t - place)
    assert 0 < share <= 1
    assert abs(share - min(place, 1.0)) <= 2.0**-11


# Rows left out ---------------------------------------------------------------------------------------------------


def refits(name, K, Y, weights, start):
    """Decisions of rows by machines that have not seen them, their groups, or one of their replicates."""
    out, share = np.empty(Y.shape), weights.left_out_share()
    ridge = weights.ridge(1.0)
    sets = [np.array([i]) for i in range(len(K))] if weights.groups is None else weights.sets_left_out()
    for rows in sets:
        kept = 1 / ridge
        kept[rows] *= 1 - share[rows]
        seen = kept > 0
        part = FactorableGram(K[np.ix_(seen, seen)].copy())
        found = minimize(part, LOSSES[name], Y[seen], 1 / kept[seen], start[seen], tol=1e-9)
        out[rows] = K[np.ix_(rows, np.flatnonzero(seen))] @ found.coef
    return out


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("what", ["rows", "weighted rows", "groups", "replicates"])
def test_rows_left_out_are_nearly_those_of_refits(name, what):
    """The mean loss is within 1 %, for targets that are mostly noise at a ridge that suits them.

    Within 2 % where losses have kinks, or one number stands for several curvatures.
    """
    n, loss = 100, LOSSES[name]
    K, Y = system(name, n)
    weights = {
        "rows": Weights.of(np.ones(n)),
        "weighted rows": Weights.of(np.linspace(0.5, 2, n)),
        "groups": Weights.of(np.ones(n), groups=np.arange(n) // 2),
        "replicates": Weights.of(np.arange(n) % 3 + 1.0),
    }[what]
    if what == "replicates":
        object.__setattr__(weights, "replicated", np.ones(n, dtype=bool))
        weights = weights._in_units()
    gram = FactorableGram(K)
    found = minimize(gram, loss, Y, weights.ridge(1.0), tol=1e-12)
    ours, exact = (
        weights.mean(loss.unsmoothed(part, Y))
        for part in (left_out_decisions(gram, found, weights), refits(name, K, Y, weights, found.decision))
    )
    is_rough = name in ("quantile", "absolute_error", "huber", "log_loss")
    assert_allclose(ours, exact, rtol=0.02 if is_rough else 0.01)


@pytest.mark.parametrize("name", LOSSES)
def test_some_rows_left_out_are_those_of_all(name):
    K, _, _, found = solved(name)
    for weights in (Weights.of(np.ones(25)), Weights.of(np.ones(25), groups=np.arange(25) // 5)):
        every = left_out_decisions(FactorableGram(K), found, weights)
        rows = np.arange(5, 15)
        assert_allclose(left_out_decisions(FactorableGram(K), found, weights, rows), every[rows], atol=1e-9)


@pytest.mark.parametrize("name", LOSSES)
def test_ridges_beyond_measure(name):
    """No row has a say, and none is missed."""
    K, Y = system(name)
    weights = Weights.of(np.ones(25))
    found = minimize(FactorableGram(K), LOSSES[name], Y, weights.ridge(1e9))
    left_out = left_out_decisions(FactorableGram(K), found, weights)
    assert_allclose(found.decision, 0, atol=1e-6)
    assert_allclose(left_out, 0, atol=1e-6)


# Choice of ridges ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", LOSSES)
def test_ridge_chosen_is_better_than_its_neighbours(name):
    K, Y = system(name, 60)
    weights = Weights.of(np.ones(60))
    choice = choose_ridges(K, LOSSES[name], Y, weights)
    for factor in (10 / 3, 0.3):
        other = choose_ridges(K, LOSSES[name], Y, weights, given=choice.alpha * factor)
        assert choice.left_out_loss <= other.left_out_loss * (1 + 1e-3) + 1e-6


def test_cautious_ridges_are_one_larger():
    K, Y = system("poisson", 60)
    weights = Weights.of(np.ones(60))
    usual, cautious = (choose_ridges(K, LOSSES["poisson"], Y, weights, cautious=flag).alpha for flag in (False, True))
    assert 2.9 < cautious / usual < 3.4


def test_cautious_estimators():
    X, y = counts()
    usual, cautious = (regressor("poisson", alpha=alpha, max_iter=0).fit(X, y).alpha_ for alpha in ("auto", "cautious"))
    assert 2.9 < cautious / usual < 3.4


def test_classes_in_closed_form_and_by_their_logits_agree_about_the_obvious():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(80, 2))
    y = (X[:, 0] > 0).astype(int)
    models = [RFMClassifier(loss=loss, max_iter=1).fit(X, y) for loss in ("squared_error", "log_loss")]
    assert np.mean(models[0].predict(X) == models[1].predict(X)) > 0.95
