"""Training rows that were left out of what predicts them, and what their errors say of other places."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from ..kernels import Points
from ..runtime._budget import ERROR_FLOOR, FIRST_SCALE_RIDGE, N_SCALE_ROWS
from ..solvers import Weights
from ._draws import draw_rows
from ._machine import Machine
from ._ridge_choice import choose_ridge_among


@dataclass(frozen=True, kw_only=True)
class LeftOut:
    """Errors of training rows that were left out, one at a time, in groups, or all together.

    Parameters
    ----------
    rows : ndarray of int of shape (m,)
        Their places among the rows of the fit, ascending.
    errors : ndarray of shape (m, n_outputs)
        Target minus prediction.
    weights : Weights
        Of these rows.
    deviations : ndarray of shape (m, n_outputs), default=None
        What was predicted of the sizes of these errors, by a `Deviation` without the rows; None where nothing was.
    points : Points, default=None
        The rows in the coordinates of the centres, where these are landmarks; None where all rows are centres.
    """

    rows: np.ndarray
    errors: np.ndarray
    weights: Weights
    deviations: np.ndarray | None = None
    points: Points | None = None

    @property
    def are_all(self):
        """Whether these are all rows of the fit, left out in closed form, and not some that were held out."""
        return int(self.rows[-1]) + 1 == len(self.rows)

    def in_units(self, units):
        """The same of targets of which these are codes."""
        deviations = None if self.deviations is None else units * self.deviations
        return replace(self, errors=units * self.errors, deviations=deviations)

    def at(self, rows):
        """The same of some of the rows, by their places among the centres."""
        places = np.searchsorted(self.rows, rows)
        deviations = None if self.deviations is None else self.deviations[places]
        return LeftOut(rows=rows, errors=self.errors[places], weights=self.weights[places], deviations=deviations)


@dataclass(frozen=True, kw_only=True)
class ErrorScale:
    """How large errors are at points, beside each other: kernel ridge regression of the logarithms of their sizes.

    With t the typical size of an error, the weighted median, ``log(|e| / t + 0.3)`` is regressed on the points, in the
    metric of the machine that made the errors, with a ridge of its own, chosen by rows left out. (The logarithm of a
    size that happens to be next to zero would say much of nothing: hence the 0.3.) The exponential of the prediction,
    within the range of the training rows, is the scale. It is the same everywhere where the regression explains
    nothing of rows left out.

    Parameters
    ----------
    machine : Machine
        Of the logarithms less their means.
    means, low, high : ndarray of shape (n_outputs,)
        Means of the logarithms, and least and largest logarithm of a scale.
    left_out : ndarray of shape (m, n_outputs)
        The scale at training rows, each without its own error or those of its group.
    """

    machine: Machine
    means: np.ndarray
    low: np.ndarray
    high: np.ndarray
    left_out: np.ndarray

    @classmethod
    def of(cls, machine, left_out: LeftOut):
        """From errors of training rows of a machine, of at most 2,000 of them.

        Two arrays of m^2 numbers for m rows, and two thirds of m^3 operations for each ridge looked at.
        """
        weights, kernel = left_out.weights, machine.kernel
        some = draw_rows(weights, N_SCALE_ROWS, np.random.RandomState(0))
        points = machine.centers[left_out.rows] if left_out.points is None else left_out.points
        points = points.astype(np.float64)
        logs = _log_sizes(left_out.errors, weights.total)
        centers, weights = points[some], weights[some]
        means = np.average(logs[some], axis=0, weights=weights.total)
        targets = logs[some] - means
        choice = choose_ridge_among(kernel, centers, targets, weights, FIRST_SCALE_RIDGE * weights.unit)
        coef, residuals = choice.solved[choice.alpha]
        explains = _mean_squares(residuals, weights) < _mean_squares(targets, weights)
        coef = coef * explains
        explained = np.empty(logs.shape)
        explained[some] = (targets - residuals) * explains
        rest = np.delete(np.arange(len(logs)), some)
        if len(rest):
            explained[rest] = kernel.product(centers, coef, points[rest])
        predicted = means + explained
        return cls(
            machine=Machine(kernel=kernel, feature_matrix=machine.feature_matrix, centers=centers, dual_coef=coef),
            means=means,
            low=predicted.min(axis=0),
            high=predicted.max(axis=0),
            left_out=np.exp(predicted),
        )

    def __call__(self, points: Points):
        """Scale at points in original coordinates, shape (m, n_outputs)."""
        logs = self.means + self.machine.decision(points.astype(np.float64))
        return np.exp(np.clip(logs, self.low, self.high))


@dataclass(frozen=True, kw_only=True)
class Errors:
    """Errors of a model, and where they are large; what is not at hand is made when it is first asked for.

    Parameters
    ----------
    machine : Machine or LargeMachine or None
        In its metric points are near or far; None where its training rows are gone.
    source : LeftOut or Deviation or LeafDeviation
        What has errors of rows left out, or makes them.

    Notes
    -----
    Pickles leave out what was made.
    """

    machine: Any
    source: Any

    @property
    def left_out(self) -> LeftOut:
        """Rows left out."""
        return self.source if isinstance(self.source, LeftOut) else self.source.left_out

    @cached_property
    def scale(self) -> ErrorScale:
        """The scale of errors at points."""
        return ErrorScale.of(self.machine, self.left_out)

    def without_rows(self, deviation=None):
        """What is left where the training rows are gone; for a deviation that makes errors another, if it is given."""
        if isinstance(self.source, LeftOut):
            return Errors(machine=None, source=replace(self.source, points=None))
        return Errors(machine=None, source=self.source if deviation is None else deviation)

    def __getstate__(self):
        return {name: value for name, value in self.__dict__.items() if name != "scale"}


def _log_sizes(errors, weights):
    """Logarithms of the sizes of errors in units of a typical one; zero where there is none."""
    sizes = np.abs(errors)
    medians = np.quantile(sizes, 0.5, axis=0, weights=weights, method="inverted_cdf")
    typical = np.where(medians > 0, medians, np.average(sizes, axis=0, weights=weights))
    with np.errstate(divide="ignore"):
        units = np.log(np.where(typical > 0, typical, 1.0))
        return np.where(typical > 0, np.logaddexp(np.log(sizes) - units, np.log(ERROR_FLOOR)), 0.0)


def _mean_squares(errors, weights):
    return np.average(np.square(errors), axis=0, weights=weights.total)
