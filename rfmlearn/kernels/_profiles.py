"""Profiles: those of our own kernels, compiled into one loop with what surrounds them, and that of any function."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ..runtime._budget import BLOCK, CHUNK
from ._kernel import Profile
from ._profile_parameters import Polynomial, Power
from ._tiles import _loops


@dataclass(frozen=True)
class CompiledProfile(Profile):
    """A profile that `_loops` knows by the type of its parameters."""

    parameters: Power | Polynomial

    def value_rows(self, start, stop, S, K):
        """Row by row."""
        _loops().value_rows(start, stop, S, self.parameters, K)

    def fill_lower(self, start, stop, A):
        """Block by block."""
        _loops().fill_lower(start, stop, A, self.parameters)

    def weight_rows(self, start, stop, S, row, column, upper, same, W):
        """Row by row."""
        _loops().weight_rows(start, stop, S, row, column, upper, self.parameters, same, W)


@dataclass(frozen=True)
class ElementwiseProfile(Profile):
    """The profile of any function of sums, which is called with thousands of them at a time.

    Parameters
    ----------
    evaluate : callable
        ``evaluate(sums, values, slopes)`` writes kernel values and their derivatives by the sums, one-dimensional
        contiguous arrays of one dtype.
    factor : float
        By which weights are greater than slopes.
    """

    evaluate: Callable
    factor: float

    def value_rows(self, start, stop, S, K):
        """Some thousand sums after the other, whatever their rows."""
        sums, values = S[start:stop].reshape(-1), K[start:stop].reshape(-1)
        slopes = np.empty(min(CHUNK, sums.size), dtype=S.dtype)
        for first in range(0, sums.size, CHUNK):
            part = sums[first : first + CHUNK].copy()  # K may be S
            self.evaluate(part, values[first : first + CHUNK], slopes[: part.size])

    def fill_lower(self, start, stop, A):
        """Block by block; one on the diagonal has sums in one half only."""
        n = len(A)
        for top in range(start * BLOCK, min(stop * BLOCK, n), BLOCK):
            bottom = min(top + BLOCK, n)
            corner = A[top:bottom, top:bottom]
            sums, lower = np.triu(corner, 1), np.tril_indices(bottom - top)
            corner[lower] = self._values(sums + sums.T)[lower]
            for left in range(bottom, n, CHUNK // BLOCK):
                right = min(left + CHUNK // BLOCK, n)
                A[left:right, top:bottom] = self._values(A[top:bottom, left:right]).T

    def weight_rows(self, start, stop, S, row, column, upper, same, W):
        """Some rows after the other."""
        width = W.shape[1]
        step = max(1, CHUNK // max(1, width))
        for first in range(start, stop, step):
            last = min(first + step, stop)
            sums = S[row + first : row + last, column : column + width].copy()
            if upper and row + last > column:
                # Whatever stands there, it is no sum; zero has no weight.
                sums[np.tri(last - first, width, row + first - column, dtype=bool)] = 0
            sums, weights = sums.reshape(-1), W[first:last].reshape(-1)
            self.evaluate(sums, np.empty_like(sums), weights)
            _loops().weights_of_slopes(sums, self.factor, same, weights)

    def _values(self, sums):
        sums = sums.copy()
        values, slopes = np.empty_like(sums), np.empty(sums.size, dtype=sums.dtype)
        self.evaluate(sums.reshape(-1), values.reshape(-1), slopes)
        return values
