"""Layers of recursions: what the first sees of images, what random convolutions hand on, and which layer is kept."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ..runtime._budget import LAYER_IMAGES
from ._contrast import Contrast
from ._random_convolution import RandomConvolution
from ._recursion import ImageRecursion, ImageRound
from .kernels._conv_ntk import ConvNTK


@dataclass(frozen=True)
class ImageLayers:
    """A function of images: contrast, random convolutions, and the kernel machine of the layer that is kept.

    Attributes
    ----------
    contrast : Contrast or None
        None if images are taken as they are.
    convolutions : tuple of RandomConvolution
        One after each layer but the last.
    first, kept : ImageRound
        Best rounds of the first layer and of the last.
    targets : ndarray of shape (n, n_outputs)
        Of the training images.
    """

    contrast: Contrast | None
    convolutions: tuple[RandomConvolution, ...]
    first: ImageRound
    kept: ImageRound
    targets: np.ndarray

    @property
    def left_out(self):
        """Rows that were left out one at a time, and what is predicted for them then."""
        return self.kept.rows, self.targets[self.kept.rows] - self.kept.residuals

    def seen(self, images):
        """Images as the first kernel sees them."""
        return images if self.contrast is None else self.contrast(images)

    def decision(self, images, step=LAYER_IMAGES):
        """Expansion at new images, shape (m, n_outputs), some at a time since layers have many channels."""
        dtype, parts = self.kept.patches.padded.dtype, []
        for start in range(0, len(images), step):
            part = self.seen(images[start : start + step])
            for convolution in self.convolutions:
                part = convolution(part)
            parts.append(self.kept.decision(part.astype(dtype, copy=False)))
        return np.concatenate(parts)


def layer_kernels(first, n_layers):
    """One kernel a layer, each shallower by one than that before if it is deep."""
    if not isinstance(first, ConvNTK):
        return [first] * n_layers
    if n_layers > first.depth:
        raise ValueError(
            f"n_layers={n_layers} takes a kernel of depth={n_layers} at least, since the kernel of every layer is one "
            f"shallower than the last, got depth={first.depth}."
        )
    return [replace(first, depth=first.depth - number) for number in range(n_layers)]


def layer_shapes(kernels, image_shape, n_filters):
    """(height, width, n_channels) of what every layer is given."""
    shapes = [image_shape]
    for kernel in kernels[:-1]:
        shapes.append((*kernel.grid(shapes[-1]).shape(), n_filters))
    return shapes


def learn_layers(recursion: ImageRecursion, kernels, tried, standardize, n_filters, max_iter, report) -> ImageLayers:
    """Run all layers, and keep the one whose best round has the smallest leave-one-out loss.

    Parameters
    ----------
    recursion : ImageRecursion
        Of the first layer, on images as they came.
    kernels : list of ImageKernel
        One for each layer.
    tried : ndarray of int
        Images on which it is tried whether to standardize.
    standardize : bool or "auto"
    n_filters : int
        Of the random convolutions.
    max_iter : int
        Rounds of feature learning of a layer, at most.
    report : callable
        Called with the number of the layer and every ImageRound.
    """
    if standardize == "auto":
        contrast = _choose_contrast(recursion, tried)
    else:
        contrast = Contrast.fit(recursion.images, recursion.weights.rows) if standardize else None
    images = recursion.images if contrast is None else contrast(recursion.images)
    best, convolutions = [], []
    for number, kernel in enumerate(kernels):
        recursion = replace(recursion, images=images, kernel=kernel)
        best.append(_best_round(recursion, max_iter, number, report))
        if number + 1 < len(kernels):
            grid, matrix = best[-1].patches.grid, best[-1].matrix
            convolutions.append(RandomConvolution.draw(grid, matrix, n_filters, recursion.rng, images.dtype))
            images = convolutions[-1](images)
            recursion = replace(recursion, initial=None)  # which is of patches of the first layer
    kept = int(np.argmin([iterate.loss for iterate in best]))
    return ImageLayers(contrast, tuple(convolutions[:kept]), best[0], best[kept], recursion.targets)


def _choose_contrast(recursion, rows):
    """Contrast that images are brought to, or None if that costs more than one standard error of leave-one-out."""
    contrast = Contrast.fit(recursion.images, recursion.weights.rows)
    plain = recursion.at(rows)
    standardized = replace(plain, images=contrast(plain.images))
    squares = [np.square(next(tried.rounds(0)).residuals).sum(axis=1) for tried in (plain, standardized)]
    loss, weights = squares[1] - squares[0], plain.weights
    mean = np.average(loss, weights=weights.total)
    # Whole numbers are repetitions; other weights are as good as this many rows of equal ones (Kish, 1965).
    count = weights.counts.sum()
    if not weights.are_repetitions:
        count = count**2 / np.sum(weights.counts**2)
    error = np.sqrt(np.average((loss - mean) ** 2, weights=weights.total) / count)
    return contrast if mean <= error else None


def _best_round(recursion, max_iter, number, report):
    """The round before the leave-one-out loss rises."""
    best = None
    for iterate in recursion.rounds(max_iter):
        report(number, iterate)
        if best is not None and iterate.loss >= best.loss:
            break
        best = iterate
    return best
