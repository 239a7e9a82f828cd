"""Gradients of single machines, with respect to the columns of the table in their own units."""

from __future__ import annotations

import numpy as np

from ..tables._slopes import EncodedRows
from ..targets import _links


def gradient_of_regressor(model, output):
    """Gradient of the kernel expansion in units of the targets."""

    def gradient(X):
        rows = EncodedRows.of(model._encoder, model._check_X(X, reset=False))
        of_codes = rows.gradient(model.kernel_, model._metric, model.X_fit_, model.dual_coef_)
        return _of_targets(model._targets, of_codes)

    return gradient


def gradient_of_classifier(model, output):
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


def _of_targets(targets, of_codes):
    """Chain rule of `ScaledTargets.decode`."""
    return np.where(np.isfinite(targets.scale), targets.scale, 0.0)[:, None, None] * of_codes


def _of_classes(codes, of_codes):
    """Chain rule of `ClassCodes.decode`."""
    return np.tensordot(codes.basis, of_codes, axes=1)
