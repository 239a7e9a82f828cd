"""Both sides of the neural feature ansatz, and how far they agree: Gram matrices of weights against gradients."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..recursion._spectral import symmetric_power
from ._ansatz import TANGENT_KERNEL, LayerAnsatz

# Of what is computed from weights and gradients in float32, relative to its size.
_ROUNDING = 1e-6


@dataclass(frozen=True)
class Comparison:
    """What is compared at every layer.

    Parameters
    ----------
    against : {"agop", "initial", "pre-activation tangent kernel"}
    center : bool
        Whether weights stand for their change since before training.
    power : float
        Of the other side.
    """

    against: str
    center: bool
    power: float

    def at(self, matrix, W, seconds, initial=None):
        """The ansatz at a weight matrix.

        Parameters
        ----------
        matrix : WeightMatrix
        W : ndarray
            Its weights.
        seconds : tuple of ndarray
            Average outer product of the gradients at its tap, and the same with means subtracted.
        initial : tuple (WeightMatrix, ndarray, ndarray or None) or None
            The matrix before training, its weights and the average outer product of its gradients.
        """
        W0 = None if initial is None else initial[1]
        weights = W - W0 if self.center else W
        nfm, other = gram(weights), self.other_side(matrix, weights, seconds[0], W0)
        found: dict = {"correlation": self.correlation(nfm, other), "correlation_centered": None}
        if self.against != "initial":
            centered = self.other_side(matrix, weights, seconds[1], W0)
            found["correlation_centered"] = self.correlation(nfm, centered)
        if initial is not None:
            found |= self._with_initial(matrix, W, seconds[0], *initial)
        kernel = seconds[0] if self.against == TANGENT_KERNEL else None
        return LayerAnsatz(matrix.name, matrix.kind, W.shape, nfm, other, **found, tangent_kernel=kernel)

    def _with_initial(self, matrix, W, second, matrix_0, W0, second_0):
        """Correlations that need the weights of before training."""
        change = W - W0
        found = {"correlation_change": self.correlation(gram(change), self.other_side(matrix, change, second, W0))}
        if not self.center and self.against != "initial":
            other = self.other_side(matrix_0, W0, second_0, W0)
            found["correlation_initial"] = self.correlation(gram(W0), other)
        return found | {"nfm_kept": pearson(gram(W), gram(W0))}

    def other_side(self, matrix, weights, second, W0):
        """What the Gram matrix of weights is compared with, before its power is taken."""
        if self.against == "initial":
            return gram(W0)
        if self.against == TANGENT_KERNEL:
            return weights.T @ second @ weights
        return matrix.input_agop(second)

    def correlation(self, nfm, other):
        """Pearson's, with the power of the other side; NaN if that has NaN."""
        # Means of gradients that do not exist leave NaN, which has no eigenvalues.
        return pearson(nfm, other if np.isnan(other).any() else symmetric_power(other, self.power))


def gram(W):
    """``W^T W``."""
    return W.T @ W


def pearson(A, B):
    """Correlation of the entries of two matrices, NaN if those of one are all the same but for rounding."""
    a, b = A - A.mean(), B - B.mean()
    norms = np.linalg.norm(a), np.linalg.norm(b)
    if norms[0] <= _ROUNDING * np.linalg.norm(A) or norms[1] <= _ROUNDING * np.linalg.norm(B):
        return float("nan")
    return float(np.sum(a * b) / (norms[0] * norms[1]))
