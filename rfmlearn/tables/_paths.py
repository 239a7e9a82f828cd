"""Rows on straight segments between rows of a baseline and rows of a table, as points."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from ..kernels import Points
from ._encoder import ColumnEncoder


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

    def between(self, encoder, low, high):
        """The segments from share `low` to share `high` of each path, as an encoder sees them."""
        if id(encoder) not in self._encoded:
            points = [encoder.transform(table, known=True) for table in (self.start, self.ends)]
            dense = [side.dense().astype(np.float64, copy=False) for side in points]
            self._encoded[id(encoder)] = points[0].widths, *dense
        return Segments(encoder, *self._encoded[id(encoder)], low, high)


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
    """

    encoder: ColumnEncoder
    widths: tuple[int, ...]
    start: np.ndarray
    ends: np.ndarray
    low: float
    high: float

    def at(self, share):
        """Points on the paths, without categories."""
        return Points.of_numbers(self.start + share * (self.ends - self.start))

    @property
    def points(self):
        """The middle of each segment."""
        return self.at((self.low + self.high) / 2)

    def decision(self, machine):
        """Values in the middle."""
        return machine.written_out(self.widths).decision(self.points)

    def gradient(self, machine):
        """Mean gradient of a machine along each segment, by column."""
        return self.by_column(machine.written_out(self.widths).mean_gradient(self.at(self.low), self.at(self.high)))

    def by_column(self, gradient):
        """Chain rule of the paths, for a gradient by the coordinates."""
        owners = self.encoder.coordinate_columns_
        belongs = np.zeros((len(owners), self.encoder.n_features_in))
        belongs[np.arange(len(owners)), owners] = 1.0
        return (gradient * (self.ends - self.start)) @ belongs
