"""The fit of the global machine to all rows."""

from __future__ import annotations

from functools import partial

import numpy as np

from ..runtime._budget import LANDMARK_ROWS, SUMMED_ROWS
from ..runtime._spread import spread
from ..solvers import Weights
from ._landmarks import LandmarkSolution, NormalEquations, choose_landmark_ridge
from ._parts import GlobalPart


def fit_global(fit, centers, kernel, start):
    """Sum normal equations over all rows, and solve them.

    Parameters
    ----------
    fit : LargeRecursion
    centers : Points
        All rows in the coordinates of the feature matrix.
    kernel : Kernel
    start : float
        Where the choice of the ridge begins.

    Returns
    -------
    part : GlobalPart
        With a share of one.
    predicted : ndarray of shape (s, n_outputs)
        For the rows ``draws.left_out``, by machines that have not seen them.
    trouble : list of str
    """
    rows = fit.draws.landmarks
    landmarks = centers[rows]
    equations = _sum_equations(fit, kernel, landmarks, centers)
    gram = kernel(landmarks, landmarks).astype(np.float64)
    weights, targets, asked = fit.weights, fit.targets, fit.draws.ridge
    if fit.pilot.alpha is None:
        values = kernel(landmarks, centers[asked]).astype(np.float64)
        solution, _ = choose_landmark_ridge(equations, gram, values, targets[asked], weights[asked], start)
    else:
        solution = LandmarkSolution.solve(equations, gram, fit.pilot.alpha, weights.unit)
    trouble = []
    if solution.jitter:
        trouble.append(
            f"the normal equations of {len(rows)} landmarks are nearly singular; {solution.jitter:.1e} was added to "
            "their diagonal. Increase alpha."
        )
    predicted = _left_out(fit, kernel, landmarks, centers, solution)
    part = GlobalPart(rows=rows, coef=solution.coef.astype(np.float32), alpha=solution.alpha, share=1.0)
    return part, predicted, trouble


def _sum_equations(fit, kernel, landmarks, centers):
    n_tasks = -(-len(centers) // SUMMED_ROWS)

    def make_task(number):
        rows = slice(number * SUMMED_ROWS, (number + 1) * SUMMED_ROWS)
        arguments = kernel, landmarks, centers[rows], fit.targets[rows], fit.weights.total[rows]
        return partial(NormalEquations.of, *arguments)

    total = None
    for number, equations in enumerate(spread(make_task, n_tasks)):
        total = equations if total is None else total.add(equations)
        fit.on_progress(number + 1, n_tasks, "parts of the rows summed")
    return total


def _left_out(fit, kernel, landmarks, centers, solution):
    """In pieces of whole groups."""
    asked = fit.draws.left_out
    weights = fit.weights[asked]
    predicted = np.empty((len(asked), fit.targets.shape[1]))
    for places in pieces_of_whole_groups(weights, LANDMARK_ROWS):
        rows = asked[places]
        values = kernel(landmarks, centers[rows]).astype(np.float64)
        predicted[places] = solution.left_out(values, fit.targets[rows], weights[places])
    return predicted


def pieces_of_whole_groups(weights: Weights, n_rows):
    """Places of rows, about so many at a time, all of a group together."""
    if weights.groups is None:
        return np.split(np.arange(len(weights)), range(n_rows, len(weights), n_rows))
    order = np.argsort(weights.groups, kind="stable")
    sorted_groups = weights.groups[order]
    cuts = []
    for edge in range(n_rows, len(order), n_rows):
        cut = int(np.searchsorted(sorted_groups, sorted_groups[edge]))
        if cut > (cuts[-1] if cuts else 0):
            cuts.append(cut)
    return np.split(order, cuts)
