"""Kernels of the Euclidean distance: matrix products do the work."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from ..runtime._budget import CANCELLED, PRODUCT_PIECE
from ._exponent import ExponentKernel
from ._kernel import Kernel
from ._profile_parameters import LOG2_E, Power
from ._profiles import CompiledProfile, ElementwiseProfile
from ._tiles import GradientAccumulator, _loops


@dataclass(frozen=True)
class _EuclideanKernel(Kernel):
    """What the kernels of this module share: the sums are squared distances."""

    has_cheap_products: ClassVar[bool] = True

    def sum_pass(self, z, x, out, row=0, column=0, upper=False):
        """Squared distances, by a matrix product and, for near duplicates, by differences."""
        Z, X = z.points.numeric, x.points.numeric
        inner = out[row : row + len(Z), column : column + len(X)]
        arguments = (Z, X, z.norms, x.norms, CANCELLED[X.dtype.type], out, row, column, upper)
        square_sums, categories = _loops().square_sums, z.category_pass(x, out, row, column, upper)

        def write_sums(start, stop):
            np.matmul(Z[start:stop], X.T, out=inner[start:stop])
            square_sums(start, stop, *arguments)
            categories(start, stop)

        return write_sums

    def same_sum(self, lengths):
        """Squared length."""
        return float(np.sum(lengths**2))

    def distances(self, sums, n_coordinates):
        """Euclidean distances."""
        return np.sqrt(sums)

    def accumulator(self, z, x, z_coef, x_coef):
        """Gradients by matrix products."""
        return _RadialGradient(z, x, z_coef, x_coef)


@dataclass(frozen=True)
class RadialKernel(_EuclideanKernel):
    """Base class for a kernel of one's own: any positive definite function of the Euclidean distance.

    A subclass is a frozen dataclass that says in `evaluate` what the kernel and its derivative are for an array of
    squared distances; all else follows. Parameters that it adds are fields; those of type float are checked to be
    finite real numbers.

    Parameters
    ----------
    bandwidth : float, default=10.0
        L > 0, in units of transformed distance.

    Examples
    --------
    >>> from dataclasses import dataclass
    >>> import numpy as np
    >>> from rfmlearn.kernels import RadialKernel
    >>> @dataclass(frozen=True)
    ... class CauchyKernel(RadialKernel):
    ...     def evaluate(self, squares, values, slopes):
    ...         values[:] = 1 / (1 + squares / self.bandwidth**2)
    ...         slopes[:] = -(values**2) / self.bandwidth**2
    >>> CauchyKernel(bandwidth=5.0)([[0.0, 0.0], [3.0, 4.0]])
    array([[1. , 0.5],
           [0.5, 1. ]])
    """

    @abstractmethod
    def evaluate(self, squares, values, slopes):
        """Write kernel values and slopes for squared distances.

        It is called with thousands of them at a time, in several threads. NumPy will do; a function compiled by
        ``numba.njit(nogil=True, error_model="numpy")`` is faster, above all with threads.

        Parameters
        ----------
        squares : ndarray of shape (n,)
            Squared Euclidean distances, float32 or float64.
        values : ndarray of shape (n,)
            To be filled with ``k``.
        slopes : ndarray of shape (n,)
            To be filled with ``dk / d|x - z|^2``. What it is at zero does not matter: pairs of equal points have no
            gradient.
        """

    def profile(self, n_coordinates):
        """Whatever `evaluate` says; the gradient of a squared distance is twice the difference."""
        return ElementwiseProfile(self.evaluate, 2.0)


@dataclass(frozen=True)
class LaplaceKernel(_EuclideanKernel, ExponentKernel):
    """Laplace kernel ``k(x, z) = exp(-|x - z|^q / L^q)`` with the Euclidean norm.

    Parameters
    ----------
    bandwidth : float, default=10.0
        L > 0, a length in units of transformed distance, for every q.
    exponent : float, default=1.0
        q, 0 < q <= 2, beyond which the kernel is not positive definite. 1 is the Laplace kernel proper, 2 a Gaussian
        with sigma = L / sqrt(2). Smaller values make rougher functions.

    References
    ----------
    Radhakrishnan et al., Mechanism for feature learning in neural networks and backpropagation-free machine learning
    models, arXiv 2212.13881; Beaglehole et al., xRFM, arXiv 2508.10053.

    Examples
    --------
    >>> from rfmlearn.kernels import LaplaceKernel
    >>> LaplaceKernel(bandwidth=5.0)([[0.0, 0.0], [3.0, 4.0]]).round(3)
    array([[1.   , 0.368],
           [0.368, 1.   ]])
    """

    def profile(self, n_coordinates):
        """Exponential of a power of the squared distance."""
        q, rate = self.exponent, self.bandwidth**-self.exponent
        return CompiledProfile(Power(q / 2, LOG2_E * rate, -q * rate))


@dataclass(frozen=True)
class GaussianKernel(LaplaceKernel):
    """Gaussian kernel ``k(x, z) = exp(-|x - z|^2 / (2 sigma^2))``, with ``bandwidth`` = sigma.

    Parameters
    ----------
    bandwidth : float, default=10.0
        sigma > 0, in units of transformed distance.

    Examples
    --------
    >>> from rfmlearn.kernels import GaussianKernel
    >>> GaussianKernel(bandwidth=1.0)([[0.0], [1.0]]).round(3)
    array([[1.   , 0.607],
           [0.607, 1.   ]])
    """

    exponent: float = field(default=2.0, init=False, repr=False)

    def profile(self, n_coordinates):
        """Exponential of the squared distance."""
        rate = 0.5 / self.bandwidth**2
        return CompiledProfile(Power(1.0, LOG2_E * rate, -2 * rate))


class _RadialGradient(GradientAccumulator):
    """``sum_i a_i w_ij (z_j - x_i)``: the weights times [a x, a], two columns of blocks in one product."""

    def __init__(self, z, x, z_coef, x_coef):
        self._z = z.points.dense()
        self._stacked = self._stack(x.points.dense(), x_coef)
        self._out = np.zeros((len(self._z), self._stacked.shape[1]), dtype=self._z.dtype)
        self._n_outputs = len(x_coef)

    @staticmethod
    def _stack(points, coef):
        """Columns ``[a_1 x, ..., a_c x, a_1, ..., a_c]``."""
        return np.hstack([*(a[:, None] * points for a in coef), coef.T])

    def add(self, team, rows, columns, W, both=False):
        team.share(_add_product, len(W), W, self._stacked[columns], self._out[rows])
        if both:
            team.share(_add_product, W.shape[1], W.T, self._stacked[rows], self._out[columns], piece=PRODUCT_PIECE)

    def gradient(self):
        c, d = self._n_outputs, self._z.shape[1]
        moments, masses = self._out[:, : c * d], self._out[:, c * d :]
        gradient = np.empty((c, *self._z.shape), dtype=self._z.dtype)
        for output in range(c):
            np.multiply(masses[:, output, None], self._z, out=gradient[output])
            gradient[output] -= moments[:, output * d : (output + 1) * d]
        return gradient


def _add_product(start, stop, A, B, out):
    """``out += A B`` for a range of rows."""
    out[start:stop] += A[start:stop] @ B
