"""Feature matrices: what they do to points and gradients, and how they are learned."""

import naive
import numpy as np
import pytest
from instances import (
    DTYPES,
    FEATURE_MATRICES,
    FORMS,
    WIDTHS,
    assert_close,
    embedded_points,
    form_of,
    join,
    mixed_points,
    roots,
)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("make", FEATURE_MATRICES)
def test_transform_multiplies_by_the_root(make, dtype, rng):
    points = mixed_points(rng, 12, dtype=dtype)
    matrix = make(points, rng)
    transformed = matrix.transform(points)
    assert transformed.dtype == transformed.dense().dtype == dtype
    M = matrix.to_array()
    gram = transformed.dense().astype(float) @ transformed.dense().T.astype(float)
    dense = points.dense().astype(float)
    assert_close(gram, dense @ M @ dense.T, 1e-12 if dtype == np.float64 else 1e-5)


@pytest.mark.parametrize("make", FEATURE_MATRICES)
def test_to_array_is_the_square_of_the_root(make, rng):
    points = mixed_points(rng, 2)
    matrix = make(points, rng)
    M = matrix.to_array()
    assert_close(M, join(matrix.roots) @ join(matrix.roots), 1e-14)


@pytest.mark.parametrize("make", FEATURE_MATRICES)
def test_full_outer_product_has_all_entries(make, rng):
    points, weights = mixed_points(rng, 6), rng.uniform(0.5, 2, 6)
    matrix, gradient = make(points, rng), rng.normal(size=(2, 6, 11))
    root = join(matrix.roots)
    expected = sum(w * np.outer(root @ g, root @ g) for part in gradient for w, g in zip(weights, part, strict=True))
    assert_close(matrix.full_outer_product(gradient, weights), expected, 1e-13)
    assert_close(join(matrix.outer_products(gradient, weights)), expected * naive.mask(form_of(matrix), WIDTHS), 1e-13)


@pytest.mark.parametrize("make", FEATURE_MATRICES)
def test_numeric_gradient_is_that_of_the_first_coordinates(make, rng):
    points = mixed_points(rng, 6)
    matrix, gradient = make(points, rng), rng.normal(size=(2, 6, 11))
    assert_close(matrix.pull_back_numeric(gradient)[:, :, :3], (gradient @ join(matrix.roots))[:, :, :3], 1e-13)


@pytest.mark.parametrize("form", FORMS)
def test_identity_changes_nothing(form, rng):
    points = embedded_points(rng, 6)
    matrix = FORMS[form].identity(points)
    np.testing.assert_array_equal(matrix.to_array(), np.eye(11))
    assert_close(matrix.transform(points).dense(), points.dense(), 1e-15)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("make", FEATURE_MATRICES)
def test_outer_products_follow_the_chain_rule(make, dtype, rng):
    """The gradient before the transform is the root times the one after; then outer products are averaged."""
    points = mixed_points(rng, 9, dtype=dtype)
    matrix = make(points, rng)
    gradient, weights = rng.normal(size=(2, 9, 11)).astype(dtype), rng.uniform(0.5, 2, 9)
    weights /= weights.sum()
    root = join(matrix.roots)
    expected = naive.agop(gradient.astype(float) @ root, weights) * naive.mask(form_of(matrix), WIDTHS)
    blocks = matrix.outer_products(gradient, weights)
    assert all(block.dtype == np.float64 for block in blocks)
    assert_close(join(blocks), expected, 1e-12 if dtype == np.float64 else 1e-5)


@pytest.mark.parametrize("dtype", DTYPES)
def test_blocks_equal_a_block_diagonal_full_matrix_on_indicators(dtype, rng):
    points = mixed_points(rng, 15, dtype=dtype)
    block = FORMS["block"](roots("block", points.widths, rng))
    full = FORMS["full"]((join(block.roots),))
    tolerance = 1e-13 if dtype == np.float64 else 1e-6
    assert_close(block.transform(points).dense(), full.transform(points).dense(), tolerance)
    assert_close(block.to_array(), full.to_array(), 1e-14)
    gradient, weights = rng.normal(size=(2, 15, 11)).astype(dtype), np.full(15, 1 / 15)
    (whole,) = full.outer_products(gradient, weights)
    assert_close(join(block.outer_products(gradient, weights)), whole * naive.mask("block", WIDTHS), 10 * tolerance)


@pytest.mark.parametrize("power", [0.25, 0.5, 1.0])
@pytest.mark.parametrize("shrinkage", [0.0, 0.1, 1.0])
@pytest.mark.parametrize("form", FORMS)
def test_learn(form, shrinkage, power, rng):
    agop = tuple(7.3 * (root @ root if root.ndim == 2 else root) for root in roots(form, WIDTHS, rng))
    G = join(agop)
    G = (1 - shrinkage) * G / G.max() + shrinkage * np.eye(11)
    values, vectors = np.linalg.eigh(G)
    matrix = FORMS[form](roots(form, WIDTHS, rng)).learn(agop, power, shrinkage)
    assert type(matrix) is FORMS[form] and len(matrix.roots) == len(agop)
    assert_close(join(matrix.roots), (vectors * values**power) @ vectors.T, 1e-12)
    if power == 0.5:
        assert_close(matrix.to_array(), G, 1e-12)


def test_learn_from_a_singular_agop(rng):
    g = rng.normal(size=5)
    matrix = FORMS["full"]((np.eye(5),)).learn((np.outer(g, g),), 0.5, 0.0)
    M = matrix.to_array()
    assert np.all(np.isfinite(M))
    assert_close(M, np.outer(g, g) / np.max(g**2), 1e-7)  # rounding leaves eigenvalues of 1e-16, their roots are 1e-8


@pytest.mark.parametrize("scale", [1e-12, 1.0, 1e12])
@pytest.mark.parametrize("form", FORMS)
def test_learn_does_not_depend_on_the_scale_of_the_targets(form, scale, rng):
    agop = tuple(root @ root if root.ndim == 2 else root for root in roots(form, WIDTHS, rng))
    matrix = FORMS[form](agop)
    learned = matrix.learn(agop, 0.5, 1e-3).to_array()
    assert_close(matrix.learn(tuple(scale * block for block in agop), 0.5, 1e-3).to_array(), learned, 1e-12)


@pytest.mark.parametrize("form", FORMS)
def test_a_vanishing_agop_teaches_the_identity(form, rng):
    matrix = FORMS[form](roots(form, WIDTHS, rng))
    learned = matrix.learn(tuple(np.zeros_like(root) for root in matrix.roots), 0.5, 0.1)
    np.testing.assert_array_equal(learned.to_array(), np.eye(11))
    assert np.any(matrix.to_array() != np.eye(11))  # which is left alone


def test_blocks_without_numeric_columns(rng):
    points = mixed_points(rng, 8, d=0)
    matrix = FORMS["block"].identity(points)
    gradient = rng.normal(size=(1, 8, 8))
    blocks = matrix.outer_products(gradient, np.full(8, 1 / 8))
    assert [block.shape for block in blocks] == [(0, 0), (3, 3), (5, 5)]
    learned = matrix.learn(blocks, 0.5, 0.0)
    G = naive.agop(gradient) * naive.mask("block", (0, 3, 5))
    assert_close(learned.to_array(), G / G.max(), 1e-12)
    assert learned.transform(points).dense().shape == (8, 8)
