"""The patch Laplace kernel."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ...kernels._kernel import as_real
from ...kernels._same_place import ROUNDING
from ._base import ImageKernel, check_integer

# At which pixels of any size that is allowed are as good as infinitely far apart.
LARGEST_RATE = 1e30
# Bandwidth that is a good guess, in root mean square distances.
_RMS_MULTIPLE = 1.5


@dataclass(frozen=True)
class PatchLaplace(ImageKernel):
    """Mean of Laplace kernels of patches at equal places and, with `pool` > 1, at neighbouring ones.

    ``K(x, z) = sum_pq w(p - q) exp(-|u_p - v_q| / L)``, with u_p and v_q the patches of two images. w is zero beyond
    `pool` - 1 rows or columns and falls off linearly, as if features were averaged over windows of `pool` x `pool`
    places, which makes K positive definite. Weights sum to one but for what borders cut off.

    Parameters
    ----------
    patch_size : int, default=3
        Side of a patch.
    padding : {"valid", "same"}, default="valid"
        Whether patches stay inside, or zeros surround the image.
    bandwidth : float, default=1.0
        L > 0, in units of ``|u_p - v_p|``, from 1e-100 to 1e100.
    pool : int, default=1
        Side of the windows over which places may differ; 1 compares equal places only. Time grows with
        (2 pool - 1)^2.

    Notes
    -----
    O(places D (2 pool - 1)^2) time for a pair of images.

    Examples
    --------
    >>> import numpy as np
    >>> from rfmlearn.images import ImagePatches, PatchLaplace
    >>> images = np.random.default_rng(0).random((2, 8, 8, 1))
    >>> kernel = PatchLaplace(patch_size=3, bandwidth=2.0, pool=2)
    >>> patches = ImagePatches.of(kernel.grid((8, 8, 1)), images, np.eye(9))
    >>> kernel.gram(patches).shape
    (2, 2)
    """

    bandwidth: float = 1.0
    pool: int = 1

    def __post_init__(self):
        super().__post_init__()
        check_integer("pool", self.pool)
        object.__setattr__(self, "bandwidth", as_real("bandwidth", self.bandwidth))
        if not 1e-100 <= self.bandwidth <= 1e100:
            raise ValueError(f"bandwidth must be a positive number between 1e-100 and 1e100, got {self.bandwidth!r}.")

    def _offsets(self, grid):
        reach = range(1 - self.pool, self.pool)
        rows, columns = grid.shape()
        return [
            (y, x, (self.pool - abs(y)) * (self.pool - abs(x)) / (self.pool**4 * rows * columns))
            for y in reach
            for x in reach
            if abs(y) < rows and abs(x) < columns
        ]

    def _sides(self, patches):
        return patches.norms

    def _side(self, side, meets):
        return np.ascontiguousarray(side[(slice(None), *meets)]).reshape(len(side), -1)

    def _loops(self):
        from . import _laplace_loops

        return _laplace_loops

    def _arguments(self, grid, weight, dtype):
        # An infinite rate, in float32, would make NaN of distances of zero.
        rate = min(1 / (self.bandwidth * np.log(2.0)), LARGEST_RATE)
        return weight, rate, ROUNDING[dtype.type]

    def adapted(self, patches, sample_weight, multiple=_RMS_MULTIPLE):
        """The same kernel with a bandwidth of so many root mean square distances of patches at equal places.

        In closed form, ``E |u_p - v_p|^2 = 2 (E |u_p|^2 - |E u_p|^2)``, so that it does not depend on chance.
        """
        grid, share = patches.grid, sample_weight / sample_weight.sum()
        mean = grid.cut(np.tensordot(share, patches.padded.astype(np.float64), 1)[np.newaxis])
        size = share @ patches.norms.reshape(len(share), -1).mean(axis=1, dtype=np.float64)
        spread = size - np.mean(np.einsum("rcdn,rcdn->rc", patches.metric @ mean, mean))
        differ = spread > ROUNDING[patches.norms.dtype.type] * size
        return replace(self, bandwidth=float(multiple * np.sqrt(2 * spread)) if differ else 1.0)
