"""One column of a table of NumPy, pandas or polars: its kind, its numbers, and the categories in it."""

from __future__ import annotations

import re
import sys
from functools import cached_property
from numbers import Number

import numpy as np

from ._dates import TIMES, days_of_column, days_of_objects, measure_of
from ._factor import Factor
from ._values import column_values, family, meaning, some

# pandas, polars and Arrow name their types alike, so the name tells what a column holds.
_KINDS = {
    "number": re.compile(r"u?int\d+|float|double|halffloat|decimal|sparse\[(u?int|float)"),
    "category": re.compile(r"(str|string|large_string|string_view|category|categorical|enum|dictionary)\b"),
    "boolean": re.compile(r"bool|sparse\[bool"),
    "object": re.compile(r"object|null\b|(large_|fixed_size_)?binary\b"),
    "date": re.compile(r"datetime|date(32|64)?\b|timestamp|period"),
    "duration": re.compile(r"timedelta|duration"),
    "time": re.compile(r"time(32|64)?\b"),
}
_KINDS_OF_ARRAYS = dict.fromkeys("iuf", "number") | {"b": "boolean", "O": "object", "M": "date", "m": "duration"}
# Kinds whose values a library may tell apart by itself: among objects it is Python's own equality that counts.
_TYPED = ("number", "category", "boolean")
_COMPLEX = (complex, np.complexfloating)
# Of pandas and of polars. The order of a polars Categorical is that in which the process met its strings.
_ORDERED = ("CategoricalDtype", "Enum")
_NAMES = {"number": "numbers", "date": "dates", "duration": "durations", "time": "times"}
_CONVERSIONS = {
    "number": "pandas.to_numeric(..., errors='coerce')",
    "date": "pandas.to_datetime(..., errors='coerce')",
    "duration": "pandas.to_timedelta(..., errors='coerce')",
}


