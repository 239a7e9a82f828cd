"""Feature matrices: the learned metric, in full, its diagonal, or one block for each group of coordinates."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np
import scipy.linalg

from ..kernels._points import Points, level_rows
from ..runtime._budget import PRODUCT_PIECE
from ..runtime._threads import Team
from ._spectral import metric_roots


@dataclass(frozen=True)
class FeatureMatrix(ABC):
    """A positive semidefinite matrix M, by which points x become x M^(1/2).

    With G the average gradient outer product (AGOP) divided by its largest entry, s the shrinkage and p the power,
    ``M^(1/2) = ((1 - s) G + s I)^p``; p = 1/2 makes M the normalised AGOP itself (arXiv 2212.13881, Algorithm 1).

    Parameters
    ----------
    roots : tuple of ndarray
        M^(1/2) in as many blocks as the form has. Symmetric matrices, or vectors for a diagonal.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from rfmlearn import RFMRegressor
    >>> matrix = RFMRegressor().fit(*load_diabetes(return_X_y=True)).machine_.feature_matrix
    >>> matrix.to_array().shape, 1 <= matrix.effective_rank() <= 10
    ((10, 10), True)
    """

    roots: tuple[np.ndarray, ...]

    @classmethod
    @abstractmethod
    def identity(cls, points: Points) -> FeatureMatrix:
        """The metric that knows nothing yet."""

    @abstractmethod
    def transform(self, points: Points) -> Points:
        """Points in the coordinates that a kernel compares, x M^(1/2)."""

    @abstractmethod
    def outer_products(self, gradient, weights) -> tuple[np.ndarray, ...]:
        """Blocks of ``sum_j w_j sum_l g_lj g_lj^T`` in the original coordinates.

        `gradient`, of shape (n_outputs, m, d), is with respect to transformed points; by the chain rule the
        gradient with respect to x is ``M^(1/2) g``.
        """

    def learn(self, agop, power, shrinkage):
        """Feature matrix of an AGOP given in blocks; the identity where the AGOP vanishes (a constant target)."""
        roots = metric_roots(agop, power, shrinkage)
        return type(self)(tuple(map(_identity_like, self.roots)) if roots is None else roots)

    def full_outer_product(self, gradient, weights) -> np.ndarray:
        """The same sum over all pairs of coordinates, whatever the form: d^2 numbers and m d^2 operations."""
        gram, edge = _weighted_gram(gradient, weights), 0
        for root in self.roots:
            block = slice(edge, edge := edge + len(root))
            if root.ndim == 1:
                gram[block] *= root[:, None]
                gram[:, block] *= root
            else:
                gram[block] = root @ gram[block]
                gram[:, block] = gram[:, block] @ root
        return gram

    def pull_back_numeric(self, gradient):
        """Gradient by the numeric coordinates, ``M^(1/2) g``, shape (n_outputs, m, at least n_numeric).

        Numeric coordinates come first, and whatever the form the first block of M covers them.
        """
        root = self.roots[0]
        gradient = gradient[:, :, : len(root)].astype(np.float64)
        return gradient * root if root.ndim == 1 else gradient @ root

    def written_out(self):
        """The same matrix for points whose categories are written out as numbers."""
        return self

    @property
    def blocks(self):
        """M in blocks."""
        return tuple(root**2 if root.ndim == 1 else root @ root for root in self.roots)

    def to_array(self):
        """M as one square array over all coordinates, d^2 numbers."""
        return blocks_to_array(self.blocks)

    def effective_rank(self):
        """``(tr M)^2 / tr M^2``: as many directions as matter, if all that matter were alike; 0 without coordinates."""
        blocks = self.blocks
        trace = sum(float(np.sum(block if block.ndim == 1 else np.diag(block))) for block in blocks)
        return trace**2 / _trace_of_product(blocks, blocks) if trace > 0 else 0.0

    def cosine(self, other):
        """Cosine of the angle between two matrices of one form, as vectors of their entries."""
        ours, theirs = self.blocks, other.blocks
        norms = np.sqrt(_trace_of_product(ours, ours) * _trace_of_product(theirs, theirs))
        return _trace_of_product(theirs, ours) / norms if norms > 0 else 1.0


class _DenseFeatureMatrix(FeatureMatrix):
    """One root over all coordinates; categories become indicator columns."""

    @classmethod
    def identity(cls, points):
        """The identity over all coordinates."""
        return cls((np.eye(points.n_coordinates),))

    def transform(self, points):
        """Dense points times the root."""
        return Points.of_numbers(_product(points.dense(), self.roots[0]))


class FullFeatureMatrix(_DenseFeatureMatrix):
    """Any positive semidefinite matrix over all coordinates; categories become indicator columns."""

    def outer_products(self, gradient, weights):
        """Gram matrix of the gradients, between two roots."""
        root = self.roots[0]
        return (root @ _weighted_gram(gradient, weights) @ root,)


class DiagonalFeatureMatrix(FeatureMatrix):
    """A weight for each coordinate."""

    @classmethod
    def identity(cls, points):
        """Ones."""
        return cls((np.ones(points.n_coordinates),))

    def transform(self, points):
        """Points with each coordinate times its root."""
        root = self.roots[0].astype(points.dtype, copy=False)
        numeric, *categorical = np.split(root, np.cumsum(points.widths[:-1]))
        levels = tuple(rows * part for rows, part in zip(points.levels, categorical, strict=True))
        return Points(points.numeric * numeric, points.codes, levels)

    def outer_products(self, gradient, weights):
        """Weighted squares of each coordinate's derivative."""
        squares = np.einsum("lmk,lmk,m->k", gradient, gradient, weights.astype(gradient.dtype), optimize=True)
        return (self.roots[0] ** 2 * squares.astype(np.float64),)


