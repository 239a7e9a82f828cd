"""Tables as users have them, of NumPy, pandas or polars: what may come in, their columns and rows."""

from __future__ import annotations

import numpy as np
from sklearn.utils.validation import check_array

from .._sklearn_compat import numbers_of_any_size
from ._column import Column
from ._libraries import at_hand, library_of
from ._values import plain


def check_table(X, estimator=None):
    """Check the shape and kind of the user's table; `estimator` is named in the error messages.

    A DataFrame of pandas or polars returns as it is, and a table of another library as one of these. All else returns
    as an array: float32 (of float32 and float16), float64 (of other real numbers), object (of strings and objects), or
    as it is (of dates, and of whole numbers that float64 does not tell apart). Infinity in a DataFrame or in objects is
    left to the encoder, and in arrays too where there is an estimator.
    """
    X = at_hand(X)
    if library_of(X) is None:
        return _check_array(X, estimator)
    # A stand-in of the same shape draws scikit-learn's own messages without copying the table.
    check_array(np.broadcast_to(np.int8(0), X.shape), estimator=estimator, input_name="X")
    names = list(X.columns)
    if len(set(names)) < len(names):
        repeated = sorted({str(name) for name in names if names.count(name) > 1})
        raise ValueError(f"Column names must be unique, but these are repeated: {repeated}.")
    return _native(X) if library_of(X) == "pandas" else X


def _native(X):
    """The DataFrame in this machine's order of bytes: pandas cannot take rows of whole numbers in another one."""
    types = X.dtypes.items()
    swapped = {name: t.newbyteorder("=") for name, t in types if isinstance(t, np.dtype) and not t.isnative}
    return X.astype(swapped) if swapped else X


def _check_array(X, estimator):
    _refuse_records(X)
    X = _without_mask(X) if isinstance(X, np.ma.MaskedArray) else X
    rows = array_of_rows(X)
    with numbers_of_any_size():  # a longdouble may become infinite, which is refused by name
        # An encoder looks for infinity itself: it names the column, and some columns do not count.
        finite = "allow-nan" if estimator is None else False
        checked = check_array(rows, dtype=None, ensure_all_finite=finite, estimator=estimator, input_name="X")
        if not checked.dtype.isnative:
            checked = checked.astype(checked.dtype.newbyteorder("="))
        kind, is_list = checked.dtype.kind, isinstance(X, (list, tuple))
        # A list of numbers and strings would otherwise turn its numbers into strings, and whole ones be rounded.
        if kind in "US" or (is_list and kind == "f" and not _float64_holds(np.nan_to_num(checked))):
            return np.asarray(X, dtype=object)
        if kind not in "biuf" or (kind in "iu" and not _float64_holds(checked)):
            return checked
        return checked.astype(_precision_of(checked.dtype), copy=False)


def array_of_rows(X):
    """An array if X is a list of rows; ValueError where these are not of one length. All else as it is."""
    if not isinstance(X, (list, tuple)):
        return X
    try:
        return np.asarray(X)
    except ValueError as error:
        lengths = [len(row) if hasattr(row, "__len__") else None for row in X]
        other = next((place for place, length in enumerate(lengths) if length != lengths[0]), None)
        if other is None:
            raise ValueError(f"X must have one value in each place: {error}") from error
        first, second = ("is no list" if n is None else f"has length {n}" for n in (lengths[0], lengths[other]))
        raise ValueError(f"X must have rows of one length, but row 0 {first} and row {other} {second}.") from error


def _precision_of(dtype):
    return np.float32 if dtype in (np.float16, np.float32) else np.float64


def _refuse_records(X):
    """TypeError for rows or columns that have names, in what is no table."""
    kind = None
    if hasattr(X, "dtype"):  # sparse matrices may be dicts
        kind = "a structured array" if getattr(X.dtype, "names", None) else None
    elif isinstance(X, dict):
        kind = "a dict"
    elif isinstance(X, (list, tuple)) and len(X) > 0 and isinstance(X[0], dict):
        kind = "a list of dicts"
    if kind is not None:
        raise TypeError(f"X must be an array or a DataFrame, got {kind}: pandas.DataFrame(X) makes one of it.")


def _without_mask(X):
    """The array with NaN, or None among objects, where it is masked; scikit-learn would take what is under the mask."""
    if X.dtype.kind in "bf" or (X.dtype.kind in "iu" and _float64_holds(X.data)):
        return X.astype(_precision_of(X.dtype.newbyteorder("="))).filled(np.nan)
    objects = X.data.astype(object)
    objects[np.ma.getmaskarray(X)] = None
    return objects


def _float64_holds(numbers):
    """Whether all whole numbers in an array are float64 as they are, those up to 2^53 in magnitude."""
    return not numbers.size or bool(numbers.max() <= 2**53 and numbers.min() >= -(2**53))


def table_names(X):
    """Names of the columns, ``x0``, ``x1``, ... unless all have one of type str; and whether they have."""
    names = list(getattr(X, "columns", ()))
    if names and all(isinstance(name, str) for name in names):
        return [plain(name) for name in names], True
    return [f"x{j}" for j in range(X.shape[1])], False


def split_table(X):
    """Columns of a table."""
    library = library_of(X)
    if library is None:
        parts = list(X.T)
    elif library == "polars":
        parts = X.get_columns()
    else:  # what pandas holds in NumPy's types is an array
        parts = [X.iloc[:, j] for j in range(X.shape[1])]
        parts = [part.to_numpy() if isinstance(part.dtype, np.dtype) else part for part in parts]
    return [
        Column(part, name, in_frame=library is not None) for part, name in zip(parts, table_names(X)[0], strict=True)
    ]


def take_rows(X, rows):
    """Rows of an array, pandas or polars table, by a slice or by indices, which may repeat.

    The table itself where they are all of its rows in their order.
    """
    if isinstance(rows, np.ndarray) and len(rows) == len(X) and np.array_equal(rows, np.arange(len(X))):
        return X
    return X.iloc[rows] if hasattr(X, "iloc") else X[rows]


def copy_table(X):
    """A copy of an array, pandas or polars table."""
    return X.clone() if library_of(X) == "polars" else X.copy()


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
    try:  # names in an index or an array of objects become strings
        listed = np.array([*asked] if np.iterable(asked) and not isinstance(asked, str) else asked)
    except ValueError:  # lists of different length
        listed = np.empty((0, 0))
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


def find_categorical(spec, columns, named):
    """Mask of the categorical columns that `spec`, the user's categorical_features, means."""
    if isinstance(spec, str) and spec == "from_dtype":
        return np.array([column.is_category for column in columns])
    mask = np.zeros(len(columns), dtype=bool)
    if spec is not None:
        names = [column.name for column in columns]
        mask[find_columns(spec, names, named, "categorical_features", "'from_dtype', None")] = True
    return mask
