"""Checks of the user's targets, which single models and those that choose their settings share."""

from __future__ import annotations

import numpy as np
from sklearn.utils import assert_all_finite, check_array, check_consistent_length, column_or_1d
from sklearn.utils.class_weight import compute_class_weight
from sklearn.utils.multiclass import check_classification_targets

from .._sklearn_compat import numbers_of_any_size
from ..runtime._budget import LARGEST_CLASS_WEIGHT
from ._read import as_array, as_labels, as_numbers, check_size, is_missing

# Kinds of arrays of text.
_TEXT = "OUST"


def _require(estimator, y):
    if y is None:
        raise ValueError(f"{type(estimator).__name__} requires y to be passed, but the target y is None.")


def check_numbers(estimator, X, y, name="y"):
    """Numeric targets as float64, of one or two dimensions."""
    _require(estimator, y)
    y = as_numbers(y, name)
    if y.ndim > 2:
        raise ValueError(f"{name} must have one or two dimensions, got {y.ndim}.")
    with numbers_of_any_size():
        y = check_array(y, ensure_2d=False, dtype=np.float64, input_name=name, estimator=estimator)
    check_size(y, name)
    check_consistent_length(X, y)
    return y


def check_labels(estimator, X, y, name="y"):
    """Class labels, one a row, none of them missing."""
    _require(estimator, y)
    y = column_or_1d(as_labels(y, name), warn=True)
    with numbers_of_any_size():
        assert_all_finite(y, input_name=name, estimator_name=type(estimator).__name__)
        try:
            check_classification_targets(y)
        except ValueError as error:
            raise ValueError(f"{name}: {error}") from error
    check_consistent_length(X, y)
    return y


def code_labels(estimator, y, sample_weight):
    """Classes with positive weight, sorted, and the integer label of each row (0 where a class has no weight)."""
    classes = np.unique(y[sample_weight > 0])
    if len(classes) < 2:
        raise ValueError(
            f"{type(estimator).__name__} needs at least two classes with positive weight, got 1 class: "
            f"{classes.tolist()[0]!r}."
        )
    return classes, np.searchsorted(classes, np.where(np.isin(y, classes), y, classes[0]))


def code_known_labels(estimator, classes, X, y, name="y_val", known="y"):
    """The integer label of each row of a validation set, among classes."""
    y = check_labels(estimator, X, y, name)
    if (y.dtype.kind in _TEXT) != (classes.dtype.kind in _TEXT):
        ours, theirs = classes[:1].tolist()[0], y[:1].tolist()[0]
        message = f"{name} has labels as {theirs!r}, but {known} has labels as {ours!r}: they must be of one type."
        raise ValueError(message)
    unknown = np.setdiff1d(y, classes)
    if len(unknown):
        raise ValueError(f"{name} has labels that {known} has not: {unknown[:5].tolist()}.")
    return np.searchsorted(classes, y)


def check_group_labels(groups, X):
    """Labels of groups, one a row, none missing, as they are or, where they have no order, as integers; or None."""
    if groups is None:
        return None
    groups = as_array(groups, "groups")
    groups = groups.ravel() if groups.ndim == 2 and groups.shape[1] == 1 else groups
    if groups.ndim != 1:
        raise ValueError(f"groups must have one label for each row, got an array of shape {groups.shape}.")
    if len(groups) != len(X):
        raise ValueError(f"groups has {len(groups)} labels, but X has {len(X)} rows.")
    if any(map(is_missing, groups.tolist())):
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
        least = int(np.argmin(totals))
        if totals[least] < totals.sum() / LARGEST_CLASS_WEIGHT:
            raise ValueError(
                f"class_weight='balanced' cannot weigh class {classes.tolist()[least]!r}, whose rows have a total "
                f"weight of {totals[least]:.3g} in {totals.sum():.3g}: raise their sample_weight or leave it out."
            )
        return totals.sum() / (len(totals) * totals)
    try:
        factors = compute_class_weight(class_weight, classes=classes, y=y[sample_weight > 0]).astype(np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(f"class_weight={class_weight!r} is not for these labels: {error}") from error
    if not (np.isfinite(factors).all() and (factors > 0).all()):
        raise ValueError(f"class_weight must be positive and finite for every class, got {class_weight!r}.")
    if not (LARGEST_CLASS_WEIGHT**-1 <= factors.min() and factors.max() <= LARGEST_CLASS_WEIGHT):
        raise ValueError(
            f"class_weight must lie between {LARGEST_CLASS_WEIGHT**-1:g} and {LARGEST_CLASS_WEIGHT:g}, "
            f"got {class_weight!r}."
        )
    return factors
