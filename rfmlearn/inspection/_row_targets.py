"""Targets of rows to be drawn or scored: in one dimension, as numbers or as codes of classes."""

from __future__ import annotations

import numpy as np

from ..tables._values import column_values


def one_column(y):
    """Targets as an array, of one dimension where they are a single column."""
    y = np.asarray(y)
    return y[:, 0] if y.ndim == 2 and y.shape[1] == 1 else y


def target_numbers(y):
    """Targets, shape (m,), as float64, NaN where one is missing."""
    try:
        numbers = np.array([np.nan if value is None else value for value in column_values(y)], dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(f"y must be numbers, as the model is not a classifier: {error}.") from error
    if np.isinf(numbers).any():
        raise ValueError("y must be finite or missing, but it has infinite values.")
    return numbers


def class_codes(y, classes):
    """Place of the label of each row among the classes, shape (m,), -1 where it is missing."""
    if y.ndim != 1:
        raise ValueError(f"y must be one column of labels, got shape {y.shape}.")
    codes = {name: code for code, name in enumerate(np.asarray(classes).tolist())}
    values = column_values(y)
    unknown = sorted({str(name) for name in values if name is not None and name not in codes})
    if unknown:
        known = [str(name) for name in codes]
        raise ValueError(
            f"y has labels that are not among the classes: {', '.join(unknown[:5])}; "
            f"these are {', '.join(known[:5])}{' and others' if len(known) > 5 else ''}."
        )
    return np.array([-1 if name is None else codes[name] for name in values], dtype=np.intp)


def classes_of_labels(y):
    """Classes of which labels have at least one row, sorted."""
    return np.unique([name for name in column_values(y) if name is not None])
