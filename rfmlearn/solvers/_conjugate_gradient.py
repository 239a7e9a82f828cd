"""Conjugate gradients for ``(K + diag(ridge)) c = y``, many right-hand sides side by side."""

from __future__ import annotations

import numpy as np

from ..runtime._budget import MAX_STEPS
from ._solution import Solution


def conjugate_gradient(product, Y, precondition, start=None, tol=1e-3, max_iter=MAX_STEPS):
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
    Solution
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
    trouble = None
    if active.any():
        trouble = f"conjugate gradients stopped after {n_iter} steps at residual {residual:.1e}, above tol={tol:.1e}"
    return Solution(C, residual, n_iter, trouble)
