"""Gram matrices of kernels, and gradients of expansions in closed form."""

from ._coordinate import LpqLaplaceKernel, ProductLaplaceKernel, SumPowerLaplaceKernel
from ._kernel import Kernel
from ._names import make_kernel
from ._points import Points
from ._radial import GaussianKernel, LaplaceKernel, RadialKernel

__all__ = [
    "GaussianKernel",
    "Kernel",
    "LaplaceKernel",
    "LpqLaplaceKernel",
    "Points",
    "ProductLaplaceKernel",
    "RadialKernel",
    "SumPowerLaplaceKernel",
    "make_kernel",
]
