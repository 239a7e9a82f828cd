"""Recursions with settings of their own, and a table for them."""

import numpy as np

from rfmlearn.kernels import LaplaceKernel
from rfmlearn.kernels._points import as_points
from rfmlearn.recursion._recursion import Recursion

DEFAULTS = {
    "kernel": LaplaceKernel(3.0),
    "adaptive": False,
    "alpha": 1e-2,
    "alpha_scale": 1.0,
    "form": "full",
    "agop_power": 0.5,
    "shrinkage": 0.0,
    "n_agop_samples": None,
    "center": False,
    "iterative": False,
    "tol": 1e-3,
    "mixed": False,
}


def make_recursion(X, Y, sample_weight=None, **settings):
    points = as_points(X)
    sample_weight = np.ones(len(points)) if sample_weight is None else np.asarray(sample_weight, dtype=float)
    return Recursion(points, Y, sample_weight, rng=np.random.RandomState(0), **{**DEFAULTS, **settings})


def table(rng, n=30, d=4, n_outputs=2):
    """Targets that depend on some directions more than on others."""
    X = rng.normal(size=(n, d))
    Y = np.stack([np.sin(X[:, 0]) + X[:, 1] ** 2, X[:, 0] - 0.3 * X[:, 2]], axis=1)
    return X, Y[:, :n_outputs] - Y[:, :n_outputs].mean(axis=0)
