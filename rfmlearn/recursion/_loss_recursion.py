"""The recursion for losses other than squared error: each round is a few weighted ridge systems."""

from __future__ import annotations

import time
from collections.abc import Generator
from dataclasses import dataclass, fields
from typing import ClassVar

import numpy as np

from ..runtime._loss_budget import EXACT_GAIN, LEARNING_GAIN, N_LOSS_LEARNING_ROWS, SMALLEST_LOSS_RIDGE
from ..solvers import FactorableGram, Pointwise, left_out_decisions, minimize
from ._deviation import NoDeviation
from ._loss_ridges import choose_ridges, columns_of, ridges_of
from ._machine import Machine
from ._packed_recursion import on_sample
from ._recursion import Recursion, reuse
from ._round import Round, Workspace


class _FirstRounds(Recursion):
    """Rounds of squared error that learn features for another loss."""

    is_preliminary: ClassVar[bool] = True


@dataclass(frozen=True, kw_only=True)
class LossRecursion(Recursion):
    """Rounds whose machines minimise ``sum_i w_i l(y_i, f(x_i)) + alpha / 2 |f|^2`` for any convex loss l.

    Features are learned by squared error first, which costs less and finds more, and in the round before the last by
    the loss.

    Parameters
    ----------
    loss : Loss
    sample : LossRecursion, default=None
        Over these rows features are learned by the loss; None is all.
    """

    loss: Pointwise
    sample: LossRecursion | None = None
    n_rounds_to_finish: ClassVar[float] = 6.0

    @classmethod
    def of(cls, recursion: Recursion, loss, rng):
        """That of the same rows and settings."""
        shared = {entry.name: getattr(recursion, entry.name) for entry in fields(recursion)}
        sample = None
        if len(recursion.points) > N_LOSS_LEARNING_ROWS:
            sample = cls.of(on_sample(recursion, rng, N_LOSS_LEARNING_ROWS), loss, rng)
        return cls(**shared, loss=loss, sample=sample)

    def rounds(self, max_iter) -> Generator[Round]:
        """Rounds 0 (the plain kernel) to `max_iter`, of which the last is solved to rounding."""
        start, first = time.perf_counter(), None
        squared = self._with_squared_error()
        matrix, _, room = yield from squared.learning_rounds(max(max_iter - 1, 0), start)
        gram = room.pop()
        if max_iter:
            learner = self if self.sample is None else self.sample
            points = learner.points.astype(np.float32) if learner.is_quick else learner.points
            first = learner._solve(matrix, max_iter - 1, points, start=start, gain=LEARNING_GAIN, gram=gram)
            yield first
            agop = first.machine.agop(learner.draws.agop, gram=first._workspace.gram, center=self.center)
            matrix = matrix.learn(agop, self.agop_power, self.shrinkage)
            gram = first._workspace.gram
        yield self._solve(matrix, max_iter, self.points, start=start, gain=EXACT_GAIN, gram=gram, before=first)

    def _with_squared_error(self):
        """The recursion over the same rows that minimises squared error."""
        targets = self.targets - np.average(self.targets, axis=0, weights=self.weights.total)
        if np.allclose(targets, targets[:, :1]):  # quantiles of one target
            targets = targets[:, :1]
        shared = {entry.name: getattr(self, entry.name) for entry in fields(Recursion)}
        return _FirstRounds(**{**shared, "targets": targets})

    def solve(self, matrix, n_iter, *, gram=None, start=None, alpha=None) -> Round:
        """Fit with a feature matrix, to rounding; ridges are sought near `alpha`."""
        start = time.perf_counter() if start is None else start
        return self._solve(matrix, n_iter, self.points, start=start, gain=EXACT_GAIN, gram=gram, alpha=alpha)

    def _solve(self, matrix, n_iter, points, *, start, gain, gram=None, before=None, alpha=None):
        """One round: ridges and widths by rows left out, then the machine of all rows.

        It starts from what a machine of the round before predicts, if there is one.
        """
        centers = matrix.transform(points)
        gram = reuse(gram, centers)
        kernel = self._fill_gram(gram, centers)
        loss, rows = self.loss.adapted(self.targets, self.weights.total), self.draws.ridge
        if before is not None:
            loss, alpha = before._workspace.choice.loss, before.alpha
        block = gram.block(rows).astype(np.float64, copy=False)
        caution = {"cautious": self.cautious and gain == EXACT_GAIN}
        choice = choose_ridges(block, loss, self.targets[rows], self.weights[rows], alpha, given=self.alpha, **caution)
        decisions = choice.decision if len(rows) == len(points) else None
        if decisions is None and before is not None:
            decisions = before.machine.decision(points).astype(np.float64)
        square, parts = FactorableGram(gram.array, lambda: gram.fill_gram(kernel)), []
        for columns, ridge in zip(columns_of(choice.loss, self.targets), choice.alphas, strict=True):
            begin = None if decisions is None else decisions[:, columns]
            system = self.targets[:, columns], ridges_of(self.weights, ridge)
            parts.append(minimize(square, choice.loss.columns(columns), *system, begin, gain))
        square.restore()
        dual_coef = np.hstack([part.coef for part in parts]).astype(points.dtype)
        machine = Machine(kernel=kernel, feature_matrix=matrix, centers=centers, dual_coef=dual_coef)
        decisions = np.hstack([part.decision for part in parts])
        return Round(
            n_iter=n_iter,
            machine=machine,
            alpha=choice.alpha,
            solver="newton",
            residual=max(part.decrement for part in parts),
            seconds=time.perf_counter() - start,
            train_loss=self.weights.mean(choice.loss.value(decisions, self.targets)),
            leave_one_out_loss=choice.left_out_loss,
            trouble=tuple(dict.fromkeys([part.trouble for part in parts if part.trouble] + self._told_of_ridge())),
            _workspace=Workspace(gram=gram, choice=choice, factor=parts),
        )

    def _told_of_ridge(self):
        """What is said where the ridge that was given is too small."""
        if self.alpha is None or self.weights.ridge(self.alpha).min() >= SMALLEST_LOSS_RIDGE:
            return []
        return [
            f"alpha={self.alpha:.1e} is too small for losses other than squared error, and rows got a ridge of "
            f"{SMALLEST_LOSS_RIDGE:.0e} instead: increase alpha."
        ]

    def finish(self, best: Round, is_latest) -> Round:
        """The round that is kept, solved to rounding."""
        is_exact = best.machine.dual_coef.dtype == self.points.dtype and len(best.machine.centers) == len(self.points)
        if is_latest and not best.is_preliminary and best.residual <= EXACT_GAIN and is_exact:
            return best
        return self.solve(best.machine.feature_matrix, best.n_iter, alpha=None if best.is_preliminary else best.alpha)

    def deviation(self, final: Round):
        """There is none: it is that of a Gaussian process, whose loss is squared error."""
        return NoDeviation()

    def left_out_decisions(self, final: Round):
        """Rows, and what is predicted for them by machines that have not seen them, nearly: a Newton step away."""
        rows, workspace, n = self.draws.calibration, final._workspace, len(self.points)
        square = FactorableGram(workspace.gram.array, lambda: workspace.gram.fill_gram(final.machine.kernel))
        square.gram_is_gone()
        decisions = [left_out_decisions(square, part, self.weights, rows) for part in workspace.factor]
        square.restore()
        return np.arange(n) if rows is None else rows, np.hstack(decisions)
