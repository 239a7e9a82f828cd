"""Conjugate gradients for ``(K + diag(ridge)) c = y``, and the Nystrom preconditioner that makes them short.

All products go through SciPy's BLAS: NumPy brings one of its own, and where their calls alternate, the idle threads of
the one, which spin, take the cores from the other.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.linalg import get_blas_funcs


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
