"""One column of a table of NumPy, pandas or polars: its kind, its numbers, and the categories in it."""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from functools import cached_property
from numbers import Number

import numpy as np

# pandas, polars, Arrow and numpy name their types alike, so the name tells what a column holds.
_KINDS = {
    "number": re.compile(r"u?int\d+|float|double|halffloat|decimal|sparse\[(u?int|float)"),
    "category": re.compile(r"(str|string|large_string|category|categorical|enum|dictionary)\b"),
    "boolean": re.compile(r"bool|sparse\[bool"),
    "object": re.compile(r"object|null\b"),
}
# Kinds whose values a library may tell apart by itself: among objects it is Python's own equality that counts.
_TYPED = ("number", "category", "boolean")
# Of pandas and of polars. The order of a polars Categorical is that in which the process met its strings.
_ORDERED = ("CategoricalDtype", "Enum")


@dataclass(frozen=True)
class Factor:
    """A column as places among its distinct values.

    Attributes
    ----------
    values : list
        The distinct values, and others that its type allows.
    codes : ndarray of int of shape (n,)
        Place among them of each row's value, -1 where it is missing.
    in_order : bool
        Whether `values` are in the order of the column's type, as those of a pandas category or a polars Enum are.
    """

    values: list
    codes: np.ndarray
    in_order: bool = False

    def levels(self):
        """Plain values that occur, in the order of the type or else ascending; then None if one is missing."""
        seen = np.zeros(len(self.values) + 1, dtype=bool)
        seen[self.codes] = True  # -1 is the last
        values = [value for value, occurs in zip(self.values, seen, strict=False) if occurs]
        values = values if self.in_order else _ascending(values)
        return list(dict.fromkeys(map(plain, values))) + [None] * bool(seen[-1])

    def places(self, levels):
        """Place of each row's value among levels; others go where missing ones do, to None, or else get -1."""
        known = {level: place for place, level in enumerate(levels)}
        other = known.get(None, -1)
        table = np.array([*(known.get(plain(value), other) for value in self.values), other], dtype=np.int32)
        return table[self.codes]


class Column:
    """One column of a table, as NumPy, pandas or polars hold it.

    Nothing is converted before it is asked for, and Python objects are made of it once.

    Parameters
    ----------
    data : ndarray of shape (n,), pandas.Series or polars.Series
    name : str
        For messages.
    """

    def __init__(self, data, name):
        self.data = data
        self.name = name

    @cached_property
    def kind(self):
        """One of the keys of `_KINDS`, or 'other' (dates, lists, complex numbers, ...)."""
        name = str(self.data.dtype).lower()
        return next((kind for kind, pattern in _KINDS.items() if pattern.match(name)), "other")

    @cached_property
    def values(self):
        """Python objects of the rows, None where one is missing."""
        return column_values(self.data)

    @cached_property
    def is_category(self):
        """Whether the type, or in an object column the values, make it categorical."""
        is_array = isinstance(self.data, np.ndarray)
        if self.kind != "object":
            return self.kind in ("category", "boolean") and not is_array
        if all(value is None for value in self.values):
            return True  # anything may come later: as a category with no level seen it is ignored, never an error
        if not is_array:  # a frame can tell strings apart, so digits in strings stay categories
            return any(
                isinstance(value, bool) or not isinstance(value, Number) for value in self.values if value is not None
            )
        try:
            _ = self._parsed
        except ValueError:
            return True
        return False

    def numbers(self):
        """Numbers of the rows as float64, NaN where one is missing."""
        is_array, dtype = isinstance(self.data, np.ndarray), self.data.dtype
        if self.kind == "object":
            if not is_array and any(isinstance(value, str) for value in self.values):
                message = "is not numeric: it holds strings. List it in categorical_features."
                raise ValueError(f"Column {self.name!r} {message}")
            return self._parsed
        if self.kind == "category":
            raise ValueError(f"Column {self.name!r} of dtype {dtype} is not numeric. List it in categorical_features.")
        if self.kind == "other":
            raise ValueError(f"Column {self.name!r} of dtype {dtype} is not numeric: encode it as numbers first.")
        if is_array:
            return self.data.astype(np.float64)
        if hasattr(self.data, "cast"):  # polars casts, pandas converts
            return self.data.cast(float).to_numpy()
        return self.data.to_numpy(np.float64, na_value=np.nan)

    @cached_property
    def _parsed(self):
        """Numbers that the objects of a column mean."""
        try:
            return np.array([np.nan if value is None else float(value) for value in self.values], dtype=np.float64)
        except TypeError as error:
            raise TypeError(f"Column {self.name!r}: {error}") from error
        except (ValueError, OverflowError) as error:
            raise ValueError(f"Column {self.name!r} is not numeric: {error}.") from error

    @cached_property
    def factor(self):
        """Its values as categories; TypeError if Python cannot tell them apart."""
        data, in_order = self.data, type(self.data.dtype).__name__ in _ORDERED
        if isinstance(data, np.ndarray) and data.dtype.kind in "biuf":
            _, first, codes = np.unique(data, return_index=True, return_inverse=True)
            return _without_missing(data[first].tolist(), codes)
        if hasattr(data, "to_physical") and self.kind == "category":
            return _factor_of_polars(data, in_order)
        if in_order:
            return Factor(data.cat.categories.tolist(), data.cat.codes.to_numpy(), in_order)
        if hasattr(data, "factorize") and self.kind in _TYPED and data.dtype != np.float16:  # no index of pandas is
            codes, values = data.factorize()
            return _without_missing(values.tolist(), codes)
        return self._factor_of_objects()

    def _factor_of_objects(self):
        try:
            places = {value: place for place, value in enumerate(dict.fromkeys(self.values))}
        except TypeError as error:
            message = f"Column {self.name!r}: an argument must be a string or a number ({error})."
            raise TypeError(message) from error
        codes = np.fromiter(map(places.__getitem__, self.values), dtype=np.int32, count=len(self.values))
        return _without_missing(list(places), codes)


