"""A kernel of one's own beside one of ours: time of Gram matrix, product and gradient, interleaved, medians.

usage: own_kernel.py [--rows 2000] [--columns 20] [--repeats 15]
"""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass

import numpy as np
from common import print_environment
from numba import njit

from rfmlearn.kernels import GaussianKernel, RadialKernel


@njit(nogil=True, error_model="numpy", cache=True)
def rational_quadratic(squares, rate, values, slopes):
    """``1 / (1 + rate s)`` and its derivative."""
    one = squares.dtype.type(1)
    for j in range(squares.size):
        values[j] = one / (one + rate * squares[j])
        slopes[j] = -rate * values[j] * values[j]


@dataclass(frozen=True)
class RationalQuadraticKernel(RadialKernel):
    """``1 / (1 + |x - z|^2 / L^2)``."""

    def evaluate(self, squares, values, slopes):
        """Values and slopes of some thousand pairs."""
        rational_quadratic(squares, squares.dtype.type(self.bandwidth**-2), values, slopes)


def seconds(stage, kernel):
    """Wall time of one stage."""
    start = time.perf_counter()
    stage(kernel)
    return time.perf_counter() - start


def main():
    """Print medians of both kernels, and of the ratios pair by pair."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=2000)
    parser.add_argument("--columns", type=int, default=20)
    parser.add_argument("--repeats", type=int, default=15)
    args = parser.parse_args()
    print_environment("rfmlearn", "numpy", "numba")
    rng = np.random.default_rng(0)
    X, coef = rng.normal(size=(args.rows, args.columns)), rng.normal(size=args.rows)
    kernels = RationalQuadraticKernel(5.0), GaussianKernel(5.0)
    stages = {
        "Gram matrix": lambda kernel: kernel(X, X.copy()),
        "product": lambda kernel: kernel.product(X, coef, X),
        "gradient": lambda kernel: kernel.gradient(X, coef, X),
    }
    print("                own, ms  Gaussian, ms  ratio")
    for name, stage in stages.items():
        for kernel in kernels:
            stage(kernel)  # compiles
        pairs = np.array([[seconds(stage, kernel) for kernel in kernels] for _ in range(args.repeats)])
        own, ours = 1000 * np.median(pairs, axis=0)
        print(f"{name:14}{own:9.1f}{ours:14.1f}{np.median(pairs[:, 0] / pairs[:, 1]):7.2f}")


if __name__ == "__main__":
    main()
