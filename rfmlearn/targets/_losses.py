"""Losses of a prediction and a target, other than squared error: value, slope and curvature, for each output."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
from scipy.special import log_softmax, softmax
from scipy.stats import expectile

from ..runtime._budget import SAME_SHARE
from ..runtime._loss_budget import HUBER_WIDTH, LARGEST_LOG, SMOOTHED_SHARE


class Loss(ABC):
    """A convex loss of decisions f, on the scale of a link, and coded targets y; both of shape (n, n_codes).

    It is in units in which its curvature, where targets are spread as they are around a constant, is about 1, as that
    of ``(y - f)^2 / 2`` is: so ridges mean the same for all losses.
    """

    is_separable: ClassVar[bool] = True  # whether each column of decisions has a loss of its own

    @abstractmethod
    def value(self, f, y):
        """Losses, shape (n, n_codes), or (n, 1) of all columns together."""

    @abstractmethod
    def slope(self, f, y):
        """First derivatives by f, shape (n, n_codes)."""

    @abstractmethod
    def curvature(self, f, y):
        """Second derivatives by f, shape (n, n_codes), or their mean over columns that share it; at least 0."""

    def bound(self, f, y):
        """Curvature of a parabola that touches the loss and is nowhere below it, or that at f if there is none."""
        return self.curvature(f, y)

    def unsmoothed(self, f, y):
        """Losses as users mean them, where `value` is smooth instead."""
        return self.value(f, y)

    def columns(self, columns):
        """The loss of some columns alone."""
        return self

    def adapted(self, left_out, weight):
        """The same with widths that suit residuals of rows left out, shape (n, n_codes)."""
        return self


@dataclass(frozen=True)
class SmoothQuantileLoss(Loss):
    """The pinball loss, quadratic in a window around zero.

    With r = y - f and the width h it is ``(tau - 1/2) r + |r| / 2`` outside of ``|r| < h`` and
    ``(tau - 1/2) r + r^2 / (4 h) + h / 4`` inside: the check function convolved with a uniform density, whose
    minimiser is that of the pinball loss up to O(h^2). Rows outside of the window have dual coefficients at one of
    their two bounds, so that a system of those inside remains to be solved.

    Attributes
    ----------
    levels : ndarray of shape (n_codes,)
        tau.
    widths : ndarray of shape (n_codes,)
        h, in units of coded targets.
    density : ndarray of shape (n_codes,)
        Mean curvature, by which the loss is divided.

    References
    ----------
    Fernandes, Guerre, Horta, Smoothing quantile regressions, arXiv 1905.08535.
    """

    levels: np.ndarray
    widths: np.ndarray
    density: np.ndarray

    @classmethod
    def of(cls, levels):
        """For coded targets of about unit spread around each quantile, before anything is known."""
        levels = np.asarray(levels, dtype=np.float64)
        return cls(levels, np.full(levels.shape, 0.5), np.full(levels.shape, 1.0))

    def value(self, f, y):
        r = y - f
        size = np.abs(r)
        smooth = np.where(size < self.widths, r**2 / (4 * self.widths) + self.widths / 4, size / 2)
        return ((self.levels - 0.5) * r + smooth) / self.density

    def slope(self, f, y):
        return (0.5 - self.levels - np.clip((y - f) / (2 * self.widths), -0.5, 0.5)) / self.density

    def curvature(self, f, y):
        return (np.abs(y - f) < self.widths) / (2 * self.widths * self.density)

    def bound(self, f, y):
        return 1 / (2 * np.maximum(np.abs(y - f), self.widths) * self.density)

    def unsmoothed(self, f, y):
        r = y - f
        return np.maximum(self.levels * r, (self.levels - 1) * r) / self.density

    def columns(self, columns):
        return SmoothQuantileLoss(self.levels[columns], self.widths[columns], self.density[columns])

    def adapted(self, left_out, weight):
        widths = weighted_quantiles(np.abs(left_out), weight, SMOOTHED_SHARE)
        widths = np.where(widths > 0, widths, self.widths)
        share = weight @ (np.abs(left_out) < widths) / weight.sum()
        return replace(self, widths=widths, density=np.maximum(share, SMOOTHED_SHARE / 2) / (2 * widths))


@dataclass(frozen=True)
class HuberLoss(Loss):
    """Quadratic where ``|y - f|`` is at most the width, linear beyond.

    Attributes
    ----------
    widths : ndarray of shape (n_codes,)
        1.35 deviations of residuals, as their median absolute size tells them (`sklearn.linear_model.HuberRegressor`).
    """

    widths: np.ndarray

    def value(self, f, y):
        r = np.abs(y - f)
        return np.where(r < self.widths, r**2 / 2, self.widths * (r - self.widths / 2))

    def slope(self, f, y):
        return -np.clip(y - f, -self.widths, self.widths)

    def curvature(self, f, y):
        return (np.abs(y - f) < self.widths).astype(np.float64)

    def bound(self, f, y):
        return self.widths / np.maximum(np.abs(y - f), self.widths)

    def columns(self, columns):
        return HuberLoss(self.widths[columns])

    def adapted(self, left_out, weight):
        widths = HUBER_WIDTH * weighted_quantiles(np.abs(left_out), weight, 0.5) / 0.6745
        return HuberLoss(np.where(widths > 0, widths, self.widths))


@dataclass(frozen=True)
class ExpectileLoss(Loss):
    """``|tau - 1(r < 0)| r^2``, with r = y - f: the mean of ever larger targets as tau grows.

    Attributes
    ----------
    levels : ndarray of shape (n_codes,)
        tau; 1/2 is squared error.
    """

    levels: np.ndarray

    def _sides(self, r):
        return 2 * np.where(r < 0, 1 - self.levels, self.levels)

    def value(self, f, y):
        r = y - f
        return self._sides(r) * r**2 / 2

    def slope(self, f, y):
        return -self._sides(y - f) * (y - f)

    def curvature(self, f, y):
        return self._sides(y - f)

    def columns(self, columns):
        return ExpectileLoss(self.levels[columns])


@dataclass(frozen=True)
class TweedieLoss(Loss):
    """Half of the deviance of a Tweedie family whose variance is the mean to the power p, with a logarithmic link.

    With the mean ``exp(f)`` and targets y in units of their mean it is, but for a term in y alone,
    ``exp((2 - p) f) / (2 - p) - y exp((1 - p) f) / (1 - p)``: ``exp(f) - y f`` for counts (Poisson, p = 1) and
    ``f + y exp(-f)`` for p = 2 (gamma). It is convex in f for 1 <= p <= 2.

    Attributes
    ----------
    power : float
        p.
    """

    power: float

    def value(self, f, y):
        return _exponential(f, 2 - self.power) - y * _exponential(f, 1 - self.power)

    def slope(self, f, y):
        return _power(f, 2 - self.power) - y * _power(f, 1 - self.power)

    def curvature(self, f, y):
        p = self.power
        return (2 - p) * _power(f, 2 - p) + (p - 1) * y * _power(f, 1 - p)


@dataclass(frozen=True)
class MultinomialLoss(Loss):
    """Log-loss of classes whose logits are ``log prior_k + (f Q^T)_k``, with Q the basis of `ClassCodes`.

    In place of the matrix of second derivatives by all columns stands the mean of its eigenvalues,
    ``sum_k p_k (1 - p_k) / (K - 1)`` (exact for two classes), so that all columns share one system; none of them is
    above ``max_k 2 p_k (1 - p_k)``.

    Attributes
    ----------
    prior : ndarray of shape (n_classes,)
    basis : ndarray of shape (n_classes, n_classes - 1)
    unit : float
        About the curvature at the prior.
    """

    prior: np.ndarray
    basis: np.ndarray
    unit: float
    is_separable: ClassVar[bool] = False

    @classmethod
    def of(cls, prior, basis):
        """For classes of these frequencies."""
        return cls(prior, basis, float(np.max(2 * prior * (1 - prior))))

    def logits(self, f):
        """Logits of decisions, shape (n, n_classes)."""
        return np.log(self.prior) + f @ self.basis.T

    def value(self, f, y):
        return -np.sum(_one_hot(y, self.basis) * log_softmax(self.logits(f), axis=1), axis=1, keepdims=True) / self.unit

    def slope(self, f, y):
        return (softmax(self.logits(f), axis=1) @ self.basis - y) / self.unit

    def curvature(self, f, y):
        p = softmax(self.logits(f), axis=1)
        return np.sum(p * (1 - p), axis=1, keepdims=True) / ((p.shape[1] - 1) * self.unit)

    def bound(self, f, y):
        p = softmax(self.logits(f), axis=1)
        return np.max(2 * p * (1 - p), axis=1, keepdims=True) / self.unit


def _one_hot(codes, basis):
    """One at the class of each row, from its code: a row of the basis."""
    return codes @ basis.T + 1 / len(basis)


def _exponential(f, a):
    """``(exp(a f) - 1) / a``, which is f for a = 0."""
    return f if a == 0 else np.expm1(np.clip(a * f, -LARGEST_LOG, LARGEST_LOG)) / a


def _power(f, a):
    return np.exp(np.clip(a * f, -LARGEST_LOG, LARGEST_LOG))


def weighted_quantiles(values, weight, share):
    """Weighted quantile of each column; `share` is one for all columns, or one each."""
    order = np.argsort(values, axis=0)
    totals = np.cumsum(weight[order], axis=0)
    places = np.minimum(np.sum(totals < share * totals[-1] * (1 - SAME_SHARE), axis=0), len(values) - 1)
    return np.take_along_axis(np.take_along_axis(values, order, axis=0), places[None], axis=0)[0]


def weighted_expectiles(values, weight, levels):
    """Weighted expectile of each column, at a level each."""
    share = weight / weight.sum()
    return np.array([expectile(v, tau, weights=share) for v, tau in zip(values.T, levels, strict=True)])
