"""Gradients of ensembles that a search has found."""

from __future__ import annotations

import numpy as np

from ..rfm._gradients import _of_classes, _of_targets
from ..tables._slopes import EncodedRows
from ..targets import _links


def gradient_of_ensemble(model, output):
    """Weighted sum of the members' gradients."""
    return lambda X: _sum_over_members(model, X, _of_prediction)


def gradient_of_classifying_ensemble(model, output):
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
