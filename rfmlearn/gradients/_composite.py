"""Gradients of estimators around other estimators: pipelines of affine steps, searches, scaled targets."""

from __future__ import annotations

import numpy as np

from ._outputs import is_target_as_it_is
from ._registry import PASSES, closed_form, register


@register("sklearn", "GridSearchCV", "RandomizedSearchCV")
def search(model, output):
    """The estimator that was found."""
    return closed_form(model.best_estimator_, output) if hasattr(model, "best_estimator_") else None


@register("sklearn", "TransformedTargetRegressor")
def transformed_target(model, output):
    """The regressor inside, if the target is left as it is."""
    return closed_form(model.regressor_, output) if is_target_as_it_is(model) else None


@register("sklearn", "Pipeline")
def pipeline(model, output):
    """Chain rule through steps ``z = A x + b``, if the last one has a closed form."""
    steps = [step for _, step in model.steps[:-1] if step not in PASSES]
    matrices = [_linear_part(step) for step in steps]
    last = closed_form(model.steps[-1][1], output)
    if last is None or any(matrix is None for matrix in matrices):
        return None

    def gradient(X):
        for step in steps:
            X = step.transform(X)
        result = last(X)
        for matrix in reversed(matrices):
            result = result * matrix if matrix.ndim == 1 else result @ matrix
        return result

    return gradient


def _linear_part(step):
    """A of an affine step, a vector if it is diagonal; None for other steps."""
    kind = type(step)
    if kind.__module__.partition(".")[0] != "sklearn" or getattr(step, "clip", False):
        return None
    match kind.__name__:
        case "StandardScaler" | "RobustScaler":
            return np.ones(step.n_features_in_) if step.scale_ is None else 1 / step.scale_
        case "MaxAbsScaler":
            return 1 / step.scale_
        case "MinMaxScaler":
            return step.scale_
        case "PCA":
            scale = np.sqrt(step.explained_variance_) if step.whiten else np.ones(len(step.components_))
            return step.components_ / scale[:, None]
        case "TruncatedSVD":
            return step.components_
    return None
