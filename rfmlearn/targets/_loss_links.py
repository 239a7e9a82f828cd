"""From scores of losses other than squared error to predictions, as rows left out ask for it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..runtime._loss_budget import LARGEST_LOG
from ._calibration import Link
from ._links import scaled
from ._losses import Loss, weighted_quantiles

# Stretches of logarithms: pseudo-rows that speak for 1, and where they end.
_DOUBT, _SHORTEST, _LONGEST, _MAX_STEPS, _FLAT = 2.0, 0.05, 5.0, 50, 1e-12


@dataclass(frozen=True)
class OrderedShift(Link):
    """Quantiles with a constant added, in ascending order.

    Attributes
    ----------
    shift : ndarray of shape (n_outputs,)
        The quantile of ``y - s`` over rows left out: so as many as should lie below.
    are_levels : bool
        Whether outputs are quantiles of one target, which must not cross. Sorted ones are never worse.

    References
    ----------
    Chernozhukov, Fernandez-Val, Galichon, Quantile and probability curves without crossing, arXiv 0704.3649.
    """

    shift: np.ndarray
    are_levels: bool

    @classmethod
    def fit(cls, scores, y, sample_weight, levels):
        """Shifts by scores of rows left out."""
        return cls(weighted_quantiles(y - scores, sample_weight, levels), y.shape[1] < scores.shape[1])

    def __call__(self, scores):
        moved = scores + self.shift
        return np.sort(moved, axis=1) if self.are_levels else moved

    def pull_back(self, scores, gradient):
        """The gradients, in the order of what they belong to."""
        if not self.are_levels:
            return gradient
        order = np.argsort(scores + self.shift, axis=1, kind="stable")
        return np.take_along_axis(gradient, order.T[:, :, None], axis=0)


@dataclass(frozen=True)
class Exponential(Link):
    """Positive predictions, ``m exp(a + t s)`` of scores s.

    Attributes
    ----------
    mean, offset, stretch : ndarray of shape (n_outputs,)
        m, a and t.
    """

    mean: np.ndarray
    offset: np.ndarray
    stretch: np.ndarray

    @classmethod
    def fit(cls, scores, y, sample_weight, loss: Loss, mean):
        """The offset and stretch with the smallest loss, of scores of rows left out; y in units of the mean."""
        weight = sample_weight / sample_weight.sum()
        doubt = _DOUBT / max(float(sample_weight.sum()), 1.0)
        pairs = [
            _fit_line(s[:, None], v[:, None], weight[:, None], loss, doubt) for s, v in zip(scores.T, y.T, strict=True)
        ]
        offset, stretch = np.array(pairs).T
        return cls(mean, offset, stretch)

    def __call__(self, scores):
        return self.mean * np.exp(np.clip(self.offset + self.stretch * scores, -LARGEST_LOG, LARGEST_LOG))

    def pull_back(self, scores, gradient):
        """Gradients of means."""
        return scaled(self(scores) * self.stretch, gradient)

    def link_gradient(self, scores, gradient):
        """Gradients of logarithms of means."""
        return self.stretch[:, None, None] * gradient


def _fit_line(s, y, weight, loss, doubt):
    """Offset a and stretch t of ``a + t s``, by Newton's method on a convex loss with a penalty on t - 1.

    Where t lies beyond its bounds, it is the nearer one, and a belongs to that.
    """
    offset, stretch = _minimise_line(s, y, weight, loss, doubt)
    bounded = float(np.clip(stretch, _SHORTEST, _LONGEST))
    if bounded != stretch:
        offset, _ = _minimise_line(s, y, weight, loss, doubt, bounded)
    return offset, bounded


def _minimise_line(s, y, weight, loss, doubt, stretch=None):
    """Both without bounds, or the offset for a given stretch."""
    theta = np.array([0.0, 1.0 if stretch is None else stretch])

    def value(theta):
        with np.errstate(over="ignore"):
            losses = loss.value(theta[0] + theta[1] * s, y)
        return float(np.sum(weight * losses)) + doubt * ((theta[1] - 1) ** 2 + theta[0] ** 2) / 2

    best = value(theta)
    for _ in range(_MAX_STEPS):
        f = theta[0] + theta[1] * s
        slope, curvature = weight * loss.slope(f, y), weight * loss.curvature(f, y)
        gradient = np.array([slope.sum(), np.sum(slope * s)]) + doubt * (theta - (0.0, 1.0))
        cross = np.sum(curvature * s)
        hessian = np.array([[curvature.sum(), cross], [cross, np.sum(curvature * s**2)]]) + doubt * np.eye(2)
        if stretch is not None:
            gradient, hessian = gradient * (1.0, 0.0), np.diag(np.diag(hessian))
        step, share = np.linalg.solve(hessian, gradient), 1.0
        while not (nearer := value(theta - share * step)) <= best and share > 1e-6:
            share /= 2
        if not nearer < best:
            break
        is_there = best - nearer <= _FLAT * abs(best)
        theta, best = theta - share * step, nearer
        if is_there:
            break
    return theta
