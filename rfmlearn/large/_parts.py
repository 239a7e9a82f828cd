"""The parts of a large machine, and their sum as a function of points."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ..kernels import Kernel, Points
from ..kernels._reach import in_precision
from ..recursion._feature_matrix import FeatureMatrix
from ..runtime._budget import GRADIENT_ENTRIES
from ._tree import Tree, WrittenOutTree


@dataclass(frozen=True, kw_only=True)
class GlobalPart:
    """An expansion in landmarks.

    Parameters
    ----------
    rows : ndarray of int of shape (m,)
        Places of the landmarks among the centres.
    coef : ndarray of shape (m, n_outputs)
    alpha : float
        Ridge.
    share : float
        Its weight in the sum.
    """

    rows: np.ndarray
    coef: np.ndarray
    alpha: float
    share: float

    def pieces(self, kernel, leaves):
        """The only machine that there is, for all rows."""
        yield slice(None), kernel, self.rows, self.coef


@dataclass(frozen=True, kw_only=True)
class LocalPart:
    """One machine for each leaf of a tree.

    Parameters
    ----------
    tree : Tree
    rows : ndarray of int of shape (n,)
        Places of the rows of all leaves among the centres, one leaf after another.
    starts : ndarray of int of shape (n_leaves + 1,)
        Where each leaf begins in `rows`.
    coef : ndarray of shape (n, n_outputs)
        In the order of `rows`.
    bandwidths, alphas : ndarray of shape (n_leaves,)
    share : float
        Its weight in the sum.
    most : int
        Rows of a leaf beyond so many, which nothing tells apart from those before, have coefficients of zero.
    """

    tree: Tree
    rows: np.ndarray
    starts: np.ndarray
    coef: np.ndarray
    bandwidths: np.ndarray
    alphas: np.ndarray
    share: float
    most: int

    def leaves_of_centers(self):
        """The leaf of each centre, shape (n,)."""
        leaves = np.empty(len(self.rows), dtype=np.intp)
        leaves[self.rows] = np.repeat(np.arange(len(self.starts) - 1), np.diff(self.starts))
        return leaves

    def pieces(self, kernel, leaves):
        """For each leaf that is met, the places of its rows among `leaves`, and its machine."""
        if not len(leaves):
            return
        order = np.argsort(leaves, kind="stable")
        met, first = np.unique(leaves[order], return_index=True)
        for leaf, places in zip(met, np.split(order, first[1:]), strict=True):
            start = self.starts[leaf]
            part = slice(start, min(start + self.most, self.starts[leaf + 1]))
            yield places, kernel.with_bandwidth(float(self.bandwidths[leaf])), self.rows[part], self.coef[part]


@dataclass(frozen=True, kw_only=True)
class LargeMachine:
    """A machine of many rows: the weighted sum of a global machine and of trees of local ones, in one learned metric.

    It stands where a `rfmlearn.recursion.Machine` does.

    Parameters
    ----------
    kernel : Kernel
        With the bandwidth of the global machine; leaves have their own.
    feature_matrix : FeatureMatrix
        M, which all parts share.
    centers : Points
        All training rows in the coordinates of the feature matrix, of which the parts know the places.
    parts : tuple of GlobalPart and LocalPart

    Examples
    --------
    >>> import numpy as np
    >>> from rfmlearn import RFMRegressor
    >>> X = np.random.default_rng(0).standard_normal((1000, 4))
    >>> machine = RFMRegressor(solver="two_level").fit(X, X[:, 0]).machine_
    >>> [type(part).__name__ for part in machine.parts][:2]
    ['GlobalPart', 'LocalPart']
    """

    kernel: Kernel
    feature_matrix: FeatureMatrix
    centers: Points
    parts: tuple[GlobalPart | LocalPart, ...]

    @property
    def n_outputs(self):
        return self.parts[0].coef.shape[1]

    def decision(self, points):
        """Values at new points, in original coordinates, shape (m, n_outputs)."""
        dtype, points = points.dtype, in_precision(points, self.centers.dtype)
        return self.decision_in(*self._leaves_and_coordinates(points)).astype(dtype, copy=False)

    def decision_in(self, leaves, Z):
        """Values at points in the coordinates of the feature matrix, of which the leaf of each part is known."""
        out = np.zeros((len(Z), self.n_outputs))
        for places, share, kernel, rows, coef, part in self._pieces_of(leaves, Z):
            out[places] += share * kernel.product(self.centers[rows], coef, part, dtype=np.float64)
        return out

    def gradient_at_centers(self, rows):
        """Gradient by transformed coordinates at training rows, shape (n_outputs, m, d)."""
        return self._gradient(self._pieces_at_centers(rows), len(rows))

    def numeric_gradient(self, points):
        """Gradient at new points by their numeric coordinates, which come first, shape (n_outputs, m, >= n_numeric)."""
        points = in_precision(points, self.centers.dtype)
        pieces = self._pieces_of(*self._leaves_and_coordinates(points))
        return self.feature_matrix.pull_back_numeric(self._gradient(pieces, len(points)))

    def written_out(self, widths):
        """The same function, in float64, of points whose categories are written out, as `Machine.written_out`."""
        centers = Points.of_numbers(self.centers.dense().astype(np.float64, copy=False))
        parts = [
            replace(part, tree=WrittenOutTree.of(part.tree, widths, self.centers.dtype))
            if isinstance(part, LocalPart)
            else part
            for part in self.parts
        ]
        matrix = self.feature_matrix.written_out()
        return replace(self, feature_matrix=matrix, centers=centers, parts=tuple(parts))

    def mean_gradient(self, start, end):
        """Mean gradient along segments between points without categories, in the leaves of their middles."""
        A, B = (self.feature_matrix.transform(in_precision(points, np.float64)).numeric for points in (start, end))
        middle = Points.of_numbers((start.numeric + end.numeric) / 2)
        gradient = np.zeros((self.n_outputs, len(middle), self.centers.n_coordinates))
        leaves = self._leaves(middle)
        for places, share, kernel, rows, coef, _ in self._pieces_of(leaves, middle):
            part = kernel.mean_gradient(self.centers.numeric[rows], coef, A[places], B[places])
            gradient[:, places] += share * part
        return self.feature_matrix.pull_back_numeric(gradient)

    def agop(self, sample, *, gram=None, center=False):
        """Average gradient outer product over training rows, in the blocks that M has, as `Machine.agop`."""
        return self._agop(sample, self.feature_matrix.outer_products, center)

    def full_agop(self, sample, *, center=False):
        """The same over all coordinates, whatever the form of M."""

        def outer_product(gradient, weights):
            return (self.feature_matrix.full_outer_product(gradient, weights),)

        return self._agop(sample, outer_product, center)[0]

    def _agop(self, sample, outer_products, center):
        rows, weights = sample
        rows = np.arange(len(self.centers)) if rows is None else rows
        if center:
            gradient = self.gradient_at_centers(rows)
            gradient -= np.einsum("lmk,m->lk", gradient, weights.astype(gradient.dtype))[:, None]
            return outer_products(gradient, weights)
        step = max(1, GRADIENT_ENTRIES // (self.n_outputs * max(1, self.centers.n_coordinates)))
        total = None
        for start in range(0, len(rows), step):
            part = slice(start, start + step)
            gradient = self.gradient_at_centers(rows[part])
            blocks = outer_products(gradient, weights[part])
            total = blocks if total is None else tuple(a + b for a, b in zip(total, blocks, strict=True))
        return total

    def _gradient(self, pieces, n_rows):
        """Gradient by transformed coordinates, shape (n_outputs, m, d)."""
        gradient = np.zeros((self.n_outputs, n_rows, self.centers.n_coordinates), dtype=self.centers.dtype)
        for places, share, kernel, rows, coef, Z in pieces:
            gradient[:, places] += self.centers.dtype.type(share) * kernel.gradient(self.centers[rows], coef, Z)
        return gradient

    def _leaves_and_coordinates(self, points):
        """Of new points the leaf in each part, and the coordinates of the feature matrix."""
        return self._leaves(points), self.feature_matrix.transform(points)

    def _leaves(self, points):
        return [part.tree.leaves(points) if isinstance(part, LocalPart) else None for part in self.parts]

    def _pieces_at_centers(self, rows):
        """The same at training rows, whose leaves are known."""
        leaves = [part.leaves_of_centers()[rows] if isinstance(part, LocalPart) else None for part in self.parts]
        return self._pieces_of(leaves, self.centers[rows])

    def _pieces_of(self, leaves, Z):
        for part, found in zip(self.parts, leaves, strict=True):
            if part.share == 0:
                continue
            for places, kernel, rows, coef in part.pieces(self.kernel, found):
                yield places, part.share, kernel, rows, coef, Z[places]

    def astype(self, dtype):
        """The same machine: its precision is that of its centres."""
        return self

    def with_shares(self, shares):
        """The same parts with other weights; those of weight zero are dropped."""
        kept = [replace(part, share=float(share)) for part, share in zip(self.parts, shares, strict=True) if share > 0]
        return replace(self, parts=tuple(kept))

    @property
    def nbytes(self):
        """Size of its arrays in bytes."""
        arrays = [self.centers.numeric, self.centers.codes, *self.centers.levels, *self.feature_matrix.roots]
        size = sum(array.nbytes for array in arrays)
        for part in self.parts:
            size += part.rows.nbytes + part.coef.nbytes
            size += part.tree.nbytes if isinstance(part, LocalPart) else 0
        return size
