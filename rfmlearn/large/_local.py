"""The fit of the local machines of one tree."""

from __future__ import annotations

import numpy as np

from ..runtime._spread import spread
from ._leaf import LeafTask
from ._parts import LocalPart
from ._tree import TreeGrower


def fit_local(fit, number, points, centers, kernel, start):
    """Grow a tree, and fit the machines of its leaves.

    Parameters
    ----------
    fit : LargeRecursion
    number : int
        Of the tree.
    points, centers : Points
        All rows in original coordinates, and in those of the feature matrix.
    kernel : Kernel
    start : float
        Where the choice of the ridge begins.

    Returns
    -------
    part : LocalPart
        With a share of one.
    predicted : ndarray of shape (s, n_outputs)
        For the rows ``draws.left_out``, by machines that have not seen them.
    trouble : list of str
    """
    weights, targets, draws = fit.weights, fit.targets, fit.draws
    rng = np.random.RandomState(draws.tree_seeds[number])
    decides = np.ones(len(weights), dtype=bool)
    decides[draws.left_out] = False
    import os
    criterion = os.environ.get("CRIT", "gain,gain,spread,spread").split(",")[number % 4]
    share = float(os.environ.get("SHARE", "1,.5,1,.5").split(",")[number % 4])
    tree, leaves = TreeGrower(points, targets, weights.total, fit.budget.leaf_rows, rng, decides=decides, centers=centers, criterion=criterion, share=share).grow()
    seeds = rng.randint(2**31 - 1, size=len(leaves))
    place_of = np.full(len(weights), -1)
    place_of[draws.left_out] = np.arange(len(draws.left_out))

    def make_task(leaf):
        rows = leaves[leaf]
        return LeafTask(
            points=centers[rows],
            targets=targets[rows],
            weights=weights[rows],
            kernel=kernel,
            adaptive=fit.pilot.adaptive,
            alpha=fit.pilot.alpha,
            start=start,
            left_out=np.flatnonzero(place_of[rows] >= 0),
            seed=int(seeds[leaf]),
        )

    predicted = np.empty((len(draws.left_out), targets.shape[1]))
    found, trouble = [], []
    for rows, leaf in zip(leaves, spread(make_task, len(leaves)), strict=True):
        found.append(leaf)
        asked = place_of[rows]
        predicted[asked[asked >= 0]] = leaf.predicted
        trouble += [] if leaf.trouble is None else [leaf.trouble]
        fit.on_progress(len(found), len(leaves), f"leaves of tree {number + 1} of {fit.budget.n_trees}")
    part = LocalPart(
        tree=tree,
        rows=np.concatenate(leaves).astype(np.int32),
        starts=np.cumsum([0, *map(len, leaves)]),
        coef=np.concatenate([leaf.coef for leaf in found]),
        bandwidths=np.array([leaf.bandwidth for leaf in found]),
        alphas=np.array([leaf.alpha for leaf in found]),
        share=1.0,
    )
    return part, predicted, trouble[:1]
