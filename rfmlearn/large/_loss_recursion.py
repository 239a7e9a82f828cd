"""Losses other than squared error over many rows: features from a pilot, then one machine of landmarks."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from typing import ClassVar

import numpy as np

from ..kernels import Kernel, Points
from ..recursion._agop import agop_rows
from ..recursion._deviation import NoDeviation
from ..recursion._learned_agop import AGOP
from ..recursion._loss_recursion import LossRecursion
from ..recursion._loss_ridges import columns_of
from ..recursion._machine import Machine
from ..recursion._round import Round
from ..runtime._budget import N_INSPECTED_ROWS
from ..runtime._large_budget import LOSS_GAIN, MAX_LOSS_STEPS
from ..runtime._loss_budget import LARGEST_WORKING_RIDGE
from ..solvers import NewtonStep, Pointwise, Weights, smallest_along
from ._draws import LargeDraws
from ._landmarks import NormalEquations, solve_landmarks
from ._plan import LargePlan


@dataclass(frozen=True, kw_only=True)
class LargeLossRecursion:
    """Rounds of a pilot that learn features, and a machine of landmarks that minimises the loss over all rows.

    Parameters
    ----------
    pilot : LossRecursion
        Over some rows: its last round gives the feature matrix, the bandwidth, the ridges, and widths of the loss.
    points : Points
    targets : ndarray of shape (n, n_codes)
    weights : Weights
    draws : LargeDraws
    plan : LargePlan
    """

    pilot: LossRecursion
    points: Points
    targets: np.ndarray
    weights: Weights
    draws: LargeDraws
    plan: LargePlan
    is_large: ClassVar[bool] = True
    n_rounds_to_finish: ClassVar[float] = LossRecursion.n_rounds_to_finish

    def rounds(self, max_iter):
        """Those of the pilot."""
        return self.pilot.rounds(max_iter)

    def finish(self, best: Round, is_latest) -> Round:
        """The machine of all rows with the features of a round of the pilot.

        It is fitted without the rows held out, on which it is calibrated, and then a few steps further with them.
        """
        start, best = time.perf_counter(), self.pilot.finish(best, is_latest)
        matrix, kernel, choice = best.machine.feature_matrix, best.machine.kernel, best._workspace.choice
        places = self.draws.landmarks
        centers = matrix.transform(self.points)
        landmarks, held = centers[places], self.draws.held_out
        others = np.setdiff1d(np.arange(len(self.points)), held)
        found, left_out = [], []
        for columns, alpha in zip(columns_of(choice.loss, self.targets), choice.alphas, strict=True):
            ridge = self.weights.ridge(alpha)
            loss, Y = choice.loss.columns(columns), self.targets[:, columns]
            fit = LandmarkFit(kernel, landmarks, loss)
            coef, _ = fit.minimize(centers[others], Y[others], ridge[others])
            left_out.append(fit.decide(coef, centers[held]))
            found.append(fit.minimize(centers, Y, ridge, coef))
        coef, decisions = (np.hstack(parts) for parts in zip(*found, strict=True))
        machine = Machine(kernel=kernel, feature_matrix=matrix, centers=landmarks, dual_coef=coef)
        return replace(
            best,
            machine=machine,
            solver="landmarks",
            residual=0.0,
            train_loss=self.weights.mean(choice.loss.value(decisions, self.targets)),
            seconds=best.seconds + time.perf_counter() - start,
            _workspace=HeldOut(held, np.hstack(left_out)),
        )

    def left_out_decisions(self, final: Round):
        """Rows that were held out, and what is predicted for them."""
        return final._workspace.rows, final._workspace.decisions

    def deviation(self, final: Round):
        """There is none."""
        return NoDeviation()

    def with_progress(self, on_progress):
        """The same: it tells nothing."""
        return self

    def within_time(self, seconds_left):
        """The same: a limit is for the rounds of the pilot."""
        return self

    def with_few_agop_rows(self, rng):
        """The same: the AGOP is always averaged over few rows."""
        return self

    def agop(self, final: Round) -> AGOP:
        """AGOP of the machine over some of its landmarks, which are training rows."""
        weights = self.weights.total[self.draws.landmarks]
        sample, center = agop_rows(weights, N_INSPECTED_ROWS, np.random.RandomState(0)), self.pilot.center
        blocks = final.machine.agop(sample, center=center)
        return AGOP(machine=final.machine, sample=sample, center=center, dtype="float32", blocks=blocks)


@dataclass(frozen=True)
class HeldOut:
    """Rows that were held out, and decisions of them."""

    rows: np.ndarray
    decisions: np.ndarray = field(repr=False)


@dataclass(frozen=True)
class LandmarkFit:
    """Newton's method for an expansion in landmarks, as `rfmlearn.solvers.minimize` for one in all rows.

    A step sums the normal equations of the weighted ridge system near the decisions: over rows of positive curvature
    their squares, over others only what they add to the right side.

    Parameters
    ----------
    kernel : Kernel
    landmarks : Points
    loss : Loss
        Of columns that share a system.
    """

    kernel: Kernel
    landmarks: Points
    loss: Pointwise

    def decide(self, coef, centers):
        """Decisions of points."""
        return self.kernel.product(self.landmarks, coef.astype(centers.dtype), centers).astype(np.float64)

    def minimize(self, centers, Y, ridge, start=None):
        """Coefficients of landmarks, shape (m, k), and decisions; n m^2 operations a step for n rows of curvature."""
        gram = self.kernel(self.landmarks, self.landmarks).astype(np.float64)
        C = np.zeros((len(gram), Y.shape[1])) if start is None else start
        F = np.zeros(Y.shape) if start is None else self.decide(C, centers)
        say = 1 / ridge[:, None]
        for _ in range(MAX_LOSS_STEPS):
            coef = self._step(gram, NewtonStep.at(self.loss, F, Y, ridge), centers)
            dC, dF = coef - C, self.decide(coef, centers) - F
            linear, square = float(np.sum(dC * (gram @ C))), float(np.sum(dC * (gram @ dC)))

            def slope_at(t, F=F, dF=dF, linear=linear, square=square):
                return float(np.sum(say * self.loss.slope(F + t * dF, Y) * dF)) + linear + t * square

            decrement = -slope_at(0.0) / say.sum()
            if not decrement > 0:
                break
            share = smallest_along(slope_at)
            C, F = C + share * dC, F + share * dF
            if decrement <= LOSS_GAIN:
                break
        return C, F

    def _step(self, gram, step, centers):
        inside = np.flatnonzero(step.ridge < LARGEST_WORKING_RIDGE)
        equations = NormalEquations.of(
            self.kernel, self.landmarks, centers[inside], step.targets[inside], 1 / step.ridge[inside]
        )
        bound = step.bound.copy()
        bound[inside] = 0.0
        if len(inside) < len(bound):
            outside = np.flatnonzero(step.ridge >= LARGEST_WORKING_RIDGE)
            equations.right[:] += self.kernel.product(
                centers[outside], bound[outside].astype(centers.dtype), self.landmarks
            )
        return solve_landmarks(equations, gram, 1.0)