class Column:
    """One column of a table, as NumPy, pandas or polars hold it.

    Nothing is converted before it is asked for, and Python objects are made of it once.

    Parameters
    ----------
    data : ndarray of shape (n,), pandas.Series or polars.Series
    name : str
        For messages.
    in_frame : bool
        Whether the table can give a type to each column, so that digits in strings and booleans are categories.
    """

    def __init__(self, data, name, in_frame=False):
        self.data = data
        self.name = name
        self.in_frame = in_frame

    @cached_property
    def kind(self):
        """One of the keys of `_KINDS`, or 'other' (lists, complex numbers, ...)."""
        if isinstance(self.data, np.ndarray):
            return _KINDS_OF_ARRAYS.get(self.data.dtype.kind, "other")
        name = str(self.data.dtype).lower()
        return next((kind for kind, pattern in _KINDS.items() if pattern.match(name)), "other")

    def part(self, rows):
        """The column of a slice of rows, of which no Python objects are made again."""
        if rows.stop - rows.start == len(self.data):
            return self
        data = self.data.iloc[rows] if hasattr(self.data, "iloc") else self.data[rows]
        part = Column(data, self.name, self.in_frame)
        vars(part).update({name: vars(self)[name][rows] for name in ("values", "_parsed") if name in vars(self)})
        return part

    @cached_property
    def values(self):
        """Python objects of the rows, None where one is missing."""
        return column_values(self.data)

    @cached_property
    def types(self):
        """Types of the objects that are not missing."""
        return set(map(type, self.values)) - {type(None)}

    @cached_property
    def measure(self):
        """What its numbers measure: 'number', one of `TIMES`, or 'other'; None where all are missing."""
        if self.kind == "boolean":
            return "number"
        if self.kind != "object":
            return self.kind if self.kind in _NAMES else "other"
        measures = {measure_of(kind) or ("number" if issubclass(kind, Number) else "other") for kind in self.types}
        return next(iter(measures), None) if len(measures) < 2 else "other"

    @property
    def is_declared(self):
        """Whether its type is one of categories, not only of text."""
        return re.match("categor|enum|dictionary", str(self.data.dtype).lower()) is not None

    @cached_property
    def is_category(self):
        """Whether the type, or in an object column the values, make it categorical."""
        if self.kind != "object":
            return self.in_frame and self.kind in ("category", "boolean")
        if self.measure is None:
            return True  # anything may come later: as a category with no level seen it is ignored, never an error
        if self.measure in TIMES:
            return False
        if self.in_frame:  # a frame can tell strings apart, so digits in strings stay categories
            return self.measure != "number" or any(issubclass(kind, (bool, np.bool_)) for kind in self.types)
        try:
            _ = self._parsed
        except ValueError:
            return True
        return False

    def numbers(self):
        """Numbers of the rows as float64, those of dates in days; NaN where one is missing."""
        if self.measure in TIMES:
            return self._days()
        if self.kind == "object":
            if self.in_frame and any(issubclass(kind, (str, bytes)) for kind in self.types):
                message = "is not numeric: it holds strings. List it in categorical_features."
                raise ValueError(f"Column {self.name!r} {message}")
            return self._parsed
        dtype = self.data.dtype
        if self.kind == "category":
            raise ValueError(f"Column {self.name!r} of dtype {dtype} is not numeric. List it in categorical_features.")
        if self.kind == "other":
            raise ValueError(f"Column {self.name!r} of dtype {dtype} is not numeric: encode it as numbers first.")
        if isinstance(self.data, np.ndarray):
            with np.errstate(over="ignore"):  # a longdouble may become infinite, which is refused by name
                return self.data.astype(np.float64)
        if hasattr(self.data, "cast"):  # polars casts, pandas converts
            return self.data.cast(float).to_numpy()
        return self.data.to_numpy(np.float64, na_value=np.nan)

    def numbers_as(self, measure):
        """Numbers of what the column was in fit; text that means such numbers is converted.

        Raises
        ------
        ValueError
            If it holds something else now.
        """
        is_complex = self.kind == "object" and any(issubclass(kind, _COMPLEX) for kind in self.types)
        if self.measure == measure and not is_complex:
            return self.numbers()
        meant = [meaning(value) if measure in TIMES else value for value in self.values]
        strange = [v for v, m in zip(self.values, meant, strict=True) if m is not None and not _is_a(m, measure)]
        if strange:
            held = family(strange[0])
            way_out = _CONVERSIONS.get(measure) if held == "text" else None
            raise ValueError(
                f"Column {self.name!r} held {_NAMES[measure]} in fit, but holds {held} now, such as "
                f"{some(dict.fromkeys(map(str, strange)))}. "
                + ("Pass it in the type that it had." if way_out is None else f"Convert it: {way_out}.")
            )
        if measure in TIMES:
            return days_of_objects(meant, measure)
        return np.array([_as_float(value) for value in meant], dtype=np.float64)

    def _days(self):
        try:
            numbers = None if self.kind == "object" else days_of_column(self.data, self.kind)
            return days_of_objects(self.values, self.measure) if numbers is None else numbers
        except (TypeError, ValueError, OverflowError) as error:
            raise ValueError(f"Column {self.name!r}: {error}") from error

    @cached_property
    def _parsed(self):
        """Numbers that the objects of a column mean."""
        try:
            return np.array([_as_float(value) for value in self.values], dtype=np.float64)
        except TypeError as error:
            raise TypeError(f"Column {self.name!r}: {error}") from error
        except (ValueError, OverflowError) as error:
            raise ValueError(f"Column {self.name!r} is not numeric: {error}.") from error

    @cached_property
    def factor(self):
        """Its values as categories; TypeError if Python cannot tell them apart."""
        data, in_order = self.data, type(self.data.dtype).__name__ in _ORDERED
        if isinstance(data, np.ndarray) and data.dtype.kind in "biuf":
            return Factor.of_numbers(data)
        if hasattr(data, "to_physical") and self.kind == "category":
            return _factor_of_polars(data, in_order)
        if in_order:
            return Factor(data.cat.categories.tolist(), data.cat.codes.to_numpy(), in_order)
        if hasattr(data, "factorize") and self.kind in _TYPED:  # pandas
            codes, values = data.factorize()
            return Factor.without_missing(values.tolist(), codes)
        return self._factor_of_objects()

    def _factor_of_objects(self):
        try:
            places = {value: place for place, value in enumerate(dict.fromkeys(self.values))}
        except TypeError as error:
            message = f"Column {self.name!r}: an argument must be a string or a number ({error})."
            raise TypeError(message) from error
        codes = np.fromiter(map(places.__getitem__, self.values), dtype=np.int32, count=len(self.values))
        return Factor.without_missing(list(places), codes)


def _is_a(value, measure):
    """Whether a value, or for numbers the text of it, is what a column measures."""
    if measure in TIMES or measure_of(type(value)) is not None:
        return measure_of(type(value)) == measure
    try:
        _as_float(value)
    except (TypeError, ValueError, OverflowError):
        return False
    return True


def _as_float(value):
    """The number that an object or a text means, NaN for None."""
    if isinstance(value, _COMPLEX):  # of which NumPy would drop the imaginary part
        raise TypeError(f"complex numbers such as {value} are not supported: take real and imaginary parts as columns.")
    return np.nan if value is None else float(value)


def _factor_of_polars(data, in_order):
    """Factor of strings or categories, which polars tells apart as an Enum."""
    if not in_order:
        text = data.cast(str)
        data = text.cast(sys.modules["polars"].Enum(text.drop_nulls().unique()))
    codes = data.to_physical().cast(sys.modules["polars"].Int32).fill_null(-1).to_numpy()
    return Factor(list(data.dtype.categories), codes, in_order)
