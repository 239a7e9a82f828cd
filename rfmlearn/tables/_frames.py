"""Tables as users have them, of NumPy, pandas or polars: their columns, kinds, values and levels."""

from __future__ import annotations

import re
import sys
from numbers import Number

import numpy as np
from sklearn.utils.validation import check_array

# pandas, polars, Arrow and numpy name their types alike, so the name tells what a column holds.
_KINDS = {
    "number": re.compile(r"u?int\d+|float|double|halffloat|decimal|sparse\[(u?int|float)"),
    "category": re.compile(r"(str|string|large_string|category|categorical|enum|dictionary)\b"),
    "boolean": re.compile(r"bool|sparse\[bool"),
    "object": re.compile(r"object|null\b"),
}


def library_of(X):
    """Name of the library whose DataFrame `X` is, or None; imports nothing."""
    for name in ("pandas", "polars"):
        if name in sys.modules and isinstance(X, getattr(sys.modules[name], "DataFrame", ())):
            return name
    return None


def check_table(X, estimator=None):
    """Check the shape and kind of the user's table; `estimator` is named in the error messages.

    A DataFrame returns as it is. All else returns as an array: float32 (of float32 and float16), float64 (of other
    real numbers), or object (of strings and objects). Infinity in a DataFrame or in objects is left to the encoder.
    """
    if library_of(X) is None:
        checked = check_array(X, dtype=None, ensure_all_finite="allow-nan", estimator=estimator, input_name="X")
        kind = checked.dtype.kind
        if kind in "US":  # a list of numbers and strings would otherwise turn its numbers into strings
            return np.asarray(X, dtype=object)
        if kind not in "biuf":
            return checked
        return checked.astype(np.float32 if checked.dtype in (np.float16, np.float32) else np.float64, copy=False)
    # A stand-in of the same shape draws scikit-learn's own messages without copying the table.
    check_array(np.broadcast_to(np.int8(0), X.shape), estimator=estimator, input_name="X")
    names = list(X.columns)
    if len(set(names)) < len(names):
        repeated = sorted({str(name) for name in names if names.count(name) > 1})
        raise ValueError(f"Column names must be unique, but these are repeated: {repeated}.")
    return X


def split_table(X):
    """Columns of a table, their names, and whether the user gave the names."""
    library = library_of(X)
    if library is None:
        return list(X.T), [f"x{j}" for j in range(X.shape[1])], False
    columns = X.get_columns() if library == "polars" else [X.iloc[:, j] for j in range(X.shape[1])]
    named = all(isinstance(name, str) for name in X.columns)
    return columns, list(X.columns) if named else [f"x{j}" for j in range(X.shape[1])], named


def empty_like(X):
    """A table of the same kind and columns without rows: an array, or a frame of pandas or polars."""
    return X.iloc[:0] if hasattr(X, "iloc") else X[:0]


def join_columns(columns, like):
    """A table of columns given as arrays of floats or lists of objects, of the kind of `like`.

    Numbers become floats in a frame; a category keeps its type.
    """
    library = library_of(like)
    if library is None:
        numeric = all(isinstance(column, np.ndarray) for column in columns)
        return np.column_stack([np.asarray(column, dtype=None if numeric else object) for column in columns])
    frame = sys.modules[library]
    if library == "polars":
        types = [None if isinstance(column, np.ndarray) else like.dtypes[j] for j, column in enumerate(columns)]
        named = zip(like.columns, columns, types, strict=True)
        return frame.DataFrame([frame.Series(name, column, dtype=dtype) for name, column, dtype in named])
    types = [
        column.dtype if isinstance(column, np.ndarray) else like.dtypes.iloc[j] for j, column in enumerate(columns)
    ]
    joined = frame.concat([frame.Series(c, dtype=t) for c, t in zip(columns, types, strict=True)], axis=1)
    return joined.set_axis(like.columns, axis=1)


def _kind(column):
    """One of the keys of `_KINDS`, or 'other' (dates, lists, complex numbers, ...)."""
    name = str(column.dtype).lower()
    return next((kind for kind, pattern in _KINDS.items() if pattern.match(name)), "other")


def _is_missing(value):
    if value is None:
        return True
    try:
        return bool(value != value)  # NaN, NaT and Decimal's NaN differ from themselves
    except (TypeError, ValueError):  # pandas.NA has no truth value, nor has an array
        return type(value).__name__ == "NAType"


def column_values(column):
    """Python objects of a column, None where one is missing."""
    values = column.tolist() if isinstance(column, np.ndarray) else column.to_list()
    return [None if _is_missing(value) else value for value in values]


def is_category(column, name):
    """Whether the type of a column, or in an object column its values, make it categorical."""
    kind = _kind(column)
    if kind != "object":
        return kind in ("category", "boolean") and not isinstance(column, np.ndarray)
    values = [value for value in column_values(column) if value is not None]
    if not values:
        return True  # anything may come later: as a category with no level seen it is ignored, never an error
    if not isinstance(column, np.ndarray):  # a frame can tell strings apart, so digits in strings stay categories
        return any(isinstance(value, bool) or not isinstance(value, Number) for value in values)
    try:
        _to_float(values, name)
    except ValueError:
        return True
    return False


