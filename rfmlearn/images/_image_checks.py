"""The user's images: their shape, their scale, and what is wrong with them."""

from __future__ import annotations

import math
import re
from numbers import Integral

import numpy as np
from sklearn.utils import check_array

from .._sklearn_compat import numbers_of_any_size
from ..runtime._budget import LARGEST_PIXEL, THREAD_BYTES
from ..runtime._memory import refuse_beyond
from ..runtime._threads import n_threads_in_force
from ..tables._frames import array_of_rows

# Integers that are colours, and what is white.
_WHITE = {np.dtype(np.uint8): 255, np.dtype(np.uint16): 65535}


def check_images(estimator, X, image_shape=None):
    """Images as float32 (float64 if they came so), shape (n, height, width, n_channels).

    Also whether they came flat, and by what they were divided: 255 if they were uint8, 65535 if uint16, or 1.

    Parameters
    ----------
    estimator : estimator
        Named in errors.
    X : array-like
        Of shape (n, height, width), (n, height, width, n_channels), or (n, height * width * n_channels).
    image_shape : tuple of int, default=None
        (height, width) or (height, width, n_channels) of flat images; one may be -1.

    Raises
    ------
    ValueError or TypeError
        If they are not what is described.
    """
    name = type(estimator).__name__
    try:
        with numbers_of_any_size():
            X = check_array(array_of_rows(X), dtype="numeric", allow_nd=True, estimator=estimator, input_name="X")
    except (TypeError, ValueError) as error:
        if re.search(r"\bX\b", str(error)):
            raise
        kind = TypeError if isinstance(error, TypeError) else ValueError
        raise kind(f"X: {error}") from error
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
    if image_shape is None and height in (1, 3, 4) and min(width, channels) > 4:
        raise ValueError(
            f"X of shape {X.shape} looks as if channels came first. {name} wants (n, height, width, n_channels): "
            "use X.transpose(0, 2, 3, 1), or say with image_shape that this is what the images are."
        )
    if image_shape is not None and X.shape[1:] != _full_shape(image_shape, math.prod(X.shape[1:])):
        raise ValueError(f"X has images of shape {X.shape[1:]}, but image_shape={image_shape!r}.")
    native = X.dtype.newbyteorder("=")
    dtype = np.float64 if native == np.float64 else np.float32
    white = _WHITE.get(native, 1)
    with np.errstate(over="ignore"):  # wider types have larger numbers, which are too large for images in any case
        X = np.ascontiguousarray(X, dtype=dtype)
    check_scale(X, 0.0)
    return (X if white == 1 else X / dtype(white)), flat, white


def check_scale(X, smallest=1 / LARGEST_PIXEL):
    """Whether squares of values can be held; `smallest` is what the largest of them must be, unless all are zero."""
    largest = float(max(X.max(), -X.min()))
    if largest > LARGEST_PIXEL or 0 < largest < smallest:
        raise ValueError(
            f"X must have values of a size between {1 / LARGEST_PIXEL:.0e} and {LARGEST_PIXEL:.0e}, or their squares "
            f"would be lost, but the largest is {largest:.3g}: multiply X by a constant."
        )


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
    if -1 in shape and length % known:
        raise ValueError(f"image_shape={image_shape!r} takes a multiple of {known} numbers, but X has {length}.")
    if shape.count(-1) > 1:
        raise ValueError(f"image_shape may leave one size open (-1), got {image_shape!r}.")
    if -1 not in shape and known != length:
        raise ValueError(f"image_shape={image_shape!r} makes {known} numbers, but the rows of X have {length}.")
    return tuple(length // known if size == -1 else int(size) for size in shape)


def _is_size(size):
    return not isinstance(size, bool) and isinstance(size, Integral) and (int(size) > 0 or int(size) == -1)


def check_receptive_field(kernel, image_shape):
    """Whether images are large enough for the kernel's windows; the error says what would be."""
    grid = kernel.grid(image_shape)
    if grid.fits:
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
        largest = (min(height, width) - 1) // grid.depth + 1
        message += f": take patch_size={largest} at most for this depth, or padding='same'."
    if channels > max(height, width):
        message += f" X has {channels} channels: if they came first, use X.transpose(0, 2, 3, 1)."
    raise ValueError(message)


def check_layers(kernels, shapes):
    """Whether what every layer is given, of these shapes, is large enough for its windows."""
    check_receptive_field(kernels[0], shapes[0])
    (height, width, _), *later = shapes
    for number, (kernel, shape) in enumerate(zip(kernels[1:], later, strict=True), 1):
        if not kernel.grid(shape).fits:
            raise ValueError(
                f"n_layers={len(kernels)} is too many for images of {height} x {width} pixels and "
                f"patch_size={kernel.patch_size}: after {number} of them {shape[0]} x {shape[1]} places are left. Take "
                f"n_layers={number} at most, or padding='same'."
            )


def check_image_memory(n_samples, pixels, tiles, itemsize, exact):
    """Refuse a fit of images whose Gram matrices do not fit.

    `pixels` are the numbers of an image, `tiles` those of the derivatives of one image's kernel values with respect to
    products of patches, and `exact` says whether all of the matrix is decomposed.

    Raises
    ------
    MemoryError
        With the estimate, what is available, and the way out.
    """
    gram = n_samples**2 * (itemsize + 8 + (24 if exact else 0))
    needed = gram + 5 * n_samples * pixels * itemsize + n_threads_in_force() * max(THREAD_BYTES, tiles * itemsize)

    def complaint(available):
        return (
            f"fitting {n_samples} images takes about {needed / 2**30:.3g} GiB ({gram / 2**30:.3g} GiB of it for Gram "
            f"matrices), but only {available / 2**30:.3g} GiB are available. Fit fewer images (a random subsample), or "
            "give X as uint8 or float32."
        )

    refuse_beyond(needed, complaint)
