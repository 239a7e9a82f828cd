"""Solutions and leave-one-out residuals for many ridges from one decomposition."""

from __future__ import annotations

import numpy as np
import scipy.linalg

from ..runtime._budget import LARGEST_RIDGE
from ._leave_one_out import left_out_group_residuals, left_out_residuals
from ._weights import Weights


class RidgePath:
    """Dual coefficients and leave-one-out residuals for any number of ridges from one decomposition.

    Ridges are in the user's units, W below in those of `Weights`, by whose unit ridges are divided.

    With ``V diag(s) V^T = W^(1/2) K W^(1/2)``, ``(K + alpha W^-1)^-1 = W^(1/2) V diag(1 / (s + alpha)) V^T W^(1/2)``.

    Parameters
    ----------
    K : ndarray of shape (n, n)
        Gram matrix, symmetric; overwritten.
    weights : Weights

    Notes
    -----
    O(n^3) once, about ten Cholesky factorisations; O(n^2 n_outputs) for each ridge.
    """

    def __init__(self, K, weights: Weights):
        total = weights.total.astype(K.dtype)
        # Rows of no say keep a weight that is a number whatever it is divided by.
        self._weights, self._total = weights, np.maximum(total, total.max() / LARGEST_RIDGE**2)
        self._root = np.sqrt(self._total)
        K *= self._root[:, None]
        K *= self._root
        values, self._vectors = scipy.linalg.eigh(K, driver="evd", overwrite_a=True, check_finite=False)
        # K is positive semidefinite but for rounding, of float32 perhaps, which a small ridge would not cover; and what
        # the decomposition makes of zero is not to be divided by a ridge of 1e-300.
        self._values = np.maximum(values, 8 * np.finfo(np.float64).eps * (values[-1] or 1.0))

    def _in_units(self, alpha):
        return min(alpha / self._weights.unit, LARGEST_RIDGE)

    def coef(self, Y, alpha):
        """Dual coefficients for ridge alpha, shape (n, n_outputs)."""
        projected, alpha = self._vectors.T @ (self._root[:, None] * Y), self._in_units(alpha)
        return self._root[:, None] * (self._vectors @ (projected / (self._values + alpha)[:, None]))

    def left_out(self, Y, alpha):
        """Residuals of rows, or groups, left out, for ridge alpha, shape (n, n_outputs)."""
        coef, alpha = self.coef(Y, alpha), self._in_units(alpha)
        inverse = 1.0 / (self._values + alpha)
        if self._weights.groups is None:
            inverse_diagonal = self._total * (self._vectors**2 @ inverse)
            return left_out_residuals(coef, inverse_diagonal, alpha / self._total, self._weights)

        def block(places):
            half = self._root[places, None] * self._vectors[places]
            return half * inverse @ half.T

        return left_out_group_residuals(coef, block, self._weights)
