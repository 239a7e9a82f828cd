"""Rows of a table that have the same values in all columns."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..runtime._budget import ROUNDINGS
from ._frames import find_categorical, split_table, table_names


class TableNumbers(Sequence):
    """Columns of a table as arrays of numbers that tell their values apart, each made when it is asked for.

    Parameters
    ----------
    X : table
        As `check_table` has passed it.
    categorical_features : 'from_dtype', None or array-like
        As in `ColumnEncoder`.

    Attributes
    ----------
    is_category : ndarray of bool
        Whether a column's numbers are codes of categories; columns of numbers come first, as they tell more rows apart.
    """

    def __init__(self, X, categorical_features):
        columns, (_, named) = split_table(X), table_names(X)
        categorical = find_categorical(categorical_features, columns, named)
        order = np.argsort(categorical, kind="stable")
        self._columns, self.is_category = [columns[j] for j in order], categorical[order]

    def __len__(self):
        return len(self._columns)

    def __getitem__(self, j):
        """Codes of categories, -1 where one is missing, or numbers, infinite where one is missing."""
        if self.is_category[j]:
            return self._columns[j].factor.codes
        column = self._columns[j]
        numbers = column.numbers()
        if str(column.data.dtype).lower() in ("float32", "float16"):
            numbers = numbers.astype(np.float32)
        return np.where(np.isnan(numbers), np.inf, numbers) if np.isnan(numbers).any() else numbers


def same_rows(columns, n):
    """For each row the number of the first one that has the same values; None if all rows differ.

    The same are also numbers that differ by a few roundings, as the images of equal rows under a linear map do. Columns
    are looked at one after another, and only where rows have agreed so far: a column of distinct numbers ends it. So
    the cost is O(n log n) for most tables, and O(n d log n) if many rows are the same.

    Parameters
    ----------
    columns : TableNumbers
    n : int
        Rows.
    """
    rows, codes = np.arange(n), np.zeros(n, dtype=np.intp)
    for numbers in columns:
        codes = _refine(codes, numbers, rows)
        several = np.bincount(codes)[codes] > 1
        rows, codes = rows[several], codes[several]
        if not len(rows):
            return None
    places = np.arange(n)
    _, first, inverse = np.unique(codes, return_index=True, return_inverse=True)
    places[rows] = rows[first][inverse]
    return places


def _refine(codes, numbers, rows):
    """Codes of the rows that have agreed so far, told apart by the numbers of one more column."""
    if numbers.min() == numbers.max():
        return codes
    rounding = ROUNDINGS * np.finfo(numbers.dtype).eps if numbers.dtype.kind == "f" else 0.0
    sizes = np.abs(numbers[np.isfinite(numbers)])
    middle = len(sizes) // 2  # of what is there, whose mean might overflow
    size = np.partition(sizes, middle)[middle] if len(sizes) else 0.0
    x = numbers[rows]
    order = np.lexsort((x, codes))
    x, in_order = x[order], codes[order]
    before, after = x[:-1], x[1:]
    with np.errstate(invalid="ignore", over="ignore"):
        apart = np.where(np.isinf(after), before != after, after - before > rounding * (np.abs(after) + size))
    new = np.empty(len(rows), dtype=np.intp)
    new[order] = np.concatenate([[0], np.cumsum(apart | (np.diff(in_order) > 0))])
    return new