def _factor_of_polars(data, in_order):
    """Factor of strings or categories, which polars tells apart as an Enum."""
    if not in_order:
        text = data.cast(str)
        data = text.cast(sys.modules["polars"].Enum(text.drop_nulls().unique()))
    codes = data.to_physical().cast(int).fill_null(-1).to_numpy()
    return Factor(list(data.dtype.categories), codes, in_order)


def column_values(data):
    """Python objects of the rows of a column or an array, None where one is missing."""
    values = data.tolist() if isinstance(data, np.ndarray) else data.to_list()
    try:
        return [None if value != value else value for value in values]
    except (TypeError, ValueError):
        return [None if _is_missing(value) else value for value in values]


def _is_missing(value):
    if value is None:
        return True
    try:
        return bool(value != value)  # NaN, NaT and Decimal's NaN differ from themselves
    except (TypeError, ValueError):  # pandas.NA has no truth value, nor has an array
        return type(value).__name__ == "NAType"


def _without_missing(values, codes):
    """A factor whose codes of missing values are -1."""
    missing = [place for place, value in enumerate(values) if _is_missing(value)]
    return Factor(values, np.where(np.isin(codes, missing), -1, codes) if missing else codes)


def _ascending(values):
    try:
        return sorted(values)
    except TypeError:  # values of several types have no order of their own
        return sorted(values, key=lambda value: (type(value).__name__, str(value)))


def plain(value):
    """A scalar of NumPy or pandas as Python's own, as text where there is none: it loads wherever Python does."""
    library = type(value).__module__.partition(".")[0]
    if library == "numpy" and isinstance(value, np.generic):
        item = value.item()
        # Nanoseconds would become a bare number, and what has no counterpart comes back as it is.
        return str(value) if isinstance(item, np.generic) or (value.dtype.kind in "mM" and type(item) is int) else item
    if library == "pandas":
        if hasattr(value, "to_pydatetime") and not value.nanosecond:
            return value.to_pydatetime()
        if hasattr(value, "to_pytimedelta") and not value.nanoseconds:
            return value.to_pytimedelta()
        return str(value)  # an interval, a period
    return value
