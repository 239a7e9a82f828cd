"""How far targets lie from what a large machine predicts: errors of rows left out, leaf by leaf."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..kernels import Points
from ..kernels._reach import in_precision
from ..recursion._left_out import LeftOut
from ..runtime._large_budget import FEWEST_ERRORS
from ._parts import LargeMachine, LocalPart
from ._tree import Tree


@dataclass(frozen=True, kw_only=True)
class LeafDeviation:
    """Deviations of coded targets at points, one for each leaf of a tree.

    In a leaf with n errors e of rows left out it is ``sqrt((sum e^2 + k s^2) / (n + k))``, where s^2 is the mean square
    of all errors, and k = 30 rows of it keep leaves of few from extremes.

    Parameters
    ----------
    tree : Tree or None
        None has one leaf.
    values : ndarray of shape (n_leaves, n_outputs)
    dtype : str
        Precision in which points are compared with thresholds.
    left_out : LeftOut
        The errors, and what is said of their sizes, which these errors have a small part in.
    """

    tree: Tree | None
    values: np.ndarray
    dtype: str
    left_out: LeftOut

    @classmethod
    def of(cls, machine: LargeMachine, rows, residuals, weights):
        """From the residuals of training rows that were left out, and their `Weights`."""
        local = next((part for part in machine.parts if isinstance(part, LocalPart)), None)
        leaves = np.zeros(len(rows), dtype=np.intp) if local is None else local.leaves_of_centers()[rows]
        n_leaves = 1 if local is None else local.tree.n_leaves
        share, squares = weights.total / weights.total.mean(), residuals**2
        overall = np.average(squares, axis=0, weights=share)
        totals = np.bincount(leaves, weights=share, minlength=n_leaves)[:, None]
        columns = [np.bincount(leaves, weights=share * column, minlength=n_leaves) for column in squares.T]
        sums = np.stack(columns, axis=1)
        values = np.sqrt((sums + FEWEST_ERRORS * overall) / (totals + FEWEST_ERRORS))
        order = np.argsort(rows)
        left_out = LeftOut(
            rows=rows[order], errors=residuals[order], weights=weights[order], deviations=values[leaves[order]]
        )
        tree = None if local is None else local.tree
        return cls(tree=tree, values=values, dtype=machine.centers.dtype.name, left_out=left_out)

    def __call__(self, points: Points):
        """Deviations at points in original coordinates, shape (m, n_outputs)."""
        if self.tree is None:
            return np.repeat(self.values, len(points), axis=0)
        return self.values[self.tree.leaves(in_precision(points, self.dtype))]
