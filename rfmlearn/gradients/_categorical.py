"""Which columns of a table a fitted estimator takes for categories, whatever their type."""

from __future__ import annotations

import numpy as np

from ..tables._base import TableEstimator
from ._registry import PASSES

_ENCODERS = ("OneHotEncoder", "OrdinalEncoder", "TargetEncoder")


def categorical_columns(estimator, names):
    """Indices of the columns that an estimator of this package, scikit-learn or CatBoost takes for categories.

    It may stand in a pipeline, whose steps are followed as long as they keep the names of columns, and be what a search
    has found.

    Parameters
    ----------
    estimator : object
    names : sequence of str
        Those of the columns.
    """
    names = [*names]
    found = _names_of_categories(estimator, names)
    return np.flatnonzero([name in found for name in names])


def _names_of_categories(estimator, names):
    for around in ("best_estimator_", "regressor_"):
        if hasattr(estimator, around):
            return _names_of_categories(getattr(estimator, around), names)
    if type(estimator).__name__ == "FrozenEstimator":
        return _names_of_categories(estimator.estimator, names)
    if hasattr(estimator, "named_steps"):
        return _of_pipeline(estimator, names)
    if hasattr(estimator, "transformers_"):
        return _of_column_transformer(estimator, names)
    if type(estimator).__name__ in _ENCODERS:
        return set(names)
    if isinstance(estimator, TableEstimator):
        places = estimator._categorical_columns()
    elif hasattr(estimator, "get_cat_feature_indices"):  # CatBoost's
        places = estimator.get_cat_feature_indices()
    else:  # gradient boosting on histograms has a mask, or None
        mask = getattr(estimator, "is_categorical_", None)
        places = [] if mask is None else np.flatnonzero(mask)
    return {names[place] for place in places if place < len(names)}


def _of_pipeline(pipeline, names):
    found = set()
    for _, step in pipeline.steps:
        if step in PASSES:
            continue
        found |= _names_of_categories(step, names)
        try:
            names = [*step.get_feature_names_out(np.array(names, dtype=object))]
        except (AttributeError, TypeError, ValueError):  # what comes out of it has no names, or others than X
            break
    return found


def _of_column_transformer(transformer, names):
    found = set()
    for _, part, columns in transformer.transformers_:
        if not isinstance(part, str):
            chosen = np.array(names, dtype=object)[_places(columns, names)]
            found |= _names_of_categories(part, [*chosen])
    return found


def _places(columns, names):
    """Places of the columns that a ColumnTransformer was given, as it has stored them."""
    if isinstance(columns, slice):
        start, stop = columns.start, columns.stop
        if not isinstance(start, str) and not isinstance(stop, str):
            return columns
        known = {None, *names}
        if start not in known or stop not in known:
            return []
        # A slice of names holds its end.
        return slice(names.index(start) if start else 0, names.index(stop) + 1 if stop else None, columns.step)
    columns = np.atleast_1d(np.asarray(columns))
    if columns.dtype.kind in "OU":
        return [names.index(name) for name in columns if name in names]
    return columns
