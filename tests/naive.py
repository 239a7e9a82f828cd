"""Slow and obvious versions of what rfmlearn computes, from definitions alone: nothing here imports rfmlearn."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import scipy.linalg

# Kernels ---------------------------------------------------------------------------------------------------------
#
# A kernel has `value(u)` of a difference u = z - x, `slope(u)`, the gradient of the value, with zero for coordinates
# in which it does not exist, and `length(u)`, the distance to which the bandwidth is compared.


@dataclass(frozen=True)
class Kernel:
    bandwidth: float

    def with_bandwidth(self, bandwidth):
        return replace(self, bandwidth=bandwidth)

    def gram(self, X, Z):
        return np.array([[self.value(z - x) for x in X] for z in Z]).reshape(len(Z), len(X))

    def product(self, X, coef, Z):
        return np.array([sum(c * self.value(z - x) for c, x in zip(coef, X, strict=True)) for z in Z])

    def gradient(self, X, coef, Z):
        """Shape (n_outputs, m, d)."""
        out = np.zeros((coef.shape[1], *Z.shape))
        for j, z in enumerate(Z):
            for c, x in zip(coef, X, strict=True):
                out[:, j] += c[:, None] * self.slope(z - x)
        return out


def power_slope(u, q):
    """Derivative of |u|^q in each coordinate, zero at zero."""
    return np.array([0.0 if t == 0 else math.copysign(q * abs(t) ** (q - 1), t) for t in u])


@dataclass(frozen=True)
class Laplace(Kernel):
    q: float = 1.0

    def length(self, u):
        return math.sqrt(math.fsum(t * t for t in u))

    def value(self, u):
        return math.exp(-((self.length(u) / self.bandwidth) ** self.q))

    def slope(self, u):
        d = self.length(u)
        if d == 0:
            return np.zeros(len(u))
        return -self.value(u) * self.q * d ** (self.q - 1) / self.bandwidth**self.q * u / d


@dataclass(frozen=True)
class Gaussian(Kernel):
    def length(self, u):
        return math.sqrt(math.fsum(t * t for t in u))

    def value(self, u):
        return math.exp(-(self.length(u) ** 2) / (2 * self.bandwidth**2))

    def slope(self, u):
        return -self.value(u) * u / self.bandwidth**2


@dataclass(frozen=True)
class RationalQuadratic(Kernel):
    def length(self, u):
        return math.sqrt(math.fsum(t * t for t in u))

    def value(self, u):
        return 1 / (1 + (self.length(u) / self.bandwidth) ** 2)

    def slope(self, u):
        return -2 * self.value(u) ** 2 * u / self.bandwidth**2


@dataclass(frozen=True)
class Lpq(Kernel):
    q: float = 1.0
    p: float = 1.5

    def length(self, u):
        return math.fsum(abs(t) ** self.p for t in u) ** (1 / self.p)

    def value(self, u):
        return math.exp(-((self.length(u) / self.bandwidth) ** self.q))

    def slope(self, u):
        d = self.length(u)
        if d == 0:
            return np.zeros(len(u))
        length_slope = power_slope(u, self.p) * d ** (1 - self.p) / self.p
        return -self.value(u) * self.q * d ** (self.q - 1) / self.bandwidth**self.q * length_slope


@dataclass(frozen=True)
class Product(Kernel):
    q: float = 1.0

    def length(self, u):
        return math.fsum(abs(t) ** self.q for t in u) ** (1 / self.q)

    def value(self, u):
        return math.prod(math.exp(-((abs(t) / self.bandwidth) ** self.q)) for t in u)

    def slope(self, u):
        return -self.value(u) * power_slope(u, self.q) / self.bandwidth**self.q


@dataclass(frozen=True)
class SumPower(Kernel):
    q: float = 1.0
    const_mix: float = 0.0
    degree: int = 2

    def length(self, u):
        """The difference in one coordinate whose power is the mean of all coordinates'."""
        return (math.fsum(abs(t) ** self.q for t in u) / len(u)) ** (1 / self.q)

    def _mean(self, u):
        return math.fsum(math.exp(-((abs(t) / self.bandwidth) ** self.q)) for t in u) / len(u)

    def value(self, u):
        return ((1 - self.const_mix) * self._mean(u) + self.const_mix) ** self.degree

    def slope(self, u):
        outer = self.degree * ((1 - self.const_mix) * self._mean(u) + self.const_mix) ** (self.degree - 1)
        each = np.array([math.exp(-((abs(t) / self.bandwidth) ** self.q)) for t in u])
        mean_slope = -each * power_slope(u, self.q) / self.bandwidth**self.q / len(u)
        return outer * (1 - self.const_mix) * mean_slope


