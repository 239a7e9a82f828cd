"""Machines of many rows, part by part: landmarks, leaves, and their sum, against obvious versions."""

from dataclasses import replace

import naive
import numpy as np
import pytest
from large_data import SMALL, finished, large_recursion
from numpy.testing import assert_allclose, assert_array_equal

from rfmlearn.kernels import GaussianKernel, LaplaceKernel
from rfmlearn.kernels._points import as_points
from rfmlearn.large._landmarks import NormalEquations, solve_landmarks
from rfmlearn.large._leaf import LeafTask
from rfmlearn.large._parts import GlobalPart
from rfmlearn.solvers import Weights

KERNEL, SLOW = LaplaceKernel(3.0), naive.Laplace(3.0)
NO_POINTS = as_points(np.empty((0, 3)))


@pytest.fixture
def data(rng):
    X = rng.normal(size=(60, 3))
    return X, np.stack([np.sin(X[:, 0]), X[:, 1] * X[:, 2]], axis=1), rng.uniform(0.5, 2, 60)


def equations_of(X, Y, w, landmarks, kernel=KERNEL):
    return NormalEquations.of(kernel, as_points(landmarks), as_points(X), Y, w)


def leaf_task(X, Y, w=None, **changes):
    weights = Weights.of(np.ones(len(X)) if w is None else w)
    values = {
        "points": as_points(X), "targets": Y, "weights": weights, "kernel": KERNEL, "adaptive": False, "alpha": 0.1,
        "start": 0.1, "held_out": np.arange(0), "held_targets": Y, "beyond": NO_POINTS, "seed": 0,
    }  # fmt: skip
    return LeafTask(**{**values, **changes})


# The global machine


@pytest.mark.parametrize("alpha", [1e-3, 1.0])
def test_landmarks_solve_weighted_least_squares(data, alpha):
    X, Y, w = data
    G = SLOW.gram(X[:15], X[:15])
    coef = solve_landmarks(equations_of(X, Y, w, X[:15]), G, alpha)
    assert_allclose(coef, naive.landmark_solve(SLOW.gram(X[:15], X), G, Y, alpha, w), rtol=1e-7, atol=1e-9)


def test_all_rows_as_landmarks_are_an_exact_machine(data):
    X, Y, w = data
    K = SLOW.gram(X, X)
    coef = solve_landmarks(equations_of(X, Y, w, X), K, 0.1)
    assert_allclose(K @ coef, K @ naive.ridge_solve(K, Y, 0.1, w), atol=1e-8)


def test_sums_of_parts_add_up_and_weights_are_repetitions(data):
    X, Y, _ = data
    counts = np.arange(60) % 3 + 1
    whole = equations_of(X, Y, counts.astype(float), X[:9])
    parts = [equations_of(X[rows], Y[rows], counts[rows].astype(float), X[:9]) for rows in (slice(20), slice(20, 60))]
    repeated = equations_of(np.repeat(X, counts, axis=0), np.repeat(Y, counts, axis=0), np.ones(counts.sum()), X[:9])
    for other in (parts[0].add(parts[1]), repeated):
        assert_allclose(np.tril(other.square), np.tril(whole.square), rtol=1e-12)
        assert_allclose(other.right, whole.right, rtol=1e-12)


@pytest.mark.parametrize("alpha", [1e-14, 1e-3])
def test_equal_landmarks_do_no_harm(data, alpha):
    X, Y, w = data
    places = np.repeat(np.arange(10), 4)
    G = SLOW.gram(X[places], X[places])
    coef = solve_landmarks(equations_of(X, Y, w, X[places]), G, alpha)
    one = naive.landmark_solve(SLOW.gram(X[:10], X), SLOW.gram(X[:10], X[:10]), Y, alpha, w)
    assert_allclose(SLOW.gram(X[places], X) @ coef, SLOW.gram(X[:10], X) @ one, atol=1e-5)


