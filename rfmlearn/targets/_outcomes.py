"""What a search predicts: numbers or classes, as the folds see them and as they are scored."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import log_softmax, softmax

from ._calibration import Calibration
from ._codes import ClassCodes, ScaledTargets

_SMALLEST_PROBABILITY = 1e-12


def identity(scores):
    """Predictions that need no calibration."""
    return scores


@dataclass(frozen=True)
class Numbers:
    """Targets of regression.

    Attributes
    ----------
    values : ndarray of shape (n, n_outputs)
    """

    values: np.ndarray

    def code(self, rows, sample_weight):
        """Coded targets of training rows, and the function that decodes what is fitted to them."""
        targets = ScaledTargets.fit(self.values[rows], sample_weight)
        return targets.encode(self.values[rows]), targets.decode

    def calibrate(self, scores, rows, sample_weight):
        """Predictions of held-out scores, and the function from scores to predictions."""
        return scores, identity

    def loss(self, predictions, rows, sample_weight):
        """One minus R2, the weighted mean squared error in units of the variance, averaged over outputs."""
        truth = self.values[rows]
        errors = np.average((predictions - truth) ** 2, axis=0, weights=sample_weight)
        mean = np.average(truth, axis=0, weights=sample_weight)
        variance = np.average((truth - mean) ** 2, axis=0, weights=sample_weight)
        return float(np.mean(errors / np.where(variance > 0, variance, 1.0)))


@dataclass(frozen=True)
class Classes:
    """Targets of classification.

    Attributes
    ----------
    labels : ndarray of int of shape (n,)
    codes : ClassCodes
        Codes centred on the prior of all rows.
    """

    labels: np.ndarray
    codes: ClassCodes

    def code(self, rows, sample_weight):
        """Coded targets of training rows, and the function that decodes what is fitted to them."""
        return self.codes.encode(self.labels[rows]), self.codes.decode

    def calibrate(self, scores, rows, sample_weight):
        """Probabilities of held-out scores, and the function from scores to probabilities."""
        calibration = Calibration.fit(scores.astype(np.float64), self.labels[rows], sample_weight, self.codes.prior)
        link = CalibratedLink(calibration)
        return link(scores), link

    def loss(self, predictions, rows, sample_weight):
        """Weighted mean log-loss."""
        p = predictions[np.arange(len(rows)), self.labels[rows]]
        return -float(np.average(np.log(np.maximum(p, _SMALLEST_PROBABILITY)), weights=sample_weight))


@dataclass(frozen=True)
class CalibratedLink:
    """Probabilities of the scores of one machine."""

    calibration: Calibration

    def __call__(self, scores):
        return softmax(self.calibration.logits(scores), axis=1)


def log_probabilities(probabilities):
    """Logarithms of averaged probabilities, finite, shape (n, n_classes)."""
    return log_softmax(np.log(np.maximum(probabilities, np.finfo(probabilities.dtype).tiny)), axis=1)
