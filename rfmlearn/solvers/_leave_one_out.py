"""Residuals of rows left out, in closed form: one at a time, a unit of weight at a time, or a group at a time."""

from __future__ import annotations

import numpy as np
import scipy.linalg

from ._weights import Weights


def left_out_residuals(coef, inverse_diagonal, ridge, weights: Weights):
    """Residuals ``y_i - f_(-i)(x_i)`` where ``f_(-i)`` has not seen row i, or one of its repetitions.

    With ``G = K + diag(ridge)``, ``ridge_i = alpha / w_i`` and ``c = G^-1 y``, leaving out the weight u of w_i gives
    ``ridge_i c_i / (1 - (u / w_i) (1 - ridge_i (G^-1)_ii))``, which is ``c_i / (G^-1)_ii`` for unit weights. It is
    the residual of the fit, ``ridge_i c_i``, magnified by the leverage ``1 - ridge_i (G^-1)_ii``.

    Parameters
    ----------
    coef : ndarray of shape (m, n_outputs)
        Dual coefficients of the rows asked for.
    inverse_diagonal : ndarray of shape (m,)
        Diagonal of ``G^-1`` at these rows.
    ridge : ndarray of shape (m,)
    weights : Weights
        Of these rows.

    Returns
    -------
    ndarray of shape (m, n_outputs)
    """
    share = weights.left_out_share()
    # As a sum of positive terms, which keeps its digits for small ridges, where the leverage is all but one.
    remaining = (1.0 - share) + share * np.clip(ridge * inverse_diagonal, 0.0, 1.0)
    return (ridge / np.maximum(remaining, np.finfo(np.float64).tiny))[:, None] * coef


def left_out_group_residuals(coef, inverse_block, weights: Weights):
    """Residuals ``y_S - f_(-S)(x_S)`` where ``f_(-S)`` has not seen any row of the group S.

    ``e_S = ((G^-1)_SS)^-1 c_S``, by the inverse of a matrix in blocks.

    Parameters
    ----------
    coef : ndarray of shape (m, n_outputs)
        Dual coefficients of the rows asked for, all of each group that occurs.
    inverse_block : callable
        From places among these rows to their block of ``G^-1``.
    weights : Weights
        Of these rows.

    Returns
    -------
    ndarray of shape (m, n_outputs)
    """
    residuals = np.empty(coef.shape)
    for places in weights.sets_left_out():
        residuals[places] = _solve_block(inverse_block(places), coef[places])
    return residuals


def _solve_block(block, right):
    """``B^-1 R`` for a block B of G^-1."""
    block = np.asarray(block, dtype=np.float64)
    # Ridges of rows of little weight are large beyond measure: a unit diagonal keeps the digits.
    scale = 1.0 / np.sqrt(np.maximum(np.diag(block), np.finfo(np.float64).tiny))
    scaled = scipy.linalg.solve(block * scale * scale[:, None], scale[:, None] * right, assume_a="sym")
    return scale[:, None] * scaled


def factor_residuals(factor, coef, weights: Weights, rows=None):
    """Residuals of rows, or groups, left out of a system that is factored.

    Parameters
    ----------
    factor : CholeskyFactor
    coef : ndarray of shape (n, n_outputs)
    weights : Weights
        Of all rows.
    rows : ndarray of int, default=None
        The rows asked for; all of each group, if rows are left out in groups. None is all, n^3 / 3 operations, after
        which the factor is inverted.

    Returns
    -------
    ndarray of shape (m, n_outputs)
    """
    if rows is None:
        factor.invert()
        rows, asked = np.arange(len(coef)), None
    else:
        asked = rows
    chosen = weights.outside(rows)
    if chosen.groups is None:
        return left_out_residuals(coef[rows], factor.inverse_diagonal(asked), factor.ridge[rows], chosen)
    return left_out_group_residuals(coef[rows], lambda places: factor.inverse_block(rows[places]), chosen)


def factor_variances(factor, weights: Weights):
    """Posterior variances of what a system says of rows that it has not seen, in units of the kernel.

    With ``v_i = 1 / (G^-1)_ii - ridge_i``, or the diagonal of ``((G^-1)_SS)^-1 - diag(ridge)_S`` for a group S, this is
    ``k(x_i, x_i) - k_(-i)(x_i)^T G_(-i)^-1 k_(-i)(x_i)``. Where only the share u of a row's weight is left out, the
    rest of it has seen ``v_i`` with the ridge ``r_i = ridge_i / (1 - u)``: ``v_i r_i / (v_i + r_i)`` is left.

    Parameters
    ----------
    factor : CholeskyFactor
        Inverted here: n^3 / 3 operations.
    weights : Weights
        Of all rows.

    Returns
    -------
    ndarray of shape (n,)
    """
    factor.invert()
    if weights.groups is not None:
        variances = np.empty(len(weights))
        for places in weights.sets_left_out():
            variances[places] = np.diag(_solve_block(factor.inverse_block(places), np.eye(len(places))))
        return np.clip(variances - factor.ridge, 0.0, 1.0)
    variances = np.clip(1.0 / factor.inverse_diagonal() - factor.ridge, 0.0, 1.0)
    kept = 1.0 - weights.left_out_share()
    return variances / (1.0 + kept * variances / factor.ridge)