def test_the_global_machine_predicts_rows_held_out_as_without_them(data, rng):
    X = rng.normal(size=(300, 3))
    Y = np.sin(X[:, :1]) + 0.1 * rng.normal(size=(300, 1))
    budget = replace(SMALL, n_trees=0, n_global_rounds=0)
    recursion = large_recursion(X, Y, budget=budget, kernel=GaussianKernel(2.0), alpha=0.1, max_iter=0, scaling=None)
    final = finished(recursion, 0)
    rows, residuals = recursion.left_out(final)
    (part,) = final.machine.parts
    slow, places, kept = naive_gaussian(2.0), part.rows, np.setdiff1d(np.arange(300), rows)
    assert not np.isin(places, rows).any()
    G = slow.gram(X[places], X[places])
    without = naive.landmark_solve(slow.gram(X[places], X[kept]), G, Y[kept], 0.1)
    whole = naive.landmark_solve(slow.gram(X[places], X), G, Y, 0.1)
    share = part.share
    assert_allclose(Y[rows] - residuals, share * slow.gram(X[places], X[rows]) @ without, atol=1e-4)
    assert_allclose(final.machine.decision(as_points(X)), share * slow.gram(X[places], X) @ whole, atol=1e-4)


def naive_gaussian(bandwidth):
    class Gaussian(naive.Kernel):
        def value(self, u):
            return float(np.exp(-(u @ u) / (2 * self.bandwidth**2)))

    assert_allclose(Gaussian(bandwidth).value(np.array([1.0, 0.5])), GaussianKernel(bandwidth)([[0, 0]], [[1, 0.5]]))
    return Gaussian(bandwidth)


# Leaves


def test_a_leaf_is_a_kernel_machine(data):
    X, Y, w = data
    weights = Weights.of(w)
    leaf = leaf_task(X, Y, w)()
    expected = naive.ridge_solve(SLOW.gram(X, X), Y, 0.1, weights.total * weights.unit)
    assert_allclose(leaf.coef, expected, rtol=1e-8, atol=1e-10)
    assert leaf.trouble is None and leaf.alpha == 0.1 and leaf.bandwidth == 3.0


def test_a_leaf_predicts_rows_held_out_together_as_a_leaf_of_the_others(data):
    X, Y, w = data
    held, kept = np.arange(0, 60, 7), np.setdiff1d(np.arange(60), np.arange(0, 60, 7))
    w = np.round(2 * w) + 1  # whole numbers are in the same unit in both
    targets = Y + np.isin(np.arange(60), held)[:, None] * 100.0
    leaf = leaf_task(X, targets, w, held_out=held)()
    others = leaf_task(X[kept], Y[kept], w[kept], weights=Weights.of(w)[kept])()
    assert_allclose(leaf.predicted, KERNEL.product(X[kept], others.coef, X[held]), atol=1e-8)


def test_targets_of_the_others_may_differ_from_those_that_are_fitted(data):
    X, Y, _ = data
    held = np.arange(8)
    leaf = leaf_task(X, Y, held_out=held, held_targets=-2 * Y)()
    assert_allclose(leaf.predicted, -2 * naive.predict_without(SLOW.gram(X, X), Y, 0.1, held), atol=1e-8)
    assert_allclose(leaf.coef, naive.ridge_solve(SLOW.gram(X, X), Y, 0.1), atol=1e-8)


def test_rows_beyond_are_predicted_without_those_held_out(data, rng):
    X, Y, _ = data
    held, Z = np.arange(8), rng.normal(size=(5, 3))
    leaf = leaf_task(X, Y, held_out=held, beyond=as_points(Z))()
    kept = np.arange(8, 60)
    coef = naive.ridge_solve(SLOW.gram(X[kept], X[kept]), Y[kept], 0.1)
    assert_allclose(leaf.beyond, SLOW.product(X[kept], coef, Z), atol=1e-8)


