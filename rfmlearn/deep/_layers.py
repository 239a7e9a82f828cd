"""Layers: a model fitted to points, the linear map that its gradients make, random features of the points mapped."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..gradients._average import average_gradient_outer_product
from ..recursion._spectral import unit_trace_root
from ..rfm._base import BaseRFM
from ._random_features import RandomFeatures


@dataclass(frozen=True)
class Layer:
    """What one layer has learned.

    Parameters
    ----------
    features : RandomFeatures or None
        From mapped points of the layer before; None for the first.
    estimator : estimator
        Fitted to the points of this layer.
    mean : ndarray of shape (d,)
        Weighted mean of the points.
    agop : ndarray of shape (d, d)
        Average gradient outer product of the estimator.
    root : ndarray of shape (d, d)
        ``M^(1/2) = c ((1 - s) G / max G + s I)^p`` of the AGOP G, with c such that the trace of M is d.

    Examples
    --------
    >>> import numpy as np
    >>> from rfmlearn import AGOPFeatureMap
    >>> X = np.random.default_rng(0).standard_normal((100, 3))
    >>> layer = AGOPFeatureMap().fit(X, X[:, 0] ** 2).layers_[0]
    >>> int(np.argmax(np.diag(layer.root)))
    0
    """

    features: RandomFeatures | None
    estimator: Any
    mean: np.ndarray
    agop: np.ndarray
    root: np.ndarray

    def enter(self, Z):
        """Points of this layer, given mapped ones of the layer before."""
        return Z if self.features is None else self.features(Z)

    def map(self, H):
        """``(H - mean) M^(1/2)`` of points of this layer."""
        return (H - self.mean.astype(H.dtype)) @ self.root.astype(H.dtype)


def coordinate_agop(estimator, H, sample_weight, rng, **options):
    """AGOP with respect to the columns of H, over rows of positive weight.

    A recursive feature machine without a scaling of its own brings the one of its coded targets; all else goes
    through `average_gradient_outer_product`, with the options given.
    """
    if isinstance(estimator, BaseRFM) and estimator.scaling is None:
        agop, places = np.zeros((H.shape[1], H.shape[1])), estimator.coordinate_columns_
        agop[np.ix_(places, places)] = estimator.agop_
        return agop
    return average_gradient_outer_product(estimator, H, sample_weight=sample_weight, random_state=rng, **options)


def learn_layers(Z, sample_weight, fit, *, n_layers, kind, n_features, power, shrinkage, rng, **options):
    """Layers one after the other, each with its points and these mapped: yields ``(layer, H, Z)``.

    Parameters
    ----------
    Z : ndarray of shape (n, d)
        Points of the first layer.
    sample_weight : ndarray of shape (n,)
    fit : callable
        From points, shape (n, d_l), to a fitted estimator.
    n_layers : int
    kind : {"relu", "fourier"}
    n_features : int
        Random features of every layer but the first.
    power, shrinkage : float
        Of `unit_trace_root`.
    rng : numpy.random.RandomState
    options
        Of `average_gradient_outer_product`, for estimators that do not bring an AGOP of their own.

    Raises
    ------
    ValueError
        If there are no coordinates.
    """
    if not Z.shape[1]:
        raise ValueError(f"no column of X varies among the rows of positive weight (n_samples = {len(Z)}).")
    features = None
    for number in range(n_layers):
        if number:
            features = RandomFeatures.draw(kind, n_features, Z, sample_weight, rng)
        H = Z if features is None else features(Z)
        estimator = fit(H)
        agop = coordinate_agop(estimator, H, sample_weight, rng, **options)
        mean = np.average(H, axis=0, weights=sample_weight)
        layer = Layer(features, estimator, mean, agop, unit_trace_root(agop, power, shrinkage))
        Z = layer.map(H)
        yield layer, H, Z


def enter_last(layers, Z):
    """Points of the last of some layers, given those of the first."""
    for layer in layers[:-1]:
        Z = layer.map(layer.enter(Z))
    return layers[-1].enter(Z)
