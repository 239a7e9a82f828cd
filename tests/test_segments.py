"""Mean gradients along segments: their sums, limits, and against many short segments."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pytest
from numpy.testing import assert_allclose

from rfmlearn.kernels import (
    GaussianKernel,
    LaplaceKernel,
    LpqLaplaceKernel,
    ProductLaplaceKernel,
    RadialKernel,
    SumPowerLaplaceKernel,
)

POWERS = [
    LpqLaplaceKernel(3.0, 1.2, 1.5),
    LpqLaplaceKernel(3.0, 1.0, 1.0),
    LpqLaplaceKernel(3.0, 0.5, 0.7),
    ProductLaplaceKernel(3.0, 1.0),
    ProductLaplaceKernel(3.0, 2.0),
    SumPowerLaplaceKernel(3.0, 1.3, 0.2, 3),
]


@dataclass(frozen=True)
class Cauchy(RadialKernel):
    def evaluate(self, squares, values, slopes):
        values[:] = 1 / (1 + squares / self.bandwidth**2)
        slopes[:] = -(values**2) / self.bandwidth**2


SMOOTH = [GaussianKernel(3.0), LaplaceKernel(3.0), Cauchy(3.0)]


@pytest.fixture
def case(rng):
    """Centres, coefficients of two outputs, and ends of segments, some of which are centres or each other."""
    X, coef = rng.normal(size=(40, 3)), rng.normal(size=(40, 2))
    A, B = rng.normal(size=(12, 3)), rng.normal(size=(12, 3))
    A[0], B[1], A[2], B[3] = X[0], X[1], X[2], A[3]
    B[4, 1], B[5, 1] = A[4, 1], A[5, 1] + 1e-12
    B[2] = X[3]
    return X, coef, A, B


def change(kernel, X, coef, A, B):
    return (kernel.product(X, coef, B) - kernel.product(X, coef, A)).T


def total(gradient, A, B):
    return (gradient * (B - A)).sum(axis=2)


@pytest.mark.parametrize("kernel", POWERS, ids=repr)
def test_sums_of_powers_are_exact(kernel, case):
    gradient = kernel.mean_gradient(*case)
    assert gradient.shape == (2, 12, 3)
    assert_allclose(total(gradient, *case[2:]), change(kernel, *case), atol=1e-7)


@pytest.mark.parametrize("kernel", SMOOTH, ids=repr)
def test_sums_of_others_are_of_fourth_order(kernel, case):
    X, coef, A, B = case
    B = A + 0.05 * (B - A)
    expected = change(kernel, X, coef, A, B)
    rows = [4, 5, 6, 7, 8, 9, 10, 11]  # no cusp at an end
    assert_allclose(total(kernel.mean_gradient(X, coef, A, B), A, B)[:, rows], expected[:, rows], atol=2e-4)


@pytest.mark.parametrize("kernel", POWERS + SMOOTH, ids=repr)
def test_short_segments_have_the_gradient_of_their_middle(kernel, case):
    X, coef, A, _ = case
    A = A[6:]
    for way in (1e-4, 1e-9):
        B = A + way
        middle = kernel.gradient(X, coef, (A + B) / 2)
        assert_allclose(kernel.mean_gradient(X, coef, A, B), middle, atol=1e-3 * np.abs(middle).max())


@pytest.mark.parametrize("kernel", POWERS + SMOOTH, ids=repr)
def test_against_many_short_segments(kernel, case):
    X, coef, A, B = (part[4:] if k > 1 else part for k, part in enumerate(case))
    edges = np.linspace(0, 1, 65)
    parts = [kernel.mean_gradient(X, coef, A + low * (B - A), A + high * (B - A)) for low, high in pairwise(edges)]
    fine = np.mean(parts, axis=0) * (B - A)
    coarse = kernel.mean_gradient(X, coef, A, B) * (B - A)
    assert_allclose(coarse, fine, atol=0.35 * np.abs(fine).max())
    halves = [kernel.mean_gradient(X, coef, *ends) for ends in ((A, (A + B) / 2), ((A + B) / 2, B))]
    halved = np.mean(halves, axis=0) * (B - A)
    assert np.abs(halved - fine).mean() < 0.6 * np.abs(coarse - fine).mean()


@pytest.mark.parametrize("kernel", POWERS, ids=repr)
def test_coordinates_that_stay_have_no_part(kernel, case):
    X, coef, A, B = case
    B[:, 1] = A[:, 1]
    assert (kernel.mean_gradient(X, coef, A, B)[:, :, 1] == 0).all()
    assert (kernel.mean_gradient(X, coef, A, A) == 0).all()


@pytest.mark.parametrize("kernel", POWERS, ids=repr)
def test_many_indicators(kernel, rng):
    """Of which rows have few: their centres are summed up, which must not change anything."""
    X, A, B = (np.eye(90)[rng.integers(0, 90, n)] + 0.1 * (rng.random((n, 90)) < 0.02) for n in (50, 70, 70))
    coef = rng.normal(size=50)
    gradient = kernel.mean_gradient(X, coef, A, B)
    assert_allclose(total(gradient, A, B), change(kernel, X, coef, A, B), atol=1e-7)
    rows = slice(60, 68)
    assert_allclose(kernel.mean_gradient(X, coef, A[rows], B[rows]), gradient[:, rows], atol=1e-8)


def test_single_output_and_precision(case):
    X, coef, A, B = case
    kernel = POWERS[0]
    whole = kernel.mean_gradient(X, coef, A, B)
    assert_allclose(kernel.mean_gradient(X, coef[:, 1], A, B)[0], whole[1])
    single = kernel.mean_gradient(*(part.astype(np.float32) for part in case))
    assert single.dtype == np.float64
    assert_allclose(single[:, 6:], whole[:, 6:], atol=1e-3)
