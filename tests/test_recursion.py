"""The recursion: against a naive one, another implementation, and repetition for weights."""

import dataclasses
import itertools
import pickle
from dataclasses import FrozenInstanceError

import naive
import numpy as np
import pytest
from instances import (
    COORDINATE,
    FEW_KERNELS,
    FORMS,
    KERNELS,
    RADIAL,
    WIDTHS,
    assert_close,
    join,
    load_xrfm,
    mixed_points,
)
from recursions import make_recursion, table

from rfmlearn.kernels import LaplaceKernel
from rfmlearn.kernels._points import as_points
from rfmlearn.recursion._feature_matrix import FullFeatureMatrix
from rfmlearn.recursion._ridge_choice import candidates
from rfmlearn.recursion._round import Round
from rfmlearn.solvers import Weights

MULTIPLE = LaplaceKernel().median_multiple


# Against definitions -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("adaptive", [False, True], ids=["fixed", "adaptive"])
@pytest.mark.parametrize("case", KERNELS)
def test_every_round_matches_definition(case, adaptive, rng):
    X, Y = table(rng, n=20)
    X_new = rng.normal(size=(6, 4))
    recursion = make_recursion(X, Y, kernel=case.kernel, adaptive=adaptive, shrinkage=1e-3)
    multiple = case.kernel.median_multiple if adaptive else None
    expected = naive.recursive_feature_machine(
        case.naive, X, Y, 1e-2, 2, median_multiple=multiple, shrinkage=1e-3, X_new=X_new
    )
    rounds = list(recursion.rounds(2))
    assert [iterate.n_iter for iterate in rounds] == [0, 1, 2]
    for iterate, (M, bandwidth, predictions) in zip(rounds, expected, strict=True):
        assert_close(iterate.machine.feature_matrix.to_array(), M, 1e-8)
        np.testing.assert_allclose(iterate.machine.kernel.bandwidth, bandwidth, rtol=1e-8)
        assert_close(iterate.machine.decision(as_points(X_new)), predictions, 1e-8)


@pytest.mark.parametrize("power, shrinkage", [(0.5, 0.0), (0.25, 0.05), (1.0, 0.0)])
@pytest.mark.parametrize("form", FORMS)
def test_every_form_matches_definition(form, power, shrinkage, rng):
    points, new = mixed_points(rng, 20), mixed_points(rng, 5)
    Y = np.sin(points.dense() @ rng.normal(size=(11, 2)))
    settings = {"form": form, "shrinkage": shrinkage}
    recursion = make_recursion(points, Y, agop_power=power, adaptive=True, **settings)
    expected = naive.recursive_feature_machine(
        naive.Laplace(3.0),
        points.dense(),
        Y,
        1e-2,
        2,
        power=power,
        widths=WIDTHS,
        X_new=new.dense(),
        median_multiple=MULTIPLE,
        **settings,
    )
    for iterate, (M, bandwidth, predictions) in zip(recursion.rounds(2), expected, strict=True):
        assert_close(iterate.machine.feature_matrix.to_array(), M, 1e-7)
        np.testing.assert_allclose(iterate.machine.kernel.bandwidth, bandwidth, rtol=1e-7)
        assert_close(iterate.machine.decision(new), predictions, 1e-7)


def test_coordinate_kernels_learn_in_blocks(rng):
    """Tables of distances between levels depend on what was learned, for kernels that are not rotation invariant."""
    points, new = mixed_points(rng, 20), mixed_points(rng, 5)
    Y = np.sin(points.dense() @ rng.normal(size=(11, 2)))
    for case in (COORDINATE[2].values[0], COORDINATE[-1].values[0]):
        recursion = make_recursion(points, Y, kernel=case.kernel, form="block", shrinkage=0.01)
        expected = naive.recursive_feature_machine(
            case.naive, points.dense(), Y, 1e-2, 2, form="block", widths=WIDTHS, shrinkage=0.01, X_new=new.dense()
        )
        for iterate, (M, _, predictions) in zip(recursion.rounds(2), expected, strict=True):
            assert_close(iterate.machine.feature_matrix.to_array(), M, 1e-8)
            assert_close(iterate.machine.decision(new), predictions, 1e-8)


