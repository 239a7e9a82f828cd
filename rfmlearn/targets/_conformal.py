"""Conformal quantiles, and intervals from out-of-fold scores. Sets of classes are in `_class_sets.py`.

A conformity score says how badly a target agrees with a prediction: the size of an error, or one minus the probability
of a label. The scores of rows that the model has not seen are sorted, and their conformal quantile at the coverage that
is asked for tells which targets of a new row are still as good as most.

If the scores of the old rows and that of the new one are exchangeable, as they are for one model and rows held out from
it, the new target is covered with at least that probability: on average over rows, not for each row. Out-of-fold scores
come from several models, and the model that predicts is another one still, so here this is no theorem, but close if
leaving out a fold changes little. (Cross-conformal predictors and CV+ have a bound for every case, 2 c - 1 or a little
less where c is asked for, but need the predictions of all fold models.)

References
----------
V. Vovk, Cross-conformal predictors, Annals of Mathematics and Artificial Intelligence 74, 2015 (arXiv 1208.0806).
R. F. Barber, E. J. Candes, A. Ramdas and R. J. Tibshirani, Predictive inference with the jackknife+ (arXiv 1905.02928).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from numbers import Real

import numpy as np

from ..runtime._budget import SAME_SHARE


def check_coverage(coverage, name="coverage"):
    """The coverage as a float; a ValueError unless ``0 < coverage < 1``."""
    value = float(coverage) if isinstance(coverage, Real) else math.nan
    if not 0.0 < value < 1.0:
        raise ValueError(f"{name} must be a number with 0 < {name} < 1, got {name}={coverage!r}")
    return value


def for_each_coverage(function, coverage, name="coverage"):
    """What a function says for a coverage, or for each of several: along a last axis, in their order."""
    try:
        n_axes = np.ndim(coverage)
    except ValueError:  # lists of different length
        n_axes = 2
    if n_axes == 0:
        return function(coverage)
    if n_axes != 1 or not len(coverage):
        raise ValueError(f"{name} must be a number or a list of numbers, got {name}={coverage!r}")
    return np.stack([function(value) for value in coverage], axis=-1)


def conformal_quantile(scores, weight, coverage):
    """Smallest score at or below which lies enough weight for a new row to be there with probability ``coverage``.

    With W the total weight and c the coverage, it is the smallest score q with

        ``sum of weight_i over scores_i <= q``  >=  ``c (W + 1)``.

    The 1 is the new row, which could be worse than all others. A weight is a repetition, so W counts as the number of
    rows, and it is W, not the length of the arrays, to which one unit is added: a row that occurs r times, as in
    repeated cross-validation, must come with weights that add up to what it would have weighed once (1 / r each).

    Parameters
    ----------
    scores, weight : ndarray of shape (n,)
    coverage : float
        c, 0 < c < 1. A ValueError if c (W + 1) > W: fewer than c / (1 - c) rows cannot tell.
    """
    coverage = check_coverage(coverage)
    order = np.argsort(scores, kind="stable")
    cumulative = np.cumsum(weight[order], dtype=np.float64)
    total = float(cumulative[-1]) if len(cumulative) else 0.0
    target = coverage * (total + 1.0) * (1.0 - SAME_SHARE)
    if target > total:
        needed = math.ceil(coverage / (1.0 - coverage) * (1.0 - SAME_SHARE))
        raise ValueError(
            f"coverage={coverage:g} needs at least {needed} rows (total weight), got {total:g}: "
            f"give more rows or a coverage of at most {total / (total + 1.0):.4g}"
        )
    return float(scores[order[np.searchsorted(cumulative, target)]])


@dataclass(frozen=True)
class IntervalScores:
    """Out-of-fold errors of a regression, from which the radius of intervals follows.

    The interval of output j at x is ``f_j(x) - q_j s_j(x)`` to ``f_j(x) + q_j s_j(x)``, where f is the prediction, s
    the local size of the error as estimated without seeing the target (1 for intervals of constant width), and q_j the
    conformal quantile of ``|y_ij - f_j(x_i)| / s_j(x_i)``. Each output has the coverage for itself, not all jointly.

    Attributes
    ----------
    residuals : ndarray of shape (n, n_outputs)
        Target minus out-of-fold prediction.
    scale : ndarray of shape (n, n_outputs) or None
        Out-of-fold s > 0; None is 1 everywhere.
    weight : ndarray of shape (n,)
        Repetitions of the rows; see `conformal_quantile`.

    Examples
    --------
    >>> import numpy as np
    >>> from rfmlearn.targets._conformal import IntervalScores
    >>> errors = np.array([[0.3], [-0.1], [0.5], [0.2], [-0.4]])
    >>> IntervalScores(errors, None, np.ones(5)).radius(coverage=0.5)
    array([0.3])
    """

    residuals: np.ndarray
    scale: np.ndarray | None
    weight: np.ndarray

    def radius(self, coverage):
        """Radius q in units of the scale, shape (n_outputs,)."""
        sizes = np.abs(self.residuals) / (1.0 if self.scale is None else self.scale)
        return np.array([conformal_quantile(column, self.weight, coverage) for column in sizes.T])

    def quantile(self, level):
        """Quantile of the errors of new rows at a level, with its sign and in units of the scale, shape (n_outputs,).

        The conformal predictive system: with s the errors over their scale, and W rows in all, above 1/2 the smallest s
        at or below which are at least ``level (W + 1)`` rows, and below 1/2 the same from the other side. So quantiles
        do not cross, and between those at a / 2 and 1 - a / 2 lie at least ``1 - a`` of new rows. A ValueError if rows
        are too few to tell.
        """
        level = check_coverage(level, "levels")
        sign = 1.0 if level >= 0.5 else -1.0
        outside, total = min(level, 1.0 - level), float(np.sum(self.weight))
        if outside * (total + 1.0) * (1.0 + SAME_SHARE) < 1.0:
            raise ValueError(
                f"levels={level:g} needs at least {math.ceil((1.0 / outside - 1.0) * (1.0 - SAME_SHARE))} rows (total "
                f"weight), got {total:g}: levels may go from {1 / (total + 1.0):.4g} to {total / (total + 1.0):.4g}"
            )
        scores = sign * self.residuals / (1.0 if self.scale is None else self.scale)
        return np.array([sign * conformal_quantile(column, self.weight, 1.0 - outside) for column in scores.T])
