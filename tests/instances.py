"""Kernels, points and feature matrices that the tests share."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path
from typing import NamedTuple

import naive
import numpy as np
import pytest
from scipy.linalg import block_diag
from test_own_kernel import RationalQuadraticKernel

from rfmlearn.kernels import (
    GaussianKernel,
    Kernel,
    LaplaceKernel,
    LpqLaplaceKernel,
    Points,
    ProductLaplaceKernel,
    SumPowerLaplaceKernel,
)
from rfmlearn.recursion._feature_matrix import BlockFeatureMatrix, DiagonalFeatureMatrix, FullFeatureMatrix


class Case(NamedTuple):
    """A kernel and its naive twin."""

    kernel: Kernel
    naive: naive.Kernel


def _case(kernel, twin):
    numbers = "-".join(f"{value:g}" for name, value in vars(kernel).items() if name != "bandwidth")
    return pytest.param(Case(kernel, twin), id=f"{type(kernel).__name__.removesuffix('Kernel')}-{numbers}")


def with_budget(kernel, **sizes):
    """The same kernel, of points or images, that works through pairs in another way."""
    cls = type(kernel)
    other = type(cls.__name__, (cls,), {"budget": replace(cls.budget, **sizes)})
    return other(**{field.name: getattr(kernel, field.name) for field in fields(kernel) if field.init})


def in_small_tiles(kernel):
    """Tiles so small that tens of points need many, of different shapes at the edges."""
    return with_budget(kernel, tile=(7, 11))


RADIAL = [
    *(_case(LaplaceKernel(2.5, q), naive.Laplace(2.5, q)) for q in (0.7, 1.0, 1.3, 2.0)),
    _case(GaussianKernel(1.7), naive.Gaussian(1.7)),
    _case(RationalQuadraticKernel(1.7), naive.RationalQuadratic(1.7)),
]
PRODUCT = [_case(ProductLaplaceKernel(2.5, q), naive.Product(2.5, q)) for q in (0.8, 1.0, 1.2, 2.0)]
LPQ = [
    _case(LpqLaplaceKernel(2.5, q, p), naive.Lpq(2.5, q, p))
    for p, q in ((2.0, 1.0), (1.0, 1.0), (1.5, 1.1), (1.5, 1.5), (1.8, 0.7), (0.8, 0.6), (2.0, 2.0))
]
SUM_POWER = [
    _case(SumPowerLaplaceKernel(1.3, q, c, m), naive.SumPower(1.3, q, c, m))
    for q, c, m in ((1.0, 0.0, 1), (1.0, 0.1, 2), (0.8, 0.3, 3), (1.2, 0.0, 2), (2.0, 0.5, 2))
]
COORDINATE = [*PRODUCT, *LPQ, *SUM_POWER]
KERNELS = [*RADIAL, *COORDINATE]
# One of each loop, where a test is slow.
FEW_KERNELS = [RADIAL[1], RADIAL[2], RADIAL[5], PRODUCT[2], LPQ[2], SUM_POWER[1]]

# Reference values of another implementation; data/README.md describes them.
DATA = Path(__file__).parent / "data"
XRFM_KERNELS = {
    "laplace_q1": lambda L, q: LaplaceKernel(L, q),
    "laplace_q07": lambda L, q: LaplaceKernel(L, q),
    "laplace_q13": lambda L, q: LaplaceKernel(L, q),
    "product_q1": lambda L, q: ProductLaplaceKernel(L, q),
    "product_q12": lambda L, q: ProductLaplaceKernel(L, q),
    "lpq_p15_q1": lambda L, p, q: LpqLaplaceKernel(L, exponent=q, norm_p=p),
    "lpq_p18_q08": lambda L, p, q: LpqLaplaceKernel(L, exponent=q, norm_p=p),
    "sumpower": lambda L, q, c, m: SumPowerLaplaceKernel(L, q, const_mix=c, degree=int(m)),
}


def load_xrfm(name):
    """The arrays of ``data/xrfm_<name>.npz``."""
    with np.load(DATA / f"xrfm_{name}.npz") as data:
        return dict(data)


def xrfm_case(name, transform):
    """Kernel, transformed centres, coefficients, transformed points, the transform, and the reference values."""
    data = load_xrfm("kernels")
    M = {"none": np.eye(6), "diag": np.diag(data["transform_diag"]), "full": data["transform_full"]}[transform]
    kernel = XRFM_KERNELS[name](*data[f"{name}/params"])
    reference = {key: data[f"{name}/{transform}/{key}"] for key in ("K", "gradients", "agop_sum")}
    return kernel, data["X"] @ M, data["dual_coef"], data["Z"] @ M, M, reference


DTYPES = [np.float64, np.float32]
# Relative to the largest entry; several times what rounding does to a sum of tens of terms.
TOLERANCE = {np.float64: 1e-12, np.float32: 5e-6}

FORMS = {"full": FullFeatureMatrix, "diagonal": DiagonalFeatureMatrix, "block": BlockFeatureMatrix}


def assert_close(actual, desired, tolerance):
    """Entries agree up to `tolerance` times the largest desired one."""
    desired = np.asarray(desired)
    scale = np.max(np.abs(desired), initial=0.0) or 1.0
    np.testing.assert_allclose(actual, desired, rtol=0, atol=tolerance * scale)


def join(blocks):
    """Square array with blocks on its diagonal; vectors stand for diagonal ones."""
    return block_diag(*(np.diag(block) if block.ndim == 1 else block for block in blocks))


def form_of(matrix):
    return next(name for name, cls in FORMS.items() if type(matrix) is cls)


def positive_matrix(rng, size):
    """A symmetric matrix with eigenvalues of different sizes."""
    values = np.geomspace(1.0, 0.05, size)
    vectors = np.linalg.qr(rng.normal(size=(size, size)))[0]
    return (vectors * values) @ vectors.T


def roots(form, widths, rng):
    """Square roots of a feature matrix of a form, for groups of coordinates of these widths."""
    if form == "diagonal":
        return (rng.uniform(0.1, 1.0, sum(widths)),)
    return tuple(positive_matrix(rng, w) for w in (widths if form == "block" else [sum(widths)]))


FEATURE_MATRICES = [
    pytest.param(lambda points, rng, form=form: FORMS[form](roots(form, points.widths, rng)), id=form) for form in FORMS
]

N_LEVELS = (3, 5)
WIDTHS = (3, 3, 5)  # of the groups of coordinates of `mixed_points`


def mixed_points(rng, n, d=3, n_levels=N_LEVELS, dtype=np.float64):
    """Numeric coordinates and categories as unit vectors, some of them missing."""
    codes = np.stack([rng.integers(-1, k, n) for k in n_levels], axis=1)
    return Points.one_hot(rng.normal(size=(n, d)).astype(dtype), codes, n_levels)


def embedded_points(rng, n, d=3, n_levels=N_LEVELS, dtype=np.float64):
    """Numeric coordinates and categories as vectors of any kind, as a feature matrix makes them."""
    points = mixed_points(rng, n, d, n_levels, dtype)
    levels = tuple(
        rows @ positive_matrix(np.random.default_rng(k), k).astype(dtype)
        for k, rows in zip(n_levels, points.levels, strict=True)
    )
    return Points(points.numeric, points.codes, levels)


def apart(rng, n, m, d):
    """Centres and points of evaluation whose differences stay away from zero in every coordinate."""
    X = rng.integers(-3, 4, (n, d)) / 2 + rng.uniform(-0.06, 0.06, (n, d))
    Z = rng.integers(-3, 4, (m, d)) / 2 + 0.25 + rng.uniform(-0.06, 0.06, (m, d))
    return X, Z
