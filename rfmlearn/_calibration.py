"""Probabilities from scores: a temperature and a bias for each class, fitted to held-out scores."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize
from scipy.special import log_softmax


@dataclass(frozen=True)
class Calibration:
    """Logits ``t s_k + b_k`` of class scores s, whose softmax are the probabilities.

    Attributes
    ----------
    temperature : float
        t > 0, inverse temperature.
    bias : ndarray of shape (n_classes,)
    """

    temperature: float
    bias: np.ndarray

    def logits(self, scores):
        """Logits of scores, shape (n, n_classes)."""
        return self.temperature * scores + self.bias

    @classmethod
    def fit(cls, scores, labels, sample_weight, prior):
        """Minimise the weighted log-loss, held back towards the prior by two pseudo-observations' worth of penalty."""
        n_classes = scores.shape[1]
        weight = sample_weight / sample_weight.sum()
        onehot = np.eye(n_classes)[labels]
        reference = np.log(np.maximum(prior, 1e-12))
        strength = 2.0 / sample_weight.sum()

        def objective(theta):
            t, b = np.exp(theta[0]), theta[1:]
            log_p = log_softmax(t * scores + reference + b, axis=1)
            slope = weight[:, None] * (np.exp(log_p) - onehot)
            loss = -np.sum(weight[:, None] * onehot * log_p) + strength * (b @ b) / 2
            return loss, np.concatenate([[t * np.sum(slope * scores)], slope.sum(axis=0) + strength * b])

        start = np.concatenate([[np.log(4.0)], np.zeros(n_classes)])
        bounds = [(-4.0, 6.0)] + [(None, None)] * n_classes
        best = minimize(objective, start, jac=True, method="L-BFGS-B", bounds=bounds, options={"maxiter": 500})
        return cls(float(np.exp(best.x[0])), reference + best.x[1:])
