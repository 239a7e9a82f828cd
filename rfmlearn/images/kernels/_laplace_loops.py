"""Compiled loops of the patch Laplace kernel: one pair of images at a time, vectorised over places."""

from __future__ import annotations

import numpy as np

from ...kernels._elementary import exp2
from ...kernels._loops import JIT
from ...runtime._budget import LANES
from ...runtime._compiled import compiled
from ._tile_loops import add_own, gather, scatter


@compiled(**JIT)
def value_rows(tile, places, x_norm, z_norm, limit, K, weight, rate, near):
    """Add ``weight sum_p exp2(-rate |u_p - v_p|)`` of images z and x to ``K[x, z]``.

    Patches closer than `near`, relative to their norms, are the same: rounding would keep equal ones apart.
    """
    n = places.size
    rows = np.zeros((LANES, n), K.dtype)
    zero, two, r, w = K.dtype.type(0), K.dtype.type(2), K.dtype.type(-rate), K.dtype.type(weight)
    relative = K.dtype.type(near)
    for j in range(0, tile.shape[2], LANES):
        for i in range(max(0, j - limit), tile.shape[1]):
            count = min(gather(tile, i, j, places, rows), limit + i + 1 - j)
            for k in range(count):
                row, x, z, total = rows[k], x_norm[i], z_norm[j + k], zero
                for p in range(n):
                    both = x[p] + z[p]
                    square = both - two * row[p]
                    total += exp2(r * np.sqrt(square if square > relative * both else zero))
                K[i, j + k] += w * total


@compiled(**JIT)
def weight_rows(tile, places, x_norm, z_norm, coef, own, weight, rate, near):
    """Replace products of patches by derivatives with respect to them; see `_ntk_loops.weight_rows`.

    Those of patches that are the same are zero: the kernel has a cusp there.
    """
    n = places.size
    dtype = tile.dtype
    rows, g_z = np.zeros((LANES, n), dtype), np.empty(n, dtype)
    zero, two, half = dtype.type(0), dtype.type(2), dtype.type(0.5)
    r, w, relative = dtype.type(-rate), dtype.type(weight * rate * np.log(2.0)), dtype.type(near)
    for j in range(0, tile.shape[2], LANES):
        for i in range(tile.shape[1]):
            count = gather(tile, i, j, places, rows)
            for k in range(count):
                row, x, z = rows[k], x_norm[i], z_norm[j + k]
                for p in range(n):
                    both = x[p] + z[p]
                    square = both - two * row[p]
                    distance = np.sqrt(max(square, zero))
                    g = w * exp2(r * distance) / distance if square > relative * both else zero
                    row[p] = g
                    g_z[p] = -half * g
                add_own(own[j + k], coef[i], g_z)
            scatter(rows, count, places, tile, i, j)
