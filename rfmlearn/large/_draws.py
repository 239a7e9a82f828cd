"""All random rows of a large fit, drawn once and in a fixed order."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..recursion._draws import some_rows
from ..runtime._budget import LargeBudget
from ..solvers import Weights


@dataclass(frozen=True, kw_only=True)
class LargeDraws:
    """Rows at which a large fit looks; groups are drawn whole where rows are left out.

    Attributes
    ----------
    pilot : ndarray of int
        On these features are learned.
    landmarks : ndarray of int
        Centres of the global machine.
    ridge : ndarray of int
        Left out to choose its ridge.
    left_out : ndarray of int
        Left out to weigh the parts, and to calibrate.
    inspected : tuple (rows, weights)
        Over these the AGOP is averaged.
    tree_seeds, leaf_seed : list of int, int
    """

    pilot: np.ndarray
    landmarks: np.ndarray
    ridge: np.ndarray
    left_out: np.ndarray
    inspected: tuple[np.ndarray | None, np.ndarray]
    tree_seeds: list[int]
    leaf_seed: int

    @classmethod
    def of(cls, weights: Weights, rng, budget: LargeBudget, inspected):
        n = len(weights)
        # Features are learned, and splits found, without the labels of the rows that are left out.
        left_out = some_rows(weights, min(budget.n_left_out_rows, -(-n // 4)), rng)
        others = np.setdiff1d(np.arange(n), left_out)

        def some(size):
            return others if size >= len(others) else np.sort(rng.choice(others, size, replace=False))

        return cls(
            pilot=some(budget.n_pilot_rows),
            landmarks=some(budget.n_landmarks),
            ridge=some_rows(weights, budget.n_ridge_rows, rng),
            left_out=left_out,
            inspected=inspected(rng),
            tree_seeds=[int(seed) for seed in rng.randint(2**31 - 1, size=budget.n_trees)],
            leaf_seed=int(rng.randint(2**31 - 1)),
        )