def _to_float(values, name):
    try:
        return np.array([float(value) for value in values], dtype=np.float64)
    except TypeError as error:
        raise TypeError(f"Column {name!r}: {error}") from error
    except (ValueError, OverflowError) as error:
        raise ValueError(f"Column {name!r} is not numeric: {error}.") from error


def column_numbers(column, name):
    """Numbers of a column as float64, NaN where one is missing."""
    kind = _kind(column)
    if kind == "object":
        values = column_values(column)
        if not isinstance(column, np.ndarray) and any(isinstance(value, str) for value in values):
            raise ValueError(f"Column {name!r} is not numeric: it holds strings. List it in categorical_features.")
        return _to_float([np.nan if value is None else value for value in values], name)
    if kind == "category":
        raise ValueError(f"Column {name!r} of dtype {column.dtype} is not numeric. List it in categorical_features.")
    if kind == "other":
        raise ValueError(f"Column {name!r} of dtype {column.dtype} is not numeric: encode it as numbers first.")
    if isinstance(column, np.ndarray):
        return column.astype(np.float64)
    # polars casts, pandas converts
    return column.cast(float).to_numpy() if hasattr(column, "cast") else column.to_numpy(np.float64, na_value=np.nan)


def find_columns(asked, names, named, parameter, besides):
    """Indices of the columns that a mask, indices or names mean, in the order in which they are asked for.

    Parameters
    ----------
    asked : iterable of bool, int or str
    names : list of str
        Those of all columns.
    named : bool
        Whether the user gave them.
    parameter : str
        Whose value `asked` is, for messages.
    besides : str
        What else the parameter may be, for messages.

    Returns
    -------
    ndarray of int

    Raises
    ------
    ValueError
        If it is nothing of the kind, or a column is unknown.
    """
    # names in an index or an array of objects become strings
    listed = np.array([*asked] if np.iterable(asked) and not isinstance(asked, str) else asked)
    if listed.ndim != 1 or (listed.size and listed.dtype.kind not in "biuU"):
        raise ValueError(
            f"{parameter} must be {besides}, a boolean mask, column indices or column names, got {asked!r}."
        )
    if listed.dtype.kind == "b":
        if len(listed) != len(names):
            raise ValueError(f"{parameter} as a mask must have length {len(names)}, got {len(listed)}.")
        return np.flatnonzero(listed)
    by_name = listed.dtype.kind == "U"
    if by_name and not named:
        raise ValueError(f"{parameter}={listed.tolist()} are names, but X has no column names of type str.")
    places = {key: j for j, key in enumerate(names if by_name else range(len(names)))}
    wrong = [key for key in listed.tolist() if key not in places]
    if wrong:
        raise ValueError(f"{parameter}={wrong} are not among the columns of X, {list(places)}.")
    return np.array([places[key] for key in listed.tolist()], dtype=np.intp)


def find_categorical(spec, columns, names, named):
    """Mask of the categorical columns that `spec`, the user's categorical_features, means."""
    if isinstance(spec, str) and spec == "from_dtype":
        return np.array([is_category(column, name) for column, name in zip(columns, names, strict=True)])
    mask = np.zeros(len(columns), dtype=bool)
    if spec is not None:
        mask[find_columns(spec, names, named, "categorical_features", "'from_dtype', None")] = True
    return mask


# Of pandas and of polars. The order of a polars Categorical is that in which the process met its strings.
_ORDERED_TYPES = {"CategoricalDtype", "Enum"}


def column_levels(column, name):
    """Distinct values in order, then None if one is missing; nothing if there is only one.

    The order is that of the column's type if it has one (a pandas category, a polars Enum), else ascending.
    """
    values = column_values(column)
    try:
        levels = dict.fromkeys(values)
    except TypeError as error:
        raise TypeError(f"Column {name!r}: an argument must be a string or a number ({error}).") from error
    if len(levels) == 1:
        return []
    missing = [None] if None in levels else []
    levels.pop(None, None)
    if type(column.dtype).__name__ in _ORDERED_TYPES:
        ordered = [value for value in column.dtype.categories if value in levels]
        if len(ordered) == len(levels):
            return ordered + missing
    try:
        return sorted(levels) + missing
    except TypeError:  # values of several types have no order of their own
        return sorted(levels, key=lambda value: (type(value).__name__, str(value))) + missing


def take_rows(X, rows):
    """Rows of an array, pandas or polars table, by a slice or by indices, which may repeat.

    The table itself where they are all of its rows in their order.
    """
    if isinstance(rows, np.ndarray) and len(rows) == len(X) and np.array_equal(rows, np.arange(len(X))):
        return X
    return X.iloc[rows] if hasattr(X, "iloc") else X[rows]
