"""Directions of a concept in the activations of one layer, found in four ways."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression

from ..deep._layers import coordinate_agop
from ..recursion._spectral import eigenpairs

# Singular values and deviations below this share of the largest are rounding.
_ROUNDING = 1e-6


def learned_directions(X, y, n_components, estimators, rng) -> Iterator[np.ndarray]:
    """Leading eigenvectors of the AGOPs of recursive feature machines that tell the classes apart.

    Units count alike, whatever their scale: in language models some are a hundred times as large as others. Gradients
    of a kernel machine lie in the span of its rows, so machines are fitted in the coordinates of their principal
    components, which is a rotation, to which all but the unit of the shrinkage is blind: of few examples it saves much.
    """
    scale = _scale(X)
    span = PCA(svd_solver="full").set_output(transform="default").fit(X / scale)
    kept = span.singular_values_ > _ROUNDING * span.singular_values_[0]
    Z = span.transform(X / scale)[:, kept]
    for estimator in estimators:
        agop = coordinate_agop(clone(estimator).fit(Z, y), Z, np.ones(len(Z)), rng)
        values, vectors = (part[:n_components] for part in eigenpairs(agop))
        yield np.sqrt(values)[:, None] * vectors @ span.components_[kept] / scale


def mean_difference(X, y, n_components, estimators, rng) -> Iterator[np.ndarray]:
    """Difference of the means of the classes."""
    yield np.atleast_2d(X[y == 1].mean(axis=0) - X[y == 0].mean(axis=0))


def logistic_direction(X, y, n_components, estimators, rng) -> Iterator[np.ndarray]:
    """Coefficients of logistic regression with scikit-learn's default penalty, on units of one scale."""
    scale = _scale(X)
    yield LogisticRegression(max_iter=1000).fit(X / scale, y).coef_ / scale


def principal_components(X, y, n_components, estimators, rng) -> Iterator[np.ndarray]:
    """Principal components of the activations, which know nothing of the classes."""
    yield PCA(min(n_components, *X.shape), svd_solver="full").fit(X).components_


# Each yields vectors of shape (n_components, width) for each estimator, or once; the longer, the more they matter.
METHODS: dict[str, Callable[..., Iterator[np.ndarray]]] = {
    "rfm": learned_directions,
    "mean_difference": mean_difference,
    "logistic": logistic_direction,
    "pca": principal_components,
}


def _scale(X):
    """Standard deviations of units; of those that do not vary the largest of all, by which rounding stays small."""
    scale = X.std(axis=0)
    largest = scale.max(initial=0.0)
    return np.where(scale > _ROUNDING * largest, scale, largest if largest > 0 else 1.0)
