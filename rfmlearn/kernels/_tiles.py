"""Tiles by which every kernel works through its pairs, and points prepared for the compiled loops."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import NamedTuple

import numpy as np

from ._points import Points
from ._same_place import same_lengths


class Prepared(NamedTuple):
    """Points relative to an origin, with what the loops need beside them: squared norms, and tables of categories."""

    points: Points
    norms: np.ndarray
    tables: tuple[np.ndarray, ...]
    origin: np.ndarray | float = 0.0

    @classmethod
    def plain(cls, rows):
        """Numeric rows as they are."""
        points = Points.of_numbers(np.ascontiguousarray(rows))
        return cls(points, _norms(points.numeric), ())

    @classmethod
    def of(cls, points, origin, kernel, tables=None):
        """Prepare points, relative to an origin; `tables` if they are at hand."""
        points = Points(np.ascontiguousarray(points.numeric - origin), points.codes, points.levels)
        tables = kernel.tables(points.levels) if tables is None else tables
        return cls(points, _norms(points.numeric), tables, origin)

    def __getitem__(self, rows):
        """A slice of the points."""
        return Prepared(self.points[rows], self.norms[rows], self.tables, self.origin)

    @property
    def same(self):
        """Lengths up to which differences of these points in each coordinate are none."""
        return same_lengths(self.points, self.origin)

    @property
    def columns(self):
        """Numeric coordinates, one contiguous row for each."""
        return np.ascontiguousarray(self.points.numeric.T)

    def category_pass(self, x, S, row, column, upper):
        """Function of ``(start, stop)`` that adds the categorical parts of the sums of ``self`` and `x`."""
        columns = [np.ascontiguousarray(points.codes.T) for points in (self.points, x.points)]
        add_table = _loops().add_table

        def finish(start, stop):
            for z_codes, x_codes, table in zip(*columns, self.tables, strict=True):
                add_table(start, stop, z_codes, x_codes, table, S, row, column, upper)

        return finish


class GradientAccumulator(ABC):
    """Collects a gradient from tiles of weights."""

    @abstractmethod
    def add(self, team, rows, columns, W, both=False):
        """Add the pairs (rows, columns) with weights W; with `both` also as (columns, rows)."""

    @abstractmethod
    def gradient(self):
        """The gradient, shape (n_outputs, m, d)."""


def coef_columns(coef, X):
    """Dual coefficients in X's precision, one row a point and one column an output."""
    coef = np.asarray(coef, dtype=X.dtype)
    if coef.ndim not in (1, 2) or len(coef) != len(X):
        raise ValueError(f"coef must have shape ({len(X)},) or ({len(X)}, n_outputs), got {coef.shape}.")
    return coef.reshape(len(X), -1)


def _norms(numeric):
    return np.einsum("ij,ij->i", numeric, numeric)


def tiles(n_rows, n_columns, size, upper=False):
    """Pairs of slices that cover the rectangle, or what of it touches the diagonal or lies right of it.

    They have `size` rows and columns, fewer at the edges.
    """
    height, width = size
    for i in range(0, n_rows, height):
        rows = slice(i, min(n_rows, i + height))
        for j in range(i if upper else 0, n_columns, width):
            yield rows, slice(j, min(n_columns, j + width))


class Workspace:
    """Memory for one tile at a time, of so many rows and columns as `tiles` has them."""

    def __init__(self, n_rows, n_columns, size, dtype):
        self._memory = np.empty(min(size[0], n_rows) * min(size[1], n_columns), dtype=dtype)

    def tile(self, rows, columns):
        """A contiguous array of the tile's shape."""
        shape = rows.stop - rows.start, columns.stop - columns.start
        return self._memory[: shape[0] * shape[1]].reshape(shape)


def _loops():
    """The compiled loops, imported when first needed: numba takes longer to import than the rest of the package."""
    from . import _loops as loops

    return loops
