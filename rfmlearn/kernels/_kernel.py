"""The contract of a kernel, and what follows from it: Gram matrices, products and gradients, tile by tile."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass, fields, replace
from numbers import Real
from typing import ClassVar

import numpy as np

from ..runtime._budget import PRODUCT_PIECE, PairBudget
from ..runtime._threads import Team
from ._pairs import PairMatrix
from ._points import as_points
from ._reach import check_prepared
from ._segments import mean_by_nodes, segments
from ._tiles import GradientAccumulator, Prepared, Workspace, coef_columns, tiles


class Profile(ABC):
    """A function of the sum over coordinates: kernel values, and weights of gradients.

    Every method writes a range of rows that is its own, so that ranges can run in threads.
    """

    @abstractmethod
    def value_rows(self, start, stop, S, K):
        """Kernel values of sums, both C-contiguous; K may be S."""

    @abstractmethod
    def fill_lower(self, start, stop, A):
        """Kernel values on the diagonal of A and below it from the sums above, for ranges of blocks of `BLOCK` rows."""

    @abstractmethod
    def weight_rows(self, start, stop, S, row, column, upper, same, W):
        """Weights of the tile of S that begins at (row, column), and has the shape of W, which is C-contiguous.

        A weight is what a pair's gradient needs beside the derivative of its coordinates. It is zero for sums up to
        `same`, where kernels may have a cusp, and with `upper` on and left of the diagonal of S, where there are none.
        """


@dataclass(frozen=True)
class Kernel(ABC):
    """A positive definite function of two points, immutable, with its gradient in closed form.

    Kernels act on points as they are given; feature learning transforms the points before. A kernel is a sum over
    coordinates of a function of their differences, and a profile of that sum: subclasses say what both are, and the
    Gram matrix, the product with a vector and the gradient follow here, tile by tile, in memory of
    O(tile) beside the result. For one of your own begin with `RadialKernel`, which leaves one function to be written.

    Parameters
    ----------
    bandwidth : float, default=10.0
        L > 0, in units of transformed distance.

    Examples
    --------
    >>> from rfmlearn.kernels import Kernel, ProductLaplaceKernel
    >>> kernel = ProductLaplaceKernel(bandwidth=2.0)
    >>> isinstance(kernel, Kernel), kernel.with_bandwidth(3.0).bandwidth
    (True, 3.0)
    """

    bandwidth: float = 10.0

    # Whether `sums` change with the bandwidth, so that the median of distances has to come from another kernel's.
    sums_depend_on_bandwidth: ClassVar[bool] = False
    # Whether products with a vector are matrix products, so that refining a float32 solution is cheap.
    has_cheap_products: ClassVar[bool] = False
    _loops_over_coordinates: ClassVar[bool] = False
    # How pairs are worked through, which changes results by rounding at most.
    budget: ClassVar[PairBudget] = PairBudget()

    def __post_init__(self):
        for parameter in fields(self):
            if parameter.type in (float, "float"):
                # NumPy scalars of other types would carry their own arithmetic into the formulas.
                object.__setattr__(self, parameter.name, as_real(parameter.name, getattr(self, parameter.name)))
        if not 1e-100 <= self.bandwidth <= 1e100:
            raise ValueError(f"bandwidth must be a positive number between 1e-100 and 1e100, got {self.bandwidth!r}.")

    @property
    def is_smooth(self):
        """Whether Gram matrices are nearly singular, so that float32 has too few digits for them."""
        return self.has_cheap_products and getattr(self, "exponent", 2.0) > 1.5

    def with_bandwidth(self, bandwidth):
        """The same kernel with another bandwidth, a length in units of transformed distance."""
        return replace(self, bandwidth=float(bandwidth))

    # What subclasses say -------------------------------------------------------------------------------------

    @property
    def median_multiple(self):
        """Bandwidth that is a good guess, in units of the median distance."""
        return 1.0

    @abstractmethod
    def profile(self, n_coordinates: int) -> Profile:
        """Kernel as a function of the sum over coordinates."""

    @abstractmethod
    def sum_pass(self, z: Prepared, x: Prepared, out, row=0, column=0, upper=False):
        """Function of ``(start, stop)`` that writes the sums of pairs of a range of z's rows and all of x.

        They go to ``out[row + start : row + stop, column:]``; with `upper`, only what lies right of the diagonal of
        `out` counts. Threads take ranges of their own.
        """

    @abstractmethod
    def same_sum(self, lengths) -> float:
        """Sum up to which points are the same, that of differences by `same_lengths` in every coordinate."""

    @abstractmethod
    def distances(self, sums, n_coordinates):
        """Lengths that belong to sums, those to which `bandwidth` is compared."""

    @abstractmethod
    def accumulator(self, z: Prepared, x: Prepared, z_coef, x_coef) -> GradientAccumulator:
        """Collector of the gradient of an expansion, fed with tiles of weights."""

    def bandwidth_proxy(self) -> Kernel:
        """Kernel whose distances the median is taken of; another one where sums depend on the bandwidth."""
        return self

    def team(self, n_pairs, x: Prepared):
        """Threads for so many pairs."""
        per_pair = 4 + len(x.tables) + 2 * x.points.numeric.shape[1] * self._loops_over_coordinates
        return Team(n_pairs * per_pair, worth_a_thread=self.budget.worth_a_thread)

    # What follows ----------------------------------------------------------------------------------------------

    def __call__(self, X, Z=None):
        """Gram matrix ``K[i, j] = k(z_i, x_j)``, shape (len(Z), len(X)); of X with itself if Z is None.

        Parameters
        ----------
        X : array-like of shape (n, d) or Points
            Centres.
        Z : array-like of shape (m, d) or Points, default=None
            Points of evaluation. None means X: half the work, and an exactly symmetric result.

        Returns
        -------
        ndarray of shape (m, n)
            float32 if X is, else float64. Cost O(m n d) time, no memory beside the result.
        """
        X = as_points(X)
        if Z is None:
            pairs = PairMatrix.empty(len(X), X.dtype)
            pairs.fill_sums(self, X)
            pairs.fill_gram(self)
            return pairs.symmetric_gram()
        Z = as_points(Z).astype(X.dtype)
        z, x = self.prepare(Z, X)
        K = np.empty((len(Z), len(X)), dtype=X.dtype)
        profile = self.profile(X.n_coordinates)
        with self.team(K.size, x) as team:
            for rows, columns in tiles(len(Z), len(X), self.budget.tile):
                team.share(self.sum_pass(z[rows], x[columns], K, rows.start, columns.start), rows.stop - rows.start)
            team.share(profile.value_rows, len(Z), K, K)
        return K

    def product(self, X, coef, Z, dtype=None):
        """Expansion ``f_l(z_j) = sum_i coef[i, l] k(x_i, z_j)`` without its Gram matrix, shape (len(Z), n_outputs).

        Sums have the precision of X, or another that is asked for: in float64 they do not depend on what else is
        computed at the same time.
        """
        X = as_points(X)
        Z = as_points(Z).astype(X.dtype)
        z, x = self.prepare(Z, X)
        dtype = X.dtype if dtype is None else dtype
        coef = coef_columns(coef, X).astype(dtype, copy=False)
        profile = self.profile(X.n_coordinates)
        out = np.zeros((len(Z), coef.shape[1]), dtype=dtype)
        workspace = Workspace(len(Z), len(X), self.budget.tile, X.dtype)

        def work_off(start, stop, write_sums, K, columns, target):
            write_sums(start, stop)
            profile.value_rows(start, stop, K, K)
            target[start:stop] += K[start:stop].astype(dtype, copy=False) @ coef[columns]

        with self.team(len(Z) * len(X), x) as team:
            for rows, columns in tiles(len(Z), len(X), self.budget.tile):
                K = workspace.tile(rows, columns)
                team.share(work_off, len(K), self.sum_pass(z[rows], x[columns], K), K, columns, out[rows])
        return out

    def symmetric_product(self, X, coef):
        """Expansion at its own centres, ``K coef``: every pair once, and no Gram matrix either."""
        X = as_points(X)
        n, x = len(X), self.prepare(X, X)[1]
        coef = coef_columns(coef, X)
        profile = self.profile(X.n_coordinates)
        out = np.zeros_like(coef)
        workspace = Workspace(n, n, self.budget.tile, X.dtype)

        def right(start, stop, write_sums, K, columns, target):
            write_sums(start, stop)
            profile.value_rows(start, stop, K, K)
            target[start:stop] += K[start:stop] @ coef[columns]

        def below(start, stop, K, rows, target):
            target[start:stop] += K[:, start:stop].T @ coef[rows]

        with self.team(n * n // 2, x) as team:
            for rows, columns in tiles(n, n, self.budget.tile, upper=True):
                K = workspace.tile(rows, columns)
                team.share(right, len(K), self.sum_pass(x[rows], x[columns], K), K, columns, out[rows])
                beyond = max(columns.start, rows.stop)
                if beyond < columns.stop:
                    K = K[:, beyond - columns.start :]
                    team.share(below, K.shape[1], K, rows, out[beyond : columns.stop], piece=PRODUCT_PIECE)
        return out

    def gradient(self, X, coef, Z):
        """Gradient of the expansion with respect to the point of evaluation.

        Parameters
        ----------
        X : array-like of shape (n, d) or Points
            Centres x_i.
        coef : array-like of shape (n,) or (n, n_outputs)
            Dual coefficients: ``f_l(z) = sum_i coef[i, l] k(x_i, z)``.
        Z : array-like of shape (m, d) or Points
            Points of evaluation.

        Returns
        -------
        ndarray of shape (n_outputs, m, d)
            ``[l, j]`` is the gradient of f_l at z_j. Pairs at distance zero, where the kernel may have a cusp,
            contribute nothing. O(m n d n_outputs) time; memory of a tile beside the result.
        """
        X = as_points(X)
        Z = as_points(Z).astype(X.dtype)
        z, x = self.prepare(Z, X)
        coef = np.ascontiguousarray(coef_columns(coef, X).T)
        collect = self.accumulator(z, x, None, coef)
        profile, same = self.profile(X.n_coordinates), self.same_sum(x.same)
        workspaces = [Workspace(len(Z), len(X), self.budget.tile, X.dtype) for _ in range(2)]

        def work_off(start, stop, write_sums, S, W):
            write_sums(start, stop)
            profile.weight_rows(start, stop, S, 0, 0, False, same, W)

        with self.team(len(Z) * len(X), x) as team:
            for rows, columns in tiles(len(Z), len(X), self.budget.tile):
                S, W = (workspace.tile(rows, columns) for workspace in workspaces)
                team.share(work_off, len(S), self.sum_pass(z[rows], x[columns], S), S, W)
                collect.add(team, rows, columns, W)
        return collect.gradient()

    def mean_gradient(self, X, coef, A, B):
        """Mean gradient of the expansion along the straight segments from points A to points B.

        Parameters
        ----------
        X : array-like of shape (n, d)
            Centres.
        coef : array-like of shape (n,) or (n, n_outputs)
            Dual coefficients.
        A, B : array-like of shape (m, d)
            Both ends of each segment.

        Returns
        -------
        ndarray of float64 of shape (n_outputs, m, d)
            ``[l, j]`` times ``B[j] - A[j]``, summed over coordinates, is the change of f_l from A_j to B_j: for kernels
            of coordinate-wise powers to rounding, for others to fourth order in the length of the segment. By
            coordinates that do not move it may be zero.
        """
        return mean_by_nodes(self, *segments(X, coef, A, B))

    def prepare(self, Z, X):
        """Both sets as the loops want them, from a common origin: subtracting it keeps the digits of distances."""
        if Z.n_coordinates != X.n_coordinates:
            raise ValueError(f"Z has {Z.n_coordinates} coordinates, but X has {X.n_coordinates}.")
        with np.errstate(over="ignore", invalid="ignore"):  # what is too large is told of below
            origin = X.numeric.mean(axis=0, dtype=np.float64).astype(X.dtype) if len(X) else 0
            x = Prepared.of(X, origin, self)
            z = x if Z is X else Prepared.of(Z, origin, self, x.tables)
        for side in (x, z):
            check_prepared(self.bandwidth, X.dtype, side.norms)
        return z, x

    def tables(self, levels):
        """One table a categorical column: the sums of all pairs of its levels."""
        return tuple(self._table(rows) if rows.ndim == 2 else self._unit_table(rows) for rows in levels)

    def _table(self, rows):
        table = np.zeros((len(rows), len(rows)), dtype=rows.dtype)
        if rows.shape[1]:
            points = Prepared.plain(rows)
            self.sum_pass(points, points, table)(0, len(rows))
        return table

    def _unit_table(self, lengths):
        """The same for categories with a coordinate of their own: pairs differ in two coordinates at most."""
        one, origin = np.zeros((len(lengths) + 1, 1), dtype=lengths.dtype), np.zeros((1, 1), dtype=lengths.dtype)
        excess = one.copy()
        one[:-1, 0] = lengths
        equal = excess[-1:].copy()
        self.sum_pass(Prepared.plain(origin), Prepared.plain(origin), equal)(0, 1)
        self.sum_pass(Prepared.plain(one), Prepared.plain(origin), excess)(0, len(one))
        excess -= equal
        table = len(lengths) * equal + excess + excess.T
        np.fill_diagonal(table, len(lengths) * equal[0, 0])
        return table


def as_real(name, value):
    """A parameter as a float; TypeError if it is no real number, ValueError if it is nan or infinite."""
    if isinstance(value, bool) or not isinstance(value, Real):
        raise TypeError(f"{name} must be a real number, got {value!r}.")
    if not math.isfinite(value):
        raise ValueError(f"{name} must be finite, got {value!r}.")
    return float(value)
