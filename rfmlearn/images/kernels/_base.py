"""What the kernels of images share: Gram matrix and patch-AGOP."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import defaultdict
from dataclasses import dataclass
from numbers import Integral
from typing import ClassVar

import numpy as np

from ...runtime._budget import MIRRORED_ROWS, ImageKernelBudget
from ...runtime._threads import Team
from ._gradients import each_place
from ._patches import ImagePatches, PatchGrid
from ._tiles import empty_tile, meeting, multiply


def check_integer(name, value, largest=None):
    """A positive integer, no more than `largest`, or a ValueError that names it."""
    if isinstance(value, bool) or not isinstance(value, Integral) or value < 1 or value > (largest or value):
        limits = "a positive integer" if largest is None else f"an integer from 1 to {largest}"
        raise ValueError(f"{name} must be {limits}, got {value!r}.")


@dataclass(frozen=True)
class ImageKernel(ABC):
    """A positive definite function of two images that sees them through their patches.

    Parameters
    ----------
    patch_size : int, default=3
        Side of a patch.
    padding : {"valid", "same"}, default="valid"
        Whether patches stay inside, or zeros surround the image.

    Examples
    --------
    >>> from rfmlearn.images import ConvNTK, ImageKernel
    >>> isinstance(ConvNTK(), ImageKernel)
    True
    """

    patch_size: int = 3
    padding: str = "valid"

    def __post_init__(self):
        check_integer("patch_size", self.patch_size)
        if self.padding not in ("valid", "same"):
            raise ValueError(f'padding must be "valid" or "same", got {self.padding!r}.')

    depth = 1
    # How pairs of images are worked through, which changes results by rounding at most.
    budget: ClassVar[ImageKernelBudget] = ImageKernelBudget()

    def grid(self, image_shape):
        """Places of patches of images of shape (height, width, n_channels)."""
        height, width, n_channels = image_shape
        return PatchGrid(height, width, n_channels, self.patch_size, self.depth, self.padding)

    def _check(self, X, Z):
        """Whether images were cut for this kernel, and for each other."""
        for patches in (X, Z):
            grid = patches.grid
            if self.grid((grid.height, grid.width, grid.n_channels)) != grid:
                raise ValueError(f"images were cut for other windows, {grid}, than those of {self}: use its grid().")
        if X.grid != Z.grid or X.padded.dtype != Z.padded.dtype:
            raise ValueError(
                f"X and Z must have one shape and dtype, got {X.grid} of {X.padded.dtype} and {Z.grid} of "
                f"{Z.padded.dtype}."
            )
        if X.metric is not Z.metric and not np.array_equal(X.metric, Z.metric):
            raise ValueError("X and Z must be in the same metric: give ImagePatches.of the same matrix.")

    @abstractmethod
    def _offsets(self, grid):
        """Pairs of places that meet: list of (rows down, columns right) of x's place from z's, and their weight."""

    @abstractmethod
    def _sides(self, patches: ImagePatches):
        """What of each image's own the loops need, shape (n, rows, columns) or (n, anything)."""

    @abstractmethod
    def _loops(self):
        """Module with `value_rows` and `weight_rows`."""

    @abstractmethod
    def _arguments(self, grid, weight, dtype):
        """Their last arguments."""

    def _side(self, side, meets):
        """Part of `_sides` at the places that meet."""
        return side

    def _places(self, grid, n_places):
        """Where the places that meet lie in the rows of the loops."""
        return np.arange(n_places, dtype=np.uintp)

    def _z_images(self, n):
        """Images of a block of n, fewer if there would not be work for several threads."""
        most = self.budget.z_images
        return most if n >= 4 * most else most // 4

    def gram(self, X: ImagePatches, Z: ImagePatches | None = None):
        """Gram matrix of shape (len(X), len(Z)), symmetric if Z is not given.

        O(n m places (D + depth)) time; the workspace beside the result is that of one tile and of the patches of two
        blocks of images, some 100 MB a thread in float32.

        Parameters
        ----------
        X : ImagePatches
            n images.
        Z : ImagePatches, default=None
            m images, in the same metric.

        Returns
        -------
        ndarray of shape (n, m)
        """
        grid, same = X.grid, Z is None
        Z = X if Z is None else Z
        self._check(X, Z)
        x_side = self._sides(X)
        z_side = x_side if same else self._sides(Z)
        K = np.zeros((len(X), len(Z)), X.padded.dtype)
        x_step, z_step = (
            grid.block_size(images, self.budget.patch_entries)
            for images in (self.budget.x_images, self._z_images(len(Z)))
        )

        def fill(start, stop):
            tile = empty_tile(len(grid.places()), x_step, z_step, K.dtype)
            for block in range(start, stop):
                columns = slice(block * z_step, min((block + 1) * z_step, len(Z)))
                transformed = Z.metric @ Z.cut(columns)
                for a in range(columns.start if same else 0, len(X), x_step):
                    if team.stopped:
                        return
                    rows = slice(a, min(a + x_step, len(X)))
                    patches = X.cut(rows)
                    limit = a - columns.start if same else len(Z)
                    for *offset, weight in self._offsets(grid):
                        x_meets, z_meets = meeting(grid, offset)
                        x, z = patches[x_meets], transformed[z_meets]
                        products = tile[: x.shape[0] * x.shape[1], : x.shape[3], : z.shape[3]]
                        multiply(x, z, products)
                        self._loops().value_rows(
                            products,
                            self._places(grid, len(products)),
                            self._side(x_side[rows], x_meets),
                            self._side(z_side[columns], z_meets),
                            limit,
                            K[rows, columns],
                            *self._arguments(grid, weight, K.dtype),
                        )

        with Team(K.size * grid.length() * 30) as team:
            team.share(fill, -(-len(Z) // z_step), piece=1)
        if same:
            _mirror(K)
        return K

    def patch_agop(self, X: ImagePatches, coef, Z: ImagePatches, weights=None, center=False):
        """Patch-AGOP ``G = sum_j w_j sum_p sum_l g g^T`` over images z_j, places p and outputs l.

        Here g is the gradient of ``f_l(z_j) = sum_i coef[i, l] K(x_i, z_j)`` with respect to z_j's patch at p.
        O(n m places D n_outputs) time.

        Parameters
        ----------
        X : ImagePatches
            n centres.
        coef : ndarray of shape (n, n_outputs)
        Z : ImagePatches
            m images.
        weights : ndarray of shape (m,), default=None
            w_j, 1 / m by default.
        center : bool, default=False
            Whether the mean gradient over images and places is subtracted, for each output.

        Returns
        -------
        ndarray of shape (D, D), float64
        """
        self._check(X, Z)
        weights = np.full(len(Z), 1 / len(Z)) if weights is None else weights
        D, n_outputs = X.grid.patch_length, coef.shape[1]
        total, mean = np.zeros((D, D)), np.zeros((n_outputs, D))
        step = self.budget.summed_images
        for start in range(0, len(Z), step):
            # One sum for each block of images, so that threads cannot change the order of additions.
            squares: dict[int, np.ndarray] = defaultdict(lambda: np.zeros((D, D)))
            sums: dict[int, np.ndarray] = defaultdict(lambda: np.zeros((n_outputs, D)))
            part = slice(start, start + step)

            def keep(images, row, column, H, squares=squares, sums=sums, weights=weights[part]):
                weighted = H * weights[images, None, None].astype(H.dtype)
                squares[images.start] += weighted.reshape(-1, D).T @ H.reshape(-1, D)
                sums[images.start] += weighted.sum(axis=0)

            each_place(self, X, coef, Z[part], keep)
            for first in sorted(squares):
                total += squares[first]
                mean += sums[first]
        if center:
            total -= mean.T @ mean / (weights.sum() * np.prod(X.grid.shape()))
        metric = X.metric.astype(np.float64)
        return metric @ total @ metric


def _mirror(K):
    """Copy the lower triangle over the upper one."""
    for start in range(0, len(K), MIRRORED_ROWS):
        stop = min(start + MIRRORED_ROWS, len(K))
        K[start:stop, stop:] = K[stop:, start:stop].T
        corner = K[start:stop, start:stop]
        corner[:] = np.tril(corner) + np.tril(corner, -1).T
