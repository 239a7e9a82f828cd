"""Kernels of scikit-learn between two sets of points, and their derivatives with respect to the second point."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial.distance import cdist
from scipy.special import gamma as gamma_function
from scipy.special import kv

_MODULE = "sklearn.gaussian_process.kernels"


@dataclass(frozen=True)
class PairDerivatives:
    """Values ``k(x_i, z_j)`` and what their gradients with respect to z are made of.

    The gradient is a sum over terms ``(W, s)``: ``W[j, i] s * (x_i - z_j)`` if s is a vector or number, the squared
    inverse length scales of a function of distance, and ``W[j, i] x_i`` if s is None, for a function of ``x . z``.

    Attributes
    ----------
    values : ndarray of shape (m, n)
    terms : list of (ndarray of shape (m, n), ndarray, float or None)
    """

    values: np.ndarray
    terms: list

    def __add__(self, other):
        return PairDerivatives(self.values + other.values, self.terms + other.terms)

    def __mul__(self, other):
        return PairDerivatives(
            self.values * other.values,
            [(W * other.values, s) for W, s in self.terms] + [(W * self.values, s) for W, s in other.terms],
        )

    def __pow__(self, p):
        slope = p * self.values ** (p - 1)
        return PairDerivatives(self.values**p, [(W * slope, s) for W, s in self.terms])

    def gradient(self, coef, X, Z):
        """Gradient at each z_j of ``sum_i coef[i] k(x_i, z)``, shape (m, d); coef of shape (n,), or (m, n) by row."""
        total = np.zeros_like(Z)
        for W, s in self.terms:
            weights = W * coef
            moved = weights @ X
            total += moved if s is None else s * (moved - weights.sum(axis=1)[:, None] * Z)
        return total

    def gradients(self, coef, X, Z):
        """Gradients of several expansions, shape (n_outputs, m, d); coef of shape (n, n_outputs)."""
        return np.stack([self.gradient(column, X, Z) for column in coef.T])


def named_kernel(name, gamma, degree, coef0):
    """Function ``(X, Z) -> PairDerivatives`` of a kernel that scikit-learn knows by its name, or None."""

    def linear(X, Z):
        return PairDerivatives(Z @ X.T, [(np.ones((len(Z), len(X))), None)])

    def polynomial(X, Z):
        base = gamma * (Z @ X.T) + coef0
        return PairDerivatives(base**degree, [(degree * gamma * base ** (degree - 1), None)])

    def sigmoid(X, Z):
        values = np.tanh(gamma * (Z @ X.T) + coef0)
        return PairDerivatives(values, [(gamma * (1 - values**2), None)])

    def rbf(X, Z):
        values = np.exp(-gamma * cdist(Z, X, "sqeuclidean"))
        return PairDerivatives(values, [(values, 2 * gamma)])

    kernels = {"linear": linear, "poly": polynomial, "polynomial": polynomial, "sigmoid": sigmoid, "rbf": rbf}
    return kernels.get(name) if isinstance(name, str) else None


def is_known(kernel):
    """Whether `differentiate` can take a kernel of Gaussian processes, with all it is composed of."""
    name = type(kernel).__name__
    if type(kernel).__module__ != _MODULE:
        return False
    if name in ("Sum", "Product"):
        return is_known(kernel.k1) and is_known(kernel.k2)
    return is_known(kernel.kernel) if name == "Exponentiation" else name in _FORMULAS


def differentiate(kernel, X, Z):
    """Values and derivatives of a kernel of Gaussian processes; noise counts only if X and Z are the same object."""
    name = type(kernel).__name__
    if name == "Sum":
        return differentiate(kernel.k1, X, Z) + differentiate(kernel.k2, X, Z)
    if name == "Product":
        return differentiate(kernel.k1, X, Z) * differentiate(kernel.k2, X, Z)
    if name == "Exponentiation":
        return differentiate(kernel.kernel, X, Z) ** kernel.exponent
    values = kernel(Z) if Z is X else kernel(Z, X)
    return PairDerivatives(values, _FORMULAS[name](kernel, values, X, Z))


def _constant(kernel, values, X, Z):
    return []


def _dot_product(kernel, values, X, Z):
    return [(np.ones_like(values), None)]


def _rbf(kernel, values, X, Z):
    return [(values, np.asarray(kernel.length_scale, dtype=np.float64) ** -2.0)]


def _rational_quadratic(kernel, values, X, Z):
    return [(values ** (1 + 1 / kernel.alpha), kernel.length_scale**-2.0)]


def _exp_sine_squared(kernel, values, X, Z):
    # np.sinc(x) is sin(pi x) / (pi x), so nothing is divided by a distance.
    frequency = 2 / kernel.periodicity
    slope = (np.pi * frequency / kernel.length_scale) ** 2
    return [(slope * values * np.sinc(frequency * cdist(Z, X)), 1.0)]


def _matern(kernel, values, X, Z):
    nu, scale = kernel.nu, np.asarray(kernel.length_scale, dtype=np.float64)
    if nu == np.inf:
        return _rbf(kernel, values, X, Z)
    distances = cdist(Z / scale, X / scale)
    t = np.sqrt(2 * nu) * distances
    with np.errstate(divide="ignore", invalid="ignore"):
        if nu == 0.5:
            W = np.exp(-t) / distances
        elif nu == 1.5:
            W = 3 * np.exp(-t)
        elif nu == 2.5:
            W = 5 / 3 * (1 + t) * np.exp(-t)
        else:
            # (t^nu K_nu(t))' = -t^nu K_(nu - 1)(t)
            W = 2.0 ** (2 - nu) * nu / gamma_function(nu) * t ** (nu - 1) * kv(nu - 1, t)
    # At distance zero the kernel has its peak, and may have a cusp.
    W[distances == 0] = 0.0
    return [(W, scale**-2.0)]


_FORMULAS = {
    "ConstantKernel": _constant,
    "WhiteKernel": _constant,
    "DotProduct": _dot_product,
    "RBF": _rbf,
    "RationalQuadratic": _rational_quadratic,
    "ExpSineSquared": _exp_sine_squared,
    "Matern": _matern,
}
