"""How what matters differs across the input: the AGOP leaf by leaf."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np

from ..recursion._feature_matrix import blocks_diagonal
from ..runtime._budget import GRADIENT_ENTRIES
from ..runtime._large_budget import LEAF_AGOP_ROWS
from ._parts import LargeMachine, LocalPart


@dataclass(frozen=True, kw_only=True)
class LeafAGOPs:
    """Diagonals of the AGOP of a whole machine, each averaged over rows of one leaf of its first tree.

    Parameters
    ----------
    machine : LargeMachine
    """

    machine: LargeMachine

    @property
    def part(self):
        """The first tree with its leaves; None if the machine has no trees."""
        return next((part for part in self.machine.parts if isinstance(part, LocalPart)), None)

    @cached_property
    def array(self):
        """Shape (n_leaves, n_coordinates), over at most 50 evenly spread rows of each leaf.

        Computed when it is first asked for; pickles leave it out. A leaf of which a smaller machine has kept no rows
        has zeros.
        """
        part, machine = self.part, self.machine
        assert part is not None, "a machine without trees has no leaves"
        chosen = [_spread_evenly(rows) for rows in np.split(part.rows, part.starts[1:-1])]
        per_leaf = machine.n_outputs * LEAF_AGOP_ROWS * max(1, machine.centers.n_coordinates)
        step, diagonals = max(1, GRADIENT_ENTRIES // per_leaf), []
        for start in range(0, len(chosen), step):
            leaves = chosen[start : start + step]
            gradient = machine.gradient_at_centers(np.concatenate(leaves))
            edges = np.cumsum([0, *map(len, leaves)])
            for first, last in pairwise(edges):
                weights = np.full(last - first, 1 / max(1, last - first))
                blocks = machine.feature_matrix.outer_products(gradient[:, first:last], weights)
                diagonals.append(blocks_diagonal(blocks))
        return np.array(diagonals)

    def __getstate__(self):
        return {name: value for name, value in self.__dict__.items() if name != "array"}


def _spread_evenly(rows):
    """At most so many of the rows."""
    n = min(len(rows), LEAF_AGOP_ROWS)
    return rows[np.linspace(0, len(rows) - 1, n).round().astype(np.intp)] if n else rows


def leaf_agops(machine):
    """The AGOP of each leaf of a machine; None if it has none."""
    if not isinstance(machine, LargeMachine):
        return None
    found = LeafAGOPs(machine=machine)
    return None if found.part is None else found
