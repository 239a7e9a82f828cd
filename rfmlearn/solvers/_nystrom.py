"""The Nystrom preconditioner, which makes conjugate gradients short."""

from __future__ import annotations

import numpy as np
import scipy.linalg
from scipy.linalg import get_blas_funcs, get_lapack_funcs

from ..runtime._budget import ONE_BY_ONE


class NystromPreconditioner:
    """Approximate inverse of ``K + diag(ridge)`` from some of K's columns.

    With C those columns, K_m the rows of C that belong to them and ``B = K_m^(-1/2) C^T``, K is about ``B^T B + mu I``.
    What the Nystrom approximation leaves out is not small for Laplace kernels, and mu, its mean on the diagonal,
    stands for it: with mu = 0 conjugate gradients need several times as many steps. The inverse follows from Woodbury,
    ``D^-1 - D^-1 B^T (I + B D^-1 B^T)^-1 B D^-1`` with ``D = mu + ridge``.

    Parameters
    ----------
    columns : ndarray of shape (n, m)
        Columns of K, which are overwritten.
    rows : ndarray of int of shape (m,)
        Which ones, sorted.
    ridge : ndarray of shape (n,)

    Notes
    -----
    O(n m^2) time and O(n m) memory.

    References
    ----------
    Frangella, Tropp, Udell, Randomized Nystrom preconditioning, arXiv 2110.02820.
    """

    def __init__(self, columns, rows, ridge):
        dtype = columns.dtype
        K_m = columns[rows].astype(np.float64)
        K_m[np.diag_indices_from(K_m)] += 10 * len(rows) * np.finfo(dtype).eps
        factor = scipy.linalg.cholesky(K_m, lower=True, check_finite=False).astype(dtype)
        (trtrs,) = get_lapack_funcs(("trtrs",), (factor,))
        self._gemm, self._gemv, syrk = get_blas_funcs(("gemm", "gemv", "syrk"), (factor,))
        self._B = trtrs(factor, columns.T, lower=1, overwrite_b=1)[0]
        self.mu = max(float(np.mean(1 - np.einsum("ij,ij->j", self._B, self._B))), 0.0)
        self._d = (self.mu + ridge).astype(dtype)[:, None]
        scaled = self._B / np.sqrt(self._d[:, 0])
        inner = syrk(1.0, scaled, lower=1).astype(np.float64)
        inner[np.diag_indices_from(inner)] += 1
        self._inner = scipy.linalg.cholesky(inner, lower=True, check_finite=False).astype(dtype)

    def __call__(self, V):
        """Approximate solution of the system with right-hand sides V."""
        scaled = V / self._d
        inner = scipy.linalg.cho_solve((self._inner, True), self._product(scaled, 0), check_finite=False)
        return scaled - self._product(inner, 1) / self._d

    def _product(self, V, transposed):
        """``B V`` or ``B^T V``; a few columns go faster one by one."""
        if V.shape[1] > ONE_BY_ONE:
            return self._gemm(1.0, self._B, V, trans_a=transposed)
        columns = [self._gemv(1.0, self._B, np.ascontiguousarray(v), trans=transposed) for v in V.T]
        return np.stack(columns, axis=1)
