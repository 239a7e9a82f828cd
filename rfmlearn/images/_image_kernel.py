"""What the kernels of images share: Gram matrix, gradients with respect to patches, patch-AGOP."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from numbers import Integral

import numpy as np

from .._threads import Team
from ._patches import ImagePatches, PatchGrid
from ._tiles import Tile, contract, meeting

# Images that a tile takes from either side; a tile of more would leave the second-level cache.
_X_BLOCK, _Z_BLOCK, _GRADIENT_X, _GRADIENT_Z = 16, 64, 64, 16


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

    def grid(self, image_shape):
        """Places of patches of images of shape (height, width, n_channels)."""
        height, width, n_channels = image_shape
        return PatchGrid(height, width, n_channels, self.patch_size, self.depth, self.padding)

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

    def gram(self, X: ImagePatches, Z: ImagePatches | None = None):
        """Gram matrix of shape (len(X), len(Z)), symmetric if Z is not given.

        O(n m places (D + depth)) time; the workspace beside the result is that of one tile and of the patches of one
        block of images, some 40 MB a thread.

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
        x_side = self._sides(X)
        z_side = x_side if same else self._sides(Z)
        K = np.zeros((len(X), len(Z)), X.padded.dtype)
        x_step, z_step = grid.block_size(_X_BLOCK), grid.block_size(_z_block(len(Z)))

        def fill(start, stop):
            tile = Tile(grid, x_step, z_step, K.dtype)
            for block in range(start, stop):
                columns = slice(block * z_step, min((block + 1) * z_step, len(Z)))
                transformed = Z.cut(columns) @ Z.metric
                for a in range(columns.start if same else 0, len(X), x_step):
                    rows = slice(a, min(a + x_step, len(X)))
                    patches = X.cut(rows)
                    limit = a - columns.start if same else len(Z)
                    for *offset, weight in self._offsets(grid):
                        products = tile.fill(patches, transformed, offset)
                        places = self._places(grid, len(products))
                        x_meets, z_meets = meeting(grid, offset)
                        sides = self._side(x_side[rows], x_meets), self._side(z_side[columns], z_meets)
                        self._loops().value_rows(
                            0,
                            products.shape[2],
                            products,
                            places,
                            *sides,
                            limit,
                            K[rows, columns],
                            *self._arguments(grid, weight, K.dtype),
                        )

        with Team(K.size * grid.length() * 30) as team:
            team.share(fill, -(-len(Z) // z_step), piece=1)
        if same:
            _mirror(K)
        return K

    def patch_gradients(self, X: ImagePatches, coef, Z: ImagePatches):
        """Gradients of ``f_l(z) = sum_i coef[i, l] K(x_i, z)`` with respect to z's patches.

        Parameters
        ----------
        X : ImagePatches
            n centres.
        coef : ndarray of shape (n, n_outputs)
        Z : ImagePatches
            m images, in the same metric.

        Returns
        -------
        ndarray of shape (m, n_outputs, rows, columns, D)
        """
        out = np.empty((len(Z), coef.shape[1], *X.grid.shape(), X.grid.patch_length), X.padded.dtype)

        def keep(columns, H):
            out[columns] = H.transpose(2, 3, 0, 1, 4) @ X.metric

        self._each_gradient(X, coef, Z, keep)
        return out

    def patch_agop(self, X: ImagePatches, coef, Z: ImagePatches, weights=None, center=False):
        """Patch-AGOP ``G = sum_j w_j sum_p sum_l g g^T`` over images, places and outputs (`patch_gradients`).

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
        weights = np.full(len(Z), 1 / len(Z)) if weights is None else weights
        blocks = {}

        def keep(columns, H):
            w = weights[columns].astype(H.dtype)
            weighted = H * w[None, None, :, None, None]
            D = H.shape[-1]
            blocks[columns.start] = (
                (weighted.reshape(-1, D).T @ H.reshape(-1, D)).astype(np.float64),
                weighted.sum(axis=(0, 1, 2), dtype=np.float64),
            )

        self._each_gradient(X, coef, Z, keep)
        squares, sums = zip(*(blocks[start] for start in sorted(blocks)), strict=True)
        total = sum(squares)
        if center:
            mean = sum(sums)
            total -= mean.T @ mean / (weights.sum() * np.prod(X.grid.shape()))
        metric = X.metric.astype(np.float64)
        return metric @ total @ metric

    def _each_gradient(self, X, coef, Z, keep):
        """Call ``keep(columns, H)`` with blocks of images of Z; ``H @ metric`` are the gradients of their patches.

        H has shape (rows, columns, m, n_outputs, D).
        """
        grid, n_outputs = X.grid, coef.shape[1]
        coef = np.ascontiguousarray(coef, X.padded.dtype)
        x_side, z_side = self._sides(X), self._sides(Z)
        x_step, z_step = grid.block_size(_GRADIENT_X), grid.block_size(_GRADIENT_Z)

        def fill(start, stop):
            tile = Tile(grid, x_step, z_step, coef.dtype)
            for block in range(start, stop):
                columns = slice(block * z_step, min((block + 1) * z_step, len(Z)))
                raw = Z.cut(columns)
                transformed, m = raw @ Z.metric, raw.shape[2]
                H = np.zeros((*grid.shape(), m, n_outputs, grid.patch_length), coef.dtype)
                own = np.zeros((m, n_outputs, *grid.shape()), coef.dtype)
                for a in range(0, len(X), x_step):
                    rows = slice(a, min(a + x_step, len(X)))
                    patches = X.cut(rows)
                    for *offset, weight in self._offsets(grid):
                        products = tile.fill(patches, transformed, offset)
                        places = self._places(grid, len(products))
                        part = np.zeros((m, n_outputs, len(places)), coef.dtype)
                        x_meets, z_meets = meeting(grid, offset)
                        sides = self._side(x_side[rows], x_meets), self._side(z_side[columns], z_meets)
                        self._loops().weight_rows(
                            0, m, products, places, *sides, coef[rows], part, *self._arguments(grid, weight, coef.dtype)
                        )
                        own[:, :, z_meets[0], z_meets[1]] += part.reshape(m, n_outputs, *H[z_meets].shape[:2])
                        contract(products, coef[rows], patches[x_meets], H[z_meets])
                H += 2 * own.transpose(2, 3, 0, 1)[..., None] * raw[:, :, :, None]
                keep(columns, H)

        with Team(len(X) * len(Z) * grid.length() * 100) as team:
            team.share(fill, -(-len(Z) // z_step), piece=1)


def _z_block(n):
    """Images of a block, fewer if there would not be work for several threads."""
    return _Z_BLOCK if n >= 4 * _Z_BLOCK else _Z_BLOCK // 4


def _mirror(K):
    """Copy the lower triangle over the upper one."""
    for start in range(0, len(K), 512):
        stop = min(start + 512, len(K))
        K[start:stop, stop:] = K[stop:, start:stop].T
        corner = K[start:stop, start:stop]
        corner[:] = np.tril(corner) + np.tril(corner, -1).T
