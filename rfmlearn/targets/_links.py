"""Chain rule from scores to probabilities: `gradient` has shape (n_outputs, m, d), scores (m, n_outputs)."""

from __future__ import annotations

import numpy as np
from scipy.special import expit, softmax


def scaled(slopes, gradient):
    """Gradients times a number for each output and row; slopes of shape (m, n_outputs)."""
    return slopes.T[:, :, None] * gradient


def logistic(scores, gradient):
    """Gradients of ``1 / (1 + exp(-s_k))`` for each output on its own."""
    return scaled(expit(scores) * expit(-scores), gradient)


def two_classes(scores, gradient):
    """Gradients of both probabilities, of which the second is logistic in the only score."""
    second = logistic(scores, gradient)
    return np.concatenate([-second, second])


def multinomial(scores, gradient):
    """Gradients of the softmax of the scores."""
    shares = softmax(scores, axis=1)
    weighted = scaled(shares, gradient)
    return weighted - scaled(shares, weighted.sum(axis=0))


def normalized(values, gradient):
    """Gradients of ``v_k / sum_j v_j`` for positive values; zero where all vanish."""
    total = values.sum(axis=1)
    total = np.where(total > 0, total, np.inf)[:, None]
    return (gradient - scaled(values / total, gradient.sum(axis=0))) / total


def one_vs_rest(scores, gradient):
    """Gradients of logistic probabilities of each class against the rest, normalised to sum to one."""
    return normalized(expit(scores), logistic(scores, gradient))