def test_a_weight_is_a_repetition_in_a_leaf(data):
    X, Y, _ = data
    counts = np.arange(60) % 2 + 1
    one = leaf_task(X, Y, weights=Weights.of(counts))()
    rows = np.repeat(np.arange(60), counts)
    unit = Weights.of(counts).unit
    two = leaf_task(X[rows], Y[rows], weights=replace(Weights.of(np.ones(len(rows)) / unit), unit=unit))
    two = replace(two, weights=replace(two.weights, total=np.ones(len(rows)) / unit))()
    first = np.flatnonzero(np.diff(rows, prepend=-1))
    assert_allclose(np.add.reduceat(two.coef, first), one.coef, atol=1e-7)


def test_a_leaf_that_cannot_be_solved_takes_a_larger_ridge_and_says_so(rng):
    X = np.repeat(rng.normal(size=(30, 3)), 10, axis=0).astype(np.float32) + np.float32(1e-7)
    Y = rng.normal(size=(300, 1))
    task = leaf_task(X, Y, kernel=GaussianKernel(3e3), alpha=1e-30, held_out=np.arange(10), beyond=NO_POINTS)
    leaf = task()
    assert leaf.trouble is not None and "increase alpha" in leaf.trouble.lower()
    assert np.isfinite(leaf.coef).all() and np.isfinite(leaf.predicted).all()


def test_what_no_ridge_can_mend_is_an_error(data, monkeypatch):
    def fail(array, ridge, refill):
        ridges.append(ridge.min())
        raise np.linalg.LinAlgError("never")

    ridges = []
    monkeypatch.setattr("rfmlearn.large._leaf.CholeskyFactor", fail)
    with pytest.raises(np.linalg.LinAlgError, match="never"):
        leaf_task(*data[:2])()
    assert_allclose(np.diff(np.log10(ridges)), 1)


# The sum


@pytest.fixture(scope="module")
def fitted():
    rng = np.random.default_rng(1)
    X = rng.normal(size=(300, 3))
    Y = np.stack([np.sin(2 * X[:, 0]), X[:, 1] * X[:, 2]], axis=1)
    recursion = large_recursion(X, Y, scaling=None)
    return X, Y, recursion, finished(recursion)


def parts_by_hand(machine, Z):
    """Values at rows in original coordinates, one row and one part at a time."""
    roots = machine.feature_matrix.transform(as_points(Z).astype(machine.centers.dtype)).numeric
    centers, out = machine.centers.numeric, np.zeros((len(Z), machine.n_outputs))
    for part in machine.parts:
        for j, z in enumerate(roots):
            if isinstance(part, GlobalPart):
                rows, coef, kernel = part.rows, part.coef, machine.kernel
            else:
                leaf = naive.leaf_of(part.tree, np.asarray(Z[j], dtype=machine.centers.dtype))
                places = slice(part.starts[leaf], part.starts[leaf + 1])
                rows, coef = part.rows[places], part.coef[places]
                kernel = machine.kernel.with_bandwidth(part.bandwidths[leaf])
            out[j] += part.share * (kernel(centers[rows], z[None])[0].astype(float) @ coef)
    return out


def test_decision_is_the_sum_of_the_parts(fitted, rng):
    *_, final = fitted
    Z = rng.normal(size=(40, 3))
    assert len(final.machine.parts) > 2
    assert_allclose(final.machine.decision(as_points(Z)), parts_by_hand(final.machine, Z), atol=1e-4)


def test_gradients_within_leaves(fitted, rng):
    """By differences; where a threshold is near, they would see a step."""
    *_, final = fitted
    machine = final.machine
    Z = rng.normal(size=(30, 3))
    steps = [Z + h * np.eye(3)[k] for k in range(3) for h in (-0.02, 0.02)]
    trees = [part.tree for part in machine.parts if not isinstance(part, GlobalPart)]
    same = np.all([[tree.leaves(as_points(z)) == tree.leaves(as_points(Z)) for z in steps] for tree in trees], (0, 1))
    # Laplace kernels have cusps, and values are float32.
    gradient = machine.numeric_gradient(as_points(Z))
    slopes = naive.five_point_gradient(lambda z: machine.decision(as_points(z)), Z, h=5e-3)
    assert same.sum() > 10
    assert np.median(np.abs(gradient - slopes)[:, same]) < 2e-2 * np.abs(slopes).max()


