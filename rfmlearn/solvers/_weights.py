"""Weights of rows, and what is left out together."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ..runtime._budget import LARGEST_RIDGE, LARGEST_UNIT, MOST_REPETITIONS


@dataclass(frozen=True, kw_only=True)
class Weights:
    """How much each row counts, and which rows are left out together where models are compared.

    A weight is a repetition of its row in everything that is computed. Where rows are left out, it matters what a
    weight means: whole numbers are repetitions, of which one is left out at a time, as if the rows were there so often.
    Other weights say how important rows are, and a row is left out with all its weight: the rest of it would give the
    answer away. Of rows in one group all are left out together.

    Attributes
    ----------
    total : ndarray of shape (n,)
        In losses and ridges: weights of rows times those of their classes, in units of `unit`, so that they add up to
        the number of rows. Positive.
    rows : ndarray of shape (n,)
        As many rows as each stands for: whole numbers as they are, others divided by their mean.
    groups : ndarray of int of shape (n,) or None
        The group of each row; None leaves rows out on their own.
    are_repetitions : bool
        Whether all weights of rows were whole numbers.
    unit : float
        The weight of an average row, by which the user's weights were divided. It is 1 where they are repetitions and
        classes have no weights.
    """

    total: np.ndarray
    rows: np.ndarray
    groups: np.ndarray | None
    are_repetitions: bool
    unit: float = 1.0

    @classmethod
    def of(cls, rows, factors=1.0, groups=None):
        """Weights of rows, factors of their classes, and any labels of groups."""
        weights = np.asarray(rows, dtype=np.float64)
        # Nobody repeats a row a billion times, and of the largest floats all are whole.
        are_repetitions = bool(np.all(weights == np.round(weights)) and weights.max() <= MOST_REPETITIONS)
        n_rows = weights.sum() if are_repetitions else np.count_nonzero(weights)
        row_unit = float(weights.sum() / n_rows)
        rows = weights / row_unit
        factor_unit = float(np.sum(rows * factors) / n_rows)
        return cls(
            total=rows * (factors / factor_unit),
            rows=rows,
            groups=None if groups is None else _codes(groups),
            are_repetitions=are_repetitions,
            unit=min(max(row_unit * factor_unit, 1 / LARGEST_UNIT), LARGEST_UNIT),
        )

    def outside(self, rows):
        """The same of some rows, all of each of their groups, that are left out of a system of all rows."""
        groups = None if self.groups is None else self.groups[rows]
        return replace(self, total=self.total[rows], rows=self.rows[rows], groups=groups)

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, rows):
        """The same of a system of some rows; what whole numbers mean stays."""
        part = self.outside(rows)
        return part if part.groups is None else replace(part, groups=_codes(part.groups))

    def ridge(self, alpha):
        """What is added to the diagonal of the Gram matrix, alpha by the user's weights, but never more than 1e15."""
        with np.errstate(over="ignore"):
            return np.minimum(alpha / self.unit / self.total, LARGEST_RIDGE)

    def mean_square(self, errors):
        """Weighted mean over rows of squared errors summed over outputs; errors of shape (n, n_outputs)."""
        return float(np.average(np.einsum("ij,ij->i", errors, errors), weights=self.total))

    def left_out_share(self):
        """Share of each row's weight that is left out at a time."""
        return 1.0 / np.maximum(self.rows, 1.0) if self.are_repetitions else np.ones(len(self))

    def sets_left_out(self):
        """For each group the places of its rows; there must be groups."""
        assert self.groups is not None, "rows are left out on their own"
        order = np.argsort(self.groups, kind="stable")
        return np.split(order, np.flatnonzero(np.diff(self.groups[order])) + 1)


def _codes(groups):
    """Integers from 0 for the groups that there are; None for one alone, without which there would be nothing left."""
    labels, codes = np.unique(groups, return_inverse=True)
    return codes.reshape(-1) if len(labels) > 1 else None
