"""A Gram matrix that is multiplied and factored in turn, in one place."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.linalg import get_blas_funcs

from ._cholesky import CholeskyFactor


class FactorableGram:
    """A Gram matrix K in the lower triangle of an array.

    Parameters
    ----------
    array : ndarray of shape (n, n)
    refill : callable, default=None
        Writes K again where a factor was. Without it factors are made of copies, and K stays.
    """

    def __init__(self, array, refill: Callable | None = None):
        self.array, self._refill, self._is_factored = array, refill, False

    def __len__(self):
        return len(self.array)

    def gram_is_gone(self):
        """Say that something else is in the place of K."""
        self._is_factored = True

    def restore(self):
        """K in its place."""
        if self._is_factored and self._refill is not None:
            self._refill()
        self._is_factored = False

    def matvec(self, V):
        """``K V`` for V of shape (n, k)."""
        self.restore()
        (symv,) = get_blas_funcs(("symv",), (self.array,))
        V = V.astype(self.array.dtype, copy=False)
        return np.stack([symv(1.0, self.array.T, np.ascontiguousarray(v), lower=0) for v in V.T], axis=1)

    def diagonal(self, rows):
        """Entries of K on the diagonal."""
        self.restore()
        return self.array[rows, rows]

    def block(self, rows):
        """K of some rows among themselves, in the lower triangle; rows sorted."""
        self.restore()
        return self.array[np.ix_(rows, rows)]

    def cross(self, rows, columns):
        """K of some rows with others, shape (m, k)."""
        self.restore()
        return self.array[np.maximum.outer(rows, columns), np.minimum.outer(rows, columns)]

    def factor(self, ridge):
        """Factor of ``K + diag(ridge)``, which lives until K is asked for again."""
        self.restore()
        if self._refill is None:
            copy = self.array.copy()
            return CholeskyFactor(copy, ridge, lambda: np.copyto(copy, self.array))
        self._is_factored = True
        return CholeskyFactor(self.array, ridge, self._refill)

    def factor_of(self, rows, ridge):
        """Factor of ``K + diag(ridge)`` of some rows, in an array of its own."""
        block = self.block(rows)
        return CholeskyFactor(block, ridge, lambda: np.copyto(block, self.block(rows)))
