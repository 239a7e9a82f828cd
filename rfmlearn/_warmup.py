"""Loops compiled before they are needed, for those who measure time and those who build images of containers."""

from __future__ import annotations

import time

import numpy as np

from .images.kernels._conv_ntk import ConvNTK
from .images.kernels._patch_laplace import PatchLaplace
from .images.kernels._patches import ImagePatches
from .kernels import Points
from .kernels._names import KERNELS, make_kernel
from .kernels._packed_pairs import PackedPairMatrix
from .kernels._pairs import PairMatrix
from .kernels._profiles import ElementwiseProfile
from .rfm._classifier import RFMClassifier
from .runtime._progress import log_to_stderr, logger


def warmup(*, verbose=False):
    """Compile all loops, or load them from numba's cache, so that no fit or prediction has to wait for it.

    Where nothing is in the cache this takes half a minute, else a second. It holds for the process, with all its
    threads; other processes load what this one has compiled, if the cache can be written to: it lies beside the source,
    or in the folder that the environment variable ``NUMBA_CACHE_DIR`` names.

    Parameters
    ----------
    verbose : bool, default=False
        Log to standard error how long each part takes.

    Returns
    -------
    float
        Seconds that it took.

    Notes
    -----
    Two things are still compiled when they come: a kernel of one's own, and loops for images that are no larger than
    their windows.

    Examples
    --------
    >>> import rfmlearn
    >>> rfmlearn.warmup() > 0  # seconds
    True
    """
    start = time.perf_counter()
    with log_to_stderr(verbose):
        for dtype in (np.float64, np.float32):
            for name in sorted(KERNELS):
                _timed(name, dtype, _use_kernel, make_kernel(name))
            _timed("kernels of one's own", dtype, _use_profile)
            for kernel in (ConvNTK(patch_size=2, depth=2), PatchLaplace(patch_size=2)):
                _timed(f"images, {type(kernel).__name__}", dtype, _use_image_kernel, kernel)
            _timed("a first fit", dtype, _use_estimator)
    return time.perf_counter() - start


def _timed(what, dtype, function, *arguments):
    start = time.perf_counter()
    function(*arguments, dtype)
    logger.info("%s, %s: %.2f s", what, np.dtype(dtype).name, time.perf_counter() - start)


def _use_kernel(kernel, dtype):
    """All that is asked of a kernel, of numbers and categories."""
    numbers, codes = np.arange(8, dtype=dtype).reshape(4, 2), np.arange(4)[:, None] % 2
    X, coef = Points.one_hot(numbers, codes, (2,)), np.ones((4, 1), dtype=dtype)
    pairs = PairMatrix.empty(len(X), dtype)
    pairs.fill_sums(kernel, X)
    pairs.fill_gram(kernel)
    pairs.gradient(kernel, coef)
    PackedPairMatrix.of(kernel, X, tile=4).matvec(coef)
    kernel(X, X[:3])
    kernel.gradient(X, coef, X[:3])
    kernel.mean_gradient(numbers, coef, numbers[:3], numbers[1:])


def _use_profile(dtype):
    """The one loop of kernels that are written in Python."""

    def evaluate(sums, values, slopes):
        slopes[:] = 0

    S = np.ones((2, 2), dtype=dtype)
    ElementwiseProfile(evaluate, 2.0).weight_rows(0, 2, S, 0, 0, False, 0.0, S.copy())


def _use_image_kernel(kernel, dtype):
    """Few images and so many that they are taken in blocks, which lie in memory in another way."""
    grid, coef = kernel.grid((4, 4, 1)), np.ones((40, 1))
    images = np.random.default_rng(0).random((40, 4, 4, 1)).astype(dtype)
    many = ImagePatches.of(grid, images, np.eye(grid.patch_length))
    few = many[:3]
    for X in (many, few):
        kernel.gram(X)
        kernel.patch_agop(X, coef[: len(X)], few)


def _use_estimator(dtype):
    """What is imported late, and routines of LAPACK that are looked up."""
    X = np.arange(20, dtype=dtype).reshape(10, 2)
    RFMClassifier(max_iter=1, alpha=1.0).fit(X, np.arange(10) % 2).predict(X)
