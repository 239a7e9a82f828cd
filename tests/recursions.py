"""Recursions with settings of their own, and a table for them."""

import numpy as np

from rfmlearn.kernels import LaplaceKernel
from rfmlearn.kernels._points import as_points
from rfmlearn.recursion._draws import Draws
from rfmlearn.recursion._plan import Plan
from rfmlearn.recursion._recursion import Recursion
from rfmlearn.solvers import Weights

DEFAULTS = {
    "kernel": LaplaceKernel(3.0),
    "adaptive": False,
    "alpha": 1e-2,
    "form": "full",
    "agop_power": 0.5,
    "shrinkage": 0.0,
}


def make_recursion(X, Y, sample_weight=None, *, groups=None, iterative=False, mixed=False, draws=None, **settings):
    points = as_points(X)
    weights = Weights.of(np.ones(len(points)) if sample_weight is None else sample_weight, groups=groups)
    plan = Plan(
        n_samples=len(points),
        n_coordinates=points.n_coordinates,
        n_outputs=Y.shape[1],
        matrix_entries=points.n_coordinates**2,
        block_entries=points.n_coordinates**2,
        dtype=points.dtype,
        iterative=iterative,
        mixed=mixed,
    )
    draws = Draws.of(weights, np.random.RandomState(0), **({"preconditioned_from": 1} | (draws or {})))
    return Recursion(points=points, targets=Y, weights=weights, plan=plan, draws=draws, **{**DEFAULTS, **settings})


def table(rng, n=30, d=4, n_outputs=2):
    """Targets that depend on some directions more than on others."""
    X = rng.normal(size=(n, d))
    Y = np.stack([np.sin(X[:, 0]) + X[:, 1] ** 2, X[:, 0] - 0.3 * X[:, 2]], axis=1)
    return X, Y[:, :n_outputs] - Y[:, :n_outputs].mean(axis=0)
