"""Tiles: products of all patches of some images with those of others, and what gradients make of them."""

from __future__ import annotations

import numpy as np

# Unused columns at the end of a tile: its places would lie a power of two apart, where caches keep few lines.
_SKEW = 16
# Places whose coefficients are multiplied out at once.
_PLACES = 32


class Tile:
    """Workspace of one thread for the products of all patches of some x with those of some z."""

    def __init__(self, grid, x_step, z_step, dtype):
        self.grid = grid
        self._array = np.empty((*grid.shape(), x_step * z_step + _SKEW), dtype)

    def fill(self, patches, transformed, offset):
        """Products at the places that meet, shape (places, n_x, n_z)."""
        x_part, z_part = meeting(self.grid, offset)
        x, z = patches[x_part], transformed[z_part]
        (rows, columns, n_x, _), n_z = x.shape, z.shape[2]
        room = self._array.reshape(-1, self._array.shape[2])[: rows * columns, : n_x * n_z]
        products = np.lib.stride_tricks.as_strided(
            room, (rows * columns, n_x, n_z), (room.strides[0], n_z * room.itemsize, room.itemsize)
        )
        for y in range(rows):
            np.matmul(x[y], z[y].transpose(0, 2, 1), out=products[y * columns : (y + 1) * columns])
        return products


def meeting(grid, offset):
    """Slices of x's and of z's places, for places of x that lie `offset` from z's."""
    parts = []
    for shift, n in zip(offset, grid.shape(), strict=True):
        parts.append((slice(max(shift, 0), n + min(shift, 0)), slice(max(-shift, 0), n + min(-shift, 0))))
    return tuple(x for x, _ in parts), tuple(z for _, z in parts)


def contract(weights, coef, patches, H):
    """``H[p, z, l] += sum_x weights[p, x, z] coef[x, l] patches[p, x]``, a matrix product for each place p."""
    n_places, n_x, n_z = weights.shape
    columns = H.shape[1]
    for start in range(0, n_places, _PLACES):
        part = slice(start, min(start + _PLACES, n_places))
        places = np.arange(part.start, part.stop)
        y, x = places // columns, places % columns
        scaled = weights[part, :, :, None] * coef[:, None, :]
        H[y, x] += np.matmul(scaled.reshape(len(places), n_x, -1).transpose(0, 2, 1), patches[y, x]).reshape(
            len(places), n_z, coef.shape[1], -1
        )
