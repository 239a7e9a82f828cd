"""The arc-cosine functions of order 0 and 1, written so that loops over them become vector instructions.

``k0 = (pi - phi) / pi`` and ``k1 = (sin phi + (pi - phi) cos phi) / pi``, with phi the angle between two vectors: what
an infinitely wide layer of rectifiers makes of it (Cho and Saul, 2009; arXiv 1806.07572 for the tangent kernel).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba.extending import overload
from numpy.polynomial import Chebyshev, Polynomial

from ...runtime._compiled import compiled

# Multiply and add at once: nothing here relies on the rounding of a single step.
_CONTRACT: Any = {"nogil": True, "fastmath": {"contract"}}


def _angle_polynomial(degree):
    """Coefficients of ``arccos(x) / (pi sqrt(1 - x))`` on [0, 1], which is analytic there."""
    fit = Chebyshev.interpolate(lambda x: np.arccos(x) / np.sqrt(1 - x) / np.pi, degree, domain=[0, 1])
    return fit.convert(kind=Polynomial, domain=[-1, 1], window=[-1, 1]).coef


# Errors: 1e-15 and 4e-8. The function's singularity at -1 makes a Chebyshev fit gain 0.77 digits a degree.
_C = tuple(float(c) for c in _angle_polynomial(21))
_F = tuple(np.float32(c) for c in _angle_polynomial(8))
(_C0, _C1, _C2, _C3, _C4, _C5, _C6, _C7, _C8, _C9, _C10) = _C[:11]
(_C11, _C12, _C13, _C14, _C15, _C16, _C17, _C18, _C19, _C20, _C21) = _C[11:]
_F0, _F1, _F2, _F3, _F4, _F5, _F6, _F7, _F8 = _F


@compiled(**_CONTRACT)
def _angle_float64(x):
    p = _C21 * x + _C20
    p = p * x + _C19
    p = p * x + _C18
    p = p * x + _C17
    p = p * x + _C16
    p = p * x + _C15
    p = p * x + _C14
    p = p * x + _C13
    p = p * x + _C12
    p = p * x + _C11
    p = p * x + _C10
    p = p * x + _C9
    p = p * x + _C8
    p = p * x + _C7
    p = p * x + _C6
    p = p * x + _C5
    p = p * x + _C4
    p = p * x + _C3
    p = p * x + _C2
    p = p * x + _C1
    return p * x + _C0


@compiled(**_CONTRACT)
def _angle_float32(x):
    p = _F8 * x + _F7
    p = p * x + _F6
    p = p * x + _F5
    p = p * x + _F4
    p = p * x + _F3
    p = p * x + _F2
    p = p * x + _F1
    return p * x + _F0


def angle_ratio(x):
    """``arccos(x) / (pi sqrt(1 - x))`` for 0 <= x <= 1."""
    x = min(x, 1 - 1e-16)  # without compilation only
    return math.acos(x) / (math.pi * math.sqrt(1 - x))


@overload(angle_ratio, jit_options=_CONTRACT)
def _angle_ratio_overload(x):
    if getattr(x, "bitwidth", 64) == 32:
        return lambda x: _angle_float32(x)
    return lambda x: _angle_float64(x)
