"""One round of the recursion, and the kernel machine fitted in it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..kernels import Kernel, Points
from ..kernels._pairs import PairMatrix
from ..solvers import CholeskyFactor
from ._feature_matrix import FeatureMatrix


@dataclass(frozen=True)
class RFMIterate:
    """One round: a feature matrix and the kernel machine fitted with it.

    Attributes
    ----------
    n_iter : int
        How often the feature matrix was learned; 0 is the plain kernel.
    kernel : Kernel
        With the bandwidth of this round.
    alpha : float
        Ridge of this round.
    feature_matrix : FeatureMatrix
    points : Points
        Training points in the coordinates of the feature matrix.
    dual_coef : ndarray of shape (n, n_outputs)
    solver : str
        "cholesky", or "cg" for an approximate solution.
    residual : float
        ``|y - G c| / |y|`` that the solver left, 0 for a direct one.
    seconds : float
        Wall time since the recursion began.
    train_loss : float
        Weighted mean over the training rows of the squared error summed over outputs.
    leave_one_out_loss : float or None
        The same of rows left out, on which the ridge was chosen; None where it was given.
    factor : CholeskyFactor or None
        Of the last round, whose leave-one-out needs it.
    pairs : PairMatrix or None
        Of rounds solved exactly. There is one, and the next round takes it.
    """

    n_iter: int
    kernel: Kernel
    alpha: float
    feature_matrix: FeatureMatrix
    points: Points
    dual_coef: np.ndarray
    solver: str
    residual: float
    seconds: float
    train_loss: float
    leave_one_out_loss: float | None

    factor: CholeskyFactor | None = None
    pairs: PairMatrix | None = None

    def decision(self, points):
        """Expansion at new points, in original coordinates, shape (m, n_outputs)."""
        transformed = self.feature_matrix.transform(points)
        return self.kernel.product(self.points, self.dual_coef, transformed)
