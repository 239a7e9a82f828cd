"""Kernels as values: bandwidths, copies, names, parameters."""

import pickle
from dataclasses import FrozenInstanceError, replace

import numpy as np
import pytest
from instances import KERNELS, assert_close

from rfmlearn.kernels import (
    GaussianKernel,
    LaplaceKernel,
    LpqLaplaceKernel,
    ProductLaplaceKernel,
    SumPowerLaplaceKernel,
    make_kernel,
)


@pytest.mark.parametrize("case", KERNELS)
def test_with_bandwidth_changes_nothing_else(case):
    kernel = case.kernel.with_bandwidth(np.float32(7.5))
    assert type(kernel) is type(case.kernel)
    assert kernel.bandwidth == 7.5 and type(kernel.bandwidth) is float
    assert kernel == replace(case.kernel, bandwidth=7.5) != case.kernel
    X = np.array([[0.0, 0.3], [1.0, -0.4]])
    assert_close(kernel(X), case.naive.with_bandwidth(7.5).gram(X, X), 1e-12)


@pytest.mark.parametrize("case", KERNELS)
def test_kernels_are_values(case):
    kernel = case.kernel
    copy = pickle.loads(pickle.dumps(kernel))
    assert copy == kernel and hash(copy) == hash(kernel) and copy is not kernel
    assert eval(repr(kernel), {type(kernel).__name__: type(kernel)}) == kernel
    with pytest.raises(FrozenInstanceError):
        kernel.bandwidth = 1.0


def test_kernels_differ():
    kernels = [p.values[0].kernel for p in KERNELS]
    assert len(set(kernels)) == len(kernels)
    assert LaplaceKernel(2.0, 2.0) != ProductLaplaceKernel(2.0, 2.0)


@pytest.mark.parametrize(
    "make, name",
    [
        *(
            (lambda value=value, cls=cls: cls(value), "bandwidth")
            for cls in (LaplaceKernel, GaussianKernel, LpqLaplaceKernel, ProductLaplaceKernel, SumPowerLaplaceKernel)
            for value in (0.0, -1.0, np.nan, np.inf)
        ),
        *(
            (lambda value=value, cls=cls: cls(exponent=value), "exponent")
            for cls in (LaplaceKernel, ProductLaplaceKernel, SumPowerLaplaceKernel)
            for value in (0.0, -0.5, 2.1, np.nan)
        ),
        *((lambda value=value: LpqLaplaceKernel(norm_p=value), "norm_p") for value in (0.0, -1.0, 2.1, np.nan)),
        *((lambda value=value: LpqLaplaceKernel(exponent=value), "exponent") for value in (0.0, -1.0, 1.6, np.nan)),
        *((lambda value=value: SumPowerLaplaceKernel(const_mix=value), "const_mix") for value in (-0.1, 1.0, np.nan)),
        *((lambda value=value: SumPowerLaplaceKernel(degree=value), "degree") for value in (0, -2, 1.5)),
        (lambda: LaplaceKernel().with_bandwidth(-1.0), "bandwidth"),
        (lambda: make_kernel("linear"), "kernel"),
    ],
)
def test_invalid_parameters_are_named(make, name):
    with pytest.raises(ValueError, match=rf"^{name}\b"):
        make()


@pytest.mark.parametrize(
    "name, kernel",
    [
        ("laplace", LaplaceKernel(3.0, 0.9)),
        ("gaussian", GaussianKernel(3.0)),
        ("product_laplace", ProductLaplaceKernel(3.0, 0.9)),
        ("lpq_laplace", LpqLaplaceKernel(3.0, 0.9, 1.7)),
        ("sum_power_laplace", SumPowerLaplaceKernel(3.0, 0.9)),
    ],
)
def test_make_kernel(name, kernel):
    assert make_kernel(name, bandwidth=3.0, exponent=0.9, norm_p=1.7) == kernel