# Gradients by differences ------------------------------------------------------------------------------------------


def five_point_gradient(f, Z, h=1e-3):
    """Gradient of each output of ``f``, which takes (m, d) to (m, n_outputs); shape (n_outputs, m, d)."""
    columns = []
    for k in range(Z.shape[1]):
        step = np.zeros(Z.shape[1])
        step[k] = h
        columns.append((8 * (f(Z + step) - f(Z - step)) - (f(Z + 2 * step) - f(Z - 2 * step))) / (12 * h))
    return np.stack(columns, axis=2).transpose(1, 0, 2)


# Machines ------------------------------------------------------------------------------------------------------


def agop(gradient, sample_weight=None):
    """Weighted average over points of the sum over outputs of gradient outer products; gradient (n_outputs, m, d)."""
    n_outputs, m, d = gradient.shape
    weights = np.full(m, 1 / m) if sample_weight is None else sample_weight / np.sum(sample_weight)
    G = np.zeros((d, d))
    for output in range(n_outputs):
        for j in range(m):
            G += weights[j] * np.outer(gradient[output, j], gradient[output, j])
    return G


def ridge_solve(K, Y, alpha, sample_weight=None):
    """Minimiser c of ``sum_i w_i |y_i - (K c)_i|^2 + alpha c^T K c``."""
    w = np.ones(len(K)) if sample_weight is None else np.asarray(sample_weight, dtype=float)
    return np.linalg.solve(K + alpha * np.diag(1 / w), Y)


def leave_one_out_residuals(K, Y, alpha, sample_weight, left_out=None):
    """``y_i - f(x_i)``, with f refitted for every i to weights in which row i has so much less, or nothing at all."""
    residuals = np.empty_like(Y)
    for i in range(len(K)):
        w = np.array(sample_weight, dtype=float)
        w[i] = 0.0 if left_out is None else max(0.0, w[i] - left_out[i])
        kept = np.flatnonzero(w > 0)
        coef = ridge_solve(K[np.ix_(kept, kept)], Y[kept], alpha, w[kept])
        residuals[i] = Y[i] - K[i, kept] @ coef
    return residuals


def repeated_median(values, counts):
    """Smallest value at or below which half of all the repeated values lie."""
    values = sorted(v for v, count in zip(values, counts, strict=True) for _ in range(count))
    return values[math.ceil(len(values) / 2) - 1]


def median_length(kernel, X):
    """Median length of the differences of pairs of distinct points."""
    lengths = [kernel.length(X[i] - X[j]) for i in range(len(X)) for j in range(i)]
    lengths = [length for length in lengths if length > 0]
    return repeated_median(lengths, [1] * len(lengths))


def mask(form, widths):
    """Which entries of a feature matrix of a form may differ from zero; `widths` of its groups of coordinates."""
    d = sum(widths)
    if form == "full":
        return np.ones((d, d))
    return scipy.linalg.block_diag(*(np.ones((w, w)) for w in (widths if form == "block" else [1] * d)))


def recursive_feature_machine(
    kernel,
    X,
    Y,
    alpha,
    n_rounds,
    *,
    form="full",
    widths=None,
    power=0.5,
    shrinkage=0.0,
    median_multiple=None,
    X_new=None,
):
    """Records (M, bandwidth, predictions at X_new) of the plain kernel machine and of `n_rounds` more.

    With `median_multiple`, every bandwidth is so many times the median distance. `form` is "full", "diagonal" or
    "block", with a block for each of the `widths`.
    """
    root, records = np.eye(X.shape[1]), []
    allowed = mask(form, [X.shape[1]] if widths is None else widths)
    X_new = X if X_new is None else X_new
    for n_iter in range(n_rounds + 1):
        points = X @ root
        if median_multiple is not None:
            kernel = kernel.with_bandwidth(median_multiple * median_length(kernel, points))
        coef = ridge_solve(kernel.gram(points, points), Y, alpha)
        records.append((root @ root, kernel.bandwidth, kernel.product(points, coef, X_new @ root)))
        if n_iter < n_rounds:
            G = agop(kernel.gradient(points, coef, points) @ root) * allowed
            G = (1 - shrinkage) * G / G.max() + shrinkage * np.eye(len(G))
            values, vectors = np.linalg.eigh(G)
            root = vectors @ np.diag(np.maximum(values, 0) ** power) @ vectors.T
    return records


