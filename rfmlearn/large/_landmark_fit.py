"""Newton's method for an expansion in landmarks, over many rows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.linalg.blas import dsyrk

from ..kernels import Kernel, Points
from ..runtime._large_budget import KEPT_VALUES, LANDMARK_ROWS, LOSS_GAIN, MAX_LOSS_STEPS
from ..runtime._loss_budget import LARGEST_WORKING_RIDGE, SHORT_STEP
from ..solvers import NewtonStep, Pointwise, search_along
from ._landmarks import NormalEquations, solve_landmarks


@dataclass(frozen=True)
class LandmarkValues:
    """Kernel values of rows with landmarks, kept in memory where they are not too many, or else made block by block.

    Attributes
    ----------
    kernel : Kernel
    landmarks, centers : Points
    kept : ndarray of shape (n, m) or None
    """

    kernel: Kernel
    landmarks: Points
    centers: Points
    kept: np.ndarray | None

    @classmethod
    def of(cls, kernel, landmarks, centers):
        """Kept in the precision of the points."""
        kept = None
        if kept_bytes(len(centers), len(landmarks)):
            kept = np.empty((len(centers), len(landmarks)), dtype=centers.dtype)
            for rows in _blocks(len(centers)):
                kept[rows] = kernel(landmarks, centers[rows])
        return cls(kernel, landmarks, centers, kept)

    def blocks(self):
        """Rows as slices, and their values."""
        for rows in _blocks(len(self.centers)):
            yield rows, self.kernel(self.landmarks, self.centers[rows]) if self.kept is None else self.kept[rows]

    def decide(self, coef):
        """Decisions of all rows."""
        coef = coef.astype(self.centers.dtype)
        return np.concatenate([values @ coef for _, values in self.blocks()]).astype(np.float64)


@dataclass(frozen=True)
class LandmarkFit:
    """A machine of landmarks that minimises a loss, as `rfmlearn.solvers.minimize` fits one of all rows.

    A step sums the normal equations of the weighted ridge system near the decisions: over rows of positive curvature
    their squares, over others only what they add to the right side.

    Attributes
    ----------
    values : LandmarkValues
    gram : ndarray of shape (m, m)
        Of the landmarks.
    loss : Pointwise
        Of columns that share a system.
    targets : ndarray of shape (n, k)
    ridge : ndarray of shape (n,)
    """

    values: LandmarkValues
    gram: np.ndarray
    loss: Pointwise
    targets: np.ndarray
    ridge: np.ndarray

    def minimize(self, counts, start=None):
        """Coefficients of landmarks, shape (m, k), and decisions of all rows; n m^2 operations a step.

        Parameters
        ----------
        counts : ndarray of bool of shape (n,)
            Rows whose loss counts.
        start : tuple (coefficients, decisions), default=None
        """
        Y, say = self.targets, counts[:, None] / self.ridge[:, None]
        C, F = (np.zeros((len(self.gram), Y.shape[1])), np.zeros(Y.shape)) if start is None else start
        curvature = self.loss.curvature
        for _ in range(MAX_LOSS_STEPS):
            coef = self._step(NewtonStep.at(self.loss, F, Y, self.ridge, curvature), counts)
            dC, dF = coef - C, self.values.decide(coef) - F
            linear, square = np.sum(dC * (self.gram @ C)), np.sum(dC * (self.gram @ dC))
            decrement, share = search_along(self.loss, F, dF, Y, say, linear, square)
            if not decrement > 0:
                break
            curvature = self.loss.bound if share < SHORT_STEP else self.loss.curvature
            C, F = C + share * dC, F + share * dF
            if decrement <= LOSS_GAIN:
                break
        return C, F

    def _step(self, step, counts):
        """Coefficients that solve the ridge system near some decisions."""
        m, has_curvature = len(self.gram), step.ridge < LARGEST_WORKING_RIDGE
        square, right = np.zeros((m, m), order="F"), np.zeros((m, self.targets.shape[1]))
        for rows, values in self.values.blocks():
            inside, outside = counts[rows] & has_curvature[rows], counts[rows] & ~has_curvature[rows]
            here, root = values[inside].astype(np.float64), 1 / np.sqrt(step.ridge[rows][inside, None])
            here *= root
            right += here.T @ (root * step.targets[rows][inside])
            square = dsyrk(1.0, here.T, beta=1.0, c=square, lower=1, overwrite_c=1)
            if outside.any():
                right += values[outside].T @ step.bound[rows][outside]
        return solve_landmarks(NormalEquations(square, right), self.gram, 1.0)


def kept_bytes(n, m):
    """Bytes of the kernel values that are kept; none if they are too many."""
    return 4 * n * m if 4 * n * m <= KEPT_VALUES else 0


def _blocks(n):
    return [slice(start, min(start + LANDMARK_ROWS, n)) for start in range(0, n, LANDMARK_ROWS)]
