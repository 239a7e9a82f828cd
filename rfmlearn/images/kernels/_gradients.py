"""Gradients of an expansion with respect to the patches of images, one place after the other."""

from __future__ import annotations

import numpy as np

from ...runtime._threads import Team
from ._tiles import empty_tile, meeting, multiply


def each_place(kernel, X, coef, Z, keep):
    """Call ``keep(columns, row, column, H)`` for blocks of images of Z and all places.

    H has shape (m, n_outputs, D), and ``H @ metric`` are the gradients of ``f_l(z) = sum_i coef[i, l] K(x_i, z)`` with
    respect to the patches of the block's images at the place. First the derivatives with respect to products of patches
    are computed for all pairs, then, since they do not depend on outputs, one matrix product a place.
    """
    grid, n_outputs = X.grid, coef.shape[1]
    coef = np.ascontiguousarray(coef, X.padded.dtype)
    x_side, z_side = kernel._sides(X), kernel._sides(Z)
    offsets = kernel._offsets(grid)
    n_places = int(np.prod(grid.shape()))
    budget = kernel.budget
    x_step = grid.block_size(budget.gradient_x_images, budget.patch_entries)
    fit = max(1, budget.gradient_entries // (n_places * len(X) * len(offsets)))
    z_step = min(budget.gradient_z_images, 2 ** int(np.log2(fit)))

    def fill(start, stop):
        for block in range(start, stop):
            columns = slice(block * z_step, min((block + 1) * z_step, len(Z)))
            raw = Z.cut(columns)
            m = raw.shape[3]
            own = np.zeros((m, n_outputs, *grid.shape()), coef.dtype)
            weights = _weights(team, kernel, X, coef, Z.metric @ raw, x_side, z_side[columns], offsets, x_step, own)
            if team.stopped:
                return
            for row, column in np.ndindex(grid.shape()):
                H = 2 * own[:, :, row, column, None] * raw[row, column].T[:, None]
                for (down, right, _), (z_meets, part) in zip(offsets, weights, strict=True):
                    if _within(row, z_meets[0]) and _within(column, z_meets[1]):
                        scaled = part[row - z_meets[0].start, column - z_meets[1].start][:, :, None] * coef[:, None]
                        patches = X.at(row + down, column + right)
                        H += (scaled.reshape(len(X), -1).T @ patches).reshape(H.shape)
                keep(columns, row, column, H)

    with Team(len(X) * len(Z) * grid.length() * 100) as team:
        team.share(fill, -(-len(Z) // z_step), piece=1)


def _weights(team, kernel, X, coef, transformed, x_side, z_side, offsets, x_step, own):
    """For every offset z's places that meet, and derivatives of shape (rows, columns, n, m); `own` grows by z's own."""
    grid, m, n_outputs = X.grid, transformed.shape[3], coef.shape[1]
    meetings = [meeting(grid, offset[:2]) for offset in offsets]
    sizes = [tuple(part.stop - part.start for part in z_meets) for _, z_meets in meetings]
    tiles = [empty_tile(rows * columns, len(X), m, coef.dtype) for rows, columns in sizes]
    for start in range(0, len(X), x_step):
        if team.stopped:
            break
        rows = slice(start, min(start + x_step, len(X)))
        patches = X.cut(rows)
        for (*_, weight), (x_meets, z_meets), size, tile in zip(offsets, meetings, sizes, tiles, strict=True):
            products = tile[:, rows]
            multiply(patches[x_meets], transformed[z_meets], products)
            places = kernel._places(grid, len(products))
            part = np.zeros((m, n_outputs, int(places[-1]) + 1), coef.dtype)
            kernel._loops().weight_rows(
                products,
                places,
                kernel._side(x_side[rows], x_meets),
                kernel._side(z_side, z_meets),
                coef[rows],
                part,
                *kernel._arguments(grid, weight, coef.dtype),
            )
            own[:, :, z_meets[0], z_meets[1]] += part[:, :, places].reshape(m, n_outputs, *size)
    shaped = [tile.reshape(*size, *tile.shape[1:]) for size, tile in zip(sizes, tiles, strict=True)]
    return [(z_meets, tile) for (_, z_meets), tile in zip(meetings, shaped, strict=True)]


def _within(place, part):
    return part.start <= place < part.stop