@pytest.mark.parametrize("case", FEW_KERNELS)
def test_blocks_equal_indicator_columns_in_the_first_round(case, rng):
    """Nothing has been learned yet, so a block matrix and a full one are the same machine."""
    points, new, Y = mixed_points(rng, 25), mixed_points(rng, 5), rng.normal(size=(25, 1))
    one, other = (
        next(iter(make_recursion(X, Y, kernel=case.kernel, form=form).rounds(1)))
        for X, form in ((points, "block"), (as_points(points.dense()), "full"))
    )
    assert_close(one.machine.dual_coef, other.machine.dual_coef, 1e-11)
    assert_close(one.machine.decision(new), other.machine.decision(as_points(new.dense())), 1e-11)


@pytest.mark.parametrize("form, shrinkage", [("full", 1e-8), ("diag", 0.0)])
def test_four_rounds_agree_with_xrfm(form, shrinkage):
    """xrfm adds 1e-8 to the diagonal of a full matrix whose largest entry is one; shrinkage also scales the rest.

    That is 1e-8 in M and 1e-8 in predictions. Diagonal forms add nothing, and 2e-9 in the first M are as much in the
    predictions: the condition number of 2e4 is not seen by M, in which most of the error cancels.
    """
    data = load_xrfm(f"rfm_{form}")
    settings = {"form": "diagonal" if form == "diag" else "full", "shrinkage": shrinkage, "alpha": float(data["reg"])}
    recursion = make_recursion(data["X"], data["y"], kernel=LaplaceKernel(float(data["bandwidth"])), **settings)
    rounds = list(recursion.rounds(int(data["n_iter"])))
    for iterate, M in zip(rounds[1:], data["feature_matrices"], strict=True):
        assert_close(iterate.machine.feature_matrix.to_array(), np.diag(M) if M.ndim == 1 else M, 2e-8)
    assert_close(rounds[-1].machine.decision(as_points(data["X_val"])), data["prediction_after_last"], 2e-8)


# Weights ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("case", FEW_KERNELS)
def test_weights_are_repetitions(case, form, rng):
    points, new = mixed_points(rng, 20), mixed_points(rng, 6)
    Y, counts = rng.normal(size=(20, 2)), rng.integers(1, 4, 20)
    settings = {"kernel": case.kernel, "form": form, "adaptive": True, "shrinkage": 1e-3, "alpha": 0.1}
    repeated = np.repeat(np.arange(20), counts)
    weighted = make_recursion(points, Y, counts, **settings).rounds(3)
    longer = make_recursion(points[repeated], Y[repeated], **settings).rounds(3)
    for one, other in zip(weighted, longer, strict=True):
        np.testing.assert_allclose(one.machine.kernel.bandwidth, other.machine.kernel.bandwidth, rtol=1e-7)
        assert_close(one.machine.feature_matrix.to_array(), other.machine.feature_matrix.to_array(), 1e-7)
        assert_close(one.machine.decision(new), other.machine.decision(new), 1e-7)


def test_weights_are_repetitions_by_definition(rng):
    X, Y = table(rng, n=12)
    counts = rng.integers(1, 4, 12)
    repeated = np.repeat(np.arange(12), counts)
    expected = naive.recursive_feature_machine(
        naive.Laplace(3.0), X[repeated], Y[repeated], 0.1, 2, median_multiple=MULTIPLE, shrinkage=1e-3, X_new=X
    )
    recursion = make_recursion(X, Y, counts, alpha=0.1, adaptive=True, shrinkage=1e-3)
    for iterate, (M, bandwidth, predictions) in zip(recursion.rounds(2), expected, strict=True):
        assert_close(iterate.machine.feature_matrix.to_array(), M, 1e-8)
        np.testing.assert_allclose(iterate.machine.kernel.bandwidth, bandwidth, rtol=1e-8)
        assert_close(iterate.machine.decision(as_points(X)), predictions, 1e-8)


