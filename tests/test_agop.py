"""Average gradient outer products of expansions."""

import naive
import numpy as np
import pytest
from instances import (
    DTYPES,
    FEATURE_MATRICES,
    FEW_KERNELS,
    FORMS,
    KERNELS,
    WIDTHS,
    apart,
    assert_close,
    form_of,
    join,
    mixed_points,
)

from rfmlearn.kernels._pairs import PairMatrix
from rfmlearn.recursion._agop import agop_rows, machine_agop
from rfmlearn.recursion._machine import Machine


def machine(kernel, matrix, points, coef):
    return Machine(kernel=kernel, feature_matrix=matrix, centers=points, dual_coef=coef)


def expected_agop(case, matrix, points, coef, weights, form, center=False):
    """Gradients times the root, their outer products, and of these the entries that the form has."""
    dense = points.dense().astype(float)
    gradient = case.naive.gradient(dense, coef.astype(float), dense) @ join(matrix.roots)
    if center:
        gradient = gradient - np.average(gradient, axis=1, weights=weights)[:, None]
    return naive.agop(gradient, weights) * naive.mask(form, WIDTHS)


@pytest.mark.parametrize("center", [False, True])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("make", FEATURE_MATRICES)
@pytest.mark.parametrize("case", FEW_KERNELS)
def test_matches_definition(case, make, dtype, center, rng):
    points, coef = mixed_points(rng, 15, dtype=dtype), rng.normal(size=(15, 2)).astype(dtype)
    matrix = make(points, rng)
    points = matrix.transform(points)
    weights = rng.uniform(0.5, 2, 15)
    sample = agop_rows(weights, None, np.random.RandomState(0))
    expected = expected_agop(case, matrix, points, coef, weights, form_of(matrix), center)
    tolerance = 1e-11 if dtype == np.float64 else 5e-5
    fitted = machine(case.kernel, matrix, points, coef)
    assert_close(join(fitted.agop(sample, center=center)), expected, tolerance)
    pairs = PairMatrix.empty(15, dtype)
    pairs.fill_sums(case.kernel, points)
    assert_close(join(fitted.agop(sample, gram=pairs, center=center)), expected, tolerance)
    everything = expected_agop(case, matrix, points, coef, weights, "full", center)
    assert_close(fitted.full_agop(sample, center=center), everything, tolerance)


@pytest.mark.parametrize("case", KERNELS)
def test_is_that_of_the_function_itself(case, rng):
    """As differences of the expansion in original coordinates see it."""
    X, at = apart(rng, 12, 5, 3)
    matrix = FORMS["full"]((np.diag([1.0, 0.5, 0.8]) + 0.1,))
    coef = rng.normal(size=(12, 2))
    root = matrix.roots[0]
    gradient = case.kernel.gradient(X @ root, coef, at @ root)
    differences = naive.five_point_gradient(lambda Z: case.kernel.product(X @ root, coef, Z @ root), at, 2e-4)
    (G,) = matrix.outer_products(gradient, np.full(5, 0.2))
    assert_close(G, naive.agop(differences), 1e-5)


@pytest.mark.parametrize("from_pairs", [False, True])
def test_outputs_are_summed_in_any_number_of_parts(from_pairs, rng):
    case = FEW_KERNELS[0].values[0]
    points, coef = mixed_points(rng, 10), rng.normal(size=(10, 5))
    matrix, sample = FORMS["full"].identity(points), agop_rows(np.ones(10), None, None)
    pairs = None
    if from_pairs:
        pairs = PairMatrix.empty(10, np.float64)
        pairs.fill_sums(case.kernel, points)
    expected = expected_agop(case, matrix, points, coef, np.ones(10), "full")
    for per_part in (1, 2, 5):
        fitted = machine(case.kernel, matrix, points, coef)
        parts = machine_agop(fitted, sample, matrix.outer_products, pairs, max_entries=per_part * 10 * 11)
        assert_close(join(parts), expected, 1e-12)


def test_over_some_rows(rng):
    case = FEW_KERNELS[0].values[0]
    points, coef = mixed_points(rng, 20), rng.normal(size=(20, 1))
    matrix = FORMS["full"].identity(points)
    rows, weights = np.array([2, 3, 11]), np.array([0.5, 0.25, 0.25])
    dense = points.dense()
    expected = naive.agop(case.naive.gradient(dense, coef, dense[rows]), weights)
    pairs = PairMatrix.empty(20, np.float64)
    pairs.fill_sums(case.kernel, points)
    for at_hand in (None, pairs):
        fitted = machine(case.kernel, matrix, points, coef)
        assert_close(join(fitted.agop((rows, weights), gram=at_hand)), expected, 1e-12)


@pytest.mark.parametrize("n_rows", [None, 4, 7])
def test_all_rows_count_by_weight_if_no_fewer_are_asked_for(n_rows):
    rows, weights = agop_rows(np.array([1.0, 2.0, 3.0, 2.0]), n_rows, np.random.RandomState(0))
    assert rows is None
    np.testing.assert_allclose(weights, [0.125, 0.25, 0.375, 0.25])


def test_rows_are_drawn_by_weight():
    sample_weight = np.arange(1.0, 301.0)
    totals, rng = np.zeros(300), np.random.RandomState(0)
    for _ in range(200):
        rows, weights = agop_rows(sample_weight, 50, rng)
        assert len(np.unique(rows)) == len(rows) <= 50 and np.all(np.diff(rows) > 0)
        np.testing.assert_allclose(weights.sum(), 1)
        np.testing.assert_array_equal(weights * 50, np.round(weights * 50))
        totals[rows] += weights
    # 10000 draws: the mean row is known to 0.7.
    assert abs(np.average(np.arange(300), weights=totals) - np.average(np.arange(300), weights=sample_weight)) < 3
