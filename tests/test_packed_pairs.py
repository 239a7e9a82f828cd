"""The packed Gram matrix against the dense one, and fits with it against fits without."""

import re

import numpy as np
import pytest
from instances import FEW_KERNELS, KERNELS, embedded_points
from sklearn.datasets import make_regression

import rfmlearn.recursion._plan as plan_module
from rfmlearn import RFMClassifier, RFMRegressor, estimate_memory
from rfmlearn.kernels import GaussianKernel, LaplaceKernel, Points, RadialKernel
from rfmlearn.kernels._packed_pairs import PackedPairMatrix, _disjoint_pairs, packed_bytes
from rfmlearn.recursion._draws import Draws
from rfmlearn.recursion._packed_recursion import on_sample
from rfmlearn.recursion._packed_system import solve_packed
from rfmlearn.rfm._settings import make_recursion
from rfmlearn.runtime._memory import refuse_beyond
from rfmlearn.runtime._threads import thread_limit
from rfmlearn.solvers import Weights

QUANTUM = 0.5 / 65535


def _problem(rng, n=300, kernel=None):
    """A packed Gram matrix, the dense one, and targets."""
    X = rng.normal(size=(n, 3))
    kernel = LaplaceKernel(4.0) if kernel is None else kernel
    packed = PackedPairMatrix.of(kernel, Points.of_numbers(X.astype(np.float32)), tile=32)
    return packed, kernel(X), np.column_stack([np.sin(X[:, 0]), X[:, 1] + 0.3 * rng.normal(size=n)])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("case", KERNELS)
def test_entries_are_those_of_the_dense_matrix_rounded(case, dtype, rng):
    points = embedded_points(rng, 53, dtype=dtype)
    dense = case.kernel(points)
    packed = PackedPairMatrix.of(case.kernel, points, tile=16)
    everything, rows = np.arange(53), np.array([3, 15, 16, 40, 52])
    slack = QUANTUM + 1e-6
    np.testing.assert_allclose(packed.block(everything), dense, rtol=0, atol=slack)
    np.testing.assert_allclose(packed.columns(rows), dense[:, rows], rtol=0, atol=slack)
    np.testing.assert_allclose(packed.row(17), dense[17], rtol=0, atol=slack)
    np.testing.assert_array_equal(np.diag(packed.block(rows)), 1)


@pytest.mark.parametrize("n", [1, 15, 16, 17, 48, 101])
@pytest.mark.parametrize("n_columns", [1, 3, 20])
@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float32, 1e-6), (np.float64, 1e-14)])
def test_products_are_those_of_the_entries(n, n_columns, dtype, tolerance, rng):
    packed = PackedPairMatrix.of(LaplaceKernel(4.0), embedded_points(rng, n), tile=16)
    codes, V = np.round(65535 * packed.block(np.arange(n)).astype(np.float64)), rng.normal(size=(n, n_columns))
    K = codes / 65535
    np.testing.assert_allclose(packed.matvec(V, dtype), K @ V, rtol=0, atol=tolerance * np.abs(K @ V).max())


@pytest.mark.parametrize("n_blocks", range(1, 9))
def test_every_pair_of_blocks_meets_once_and_none_twice_at_a_time(n_blocks):
    rounds = [list(map(tuple, pairs.tolist())) for pairs in _disjoint_pairs(n_blocks)]
    met = [pair for pairs in rounds for pair in pairs]
    assert sorted(met) == [(i, j) for i in range(n_blocks) for j in range(i + 1)]
    for pairs in rounds:
        busy = [block for pair in pairs for block in set(pair)]
        assert len(busy) == len(set(busy))


@pytest.mark.parametrize("n_columns", [2, 20])
def test_products_do_not_depend_on_the_number_of_threads(n_columns, rng):
    points, V = embedded_points(rng, 900), rng.normal(size=(900, n_columns))
    results = []
    for limit in (1, 2):
        with thread_limit(limit):
            packed = PackedPairMatrix.of(FEW_KERNELS[0].values[0].kernel, points, tile=64)
            results.append((packed.tiles.copy(), packed.matvec(V)))
    for one, two in zip(*results, strict=True):
        np.testing.assert_array_equal(one, two)


def test_a_quarter_of_the_memory_of_a_square_array_of_float32(rng):
    packed = PackedPairMatrix.of(LaplaceKernel(4.0), embedded_points(rng, 100), tile=16)
    assert packed.tiles.nbytes == packed_bytes(100, 16) == 7 * 8 // 2 * 16**2 * 2


@pytest.mark.parametrize("scale", [2.0, 0.5, -1.0, np.nan])
def test_kernels_with_other_values_are_refused(scale, rng):
    class Scaled(RadialKernel):
        def evaluate(self, squares, values, slopes):
            values[:] = scale * np.exp(-squares)

    with pytest.raises(ValueError, match=r"Scaled\(.*outside of \[0, 1\].*solver=\"auto\""):
        PackedPairMatrix.of(Scaled(), embedded_points(rng, 20), tile=16)


def test_solutions_are_those_of_the_dense_system(rng):
    packed, K, Y = _problem(rng)
    ridge = np.linspace(0.05, 0.2, len(Y))
    _, solution = solve_packed(packed, Y, ridge, np.arange(0, 300, 10), tol=1e-7)
    exact = np.linalg.solve(K + np.diag(ridge), Y)
    assert solution.converged
    assert solution.residual <= 1e-7
    assert solution.n_iter > 0
    np.testing.assert_allclose(K @ solution.coef, K @ exact, rtol=0, atol=1e-3 * np.abs(K @ exact).max())


