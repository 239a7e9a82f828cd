"""Rows of a table as points, and how these move with the table."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..kernels import Points
from ._encoder import ColumnEncoder
from ._frames import split_table


@dataclass(frozen=True)
class EncodedRows:
    """Rows of a table as points, and how these move with the table.

    Attributes
    ----------
    points : Points
    columns : ndarray of int of shape (n_moving,)
        Columns of the table to which the first coordinates of the points belong, all of them numeric.
    slopes : ndarray of shape (m, n_moving)
        Derivatives of these coordinates by their columns; zero where a number is missing.
    n_columns : int
    """

    points: Points
    columns: np.ndarray
    slopes: np.ndarray
    n_columns: int

    @classmethod
    def of(cls, encoder: ColumnEncoder, X):
        """Encode a checked table."""
        block = encoder._numeric_block
        moving = block.varying[block.varying < len(encoder.numeric_)]  # codes of categories come after
        columns = split_table(X)
        slopes = np.empty((len(X), len(moving)))
        for i, j in enumerate(moving):
            slopes[:, i] = block.slope(j, columns[encoder.numeric_[j]].numbers_as(encoder._measures[j]))
        return cls(encoder.transform(X), encoder.numeric_[moving], slopes, encoder.n_features_in)

    def nodes(self):
        """The rows themselves, as those of paths have several places."""
        yield self

    def gradient(self, machine):
        """Gradient of a machine at the rows, by column."""
        return self.by_column(machine.numeric_gradient(self.points))

    def over_scores(self, machine, decode, function):
        """A function of the scores of a machine at the rows, which it may ask for."""
        return function(lambda: decode(machine.decision(self.points)))

    def edge_decisions(self, machine):
        """Values of a machine at the rows."""
        return (machine.decision(self.points),)

    def by_column(self, gradient):
        """Chain rule of the encoding, for a gradient by the coordinates or by the first of them."""
        by_column = np.zeros((*gradient.shape[:2], self.n_columns))
        by_column[:, :, self.columns] = gradient[:, :, : len(self.columns)] * self.slopes
        return by_column
