"""Patches of images: where they lie, how they are cut, and how long their flat rows are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...runtime._budget import MEASURED_IMAGES, PATCH_ENTRIES
from ...runtime._threads import Team


@dataclass(frozen=True)
class PatchGrid:
    """Places of the patches of images of one size, for a stack of stride-1 windows.

    Parameters
    ----------
    height, width, n_channels : int
        Of an image.
    patch_size : int
        Side of the square windows.
    depth : int
        How many windows are stacked.
    padding : {"valid", "same"}
        Whether windows stay inside, or zeros are put around images and around the results of every window, so that all
        layers have as many places as the image has pixels.
    """

    height: int
    width: int
    n_channels: int
    patch_size: int
    depth: int
    padding: str

    @property
    def before(self):
        """Zeros put above and to the left."""
        return (self.patch_size - 1) // 2 if self.padding == "same" else 0

    @property
    def patch_length(self):
        """D, numbers of a patch, in the order (row, column, channel)."""
        return self.patch_size**2 * self.n_channels

    def shape(self, layer=1):
        """Rows and columns of places at a layer, from 1 on."""
        cut = 0 if self.padding == "same" else layer * (self.patch_size - 1)
        return self.height - cut, self.width - cut

    @property
    def fits(self):
        """Whether a place is left at the last layer."""
        return min(self.shape(self.depth)) >= 1

    @property
    def deepest(self):
        """Largest depth for which a place is left, None if there is no limit."""
        if self.padding == "same" or self.patch_size == 1:
            return None
        return (min(self.height, self.width) - 1) // (self.patch_size - 1)

    @property
    def stride(self):
        """Distance in a flat row between a place and the one below; "same" leaves room for zeros to the right."""
        return self.shape()[1] + (self.patch_size - 1 if self.padding == "same" else 0)

    def length(self, layer=1):
        """Length of a flat row of places at a layer, from the first to the last one."""
        rows, columns = self.shape(layer)
        return (rows - 1) * self.stride + columns

    def places(self):
        """Where the places of the first layer lie in a flat row."""
        rows, columns = self.shape()
        return (np.arange(rows)[:, None] * self.stride + np.arange(columns)).ravel().astype(np.uintp)

    def pad(self, images):
        """Images with the zeros around them that "same" asks for, C-contiguous."""
        if self.padding == "valid":
            return np.ascontiguousarray(images)
        around = (self.before, self.patch_size - 1 - self.before)
        return np.pad(images, ((0, 0), around, around, (0, 0)))

    def cut(self, padded):
        """All patches of padded images, a C-contiguous array of shape (rows, columns, D, n)."""
        size, channels = self.patch_size, self.n_channels
        n, height, width, _ = padded.shape
        # With images last, lines of patches are contiguous, and matrix products of few images are fast.
        lines = np.ascontiguousarray(padded.transpose(1, 2, 3, 0)).reshape(height, width * channels, n)
        windows = np.lib.stride_tricks.sliding_window_view(lines, (size, size * channels), axis=(0, 1))[:, ::channels]
        return np.ascontiguousarray(windows.transpose(0, 1, 3, 4, 2)).reshape(*self.shape(), self.patch_length, n)

    def block_size(self, largest, entries=PATCH_ENTRIES):
        """Images whose cut patches are at most so many numbers, a power of two up to `largest`."""
        rows, columns = self.shape()
        fit = max(1, entries // (rows * columns * self.patch_length))
        return min(largest, 2 ** int(np.log2(fit)))


@dataclass(frozen=True)
class ImagePatches:
    """Images whose patches are compared by ``<u_p, v_p> = x_p^T M z_p / n_channels``.

    Parameters
    ----------
    grid : PatchGrid
        Where patches lie.
    padded : ndarray of shape (n, height, width, n_channels)
        As `PatchGrid.pad` returns them.
    metric : ndarray of shape (D, D)
        ``M / n_channels``.
    norms : ndarray of shape (n, rows, columns)
        ``|u_p|^2``.

    Examples
    --------
    >>> import numpy as np
    >>> from rfmlearn.images import ConvNTK, ImagePatches
    >>> grid = ConvNTK(patch_size=3, depth=1).grid((5, 5, 1))
    >>> ImagePatches.of(grid, np.ones((1, 5, 5, 1)), np.eye(9)).norms[0]
    array([[9., 9., 9.],
           [9., 9., 9.],
           [9., 9., 9.]])
    """

    grid: PatchGrid
    padded: np.ndarray
    metric: np.ndarray
    norms: np.ndarray

    @classmethod
    def of(cls, grid: PatchGrid, images, matrix):
        """Images, of shape (n, height, width, n_channels), in the metric of a feature matrix of shape (D, D)."""
        images = np.asarray(images)
        wanted = (grid.height, grid.width, grid.n_channels)
        if images.ndim != 4 or images.shape[1:] != wanted or images.dtype not in (np.float32, np.float64):
            raise ValueError(
                f"images must be float32 or float64 of shape (n, {wanted[0]}, {wanted[1]}, {wanted[2]}), got "
                f"{images.dtype} of shape {images.shape}."
            )
        if not grid.fits:
            raise ValueError(f"images of {grid.height} x {grid.width} pixels are too small for the windows of {grid}.")
        padded = grid.pad(images)
        metric = (matrix / grid.n_channels).astype(images.dtype)
        norms = np.empty((len(images), *grid.shape()), images.dtype)
        step = grid.block_size(MEASURED_IMAGES)

        def fill(start, stop):
            for block in range(start, stop):
                rows = slice(block * step, (block + 1) * step)
                patches = grid.cut(padded[rows])
                np.einsum("rcdn,rcdn->nrc", metric @ patches, patches, out=norms[rows])

        with Team(norms.size * grid.patch_length**2) as team:
            team.share(fill, -(-len(images) // step), piece=1)
        return cls(grid, padded, metric, np.maximum(norms, 0))

    def __len__(self):
        return len(self.padded)

    def __getitem__(self, rows):
        return ImagePatches(self.grid, self.padded[rows], self.metric, self.norms[rows])

    def cut(self, rows):
        """Patches of some images, shape (rows, columns, D, n)."""
        return self.grid.cut(self.padded[rows])

    def at(self, row, column):
        """Patches of all images at one place, shape (n, D)."""
        size = self.grid.patch_size
        return self.padded[:, row : row + size, column : column + size].reshape(len(self), -1)
