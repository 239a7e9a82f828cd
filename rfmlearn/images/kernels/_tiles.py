"""Products of all patches of some images with those of others, place by place."""

from __future__ import annotations

import numpy as np

from ...runtime._budget import SKEW


def empty_tile(n_places, n_x, n_z, dtype):
    """Room for products, shape (places, n_x, n_z)."""
    room = np.empty((n_places, n_x * n_z + SKEW), dtype)
    return np.lib.stride_tricks.as_strided(
        room, (n_places, n_x, n_z), (room.strides[0], n_z * room.itemsize, room.itemsize)
    )


def multiply(x, z, tile):
    """Products of patches x and z at equal places of arrays of shape (rows, columns, D, n), into a tile."""
    columns = x.shape[1]
    for row, (u, v) in enumerate(zip(x, z, strict=True)):
        np.matmul(u.transpose(0, 2, 1), v, out=tile[row * columns : (row + 1) * columns])


def meeting(grid, offset):
    """Slices of x's and of z's places, for places of x that lie `offset` from z's."""
    parts = []
    for shift, n in zip(offset, grid.shape(), strict=True):
        parts.append((slice(max(shift, 0), n + min(shift, 0)), slice(max(-shift, 0), n + min(-shift, 0))))
    return tuple(x for x, _ in parts), tuple(z for _, z in parts)
