"""Kernels: Gram matrices, and gradients of expansions in closed form."""

from ._base import Kernel
from ._coordinate import LpqLaplaceKernel, ProductLaplaceKernel, SumPowerLaplaceKernel
from ._names import make_kernel
from ._pairs import PairMatrix
from ._points import Points, as_points, level_rows
from ._radial import GaussianKernel, LaplaceKernel

__all__ = [
    "GaussianKernel",
    "Kernel",
    "LaplaceKernel",
    "LpqLaplaceKernel",
    "PairMatrix",
    "Points",
    "ProductLaplaceKernel",
    "SumPowerLaplaceKernel",
    "as_points",
    "level_rows",
    "make_kernel",
]
