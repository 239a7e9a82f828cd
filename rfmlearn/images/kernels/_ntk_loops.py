"""Compiled loops of the convolutional tangent kernel: one pair of images at a time, vectorised over places.

Places lie in flat rows (`PatchGrid.stride`), so that a window sum is a sum of shifted rows and every loop is long and
contiguous. Rows of "valid" windows have places of no meaning between the last of one line and the first of the next;
they hold finite numbers and are never read for a result. With "same" those places hold the zeros of the padding.
"""

from __future__ import annotations

import math

import numpy as np

from ...kernels._loops import JIT
from ...kernels._same_place import ROUNDING
from ...runtime._budget import LANES
from ...runtime._compiled import compiled
from ._arc_cosine import angle_ratio
from ._tile_loops import add_own, gather, scatter

# Cosines so near to 1 are 1: else equal patches would stand at an angle of the square root of rounding.
_SAME64, _SAME32 = ROUNDING[np.float64], ROUNDING[np.float32]


@compiled(**JIT)
def _window_sum(source, size, stride, out, line):
    """``out[p] = sum_ab source[p + a stride + b]`` for 0 <= a, b < size; `line` is workspace."""
    # Shifted views, not shifted indices: an index that might be negative keeps the loop scalar.
    n = out.size
    m = n + (size - 1) * stride
    if size == 3:
        second, third = source[1 : m + 1], source[2 : m + 2]
        for p in range(m):
            line[p] = source[p] + second[p] + third[p]
        second, third = line[stride : stride + n], line[2 * stride : 2 * stride + n]
        for p in range(n):
            out[p] = line[p] + second[p] + third[p]
        return
    for p in range(m):
        line[p] = source[p]
    for b in range(1, size):
        shifted = source[b : b + m]
        for p in range(m):
            line[p] += shifted[p]
    for p in range(n):
        out[p] = line[p]
    for a in range(1, size):
        shifted = line[a * stride : a * stride + n]
        for p in range(n):
            out[p] += shifted[p]


@compiled(**JIT)
def _clear_margin(row, columns, stride):
    """Zeros at the places between lines, which are those of the padding."""
    for start in range(columns, row.size, stride):
        for p in range(start, min(start + stride - columns, row.size)):
            row[p] = 0


@compiled(**JIT)
def _arc_cosine(x_root, z_root, S, theta, S_out, theta_out):
    """Step 2: what one layer of rectifiers makes of the covariances S and the tangent kernel theta."""
    one, half, zero, over_pi = S.dtype.type(1), S.dtype.type(0.5), S.dtype.type(0), S.dtype.type(1 / np.pi)
    smallest, same = S.dtype.type(np.finfo(S.dtype).tiny), S.dtype.type(_SAME64 if S.itemsize == 8 else _SAME32)
    for p in range(S.size):
        r = x_root[p] * z_root[p]
        rho = min(max(S[p] / max(r, smallest), -one), one)
        x = abs(rho)
        gap = one - x if one - x > same else zero
        root = np.sqrt(gap)
        k0 = half + math.copysign(half - root * angle_ratio(x), rho)
        S_out[p] = r * (root * np.sqrt(one + x) * over_pi + rho * k0)
        theta_out[p] = theta[p] * k0


