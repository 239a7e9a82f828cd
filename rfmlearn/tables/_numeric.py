"""Numeric columns: scaling and imputation, there and back."""

from __future__ import annotations

import numpy as np
from scipy.special import ndtri

from ..runtime._budget import MAX_KNOTS, MAX_SCORE, SAME_SHARE

SCALINGS = (None, "standard", "robust", "quantile")
# These end with the curve z / sqrt(1 + (z / 3)^2), which holds outliers within 3.
_CURVED = ("robust", "quantile")
_TAIL = 3.0


def _weighted_quantiles(x, w, q):
    """Averages of the lower and the upper weighted quantile, so that they mirror when x does."""
    # Numbers alone are sorted faster than the order that sorts them is found.
    order = None if (w == w[0]).all() else np.argsort(x)
    reached = np.cumsum(w if order is None else w[order])
    # Rounding must not decide whether a share is reached: thrice a weight is not always the sum of three.
    targets = np.multiply.outer([1 - SAME_SHARE, 1 + SAME_SHARE], np.multiply(q, reached[-1]))
    places = np.minimum(np.searchsorted(reached, targets), len(x) - 1)
    lower, upper = np.sort(x)[places] if order is None else x[order[places]]
    return (lower + upper) / 2


def _ldexp(x, exponent):
    """Numbers as float64 times a power of two."""
    return np.ldexp(x, exponent, dtype=np.float64)


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
    if len(knots) > MAX_KNOTS:
        places = np.searchsorted(ranks, np.linspace(0, 1, MAX_KNOTS) * (1 - SAME_SHARE))
        keep = np.unique(places.clip(max=len(knots) - 1))
        knots, ranks = knots[keep], ranks[keep]
    return knots, ndtri(np.clip(ranks, 1e-300, 1 - 2.0**-53))


class NumericBlock:
    """Scaling and imputation of numeric columns, learned from float64 numbers with NaN for missing ones.

    See `ColumnEncoder` for the formulas. The numbers come in blocks of columns, lest all of them be copied: pairs of
    the index of the first column and an array of shape (n, width of the block), fastest if its columns are contiguous.
    To learn from, float32 will do.
    """

    def __init__(self, scaling):
        self.scaling = scaling

    def fit(self, blocks, n_columns, w):
        """Learn from blocks of `n_columns` columns in all, and positive weights."""
        # Dividing by a power of two is exact and keeps squares and sums from overflow and underflow.
        self.exponents = np.zeros(n_columns, dtype=np.int32)
        self.origin, self.center, self.fill = (np.zeros(n_columns) for _ in range(3))
        self.scale = np.full(n_columns, np.inf)  # dividing by infinity ignores a column
        self.constants = np.full(n_columns, np.nan)
        self.curves = {}
        varying, indicated = np.zeros((2, n_columns), dtype=bool)
        for start, M in blocks:
            part = slice(start, start + M.shape[1])
            seen = ~np.isnan(M)
            count = np.count_nonzero(seen, axis=0)
            indicated[part] = (count > 0) & (count < len(M))
            low, high = np.fmin.reduce(M, axis=0, initial=np.inf), np.fmax.reduce(M, axis=0, initial=-np.inf)
            self.exponents[part] = np.frexp(np.where(count > 0, np.maximum(-low, high), 0.0))[1]
            self.constants[part] = np.where(count > 0, low, np.nan)
            varying[part] = low < high
            for i in np.flatnonzero(low < high):
                x, weights = (M[:, i], w) if count[i] == len(M) else (M[seen[:, i], i], w[seen[:, i]])
                self._fit_column(start + int(i), _ldexp(x, -self.exponents[start + i]), weights)
        self.varying, self.indicated, self.used = *map(np.flatnonzero, (varying, indicated)), varying | indicated
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

    @property
    def n_coordinates(self):
        return len(self.varying) + len(self.indicated)

    def transform(self, blocks, out):
        """Write scaled numbers of the columns that vary, then indicators of the missing ones, into `out`."""
        n_varying, dtype = len(self.varying), out.dtype
        limit = np.finfo(dtype).max if self.scaling is None else MAX_SCORE
        for start, M in blocks:
            ends = start, start + M.shape[1]
            here, told = (slice(*np.searchsorted(c, ends)) for c in (self.varying, self.indicated))
            missing = np.isnan(M)
            columns = self.varying[here]
            Z = self._scale(M[:, columns - start], columns)
            np.clip(Z, -limit, limit, out=Z)
            if self.scaling in _CURVED:
                Z /= np.sqrt(1 + (Z / _TAIL) ** 2)
            np.copyto(Z, self.fill[columns], where=missing[:, columns - start])
            out[:, here] = Z
            out[:, n_varying + told.start : n_varying + told.stop] = missing[:, self.indicated[told] - start]

    def _scale(self, Z, columns):
        """Numbers of some columns in units of their scale, in place."""
        if self.scaling is None:
            return Z
        with np.errstate(over="ignore", under="ignore"):  # a new number may be out of all proportion
            np.clip(np.ldexp(Z, -self.exponents[columns], out=Z), -(2.0**200), 2.0**200, out=Z)  # inf / inf is NaN
            if self.scaling != "quantile":
                Z -= self.origin[columns]
                Z -= self.center[columns]
                Z /= self.scale[columns]
                return Z
            for i, j in enumerate(columns):
                knots, scores = self.curves[int(j)]
                # Slopes between values closer than the smallest normal number are infinite: clip.
                Z[:, i] = np.clip(np.interp(Z[:, i], knots, scores), scores[0], scores[-1])
        return Z

    def slope(self, j, x):
        """Derivative of the scaled numbers of column j, which varies, by its numbers x; 0 where one is missing."""
        if self.scaling is None:
            return np.where(np.isnan(x), 0.0, 1.0)
        with np.errstate(over="ignore"):  # as in `_scale`
            slope = self._slope(j, np.clip(np.ldexp(x, -self.exponents[j]), -(2.0**200), 2.0**200))
            return np.where(np.isnan(x), 0.0, np.ldexp(slope, -self.exponents[j]))

    def _slope(self, j, z):
        """The same of numbers of which the exponent is taken, by these."""
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
            # Where the curve is flat, the steepest slope comes to nothing.
            slope = np.minimum(slope, np.finfo(np.float64).max) * (1 + (z / _TAIL) ** 2) ** -1.5
        return slope

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
