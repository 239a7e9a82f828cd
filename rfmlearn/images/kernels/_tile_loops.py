"""Compiled loops that move numbers between tiles, as matrix products leave them, and rows of one pair's places.

A tile has shape (places, x, z); `LANES` images z are handled at a time, since that many float32 fill a cache line.
"""

from __future__ import annotations

from ...kernels._loops import JIT
from ...runtime._compiled import compiled


@compiled(**JIT)
def gather(tile, i, j, places, rows):
    """Products of patches of image x_i and images z_j, z_(j+1), ..., one row a pair; how many rows there are."""
    count = min(tile.shape[2] - j, rows.shape[0])
    for p in range(places.size):
        values, column = tile[p, i, j : j + count], rows[:, places[p]]
        for k in range(count):
            column[k] = values[k]
    return count


@compiled(**JIT)
def scatter(rows, count, places, tile, i, j):
    """The way back."""
    for p in range(places.size):
        values, column = tile[p, i, j : j + count], rows[:, places[p]]
        for k in range(count):
            values[k] = column[k]


@compiled(**JIT)
def add_own(own, coef, weights):
    """``own[l] += coef[l] weights``."""
    for output in range(coef.size):
        c, row = coef[output], own[output]
        for p in range(weights.size):
            row[p] += c * weights[p]
