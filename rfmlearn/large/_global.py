"""The fit of the global machine to all rows."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..kernels import Points
from ..recursion._ridge_choice import candidates, go_downhill
from ._landmarks import solve_landmarks
from ._parts import GlobalPart


@dataclass(frozen=True, kw_only=True)
class GlobalFit:
    """The global machine, and what it leaves for local ones.

    Attributes
    ----------
    part : GlobalPart
        Of all rows, with a share of one.
    held_part : GlobalPart
        The same of all but those held out.
    landmarks : Points
        In the coordinates of the feature matrix.
    predicted : ndarray of shape (s, n_outputs)
        Predictions of the rows that are held out by a machine of the others.
    rows : RowsHere
        All rows, with their residuals.
    residual : float
        ``|y - G c| / |y|`` of an iterative solution.
    trouble : tuple of str
    """

    part: GlobalPart
    held_part: GlobalPart
    landmarks: Points
    predicted: np.ndarray
    rows: Any
    residual: float = 0.0
    trouble: tuple[str, ...] = ()


def fit_global(fit, places, rows, kernel, start):
    """Sum normal equations over all rows but those held out, choose the ridge by these, and give them back.

    Parameters
    ----------
    fit : LargeRecursion
    places : ndarray of int
        Rows that are landmarks.
    rows : RowsHere
        All rows, in the coordinates of the feature matrix.
    kernel : Kernel
    start : float
        Where the choice of the ridge begins.

    Returns
    -------
    GlobalFit
    """
    chunk_rows = fit.budget.chunk_of(len(rows))
    held, landmarks = rows.some(fit.draws.held_out), rows.centers_of(places)
    gram = kernel(landmarks, landmarks).astype(np.float64)

    def tell(done, total):
        fit.on_progress(done, total, "parts of the rows summed")

    equations = rows.sum_equations(kernel, landmarks, fit.draws.held_out, chunk_rows, tell)

    def solve(alpha):
        return solve_landmarks(equations, gram, alpha / fit.weights.unit).astype(landmarks.dtype)

    def predict_held_out(coef):
        return kernel.product(landmarks, coef, held.centers).astype(np.float64)

    alpha, coef_without = _choose_ridge(fit, solve, predict_held_out, held, start)
    equations.add(held.sum_equations(kernel, landmarks, [], chunk_rows, tell))
    coef = solve(alpha)
    both = predict_held_out(np.hstack([coef, coef_without]))  # rounded as the residuals are
    part = GlobalPart(rows=places.astype(np.int32), coef=coef, alpha=alpha, share=1.0)
    return GlobalFit(
        part=part,
        held_part=replace(part, coef=coef_without),
        landmarks=landmarks,
        predicted=both[:, coef.shape[1] :],
        rows=rows.with_residuals(kernel, landmarks, coef, coef_without),
    )


def _choose_ridge(fit, solve, predict_held_out, held, start):
    """The ridge that predicts rows held out best, downhill from where the search begins; its coefficients."""
    if fit.pilot.alpha is not None:
        return fit.pilot.alpha, solve(fit.pilot.alpha)
    solved: dict[float, np.ndarray] = {}

    def loss(alpha):
        solved[alpha] = solve(alpha)
        return held.weights.mean_square(held.targets - predict_held_out(solved[alpha]))

    alpha, _ = go_downhill(loss, candidates(fit.weights), start)
    return alpha, solved[alpha]
