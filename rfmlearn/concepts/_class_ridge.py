"""Ridge regression of classes on coordinates, whose ridge leave-one-out chooses."""

from __future__ import annotations

import numpy as np
from sklearn.linear_model import RidgeCV

# Ridges to choose from, in units of the number of examples, for coordinates of about one.
_RIDGES = np.logspace(-4, 2, 13)


def class_ridge(coordinates, y):
    """Coefficients of ridge regression of the classes, as one and minus one, shape (n_coordinates,).

    Parameters
    ----------
    coordinates : ndarray of shape (n, n_coordinates)
    y : ndarray of int of shape (n,)
        Ones and zeros.
    """
    return RidgeCV(len(y) * _RIDGES).fit(coordinates, 2.0 * y - 1.0).coef_
