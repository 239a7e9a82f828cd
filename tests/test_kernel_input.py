"""Forms of input to kernels: layouts, tiles, categories."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from instances import (
    DTYPES,
    FEW_KERNELS,
    KERNELS,
    TOLERANCE,
    assert_close,
    embedded_points,
    in_small_tiles,
    mixed_points,
)

from rfmlearn.kernels import Points
from rfmlearn.kernels._points import as_points
from rfmlearn.kernels._tiles import tiles

# Forms of input ----------------------------------------------------------------------------------------------------


def layouts(X):
    readonly = X.copy()
    readonly.flags.writeable = False
    wide = np.zeros((2 * len(X), 2 * X.shape[1]))
    wide[::2, ::2] = X
    return {
        "read-only": readonly,
        "Fortran": np.asfortranarray(X),
        "strided": wide[::2, ::2],
        "reversed": X[::-1].copy()[::-1],
        "float16": X.astype(np.float16),
        "integer": X.astype(np.int64),
        "int8": X.astype(np.int8),
        "list": X.tolist(),
        "swapped bytes": X.astype(X.dtype.newbyteorder()),
    }


@pytest.mark.parametrize("layout", layouts(np.zeros((1, 1))))
@pytest.mark.parametrize("case", FEW_KERNELS)
def test_input_of_any_layout(case, layout, rng):
    X, Z = rng.integers(-4, 5, (12, 3)).astype(float), rng.integers(-4, 5, (7, 3)).astype(float)
    coef = rng.integers(-4, 5, (12, 2)).astype(float)
    given_X, given_Z, given_coef = (layouts(a)[layout] for a in (X, Z, coef))
    kernel = case.kernel
    for actual, desired in (
        (kernel(given_X), kernel(X)),
        (kernel(given_X, given_Z), kernel(X, Z)),
        (kernel.product(given_X, given_coef, given_Z), kernel.product(X, coef, Z)),
        (kernel.gradient(given_X, given_coef, given_Z), kernel.gradient(X, coef, Z)),
    ):
        assert actual.dtype == np.float64
        assert_close(actual, desired, 1e-14)
    np.testing.assert_array_equal(np.asarray(given_X), X)


@pytest.mark.parametrize("case", FEW_KERNELS)
def test_points_of_evaluation_take_the_dtype_of_the_centres(case, rng):
    X, Z, coef = rng.normal(size=(5, 2)), rng.normal(size=(4, 2)), np.ones(5)
    single, double = X.astype(np.float32), Z.astype(np.float32)
    for function in (lambda X, Z: case.kernel(X, Z), lambda X, Z: case.kernel.gradient(X, coef, Z)):
        assert function(single, Z).dtype == np.float32
        assert function(X, double).dtype == np.float64


@pytest.mark.parametrize("case", KERNELS)
def test_one_point_and_one_coordinate(case):
    np.testing.assert_array_equal(case.kernel([[3.0]]), [[1.0]])
    np.testing.assert_allclose(case.kernel([[3.0]], [[4.0]]), case.naive.gram(np.array([[3.0]]), np.array([[4.0]])))


# Tiles -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("n, m", [(6, 7), (7, 11), (11, 8), (14, 22), (15, 23), (40, 33)])
@pytest.mark.parametrize("case", FEW_KERNELS)
def test_tiles_do_not_show(case, n, m, rng):
    X, Z, coef = embedded_points(rng, n), embedded_points(rng, m), rng.normal(size=(n, 2))

    def everything(kernel):
        return kernel(X), kernel(X, Z), kernel.product(X, coef, Z), kernel.gradient(X, coef, Z)

    for actual, desired in zip(everything(in_small_tiles(case.kernel)), everything(case.kernel), strict=True):
        assert_close(actual, desired, 1e-13)


@given(st.integers(0, 40), st.integers(0, 40), st.integers(1, 12), st.integers(1, 12), st.booleans())
def test_tiles_cover_every_pair_once(n_rows, n_columns, height, width, upper):
    visited = np.zeros((n_rows, n_columns), dtype=int)
    for rows, columns in tiles(n_rows, n_columns, (height, width), upper):
        visited[rows, columns] += 1
    needed = np.triu(np.ones_like(visited), 1) if upper else np.ones_like(visited)
    np.testing.assert_array_equal(visited * needed, needed)
    assert visited.max(initial=0) <= 1


# Categories ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("make", [mixed_points, embedded_points])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("case", KERNELS)
def test_categories_equal_their_vectors(case, dtype, make, rng):
    X, Z, coef = make(rng, 20, dtype=dtype), make(rng, 9, dtype=dtype), rng.normal(size=(20, 2)).astype(dtype)
    for actual, desired in (
        (case.kernel(X), case.naive.gram(X.dense().astype(float), X.dense().astype(float))),
        (case.kernel(X, Z), case.naive.gram(X.dense().astype(float), Z.dense().astype(float))),
        (case.kernel.product(X, coef, Z), case.kernel.product(X.dense(), coef, Z.dense())),
    ):
        assert actual.dtype == dtype
        assert_close(actual, desired, 2 * TOLERANCE[dtype])


@pytest.mark.parametrize("case", KERNELS)
def test_only_categories(case, rng):
    X, Z, coef = embedded_points(rng, 20, d=0), embedded_points(rng, 9, d=0), rng.normal(size=(20, 2))
    assert_close(case.kernel(X), case.naive.gram(X.dense(), X.dense()), 1e-12)
    assert_close(case.kernel(X, Z), case.naive.gram(X.dense(), Z.dense()), 1e-12)
    assert_close(case.kernel.gradient(X, coef, Z), case.naive.gradient(X.dense(), coef, Z.dense()), 1e-11)


def test_points_write_themselves_out():
    points = Points.one_hot(np.array([[1.5], [2.5], [3.5]]), [[0, 1], [-1, 0], [1, -1]], (2, 3))
    dense = [[1.5, 1, 0, 0, 1, 0], [2.5, 0, 0, 1, 0, 0], [3.5, 0, 1, 0, 0, 0]]
    np.testing.assert_array_equal(points.dense(), dense)
    np.testing.assert_array_equal(points[1:].dense(), dense[1:])
    np.testing.assert_array_equal(points[np.array([2, 0])].dense(), [dense[2], dense[0]])
    assert points.widths == (1, 2, 3) and points.n_coordinates == 6 and len(points) == 3
    single = points.astype(np.float32)
    assert single.dtype == single.dense().dtype == np.float32
    np.testing.assert_array_equal(single.dense(), dense)


def test_as_points_keeps_points_and_float32(rng):
    points = mixed_points(rng, 3)
    assert as_points(points) is points
    assert as_points(np.ones((2, 2), np.float32)).dtype == np.float32
    for dtype in (np.float16, np.float64, np.longdouble, np.int32, bool):
        assert as_points(np.ones((2, 2), dtype)).dtype == np.float64
