"""All rows of a large fit, and what is asked of them: answered here, or by `rfmlearn.dask` where they are."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from ..kernels import Kernel, Points
from ..runtime._spread import spread
from ..solvers import Weights
from ._landmarks import NormalEquations
from ._leaf import LeafTask


@dataclass(frozen=True, kw_only=True)
class LeafPlan:
    """How the rows are divided among the leaves of a tree, and what the machines of these have in common.

    Attributes
    ----------
    most : int
        Rows of a machine. Of a leaf that has more, which no column divides, some stand for all.
    rows : ndarray of int of shape (n,)
        Rows of all leaves, one leaf after another, in ascending order in each; those of a leaf with too many at random.
    orders : dict of int to ndarray
        For each such leaf the places of its rows in ascending order.
    starts : ndarray of int of shape (n_leaves + 1,)
        Where each leaf begins in `rows`.
    leaves : ndarray of int of shape (n,)
        The leaf of each row.
    held_out : list of ndarray of int
        For each leaf the places among its rows of those for which it is asked what is predicted by a machine of others.
    seeds : ndarray of int of shape (n_leaves,)
    on_residuals : bool
        Whether machines are fitted to what the global one leaves.
    settings : dict
        Of all tasks: ``kernel``, ``adaptive``, ``alpha``, ``start``.
    first : int, default=0
        Number of the first leaf, where there are only some.
    """

    most: int
    rows: np.ndarray
    orders: dict[int, np.ndarray]
    starts: np.ndarray
    leaves: np.ndarray
    held_out: list[np.ndarray]
    seeds: np.ndarray
    on_residuals: bool
    settings: dict
    first: int = 0

    @classmethod
    def of(cls, leaves, n_leaves, held_out, most, rng, **others):
        """From the leaf of each row, and the rows that are held out; the rest as in the class."""
        is_held_out = np.zeros(len(leaves), dtype=bool)
        is_held_out[held_out] = True
        rows = np.argsort(leaves, kind="stable").astype(np.int32)
        starts = np.cumsum([0, *np.bincount(leaves, minlength=n_leaves)])
        orders = dict[int, np.ndarray]()
        for leaf in np.flatnonzero(np.diff(starts) > most).tolist():
            part = slice(starts[leaf], starts[leaf + 1])
            orders[leaf] = rng.permutation(part.stop - part.start)
            rows[part] = rows[part][orders[leaf]]
        places = [np.flatnonzero(part) for part in np.split(is_held_out[rows], starts[1:-1])]
        seeds = rng.randint(2**31 - 1, size=n_leaves)
        found = {"rows": rows, "orders": orders, "starts": starts, "held_out": places, "seeds": seeds}
        return cls(leaves=leaves, most=most, **found, **others)

    def part(self, first, last):
        """The same of some leaves that follow each other, without the numbers of rows."""
        none = np.empty(0, dtype=np.int32)
        return replace(
            self,
            rows=none,
            leaves=none,
            orders={leaf - first: order for leaf, order in self.orders.items() if first <= leaf < last},
            starts=self.starts[first : last + 1],
            held_out=self.held_out[first:last],
            seeds=self.seeds[first:last],
            first=self.first + first,
        )

    @property
    def n_leaves(self):
        return len(self.seeds)

    def rows_of(self, leaf):
        """Rows of a leaf."""
        return self.rows[self.starts[leaf] : self.starts[leaf + 1]]

    def asked(self, leaf):
        """Rows of a leaf for which it is asked what is predicted by a machine of others."""
        return self.rows_of(leaf)[self.held_out[leaf]]

    def task(self, leaf, rows, centers, targets, weights, held_targets):
        """The task that fits the machine of a leaf; its rows are those of what is given."""
        places, rows_of_machine = self.held_out[leaf], rows[: self.most]
        return LeafTask(
            points=centers[rows_of_machine],
            targets=targets[rows_of_machine],
            weights=weights[rows_of_machine],
            held_out=places[places < self.most],
            held_targets=held_targets[rows_of_machine],
            beyond=centers[rows[places[places >= self.most]]],
            seed=int(self.seeds[leaf]),
            **self.settings,
        )


@dataclass(frozen=True, kw_only=True)
class RowsHere:
    """All rows in the memory of this process.

    Parameters
    ----------
    points : Points
        In original coordinates.
    targets : ndarray of shape (n, n_outputs)
    weights : Weights
    centers : Points, default=None
        In those of a feature matrix, once there is one.
    residuals, held_residuals : ndarray of shape (n, n_outputs), default=None
        What the global machine leaves, and what one leaves that has not seen the rows held out.
    """

    points: Points
    targets: np.ndarray
    weights: Weights
    centers: Points | None = None
    residuals: np.ndarray | None = None
    held_residuals: np.ndarray | None = None

    def __len__(self):
        return len(self.points)

    @property
    def n_outputs(self):
        return self.targets.shape[1]

    def take(self, rows):
        """Points of some rows, in ascending order, in original coordinates, and their targets."""
        return self.points[rows], self.targets[rows]

    def astype(self, dtype):
        """The same in a precision."""
        return replace(self, points=self.points.astype(dtype))

    def transformed(self, matrix):
        """The same, with centres in the coordinates of a feature matrix."""
        return replace(self, centers=matrix.transform(self.points))

    def centers_of(self, rows):
        """Centres of some rows, in ascending order."""
        assert self.centers is not None, "there is a feature matrix"
        return self.centers[rows]

    def all_centers(self):
        """Centres of all rows, in their order."""
        return self.centers

    def some(self, rows):
        """Some rows, in ascending order, as rows in this process."""
        targets, weights = self.targets[rows], self.weights[rows]
        return RowsHere(points=self.points[rows], targets=targets, weights=weights, centers=self.centers_of(rows))

    def sum_equations(self, kernel: Kernel, landmarks: Points, without, chunk_rows, tell):
        """Normal equations of landmarks, summed over all rows but some.

        Parameters
        ----------
        kernel : Kernel
        landmarks : Points
        without : ndarray of int
            Rows that do not count.
        chunk_rows : int
            So many rows that follow each other are summed by one task, and sums are added in their order.
        tell : callable
            Called with the number of tasks done, and of all.
        """
        counts = np.ones(len(self), dtype=bool)
        counts[without] = False
        n_tasks = -(-len(self) // chunk_rows)

        def make_task(number):
            start = number * chunk_rows
            rows = start + np.flatnonzero(counts[start : start + chunk_rows])
            arguments = kernel, landmarks, self.centers_of(rows), self.targets[rows], self.weights.total[rows]
            return partial(NormalEquations.of, *arguments)

        total = None
        with spread(make_task, n_tasks) as parts:
            for number, equations in enumerate(parts):
                total = equations if total is None else total.add(equations)
                tell(number + 1, n_tasks)
        return total

    def with_residuals(self, kernel: Kernel, landmarks: Points, coef, coef_without):
        """The same, and what machines of landmarks leave: one of all rows, and one without those held out."""
        both = kernel.product(landmarks, np.hstack([coef, coef_without]), self.centers).astype(np.float64)
        fitted, without = np.split(both, 2, axis=1)
        return replace(self, residuals=self.targets - fitted, held_residuals=self.targets - without)

    def targets_of(self, on_residuals):
        """What machines are fitted to, and what they would be fitted to without the rows held out."""
        if not on_residuals:
            return self.targets, self.targets
        assert self.residuals is not None and self.held_residuals is not None, "there is a global machine"
        return self.residuals, self.held_residuals

    def leaves(self, tree):
        """The leaf of each row."""
        return tree.leaves(self.points)

    def fit_leaves(self, plan: LeafPlan):
        """What the fit of each leaf has found, in their order, as they come, in a ``with`` statement as of `spread`."""
        targets, held_targets = self.targets_of(plan.on_residuals)

        def make_task(leaf):
            return plan.task(leaf, plan.rows_of(leaf), self.centers, targets, self.weights, held_targets)

        return spread(make_task, plan.n_leaves)


def join_points(parts):
    """Points one after another, which share the levels of their categories."""
    if len(parts) == 1:
        return parts[0]
    numeric, codes = (np.concatenate([getattr(part, name) for part in parts]) for name in ("numeric", "codes"))
    return Points(numeric, codes, parts[0].levels)
