"""Kernels of coordinate-wise powers of differences: tiled loops do the work."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import scipy.sparse

from ..runtime._budget import SPARSE_FROM
from ._exponent import ExponentKernel
from ._profile_parameters import LOG2_E, Polynomial, Power
from ._profiles import CompiledProfile
from ._segments import mean_by_quotients, segments
from ._tiles import GradientAccumulator, _loops


@dataclass(frozen=True)
class _CoordinateKernel(ExponentKernel):
    """What the kernels of this module share: which power of a difference, and whether its exponential, is summed."""

    _loops_over_coordinates: ClassVar[bool] = True

    def _power(self) -> float:
        raise NotImplementedError

    def _rate(self) -> float:
        """Rate of the exponential of each coordinate, in powers of two; 0 if the powers themselves are summed."""
        return 0.0

    def sum_pass(self, z, x, out, row=0, column=0, upper=False):
        """Sums over coordinates of a power of the difference, or of its exponential."""
        arguments = (z.points.numeric, x.columns, self._power(), self._rate(), out, row, column, upper)
        coordinate_sums, categories = _loops().coordinate_sums, z.category_pass(x, out, row, column, upper)

        def write_sums(start, stop):
            coordinate_sums(start, stop, *arguments)
            categories(start, stop)

        return write_sums

    def same_sum(self, lengths):
        """Sum of powers."""
        return float(np.sum(lengths ** self._power()))

    def accumulator(self, z, x, z_coef, x_coef):
        """Gradients by loops."""
        return _CoordinateGradient(z, x, z_coef, x_coef, self._power(), self._rate())

    def mean_gradient(self, X, coef, A, B):
        """By quotients of differences; see `Kernel.mean_gradient`."""
        X, coef, A, B = segments(X, coef, A, B)
        return mean_by_quotients(self, X, coef, A, B, self._power(), self._rate())


@dataclass(frozen=True)
class LpqLaplaceKernel(_CoordinateKernel):
    """Laplace kernel of another norm, ``k(x, z) = exp(-|x - z|_p^q / L^q)`` with ``|u|_p^p = sum_k |u_k|^p``.

    Parameters
    ----------
    bandwidth : float, default=10.0
        L > 0, in units of transformed l_p distance.
    exponent : float, default=1.0
        q, 0 < q <= p.
    norm_p : float, default=1.5
        p, q <= p <= 2. Positive definite in this range only.

    References
    ----------
    Beaglehole, Holzmueller, Radhakrishnan, Belkin, xRFM, arXiv 2508.10053.

    Examples
    --------
    >>> from rfmlearn.kernels import LpqLaplaceKernel
    >>> LpqLaplaceKernel(bandwidth=7.0, exponent=1.0, norm_p=1.0)([[0.0, 0.0]], [[3.0, 4.0]]).round(3)
    array([[0.368]])
    """

    norm_p: float = 1.5

    def __post_init__(self):
        super().__post_init__()
        if not 0 < self.norm_p <= 2:
            raise ValueError(f"norm_p must lie in (0, 2], got {self.norm_p!r}.")
        if not 0 < self.exponent <= self.norm_p:
            raise ValueError(f"exponent must lie in (0, norm_p={self.norm_p!r}], got {self.exponent!r}.")

    def _power(self):
        return float(self.norm_p)

    def profile(self, n_coordinates):
        """Exponential of a power of the sum of powers."""
        q, rate = self.exponent, self.bandwidth**-self.exponent
        return CompiledProfile(Power(q / self.norm_p, LOG2_E * rate, -q * rate))

    def distances(self, sums, n_coordinates):
        """Distances in the l_p norm."""
        return sums ** (1.0 / self.norm_p)


@dataclass(frozen=True)
class ProductLaplaceKernel(_CoordinateKernel):
    """Product of Laplace kernels of the coordinates, ``k(x, z) = exp(-sum_k |x_k - z_k|^q / L^q)``.

    Parameters
    ----------
    bandwidth : float, default=10.0
        L > 0, in units of transformed distance ``(sum_k |x_k - z_k|^q)^(1/q)``.
    exponent : float, default=1.0
        q, 0 < q <= 2.

    References
    ----------
    Beaglehole, Holzmueller, Radhakrishnan, Belkin, xRFM, arXiv 2508.10053.

    Examples
    --------
    >>> from rfmlearn.kernels import ProductLaplaceKernel
    >>> ProductLaplaceKernel(bandwidth=7.0)([[0.0, 0.0]], [[3.0, 4.0]]).round(3)
    array([[0.368]])
    """

    def _power(self):
        return float(self.exponent)

    def profile(self, n_coordinates):
        """Exponential of the sum of powers."""
        q, rate = self.exponent, self.bandwidth**-self.exponent
        return CompiledProfile(Power(1.0, LOG2_E * rate, -q * rate))

    def distances(self, sums, n_coordinates):
        """Root of the sum of powers."""
        return sums ** (1.0 / self.exponent)


@dataclass(frozen=True)
class SumPowerLaplaceKernel(_CoordinateKernel):
    """Power of a mean of Laplace kernels, ``k(x, z) = ((1 - c) mean_k exp(-|x_k - z_k|^q / L^q) + c)^m``.

    Products of at most m coordinates interact: for m = 2 a model of main effects and pairs.

    Parameters
    ----------
    bandwidth : float, default=10.0
        L > 0, in units of one transformed coordinate.
    exponent : float, default=1.0
        q, 0 < q <= 2.
    const_mix : float, default=0.0
        c, 0 <= c < 1, the share of a constant.
    degree : int, default=2
        m >= 1.

    References
    ----------
    Beaglehole, Holzmueller, Radhakrishnan, Belkin, xRFM, arXiv 2508.10053.

    Examples
    --------
    >>> from rfmlearn.kernels import SumPowerLaplaceKernel
    >>> SumPowerLaplaceKernel(bandwidth=1.0)([[0.0, 0.0]], [[0.0, 1.0]]).round(3)
    array([[0.468]])
    """

    const_mix: float = 0.0
    degree: int = 2

    sums_depend_on_bandwidth: ClassVar[bool] = True

    def bandwidth_proxy(self):
        """Kernel whose distance d gives a coordinate's typical difference, ``d / n_coordinates^(1/q)``."""
        return ProductLaplaceKernel(self.bandwidth, self.exponent)

    def __post_init__(self):
        super().__post_init__()
        if not 0 <= self.const_mix < 1:
            raise ValueError(f"const_mix must lie in [0, 1), got {self.const_mix!r}.")
        if self.degree not in range(1, 1000):
            raise ValueError(f"degree must be an integer from 1 to 999, got {self.degree!r}.")

    def _power(self):
        return float(self.exponent)

    def _rate(self):
        return LOG2_E * self.bandwidth**-self.exponent

    def profile(self, n_coordinates):
        """Power of an affine function of the sum of exponentials."""
        if n_coordinates == 0:
            return CompiledProfile(Polynomial(1.0, 0.0, 1, 0.0))
        share, rate = (1 - self.const_mix) / n_coordinates, self.bandwidth**-self.exponent
        scale = -share * self.degree * self.exponent * rate
        return CompiledProfile(Polynomial(self.const_mix, share, int(self.degree), scale))

    def distances(self, sums, n_coordinates):
        """Length of the difference in one coordinate, that whose exponential is the mean of all coordinates'."""
        mean = np.clip(sums / max(n_coordinates, 1), np.finfo(sums.dtype).tiny, 1.0)
        return self.bandwidth * (-np.log(mean)) ** (1.0 / self.exponent)


