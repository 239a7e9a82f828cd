"""Weights of rows, and what is left out together."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ..runtime._budget import LARGEST_RIDGE, LARGEST_UNIT, MOST_REPETITIONS


@dataclass(frozen=True, kw_only=True)
class Weights:
    """How much each row counts, and which rows are left out together where models are compared.

    A weight is a repetition of its row in everything that is computed. Where rows are left out, a row is left out with
    all its weight: the rest of it would give the answer away. Only of replicates one is left out at a time, if weights
    are whole numbers. Of rows in one group all are left out together.

    Attributes
    ----------
    total : ndarray of shape (n,)
        In losses and ridges: weights of rows times those of their classes, in units of `unit`. Positive.
    rows : ndarray of shape (n,)
        As many rows as each stands for: whole numbers as they are, others divided by their mean.
    groups : ndarray of int of shape (n,) or None
        The group of each row; None leaves rows out on their own.
    replicated : ndarray of bool of shape (n,)
        Whether a row's weight is that of replicates, all of which happen to have the same outcome.
    are_repetitions : bool
        Whether all weights of rows were whole numbers.
    repeats : float
        Weight of one replicate.
    unit : float
        The weight of what is left out at a time, on average, by which the user's weights were divided: it counts as one
        row, so that a factor common to all of them changes nothing. It is 1 where no row has a weight.
    row_unit : float
        The same of `rows`.
    """

    total: np.ndarray
    rows: np.ndarray
    groups: np.ndarray | None
    replicated: np.ndarray
    are_repetitions: bool
    repeats: float = 1.0
    unit: float = 1.0
    row_unit: float = 1.0

    @classmethod
    def of(cls, rows, factors=1.0, groups=None):
        """Weights of rows, factors of their classes, and any labels of groups."""
        weights, factors = np.asarray(rows, dtype=np.float64), np.asarray(factors, dtype=np.float64)
        # Nobody repeats a row a billion times, and of the largest floats all are whole.
        are_repetitions = bool(np.all(weights == np.round(weights)) and weights.max() <= MOST_REPETITIONS)
        unit = 1.0 if are_repetitions else _positive_mean(weights)
        rows, scale = weights / unit, float(np.max(factors))  # an array of its own
        parts = cls(
            total=rows * (factors / scale),
            rows=rows,
            groups=None if groups is None else _codes(groups),
            replicated=np.zeros(len(rows), dtype=bool),
            are_repetitions=are_repetitions,
            unit=unit * scale,
        )
        return parts._in_units()

    def _in_units(self):
        """Divide by what is left out at a time: one piece of replicates, all of others."""
        pieces = self._pieces() if self.replicated.any() else 1.0
        unit, row_unit = (_positive_mean(weights, pieces) for weights in (self.total, self.rows))
        all_in_all = min(max(self.unit * unit, 1 / LARGEST_UNIT), LARGEST_UNIT)
        return replace(self, total=_over(self.total, unit), unit=all_in_all, row_unit=row_unit)

    def with_copies(self, copies):
        """The same, and what `Copies` has found out of replicates."""
        return replace(self, replicated=copies.replicated, repeats=copies.repeats)._in_units()

    def merge(self, rows, standing, places):
        """Weights of a table in which rows stand for others, with all the weight of these.

        Parameters
        ----------
        rows : ndarray of int of shape (n,)
            All that count.
        standing : ndarray of int of shape (m,)
            Those of them that stay.
        places : ndarray of int of shape (n,)
            Which of those that stay stands for each.
        """
        if len(standing) == len(rows):
            is_whole = len(rows) == len(self) and np.array_equal(standing, np.arange(len(self)))
            return (self if is_whole else self[standing])._in_units()
        total, counts = (np.bincount(places, weights=weights[rows]) for weights in (self.total, self.rows))
        groups = None if self.groups is None else _codes(self.groups[standing])
        return replace(self, total=total, rows=counts, groups=groups, replicated=self.replicated[standing])._in_units()

    def in_units_of(self, merged):
        """The same of rows that may be copies, in units of the table in which they are one."""
        total = self.total * (self.unit / merged.unit)
        return replace(self, total=total, unit=merged.unit, row_unit=merged.row_unit)

    def outside(self, rows):
        """The same of some rows, all of each of their groups, that are left out of a system of all rows."""
        groups = None if self.groups is None else self.groups[rows]
        part = {name: getattr(self, name)[rows] for name in ("total", "rows", "replicated")}
        return replace(self, groups=groups, **part)

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, rows):
        """The same of a system of some rows; what whole numbers mean, and the units, stay."""
        part = self.outside(rows)
        return part if part.groups is None else replace(part, groups=_codes(part.groups))

    @property
    def counts(self):
        """As many independent rows as each stands for, without factors of classes."""
        return self.rows / self.row_unit

    def ridge(self, alpha):
        """What is added to the diagonal of the Gram matrix, alpha by the user's weights, but never more than 1e15."""
        # Beside much larger ones a total may have become zero: such a row counts for nothing, whatever alpha is.
        with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
            return np.fmin(alpha / self.unit / self.total, LARGEST_RIDGE)

    def mean_square(self, errors):
        """Weighted mean over rows of squared errors summed over outputs; errors of shape (n, n_outputs)."""
        return float(np.average(np.einsum("ij,ij->i", errors, errors), weights=self.total))

    def mean(self, losses):
        """Weighted mean over rows of losses summed over outputs, of shape (n, n_outputs)."""
        return float(np.average(losses.sum(axis=1), weights=self.total))

    def _pieces(self):
        """In how many pieces, one after another, each row's weight is left out."""
        one_by_one = self.replicated & self.are_repetitions
        return np.where(one_by_one, np.maximum(self.rows / self.repeats, 1.0), 1.0)

    def left_out_share(self):
        """Share of each row's weight that is left out at a time."""
        return 1.0 / self._pieces()

    def sets_left_out(self):
        """For each group the places of its rows; there must be groups."""
        assert self.groups is not None, "rows are left out on their own"
        order = np.argsort(self.groups, kind="stable")
        return np.split(order, np.flatnonzero(np.diff(self.groups[order])) + 1)


def _over(weights, unit):
    """Weights divided by a unit; themselves if it is one."""
    return weights if unit == 1.0 else weights / unit


def _positive_mean(weights, pieces=1.0):
    """Mean of the positive ones by the piece, of which each has so many; in powers of two, as sums might overflow."""
    positive = weights > 0
    if not positive.any():
        return 1.0
    exponent = np.frexp(weights.max())[1]
    n_pieces = np.sum(np.broadcast_to(pieces, weights.shape), where=positive)
    return float(np.ldexp(np.sum(np.ldexp(weights, -exponent)) / n_pieces, exponent))


def _codes(groups):
    """Integers from 0 for the groups that there are; None for one alone, without which there would be nothing left."""
    labels, codes = np.unique(groups, return_inverse=True)
    return codes.reshape(-1) if len(labels) > 1 else None
