"""The convolutional neural tangent kernel."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ._base import ImageKernel, check_integer


@dataclass(frozen=True)
class ConvNTK(ImageKernel):
    """Neural tangent kernel of an infinitely wide convolutional network of rectifiers, without pooling.

    `depth` convolutions with windows of `patch_size`, stride 1, each followed by rectifiers, then one linear layer over
    all places and channels (flatten, no pooling). With s_p = <u_p, v_p> for the patches of two images at place p, and
    a_p, b_p their squared norms,

    1. S, A, B = s, a, b and Theta = s; from the second layer on, S, A, B = box(S), box(A), box(B) and Theta = S +
       box(Theta), where box sums over every window;
    2. ``rho = S / sqrt(A B)``, ``phi = arccos(rho)``, ``k0 = (pi - phi) / pi``,
       ``k1 = (sin phi + (pi - phi) rho) / pi``; ``Theta = Theta k0``, ``S = sqrt(A B) k1``.

    ``K(x, z)`` is the mean of S + Theta over the places of the last layer. It grows in proportion to the contrast of
    either image; a black patch adds nothing.

    Parameters
    ----------
    patch_size : int, default=3
        Side of the windows.
    padding : {"valid", "same"}, default="valid"
        Whether windows stay inside, or zeros surround the image and the results of every layer.
    depth : int, default=3
        Convolutions, 1 to 10.

    Notes
    -----
    O(places (D + depth)) time for a pair of images.

    References
    ----------
    Arora, Du, Hu, Li, Salakhutdinov, Wang, On exact computation with an infinitely wide neural net,
    arXiv 1904.11955, section 4. Novak et al., Neural Tangents, arXiv 1912.02803. Beaglehole, Radhakrishnan, Pandit,
    Belkin, arXiv 2309.00570.

    Examples
    --------
    >>> import numpy as np
    >>> from rfmlearn.images import ConvNTK, ImagePatches
    >>> images = np.random.default_rng(0).random((2, 8, 8, 1))
    >>> kernel = ConvNTK(patch_size=3, depth=2)
    >>> patches = ImagePatches.of(kernel.grid((8, 8, 1)), images, np.eye(9))
    >>> kernel.gram(patches).shape
    (2, 2)
    """

    depth: int = 3

    def __post_init__(self):
        super().__post_init__()
        check_integer("depth", self.depth, 10)

    def _offsets(self, grid):
        return [(0, 0, 1.0)]

    def _places(self, grid, n_places):
        return grid.places()

    def _loops(self):
        from . import _ntk_loops

        return _ntk_loops

    def _arguments(self, grid, weight, dtype):
        layers = range(1, self.depth + 1)
        shapes = np.array([grid.shape(layer) for layer in layers])
        starts = np.cumsum([0, *(grid.length(layer) for layer in layers)])
        return self.patch_size, grid.stride, grid.before * (grid.stride + 1), self.padding == "same", shapes, starts

    def _sides(self, patches):
        """Roots of each image's own covariances at all layers."""
        grid, n = patches.grid, len(patches)
        arguments = self._arguments(grid, 1.0, patches.padded.dtype)
        roots = np.zeros((n, arguments[-1][-1]), patches.padded.dtype)
        self._loops().root_rows(patches.norms.reshape(n, -1), grid.places(), roots, *arguments)
        return roots
