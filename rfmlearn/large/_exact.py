"""The fit of one exact machine to all rows, as far as its Gram matrix fits into memory in 16 bits."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ..kernels._packed_pairs import PackedPairMatrix
from ..kernels._reach import rounded_together
from ..recursion._packed_system import solve_packed
from ..recursion._ridge_choice import choose_ridge_among
from ..runtime._budget import N_RIDGE_ROWS
from ..runtime._large_budget import HELD_OUT_RIDGE
from ._global import GlobalFit
from ._parts import GlobalPart


def fit_exact(fit, rows, kernel, start):
    """Solve the system of all rows, and that of all but those held out.

    Parameters
    ----------
    fit : LargeRecursion
    rows : RowsHere
        All rows, in the coordinates of the feature matrix.
    kernel : Kernel
    start : float
        Where the choice of the ridge begins.

    Returns
    -------
    GlobalFit

    Notes
    -----
    n^2 bytes, O(n^2 d) operations, and some reads of these bytes. A row that is held out has a ridge so large that it
    has no say.
    """
    held, targets, centers, draws = fit.draws.held_out, rows.targets, rows.centers, fit.draws
    gram, alpha, without = solve_without_held_out(fit, rows, kernel, start)
    fit.on_progress(2, 3, "exact machine")
    _, solution = solve_packed(gram, targets, fit.weights.ridge(alpha), draws.preconditioning)
    both = gram.matvec(np.hstack([solution.coef, without.coef]))
    fitted, held_fitted = np.split(both, 2, axis=1)
    fit.on_progress(3, 3, "exact machine")
    everything = np.arange(len(centers), dtype=np.int32)
    part = GlobalPart(rows=everything, coef=solution.coef.astype(centers.dtype), alpha=alpha, share=1.0)
    return GlobalFit(
        part=part,
        held_part=replace(part, coef=without.coef.astype(centers.dtype)),
        landmarks=centers,
        predicted=held_fitted[held],
        rows=replace(rows, residuals=targets - fitted, held_residuals=targets - held_fitted),
        residual=solution.residual,
        trouble=() if solution.trouble is None else (solution.trouble,),
    )


def solve_without_held_out(fit, rows, kernel, start):
    """The Gram matrix of all rows, the ridge, and the solution without the rows that are held out.

    Returns
    -------
    gram : PackedPairMatrix
    alpha : float
    solution : Solution
    """
    held, draws, alpha, centers = fit.draws.held_out, fit.draws, fit.pilot.alpha, rows.centers
    if alpha is None:
        some = draws.pilot[:: max(1, len(draws.pilot) // N_RIDGE_ROWS)]
        alpha = choose_ridge_among(kernel, centers[some], rows.targets[some], fit.weights[some], start).alpha
    gram = PackedPairMatrix.of(kernel, rounded_together(centers))
    fit.on_progress(1, 3, "exact machine")
    ridge, targets = fit.weights.ridge(alpha), rows.targets.copy()
    ridge[held], targets[held] = HELD_OUT_RIDGE, 0.0
    return gram, alpha, solve_packed(gram, targets, ridge, draws.preconditioning)[1]
