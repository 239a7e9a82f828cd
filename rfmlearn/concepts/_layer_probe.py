"""The probe of one layer: directions, and one combined of them, by which examples are told apart."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ._class_ridge import class_ridge


@dataclass(frozen=True, eq=False)
class LayerProbe:
    """Directions of a concept in one layer.

    Parameters
    ----------
    mean : ndarray of shape (width,)
        Of the activations.
    directions : ndarray of shape (n_components, width)
        Unit vectors, the one that matters most first; along each, examples with the concept lie further out. Zeros
        where the layer has fewer than others.
    direction : ndarray of shape (width,)
        Unit vector along which examples are scored, combined of all.
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
    def of(cls, X, y, vectors, first_counts):
        """Signs of directions, and what they are combined to.

        Parameters
        ----------
        X : ndarray of shape (n, width)
        y : ndarray of int of shape (n,)
            One for examples with the concept, else zero.
        vectors : ndarray of shape (n_components, width)
            Directions, as long as they matter.
        first_counts : bool
            Whether the first one counts by itself beside the ridge regression on all.
        """
        mean = X.mean(axis=0)
        difference = X[y == 1].mean(axis=0) - X[y == 0].mean(axis=0)
        # A direction has no sign of its own: that of its correlation with the concept.
        vectors = vectors * np.where(vectors @ difference < 0, -1.0, 1.0)[:, None]
        direction = vectors[0]
        if len(vectors) > 1:
            direction = _combined(X - mean, y, vectors, first_counts)
        direction = _unit(direction[None])[0]
        return cls(mean, _unit(vectors), direction, float(difference @ direction))

    def padded(self, n_components):
        """The same probe with directions of zeros up to a number."""
        missing = n_components - len(self.directions)
        return replace(self, directions=np.pad(self.directions, ((0, missing), (0, 0)))) if missing else self

    def project(self, X):
        """Coordinates of activations along the directions, shape (n, n_components)."""
        return (X - self.mean) @ self.directions.T

    def score(self, X):
        """Coordinates along the one direction, shape (n,)."""
        return (X - self.mean) @ self.direction


def _combined(X, y, vectors, first_counts):
    """Ridge regression of the classes on coordinates along vectors, which favours long ones; plus the first.

    The regression on the leading eigenvectors of the AGOP alone has seen how they were found, and errs to the one side;
    the first of them errs to the other. So each counts with scores of one deviation.
    """
    coordinates = X @ vectors.T
    size = np.sqrt(np.mean(np.sum(coordinates**2, axis=1)))
    if size == 0:
        return vectors[0]
    coef = class_ridge(coordinates / size, y)
    if not first_counts:
        return coef @ vectors if coef.any() else vectors[0]
    parts = coef @ vectors, vectors[0]
    return np.sum([part / (np.std(X @ part) or np.inf) for part in parts], axis=0)


def _unit(vectors):
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors / np.where(norms > 0, norms, 1.0)
