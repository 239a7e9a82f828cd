"""Powers of positive semidefinite matrices by their eigenvalues."""

from __future__ import annotations

import numpy as np
import scipy.linalg


def symmetric_power(matrix, power, shrinkage=0.0):
    """``((1 - s) A + s I)^p`` of a positive semidefinite A, whose eigenvalues below zero are taken for rounding."""
    if len(matrix) < 2:  # LAPACK's divide and conquer wants two rows, SciPy before 1.14 lets it ask
        return ((1 - shrinkage) * np.clip(matrix, 0, None) + shrinkage) ** power
    values, vectors = scipy.linalg.eigh((matrix + matrix.T) / 2, driver="evd", check_finite=False)
    values = ((1 - shrinkage) * np.clip(values, 0, None) + shrinkage) ** power
    return (vectors * values) @ vectors.T
