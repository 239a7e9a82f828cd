"""The recursion over images: solve, take gradients with respect to patches, form a new feature matrix of patches."""

from __future__ import annotations

import time
from collections.abc import Generator
from dataclasses import dataclass, replace

import numpy as np

from ..recursion._spectral import unit_trace_root
from ..runtime._budget import IMAGE_ALPHAS
from ..solvers import CholeskyFactor, RidgePath, Weights
from .kernels._base import ImageKernel
from .kernels._patch_laplace import PatchLaplace
from .kernels._patches import ImagePatches


@dataclass(frozen=True, kw_only=True)
class ImageRound:
    """One round: a feature matrix of patches and the kernel machine fitted with it.

    Attributes
    ----------
    n_iter : int
        How often the feature matrix was learned; 0 is the plain kernel.
    kernel : ImageKernel
    patches : ImagePatches
        Training images in the metric of this round.
    matrix : ndarray of shape (D, D)
        Feature matrix of patches, of trace D.
    coef : ndarray of shape (n, n_outputs)
        Dual coefficients of ``f(z) = sum_i coef_i K(x_i, z)``.
    alpha : float
        Ridge, in units of the mean of the kernel's diagonal.
    rows : ndarray of int
        Images that were left out, one at a time, among themselves.
    residuals : ndarray of shape (len(rows), n_outputs)
        What was missed of them.
    loss : float
        Weighted mean of its squares.
    seconds : float
        Wall time since the recursion began.
    """

    n_iter: int
    kernel: ImageKernel
    patches: ImagePatches
    matrix: np.ndarray
    coef: np.ndarray
    alpha: float
    rows: np.ndarray
    residuals: np.ndarray
    loss: float
    seconds: float

    def decision(self, images):
        """Expansion at new images, shape (m, n_outputs)."""
        return self.kernel.gram(self.patches, ImagePatches.of(self.patches.grid, images, self.matrix)).T @ self.coef


@dataclass(frozen=True, kw_only=True)
class ImageRecursion:
    """Training images and settings of the recursion.

    Parameters
    ----------
    images : ndarray of shape (n, height, width, n_channels)
    targets : ndarray of shape (n, n_outputs)
    weights : Weights
        Positive.
    kernel : ImageKernel
    adaptive : bool
        Whether every round sets the bandwidth to a multiple of the root mean square distance.
    alpha : float or None
        Ridge; None has every round choose it by leave-one-out.
    agop_power, shrinkage : float
        ``M^(1/2) = ((1 - s) G + s I)^p`` with G the patch-AGOP over its largest entry.
    sample : tuple (rows or None, weights)
        Images over which it is averaged, as `agop_rows` returns them.
    center : bool
        Whether the mean gradient is subtracted.
    left_out : ndarray of int
        Images that are left out, one at a time, to compare ridges and rounds.
    rng : numpy.random.RandomState
        Draws the random convolutions.
    initial : ndarray of shape (D, D), default=None
        Feature matrix of round 0, of trace D; None is the identity.
    """

    images: np.ndarray
    targets: np.ndarray
    weights: Weights
    kernel: ImageKernel
    adaptive: bool
    alpha: float | None
    agop_power: float
    shrinkage: float
    sample: tuple[np.ndarray | None, np.ndarray]
    center: bool
    left_out: np.ndarray
    rng: np.random.RandomState
    initial: np.ndarray | None = None

    def at(self, rows):
        """The same with some of the images, all of which are left out."""
        arrays = {name: getattr(self, name)[rows] for name in ("images", "targets", "weights")}
        everything = None, arrays["weights"].total / arrays["weights"].total.sum()
        return replace(self, **arrays, left_out=np.arange(len(rows)), sample=everything)

    def rounds(self, max_iter) -> Generator[ImageRound]:
        """Rounds 0 (the plain kernel) to `max_iter`.

        A round costs O(n^2 places (D + depth)) for the Gram matrix, O(n m places D n_outputs) for the patch-AGOP over
        m images and O(n^3) for the solution, and the memory of two square arrays (three up to 2,000 images).
        """
        start, rows = time.perf_counter(), self.left_out
        grid = self.kernel.grid(self.images.shape[1:])
        matrix = np.eye(grid.patch_length) if self.initial is None else self.initial
        for n_iter in range(max_iter + 1):
            patches = ImagePatches.of(grid, self.images, matrix)
            kernel = self.kernel
            if self.adaptive and isinstance(kernel, PatchLaplace):
                kernel = kernel.adapted(patches, self.weights.rows)
            coef, alpha, residuals, loss = self._solve(kernel.gram(patches), rows)
            yield ImageRound(
                n_iter=n_iter,
                kernel=kernel,
                patches=patches,
                matrix=matrix,
                coef=coef,
                alpha=alpha,
                rows=rows,
                residuals=residuals,
                loss=loss,
                seconds=time.perf_counter() - start,
            )
            if n_iter < max_iter:
                matrix = self.learn(self.agop(kernel, patches, coef))

    def agop(self, kernel, patches, coef):
        """Patch-AGOP of an expansion, over a sample of the training images."""
        rows, weights = self.sample
        chosen = patches if rows is None else patches[rows]
        return kernel.patch_agop(patches, coef, chosen, weights, self.center)

    def learn(self, agop):
        """Feature matrix of a patch-AGOP, of trace D; the identity where that vanishes."""
        root = unit_trace_root(agop, self.agop_power, self.shrinkage)
        return root @ root

    def _solve(self, gram, rows):
        """Dual coefficients, the ridge, and the leave-one-out residuals and loss of some rows among themselves."""
        scale = float(np.average(np.diag(gram), weights=self.weights.rows))
        if scale <= 0:  # all images are black: nothing tells them apart
            scale = 1.0
        K = np.array(gram, dtype=np.float64)
        del gram
        K /= scale
        weights, Y = self.weights[rows], self.targets[rows]
        whole = len(rows) == len(K)  # K is not needed again
        path = RidgePath(K if whole else K[np.ix_(rows, rows)], weights)
        candidates = [a * weights.unit for a in IMAGE_ALPHAS] if self.alpha is None else [self.alpha]
        left_out = {alpha: path.left_out(Y, alpha) for alpha in candidates}
        losses = {alpha: weights.mean_square(residuals) for alpha, residuals in left_out.items()}
        alpha = min(losses, key=losses.__getitem__)
        if whole:
            coef = path.coef(self.targets, alpha)
        else:
            try:
                coef = CholeskyFactor(K, self.weights.ridge(alpha)).apply(self.targets)
            except np.linalg.LinAlgError as error:
                raise ValueError(
                    f"the Gram matrix with alpha={alpha:.1e} is not positive definite: increase alpha."
                ) from error
        return coef / scale, alpha, left_out[alpha], losses[alpha]
