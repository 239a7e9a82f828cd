"""A local machine: the kernel machine of the rows of one leaf, as a task that is computed anywhere."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.linalg

from ..kernels import Kernel, Points
from ..kernels._pairs import PairMatrix
from ..recursion._bandwidth import adapt_bandwidth, bandwidth_rows
from ..recursion._ridge_choice import choose_ridge
from ..runtime._budget import N_BANDWIDTH_ROWS, N_RIDGE_ROWS
from ..solvers import CholeskyFactor, Weights


@dataclass(frozen=True, kw_only=True)
class LeafTask:
    """All that is needed to fit the machine of a leaf; nothing of other rows.

    Parameters
    ----------
    points : Points
        In the coordinates of the feature matrix.
    targets : ndarray of shape (n, n_outputs)
    weights : Weights
    kernel : Kernel
    adaptive : bool
        Whether the bandwidth is that of these points.
    alpha : float or None
        Ridge; None chooses one by rows left out.
    start : float
        Where that choice begins.
    held_out : ndarray of int of shape (s,)
        Rows for which it is asked what is predicted without all of them.
    held_targets : ndarray of shape (n, n_outputs)
        Targets from which that is predicted; those of the rows held out do not matter.
    beyond : Points
        Further rows for which the same is asked, which are not among those of the machine.
    seed : int
        Draws the rows that decide ridge and bandwidth.
    """

    points: Points
    targets: np.ndarray
    weights: Weights
    kernel: Kernel
    adaptive: bool
    alpha: float | None
    start: float
    held_out: np.ndarray
    held_targets: np.ndarray
    beyond: Points
    seed: int

    def __call__(self):
        """The machine of the leaf.

        Returns
        -------
        Leaf

        Notes
        -----
        n^3 / 3 operations and n^2 numbers in the precision of the points. Where the Gram matrix cannot be factored, not
        even with a jitter, ten times the ridge is taken, again and again, and `trouble` says so.
        """
        rng = np.random.RandomState(self.seed)
        gram = PairMatrix.empty(len(self.points), self.points.dtype)
        kernel = self._fill(gram, rng)
        alpha = self._choose_alpha(gram, rng) if self.alpha is None else self.alpha
        first, (factor, alpha) = alpha, self._factor(gram, kernel, alpha)
        n_outputs, trouble = self.targets.shape[1], factor.trouble
        coef, held_coef = np.split(factor.apply(np.hstack([self.targets, self.held_targets])), [n_outputs], axis=1)
        if alpha > first:
            trouble = (
                f"a leaf of {len(self.points)} rows took alpha={alpha:.1e} instead of {first:.1e}, with which its Gram "
                "matrix could not be factored: increase alpha."
            )
        predicted = self._held_out_predictions(factor, held_coef)
        return Leaf(
            bandwidth=kernel.bandwidth,
            alpha=alpha,
            coef=coef.astype(self.points.dtype),
            predicted=predicted,
            beyond=self._predictions_beyond(factor, kernel, predicted),
            trouble=trouble,
        )

    def _factor(self, gram, kernel, alpha):
        """The factor, and the ridge that it took."""
        while True:
            ridge = self.weights.ridge(alpha)
            try:
                return CholeskyFactor(gram.array, ridge, lambda: gram.fill_gram(kernel)), alpha
            except np.linalg.LinAlgError:
                if ridge.min() > len(gram):
                    raise  # not for want of a ridge
                alpha *= 10
                gram.fill_gram(kernel)

    def _fill(self, gram, rng):
        """Fill sums and Gram matrix; the kernel with its bandwidth."""
        kernel, points = self.kernel, self.points
        rows, weights = bandwidth_rows(self.weights.total, rng, N_BANDWIDTH_ROWS)
        if self.adaptive and kernel.sums_depend_on_bandwidth:
            kernel = adapt_bandwidth(kernel, gram, rows, weights, points)
        gram.fill_sums(kernel, points)
        if self.adaptive and not kernel.sums_depend_on_bandwidth:
            kernel = adapt_bandwidth(kernel, gram, rows, weights, points)
        gram.fill_gram(kernel)
        return kernel

    def _held_out_predictions(self, factor, coef):
        """``y_S - ((G^-1)_SS)^-1 c_S``, which does not depend on y_S: by the inverse of a matrix in blocks."""
        rows = self.held_out
        if not len(rows):
            return np.empty((0, coef.shape[1]))
        block = factor.inverse_block(rows).astype(np.float64)
        return self.held_targets[rows] - scipy.linalg.solve(block, coef[rows], assume_a="pos")

    def _predictions_beyond(self, factor, kernel, predicted):
        """By the machine without the rows held out: that of targets which for these are what it predicts."""
        if not len(self.beyond):
            return np.empty((0, self.targets.shape[1]))
        targets = self.held_targets.copy()
        targets[self.held_out] = predicted
        return kernel.product(self.points, factor.apply(targets), self.beyond).astype(np.float64)

    def _choose_alpha(self, gram, rng):
        rows = np.setdiff1d(np.arange(len(self.points)), self.held_out)
        if not len(rows):
            return self.start
        if len(rows) > N_RIDGE_ROWS:
            rows = np.sort(rng.choice(rows, N_RIDGE_ROWS, replace=False))
        return choose_ridge(gram.block(rows), self.targets[rows], self.weights[rows], self.start).alpha


@dataclass(frozen=True, kw_only=True)
class Leaf:
    """What the fit of a leaf has found.

    Attributes
    ----------
    bandwidth, alpha : float
    coef : ndarray of shape (n, n_outputs)
    predicted : ndarray of shape (s, n_outputs)
        For the rows held out, by a machine of the others.
    beyond : ndarray of shape (m, n_outputs)
        For the further rows, by the same.
    trouble : str or None
    """

    bandwidth: float
    alpha: float
    coef: np.ndarray
    predicted: np.ndarray
    beyond: np.ndarray
    trouble: str | None
