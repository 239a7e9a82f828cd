"""The plan of a large fit: when it is one, and how much memory it takes."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import ClassVar

from ..kernels import Points
from ..recursion._plan import n_packed_landmarks, packed_fit_bytes
from ..runtime._budget import FIXED_BYTES, N_INSPECTED_ROWS, N_RIDGE_ROWS
from ..runtime._large_budget import (
    CAREFUL_SHARE,
    FEWEST_LANDMARKS,
    GUESSED_OPERATIONS,
    LANDMARK_ROWS,
    OPERATIONS_OF_RIDGE,
    PACKED_STEPS,
    PAIRS_OF_GRADIENT,
    SHARE_OF_ALL_ROWS,
    SMALLEST_LEAF,
    TRIED_RIDGES,
    LargeBudget,
)
from ..runtime._memory import refuse_beyond
from ..runtime._threads import n_threads_in_force
from ._landmark_fit import kept_bytes
from ._rates import Rates


def is_large(n_samples, solver, budget: LargeBudget):
    """Whether so many rows are divided among a global machine and local ones; that follows from their number alone.

    Of a row alone none could be held out.
    """
    return n_samples > 1 and (solver == "two_level" or (solver == "auto" and n_samples > budget.exact_up_to))


_SMALLEST = {"n_landmarks": FEWEST_LANDMARKS, "leaf_rows": SMALLEST_LEAF, "n_pilot_rows": SMALLEST_LEAF}


@dataclass(frozen=True, kw_only=True)
class LargePlan:
    """How much a fit by a global machine and local ones takes.

    Attributes
    ----------
    n_samples, n_coordinates, n_outputs : int
    point_bytes : int
        Of all points in original coordinates.
    budget : LargeBudget
    kept_bytes : int, default=0
        Of kernel values that are kept, for other losses than squared error.
    """

    n_samples: int
    n_coordinates: int
    n_outputs: int
    point_bytes: int
    budget: LargeBudget
    kept_bytes: int = 0
    iterative: ClassVar[bool] = True  # the rounds are those of the pilot, whose last is exact
    n_learning_rows: ClassVar[int] = 0
    _WAY_OUT: ClassVar[str] = (
        "Or give X as float32, which takes half of the memory for rows, or fit a random subsample."
    )

    @classmethod
    def of(cls, points: Points, n_outputs, budget: LargeBudget, n_samples=None):
        """The plan of a fit to points, or to so many that are like them."""
        n = len(points) if n_samples is None else n_samples
        per_row = points.numeric.shape[1] * points.numeric.itemsize + points.codes.shape[1] * points.codes.itemsize
        return cls(
            n_samples=n,
            n_coordinates=points.n_coordinates,
            n_outputs=n_outputs,
            point_bytes=n * per_row,
            budget=budget,
        )

    def seconds(self, rates: Rates):
        """Predicted seconds of the fit to all rows."""
        budget, pair, once = self.budget, rates.per_pair, rates.per_operation
        n, trees = self.n_samples, budget.trees_of(self.n_samples)
        m = n if self.is_exact else min(budget.landmarks_of(n), n)
        learning = min(budget.n_learning_landmarks, m)
        gradients = PAIRS_OF_GRADIENT * pair * N_INSPECTED_ROWS * (m + trees * budget.leaf_rows)
        learned = self._exact_seconds(rates) / 2 if self.is_exact else self._global_seconds(learning, rates)
        learned += PAIRS_OF_GRADIENT * pair * budget.n_agop_rows * (m if self.is_exact else learning)
        leaf = min(budget.leaf_rows, n)
        held, compared = leaf * self._n_held_out / n, min(leaf, N_RIDGE_ROWS)
        operations = leaf**3 / 3 + TRIED_RIDGES * OPERATIONS_OF_RIDGE * compared**3
        operations += held * leaf**2 + held**2 * leaf + held**3 / 3 + 4 * self.n_outputs * leaf**2
        leaves = trees * n / leaf * (leaf**2 / 2 * pair + operations * once)
        whole = self._exact_seconds(rates) if self.is_exact else self._global_seconds(m, rates)
        return budget.n_global_rounds * learned + whole + leaves + gradients

    def _global_seconds(self, m, rates):
        """Of a machine of m landmarks: sums, coefficients for several ridges, and predictions for all rows."""
        n, pair, once = self.n_samples, rates.per_pair, rates.per_operation
        predicted = n + TRIED_RIDGES * self._n_held_out
        solved = TRIED_RIDGES * m**3 / 3 * once
        return n * m * (pair + m * once) + solved + predicted * m * (pair + 4 * self.n_outputs * once)

    def _exact_seconds(self, rates):
        """Of a packed Gram matrix, its preconditioner, and the steps of two solutions, which read it again."""
        n, k = self.n_samples, n_packed_landmarks(self.n_samples)
        steps = 2 * PACKED_STEPS * self.n_outputs * n**2
        return n**2 / 2 * rates.per_pair + (2 * n * k**2 + steps) * rates.per_operation

    @property
    def _n_held_out(self):
        return min(self.budget.n_held_out_rows, self.n_samples / 8)

    def seconds_after_rounds(self, pace, time_limit):
        """What is kept free for all rows before any round has told how long they take: half of the time at most."""
        pair = GUESSED_OPERATIONS * max(self.n_coordinates, 1) * pace.per_operation
        rates = Rates(per_pair=pair, per_operation=pace.per_operation)
        return min(self.seconds(rates), SHARE_OF_ALL_ROWS * time_limit)

    def pilot_seconds(self, n, pace):
        """Predicted seconds of the first round of feature learning on n rows, and of an exact fit."""
        pairs = (1 + PAIRS_OF_GRADIENT) * GUESSED_OPERATIONS * max(self.n_coordinates, 1) * n**2
        return pace.per_operation * pairs + pace.factor(n)

    def within_time(self, seconds, rates: Rates):
        """The largest plan that takes so many seconds by prediction, or the smallest that there is.

        What is left out first: an exact machine and a further round of features, then landmarks, then trees, then large
        leaves.
        """
        for budget in self._smaller_budgets():
            plan = replace(self, budget=budget)
            if plan.seconds(rates) <= CAREFUL_SHARE * seconds:
                break
        return plan

    def _smaller_budgets(self):
        budget = self.budget
        yield budget
        budget = replace(
            budget,
            packed_up_to=0,
            n_landmarks=budget.landmarks_of(self.n_samples),
            n_trees=budget.trees_of(self.n_samples),
        )
        yield budget
        budget = replace(budget, n_global_rounds=0)
        yield budget
        fewer = max(budget.n_learning_landmarks, FEWEST_LANDMARKS)
        while budget.n_landmarks > fewer:
            budget = replace(budget, n_landmarks=max(int(0.7 * budget.n_landmarks), fewer))
            yield budget
        while budget.n_trees > 1:
            budget = replace(budget, n_trees=budget.n_trees - 1)
            yield budget
        while budget.leaf_rows > SMALLEST_LEAF or budget.n_landmarks > FEWEST_LANDMARKS:
            leaf_rows = min(budget.leaf_rows, max(int(0.7 * budget.leaf_rows), SMALLEST_LEAF))
            n_landmarks = min(budget.n_landmarks, max(int(0.7 * budget.n_landmarks), FEWEST_LANDMARKS))
            budget = replace(budget, leaf_rows=leaf_rows, n_landmarks=n_landmarks)
            yield budget

    def for_loss(self):
        """The same for a loss other than squared error."""
        n = self.n_samples
        return replace(self, kept_bytes=kept_bytes(n, min(self.budget.landmarks_of(n), n)))

    def describe(self):
        """In words."""
        budget, n = self.budget, self.n_samples
        whole = "an exact machine" if self.is_exact else f"{min(budget.landmarks_of(n), n)} landmarks"
        return f"{whole} and {budget.trees_of(n)} trees with leaves of {budget.leaf_rows} rows"

    @property
    def is_exact(self):
        """Whether the global machine is an exact one of all rows; else it is an expansion in landmarks."""
        return self.n_samples <= self.budget.packed_up_to

    def within_memory(self, n_bytes):
        """The largest plan that takes at most so many bytes; None is no limit.

        Raises
        ------
        MemoryError
            If there is none; with the least that is needed.
        """
        if n_bytes is None:
            return self
        for plan in self._smaller_in_memory():
            if plan.n_bytes <= n_bytes:
                return plan
        raise MemoryError(
            f"max_memory={n_bytes / 1e6:.0f}MB is too small to fit {self.n_samples} rows: it takes "
            f"{math.ceil(plan.n_bytes / 1e6)}MB at least. {self._WAY_OUT}"
        )

    def _smaller_in_memory(self):
        """Plans with smaller square arrays, of which the largest shrinks first; then with fewer trees."""
        plan = self
        yield plan
        budget = replace(
            plan.budget, packed_up_to=0, n_landmarks=min(plan.budget.landmarks_of(self.n_samples), self.n_samples)
        )
        plan = replace(self, budget=budget)
        yield plan
        while True:
            sizes = plan._square_bytes()
            shrinking = [name for name in sizes if getattr(plan.budget, name) > _SMALLEST[name]]
            if not shrinking:
                break
            name = max(shrinking, key=sizes.__getitem__)
            size = max(int(0.8 * getattr(plan.budget, name)), _SMALLEST[name])
            plan = replace(plan, budget=replace(plan.budget, **{name: size}))
            yield plan
        yield replace(plan, budget=replace(plan.budget, n_trees=min(plan.budget.n_trees, 1)))

    @property
    def machine_bytes(self):
        """Bytes of what is kept: all rows in float32, and a coefficient and a place in every tree for each."""
        n, trees = self.n_samples, self.budget.trees_of(self.n_samples)
        return self.point_bytes // 2 + n * trees * 4 * (1 + self.n_outputs)

    @property
    def square_bytes(self):
        """Bytes of the square arrays that there are at a time."""
        return max(packed_fit_bytes(self.n_samples) if self.is_exact else 0, *self._square_bytes().values())

    def _square_bytes(self):
        """Those of normal equations, of Gram matrices of leaves, and of that of the pilot, by what decides them."""
        n, threads, budget = self.n_samples, n_threads_in_force(), self.budget
        m = 0 if self.is_exact else min(budget.landmarks_of(n), n)
        at_once = min(threads, math.ceil(n / budget.chunk_of(n)))
        sums = 8 * m * max((at_once + 3) * m + at_once * LANDMARK_ROWS, 5 * m)
        leaves = threads * 4 * min(budget.leaf_rows, n) ** 2
        return {"n_landmarks": sums, "leaf_rows": leaves, "n_pilot_rows": 8 * min(budget.n_pilot_rows, n) ** 2}

    @property
    def n_bytes(self):
        """Bytes of a fit at its peak, beside the table."""
        # Codes of targets, weights, and places of rows; points in original coordinates and a copy in float32.
        per_row = 8 * self.n_outputs + 6 * 8
        points = self.point_bytes + self.point_bytes // 2
        return (
            points + self.kept_bytes + self.machine_bytes + self.n_samples * per_row + self.square_bytes + FIXED_BYTES
        )

    def check(self):
        """Refuse what does not fit in the memory available.

        Raises
        ------
        MemoryError
        """
        refuse_beyond(self.n_bytes, self._complaint)

    def _complaint(self, available):
        return (
            f"fitting {self.n_samples} rows takes about {self.n_bytes / 2**30:.3g} GiB, but only "
            f"{available / 2**30:.3g} GiB are available. Give max_memory, which has smaller machines fitted. "
            f"{self._WAY_OUT}"
        )
