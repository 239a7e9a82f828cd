"""When two points are the same: the one place that decides it, for kernels of rows, of images, and for bandwidths.

Equal rows that went through matrix products may come out some roundings apart. What looks like a direction between
them is noise, and what looks like a distance would count among those of distinct points. So whatever is within
`ROUNDING` of the size of the points is nothing. That is a share and no length: points may be in any units.
"""

from __future__ import annotations

import numpy as np

from ._points import Points

# Hundreds of roundings, as many products one after the other leave; float32 has no digits for more than a few.
ROUNDING: dict[type, float] = {
    np.float64: 512 * float(np.finfo(np.float64).eps),
    np.float32: 8 * float(np.finfo(np.float32).eps),
}


def same_lengths(points: Points, origin=0.0):
    """For each coordinate the length up to which differences are none, `ROUNDING` of its root mean square.

    Parameters
    ----------
    points : Points
    origin : ndarray of shape (d,) or float, default=0.0
        What was subtracted from the mean of the numeric coordinates, if they are centred.

    Returns
    -------
    ndarray of shape (n_coordinates,), float64
    """
    n = max(len(points), 1)
    numeric = np.einsum("ij,ij->j", points.numeric, points.numeric).astype(np.float64) / n
    parts = [np.sqrt(numeric + np.square(np.asarray(origin, dtype=np.float64)))]
    parts += [_level_sizes(rows) for rows in points.levels]
    return ROUNDING[points.dtype.type] * np.concatenate(parts)


def _level_sizes(rows):
    """Root mean square of each coordinate over the levels, the one of zeros among them."""
    if rows.ndim == 1:
        return np.abs(rows).astype(np.float64) / np.sqrt(len(rows) + 1)
    return np.sqrt(np.square(rows, dtype=np.float64).mean(axis=0))
