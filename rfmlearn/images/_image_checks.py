"""The user's images: their shape, their scale, and what is wrong with them."""

from __future__ import annotations

import math
from numbers import Integral

import numpy as np
from sklearn.utils import check_array

# Integers that are colours, and what is white.
_WHITE = {np.dtype(np.uint8): 255, np.dtype(np.uint16): 65535}


def check_images(estimator, X, image_shape=None):
    """Images as float32 (float64 if they came so), shape (n, height, width, n_channels), and whether they came flat.

    Parameters
    ----------
    estimator : estimator
        Named in errors.
    X : array-like
        Of shape (n, height, width), (n, height, width, n_channels), or (n, height * width * n_channels).
    image_shape : tuple of int, default=None
        (height, width) or (height, width, n_channels) of flat images; one may be -1.
    """
    name = type(estimator).__name__
    X = check_array(X, dtype="numeric", allow_nd=True, estimator=estimator, input_name="X")
    flat = X.ndim == 2
    if flat:
        if image_shape is None:
            raise ValueError(
                f"X has two dimensions, shape {X.shape}: give {name} images of shape (n, height, width) or (n, height, "
                "width, n_channels), or say with image_shape what the rows are."
            )
        X = X.reshape(len(X), *_full_shape(image_shape, X.shape[1]))
    elif X.ndim == 3:
        X = X[..., np.newaxis]
    elif X.ndim != 4:
        raise ValueError(f"X must have two to four dimensions, (n, height, width, n_channels) at most; got {X.ndim}.")
    if 0 in X.shape:
        raise ValueError(f"X has no pixels: its shape is {X.shape}.")
    _, height, width, channels = X.shape
    if height in (1, 3, 4) and width == channels > 4:
        raise ValueError(
            f"X of shape {X.shape} looks as if channels came first. {name} wants (n, height, width, n_channels): "
            "use X.transpose(0, 2, 3, 1)."
        )
    dtype = np.float64 if X.dtype == np.float64 else np.float32
    white = _WHITE.get(X.dtype)
    X = np.ascontiguousarray(X, dtype=dtype)
    return (X / dtype(white) if white else X), flat


def _full_shape(image_shape, length):
    """(height, width, n_channels) of rows of so many numbers."""
    shape = tuple(image_shape)
    if len(shape) not in (2, 3) or not all(map(_is_size, shape)):
        raise ValueError(
            "image_shape must be (height, width) or (height, width, n_channels), positive integers of which one may "
            f"be -1, got {image_shape!r}."
        )
    shape = (*shape, 1) if len(shape) == 2 else shape
    known = math.prod(int(size) for size in shape if size != -1)
    if shape.count(-1) > 1:
        raise ValueError(f"image_shape may leave one size open (-1), got {image_shape!r}.")
    if length % known or (-1 not in shape and known != length):
        raise ValueError(f"image_shape={image_shape!r} makes {known} numbers, but the rows of X have {length}.")
    return tuple(length // known if size == -1 else int(size) for size in shape)


def _is_size(size):
    return isinstance(size, Integral) and (int(size) > 0 or int(size) == -1)


def check_receptive_field(kernel, image_shape):
    """Whether images are large enough for the kernel's windows; the error says what would be."""
    grid = kernel.grid(image_shape)
    if min(grid.shape(grid.depth)) >= 1:
        return
    height, width, channels = image_shape
    field = grid.depth * (grid.patch_size - 1) + 1
    message = (
        f"images of {height} x {width} pixels are smaller than the {field} x {field} that depth={grid.depth} windows "
        f"of patch_size={grid.patch_size} see"
    )
    if grid.deepest >= 1:
        message += f": take depth={grid.deepest} at most, or padding='same'."
    else:
        message += f": take patch_size={min(height, width)} at most, or padding='same'."
    if channels > max(height, width):
        message += f" X has {channels} channels: if they came first, use X.transpose(0, 2, 3, 1)."
    raise ValueError(message)
