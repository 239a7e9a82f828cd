"""The probe of one layer: directions, and one combined of them, by which examples are told apart."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from sklearn.linear_model import RidgeCV

# Ridges among which leave-one-out chooses, in units of the number of examples: projections have a deviation of one.
_RIDGES = np.logspace(-4, 2, 13)


@dataclass(frozen=True)
class LayerProbe:
    """Directions of a concept in one layer.

    Parameters
    ----------
    mean : ndarray of shape (width,)
        Of the activations.
    directions : ndarray of shape (n_components, width)
        Unit vectors, the one that matters most first; along each, examples with the concept lie further out.
    direction : ndarray of shape (width,)
        Unit vector along which examples are scored: the first, or a combination of all.
    gap : float
        Distance between the means of the two classes along it.

    Examples
    --------
    >>> import numpy as np
    >>> from rfmlearn.concepts import ConceptProbe
    >>> X = np.random.default_rng(0).standard_normal((60, 5))
    >>> layer = ConceptProbe("mean_difference").fit(X, X[:, 1] > 0).layers_[0]
    >>> int(np.argmax(layer.direction))
    1
    """

    mean: np.ndarray
    directions: np.ndarray
    direction: np.ndarray
    gap: float

    @classmethod
    def of(cls, X, y, directions):
        """Signs of directions, and the first of them to score by."""
        mean = X.mean(axis=0)
        # A direction has no sign of its own: that of its correlation with the concept.
        gaps = ((X[y == 1].mean(axis=0) - mean) - (X[y == 0].mean(axis=0) - mean)) @ directions.T
        directions = _unit(directions * np.where(gaps < 0, -1.0, 1.0)[:, None])
        return cls(mean, directions, directions[0], 0.0)._with_gap(X, y)

    def combined(self, X, y):
        """The same, scored by the ridge regression of classes, one and minus one, on coordinates along directions."""
        signs, projections = 2.0 * y - 1.0, self.project(X)
        scale = projections.std(axis=0)
        scale[scale == 0] = 1.0
        coef = RidgeCV(len(X) * _RIDGES).fit(projections / scale, signs).coef_ / scale
        if not coef.any():
            return self
        return replace(self, direction=_unit(coef[None] @ self.directions)[0])._with_gap(X, y)

    def _with_gap(self, X, y):
        scores = self.score(X)
        return replace(self, gap=float(scores[y == 1].mean() - scores[y == 0].mean()))

    def project(self, X):
        """Coordinates of activations along the directions, shape (n, n_components)."""
        return (X - self.mean) @ self.directions.T

    def score(self, X):
        """Coordinates along the one direction, shape (n,)."""
        return (X - self.mean) @ self.direction


def _unit(vectors):
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors / np.where(norms > 0, norms, 1.0)
