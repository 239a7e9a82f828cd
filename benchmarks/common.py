"""What the benchmarks share: the environment printed, data, cases, timing."""

from __future__ import annotations

import importlib
import importlib.metadata
import os
import platform
import statistics
import sys
import time
from pathlib import Path

import numpy as np

# Settings that both packages get: kernel name there, here, and their parameters.
CASES = {
    "laplace-10k": dict(n=10_000, d=50, peer="l2", kernel="laplace", form="full", exponent=1.0, norm_p=None),
    "laplace-4k": dict(n=4_000, d=50, peer="l2", kernel="laplace", form="full", exponent=1.0, norm_p=None),
    "laplace-6k": dict(n=6_000, d=50, peer="l2", kernel="laplace", form="full", exponent=1.0, norm_p=None),
    "lpq-2k": dict(n=2_000, d=20, peer="lpq", kernel="lpq_laplace", form="diagonal", exponent=1.1, norm_p=1.5),
    "lpq-4k": dict(n=4_000, d=30, peer="lpq", kernel="lpq_laplace", form="diagonal", exponent=1.1, norm_p=1.5),
    "product-4k": dict(n=4_000, d=30, peer="product_laplace", kernel="product_laplace", form="diagonal",
                       exponent=1.1, norm_p=None),
    "product-q1-4k": dict(n=4_000, d=30, peer="product_laplace", kernel="product_laplace", form="diagonal",
                          exponent=1.0, norm_p=None),
}  # fmt: skip
ROUNDS, BANDWIDTH, RIDGE = 5, 10.0, 1e-3


def print_environment(*packages):
    """Versions, threads and processor, as the first lines of every report."""
    from threadpoolctl import threadpool_info

    versions = [f"{name} {version(name)}" for name in packages]
    print(f"Python {platform.python_version()}, " + ", ".join(versions))
    pools = {f"{p['internal_api']} {p['version']} ({p.get('architecture', '?')}, {p['num_threads']} threads)"
             for p in threadpool_info()}  # fmt: skip
    print(f"{processor()}, {os.cpu_count()} cores; " + ", ".join(sorted(pools)))


def version(package):
    """Version of a package, from the module, or from its installation if the module does not tell."""
    module = importlib.import_module(package)
    return module.__version__ if hasattr(module, "__version__") else importlib.metadata.version(package)


def processor():
    """Name of the processor."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.split(":")[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def multi_index_data(n, d, seed=0, n_test=2000):
    """Standard normal X and y = x0 x1 + sin(2 x2) + x3^2 / 2 + 0.1 noise: training and test parts."""
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n + n_test, d))
    y = X[:, 0] * X[:, 1] + np.sin(2 * X[:, 2]) + X[:, 3] ** 2 / 2 + 0.1 * rng.standard_normal(n + n_test)
    return X[:n], y[:n], X[n:], y[n:]


def r2(prediction, y):
    """Coefficient of determination."""
    return float(1 - np.mean((np.ravel(prediction) - y) ** 2) / np.var(y))


def seconds(function, repeats=1):
    """Median wall time of calls, and what the last one returned."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        result = function()
        times.append(time.perf_counter() - start)
    return statistics.median(times), result


def peak_memory():
    """Largest resident size of this process so far, in GB."""
    import resource

    unit = 1e9 if sys.platform == "darwin" else 1e6
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit
