"""A balanced tree of the input, in flat arrays: which local machine sees which rows."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ..kernels import Points
from ..runtime._large_budget import ROWS_OF_DOUBT, SMALLEST_SIDE, SPLIT_ROWS, SPLIT_SHARE, UNEVEN_SHARE


@dataclass(frozen=True, kw_only=True)
class Tree:
    """Splits of points by one coordinate or category at a time.

    A row goes left where its number, or the rank of its category, is at most the threshold. Training rows and new ones
    take the same way, ties included.

    Parameters
    ----------
    column : ndarray of int of shape (n_nodes,)
        Numeric coordinate that is looked at; beyond them, the number of numeric ones plus that of a category.
    threshold : ndarray of shape (n_nodes,)
        In the scaled coordinates.
    children : ndarray of int of shape (n_nodes, 2)
        Left and right: a node, or ``-1 - leaf``.
    first_rank : ndarray of int of shape (n_nodes,)
        Where in `ranks` the ranks of the category's levels begin; -1 for a number.
    ranks : ndarray
        Of a category's levels, by the average of the targets in the node; levels not seen there are in the middle.
    n_leaves : int
    """

    column: np.ndarray
    threshold: np.ndarray
    children: np.ndarray
    first_rank: np.ndarray
    ranks: np.ndarray
    n_leaves: int

    def leaves(self, points: Points):
        """The leaf of each point, shape (m,), at O(m depth) operations."""
        found = np.zeros(len(points), dtype=np.intp)
        if not len(self.column):
            return found
        pending = [(0, np.arange(len(points)))]
        while pending:
            node, rows = pending.pop()
            goes_left = self._values(node, points, rows) <= self.threshold[node]
            for child, part in zip(self.children[node], (rows[goes_left], rows[~goes_left]), strict=True):
                if child < 0:
                    found[part] = -1 - child
                elif len(part):
                    pending.append((child, part))
        return found

    def _values(self, node, points, rows):
        column, start = self.column[node], self.first_rank[node]
        n_numeric = points.numeric.shape[1]
        if start < 0:
            return points.numeric[rows, column]
        return self.ranks[start + points.codes[rows, column - n_numeric]]

    @property
    def nbytes(self):
        """Size of its arrays in bytes."""
        return sum(a.nbytes for a in (self.column, self.threshold, self.children, self.first_rank, self.ranks))


@dataclass(frozen=True, kw_only=True)
class WrittenOutTree(Tree):
    """The same tree for points whose categories are written out as numbers: of each, the level that counts most.

    Parameters
    ----------
    widths : tuple of int
        Of the blocks of the points: numbers, then categories.
    dtype : dtype
        In which numbers are compared.
    """

    widths: tuple[int, ...]
    dtype: np.dtype

    @classmethod
    def of(cls, tree, widths, dtype):
        """A tree, written out."""
        return cls(**vars(tree), widths=widths, dtype=dtype)

    def leaves(self, points: Points):
        """The leaf of each point, shape (m,)."""
        numeric, *indicators = np.split(points.numeric, np.cumsum(self.widths[:-1]), axis=1)
        codes = np.empty((len(points), len(indicators)), dtype=np.int32)
        for g, part in enumerate(indicators):
            codes[:, g] = np.where(part.any(axis=1), part.argmax(axis=1), part.shape[1])
        return super().leaves(Points(numeric.astype(self.dtype, copy=False), codes))


@dataclass(frozen=True)
class _Split:
    spread: float
    column: int
    threshold: float
    ranks: np.ndarray | None
    goes_left: np.ndarray


class TreeGrower:
    """Grows a tree until no leaf has more than so many rows.

    Each node looks at a random half of the columns, and splits by the one along which its rows are spread most in the
    learned metric, at a random quantile near the median. Where a kernel sees rows far apart they have the least to say
    to each other; and trees of one table differ, so that their average has no steps where one of them has a boundary.

    Parameters
    ----------
    points : Points
        In scaled coordinates.
    metric : ndarray of shape (n_coordinates,)
        Diagonal of the feature matrix.
    targets : ndarray of shape (n, n_outputs)
        Their averages order the levels of categories.
    weights : ndarray of shape (n,)
    decides : ndarray of bool of shape (n,)
        Rows whose targets may be looked at.
    leaf_rows : int
        Most rows of a leaf.
    rng : numpy.random.RandomState
    """

    def __init__(self, points, metric, targets, weights, decides, leaf_rows, rng):
        self._points, self._targets, self._weights, self._decides = points, targets, weights, decides
        self._leaf_rows, self._rng = leaf_rows, rng
        self._n_numeric = points.numeric.shape[1]
        self._metric = np.split(metric, np.cumsum(points.widths[:-1]))
        self._nodes: list[list] = []
        self._ranks: list[np.ndarray] = []
        self._n_ranks = 0

    def grow(self):
        """The tree, and for each leaf its rows, in ascending order."""
        leaves = list[np.ndarray]()
        pending: list[tuple] = [(np.arange(len(self._points)), None, 0)]
        while pending:
            rows, parent, side = pending.pop()
            split = self._split(rows) if len(rows) > self._leaf_rows else None
            if split is None:
                child = -1 - len(leaves)
                leaves.append(rows)
            else:
                child = len(self._nodes)
                first_rank = -1
                if split.ranks is not None:
                    first_rank, self._n_ranks = self._n_ranks, self._n_ranks + len(split.ranks)
                    self._ranks.append(split.ranks)
                self._nodes.append([split.column, split.threshold, [0, 0], first_rank])
                pending.append((rows[~split.goes_left], child, 1))
                pending.append((rows[split.goes_left], child, 0))
            if parent is not None:
                self._nodes[parent][2][side] = child
        nodes = self._nodes
        tree = Tree(
            column=np.array([node[0] for node in nodes], dtype=np.int32),
            threshold=np.array([node[1] for node in nodes], dtype=np.float64),
            children=np.array([node[2] for node in nodes], dtype=np.int32).reshape(-1, 2),
            first_rank=np.array([node[3] for node in nodes], dtype=np.int32),
            ranks=np.concatenate([*self._ranks, np.empty(0, dtype=np.float32)]),
            n_leaves=len(leaves),
        )
        return tree, leaves

    def _split(self, rows):
        """The best split of the columns that are looked at; of all, if none of these splits; None if no column does.

        Where most rows have the same values everywhere, those of others are split off, if there are enough of them.
        """
        n_columns = self._n_numeric + self._points.codes.shape[1]
        order = self._rng.permutation(n_columns)
        quantile = self._rng.uniform(0.5 - SPLIT_SHARE, 0.5 + SPLIT_SHARE)
        seen = rows[self._decides[rows]]
        if len(seen) > SPLIT_ROWS:
            seen = np.sort(self._rng.choice(seen, SPLIT_ROWS, replace=False))
        if not len(seen):
            return None
        half = -(-n_columns // 2)
        uneven = min(SMALLEST_SIDE, UNEVEN_SHARE * self._leaf_rows / len(rows))
        for columns, least in ((order[:half], SMALLEST_SIDE), (order[half:], SMALLEST_SIDE), (order, uneven)):
            tried = (self._try(column, seen, quantile, least) for column in columns)
            splits = [split for split in tried if split is not None]
            for split in sorted(splits, key=lambda split: -split.spread):
                goes_left = self._values(split.column, split.ranks, rows) <= split.threshold
                if _is_balanced(goes_left, least):
                    return replace(split, goes_left=goes_left)
        return None

    def _values(self, column, ranks, rows):
        if column < self._n_numeric:
            return self._points.numeric[rows, column]
        return ranks[self._points.codes[rows, column - self._n_numeric]]

    def _try(self, column, rows, quantile, least):
        """The split of rows by a column; None if one side is less than a share, or the metric does not see it."""
        spread = self._spread(column, rows)
        if not spread > 0:
            return None
        ranks = self._rank_levels(column, rows)
        values = self._values(column, ranks, rows)
        threshold = np.partition(values, k := int(quantile * (len(values) - 1)))[k]
        goes_left = values <= threshold
        if not _is_balanced(goes_left, least) and (values < threshold).any():
            # Many rows have the value of the quantile: they go together, to the right then.
            threshold = np.max(values[values < threshold])
            goes_left = values <= threshold
        if not _is_balanced(goes_left, least):
            return None
        return _Split(spread, column, float(threshold), ranks, goes_left)

    def _spread(self, column, rows):
        """Variance of the rows along a column in the learned metric, that of a category over all of its levels."""
        if column < self._n_numeric:
            return float(self._metric[0][column] * np.var(self._points.numeric[rows, column], dtype=np.float64))
        metric = self._metric[1 + column - self._n_numeric]
        counts = np.bincount(self._points.codes[rows, column - self._n_numeric], minlength=len(metric) + 1)
        share = counts[: len(metric)] / len(rows)
        return float(np.sum(metric * share * (1 - share)))

    def _rank_levels(self, column, rows):
        """Ranks of a category's levels, by the first principal direction of their mean targets; None for numbers."""
        if column < self._n_numeric:
            return None
        codes = self._points.codes[rows, column - self._n_numeric]
        n_levels = self._points.levels[column - self._n_numeric].shape[-1] + 1
        weights, targets = self._weights[rows], self._targets[rows]
        totals = np.bincount(codes, weights=weights, minlength=n_levels)
        mean = weights @ targets / weights.sum()
        columns = [np.bincount(codes, weights=weights * column, minlength=n_levels) for column in (targets - mean).T]
        # As if a few more rows had the mean of the node, lest levels of few rows come first and last.
        means = np.stack(columns, axis=1) / (totals + ROWS_OF_DOUBT * weights.mean())[:, None]
        if means.shape[1] == 1:
            scores = means[:, 0]
        else:
            covariance = (totals[:, None] * means).T @ means
            scores = means @ np.linalg.eigh(covariance)[1][:, -1]
        return scores.astype(np.float32)


def _is_balanced(goes_left, least):
    share = np.count_nonzero(goes_left) / len(goes_left)
    return least <= share <= 1 - least
