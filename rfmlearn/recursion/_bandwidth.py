"""Bandwidths from data: pure functions that return a new kernel."""

from __future__ import annotations

import numpy as np
from scipy.spatial.distance import squareform

from ..kernels._pairs import PairMatrix
from ..kernels._same_place import same_lengths
from ..runtime._budget import BANDWIDTH_REACH, N_BANDWIDTH_ROWS, SAME_SHARE


def bandwidth_rows(sample_weight, rng, max_rows=N_BANDWIDTH_ROWS):
    """Rows whose pairs decide the bandwidth, and their weights: all of them, or a weighted random draw.

    The median of the half million pairs of 1,000 rows is known to a fraction of a per cent. Rows of equal weight are
    drawn once each, since medians without weights need no sorting.
    """
    n = len(sample_weight)
    if n <= max_rows:
        return np.arange(n), sample_weight
    if np.all(sample_weight == sample_weight[0]):
        return np.sort(rng.choice(n, max_rows, replace=False)), np.ones(max_rows)
    rows = rng.choice(n, max_rows, replace=True, p=sample_weight / sample_weight.sum())
    rows, counts = np.unique(rows, return_counts=True)
    return rows, counts.astype(np.float64)


def median_bandwidth(kernel, sums, points, sample_weight, share=1):
    """The kernel with a multiple of the weighted median distance of distinct pairs as bandwidth.

    Pairs weigh w_i w_j and pairs of the same point are left out, so that a weight means as much as a repetition, even
    where rounding keeps repetitions apart.

    Parameters
    ----------
    kernel : Kernel
    sums : ndarray of shape (m, m)
        Sums of the pairs in the strict upper triangle.
    points : Points
        All transformed points, whose size says how far rounding may keep equal ones apart.
    sample_weight : ndarray of shape (m,)
    share : int, default=1
        Distances are those of sums divided by it.

    Returns
    -------
    Kernel
        The same kernel with unit bandwidth if all points coincide.
    """
    sums = squareform(sums, force="tovector", checks=False)
    apart = sums > kernel.same_sum(same_lengths(points))
    # Distances grow with sums, so the median of the one is that of the other.
    if np.all(sample_weight == sample_weight[0]):
        weights = np.broadcast_to(1.0, sums.shape)
    else:
        # Products of huge weights would overflow; a power of two leaves whole numbers exact, and with them ties.
        sample_weight = np.ldexp(sample_weight, -int(np.frexp(sample_weight.max())[1]))
        weights = squareform(np.outer(sample_weight, sample_weight), force="tovector", checks=False)
    median = weighted_median(sums[apart], weights[apart])
    with np.errstate(over="ignore"):
        median = kernel.distances(np.array([median / share], dtype=sums.dtype), points.n_coordinates)[0]
    if not apart.any():
        return kernel.with_bandwidth(1.0)
    reach = BANDWIDTH_REACH[points.dtype.type]
    if not 1 / reach <= kernel.median_multiple * median <= reach:
        raise ValueError(
            f'bandwidth="auto" finds a median distance of {median:.3g} between points, which is out of reach of '
            f"{points.dtype.name}: give a bandwidth, take a scaling or a larger exponent (here {kernel!r})."
        )
    return kernel.with_bandwidth(kernel.median_multiple * median)


def adapt_bandwidth(kernel, pairs: PairMatrix, rows, weights, points):
    """Median bandwidth from sums that are at hand, or, where sums depend on the bandwidth, from new ones."""
    if kernel.sums_depend_on_bandwidth:
        subset = PairMatrix.empty(len(rows), points.dtype)
        proxy = kernel.bandwidth_proxy()
        subset.fill_sums(proxy, points[rows])
        adapted = median_bandwidth(proxy, subset.array, points, weights, max(points.n_coordinates, 1))
        return kernel.with_bandwidth(adapted.bandwidth)
    sums = pairs.array[np.ix_(rows, rows)]
    return median_bandwidth(kernel, sums, points, weights)


def measure_bandwidth(kernel, points, rows, weights):
    """Median bandwidth from the sums of some rows, computed for it alone."""
    pairs, chosen = PairMatrix.empty(len(rows), points.dtype), points[rows]
    if not kernel.sums_depend_on_bandwidth:
        pairs.fill_sums(kernel, chosen)
    return adapt_bandwidth(kernel, pairs, np.arange(len(rows)), weights, chosen)


def weighted_median(values, weights):
    """Smallest value at which half of the weight is reached; nan without values."""
    if not len(values):
        return np.nan
    if np.all(weights == weights[0]):
        middle = (len(values) - 1) // 2
        return float(np.partition(values, middle)[middle])
    order = np.argsort(values, kind="stable")
    reached = np.cumsum(weights[order], dtype=np.float64)
    return float(values[order[np.searchsorted(reached, reached[-1] / 2 * (1 - SAME_SHARE))]])
