"""Copies: rows at one place of a table whose outcomes agree, as repeated rows do and replicates do not."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from ..runtime._budget import AGREEMENT, CHANCE, COINCIDENCE, FEWEST_CELLS, MORE_THAN_CHANCE
from ..solvers import Weights
from ._frames import take_rows
from ._same_rows import TableNumbers, first_of_each, ranks, same_rows


def merge_copies(X, outcomes, weights: Weights, categorical_features="from_dtype"):
    """A table, its outcomes and weights with all copies of a row as one, of the weight of all of them.

    Parameters
    ----------
    X : table
        As `check_table` has passed it.
    outcomes : ndarray of int of shape (n,), or of float of shape (n, n_outputs)
    weights : Weights
        Positive.
    categorical_features : default="from_dtype"
        As in `ColumnEncoder`.

    Returns
    -------
    X, outcomes, weights
        Of m rows, the first of the copies; `weights` know of replicates.
    """
    copies, everything = Copies.find(X, outcomes, weights, categorical_features), np.arange(len(weights))
    rows, places = copies.among(everything)
    weights = weights.with_copies(copies).merge(everything, rows, places)
    return (X, outcomes, weights) if len(rows) == len(X) else (take_rows(X, rows), outcomes[rows], weights)


def without_copies(weights: Weights):
    """What `merge_copies` makes of the weights of a table in which no row is a copy, to the last digit."""
    rows = np.arange(len(weights))
    return weights.with_copies(Copies(rows, np.zeros(len(rows), dtype=bool))).merge(rows, rows, rows)


@dataclass(frozen=True)
class Copies:
    """Which rows of a table are copies of each other, and which are replicates.

    Models are compared on rows left out, and what is left of a copy would give its outcome away; replicates each tell
    something new about the noise. The classical instrument is pure error, the spread of outcomes at one place, where
    rows have the same values in all columns: far below what any model could promise, it has one cause, copying.

    - Numbers that hardly ever coincide are their own evidence: rows with the same outcome at one place are copies, and
      there are no replicates.
    - If every row occurs g times, or a multiple of it, the table is another one g times over: each g rows are one.
    - In a table of a few categories rows coincide by chance: if at most half as many again do as would if the columns
      were independent, there are no other copies.
    - All rows at a place where outcomes agree are copies, unless they may agree by chance, as classes and ratings do:
      where a third or more of the places with several rows hold different outcomes, and the mean agreement of pairs
      there, to the power of the rows less one, is not below 5 %.
    - All others are replicates.

    All of this is as it is if the whole table is repeated, and whole weights count as repetitions.

    Attributes
    ----------
    first : ndarray of int of shape (n,)
        For each row the first one of which it is a copy.
    replicated : ndarray of bool of shape (n,)
        Whether a row's weight is that of replicates, all of which happen to have the same outcome.
    repeats : float
        How often the whole table is repeated: as much of a replicate is one row.
    """

    first: np.ndarray
    replicated: np.ndarray
    repeats: float = 1.0

    @classmethod
    def find(cls, X, outcomes, weights, categorical_features="from_dtype"):
        """Copies among the rows of a table; for parameters see `merge_copies`. Rows of two groups are no copies."""
        numbers, n = TableNumbers(X, categorical_features), X.shape[0]
        places = same_rows(numbers, n)
        is_whole = weights.are_repetitions and (weights.rows > 1).any()
        if places is None and not is_whole:
            return cls(np.arange(n), np.zeros(n, dtype=bool))
        places = np.arange(n) if places is None else places
        several = np.flatnonzero(np.bincount(places)[places] > 1)
        if weights.groups is not None:
            places = _told_apart(places, several, weights.groups)
        outcomes = outcomes.reshape(len(outcomes), -1)
        agree = np.ones(n, dtype=bool)
        tolerance = _tolerance(outcomes, weights.rows)
        agree[several] = (_spread(places[several], outcomes[several]) <= tolerance).all(axis=1)
        cells, differing = places, np.flatnonzero(~agree)
        for column in outcomes.T:
            cells = _told_apart(cells, differing, column)
        if _coincidence(outcomes[_distinct(cells)]) < COINCIDENCE:
            return cls(cells, np.zeros(n, dtype=bool))
        counts = weights.rows if weights.are_repetitions else np.ones(n)
        repeats = _common_multiple(np.bincount(cells, weights=counts))
        if _coincide_by_chance(numbers, places, counts / repeats):
            agree = np.zeros(n, dtype=bool)
        else:
            agree = agree & ~_may_agree_by_chance(places, cells, counts / repeats)
        packs = _packs(cells, counts, repeats)
        return cls(np.where(agree, places, packs), ~agree, repeats)

    def among(self, rows):
        """Of some rows, which may repeat, those that are no copies of earlier ones, and the place of each row's own."""
        first = first_of_each(self.first[rows])
        standing = first == np.arange(len(rows))
        return rows[standing], (np.cumsum(standing) - 1)[first]

    def spread_over(self, rows, n):
        """The same for a table of n rows, of which these are some; the others are copies of themselves."""
        first, replicated = np.arange(n), np.zeros(n, dtype=bool)
        first[rows], replicated[rows] = rows[self.first], self.replicated
        return replace(self, first=first, replicated=replicated)


