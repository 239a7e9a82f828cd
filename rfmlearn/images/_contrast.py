"""Brightness and contrast of images, which may say nothing about their class."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

# Variance, as a share of that of the training images, below which an image counts as even: its noise is not blown up.
_FLOOR = 0.01
# Differences from the mean, in units of its rounding, that count as none.
_ROUNDING = 8


@dataclass(frozen=True)
class Contrast:
    """``(x - mean(x)) / sqrt(var(x) + floor)`` for each image x, over all its places and channels.

    Attributes
    ----------
    floor : float
    """

    floor: float

    @classmethod
    def fit(cls, images, weight):
        """With the floor that suits weighted training images."""
        variances = images.var(axis=tuple(range(1, images.ndim)), dtype=np.float64)
        return cls(_FLOOR * float(np.average(variances, weights=weight)))

    def __call__(self, images):
        """Images of mean zero and, where they are not even, variance one."""
        axes = tuple(range(1, images.ndim))
        mean = images.mean(axis=axes, keepdims=True)
        centered = images - mean
        # What an even image has left is rounding.
        smallest = _ROUNDING * np.finfo(images.dtype).eps * np.abs(mean)
        centered = np.where(np.abs(centered) > smallest, centered, np.zeros((), images.dtype))
        variance = np.square(centered).mean(axis=axes, keepdims=True) + np.asarray(self.floor, images.dtype)
        return centered / np.sqrt(np.where(variance > 0, variance, 1))
