"""The global machine: an expansion in landmarks, fitted to all rows by normal equations that are summed over them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.linalg
from scipy.linalg.blas import dsyrk

from ..kernels import Kernel, Points
from ..runtime._budget import MAX_JITTERS
from ..runtime._large_budget import LANDMARK_ROWS


@dataclass(frozen=True)
class NormalEquations:
    """Sums over rows from which an expansion in landmarks follows, ``sum_i w_i k_i k_i^T`` and ``sum_i w_i k_i y_i^T``.

    The vector k_i holds the kernel of row i with the m landmarks. Sums of parts of the rows add up, wherever they were
    computed.

    Parameters
    ----------
    square : ndarray of shape (m, m)
        The first, in the lower triangle, float64.
    right : ndarray of shape (m, n_outputs)
        The second.
    """

    square: np.ndarray
    right: np.ndarray

    @classmethod
    def of(cls, kernel: Kernel, landmarks: Points, points: Points, targets, weights):
        """Sums over some rows, O(n m (m + d)) operations; m^2 numbers and a tile of kernel values.

        Kernel values have the precision of the points. Squares of their rounding stay squares, so that the sums are
        positive definite as they must be; they are summed in float64.
        """
        m = len(landmarks)
        square, right = np.zeros((m, m), order="F"), np.zeros((m, targets.shape[1]))
        for start in range(0, len(points), LANDMARK_ROWS):
            rows = slice(start, start + LANDMARK_ROWS)
            values = kernel(landmarks, points[rows]).astype(np.float64)
            right += values.T @ (weights[rows, None] * targets[rows])
            values *= np.sqrt(weights[rows, None])
            square = dsyrk(1.0, values.T, beta=1.0, c=square, lower=1, overwrite_c=1)
        return cls(square, right)

    def add(self, other):
        """Add the sums over other rows, in place, and return itself."""
        np.add(self.square, other.square, out=self.square)
        np.add(self.right, other.right, out=self.right)
        return self


def solve_landmarks(equations: NormalEquations, gram, ridge):
    """Coefficients of landmarks, ``(sum_i w_i k_i k_i^T + ridge K_mm)^-1 sum_i w_i k_i y_i^T``.

    Parameters
    ----------
    equations : NormalEquations
    gram : ndarray of shape (m, m)
        K_mm.
    ridge : float
        That of an exact machine: both minimise ``sum_i w_i |y_i - f(x_i)|^2 + ridge |f|_H^2``.

    Returns
    -------
    coef : ndarray of shape (m, n_outputs)
        m^3 / 3 operations. Landmarks that are nearly the same make the system singular to rounding: as much is then
        added to its diagonal as it takes.
    """
    square = np.asfortranarray(gram * ridge)
    square += equations.square
    jitter = 10 * np.finfo(np.float64).eps * float(np.mean(np.diag(square)))
    diagonal = np.diag(square).copy()
    for attempt in range(MAX_JITTERS):
        np.fill_diagonal(square, diagonal + jitter * 10.0**attempt)
        try:
            factor = scipy.linalg.cholesky(square, lower=True, check_finite=False)
        except np.linalg.LinAlgError:
            continue
        return scipy.linalg.cho_solve((factor, True), equations.right, overwrite_b=False, check_finite=False)
    raise np.linalg.LinAlgError(f"normal equations are not positive definite at alpha={ridge:.1e}: increase alpha.")
