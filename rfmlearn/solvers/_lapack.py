"""LAPACK and BLAS on a lower triangle in place, without the interpreter's lock: threads can factor side by side.

`scipy.linalg.lapack` holds the lock while it works. The same routines are called here by the addresses that SciPy
publishes for compiled code, through ctypes, which lets go of it.
"""

from __future__ import annotations

import ctypes
import functools

import numpy as np
import scipy.linalg

from ..runtime._budget import FACTORED_ROWS

_LETTERS = {np.dtype(np.float32): "s", np.dtype(np.float64): "d"}


@functools.cache
def _routine(name, dtype, n_arguments):
    from numba.extending import get_cython_function_address  # takes long to import, so only when something is solved

    library = "cython_blas" if name in ("trsm", "syrk") else "cython_lapack"
    address = get_cython_function_address(f"scipy.linalg.{library}", _LETTERS[dtype] + name)
    return ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * n_arguments)(address)


def _address(argument):
    """Where Fortran finds an array with its strides gone, a flag or a size, since it takes all by address."""
    if isinstance(argument, np.ndarray):
        return argument.ctypes.data
    return ctypes.byref(argument)


def _run(name, dtype, *arguments):
    """Call a routine with arrays, flags (bytes), sizes (int) and places for its answers."""
    places = [
        ctypes.c_char(argument)
        if isinstance(argument, bytes)
        else ctypes.c_int(argument)
        if isinstance(argument, int)
        else argument
        for argument in arguments
    ]
    _routine(name, dtype, len(places))(*[_address(place) for place in places])


def _call(name, dtype, *arguments):
    """Call a routine of LAPACK; the value of its last argument, `info`."""
    info = ctypes.c_int(0)
    _run(name, dtype, *arguments, info)
    return info.value


# The lower triangle of a C array is the upper one, "U", of the Fortran array that LAPACK sees.


def factor_lower(array, block=FACTORED_ROWS):
    """Cholesky factor in place of the lower triangle of a square C-contiguous array; whether there is one.

    In blocks of so many rows: of larger triangles OpenBLAS 0.3.30 crashes, with several threads and AVX-512.
    """
    n, dtype = len(array), array.dtype
    one, minus_one = np.ones(1, dtype), -np.ones(1, dtype)
    for start in range(0, n, block):
        stop = min(start + block, n)
        corner, below, rest = array[start:, start:], array[stop:, start:], array[stop:, stop:]
        if _call("potrf", dtype, b"U", stop - start, corner, n):
            return False
        if stop < n:  # L_21 = A_21 L_11^-T, and A_22 - L_21 L_21^T is what is left to factor
            _run("trsm", dtype, b"L", b"U", b"T", b"N", stop - start, n - stop, one, corner, n, below, n)
            _run("syrk", dtype, b"U", b"T", n - stop, stop - start, minus_one, below, n, one, rest, n)
    return True


def solve_lower(factor, Y):
    """``(L L^T)^-1 Y`` with L of `factor_lower`, for Y of shape (n, n_outputs)."""
    solution = np.array(Y, dtype=factor.dtype, order="F")
    n, n_outputs = solution.shape
    _call("potrs", factor.dtype, b"U", n, n_outputs, factor, n, solution, n)
    return solution


def solve_lower_inverted(inverse, Y):
    """``(L L^T)^-1 Y`` with the inverse of L that `invert_lower` leaves, for Y of shape (n, n_outputs)."""
    (trmm,) = scipy.linalg.get_blas_funcs(("trmm",), (inverse,))
    return trmm(1.0, inverse.T, multiply_inverted(inverse, Y), lower=0, overwrite_b=1)


def multiply_inverted(inverse, Y):
    """``L^-1 Y`` with the inverse of L that `invert_lower` leaves, for Y of shape (n, n_outputs)."""
    (trmm,) = scipy.linalg.get_blas_funcs(("trmm",), (inverse,))
    return trmm(1.0, inverse.T, np.asarray(Y, dtype=inverse.dtype, order="F"), lower=0, trans_a=1)


def invert_lower(factor):
    """Inverse in place of L of `factor_lower`."""
    _call("trtri", factor.dtype, b"U", b"N", len(factor), factor, len(factor))
