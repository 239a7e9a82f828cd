"""Sets of images for which it is known what there is to find.

Both are tasks in which what matters is small and lies anywhere, and most of an image is noise. They follow those of
Beaglehole et al., with a star and places drawn anew.

References
----------
D. Beaglehole, A. Radhakrishnan, P. Pandit and M. Belkin, Mechanism of feature learning in convolutional neural networks
(arXiv 2309.00570).
A. Radhakrishnan, D. Beaglehole, P. Pandit and M. Belkin, Mechanism for feature learning in neural networks and
backpropagation-free machine learning models, Science 383, 2024.
"""

from __future__ import annotations

import math
from numbers import Integral, Real

import numpy as np
from sklearn.utils import check_random_state

__all__ = ["make_digits_in_noisy_frame", "make_star_in_noise"]

# Rows and columns of the star, and channels that have it.
_STAR_SHAPE = (8, 9)
_STAR_CHANNELS = 2


def _star():
    """A five-pointed star of 31 pixels, one point up: 1.0 inside and 0.0 outside."""
    outer, up, right = 5.0, 4.5, 4.0
    row, column = np.indices(_STAR_SHAPE)
    distance = np.hypot(up - row, column - right)
    # Ten equal sectors, so the angle to the nearest point is all that counts. In a sector the border is a straight
    # line, from a point at the radius `outer` to a notch 36 degrees away.
    sector = math.pi / 5
    angle = np.abs((np.arctan2(column - right, up - row) + sector) % (2 * sector) - sector)
    notch = outer * (3.0 - math.sqrt(5.0)) / 2.0
    along, across = notch * math.cos(sector), notch * math.sin(sector)
    inside = distance * (np.cos(angle) * across + np.sin(angle) * (outer - along)) <= outer * across
    return inside.astype(np.float64)


def _check_count(value, name, smallest, reason=""):
    if isinstance(value, bool) or not isinstance(value, Integral) or value < smallest:
        raise ValueError(f"{name} must be an integer of at least {smallest}{reason}, got {name}={value!r}")
    return int(value)


def _check_noise(noise):
    value = float(noise) if isinstance(noise, Real) else math.nan
    if not 0.0 <= value < math.inf:
        raise ValueError(f"noise must be a finite number of at least 0, got noise={noise!r}")
    return value


def _check_digits(images):
    """Images as float64 in [0, 1], shape (n, height, width)."""
    images = np.asarray(images)
    if images.ndim == 4 and images.shape[3] == 1:
        images = images[..., 0]
    if images.ndim != 3:
        raise ValueError(f"images must have the shape (n, height, width) or (n, height, width, 1), got {images.shape}")
    if images.dtype == np.uint8:
        return images / 255.0
    if images.dtype.kind != "f":
        raise ValueError(f"images must be uint8, or floats in [0, 1], got the dtype {images.dtype}")
    if not np.isfinite(images).all():
        raise ValueError("images must be finite, got NaN or infinity")
    if images.size and (images.min() < 0.0 or images.max() > 1.0):
        raise ValueError(
            f"images of floats must be in [0, 1], got values from {images.min():g} to {images.max():g}: "
            "divide by the largest value, or give uint8"
        )
    return images.astype(np.float64)


def make_star_in_noise(n_samples=100, *, size=32, n_channels=3, noise=0.3, random_state=None, return_star=False):
    """Images of noise, half of which have a star somewhere.

    Every pixel of every channel is Gaussian noise. In images of class 1 the pixels of a five-pointed star are set to
    one in the first two channels, at a random place that is the same in both. The star has 31 pixels in 8 rows and 9
    columns. Images of class 0 have nothing but noise.

    Parameters
    ----------
    n_samples : int, default=100
        Number of images. Half of them are of class 1, one less than those of class 0 if the number is odd.
    size : int, default=32
        Height and width of the images, at least 9.
    n_channels : int, default=3
        At least 2.
    noise : float, default=0.3
        Standard deviation of the noise.
    random_state : int, RandomState instance or None, default=None
        Draws noise, places and order. An int gives the same images every time.
    return_star : bool, default=False
        Whether to return the star as well.

    Returns
    -------
    X : ndarray of shape (n_samples, size, size, n_channels)
        Images in random order.
    y : ndarray of shape (n_samples,)
        1 if there is a star, 0 if not.
    star : ndarray of shape (8, 9)
        1.0 inside and 0.0 outside. Only if `return_star`.

    Examples
    --------
    >>> from rfmlearn.datasets import make_star_in_noise
    >>> X, y, star = make_star_in_noise(n_samples=50, random_state=0, return_star=True)
    >>> X.shape, int(y.sum())
    ((50, 32, 32, 3), 25)
    >>> print(star.astype(int))
    [[0 0 0 0 1 0 0 0 0]
     [0 0 0 0 1 0 0 0 0]
     [0 0 0 0 1 0 0 0 0]
     [1 1 1 1 1 1 1 1 1]
     [0 1 1 1 1 1 1 1 0]
     [0 0 0 1 1 1 0 0 0]
     [0 0 1 1 1 1 1 0 0]
     [0 0 1 1 0 1 1 0 0]]
    """
    n_samples = _check_count(n_samples, "n_samples", 1)
    size = _check_count(size, "size", max(_STAR_SHAPE), ", so that the star fits in")
    n_channels = _check_count(n_channels, "n_channels", _STAR_CHANNELS, ", the channels of the star")
    rng = check_random_state(random_state)
    X = _check_noise(noise) * rng.standard_normal((n_samples, size, size, n_channels))
    y = rng.permutation(np.arange(n_samples) % 2)
    star = _star()
    height, width = _STAR_SHAPE
    for i in np.flatnonzero(y):
        top, left = rng.randint(size - height + 1), rng.randint(size - width + 1)
        X[i, top : top + height, left : left + width, :_STAR_CHANNELS][star > 0] = 1.0
    return (X, y, star) if return_star else (X, y)


def make_digits_in_noisy_frame(images, *, frame=42, noise=1.0, random_state=None):
    """Digits, or other images with one channel, at random places in larger images of noise.

    A digit covers the noise with its whole rectangle, so that noise is only around it.

    Parameters
    ----------
    images : array-like of shape (n, height, width) or (n, height, width, 1)
        Of dtype uint8, which is divided by 255, or floats in [0, 1].
    frame : int, default=42
        Height and width of the larger images, at least those of the images.
    noise : float, default=1.0
        Strength of the Gaussian noise, whose standard deviation is ``0.5 * sqrt(noise)``.
    random_state : int, RandomState instance or None, default=None
        Draws noise and places. An int gives the same images every time.

    Returns
    -------
    X : ndarray of shape (n, frame, frame, 1)
        In the order of the images.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from rfmlearn.datasets import make_digits_in_noisy_frame
    >>> digits = load_digits()
    >>> make_digits_in_noisy_frame(digits.images[:20] / 16.0, frame=12, random_state=0).shape
    (20, 12, 12, 1)
    """
    images = _check_digits(images)
    n, height, width = images.shape
    frame = _check_count(frame, "frame", max(height, width, 1), ", the larger side of the images")
    rng = check_random_state(random_state)
    X = 0.5 * math.sqrt(_check_noise(noise)) * rng.standard_normal((n, frame, frame, 1))
    tops, lefts = rng.randint(frame - height + 1, size=n), rng.randint(frame - width + 1, size=n)
    for canvas, image, top, left in zip(X, images, tops, lefts, strict=True):
        canvas[top : top + height, left : left + width, 0] = image
    return X
