"""Random features: what stands between two learned maps."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

RANDOM_FEATURES = ("relu", "fourier")


@dataclass(frozen=True)
class RandomFeatures:
    """Random functions of points, ``sqrt(2 / k) s(Z W + b)`` with k columns.

    For "relu", s is ``max(0, .)``, and W and b are normal: W such that ``Z W`` has mean square 1 over the rows, b
    standard. For "fourier", s is the cosine and b uniform on [0, 2 pi]; with W of the same scale the products of
    features approach a Gaussian kernel with ``sigma^2 = E |z|^2``.

    Attributes
    ----------
    kind : {"relu", "fourier"}
    weights : ndarray of shape (d, k)
    offsets : ndarray of shape (k,)
    """

    kind: str
    weights: np.ndarray
    offsets: np.ndarray

    @classmethod
    def draw(cls, kind, n_features, Z, sample_weight, rng):
        """Features for points Z, whose weighted mean square sets their scale."""
        size = np.average(np.einsum("ij,ij->i", Z, Z, dtype=np.float64), weights=sample_weight)
        weights = rng.standard_normal((Z.shape[1], n_features)) / np.sqrt(size if size > 0 else 1.0)
        offsets = rng.standard_normal(n_features) if kind == "relu" else rng.uniform(0, 2 * np.pi, n_features)
        return cls(kind, weights.astype(Z.dtype), offsets.astype(Z.dtype))

    def __call__(self, Z):
        """Features of points, shape (m, k)."""
        out = Z @ self.weights
        out += self.offsets
        np.maximum(out, 0, out=out) if self.kind == "relu" else np.cos(out, out=out)
        out *= np.sqrt(2 / len(self.offsets)).astype(out.dtype)
        return out

    def pull_back(self, gradient, Z):
        """Gradient by points Z, (n_outputs, m, d), of what has a gradient by their features, (n_outputs, m, k)."""
        argument = Z @ self.weights + self.offsets
        slope = (argument > 0).astype(argument.dtype) if self.kind == "relu" else -np.sin(argument)
        return (gradient * (np.sqrt(2 / len(self.offsets)) * slope)) @ self.weights.T
