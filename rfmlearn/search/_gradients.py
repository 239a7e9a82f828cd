"""Gradients of ensembles that a search has found."""

from __future__ import annotations

from functools import partial

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
        X, total = model._check_X(X, reset=False), 0.0
        for group in model.members_:
            rows = encode(group.encoder, X)
            for member in group.machines:
                of_scores = group.target.pull_back(rows.gradient(member.machine))
                pull_back = partial(_pull_back, member.link, of_scores)
                total = total + member.weight * rows.over_scores(member.machine, group.target.decode, pull_back)
        return total

    return gradient


def _pull_back(link, of_scores, scores):
    return link.pull_back(scores(), of_scores)


def _edge_predictions(model, X, encode):
    """Weighted sums of predictions at the rows, or at both edges of segments; a first axis says where."""
    X, total = model._check_X(X, reset=False), 0.0
    for group in model.members_:
        rows = encode(group.encoder, X)
        for member in group.machines:
            edges = rows.edge_decisions(member.machine)
            total = total + member.weight * np.array([member.link(group.target.decode(part)) for part in edges])
    return total


def gradient_of_logarithm(model):
    """Gradient of the logarithm of what an ensemble predicts, if positive; None where `gradient_of_ensemble` is.

    It is constant where predictions are below the smallest normal number.
    """
    of_predictions = gradient_of_ensemble(model)
    if of_predictions is None:
        return None

    def gradient(X, encode=EncodedRows.of):
        edges = _edge_predictions(model, X, encode)
        return _links.scaled(_mean_inverse(edges[0], edges[-1]), of_predictions(X, encode))

    return gradient


def gradient_of_classifying_ensemble(model, output):
    """Gradients of probabilities, or of their logarithms, which are the decisions."""
    of_logarithms = gradient_of_logarithm(model)
    if output == "probability" or of_logarithms is None:
        return gradient_of_ensemble(model)

    def gradient(X, encode=EncodedRows.of):
        of_logits = of_logarithms(X, encode)
        return of_logits[1:] - of_logits[:1] if len(model.classes_) == 2 else of_logits

    return gradient


def _mean_inverse(p, q):
    """Change of the logarithm by change of the probability, its derivative where p is q; zero where both vanish."""
    smallest = np.finfo(p.dtype).tiny
    seen = np.maximum(p, q) > smallest
    p, q = np.maximum(p, smallest), np.maximum(q, smallest)
    still = np.abs(q - p) <= 1e-6 * p
    inverse = np.where(still, 1 / p, np.log(q / p) / np.where(still, 1.0, q - p))
    return np.where(seen, inverse, 0.0)
