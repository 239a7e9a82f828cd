"""The compiled loop over segments: mean derivatives of the coordinates of pairs whose one point moves."""

from __future__ import annotations

import numpy as np

from ..runtime._budget import STRIP
from ..runtime._compiled import compiled
from ._elementary import exp2
from ._loops import JIT, _power


@compiled(**JIT)
def mean_slopes(start, stop, AT, BT, XT, p, rate, factor, near, W, coef, out):
    """Add a tile's part of the mean gradient along coordinates start to stop, of points that move from A to B.

    ``out[l, k, i] += sum_j W[i, j] coef[l, j] (g(b_ik - x_jk) - g(a_ik - x_jk)) / (b_ik - a_ik)``, where g(D) is
    |D|^p, or 2^(-rate |D|^p) if rate > 0. Where b_ik - a_ik is at most ``near[k]``, the derivative in the middle stands
    for the quotient: ``factor`` times sign(D) |D|^(p - 1), times the exponential. Coordinates that do not
    move at all, as most indicators of categories, have no part in the change, and are left at zero.
    """
    m, n = W.shape
    zero, r, c = W.dtype.type(0), W.dtype.type(-rate), W.dtype.type(factor)
    distances, powers, slopes = np.empty(STRIP, W.dtype), np.empty(STRIP, W.dtype), np.empty(STRIP, W.dtype)
    for k in range(start, stop):
        limit = near[k]
        for strip in range(0, n, STRIP):
            end = min(n, strip + STRIP)
            x = XT[k, strip:end]
            t, u, v = distances[: end - strip], powers[: end - strip], slopes[: end - strip]
            for i in range(m):
                a, b, weights = AT[k, i], BT[k, i], W[i, strip:end]
                way = b - a
                if way == zero:
                    continue
                moves = abs(way) > limit
                a = a if moves else (a + b) / 2
                for j in range(t.size):
                    t[j] = abs(a - x[j])
                if moves:
                    _power(t, p, u)
                    for j in range(t.size):
                        t[j] = abs(b - x[j])
                    _power(t, p, v)
                    if rate > 0:
                        for j in range(v.size):
                            v[j] = exp2(r * v[j]) - exp2(r * u[j])
                    else:
                        for j in range(v.size):
                            v[j] -= u[j]
                    inverse = 1 / way
                    for j in range(v.size):
                        v[j] *= inverse * weights[j]
                else:
                    _power(t, p - 1.0, v)
                    if rate > 0:
                        _power(t, p, u)
                        for j in range(v.size):
                            v[j] *= exp2(r * u[j])
                    for j in range(v.size):
                        d = a - x[j]
                        v[j] = c * (v[j] if d > zero else -v[j]) * weights[j] if abs(d) > limit else zero
                for output in range(coef.shape[0]):
                    part = coef[output, strip:end]
                    total = zero
                    for j in range(v.size):
                        total += v[j] * part[j]
                    out[output, k, i] += total
