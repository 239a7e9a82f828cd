"""The recursion of a recursive feature machine: solve, take gradients, form a new feature matrix."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Generator
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from ..kernels import Kernel, Points
from ..kernels._pairs import PairMatrix
from ..kernels._reach import single_precision_tells_apart
from ..runtime._budget import EXACT_RESIDUAL, MAX_REFINEMENTS, N_FEW_AGOP_ROWS, SMALLEST_QUICK_RIDGE
from ..solvers import CholeskyFactor, NystromPreconditioner, Solution, Weights, conjugate_gradient, factor_residuals
from ._agop import agop_rows
from ._bandwidth import adapt_bandwidth
from ._deviation import Deviation
from ._draws import Draws
from ._feature_matrix import FORMS, FeatureMatrix
from ._learned_agop import AGOP
from ._machine import Machine
from ._plan import Plan
from ._ridge_choice import candidates, choose_ridge, next_larger
from ._round import Round, Workspace


@dataclass(frozen=True, kw_only=True)
class Recursion:
    """Training data and settings of the recursion.

    Parameters
    ----------
    points : Points
        Training points in original coordinates.
    targets : ndarray of shape (n, n_outputs)
    weights : Weights
        Positive.
    kernel : Kernel
    plan : Plan
        Who solves, and in which precision.
    draws : Draws
        The rows at which every round looks.
    adaptive : bool
        Whether every round sets the bandwidth to a multiple of the median distance.
    alpha : float or None
        Ridge; None has every round choose it by rows left out.
    cautious : bool, default=False
        Whether the last, exact fit takes the next larger candidate than the ridge that it chose.
    form : str
        A key of `FORMS`.
    agop_power, shrinkage : float
        As in `FeatureMatrix`.
    center : bool, default=False
        Whether the mean gradient of each output is subtracted before outer products are averaged.
    tol : float, default=1e-3
        Tolerance of approximate solutions.
    initial : FeatureMatrix, default=None
        That of round 0; None is the identity.
    """

    points: Points
    targets: np.ndarray
    weights: Weights
    kernel: Kernel
    plan: Plan
    draws: Draws
    adaptive: bool
    alpha: float | None
    form: str
    agop_power: float
    shrinkage: float
    cautious: bool = False
    center: bool = False
    tol: float = 1e-3
    initial: FeatureMatrix | None = None
    is_preliminary: ClassVar[bool] = False  # whether machines are of another kind than the one that is asked for
    n_rounds_to_finish: ClassVar[float] = 0.0  # what `finish` takes, in units of the first round
    is_large: ClassVar[bool] = False  # whether `finish` makes another round, of more rows than the others

    def rounds(self, max_iter) -> Generator[Round]:
        """Rounds 0 (the plain kernel) to `max_iter`; the last one is exact.

        One round costs O(n^2 (d + rank)) by conjugate gradients, or O(n^3 / 3 + n^2 d) by a Cholesky factor, and the
        memory of one square array in all.
        """
        start = time.perf_counter()
        matrix, alpha, room = yield from self.learning_rounds(max_iter, start)
        yield self.solve(matrix, max_iter, gram=room.pop(), start=start, alpha=alpha)

    def learning_rounds(self, max_iter, start):
        """Rounds that only learn features; returns what the round after them needs.

        Returns
        -------
        matrix : FeatureMatrix
            Learned in the last of them.
        alpha : float or None
            Its ridge.
        room : list of PairMatrix or None
            The one place for a Gram matrix, if it has the precision that comes next. Whoever takes it out holds it.
        """
        coef, gram, alpha = None, None, None
        iterative, quick = self.plan.iterative, self.is_quick
        matrix = FORMS[self.form].identity(self.points) if self.initial is None else self.initial
        points = self.points.astype(np.float32) if iterative or quick else self.points
        for n_iter in range(max_iter):
            gram = reuse(gram, points)
            centers = matrix.transform(points)
            fitted = self._fit_quickly(gram, centers, alpha) if quick else None
            if quick and fitted is None:
                points, quick = self.points, False
                gram, centers = PairMatrix.empty(len(points), points.dtype), matrix.transform(points)
            kernel, alpha, choice = self._fill(gram, centers, alpha) if fitted is None else fitted[0]
            if iterative:
                solution, workspace = self._solve_approximately(gram, alpha, coef), Workspace(choice=choice)
                coef = solution.coef
            else:
                solution, workspace = fitted[1] if fitted else self._solve_exactly(gram, kernel, alpha, choice)
            machine = Machine(kernel=kernel, feature_matrix=matrix, centers=centers, dual_coef=solution.coef)
            yield self._round(n_iter, machine, alpha, solution, start, workspace, iterative)
            agop = machine.agop(self.draws.agop, gram=gram, center=self.center)
            matrix = matrix.learn(agop, self.agop_power, self.shrinkage)
        # An exact fit after approximate rounds may need the room for another precision.
        return matrix, alpha, [gram if self.plan.mixed or not (iterative or quick) else None]

    @property
    def is_quick(self):
        """Whether rounds that only learn are solved in float32: neither ridges nor points must drown in it."""
        smallest = candidates(self.weights)[0] if self.alpha is None else self.alpha
        return (
            self.plan.quick
            and self.weights.ridge(smallest).min() >= SMALLEST_QUICK_RIDGE
            and single_precision_tells_apart(self.points)
        )

    def solve(self, matrix, n_iter, *, gram=None, start=None, alpha=None) -> Round:
        """Exact fit with a feature matrix, by a Cholesky factor: n^3 / 3 operations, n^2 numbers of memory.

        Where the plan is mixed, the factor is one of float32, and conjugate gradients with the kernel in float64,
        preconditioned by it, bring ``|y - G c| / |y|`` below 1e-8; one step costs O(n^2 d). Where float32 cannot
        factor the matrix, float64 does.
        """
        start = time.perf_counter() if start is None else start
        centers = matrix.transform(self.points)
        if self.plan.mixed:
            with contextlib.suppress(np.linalg.LinAlgError):
                return self._solve_mixed(matrix, centers, n_iter, gram, start, alpha)
            gram = None  # of float32, which was not enough
            replace(self.plan, mixed=False).check()
        gram = reuse(gram, centers)
        kernel, alpha, choice = self._fill(gram, centers, alpha)
        alpha = next_larger(alpha, self.weights) if self.cautious and choice else alpha
        solution, workspace = self._solve_exactly(gram, kernel, alpha, choice)
        machine = Machine(kernel=kernel, feature_matrix=matrix, centers=centers, dual_coef=solution.coef)
        return self._round(n_iter, machine, alpha, solution, start, workspace)

    def _solve_mixed(self, matrix, centers, n_iter, gram, start, alpha):
        single = centers.astype(np.float32)
        gram = reuse(gram, single)
        kernel, alpha, choice = self._fill(gram, single, alpha)
        alpha = next_larger(alpha, self.weights) if self.cautious and choice else alpha
        ridge = self.weights.ridge(alpha)
        factor = CholeskyFactor(gram.array, ridge)

        def product(V):
            return kernel.symmetric_product(centers, V) + ridge[:, None] * V

        solution = conjugate_gradient(product, self.targets, factor.apply, tol=EXACT_RESIDUAL, max_iter=MAX_REFINEMENTS)
        if not solution.converged:
            raise np.linalg.LinAlgError("float32 is not enough")
        machine = Machine(kernel=kernel, feature_matrix=matrix, centers=centers, dual_coef=solution.coef)
        workspace = Workspace(gram=gram, choice=choice, factor=factor)
        return self._round(n_iter, machine, alpha, solution, start, workspace)

    def finish(self, best: Round, is_latest) -> Round:
        """The round that is kept as an exact one, of which rows can be left out; whether no other was made since."""
        workspace = best._workspace
        choice, alpha = workspace.choice, best.alpha
        if self.cautious and choice is not None and alpha == choice.alpha:
            alpha = next_larger(alpha, self.weights)
        coef = self._solved(choice, alpha)
        if best.solver == "cholesky" and coef is not None and coef.dtype == self.points.dtype:
            # Later rounds have taken the room of its Gram matrix.
            workspace = replace(workspace, gram=workspace.gram if is_latest else None)
            machine, loss = replace(best.machine, dual_coef=coef), self._train_loss(coef, alpha)
            return replace(best, machine=machine, alpha=alpha, train_loss=loss, _workspace=workspace)
        if is_latest and workspace.factor is not None and alpha == best.alpha and self._is_exact(best):
            return best
        return self.solve(best.machine.feature_matrix, best.n_iter, gram=workspace.gram, alpha=best.alpha)

    def _is_exact(self, current: Round):
        """Whether a round has the precision of the points, or one that refinement has brought to it."""
        return self.plan.mixed or current.machine.dual_coef.dtype == self.points.dtype

    def left_out(self, final: Round):
        """Rows that were left out of an exact round, one at a time or in groups, and their residuals.

        Those of the choice of the ridge if it looked at all rows, or else of some rows by the factor, at n^2 operations
        for each.

        Returns
        -------
        rows : ndarray of int of shape (m,)
        residuals : ndarray of shape (m, n_outputs)
        """
        rows, workspace = self.draws.calibration, final._workspace
        everything = np.arange(len(self.points))
        if workspace.choice is not None and self._solved(workspace.choice, final.alpha) is not None:
            rows = everything if rows is None else rows
            return rows, workspace.choice.solved[final.alpha][1][rows]
        residuals = factor_residuals(workspace.factor, final.machine.dual_coef, self.weights, rows)
        return everything if rows is None else rows, residuals

    def left_out_decisions(self, final: Round):
        """Rows that were left out of an exact round, and what is predicted for them; as `left_out`."""
        rows, residuals = self.left_out(final)
        return rows, self.targets[rows] - residuals

    def solve_cautiously(self, current: Round) -> Solution:
        """Solution with the next larger ridge than an exact round chose, while `rounds` stands at it."""
        alpha, workspace = next_larger(current.alpha, self.weights), current._workspace
        coef = self._solved(workspace.choice, alpha)
        if coef is not None:
            return Solution(coef)
        assert workspace.gram is not None, "an exact round has its Gram matrix"
        workspace.gram.fill_gram(current.machine.kernel)
        return self._factor(workspace.gram, current.machine.kernel, alpha).solve(self.targets)

    def deviation(self, final: Round) -> Deviation:
        """Deviations of targets from what a round predicts."""
        return Deviation(machine=final.machine, weights=self.weights, alpha=final.alpha)

    def with_progress(self, on_progress):
        """The same: rounds are told of one by one."""
        return self

    def within_time(self, seconds_left):
        """The same: rounds are counted before, and the last one cannot be cut."""
        return self

    def with_few_agop_rows(self, rng):
        """The same with an AGOP over a few rows, for when it is only looked at and time is short."""
        few = agop_rows(self.weights.total, N_FEW_AGOP_ROWS, rng)
        return replace(self, draws=replace(self.draws, agop=few, inspected=few))

    def agop(self, final: Round) -> AGOP:
        """AGOP of a round, over the training rows, in the form that was learned.

        It decides nothing, so where rounds are approximate, 1,000 rows drawn at random and float32 will do.
        """
        machine, gram, sample = final.machine, final._workspace.gram, self.draws.agop
        if self.plan.iterative:
            machine, gram, sample = machine.astype(np.float32), None, self.draws.inspected
        blocks = machine.agop(sample, gram=gram, center=self.center)
        dtype = machine.dual_coef.dtype.name
        return AGOP(machine=final.machine, sample=sample, center=self.center, dtype=dtype, blocks=blocks)

    def _fill(self, gram, centers, alpha):
        """Sums and Gram matrix of the points; the kernel with its bandwidth, the ridge, and how it was chosen."""
        kernel = self._fill_gram(gram, centers)
        if self.alpha is not None:
            return kernel, self.alpha, None
        rows = self.draws.ridge
        choice = choose_ridge(gram.block(rows), self.targets[rows], self.weights[rows], alpha)
        return kernel, choice.alpha, choice

    def _fill_gram(self, gram, centers):
        """Sums and Gram matrix of the points; the kernel with its bandwidth."""
        kernel, (rows, weights) = self.kernel, self.draws.bandwidth
        if self.adaptive and kernel.sums_depend_on_bandwidth:
            kernel = adapt_bandwidth(kernel, gram, rows, weights, centers)
        gram.fill_sums(kernel, centers)
        if self.adaptive and not kernel.sums_depend_on_bandwidth:
            kernel = adapt_bandwidth(kernel, gram, rows, weights, centers)
        gram.fill_gram(kernel)
        return kernel

    def _solved(self, choice, alpha):
        """Dual coefficients that the choice of the ridge has solved for, if it was made among all rows."""
        if choice is None or len(self.draws.ridge) < len(self.points) or alpha not in choice.solved:
            return None
        return choice.solved[alpha][0]

    def _factor(self, gram, kernel, alpha):
        return CholeskyFactor(gram.array, self.weights.ridge(alpha), lambda: gram.fill_gram(kernel))

    def _solve_exactly(self, gram, kernel, alpha, choice):
        coef, factor = self._solved(choice, alpha), None
        if coef is None:
            factor = self._factor(gram, kernel, alpha)
        solution = Solution(coef) if factor is None else factor.solve(self.targets)
        return solution, Workspace(gram=gram, choice=choice, factor=factor)

    def _fit_quickly(self, gram, centers, alpha):
        """What fills and solves a round in float32; None where that has trouble, which float64 may not have."""
        try:
            filled = self._fill(gram, centers, alpha)
            solved = self._solve_exactly(gram, *filled)
        except ValueError:  # numbers out of reach of float32, or a matrix that is not positive definite in it
            return None
        return None if solved[0].trouble else (filled, solved)

    def _solve_approximately(self, gram, alpha, start):
        dtype, ridge = gram.array.dtype, self.weights.ridge(alpha)
        landmarks, diagonal = self.draws.landmarks, ridge.astype(dtype)[:, None]
        precondition = NystromPreconditioner(gram.columns(landmarks), landmarks, ridge)

        def product(V):
            return diagonal * V + gram.matvec(V)

        solution = conjugate_gradient(product, self.targets.astype(dtype), precondition, start, self.tol)
        if solution.converged:
            return solution
        way_out = f'increase alpha (here {alpha:.1e}) or take solver="cholesky".'
        return Solution(solution.coef, solution.residual, solution.n_iter, f"{solution.trouble}: {way_out}")

    def _train_loss(self, coef, alpha):
        """Where ``(K + R) c = y``, the errors on the training rows are ``R c``."""
        return self.weights.mean_square(self.weights.ridge(alpha)[:, None] * coef)

    def _round(self, n_iter, machine, alpha, solution, start, workspace, approximate=False):
        """The record of a round."""
        return Round(
            n_iter=n_iter,
            machine=machine,
            alpha=alpha,
            solver="cg" if approximate else "cholesky",
            residual=solution.residual,
            seconds=time.perf_counter() - start,
            train_loss=self._train_loss(solution.coef, alpha),
            leave_one_out_loss=None if workspace.choice is None else workspace.choice.loss,
            trouble=() if solution.trouble is None else (solution.trouble,),
            is_preliminary=self.is_preliminary,
            _workspace=workspace,
        )


def reuse(gram, points):
    """The pair matrix at hand if it has the size and the precision of the points, or else a new one."""
    if gram is not None and gram.array.dtype == points.dtype and len(gram) == len(points):
        return gram
    return PairMatrix.empty(len(points), points.dtype)
