"""Targets in whatever the user keeps them, as arrays of numbers or labels; what is neither is refused by name."""

from __future__ import annotations

from numbers import Integral, Real

import numpy as np
import scipy.sparse

from .._sklearn_compat import is_pandas_na
from ..runtime._budget import LARGEST_TARGET


def is_missing(value):
    """Whether a value is None, NaN, NaT or pandas.NA."""
    return value is None or is_pandas_na(value) or value != value


def without_torch(values):
    """Tensors, whatever their dtype and with gradients or not, and lists of them as arrays; all else as it is."""
    if isinstance(values, list | tuple):
        return [without_torch(value) for value in values] if any(hasattr(v, "detach") for v in values) else values
    if not hasattr(values, "detach"):
        return values
    values = values.detach().cpu()
    try:
        return values.numpy()
    except TypeError:  # NumPy has no bfloat16
        return values.float().numpy()


def as_array(y, name):
    """An array of any type; of objects where a list holds text and other things."""
    if scipy.sparse.issparse(y):
        raise TypeError(f"{name} must be dense, got {type(y).__name__}: take {name}.toarray().ravel().")
    if np.ma.is_masked(y):
        raise ValueError(f"{name} has masked entries: every row needs a value.")
    try:
        array = np.asarray(y)
    except ValueError as error:  # rows of different length
        raise ValueError(f"{name} must be an array of shape (n_samples,) or (n_samples, n_outputs): {error}") from error
    if not array.ndim:
        raise ValueError(f"{name} must be an array with a value for each row, got {type(y).__name__}.")
    if isinstance(y, (list, tuple)) and array.dtype.kind in "US" and array.ndim == 1:
        return np.array([*y, None], dtype=object)[:-1]  # numbers beside text would have become text
    return array


def as_numbers(y, name):
    """Numbers as float64, which may be infinite or NaN; ValueError for missing values, text, dates, complex numbers."""
    array = as_array(y, name)
    if array.dtype == object:
        return _numbers_of_objects(array, name)
    if array.dtype.kind not in "biuf":
        raise ValueError(f"{name} must hold real numbers, got {array.dtype}{_way_out(array.dtype.kind)}.")
    with np.errstate(over="ignore"):  # wider types have larger numbers, which are told of as infinite
        return array.astype(np.float64, copy=False)


# What to do with an array of a kind that holds no numbers.
_WAY_OUT = {
    "U": "convert text that means numbers, by y.astype(float)",
    "M": 'say in which unit dates count, as (y - y.min()) / numpy.timedelta64(1, "D") does',
    "m": 'say in which unit times count, as y / numpy.timedelta64(1, "s") does',
    "c": "Complex data not supported, take real and imaginary parts as two outputs",
}


def _way_out(kind):
    return f": {_WAY_OUT[kind]}" if kind in _WAY_OUT else ""


def _numbers_of_objects(array, name):
    numbers = np.empty(array.shape)
    for place, value in np.ndenumerate(array):
        if is_missing(value):
            raise ValueError(f"{name} has a missing value (None, NaN or NA; row {place[0]}): every row needs a number.")
        kind = "U" if isinstance(value, (str, bytes)) else np.asarray(value).dtype.kind
        try:
            if kind in _WAY_OUT:
                raise TypeError
            numbers[place] = value
        except (TypeError, ValueError, OverflowError):
            raise ValueError(
                f"{name} must hold real numbers, got {_short(value)} in row {place[0]}{_way_out(kind)}."
            ) from None
    return numbers


def check_size(y, name):
    """Refuse finite numbers whose differences and sums would overflow."""
    if y.size and (largest := float(np.max(np.abs(y)))) > LARGEST_TARGET:
        raise ValueError(
            f"{name} must not exceed {LARGEST_TARGET:g} in size, got {largest:g}: divide it by a constant."
        )


def as_labels(y, name):
    """Labels of one type; ValueError for missing ones, and for text beside numbers."""
    labels = as_array(y, name)
    if labels.dtype.kind == "M" and np.isnat(labels).any():
        raise ValueError(f"{name} has a missing label (NaT): every row needs one.")
    if labels.dtype.kind == "c":
        raise ValueError(f"{name} must hold class labels, got {labels.dtype}. Complex data not supported.")
    if labels.dtype != object or labels.ndim != 1:
        return labels
    values = labels.tolist()
    if all(isinstance(value, str) for value in values):  # none of which is missing
        return np.asarray(y) if isinstance(y, (list, tuple)) else labels
    if any(map(is_missing, values)):
        raise ValueError(f"{name} has a missing label (None, NaN or NA): every row needs one.")
    if all(isinstance(value, Real) for value in values):
        small = all(abs(int(value)) < 2**63 for value in values if isinstance(value, Integral))
        return np.array(values) if small else labels
    examples = {type(value).__name__: value for value in reversed(values)}
    found = ", ".join(f"{kind} ({_short(value)})" for kind, value in sorted(examples.items())[:4])
    raise ValueError(f"{name} must hold labels of one type, all text or all whole numbers or bools, got {found}.")


def _short(value):
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:37]}..."
