"""Losses other than squared error over many rows: features from a pilot, then one machine of landmarks."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from typing import ClassVar

import numpy as np

from ..kernels import Points
from ..recursion._agop import agop_rows
from ..recursion._deviation import NoDeviation
from ..recursion._learned_agop import AGOP
from ..recursion._loss_recursion import LossRecursion
from ..recursion._loss_ridges import columns_of, ridges_of
from ..recursion._machine import Machine
from ..recursion._round import Round
from ..runtime._budget import N_INSPECTED_ROWS
from ..solvers import Weights
from ._draws import LargeDraws
from ._landmark_fit import LandmarkFit, LandmarkValues
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
        centers = matrix.transform(self.points.astype(np.float32))  # as those of other machines of many rows
        landmarks, held = centers[places], self.draws.held_out
        gram, values = kernel(landmarks, landmarks).astype(np.float64), LandmarkValues.of(kernel, landmarks, centers)
        everybody = np.ones(len(centers), dtype=bool)
        others = np.isin(np.arange(len(centers)), held, invert=True)
        found, left_out = [], []
        for columns, alpha in zip(columns_of(choice.loss, self.targets), choice.alphas, strict=True):
            loss = choice.loss.columns(columns)
            fit = LandmarkFit(values, gram, loss, self.targets[:, columns], ridges_of(self.weights, alpha))
            without = fit.minimize(others)
            left_out.append(without[1][held])
            found.append(fit.minimize(everybody, without))
        coef, decisions = (np.hstack(parts) for parts in zip(*found, strict=True))
        machine = Machine(kernel=kernel, feature_matrix=matrix, centers=landmarks, dual_coef=coef.astype(np.float32))
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
