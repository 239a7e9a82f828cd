"""Choice of the ridge by rows left out, in closed form."""

from __future__ import annotations

import functools
from dataclasses import dataclass, field

import numpy as np

from ..kernels._pairs import PairMatrix
from ..runtime._budget import ALPHAS, FIRST_RIDGE
from ..solvers import CholeskyFactor, Weights, factor_residuals


@dataclass(frozen=True, kw_only=True)
class RidgeChoice:
    """The ridge that was chosen, and what was solved on the way.

    Attributes
    ----------
    alpha, loss : float
        The ridge, and its left-out error: the weighted mean of squares summed over outputs.
    solved : dict
        For each ridge that was tried dual coefficients and left-out residuals, each of shape (m, n_outputs).
    """

    alpha: float
    loss: float
    solved: dict[float, tuple[np.ndarray, np.ndarray]] = field(repr=False)


def candidates(weights: Weights):
    """The ridges that are compared: `ALPHAS` times the weight that counts as one row."""
    return [alpha * weights.unit for alpha in ALPHAS]


def next_larger(alpha, weights: Weights):
    """The candidate after a ridge that was chosen: more cautious, as choices on rows that features have seen may be."""
    larger = [candidate for candidate in candidates(weights) if candidate > alpha]
    return larger[0] if larger else 10 / 3 * alpha


def choose_ridge_among(kernel, points, targets, weights: Weights, start=None):
    """The same choice from transformed points, whose Gram matrix is made for it."""
    pairs = PairMatrix.empty(len(points), points.dtype)
    pairs.fill_sums(kernel, points)
    pairs.fill_gram(kernel)
    return choose_ridge(pairs.array, targets, weights, start)


def choose_ridge(gram, targets, weights: Weights, start=None):
    """The candidate with the smallest weighted left-out error.

    Parameters
    ----------
    gram : ndarray of shape (m, m)
        Gram matrix in the lower triangle; left as it is.
    targets : ndarray of shape (m, n_outputs)
    weights : Weights
    start : float, default=None
        Where the search begins: it goes downhill, from one candidate to the next, to the first minimum. None is 1e-2
        of the weight that counts as one row.

    Returns
    -------
    RidgeChoice

    Notes
    -----
    Two thirds of m^3 operations for each ridge looked at. What is best for m rows is good for n: alpha plays the part
    of the variance of noise, which does not depend on the number of rows.
    """
    workspace, solved = np.empty_like(gram), {}
    start = FIRST_RIDGE * weights.unit if start is None else start

    def loss(alpha):
        workspace[:] = gram
        try:
            factor = CholeskyFactor(workspace, weights.ridge(alpha))
        except np.linalg.LinAlgError:
            return np.inf
        coef = factor.apply(targets)
        residuals = factor_residuals(factor, coef, weights)
        solved[alpha] = coef, residuals
        return weights.mean_square(residuals)

    alpha, smallest = go_downhill(loss, candidates(weights), start)
    return RidgeChoice(alpha=alpha, loss=smallest, solved=solved)


def go_downhill(loss, alphas, start):
    """The first minimum of a loss among ascending ridges, from the one nearest to `start`; its loss.

    The loss of a ridge is asked for once.
    """
    loss_at = functools.cache(lambda index: loss(alphas[index]))
    index = int(np.argmin(np.abs(np.log(alphas) - np.log(start))))
    while True:
        neighbours = [i for i in (index + 1, index - 1) if 0 <= i < len(alphas)]
        best = min(neighbours, key=loss_at)
        if not loss_at(best) < loss_at(index):
            return alphas[index], loss_at(index)
        index = best
