"""The ridge system of a packed Gram matrix: solved by conjugate gradients, and what is left out of it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import scipy.linalg

from ..kernels._packed_pairs import PackedPairMatrix
from ..runtime._budget import (
    FIXED_POINT_ONE,
    LARGEST_ROUNDING_SHARE,
    MAX_STEPS,
    MOST_NEIGHBOURS,
    N_NEIGHBOURS,
    PACKED_RESIDUAL,
    PROBE_RESIDUAL,
    PRODUCT_PIECE,
)
from ..runtime._large_budget import N_PROBES
from ..runtime._threads import Team
from ..solvers import NystromPreconditioner, Solution, Weights, conjugate_gradient
from ..solvers._leave_one_out import left_out_group_residuals, left_out_residuals


@dataclass(frozen=True)
class PackedSystem:
    """``G = K + diag(ridge)`` with K in packed storage, and what makes conjugate gradients short.

    Attributes
    ----------
    gram : PackedPairMatrix
    ridge : ndarray of shape (n,)
    precondition : callable
        Approximation of ``G^-1 V``.
    """

    gram: PackedPairMatrix
    ridge: np.ndarray
    precondition: NystromPreconditioner

    @classmethod
    def of(cls, gram, ridge, landmarks):
        """Preconditioned by some columns of K, by the first one if none are named."""
        landmarks = landmarks if len(landmarks) else np.arange(1)
        columns = gram.columns(landmarks)
        columns[landmarks, np.arange(len(landmarks))] += rounding_norm(len(landmarks))  # lest they be indefinite
        return cls(gram, ridge, NystromPreconditioner(columns, landmarks, ridge))

    def product(self, V, dtype=np.float32):
        """``G V`` for V of shape (n, k), with the precision of `dtype`."""
        return self.gram.matvec(V, dtype) + self.ridge[:, None] * V

    def solve(self, Y, tol=PACKED_RESIDUAL) -> Solution:
        """Solution of ``G C = Y`` in float64.

        Steps of conjugate gradients take products of float32. What these have left is told by a product of float64, and
        the same steps make it smaller, until ``|y - G c| <= tol |y|`` holds.
        """
        C, R, n_iter = np.zeros_like(Y), Y, 0
        norms = np.linalg.norm(Y, axis=0)
        norms[norms == 0] = 1
        residual = before = float(np.any(Y))
        while residual > tol:
            with np.errstate(all="ignore"):  # where rounding has made K indefinite, steps may be infinite
                step = conjugate_gradient(self.product, R, self.precondition, tol=tol / residual, max_iter=MAX_STEPS)
                R = Y - self.product(C + step.coef, np.float64)
            residual, n_iter = float(np.max(np.linalg.norm(R, axis=0) / norms)), n_iter + step.n_iter
            if residual > tol and not residual < before / 2:
                trouble = f"conjugate gradients stopped after {n_iter} steps at residual {before:.1e}"
                return Solution(C, before, n_iter, trouble)
            C, before = C + step.coef, residual
        return Solution(C, residual, n_iter)

    def left_out_residuals(self, coef, weights: Weights, rows):
        """Residuals of rows, or groups, left out, as `factor_residuals` has them, shape (m, n_outputs).

        They need entries of G^-1, and approximate ones will do: those of the system of a row and the rows nearest to
        it, all times one factor. What farther rows tell makes the true entries larger, by nearly the same share for
        all; the share follows from products of G^-1 with a few random signs, which tell its diagonal on average.

        Parameters
        ----------
        coef : ndarray of shape (n, n_outputs)
            Solution of the system.
        weights : Weights
            Of all rows.
        rows : ndarray of int of shape (m,)
            All of each group, if rows are left out in groups.
        """
        chosen = weights.outside(rows)
        sets = np.arange(len(rows))[:, None] if chosen.groups is None else chosen.sets_left_out()
        blocks = self._local_blocks([rows[places] for places in sets])
        diagonal = np.empty(len(rows))
        for places, block in zip(sets, blocks, strict=True):
            diagonal[places] = np.diag(block)
        share = self._mean_diagonal(rows) / np.mean(diagonal)
        if chosen.groups is None:
            return left_out_residuals(coef[rows], share * diagonal, self.ridge[rows], chosen)
        in_order = iter(blocks)
        return left_out_group_residuals(coef[rows], lambda places: share * next(in_order), chosen)

    def _local_blocks(self, sets):
        """For each set of rows its block of the inverse of the system of these and their nearest rows."""
        blocks: list[np.ndarray] = [np.empty((0, 0))] * len(sets)

        def invert(start, stop):
            for place in range(start, stop):
                rows = sets[place]
                closeness = np.max([self.gram.row(row) for row in rows[:N_NEIGHBOURS]], axis=0)
                closeness[rows] = 2.0  # they come first
                n_near = min(N_NEIGHBOURS * len(rows), MOST_NEIGHBOURS)
                n_members = min(len(rows) + n_near, len(closeness))
                members = np.argpartition(closeness, len(closeness) - n_members)[-n_members:]
                members = np.concatenate([rows, members[closeness[members] < 2.0]])
                system = self.gram.small_block(members).astype(np.float64)
                system[np.diag_indices_from(system)] += self.ridge[members] + rounding_norm(len(members))
                units = np.eye(len(members), len(rows))
                blocks[place] = scipy.linalg.solve(system, units, assume_a="pos", check_finite=False)[: len(rows)]

        with Team() as team:
            team.share(invert, len(sets), piece=PRODUCT_PIECE // 32)
        return blocks

    def _mean_diagonal(self, rows):
        """Mean over some rows of the diagonal of G^-1, by products with random signs."""
        signs = np.random.default_rng(0).choice([-1.0, 1.0], size=(len(self.gram), N_PROBES))
        solution = conjugate_gradient(self.product, signs, self.precondition, tol=PROBE_RESIDUAL)
        return float(np.mean(signs[rows] * solution.coef[rows]))


def solve_packed(gram, targets, ridge, landmarks, tol=PACKED_RESIDUAL):
    """Solve the system of a packed Gram matrix.

    Where the ridge is so small that rounding to 16 bits may have made the system indefinite, and conjugate gradients
    find no solution, the norm of that rounding is added to the ridge, and the trouble says so.

    Parameters
    ----------
    gram : PackedPairMatrix
    targets : ndarray of shape (n, n_outputs)
    ridge : ndarray of shape (n,)
    landmarks : ndarray of int
        Columns that precondition, sorted.
    tol : float, default=PACKED_RESIDUAL

    Returns
    -------
    system : PackedSystem
    solution : Solution
    """
    system = PackedSystem.of(gram, ridge, landmarks)
    solution = system.solve(targets, tol)
    jitter = rounding_norm(len(gram))
    way_out = f"Increase alpha (smallest ridge here {ridge.min():.1e})."
    if solution.converged:
        # Rounding moves predictions as noise in the targets of this size would, in units of errors of rows left out.
        share = jitter / 2 / (system.precondition.mu + ridge.min())
        if share <= LARGEST_ROUNDING_SHARE:
            return system, solution
        trouble = f"16 bits are few for so small a ridge: they add about {share:.0%} of noise to what is predicted"
        return system, replace(solution, trouble=f"{trouble}. {way_out}")
    if ridge.min() < 10 * jitter:
        system = PackedSystem.of(gram, ridge + jitter, landmarks)
        solution = system.solve(targets, tol)
        if solution.converged:
            trouble = f"K + alpha W^-1 is numerically singular in 16 bits; {jitter:.1e} was added to its diagonal"
            return system, replace(solution, trouble=f"{trouble}. {way_out}")
    return system, replace(solution, trouble=f"{solution.trouble}. {way_out}")


def rounding_norm(n):
    """About the norm of what rounding to 16 bits adds to a Gram matrix: twice the deviation times n^(1/2)."""
    return 2 * np.sqrt(n / 12) / FIXED_POINT_ONE
