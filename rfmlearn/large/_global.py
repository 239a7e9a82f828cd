"""The fit of the global machine to all rows."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from ..recursion._ridge_choice import candidates
from ..runtime._budget import SUMMED_ROWS
from ..runtime._spread import spread
from ._landmarks import NormalEquations, solve_landmarks
from ._parts import GlobalPart


@dataclass(frozen=True, kw_only=True)
class GlobalFit:
    """The global machine, and what it leaves for local ones.

    Attributes
    ----------
    part, held_part : GlobalPart
        Of all rows, and of those that are not held out, with a share of one.
    predicted : ndarray of shape (s, n_outputs)
        Predictions of the rows that are held out by a machine of the others.
    residuals, held_residuals : ndarray of shape (n, n_outputs)
        Of all rows, from the machine of all rows, and from that of the others.
    residual : float
        ``|y - G c| / |y|`` of an iterative solution.
    trouble : tuple of str
    """

    part: GlobalPart
    held_part: GlobalPart
    predicted: np.ndarray
    residuals: np.ndarray
    held_residuals: np.ndarray
    residual: float = 0.0
    trouble: tuple[str, ...] = ()


def fit_global(fit, places, centers, kernel, start):
    """Sum normal equations over all rows but those held out, choose the ridge by these, and give them back.

    Parameters
    ----------
    fit : LargeRecursion
    places : ndarray of int
        Rows that are landmarks.
    centers : Points
        All rows in the coordinates of the feature matrix.
    kernel : Kernel
    start : float
        Where the choice of the ridge begins.

    Returns
    -------
    GlobalFit
    """
    held, targets = fit.draws.held_out, fit.targets
    landmarks = centers[places]
    gram = kernel(landmarks, landmarks).astype(np.float64)
    equations = _sum_equations(fit, kernel, landmarks, centers, np.setdiff1d(np.arange(len(centers)), held))

    def solve(alpha):
        return solve_landmarks(equations, gram, alpha / fit.weights.unit).astype(centers.dtype)

    def predict(coef, points):
        return kernel.product(landmarks, coef, points).astype(np.float64)

    alpha, coef_without = _choose_ridge(fit, solve, lambda coef: predict(coef, centers[held]), start)
    equations.add(_sum_equations(fit, kernel, landmarks, centers, held))
    coef = solve(alpha)
    both = predict(np.hstack([coef, coef_without]), centers)
    fitted, without = np.split(both, 2, axis=1)
    part = GlobalPart(rows=places.astype(np.int32), coef=coef, alpha=alpha, share=1.0)
    return GlobalFit(
        part=part,
        held_part=replace(part, coef=coef_without),
        predicted=without[held],
        residuals=targets - fitted,
        held_residuals=targets - without,
    )


def _sum_equations(fit, kernel, landmarks, centers, rows):
    n_tasks = -(-len(rows) // SUMMED_ROWS)

    def make_task(number):
        part = rows[number * SUMMED_ROWS : (number + 1) * SUMMED_ROWS]
        arguments = kernel, landmarks, centers[part], fit.targets[part], fit.weights.total[part]
        return partial(NormalEquations.of, *arguments)

    total = None
    with spread(make_task, n_tasks) as parts:
        for number, equations in enumerate(parts):
            total = equations if total is None else total.add(equations)
            fit.on_progress(number + 1, n_tasks, "parts of the rows summed")
    return total


def _choose_ridge(fit, solve, predict_held_out, start):
    """The ridge that predicts rows held out best, downhill from where the search begins; its coefficients."""
    held, found = fit.draws.held_out, {}
    weights, targets = fit.weights[held], fit.targets[held]

    def loss(alpha):
        if alpha not in found:
            coef = solve(alpha)
            found[alpha] = weights.mean_square(targets - predict_held_out(coef)), coef
        return found[alpha][0]

    if fit.pilot.alpha is not None:
        loss(fit.pilot.alpha)
        return fit.pilot.alpha, found[fit.pilot.alpha][1]
    alphas = candidates(fit.weights)
    index = int(np.argmin(np.abs(np.log(alphas) - np.log(start))))
    while True:
        neighbours = [i for i in (index + 1, index - 1) if 0 <= i < len(alphas)]
        nearest = min(neighbours, key=lambda i: loss(alphas[i]))
        if not loss(alphas[nearest]) < loss(alphas[index]):
            return alphas[index], found[alphas[index]][1]
        index = nearest
