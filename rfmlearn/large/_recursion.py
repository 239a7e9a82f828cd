"""A recursion over many rows: features from some of them, then a global machine and trees of local ones from all."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import numpy as np
from scipy.optimize import lsq_linear

from ..recursion._bandwidth import measure_bandwidth
from ..recursion._feature_matrix import blocks_diagonal
from ..recursion._learned_agop import AGOP
from ..recursion._pace import Pace
from ..recursion._packed_recursion import on_sample
from ..recursion._recursion import Recursion
from ..recursion._round import Round, Workspace
from ..runtime._large_budget import LARGEST_SHARE, SHARE_OF_PILOT, SMALLEST_LEAF, SMALLEST_SHARE, LargeBudget
from ..runtime._progress import logger
from ..solvers import Weights
from ._deviation import LeafDeviation
from ._draws import LargeDraws
from ._exact import fit_exact, solve_without_held_out
from ._global import fit_global
from ._local import fit_local
from ._parts import GlobalPart, LargeMachine
from ._plan import LargePlan
from ._rates import Rates
from ._rows import join_points


@dataclass(frozen=True, kw_only=True)
class HeldOut:
    """What is predicted for rows by machines of the others."""

    rows: np.ndarray
    targets: np.ndarray
    predicted: np.ndarray


@dataclass(frozen=True, kw_only=True)
class LargeRecursion:
    """Rounds over a pilot, some rows drawn at random, and after them one fit of all rows with what was learned.

    It stands where a `Recursion` does.

    Parameters
    ----------
    pilot : Recursion
        Of the rows ``draws.pilot``.
    rows : RowsHere
        All rows, here or elsewhere.
    weights : Weights
    plan : LargePlan
    draws : LargeDraws
    budget : LargeBudget
    on_progress : callable
        Called with the number of tasks done, that of all, and what they are.
    seconds_left : callable or None
        How many until a limit, which decides how much is done for all rows.
    trouble : tuple of str
        What to warn of.
    """

    pilot: Recursion
    rows: Any
    weights: Weights
    plan: LargePlan
    draws: LargeDraws
    budget: LargeBudget
    is_large: ClassVar[bool] = True
    n_rounds_to_finish: ClassVar[float] = 0.0
    on_progress: Callable = field(default=lambda done, total, what: None)
    seconds_left: Callable[[], float] | None = None
    trouble: tuple[str, ...] = ()

    def rounds(self, max_iter):
        """Those of the pilot."""
        logger.info("plan: %s, about %.3g GB", self.plan.describe(), self.plan.n_bytes / 1e9)
        return self.pilot.rounds(max_iter)

    def finish(self, best: Round, is_latest) -> Round:
        """The round that is kept, with a machine of all rows in the place of that of the pilot.

        Where features were learned, they are once more, from a global machine that has seen all rows.
        """
        start = time.perf_counter()
        if self.seconds_left is not None:
            return self._within_what_is_left(best.machine).finish(best, is_latest)
        matrix, kernel, alpha = best.machine.feature_matrix, best.machine.kernel, best.alpha
        n_rounds = self.budget.n_global_rounds if best.n_iter else 0
        best = replace(best, n_iter=best.n_iter + n_rounds, _workspace=Workspace())  # gives back the square array
        rows = self.rows.astype(np.float64 if kernel.is_smooth else np.float32).transformed(matrix)
        for _ in range(n_rounds):
            matrix, alpha = self._learn(matrix, kernel, rows, alpha)
            rows = rows.transformed(matrix)
            kernel = self._measure_bandwidth(kernel, rows)
        if self.plan.is_exact:
            whole = fit_exact(self, rows, kernel, alpha)
        else:
            whole = fit_global(self, self.draws.landmarks, rows, kernel, alpha)
        rows, sample = whole.rows, rows.take(self.draws.sample)
        parts, predictions, trouble = [whole.part], [whole.predicted], list[list[str]]()
        metric = blocks_diagonal(matrix.blocks)
        for number in range(len(self.draws.tree_seeds)):
            fitted = fit_local(self, number, rows, sample, metric, kernel, alpha)
            for found, kept in zip(fitted, (parts, predictions, trouble), strict=True):
                kept.append(found)
        held_out = rows.some(self.draws.held_out)
        shares, blend = self._weigh(predictions, held_out.targets)
        logger.info("weights of the global machine and of trees: %s", np.round(shares, 3))
        machine = LargeMachine(kernel=kernel, feature_matrix=matrix, centers=rows.all_centers(), parts=tuple(parts))
        return Round(
            n_iter=best.n_iter,
            machine=machine.with_shares(shares),
            alpha=whole.part.alpha,
            solver="two_level",
            residual=whole.residual,
            seconds=best.seconds + time.perf_counter() - start,
            train_loss=float("nan"),
            leave_one_out_loss=held_out.weights.mean_square(blend - held_out.targets),
            trouble=(
                *(message for part in (best, whole, self) for message in part.trouble),
                *(message for messages in trouble for message in messages),
            ),
            _workspace=HeldOut(rows=self.draws.held_out, targets=held_out.targets, predicted=blend),
        )

    def _within_what_is_left(self, machine):
        """The same without a limit, but with no more to do than there is time for."""
        assert self.seconds_left is not None
        points = machine.centers.astype(np.float64 if machine.kernel.is_smooth else np.float32)
        rates, seconds = Rates.measure(machine.kernel, points), self.seconds_left()
        plan, trouble, n = self.plan.within_time(seconds, rates), self.trouble, len(self.rows)
        if plan != self.plan:
            trouble = (
                f"time_limit left {max(seconds, 0):.3g} seconds for all rows: {plan.describe()} are fitted, instead of "
                f"{self.plan.describe()}. Increase time_limit for more.",
            )
        draws = self.draws.within(plan.budget, n)
        return replace(self, plan=plan, budget=plan.budget, draws=draws, seconds_left=None, trouble=trouble)

    def _learn(self, matrix, kernel, rows, alpha):
        """The next feature matrix, from the AGOP of a global machine that has not seen the rows held out; its ridge."""
        if self.plan.is_exact:
            alpha, solution = solve_without_held_out(self, rows, kernel, alpha)[1:]
            landmarks, coef = rows.all_centers(), solution.coef
        else:
            whole = fit_global(self, self.draws.learning_landmarks, rows, kernel, alpha)
            landmarks, coef, alpha = whole.landmarks, whole.held_part.coef, whole.held_part.alpha
        sample, weights = self.draws.agop
        sample = np.arange(len(rows)) if sample is None else sample
        n_landmarks, centers = len(landmarks), join_points([landmarks, rows.centers_of(sample)])
        part = GlobalPart(rows=np.arange(n_landmarks), coef=coef, alpha=alpha, share=1.0)
        machine = LargeMachine(kernel=kernel, feature_matrix=matrix, centers=centers, parts=(part,))
        agop = machine.agop((np.arange(n_landmarks, len(centers)), weights), center=self.pilot.center)
        return matrix.learn(agop, self.pilot.agop_power, self.pilot.shrinkage), alpha

    def _measure_bandwidth(self, kernel, rows):
        if not self.pilot.adaptive:
            return kernel
        sample, weights = self.draws.bandwidth
        return measure_bandwidth(kernel, rows.centers_of(sample), np.arange(len(sample)), weights)

    def _weigh(self, predictions, targets):
        """Weights of the parts by least squares on rows left out, none of them negative; their sum there.

        As if one more row spoke for a plain average of the global machine, alone and with each tree of what it
        leaves, and of the other trees: where predictions are next to nothing, multiples of them would be anything.
        """
        weights = self.weights.total[self.draws.held_out]
        root = np.sqrt(weights / np.mean(weights))[:, None]
        columns = np.stack([(root * predicted).ravel() for predicted in predictions], axis=1)
        target = (root * targets).ravel()
        average = np.full(len(predictions), 1 / len(predictions))
        average[0] *= 1 + sum(map(self.budget.learns_residuals, range(len(predictions) - 1)))
        doubt = np.linalg.norm(target) / np.sqrt(len(weights))
        system = np.vstack([columns, doubt * np.eye(len(average))]), np.append(target, doubt * average)
        shares = lsq_linear(*system, (0.0, LARGEST_SHARE), method="bvls").x
        shares[shares < SMALLEST_SHARE] = 0.0
        shares = shares if shares.any() else average
        return shares, sum(share * predicted for share, predicted in zip(shares, predictions, strict=True))

    def left_out(self, final: Round):
        """Rows that were held out, together, and their residuals, as `Recursion.left_out`."""
        held = final._workspace
        return held.rows, held.targets - held.predicted

    def left_out_decisions(self, final: Round):
        """Rows that were held out, together, and what is predicted for them, as `Recursion.left_out_decisions`."""
        return final._workspace.rows, final._workspace.predicted

    def deviation(self, final: Round) -> LeafDeviation:
        """Deviations of targets from predictions, by leaves."""
        rows, residuals = self.left_out(final)
        return LeafDeviation.of(final.machine, rows, residuals, self.weights.outside(rows))

    def with_progress(self, on_progress):
        """The same, and somebody looks on."""
        return replace(self, on_progress=on_progress)

    def within_time(self, seconds_left):
        """The same within a limit, until which a function tells the seconds; features are learned on fewer rows."""
        pilot, n = self.pilot, len(self.pilot.points)
        pace, room = Pace.measure(), SHARE_OF_PILOT * seconds_left()
        while n > SMALLEST_LEAF and self.plan.pilot_seconds(n, pace) > room:
            n = max(int(0.8 * n), SMALLEST_LEAF)
        if n < len(pilot.points):
            pilot = on_sample(pilot, np.random.RandomState(0), n)
        return replace(self, pilot=pilot, seconds_left=seconds_left)

    def with_few_agop_rows(self, rng):
        """The same: the AGOP is always averaged over few rows."""
        return self

    def agop(self, final: Round) -> AGOP:
        """AGOP of all parts, over training rows drawn at random."""
        sample, center = self.draws.inspected, self.pilot.center
        blocks = final.machine.agop(sample, center=center)
        return AGOP(machine=final.machine, sample=sample, center=center, dtype="float32", blocks=blocks)