def _told_apart(places, rows, labels):
    """Places of which those of some rows are told apart by labels too, each by the number of its first row.

    The rows are all of each of their places.
    """
    if not len(rows):
        return places
    codes = np.unique(labels[rows], return_inverse=True)[1]
    places = places.copy()
    places[rows] = rows[_first_of_pairs(places[rows], codes)]
    return places


def _first_of_pairs(places, codes):
    """For each pair of integers the place of the first that is the same."""
    _, first, inverse = np.unique(places * (codes.max() + 1) + codes, return_index=True, return_inverse=True)
    return first[inverse]


def _distinct(places):
    """Each place once, in order: the rows that are the first at theirs."""
    return np.flatnonzero(places == np.arange(len(places)))


def _spread(places, outcomes):
    """For each row the range of the outcomes at its place, shape (n, n_outputs)."""
    order = np.argsort(places, kind="stable")
    starts = np.flatnonzero(np.diff(places[order], prepend=-1))
    high, low = (ufunc.reduceat(outcomes[order], starts) for ufunc in (np.maximum, np.minimum))
    with np.errstate(over="ignore"):
        spread = high - low
    return spread[np.searchsorted(places[order][starts], places)]


def _tolerance(outcomes, sample_weight):
    """What outcomes may differ by and still agree."""
    if outcomes.dtype.kind != "f":
        return 0
    quartiles = np.quantile(outcomes, [0.25, 0.75], axis=0, weights=sample_weight, method="inverted_cdf")
    with np.errstate(over="ignore"):
        return np.nan_to_num(AGREEMENT * np.diff(quartiles, axis=0)[0], posinf=0.0)


def _coincidence(outcomes):
    """The share of pairs of rows that have the same outcome, as if there were one more: few pairs tell little."""
    alone = outcomes[:, 0] if outcomes.shape[1] == 1 else outcomes  # rows of several are slower to sort
    counts = np.unique(alone, axis=0, return_counts=True)[1].astype(np.float64)
    n = len(outcomes)
    return 1.0 if n < 2 else float((np.sum(counts * (counts - 1)) + 2) / (n * (n - 1)))


def _may_agree_by_chance(places, cells, counts):
    """Rows at places that hold several rows, and may have the same outcome without being copies."""
    sizes, cell_sizes, shared = _sizes(places, counts), _sizes(cells, counts), np.zeros(len(places))
    larger = np.flatnonzero(cell_sizes > 1)  # others have no pairs
    np.add.at(shared, places[larger], cell_sizes[larger] * (cell_sizes[larger] - 1))
    several = sizes > 1
    agreement = shared[: len(sizes)][several] / (sizes * (sizes - 1))[several]
    agreeing = np.count_nonzero(agreement == 1)
    if 2 * (len(agreement) - agreeing) < agreeing:
        return np.zeros(len(places), dtype=bool)
    several[several] = np.mean(agreement) ** (sizes[several] - 1) >= CHANCE if len(agreement) else False
    return several[places]


def _coincide_by_chance(numbers, places, counts):
    """Whether pairs of rows have the same values hardly more often than if the columns were independent.

    Categories, and numbers that occur ten times on average, tell by the rows what is expected of them. In others copies
    would be taken for chance: they tell it by the places alone.
    """
    sizes, distinct = _sizes(places, counts), _distinct(places)
    n = sizes.sum()
    observed = np.sum(sizes * (sizes - 1.0)) / max(n * (n - 1.0), 1.0)
    expected = 1.0
    for j, is_category in enumerate(numbers.is_category):
        values = ranks(numbers[j])
        if is_category or 10 * (values.max() + 1) <= n:
            expected *= np.sum((np.bincount(values, weights=counts) / n) ** 2)
        else:
            shares = np.bincount(values[distinct])
            expected *= np.sum(shares * (shares - 1.0)) / (len(distinct) * max(len(distinct) - 1, 1))
        if observed > MORE_THAN_CHANCE * expected:
            return False
    return True


def _sizes(places, counts):
    """Rows at each place, a whole number: sevenths, as rows of a table seven times over count, add up with rounding."""
    return np.rint(np.bincount(places, weights=counts))


def _common_multiple(counts):
    """How often a table is repeated of which a cell has so many rows; 1 if too few cells tell."""
    counts = counts[counts > 0]
    return 1.0 if len(counts) < FEWEST_CELLS else float(math.gcd(*map(int, np.unique(counts))))


def _packs(cells, counts, repeats):
    """Rows of one cell, as many together as a repeated table has of each, by the number of the first of them."""
    if repeats == 1:
        return np.arange(len(cells))
    order = np.argsort(cells, kind="stable")
    starts = np.flatnonzero(np.diff(cells[order], prepend=-1))
    sizes = np.diff(starts, append=len(cells))
    numbers = np.empty(len(cells), dtype=np.intp)
    if counts.max() == 1:  # of a cell's rows a, b, a, b those that lie as far apart as tables one after another
        numbers[order] = (np.arange(len(cells)) - np.repeat(starts, sizes)) % np.repeat(sizes // int(repeats), sizes)
    else:
        total = np.cumsum(counts[order])
        before = np.repeat((total - counts[order])[starts], sizes)
        numbers[order] = np.ceil((total - before) / repeats).astype(np.intp)
    return _first_of_pairs(cells, numbers)
