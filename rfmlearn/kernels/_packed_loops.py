"""Compiled loops over tiles of a Gram matrix in 16-bit fixed point.

Tiles lie one behind the other as `tile_place` numbers them, all of one size; what the last ones have beyond the matrix
is zero. Sums run in float32 within a tile, some hundred terms, and in float64 from one tile to the next.
"""

from __future__ import annotations

import numpy as np

from ..runtime._budget import FIXED_POINT_ONE
from ..runtime._compiled import compiled
from ._loops import JIT

# Values that are outside by less are so by rounding.
_SLACK = 1e-4


@compiled(**JIT)
def tile_place(block, other):
    """Where the tile of two blocks of rows lies, the first not before the other."""
    return block * (block + 1) // 2 + other


@compiled(**JIT)
def pack(values, on_diagonal, codes):
    """Codes of a tile's values; how many of these are none between 0 and 1, or none of 1 on the diagonal."""
    n_bad, one = 0, values.dtype.type(FIXED_POINT_ONE)
    zero, half = values.dtype.type(0), values.dtype.type(0.5)
    low, high = values.dtype.type(-_SLACK), values.dtype.type(1 + _SLACK)
    for i in range(values.shape[0]):
        for j in range(values.shape[1]):
            value = values[i, j]
            n_bad += 0 if value >= low and value <= high else 1
            codes[i, j] = np.uint16(min(max(one * value + half, zero), one))
        for j in range(values.shape[1], codes.shape[1]):
            codes[i, j] = 0
    for i in range(values.shape[0], codes.shape[0]):
        codes[i] = 0
    if on_diagonal:
        for i in range(values.shape[0]):
            n_bad += 0 if abs(values[i, i] - 1) <= _SLACK else 1
            codes[i, i] = FIXED_POINT_ONE
            for j in range(i):
                codes[j, i] = codes[i, j]
    return n_bad


@compiled(**JIT)
def multiply_pairs(start, stop, tiles, blocks, V, out):
    """Add to ``out`` what some tiles, and their mirror images, make of V; both hold a row for each right-hand side.

    No two of the tiles share a block of rows, ``blocks[p]``, so that ranges of them can run in threads. Four rows of a
    tile go at a time: sums along them stay in registers, and those down the columns are loaded once for all four.
    """
    size, n_columns = tiles.shape[1], V.shape[0]
    number, down = V.dtype.type, np.empty(size, V.dtype)
    for p in range(start, stop):
        block, other = blocks[p]
        tile, mirrored = tiles[tile_place(block, other)], block != other
        for c in range(n_columns):
            along, across = V[c, other * size : (other + 1) * size], V[c, block * size : (block + 1) * size]
            target = out[c, block * size : (block + 1) * size]
            down[:] = 0
            for i in range(0, size, 4):
                row_0, row_1, row_2, row_3 = tile[i], tile[i + 1], tile[i + 2], tile[i + 3]
                v_0, v_1, v_2, v_3 = across[i], across[i + 1], across[i + 2], across[i + 3]
                sum_0 = sum_1 = sum_2 = sum_3 = number(0)
                for j in range(size):
                    v = along[j]
                    # By way of int32, for which there are vector instructions.
                    k_0, k_1 = number(np.int32(row_0[j])), number(np.int32(row_1[j]))
                    k_2, k_3 = number(np.int32(row_2[j])), number(np.int32(row_3[j]))
                    sum_0 += k_0 * v
                    sum_1 += k_1 * v
                    sum_2 += k_2 * v
                    sum_3 += k_3 * v
                    down[j] += (k_0 * v_0 + k_1 * v_1) + (k_2 * v_2 + k_3 * v_3)
                target[i] += sum_0
                target[i + 1] += sum_1
                target[i + 2] += sum_2
                target[i + 3] += sum_3
            if mirrored:
                target = out[c, other * size : (other + 1) * size]
                for j in range(size):
                    target[j] += down[j]


@compiled(**JIT)
def unpack(codes, values):
    """Codes of a tile as numbers, not yet divided by that of one."""
    for i in range(codes.shape[0]):
        for j in range(codes.shape[1]):
            values[i, j] = np.float32(np.int32(codes[i, j]))


@compiled(**JIT)
def gather(start, stop, tiles, rows, columns, out):
    """Entries of some rows and columns of the matrix, a row of ``out`` for each of a range of rows."""
    size, unit = tiles.shape[1], np.float32(1 / FIXED_POINT_ONE)
    for a in range(start, stop):
        block, i = rows[a] // size, rows[a] % size
        for b in range(columns.size):
            other, j = columns[b] // size, columns[b] % size
            if other <= block:
                code = tiles[tile_place(block, other), i, j]
            else:
                code = tiles[tile_place(other, block), j, i]
            out[a, b] = unit * np.float32(np.int32(code))
