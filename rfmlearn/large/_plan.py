"""The plan of a large fit: when it is one, and how much memory it takes."""

from __future__ import annotations

from dataclasses import dataclass

from ..recursion._plan import packed_fit_bytes
from ..runtime._budget import FIXED_BYTES, LANDMARK_ROWS, LargeBudget
from ..runtime._memory import refuse_beyond
from ..runtime._threads import n_threads_in_force


def is_large(n_samples, solver, budget: LargeBudget):
    """Whether so many rows are divided among a global machine and local ones; that follows from their number alone."""
    return solver == "two_level" or (solver == "auto" and n_samples > budget.exact_up_to)


@dataclass(frozen=True, kw_only=True)
class LargePlan:
    """How much a fit by a global machine and local ones takes.

    Attributes
    ----------
    n_samples, n_coordinates, n_outputs : int
    point_bytes : int
        Of all points in original coordinates.
    budget : LargeBudget
    """

    n_samples: int
    n_coordinates: int
    n_outputs: int
    point_bytes: int
    budget: LargeBudget

    @property
    def is_exact(self):
        """Whether the global machine is an exact one of all rows; else it is an expansion in landmarks."""
        return self.n_samples <= self.budget.packed_up_to

    @property
    def machine_bytes(self):
        """Bytes of what is kept: all rows in float32, and a coefficient and a place in every tree for each."""
        n, trees = self.n_samples, self.budget.trees_of(self.n_samples)
        return self.point_bytes // 2 + n * trees * 4 * (1 + self.n_outputs)

    @property
    def square_bytes(self):
        """Bytes of the square arrays that there are at a time: normal equations, or Gram matrices of leaves."""
        n, threads = self.n_samples, n_threads_in_force()
        m = min(self.budget.n_learning_landmarks if self.is_exact else self.budget.landmarks_of(n), n)
        whole = packed_fit_bytes(n) if self.is_exact else 5 * 8 * m * m
        sums = 8 * m * ((threads + 3) * m + threads * LANDMARK_ROWS)
        leaves = threads * 4 * self.budget.leaf_rows**2
        return max(sums, whole, leaves, 8 * self.budget.n_pilot_rows**2)

    @property
    def n_bytes(self):
        """Bytes of a fit at its peak, beside the table."""
        # Codes of targets, weights, and places of rows; points in original coordinates and a copy in float32.
        per_row = 8 * self.n_outputs + 6 * 8
        points = self.point_bytes + self.point_bytes // 2
        return points + self.machine_bytes + self.n_samples * per_row + self.square_bytes + FIXED_BYTES

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
            f"{available / 2**30:.3g} GiB are available. Give X as float32, which takes half of the memory for "
            "rows, or fit a random subsample."
        )
