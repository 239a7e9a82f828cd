"""Kernels by name, with the flat parameters of the estimators."""

from __future__ import annotations

from ._coordinate import LpqLaplaceKernel, ProductLaplaceKernel, SumPowerLaplaceKernel
from ._radial import GaussianKernel, LaplaceKernel

KERNELS = {
    "laplace": lambda bandwidth, exponent, norm_p: LaplaceKernel(bandwidth, exponent),
    "gaussian": lambda bandwidth, exponent, norm_p: GaussianKernel(bandwidth),
    "product_laplace": lambda bandwidth, exponent, norm_p: ProductLaplaceKernel(bandwidth, exponent),
    "lpq_laplace": lambda bandwidth, exponent, norm_p: LpqLaplaceKernel(bandwidth, exponent, norm_p),
    "sum_power_laplace": lambda bandwidth, exponent, norm_p: SumPowerLaplaceKernel(bandwidth, exponent),
}


def make_kernel(name, bandwidth=10.0, exponent=1.0, norm_p=1.5):
    """Kernel of a name; parameters that it does not have are left out.

    Parameters
    ----------
    name : str
        "laplace", "gaussian", "product_laplace", "lpq_laplace" or "sum_power_laplace".
    bandwidth : float, default=10.0
        In units of transformed distance.
    exponent : float, default=1.0
        q, for all but the Gaussian.
    norm_p : float, default=1.5
        p, for "lpq_laplace".

    Returns
    -------
    Kernel

    Examples
    --------
    >>> from rfmlearn.kernels import make_kernel
    >>> make_kernel("gaussian", bandwidth=2.0)
    GaussianKernel(bandwidth=2.0)
    """
    if name not in KERNELS:
        raise ValueError(f"kernel must be one of {sorted(KERNELS)}, got {name!r}.")
    return KERNELS[name](bandwidth, exponent, norm_p)
