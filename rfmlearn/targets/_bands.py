"""Bands around predictions of rows, from which intervals of any coverage follow."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ._conformal import IntervalScores, check_coverage, conformal_quantile


@dataclass(frozen=True)
class Band:
    """Predictions plus and minus multiples of a scale.

    Attributes
    ----------
    scores : IntervalScores
    predicted : ndarray of shape (m, n_outputs)
    scale : ndarray of shape (m, n_outputs) or float
    """

    scores: IntervalScores
    predicted: np.ndarray
    scale: np.ndarray | float

    def interval(self, coverage):
        """Lower and upper ends, each of shape (m, n_outputs)."""
        radius = self.scores.radius(coverage) * self.scale
        return self.predicted - radius, self.predicted + radius

    def quantile(self, level):
        """Quantiles of the target, shape (m, n_outputs)."""
        return self.predicted + self.scores.quantile(level) * self.scale


@dataclass(frozen=True)
class QuantileBand:
    """From one predicted quantile to another, moved outwards or inwards by a constant.

    The quantiles are those between which as much should lie as is asked for, interpolated between the levels that were
    fitted, and the outermost where these do not reach. So bands grow with the coverage, but for the constants. The
    score of a row left out is how far its target lies beyond the nearer of the two; negative inside. Both ends move by
    the conformal quantile of the scores.

    Attributes
    ----------
    levels : ndarray of shape (n_levels,)
    errors : ndarray of shape (n, n_levels)
        Target minus predicted quantile of rows left out.
    weight : ndarray of shape (n,)
    predicted : ndarray of shape (m, n_levels)
    factor : float, default=1.0
        f.

    References
    ----------
    Romano, Patterson, Candes, Conformalized quantile regression, arXiv 1905.03222.
    """

    levels: np.ndarray
    errors: np.ndarray
    weight: np.ndarray
    predicted: np.ndarray
    factor: float = 1.0

    def interval(self, coverage):
        """Lower and upper ends, each of shape (m,)."""
        coverage = check_coverage(coverage)
        low, high = self._shares((1 - coverage) / 2), self._shares((1 + coverage) / 2)
        below, above = self.errors @ low, self.errors @ high
        scores = self.factor * np.maximum(-below, above) + (self.factor - 1.0) * (below - above) / 2
        radius = conformal_quantile(scores, self.weight, coverage)
        lower, upper = self.predicted @ low - radius, self.predicted @ high + radius
        middle = (lower + upper) / 2  # bands that are moved inwards beyond each other
        return np.minimum(lower, middle), np.maximum(upper, middle)

    def quantile(self, level):
        """Other quantiles than those that were fitted are not known."""
        raise ValueError(
            "predict_quantiles is for models of one number; this one predicts quantiles at levels "
            f"{self.levels.tolist()}, by predict: fit others with quantile=[...]."
        )

    def _shares(self, level):
        """How much of each fitted level is in one between them, shape (n_levels,)."""
        return np.array([np.interp(level, self.levels, unit) for unit in np.eye(len(self.levels))])