@compiled(**JIT)
def _arc_cosine_adjoint(x_root, z_root, S, theta, g_S, g_theta, g_z):
    """Derivatives with respect to what entered step 2, from those with respect to what came out, in place.

    `g_z` collects those with respect to z's own covariances. Where the angle vanishes, so does the slope of theta,
    which has a cusp there: that is the middle of all its one-sided slopes. Norms of black patches are zero, and so is
    what they contribute.
    """
    one, half, zero, over_pi = S.dtype.type(1), S.dtype.type(0.5), S.dtype.type(0), S.dtype.type(1 / np.pi)
    smallest, same = S.dtype.type(np.finfo(S.dtype).tiny), S.dtype.type(_SAME64 if S.itemsize == 8 else _SAME32)
    for p in range(S.size):
        r = x_root[p] * z_root[p]
        inverse = one / r if r > smallest else zero
        rho = min(max(S[p] * inverse, -one), one)
        x = abs(rho)
        gap = one - x if one - x > same else zero
        root = np.sqrt(gap)
        sine = root * np.sqrt(one + x)
        k0 = half + math.copysign(half - root * angle_ratio(x), rho)
        slope = over_pi / sine if gap > zero else zero
        through = g_theta[p] * k0
        g_rho = g_S[p] * k0 + g_theta[p] * theta[p] * slope * inverse  # divided by r already
        g_r = g_S[p] * (sine * over_pi + rho * k0) - g_rho * rho
        g_z[p] += half * g_r * x_root[p] * x_root[p] * inverse
        g_S[p] = g_rho + through
        g_theta[p] = through


@compiled(**JIT)
def _place_sum(row, lines, columns, stride):
    total = row.dtype.type(0)
    for y in range(lines):
        values = row[y * stride : y * stride + columns]
        for p in range(columns):
            total += values[p]
    return total


@compiled(**JIT)
def root_rows(norms, places, roots, size, stride, lead, padded, shapes, starts):
    """Square roots of each image's own covariances at every layer, 0 where they vanish.

    Rows of `roots`, zero at first, hold the layers one after the other, from `starts` on; `norms` has shape
    (n, places).
    """
    zero = roots.dtype.type(0)
    room = roots.shape[1] + size * (stride + 1)
    buffer, line = np.zeros(room, roots.dtype), np.empty(room, roots.dtype)
    for i in range(norms.shape[0]):
        row = roots[i, starts[0] : starts[1]]
        largest = zero
        for p in range(places.size):
            row[places[p]] = norms[i, p]
            largest = max(largest, norms[i, p])
        for layer in range(1, shapes.shape[0]):
            for p in range(row.size):
                buffer[lead + p] = row[p]
            row = roots[i, starts[layer] : starts[layer + 1]]
            _window_sum(buffer, size, stride, row, line)
            if padded:
                _clear_margin(row, shapes[layer, 1], stride)
        # Rounding leaves something of patches that are orthogonal to all that counts.
        smallest = largest * roots.dtype.type(np.finfo(roots.dtype).eps)
        for p in range(roots.shape[1]):
            roots[i, p] = np.sqrt(roots[i, p]) if roots[i, p] > smallest else zero


@compiled(**JIT)
def _forward(first, x_root, z_root, size, stride, lead, padded, shapes, starts, S, theta, S_out, theta_out, line):
    """Steps 1 and 2 for all layers of one pair.

    `S` and `theta` keep what enters step 2 of layers 2, 3, ... and is needed on the way back (layer 1: `first`, for
    both); the results of the last layer are left in `S_out` and `theta_out`, from `lead` on.
    """
    s, t = first, first
    for layer in range(shapes.shape[0]):
        a, b = starts[layer], starts[layer + 1]
        if layer > 0:
            s, t = S[a:b], theta[a:b]
            _window_sum(S_out, size, stride, s, line)
            _window_sum(theta_out, size, stride, t, line)
            for p in range(s.size):
                t[p] += s[p]
            if padded:
                _clear_margin(s, shapes[layer, 1], stride)
                _clear_margin(t, shapes[layer, 1], stride)
        _arc_cosine(x_root[a:b], z_root[a:b], s, t, S_out[lead : lead + b - a], theta_out[lead : lead + b - a])


