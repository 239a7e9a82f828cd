"""All rows of a large fit where they are: it answers what `rfmlearn.large` asks of rows in memory."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from dask.sizeof import sizeof

from ..kernels import Points
from ..kernels._reach import check_coordinates
from ..large._landmarks import NormalEquations
from ..large._rows import LeafPlan, RowsHere, join_points
from ..runtime._large_budget import FEWEST_BUCKETS, MOST_PIECES
from ..solvers import Weights
from ..tables._frames import check_table
from ._run import Run, one_thread
from ._table import outcomes, split_rows


@dataclass(frozen=True, kw_only=True)
class RowsOnCluster:
    """All rows as partitions on workers, of which the client knows the weights; see `RowsHere`.

    Parameters
    ----------
    run : Run
    parts : list of Future
        Of `RowsHere`.
    starts : ndarray of int of shape (n_parts + 1,)
        Where the rows of each part begin.
    weights : Weights
        Of all rows.
    n_outputs : int
    matrix : Future, default=None
        Of the feature matrix that makes centres of points, whenever these are needed.
    residuals : list of Future, default=None
        For each part the pair of its residuals.
    """

    run: Run
    parts: list
    starts: np.ndarray
    weights: Weights
    n_outputs: int
    matrix: object = None
    residuals: list | None = None

    @classmethod
    def encoded(cls, table, encoder, target, weights, chunk_rows, seen=None):
        """The rows of a table, in parts of as many rows, whatever the partitions are.

        Parameters
        ----------
        table : Table
        encoder : ColumnEncoder
            Fitted.
        target : Target
            Fitted.
        weights : Weights
        chunk_rows : int
        seen : tuple (rows, Points), default=None
            Rows whose points differ from what the encoder would make of them now.
        """
        run, starts = table.run, table.starts
        settings = run.constant((encoder, target, table.labels))
        known = [None] * len(table.partitions)
        if seen is not None:
            at = np.searchsorted(seen[0], starts)
            for number, places in split_rows(seen[0], starts):
                known[number] = places, seen[1].numeric[at[number] : at[number + 1]]
        parts_of_weights = [_slice(weights, *edges) for edges in pairwise(starts)]
        encoded = run.each(_encode, table.partitions, [settings] * len(known), parts_of_weights, known)
        parts, edges = [], np.minimum(np.arange(0, len(table) + chunk_rows, chunk_rows), len(table))
        for start, stop in pairwise(edges):
            met = range(np.searchsorted(starts, start, "right") - 1, np.searchsorted(starts, stop))
            slices = [(max(start - starts[i], 0), min(stop, starts[i + 1]) - starts[i]) for i in met]
            parts.append(run.submit(_join, [encoded[i] for i in met], slices))
        n_outputs = target.encode(table.outcomes[:1]).shape[1]
        return cls(run=run, parts=parts, starts=edges, weights=weights, n_outputs=n_outputs)

    def __len__(self):
        return int(self.starts[-1])

    def take(self, rows):
        """Points of some rows, in ascending order, in original coordinates, and their targets."""
        points, targets = zip(*self._at(rows, _take, None), strict=True)
        return join_points(points), np.concatenate(targets)

    def astype(self, dtype):
        """The same in a precision; the parts of before are forgotten."""
        dtypes = [np.dtype(dtype).name] * len(self.parts)
        return replace(self, parts=self.run.each(_cast, self.parts, dtypes))

    def transformed(self, matrix):
        """The same, with centres in the coordinates of a feature matrix."""
        return replace(self, matrix=self.run.constant(matrix), residuals=None)

    def centers_of(self, rows):
        """Centres of some rows, in ascending order."""
        points, _ = zip(*self._at(rows, _take, self.matrix), strict=True)
        return join_points(points)

    def all_centers(self):
        """Centres of all rows, in their order, in the memory of the client."""
        centers, futures = None, self.run.each(_centers, self.parts, [self.matrix] * len(self.parts))
        for start, part in zip(self.starts, self.run.results(futures), strict=False):
            if centers is None:
                shapes = [(len(self), values.shape[1]) for values in (part.numeric, part.codes)]
                centers = Points(np.empty(shapes[0], part.dtype), np.empty(shapes[1], np.int32), part.levels)
            centers.numeric[start : start + len(part)] = part.numeric
            centers.codes[start : start + len(part)] = part.codes
        return centers

    def some(self, rows):
        """Some rows, in ascending order, as rows in this process."""
        (points, targets), centers = self.take(rows), self.centers_of(rows)
        return RowsHere(points=points, targets=targets, weights=self.weights[rows], centers=centers)

    def _at(self, rows, function, matrix):
        futures = [
            self.run.submit(function, self.parts[number], matrix, places)
            for number, places in split_rows(rows, self.starts)
        ]
        return list(self.run.results(futures))

    def sum_equations(self, kernel, landmarks, without, chunk_rows, tell):
        """Normal equations of landmarks, summed over all rows but some.

        Those of the parts are added where they are, in their order: so rounding is that of rows in memory.
        """
        machine, n_parts = self.run.constant((kernel, landmarks)), len(self.parts)
        left_out = dict(split_rows(np.asarray(without), self.starts))
        columns = [self.matrix] * n_parts, [machine] * n_parts, [left_out.get(i, []) for i in range(n_parts)]
        futures = self.run.each(_sum_equations, self.parts, *columns)
        total = self.run.fold(_add_equations, futures).result()
        tell(n_parts, n_parts)
        # Results of others may not be written to.
        return NormalEquations(total.square.copy(order="F"), total.right.copy())

    def with_residuals(self, kernel, landmarks, coef, coef_without):
        """The same, and what machines of landmarks leave: one of all rows, and one without those held out."""
        machine = self.run.constant((kernel, landmarks, coef, coef_without))
        n_parts = len(self.parts)
        return replace(
            self, residuals=self.run.each(_residuals, self.parts, [self.matrix] * n_parts, [machine] * n_parts)
        )

    def leaves(self, tree):
        """The leaf of each row."""
        futures = self.run.each(_leaves, self.parts, [self.run.constant(tree)] * len(self.parts))
        return np.concatenate(list(self.run.results(futures)))

    def fit_leaves(self, plan: LeafPlan):
        """What the fit of each leaf has found, in their order, as they come, in a ``with`` statement.

        Every partition is split into pieces for the tasks, each of which fits one leaf, or of very many leaves some.
        """
        edges = _bucket_edges(plan.starts, max(FEWEST_BUCKETS, MOST_PIECES // len(self.parts)))
        residuals = (self.residuals if plan.on_residuals else None) or [None] * len(self.parts)
        pieces = []
        for number, (part, rest) in enumerate(zip(self.parts, residuals, strict=True)):
            leaves = plan.leaves[self.starts[number] : self.starts[number + 1]].astype(np.int32)
            split = self.run.submit(_split, part, rest, self.matrix, leaves, edges)
            # A partition has nothing for most of very many tasks.
            met = np.flatnonzero(np.bincount(np.searchsorted(edges, leaves, "right") - 1, minlength=len(edges) - 1))
            pieces.append({int(b): self.run.submit(_piece, split, int(b)) for b in met})
        futures = []
        for bucket, (first, last) in enumerate(pairwise(edges)):
            mine = [by_bucket.pop(bucket) for by_bucket in pieces if bucket in by_bucket]
            futures.append(self.run.submit(_fit_leaves, mine, plan.part(first, last)))
        return closing(found for part in self.run.results(futures) for found in part)


def _bucket_edges(starts, n_tasks):
    """First leaves of tasks, and the number of leaves: at most so many tasks, each of one leaf or more."""
    enough, edges = starts[-1] / n_tasks, [0]
    for leaf in range(1, len(starts)):
        if starts[leaf] - starts[edges[-1]] >= enough or leaf == len(starts) - 1:
            edges.append(leaf)
    return np.array(edges)


def _slice(weights, start, stop):
    """Weights of a part, those of which nothing is known but the units if all are one."""
    part = weights[slice(start, stop)]
    return _bare(weights) if (part.total == 1).all() and (part.rows == 1).all() else part


def _bare(weights):
    return weights[:0]


def _with_ones(weights, n_rows):
    if len(weights) == n_rows:
        return weights
    return replace(weights, total=np.ones(n_rows), rows=np.ones(n_rows), replicated=np.zeros(n_rows, dtype=bool))


def _encode(partition, settings, weights, known):
    """Points, targets and weights of a partition."""
    encoder, target, labels = settings
    points = encoder.transform(check_table(partition.X), known=True)
    check_coordinates(points, encoder.coordinate_names_, np.float32)
    if known is not None:
        points.numeric[known[0]] = known[1]
    y = outcomes(partition.y) if labels is None else np.searchsorted(labels, partition.y)
    return RowsHere(points=points, targets=target.encode(y), weights=_with_ones(weights, len(y)))


def _cast(part, dtype):
    return part.astype(dtype)


def _centers(part, matrix):
    return part.points if matrix is None else matrix.transform(part.points)


def _take(part, matrix, rows):
    return _centers(part, matrix)[rows], part.targets[rows]


def _join(parts, slices):
    """Rows of parts that follow each other, a slice of each, as one part."""
    chosen = [(part, slice(*edges)) for part, edges in zip(parts, slices, strict=True)]
    return RowsHere(
        points=join_points([part.points[rows] for part, rows in chosen]),
        targets=np.concatenate([part.targets[rows] for part, rows in chosen]),
        weights=_join_weights([part.weights[rows] for part, rows in chosen]),
    )


def _join_weights(parts):
    columns = {name: np.concatenate([getattr(p, name) for p in parts]) for name in ("total", "rows", "replicated")}
    return replace(parts[0], **columns)


@one_thread
def _sum_equations(part, matrix, machine, without):
    return part.transformed(matrix).sum_equations(*machine, without, len(part), lambda done, total: None)


def _add_equations(parts):
    total = NormalEquations(parts[0].square.copy(order="F"), parts[0].right.copy())
    for part in parts[1:]:
        total.add(part)
    return total


@one_thread
def _residuals(part, matrix, machine):
    rows = part.transformed(matrix).with_residuals(*machine)
    return rows.residuals, rows.held_residuals


def _leaves(part, tree):
    return part.leaves(tree).astype(np.int32)


def _split(part, residuals, matrix, leaves, edges):
    """What a partition has for each task, a leaf after another: centres, targets, weights, leaves."""
    order = np.argsort(leaves, kind="stable")
    centers, leaves = _centers(part, matrix)[order], leaves[order]
    targets, held_targets = (part.targets, part.targets) if residuals is None else residuals
    at, pieces = np.searchsorted(leaves, edges), []
    for rows in map(slice, at[:-1], at[1:]):
        chosen = order[rows]
        pieces.append((centers[rows], part.weights[chosen], targets[chosen], held_targets[chosen], leaves[rows]))
    return pieces


def _piece(pieces, number):
    return pieces[number]


@one_thread
def _fit_leaves(pieces, plan):
    """Fit the leaves of a task, whose rows come from partitions in their order."""
    columns = list(zip(*pieces, strict=True))
    points, weights, found = join_points(columns[0]), _join_weights(columns[1]), []
    targets, held_targets, leaves = (np.concatenate(column) for column in columns[2:])
    for leaf in range(plan.n_leaves):
        rows = np.flatnonzero(leaves == plan.first + leaf)
        rows = rows[plan.orders[leaf]] if leaf in plan.orders else rows
        found.append(plan.task(leaf, rows, points, targets, weights, held_targets)())
    return found


# By their sizes workers know when to write what they hold to disk.
@sizeof.register(Points)
@sizeof.register(RowsHere)
@sizeof.register(NormalEquations)
@sizeof.register(Weights)
def _size(value):
    return sum(sizeof(part) for part in vars(value).values() if part is not None)
