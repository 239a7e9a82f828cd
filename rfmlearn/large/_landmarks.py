"""The global machine: an expansion in landmarks, fitted to all rows by normal equations that are summed over them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.linalg
from scipy.linalg.blas import dsyrk

from ..kernels import Kernel, Points
from ..recursion._ridge_choice import candidates
from ..runtime._budget import LANDMARK_ROWS
from ..solvers import Weights


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
        """Add the sums over other rows, in place."""
        np.add(self.square, other.square, out=self.square)
        np.add(self.right, other.right, out=self.right)
        return self


@dataclass(frozen=True, kw_only=True)
class LandmarkSolution:
    """Coefficients of landmarks for one ridge, and the factor by which rows are left out.

    Parameters
    ----------
    alpha : float
        Ridge, in the unit of that of an exact machine: both minimise ``sum_i w_i |y_i - f(x_i)|^2 + alpha |f|_H^2``.
    coef : ndarray of shape (m, n_outputs)
    factor : ndarray of shape (m, m)
        Lower Cholesky factor of ``A = sum_i w_i k_i k_i^T + alpha K_mm``.
    jitter : float
        What had to be added to the diagonal, beyond rounding; 0 as a rule.
    """

    alpha: float
    coef: np.ndarray
    factor: np.ndarray
    jitter: float = 0.0

    @classmethod
    def solve(cls, equations: NormalEquations, gram, alpha, unit):
        """The solution for a ridge; `gram` is K_mm, and alpha is divided by the `unit` of weights."""
        square = equations.square + (alpha / unit) * gram
        rounding = 100 * np.finfo(np.float64).eps * float(np.mean(np.diag(square)))
        for attempt in range(8):
            jitter = rounding * 10.0**attempt
            square.flat[:: len(square) + 1] += jitter
            try:
                factor = scipy.linalg.cholesky(square, lower=True, check_finite=False)
            except np.linalg.LinAlgError:
                continue
            coef = scipy.linalg.cho_solve((factor, True), equations.right, check_finite=False)
            return cls(alpha=alpha, coef=coef, factor=factor, jitter=jitter if attempt else 0.0)
        raise np.linalg.LinAlgError(f"normal equations are not positive definite at alpha={alpha:.1e}: increase alpha.")

    def left_out(self, values, targets, weights: Weights):
        """What is predicted for rows by the machine that has not seen them, or their groups.

        With ``h_i = k_i^T A^-1 k_i``, leaving out the weight u of row i changes its residual r_i to
        ``r_i / (1 - u h_i)``, and leaving out a group S to ``(I - H_SS W_S)^-1 r_S`` with ``H_SS = K_S A^-1 K_S^T``.

        Parameters
        ----------
        values : ndarray of shape (s, m)
            Kernel of these rows with the landmarks.
        targets : ndarray of shape (s, n_outputs)
        weights : Weights
            Of these rows, all of each group that occurs.

        Returns
        -------
        ndarray of shape (s, n_outputs)
            m^2 s operations.
        """
        half = scipy.linalg.solve_triangular(self.factor, values.T, lower=True, check_finite=False)
        residuals = targets - values @ self.coef
        if weights.groups is None:
            taken = weights.left_out_share() * weights.total * np.einsum("ij,ij->j", half, half)
            return targets - residuals / np.maximum(1.0 - taken, np.finfo(np.float64).eps)[:, None]
        out = np.empty_like(residuals)
        for places in weights.sets_left_out():
            block = half[:, places]
            remaining = np.eye(len(places)) - (block.T @ block) * weights.total[places]
            out[places] = np.linalg.lstsq(remaining, residuals[places])[0]
        return targets - out


def choose_landmark_ridge(equations, gram, values, targets, weights: Weights, start):
    """The solution whose ridge, among those of an exact machine, predicts rows left out best.

    Parameters
    ----------
    equations : NormalEquations
    gram : ndarray of shape (m, m)
        K_mm.
    values : ndarray of shape (s, m)
        Kernel of the rows left out with the landmarks.
    targets : ndarray of shape (s, n_outputs)
    weights : Weights
        Of these rows.
    start : float
        Where the search begins; it goes downhill to the first minimum.

    Returns
    -------
    solution : LandmarkSolution
    loss : float
        Weighted mean square of left-out residuals, summed over outputs.
    """
    alphas, best = candidates(weights), {}

    def loss(index):
        if index not in best:
            solution = LandmarkSolution.solve(equations, gram, alphas[index], weights.unit)
            value = weights.mean_square(targets - solution.left_out(values, targets, weights))
            # One factor is kept at a time beside the best: each has m^2 numbers.
            kept = [i for i in best if best[i][1] is not None]
            if kept and value < best[kept[0]][0]:
                best[kept[0]] = best[kept[0]][0], None
                kept = []
            best[index] = value, None if kept else solution
        return best[index][0]

    index = int(np.argmin(np.abs(np.log(alphas) - np.log(start))))
    while True:
        loss(index)
        neighbours = [i for i in (index + 1, index - 1) if 0 <= i < len(alphas)]
        nearest = min(neighbours, key=loss)
        if not loss(nearest) < loss(index):
            return best[index][1], loss(index)
        index = nearest
