"""Direct solution of ``(K + diag(ridge)) c = y``: a Cholesky factor in the place of the Gram matrix."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.linalg import get_lapack_funcs

from ..runtime._budget import MAX_JITTERS, TRIANGLE_ROWS
from ._lapack import factor_lower, invert_lower, multiply_inverted, solve_lower, solve_lower_inverted
from ._solution import Solution


class CholeskyFactor:
    """Factor of ``G = K + diag(ridge)`` in the lower triangle of the array that held K.

    Parameters
    ----------
    array : ndarray of shape (n, n)
        Holds K in its lower triangle. The diagonal and what lies below it are overwritten, what lies above is left
        alone.
    ridge : ndarray of shape (n,)
        Added to the diagonal, ``alpha / sample_weight``.
    refill : callable, default=None
        Writes K into the lower triangle again if a factorisation fails; without it the first failure is the last.

    Attributes
    ----------
    ridge : ndarray of shape (n,)
        With the jitter, if there was any.
    trouble : str or None
        What went wrong, and which parameter to change.

    Raises
    ------
    numpy.linalg.LinAlgError
        If G is not positive definite even with the largest jitter.

    Notes
    -----
    n^3 / 3 operations and no memory. If rounding makes G indefinite, a jitter of ``10 n eps`` is added to the
    diagonal and raised tenfold, at most six times, and `trouble` says so.
    """

    def __init__(self, array, ridge, refill: Callable | None = None):
        jitter, n_jitters = 0.0, 0 if refill is None else MAX_JITTERS
        for attempt in range(n_jitters + 1):
            if attempt and refill is not None:
                jitter = 10.0**attempt * len(array) * np.finfo(array.dtype).eps
                refill()
            np.einsum("ii->i", array)[:] += (ridge + jitter).astype(array.dtype)
            if factor_lower(array):
                break
        else:
            raise np.linalg.LinAlgError(
                f"K + alpha W^-1 is not positive definite, even with {jitter:.1e} added to its diagonal: "
                f"increase alpha (smallest ridge here {ridge.min():.1e})."
            )
        self.trouble = None
        if jitter:
            self.trouble = (
                f"K + alpha W^-1 is numerically singular; {jitter:.1e} was added to its diagonal. Increase alpha "
                f"(smallest ridge here {ridge.min():.1e}) or remove duplicate rows."
            )
        self.ridge = ridge + jitter
        self._array, self._is_inverted = array, False

    def solve(self, Y):
        """The `Solution` of ``G C = Y`` for Y of shape (n, n_outputs)."""
        return Solution(self.apply(Y), trouble=self.trouble)

    def apply(self, Y):
        """``G^-1 Y`` for Y of shape (n, n_outputs)."""
        return solve_lower_inverted(self._array, Y) if self._is_inverted else solve_lower(self._array, Y)

    def quadratic_form(self, Y):
        """``y^T G^-1 y`` for each column of Y, shape (n, m): n^2 operations each, after `invert`, which it calls."""
        self.invert()
        half = multiply_inverted(self._array, Y)
        return np.einsum("ij,ij->j", half, half)

    def invert(self):
        """Replace the factor L by L^-1, n^3 / 3 operations, after which any entries of G^-1 cost little."""
        if not self._is_inverted:
            invert_lower(self._array)
            self._is_inverted = True

    def inverse_diagonal(self, rows=None):
        """Diagonal entries of G^-1, all or those of some rows, ``(G^-1)_ii = |L^-1 e_i|^2``.

        All of them invert the factor, n^3 / 3 operations; m of them cost m n^2 operations and O(n m) memory.
        """
        if rows is None:
            self.invert()
            return _column_norms(self._array)
        columns = self._columns(rows)
        return np.einsum("ij,ij->j", columns, columns)

    def inverse_block(self, rows):
        """Block of G^-1 of some rows, shape (m, m), at m n^2 operations, or m^2 n after `invert`."""
        columns = self._columns(rows)
        return columns.T @ columns

    def _columns(self, rows):
        """Columns of L^-1, shape (n, m)."""
        if self._is_inverted:
            columns = self._array[:, rows]
            columns[np.arange(len(columns))[:, None] < rows] = 0  # above the diagonal the array holds something else
            return columns
        (trtrs,) = get_lapack_funcs(("trtrs",), (self._array,))
        units = np.zeros((len(self._array), len(rows)), dtype=self._array.dtype, order="F")
        units[rows, np.arange(len(rows))] = 1
        return trtrs(self._array.T, units, lower=0, trans=1, overwrite_b=1)[0]


def _column_norms(array, block=TRIANGLE_ROWS):
    """Squared norms of the columns of a lower triangle."""
    norms = np.zeros(len(array), dtype=np.float64)
    for start in range(0, len(array), block):
        rows = np.tril(array[start : start + block, : start + block], k=start)
        norms[: rows.shape[1]] += np.einsum("ij,ij->j", rows, rows)
    return norms
