"""Gradients of this package's estimators, with respect to the columns of the table in their own units."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from sklearn.pipeline import Pipeline

from .._base_cv import BaseRFMCV
from .._columns import ColumnEncoder
from .._table_estimator import TableEstimator
from .._tables import split_table
from ..kernels import Points
from . import _links
from ._registry import register


def categorical_columns(estimator):
    """Indices of the columns that an estimator of this package takes for categories.

    It may be what a search has found, or the first step of a pipeline.
    """
    while hasattr(estimator, "best_estimator_") or isinstance(estimator, Pipeline):
        if isinstance(estimator, Pipeline):
            estimator = next((step for _, step in estimator.steps if step not in (None, "passthrough")), None)
        else:
            estimator = estimator.best_estimator_
    if isinstance(estimator, TableEstimator) and hasattr(estimator, "_encoder"):
        return estimator._encoder.categorical_
    if isinstance(estimator, BaseRFMCV) and hasattr(estimator, "members_"):
        return estimator.members_[0].encoder.categorical_
    return np.empty(0, dtype=np.intp)


@register("rfmlearn", "RFMRegressor")
def regressor(model, output):
    """Gradient of the kernel expansion in units of the targets."""

    def gradient(X):
        rows = EncodedRows.of(model._encoder, model._check_X(X, reset=False))
        of_codes = rows.gradient(model.kernel_, model._metric, model.X_fit_, model.dual_coef_)
        return _of_targets(model._targets, of_codes)

    return gradient


@register("rfmlearn", "RFMClassifier")
def classifier(model, output):
    """Gradients of calibrated logits, or of their softmax."""
    two_classes = len(model.classes_) == 2

    def gradient(X):
        rows = EncodedRows.of(model._encoder, model._check_X(X, reset=False))
        machine = model.kernel_, model._metric, model.X_fit_, model.dual_coef_
        of_logits = model._calibration.temperature * _of_classes(model._codes, rows.gradient(*machine))
        if output == "probability":
            logits = model._calibration.logits(model._codes.decode(rows.values(*machine)))
            return _links.multinomial(logits, of_logits)
        return of_logits[1:] - of_logits[:1] if two_classes else of_logits

    return gradient


@register("rfmlearn", "RFMRegressorCV")
def regressor_cv(model, output):
    """Weighted sum of the members' gradients."""
    return lambda X: _sum_over_members(model, X, _of_prediction)


@register("rfmlearn", "RFMClassifierCV")
def classifier_cv(model, output):
    """Weighted sum of the gradients of the members' probabilities, or gradients of its logarithm."""
    two_classes = len(model.classes_) == 2

    def gradient(X):
        of_probabilities = _sum_over_members(model, X, _of_probability)
        if output == "probability":
            return of_probabilities
        # Decisions are logarithms of probabilities, and constant where these are below the smallest normal number.
        probabilities = model.predict_proba(X)
        seen = probabilities > np.finfo(probabilities.dtype).tiny
        inverse = np.divide(1.0, probabilities, out=np.zeros_like(probabilities), where=seen)
        of_logits = _links.scaled(inverse, of_probabilities)
        return of_logits[1:] - of_logits[:1] if two_classes else of_logits

    return gradient


def _sum_over_members(model, X, gradient):
    """Gradients of the weighted average of all machines; rows are encoded once for those of one recursion."""
    X, total = model._check_X(X, reset=False), 0.0
    for member in model.members_:
        rows = EncodedRows.of(member.encoder, X)
        for machine in member.machines:
            total = total + machine.weight * gradient(member, machine, rows)
    return total


def _parts(machine):
    return machine.kernel, machine.feature_matrix, machine.points, machine.dual_coef


def _of_prediction(member, machine, rows):
    """Gradient of the prediction of one machine."""
    # `decode` is a method of the targets that this recursion was fitted to.
    return _of_targets(member.decode.__self__, rows.gradient(*_parts(machine)))


def _of_probability(member, machine, rows):
    """Gradients of the probabilities of one machine."""
    calibration = machine.link.calibration
    of_logits = calibration.temperature * _of_classes(member.decode.__self__, rows.gradient(*_parts(machine)))
    return _links.multinomial(calibration.logits(member.decode(rows.values(*_parts(machine)))), of_logits)


def _of_targets(targets, of_codes):
    """Chain rule of `ScaledTargets.decode`."""
    return np.where(np.isfinite(targets.scale), targets.scale, 0.0)[:, None, None] * of_codes


def _of_classes(codes, of_codes):
    """Chain rule of `ClassCodes.decode`."""
    return np.tensordot(codes.basis, of_codes, axes=1)


@dataclass(frozen=True)
class EncodedRows:
    """Rows of a table as points, and how these move with the table.

    Attributes
    ----------
    points : Points
    columns : ndarray of int of shape (n_moving,)
        Columns of the table to which the first coordinates of the points belong, all of them numeric.
    slopes : ndarray of shape (m, n_moving)
        Derivatives of these coordinates by their columns; zero where a number is missing.
    n_columns : int
    """

    points: Points
    columns: np.ndarray
    slopes: np.ndarray
    n_columns: int

    @classmethod
    def of(cls, encoder: ColumnEncoder, X):
        """Encode a checked table."""
        block = encoder._numeric_block
        moving = block.varying[block.varying < len(encoder.numeric_)]  # codes of categories come after
        M = encoder._matrix(X, split_table(X)[0])
        slopes = np.stack([block.slope(j, M[:, j]) for j in moving], axis=1) if len(moving) else M[:, :0]
        return cls(encoder.transform(X), encoder.numeric_[moving], slopes, encoder.n_features_in)

    def values(self, kernel, feature_matrix, centers, coef):
        """Values of a kernel expansion, shape (m, n_outputs)."""
        return kernel.product(centers, coef, feature_matrix.transform(self.points))

    def gradient(self, kernel, feature_matrix, centers, coef):
        """Gradient of a kernel expansion by the columns of the table, shape (n_outputs, m, n_columns)."""
        gradient, root = kernel.gradient(centers, coef, feature_matrix.transform(self.points)), feature_matrix.roots[0]
        # Numeric coordinates come first, and whatever the form the first block of M covers them.
        gradient = gradient[:, :, : len(root)].astype(np.float64)
        gradient = gradient * root if root.ndim == 1 else gradient @ root
        return self.by_column(gradient)

    def by_column(self, gradient):
        """Chain rule of the encoding, for a gradient by the coordinates or by the first of them."""
        by_column = np.zeros((*gradient.shape[:2], self.n_columns))
        by_column[:, :, self.columns] = gradient[:, :, : len(self.columns)] * self.slopes
        return by_column
