"""Points: rows of numbers and, beside them, categories coded as integers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Points:
    """Rows that a kernel compares: numeric coordinates and embedded categories.

    Row i stands for the vector ``[numeric[i], levels[0][codes[i, 0]], levels[1][codes[i, 1]], ...]``,
    which `dense` writes out. Kernels never need it written out for distances: the part of a category
    depends on two codes only and is looked up in a table.

    Parameters
    ----------
    numeric : ndarray of shape (n, d)
        Numeric coordinates, C-contiguous, float32 or float64.
    codes : ndarray of shape (n, k), dtype int32
        One category code a column, an index into the rows of `levels`.
    levels : tuple of k ndarrays
        What stands for each category of a column: an array of shape (n_levels_g + 1, width_g) has a row for each, the
        last, zero, for a missing or unseen one; a vector of shape (n_levels_g,) gives each category a coordinate of its
        own and says how long it is, which costs far less where categories are many.

    Examples
    --------
    >>> import numpy as np
    >>> from rfmlearn.kernels import Points
    >>> Points.one_hot(np.array([[0.5], [1.5]]), np.array([[1], [-1]]), [2]).dense()
    array([[0.5, 0. , 1. ],
           [1.5, 0. , 0. ]])
    """

    numeric: np.ndarray
    codes: np.ndarray
    levels: tuple[np.ndarray, ...] = ()

    @classmethod
    def of_numbers(cls, numeric):
        """Points without categories."""
        return cls(numeric, np.empty((len(numeric), 0), dtype=np.int32))

    @classmethod
    def one_hot(cls, numeric, codes, n_levels):
        """Points whose categories are unit vectors; codes of -1 (missing, unseen) are zero vectors."""
        codes = np.asarray(codes)
        n_levels = np.asarray(n_levels, dtype=codes.dtype)
        ones = tuple(np.ones(k, dtype=numeric.dtype) for k in n_levels)
        return cls(numeric, np.where(codes < 0, n_levels, codes).astype(np.int32, copy=False), ones)

    def __len__(self):
        return len(self.numeric)

    def __getitem__(self, rows):
        return Points(self.numeric[rows], self.codes[rows], self.levels)

    @property
    def dtype(self):
        return self.numeric.dtype

    @property
    def widths(self):
        """Number of coordinates of each block: the numeric one first, then each category."""
        return (self.numeric.shape[1], *(rows.shape[-1] for rows in self.levels))

    @property
    def n_coordinates(self):
        return sum(self.widths)

    def dense(self):
        """All coordinates written out, an array of shape (n, n_coordinates)."""
        if not self.levels:
            return self.numeric
        return np.hstack(
            [self.numeric, *(level_rows(rows)[c] for rows, c in zip(self.levels, self.codes.T, strict=True))]
        )

    def astype(self, dtype):
        return Points(
            np.ascontiguousarray(self.numeric, dtype=dtype),
            self.codes,
            tuple(rows.astype(dtype) for rows in self.levels),
        )


def level_rows(levels):
    """The levels of one column as rows, the last one zero."""
    if levels.ndim == 2:
        return levels
    rows = np.zeros((len(levels) + 1, len(levels)), dtype=levels.dtype)
    np.fill_diagonal(rows, levels)
    return rows


def as_points(X):
    """Points of an array of any layout and real dtype; float32 stays, all else becomes float64."""
    if isinstance(X, Points):
        return X
    X = np.asarray(X)
    if X.ndim != 2:
        raise ValueError(f"points must be a two-dimensional array, got {X.ndim} dimension(s).")
    if X.dtype.kind not in "biuf":
        raise TypeError(f"points must be real numbers, got an array of {X.dtype}.")
    if not np.isfinite(X).all():
        raise ValueError("points contain NaN or infinity.")
    return Points.of_numbers(np.ascontiguousarray(X, dtype=np.float32 if X.dtype == np.float32 else np.float64))
