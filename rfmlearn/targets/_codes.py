"""Targets as the solver sees them: centred and scaled numbers, or codes of classes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class ScaledTargets:
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

    def encode(self, Y):
        """Coded targets."""
        return (Y - self.mean) / self.scale

    def decode(self, F):
        """Targets of coded values."""
        return self.mean + np.where(np.isfinite(self.scale), self.scale, 0.0) * F


@dataclass(frozen=True)
class ClassCodes:
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

    def encode(self, labels):
        """Codes of labels, shape (n, n_classes - 1)."""
        return (self.basis - self.prior @ self.basis)[labels]

    def decode(self, F):
        """Deviations from the prior, which sum to zero: with the prior, least-squares estimates of probabilities."""
        return F @ self.basis.T
