"""Targets as the solver sees them, and the way back: centred and scaled numbers, or codes of classes."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np

from ..runtime._budget import SAME_LOSS
from ._calibration import Calibration, Identity, Link
from ._log_calibration import LogCalibration
from ._losses import Loss, MultinomialLoss

_SMALLEST_PROBABILITY = 1e-12


def mean_loss(comparison, predictions, y, sample_weight):
    """Weighted mean loss of predictions, by the `Target.comparison` of some targets."""
    parts, losses = comparison(predictions[np.newaxis], y, sample_weight)
    return float(losses(parts)[0])


class Target(ABC):
    """What a machine is fitted to, and what is made of its decisions.

    The true outcomes y are coded, a machine is fitted to the codes by squared error, its decisions are decoded to
    scores, and a link, calibrated on rows left out, makes predictions of scores.
    """

    @property
    def objective(self) -> Loss | None:
        """What machines minimise of decisions and codes; None is squared error."""
        return None

    @abstractmethod
    def encode(self, y):
        """Codes of outcomes, shape (n, n_codes)."""

    @abstractmethod
    def decode(self, decision):
        """Scores of decisions of shape (n, n_codes)."""

    @abstractmethod
    def pull_back(self, gradient):
        """Gradients of scores from those of decisions, shape (n_codes, m, d): the chain rule of `decode`."""

    @abstractmethod
    def calibrate(self, scores, y, sample_weight) -> Link:
        """The link from scores to predictions, fitted to scores of rows that were left out."""

    @abstractmethod
    def comparison(self, predictions, y, sample_weight):
        """What the loss looks at of a stack of predictions, and losses of stacks of that or of averages of it."""

    def loss(self, predictions, y, sample_weight):
        """Weighted mean loss of predictions, which searches minimise."""
        return mean_loss(self.comparison, predictions, y, sample_weight)


class LinearTargets(Target):
    """Numbers from an origin, in units of a scale."""

    @property
    @abstractmethod
    def origin(self):
        """Targets of code 0, shape (n_codes,)."""

    scale: np.ndarray

    def encode(self, y):
        """Coded targets."""
        return (y - self.origin) / self.scale

    def decode(self, decision):
        """Targets of coded values."""
        return self.origin + self.units * decision

    def pull_back(self, gradient):
        """Gradients of targets from those of coded values."""
        return self.units[:, None, None] * gradient

    @property
    def units(self):
        """The scale, but 0 for targets that do not vary."""
        return np.where(np.isfinite(self.scale), self.scale, 0.0)


@dataclass(frozen=True)
class ScaledTargets(LinearTargets):
    """Targets of regression in units of their weighted standard deviation from their weighted mean.

    Attributes
    ----------
    mean, scale : ndarray of shape (n_outputs,)
        The scale of a target that does not vary is 1 and its coded values are exactly 0.
    """

    mean: np.ndarray
    scale: np.ndarray

    @classmethod
    def fit(cls, Y, sample_weight):
        """Mean and deviation of each output, without overflow at any magnitude."""
        unit = np.maximum(np.max(np.abs(Y), axis=0), np.finfo(np.float64).tiny)
        mean = np.average(Y / unit, axis=0, weights=sample_weight)
        deviation = np.sqrt(np.average((Y / unit - mean) ** 2, axis=0, weights=sample_weight))
        varies = (deviation > 100 * np.finfo(np.float64).eps * np.abs(mean)) & (np.ptp(Y, axis=0) > 0)
        return cls(mean * unit, np.where(varies, deviation * unit, np.inf))

    @property
    def origin(self):
        """The mean."""
        return self.mean

    def calibrate(self, scores, y, sample_weight):
        """Numbers are what they are."""
        return Identity()

    @staticmethod
    def comparison(predictions, y, sample_weight):
        """One minus R2, the weighted mean squared error in units of the variance, averaged over outputs."""
        # Dividing by a power of two is exact and keeps squares from overflow and underflow.
        exponent = np.frexp(np.max(np.abs(y), axis=0))[1]
        y, share = np.ldexp(y, -exponent), sample_weight / np.sum(sample_weight)
        variance = share @ (y - share @ y) ** 2

        def losses(stack):
            with np.errstate(over="ignore", invalid="ignore"):  # predictions out of all proportion have no finite loss
                errors = share @ (np.ldexp(stack, -exponent) - y) ** 2
                return np.mean(errors / np.where(variance > 0, variance, 1.0), axis=-1)

        return predictions, losses


@dataclass(frozen=True)
class ClassCodes(Target):
    """Prior-centred codes of classes.

    Class k of K is coded by row k of ``Q - 1 (prior^T Q)``, with Q of shape (K, K - 1) orthonormal and orthogonal to
    the vector of ones. Codes average to zero, so the prediction of a kernel machine far from its data, zero, decodes to
    the prior; and one right-hand side is saved (arXiv 2508.10053, "prevalence" coding).

    Attributes
    ----------
    prior : ndarray of shape (n_classes,)
        Weighted class frequencies.
    basis : ndarray of shape (n_classes, n_classes - 1)
    """

    prior: np.ndarray
    basis: np.ndarray

    @classmethod
    def fit(cls, labels, n_classes, sample_weight):
        """Codes for integer labels."""
        prior = np.bincount(labels, weights=sample_weight, minlength=n_classes)
        # The Helmert matrix: an orthonormal basis of all vectors whose entries sum to zero.
        basis = np.zeros((n_classes, n_classes - 1))
        for k in range(1, n_classes):
            basis[:k, k - 1] = -1.0 / np.sqrt(k * (k + 1))
            basis[k, k - 1] = k / np.sqrt(k * (k + 1))
        return cls(prior / prior.sum(), basis)

    def encode(self, y):
        """Codes of labels, shape (n, n_classes - 1)."""
        return (self.basis - self.prior @ self.basis)[y]

    def decode(self, decision):
        """Deviations from the prior, which sum to zero: with the prior, least-squares estimates of probabilities."""
        return decision @ self.basis.T

    def pull_back(self, gradient):
        """Gradients of deviations from those of codes."""
        return np.tensordot(self.basis, gradient, axes=1)

    def calibrate(self, scores, y, sample_weight):
        """Temperature and bias of a softmax of what fits better: logits linear in scores, or in their logarithms."""
        scores = scores.astype(np.float64)
        links = [kind.fit(scores, y, sample_weight, self.prior) for kind in (Calibration, LogCalibration)]
        linear, logarithmic = (self.loss(link(scores), y, sample_weight) for link in links)
        return links[int(logarithmic < (1 - SAME_LOSS) * linear)]

    @staticmethod
    def comparison(predictions, y, sample_weight):
        """Weighted mean log-loss, which looks at the probabilities of the true classes."""
        share = sample_weight / np.sum(sample_weight)

        def losses(stack):
            return -np.log(np.maximum(stack, _SMALLEST_PROBABILITY)) @ share

        return predictions[:, np.arange(len(y)), y], losses


@dataclass(frozen=True)
class ClassLogits(ClassCodes):
    """Codes of classes for machines that predict logits: those of probabilities beside the prior's."""

    @property
    def objective(self):
        """Log-loss."""
        return MultinomialLoss.of(self.prior, self.basis)

    def encode(self, y):
        """Codes of labels, shape (n, n_classes - 1): rows of the basis."""
        return self.basis[y]

    def calibrate(self, scores, y, sample_weight):
        """Temperature and bias of a softmax of the logits."""
        return Calibration.fit(scores.astype(np.float64), y, sample_weight, self.prior)
