"""Trees that divide rows: training rows find the leaf in which they were, whatever their numbers and categories."""

import naive
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from large_data import SMALL, finished, large_recursion
from numpy.testing import assert_allclose, assert_array_equal

from rfmlearn.kernels import Points
from rfmlearn.kernels._points import as_points
from rfmlearn.large._tree import TreeGrower


def grow(points, leaf_rows=40, targets=None, decides=None, seed=0, weights=None):
    n, rng = len(points), np.random.RandomState(seed)
    targets = rng.normal(size=(n, 2)) if targets is None else targets
    decides = np.ones(n, dtype=bool) if decides is None else decides
    weights = np.ones(n) if weights is None else weights
    return TreeGrower(points, np.ones(points.n_coordinates), targets, weights, decides, leaf_rows, rng).grow()


def mixed(n=500, seed=0, dtype=np.float64):
    rng = np.random.default_rng(seed)
    numbers = np.column_stack([rng.normal(size=n), rng.integers(0, 4, n), np.ones(n)]).astype(dtype)
    return Points.one_hot(numbers, np.column_stack([rng.integers(-1, 7, n), rng.integers(0, 2, n)]), [7, 2])


@settings(max_examples=30)
@given(st.integers(0, 10**6), st.integers(2, 60), st.integers(1, 6), st.sampled_from(["float32", "float64"]))
def test_training_rows_find_their_leaves(seed, leaf_rows, n_values, dtype):
    """Ties, constant columns and missing categories included; every row in one leaf."""
    rng = np.random.default_rng(seed)
    n = 200
    numbers = np.column_stack([rng.integers(0, n_values, n), rng.normal(size=n), rng.random(n) < 0.1]).astype(dtype)
    points = Points.one_hot(numbers / 3, rng.integers(-1, 5, (n, 1)), [5])
    tree, leaves = grow(points, leaf_rows, seed=seed % 1000)
    assert_array_equal(np.sort(np.concatenate(leaves)), np.arange(n))
    found = tree.leaves(points)
    for leaf, rows in enumerate(leaves):
        assert (found[rows] == leaf).all() and (np.diff(rows) > 0).all()
    assert tree.n_leaves == len(leaves)
    one_by_one = np.concatenate([tree.leaves(points[[row]]) for row in range(0, n, 17)])
    assert_array_equal(one_by_one, found[::17])


def test_numbers_go_as_the_flat_arrays_say(rng):
    points = as_points(rng.integers(0, 5, (300, 3)) / 7)
    tree, _ = grow(points)
    assert_array_equal(tree.leaves(points), [naive.leaf_of(tree, row) for row in points.numeric])


def test_leaves_are_small_and_balanced():
    tree, leaves = grow(mixed(2000), leaf_rows=100)
    sizes = np.array([len(rows) for rows in leaves])
    assert sizes.max() <= 100 and sizes.min() >= 0.2 * 100 * 0.5
    depth = {0: 1}
    for node, children in enumerate(tree.children):
        depth |= {child: depth[node] + 1 for child in children if child >= 0}
    assert max(depth.values()) <= 2 * np.log2(2000 / 100) + 3
    assert tree.nbytes < 5000


def test_unseen_categories_and_new_numbers_have_a_leaf():
    tree, _ = grow(mixed())
    new = Points.one_hot(np.array([[1e300, -5.0, 7.0], [-1e300, 0.0, 1.0]]), np.array([[-1, -1], [6, 1]]), [7, 2])
    assert ((tree.leaves(new) >= 0) & (tree.leaves(new) < tree.n_leaves)).all()
    assert len(tree.leaves(new[:0])) == 0


@pytest.mark.parametrize(
    "points", [as_points(np.ones((300, 2))), Points.one_hot(np.empty((300, 0)), np.zeros((300, 1), dtype=int), [1])]
)
def test_rows_that_nothing_tells_apart_stay_together(points):
    tree, leaves = grow(points)
    assert tree.n_leaves == len(leaves) == 1 and len(leaves[0]) == 300
    assert (tree.leaves(points) == 0).all()


def test_few_odd_rows_are_split_off(rng):
    """Where most rows are equal, and no column divides them evenly."""
    X = np.where(rng.random((2000, 6)) < 0.06, rng.normal(size=(2000, 6)), 0.0)
    equal = np.sum((X == 0).all(axis=1))
    tree, leaves = grow(as_points(X), leaf_rows=100)
    sizes = sorted(map(len, leaves))
    assert equal > 1000 and equal <= sizes[-1] < equal + 100
    assert sizes[-2] <= 150 and sizes[0] >= 5
    assert_array_equal(tree.leaves(as_points(X))[leaves[0]], np.zeros(len(leaves[0])))


def test_labels_of_rows_held_out_change_nothing():
    points, rng = mixed(), np.random.RandomState(3)
    targets, decides = rng.normal(size=(500, 2)), rng.rand(500) < 0.8
    one, _ = grow(points, targets=targets, decides=decides)
    targets[~decides] = 1e6
    two, _ = grow(points, targets=targets, decides=decides)
    for name in ("column", "threshold", "children", "first_rank", "ranks"):
        assert_array_equal(getattr(one, name), getattr(two, name))


def test_no_row_may_decide():
    tree, leaves = grow(mixed(), decides=np.zeros(500, dtype=bool))
    assert tree.n_leaves == 1 and len(leaves[0]) == 500


def test_levels_are_ordered_by_their_targets():
    codes = np.tile(np.arange(6), 50)[:, None]
    points = Points.one_hot(np.empty((300, 0)), codes, [6])
    targets = np.array([3.0, 0, 3, 0, 3, 0])[codes]
    tree, leaves = grow(points, leaf_rows=150, targets=targets)
    assert tree.n_leaves == 2
    assert {frozenset(np.unique(codes[rows])) for rows in leaves} == {frozenset({0, 2, 4}), frozenset({1, 3, 5})}


def test_a_leaf_of_equal_rows_has_a_machine_of_some_of_them(rng):
    """And predicts the rest as well, those held out without having seen them."""
    X = np.where(rng.random((600, 1)) < 0.5, rng.normal(size=(600, 3)), 0.0)
    Y = np.where((X == 0).all(axis=1), 2.0, np.sin(X[:, 0]))[:, None] + 0.1 * rng.normal(size=(600, 1))
    recursion = large_recursion(X, Y)
    final = finished(recursion)
    (tree, *_) = [part for part in final.machine.parts if hasattr(part, "tree")]
    sizes = np.diff(tree.starts)
    assert sizes.max() > SMALL.leaf_rows == tree.most
    largest = slice(*tree.starts[[sizes.argmax(), sizes.argmax() + 1]])
    assert not tree.coef[largest][tree.most :].any() and tree.coef[largest][: tree.most].all()
    rows, residuals = recursion.left_out(final)
    equal = (X[rows] == 0).all(axis=1)
    assert np.abs(residuals[equal]).max() < 0.6
    assert_allclose(final.machine.decision(as_points(np.zeros((1, 3)))), 2.0, atol=0.1)


@pytest.mark.parametrize("change", [np.asfortranarray, lambda X: X.astype(np.float32)])
def test_layout_and_precision(change, rng):
    X = (rng.integers(0, 50, (400, 3)) / 8).astype(float)
    Y = np.sin(X[:, :1])
    one, two = (finished(large_recursion(values, Y)).machine for values in (X, change(X)))
    assert_allclose(one.decision(as_points(X)), two.decision(as_points(X)), atol=1e-4)
    for first, second in zip(one.parts, two.parts, strict=True):
        assert_array_equal(first.rows, second.rows)
