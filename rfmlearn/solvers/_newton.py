"""Newton's method for kernel machines of any convex loss: a sequence of weighted ridge systems."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from ..runtime._loss_budget import (
    LARGEST_ROUNDING,
    LARGEST_WORKING_RIDGE,
    MAX_NEWTON_STEPS,
    MAX_STEP_CUTS,
    REDUCED_UP_TO,
    SHORT_STEP,
    WORTH_TELLING,
)
from ._factorable import FactorableGram
from ._leave_one_out import factor_residuals
from ._weights import Weights


class Pointwise(Protocol):
    """What is asked of a loss (`rfmlearn.targets._losses`): of decisions f and targets y, both of shape (n, k).

    `bound` is the curvature of parabolas that are nowhere below the loss, which need not be steep where it is straight.
    """

    value: Callable
    slope: Callable
    curvature: Callable
    bound: Callable
    unsmoothed: Callable
    columns: Callable
    adapted: Callable
    is_separable: bool


@dataclass(frozen=True)
class Minimum:
    """Where a penalised loss is smallest, and the ridge system that the last step has solved.

    Attributes
    ----------
    coef, decision : ndarray of shape (n, k)
        c and ``f = K c``.
    targets : ndarray of shape (n, k)
        z of the system ``(K + diag(ridge)) c = z`` at the minimum.
    ridge : ndarray of shape (n,)
    n_iter : int
    decrement : float
        Twice what another step would gain, by the loss of a row.
    trouble : str or None
    """

    coef: np.ndarray
    decision: np.ndarray
    targets: np.ndarray
    ridge: np.ndarray
    n_iter: int
    decrement: float
    trouble: str | None = None


def minimize(gram: FactorableGram, loss: Pointwise, Y, ridge, start=None, tol=1e-5, max_iter=MAX_NEWTON_STEPS):
    """Minimise ``sum_i l(f_i, y_i) / ridge_i + c^T K c / 2`` over c, with ``f = K c``.

    A step solves the weighted ridge system to which the loss reduces near f, with its slope g and curvature h:
    ``(K + diag(ridge / h)) c = f - g / h``. Rows of no curvature have ``c_i = -g_i / ridge_i``, and only the others are
    solved for, where they are not many. The step is cut to where the loss along it, which is convex, is smallest; after
    one that was cut short, since other rows have curvature there, the next takes parabolas above the loss.

    Parameters
    ----------
    gram : FactorableGram
    loss : Loss
        Of one column, or of columns that share their curvature.
    Y : ndarray of shape (n, k)
    ridge : ndarray of shape (n,)
    start : ndarray of shape (n, k), default=None
        Decisions near those that are sought; None is 0.
    tol : float, default=1e-5
        A step of which less is expected, as a share of a unit of loss in every row, is the last.
    max_iter : int

    Returns
    -------
    Minimum

    Notes
    -----
    m^3 / 3 operations a step for m rows of positive curvature, and n^2 for each column.
    """
    C, F = np.zeros(Y.shape), np.zeros(Y.shape)
    say, trouble, decrement = 1 / ridge[:, None], None, np.inf
    if start is not None:
        C, F, trouble = _begin(gram, loss, Y, ridge, np.asarray(start, dtype=np.float64))
    was_short = False
    for n_iter in range(1, max_iter + 1):  # noqa: B007
        step = NewtonStep.at(loss, F, Y, ridge, loss.bound if was_short else None)
        coef, decision, trouble = step.solve(gram)
        dC, dF = coef - C, decision - F
        if trouble and not (np.isfinite(dC).all() and np.isfinite(dF).all()):
            break
        decrement, share = search_along(loss, F, dF, Y, say, np.sum(dC * F), np.sum(dC * dF))
        if not decrement > 0:
            # Where rounding is all that is left of it, the step is still one towards the minimum.
            if decrement > -LARGEST_ROUNDING:
                C, F = coef, decision
            break
        C, F = C + share * dC, F + share * dF
        if decrement <= tol and not was_short:
            break
        was_short = share < SHORT_STEP
    else:
        if decrement > WORTH_TELLING:
            trouble = f"Newton's method stopped after {max_iter} steps, with {decrement:.1e} to gain: increase alpha."
    step = NewtonStep.at(loss, F, Y, ridge)
    return Minimum(C, F, step.targets, step.ridge, n_iter, max(decrement, 0.0), trouble)


def _begin(gram, loss, Y, ridge, start):
    """Coefficients and decisions a step from those to start from, but for where nothing would have been better."""

    def objective(C, F):
        with np.errstate(over="ignore", invalid="ignore"):
            return np.sum(loss.value(F, Y) / ridge[:, None]) + np.sum(C * F) / 2

    nothing = np.zeros(Y.shape)
    for curvature in (loss.curvature, loss.bound):
        found = NewtonStep.at(loss, start, Y, ridge, curvature).solve(gram)
        if objective(*found[:2]) <= objective(nothing, nothing):
            return found
    return nothing, nothing.copy(), None


@dataclass(frozen=True)
class NewtonStep:
    """The ridge system near some decisions.

    Attributes
    ----------
    targets : ndarray of shape (n, k)
    ridge : ndarray of shape (n,)
    bound : ndarray of shape (n, k)
        Dual coefficients of rows of no curvature.
    """

    targets: np.ndarray
    ridge: np.ndarray
    bound: np.ndarray

    @classmethod
    def at(cls, loss, F, Y, ridge, curvature=None):
        """With the curvature of the loss, or another one."""
        curvature = (loss.curvature if curvature is None else curvature)(F, Y)[:, 0]
        slope = loss.slope(F, Y)
        with np.errstate(divide="ignore"):
            working = np.minimum(ridge / curvature, np.maximum(ridge, LARGEST_WORKING_RIDGE))
        return cls(F - (working / ridge)[:, None] * slope, working, -slope / ridge[:, None])

    def solve(self, gram):
        """Dual coefficients and decisions of the system, and what went wrong."""
        inside = np.flatnonzero(self.ridge < LARGEST_WORKING_RIDGE)
        if len(inside) > REDUCED_UP_TO * len(self.ridge):
            factor = gram.factor(self.ridge)
            coef = factor.apply(self.targets).astype(np.float64)
            if self.ridge.max() * np.finfo(gram.array.dtype).eps > LARGEST_ROUNDING:
                return coef, gram.matvec(coef).astype(np.float64), factor.trouble
            return coef, self.targets - self.ridge[:, None] * coef, factor.trouble
        coef, trouble = self.bound.copy(), None
        if len(inside):
            coef[inside] = 0.0
            factor = gram.factor_of(inside, self.ridge[inside])
            coef[inside] = factor.apply(self.targets[inside] - gram.matvec(coef)[inside])
            trouble = factor.trouble
        return coef, gram.matvec(coef).astype(np.float64), trouble


def search_along(loss, F, dF, Y, say, linear, square):
    """How far to go along a step of decisions, at most all of it: to where the penalised loss is smallest.

    Parameters
    ----------
    loss : Pointwise
    F, dF : ndarray of shape (n, k)
        Decisions, and their change.
    Y : ndarray of shape (n, k)
    say : ndarray of shape (n, 1)
        Weights of the rows, over the ridge.
    linear, square : float
        By ``linear + t square`` grows ``c^T K c / 2`` at the share t of the step.

    Returns
    -------
    decrement : float
        Twice what the step is expected to gain, by the loss of a row; where it is not positive there is no way down.
    share : float
    """

    def slope_at(t):
        return float(np.sum(say * loss.slope(F + t * dF, Y) * dF)) + float(linear) + t * float(square)

    decrement = -slope_at(0.0) / float(say.sum())
    return decrement, smallest_along(slope_at) if decrement > 0 else 0.0


def smallest_along(slope_at):
    """Share of a step at which a convex function, whose slope at 0 is negative, is smallest; at most 1."""
    low, high = 0.0, 1.0
    if slope_at(high) <= 0:
        return high
    for _ in range(MAX_STEP_CUTS):
        middle = (low + high) / 2
        if slope_at(middle) > 0:
            high = middle
        else:
            low = middle
    return low or high


def left_out_decisions(gram: FactorableGram, found: Minimum, weights: Weights, rows=None):
    """What is predicted for rows by machines that have not seen them, or their groups: nearly, a Newton step away.

    At the minimum the loss is taken for the quadratic of the last ridge system, whose rows are left out in closed form:
    ``f_i - c_i v_i`` for a row whose value has the variance v_i given all others, which is ``1 / (G^-1)_ii`` less its
    ridge, with ``G = K + diag(ridge)``. Rows of no curvature have ``v_i = K_ii - k_i^T G^-1 k_i`` over the others.

    Parameters
    ----------
    gram : FactorableGram
    found : Minimum
    weights : Weights
        Of all rows.
    rows : ndarray of int, default=None
        The rows asked for; None is all.

    Returns
    -------
    ndarray of shape (m, k)

    References
    ----------
    Rad, Maleki, A scalable estimate of the extra-sample prediction error via approximate leave-one-out, arXiv
    1801.10243.
    """
    asked = np.arange(len(weights)) if rows is None else rows
    # Those that belong to the decisions: the last ones found belong to decisions a step before.
    coef = (found.targets - found.decision) / found.ridge[:, None]
    inside = np.flatnonzero(found.ridge < LARGEST_WORKING_RIDGE)
    if weights.groups is not None or len(inside) > REDUCED_UP_TO * len(weights):
        factor = gram.factor(found.ridge)
        return found.targets[asked] - factor_residuals(factor, coef, weights, rows)
    decision = found.decision.copy()
    if not len(inside):  # ridges so large that no row changes what is predicted for it
        return decision[asked]
    factor = gram.factor_of(inside, found.ridge[inside])
    residuals = factor_residuals(factor, coef[inside], weights.outside(inside))
    decision[inside] = found.targets[inside] - residuals
    outside = np.setdiff1d(asked, inside)
    variance = gram.diagonal(outside) - factor.quadratic_form(gram.cross(outside, inside).T)
    decision[outside] -= (weights.left_out_share()[outside] * np.maximum(variance, 0.0))[:, None] * coef[outside]
    return decision[asked]
