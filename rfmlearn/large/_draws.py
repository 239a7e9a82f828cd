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
    held_out : ndarray of int
        Held out to choose its ridge, to weigh the parts, and to calibrate; then given back.
    inspected : tuple (rows, weights)
        Over these the AGOP is averaged.
    tree_seeds, leaf_seed : list of int, int
    """

    pilot: np.ndarray
    landmarks: np.ndarray
    held_out: np.ndarray
    inspected: tuple[np.ndarray | None, np.ndarray]
    tree_seeds: list[int]
    leaf_seed: int

    @classmethod
    def of(cls, weights: Weights, rng, budget: LargeBudget, inspected):
        n = len(weights)
        # Features are learned, and splits found, without the labels of the rows that are held out.
        held_out = some_rows(weights, min(budget.n_held_out_rows, -(-n // 8)), rng)
        others = np.setdiff1d(np.arange(n), held_out)

        def some(size):
            return others if size >= len(others) else np.sort(rng.choice(others, size, replace=False))

        return cls(
            pilot=some(budget.n_pilot_rows),
            landmarks=some(budget.n_landmarks),
            held_out=held_out,
            inspected=inspected(rng),
            tree_seeds=[int(seed) for seed in rng.randint(2**31 - 1, size=budget.n_trees)],
            leaf_seed=int(rng.randint(2**31 - 1)),
        )
