"""What a solver found."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Solution:
    """Dual coefficients of ``(K + R) c = y``, and how good they are.

    Attributes
    ----------
    coef : ndarray of shape (n, n_outputs)
    residual : float
        Largest ``|y - (K + R) c| / |y|`` of any output that an iterative solver left; 0 of a direct one.
    n_iter : int
        Steps of an iterative solver.
    trouble : str or None
        What went wrong, and which parameter to change.
    """

    coef: np.ndarray
    residual: float = 0.0
    n_iter: int = 0
    trouble: str | None = None

    @property
    def converged(self):
        """Whether nothing went wrong."""
        return self.trouble is None
