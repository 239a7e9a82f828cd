"""Choice of ridges for losses other than squared error, by approximate leave-one-out."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from ..runtime._loss_budget import COMPARISON_GAIN, FIRST_LOSS_RIDGE, LOSS_ALPHAS, SMALLEST_LOSS_RIDGE
from ..solvers import FactorableGram, Weights, left_out_decisions, minimize
from ._ridge_choice import go_downhill


@dataclass(frozen=True, kw_only=True)
class LossRidges:
    """Ridges that were chosen, one for each part of the columns that has a system of its own.

    Attributes
    ----------
    alphas : tuple of float
    loss : Loss
        With widths that suit the rows left out.
    left_out_loss : float or None
        Mean over rows, summed over outputs.
    decision : ndarray of shape (m, n_codes)
        Of the rows on which ridges were compared.
    """

    alphas: tuple
    loss: object
    left_out_loss: float | None
    decision: np.ndarray = field(repr=False)

    @property
    def alpha(self):
        """As models tell it: one number, or one for each column."""
        return self.alphas[0] if len(self.alphas) == 1 else np.array(self.alphas)


def columns_of(loss, targets):
    """Slices of the columns that have a system of their own."""
    n = targets.shape[1]
    return [slice(k, k + 1) for k in range(n)] if loss.is_separable else [slice(0, n)]


def ridges_of(weights: Weights, alpha):
    """Ridges of rows, not smaller than can be told apart."""
    return np.maximum(weights.ridge(alpha), SMALLEST_LOSS_RIDGE)


def choose_ridges(gram, loss, Y, weights: Weights, start=None, given=None, cautious=False):
    """For each column the ridge with the smallest loss of rows left out, nearly.

    At the minimum a loss is nearly quadratic, and what is predicted for a row left out is what the weighted ridge
    system that Newton's method has solved last predicts for it: ``z_i - c_i / (G^-1)_ii`` with its targets z.

    Parameters
    ----------
    gram : ndarray of shape (m, m)
        Gram matrix in the lower triangle; left as it is.
    loss : Loss
    Y : ndarray of shape (m, n_codes)
    weights : Weights
    start : float or ndarray, default=None
        Where the search begins.
    given : float, default=None
        The ridge, which then is not searched for.
    cautious : bool, default=False
        Whether to take the next larger candidate.

    Returns
    -------
    LossRidges
    """
    gram, alphas, parts, left_out = FactorableGram(gram), [], [], []
    columns = columns_of(loss, Y)
    # From above: where small ridges interpolate, robust losses have a second minimum, of an ordinary fit.
    starts = np.broadcast_to(FIRST_LOSS_RIDGE * weights.unit if start is None else 10 * np.asarray(start), len(columns))
    losses = []
    for part, first in zip(columns, starts, strict=True):
        best = _choose(gram, loss.columns(part), Y[:, part], weights, first, given, cautious)
        alphas.append(best.alpha)
        parts.append(best.decision)
        left_out.append(best.left_out)
        losses.append(best.value)
    decisions = np.hstack(left_out)
    adapted = loss.adapted(Y - decisions, weights.total)
    return LossRidges(alphas=tuple(alphas), loss=adapted, left_out_loss=float(sum(losses)), decision=np.hstack(parts))


@dataclass
class _Tried:
    """A ridge, its left-out loss, and decisions of rows that were and that were not left out."""

    alpha: float
    value: float
    decision: np.ndarray
    left_out: np.ndarray


def _choose(gram, loss, Y, weights, first, given, cautious):
    tried: dict[float, _Tried] = {}
    latest = None

    def value(alpha):
        nonlocal latest
        ridge = ridges_of(weights, alpha)
        try:
            found = minimize(gram, loss, Y, ridge, latest, COMPARISON_GAIN)
        except np.linalg.LinAlgError:
            return np.inf
        latest = found.decision
        with np.errstate(over="ignore", invalid="ignore"):
            left_out = left_out_decisions(gram, found, weights)
            mean = weights.mean(loss.value(left_out, Y))
        mean = mean if np.isfinite(mean) else np.inf
        tried[alpha] = _Tried(alpha, mean, found.decision, left_out)
        return mean

    if given is not None:
        value(given)
        return tried[given]
    candidates = [alpha * weights.unit for alpha in LOSS_ALPHAS]
    alpha, _ = go_downhill(value, candidates, first)
    larger = [candidate for candidate in candidates if candidate > alpha] if cautious else []
    if larger and larger[0] not in tried:
        value(larger[0])
    return tried.get(larger[0], tried[alpha]) if larger else tried[alpha]
