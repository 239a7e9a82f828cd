"""How far differences move the numbers of a column: by a step, or to values that the column has."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np


@dataclass(frozen=True)
class Steps:
    """Where the numbers of some columns are moved.

    Attributes
    ----------
    sizes : ndarray of float64 of shape (p,)
        Of the steps, in units of the columns.
    values : tuple of (ndarray or None) of length p
        Where it is not None, ascending values that the column has: a number is moved to those next to its steps.
    """

    sizes: np.ndarray
    values: tuple

    @classmethod
    def of(cls, sizes):
        """Plain steps."""
        return cls(sizes, (None,) * len(sizes))

    def scaled(self, factor):
        """Other sizes, a multiple of these."""
        return replace(self, sizes=self.sizes * factor)

    def take(self, places):
        """The steps of some of the columns."""
        return Steps(self.sizes[places], tuple(self.values[j] for j in places))

    def put(self, places, others):
        """The steps with those of some columns replaced."""
        sizes, values = self.sizes.copy(), [*self.values]
        sizes[places] = others.sizes
        for j, column in zip(places, others.values, strict=True):
            values[j] = column
        return Steps(sizes, tuple(values))

    def move(self, numbers):
        """Numbers of shape (m, p) moved up and down, shape (m, p, 2)."""
        with np.errstate(over="ignore"):
            moved = np.stack([numbers + self.sizes, numbers - self.sizes], axis=2)
        moved = np.clip(moved, -np.finfo(np.float64).max, np.finfo(np.float64).max)
        for j, values in enumerate(self.values):
            if values is not None:
                moved[:, j] = _neighbours(numbers[:, j], values, self.sizes[j])
        return moved


def _neighbours(x, values, size):
    """The values nearest to ``x + size`` and to ``x - size``, the next ones to x if these are x itself.

    Beyond the ends of the values, and over gaps much wider than what there is on the other side, x stays where it is.
    """
    last = len(values) - 1
    above, below = np.searchsorted(values, x, "right"), np.searchsorted(values, x, "left") - 1
    up, down = values[np.minimum(above, last)], values[np.maximum(below, 0)]
    up, down = np.where(above > last, np.inf, up - x), np.where(below < 0, np.inf, x - down)
    reach = 2 * np.maximum(size, np.minimum(up, down))
    high = values[np.clip(np.maximum(_nearest(values, x + size), above), 0, last)]
    low = values[np.clip(np.minimum(_nearest(values, x - size), below), 0, last)]
    # A number that is missing is beyond nothing, and stays NaN.
    return np.stack([np.where(up <= reach, high, x), np.where(down <= reach, low, x)], axis=1)


def _nearest(values, x):
    right = np.clip(np.searchsorted(values, x), 1, len(values) - 1)
    return np.where(x - values[right - 1] <= values[right] - x, right - 1, right)


def half_deviations(numbers, scales, sample_weight):
    """Steps of half a deviation to values that the columns have, for functions that are constant in between.

    The deviation is the smaller one of the standard deviation, `scales`, and of that which the quartiles tell: a few
    large numbers must not carry all others to the end of the column.
    """
    sizes, values = 0.5 * scales, []
    weights = np.ones(len(numbers)) if sample_weight is None else sample_weight
    for j, column in enumerate(numbers.T):
        seen = ~np.isnan(column)
        distinct = np.unique(column[seen])
        values.append(distinct if len(distinct) > 1 else None)
        if len(distinct) > 1:
            low, high = np.quantile(column[seen], [0.25, 0.75], weights=weights[seen], method="inverted_cdf")
            robust = (high / 2 - low / 2) / 1.349  # a normal column has its quartiles at .6745 deviations
            sizes[j] = min(sizes[j], robust) if robust > 0 else sizes[j]
    return Steps(sizes, tuple(values))


def deviations(numbers, sample_weight):
    """Weighted standard deviation of each column; of a constant one the largest magnitude, at least one."""
    seen = ~np.isnan(numbers)
    weight = seen * (1.0 if sample_weight is None else sample_weight[:, None] / sample_weight.max())
    total = np.maximum(weight.sum(axis=0), np.finfo(np.float64).tiny)
    low, high = (f(numbers, axis=0, where=seen, initial=-s * np.inf) for f, s in ((np.min, -1), (np.max, 1)))
    largest = np.max(np.abs(numbers), axis=0, where=seen, initial=0.0)
    # A power of two is exact, and keeps squares from overflow and underflow.
    exponents = np.frexp(np.where(low < high, high / 2 - low / 2, 1.0))[1]
    origin = np.ldexp(np.where(low < high, low, 0.0), -exponents)
    units = np.where(seen, np.ldexp(numbers, -exponents) - origin, 0.0)
    mean = np.sum(weight * units, axis=0) / total
    deviation = np.sqrt(np.sum(weight * (units - mean) ** 2, axis=0) / total)
    return np.where(low < high, np.ldexp(deviation, exponents), np.maximum(largest, 1.0))
