"""Numeric columns: scaling and imputation, there and back."""

from __future__ import annotations

import numpy as np
from scipy.special import ndtri

SCALINGS = (None, "standard", "robust", "quantile")
# These end with the curve z / sqrt(1 + (z / 3)^2), which holds outliers within 3.
_CURVED = ("robust", "quantile")
_TAIL = 3.0

_MAX_KNOTS = 1025
_MAX_SCORE = 2.0**48  # a score beyond it says no more, and its square still fits float32


def _weighted_quantiles(x, w, q):
    """Averages of the lower and the upper weighted quantile, so that they mirror when x does."""
    q = np.asarray(q)
    lower = np.quantile(x, q, weights=w, method="inverted_cdf")
    return (lower - np.quantile(-x, 1 - q, weights=w, method="inverted_cdf")) / 2


def _mean_and_deviation(x, w):
    """Smallest value, weighted mean above it, and weighted standard deviation."""
    # From the smallest value on, constants deviate by exactly 0, and rounding is relative to the spread of the column.
    low = x.min()
    mean = np.average(x - low, weights=w)
    return low, mean, np.sqrt(np.average((x - low - mean) ** 2, weights=w))


def _normal_scores(x, w):
    """Distinct values of x and the normal quantiles of their weighted mid-ranks, thinned to a bounded number."""
    knots, inverse = np.unique(x, return_inverse=True)
    mass = np.bincount(inverse, weights=w)
    total = np.cumsum(mass)
    ranks = (total - mass / 2) / total[-1]
    if len(knots) > _MAX_KNOTS:
        keep = np.unique(np.searchsorted(ranks, np.linspace(0, 1, _MAX_KNOTS)).clip(max=len(knots) - 1))
        knots, ranks = knots[keep], ranks[keep]
    return knots, ndtri(np.clip(ranks, 1e-300, 1 - 2.0**-53))


class NumericBlock:
    """Scaling and imputation of numeric columns, learned from a float64 matrix with NaN for missing numbers.

    See `ColumnEncoder` for the formulas. Rows of weight zero must be left out.
    """

    def __init__(self, scaling):
        self.scaling = scaling

    def fit(self, M, w):
        seen = ~np.isnan(M)
        count = seen.sum(axis=0)
        self.indicated = np.flatnonzero((count > 0) & (count < len(M)))
        # Dividing by a power of two is exact and keeps squares and sums from overflow and underflow.
        self.exponents = np.frexp(np.max(np.abs(M), axis=0, where=seen, initial=0.0))[1]
        self.origin, self.center, self.fill = np.zeros((3, M.shape[1]))
        self.scale = np.full(M.shape[1], np.inf)  # dividing by infinity ignores a column
        self.curves = {}
        low, high = (f(M, axis=0, where=seen, initial=-s * np.inf) for f, s in ((np.min, -1), (np.max, 1)))
        self.constants = np.where(count > 0, low, np.nan)
        self.varying = np.flatnonzero(low < high)
        for j in self.varying:
            rows = seen[:, j]
            self._fit_column(j, np.ldexp(M[rows, j], -self.exponents[j]), w[rows])
        return self

    def _fit_column(self, j, x, w):
        if self.scaling == "quantile":
            self.curves[j] = _normal_scores(x, w)
        elif self.scaling == "robust":
            first, self.center[j], third = _weighted_quantiles(x, w, [0.25, 0.5, 0.75])
            self.scale[j] = (third - first) or np.ptp(x) / 2 or np.inf
        else:
            self.origin[j], self.center[j], deviation = _mean_and_deviation(x, w)
            self.scale[j] = deviation or np.inf
            if self.scaling is None:
                mean = min(self.origin[j] + self.center[j], x.max())  # rounding must not carry it out of range
                self.fill[j] = np.ldexp(mean, self.exponents[j])

    def transform(self, M, dtype):
        """Scaled numbers of the columns that vary, then indicators of the missing ones; overwrites M."""
        missing = np.isnan(M)
        with np.errstate(over="ignore", under="ignore"):  # a new number may be out of all proportion
            Z = M if self.scaling is None else self._scale(M)
        limit = np.finfo(dtype).max if self.scaling is None else _MAX_SCORE
        np.clip(Z, -limit, limit, out=Z)
        if self.scaling in _CURVED:
            Z /= np.sqrt(1 + (Z / _TAIL) ** 2)
        np.copyto(Z, self.fill, where=missing)
        return np.hstack([Z[:, self.varying], missing[:, self.indicated]]).astype(dtype, order="C", copy=False)

    def _scale(self, M):
        Z = np.clip(np.ldexp(M, -self.exponents), -(2.0**200), 2.0**200)  # finite, as inf / inf is NaN
        if self.scaling != "quantile":
            return (Z - self.origin - self.center) / self.scale
        for j, (knots, scores) in self.curves.items():
            # Slopes between values closer than the smallest normal number are infinite: clip.
            Z[:, j] = np.clip(np.interp(Z[:, j], knots, scores), scores[0], scores[-1])
        return Z

    def slope(self, j, x):
        """Derivative of the scaled numbers of column j, which varies, by its numbers x; 0 where one is missing."""
        if self.scaling is None:
            return np.where(np.isnan(x), 0.0, 1.0)
        z = np.ldexp(x, -self.exponents[j])
        if self.scaling == "quantile":
            knots, scores = self.curves[j]
            slopes = np.concatenate([[0.0], np.diff(scores) / np.diff(knots), [0.0]])
            # At a knot the mean of both sides, which is what central differences tend to.
            slope = (slopes[np.searchsorted(knots, z, "left")] + slopes[np.searchsorted(knots, z, "right")]) / 2
            z = np.interp(z, knots, scores)
        else:
            z = (z - self.origin[j] - self.center[j]) / self.scale[j]
            slope = np.full(len(z), 1 / self.scale[j])
        if self.scaling in _CURVED:
            slope = slope * (1 + (z / _TAIL) ** 2) ** -1.5
        return np.where(np.isnan(x), 0.0, np.ldexp(slope, -self.exponents[j]))

    def inverse(self, Z):
        """Numbers that scaled coordinates stand for, NaN where an indicator is above one half.

        Constant columns get their constant. What lies beyond the range of a curve is taken back to its end.
        """
        n_varying = len(self.varying)
        M = np.tile(self.constants, (len(Z), 1))
        M[:, self.varying] = self._unscale(Z[:, :n_varying].astype(np.float64))
        indicators = Z[:, n_varying : n_varying + len(self.indicated)]
        M[:, self.indicated] = np.where(indicators > 0.5, np.nan, M[:, self.indicated])
        return M

    def _unscale(self, Z):
        """Numbers of the columns that vary."""
        if self.scaling is None:
            return Z
        if self.scaling in _CURVED:
            Z = np.clip(Z, -_TAIL * (1 - 1e-9), _TAIL * (1 - 1e-9))
            Z = Z / np.sqrt(1 - (Z / _TAIL) ** 2)
        j = self.varying
        if self.scaling != "quantile":
            return np.ldexp(Z * self.scale[j] + self.center[j] + self.origin[j], self.exponents[j])
        curves = [self.curves[k] for k in j]
        numbers = [np.interp(z, scores, knots) for z, (knots, scores) in zip(Z.T, curves, strict=True)]
        return np.ldexp(np.column_stack(numbers) if numbers else Z, self.exponents[j])
