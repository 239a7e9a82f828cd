"""From the scores of all layers to one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ._class_ridge import class_ridge

AGGREGATIONS = ("best", "mean", "ridge")


@dataclass(frozen=True)
class Aggregation:
    """A weighted sum of the scores of layers.

    Parameters
    ----------
    weights : ndarray of shape (n_layers,)
    offset : float
    """

    weights: np.ndarray
    offset: float

    @classmethod
    def fit(cls, kind, scores, y, best):
        """Weights from scores of examples left out.

        Parameters
        ----------
        kind : {"best", "mean", "ridge"}
        scores : ndarray of shape (n, n_layers)
        y : ndarray of int of shape (n,)
        best : int
            The layer that "best" takes.
        """
        mean, scale = scores.mean(axis=0), scores.std(axis=0)
        scale = np.where(scale > 0, scale, 1.0)
        if kind == "best":
            weights = np.eye(scores.shape[1])[best]
        elif kind == "mean":
            weights = np.full(scores.shape[1], 1 / scores.shape[1])
        else:
            weights = class_ridge((scores - mean) / scale, y)
        weights = weights / scale
        return cls(weights, float(mean @ weights))

    def __call__(self, scores):
        """Scores of shape (m,) from those of all layers, shape (m, n_layers)."""
        return scores @ self.weights - self.offset