class BlockFeatureMatrix(FeatureMatrix):
    """One block for the numeric coordinates and one for each categorical column.

    The metric of a category is a table of distances between its levels, so kernels look the categorical part up
    instead of multiplying indicator columns.
    """

    @classmethod
    def identity(cls, points):
        """The identity of each block."""
        return cls(tuple(np.eye(width) for width in points.widths))

    def transform(self, points):
        """Numeric coordinates times their root, and for each category transformed levels."""
        numeric, *categorical = (root.astype(points.dtype, copy=False) for root in self.roots)
        levels = tuple(level_rows(rows) @ root for rows, root in zip(points.levels, categorical, strict=True))
        return Points(_product(points.numeric, numeric), points.codes, levels)

    def written_out(self):
        """One block of all: d^2 numbers."""
        return FullFeatureMatrix((scipy.linalg.block_diag(*self.roots),))

    def outer_products(self, gradient, weights):
        """Gram matrix of the gradients of each block, between two roots."""
        edges = np.cumsum([0, *(len(root) for root in self.roots)])
        return tuple(
            root @ _weighted_gram(gradient[:, :, a:b], weights) @ root
            for root, a, b in zip(self.roots, edges[:-1], edges[1:], strict=True)
        )


class ThinFeatureMatrix(_DenseFeatureMatrix):
    """A matrix of low rank r by a root that is not square, of shape (n_coordinates, r).

    ``M = root root^T``. Points have r coordinates then. It is made of one that was learned, and learns nothing itself.
    """

    def outer_products(self, gradient, weights):
        """Gram matrix of the gradients, between the root and its transpose."""
        return (self.full_outer_product(gradient, weights),)

    def full_outer_product(self, gradient, weights):
        """The same."""
        root = self.roots[0]
        return root @ _weighted_gram(gradient, weights) @ root.T

    def pull_back_numeric(self, gradient):
        """Gradient by all coordinates, of which the numeric ones come first."""
        return gradient.astype(np.float64) @ self.roots[0].T

    @property
    def blocks(self):
        """M in one block."""
        return (self.roots[0] @ self.roots[0].T,)


FORMS: dict[str, type[FeatureMatrix]] = {
    "full": FullFeatureMatrix,
    "diagonal": DiagonalFeatureMatrix,
    "block": BlockFeatureMatrix,
}


def blocks_to_array(blocks):
    """Square array with the blocks on its diagonal; vectors stand for diagonal blocks."""
    return scipy.linalg.block_diag(*(np.diag(block) if block.ndim == 1 else block for block in blocks))


def blocks_diagonal(blocks):
    """Diagonal of the same array, without the array."""
    return np.concatenate([block if block.ndim == 1 else np.diag(block) for block in blocks])


def _trace_of_product(ours, theirs):
    """``tr M N`` of two matrices in blocks."""
    return sum(float(np.vdot(a, b)) for a, b in zip(ours, theirs, strict=True))


def _identity_like(root):
    return np.ones_like(root) if root.ndim == 1 else np.eye(len(root))


def _weighted_gram(gradient, weights):
    rows = gradient.reshape(len(gradient) * len(weights), gradient.shape[-1])
    root = np.tile(np.sqrt(weights), len(gradient)).astype(rows.dtype)
    rows = rows * root[:, None]
    with Team():
        return (rows.T @ rows).astype(np.float64)


def _product(X, root):
    """``X root`` in the precision of X."""
    root, out = root.astype(X.dtype, copy=False), np.empty((len(X), root.shape[1]), dtype=X.dtype)
    with Team(X.size * root.shape[1] // 4) as team:
        team.share(lambda start, stop: np.matmul(X[start:stop], root, out=out[start:stop]), len(X), piece=PRODUCT_PIECE)
    return out
