"""Rows on straight segments between rows of a baseline and rows of a table, as points."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from ..kernels import Points
from ._encoder import ColumnEncoder

# Nodes and weights of Gauss' rules from 0 to 1.
_TWO_NODES = (np.polynomial.legendre.leggauss(2)[0] + 1) / 2
_NODES, _WEIGHTS = (np.polynomial.legendre.leggauss(5) + np.array([[1.0], [0.0]])) / 2


@dataclass(frozen=True)
class Paths:
    """Straight paths from one row to each row of a table, in the coordinates in which a model compares rows.

    A category goes from one indicator to another, and a missing number from the number that stands for it, whose
    indicator is zero: coordinates on the way are numbers between those of both ends.

    Parameters
    ----------
    start : table of one row
    ends : table of m rows
        Both as the estimator has checked them.
    """

    start: object
    ends: object
    _encoded: dict = field(default_factory=dict)
    _values: dict = field(default_factory=dict)

    def between(self, encoder, low, high):
        """The segments from share `low` to share `high` of each path, as an encoder sees them."""
        if id(encoder) not in self._encoded:
            points = [encoder.transform(table, known=True) for table in (self.start, self.ends)]
            start, ends = (side.dense().astype(np.float64, copy=False) for side in points)
            self._encoded[id(encoder)] = points[0].widths, start, ends
        widths, start, ends = self._encoded[id(encoder)]
        return Segments(encoder, widths, start, ends, low, high, self._values)


@dataclass(frozen=True)
class Segments:
    """Segments of paths, which stand where `EncodedRows` do.

    Derivatives are by the share of the way that a column has gone: an integral over the path is their mean.

    Attributes
    ----------
    encoder : ColumnEncoder
    widths : tuple of int
        Of the blocks of its points: numbers, then categories.
    start : ndarray of shape (1, n_coordinates)
    ends : ndarray of shape (m, n_coordinates)
    low, high : float
        Shares of the path.
    values : dict
        What machines have been found to be at shares of the path.
    """

    encoder: ColumnEncoder
    widths: tuple[int, ...]
    start: np.ndarray
    ends: np.ndarray
    low: float
    high: float
    values: dict

    def at(self, share):
        """Points on the paths, without categories."""
        return Points.of_numbers(self.start + share * (self.ends - self.start))

    @property
    def points(self):
        """The middle of each segment."""
        return self.at((self.low + self.high) / 2)

    def nodes(self):
        """Places in each segment over which what has no mean of its own is averaged."""
        for node in _TWO_NODES:
            place = self.low + node * (self.high - self.low)
            yield replace(self, low=place, high=place)

    def gradient(self, machine):
        """Mean gradient of a machine along each segment, by column."""
        return self.by_column(machine.written_out(self.widths).mean_gradient(self.at(self.low), self.at(self.high)))

    def over_scores(self, machine, decode, function):
        """Mean of a function of the scores of a machine, as if these were linear in each segment.

        So the slope of a link is, but for rounding, the quotient of its change, however steep it is on the way.
        """
        low, high = map(decode, self.edge_decisions(machine))
        total = 0.0
        for node, weight in zip(_NODES, _WEIGHTS, strict=True):
            scores = low + node * (high - low)
            total = total + weight * function(lambda scores=scores: scores)
        return total

    def edge_decisions(self, machine):
        """Values of a machine at both ends of each segment, with one of which the next segment begins."""
        for share in (self.low, self.high):
            key = id(machine), share
            if key not in self.values:
                self.values[key] = machine.written_out(self.widths).decision(self.at(share))
            yield self.values[key]

    def by_column(self, gradient):
        """Chain rule of the paths, for a gradient by the coordinates."""
        owners = self.encoder.coordinate_columns_
        belongs = np.zeros((len(owners), self.encoder.n_features_in))
        belongs[np.arange(len(owners)), owners] = 1.0
        return (gradient * (self.ends - self.start)) @ belongs
