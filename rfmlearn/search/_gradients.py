"""Gradients of ensembles that a search has found."""

from __future__ import annotations

import numpy as np

from ..tables._slopes import EncodedRows
from ..targets import _links


def gradient_of_ensemble(model):
    """Weighted sum of the gradients of the members' predictions.

    Rows are encoded once for the machines of one recursion.
    None if there are members of other families, whose gradients are not known.
    """
    if model.extra_members_:
        return None

    def gradient(X, encode=EncodedRows.of):
        return _predictions_and_gradient(model, X, encode)[1]

    return gradient


def _predictions_and_gradient(model, X, encode):
    """Weighted sums over members."""
    X, values, gradient = model._check_X(X, reset=False), 0.0, 0.0
    for group in model.members_:
        rows = encode(group.encoder, X)
        for member in group.machines:
            of_scores = group.target.pull_back(rows.gradient(member.machine))
            scores = group.target.decode(rows.decision(member.machine))
            values = values + member.weight * member.link(scores)
            gradient = gradient + member.weight * member.link.pull_back(scores, of_scores)
    return values, gradient


def gradient_of_classifying_ensemble(model, output):
    """The same of probabilities, or gradients of their logarithms."""
    of_probabilities = gradient_of_ensemble(model)
    if of_probabilities is None:
        return None

    def gradient(X, encode=EncodedRows.of):
        # Decisions are logarithms of probabilities, and constant where these are below the smallest normal number.
        probabilities, slopes = _predictions_and_gradient(model, X, encode)
        seen = probabilities > np.finfo(probabilities.dtype).tiny
        inverse = np.divide(1.0, probabilities, out=np.zeros_like(probabilities), where=seen)
        of_logits = _links.scaled(inverse, slopes)
        return of_logits[1:] - of_logits[:1] if len(model.classes_) == 2 else of_logits

    return of_probabilities if output == "probability" else gradient
