"""Classification of images, in which features of patches are learned.

An image is seen through its patches x_p, vectors of D = patch_size^2 n_channels numbers in the order (row, column,
channel), one for each place p of a window. A feature matrix M of shape (D, D) is shared by all places: kernels compare
``u_p = M^(1/2) x_p / sqrt(n_channels)``.
"""

from .kernels._base import ImageKernel
from .kernels._conv_ntk import ConvNTK
from .kernels._patch_laplace import PatchLaplace
from .kernels._patches import ImagePatches

__all__ = ["ConvNTK", "ImageKernel", "ImagePatches", "PatchLaplace"]
