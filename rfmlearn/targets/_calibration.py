"""Probabilities from scores: a temperature and a bias for each class, fitted to held-out scores."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace

import numpy as np
from scipy.special import log_softmax, softmax

from ._links import multinomial

_SOFTEST, _HARDEST = 50.0, 1e-3
# Newton's method: where it begins, when it is there, and when it gives up.
_FIRST_TEMPERATURE, _FLAT, _MAX_NEWTON_STEPS, _SMALLEST_SHARE = 4.0, 1e-13, 100, 1e-3


class Link(ABC):
    """From scores to predictions."""

    @abstractmethod
    def __call__(self, scores):
        """Predictions of scores, shape (n, n_outputs)."""

    @abstractmethod
    def pull_back(self, scores, gradient):
        """Gradients of predictions from those of scores, shape (n_outputs, m, d): the chain rule."""

    def link_gradient(self, scores, gradient):
        """Gradients on the scale of the link, of logarithms for some losses; `scores` is a function that tells them."""
        return self.pull_back(scores(), gradient)


@dataclass(frozen=True)
class Identity(Link):
    """Predictions that are the scores."""

    def __call__(self, scores):
        return scores

    def pull_back(self, scores, gradient):
        """The gradients as they are."""
        return gradient

    def link_gradient(self, scores, gradient):
        """The gradients as they are."""
        return gradient


@dataclass(frozen=True)
class Calibration(Link):
    """Logits ``t s_k + b_k`` of class scores s, whose softmax are the probabilities.

    Scores are deviations from the prior, so far from the data, where they vanish, the probabilities are those of b.

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

    def __call__(self, scores):
        return softmax(self.logits(scores), axis=1)

    def logit_gradient(self, scores, gradient):
        """Gradients of logits; `scores` is a function that tells the scores, for links that ask."""
        return self.temperature * gradient

    def pull_back(self, scores, gradient):
        """Gradients of probabilities."""
        return multinomial(self.logits(scores), self.temperature * gradient)

    @classmethod
    def fit(cls, scores, labels, sample_weight, prior):
        """Fit to scores of rows whose labels the scores have not seen.

        Minimises the mean log-loss plus ``(|b - log prior|^2 + (t / 50)^2) / n``, n the total weight: two pseudo-rows'
        worth of doubt, so that classes that separate perfectly do not send t to infinity. The problem is convex, and
        Newton's method solves it to rounding, so that the result depends on the data only.
        """
        loss = _PenalisedLogLoss.of(scores, labels, sample_weight, prior)
        best = loss.minimum(np.concatenate([[_FIRST_TEMPERATURE], np.zeros(scores.shape[1])]))
        if best[0] < _HARDEST and scores.any():
            # Scores that point away from their labels, as those of equal rows with different labels do, say nothing.
            return replace(cls.fit(np.zeros_like(scores), labels, sample_weight, prior), temperature=_HARDEST)
        return cls(max(float(best[0]), _HARDEST), loss.reference + best[1:])


@dataclass(frozen=True)
class _PenalisedLogLoss:
    """Mean log-loss of the logits ``t s_k + b_k`` and a penalty, of theta = (t, b - log prior).

    Attributes
    ----------
    scores, target : ndarray of shape (n, n_classes)
        The target is one for the class of a row, else zero.
    weight : ndarray of shape (n, 1)
        With sum one.
    reference : ndarray of shape (n_classes,)
        Logarithm of the prior.
    penalty : ndarray of shape (1 + n_classes,)
        The loss grows by half of it times the square of theta.
    """

    scores: np.ndarray
    target: np.ndarray
    weight: np.ndarray
    reference: np.ndarray
    penalty: np.ndarray

    @classmethod
    def of(cls, scores, labels, sample_weight, prior):
        """The loss that `Calibration.fit` minimises."""
        n_classes = scores.shape[1]
        total = sample_weight.sum()
        weight = (sample_weight / total)[:, None]
        reference = np.log(np.maximum(prior, 1e-12))
        penalty = np.concatenate([[_SOFTEST**-2], np.ones(n_classes)]) * 2.0 / np.clip(total, 1e-3, 1e12)
        return cls(scores, np.eye(n_classes)[labels], weight, reference, penalty)

    def _logits(self, theta):
        return theta[0] * self.scores + self.reference + theta[1:]

    def value_and_gradient(self, theta):
        """The loss, and its gradient of shape (1 + n_classes,)."""
        log_p = log_softmax(self._logits(theta), axis=1)
        slope = self.weight * (np.exp(log_p) - self.target)
        gradient = np.concatenate([[np.sum(slope * self.scores)], slope.sum(axis=0)]) + self.penalty * theta
        return -np.sum(self.weight * self.target * log_p) + self.penalty @ theta**2 / 2, gradient

    def minimum(self, theta):
        """Where the loss is smallest, by Newton's method with steps that are halved until they lead downhill.

        Where differences of the loss drown in rounding, the gradient tells which of two places is nearer to it: else
        the result would depend on the order of the rows by some 1e-7.
        """
        value, gradient = self.value_and_gradient(theta)
        for _ in range(_MAX_NEWTON_STEPS):
            step = np.linalg.lstsq(self.hessian(theta), gradient)[0]
            expected, share = gradient @ step, 1.0
            while True:
                nearer = theta - share * step
                nearer_value, nearer_gradient = self.value_and_gradient(nearer)
                if nearer_value <= value - share * expected / 4 or share < _SMALLEST_SHARE:
                    break
                share /= 2
            if nearer_value >= value and not np.linalg.norm(nearer_gradient) < np.linalg.norm(gradient):
                break
            is_there = np.linalg.norm(nearer_gradient) <= _FLAT
            theta, value, gradient = nearer, nearer_value, nearer_gradient
            if is_there:
                break
        return theta

    def hessian(self, theta):
        """Second derivatives of the loss, shape (1 + n_classes, 1 + n_classes)."""
        p = softmax(self._logits(theta), axis=1)
        weighted = self.weight * p
        centred = self.scores - np.sum(p * self.scores, axis=1, keepdims=True)
        hessian = np.diag(self.penalty)
        hessian[0, 0] += np.sum(weighted * centred**2)
        cross = np.sum(weighted * centred, axis=0)
        hessian[0, 1:] += cross
        hessian[1:, 0] += cross
        hessian[1:, 1:] += np.diag(np.sum(weighted, axis=0)) - weighted.T @ p
        return hessian


def calibration_error(probabilities, labels, sample_weight, n_bins=15):
    """Expected calibration error of the most probable class.

    Rows fall into bins of equal width by that class's probability; the error is the mean over bins, by weight, of
    ``|share of rows that are right - mean probability|`` (Guo et al., arXiv 1706.04599, equation 3).

    Parameters
    ----------
    probabilities : ndarray of shape (n, n_classes)
    labels : ndarray of int of shape (n,)
    sample_weight : ndarray of shape (n,)
    n_bins : int, default=15

    Returns
    -------
    float
    """
    confidence = probabilities.max(axis=1)
    excess = sample_weight * ((probabilities.argmax(axis=1) == labels) - confidence)
    bins = np.clip(np.ceil(confidence * n_bins).astype(np.intp) - 1, 0, n_bins - 1)
    return float(np.abs(np.bincount(bins, weights=excess, minlength=n_bins)).sum() / sample_weight.sum())
