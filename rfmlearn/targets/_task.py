"""Whether targets are numbers or classes, where nothing but the targets says so."""

from __future__ import annotations

import warnings
from numbers import Number

import numpy as np

from ._read import as_array

TASKS = ("auto", "regression", "classification")
# Digits are ten; whole numbers of more values are counts, years or prices rather than classes.
MOST_CLASSES = 10
# Beyond it all floats are whole.
_LARGEST = 2.0**53
_COMPLEX = (complex, np.complexfloating)
# More values than that, each at so many rows, look like labels all the same.
_ROWS_OF_A_LABEL = 5


def guess_task(y, sample_weight=None):
    """Name of the task, by the type of the targets and how many different values they have.

    Strings, booleans and categories are classes. Whole numbers are classes if there are at most ten different ones,
    each at two rows or more on average (two different ones in any case). All else is numbers, also several columns.

    Parameters
    ----------
    y : array-like of shape (n,) or (n, n_outputs)
    sample_weight : ndarray of shape (n,), default=None
        Rows of weight zero are not looked at.

    Returns
    -------
    {"classification", "regression"}
    """
    values = as_array(y, "y")
    if values.ndim > 2 or (values.ndim == 2 and values.shape[1] > 1) or _holds_complex(values):
        return "regression"  # which refuses complex numbers, and more than two dimensions
    if _is_named(y) or (values.dtype.kind in "bUSTO" and not _holds_numbers(values)):
        return "classification"
    values = values.astype(np.float64) if values.dtype.kind == "O" else values
    values = values.reshape(-1) if sample_weight is None else values.reshape(-1)[sample_weight > 0]
    if values.dtype.kind not in "iuf" or not np.all((values == np.round(values)) & (np.abs(values) <= _LARGEST)):
        return "regression"
    _, counts = np.unique(values, return_counts=True)
    if len(counts) <= 2 or (len(counts) <= MOST_CLASSES and 2 * len(counts) <= len(values)):
        return "classification"
    return "regression"


def warn_of_many_labels(y, stacklevel):
    """Warn if whole numbers that were taken for numbers look like labels."""
    values = np.asarray(y)
    if values.ndim == 1 and values.dtype.kind in "iu":
        different, counts = np.unique(values, return_counts=True)
        if counts.min() >= _ROWS_OF_A_LABEL and different[0] in (0, 1) and different[-1] - different[0] < len(counts):
            warnings.warn(
                f"y has the whole numbers from {different[0]} to {different[-1]}, which are more than {MOST_CLASSES} "
                'and were taken for numbers: if they are labels of classes, give task="classification", if not, '
                'task="regression".',
                UserWarning,
                stacklevel=stacklevel + 1,
            )


def _is_named(y):
    """Whether pandas or polars hold targets as categories, of numbers perhaps."""
    dtype = str(getattr(y, "dtype", "")).lower()
    return dtype.startswith(("category", "categorical", "enum"))


def _holds_complex(values):
    return values.dtype.kind == "c" or (values.dtype == object and any(isinstance(v, _COMPLEX) for v in values.flat))


def _holds_numbers(values):
    """Whether all are numbers, none of them a boolean."""
    return all(isinstance(value, Number) and not isinstance(value, (bool, np.bool_)) for value in values.flat)