@compiled(**JIT)
def _backward(
    first, x_root, z_root, size, stride, lead, padded, shapes, starts, S, theta, buffer, line, g_S, g_theta, g_z
):
    """Derivatives of one pair's kernel value: with respect to the products of patches and to z's squared norms."""
    depth = shapes.shape[0]
    lines, columns = shapes[depth - 1]
    share = g_S.dtype.type(1.0 / (lines * columns))
    for p in range(g_S.size):
        g_S[p] = 0
        g_theta[p] = 0
        g_z[p] = 0
    for p in range(buffer.size):
        buffer[p] = 0
    for y in range(lines):
        for p in range(y * stride, y * stride + columns):
            g_S[p] = share
            g_theta[p] = share
    # The adjoint of a window sum is the sum over the mirrored window.
    mirrored = (size - 1) * (stride + 1) - lead
    for layer in range(depth - 1, -1, -1):
        a, b = starts[layer], starts[layer + 1]
        n = b - a
        s, t = first, first
        if layer > 0:
            s, t = S[a:b], theta[a:b]
        _arc_cosine_adjoint(x_root[a:b], z_root[a:b], s, t, g_S[:n], g_theta[:n], g_z[:n])
        if layer > 0:
            below = a - starts[layer - 1]
            for g in (g_S, g_theta, g_z):
                target = buffer[mirrored : mirrored + n]
                for p in range(n):
                    target[p] = g[p]
                _window_sum(buffer, size, stride, g[:below], line)
                if padded:
                    _clear_margin(g[:below], shapes[layer, 1], stride)


@compiled(**JIT)
def value_rows(tile, places, x_root, z_root, limit, K, size, stride, lead, padded, shapes, starts):
    """Kernel values of images z and x into ``K[x, z]``, for z up to ``limit + x`` only."""
    depth, length = shapes.shape[0], starts[1]
    room = lead + length + (size - 1) * (stride + 1)
    rows = np.zeros((LANES, length), K.dtype)
    S, theta = np.empty(starts[depth], K.dtype), np.empty(starts[depth], K.dtype)
    S_out, theta_out, line = np.zeros(room, K.dtype), np.zeros(room, K.dtype), np.empty(room, K.dtype)
    lines, columns = shapes[depth - 1]
    for j in range(0, tile.shape[2], LANES):
        for i in range(max(0, j - limit), tile.shape[1]):
            count = min(gather(tile, i, j, places, rows), limit + i + 1 - j)
            for k in range(count):
                x, z = x_root[i], z_root[j + k]
                _forward(rows[k], x, z, size, stride, lead, padded, shapes, starts, S, theta, S_out, theta_out, line)
                total = _place_sum(S_out[lead:], lines, columns, stride)
                total += _place_sum(theta_out[lead:], lines, columns, stride)
                K[i, j + k] = total / K.dtype.type(lines * columns)


@compiled(**JIT)
def weight_rows(tile, places, x_root, z_root, coef, own, size, stride, lead, padded, shapes, starts):
    """Replace products of patches by derivatives with respect to them, for images z and x.

    Derivatives with respect to z's squared norms are summed over x with the coefficients: ``own[z, l]``, flat rows of
    places, grow by ``sum_x coef[x, l] dK / d|v_p|^2``.
    """
    depth, length = shapes.shape[0], starts[1]
    room = lead + length + (size - 1) * (stride + 1)
    dtype = tile.dtype
    rows = np.zeros((LANES, length), dtype)
    S, theta = np.empty(starts[depth], dtype), np.empty(starts[depth], dtype)
    S_out, theta_out, line = np.zeros(room, dtype), np.zeros(room, dtype), np.empty(room, dtype)
    buffer = np.zeros(room, dtype)
    g_S, g_theta, g_z = np.empty(length, dtype), np.empty(length, dtype), np.empty(length, dtype)
    for j in range(0, tile.shape[2], LANES):
        for i in range(tile.shape[1]):
            count = gather(tile, i, j, places, rows)
            for k in range(count):
                first, x, z = rows[k], x_root[i], z_root[j + k]
                _forward(first, x, z, size, stride, lead, padded, shapes, starts, S, theta, S_out, theta_out, line)
                _backward(
                    first, x, z, size, stride, lead, padded, shapes, starts, S, theta, buffer, line, g_S, g_theta, g_z
                )
                add_own(own[j + k], coef[i], g_z)
                for p in range(length):
                    first[p] = g_S[p]
            scatter(rows, count, places, tile, i, j)
            if padded:
                rows[:] = 0  # what lies between the lines has to be zero again
