"""LAPACK on a lower triangle in place, without the interpreter's lock: threads can factor side by side.

`scipy.linalg.lapack` holds the lock while it works. The same routines are called here by the addresses that SciPy
publishes for compiled code, through ctypes, which lets go of it.
"""

from __future__ import annotations

import ctypes
import functools

import numpy as np
from numba.extending import get_cython_function_address

_LETTERS = {np.dtype(np.float32): "s", np.dtype(np.float64): "d"}


@functools.cache
def _routine(name, dtype, n_arguments):
    address = get_cython_function_address("scipy.linalg.cython_lapack", _LETTERS[dtype] + name)
    return ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * n_arguments)(address)


def _call(name, array, *arguments):
    """Value of `info` after a routine whose arguments are flags, sizes and arrays, in Fortran's way all by address."""
    places = [np.frombuffer(a, np.uint8) if isinstance(a, bytes) else np.asarray(a, np.intc) if isinstance(a, int) else a
              for a in (*arguments, 0)]  # fmt: skip
    _routine(name, array.dtype, len(places))(*[place.ctypes.data for place in places])
    return int(places[-1])


# The lower triangle of a C array is the upper one, "U", of the Fortran array that LAPACK sees.


def factor_lower(array):
    """Cholesky factor in place of the lower triangle of a square C-contiguous array; whether there is one."""
    return _call("potrf", array, b"U", len(array), array, len(array)) == 0


def solve_lower(factor, Y):
    """``(L L^T)^-1 Y`` with L of `factor_lower`, for Y of shape (n, n_outputs)."""
    solution = np.array(Y, dtype=factor.dtype, order="F")
    n, n_outputs = solution.shape
    _call("potrs", factor, b"U", n, n_outputs, factor, n, solution, n)
    return solution


def invert_lower(factor):
    """Inverse in place of L of `factor_lower`."""
    _call("trtri", factor, b"U", b"N", len(factor), factor, len(factor))
