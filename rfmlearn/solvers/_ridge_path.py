"""Solutions and leave-one-out residuals for many ridges from one decomposition."""

from __future__ import annotations

import numpy as np
import scipy.linalg

from ._leave_one_out import leave_one_out_residuals


class RidgePath:
    """Dual coefficients and leave-one-out residuals for any number of ridges from one decomposition.

    With ``V diag(s) V^T = W^(1/2) K W^(1/2)``, ``(K + alpha W^-1)^-1 = W^(1/2) V diag(1 / (s + alpha)) V^T W^(1/2)``.

    Parameters
    ----------
    K : ndarray of shape (n, n)
        Gram matrix, symmetric; overwritten.
    sample_weight : ndarray of shape (n,)
    row_weight : ndarray of shape (n,), default=None
        Weights without those of classes, as many rows as each stands for; None means `sample_weight`.

    Notes
    -----
    O(n^3) once, about ten Cholesky factorisations; O(n^2 n_outputs) for each ridge.
    """

    def __init__(self, K, sample_weight, row_weight=None):
        self._weight = np.asarray(sample_weight, dtype=K.dtype)
        self._row_weight = self._weight if row_weight is None else np.asarray(row_weight, dtype=K.dtype)
        self._root = np.sqrt(self._weight)
        K *= self._root[:, None]
        K *= self._root
        values, self._vectors = scipy.linalg.eigh(K, driver="evd", overwrite_a=True, check_finite=False)
        # K is positive semidefinite but for rounding, of float32 perhaps, which a small ridge would not cover.
        self._values = np.maximum(values, 0.0)

    def coef(self, Y, alpha):
        """Dual coefficients for ridge alpha, shape (n, n_outputs)."""
        projected = self._vectors.T @ (self._root[:, None] * Y)
        return self._root[:, None] * (self._vectors @ (projected / (self._values + alpha)[:, None]))

    def leave_one_out(self, Y, alpha):
        """Leave-one-out residuals for ridge alpha, shape (n, n_outputs)."""
        inverse_diagonal = self._weight * (self._vectors**2 @ (1.0 / (self._values + alpha)))
        return leave_one_out_residuals(self.coef(Y, alpha), inverse_diagonal, alpha / self._weight, self._row_weight)
