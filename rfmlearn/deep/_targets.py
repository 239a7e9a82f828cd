"""Targets of a feature map: of which task they are, and checked for it."""

from __future__ import annotations

import numpy as np
from sklearn.base import is_classifier, is_regressor
from sklearn.utils import check_array, check_consistent_length

from .._sklearn_compat import numbers_of_any_size
from ..targets._checks import check_labels, check_numbers
from ..targets._read import as_array
from ..targets._task import guess_task, warn_of_many_labels


def find_task(feature_map, y, weights):
    """Name of the task; None where it is up to an estimator that does not say.

    ValueError if the estimator is for another task than the one asked for.
    """
    task, estimator = feature_map.task, feature_map.estimator
    if estimator is None:
        if task != "auto" or y is None:
            return task
        check_consistent_length(weights, y)
        task = guess_task(y, weights)
        if task == "regression":
            warn_of_many_labels(y, stacklevel=4)
        return task
    own = "regression" if is_regressor(estimator) else "classification" if is_classifier(estimator) else None
    if own is not None and task not in ("auto", own):
        name = type(estimator).__name__
        raise ValueError(f"task={task!r}, but estimator={name} is for {own}: leave task at 'auto'.")
    return own


def check_targets(feature_map, X, y, task):
    """Targets as the estimator of the map wants them: numbers as floats, labels as they are."""
    if y is None:
        return check_numbers(feature_map, X, y)
    if task == "regression" and (feature_map.estimator is None or as_array(y, "y").dtype.kind in "OUSTmM"):
        return _check_regression(feature_map, X, y)
    if feature_map.estimator is None:
        return _check_classification(feature_map, X, y)
    with numbers_of_any_size():
        y = check_array(as_array(y, "y"), ensure_2d=False, dtype=None, input_name="y", estimator=feature_map)
    check_consistent_length(X, y)
    return y


def _check_regression(feature_map, X, y):
    """Numbers; an error that names the task where they are none."""
    dtype = as_array(y, "y").dtype
    try:
        if dtype.kind in "mM":
            raise ValueError("dates and times are no numbers")
        return check_numbers(feature_map, X, y)
    except (TypeError, ValueError) as error:
        if dtype.kind not in "OUSTmM":
            raise
        several = " (several columns of y are always a regression)" if len(np.shape(y)) == 2 else ""
        why = "" if dtype.kind in "UST" else f": {error}"
        raise ValueError(f"regression needs numbers in y, got dtype {dtype}{several}{why}.") from error


def _check_classification(feature_map, X, y):
    """Labels; an error that names the task where they are none."""
    if getattr(getattr(y, "dtype", None), "kind", "") == "O":
        values = as_array(np.asarray(y).tolist(), "y")
        y = values if values.dtype.kind in "biuf" else y  # numbers and booleans are labels, whatever holds them
    try:
        return check_labels(feature_map, X, y)
    except ValueError as error:
        if "label type: continuous" not in str(error):
            raise
        raise ValueError("classification needs labels in y, got numbers that are not whole.") from error
