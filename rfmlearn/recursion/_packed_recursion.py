"""The recursion over very many rows: features learned on some of them, one exact machine of all."""

from __future__ import annotations

import time
from collections.abc import Generator
from dataclasses import dataclass, fields, replace

import numpy as np

from ..kernels._packed_pairs import PackedPairMatrix
from ..kernels._reach import rounded_together
from ..runtime._budget import N_LEARNING_ROWS
from ..solvers import Solution
from ._bandwidth import measure_bandwidth
from ._draws import Draws, draw_rows
from ._machine import Machine
from ._packed_system import PackedSystem, solve_packed
from ._plan import make_plan
from ._recursion import Recursion
from ._ridge_choice import choose_ridge_among, next_larger
from ._round import Round, Workspace


def on_sample(recursion: Recursion, rng, n_rows=N_LEARNING_ROWS, n_agop_rows=None) -> Recursion:
    """The same recursion over rows drawn at random, groups whole, as an ordinary one; over all if there are no more."""
    rows = draw_rows(recursion.weights, n_rows, rng)
    points, targets, weights = recursion.points[rows], recursion.targets[rows], recursion.weights[rows]
    plan = make_plan(
        len(rows), points.widths, targets.shape[1], kernel=recursion.kernel, form=recursion.form, dtype=points.dtype
    )
    shared = {field.name: getattr(recursion, field.name) for field in fields(Recursion)}
    own = {"points": points, "targets": targets, "weights": weights, "plan": plan}
    return Recursion(**{**shared, **own, "draws": Draws.of(weights, rng, n_agop_rows)})


@dataclass(frozen=True, kw_only=True)
class PackedRecursion(Recursion):
    """Rounds that only learn features see a sample of rows; the last one all, with a packed Gram matrix.

    Parameters
    ----------
    sample : Recursion
        Over these rows features are learned.
    """

    sample: Recursion

    @classmethod
    def of(cls, recursion: Recursion, rng, n_agop_rows=None):
        """All rows of a recursion; features are learned on some of them."""
        shared = {field.name: getattr(recursion, field.name) for field in fields(recursion)}
        return cls(**shared, sample=on_sample(recursion, rng, recursion.plan.n_learning_rows, n_agop_rows))

    def rounds(self, max_iter) -> Generator[Round]:
        """Rounds 0 to `max_iter` - 1 on the sample, and one of all rows with the features that they have learned."""
        start = time.perf_counter()
        matrix, alpha, _ = yield from self.sample.learning_rounds(max_iter, start)
        yield self.solve(matrix, max_iter, start=start, alpha=alpha)

    def solve(self, matrix, n_iter, *, gram=None, start=None, alpha=None) -> Round:
        """Fit of all rows with a feature matrix: n^2 bytes, O(n^2 d) operations and some reads of these bytes."""
        start = time.perf_counter() if start is None else start
        centers = matrix.transform(self.points)
        kernel = self._with_bandwidth(centers)
        alpha, choice = self._choose_ridge(kernel, centers, alpha)
        alpha = next_larger(alpha, self.weights) if self.cautious and choice else alpha
        packed = PackedPairMatrix.of(kernel, rounded_together(centers))
        system, solution = solve_packed(packed, self.targets, self.weights.ridge(alpha), self.draws.landmarks)
        machine = Machine(kernel=kernel, feature_matrix=matrix, centers=centers, dual_coef=solution.coef)
        record = self._round(n_iter, machine, alpha, solution, start, Workspace(choice=choice, factor=system))
        return replace(record, solver="packed")

    def finish(self, best: Round, is_latest) -> Round:
        """The round that is kept as one of all rows."""
        if best.solver == "packed":
            return best
        return self.solve(best.machine.feature_matrix, best.n_iter, alpha=best.alpha)

    def left_out(self, final: Round):
        """Rows that were left out of the round of all rows, and their residuals, by approximate entries of G^-1."""
        rows = self.draws.calibration
        rows = np.arange(len(self.points)) if rows is None else rows
        return rows, _system(final).left_out_residuals(final.machine.dual_coef, self.weights, rows)

    def solve_cautiously(self, current: Round) -> Solution:
        """Solution with the next larger ridge than a round of all rows chose."""
        ridge = self.weights.ridge(next_larger(current.alpha, self.weights))
        return solve_packed(_system(current).gram, self.targets, ridge, self.draws.landmarks)[1]

    def _with_bandwidth(self, centers):
        return measure_bandwidth(self.kernel, centers, *self.draws.bandwidth) if self.adaptive else self.kernel

    def _choose_ridge(self, kernel, centers, alpha):
        """Ridge, and how it was chosen, among rows whose Gram matrix has all digits."""
        if self.alpha is not None:
            return self.alpha, None
        rows = self.draws.ridge
        choice = choose_ridge_among(kernel, centers[rows], self.targets[rows], self.weights[rows], alpha)
        return choice.alpha, choice


def _system(final: Round) -> PackedSystem:
    system = final._workspace.factor
    assert isinstance(system, PackedSystem), "a round of all rows has its system"
    return system
