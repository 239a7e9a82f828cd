"""Leave-one-out residuals in closed form, for weighted rows, and for many ridges at once."""

from __future__ import annotations

import numpy as np

# A row with a ridge this much larger than the kernel's diagonal has no say; its square is finite in float32.
_LARGEST_RIDGE = 1e15


def ridge_diagonal(alpha, sample_weight):
    """What is added to the diagonal of the Gram matrix, ``alpha / sample_weight``, but never more than 1e15."""
    return alpha / np.maximum(sample_weight, alpha / _LARGEST_RIDGE)


def are_repetitions(sample_weight):
    """Whether all weights are whole numbers, and so stand for rows that are there so often."""
    return bool(np.all(sample_weight == np.round(sample_weight)))


def leave_one_out_residuals(coef, inverse_diagonal, ridge, sample_weight):
    """Residuals ``y_i - f_(-i)(x_i)`` where ``f_(-i)`` has not seen row i, or one of its repetitions.

    Whole numbers as weights are repetitions, of which one is left out at a time, as if the rows were there so often.
    Otherwise weights say how important rows are, and a row is left out with all its weight u = w_i: the rest of it
    would give the answer away.

    With ``G = K + diag(ridge)``, ``ridge_i = alpha / w_i`` and ``c = G^-1 y``, leaving out u gives
    ``ridge_i c_i / (1 - (u / w_i) (1 - ridge_i (G^-1)_ii))``, which is ``c_i / (G^-1)_ii`` for unit weights. It is
    the residual of the fit, ``ridge_i c_i``, magnified by the leverage ``1 - ridge_i (G^-1)_ii``.

    Parameters
    ----------
    coef : ndarray of shape (m, n_outputs)
        Dual coefficients of the rows asked for.
    inverse_diagonal : ndarray of shape (m,)
        Diagonal of ``G^-1`` at these rows.
    ridge : ndarray of shape (m,)
    sample_weight : ndarray of shape (m,)
        Weights in units of rows; if classes are weighted too, that is in the ridge only.

    Returns
    -------
    ndarray of shape (m, n_outputs)
    """
    share = 1.0 / np.maximum(sample_weight, 1.0) if are_repetitions(sample_weight) else 1.0
    # As a sum of positive terms, which keeps its digits for small ridges, where the leverage is all but one.
    remaining = (1.0 - share) + share * np.clip(ridge * inverse_diagonal, 0.0, 1.0)
    return (ridge / np.maximum(remaining, np.finfo(np.float64).tiny))[:, None] * coef