class _CoordinateGradient(GradientAccumulator):
    """Gradients of numeric coordinates by loops; of categories through the total weight of each level."""

    def __init__(self, z, x, z_coef, x_coef, power, rate):
        self._z, self._x, self._z_coef, self._x_coef = z, x, z_coef, x_coef
        self._power, self._rate = power, rate
        self._same = np.split(x.same.astype(x.points.dtype), np.cumsum(x.points.widths[:-1]))
        shape = (len(x_coef), z.points.numeric.shape[1], len(z.points))
        self._z_grad = np.zeros(shape, dtype=z.points.dtype)
        self._masses = None
        if x.points.levels:
            self._indicators = _indicators(x.points)
            self._masses = np.zeros((len(x_coef), len(z.points), self._indicators.shape[1]), dtype=z.points.dtype)

    def add(self, team, rows, columns, W, both=False):
        ZT, XT = self._z[rows].columns, self._x[columns].columns
        x_coef = np.ascontiguousarray(self._x_coef[:, columns])
        z_coef = np.ascontiguousarray(self._z_coef[:, rows]) if both else x_coef[:, :0]
        z_grad = np.zeros((len(x_coef), *ZT.shape), dtype=W.dtype)
        x_grad = np.zeros((len(x_coef), *XT.shape) if both else (0, 0, 0), dtype=W.dtype)
        arguments = ZT, XT, self._power, self._rate, self._same[0], W, z_coef, x_coef, both, z_grad, x_grad
        team.share(_loops().coordinate_gradient, len(ZT), *arguments, piece=1)
        self._z_grad[:, :, rows] += z_grad
        if both:
            self._z_grad[:, :, columns] += x_grad
        if self._masses is not None:
            for output in range(len(x_coef)):
                self._masses[output, rows] += (W * x_coef[output]) @ self._indicators[columns]
                if both:
                    self._masses[output, columns] += (W.T * z_coef[output]) @ self._indicators[rows]

    def gradient(self):
        numeric = self._z_grad.transpose(0, 2, 1)
        if self._masses is None:
            return np.ascontiguousarray(numeric)
        parts, start = [numeric], 0
        for rows, codes, same in zip(self._z.points.levels, self._z.points.codes.T, self._same[1:], strict=True):
            stop = start + len(rows) + (rows.ndim == 1)
            slopes = self._unit_slopes if rows.ndim == 1 else self._slopes
            parts.append(slopes(rows, codes, self._masses[:, :, start:stop], same))
            start = stop
        return np.concatenate(parts, axis=2)

    def _slopes(self, rows, codes, masses, same):
        """Gradient along the coordinates of one categorical column, from the weight of each of its levels."""
        part = np.zeros((*masses.shape[:2], rows.shape[1]), dtype=rows.dtype)
        for level in np.unique(codes):
            at = np.flatnonzero(codes == level)
            part[:, at] = masses[:, at] @ self._derivative(rows[level] - rows, same)
        return part

    def _unit_slopes(self, lengths, codes, masses, same):
        """The same for categories with a coordinate of their own."""
        slope = self._derivative(lengths, same)
        part = -masses[:, :, :-1] * slope
        known = np.flatnonzero(codes < len(lengths))
        own = codes[known]
        part[:, known, own] = (masses[:, known].sum(axis=2) - masses[:, known, own]) * slope[own]
        return part

    def _derivative(self, D, same):
        """``sign(D) |D|^(p - 1)``, times the exponential of the coordinate if there is one; zero up to `same`."""
        equal = np.abs(D) <= same
        size = np.where(equal, 1, np.abs(D))
        v = np.where(equal, 0, np.sign(D) * size ** (self._power - 1))
        return v * np.exp2(-self._rate * size**self._power) if self._rate else v


def _indicators(points):
    """Indicator columns of all levels; sparse where they are many, since the product with them is then cheaper."""
    n_levels = [len(rows) + (rows.ndim == 1) for rows in points.levels]
    columns = points.codes + np.cumsum([0, *n_levels[:-1]])
    shape = len(points), sum(n_levels)
    entries = np.ones(columns.size, dtype=points.dtype)
    sparse = scipy.sparse.csr_array(
        (entries, columns.ravel(), np.arange(len(points) + 1) * columns.shape[1]), shape=shape
    )
    return sparse if shape[1] > SPARSE_FROM * columns.shape[1] else sparse.toarray()
