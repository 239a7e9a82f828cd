"""A kernel machine in the metric that it learned."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ..kernels import Kernel, Points
from ..kernels._reach import in_precision, within_reach
from ._agop import machine_agop
from ._feature_matrix import FeatureMatrix


@dataclass(frozen=True, kw_only=True)
class Machine:
    """The function ``f_l(x) = sum_i dual_coef[i, l] k(x_i M^(1/2), x M^(1/2))`` of points.

    Parameters
    ----------
    kernel : Kernel
        k, with its bandwidth.
    feature_matrix : FeatureMatrix
        M, in the form that was learned: ``blocks`` are its blocks (a vector for a diagonal), ``to_array()`` all of it.
    centers : Points
        Training rows in the coordinates of the feature matrix, ``x_i M^(1/2)``.
    dual_coef : ndarray of shape (n, n_outputs)
        Dual coefficients.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from rfmlearn import RFMRegressor
    >>> X, y = load_diabetes(return_X_y=True, as_frame=True)
    >>> machine = RFMRegressor().fit(X, y).machine_
    >>> machine.dual_coef.shape, [block.shape for block in machine.feature_matrix.blocks]
    ((442, 1), [(10,)])
    """

    kernel: Kernel
    feature_matrix: FeatureMatrix
    centers: Points
    dual_coef: np.ndarray

    @property
    def n_outputs(self):
        """Columns of its values."""
        return self.dual_coef.shape[1]

    def decision(self, points):
        """Values at new points, in original coordinates, shape (m, n_outputs)."""
        values = self.kernel.product(self.centers, self.dual_coef, self._transform(points))
        return values.astype(points.dtype, copy=False)

    def numeric_gradient(self, points):
        """Gradient at new points by their numeric coordinates, which come first, shape (n_outputs, m, >= n_numeric)."""
        gradient = self.kernel.gradient(self.centers, self.dual_coef, self._transform(points))
        return self.feature_matrix.pull_back_numeric(gradient)

    def written_out(self, widths):
        """The same function, in float64, of points whose categories are written out as numbers.

        So it is known between categories too, where `mean_gradient` looks. `widths` are those of the points that are
        written out, which matter to large machines.
        """
        centers = Points.of_numbers(self.centers.dense().astype(np.float64, copy=False))
        coef = self.dual_coef.astype(np.float64, copy=False)
        return replace(self, feature_matrix=self.feature_matrix.written_out(), centers=centers, dual_coef=coef)

    def mean_gradient(self, start, end):
        """Mean gradient along segments between points without categories, shape (n_outputs, m, n_coordinates)."""
        ends = (self._transform(points).numeric for points in (start, end))
        gradient = self.kernel.mean_gradient(self.centers.numeric, self.dual_coef, *ends)
        return self.feature_matrix.pull_back_numeric(gradient)

    def _transform(self, points):
        """New points in the coordinates of the feature matrix, in no more precision than centres have."""
        if self.centers.dtype == np.float32 and points.dtype != np.float32:
            points = in_precision(points, np.float32)
        return self.feature_matrix.transform(within_reach(points))

    def agop(self, sample, *, gram=None, center=False):
        """Average gradient outer product over training rows, in the blocks that M has.

        Parameters
        ----------
        sample : tuple (rows, weights)
            Rows by their places, or None for all, and their weights, which sum to one.
        gram : PairMatrix, default=None
            Sums of all pairs of centres, if they are at hand.
        center : bool, default=False
            Whether the mean gradient of each output is subtracted first.

        Returns
        -------
        tuple of ndarray
            O(n m d) operations for m rows.
        """
        return machine_agop(self, sample, self.feature_matrix.outer_products, gram, center)

    def full_agop(self, sample, *, center=False):
        """The same over all coordinates, whatever the form of M: d^2 numbers, O(m d (n + d)) operations."""

        def outer_product(gradient, weights):
            return (self.feature_matrix.full_outer_product(gradient, weights),)

        return machine_agop(self, sample, outer_product, None, center)[0]

    def astype(self, dtype):
        """The same machine in another precision."""
        return replace(self, centers=self.centers.astype(dtype), dual_coef=self.dual_coef.astype(dtype))

    @property
    def nbytes(self):
        """Size of its arrays in bytes."""
        arrays = [self.dual_coef, self.centers.numeric, self.centers.codes, *self.centers.levels]
        return sum(array.nbytes for array in [*arrays, *self.feature_matrix.roots])
