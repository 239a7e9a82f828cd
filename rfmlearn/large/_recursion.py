"""A recursion over many rows: features from some of them, then a global machine and trees of local ones from all."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
from scipy.optimize import nnls

from ..kernels import Points
from ..recursion._learned_agop import AGOP
from ..recursion._plan import Plan
from ..recursion._recursion import Recursion
from ..recursion._round import Round, Workspace
from ..runtime._budget import LargeBudget, N_BANDWIDTH_ROWS
from ..recursion._bandwidth import adapt_bandwidth
from ..kernels._pairs import PairMatrix
from ..runtime._progress import logger
from ..solvers import Weights
from ._deviation import LeafDeviation
from ._draws import LargeDraws
from ._global import fit_global
from ._local import fit_local
from ._parts import LargeMachine


@dataclass(frozen=True, kw_only=True)
class LeftOut:
    """What is predicted for rows by machines that have not seen them."""

    rows: np.ndarray
    predicted: np.ndarray


@dataclass(frozen=True, kw_only=True)
class LargeRecursion:
    """Rounds over a pilot, some rows drawn at random, and after them one fit of all rows with what was learned.

    It stands where a `Recursion` does.

    Parameters
    ----------
    pilot : Recursion
        Of the rows ``draws.pilot``.
    points : Points
        All rows, in original coordinates.
    targets : ndarray of shape (n, n_outputs)
    weights : Weights
    plan : Plan
    draws : LargeDraws
    budget : LargeBudget
    """

    pilot: Recursion
    points: Points
    targets: np.ndarray
    weights: Weights
    plan: Plan
    draws: LargeDraws
    budget: LargeBudget
    on_progress: Callable = field(default=lambda done, total, what: None)

    def rounds(self, max_iter):
        """Those of the pilot."""
        return self.pilot.rounds(max_iter)

    def finish(self, best: Round, is_latest) -> Round:
        """The round that is kept, with a machine of all rows in the place of that of the pilot."""
        start = time.perf_counter()
        best = self.pilot.finish(best, is_latest)
        matrix, kernel = best.machine.feature_matrix, best.machine.kernel
        best = replace(best, _workspace=Workspace())  # gives back the pilot's square array
        points = self.points.astype(np.float32)
        centers = matrix.transform(points)
        whole = fit_global(self, centers, kernel, best.alpha)
        for _ in range(self.budget.n_global_rounds):
            machine = LargeMachine(kernel=kernel, feature_matrix=matrix, centers=centers, parts=(whole.part,))
            agop = machine.agop(self.draws.inspected, center=self.pilot.center)
            matrix = matrix.learn(agop, self.pilot.agop_power, self.pilot.shrinkage)
            centers = matrix.transform(points)
            if self.pilot.adaptive:
                rows = self.draws.pilot[: N_BANDWIDTH_ROWS * 2]
                gram = PairMatrix.empty(len(rows), np.float32)
                c = centers[rows]
                if not kernel.sums_depend_on_bandwidth:
                    gram.fill_sums(kernel, c)
                kernel = adapt_bandwidth(kernel, gram, np.arange(len(rows)), np.ones(len(rows)), c)
            whole = fit_global(self, centers, kernel, whole.part.alpha)
        parts, predictions, trouble = [whole.part], [whole.predicted], []
        for number in range(self.budget.n_trees):
            on_residuals = number >= self.budget.n_trees // 2
            targets = (whole.residuals, whole.held_residuals) if on_residuals else (self.targets, self.targets)
            part, predicted, messages = fit_local(self, number, points, centers, kernel, best.alpha, *targets)
            parts.append(part)
            predictions.append(predicted)
            trouble += messages
        shares, blend = self._weigh(predictions)
        logger.info("weights of the global machine and of trees: %s", np.round(shares, 3))
        machine = LargeMachine(kernel=kernel, feature_matrix=matrix, centers=centers, parts=tuple(parts))
        rows = self.draws.held_out
        loss = self.weights[rows].mean_square(blend - self.targets[rows])
        return Round(
            n_iter=best.n_iter,
            machine=machine.with_shares(shares),
            alpha=whole.part.alpha,
            solver="two_level",
            residual=0.0,
            seconds=best.seconds + time.perf_counter() - start,
            train_loss=float("nan"),
            leave_one_out_loss=loss,
            trouble=(*best.trouble, *trouble),
            _workspace=LeftOut(rows=rows, predicted=blend),
        )

    def _weigh(self, predictions):
        """Weights of the parts by least squares on rows left out, none of them negative; their sum there."""
        rows = self.draws.held_out
        root = np.sqrt(self.weights.total[rows])[:, None]
        columns = np.stack([(root * predicted).ravel() for predicted in predictions], axis=1)
        shares = nnls(columns, (root * self.targets[rows]).ravel())[0]
        if not shares.any():
            shares = np.full(len(predictions), 1 / len(predictions))
        return shares, sum(share * predicted for share, predicted in zip(shares, predictions, strict=True))

    def left_out(self, final: Round):
        """Rows that were left out, one at a time or in groups, and their residuals, as `Recursion.left_out`."""
        left_out = final._workspace
        return left_out.rows, self.targets[left_out.rows] - left_out.predicted

    def deviation(self, final: Round) -> LeafDeviation:
        """Deviations of targets from predictions, by leaves."""
        rows, residuals = self.left_out(final)
        return LeafDeviation.of(final.machine, rows, residuals, self.weights.total[rows])

    def with_caution(self, cautious):
        """The same, with or without the next larger ridge in the exact fit of the pilot."""
        return replace(self, pilot=self.pilot.with_caution(cautious))

    def with_few_agop_rows(self, rng):
        """The same: the AGOP is always averaged over few rows."""
        return self

    def agop(self, final: Round) -> AGOP:
        """AGOP of all parts, over training rows drawn at random."""
        sample, center = self.draws.inspected, self.pilot.center
        blocks = final.machine.agop(sample, center=center)
        return AGOP(machine=final.machine, sample=sample, center=center, dtype="float32", blocks=blocks)
