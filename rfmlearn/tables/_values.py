"""Single values of a table: whether they are missing, what they mean whatever their type, and plain copies of them."""

from __future__ import annotations

import datetime
import re
from numbers import Number

import numpy as np

_WHOLE = re.compile(r"-?\d{1,40}")
_ISO = re.compile(r"\d{4}-\d\d-\d\d([T ].+)?")


def column_values(data):
    """Python objects of the rows of a column or an array, None where one is missing."""
    if isinstance(data, np.ndarray):
        values = _times_as_objects(data) if data.dtype.kind in "mM" else data.tolist()
    else:
        values = data.to_list()
    try:
        return [None if value != value else value for value in values]
    except (TypeError, ValueError):
        return [None if is_missing(value) else value for value in values]


def _times_as_objects(data):
    """Python's own dates where they hold all there is; nanoseconds would become bare numbers."""
    unit = np.datetime_data(data.dtype)[0]
    exact = data if unit in ("D", "us") else data.astype(f"{data.dtype.kind}8[us]")
    return exact.tolist() if bool(((exact == data) | np.isnat(data)).all()) else list(data)


def is_missing(value):
    """Whether a value is None, NaN, NaT or pandas.NA."""
    if value is None:
        return True
    try:
        return bool(value != value)  # NaN, NaT and Decimal's NaN differ from themselves
    except (TypeError, ValueError):  # pandas.NA has no truth value, nor has an array
        return type(value).__name__ == "NAType"


def plain(value):
    """A scalar of NumPy or pandas as Python's own, as text where there is none: it loads wherever Python does."""
    library = type(value).__module__.partition(".")[0]
    if library == "numpy" and isinstance(value, np.generic):
        item = value.item()
        # Nanoseconds would become a bare number, and what has no counterpart comes back as it is.
        if isinstance(item, np.generic) or (value.dtype.kind in "mM" and type(item) is int):
            return str(value).replace("T", " ")
        return item
    if library == "pandas":
        if hasattr(value, "to_pydatetime") and not value.nanosecond:
            return value.to_pydatetime()
        if hasattr(value, "to_pytimedelta") and not value.nanoseconds:
            return value.to_pytimedelta()
        return str(value)  # an interval, a period
    return value


def family(value):
    """What a value is, in a word for messages; values of one family are told apart as they are."""
    if isinstance(value, (str, bytes)):
        return "text"
    if isinstance(value, (bool, np.bool_)):
        return "true or false"
    if isinstance(value, (datetime.timedelta, np.timedelta64)):  # to numpy a number
        return "durations"
    if isinstance(value, Number):
        return "complex numbers" if isinstance(value, (complex, np.complexfloating)) else "numbers"
    if isinstance(value, (datetime.date, np.datetime64)):
        return "dates"
    return "times" if isinstance(value, datetime.time) else f"values of type {type(value).__name__}"


def meaning(value):
    """What a plain value means whatever its type: 1 for 1.0 and "1", True for "True", a datetime for a date.

    Text that the other type would not give back, such as "01001" or "1.50", means itself.
    """
    if isinstance(value, bytes):
        value = value.decode(errors="replace")
    if isinstance(value, datetime.date) and not isinstance(value, datetime.datetime):
        return datetime.datetime(value.year, value.month, value.day)
    if not isinstance(value, str):
        return value
    if value.lower() in ("true", "false"):
        return value.lower() == "true"
    return _number_of_text(value)


def _number_of_text(text):
    try:
        if _WHOLE.fullmatch(text):
            return int(text) if str(int(text)) == text else text
        if _ISO.fullmatch(text):
            return datetime.datetime.fromisoformat(text)
        return float(text) if repr(float(text)) == text else text
    except ValueError:
        return text


def some(values, n=3):
    """A few values, for messages."""
    values = list(values)
    return ", ".join(map(repr, values[:n])) + (", ..." if len(values) > n else "")
