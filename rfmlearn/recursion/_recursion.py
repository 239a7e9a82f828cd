"""The recursion of a recursive feature machine: solve, take gradients, form a new feature matrix."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Generator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ..kernels import Kernel, Points
from ..kernels._pairs import PairMatrix
from ..recursion._ridge_choice import choose_ridge
from ..runtime._trouble import warn_of_solution
from ..solvers import CholeskyFactor, NystromPreconditioner, conjugate_gradient, gram_product, ridge_diagonal
from ._agop import agop_rows, expansion_agop
from ._bandwidth import adapt_bandwidth, bandwidth_rows
from ._feature_matrix import FORMS, FeatureMatrix
from ._machine import RFMIterate

# From this many rows on, rounds that only learn the feature matrix are solved by conjugate gradients.
ITERATIVE_FROM = {"auto": 2500, "cg": 500, "cholesky": np.inf}
# From this many rows on, a float32 factor and its refinement are faster than a float64 factor, for kernels whose
# products with a vector are cheap.
MIXED_FROM = 6000
_MAX_RANK = 600
_INSPECTED_ROWS = 1000
_FIRST_RIDGE = 1e-2
_EXACT = 1e-8
_MAX_REFINEMENTS = 20


@dataclass(frozen=True)
class Recursion:
    """Training data and settings of the recursion.

    Parameters
    ----------
    points : Points
        Training points in original coordinates.
    targets : ndarray of shape (n, n_outputs)
    sample_weight : ndarray of shape (n,)
        Positive; weights of samples times weights of classes.
    kernel : Kernel
    adaptive : bool
        Whether every round sets the bandwidth to a multiple of the median distance.
    alpha : float or None
        Ridge; None has every round choose it by leave-one-out.
    alpha_scale : float
        The last, exact fit takes so many times the ridge.
    form : str
        A key of `FORMS`.
    agop_power, shrinkage : float
        As in `FeatureMatrix`.
    n_agop_samples : int or None
    center : bool
        Whether the mean gradient of each output is subtracted before outer products are averaged.
    iterative : bool
        Whether `rounds` solves by preconditioned conjugate gradients in float32.
    tol : float
        Their tolerance.
    mixed : bool
        Whether exact fits use a float32 factor and float64 refinement.
    rng : numpy.random.RandomState
    row_weight : ndarray of shape (n,), default=None
        Weights of samples alone: as many rows as each stands for, of which leave-one-out leaves out one. None means
        that classes are not weighted.
    n_ridge_rows : int, default=1500
        Rows on which ridges are compared, at most.
    n_bandwidth_rows : int, default=1000
        Rows whose pairs decide the bandwidth, at most.
    initial : FeatureMatrix, default=None
        That of round 0; None is the identity.
    """

    points: Points
    targets: np.ndarray
    sample_weight: np.ndarray
    kernel: Kernel
    adaptive: bool
    alpha: float | None
    alpha_scale: float
    form: str
    agop_power: float
    shrinkage: float
    n_agop_samples: int | None
    center: bool
    iterative: bool
    tol: float
    mixed: bool
    rng: np.random.RandomState
    row_weight: np.ndarray | None = None
    n_ridge_rows: int = 1500
    n_bandwidth_rows: int = 1000
    initial: FeatureMatrix | None = None

    # Drawn once, so that every round and the final fit look at the same rows.

    @cached_property
    def _bandwidth_rows(self):
        return bandwidth_rows(self.sample_weight, self.rng, self.n_bandwidth_rows)

    @cached_property
    def _agop_rows(self):
        return agop_rows(self.sample_weight, self.n_agop_samples, self.rng)

    @cached_property
    def _ridge_rows(self):
        """Rows on which ridges are compared."""
        n = len(self.points)
        return np.arange(n) if n <= self.n_ridge_rows else np.sort(self.rng.choice(n, self.n_ridge_rows, replace=False))

    @cached_property
    def _landmarks(self):
        """Rows whose columns precondition the system."""
        n = len(self.points)
        return np.sort(self.rng.choice(n, min(_MAX_RANK, n // 10), replace=False))

    def rounds(self, max_iter, feature_matrix=None) -> Generator[RFMIterate]:
        """Iterates 0 (the plain kernel) to `max_iter`; the last one is exact and keeps its factor.

        One round costs O(n^2 (d + rank)) by conjugate gradients, or O(n^3 / 3 + n^2 d) by a Cholesky factor, and the
        memory of one square array in all.
        """
        start, coef, pairs, alpha = time.perf_counter(), None, None, _FIRST_RIDGE
        feature_matrix = feature_matrix or self.initial or FORMS[self.form].identity(self.points)
        points = self.points.astype(np.float32) if self.iterative else self.points
        for n_iter in range(max_iter):
            pairs = _reuse(pairs, points)
            transformed = feature_matrix.transform(points)
            kernel, alpha, loss = self._fill(pairs, transformed, alpha)
            if self.iterative:
                result = self._solve_approximately(pairs, alpha, coef)
                coef, residual, solver = result.coef, result.residual, "cg"
            else:
                coef = CholeskyFactor(pairs, kernel, ridge_diagonal(alpha, self.sample_weight)).solve(self.targets)
                residual, solver = 0.0, "cholesky"
            shown = None if self.iterative else pairs
            metric = kernel, alpha, feature_matrix, transformed
            yield self._iterate(n_iter, *metric, coef, solver, residual, start, loss, pairs=shown)
            agop = expansion_agop(kernel, feature_matrix, transformed, coef, self._agop_rows, pairs, self.center)
            feature_matrix = feature_matrix.learn(agop, self.agop_power, self.shrinkage)
        if self.iterative and not self.mixed:
            pairs = None  # the exact fit needs the room
        yield self.solve(feature_matrix, max_iter, pairs, start, alpha)

    def solve(self, feature_matrix, n_iter, pairs=None, start=None, alpha=_FIRST_RIDGE, scale=None) -> RFMIterate:
        """Exact fit with a feature matrix, by a Cholesky factor: n^3 / 3 operations, n^2 numbers of memory.

        With `mixed`, the factor is one of float32, and conjugate gradients with the kernel in float64, preconditioned
        by it, bring ``|y - G c| / |y|`` below 1e-8; one step costs O(n^2 d). Where float32 cannot factor the matrix,
        float64 does.
        """
        start = time.perf_counter() if start is None else start
        scale = self.alpha_scale if scale is None else scale
        transformed = feature_matrix.transform(self.points)
        if self.mixed:
            with contextlib.suppress(np.linalg.LinAlgError):
                return self._solve_mixed(feature_matrix, transformed, n_iter, pairs, start, alpha, scale)
        pairs = _reuse(pairs, transformed)
        kernel, alpha, loss = self._fill(pairs, transformed, alpha)
        alpha *= scale
        factor = CholeskyFactor(pairs, kernel, ridge_diagonal(alpha, self.sample_weight))
        coef, metric = factor.solve(self.targets), (kernel, alpha, feature_matrix, transformed)
        return self._iterate(n_iter, *metric, coef, "cholesky", 0.0, start, loss, factor, pairs)

    def _solve_mixed(self, feature_matrix, transformed, n_iter, pairs, start, alpha, scale):
        single = transformed.astype(np.float32)
        pairs = _reuse(pairs, single)
        kernel, alpha, loss = self._fill(pairs, single, alpha)
        alpha *= scale
        ridge = ridge_diagonal(alpha, self.sample_weight)
        factor = CholeskyFactor(pairs, kernel, ridge, max_tries=0)

        def product(V):
            return kernel.symmetric_product(transformed, V) + ridge[:, None] * V

        result = conjugate_gradient(product, self.targets, factor.solve, tol=_EXACT, max_iter=_MAX_REFINEMENTS)
        if not result.converged:
            raise np.linalg.LinAlgError("float32 is not enough")
        metric = kernel, alpha, feature_matrix, transformed
        return self._iterate(n_iter, *metric, result.coef, "cholesky", result.residual, start, loss, factor, pairs)

    def _iterate(
        self,
        n_iter,
        kernel,
        alpha,
        feature_matrix,
        points,
        coef,
        solver,
        residual,
        start,
        loss,
        factor=None,
        pairs=None,
    ):
        """The record of a round. Where ``(K + R) c = y``, the errors on the training rows are ``R c``."""
        errors = ridge_diagonal(alpha, self.sample_weight)[:, None] * coef
        train_loss = float(np.average(np.einsum("ij,ij->i", errors, errors), weights=self.sample_weight))
        parts = n_iter, kernel, alpha, feature_matrix, points, coef, solver, residual, time.perf_counter() - start
        return RFMIterate(*parts, train_loss, loss, factor, pairs)

    def coef_at(self, iterate: RFMIterate, alpha):
        """Dual coefficients with another ridge in the metric of an exact round, while `rounds` stands at it."""
        assert iterate.pairs is not None, "an exact round has its pairs"
        iterate.pairs.fill_gram(iterate.kernel)
        factor = CholeskyFactor(iterate.pairs, iterate.kernel, ridge_diagonal(alpha, self.sample_weight))
        return factor.solve(self.targets)

    def agop(self, iterate: RFMIterate):
        """AGOP of the fitted function, one array over all coordinates whatever the form of its feature matrix.

        It decides nothing, so where rounds are approximate, 1,000 rows drawn at random and float32 will do.
        """
        points, coef, pairs, sample = iterate.points, iterate.dual_coef, iterate.pairs, self._agop_rows
        if self.iterative:
            points, coef, pairs = points.astype(np.float32), coef.astype(np.float32), None
            sample = agop_rows(self.sample_weight, _INSPECTED_ROWS, self.rng)
        full = iterate.feature_matrix.as_full()
        (agop,) = expansion_agop(iterate.kernel, full, points, coef, sample, pairs, self.center)
        return agop

    def _fill(self, pairs, transformed, alpha=_FIRST_RIDGE):
        """Sums and Gram matrix of the points; the kernel with its bandwidth, the ridge, and its leave-one-out loss."""
        kernel, (rows, weights) = self.kernel, self._bandwidth_rows
        if self.adaptive and kernel.sums_depend_on_bandwidth:
            kernel = adapt_bandwidth(kernel, pairs, rows, weights, transformed)
        pairs.fill_sums(kernel, transformed)
        if self.adaptive and not kernel.sums_depend_on_bandwidth:
            kernel = adapt_bandwidth(kernel, pairs, rows, weights, transformed)
        pairs.fill_gram(kernel)
        if self.alpha is not None:
            return kernel, self.alpha, None
        data = self.targets, self.sample_weight, self._ridge_rows
        return kernel, *choose_ridge(pairs, kernel, *data, alpha, self.row_weight)

    def _solve_approximately(self, pairs, alpha, start):
        array, ridge = pairs.array, ridge_diagonal(alpha, self.sample_weight)
        precondition = NystromPreconditioner(array, ridge, self._landmarks)
        targets = self.targets.astype(array.dtype)
        result = conjugate_gradient(gram_product(array, ridge), targets, precondition, start, self.tol)
        if not result.converged:
            warn_of_solution(
                f"conjugate gradients stopped after {result.n_iter} steps at residual {result.residual:.1e}, above "
                f'tol={self.tol:.1e}: increase alpha (here {alpha:.1e}) or take solver="cholesky".'
            )
        return result


def _reuse(pairs, points):
    """The pair matrix at hand if it has the precision of the points, or else a new one."""
    if pairs is not None and pairs.array.dtype == points.dtype:
        return pairs
    return PairMatrix.empty(len(points), points.dtype)