def test_weights_and_ridge_scale_together(rng):
    X, Y = table(rng)
    w = rng.uniform(0.5, 2, 30)
    one = list(make_recursion(X, Y, w, alpha=0.01).rounds(2))[-1]
    other = list(make_recursion(X, Y, 1000 * w, alpha=10.0).rounds(2))[-1]
    assert_close(one.machine.feature_matrix.to_array(), other.machine.feature_matrix.to_array(), 1e-10)
    assert_close(one.machine.dual_coef, other.machine.dual_coef, 1e-9)


# Iterates --------------------------------------------------------------------------------------------------------


def test_iterates_are_frozen_and_stay_as_they_were(rng):
    X, Y = table(rng)
    rounds = make_recursion(X, Y, adaptive=True).rounds(3)
    seen = []
    for iterate in rounds:
        assert isinstance(iterate, Round)
        with pytest.raises(FrozenInstanceError):
            iterate.n_iter = 9
        machine = iterate.machine
        copies = machine.dual_coef.copy(), machine.feature_matrix.to_array(), machine.centers.dense().copy()
        seen.append((iterate, copies, iterate.machine.decision(as_points(X))))
    assert [iterate.n_iter for iterate, _, _ in seen] == [0, 1, 2, 3]
    for iterate, (coef, M, points), decision in seen:
        np.testing.assert_array_equal(iterate.machine.dual_coef, coef)
        np.testing.assert_array_equal(iterate.machine.feature_matrix.to_array(), M)
        np.testing.assert_array_equal(iterate.machine.centers.dense(), points)
        np.testing.assert_array_equal(iterate.machine.decision(as_points(X)), decision)
        assert iterate._workspace.factor is not None
        assert iterate._workspace.gram is seen[0][0]._workspace.gram is not None
    assert all(a[0].seconds <= b[0].seconds for a, b in itertools.pairwise(seen))


def test_rounds_leave_their_data_alone(rng):
    X, Y = table(rng)
    given = X.copy(), Y.copy()
    X.flags.writeable = Y.flags.writeable = False
    for iterative in (False, True):
        list(make_recursion(X, Y, iterative=iterative).rounds(2))
    np.testing.assert_array_equal(X, given[0])
    np.testing.assert_array_equal(Y, given[1])


def test_no_rounds_is_a_kernel_machine(rng):
    X, Y = table(rng)
    (iterate,) = make_recursion(X, Y).rounds(0)
    K = naive.Laplace(3.0).gram(X, X)
    assert_close(iterate.machine.dual_coef, naive.ridge_solve(K, Y, 1e-2), 1e-11)
    np.testing.assert_array_equal(iterate.machine.feature_matrix.to_array(), np.eye(4))
    assert iterate.solver == "cholesky" and iterate.residual == 0 and iterate._workspace.factor is not None


def test_solve_repeats_a_round(rng):
    X, Y = table(rng)
    recursion = make_recursion(X, Y, adaptive=True)
    for iterate in recursion.rounds(2):
        again = recursion.solve(iterate.machine.feature_matrix, iterate.n_iter)
        assert again.n_iter == iterate.n_iter and again.machine.kernel == iterate.machine.kernel
        assert_close(again.machine.dual_coef, iterate.machine.dual_coef, 1e-12)


def test_rounds_go_on_from_a_feature_matrix(rng):
    X, Y = table(rng)
    whole = list(make_recursion(X, Y, shrinkage=1e-3).rounds(3))
    rest = list(make_recursion(X, Y, shrinkage=1e-3, initial=whole[1].machine.feature_matrix).rounds(2))
    assert_close(rest[-1].machine.feature_matrix.to_array(), whole[-1].machine.feature_matrix.to_array(), 1e-9)
    assert_close(rest[-1].machine.dual_coef, whole[-1].machine.dual_coef, 1e-8)


