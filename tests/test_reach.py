"""Points and bandwidths at the edge of a precision: the same in any unit, and refused where squares are no numbers."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from rfmlearn import RFMRegressor, RFMRegressorCV
from rfmlearn.kernels import (
    GaussianKernel,
    LaplaceKernel,
    LpqLaplaceKernel,
    ProductLaplaceKernel,
    SumPowerLaplaceKernel,
)

KERNELS = [LaplaceKernel, GaussianKernel, LpqLaplaceKernel, ProductLaplaceKernel, SumPowerLaplaceKernel]
NAMES = ["laplace", "gaussian", "lpq_laplace", "product_laplace", "sum_power_laplace"]
UNITS = [(np.float64, unit) for unit in (1e-74, 1e-25, 1e70)] + [(np.float32, unit) for unit in (1e-15, 1e15)]
X = np.random.default_rng(0).normal(size=(30, 3))
Y = np.sin(X[:, 0])


@pytest.mark.parametrize(("dtype", "unit"), UNITS)
@pytest.mark.parametrize("Kernel", KERNELS)
def test_kernels_in_any_unit(Kernel, dtype, unit):
    points, coef = (X * unit).astype(dtype), np.ones(30)
    with np.errstate(over="raise", invalid="raise"):
        found, slopes = Kernel(bandwidth=2 * unit), Kernel(bandwidth=2 * unit).gradient(points, coef, points[:4])
        found = found(points)
    tolerance = 1e-10 if dtype is np.float64 else 1e-4
    assert_allclose(found, Kernel(bandwidth=2.0)(X), atol=tolerance)
    expected = Kernel(bandwidth=2.0).gradient(X, coef, X[:4])
    assert_allclose(slopes.astype(float) * unit, expected, atol=10 * tolerance)


@pytest.mark.parametrize(("dtype", "unit"), UNITS)
@pytest.mark.parametrize("kernel", NAMES)
def test_models_in_any_unit(kernel, dtype, unit):
    expected = RFMRegressor(kernel, scaling=None, max_iter=1).fit(X, Y).predict(X[:5] + 0.1)
    with np.errstate(over="raise", invalid="raise"):
        model = RFMRegressor(kernel, scaling=None, max_iter=1).fit((X * unit).astype(dtype), Y)
        found = model.predict(((X[:5] + 0.1) * unit).astype(dtype))
        far = model.predict(np.full((2, 3), np.finfo(dtype).max, dtype=dtype))
    assert_allclose(found, expected, atol=1e-10 if dtype is np.float64 else 1e-4)
    assert np.isfinite(far).all()


@pytest.mark.parametrize(("dtype", "size"), [(np.float32, 1e19), (np.float32, 3e38), (np.float64, 1e155)])
@pytest.mark.parametrize("Kernel", KERNELS)
def test_kernels_refuse_points_whose_squares_are_no_numbers(Kernel, dtype, size):
    points = (X / np.abs(X).max() * size).astype(dtype)
    for call in (
        lambda: Kernel()(points),
        lambda: Kernel().product(X.astype(dtype), np.ones(30), points),
        lambda: Kernel().gradient(points, np.ones(30), points),
    ):
        with pytest.raises(ValueError, match=f"points are too large for {np.dtype(dtype).name}"):
            call()


@pytest.mark.parametrize("bandwidth", [1e-20, 1e-38, 1e30])
@pytest.mark.parametrize("Kernel", KERNELS)
def test_kernels_refuse_bandwidths_beyond_single_precision(Kernel, bandwidth):
    with pytest.raises(ValueError, match=r"bandwidth=1e[-+]\d\d is out of reach of float32 points"):
        Kernel(bandwidth=bandwidth)(X.astype(np.float32))
    assert np.isfinite(Kernel(bandwidth=bandwidth)(X)).all()


@pytest.mark.parametrize("make", [RFMRegressor, lambda **p: RFMRegressorCV([p], cv=2)])
@pytest.mark.parametrize(("dtype", "unit"), [(np.float64, 1e100), (np.float64, 1e300), (np.float32, 1e30)])
def test_models_name_the_column_that_is_too_large(make, dtype, unit):
    frame = pd.DataFrame(X, columns=["near", "far", "other"])
    frame["far"] *= unit
    frame = frame.astype(dtype)
    if make is not RFMRegressor and dtype is np.float32:
        return  # the search compares in double precision
    with pytest.raises(ValueError, match=r"^(settings\[0\]: )?far has numbers as large as .*Take a scaling"):
        make(scaling=None).fit(frame, Y)
    assert np.isfinite(make().fit(frame, Y).predict(frame)).all()


@pytest.mark.parametrize(("dtype", "unit"), [(np.float64, 1e-100), (np.float64, 1e-300), (np.float32, 1e-30)])
def test_models_name_the_column_that_varies_most_where_all_vary_too_little(dtype, unit):
    with pytest.raises(ValueError, match=r"no column varies by more than .*: x2 varies most.*Take a scaling"):
        RFMRegressor(scaling=None).fit((X * [1.0, 1.0, 5.0] * unit).astype(dtype), Y)


def test_rounds_in_single_precision_say_so():
    many = np.random.default_rng(0).normal(size=(600, 3)) * 1e20
    with pytest.raises(ValueError, match=r'but float32.*takes no more than.*solver="cholesky"'):
        RFMRegressor(solver="cg", scaling=None, max_iter=1).fit(many, many[:, 0])


def test_a_small_exponent():
    model = RFMRegressor("sum_power_laplace", exponent=0.001, max_iter=1).fit(X, Y)
    assert np.isfinite(model.predict(X)).all()
    with pytest.raises(ValueError, match=r'bandwidth="auto" finds a median distance of inf .*larger exponent'):
        RFMRegressor("product_laplace", exponent=0.001).fit(X, Y)
