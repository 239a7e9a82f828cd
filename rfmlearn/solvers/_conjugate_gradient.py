"""Conjugate gradients for ``(K + diag(ridge)) c = y``, and the Nystrom preconditioner that makes them short.

All products go through SciPy's BLAS: NumPy brings one of its own, and where their calls alternate, the idle threads of
the one, which spin, take the cores from the other.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.linalg
from scipy.linalg import get_blas_funcs, get_lapack_funcs


@dataclass(frozen=True)
class SolveResult:
    """What an iterative solver found.

    Attributes
    ----------
    coef : ndarray of shape (n, n_outputs)
    converged : bool
        Whether every column met the tolerance.
    n_iter : int
    residual : float
        Largest ``|y - G c| / |y|`` of any column.
    """

    coef: np.ndarray
    converged: bool
    n_iter: int
    residual: float


def gram_product(array, ridge):
    """Function of V that gives ``(K + diag(ridge)) V``, reading only the lower triangle of `array`."""
    (symv,) = get_blas_funcs(("symv",), (array,))
    ridge = ridge.astype(array.dtype)[:, None]

    def product(V):
        out = ridge * V
        for column in range(V.shape[1]):
            out[:, column] += symv(1.0, array.T, np.ascontiguousarray(V[:, column]), lower=0)
        return out

    return product


def conjugate_gradient(product, Y, precondition, start=None, tol=1e-3, max_iter=100):
    """Solve ``G C = Y`` column by column, all columns side by side.

    Parameters
    ----------
    product : callable
        V of shape (n, k) to G V.
    Y : ndarray of shape (n, n_outputs)
    precondition : callable
        V to an approximation of G^-1 V, symmetric positive definite.
    start : ndarray of shape (n, n_outputs), default=None
        First guess.
    tol : float, default=1e-3
        A column is done when ``|y - G c| <= tol |y|``, as `scipy.sparse.linalg.cg` with ``rtol=tol``.
    max_iter : int, default=100

    Returns
    -------
    SolveResult
    """
    C = np.zeros_like(Y) if start is None else start.astype(Y.dtype, copy=True)
    R = Y - product(C) if start is not None else Y.copy()
    limits = tol * np.linalg.norm(Y, axis=0)
    Z = precondition(R)
    P, rz = Z.copy(), np.einsum("ij,ij->j", R, Z)
    n_iter = 0
    active = np.linalg.norm(R, axis=0) > limits
    while active.any() and n_iter < max_iter:
        n_iter += 1
        p = P[:, active]
        Gp = product(p)
        step = rz[active] / np.einsum("ij,ij->j", p, Gp)
        C[:, active] += step * p
        R[:, active] -= step * Gp
        active &= np.linalg.norm(R, axis=0) > limits
        if not active.any():
            break
        Z = precondition(R[:, active])
        fresh = np.einsum("ij,ij->j", R[:, active], Z)
        P[:, active] = Z + fresh / rz[active] * P[:, active]
        rz[active] = fresh
    norms = np.linalg.norm(Y, axis=0)
    residual = float(np.max(np.linalg.norm(R, axis=0) / np.where(norms > 0, norms, 1), initial=0.0))
    return SolveResult(C, not active.any(), n_iter, residual)


class NystromPreconditioner:
    """Approximate inverse of ``K + diag(ridge)`` from some of K's columns.

    With C those columns, K_m the rows of C that belong to them and ``B = K_m^(-1/2) C^T``, K is about ``B^T B + mu I``.
    What the Nystrom approximation leaves out is not small for Laplace kernels, and mu, its mean on the diagonal,
    stands for it: with mu = 0 conjugate gradients need several times as many steps. The inverse follows from Woodbury,
    ``D^-1 - D^-1 B^T (I + B D^-1 B^T)^-1 B D^-1`` with ``D = mu + ridge``.

    Parameters
    ----------
    array : ndarray of shape (n, n)
        Its lower triangle holds K.
    ridge : ndarray of shape (n,)
    rows : ndarray of int of shape (m,)
        Which columns, sorted.

    Notes
    -----
    O(n m^2) time and O(n m) memory.

    References
    ----------
    Frangella, Tropp, Udell, Randomized Nystrom preconditioning, arXiv 2110.02820.
    """

    def __init__(self, array, ridge, rows):
        columns = symmetric_columns(array, rows)
        K_m = columns[rows].astype(np.float64)
        K_m[np.diag_indices_from(K_m)] += 10 * len(rows) * np.finfo(array.dtype).eps
        factor = scipy.linalg.cholesky(K_m, lower=True, check_finite=False).astype(array.dtype)
        (trtrs,) = get_lapack_funcs(("trtrs",), (factor,))
        self._gemm, self._gemv, syrk = get_blas_funcs(("gemm", "gemv", "syrk"), (factor,))
        self._B = trtrs(factor, columns.T, lower=1, overwrite_b=1)[0]
        self.mu = max(float(np.mean(1 - np.einsum("ij,ij->j", self._B, self._B))), 0.0)
        self._d = (self.mu + ridge).astype(array.dtype)[:, None]
        scaled = self._B / np.sqrt(self._d[:, 0])
        inner = syrk(1.0, scaled, lower=1).astype(np.float64)
        inner[np.diag_indices_from(inner)] += 1
        self._inner = scipy.linalg.cholesky(inner, lower=True, check_finite=False).astype(array.dtype)

    def __call__(self, V):
        """Approximate solution of the system with right-hand sides V."""
        scaled = V / self._d
        inner = scipy.linalg.cho_solve((self._inner, True), self._product(scaled, 0), check_finite=False)
        return scaled - self._product(inner, 1) / self._d

    def _product(self, V, transposed):
        """``B V`` or ``B^T V``; a few columns go faster one by one."""
        if V.shape[1] > 8:
            return self._gemm(1.0, self._B, V, trans_a=transposed)
        columns = [self._gemv(1.0, self._B, np.ascontiguousarray(v), trans=transposed) for v in V.T]
        return np.stack(columns, axis=1)


def symmetric_columns(array, rows):
    """Columns of the symmetric matrix with unit diagonal of which only the lower triangle is stored; rows sorted."""
    columns = array[:, rows]
    for k, row in enumerate(rows):
        columns[:row, k] = array[row, :row]
    columns[rows, np.arange(len(rows))] = 1
    return columns
