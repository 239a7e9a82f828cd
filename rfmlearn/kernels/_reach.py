"""What a precision can hold: sizes of points whose squares are still numbers, and bandwidths whose powers are."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ..runtime._budget import BANDWIDTH_REACH, LARGEST_OFFSET, POINT_REACH
from ._points import Points


def check_prepared(bandwidth, dtype, norms):
    """Refuse squared norms and a bandwidth beyond a precision, in which all pairs would look alike."""
    reach = BANDWIDTH_REACH[dtype.type]
    if not 1 / reach <= bandwidth <= reach:
        raise ValueError(
            f"bandwidth={bandwidth:.3g} is out of reach of {dtype.name} points, for which it must lie between "
            f"{1 / reach:g} and {reach:g}: {_way_out(dtype)}."
        )
    if not np.max(norms, initial=0.0) <= (limit := np.finfo(dtype).max / 8):
        raise ValueError(
            f"points are too large for {dtype.name}: squared lengths must not exceed {limit:.1e}, {_way_out(dtype)}."
        )


def check_coordinates(points: Points, names, dtype):
    """Refuse numeric coordinates too large for a precision, or points that differ by too little, naming a coordinate.

    Parameters
    ----------
    points : Points
    names : list of str
        Of their coordinates, the numeric ones first.
    dtype : dtype
        The least precision in which they will be compared.
    """
    if not points.numeric.size:
        return
    dtype = np.dtype(dtype)
    reach, way_out = POINT_REACH[dtype.type], _way_out(dtype)
    if points.dtype != dtype:
        way_out = 'multiply X by a constant, or take solver="cholesky", which compares them in float64'
    low, high = points.numeric.min(axis=0), points.numeric.max(axis=0)
    sizes, spreads = np.maximum(-low, high), high / 2 - low / 2
    worst, widest = int(np.argmax(sizes)), int(np.argmax(spreads))
    if not sizes[worst] <= reach:
        raise ValueError(
            f"{names[worst]} has numbers as large as {sizes[worst]:.3g}, but {dtype.name}, in which points are "
            f"compared, takes no more than {reach:g}. Take a scaling, or {way_out}."
        )
    if 0 < spreads[widest] < 1 / reach and len(points.levels) == 0:
        raise ValueError(
            f"no column varies by more than {1 / reach:g}, which is too little for {dtype.name}, in which points are "
            f"compared: {names[widest]} varies most, by {2 * spreads[widest]:.3g}. Take a scaling, or {way_out}."
        )


def single_precision_tells_apart(points: Points):
    """Whether float32 holds numeric coordinates, and rounds none of them by more than a trace of its spread."""
    if not points.numeric.size:
        return True
    low, high = points.numeric.min(axis=0), points.numeric.max(axis=0)
    sizes, spreads = np.maximum(-low, high), high / 2 - low / 2
    reach, varying = POINT_REACH[np.float32], spreads > 0
    return bool(
        sizes.max() <= reach
        and (not varying.any() or spreads.max() >= 1 / reach)
        and np.all(sizes[varying] <= LARGEST_OFFSET * spreads[varying])
    )


def rounded_together(points: Points):
    """Points in float32 whose differences are those of the points: moved to zero if it would not tell them apart."""
    if points.numeric.size and not single_precision_tells_apart(points):
        low, high = points.numeric.min(axis=0), points.numeric.max(axis=0)
        points = replace(points, numeric=points.numeric - (low / 2 + high / 2))
    return points.astype(np.float32)


def in_precision(points: Points, dtype):
    """Points in a precision, with numbers no larger than training points of it may have."""
    return within_reach(points, dtype).astype(dtype)


def within_reach(points: Points, dtype=None):
    """Points with numbers no larger than training points of a precision, theirs by default, may have."""
    reach = POINT_REACH[np.dtype(points.dtype if dtype is None else dtype).type]
    if np.max(np.abs(points.numeric), initial=0.0) <= reach:
        return points
    return replace(points, numeric=np.clip(points.numeric, -reach, reach))


def _way_out(dtype):
    constant = "multiply the points by a constant"
    return f"{constant}, or give them as float64" if dtype == np.float32 else constant
