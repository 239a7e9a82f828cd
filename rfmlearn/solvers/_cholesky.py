"""Direct solution of ``(K + diag(ridge)) c = y``: a Cholesky factor in the place of the Gram matrix."""

from __future__ import annotations

import numpy as np
from scipy.linalg import get_lapack_funcs

from ..runtime._trouble import warn_of_solution
from ._lapack import factor_lower, invert_lower, solve_lower


class CholeskyFactor:
    """Factor of ``G = K + diag(ridge)`` in the lower triangle of the array that held K.

    Parameters
    ----------
    pairs : PairMatrix
        Holds K in its lower triangle, and above it what K can be computed from again. The diagonal and what lies
        below it are overwritten, what lies above is left alone.
    kernel : Kernel
        Refills the lower triangle if a factorisation fails.
    ridge : ndarray of shape (n,)
        Added to the diagonal, ``alpha / sample_weight``.
    max_tries : int, default=6
        How often a jitter may be tried.

    Raises
    ------
    numpy.linalg.LinAlgError
        If G is not positive definite even with the largest jitter.

    Notes
    -----
    n^3 / 3 operations and no memory. If rounding makes G indefinite, a jitter of ``10 n eps`` is added to the
    diagonal and raised tenfold, at most `max_tries` times, and a `ConvergenceWarning` says so.
    """

    def __init__(self, pairs, kernel, ridge, max_tries=6):
        array = pairs.array
        jitter = 0.0
        for attempt in range(max_tries + 1):
            if attempt:
                jitter = 10.0**attempt * len(pairs) * np.finfo(array.dtype).eps
                pairs.fill_gram(kernel)
            np.einsum("ii->i", array)[:] += (ridge + jitter).astype(array.dtype)
            if factor_lower(array):
                break
        else:
            raise np.linalg.LinAlgError(
                f"K + alpha W^-1 is not positive definite, even with {jitter:.1e} added to its diagonal: "
                f"increase alpha (smallest ridge here {ridge.min():.1e})."
            )
        if jitter:
            warn_of_solution(
                f"K + alpha W^-1 is numerically singular; {jitter:.1e} was added to its diagonal. Increase alpha "
                f"(smallest ridge here {ridge.min():.1e}) or remove duplicate rows."
            )
        self.ridge = ridge + jitter
        self._array, self._is_spent = array, False

    def solve(self, Y):
        """``G^-1 Y`` for Y of shape (n, n_outputs)."""
        self._require_factor()
        return solve_lower(self._array, Y)

    def _require_factor(self):
        if self._is_spent:
            raise RuntimeError("inverse_diagonal() of all rows has consumed this factor: factor again, or solve first.")

    def inverse_diagonal(self, rows=None):
        """Diagonal entries of G^-1, all or those of some rows.

        ``(G^-1)_ii = |L^-1 e_i|^2``. All of them cost n^3 / 3 and the factor, which becomes its own inverse; m of
        them cost m n^2 and O(n m) memory.
        """
        self._require_factor()
        if rows is None:
            invert_lower(self._array)
            self._is_spent = True
            return column_norms(self._array)
        (trtrs,) = get_lapack_funcs(("trtrs",), (self._array,))
        units = np.zeros((len(self._array), len(rows)), dtype=self._array.dtype, order="F")
        units[rows, np.arange(len(rows))] = 1
        solved, _ = trtrs(self._array.T, units, lower=0, trans=1, overwrite_b=1)
        return np.einsum("ij,ij->j", solved, solved)


def column_norms(array, block=256):
    """Squared norms of the columns of a lower triangle."""
    norms = np.zeros(len(array), dtype=np.float64)
    for start in range(0, len(array), block):
        rows = np.tril(array[start : start + block, : start + block], k=start)
        norms[: rows.shape[1]] += np.einsum("ij,ij->j", rows, rows)
    return norms
