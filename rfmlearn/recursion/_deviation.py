"""How far targets lie from what a machine predicts: the predictive deviation of a Gaussian process, in closed form."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ..kernels import Points
from ..kernels._pairs import PairMatrix
from ..kernels._reach import within_reach
from ..runtime._budget import CLOSED_FORM_ROWS, FIXED_BYTES
from ..runtime._memory import refuse_beyond
from ..solvers import CholeskyFactor, Weights, factor_residuals, factor_variances
from ._left_out import LeftOut
from ._machine import Machine


@dataclass(frozen=True, kw_only=True)
class Deviation:
    """Deviations of coded targets at points, ``s_l sqrt(k(x, x) - k(x)^T (K + R)^-1 k(x) + r)``.

    R holds the ridges of the training rows and r that of a row of average weight. The scale s_l of output l is such
    that errors of rows left out, each divided by its deviation, have mean square 1:
    ``s_l^2 = sum_i c_il e_il / n``, with the dual coefficients c and the residuals e of rows, or groups, left out.

    Parameters
    ----------
    machine : Machine
    weights : Weights
        Of its training rows.
    alpha : float
        Ridge.

    Notes
    -----
    What is needed is made when it is first asked for: n^2 numbers of float64 and 2 n^3 / 3 operations. Then a point
    costs n^2 operations. Pickles leave it out.
    """

    machine: Machine
    weights: Weights
    alpha: float

    def _solve_again(self, asked):
        """Factor of the system, and residuals of rows left out of it."""
        centers, kernel = self.machine.centers.astype(np.float64), self.machine.kernel
        n = len(centers)
        refuse_beyond(8 * n**2 + FIXED_BYTES, lambda available: self._complaint(asked, available))
        gram = PairMatrix.empty(n, np.float64)
        gram.fill_sums(kernel, centers)
        gram.fill_gram(kernel)
        factor = CholeskyFactor(gram.array, self.weights.ridge(self.alpha), lambda: gram.fill_gram(kernel))
        return factor, factor_residuals(factor, self.machine.dual_coef.astype(np.float64), self.weights)

    def _scale_of(self, residuals):
        squares = np.sum(self.machine.dual_coef.astype(np.float64) * residuals, axis=0)
        return np.sqrt(np.maximum(squares, 0.0) / self.weights.counts.sum())

    @cached_property
    def _factor_and_scale(self):
        factor, residuals = self._solve_again("return_std=True")
        return factor, self._scale_of(residuals)

    @cached_property
    def left_out(self) -> LeftOut:
        """Errors of all training rows, each left out or its group, and what would have been said of their sizes.

        Made when it is first asked for, as the factor is, but of this only numbers by the row stay.
        """
        factor, residuals = self._solve_again("predict_interval")
        relative = factor_variances(factor, self.weights) + self.noise
        return LeftOut(
            rows=np.arange(len(residuals)),
            errors=residuals,
            weights=self.weights,
            deviations=np.sqrt(relative)[:, None] * self._scale_of(residuals),
        )

    def _complaint(self, asked, available):
        n = len(self.machine.centers)
        return (
            f"{asked} takes {8 * n**2 / 2**30:.3g} GiB for a machine of {n} rows, but only "
            f"{available / 2**30:.3g} GiB are available: fit fewer rows, or predict without."
        )

    @property
    def scale(self):
        """s, shape (n_outputs,)."""
        return self._factor_and_scale[1]

    def relative(self, points: Points):
        """``k(x, x) - k(x)^T (K + R)^-1 k(x) + r`` at points in original coordinates, shape (m,)."""
        factor, centers = self._factor_and_scale[0], self.machine.centers.astype(np.float64)
        Z = self.machine.feature_matrix.transform(within_reach(points)).astype(np.float64)
        explained = [
            factor.quadratic_form(self.machine.kernel(centers, Z[start : start + CLOSED_FORM_ROWS]).T)
            for start in range(0, len(Z), CLOSED_FORM_ROWS)
        ]
        return np.maximum(1.0 - np.concatenate([*explained, np.empty(0)]), 0.0) + self.noise

    @property
    def noise(self):
        """r, the ridge of a row of average weight."""
        return self.alpha / self.weights.unit

    def __call__(self, points: Points):
        """Deviations at points in original coordinates, shape (m, n_outputs)."""
        return np.sqrt(self.relative(points))[:, None] * self.scale

    def __getstate__(self):
        made = "_factor_and_scale", "left_out"
        return {name: value for name, value in self.__dict__.items() if name not in made}


@dataclass(frozen=True)
class NoDeviation:
    """In the place of deviations that need training rows which are gone."""

    def __call__(self, points):
        raise self._error("return_std=True")

    @property
    def left_out(self):
        raise self._error("predict_interval")

    def _error(self, asked):
        return ValueError(
            f"{asked} needs the training rows, which a compressed model no longer has: ask the model of which "
            "it was made, or predict without."
        )
