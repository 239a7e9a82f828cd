"""A Gram matrix of very many points: its lower tiles, in 16-bit fixed point."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..runtime._budget import FIXED_POINT_ONE, LOOPED_COLUMNS, MULTIPLIED_COLUMNS, PACKED_TILE, PRODUCT_PIECE
from ..runtime._threads import Team
from ._points import Points


def packed_bytes(n, tile=PACKED_TILE):
    """Bytes of the packed Gram matrix of n points, n^2 and a little."""
    n_blocks = -(-n // tile)
    return n_blocks * (n_blocks + 1) * tile**2


@dataclass(frozen=True)
class PackedPairMatrix:
    """Gram matrix with entries ``round(65535 k) / 65535``, which solvers ask for what `PairMatrix` offers them.

    It takes n^2 bytes, a quarter of a square array of float32. Values are off by 8e-6 at most, which makes of the
    matrix itself a sum with one of norm 9e-6 n^(1/2): less than the ridges that fit so many rows.

    Parameters
    ----------
    tiles : ndarray of uint16 of shape (n_blocks (n_blocks + 1) / 2, size, size)
        Those on the diagonal and below it.
    n : int
        Number of points.
    """

    tiles: np.ndarray
    n: int

    @classmethod
    def of(cls, kernel, points: Points, tile=PACKED_TILE):
        """The Gram matrix of points, computed tile by tile.

        Parameters
        ----------
        kernel : Kernel
            With its bandwidth.
        points : Points
            float32 will do: its rounding is a tenth of that to 16 bits.
        tile : int, default=PACKED_TILE
            Rows of a tile, a multiple of 4.

        Raises
        ------
        ValueError
            If the kernel has values outside of [0, 1], or others than 1 at distance zero.
        """
        n_blocks = -(-len(points) // tile)
        packed = cls(np.empty((n_blocks * (n_blocks + 1) // 2, tile, tile), dtype=np.uint16), len(points))
        packed._fill(kernel, points)
        return packed

    def __len__(self):
        return self.n

    @property
    def size(self):
        """Rows of a tile."""
        return self.tiles.shape[1]

    @property
    def n_blocks(self):
        """Blocks of rows."""
        return -(-self.n // self.size)

    def _fill(self, kernel, points):
        loops = _loops()
        x, _ = kernel.prepare(points, points)
        profile = kernel.profile(points.n_coordinates)
        places = [(block, other) for block in range(self.n_blocks) for other in range(block + 1)]

        def fill(start, stop):
            for block, other in places[start:stop]:
                z = x[self._rows(block)]
                values = np.empty((len(z.points), len(x[self._rows(other)].points)), dtype=points.dtype)
                kernel.sum_pass(z, x[self._rows(other)], values)(0, len(values))
                profile.value_rows(0, len(values), values, values)
                if loops.pack(values, block == other, self.tiles[loops.tile_place(block, other)]):
                    raise ValueError(
                        f"{kernel!r} has values outside of [0, 1], or others than 1 at distance zero, which 16-bit "
                        'fixed point cannot hold: take another kernel, or fewer rows and solver="auto".'
                    )

        with kernel.team(self.n**2 // 2, x) as team:
            team.share(fill, len(places), piece=1)

    def _rows(self, block):
        return slice(block * self.size, min(self.n, (block + 1) * self.size))

    # What a solver asks of a Gram matrix.

    def matvec(self, V, dtype=np.float32):
        """``K V`` for V of shape (n, k), in float64; every entry is read once for both triangles and some columns.

        Products are those of `dtype`, of which at most a tile's rows are summed before float64 takes over.
        """
        padded = np.zeros((V.shape[1], self.n_blocks * self.size), dtype=dtype)
        padded[:, : self.n] = V.T
        out = np.zeros(padded.shape)
        with Team(self.n**2 * V.shape[1]) as team:
            for start in range(0, len(padded), MULTIPLIED_COLUMNS):
                part = slice(start, start + MULTIPLIED_COLUMNS)
                multiply = _loops().multiply_pairs if len(padded[part]) <= LOOPED_COLUMNS else _multiply_unpacked
                for blocks in _disjoint_pairs(self.n_blocks):
                    team.share(multiply, len(blocks), self.tiles, blocks, padded[part], out[part], piece=1)
        return np.ascontiguousarray(out[:, : self.n].T) / FIXED_POINT_ONE

    def columns(self, rows):
        """Columns of K, shape (n, m), float32."""
        return self._gather(np.arange(self.n), rows)

    def block(self, rows):
        """K of some rows among themselves, shape (m, m), float32."""
        return self._gather(rows, rows)

    def row(self, row):
        """One row of K, shape (n,), float32, by the thread that asks."""
        return self._gather(np.array([row]), np.arange(self.n), n_threads=1)[0]

    def small_block(self, rows):
        """As `block`, by the thread that asks."""
        return self._gather(rows, rows, n_threads=1)

    def _gather(self, rows, columns, n_threads=None):
        out = np.empty((len(rows), len(columns)), dtype=np.float32)
        with Team(out.size, n_threads=n_threads) as team:
            team.share(_loops().gather, len(out), self.tiles, rows, columns, out, piece=PRODUCT_PIECE)
        return out


def _disjoint_pairs(n_blocks):
    """All pairs of blocks, the later one first, in rounds of pairs that have no block in common.

    As in a tournament, where everybody meets everybody: threads that take pairs of one round write to different blocks,
    and each block collects its sums in an order that does not depend on their number.
    """
    yield np.repeat(np.arange(n_blocks)[:, None], 2, axis=1)
    n_even = n_blocks + n_blocks % 2
    steps = np.arange(1, n_even // 2)
    for turn in range(n_even - 1):
        first = np.concatenate([[n_even - 1], (turn + steps) % (n_even - 1)])
        second = np.concatenate([[turn], (turn - steps) % (n_even - 1)])
        pairs = np.stack([np.maximum(first, second), np.minimum(first, second)], axis=1)
        yield pairs[pairs[:, 0] < n_blocks]  # one that meets the block that is none is left out


def _multiply_unpacked(start, stop, tiles, blocks, V, out):
    """What `multiply_pairs` does, by matrix products: faster for many columns."""
    loops, size = _loops(), tiles.shape[1]
    values = np.empty((size, size), dtype=V.dtype)
    for block, other in blocks[start:stop]:
        loops.unpack(tiles[loops.tile_place(block, other)], values)
        rows, columns = (slice(place * size, (place + 1) * size) for place in (block, other))
        out[:, rows] += V[:, columns] @ values.T
        if block != other:
            out[:, columns] += V[:, rows] @ values


def _loops():
    from . import _packed_loops as loops

    return loops
