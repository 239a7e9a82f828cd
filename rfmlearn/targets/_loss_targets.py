"""Targets of regressions whose loss is not squared error, and the way back."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import xlogy

from ..runtime._loss_budget import LARGEST_LOG
from ._calibration import Identity
from ._codes import LinearTargets, ScaledTargets, Target
from ._loss_links import Exponential, OrderedShift
from ._losses import (
    ExpectileLoss,
    HuberLoss,
    Loss,
    SmoothQuantileLoss,
    TweedieLoss,
    weighted_expectiles,
    weighted_quantiles,
)

LOSSES = ("squared_error", "absolute_error", "huber", "quantile", "expectile", "poisson", "gamma", "tweedie")
LOG_LINKS = ("poisson", "gamma", "tweedie")
POWERS = {"poisson": 1.0, "gamma": 2.0}


def make_target(Y, sample_weight, loss, quantile, power) -> Target:
    """How targets are coded for a loss, by its name and parameters."""
    if loss == "squared_error":
        return ScaledTargets.fit(Y, sample_weight)
    if loss in LOG_LINKS:
        return PositiveTargets.fit(Y, sample_weight, POWERS.get(loss, power))
    return LocatedTargets.fit(Y, sample_weight, loss, np.atleast_1d(0.5 if quantile is None else quantile))


@dataclass(frozen=True)
class LocatedTargets(LinearTargets):
    """Targets from a constant that the loss chooses, in units of their deviation; a column for each quantile asked for.

    Attributes
    ----------
    center, scale : ndarray of shape (n_codes,)
    levels : ndarray of shape (n_codes,)
        Of quantiles or expectiles; 1/2 of others.
    name : str
        Of the loss.
    minimised : Loss
    """

    center: np.ndarray
    scale: np.ndarray
    levels: np.ndarray
    name: str
    minimised: Loss

    @classmethod
    def fit(cls, Y, sample_weight, name, levels):
        """Constants of the loss, and deviations."""
        squared, n_codes = ScaledTargets.fit(Y, sample_weight), max(Y.shape[1], len(levels))
        levels = np.broadcast_to(levels, n_codes)
        columns = np.broadcast_to(Y, (len(Y), n_codes))
        if name == "expectile":
            codes = np.broadcast_to(squared.encode(Y), columns.shape)
            center = squared.decode(weighted_expectiles(codes, sample_weight, levels))
        else:
            center = weighted_quantiles(columns, sample_weight, levels)
        objective = {
            "huber": lambda: HuberLoss(np.ones(n_codes)),
            "expectile": lambda: ExpectileLoss(levels),
        }.get(name, lambda: SmoothQuantileLoss.of(levels))()
        center, scale = (np.broadcast_to(part, n_codes) for part in (center, squared.scale))
        return cls(center, scale, levels, name, objective)

    @property
    def objective(self):
        """The loss."""
        return self.minimised

    @property
    def origin(self):
        """The constant."""
        return self.center

    def calibrate(self, scores, y, sample_weight):
        """Quantiles are moved until as many rows left out lie below as should; several levels are put in order."""
        if self.name == "expectile" and y.shape[1] < scores.shape[1]:
            return OrderedShift(np.zeros(scores.shape[1]), are_levels=True)
        if self.name not in ("quantile", "absolute_error"):
            return Identity()
        return OrderedShift.fit(scores, y, sample_weight, self.levels)

    def comparison(self, predictions, y, sample_weight):
        """Mean loss in units of that of the best constants."""
        share = sample_weight / np.sum(sample_weight)
        y = np.broadcast_to(y, predictions.shape[1:])
        unit = share @ self._raw(self.center, y)

        def losses(stack):
            with np.errstate(over="ignore", invalid="ignore"):
                return np.mean((share @ self._raw(stack, y)) / np.where(unit > 0, unit, 1.0), axis=-1)

        return predictions, losses

    def _raw(self, predictions, y):
        """The loss without smoothing, in units of the scale to some power."""
        r = (y - predictions) / self.scale
        if self.name in ("quantile", "absolute_error"):
            return np.maximum(self.levels * r, (self.levels - 1) * r)
        return self.minimised.value(np.zeros_like(r), r)


@dataclass(frozen=True)
class PositiveTargets(Target):
    """Targets in units of their mean, of which a machine predicts the logarithm.

    Attributes
    ----------
    mean : ndarray of shape (n_outputs,)
    power : float
        Variances are proportional to this power of means.
    """

    mean: np.ndarray
    power: float

    @classmethod
    def fit(cls, Y, sample_weight, power):
        """Weighted means."""
        unit = np.max(Y, axis=0)
        return cls(unit * np.average(Y / unit, axis=0, weights=sample_weight), power)

    @property
    def units(self):
        """Errors are told as they are."""
        return np.ones(1)

    @property
    def objective(self):
        """Half of the deviance."""
        return TweedieLoss(self.power)

    def encode(self, y):
        return y / self.mean

    def decode(self, decision):
        """Logarithms of what is predicted, in units of the mean."""
        return decision

    def pull_back(self, gradient):
        """Those of the logarithm."""
        return gradient

    def calibrate(self, scores, y, sample_weight):
        """Logarithms are stretched and moved to where rows left out have the smallest deviance."""
        return Exponential.fit(scores, y / self.mean, sample_weight, self.objective, self.mean)

    def comparison(self, predictions, y, sample_weight):
        """Mean deviance in units of that of the mean."""
        share = sample_weight / np.sum(sample_weight)
        y, unit = y / self.mean, share @ self._deviance(np.ones(y.shape), y / self.mean)

        def losses(stack):
            with np.errstate(all="ignore"):
                deviances = share @ self._deviance(stack / self.mean, y)
                return np.mean(deviances / np.where(unit > 0, unit, 1.0), axis=-1)

        return predictions, losses

    def _deviance(self, mean, y):
        """Half of the deviance of each row; 0 where the mean is the target."""
        p, f = self.power, np.clip(np.log(mean), -LARGEST_LOG, LARGEST_LOG)
        if p == 1:
            return xlogy(y, y) - y * f - y + mean
        if p == 2:
            return y / mean - 1 - np.log(y) + f
        best = y ** (2 - p) / ((1 - p) * (2 - p))
        return best - y * np.exp((1 - p) * f) / (1 - p) + np.exp((2 - p) * f) / (2 - p)
