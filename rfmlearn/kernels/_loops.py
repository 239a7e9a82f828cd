"""All compiled loops over pairs of points.

Every function takes ``(start, stop, ...)``, a range of rows that it alone writes, so that ranges can run in threads.
A kernel is a sum over coordinates and a profile of that sum:

=============  ==========================================  =====================================
profile        sum S of a pair with differences D_k        kernel and weight
=============  ==========================================  =====================================
Power          sum_k |D_k|^p                               exp(-r S^e),  -r e p S^(e-1) kernel
Polynomial     sum_k exp(-r |D_k|^q)                       (a + b S)^m,  -r q b m (a + b S)^(m-1)
=============  ==========================================  =====================================

The weight is the factor that a pair's gradient needs beside ``sign(D_k) |D_k|^(p-1)``, times the exponential where it
is exponentials that are summed. Loops take the parameters of a profile as one tuple, whose type says which it is.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba.extending import overload

from ..runtime._budget import BLOCK, STRIP
from ..runtime._compiled import compiled
from ._elementary import exp2, log2
from ._profile_parameters import Polynomial, Power

JIT: Any = {
    "nogil": True,
    "error_model": "numpy",
    "fastmath": {"reassoc", "contract", "nsz", "arcp"},
}


@compiled(**JIT)
def _power(t, p, out):
    """``out = t^p`` for t >= 0, with 0^p = 0 for every p but 0."""
    zero = t.dtype.type(0)
    if p == 1.0:
        for j in range(t.size):
            out[j] = t[j]
    elif p == 2.0:
        for j in range(t.size):
            out[j] = t[j] * t[j]
    elif p == 0.5:
        for j in range(t.size):
            out[j] = np.sqrt(t[j])
    elif p == 1.5:
        for j in range(t.size):
            out[j] = t[j] * np.sqrt(t[j])
    elif p == 0.0:
        for j in range(t.size):
            out[j] = t.dtype.type(1)
    else:
        power = t.dtype.type(p)
        smallest = t.dtype.type(np.finfo(t.dtype).tiny)
        for j in range(t.size):
            value = exp2(power * log2(max(t[j], smallest)))
            out[j] = value if t[j] > smallest else zero


def _power_values(sums, profile, out):
    r = sums.dtype.type(-profile.rate)
    e = profile.exponent
    if e == 0.5:
        for j in range(sums.size):
            out[j] = exp2(r * np.sqrt(sums[j]))
    elif e == 1.0:
        for j in range(sums.size):
            out[j] = exp2(r * sums[j])
    else:
        _power(sums, e, out)
        for j in range(sums.size):
            out[j] = exp2(r * out[j])


def _polynomial_values(sums, profile, out):
    a, b = sums.dtype.type(profile.const), sums.dtype.type(profile.rate)
    for j in range(sums.size):
        base = a + b * sums[j]
        value = base
        for _ in range(profile.degree - 1):
            value *= base
        out[j] = value


def _power_weights(sums, profile, same, out, buffer):
    zero, c, r = sums.dtype.type(0), sums.dtype.type(profile.scale), sums.dtype.type(-profile.rate)
    limit, e = sums.dtype.type(same), profile.exponent
    if e == 0.5:
        for j in range(sums.size):
            root = np.sqrt(sums[j])
            out[j] = c * exp2(r * root) / root if sums[j] > limit else zero
    elif e == 1.0:
        for j in range(sums.size):
            out[j] = c * exp2(r * sums[j]) if sums[j] > limit else zero
    else:
        _power(sums, e, out)
        _power(sums, e - 1.0, buffer)
        for j in range(sums.size):
            out[j] = c * exp2(r * out[j]) * buffer[j] if sums[j] > limit else zero


def _polynomial_weights(sums, profile, same, out, buffer):
    a, b, c = sums.dtype.type(profile.const), sums.dtype.type(profile.rate), sums.dtype.type(profile.scale)
    for j in range(sums.size):
        base = a + b * sums[j]
        value = c
        for _ in range(profile.degree - 1):
            value *= base
        out[j] = value


_VALUES = {Power: _power_values, Polynomial: _polynomial_values}
_WEIGHTS = {Power: _power_weights, Polynomial: _polynomial_weights}


def _values(sums, profile, out):
    """Kernel values of sums."""
    _VALUES[type(profile)](sums, profile, out)


def _weights(sums, profile, same, out, buffer):
    """Weights of sums; those of the power family are zero where the sum is at most `same`."""
    _WEIGHTS[type(profile)](sums, profile, same, out, buffer)


@overload(_values, jit_options=JIT)
def _values_overload(sums, profile, out):
    return _VALUES[profile.instance_class]


@overload(_weights, jit_options=JIT)
def _weights_overload(sums, profile, same, out, buffer):
    return _WEIGHTS[profile.instance_class]


@compiled(**JIT)
def square_sums(start, stop, Z, X, z_norms, x_norms, near, S, row, column, upper):
    """Turn the inner products in ``S[row:, column:]`` into squared distances, ``|z_i|^2 + |x_j|^2 - 2 z_i x_j``.

    Where that is less than `near` times the norms, cancellation has eaten the digits: those pairs are computed anew
    from differences. With `upper`, only entries right of the diagonal of S are turned.
    """
    two, zero, relative = S.dtype.type(2), S.dtype.type(0), S.dtype.type(near)
    n = x_norms.size
    for i in range(start, stop):
        first = max(0, row + i + 1 - column) if upper else 0
        if first >= n:
            continue
        target, norms = S[row + i, column + first : column + n], x_norms[first:]
        norm, missing = z_norms[i], zero
        for j in range(target.size):
            both = norm + norms[j]
            s = both - two * target[j]
            target[j] = s if s > zero else zero
            missing += relative * both - s if s < relative * both else zero
        if missing > zero:
            for j in range(target.size):
                if target[j] < relative * (norm + norms[j]):
                    s = zero
                    for k in range(X.shape[1]):
                        s += (Z[i, k] - X[first + j, k]) * (Z[i, k] - X[first + j, k])
                    target[j] = s


@compiled(**JIT)
def coordinate_sums(start, stop, Z, XT, p, rate, S, row, column, upper):
    """Sums over coordinates of |D_k|^p, or of 2^(-rate |D_k|^p) if rate > 0; XT has a row a coordinate."""
    zero, r = Z.dtype.type(0), Z.dtype.type(-rate)
    n = XT.shape[1]
    differences, powers = np.empty(STRIP, Z.dtype), np.empty(STRIP, Z.dtype)
    for i in range(start, stop):
        first = max(0, row + i + 1 - column) if upper else 0
        for strip in range(first, n, STRIP):
            end = min(n, strip + STRIP)
            target = S[row + i, column + strip : column + end]
            t, u = differences[: end - strip], powers[: end - strip]
            for j in range(target.size):
                target[j] = zero
            for k in range(XT.shape[0]):
                z, x = Z[i, k], XT[k, strip:end]
                for j in range(t.size):
                    t[j] = abs(z - x[j])
                _power(t, p, u)
                if rate > 0:
                    for j in range(u.size):
                        target[j] += exp2(r * u[j])
                else:
                    for j in range(u.size):
                        target[j] += u[j]


@compiled(**JIT)
def add_table(start, stop, z_codes, x_codes, table, S, row, column, upper):
    """Add the part of one categorical column, ``S[row + i, column + j] += table[z_codes[i], x_codes[j]]``."""
    for i in range(start, stop):
        entries = table[z_codes[i]]
        first = max(0, row + i + 1 - column) if upper else 0
        for j in range(first, x_codes.size):
            S[row + i, column + j] += entries[x_codes[j]]


@compiled(**JIT)
def value_rows(start, stop, S, profile, K):
    """Kernel values of S row by row; K may be S, hence the copy: loops over overlapping arrays stay scalar."""
    sums = np.empty(S.shape[1], S.dtype)
    for i in range(start, stop):
        sums[:] = S[i]
        _values(sums, profile, K[i])


@compiled(**JIT)
def weight_rows(start, stop, S, row, column, upper, profile, same, W):
    """Weights of a tile of S that begins at (row, column); with `upper`, zero on and left of the diagonal of S."""
    n = W.shape[1]
    buffer = np.empty(n, S.dtype)
    for i in range(start, stop):
        first = min(n, max(0, row + i + 1 - column)) if upper else 0
        for j in range(first):
            W[i, j] = 0
        sums = S[row + i, column + first : column + n]
        _weights(sums, profile, same, W[i, first:], buffer[first:])


@compiled(**JIT)
def weights_of_slopes(sums, factor, same, slopes):
    """Turn derivatives by sums into weights, ``factor * slopes``, zero where the sum is at most `same`."""
    zero, c, limit = sums.dtype.type(0), sums.dtype.type(factor), sums.dtype.type(same)
    for j in range(sums.size):
        slopes[j] = c * slopes[j] if sums[j] > limit else zero


@compiled(**JIT)
def fill_lower(start, stop, A, profile):
    """Kernel values into the lower triangle of A from the sums in its upper one, and ones between; rows in blocks."""
    n = A.shape[0]
    tile = np.empty((BLOCK, BLOCK), A.dtype)
    for block in range(start, stop):
        i0, i1 = block * BLOCK, min(n, (block + 1) * BLOCK)
        for j0 in range(i0, n, BLOCK):
            j1 = min(n, j0 + BLOCK)
            for i in range(i0, i1):
                first = max(j0, i + 1)
                if first < j1:
                    _values(A[i, first:j1], profile, tile[i - i0, first - j0 : j1 - j0])
            for j in range(j0, j1):
                for i in range(i0, min(i1, j)):
                    A[j, i] = tile[i - i0, j - j0]
        for i in range(i0, i1):
            A[i, i] = 1


@compiled(**JIT)
def coordinate_gradient(start, stop, ZT, XT, p, rate, same, W, z_coef, x_coef, both, z_grad, x_grad):
    """Add a tile's part of the gradient along coordinates start to stop.

    ``z_grad[l, k, i] += sum_j W[i, j] x_coef[l, j] v(z_ik - x_jk)``, with v(D) = sign(D) |D|^(p - 1), times
    2^(-rate |D|^p) if rate > 0, and zero for |D| up to ``same[k]``. With `both`, the pair's other half,
    ``x_grad[l, k, j] -= W[i, j] z_coef[l, i] v``, is added as well, for tiles of which only the half right of the
    diagonal is visited.
    """
    m, n = W.shape
    n_outputs = x_coef.shape[0]
    zero, r = W.dtype.type(0), W.dtype.type(-rate)
    differences, powers, slopes = np.empty(STRIP, W.dtype), np.empty(STRIP, W.dtype), np.empty(STRIP, W.dtype)
    for k in range(start, stop):
        limit = same[k]
        for strip in range(0, n, STRIP):
            end = min(n, strip + STRIP)
            x = XT[k, strip:end]
            t, u, v = differences[: end - strip], powers[: end - strip], slopes[: end - strip]
            for i in range(m):
                z, weights = ZT[k, i], W[i, strip:end]
                for j in range(t.size):
                    t[j] = abs(z - x[j])
                _power(t, p - 1.0, v)
                if rate > 0:
                    _power(t, p, u)
                    for j in range(u.size):
                        v[j] *= exp2(r * u[j])
                for j in range(v.size):
                    d = z - x[j]
                    v[j] = (v[j] if d > zero else -v[j]) * weights[j] if abs(d) > limit else zero
                for output in range(n_outputs):
                    coef = x_coef[output, strip:end]
                    total = zero
                    if both:
                        c, target = z_coef[output, i], x_grad[output, k, strip:end]
                        for j in range(v.size):
                            total += v[j] * coef[j]
                            target[j] -= c * v[j]
                    else:
                        for j in range(v.size):
                            total += v[j] * coef[j]
                    z_grad[output, k, i] += total