@pytest.mark.parametrize("center", [False, True])
def test_agop_is_the_average_over_rows(fitted, center):
    X, _, _, final = fitted
    machine, rows = final.machine, np.arange(5, 90)
    weights = np.linspace(1, 2, len(rows))
    weights /= weights.sum()
    gradient = machine.numeric_gradient(as_points(X[rows])).astype(float)
    if center:
        gradient -= np.einsum("lmk,m->lk", gradient, weights)[:, None]
    expected = naive.agop(gradient, weights)
    assert_allclose(machine.full_agop((rows, weights), center=center), expected, atol=1e-4 * expected.max())
    (diagonal,) = machine.agop((rows, weights), center=center)
    assert_allclose(diagonal, np.diag(expected), rtol=1e-3)


def test_rows_do_not_depend_on_each_other(fitted, rng):
    *_, final = fitted
    Z = rng.normal(size=(50, 3))
    whole = final.machine.decision(as_points(Z))
    alone = np.concatenate([final.machine.decision(as_points(z[None])) for z in Z])
    assert_allclose(alone, whole, atol=1e-4)
    assert_allclose(final.machine.decision(as_points(Z[::-1].copy()))[::-1], whole, atol=1e-4)
    assert final.machine.decision(as_points(Z[:0])).shape == (0, 2)


def test_points_out_of_reach_are_far_away(fitted):
    """Numbers that float32 does not hold are clipped before they are cast, not after."""
    machine = fitted[-1].machine
    assert machine.centers.dtype == np.float32
    with np.errstate(over="raise", invalid="raise"):
        values = machine.decision(as_points(np.full((2, machine.centers.numeric.shape[1]), 1e60)))
    assert np.isfinite(values).all()


def test_held_out_rows_weigh_the_parts(fitted):
    _, Y, recursion, final = fitted
    rows, residuals = recursion.left_out(final)
    assert len(rows) == 38 and final.leave_one_out_loss == pytest.approx(np.mean(np.sum(residuals**2, axis=1)))
    assert np.mean(residuals**2) < 0.5 * np.mean(Y[rows] ** 2)
    assert all(part.share > 0 for part in final.machine.parts)


def test_a_row_of_weight_two_is_two_rows_in_the_shares(rng):
    X, Y = rng.normal(size=(300, 3)), rng.normal(size=(300, 1))
    recursion = large_recursion(X, Y)
    predictions = [rng.normal(size=(len(recursion.draws.held_out), 1)) for _ in range(4)]
    targets = Y[recursion.draws.held_out]
    shares, blend = recursion._weigh(predictions, targets)
    assert (shares >= 0).all() and blend.shape == (len(recursion.draws.held_out), 1)
    assert_allclose(sum(s * p for s, p in zip(shares, predictions, strict=True)), blend)
    nothing, _ = recursion._weigh([1e-9 * prediction for prediction in predictions], targets)
    assert_allclose(nothing, [0.5, 0.25, 0.25, 0.25], rtol=1e-3)  # rather an average than a huge multiple


def test_deviations_by_leaves(fitted):
    X, _, recursion, final = fitted
    deviation = recursion.deviation(final)
    values = deviation(as_points(X))
    leaves = deviation.tree.leaves(as_points(X).astype("float32"))
    rows, residuals = recursion.left_out(final)
    overall = np.mean(residuals**2, axis=0)
    for leaf in np.unique(leaves):
        inside = residuals[leaves[rows] == leaf]
        expected = np.sqrt((np.sum(inside**2, axis=0) + 30 * overall) / (len(inside) + 30))
        assert_allclose(values[leaves == leaf], np.tile(expected, (np.sum(leaves == leaf), 1)), rtol=1e-6)
    assert_array_equal(deviation(as_points(X[:0])).shape, (0, 2))
