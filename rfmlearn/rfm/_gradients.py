"""Gradients of single machines, with respect to the columns of the table in their own units.

They are taken where `encode` says: at the rows of the table, or along paths that end there (`rfmlearn.tables._paths`).
"""

from __future__ import annotations

from ..tables._slopes import EncodedRows
from ..targets._calibration import Identity


def gradient_of_regressor(model):
    """Gradient of the kernel expansion in units of the targets, or of the logarithm that it predicts."""
    link = model._link

    def gradient(X, encode=EncodedRows.of):
        rows = encode(model._encoder, model._check_X(X, reset=False))
        of_scores = model._target.pull_back(rows.gradient(model.machine_))
        if isinstance(link, Identity):
            return of_scores
        return rows.over_scores(
            model.machine_, model._target.decode, lambda scores: link.link_gradient(scores, of_scores)
        )

    return gradient


def gradient_of_classifier(model, output):
    """Gradients of calibrated logits, or of their softmax."""
    target, link = model._target, model._calibration

    def gradient(X, encode=EncodedRows.of):
        rows = encode(model._encoder, model._check_X(X, reset=False))
        of_scores = target.pull_back(rows.gradient(model.machine_))
        if output == "probability":
            return rows.over_scores(model.machine_, target.decode, lambda scores: link.pull_back(scores(), of_scores))
        of_logits = rows.over_scores(
            model.machine_, target.decode, lambda scores: link.logit_gradient(scores, of_scores)
        )
        return of_logits[1:] - of_logits[:1] if len(model.classes_) == 2 else of_logits

    return gradient
