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
        name, is_array = str(column.data.dtype).lower(), isinstance(column.data, np.ndarray)
        is_ready = is_array and name in ("float32", "float64")
        numbers = np.ascontiguousarray(column.data) if is_ready else column.numbers()
        if name in ("float32", "float16"):
            numbers = numbers.astype(np.float32, copy=False)
        missing = np.isnan(numbers)
        return np.where(missing, np.inf, numbers) if missing.any() else numbers


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
    # Half the memory of what numpy counts by.
    small = np.int32 if n < 2**31 else np.intp
    rows, codes = np.arange(n, dtype=small), np.zeros(n, dtype=small)
    for numbers in columns:
        codes = _refine(codes, numbers, rows)
        several = np.bincount(codes)[codes] > 1
        rows, codes = rows[several], codes[several]
        if not len(rows):
            return None
    places = np.arange(n)
    places[rows] = rows[first_of_each(codes)]
    return places


def first_of_each(codes):
    """For each of some integers from 0 the place of the first that is the same, in linear time."""
    first = np.empty(codes.max() + 1, dtype=np.intp)
    first[codes[::-1]] = np.arange(len(codes))[::-1]  # of several the last one stays
    return first[codes]


def ranks(x, order=None):
    """The place of each number among the distinct ones, ascending; `order` sorts them."""
    order = np.argsort(x) if order is None else order
    x, places = x[order], np.zeros(len(x), dtype=np.int32 if len(x) < 2**31 else np.intp)
    places[order[1:]] = np.cumsum(x[1:] != x[:-1], dtype=places.dtype)
    return places


def _refine(codes, numbers, rows):
    """Codes of the rows that have agreed so far, told apart by the numbers of one more column."""
    if numbers.min() == numbers.max():
        return codes
    x = numbers if len(rows) == len(numbers) else numbers[rows]
    order = _order(codes, x)
    x, in_order = x[order], codes[order]
    apart = _are_apart(x, numbers) if numbers.dtype.kind == "f" else x[1:] != x[:-1]
    apart |= in_order[1:] > in_order[:-1]
    new = np.empty_like(codes)
    new[order[0]] = 0
    new[order[1:]] = np.cumsum(apart, dtype=codes.dtype)
    return new


def _order(codes, x):
    """The order of codes, and of numbers where codes agree: two sorts of one key each are faster than one of both."""
    order = np.argsort(x)
    if not codes.any():
        return order
    key = ranks(x, order).astype(np.int64)
    key += codes * (key.max() + 1)
    return np.argsort(key)


def _are_apart(x, numbers):
    """Whether each of some numbers of a column, but the first, differs by more than a few roundings from the last."""
    sizes = np.abs(numbers)
    sizes = sizes[np.isfinite(sizes)]
    middle = len(sizes) // 2  # of what is there, whose mean might overflow
    sizes.partition(middle) if len(sizes) else None
    size = sizes[middle] if len(sizes) else 0.0
    del sizes
    before, after = x[:-1], x[1:]
    with np.errstate(invalid="ignore", over="ignore"):
        limit = np.abs(after)
        limit += size
        limit *= ROUNDINGS * np.finfo(x.dtype).eps
        return np.where(np.isinf(after), before != after, after - before > limit)
