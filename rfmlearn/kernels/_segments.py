"""Mean gradients of expansions along straight segments.

The integral of a gradient along a segment, times the way, is the change of the function. A rule that takes the gradient
at nodes gives that change only roughly where the gradient jumps or bends, as that of sums of powers of differences does
wherever a coordinate passes that of a centre. Quotients of differences give it to rounding: with sums s of pairs,
a pair's value changes by ``(k(s_b) - k(s_a)) / (s_b - s_a)`` times the change of s, which is the sum of those of its
coordinates, whatever bends these have on the way. What is left of an error is how the change is shared among
coordinates, and of second order in the length of the segment.
"""

from __future__ import annotations

import numpy as np

from ._points import as_points
from ._tiles import Workspace, coef_columns, tiles

# Ends of a segment whose sums differ by less than this share are one; so are coordinates that move by less than this
# share of their spread. Quotients of differences keep half of the digits there, and derivatives err by less.
_NEAR = 1e-7
# Rows that are taken at a time where there are more coordinates than that, most of which few rows have.
_FEW_ROWS = 64
# Nodes of Gauss' rule of order four in a segment from 0 to 1, of equal weight.
_NODES = (0.5 - np.sqrt(3) / 6, 0.5 + np.sqrt(3) / 6)


def segments(X, coef, A, B):
    """Centres, coefficients and ends of segments in float64."""
    X, A, B = (np.ascontiguousarray(points, dtype=np.float64) for points in (X, A, B))
    return X, np.asarray(coef, dtype=np.float64), A, B


def mean_by_nodes(kernel, X, coef, A, B):
    """Mean of the gradients at two nodes; see `Kernel.mean_gradient`."""
    first, second = (kernel.gradient(X, coef, A + t * (B - A)) for t in _NODES)
    return (first + second) / 2


def mean_by_quotients(kernel, X, coef, A, B, power, rate):
    """Mean gradient by quotients of differences, for sums of |D|^power, or of 2^(-rate |D|^power) if rate > 0.

    Parameters
    ----------
    kernel : Kernel
    X, coef, A, B : ndarray of float64
        As `segments` gives them.
    power, rate : float

    Returns
    -------
    ndarray of shape (n_outputs, m, d)
    """
    if rate or X.shape[1] <= _FEW_ROWS:
        return _mean_of_all(kernel, X, coef, A, B, power, rate)
    parts = []
    for start in range(0, len(A), _FEW_ROWS):
        rows = slice(start, start + _FEW_ROWS)
        parts.append(_mean_of_few(kernel, X, coef, A[rows], B[rows], power))
    return np.concatenate(parts, axis=1)


def _mean_of_few(kernel, X, coef, A, B, power):
    """The same of few rows: coordinates in which they all are zero, as most indicators are, become a single one."""
    used = (A != 0).any(axis=0) | (B != 0).any(axis=0)
    rest = np.sum(np.abs(X[:, ~used]) ** power, axis=1) ** (1 / power)
    zero = np.zeros((len(A), 1))
    start, end = (np.hstack([side[:, used], zero]) for side in (A, B))
    part = _mean_of_all(kernel, np.column_stack([X[:, used], rest]), coef, start, end, power, 0.0)
    out = np.zeros((len(part), *A.shape))
    out[:, :, used] = part[:, :, :-1]
    return out


def _mean_of_all(kernel, X, coef, A, B, power, rate):
    from ._segment_loops import mean_slopes

    X, A, B = map(as_points, (X, A, B))
    a, x = kernel.prepare(A, X)
    b = kernel.prepare(B, X)[0]
    coef = np.ascontiguousarray(coef_columns(coef, X).T)
    # Derivative of a coordinate's part by sign(D) |D|^(power - 1), times the exponential.
    factor = -rate * np.log(2) * power if rate else power
    near = _NEAR * np.ptp(X.numeric, axis=0)
    out = np.zeros((len(coef), X.n_coordinates, len(A)))
    secant = _Secants(kernel.profile(X.n_coordinates), factor)
    workspaces = [Workspace(len(A), len(X), kernel.budget.tile, X.dtype) for _ in range(4)]
    with kernel.team(3 * len(A) * len(X), x) as team:
        for rows, columns in tiles(len(A), len(X), kernel.budget.tile):
            Sa, Sb, K, W = (workspace.tile(rows, columns) for workspace in workspaces)
            passes = [kernel.sum_pass(end[rows], x[columns], S) for end, S in ((a, Sa), (b, Sb))]
            team.share(secant, len(W), passes, Sa, Sb, K, W)
            part = np.zeros((len(coef), X.n_coordinates, len(W)))
            ends = a[rows].columns, b[rows].columns, x[columns].columns
            weights = W, np.ascontiguousarray(coef[:, columns])
            team.share(mean_slopes, X.n_coordinates, *ends, power, rate, factor, near, *weights, part, piece=1)
            out[:, :, rows] += part
    return np.ascontiguousarray(out.transpose(0, 2, 1))


class _Secants:
    """Quotients of the changes of a profile and of its sums."""

    def __init__(self, profile, factor):
        self._profile, self._factor = profile, factor

    def __call__(self, start, stop, passes, Sa, Sb, K, W):
        for write_sums in passes:
            write_sums(start, stop)
        self._profile.value_rows(start, stop, Sa, K)
        self._profile.value_rows(start, stop, Sb, W)
        rows = slice(start, stop)
        a, b, values, quotients = Sa[rows], Sb[rows], K[rows], W[rows]
        quotients -= values
        middle = (a + b) / 2
        way = b - a
        still = np.abs(way) <= _NEAR * middle
        np.divide(quotients, way, out=quotients, where=~still)
        if still.any():
            self._profile.weight_rows(0, stop - start, middle, 0, 0, False, 0.0, values)
            np.copyto(quotients, values / self._factor, where=still)
