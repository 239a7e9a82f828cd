"""Choice of the ridge by closed-form leave-one-out."""

from __future__ import annotations

import functools

import numpy as np

from ..kernels._pairs import PairMatrix
from ..solvers._cholesky import CholeskyFactor
from ..solvers._leave_one_out import leave_one_out_residuals, ridge_diagonal

# Each about three times the last; the kernel's diagonal is 1.
ALPHAS = (1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 1e-1, 3e-1, 1.0, 3.0)


def choose_ridge(pairs, kernel, targets, sample_weight, rows, start=1e-2, row_weight=None):
    """The ridge of `ALPHAS` with the smallest weighted leave-one-out error on some rows, among themselves.

    Parameters
    ----------
    pairs : PairMatrix
        Gram matrix in the lower triangle, sums in the upper one; left as it is.
    kernel : Kernel
    targets : ndarray of shape (n, n_outputs)
    sample_weight : ndarray of shape (n,)
    rows : ndarray of int of shape (m,)
        Sorted.
    start : float, default=1e-2
        Where the search begins: it goes downhill, from one candidate to the next, to the first minimum.
    row_weight : ndarray of shape (n,), default=None
        Weights without those of classes; None means `sample_weight`.

    Returns
    -------
    alpha, loss : float
        The ridge, and its leave-one-out error: the weighted mean of squares summed over outputs.

    Notes
    -----
    Two thirds of m^3 operations for each ridge looked at. What is best for m rows is good for n: alpha plays the part
    of the variance of noise, which does not depend on the number of rows.
    """
    Y, weights = targets[rows], sample_weight[rows]
    row_weights = weights if row_weight is None else row_weight[rows]
    gram = pairs.array[np.ix_(rows, rows)]
    workspace = PairMatrix(np.empty_like(gram), pairs.prepared)

    @functools.cache
    def loss(index):
        workspace.array[:] = gram
        ridge = ridge_diagonal(ALPHAS[index], weights)
        try:
            factor = CholeskyFactor(workspace, kernel, ridge, max_tries=0)
        except np.linalg.LinAlgError:
            return np.inf
        coef = factor.solve(Y)
        residuals = leave_one_out_residuals(coef, factor.inverse_diagonal(), ridge, row_weights)
        return float(np.average(np.einsum("ij,ij->i", residuals, residuals), weights=weights))

    index = int(np.argmin(np.abs(np.log(ALPHAS) - np.log(start))))
    while True:
        neighbours = [i for i in (index + 1, index - 1) if 0 <= i < len(ALPHAS)]
        best = min(neighbours, key=loss)
        if not loss(best) < loss(index):
            return ALPHAS[index], loss(index)
        index = best
