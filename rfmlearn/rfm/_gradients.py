"""Gradients of single machines, with respect to the columns of the table in their own units."""

from __future__ import annotations

from ..tables._slopes import EncodedRows


def gradient_of_regressor(model):
    """Gradient of the kernel expansion in units of the targets."""

    def gradient(X):
        rows = EncodedRows.of(model._encoder, model._check_X(X, reset=False))
        return model._target.pull_back(rows.by_column(model.machine_.numeric_gradient(rows.points)))

    return gradient


def gradient_of_classifier(model, output):
    """Gradients of calibrated logits, or of their softmax."""
    target, link = model._target, model._calibration

    def gradient(X):
        rows = EncodedRows.of(model._encoder, model._check_X(X, reset=False))
        of_scores = target.pull_back(rows.by_column(model.machine_.numeric_gradient(rows.points)))

        def scores():
            return target.decode(model.machine_.decision(rows.points))

        if output == "probability":
            return link.pull_back(scores(), of_scores)
        of_logits = link.logit_gradient(scores, of_scores)
        return of_logits[1:] - of_logits[:1] if len(model.classes_) == 2 else of_logits

    return gradient
