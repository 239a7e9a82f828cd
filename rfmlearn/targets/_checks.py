"""Checks of the user's targets, which single models and those that choose their settings share."""

from __future__ import annotations

import numpy as np
from sklearn.utils import assert_all_finite, check_array, check_consistent_length, column_or_1d
from sklearn.utils.class_weight import compute_class_weight
from sklearn.utils.multiclass import check_classification_targets

from .._sklearn_compat import is_pandas_na


def _require(estimator, y):
    if y is None:
        raise ValueError(f"{type(estimator).__name__} requires y to be passed, but the target y is None.")


def check_numbers(estimator, X, y):
    """Numeric targets as float64, of one or two dimensions."""
    _require(estimator, y)
    y = check_array(y, ensure_2d=False, dtype="numeric", input_name="y", estimator=estimator)
    if y.ndim > 2:
        raise ValueError(f"y must have one or two dimensions, got {y.ndim}.")
    check_consistent_length(X, y)
    return np.asarray(y, dtype=np.float64)


def check_labels(estimator, X, y, name="y"):
    """Class labels, one a row, none of them missing."""
    _require(estimator, y)
    y = column_or_1d(y, warn=True)
    if y.dtype == object and any(map(_is_missing, y)):
        raise ValueError(f"{name} has a missing label (None, NaN or NA): every row needs one.")
    assert_all_finite(y, input_name=name, estimator_name=type(estimator).__name__)
    check_classification_targets(y)
    check_consistent_length(X, y)
    return y


def _is_missing(label):
    """Whether a label is None, NaN or pandas.NA."""
    return label is None or is_pandas_na(label) or label != label


def code_labels(estimator, y, sample_weight):
    """Classes with positive weight, sorted, and the integer label of each row (0 where a class has no weight)."""
    classes = np.unique(y[sample_weight > 0])
    if len(classes) < 2:
        raise ValueError(
            f"{type(estimator).__name__} needs at least two classes with positive weight, got 1 class: "
            f"{classes.tolist()[0]!r}."
        )
    return classes, np.searchsorted(classes, np.where(np.isin(y, classes), y, classes[0]))


def code_known_labels(estimator, classes, X, y):
    """The integer label of each validation row, among classes."""
    y = check_labels(estimator, X, y, "y_val")
    unknown = np.setdiff1d(y, classes)
    if len(unknown):
        raise ValueError(f"y_val has labels that y has not: {unknown[:5].tolist()}.")
    return np.searchsorted(classes, y)


def check_group_labels(groups, X):
    """Labels of groups, one a row, none missing, as they are or, where they have no order, as integers; or None."""
    if groups is None:
        return None
    groups = column_or_1d(groups)
    check_consistent_length(X, groups)
    if any(map(_is_missing, groups.tolist())):
        raise ValueError("groups has a missing label (None, NaN or NA): every row needs one.")
    try:
        np.unique(groups)
    except TypeError:  # labels of several types
        codes: dict = {}
        return np.array([codes.setdefault(label, len(codes)) for label in groups.tolist()])
    return groups


def check_groups(groups, X, kept):
    """Labels of groups of the rows that are kept, at least two different ones; None if there are none."""
    groups = check_group_labels(groups, X)
    if groups is not None and len(np.unique(groups[kept])) < 2:
        raise ValueError(f"groups must hold at least two different groups, got 1: {groups[kept].tolist()[0]!r}.")
    return None if groups is None else groups[kept]


def class_factors(class_weight, classes, y, sample_weight):
    """Weight of each class."""
    if class_weight == "balanced":
        totals = np.array([sample_weight[y == label].sum() for label in classes])
        return totals.sum() / (len(totals) * totals)
    factors = compute_class_weight(class_weight, classes=classes, y=y[sample_weight > 0])
    if not (np.isfinite(factors).all() and (factors > 0).all()):
        raise ValueError(f"class_weight must be positive and finite for every class, got {class_weight!r}.")
    return factors
