"""A finite layer between two recursions: random filters drawn from the learned feature matrix."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..runtime._budget import CONVOLVED_IMAGES
from .kernels._patches import PatchGrid


@dataclass(frozen=True)
class RandomConvolution:
    """Linear convolution with random filters ``w = M^(1/2) z / sqrt(n_filters)``, z standard normal.

    Products of its outputs are, on average, those of patches in the metric M. There is no rectifier: the next kernel
    has its own (arXiv 2309.00570, Deep ConvRFM).

    Attributes
    ----------
    grid : PatchGrid
    filters : ndarray of shape (D, n_filters)
    """

    grid: PatchGrid
    filters: np.ndarray

    @classmethod
    def draw(cls, grid, matrix, n_filters, rng, dtype):
        """Filters for images of a grid."""
        values, vectors = np.linalg.eigh(matrix)
        root = (vectors * np.sqrt(np.clip(values, 0, None))) @ vectors.T
        filters = root @ rng.standard_normal((len(matrix), n_filters)) / np.sqrt(n_filters * grid.n_channels)
        return cls(grid, filters.astype(dtype))

    def __call__(self, images, step=CONVOLVED_IMAGES):
        """Images of shape (n, rows, columns, n_filters)."""
        out = np.empty((len(images), *self.grid.shape(), self.filters.shape[1]), images.dtype)
        for start in range(0, len(images), step):
            patches = self.grid.cut(self.grid.pad(images[start : start + step]))
            out[start : start + step] = (self.filters.T @ patches).transpose(3, 0, 1, 2)
        return out
