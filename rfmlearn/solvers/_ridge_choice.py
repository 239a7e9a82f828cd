"""Choice of the ridge by closed-form leave-one-out."""

from __future__ import annotations

import numpy as np

from ..kernels import PairMatrix
from ._cholesky import CholeskyFactor
from ._leave_one_out import leave_one_out_residuals

# Each about three times the last; the kernel's diagonal is 1.
ALPHAS = (1e-3, 3e-3, 1e-2, 3e-2, 1e-1, 3e-1, 1.0, 3.0)


def choose_ridge(pairs, kernel, targets, sample_weight, rows, alphas=ALPHAS):
    """The ridge with the smallest weighted leave-one-out error on some rows, among themselves.

    Parameters
    ----------
    pairs : PairMatrix
        Gram matrix in the lower triangle, sums in the upper one; left as it is.
    kernel : Kernel
    targets : ndarray of shape (n, n_outputs)
    sample_weight : ndarray of shape (n,)
    rows : ndarray of int of shape (m,)
        Sorted.
    alphas : sequence of float
        Candidates in rising order.

    Returns
    -------
    float

    Notes
    -----
    Two thirds of m^3 operations for each ridge. The regularisation that leave-one-out prefers does not depend on the
    number of rows in the way that ``alpha n`` would: alpha plays the part of a noise variance.
    """
    Y, weights = targets[rows], sample_weight[rows]
    gram = pairs.array[np.ix_(rows, rows)]
    workspace = PairMatrix(np.empty_like(gram), pairs.prepared)
    losses = []
    for alpha in alphas:
        workspace.array[:] = gram
        ridge = alpha / weights
        try:
            factor = CholeskyFactor(workspace, kernel, ridge, max_tries=0)
        except np.linalg.LinAlgError:
            losses.append(np.inf)
            continue
        coef = factor.solve(Y)
        residuals = leave_one_out_residuals(coef, factor.inverse_diagonal(), ridge, weights)
        losses.append(float(np.average(np.einsum("ij,ij->i", residuals, residuals), weights=weights)))
    return float(alphas[int(np.argmin(losses))])