@pytest.mark.parametrize("case", FEW_KERNELS)
def test_agop_of_the_last_round_makes_the_next_feature_matrix(case, rng):
    X, Y = table(rng)
    recursion = make_recursion(X, Y, kernel=case.kernel)
    *_, last = recursion.rounds(1)
    expected = naive.agop(
        case.naive.gradient(last.machine.centers.dense(), last.machine.dual_coef, last.machine.centers.dense())
    )
    root = join(last.machine.feature_matrix.roots)
    (G,) = recursion.agop(last).blocks
    assert_close(G, root @ expected @ root, 1e-10)
    *_, following = recursion.rounds(2)
    assert_close(following.machine.feature_matrix.to_array(), G / G.max(), 1e-10)
    without = dataclasses.replace(last, _workspace=dataclasses.replace(last._workspace, gram=None))
    assert_close(recursion.agop(without).blocks[0], G, 1e-10)


@pytest.mark.parametrize("form", FORMS)
def test_agop_has_all_entries_for_every_form(form, rng):
    points = mixed_points(rng, 20)
    *_, last = make_recursion(points, np.sin(points.dense() @ rng.normal(size=(11, 2))), form=form).rounds(1)
    recursion = make_recursion(points, np.zeros((20, 2)), form=form)
    dense, root = last.machine.centers.dense(), join(last.machine.feature_matrix.roots)
    expected = naive.agop(naive.Laplace(3.0).gradient(dense, last.machine.dual_coef, dense) @ root)
    agop = recursion.agop(last)
    assert_close(join(agop.blocks), expected * naive.mask(form, WIDTHS), 1e-10)
    assert_close(agop.diagonal, np.diag(expected), 1e-10)
    assert_close(agop.array, expected, 1e-10)
    assert pickle.loads(pickle.dumps(agop)).__dict__.keys() == agop.__dict__.keys() - {"array"}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("iterative", [False, True], ids=["exact", "iterative"])
def test_a_constant_target_teaches_nothing(iterative, form, rng):
    X, _ = table(rng)
    for iterate in make_recursion(X, np.zeros((30, 2)), form=form, iterative=iterative).rounds(2):
        np.testing.assert_array_equal(iterate.machine.feature_matrix.to_array(), np.eye(4))
        np.testing.assert_array_equal(iterate.machine.dual_coef, 0)


def test_an_irrelevant_feature_is_found(rng):
    X = rng.uniform(-1, 1, (150, 4))
    Y = np.sin(3 * X[:, :1])
    *_, last = make_recursion(X, Y, adaptive=True, alpha=1e-3).rounds(4)
    M = last.machine.feature_matrix.to_array()
    np.testing.assert_allclose(M[0, 0], 1, rtol=1e-12)
    assert np.all(np.diag(M)[1:] < 0.02)


@pytest.mark.parametrize("n_agop_samples", [10, 29])
def test_sampled_agop(n_agop_samples, rng):
    X, Y = table(rng)
    recursion = make_recursion(X, Y, np.linspace(0.5, 2, 30), draws={"n_agop_rows": n_agop_samples})
    rows, weights = recursion.draws.agop
    first, second = recursion.rounds(1)
    gradient = naive.Laplace(3.0).gradient(
        first.machine.centers.dense(), first.machine.dual_coef, first.machine.centers.dense()[rows]
    )
    G = naive.agop(gradient, weights)
    assert_close(second.machine.feature_matrix.to_array(), G / G.max(), 1e-10)


