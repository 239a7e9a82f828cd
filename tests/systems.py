"""Ridge systems of random points, for tests of those who solve them."""

import naive
import numpy as np

from rfmlearn.kernels import LaplaceKernel
from rfmlearn.kernels._pairs import PairMatrix
from rfmlearn.kernels._points import as_points
from rfmlearn.solvers import CholeskyFactor

KERNEL = LaplaceKernel(2.0)
WEIGHTS = {
    "unit": lambda n: np.ones(n),
    "fractional": lambda n: np.linspace(0.2, 3.7, n),
    "integer": lambda n: np.arange(n) % 4 + 1.0,
    "small": lambda n: np.linspace(0.01, 0.9, n),
}
TOLERANCE = {np.float64: 1e-11, np.float32: 1e-4}


def filled(X, kernel=KERNEL):
    points = as_points(X)
    pairs = PairMatrix.empty(len(points), points.dtype)
    pairs.fill_sums(kernel, points)
    pairs.fill_gram(kernel)
    return pairs


def factored(X, ridge):
    pairs = filled(X)
    return CholeskyFactor(pairs.array, ridge, lambda: pairs.fill_gram(KERNEL))


def problem(rng, n=30, n_outputs=2, dtype=np.float64):
    """Points, their Gram matrix in float64, and targets."""
    X, Y = rng.normal(size=(n, 3)).astype(dtype), rng.normal(size=(n, n_outputs)).astype(dtype)
    return X, naive.Laplace(2.0).gram(X.astype(float), X.astype(float)), Y
