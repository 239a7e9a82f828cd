"""Conformal sets of classes from the nearest training rows in a learned metric.

Doubly adaptive neighbourhood sets (DANCE) are the intersection of two conformal sets, of which each has a part of what
may go wrong. One looks at ranks, the other at densities:

- the rank of a class is that of its nearest row among the N_NEIGHBORS nearest ones, and N_NEIGHBORS + 1 if it has none
  there;
- the contrast of a class is the logarithm of the density of its rows among these, over that of all others. Here a
  neighbour at distance d counts exp(-d / h), where h is the mean of these distances, and one row more, shared out by
  frequency, keeps the contrast finite.

With a coverage 1 - a, ranks get the coverage 1 - (1 - s) a and contrasts 1 - s a; by the union bound the intersection
covers at least 1 - a. The share s = 0, .1, ..., 1 is that of the smallest sets of the training rows.

This is rebuilt from the description of the method, not from its authors' code: the form of the density, the row more,
and the choice of s by the mean size are a reading of it. Neighbours are taken among all training rows, but for those
that belong to the row itself, where the theory has two samples. Rows that are equally near are taken in their order.

References
----------
B. R. Feng, B. J. Reich, D. Beaglehole and others, DANCE: Doubly adaptive neighborhood conformal estimation (arXiv
2602.20652).
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field

import numpy as np
from sklearn.utils import gen_batches

from ._conformal import check_coverage, conformal_quantile, for_each_coverage

N_NEIGHBORS = 50

# Shares of what may go wrong that are compared.
_SHARES = np.linspace(0, 1, 11)

# Rows whose neighbours are looked for at a time.
_BLOCK = 1000


@dataclass
class NeighbourSets:
    """Labels of the rows of a reference sample, from which prediction sets follow.

    The rows themselves are passed by whoever has them; they must be the same in every call.

    Attributes
    ----------
    labels : ndarray of int of shape (n,)
    weight : ndarray of shape (n,)
        Repetitions of the rows; see `conformal_quantile`.
    n_classes : int
    groups : ndarray of int of shape (n,) or None
        Rows that are no neighbours of each other when their own sets are made.

    Examples
    --------
    >>> import numpy as np
    >>> from rfmlearn.targets._neighbour_sets import NeighbourSets
    >>> rows = np.array([[0.0], [0.1], [0.2], [0.3], [4.0], [4.1], [4.2], [4.3]])
    >>> sets = NeighbourSets(np.repeat([0, 1], 4), np.ones(8), n_classes=2)
    >>> sets.predict(np.array([[0.05], [4.5]]), rows, coverage=0.8)
    array([[ True, False],
           [False,  True]])
    """

    labels: np.ndarray
    weight: np.ndarray
    n_classes: int
    groups: np.ndarray | None = None
    _left_out: tuple | None = field(default=None, repr=False, compare=False)

    def __getstate__(self):
        return vars(self) | {"_left_out": None}  # what can be computed again is no part of a saved model

    def scores(self, points, reference, units=None):
        """Ranks and contrasts, negative, of all classes at points, two arrays of shape (m, n_classes).

        Parameters
        ----------
        points : ndarray of shape (m, d)
        reference : ndarray of shape (n, d)
        units : ndarray of int of shape (m,), default=None
            The group to which each point belongs, whose rows are left out of the reference.
        """
        from sklearn.neighbors import NearestNeighbors  # takes long to import

        n, own = len(reference), self._units
        if not reference.shape[1]:  # no column varies: all rows are at one place
            points, reference = (np.zeros((len(rows), 1)) for rows in (points, reference))
        n_asked = N_NEIGHBORS + (0 if units is None else int(np.bincount(own).max()))
        search = NearestNeighbors(n_neighbors=min(n_asked, n)).fit(reference)
        ranks, contrasts = np.empty((2, len(points), self.n_classes))
        for part in gen_batches(len(points), _BLOCK):
            distances, places = search.kneighbors(points[part])
            is_other = np.ones(places.shape, dtype=bool)
            if units is not None:
                is_other = own[places] != units[part, None]
                order = np.argsort(~is_other, axis=1, kind="stable")[:, :N_NEIGHBORS]
                distances, places, is_other = (
                    np.take_along_axis(values, order, axis=1) for values in (distances, places, is_other)
                )
            shares = self._shares(None if units is None else units[part])
            ranks[part], contrasts[part] = self._compare(distances, places, is_other, shares)
        return ranks, -contrasts

    def left_out(self, reference):
        """The same of the rows of the reference, each without its group; computed once."""
        if self._left_out is None:
            self._left_out = self.scores(reference, reference, self._units)
        return self._left_out

    def predict(self, points, reference, coverage, rng=None):
        """Sets of points, a mask of shape (m, n_classes), or (m, n_classes, n_coverages) for several coverages.

        A Generator or RandomState ``rng`` breaks ties of ranks, which are whole numbers; without one, all that tie are
        inside.
        """
        ours, theirs = self.left_out(reference), self.scores(points, reference)
        draws = [0.0 if rng is None else rng.uniform(size=(len(ranks), 1)) for ranks, _ in (ours, theirs)]
        ours, theirs = (
            (ranks - draw, contrasts) for (ranks, contrasts), draw in zip((ours, theirs), draws, strict=True)
        )
        return for_each_coverage(lambda level: _inside(theirs, self._thresholds(ours, level)), coverage)

    def _thresholds(self, scores, coverage):
        """Largest rank and contrast inside, by the share that makes the smallest sets of the rows left out."""
        allowed, smallest, best = 1.0 - check_coverage(coverage), np.inf, None
        own = [values[np.arange(len(self.labels)), self.labels] for values in scores]
        for share in _SHARES:
            parts = (1.0 - share) * allowed, share * allowed
            is_end = share in (0.0, 1.0)
            with contextlib.nullcontext() if is_end else contextlib.suppress(ValueError):  # too few rows for a part
                thresholds = [
                    conformal_quantile(values, self.weight, 1.0 - part) if part > 0 else np.inf
                    for values, part in zip(own, parts, strict=True)
                ]
                size = np.average(_inside(scores, thresholds).sum(axis=1), weights=self.weight)
                if size < smallest:
                    smallest, best = size, thresholds
        return best

    def _shares(self, units):
        """Shares of the classes, of all rows or of those outside of each of some groups."""
        totals = np.bincount(self.labels, self.weight, self.n_classes)[None]
        if units is not None:
            by_unit = np.zeros((int(self._units.max()) + 1, self.n_classes))
            np.add.at(by_unit, (self._units, self.labels), self.weight)
            totals = np.maximum(totals - by_unit[units], 0.0)
        return totals / totals.sum(axis=1, keepdims=True)

    def _compare(self, distances, places, is_other, shares):
        """Ranks and contrasts of all classes, from neighbours in order of distance, and shares for the row more."""
        labels, rows, counts = self.labels[places], np.arange(len(places)), is_other.sum(axis=1)
        width = np.sum(distances, axis=1, where=is_other) / np.maximum(counts, 1)
        near = np.exp(-distances / np.where(width > 0, width, 1.0)[:, None]) * is_other
        near *= self.weight[places]
        ranks = np.full((len(places), self.n_classes), N_NEIGHBORS + 1.0)
        density = np.tile(shares, (len(places) // len(shares), 1))
        for j in reversed(range(places.shape[1])):
            known = rows[is_other[:, j]]
            ranks[known, labels[known, j]] = j + 1
            density[rows, labels[:, j]] += near[:, j]
        others = density.sum(axis=1, keepdims=True) - density
        with np.errstate(divide="ignore"):
            return ranks, np.log(density) - np.log(np.maximum(others, 0.0))

    @property
    def _units(self):
        return np.arange(len(self.labels)) if self.groups is None else self.groups


def _inside(scores, thresholds):
    """Classes of which both scores are at most what is allowed."""
    (ranks, contrasts), (rank, contrast) = scores, thresholds
    return (ranks <= rank) & (contrasts <= contrast)
