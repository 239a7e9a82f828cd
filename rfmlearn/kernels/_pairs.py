"""One square array for all that a round of feature learning knows about pairs of training points."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from scipy.linalg import get_blas_funcs

from ..runtime._budget import BLOCK
from ..runtime._threads import Team
from ._points import Points
from ._tiles import Prepared, Workspace, coef_columns, tiles


@dataclass(frozen=True)
class PairMatrix:
    """Sums over coordinates above the diagonal, Gram matrix below and on it.

    Both are symmetric, so one n x n array has room for both: the sums serve the bandwidth, the Gram matrix and, after
    the solver has factored the lower triangle in place, the gradient. No distance is computed twice.
    """

    array: np.ndarray
    prepared: list[Prepared] = field(default_factory=list)

    @classmethod
    def empty(cls, n, dtype):
        return cls(np.empty((n, n), dtype=dtype))

    def __len__(self):
        return len(self.array)

    def fill_sums(self, kernel, points: Points):
        """Sums of all pairs of points, into the upper triangle."""
        x, _ = kernel.prepare(points, points)
        with kernel.team(len(self) ** 2 // 2, x) as team:
            for rows, columns in tiles(len(self), len(self), kernel.budget.tile, upper=True):
                write_sums = kernel.sum_pass(x[rows], x[columns], self.array, rows.start, columns.start, upper=True)
                team.share(write_sums, rows.stop - rows.start)
        self.prepared[:] = [x]

    def fill_gram(self, kernel):
        """Gram matrix into the lower triangle, from the sums in the upper one."""
        n, profile = len(self), kernel.profile(self.prepared[0].points.n_coordinates)
        with Team(2 * n * n, worth_a_thread=kernel.budget.worth_a_thread) as team:
            team.share(profile.fill_lower, -(-n // BLOCK), self.array, piece=1)

    # What a solver asks of a Gram matrix, wherever its entries are.

    def matvec(self, V):
        """``K V`` for V of shape (n, k), reading only the lower triangle.

        By SciPy's BLAS, as the solvers: NumPy brings one of its own, and where their calls alternate, the idle threads
        of the one, which spin, take the cores from the other.
        """
        (symv,) = get_blas_funcs(("symv",), (self.array,))
        columns = [symv(1.0, self.array.T, np.ascontiguousarray(column), lower=0) for column in V.T]
        return np.stack(columns, axis=1)

    def columns(self, rows):
        """Columns of K, shape (n, m); rows sorted."""
        columns = self.array[:, rows]
        for k, row in enumerate(rows):
            columns[:row, k] = self.array[row, :row]
        columns[rows, np.arange(len(rows))] = 1
        return columns

    def block(self, rows):
        """K of some rows among themselves, shape (m, m), in the lower triangle; rows sorted."""
        return self.array[np.ix_(rows, rows)]

    def symmetric_gram(self):
        """The array with the Gram matrix mirrored over the sums."""
        for start in range(0, len(self), BLOCK):
            stop = min(start + BLOCK, len(self))
            self.array[start:stop, stop:] = self.array[stop:, start:stop].T
            corner = self.array[start:stop, start:stop]
            upper = np.triu_indices(len(corner), 1)
            corner[upper] = corner.T[upper]
        return self.array

    def gradient(self, kernel, coef):
        """Gradient of an expansion at all of its own centres, shape (n_outputs, n, d), from the sums."""
        x = self.prepared[0]
        n = len(self)
        coef = np.ascontiguousarray(coef_columns(coef, x.points).T)
        collect = kernel.accumulator(x, x, coef, coef)
        profile, same = kernel.profile(x.points.n_coordinates), kernel.same_sum(x.same)
        workspace = Workspace(n, n, kernel.budget.tile, self.array.dtype)
        with kernel.team(n * n // 2, x) as team:
            for rows, columns in tiles(n, n, kernel.budget.tile, upper=True):
                W = workspace.tile(rows, columns)
                team.share(profile.weight_rows, len(W), self.array, rows.start, columns.start, True, same, W)
                collect.add(team, rows, columns, W, both=True)
        return collect.gradient()
