"""The recursion for losses other than squared error: each round is a few weighted ridge systems."""

from __future__ import annotations

import time
from collections.abc import Generator
from dataclasses import dataclass, fields
from typing import ClassVar

import numpy as np

from ..kernels._pairs import PairMatrix
from ..runtime._budget import EXACT_GAIN, LEARNING_GAIN
from ..solvers import FactorableGram, left_out_decisions, minimize
from ._feature_matrix import FORMS
from ._loss_ridges import choose_ridges, columns_of
from ._machine import Machine
from ._recursion import Recursion, reuse
from ._round import Round, Workspace


class _FirstRounds(Recursion):
    """Rounds of squared error that learn features for another loss."""

    is_preliminary: ClassVar[bool] = True


@dataclass(frozen=True, kw_only=True)
class LossRecursion(Recursion):
    """Rounds whose machines minimise ``sum_i w_i l(y_i, f(x_i)) + alpha / 2 |f|^2`` for any convex loss l.

    Parameters
    ----------
    loss : Loss
    """

    loss: object

    @classmethod
    def of(cls, recursion: Recursion, loss):
        """That of the same rows and settings."""
        shared = {entry.name: getattr(recursion, entry.name) for entry in fields(recursion)}
        return cls(**shared, loss=loss)

    def rounds(self, max_iter) -> Generator[Round]:
        """Rounds 0 (the plain kernel) to `max_iter`, of which the last is solved to rounding.

        Features are learned by squared error first, which costs less and finds more, and in the round before the last
        by the loss.
        """
        start = time.perf_counter()
        squared = self._with_squared_error()
        matrix, _, room = yield from squared.learning_rounds(max(max_iter - 1, 0), start)
        points = self.points.astype(np.float32) if self.is_quick or self.plan.iterative else self.points
        gram, alpha, decisions = reuse(room.pop(), points), None, None
        loss = self.loss.adapted(self.targets, self.weights.total)
        if max_iter:
            current = self._solve(matrix, max_iter - 1, points, gram, start, alpha, decisions, loss, LEARNING_GAIN)
            yield current
            agop = current.machine.agop(self.draws.agop, gram=gram, center=self.center)
            matrix = matrix.learn(agop, self.agop_power, self.shrinkage)
            alpha, loss = current.alpha, current._workspace.choice.loss
            decisions = np.hstack([part.decision for part in current._workspace.factor])
        if points.dtype != self.points.dtype:
            gram = PairMatrix.empty(len(points), self.points.dtype)
        yield self._solve(matrix, max_iter, self.points, gram, start, alpha, decisions, loss, EXACT_GAIN)

    def _with_squared_error(self):
        """The recursion over the same rows that minimises squared error."""
        targets = self.targets - np.average(self.targets, axis=0, weights=self.weights.total)
        if np.allclose(targets, targets[:, :1]):  # quantiles of one target
            targets = targets[:, :1]
        shared = {entry.name: getattr(self, entry.name) for entry in fields(Recursion)}
        return _FirstRounds(**{**shared, "targets": targets})

    def solve(self, matrix, n_iter, *, gram=None, start=None, alpha=None) -> Round:
        """Fit with a feature matrix, to rounding."""
        start = time.perf_counter() if start is None else start
        if gram is None or gram.array.dtype != self.points.dtype:
            gram = PairMatrix.empty(len(self.points), self.points.dtype)
        loss = self.loss.adapted(self.targets, self.weights.total)
        return self._solve(matrix, n_iter, self.points, gram, start, alpha, None, loss, EXACT_GAIN)

    def _solve(self, matrix, n_iter, points, gram, start, alpha, decisions, loss, gain):
        centers = matrix.transform(points)
        kernel = self._fill_gram(gram, centers)
        rows = self.draws.ridge
        choice = choose_ridges(
            gram.block(rows).astype(np.float64, copy=False), loss, self.targets[rows], self.weights[rows], alpha, given=self.alpha
        )
        square = FactorableGram(gram.array, lambda: gram.fill_gram(kernel))
        parts = []
        for columns, ridge_alpha in zip(columns_of(choice.loss, self.targets), choice.alphas, strict=True):
            begin = self._beginning(decisions, choice, columns)
            ridge = self.weights.ridge(ridge_alpha)
            parts.append(
                minimize(square, choice.loss.columns(columns), self.targets[:, columns], ridge, begin, gain)
            )
        square.restore()
        dual_coef = np.hstack([part.coef for part in parts]).astype(points.dtype)
        machine = Machine(kernel=kernel, feature_matrix=matrix, centers=centers, dual_coef=dual_coef)
        decisions = np.hstack([part.decision for part in parts])
        trouble = tuple(dict.fromkeys(part.trouble for part in parts if part.trouble))
        return Round(
            n_iter=n_iter,
            machine=machine,
            alpha=choice.alpha,
            solver="newton",
            residual=max(part.decrement for part in parts),
            seconds=time.perf_counter() - start,
            train_loss=self.weights.mean(choice.loss.value(decisions, self.targets)),
            leave_one_out_loss=choice.left_out_loss,
            trouble=trouble,
            _workspace=Workspace(gram=gram, choice=choice, factor=parts),
        )

    def _beginning(self, decisions, choice, columns):
        """Decisions to start with: those of the round before, or of the choice of the ridge among all rows."""
        if len(self.draws.ridge) == len(self.points):
            return choice.decision[:, columns]
        return None if decisions is None else decisions[:, columns]

    def finish(self, best: Round, is_latest) -> Round:
        """The round that is kept, solved to rounding."""
        if is_latest and best.residual <= EXACT_GAIN and best.machine.dual_coef.dtype == self.points.dtype:
            return best
        return self.solve(best.machine.feature_matrix, best.n_iter, alpha=best.alpha)

    def left_out_decisions(self, final: Round):
        """Rows, and what is predicted for them by machines that have not seen them, nearly: a Newton step away."""
        rows, workspace = self.draws.calibration, final._workspace
        everything = np.arange(len(self.points))
        square = FactorableGram(workspace.gram.array, lambda: workspace.gram.fill_gram(final.machine.kernel))
        square.gram_is_gone()
        decisions = [left_out_decisions(square, part, self.weights, rows) for part in workspace.factor]
        square.restore()
        return everything if rows is None else rows, np.hstack(decisions)