# Images ----------------------------------------------------------------------------------------------------------


def image_patches(image, size, padding="valid"):
    """List of (row, column, patch), patches as vectors in the order (row, column, channel)."""
    if padding == "same":
        before, after = (size - 1) // 2, size // 2
        image = np.pad(image, ((before, after), (before, after), (0, 0)))
    rows, columns = image.shape[0] - size + 1, image.shape[1] - size + 1
    return [(r, c, image[r : r + size, c : c + size].ravel()) for r in range(rows) for c in range(columns)]


def box(values, size, padding):
    """Sums over windows of an array of places."""
    if padding == "same":
        before, after = (size - 1) // 2, size // 2
        values = np.pad(values, ((before, after), (before, after)))
    rows, columns = values.shape[0] - size + 1, values.shape[1] - size + 1
    return np.array([[values[r : r + size, c : c + size].sum() for c in range(columns)] for r in range(rows)])


def conv_ntk(x, z, matrix, size, depth, padding="valid"):
    """Convolutional tangent kernel of two images in the metric of a feature matrix, without pooling."""
    places = list(zip(image_patches(x, size, padding), image_patches(z, size, padding), strict=True))
    shape = places[-1][0][0] + 1, places[-1][0][1] + 1
    channels = x.shape[2]
    S, A, B = (np.array(values).reshape(shape) / channels for values in zip(
        *((u @ matrix @ v, u @ matrix @ u, v @ matrix @ v) for (_, _, u), (_, _, v) in places), strict=True
    ))  # fmt: skip
    theta = S.copy()
    for layer in range(depth):
        if layer:
            S, A, B = (box(values, size, padding) for values in (S, A, B))
            theta = S + box(theta, size, padding)
        for r, c in np.ndindex(S.shape):
            norm = math.sqrt(A[r, c] * B[r, c])
            if norm == 0:
                S[r, c] = theta[r, c] = 0.0
                continue
            rho = min(1.0, max(-1.0, S[r, c] / norm))
            phi = math.acos(rho)
            theta[r, c] *= (math.pi - phi) / math.pi
            S[r, c] = norm * (math.sin(phi) + rho * (math.pi - phi)) / math.pi
    return float(np.mean(S + theta))


def patch_laplace(x, z, matrix, size, bandwidth, pool=1, padding="valid"):
    """Weighted mean of Laplace kernels of patches that are less than `pool` rows and columns apart."""
    first, second = image_patches(x, size, padding), image_patches(z, size, padding)
    total = 0.0
    for r, c, u in first:
        for s, d, v in second:
            weight = max(pool - abs(r - s), 0) * max(pool - abs(c - d), 0) / pool**4
            if weight:
                total += weight * math.exp(-math.sqrt((u - v) @ matrix @ (u - v) / x.shape[2]) / bandwidth)
    return total / len(first)


# Large machines ----------------------------------------------------------------------------------------------------


def landmark_solve(K, G, Y, alpha, sample_weight=None):
    """Minimiser a of ``sum_i w_i |y_i - (K a)_i|^2 + alpha a^T G a``, K of rows with landmarks, G of landmarks."""
    w = np.ones(len(K)) if sample_weight is None else np.asarray(sample_weight, dtype=float)
    root = scipy.linalg.cholesky(G)
    rows = np.vstack([np.sqrt(w)[:, None] * K, np.sqrt(alpha) * root])
    return np.linalg.lstsq(rows, np.vstack([np.sqrt(w)[:, None] * Y, np.zeros((len(G), Y.shape[1]))]), rcond=None)[0]


def predict_without(K, Y, alpha, left_out, sample_weight=None):
    """Predictions of rows by the machine of all others, K of all rows."""
    w = np.ones(len(K)) if sample_weight is None else np.asarray(sample_weight, dtype=float)
    kept = np.setdiff1d(np.arange(len(K)), left_out)
    return K[np.ix_(left_out, kept)] @ ridge_solve(K[np.ix_(kept, kept)], Y[kept], alpha, w[kept])


def leaf_of(tree, row):
    """The leaf of one row of numbers, by the flat arrays of a tree."""
    node = 0 if len(tree.column) else -1
    while node >= 0:
        node = tree.children[node][0 if row[tree.column[node]] <= tree.threshold[node] else 1]
    return -1 - node
