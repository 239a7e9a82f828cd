"""All random rows of a large fit, drawn once and in a fixed order."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ..recursion._agop import agop_rows
from ..recursion._bandwidth import bandwidth_rows
from ..recursion._draws import draw_rows
from ..recursion._plan import n_packed_landmarks
from ..runtime._budget import N_BANDWIDTH_ROWS, N_INSPECTED_ROWS
from ..runtime._large_budget import LargeBudget
from ..solvers import Weights


@dataclass(frozen=True, kw_only=True)
class LargeDraws:
    """Rows at which a large fit looks; groups are drawn whole where rows are left out.

    Attributes
    ----------
    pilot : ndarray of int
        On these features are learned.
    landmarks, learning_landmarks : ndarray of int
        Centres of the global machine, and of that from which features are learned.
    held_out : ndarray of int
        Held out to choose its ridge, to weigh the parts, and to calibrate; then given back.
    preconditioning : ndarray of int
        Their columns precondition an exact machine.
    sample : ndarray of int
        On these trees are grown.
    bandwidth : tuple (rows, weights)
        Their pairs decide the bandwidth.
    agop : tuple (rows, weights)
        Over these the AGOP of the global machine is averaged, from which features are learned.
    inspected : tuple (rows, weights)
        Over these the AGOP of all parts is averaged, which is only looked at.
    tree_seeds : list of int
    """

    pilot: np.ndarray
    landmarks: np.ndarray
    learning_landmarks: np.ndarray
    held_out: np.ndarray
    preconditioning: np.ndarray
    sample: np.ndarray
    bandwidth: tuple[np.ndarray, np.ndarray]
    agop: tuple[np.ndarray | None, np.ndarray]
    inspected: tuple[np.ndarray | None, np.ndarray]
    tree_seeds: list[int]

    def within(self, budget: LargeBudget, n):
        """The same draws as far as a smaller budget has them."""
        n_landmarks = min(budget.landmarks_of(n), len(self.landmarks))
        return replace(
            self,
            landmarks=_evenly(self.landmarks, n_landmarks),
            learning_landmarks=_evenly(self.learning_landmarks, min(budget.n_learning_landmarks, n_landmarks)),
            tree_seeds=self.tree_seeds[: budget.trees_of(n)],
        )

    @classmethod
    def of(cls, weights: Weights, rng, budget: LargeBudget, n_agop_rows=None):
        """Draw rows for all purposes; `n_agop_rows`, which users set, comes last and moves nothing else."""
        n = len(weights)
        # Features are learned, and splits found, without the labels of the rows that are held out.
        held_out = draw_rows(weights, min(budget.n_held_out_rows, -(-n // 8)), rng)
        others = np.setdiff1d(np.arange(n), held_out)

        def some(size):
            return others if size >= len(others) else np.sort(rng.choice(others, size, replace=False))

        return cls(
            pilot=some(budget.n_pilot_rows),
            landmarks=some(budget.landmarks_of(n)),
            learning_landmarks=some(min(budget.n_learning_landmarks, budget.landmarks_of(n))),
            held_out=held_out,
            preconditioning=some(min(n_packed_landmarks(n), -(-n // 10))),
            bandwidth=bandwidth_rows(weights.total, rng, N_BANDWIDTH_ROWS),
            inspected=agop_rows(weights.total, N_INSPECTED_ROWS, rng),
            tree_seeds=[int(seed) for seed in rng.randint(2**31 - 1, size=budget.trees_of(n))],
            sample=sample_rows(n, rng, budget),
            agop=agop_rows(weights.total, min(n_agop_rows or n, budget.n_agop_rows), rng),
        )


def sample_rows(n_samples, rng, budget: LargeBudget):
    """Rows from which columns are learned, and trees: all, or of very many a random sample."""
    size = budget.sample_of(n_samples)
    if size >= n_samples:
        return np.arange(n_samples)
    return np.sort(rng.choice(n_samples, size, replace=False))


def _evenly(rows, size):
    """So many of them, evenly spread."""
    return rows if len(rows) <= size else rows[np.linspace(0, len(rows) - 1, size).astype(np.intp)]