@pytest.mark.parametrize(("ridge", "complaint"), [(1e-9, "in 16 bits|stopped"), (5e-4, "16 bits are few")])
def test_ridges_too_small_for_16_bits_are_told_of(ridge, complaint, rng):
    packed, _, Y = _problem(rng, kernel=GaussianKernel(4.0))
    _, solution = solve_packed(packed, Y, np.full(300, ridge), np.arange(0, 300, 3))
    assert np.isfinite(solution.coef).all()
    assert not solution.converged
    assert "ncrease alpha" in solution.trouble
    assert re.search(complaint, solution.trouble)


@pytest.mark.parametrize("grouped", [False, True])
@pytest.mark.parametrize("alpha", [0.01, 0.3])
def test_rows_left_out_are_predicted_as_by_refits(grouped, alpha, rng):
    packed, K, Y = _problem(rng)
    groups = np.repeat(np.arange(100), 3) if grouped else None
    weights = Weights.of(rng.uniform(0.5, 2.0, 300), groups=groups)
    ridge = weights.ridge(alpha)
    system, solution = solve_packed(packed, Y, ridge, np.arange(0, 300, 10))
    rows = np.arange(300)
    found = system.left_out_residuals(solution.coef, weights, rows)
    exact = np.empty_like(found)
    for place, row in enumerate(rows):
        kept = np.flatnonzero(groups != groups[row]) if grouped else np.delete(np.arange(300), row)
        coef = np.linalg.solve(K[np.ix_(kept, kept)] + np.diag(ridge[kept]), Y[kept])
        exact[place] = Y[row] - K[row, kept] @ coef
    assert np.linalg.norm(found - exact) < 0.1 * np.linalg.norm(exact)


@pytest.mark.parametrize("kernel", ["laplace", "lpq_laplace", "sum_power_laplace"])
def test_a_regression_is_that_of_the_cholesky_factor(kernel):
    X, y = make_regression(700, 5, noise=1.0, random_state=0)
    settings = {
        "kernel": kernel,
        "feature_matrix_init": np.diag([1.0, 0.5, 0.1, 0.5, 1.0]),
        "max_iter": 0,
        "alpha": 0.1,
    }
    packed, dense = (RFMRegressor(solver=solver, **settings).fit(X[:600], y[:600]) for solver in ("packed", "cholesky"))
    assert packed.solver_ == packed.history_[-1]["solver"] == "packed"
    np.testing.assert_allclose(packed.predict(X), dense.predict(X), rtol=0, atol=1e-3 * y.std())


def test_a_classification_has_nearly_the_same_probabilities(rng):
    X = rng.normal(size=(700, 4))
    y = np.digitize(X[:, 0] * X[:, 1] + 0.5 * rng.normal(size=700), [-0.5, 0.5])
    settings = {"max_iter": 0, "alpha": 0.3}
    packed, dense = (
        RFMClassifier(solver=solver, **settings).fit(X[:600], y[:600]) for solver in ("packed", "cholesky")
    )
    assert np.abs(packed.predict_proba(X) - dense.predict_proba(X)).max() < 0.02


def test_features_are_learned_on_a_sample(monkeypatch, rng):
    monkeypatch.setattr(plan_module, "N_LEARNING_ROWS", 200)
    X = rng.normal(size=(600, 6))
    y = np.sin(2 * X[:, 0]) + X[:, 1]
    rounds = []
    model = RFMRegressor(solver="packed", callback=rounds.append, random_state=0).fit(X, y)
    assert [len(each.machine.centers) for each in rounds] == [200, 200, 200, 600]
    assert set(np.argsort(model.feature_importances_)[-2:]) == {0, 1}
    assert [record["solver"] for record in model.history_] == [*["cholesky"] * 3, "packed"]


def test_the_best_round_is_kept_as_one_of_all_rows(monkeypatch, rng):
    monkeypatch.setattr(plan_module, "N_LEARNING_ROWS", 200)
    X, noise = rng.normal(size=(600, 6)), rng.normal(size=600)
    model = RFMRegressor(solver="packed", callback=lambda latest: latest.n_iter == 1).fit(X, X[:, 0] + noise)
    assert (model.best_iter_, model.solver_, len(model.X_fit_)) == (1, "packed", 600)


def test_too_many_rows_are_refused_before_anything_is_allocated():
    plan = plan_module.make_plan(50_000, [50], 1, kernel=LaplaceKernel(), solver="packed")
    with pytest.raises(MemoryError, match=r"50000 rows with a packed Gram matrix takes about [\d.]+ GiB.*at most"):
        refuse_beyond(plan.n_bytes + 2**60, lambda _: plan._complaint(2**30))
    assert 2.5e9 < estimate_memory(50_000, 50, solver="packed") < 4e9


def test_groups_are_sampled_whole(rng):
    X, groups = rng.normal(size=(60, 2)), np.repeat(np.arange(20), 3)
    weights = Weights.of(np.ones(60), groups=groups)
    model = RFMRegressor()
    recursion = make_recursion(
        model, Points.of_numbers(X), ["a", "b"], X[:, :1], weights, np.random.RandomState(0), solver="packed"
    )
    part = on_sample(recursion, np.random.RandomState(0), 31)
    assert len(part.points) == 30
    assert isinstance(part.draws, Draws)
    assert set(np.bincount(part.weights.groups)) == {3}