# Approximate solvers -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("tol, tolerance", [(1e-2, 0.1), (1e-5, 1e-3)])
@pytest.mark.parametrize("case", FEW_KERNELS)
def test_iterative_rounds_are_close_to_exact_ones(case, tol, tolerance, rng):
    X, Y = table(rng, n=100)
    w = rng.uniform(0.5, 2, 100)
    settings = {"kernel": case.kernel, "adaptive": True, "shrinkage": 1e-3, "alpha": 0.1}
    exact = list(make_recursion(X, Y, w, **settings).rounds(3))
    quick = list(make_recursion(X, Y, w, **settings, iterative=True, tol=tol).rounds(3))
    assert [iterate.solver for iterate in quick] == ["cg", "cg", "cg", "cholesky"]
    for one, other in zip(quick, exact, strict=True):
        assert one.residual <= tol
        assert (
            one.machine.centers.dtype
            == one.machine.dual_coef.dtype
            == (np.float32 if one.solver == "cg" else np.float64)
        )
        assert_close(one.machine.feature_matrix.to_array(), other.machine.feature_matrix.to_array(), tolerance)
        assert_close(one.machine.decision(as_points(X)), other.machine.decision(as_points(X)), tolerance)


@pytest.mark.parametrize("adaptive", [False, True], ids=["fixed", "adaptive"])
@pytest.mark.parametrize("case", RADIAL[:2])
def test_mixed_precision_is_exact(case, adaptive, rng):
    X, Y = table(rng, n=80)
    w = rng.uniform(0.5, 2, 80)
    settings = {"kernel": case.kernel, "adaptive": adaptive, "shrinkage": 1e-3, "alpha": 1e-2}
    *_, exact = make_recursion(X, Y, w, **settings).rounds(2)
    recursion = make_recursion(X, Y, w, **settings, mixed=True)
    mixed = recursion.solve(exact.machine.feature_matrix, 2)
    assert mixed.machine.dual_coef.dtype == np.float64 and mixed._workspace.gram.array.dtype == np.float32
    assert 0 < mixed.residual <= 1e-9
    K = case.naive.with_bandwidth(mixed.machine.kernel.bandwidth).gram(
        mixed.machine.centers.dense(), mixed.machine.centers.dense()
    )
    assert_close((K + np.diag(1e-2 / w)) @ mixed.machine.dual_coef, Y, 1e-8)
    np.testing.assert_allclose(mixed.machine.kernel.bandwidth, exact.machine.kernel.bandwidth, rtol=1e-5)
    assert_close(recursion.agop(mixed).array, recursion.agop(exact).array, 1e-3)


def test_mixed_precision_gives_way_where_float32_fails(rng):
    X, Y = table(rng, n=60)
    X[30:] = X[:30] + 1e-9
    recursion = make_recursion(X, Y, alpha=1e-9, mixed=True, kernel=LaplaceKernel(3.0, 2.0))
    fit = recursion.solve(FullFeatureMatrix.identity(recursion.points), 0)
    assert fit.machine.dual_coef.dtype == fit._workspace.gram.array.dtype == np.float64
    K = naive.Laplace(3.0, 2.0).gram(X, X)
    assert_close((K + 1e-9 * np.eye(60)) @ fit.machine.dual_coef, Y, 1e-5)


def test_a_ridge_can_be_chosen_in_every_round(rng):
    X, Y = table(rng)
    w = rng.uniform(0.5, 2, 30)
    for iterate in make_recursion(X, Y, w, alpha=None, adaptive=True).rounds(2):
        points = iterate.machine.centers.dense()
        K = naive.Laplace(iterate.machine.kernel.bandwidth).gram(points, points)
        assert_close(iterate.machine.dual_coef, naive.ridge_solve(K, Y, iterate.alpha, w), 1e-9)
        alphas = candidates(Weights.of(w))
        residuals = [naive.leave_one_out_residuals(K, Y, alpha, w) for alpha in alphas]
        losses = [np.average((r**2).sum(axis=1), weights=w) for r in residuals]
        chosen = alphas.index(iterate.alpha)
        assert losses[chosen] == min(losses[max(chosen - 1, 0) : chosen + 2])
